package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"rsexec/sites"
)

// Site is what the choice of a choreography depends on.
type Site struct {
	Name     string
	Local    bool                   // it is the user's own host
	Server   bool                   // it has a control connection that takes FTP commands
	Addr     netip.Addr             // where its data connections are, as its peers see it
	DataPort int                    // its default data socket
	Old      bool                   // it speaks the dialect of 1973
	Only     string                 // the one choreography that its profile allows; "" is any
	Lacks    func(verb string) bool // whether it is known not to know a command; nil is no
	Sessions int                    // how many there may be at once; 0 is any number
	TLS      bool                   // its control connections are protected
	Private  bool                   // its data connections have to be as well
}

// End is one end of a transfer.
type End struct {
	Site Site
	Path string // as it is sent
}

// Routes that a request may ask for.
const (
	Auto    = "auto"   // server to server if possible, else relay
	Direct  = "direct" // server to server or not at all
	Through = "relay"  // through the user's host
)

// Request asks for a plan.
type Request struct {
	Verb         string // of the statement, for the person
	Put          string // the command at the destination: STOR or APPE
	Source, Dest End
	OneSite      bool   // both ends are at one site, whatever it is called: one address and one user
	Route        string // Auto, Direct or Through; "" is Auto
	Choreography string // only this one; "" is any
	Limited      bool   // its rate is limited, which only the user's host can do
	Rapid        bool   // it is one of many small files, and the sites are near
	Final        string // the name that the destination takes when it is whole; "" is its own

	// Refused tells why a figure is known not to work between these sites; ""
	// if it is not. It may be nil.
	Refused func(Figure) string
}

// Plan is a request with its ladder: the figures to try, the best first.
type Plan struct {
	Request
	Ladder []Figure
	Passed []Passed // figures that are not on the ladder
	Hint   string   // what the person can do to have others on it; "" if nothing is known
}

// Passed is a figure that was passed over, and why.
type Passed struct {
	Figure  Figure
	Why     string
	Asked   bool // it is the command itself that asks for another
	Clear   bool // it would send in the clear what is to be private
	Refused bool // a server did
}

// renaming follows a figure whose destination has a temporary name, when the
// file has arrived and its size is right.
var renaming = []Row{
	{Dest: Step{"RNFR {to}", ""}},
	{Dest: Step{"RNTO {final}", ""}},
}

// oneSession is why a figure of two sessions is not used within a site that
// allows one.
const oneSession = "it needs two sessions at one site and max-sessions is 1"

// twoWords is why a site is not asked to copy some of its files.
const twoWords = "SITE takes words, which could make another name of these"

// Barred reports whether no figure is left, whichever file of the two sites it is.
func (p Plan) Barred() bool {
	return len(p.Ladder) == 0 && len(p.Passed) > 0 &&
		!slices.ContainsFunc(p.Passed, func(passed Passed) bool { return passed.Why == twoWords })
}

// Make chooses the ladder for a request (DESIGN section 4): what both sides
// know, server to server first, relay last. An error of kind Unsupported says
// that nothing is left.
func Make(r Request) (Plan, error) {
	p := Plan{Request: r}
	for _, f := range candidates(r) {
		if passed := r.against(f); passed.Why != "" {
			passed.Figure = f
			p.Passed = append(p.Passed, passed)
		} else {
			p.Ladder = append(p.Ladder, f)
		}
	}
	switch {
	case slices.ContainsFunc(p.Passed, func(passed Passed) bool { return passed.Why == oneSession }):
		p.Hint = "set max-sessions=2"
	case len(r.private()) > 0 && !p.direct():
		p.Hint = "data=clear-allowed at " + strings.Join(r.private(), " and ") + " would have it sent unprotected, --route=auto through this host"
	}
	if len(p.Ladder) > 0 {
		return p, nil
	}
	return p, &sites.Error{Op: r.Verb, Site: r.Source.Site.Name, Path: r.Source.Path, Kind: sites.Unsupported,
		Msg:  fmt.Sprintf("no way to %s is left (%s)", sites.Pathname{Site: r.Dest.Site.Name, Path: cmp.Or(r.Final, r.Dest.Path)}, p.reasons()),
		Hint: cmp.Or(p.Hint, "--route=auto allows the relay through this host, ROUTES --forget has what was refused tried again")}
}

// reasons tells why figures were passed over, each reason once, behind the names of
// the figures.
func (p Plan) reasons() string {
	var reasons []string
	names := make(map[string][]string)
	for _, passed := range p.Passed {
		if !slices.Contains(reasons, passed.Why) {
			reasons = append(reasons, passed.Why)
		}
		if name := passed.Figure.Name; !slices.Contains(names[passed.Why], name) {
			names[passed.Why] = append(names[passed.Why], name)
		}
	}
	for i, why := range reasons {
		reasons[i] = strings.Join(names[why], ", ") + ": " + why
	}
	return strings.Join(reasons, "; ")
}

// private ends the reason why a figure would tell others what they are not to know.
const private = " keeps its data connections private"

// private returns the names of the sites that keep their data connections private.
func (r Request) private() (names []string) {
	for _, s := range []Site{r.Source.Site, r.Dest.Site} {
		if s.Private && !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	return names
}

// Privacy says why no figure from server to server is even tried, if that is because
// others might see the data; else it is "".
func (p Plan) Privacy() string {
	switch {
	case p.Limited, p.direct(), !slices.ContainsFunc(p.Passed, func(passed Passed) bool { return passed.Clear }),
		slices.ContainsFunc(p.Passed, func(passed Passed) bool { return passed.Figure.Private && passed.Refused }):
		return ""
	}
	names := p.private()
	who := names[0] + private
	if len(names) == 2 {
		who = strings.Join(names, " and ") + " keep their data connections private"
	}
	for _, s := range []Site{p.Source.Site, p.Dest.Site} {
		if !s.TLS {
			return fmt.Sprintf("%s and %s has no TLS", who, s.Name)
		}
	}
	if p.Source.Site.Addr.Is4() != p.Dest.Site.Addr.Is4() {
		return "" // they could not reach each other anyhow
	}
	return who + " and neither server knows SSCN or CPSV"
}

// Protection tells how the data is protected by a figure; "" where no site has TLS.
func (p Plan) Protection(f Figure) string {
	s, d := p.Source.Site, p.Dest.Site
	switch {
	case !s.TLS && !d.TLS, f.OneSite:
		return ""
	case f.Private:
		return "protected from server to server"
	case !f.ThroughUser():
		return "in the clear"
	case !s.TLS && !s.Local:
		return "in the clear only between " + s.Name + " and this host"
	case !d.TLS && !d.Local:
		return "in the clear only between this host and " + d.Name
	case s.Local || d.Local:
		return "protected"
	}
	return "protected up to this host and from it on"
}

// direct reports whether a figure from server to server is on the ladder.
func (p Plan) direct() bool {
	return slices.ContainsFunc(p.Ladder, func(f Figure) bool { return !f.ThroughUser() })
}

// candidates returns the figures that fit the kinds of the two sites.
func candidates(r Request) []Figure {
	switch s, d := r.Source.Site, r.Dest.Site; {
	case s.Local && d.Local:
		return []Figure{LocalCopy}
	case s.Local:
		return []Figure{LocalPut}
	case d.Local:
		return []Figure{LocalGet}
	case s.Server && d.Server && (r.OneSite || slices.Contains([]string{r.Choreography, s.Only, d.Only}, SameSite.Name)):
		return slices.Concat([]Figure{SameSite}, r.serverToServer(), []Figure{Relay})
	case s.Server && d.Server:
		return append(r.serverToServer(), Relay)
	}
	return []Figure{Relay}
}

// serverToServer leaves out what nobody expects: protection where nothing is protected, and
// its forms for another version of the internet protocol.
func (r Request) serverToServer() []Figure {
	s, d := r.Source.Site, r.Dest.Site
	four := s.Addr.Is4() || d.Addr.Is4()
	figures := ServerToServer()
	if r.Rapid {
		figures = rapid()
	}
	return slices.DeleteFunc(figures, func(f Figure) bool {
		pinned := slices.Contains([]string{r.Choreography, s.Only, d.Only}, f.Name)
		return f.Private && (!(s.TLS && d.TLS) && !pinned || f.IPv6 && four || f.IPv4 && !four)
	})
}

// against returns why f is not to be used for r, in a Passed that is zero if it may be.
func (r Request) against(f Figure) Passed {
	s, d := r.Source.Site, r.Dest.Site
	if s.Local || d.Local {
		if r.Choreography != "" && r.Choreography != f.Name {
			return Passed{Why: "one end is the user's host", Asked: true}
		}
		return Passed{}
	}
	for i, only := range []struct{ name, who string }{
		{r.Choreography, "the command asks"}, {s.Only, "the profile of " + s.Name + " asks"}, {d.Only, "the profile of " + d.Name + " asks"},
	} {
		if only.name != "" && only.name != f.Name {
			return Passed{Why: only.who + " for " + only.name, Asked: i == 0}
		}
	}
	switch r.Route {
	case Direct:
		if f.ThroughUser() {
			return Passed{Why: "the command asks for a direct route", Asked: true}
		}
	case Through:
		if !f.ThroughUser() {
			return Passed{Why: "the command asks for the relay", Asked: true}
		}
	}
	switch {
	case f.OneSite && !r.OneSite:
		return Passed{Why: "the files are at two sites"}
	case f.OneSite && r.Put != "STOR":
		return Passed{Why: "SITE CPTO replaces a file and adds to none"}
	case f.OneSite && (splits(r.Source.Path) || splits(r.Dest.Path)):
		return Passed{Why: twoWords}
	case !f.OneSite && s.Name == d.Name && s.Sessions == 1:
		return Passed{Why: oneSession}
	}
	if f.ThroughUser() {
		return Passed{}
	}
	for _, site := range []Site{s, d} {
		switch {
		case f.OneSite: // no data connection
		case f.Private && !site.TLS:
			return Passed{Why: site.Name + " has no TLS"}
		case !f.Private && site.Private:
			return Passed{Why: site.Name + private, Clear: true}
		}
	}
	if r.Limited {
		return Passed{Why: "the command limits the rate, which only this host can do", Asked: true}
	}
	if pinned := r.Choreography == f.Name || s.Only == f.Name || d.Only == f.Name; !pinned {
		switch {
		case f.Old && !s.Old && !d.Old:
			return Passed{Why: "neither site is of 1973"}
		case f.IPv6 && (s.Addr.Is4() || d.Addr.Is4()):
			return Passed{Why: "a site has IPv4 only"}
		}
	}
	if f.IPv4 && (s.Addr.Is6() || d.Addr.Is6()) {
		return Passed{Why: "PORT has no room for an IPv6 address"}
	}
	for _, end := range []struct {
		site Site
		role Role
	}{{s, Source}, {d, Dest}} {
		for _, verb := range f.Verbs(end.role) {
			if end.site.Lacks != nil && end.site.Lacks(verb) {
				return Passed{Why: fmt.Sprintf("%s does not know %s", end.site.Name, verb)}
			}
			if end.site.Old && !inOldDialect[verb] {
				return Passed{Why: fmt.Sprintf("%s speaks the dialect of 1973, which has no %s", end.site.Name, verb)}
			}
		}
	}
	if r.Refused != nil {
		return Passed{Why: r.Refused(f), Refused: true}
	}
	return Passed{}
}

// inOldDialect holds the set-up commands that a server of 1973 may know.
var inOldDialect = map[string]bool{"LSTN": true, "SOCK": true, "PASV": true}

// Vars returns the values of a figure's variables, as they are sent.
func (p Plan) Vars() Vars {
	s, d := p.Source.Site, p.Dest.Site
	return Vars{
		"source": s.Addr.String(), "sourcefamily": family(s.Addr), "sourcesocket": strconv.Itoa(s.DataPort),
		"dest": d.Addr.String(), "destfamily": family(d.Addr), "destsocket": strconv.Itoa(d.DataPort),
		"sourcelisten": listen(s, "S"), "destlisten": listen(d, "R"),
		"from": p.Source.Path, "to": p.Dest.Path, "final": p.Final, "get": "RETR", "put": p.Put,
	}
}

// family returns the number of an address family as RFC 2428 has it.
func family(a netip.Addr) string {
	if a.Is6() {
		return "2"
	}
	return "1"
}

// listen returns the command that has a site listen for this host: to send (S)
// or to receive (R).
func listen(s Site, direction string) string {
	switch {
	case s.Old && (s.Lacks == nil || !s.Lacks("LSTN")):
		return "LSTN " + direction
	case s.Addr.Is6():
		return "EPSV"
	}
	return "PASV"
}
