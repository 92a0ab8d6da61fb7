package rsexec

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/rsexec/transfer"
	"rsexec/sites"
	"rsexec/sites/ftptest"
)

// modifiedAt writes a file that was modified at the time given.
func modifiedAt(t *testing.T, root, name, text string, at time.Time) {
	t.Helper()
	file := filepath.Join(root, name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
}

// TestUpdateFromListing has COPY --update compare with a server that lists for
// people only: it is asked when a file was modified, where no listing tells it
// and the size does not tell enough.
func TestUpdateFromListing(t *testing.T) {
	source := ftptest.Start(t, ftptest.VSFTPD, ftptest.Options{})
	url, root := serve(t, nil)
	x := newShell(t, nil, "SITE1="+source.URL(), "SITE2="+url)
	recent := time.Now().UTC().Add(-48 * time.Hour).Truncate(time.Minute) // listed with the minute
	old := time.Date(2020, 2, 29, 0, 0, 0, 0, time.UTC)                   // listed with the day
	second, hour := time.Second, time.Hour
	tests := map[string]struct {
		text       string // at the source; "other" at the destination
		from, to   time.Time
		copied     bool
		questioned bool // whether the source is asked for the time only to compare it
	}{
		"later in the minute":   {"text1", recent.Add(40 * second), recent.Add(20 * second), true, true},
		"same in the minute":    {"text1", recent.Add(20 * second), recent.Add(20 * second), false, true},
		"earlier in the minute": {"text1", recent.Add(20 * second), recent.Add(40 * second), false, true},
		"a minute later":        {"text1", recent.Add(60 * second), recent.Add(20 * second), true, true},
		"later in the day":      {"text1", old.Add(12 * hour), old.Add(8 * hour), true, true},
		"same in the day":       {"text1", old.Add(12 * hour), old.Add(12 * hour), false, true},
		"another size":          {"text", recent, recent.Add(hour), true, false},
		"not there":             {"text1", recent, time.Time{}, true, false},
	}
	for name, test := range tests {
		modifiedAt(t, source.Root, name, test.text, test.from)
		if !test.to.IsZero() {
			modifiedAt(t, root, name, "other", test.to)
		}
	}

	var mu sync.Mutex
	asked := make(map[string]int)
	ctx := sites.WithTrace(t.Context(), &sites.Trace{Command: func(site string, _ int, line string) {
		mu.Lock()
		defer mu.Unlock()
		if name, ok := strings.CutPrefix(line, "MDTM /"); ok && site == "SITE1" {
			asked[name]++
		}
	}})
	update := func() {
		t.Helper()
		statements, err := grammar.Parse("", "COPY SITE1:/* TO SITE2:/ --update")
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Run(ctx, statements[0]); err != nil {
			t.Fatal(err, x.err.String())
		}
	}
	update()
	for name, test := range tests {
		want, questions := "other", 0
		if test.copied {
			want, questions = test.text, 1 // what copies it looks at it too
		}
		if test.questioned {
			questions++
		}
		if got := text(t, root, name); got != want {
			t.Errorf("%s: the destination has %q, want %q", name, got, want)
		}
		if asked[name] != questions {
			t.Errorf("%s: asked %d times, want %d", name, asked[name], questions)
		}
	}

	// Now all are as they are at the source, and later.
	x.out.Reset()
	if update(); x.out.String() != "" {
		t.Errorf("copied again: %s", x.out.String())
	}
}

// A told is a site that tells one entry of any file, and counts how often.
type told struct {
	sites.Site
	entry sites.Entry
	err   error
	asked int
}

func (s *told) Stat(context.Context, string) (sites.Entry, error) {
	s.asked++
	return s.entry, s.err
}

// TestIsUpToDate has entries that are exact and not, as they were listed and as
// their site tells them when it is asked.
func TestIsUpToDate(t *testing.T) {
	at := time.Date(2026, 11, 21, 5, 47, 20, 0, time.UTC)
	exact := func(size int64, seconds time.Duration) sites.Entry {
		return sites.Entry{Type: sites.File, Size: size, Modified: at.Add(seconds * time.Second)}
	}
	coarse := func(size int64, seconds time.Duration) sites.Entry {
		e := exact(size, seconds)
		e.Coarse = true
		return e
	}
	untold := sites.Entry{Type: sites.File, Size: 5}
	refused := &sites.Error{Kind: sites.Refused}
	for _, test := range []struct {
		name            string
		listed          sites.Entry
		source          told
		there           sites.Entry
		asked, upToDate bool
	}{
		{"exact, earlier", exact(5, -1), told{}, exact(5, 0), false, true},
		{"exact, the same", exact(5, 0), told{}, exact(5, 0), false, true},
		{"exact, the same second", sites.Entry{Type: sites.File, Size: 5, Modified: at.Add(time.Millisecond)}, told{}, exact(5, 0), false, true},
		{"exact, later", exact(5, 1), told{}, exact(5, 0), false, false},
		{"exact, another size", exact(6, -1), told{}, exact(5, 0), false, false},
		{"no time", untold, told{}, exact(5, 0), false, false},
		{"no time there", exact(5, 0), told{}, untold, false, false},
		{"a coarse time there", exact(5, 0), told{}, coarse(5, 60), false, false},
		{"coarse, another size", coarse(6, -60), told{}, exact(5, 0), false, false},
		{"coarse, no size", coarse(-1, -60), told{}, exact(5, 0), false, false},
		{"coarse and earlier, told later", coarse(5, -20), told{entry: exact(5, 1)}, exact(5, 0), true, false},
		{"coarse and later, told the same", coarse(5, 3600), told{entry: exact(5, 0)}, exact(5, 0), true, true},
		{"coarse, told another size", coarse(5, -20), told{entry: exact(6, -1)}, exact(5, 0), true, false},
		{"coarse, told no time", coarse(5, -3600), told{entry: untold}, exact(5, 0), true, false},
		{"coarse, told a coarse time", coarse(5, -3600), told{entry: coarse(5, -3600)}, exact(5, 0), true, false},
		{"coarse, not told", coarse(5, -3600), told{err: refused}, exact(5, 0), true, false},
		{"a name, told", sites.Entry{Size: -1}, told{entry: exact(5, 0)}, exact(5, 0), true, true},
	} {
		statements, err := grammar.Parse("", "COPY SITE1:/f SITE2:/f --update")
		if err != nil {
			t.Fatal(err)
		}
		source := resolver.Place{Site: &test.source, Entry: test.listed}
		job := transfer.Request{From: &test.source, To: &told{entry: test.there}}
		var x Executive
		if got := x.isUpToDate(t.Context(), statements[0], source, job); got != test.upToDate {
			t.Errorf("%s: %v", test.name, got)
		}
		if got := test.source.asked; got > 1 || got == 1 != test.asked {
			t.Errorf("%s: asked %d times", test.name, got)
		}
	}
}
