package listing

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rsexec/sites"
)

var update = flag.Bool("update", false, "write what the parsers read into testdata")

// leastLines is how many lines of listings testdata has at least.
const leastLines = 200

// now is when the listings of testdata are read, where they do not say.
var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// A group of testdata is one listing, or several of a line each. In its file it
// is
//
//	[LIST] where it is from
//	[LIST each] the same, each line a listing of its own
//	[LIST 2005-11-21T12:00] the same, read at that time
//	> a line of the listing; >"a Go literal" if it has other bytes than text
//	= the entry that the lines since the last one make: type size time name => target
//	! the line above is unread
type group struct {
	command string
	each    bool
	now     time.Time
	lines   []string
}

// TestGolden reads every listing of testdata and compares with what it says.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	total := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		var g group
		flush := func() {
			out.WriteString(g.read(t))
			total += len(g.lines)
			g.lines = nil
		}
		for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
			switch {
			case strings.HasPrefix(line, "> "):
				g.lines = append(g.lines, line[2:])
				continue
			case strings.HasPrefix(line, `>"`):
				literal, err := strconv.Unquote(line[1:])
				if err != nil {
					t.Fatalf("%s:%d: %v", file, i+1, err)
				}
				g.lines = append(g.lines, literal)
				continue
			case strings.HasPrefix(line, "= "), line == "!":
				continue
			case strings.HasPrefix(line, "["):
				flush()
				words, _, _ := strings.Cut(line[1:], "]")
				g = group{now: now}
				for i, w := range strings.Fields(words) {
					if i == 0 {
						g.command = w
					} else if w == "each" {
						g.each = true
					} else if g.now, err = time.Parse("2006-01-02T15:04", w); err != nil {
						t.Fatalf("%s:%d: %v", file, i+1, err)
					}
				}
				if formats[g.command] == nil {
					t.Fatalf("%s:%d: no command %q", file, i+1, g.command)
				}
			default:
				flush()
			}
			fmt.Fprintln(&out, line)
		}
		flush()
		if *update {
			if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if diff := cmp.Diff(strings.Split(string(text), "\n"), strings.Split(out.String(), "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
	t.Logf("%d lines", total)
	if total < leastLines {
		t.Errorf("testdata has %d lines; at least %d are wanted", total, leastLines)
	}
}

// read returns the lines of the group, each with what came of it.
func (g *group) read(t *testing.T) string {
	var out strings.Builder
	if !g.each && len(g.lines) > 0 {
		g.readListing(t, &out, g.lines)
		return out.String()
	}
	for i := range g.lines {
		g.readListing(t, &out, g.lines[i:i+1])
	}
	return out.String()
}

// readListing lets the lines go one by one, so that what came of each can be
// written behind it.
func (g *group) readListing(t *testing.T, out *strings.Builder, lines []string) {
	var entries []sites.Entry
	p := New(g.command, g.now, func(e sites.Entry) bool {
		entries = append(entries, e)
		fmt.Fprintf(out, "= %s\n", show(e))
		return true
	})
	if p.makers != nil {
		p.trial = lines[:min(len(lines), trialLines)]
		p.weigh()
	}
	unread := 0
	mark := func() {
		for ; unread < p.unread; unread++ {
			fmt.Fprintln(out, "!")
		}
	}
	for _, line := range lines {
		if strconv.CanBackquote(line) && !strings.HasSuffix(line, " ") || line == "" {
			fmt.Fprintf(out, "> %s\n", line)
		} else {
			fmt.Fprintf(out, ">%q\n", line)
		}
		p.take(strings.TrimRight(line, "\r"))
		mark()
	}
	p.giveUp()
	mark()

	got, n := readAll(g.command, g.now, lines...)
	if diff := cmp.Diff(entries, got); diff != "" || n != unread {
		t.Errorf("%s and %d more: read as a listing, %d lines are unread: %s", lines[0], len(lines)-1, n, diff)
	}
}

// show returns an entry in the form of testdata.
func show(e sites.Entry) string {
	text := fmt.Sprintf("%v %d", e.Type, e.Size)
	if e.Modified.IsZero() {
		text += " -"
	} else {
		text += e.Modified.Format(" 2006-01-02T15:04:05.999Z")
	}
	text += " " + shown(e.Name)
	if e.Target != "" {
		text += " => " + shown(e.Target)
	}
	return text
}

func shown(name string) string {
	if !strconv.CanBackquote(name) || strings.TrimSpace(name) != name || strings.Contains(name, "  ") || name[0] == '"' {
		return strconv.Quote(name)
	}
	return name
}

// readAll reads a listing.
func readAll(command string, now time.Time, lines ...string) (entries []sites.Entry, unread int) {
	p := New(command, now, func(e sites.Entry) bool {
		entries = append(entries, e)
		return true
	})
	for _, line := range lines {
		p.Line(line)
	}
	p.End()
	unread, _ = p.Unread()
	return entries, unread
}
