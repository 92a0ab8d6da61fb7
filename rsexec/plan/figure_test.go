package plan

import (
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
	for _, f := range append(ServerToServer(), Relay, LocalGet, LocalPut, LocalCopy) {
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
	}
	edit := func(name string, change func(*Request)) {
		r := requests[name]
		change(&r)
		requests[name] = r
	}
	for _, name := range []string{"copy", "copy-ipv6", "copy-from-local", "copy-long-name"} {
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
