package listing

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"rsexec/sites"
)

// seeds calls add with each line of testdata.
func seeds(f *testing.F, add func(line string)) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSuffix(line, "\n")
			if strings.HasPrefix(line, "> ") {
				add(line[2:])
			} else if literal, err := strconv.Unquote(strings.TrimPrefix(line, ">")); err == nil {
				add(literal)
			}
		}
	}
}

// check fails if no honest directory has such an entry.
func check(t *testing.T, e sites.Entry) {
	t.Helper()
	if len(e.Name) >= sites.MaxPath || e.Name == "" || e.Name == "." || e.Name == ".." || strings.ContainsAny(e.Name, "/\x00\n") ||
		e.Size < -1 || e.Size >= 0 && e.Type != sites.File || e.Target != "" && e.Type != sites.Link || e.Modified.Year() > 9999 || e.Coarse && e.Modified.IsZero() {
		t.Errorf("%+v", e)
	}
}

// FuzzListing reads listings with each command: no name is a bad one, every
// line is accounted for, and little is kept.
func FuzzListing(f *testing.F) {
	var all []string
	seeds(f, func(line string) { all = append(all, line) })
	for i := 0; i < len(all); i += 5 {
		f.Add(strings.Join(all[i:min(i+5, len(all))], "\r\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for command := range formats {
			size := 0
			p := New(command, now, func(e sites.Entry) bool {
				check(t, e)
				size += len(e.Name) + len(e.Target)
				return true
			})
			lines := 0
			for line := range strings.SplitSeq(text, "\n") {
				lines++
				p.Line(line)
				if len(p.trial) >= trialLines {
					t.Fatalf("%d lines are held back", len(p.trial))
				}
			}
			p.End()
			if size > len(text) {
				t.Errorf("%s: %d bytes of entries of %d", command, size, len(text))
			}
			unread, kept := p.Unread()
			if p.Entries()+unread > lines || len(kept) > maxKept || len(kept) > unread || p.trial != nil || p.waits {
				t.Errorf("%s: %d entries and %d unread of %d lines; kept %q", command, p.Entries(), unread, lines, kept)
			}
		}
	})
}

// fuzzReader reads lines with one format: the same line gives the same entry
// twice, and the name is the end of the line, or of what the format has there.
func fuzzReader(f *testing.F, make func() reader) {
	seeds(f, func(line string) { f.Add(line) })
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Contains(line, "\n") {
			return
		}
		e, v := make()(line, now)
		if again, w := make()(line, now); again != e || w != v {
			t.Errorf("%v %+v, then %v %+v", v, e, w, again)
		}
		if v == unread && e != (sites.Entry{}) && e.Name != "" {
			t.Errorf("unread, and %+v", e)
		}
		if v != named {
			return
		}
		if !strings.Contains(line, e.Name) || !strings.Contains(line, e.Target) || utf8.ValidString(line) && !utf8.ValidString(e.Name) {
			t.Errorf("%q: a name that is not there: %+v", line, e)
		}
		if proper(&e) && e.Name != "." && e.Name != ".." {
			check(t, e)
		}
	})
}

func FuzzUNIX(f *testing.F)    { fuzzReader(f, always(readUNIX)) }
func FuzzDOS(f *testing.F)     { fuzzReader(f, always(dosReader(dayFirst))) }
func FuzzEPLF(f *testing.F)    { fuzzReader(f, always(readEPLF)) }
func FuzzZOS(f *testing.F)     { fuzzReader(f, zosReader) }
func FuzzVMS(f *testing.F)     { fuzzReader(f, always(readVMS)) }
func FuzzAS400(f *testing.F)   { fuzzReader(f, always(as400Reader(yearFirst))) }
func FuzzNetWare(f *testing.F) { fuzzReader(f, always(readNetWare)) }
func FuzzMLSD(f *testing.F)    { fuzzReader(f, always(readMLSD)) }
func FuzzNLST(f *testing.F)    { fuzzReader(f, always(readNLST)) }
