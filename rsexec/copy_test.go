package rsexec

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rsexec/grammar"
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
		text     string // at the source; "other" at the destination
		from, to time.Time
		copied   bool
	}{
		"later in the minute":   {"text1", recent.Add(40 * second), recent.Add(20 * second), true},
		"same in the minute":    {"text1", recent.Add(20 * second), recent.Add(20 * second), false},
		"earlier in the minute": {"text1", recent.Add(20 * second), recent.Add(40 * second), false},
		"a minute later":        {"text1", recent.Add(60 * second), recent.Add(20 * second), true},
		"later in the day":      {"text1", old.Add(12 * hour), old.Add(8 * hour), true},
		"same in the day":       {"text1", old.Add(12 * hour), old.Add(12 * hour), false},
		"another size":          {"text", recent, recent.Add(hour), true},
		"not there":             {"text1", recent, time.Time{}, true},
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
		want := "other"
		if test.copied {
			want = test.text
		}
		if got := text(t, root, name); got != want {
			t.Errorf("%s: the destination has %q, want %q", name, got, want)
		}
		if asked[name] != 1 {
			t.Errorf("%s: asked %d times for its time, which is to be compared or carried over", name, asked[name])
		}
	}

	// Now all are as they are at the source, and as late.
	x.out.Reset()
	if update(); strings.Contains(x.out.String(), "to SITE2:") {
		t.Errorf("copied again: %s", x.out.String())
	}
}
