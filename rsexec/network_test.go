package rsexec

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rsexec/grammar"
	"rsexec/sites"
	"rsexec/sites/ftp"
	"rsexec/sites/ftpd"
)

// serve starts a site server with the files given, each with its text, and
// returns its URL and its folder.
func serve(t testing.TB, files map[string]string) (url, root string) {
	t.Helper()
	return serveAt(t, "127.0.0.1", files, netip.MustParsePrefix("127.0.0.0/8"))
}

// serveAt is serve at an address, for these peers.
func serveAt(t testing.TB, host string, files map[string]string, peers ...netip.Prefix) (url, root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	l, err := ftpd.Listen(t.Context(), host+":0")
	if err != nil {
		t.Fatal(err)
	}
	server := ftpd.Server{
		Users:      []ftpd.User{{Name: "u", Password: "p", Root: root}},
		AllowPeers: peers,
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return fmt.Sprintf("ftp://u:p@%s", l.Addr()), root
}

// shell is an executive with what it printed.
type shell struct {
	*Executive
	out, err bytes.Buffer
}

// newShell returns an executive over the sites given as NAME=URL.
func newShell(t testing.TB, change func(*Options), named ...string) *shell {
	t.Helper()
	s := &shell{}
	o := Options{Out: &s.out, Err: &s.err}
	for _, n := range named {
		name, url, _ := strings.Cut(n, "=")
		c, err := sites.ParseURL(name, url)
		if err != nil {
			t.Fatal(err)
		}
		o.Sites = append(o.Sites, c)
	}
	if change != nil {
		change(&o)
	}
	x, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Executive = x
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// run performs statements and returns what they printed, and the error of the
// last one.
func (s *shell) run(t testing.TB, text string) (string, error) {
	t.Helper()
	s.out.Reset()
	s.err.Reset()
	statements, err := grammar.Parse("", text)
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range statements {
		if err = s.Run(t.Context(), st); err != nil {
			break
		}
	}
	return s.out.String(), err
}

// write writes a file below root.
func write(t testing.TB, root, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// none is no kind of error.
const none = sites.Other

// TestVisit reaches a site by URLs with and without its password.
func TestVisit(t *testing.T) {
	url, _ := serve(t, map[string]string{"f": "text"})
	bare := strings.Replace(url, ":p@", "@", 1)
	named, err := sites.ParseURL("SITE1", url+"/home")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		known  []sites.Config // by a name
		visits []string
		kinds  []sites.Kind // of the errors; none where it is reached
	}{
		{"another password", nil, []string{strings.Replace(url, ":p@", ":q@", 1), url, bare, url}, []sites.Kind{sites.Login, none, none, none}},
		{"the site has a name", []sites.Config{named}, []string{bare}, []sites.Kind{none}},
		{"no password", nil, []string{bare, url}, []sites.Kind{sites.Login, none}},
	} {
		t.Run(test.name, func(t *testing.T) {
			n, err := newNetwork(test.known, ftp.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for i, u := range test.visits {
				s, err := n.Visit(u)
				if err != nil {
					t.Fatal(err)
				}
				if s.Name() != bare {
					t.Errorf("it is called %s", s.Name())
				}
				_, err = s.Stat(t.Context(), "/f")
				if (err == nil) != (test.kinds[i] == none) || err != nil && sites.KindOf(err) != test.kinds[i] {
					t.Errorf("visit %d: %v", i+1, err)
				}
				if home, err := s.Home(t.Context()); test.kinds[i] == none && (err != nil || home != "/") {
					t.Errorf("its home is %q, %v", home, err)
				}
			}
			if err := n.close(); err != nil {
				t.Error(err)
			}
		})
	}
}
