package resolver

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rsexec/sites"
	"rsexec/sites/ftp"
	"rsexec/sites/ftpd"
	"rsexec/sites/local"
)

// network is a Network of sites that the test started.
type network struct {
	byName map[string]sites.Site
	dsk    []sites.Site
}

func (n *network) Site(name string) (sites.Site, bool) { s, ok := n.byName[name]; return s, ok }
func (n *network) DSK() []sites.Site                   { return n.dsk }

func (n *network) add(t *testing.T, name, url string) {
	t.Helper()
	c, err := sites.ParseURL(name, url)
	if err != nil {
		t.Fatal(err)
	}
	s := ftp.New(c, nil)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	n.byName[name] = s
	if !c.NotInDSK {
		n.dsk = append(n.dsk, s)
	}
}

// serve starts a site server with the files given and returns its address.
func serve(t *testing.T, dialect ftpd.Dialect, files ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, f := range files {
		name := filepath.Join(root, filepath.FromSlash(f))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(f), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	l, err := ftpd.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := ftpd.Server{Dialect: dialect, Users: []ftpd.User{{Name: "u", Password: "p", Root: root}}}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return fmt.Sprintf("127.0.0.1:%d", l.Addr().(*net.TCPAddr).Port)
}

// hanging accepts connections and says nothing.
func hanging(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.Copy(io.Discard, c) // until the client gives up
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return l.Addr().String()
}

func TestResolve(t *testing.T) {
	one := serve(t, ftpd.Modern, "a", "both", "src/x", "here/a")
	two := serve(t, ftpd.Modern, "b", "both", "src/y")
	old := serve(t, ftpd.RFC438, "o")

	build := func(change func(*network)) *network {
		n := &network{byName: map[string]sites.Site{sites.LocalName: local.Site{}}}
		n.add(t, "SITE1", "ftp://u:p@"+one)
		n.add(t, "SITE2", "ftp://u:p@"+two)
		if change != nil {
			change(n)
		}
		return n
	}
	all := build(nil)
	withOld := build(func(n *network) { n.add(t, "OLD", "ftp://u:p@"+old) })
	withDown := build(func(n *network) { n.add(t, "DOWN", "ftp://u:p@127.0.0.1:1") })
	withWrong := build(func(n *network) { n.add(t, "WRONG", "ftp://u:x@"+one) })
	withHanging := build(func(n *network) { n.add(t, "SLOW", "ftp://u:p@"+hanging(t)+"?timeout=100ms") })
	apart := build(func(n *network) { n.add(t, "APART", "ftp://u:p@"+one+"/here?dsk=no") })
	none := &network{byName: map[string]sites.Site{}}
	site1 := sites.Pathname{Site: "SITE1", Path: "/here"}

	for _, c := range []struct {
		name    string
		network *network
		working sites.Pathname
		dest    bool
		typed   string
		want    string     // the pathname
		kind    sites.Kind // of the error, if want is ""
		says    string     // what the error says
		unheard int
	}{
		{name: "complete", network: all, typed: "SITE1:/a", want: "SITE1:/a"},
		{name: "complete, from the home", network: all, typed: "SITE1:src/x", want: "SITE1:/src/x"},
		{name: "the home itself", network: all, typed: "SITE1:", want: "SITE1:/"},
		{name: "another home", network: apart, typed: "APART:a", want: "APART:/here/a"},
		{name: "TENEX", network: all, typed: "[SITE1]<src>x", want: "SITE1:/src/x"},
		{name: "partial, one hit", network: all, typed: "b", want: "SITE2:/b"},
		{name: "partial, in a directory", network: all, typed: "src/y", want: "SITE2:/src/y"},
		{name: "partial, a directory", network: apart, typed: "here", want: "SITE1:/here"},
		{name: "partial, at a site of 1973", network: withOld, typed: "o", want: "OLD:o"},
		{name: "partial, several", network: all, typed: "both", kind: sites.Ambiguous, says: "SITE1:/both or SITE2:/both"},
		{name: "partial, several directories", network: all, typed: "src", kind: sites.Ambiguous, says: "SITE1:/src or SITE2:/src"},
		{name: "partial, none", network: all, typed: "nope", kind: sites.NotFound, says: "no such file at SITE1:/, SITE2:/"},
		{name: "complete, none", network: all, typed: "SITE1:/nope", kind: sites.NotFound, says: "SITE1:/nope: no such file"},
		{name: "no such site", network: all, typed: "SITE9:/a", kind: sites.NotFound, says: "no such site"},
		{name: "no site at all", network: none, typed: "a", kind: sites.NotFound, says: "no site to look it up at"},
		{name: "absolute without a site", network: all, typed: "/a", kind: sites.Usage, says: "write SITE:/a"},
		{name: "empty", network: all, typed: "", kind: sites.Usage, says: "empty"},

		{name: "working directory first", network: all, working: site1, typed: "a", want: "SITE1:/here/a"},
		{name: "absolute in the working site", network: all, working: site1, typed: "/a", want: "SITE1:/a"},
		{name: "beside the working directory", network: all, working: site1, typed: "b", want: "SITE2:/b"},

		{name: "a site down, found", network: withDown, typed: "b", want: "SITE2:/b", unheard: 1},
		{name: "a site down, not found", network: withDown, typed: "nope", kind: sites.Unreachable, says: "1 of 3 places could not be asked", unheard: 1},
		{name: "a wrong password, not found", network: withWrong, typed: "nope", kind: sites.Unreachable, says: "530", unheard: 1},
		{name: "a site hanging, found", network: withHanging, typed: "b", want: "SITE2:/b", unheard: 1},
		{name: "a site down, complete", network: withDown, typed: "DOWN:/a", kind: sites.Unreachable, says: "connect to DOWN", unheard: 1},

		{name: "destination exists", network: all, dest: true, typed: "b", want: "SITE2:/b"},
		{name: "destination at two", network: all, dest: true, typed: "both", kind: sites.Ambiguous, says: "SITE1:/both or SITE2:/both"},
		{name: "destination new, complete", network: all, dest: true, typed: "SITE1:/new", want: "SITE1:/new"},
		{name: "destination new, in the working directory", network: all, working: site1, dest: true, typed: "new", want: "SITE1:/here/new"},
		{name: "destination new, nowhere to create it", network: all, dest: true, typed: "new", kind: sites.NotFound, says: "no working directory to create it in"},
		{name: "destination new, a site down", network: withDown, working: site1, dest: true, typed: "new", kind: sites.Unreachable, says: "could not be asked", unheard: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Resolver{Network: c.network, Working: c.working}
			ask := r.Source
			if c.dest {
				ask = r.Destination
			}
			res, err := ask(t.Context(), c.typed)
			if len(res.Unheard()) != c.unheard {
				t.Errorf("not heard: %v", res.Unheard())
			}
			if c.want == "" {
				if sites.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v error %q, want %v with %q", sites.KindOf(err), err, c.kind, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if res.Pathname.String() != c.want {
				t.Errorf("%s, want %s", res.Pathname, c.want)
			}
		})
	}

	t.Run("a choice is asked for", func(t *testing.T) {
		r := Resolver{Network: all, Choose: func(_ context.Context, typed string, found []Place) (int, error) {
			if typed != "both" || len(found) != 2 {
				t.Errorf("asked about %s with %v", typed, found)
			}
			return 1, nil
		}}
		res, err := r.Source(t.Context(), "both")
		if err != nil || res.Pathname.Site != "SITE2" {
			t.Errorf("%v, %v", res.Pathname, err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		r := Resolver{Network: withHanging}
		if _, err := r.Source(ctx, "a"); sites.KindOf(err) != sites.Cancelled {
			t.Error(err)
		}
	})
}
