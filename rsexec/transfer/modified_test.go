package transfer

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
	"rsexec/sites/local"
)

// TestCarryModified carries times to each server, and counts the commands that this
// takes for the first file and for those behind it.
func TestCarryModified(t *testing.T) {
	t.Parallel()
	with := func(p ftptest.Peer) func(*testing.T) *host {
		return func(t *testing.T) *host { return peer(t, p, ftptest.Options{}, nil) }
	}
	for _, test := range []struct {
		name        string
		start       func(*testing.T) *host
		first, next int // how many commands
		carried     bool
	}{
		{"vsftpd", with(ftptest.VSFTPD), 2, 1, true},
		{"proftpd", with(ftptest.ProFTPD), 1, 1, true},
		{"pure-ftpd", with(ftptest.PureFTPd), 1, 1, true},
		{"pyftpdlib", with(ftptest.Pyftpdlib), 1, 1, true},
		{"inetutils-ftpd", with(ftptest.Inetutils), 4, 0, false},
		{"ftpd", func(t *testing.T) *host { return serve(t, nil) }, 1, 1, true},
		{"ftpd of 1973", func(t *testing.T) *host { return serve(t, func(s *ftpd.Server) { s.Dialect = ftpd.RFC438 }) }, 3, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := test.start(t)
			f := siteAt(t, "SITE1", h.url, "")
			at := time.Date(2020, 1, 2, 3, 4, 5, 678, time.UTC)
			var took []int
			for i, name := range []string{"a", "two words", "c"} {
				put(t, f, name)
				var commands sent
				carried, err := carryModified(commands.under(within(t)), f, "/"+name, at)
				if carried != test.carried || err != nil {
					t.Errorf("%s: carried %v, %v", name, carried, err)
				}
				took = append(took, commands.count(""))
				t.Logf("file %d: %d commands: %q", i+1, took[i], commands.lines)
				if got := modifiedOf(t, filepath.Join(h.root, name)); got.Equal(at.Truncate(time.Second)) != test.carried {
					t.Errorf("%s was modified at %v", name, got)
				}
			}
			if want := []int{test.first, test.next, test.next}; !slices.Equal(took, want) {
				t.Errorf("took %d commands, want %d", took, want)
			}
		})
	}
}

// put stores a file in the home of a site, so that it is the user's.
func put(t *testing.T, to sites.Site, name string) {
	t.Helper()
	w, err := to.Store(within(t), "/"+name, sites.Replace)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("hello")); err != nil {
		t.Error(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

func modifiedOf(t *testing.T, file string) time.Time {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}

// untouchable is a site that is no sites.Toucher.
type untouchable struct{ sites.Site }

// TestCarryModifiedHere carries times to this host, and what is no error.
func TestCarryModifiedHere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "a")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	here := local.Site{Dir: filepath.ToSlash(dir)}
	at := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for _, test := range []struct {
		name    string
		ctx     context.Context
		to      sites.Site
		path    string
		at      time.Time
		carried bool
		kind    sites.Kind // of the error; Other is none
	}{
		{"no such file", t.Context(), here, "gone", at, false, sites.NotFound},
		{"stopped", stopped, here, "a", at, false, sites.Cancelled},
		{"no time", t.Context(), here, "a", time.Time{}, false, sites.Other},
		{"no way", t.Context(), untouchable{here}, "a", at, false, sites.Other},
		{"carried", t.Context(), here, "a", at, true, sites.Other},
		{"carried again, before 1970", t.Context(), here, "a", at.AddDate(-60, 0, 0), true, sites.Other},
	} {
		before := modifiedOf(t, file)
		carried, err := carryModified(test.ctx, test.to, test.path, test.at)
		if carried != test.carried || sites.KindOf(err) != test.kind || (err == nil) != (test.kind == sites.Other) {
			t.Errorf("%s: %v, %v", test.name, carried, err)
		}
		want := before
		if test.carried {
			want = test.at
		}
		if got := modifiedOf(t, file); !got.Equal(want) {
			t.Errorf("%s: modified at %v, want %v", test.name, got, want)
		}
	}
}
