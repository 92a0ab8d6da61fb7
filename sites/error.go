package sites

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Kind classifies an error. It says what the person can do about it and
// whether the program may try again.
type Kind uint8

// The kinds of error. Their String forms are the "kind" of a JSON error event.
const (
	Other       Kind = iota // nothing more is known
	NotFound                // no such file, directory or site
	Ambiguous               // a name that means several files
	Permission              // the site denies access to the file
	Login                   // the site does not accept the user or the password
	Refused                 // the site refuses this way of doing it; another way may work
	Unsupported             // the site or this program cannot do it at all
	Unreachable             // the site does not answer, or the connection to it was lost
	Busy                    // the site asks to try again later
	NoSpace                 // the site has no room for the file
	Conflict                // what is on disk fits no honest story; a person must look
	Protocol                // the site broke the protocol
	Cancelled               // the work was called off
	Usage                   // the request itself is wrong
	Untrusted               // nothing vouches for the site's certificate
)

var kindNames = [...]string{
	Other: "other", NotFound: "not found", Ambiguous: "ambiguous", Permission: "permission",
	Login: "login", Refused: "refused", Unsupported: "unsupported", Unreachable: "unreachable",
	Busy: "busy", NoSpace: "no space", Conflict: "conflict", Protocol: "protocol",
	Cancelled: "cancelled", Usage: "usage", Untrusted: "untrusted",
}

// String returns the name of k, as a JSON error event has it.
func (k Kind) String() string { return kindNames[k] }

// Retryable reports whether the same request may succeed when it is simply
// made again.
func (k Kind) Retryable() bool { return k == Busy || k == Unreachable }

// Error is the one error type of the program: what was being done, to which
// file at which site, what the server said, and what can be done about it.
// Empty fields are unknown or do not apply.
type Error struct {
	Op   string // what was being done: a verb, or a phrase such as "log in"
	Site string // the site's name
	Path string // the file's path at the site
	Kind Kind
	Code int    // the server's reply code
	Text string // the server's reply text, as it came
	Msg  string // what is wrong, in our words
	Hint string // what the person can do about it
	Err  error  // the cause
}

// Error returns one line: operation, pathname, what is wrong, what the server
// said, what to do.
func (e *Error) Error() string {
	var head string
	switch {
	case e.Path != "":
		head = Pathname{e.Site, e.Path}.String()
	case e.Site != "":
		head = Printable(e.Site)
	}
	if e.Op != "" {
		head = strings.TrimSpace(e.Op + " " + head)
	}
	parts := make([]string, 0, 4)
	if head != "" {
		parts = append(parts, head)
	}
	if e.Msg != "" {
		parts = append(parts, Printable(e.Msg))
	}
	if e.Code != 0 {
		parts = append(parts, strings.TrimRight(fmt.Sprintf("the server said %d %s", e.Code, Printable(e.Text)), " ."))
	}
	if e.Err != nil && e.Err != context.Canceled { // which Msg has in better words
		parts = append(parts, printableLines(e.Err.Error()))
	}
	if len(parts) == 0 || len(parts) == 1 && head != "" {
		parts = append(parts, e.Kind.String())
	}
	line := strings.Join(parts, ": ")
	if e.Hint != "" {
		line += "; " + Printable(e.Hint)
	}
	return line
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of err: that of the first Error in its chain, or
// Cancelled for a cancelled context, or Other.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.Canceled):
		return Cancelled
	case errors.Is(err, context.DeadlineExceeded):
		return Unreachable
	}
	return Other
}

// Stopped returns the error of work that ended with its context: the cause, if that
// is an *Error.
func Stopped(ctx context.Context) *Error {
	err := context.Cause(ctx)
	var known *Error
	if errors.As(err, &known) {
		c := *known
		return &c
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &Error{Kind: Unreachable, Msg: "it took too long", Err: err}
	}
	return &Error{Kind: Cancelled, Msg: "stopped", Err: err}
}

// During returns err with the operation and the pathname filled in where an
// Error has none yet; any other error becomes the cause of a new one.
// During(op, p, nil) is nil.
func During(op string, p Pathname, err error) error {
	if err == nil {
		return nil
	}
	e, ok := err.(*Error)
	if !ok {
		return &Error{Op: op, Site: p.Site, Path: p.Path, Kind: KindOf(err), Err: err}
	}
	c := *e
	if c.Op == "" {
		c.Op = op
	}
	if c.Site == "" {
		c.Site = p.Site
	}
	if c.Path == "" && c.Site == p.Site {
		c.Path = p.Path
	}
	return &c
}

// printableLines is Printable for text that may have several lines, as joined errors have.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = Printable(l)
	}
	return strings.Join(lines, "\n")
}

// Printable returns s with every character escaped that a terminal could act
// on: control characters, and bytes that are not UTF-8. It is for text that
// came from a server.
func Printable(s string) string {
	clean := true
	for _, r := range s {
		if !shown(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\uFFFD' && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case shown(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// shown reports whether r may reach a terminal. Besides control characters,
// those that reorder text are held back: they make one name look like another.
func shown(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r < 0xa0, r == '\uFFFD':
		return false
	case r == 0x061c, r >= 0x200e && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return false
	}
	return true
}
