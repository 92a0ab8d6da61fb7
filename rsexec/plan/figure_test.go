package plan

import (
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rsexec/sites"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The figures of the RFCs, as they are printed there, but for the words that
// are not commands. SITE1 has the source, SITE2 the destination; in RFC 478 and
// RFC 959 these are the servers that RETR and STOR are sent to.
var rfcFigures = []struct {
	figure Figure
	put    string
	text   string
	rename map[string]string // our words in the RFC's
}{
	{
		figure: RFC438, put: "APPE",
		text: `
			to SITE1:                       to SITE2:

			1.                                   LSTN R
			2.   SOCK SITE2,X
			3.                                   SOCK SITE1,Y
			4.  RETR PROG1.PL1                   APPE PROG2.PL1`,
	},
	{
		// "A->B SOCK HOST-C SKT-Sc" and so on: B stores, C retrieves.
		figure: RFC478, put: "STOR",
		text: `
			to HOST-C:                      to HOST-B:

			1.  SOCK HOST-B SKT-Sb          SOCK HOST-C SKT-Sc
			2.                              PASV
			3.  RTRV                        STOR`,
		rename: map[string]string{"SITE1": "HOST-C", "SITE2": "HOST-B", ",1001": " SKT-Sc", ",2001": " SKT-Sb",
			"RETR PROG1.PL1": "RTRV", "STOR PROG2.PL1": "STOR"},
	},
	{
		// C->A is the server that stores, C->B the one that retrieves.
		figure: RFC959, put: "STOR",
		text: `
			to B:                           to A:

			1.                              PASV
			2.  PORT A1,A2,A3,A4,a1,a2
			3.  RETR                        STOR`,
		rename: map[string]string{"SITE1": "B", "SITE2": "A", "PORT X": "PORT A1,A2,A3,A4,a1,a2",
			"RETR PROG1.PL1": "RETR", "STOR PROG2.PL1": "STOR"},
	},
}

// request is the APPEND of RFC 438.
func request(put string) Request {
	verb := "APPEND"
	if put == "STOR" {
		verb = "COPY"
	}
	return Request{Verb: verb, Put: put,
		Source: End{Site: Site{Name: "SITE1", Server: true, Addr: netip.MustParseAddr("192.0.2.1"), DataPort: 1001}, Path: "PROG1.PL1"},
		Dest:   End{Site: Site{Name: "SITE2", Server: true, Addr: netip.MustParseAddr("192.0.2.2"), DataPort: 2001}, Path: "PROG2.PL1"}}
}

// figureOf makes the text of a figure comparable: one cell after the other,
// with the column that it stands in, and without the bindings.
func figureOf(text string) []string {
	gap := regexp.MustCompile(`\s{2,}`)
	var cells []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(strings.TrimLeft(line, "\t"), " \n")
		if line == "" || strings.Contains(line, "(let ") {
			continue
		}
		label, rest := "", line
		if i := strings.Index(line, ". "); i > 0 && i < 3 {
			label, rest = line[:i+1], line[i+2:]
		}
		left := ""
		if !strings.HasPrefix(rest, "          ") {
			parts := gap.Split(strings.TrimLeft(rest, " "), 2)
			left, rest = parts[0], ""
			if len(parts) == 2 {
				rest = parts[1]
			}
		}
		cells = append(cells, label+"|"+left+"|"+strings.TrimLeft(rest, " "))
	}
	return cells
}

func TestFiguresOfTheRFCs(t *testing.T) {
	for _, c := range rfcFigures {
		t.Run(c.figure.Name, func(t *testing.T) {
			got := Plan{Request: request(c.put)}.Layout(c.figure).String()
			got = strings.ReplaceAll(got, "\n   ", "\n") // the width of the label
			for ours, theirs := range c.rename {
				got = strings.ReplaceAll(got, ours, theirs)
			}
			if diff := cmp.Diff(figureOf(c.text), figureOf(got)); diff != "" {
				t.Errorf("the figure is not that of %s (-RFC +ours):\n%s\n%s", c.figure.Origin, diff, got)
			}
		})
	}
}

func TestFigureCheck(t *testing.T) {
	for _, f := range append(ServerToServer(), SameSite, Relay, LocalGet, LocalPut, LocalCopy) {
		if err := f.Check(); err != nil {
			t.Error(err)
		}
	}
	wrong := Figure{Name: "wrong", Rows: []Row{{Source: Step{"PORT {X}", ""}, Dest: Step{"PASV", "X"}}}}
	if err := wrong.Check(); err == nil {
		t.Error("a row may not use what it binds itself")
	}
}

func TestExpand(t *testing.T) {
	vars := Vars{"to": "a {b} c", "X": "1"}
	for command, want := range map[string]string{
		"NOOP": "NOOP", "STOR {to}": "STOR a {b} c", "SOCK h,{X}": "SOCK h,1", "PORT {Y}": "", "open {X": "",
	} {
		got, ok := vars.Expand(command)
		if got != want || ok != (want != "") {
			t.Errorf("Expand(%q) = %q, %v; want %q", command, got, ok, want)
		}
	}
}

// TestExplain holds what EXPLAIN prints for each figure, and for each way that
// a ladder can look.
func TestExplain(t *testing.T) {
	both := func(r Request, change func(*Site)) Request {
		change(&r.Source.Site)
		change(&r.Dest.Site)
		return r
	}
	old := func(r Request) Request { return both(r, func(s *Site) { s.Old = true }) }
	protected := func(r Request) Request { return both(r, func(s *Site) { s.TLS, s.Private = true, true }) }
	requests := map[string]Request{
		"append":           request("APPE"),
		"append-1973":      old(request("APPE")),
		"copy":             request("STOR"),
		"copy-ipv6":        both(request("STOR"), func(s *Site) { s.Addr = netip.MustParseAddr("2001:db8::" + s.Name[4:]) }),
		"append-rfc478":    request("APPE"),
		"append-direct":    request("APPE"),
		"append-relay":     request("APPE"),
		"append-refused":   request("APPE"),
		"copy-to-local":    request("STOR"),
		"copy-from-local":  request("STOR"),
		"append-one-1973":  request("APPE"),
		"copy-long-name":   request("STOR"),
		"append-no-direct": request("APPE"),
		"relay-1973":       old(request("APPE")),
		"copy-one-site":    request("STOR"),
		"append-one-site":  request("APPE"),
		"copy-no-cpfr":     request("STOR"),
		"copy-one-session": request("STOR"),
		"copy-odd-name":    request("STOR"),
		"copy-tls":         protected(request("STOR")),
		"copy-tls-ipv6":    protected(request("STOR")),
		"append-tls-bare":  protected(request("APPE")),
		"append-tls-clear": protected(request("APPE")),
		"append-tls-one":   protected(request("APPE")),
	}
	edit := func(name string, change func(*Request)) {
		r := requests[name]
		change(&r)
		requests[name] = r
	}
	edit("copy-tls-ipv6", func(r *Request) {
		*r = both(*r, func(s *Site) { s.Addr = netip.MustParseAddr("2001:db8::" + s.Name[4:]) })
	})
	edit("append-tls-bare", func(r *Request) {
		*r = both(*r, func(s *Site) { s.Lacks = func(verb string) bool { return verb == "SSCN" || verb == "CPSV" } })
	})
	edit("append-tls-clear", func(r *Request) { *r = both(*r, func(s *Site) { s.Private = false }) })
	edit("append-tls-one", func(r *Request) { r.Dest.Site.TLS, r.Dest.Site.Private = false, false })
	for _, name := range []string{"copy", "copy-ipv6", "copy-tls", "copy-tls-ipv6", "copy-from-local", "copy-long-name", "copy-one-site", "copy-no-cpfr", "copy-one-session", "copy-odd-name"} {
		edit(name, func(r *Request) { r.Final, r.Dest.Path = r.Dest.Path, ".rsexec."+r.Dest.Path+".abcdefgh" })
	}
	edit("append-rfc478", func(r *Request) { r.Choreography = "rfc478" })
	edit("append-direct", func(r *Request) { r.Route = Direct })
	edit("append-relay", func(r *Request) { r.Route = Through })
	edit("append-refused", func(r *Request) {
		r.Refused = func(f Figure) string {
			if f.Name == "rfc959" && f.Rows[0].Dest.Command != "" {
				return "SITE1 said 500 Illegal PORT command."
			}
			return ""
		}
	})
	edit("copy-to-local", func(r *Request) { r.Dest = End{Site: Site{Name: sites.LocalName, Local: true}, Path: "/tmp/x"} })
	edit("copy-from-local", func(r *Request) { r.Source = End{Site: Site{Name: sites.LocalName, Local: true}, Path: "/tmp/x"} })
	edit("append-one-1973", func(r *Request) { r.Source.Site.Old = true })
	edit("copy-long-name", func(r *Request) { r.Source.Path = "/" + strings.Repeat("a-long-directory/", 5) + "name" })
	edit("relay-1973", func(r *Request) { r.Route = Through })
	edit("append-no-direct", func(r *Request) {
		r.Source.Site.Lacks = func(verb string) bool { return verb == "PORT" || verb == "PASV" }
	})

	for _, name := range []string{"copy-one-site", "append-one-site", "copy-no-cpfr", "copy-one-session", "copy-odd-name"} {
		edit(name, func(r *Request) { r.OneSite, r.Dest.Site = true, r.Source.Site })
	}
	edit("copy-no-cpfr", func(r *Request) {
		r.Dest.Site.Lacks = func(verb string) bool { return strings.HasPrefix(verb, "SITE ") }
	})
	edit("copy-one-session", func(r *Request) { r.Source.Site.Sessions, r.Dest.Site.Sessions = 1, 1 })
	edit("copy-odd-name", func(r *Request) { r.Source.Path = "two  blanks" })

	for name, r := range requests {
		t.Run(name, func(t *testing.T) {
			p, err := Make(r)
			if err != nil {
				t.Fatal(err)
			}
			got := p.Explain()
			file := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

func TestNothingLeft(t *testing.T) {
	r := request("APPE")
	r.Route = Direct
	r.Choreography = "relay"
	_, err := Make(r)
	if sites.KindOf(err) != sites.Unsupported {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{"the command asks for relay", "the command asks for a direct route"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

// TestOneSession says what is needed where a site that does not copy files itself
// allows one session.
func TestOneSession(t *testing.T) {
	for _, test := range []struct {
		put, route, choreography string
		lacks                    bool
		want, hint               string
	}{
		{"STOR", "", "", true, "(same-site: SITE1 does not know SITE CPFR; rfc959, rfc2428, rfc438, rfc478, relay: it needs two sessions at one site and max-sessions is 1)", "set max-sessions=2"},
		{"APPE", "", "", false, "same-site: SITE CPTO replaces a file and adds to none; rfc959,", "set max-sessions=2"},
		{"STOR", Through, "", false, "(same-site, rfc959, rfc2428, rfc438, rfc478: the command asks for the relay; relay: it needs", "set max-sessions=2"},
		{"STOR", "", "same-site", true, "(same-site: SITE1 does not know SITE CPFR; rfc959, rfc2428, rfc438, rfc478, relay: the command asks for same-site)", "--route"},
		{"STOR", "", "", false, "", ""},
		{"STOR", Direct, "", false, "", ""},
		{"STOR", "", "same-site", false, "", ""},
	} {
		r := request(test.put)
		r.Source.Site.Sessions = 1
		r.Source.Site.Lacks = func(string) bool { return test.lacks }
		r.OneSite, r.Dest.Site = true, r.Source.Site
		r.Route, r.Choreography = test.route, test.choreography
		p, err := Make(r)
		if test.want == "" {
			if err != nil || len(p.Ladder) != 1 || p.Ladder[0].Name != "same-site" {
				t.Errorf("%+v: %v, %v", test, p.Ladder, err)
			}
			continue
		}
		var e *sites.Error
		if !errors.As(err, &e) || e.Kind != sites.Unsupported || !strings.Contains(e.Msg, test.want) || !strings.HasPrefix(e.Hint, test.hint) {
			t.Errorf("%+v: %v", test, err)
		}
	}

	// Two names of a site have sessions of their own.
	r := request("STOR")
	r.OneSite = true
	r.Source.Site.Sessions, r.Dest.Site.Sessions = 1, 1
	if p, err := Make(r); err != nil || p.Ladder[0].Name != "same-site" || p.Ladder[1].Name != "rfc959" {
		t.Errorf("two names: %v, %v", p.Ladder, err)
	}
}

// TestSameSiteByName is asked for where the files are at two sites.
func TestSameSiteByName(t *testing.T) {
	r := request("STOR")
	r.Choreography = "same-site"
	if _, err := Make(r); sites.KindOf(err) != sites.Unsupported || !strings.Contains(err.Error(), "same-site: the files are at two sites") {
		t.Errorf("got %v", err)
	}
	r.Choreography = ""
	p, err := Make(r)
	if err != nil || p.Ladder[0].Name != "rfc959" {
		t.Errorf("%v, %v", p.Ladder, err)
	}
}

// TestSplits holds which pathnames a server that splits a line into words leaves
// as they are.
func TestSplits(t *testing.T) {
	for path, want := range map[string]bool{
		"/a": false, "/two words": false, "/d e/f g h": false, "/-x": false, "/a'b": false, "/#a": false, "a/ b": false,
		"/two  words": true, "/a ": true, " a": true, "/tab\there": true, "/a\vb": true, "/a\fb": true, `/a "b c" d`: true,
	} {
		if got := splits(path); got != want {
			t.Errorf("%q: %v, want %v", path, got, want)
		}
	}
}

// TestSteps holds what a step of SITE is.
func TestSteps(t *testing.T) {
	from, to := SameSite.Rows[0].Dest, SameSite.Rows[1].Dest
	if from.Verb() != "SITE CPFR" || to.Verb() != "SITE CPTO" || from.Moves() || !to.Moves() || to.IsTransfer() {
		t.Errorf("%q and %q", from.Verb(), to.Verb())
	}
	if from.Of(Dest) != Source || to.Of(Dest) != Dest || RFC959.Rows[0].Dest.Of(Dest) != Dest {
		t.Error("a step is about another end")
	}
}
