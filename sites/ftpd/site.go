package ftpd

import (
	"context"
	"strings"
)

const siteHelp = "SITE CHMOD <mode> <path>: set the permissions of a file, in octal | " +
	"SITE CPFR <path>: the file to copy | SITE CPTO <path>: where its copy goes | " +
	"SITE UTIME <YYYYMMDDhhmm[ss]> <path>: set when a file was modified | SITE UTIME <path> <accessed> <modified> <created> UTC: set its times | SITE HELP: this text"

// siteVerb performs SITE (RFC 959 section 4.1.3): services that are this server's
// own.
func (s *session) siteVerb(ctx context.Context, arg string) {
	service, arg, _ := strings.Cut(arg, " ")
	switch service = strings.ToUpper(service); service {
	case "CHMOD":
		if s.allowed(Write, "SITE CHMOD") {
			s.siteCHMOD(arg)
		}
	case "CPFR":
		if s.allowed(Read, "SITE CPFR") {
			s.siteCPFR(arg)
		}
	case "CPTO":
		if s.allowed(Write|Append, "SITE CPTO") {
			s.siteCPTO(ctx, arg)
		}
	case "UTIME":
		if s.allowed(Write, "SITE UTIME") {
			s.siteUTIME(arg)
		}
	case "HELP":
		s.reply(helpText, siteHelp)
	default:
		s.reply(notImplemented, "SITE "+service)
	}
}

// siteCHMOD performs SITE CHMOD, which no document specifies: a mode in octal, a
// blank, a pathname.
func (s *session) siteCHMOD(arg string) {
	octal, arg, _ := strings.Cut(arg, " ")
	set, err := parseMode(octal)
	if err != nil || arg == "" {
		s.reply(badSyntax, "CHMOD takes a mode from 0 to 777, in octal, and a pathname")
		return
	}
	name, ok := s.pathname(arg)
	if !ok {
		return
	}
	if err := set(s.root, name); err != nil {
		s.refuse(name, err)
		return
	}
	s.reply(done, "CHMOD "+octal+" "+name)
}
