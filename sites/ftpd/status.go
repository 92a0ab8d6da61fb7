package ftpd

import (
	"context"
	"fmt"
	"strings"
)

func (s *session) noopVerb(context.Context, string) { s.reply(done, "Nothing done") }
func (s *session) systVerb(context.Context, string) { s.reply(systemType) }

// featVerb performs FEAT (RFC 2389 section 3).
func (s *session) featVerb(context.Context, string) {
	lines := []string{"Features:"}
	for _, name := range s.svc.order {
		if f := s.svc.verbs[name].feature; f != "" {
			for line := range strings.SplitSeq(f, " | ") {
				lines = append(lines, " "+line)
			}
		}
	}
	lines = append(lines, " HASH "+s.hash.feature(), " MLST "+s.facts.feature(), " TVFS", " UTF8", "End")
	s.replyLines(features, lines)
}

// smntVerb performs SMNT (RFC 959 section 4.1.1). A 202 would tell that the file system
// asked for is the one in use.
func (s *session) smntVerb(context.Context, string) { s.reply(oneFileSystem) }

// helpVerb performs HELP. Before RFC 640 a reply had one line only, so the verbs
// stand in one. They are those that do something here.
func (s *session) helpVerb(_ context.Context, arg string) {
	if arg == "" {
		var names []string
		for _, name := range s.svc.order {
			if v := s.svc.verbs[name]; v.perform != nil && v.gate&refuses == 0 {
				names = append(names, name)
			}
		}
		s.reply(helpText, strings.Join(names, " "))
		return
	}
	v, ok := s.svc.verbs[strings.ToUpper(strings.TrimSpace(arg))]
	if !ok {
		s.reply(unknownVerb, arg)
		return
	}
	s.reply(helpText, v.help)
}

// statVerb performs STAT (RFC 959 section 4.1.3): with a path a listing over the
// control connection, else the state of the session and of a running transfer.
func (s *session) statVerb(_ context.Context, arg string) {
	if arg == "" {
		s.replyLines(systemStatus, s.status())
		return
	}
	if s.user == nil {
		s.reply(notLoggedIn)
		return
	}
	if !s.allowed(List, "STAT of a path") {
		return
	}
	name, ok := s.pathname(withoutOptions(arg))
	if !ok {
		return
	}
	listing, err := listLong(s.root, name)
	if err != nil {
		s.refuse(name, err)
		return
	}
	lines := []string{"Status of " + name}
	for line := range strings.Lines(string(listing)) {
		lines = append(lines, strings.TrimSuffix(line, "\r\n"))
	}
	s.replyLines(fileStatus, append(lines, "End"))
}

func (s *session) status() []string {
	lines := []string{"Status:", " Connected from " + s.peer.Addr().String()}
	if s.user == nil {
		lines = append(lines, " Not logged in")
	} else {
		lines = append(lines, " Logged in as "+s.user.Name, " Working directory "+s.cwd)
	}
	representation := "A"
	if s.image {
		representation = "I"
	}
	mode := "S"
	if s.block {
		mode = "B"
	}
	lines = append(lines, " TYPE "+representation+", MODE "+mode+", STRU F")
	if t := s.transfer; t != nil {
		lines = append(lines, fmt.Sprintf(" %s %s: %d bytes so far", t.verb, t.path, t.bytes.Load()))
	}
	return append(lines, "End")
}
