package ftp

import (
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"rsexec/sites"
	"rsexec/sites/ftptest"
)

// TestSessionLimit works with more sessions than servers allow.
func TestSessionLimit(t *testing.T) {
	for _, p := range []ftptest.Peer{ftptest.VSFTPD, ftptest.ProFTPD, ftptest.PureFTPd, ftptest.Pyftpdlib} {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			s := ftptest.Start(t, p, ftptest.Options{MaxSessions: 2})
			if err := os.WriteFile(filepath.Join(s.Root, "f"), []byte("abc"), 0o644); err != nil {
				t.Fatal(err)
			}
			f := site(t, s, "max-sessions=8")
			ctx := within(t, 3*patience)
			var group sync.WaitGroup
			for range 20 {
				group.Go(func() {
					if e, err := f.Stat(ctx, "/f"); err != nil || e.Size != 3 {
						t.Errorf("the file is %+v, %v", e, err)
					}
				})
			}
			group.Wait()

			both, err := f.Take(ctx, 2)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := f.TryTake(ctx); ok {
				t.Error("there is a third session")
			}
			for _, s := range both {
				f.Put(s)
			}
			_, err = f.Take(ctx, 3)
			checkKind(t, "three sessions", err, sites.Busy)
			one, ok := f.TryTake(ctx)
			if !ok {
				t.Fatal("an idle session is not to be had")
			}
			f.Put(one)
		})
	}
}

// TestSessionsAllTaken holds that a site that others fill is busy and nothing
// else, for one who waits as for one who asks.
func TestSessionsAllTaken(t *testing.T) {
	for _, p := range []ftptest.Peer{ftptest.VSFTPD, ftptest.ProFTPD, ftptest.PureFTPd, ftptest.Pyftpdlib} {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			s := ftptest.Start(t, p, ftptest.Options{MaxSessions: 1})
			other, f := site(t, s, ""), site(t, s, "")
			ctx := within(t, 3*patience)
			// The session in which the server greeted Start may count for a moment still.
			held, err := other.Take(ctx, 1)
			for sites.KindOf(err) == sites.Busy && ctx.Err() == nil {
				held, err = other.Take(ctx, 1)
			}
			if err != nil {
				t.Fatal(err)
			}
			checkKind(t, "a session", f.Meet(ctx), sites.Busy)
			if _, ok := f.TryTake(ctx); ok {
				t.Error("there is a second session")
			}
			other.Put(held[0])
		})
	}
}

// TestUnreachable holds that a server that does not talk is not taken for a full
// one.
func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := &ftptest.Server{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, User: "anchor", Password: "secret"}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		server *ftptest.Server
	}{
		{"refused", nobody},
		{"closed", ftptest.Play(t, "X")},
		{"reset", ftptest.Play(t, "R")},
		{"closed in the greeting", ftptest.Play(t, "S! \"421-Too many\\r\\n\"\nX")},
		{"reset in the greeting", ftptest.Play(t, "S: 120 wait\nR")},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkKind(t, "a session", site(t, test.server, "timeout=5s").Meet(within(t, patience)), sites.Unreachable)
		})
	}
}
