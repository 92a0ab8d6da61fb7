package ftp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
)

// TestWriteAheadPeers moves files in one session of each server, with what prepares the
// next data connection written ahead where the server is known to keep the order, and with
// transfers between that are refused, called off or take their time.
func TestWriteAheadPeers(t *testing.T) {
	t.Parallel()
	a := ftptest.NewAuthority(t)
	for _, p := range append(ftptest.Peers(), "ftpd") {
		for _, private := range []bool{false, true} {
			if p == ftptest.Inetutils && private {
				continue // it knows no TLS
			}
			t.Run(fmt.Sprintf("%s/TLS=%v", p, private), func(t *testing.T) {
				t.Parallel()
				var s *ftptest.Server
				options := "timeout=10s"
				switch {
				case p == "ftpd" && private:
					s = protected(t, a, nil)
				case p == "ftpd":
					s = own(t, "127.0.0.1", ftpd.Modern)
				case private:
					s = ftptest.Start(t, p, ftptest.Options{TLS: &ftptest.TLS{Authority: a, Require: true, Reuse: true}})
				default:
					s = ftptest.Start(t, p, ftptest.Options{})
				}
				if private {
					options += "&tls=require&tls-ca=" + a.File()
				}
				f := siteWith(t, s, "ftp", options, Options{})
				var count rounds
				ctx := count.under(within(t, 3*patience))
				taken, err := f.Take(ctx, 1)
				if err != nil {
					t.Fatal(err)
				}
				if ok, why := f.Ahead(); ok == (p == ftptest.Pyftpdlib) {
					t.Errorf("written ahead: %v, %s", ok, why)
				}
				taken[0].WriteAhead(true)
				moveAhead(t, ctx, taken[0], s.Root)
				f.Put(taken[0])
				if err := f.Delete(ctx, "/f0"); err != nil {
					t.Error(err)
				}
				if text, err := read(ctx, f, "/f1", 0); text != "1" || err != nil {
					t.Errorf("read %q, %v", text, err)
				}
				alone := 0
				for _, verbs := range count.in(1) {
					if strings.HasPrefix(verbs, "PASV") {
						alone++
					}
				}
				// The first transfer asks for its own, and so does the one behind Put.
				if p != ftptest.Pyftpdlib && alone != 2 || count.in(2) != nil {
					t.Errorf("it sent %q, and in another session %q", count.in(1), count.in(2))
				}
				if err := os.Truncate(filepath.Join(s.Root, "big"), 64<<20); err != nil {
					t.Fatal(err)
				}
				closedEarly(t, ctx, f)
				if ok, why := f.Ahead(); ok == (p == ftptest.Pyftpdlib) {
					t.Errorf("written ahead at the end: %v, %s", ok, why)
				}
			})
		}
	}
}

// TestAnswersBeforeClose holds that the answer to a RETR of a session that writes ahead does
// not wait for the user's host to hear the end of the file, and to close.
func TestAnswersBeforeClose(t *testing.T) {
	for _, p := range []ftptest.Peer{ftptest.VSFTPD, ftptest.ProFTPD, "ftpd"} {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			var s *ftptest.Server
			if p == "ftpd" {
				s = own(t, "127.0.0.1", ftpd.Modern)
			} else {
				s = ftptest.Start(t, p, ftptest.Options{})
			}
			if err := os.WriteFile(filepath.Join(s.Root, "f"), []byte("hello"), 0o644); err != nil {
				t.Fatal(err)
			}
			f := site(t, s, "")
			taken, err := f.Take(within(t, patience), 1)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Put(taken[0])
			taken[0].WriteAhead(true)
			r, err := taken[0].Open(within(t, patience), "/f", 0)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			d := r.(reader).dataConn
			if text, err := io.ReadAll(d.tcp); string(text) != "hello" || err != nil {
				t.Errorf("%q, %v", text, err)
			}
			select {
			case <-d.x.Ended():
			case <-time.After(time.Second):
				t.Error("there is no answer")
			}
		})
	}
}

// moveAhead moves files to and fro.
func moveAhead(t *testing.T, ctx context.Context, s *Session, root string) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	for i := range 8 {
		path, text := fmt.Sprintf("/f%d", i), strings.Repeat(fmt.Sprint(i), i)
		if err := storeIn(ctx, s, path, text); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if got, err := readIn(ctx, s, path); got != text || err != nil {
			t.Fatalf("%s: %q, %v; want %q", path, got, err, text)
		}
		if _, err := readIn(ctx, s, "/gone"); sites.KindOf(err) != sites.NotFound {
			t.Fatalf("a file that is not there: %v", err)
		}
		if err := storeIn(ctx, s, "/nowhere/at/all", "x"); err == nil || s.Err() != nil {
			t.Fatalf("a file where no directory is: %v, %v", err, s.Err())
		}
	}
	if err := os.WriteFile(filepath.Join(root, "big"), big, 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := readIn(ctx, s, "/big"); got != string(big) || err != nil {
			t.Fatalf("%d bytes came of a big file, %v", len(got), err)
		}
		if err := storeIn(ctx, s, "/up", string(big)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(root, "up")); !bytes.Equal(got, big) || err != nil {
			t.Fatalf("%d bytes of a big file arrived, %v", len(got), err)
		}
		w, err := s.Store(ctx, "/part", sites.Replace)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(big); err != nil {
			t.Fatal(err)
		}
		w.Abort()
		if s.Err() != nil {
			t.Fatalf("a writer that was aborted: %v", s.Err())
		}
	}
}

// closedEarly ends the reading of a big file before its end. The session may end with that:
// Pure-FTPd never answers such a RETR, but answers what was written behind it.
func closedEarly(t *testing.T, ctx context.Context, f *Site) {
	taken, err := f.Take(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Put(taken[0])
	taken[0].WriteAhead(true)
	for _, path := range []string{"/f1", "/big"} { // the second one finds its data connection prepared
		r, err := taken[0].Open(ctx, path, 0)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.CopyN(io.Discard, r, 1); n != 1 || err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
		if path == "/f1" {
			if _, err := io.Copy(io.Discard, r); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if text, err := readIn(ctx, taken[0], "/f1"); taken[0].Err() == nil && (text != "1" || err != nil) {
		t.Errorf("read %q, %v", text, err)
	}
}
