package resolver

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftp"
	"rsexec/sites/ftpd"
	"rsexec/sites/local"
)

// network is a Network of sites that the test started.
type network struct {
	byName map[string]sites.Site
	names  []string
	dsk    []sites.Site
	down   map[string]error

	mu    sync.Mutex
	heard map[string][]sites.Kind // what came of asking, where that was an error
}

func (n *network) Site(name string) (sites.Site, bool) { s, ok := n.byName[name]; return s, ok }
func (n *network) DSK() []sites.Site                   { return n.dsk }
func (n *network) Names() []string                     { return n.names }
func (n *network) Down(site string) error              { return n.down[site] }
func (n *network) Heard(site string, err error) {
	if err != nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.heard[site] = append(n.heard[site], sites.KindOf(err))
	}
}

func (n *network) Visit(url string) (sites.Site, error) {
	c, err := sites.ParseURL("VISITED", url)
	if err != nil {
		return nil, err
	}
	c.Name = c.Identity()
	n.mu.Lock()
	defer n.mu.Unlock()
	if s, ok := n.byName[c.Name]; ok {
		return s, nil
	}
	s := ftp.New(c, ftp.Options{})
	n.byName[c.Name] = s
	return s, nil
}

// newNetwork returns a network of the sites given, each NAME=URL.
func newNetwork(t testing.TB, named ...string) *network {
	t.Helper()
	n := &network{byName: map[string]sites.Site{sites.LocalName: local.Site{}}, heard: make(map[string][]sites.Kind)}
	for _, s := range named {
		name, url, _ := strings.Cut(s, "=")
		c, err := sites.ParseURL(name, url)
		if err != nil {
			t.Fatal(err)
		}
		site := ftp.New(c, ftp.Options{})
		n.byName[name] = site
		n.names = append(n.names, name)
		if !c.NotInDSK {
			n.dsk = append(n.dsk, site)
		}
	}
	t.Cleanup(func() {
		for _, s := range n.byName {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return n
}

// tree makes files in a folder, each with its own name as its contents; a name
// with "->" is a link, one that ends in a slash a directory.
func tree(t testing.TB, files ...string) (root string) {
	t.Helper()
	root = t.TempDir()
	for _, f := range files {
		f, target, link := strings.Cut(f, "->")
		name := filepath.Join(root, filepath.FromSlash(f))
		err := os.MkdirAll(filepath.Dir(name), 0o755)
		switch {
		case err != nil:
		case link:
			err = os.Symlink(target, name)
		case strings.HasSuffix(f, "/"):
			err = os.MkdirAll(name, 0o755)
		default:
			err = os.WriteFile(name, []byte(f), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// serve starts a site server with the files given and returns its address.
func serve(t testing.TB, dialect ftpd.Dialect, files ...string) string {
	t.Helper()
	l, err := ftpd.Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := ftpd.Server{Dialect: dialect, Users: []ftpd.User{{Name: "u", Password: "p", Root: tree(t, files...)}}}
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
func hanging(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				io.Copy(io.Discard, c) // until the client gives up
				c.Close()
			})
		}
	})
	t.Cleanup(func() { l.Close(); group.Wait() })
	return l.Addr().String()
}

// refusing is an address where nobody listens.
func refusing(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// memory is an Index in memory.
type memory struct {
	homes map[string]string
	dirs  map[sites.Pathname]bool // listed, and fresh
	names map[string][]remembered
	finds int
}

type remembered struct {
	dir   sites.Pathname
	entry sites.Entry
}

func newMemory() *memory {
	return &memory{homes: make(map[string]string), dirs: make(map[sites.Pathname]bool), names: make(map[string][]remembered)}
}

// list remembers the listing of a directory; a name with a slash at its end is
// a directory.
func (m *memory) list(site, dir string, names ...string) {
	d := sites.Pathname{Site: site, Path: dir}
	m.dirs[d] = true
	for _, n := range names {
		e := sites.Entry{Name: strings.TrimSuffix(n, "/"), Type: sites.File}
		if e.Name != n {
			e.Type = sites.Directory
		}
		m.names[e.Name] = append(m.names[e.Name], remembered{d, e})
	}
}

func (m *memory) Home(site string) (string, bool) { h, ok := m.homes[site]; return h, ok }
func (m *memory) Fresh(dir sites.Pathname) bool   { return m.dirs[dir] }
func (m *memory) Find(_ context.Context, name string, yield func(sites.Pathname, sites.Entry, time.Time) bool) error {
	m.finds++
	for _, r := range m.names[name] {
		if !yield(r.dir, r.entry, time.Unix(1, 0)) {
			return nil
		}
	}
	return nil
}

// commands watches which sites commands go to.
type commands struct {
	mu    sync.Mutex
	sites []string
}

func (c *commands) under(ctx context.Context) context.Context {
	return sites.WithTrace(ctx, &sites.Trace{Command: func(site string, _ int, _ string) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !slices.Contains(c.sites, site) {
			c.sites = append(c.sites, site)
		}
	}})
}

// String returns the names of the sites that commands went to, in order.
func (c *commands) String() string {
	slices.Sort(c.sites)
	return strings.Join(c.sites, " ")
}
