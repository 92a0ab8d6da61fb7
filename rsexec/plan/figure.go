package plan

import (
	"fmt"
	"strings"
)

// Role is one of the parties of a choreography.
type Role uint8

// The parties: the server that sends the file, the server that receives it,
// and the user's own host.
const (
	Source Role = iota
	Dest
	User
)

// String returns "source", "destination" or "user".
func (r Role) String() string { return [...]string{"source", "destination", "user"}[r] }

// Step is one command of a figure. Variables stand in braces. A step with no
// command is empty.
type Step struct {
	Command string
	Binds   string // the variable that is bound to the address in the reply; "" is none
}

// Verb returns the first word of the command, and of SITE the second as well:
// each of its services is a command of its own.
func (s Step) Verb() string {
	verb, rest, _ := strings.Cut(s.Command, " ")
	if verb == "SITE" {
		service, _, _ := strings.Cut(rest, " ")
		verb += " " + service
	}
	return verb
}

// Moves reports whether it is in this step that the file gets from one pathname to
// the other: a transfer command, or the one by which a site copies.
func (s Step) Moves() bool { return s.IsTransfer() || s.Verb() == "SITE CPTO" }

// Of returns the end that a step in the column given is about: that whose pathname
// it names.
func (s Step) Of(column Role) Role {
	switch {
	case strings.Contains(s.Command, "{from}"):
		return Source
	case strings.Contains(s.Command, "{to}"):
		return Dest
	}
	return column
}

// IsTransfer reports whether the step is a transfer command, which a data
// connection belongs to and which is answered twice.
func (s Step) IsTransfer() bool {
	switch s.Verb() {
	case "{get}", "{put}", "RETR", "STOR", "APPE":
		return true
	}
	return false
}

// Row is one line of a figure: what is sent at the same time.
type Row struct {
	Source, Dest Step
	User         string // what the user's own host does then, in words
}

// At returns the step of one column.
func (r Row) At(role Role) Step {
	if role == Source {
		return r.Source
	}
	return r.Dest
}

// Figure is a choreography as its RFC draws it: two columns, steps in order,
// variables that one column's reply binds and the other column's command uses.
//
// The plan gives these variables: {source} and {dest}, the hosts' addresses;
// {sourcefamily} and {destfamily}, 1 for IPv4 and 2 for IPv6; {sourcesocket} and
// {destsocket}, their default data sockets; {sourcelisten} and {destlisten}, the
// commands that have them listen for this host; {from}, {to} and {final}, the
// pathnames; {get} and {put}, the transfer commands.
type Figure struct {
	Name    string // as --choreography and the results name it
	Origin  string // the RFC and section that drew it
	Summary string // who listens and who connects
	Old     bool   // of 1973: used where a site is of that time, or when asked for by name
	IPv4    bool   // its commands have room for IPv4 addresses only
	IPv6    bool   // it is meant for IPv6
	OneSite bool   // both files are at one site; its one session stands in the column of the destination
	Private bool   // the data connection is protected by TLS,
	Client  Role   // and whose client this server is
	Rows    []Row
}

// Verbs returns the commands that a figure wants of one side, beyond those of
// the transfer itself.
func (f Figure) Verbs(role Role) []string {
	var verbs []string
	for _, row := range f.Rows {
		if s := row.At(role); s.Command != "" && !s.IsTransfer() {
			verbs = append(verbs, s.Verb())
		}
	}
	return verbs
}

// ThroughUser reports whether the data passes through the user's host.
func (f Figure) ThroughUser() bool {
	for _, row := range f.Rows {
		if row.User != "" {
			return true
		}
	}
	return false
}

// Vars holds the values of a figure's variables.
type Vars map[string]string

// Expand writes a command with the variables' values in place. ok is false if
// one of them is not bound.
func (v Vars) Expand(command string) (text string, ok bool) {
	var b strings.Builder
	for rest := command; ; {
		before, after, found := strings.Cut(rest, "{")
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		name, tail, closed := strings.Cut(after, "}")
		value, bound := v[name]
		if !closed || !bound {
			return "", false
		}
		b.WriteString(value)
		rest = tail
	}
}

// The table of choreographies is the set of figures in this package: rfc438.go,
// rfc478.go, rfc959.go, rfc2428.go, sscn.go, samesite.go, relay.go.

// ServerToServer returns the figures in which the data goes straight from
// server to server, in the order in which they are tried: what is protected comes before
// what is not.
func ServerToServer() []Figure {
	return append(protected(), RFC959, RFC959SourcePassive, RFC2428, RFC2428SourcePassive, RFC438, RFC478)
}

// rapid returns them for files that follow each other so fast that a source would run out
// of ports if it connected: whoever sends closes the data connection, and TCP keeps the port
// from which that was made for a minute (RFC 9293, section 3.6.1), but not the one where
// somebody listened. It costs each file half a round trip, so it is for sites that are near.
func rapid() []Figure {
	return append(protected(), RFC959SourcePassive, RFC959, RFC2428SourcePassive, RFC2428, RFC438, RFC478)
}

// Names returns the names that --choreography takes.
func Names() []string {
	var names []string
	seen := make(map[string]bool)
	for _, f := range append(ServerToServer(), SameSite, Relay, LocalGet) {
		if !seen[f.Name] {
			names = append(names, f.Name)
			seen[f.Name] = true
		}
	}
	return names
}

// Check returns an error if a row of the figure uses a variable that is bound
// neither by the plan nor by an earlier row.
func (f Figure) Check() error {
	vars := Plan{}.Vars()
	for i, row := range f.Rows {
		for _, role := range []Role{Dest, Source} {
			if _, ok := vars.Expand(row.At(role).Command); !ok {
				return fmt.Errorf("%s row %d: unbound variable in %q", f.Name, i+1, row.At(role).Command)
			}
		}
		for _, role := range []Role{Dest, Source} {
			if b := row.At(role).Binds; b != "" {
				vars[b] = ""
			}
		}
	}
	return nil
}
