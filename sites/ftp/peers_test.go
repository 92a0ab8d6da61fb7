package ftp

import (
	"bytes"
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

	"rsexec/sites"
	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
)

// oddNames are names that a naive client breaks.
var oddNames = []string{"a b", "-dash", "ümlaut ☃", "a[b]*?.txt", "semi;colon=x", `quo"te`, "it's {a,b}", "~tilde"}

// peer is a server that the table below is run against.
type peer struct {
	name  string
	start func(t *testing.T) *ftptest.Server
}

func peers() []peer {
	var all []peer
	for _, p := range ftptest.Peers() {
		all = append(all, peer{string(p), func(t *testing.T) *ftptest.Server { return ftptest.Start(t, p, ftptest.Options{}) }})
	}
	return append(all, peer{"ftpd", func(t *testing.T) *ftptest.Server { return own(t, "127.0.0.1", ftpd.Modern) }},
		peer{"ftpd over IPv6", func(t *testing.T) *ftptest.Server { return own(t, "::1", ftpd.Modern) }})
}

// own starts our own server; it skips where the host has no such address.
func own(t testing.TB, host string, d ftpd.Dialect) *ftptest.Server {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	l, err := ftpd.Listen(ctx, net.JoinHostPort(host, "0"))
	if err != nil {
		stop()
		if strings.Contains(host, ":") {
			t.Skipf("no IPv6 here: %v", err)
		}
		t.Fatal(err)
	}
	s := &ftptest.Server{Host: host, Port: l.Addr().(*net.TCPAddr).Port, User: "anchor", Password: "secret", Root: t.TempDir()}
	server := ftpd.Server{Users: []ftpd.User{{Name: s.User, Password: s.Password, Root: s.Root}}, Dialect: d}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestPeers does the same with every server, in the passive way and the active
// one.
func TestPeers(t *testing.T) {
	for _, p := range peers() {
		for _, options := range []string{"passive=yes", "passive=no"} {
			t.Run(p.name+"/"+options, func(t *testing.T) {
				t.Parallel()
				s := p.start(t)
				f := site(t, s, options+"&timeout=3s")
				ctx := within(t, 2*patience)
				if home, err := f.Home(ctx); home != "/" || err != nil {
					t.Fatalf("home %q, %v", home, err)
				}
				files(t, ctx, f, s.Root)
				oddFiles(t, ctx, f)
				missing(t, ctx, f)
				cancelling(t, ctx, f, s.Root)
				if options == "passive=no" {
					return // servers take seconds to refuse a password
				}
				wrong := site(t, s, "")
				wrong.config.Password = "wrong"
				checkKind(t, "a wrong password", wrong.Meet(ctx), sites.Login)
			})
		}
	}
}

// files goes through what can be done with one file.
func files(t *testing.T, ctx context.Context, f *Site, root string) {
	var count counter
	counted := count.under(ctx)
	if err := store(counted, f, "/f", "0123456789", sites.Replace); err != nil {
		t.Fatal(err)
	}
	if err := store(counted, f, "/f", "abc", sites.Append); err != nil {
		t.Error(err)
	}
	checkDisk(t, filepath.Join(root, "f"), "0123456789abc")
	for offset, want := range map[int64]string{0: "0123456789abc", 5: "56789abc", 12: "c"} {
		if text, err := read(counted, f, "/f", offset); text != want || err != nil {
			t.Errorf("from %d: %q, %v; want %q", offset, text, err, want)
		}
	}
	count.check(t, 13+8+1, 13)
	if err := store(ctx, f, "/empty", "", sites.Replace); err != nil {
		t.Error(err)
	}
	if text, err := read(ctx, f, "/empty", 0); text != "" || err != nil {
		t.Errorf("an empty file: %q, %v", text, err)
	}
	// A restart that came to nothing must not shift what is stored next.
	_, err := read(ctx, f, "/gone", 3)
	checkKind(t, "restart of a missing file", err, sites.NotFound)
	if err := store(ctx, f, "/f", "short", sites.Replace); err != nil {
		t.Error(err)
	}
	checkDisk(t, filepath.Join(root, "f"), "short")
	if e, err := f.Stat(ctx, "/f"); err != nil || e.Name != "f" || e.Type != sites.File || e.Size != 5 || e.Modified.IsZero() {
		t.Errorf("the file is %+v, %v", e, err)
	}

	if err := f.MakeDirectory(ctx, "/d"); err != nil {
		t.Error(err)
	}
	if e, err := f.Stat(ctx, "/d"); err != nil || e.Name != "d" || e.Type != sites.Directory {
		t.Errorf("the directory is %+v, %v", e, err)
	}
	if got, err := names(t, f, "/d"); err != nil || len(got) != 0 {
		t.Errorf("an empty directory holds %q, %v", got, err)
	}
	if err := f.Rename(ctx, "/f", "/d/g h"); err != nil {
		t.Error(err)
	}
	if text, err := read(ctx, f, "/d/g h", 0); text != "short" || err != nil {
		t.Errorf("renamed: %q, %v", text, err)
	}
	if err := f.RemoveDirectory(ctx, "/d"); err == nil || sites.KindOf(err) == sites.NotFound {
		t.Errorf("removing a full directory: %v", err)
	}
	if err := f.Delete(ctx, "/d/g h"); err != nil {
		t.Error(err)
	}
	if err := f.RemoveDirectory(ctx, "/d"); err != nil {
		t.Error(err)
	}
	checkGone(t, filepath.Join(root, "d"))
}

func checkDisk(t testing.TB, path, want string) {
	t.Helper()
	if b, err := os.ReadFile(path); err != nil || string(b) != want {
		t.Errorf("%s holds %q, %v; want %q", path, b, err, want)
	}
}

func checkGone(t testing.TB, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("%s is there: %v", path, err)
	}
}

// oddFiles stores, lists, reads and deletes files with odd names, in a
// directory with an odd name.
func oddFiles(t *testing.T, ctx context.Context, f *Site) {
	const dir = "/x [y] {z}"
	if err := f.MakeDirectory(ctx, dir); err != nil {
		t.Fatal(err)
	}
	for i, name := range oddNames {
		if err := store(ctx, f, dir+"/"+name, strings.Repeat("x", i), sites.Replace); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	got := make(map[string]sites.Entry)
	if err := f.List(ctx, dir, func(e sites.Entry) bool {
		got[e.Name] = e
		return true
	}); err != nil {
		t.Errorf("listing: %v", err)
	}
	for i, name := range oddNames {
		if e := got[name]; e.Type != sites.File || e.Size != int64(i) || e.Modified.IsZero() {
			t.Errorf("%q is listed as %+v", name, e)
		}
		if e, err := f.Stat(ctx, dir+"/"+name); err != nil || e.Size != int64(i) || e.Name != name {
			t.Errorf("%q is %+v, %v", name, e, err)
		}
		if text, err := read(ctx, f, dir+"/"+name, 0); len(text) != i || err != nil {
			t.Errorf("%q: read %q, %v", name, text, err)
		}
		if err := f.Delete(ctx, dir+"/"+name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	if len(got) != len(oddNames) {
		t.Errorf("listed %v", got)
	}
	if err := f.RemoveDirectory(ctx, dir); err != nil {
		t.Error(err)
	}
}

// missing asks for what is not there.
func missing(t *testing.T, ctx context.Context, f *Site) {
	_, err := f.Stat(ctx, "/gone")
	checkKind(t, "look at a missing file", err, sites.NotFound)
	_, err = f.Stat(ctx, "/gone/f")
	checkKind(t, "look into a missing directory", err, sites.NotFound)
	_, err = read(ctx, f, "/gone", 0)
	checkKind(t, "read a missing file", err, sites.NotFound)
	checkKind(t, "rename a missing file", f.Rename(ctx, "/gone", "/x"), sites.NotFound)
	checkKind(t, "delete a missing file", f.Delete(ctx, "/gone"), sites.NotFound)
	if err := store(ctx, f, "/gone/f", "x", sites.Replace); sites.KindOf(err) != sites.NotFound && sites.KindOf(err) != sites.Permission {
		t.Errorf("store in a missing directory: %v (%v)", err, sites.KindOf(err))
	}
}

// cancelling calls off transfers of a big file and goes on with the same site.
func cancelling(t *testing.T, ctx context.Context, f *Site, root string) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 2<<20)
	if err := os.WriteFile(filepath.Join(root, "big"), big, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		what     string
		transfer func(context.Context, *Site, func()) error
	}{
		{"reading", readUntil("/big", 1000)},
		{"writing", func(ctx context.Context, f *Site, begun func()) error {
			w, err := f.Store(ctx, "/part", sites.Replace)
			if err != nil {
				return err
			}
			defer w.Abort()
			if _, err := w.Write(big[:1000]); err != nil {
				return err
			}
			begun()
			for {
				if _, err := w.Write(big); err != nil {
					return err
				}
			}
		}},
	} {
		called, stop := context.WithCancel(ctx)
		checkKind(t, test.what, test.transfer(called, f, stop), sites.Cancelled)
		stop()
		if e, err := f.Stat(ctx, "/big"); err != nil || e.Size != int64(len(big)) {
			t.Errorf("after %s: %+v, %v", test.what, e, err)
		}
	}
	r, err := f.Open(ctx, "/big", 0)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.CopyN(io.Discard, r, 1<<20); n != 1<<20 || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("closing early: %v", err)
	}
	if err := store(ctx, f, "/part", "x", sites.Replace); err != nil {
		t.Error(err)
	}
	checkDisk(t, filepath.Join(root, "part"), "x")
	for _, name := range []string{"/big", "/part"} {
		if err := f.Delete(ctx, name); err != nil {
			t.Error(err)
		}
	}
}

// TestRelayBetweenPeers carries a file from each server to the next one.
func TestRelayBetweenPeers(t *testing.T) {
	t.Parallel()
	text := bytes.Repeat([]byte("0123456789abcdef"), 600_000) // more than two chunks
	var first, last *Site
	var root string
	for i, p := range ftptest.Peers() {
		s := ftptest.Start(t, p, ftptest.Options{})
		to := site(t, s, "")
		root = s.Root
		if first == nil {
			first, last = to, to
			if err := os.WriteFile(filepath.Join(root, "f"), text, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var count counter
		ctx := count.under(within(t, patience))
		r, err := last.Open(ctx, "/f", 0)
		if err != nil {
			t.Fatal(err)
		}
		w, err := to.Store(ctx, "/f", sites.Replace)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(w, r); err != nil || n != int64(len(text)) {
			t.Errorf("%d: copied %d bytes, %v", i, n, err)
		}
		if err := w.Commit(); err != nil {
			t.Error(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		count.check(t, int64(len(text)), int64(len(text)))
		last = to
	}
	if got, err := os.ReadFile(filepath.Join(root, "f")); err != nil || !bytes.Equal(got, text) {
		t.Errorf("the file differs at the end: %d bytes, %v", len(got), err)
	}
}

// TestOldDialects does with our servers of 1973 what they can do.
func TestOldDialects(t *testing.T) {
	for _, d := range []ftpd.Dialect{ftpd.RFC438, ftpd.RFC478} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			s := own(t, "127.0.0.1", d)
			f := site(t, s, "")
			ctx := within(t, patience)
			if err := store(ctx, f, "/f", "0123456789", sites.Replace); err != nil {
				t.Fatal(err)
			}
			if !f.Old() {
				t.Error("the dialect is not that of 1973")
			}
			if err := store(ctx, f, "/f", "abc", sites.Append); err != nil {
				t.Error(err)
			}
			checkDisk(t, filepath.Join(s.Root, "f"), "0123456789abc")
			if text, err := read(ctx, f, "/f", 0); text != "0123456789abc" || err != nil {
				t.Errorf("read %q, %v", text, err)
			}
			_, err := read(ctx, f, "/f", 5)
			checkKind(t, "a restart", err, sites.Unsupported)
			if err := f.Rename(ctx, "/f", "/a b"); err != nil {
				t.Error(err)
			}
			if e, err := f.Stat(ctx, "/a b"); err != nil || e.Name != "a b" {
				t.Errorf("the file is %+v, %v", e, err)
			}
			if got, err := names(t, f, "/"); err != nil || !slices.Equal(got, []string{"a b"}) {
				t.Errorf("listed %q, %v", got, err)
			}
			_, err = f.Stat(ctx, "/f")
			checkKind(t, "look at a missing file", err, sites.NotFound)
			_, err = read(ctx, f, "/f", 0)
			checkKind(t, "read a missing file", err, sites.NotFound)
			cancelOld(t, ctx, f, s.Root)
			if err := f.Delete(ctx, "/a b"); err != nil {
				t.Error(err)
			}
			checkGone(t, filepath.Join(s.Root, "a b"))
			wrong := site(t, s, "")
			wrong.config.Password = "wrong"
			checkKind(t, "a wrong password", wrong.Meet(ctx), sites.Login)
		})
	}
}

// TestOldDialectsAtOnce reads different files over several sessions at once:
// none gets another's data, though all sessions of a server of RFC 478 share
// one data socket.
func TestOldDialectsAtOnce(t *testing.T) {
	for _, d := range []ftpd.Dialect{ftpd.RFC438, ftpd.RFC478} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			s := own(t, "127.0.0.1", d)
			f := site(t, s, "max-sessions=4")
			ctx := within(t, patience)
			var group sync.WaitGroup
			for k := range 4 {
				name := fmt.Sprintf("file%d", k)
				if err := os.WriteFile(filepath.Join(s.Root, name), []byte(name), 0o644); err != nil {
					t.Fatal(err)
				}
				group.Go(func() {
					for range 40 {
						if text, err := read(ctx, f, "/"+name, 0); text != name || err != nil {
							t.Errorf("%s: read %q, %v", name, text, err)
							return
						}
					}
				})
			}
			group.Wait()
		})
	}
}

// cancelOld calls off the reading of a big file and reads it again.
func cancelOld(t *testing.T, ctx context.Context, f *Site, root string) {
	const size = 32 << 20
	if err := os.WriteFile(filepath.Join(root, "big"), make([]byte, size), 0o644); err != nil {
		t.Fatal(err)
	}
	called, stop := context.WithCancel(ctx)
	defer stop()
	checkKind(t, "reading", readUntil("/big", 1000)(called, f, stop), sites.Cancelled)
	if text, err := read(ctx, f, "/big", 0); len(text) != size || err != nil {
		t.Errorf("read %d bytes, %v", len(text), err)
	}
}
