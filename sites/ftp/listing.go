package ftp

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftp/listing"
)

// A listCommand is one of the commands that list a directory.
type listCommand struct {
	line string // the command and its options

	// pattern says that servers take the argument for a pattern, or what it
	// begins with for options. So the directory is entered, which also shows
	// that it is there: some servers list a missing one as empty.
	pattern bool

	// proof says that the options may mean something else to the server, or
	// nothing. The listing counts only if it has entries for the directory
	// itself or its parent, until one had.
	proof bool
}

// listNLST lists the names alone, which every server can.
var listNLST = listCommand{line: "NLST", pattern: true}

// listCommands are tried in this order. Those that were refused, or not proven,
// are remembered. vsftpd hides names that begin with a dot, but for "-a";
// ProFTPD would list a directory of that name.
var listCommands = []listCommand{
	{line: "MLSD"},
	{line: "LIST -a", pattern: true, proof: true},
	{line: "LIST", pattern: true},
	listNLST,
}

const (
	// maxUnproven is how many entries of a listing are held back until it is
	// proven.
	maxUnproven = 1000

	// patternSigns are the characters that servers give a meaning to.
	patternSigns = "*?[]{}~ "

	// closedSign tells, in a reply that says all is well, that it is not
	// (vsftpd). It is in small letters.
	closedSign = "failed to open directory"
)

var (
	// emptySigns tell in a refusal, in small letters, that the directory is
	// empty.
	emptySigns = []string{"no files", "no such file", "not found", "no members", "no data sets", "no entries", "empty"}

	// optionRefused holds the codes of refusals that may mean the option, which
	// many servers take for the name of a file.
	optionRefused = map[int]bool{450: true, 500: true, 501: true, 502: true, 504: true, 550: true, 553: true}
)

// List calls yield for each entry of a directory. Lines that cannot be read
// are an error of kind Protocol, given after the last entry. Of a server that
// gives names alone, the entries are of type Unknown.
func (f *Site) List(ctx context.Context, path string, yield func(sites.Entry) bool) error {
	err := f.with(ctx, func(s *Session) error { return s.list(ctx, path, yield) })
	return sites.During("list", sites.Pathname{Site: f.config.Name, Path: path}, err)
}

// list lists one directory with the first command that the server knows.
func (s *Session) list(ctx context.Context, path string, yield func(sites.Entry) bool) error {
	var err error = &sites.Error{Site: s.Conn.site, Kind: sites.Unsupported, Msg: "the server knows no command that lists a directory"}
	for _, c := range listCommands {
		if s.site.Knows(c.line) == No || s.site.Knows(verbOf(c.line)) == No || c.proof && s.dialect == Old {
			continue
		}
		err = s.listBy(ctx, c, path, yield)
		if sites.KindOf(err) != sites.Unsupported {
			return err
		}
	}
	return err
}

// listBy lists one directory with the command given. An error of kind
// Unsupported means that another one may do.
func (s *Session) listBy(ctx context.Context, c listCommand, path string, yield func(sites.Entry) bool) error {
	_, home, _ := s.site.knowledge()
	if strings.HasPrefix(home, "/") {
		path = sites.Pathname{Path: home}.Join(path).Path // the working directory may be any
	}
	line := c.line
	var cwd *Exchange
	switch {
	case c.pattern && s.enters(path, home):
		var err error
		if cwd, err = s.enter(ctx, path); err != nil {
			return err
		}
	case path != "" && c.proof:
		return unproven(c)
	case path != "":
		line += " " + path
	}
	// What prepares the data connection follows the CWD without waiting.
	connect, cancel, err := s.prepare(ctx, line)
	if err == nil {
		defer cancel()
	}
	if cwd != nil {
		refusal := cwd.accepted(ctx)
		switch s.Heard("CWD", refusal); {
		case sites.KindOf(refusal) == sites.Unsupported:
			return s.listBy(ctx, c, path, yield) // without CWD
		case refusal != nil:
			return refusal
		}
	}
	if err != nil {
		return err
	}
	d, err := s.start(ctx, line, 0, connect)
	if err != nil {
		return s.refusedListing(c, path, cwd != nil, err)
	}
	d.idle = s.site.config.StallTimeout
	r := reader{d}
	defer r.Close() // its error is one of those below, or of no interest once the caller has enough
	if !c.proof || s.site.Knows(c.line) == Yes {
		return s.read(r, listing.New(verbOf(c.line), time.Now(), yield))
	}
	again, err := s.prove(r, c, yield)
	if again {
		return s.listBy(ctx, c, path, yield)
	}
	return err
}

// refusedListing returns what the refusal err of a listing command means: nil
// if it says that the directory, which was entered, is empty.
func (s *Session) refusedListing(c listCommand, path string, entered bool, err error) error {
	e, ok := err.(*sites.Error)
	if !ok || e.Code == 0 {
		return err
	}
	text := strings.ToLower(e.Text)
	switch {
	case c.proof && optionRefused[e.Code] && e.Kind != sites.Permission:
		// The command without the option is yet to be tried.
		s.site.setKnown(verbOf(c.line), Maybe)
		s.site.setKnown(c.line, No)
		return unproven(c)
	case entered && (e.Code == 450 || e.Code == 550) && slices.ContainsFunc(emptySigns, func(sign string) bool { return strings.Contains(text, sign) }):
		return nil
	case e.Code == 501: // pyftpdlib: "501 No such directory"
		e.Kind = find(fileSigns, text, strings.ToLower(path), e.Kind)
	}
	return err
}

// enters reports whether a directory is entered to list it: where that costs
// nothing, or the path cannot be an argument.
func (s *Session) enters(path, home string) bool {
	return strings.HasPrefix(path, "/") && (strings.HasPrefix(home, "/") || strings.ContainsAny(path, patternSigns)) && s.site.Knows("CWD") != No
}

// prove reads a listing whose entries come out when it is proven, and remembers
// whether it was. If it was too late to hold all back, it is to be read again.
func (s *Session) prove(r reader, c listCommand, yield func(sites.Entry) bool) (again bool, err error) {
	var p *listing.Parser
	var held []sites.Entry
	enough := false
	release := func() bool {
		for _, e := range held {
			if enough = enough || !yield(e); enough {
				break
			}
		}
		held = nil
		return !enough
	}
	p = listing.New(verbOf(c.line), time.Now(), func(e sites.Entry) bool {
		switch {
		case again:
			return true
		case p.Dots():
			enough = !release() || !yield(e)
			return !enough
		case len(held) == maxUnproven:
			again, held = true, nil
			return true
		}
		held = append(held, e)
		return true
	})
	err = s.read(r, p)
	switch {
	case err != nil && p.Entries() == 0 && !p.Dots():
		return false, err
	case !p.Dots():
		s.site.setKnown(c.line, No)
		return false, unproven(c)
	}
	s.site.setKnown(c.line, Yes)
	if !again && !release() {
		return false, nil
	}
	return again && err == nil, err
}

// read reads a listing to its end, or until the caller has enough.
func (s *Session) read(r reader, p *listing.Parser) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, maxReplyLine), maxReplyLine)
	for lines.Scan() {
		if lines.Err() != nil {
			break // the listing broke off, so that this line may be cut short
		}
		if !p.Line(lines.Text()) {
			return nil
		}
	}
	if !p.End() {
		return nil
	}
	switch err := lines.Err(); {
	case err == bufio.ErrTooLong:
		return protocolError("a line of more than %d bytes in a listing", maxReplyLine)
	case err != nil:
		return err
	}
	if reply, _, _ := r.x.Outcome(); p.Entries() == 0 && strings.Contains(strings.ToLower(reply.Text()), closedSign) {
		return &sites.Error{Kind: sites.Permission, Code: reply.Code, Text: reply.Text()}
	}
	return unreadError(p)
}

// unreadError returns the error that the unread lines of a listing are. Where
// all are such, what they say may be why there is no listing.
func unreadError(p *listing.Parser) error {
	n, first := p.Unread()
	if n == 0 {
		return nil
	}
	kind := sites.Protocol
	if p.Entries() == 0 && !p.Dots() {
		kind = find(fileSigns, strings.ToLower(first[0]), "", kind)
	}
	line := `"` + sites.Printable(first[0]) + `"`
	msg := "1 line of the listing cannot be read: " + line
	if n > 1 {
		msg = fmt.Sprintf("%d lines of the listing cannot be read, such as %s", n, line)
	}
	return &sites.Error{Kind: kind, Msg: msg}
}

func verbOf(line string) string {
	verb, _, _ := strings.Cut(line, " ")
	return verb
}

// unproven is the error that makes the next command be tried.
func unproven(c listCommand) error {
	return &sites.Error{Kind: sites.Unsupported, Msg: "the server does not know " + c.line}
}
