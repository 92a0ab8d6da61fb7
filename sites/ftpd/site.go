package ftpd

import (
	"context"
	"io/fs"
	"strconv"
	"strings"
)

const siteHelp = "SITE CHMOD <mode> <path>: set the permissions of a file, in octal | " +
	"SITE CPFR <path>: the file to copy | SITE CPTO <path>: where its copy goes | SITE HELP: this text"

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
	case "HELP":
		s.reply(helpText, siteHelp)
	default:
		s.reply(notImplemented, "SITE "+service)
	}
}

// siteCHMOD performs SITE CHMOD, which no document specifies: a mode in octal, a
// blank, a pathname. The bits for setuid, setgid and sticky are refused: what a
// user of this site stores must not run as the one that the server runs as.
func (s *session) siteCHMOD(arg string) {
	octal, arg, _ := strings.Cut(arg, " ")
	mode, err := strconv.ParseUint(octal, 8, 32)
	if err != nil || mode > 0o777 || arg == "" {
		s.reply(badSyntax, "CHMOD takes a mode from 0 to 777, in octal, and a pathname")
		return
	}
	name, ok := s.pathname(arg)
	if !ok {
		return
	}
	if err := s.root.Chmod(relative(name), fs.FileMode(mode)); err != nil {
		s.refuse(name, err)
		return
	}
	s.reply(done, "CHMOD "+octal+" "+name)
}
