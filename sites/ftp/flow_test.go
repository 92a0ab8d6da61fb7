package ftp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"

	"rsexec/sites"
	"rsexec/sites/ftptest"
	"rsexec/sites/local"
)

// noise returns so many bytes, the same each time, none of which can be taken for others.
func noise(size int) []byte {
	b := make([]byte, size)
	source := rand.NewChaCha8([32]byte{'n'})
	source.Read(b) // it cannot fail
	return b
}

// session takes a session with a site for the length of a test.
func session(ctx context.Context, t testing.TB, f *Site) *Session {
	t.Helper()
	taken, err := f.Take(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Put(taken[0]) })
	return taken[0]
}

// TestFlowUnderTLS holds that a large file passes through this program whole and in
// order, with TLS at either end or both.
func TestFlowUnderTLS(t *testing.T) {
	t.Parallel()
	a := ftptest.NewAuthority(t)
	text := noise(3*pieceSize + headSize + 12345)
	for _, test := range []struct{ source, dest string }{{"require", "off"}, {"off", "require"}, {"require", "require"}} {
		t.Run(fmt.Sprintf("source tls=%s, destination tls=%s", test.source, test.dest), func(t *testing.T) {
			t.Parallel()
			from, to := protected(t, a, nil), protected(t, a, nil)
			if err := os.WriteFile(filepath.Join(from.Root, "f"), text, 0o600); err != nil {
				t.Fatal(err)
			}
			var count counter
			ctx := count.under(within(t, patience))
			source := session(ctx, t, siteWith(t, from, "ftp", "tls-ca="+a.File()+"&tls="+test.source, Options{}))
			dest := session(ctx, t, siteWith(t, to, "ftp", "tls-ca="+a.File()+"&tls="+test.dest, Options{}))
			r, err := source.Open(ctx, "/f", 0)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			w, err := dest.Store(ctx, "/g", sites.Replace)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(w, r); n != int64(len(text)) || err != nil {
				t.Errorf("copied %d bytes, %v", n, err)
			}
			if err := w.Commit(); err != nil {
				t.Error(err)
			}
			count.check(t, int64(len(text)), int64(len(text)))
			if got, err := os.ReadFile(filepath.Join(to.Root, "g")); err != nil || !bytes.Equal(got, text) {
				t.Errorf("%d bytes arrived, not what was sent, %v", len(got), err)
			}
		})
	}
}

// TestFlowPassesOn holds that what has come under TLS is passed on though more is to come:
// the other side sends that only when it has seen the first.
func TestFlowPassesOn(t *testing.T) {
	t.Parallel()
	a := ftptest.NewAuthority(t)
	near, far := net.Pipe()
	passed := make(chan int, 1000)
	served := make(chan error, 1)
	go func() {
		defer close(served)
		c := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{a.Issue("flow.test")}})
		for _, size := range []int{headSize, 5, pieceSize + 5, 1} {
			if _, err := c.Write(make([]byte, size)); err != nil {
				served <- err
				return
			}
			for size > 0 {
				size -= <-passed
			}
		}
	}()
	ctx := within(t, patience)
	defer context.AfterFunc(ctx, func() { near.Close() })()
	w := &wire{Conn: near}
	c, err := handshake(ctx, "TEST", w, &tls.Config{ServerName: "flow.test", RootCAs: a.Pool()})
	if err != nil {
		t.Fatal(err)
	}
	enough, left := errors.New("enough"), headSize+5+pieceSize+5+1
	r := reader{&dataConn{conn: c, wire: w, ctx: ctx, trace: sites.TraceOf(ctx), s: &Session{Conn: &Conn{site: "TEST"}}}}
	_, err = r.copyTo(writerFunc(func(p []byte) (int, error) {
		select {
		case passed <- len(p):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		if left -= len(p); left == 0 {
			return len(p), enough
		}
		return len(p), nil
	}))
	if err != enough {
		t.Error(err)
	}
	near.Close() // for a server that still writes
	if err := <-served; err != nil {
		t.Error(err)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestSlowRelay holds that what passes through the kernel is counted though it comes
// slowly: its source goes on only when the first of it was counted.
func TestSlowRelay(t *testing.T) {
	t.Parallel()
	const first, rest = 3 * firstChunk / 2, 10
	source := site(t, ftptest.Play(t, loggedIn+pasv+
		fmt.Sprintf("C: RETR /f\nS: 150 go\nD> %d\nC: NOOP\nD> %d\nDX\nS: 226 done\nS: 200 ok\n", first, rest)+next), "")
	dest := site(t, ftptest.Play(t, loggedIn+pasv+
		fmt.Sprintf("C: STOR /f\nS: 150 go\nD< %d\nD<\nS: 226 done\n", first+rest)+next), "")
	ctx := within(t, patience)
	from, err := source.Take(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	counted := int64(0)
	r, err := from[0].Open(sites.WithTrace(ctx, &sites.Trace{Data: func(_ string, received, _ int64) {
		if counted += received; counted == first && received > 0 {
			if _, err := from[0].Send(ctx, nil, "NOOP"); err != nil {
				t.Error(err)
			}
		}
	}}), "/f", 0)
	if err != nil {
		t.Fatal(err)
	}
	w, err := dest.Store(ctx, "/f", sites.Replace)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(w, r); n != first+rest || err != nil {
		t.Errorf("copied %d bytes, %v", n, err)
	}
	if err := errors.Join(r.Close(), w.Commit()); err != nil {
		t.Error(err)
	}
	from[0].Settle(patience)
	source.Put(from[0])
	checkNext(t, source)
	checkNext(t, dest)
}

// TestSendFile holds that a file of this host arrives whole, from where it is to be read,
// and is counted.
func TestSendFile(t *testing.T) {
	t.Parallel()
	a := ftptest.NewAuthority(t)
	text := noise(2*dataChunk + 12345)
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	to := protected(t, a, nil)
	for i, test := range []struct {
		query  string
		offset int64
	}{{"tls=off", 0}, {"tls=off", 12345}, {"tls=require", 0}, {"tls=require", 12345}} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			t.Parallel()
			var count counter
			ctx := count.under(within(t, patience))
			s := session(ctx, t, siteWith(t, to, "ftp", "tls-ca="+a.File()+"&"+test.query, Options{}))
			r, err := local.Site{}.Open(ctx, path, test.offset)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			name := fmt.Sprintf("g%d", i)
			w, err := s.Store(ctx, "/"+name, sites.Replace)
			if err != nil {
				t.Fatal(err)
			}
			want := text[test.offset:]
			if n, err := io.Copy(w, r); n != int64(len(want)) || err != nil {
				t.Errorf("copied %d bytes, %v", n, err)
			}
			if err := w.Commit(); err != nil {
				t.Error(err)
			}
			count.check(t, 0, int64(len(want)))
			if got, err := os.ReadFile(filepath.Join(to.Root, name)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes arrived, not what was sent, %v", len(got), err)
			}
		})
	}
}

// TestSendFileStopped ends the context while the kernel sends a file.
func TestSendFileStopped(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<30); err != nil { // more than anybody has room for
		t.Fatal(err)
	}
	f := site(t, ftptest.Play(t, loggedIn+pasv+"C: STOR /f\nS: 150 go\nD< 5\n"+aborted+next), "")
	ctx, stop := context.WithCancel(within(t, patience))
	defer stop()
	s := session(ctx, t, f)
	w, err := s.Store(sites.WithTrace(ctx, &sites.Trace{Data: func(_ string, _, sent int64) { stop() }}), "/f", sites.Replace)
	if err != nil {
		t.Fatal(err)
	}
	r, err := local.Site{}.Open(ctx, path, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	checkKind(t, "sending", err, sites.Cancelled)
	w.Abort()
	if _, err := s.Must(within(t, patience), "DELE /next"); err != nil {
		t.Error(err)
	}
}

// badDisk is a file of this host that cannot be read.
type badDisk struct{ file *os.File }

var errBadDisk = errors.New("bad disk")

func (badDisk) Read([]byte) (int, error) { return 0, errBadDisk }
func (d badDisk) Regular() *os.File      { return d.file }
func (badDisk) Stopped() error           { return nil }

// TestSendBadFile holds that a file that cannot be read is not taken for a connection that
// was lost.
func TestSendBadFile(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	file.Close() // so that the kernel does not have it
	f := site(t, ftptest.Play(t, loggedIn+pasv+"C: STOR /f\nS: 150 go\n"+aborted+"DX\n"+next), "")
	ctx := within(t, patience)
	s := session(ctx, t, f)
	w, err := s.Store(ctx, "/f", sites.Replace)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, badDisk{file}); err != errBadDisk {
		t.Error(err)
	}
	w.Abort()
	if _, err := s.Must(ctx, "DELE /next"); err != nil {
		t.Error(err)
	}
}
