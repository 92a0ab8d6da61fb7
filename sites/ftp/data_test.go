package ftp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftptest"
)

// Parts of dialogues.
const (
	pasv    = "C: PASV\nS: 227 ({pasv})\n"
	aborted = "C: ABOR\nS: 426 cut\nS: 226 done\nC: NOOP\nS: 200 ok\n"
	next    = "C: DELE /next\nS: 250 done\nC: QUIT" // in the same session
	renewed = again + next                          // in another one
)

// counter counts the bytes of data connections.
type counter struct{ in, out atomic.Int64 }

func (c *counter) under(ctx context.Context) context.Context {
	return sites.WithTrace(ctx, &sites.Trace{Data: func(_ string, received, sent int64) {
		c.in.Add(received)
		c.out.Add(sent)
	}})
}

func (c *counter) check(t testing.TB, in, out int64) {
	t.Helper()
	if c.in.Load() != in || c.out.Load() != out {
		t.Errorf("counted %d bytes received and %d sent, want %d and %d", c.in.Load(), c.out.Load(), in, out)
	}
}

// read reads a file, and checks what Read says once all is over.
func read(ctx context.Context, f *Site, path string, offset int64) (text string, err error) {
	r, err := f.Open(ctx, path, offset)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(r)
	if n, again := r.Read(make([]byte, 1)); n != 0 || again == nil || err == nil && again != io.EOF || err != nil && again != err {
		return "", fmt.Errorf("read %d bytes and %w after the end, which was %w", n, again, err)
	}
	if closed := r.Close(); closed != err {
		return "", fmt.Errorf("read with %w, closed with %w", err, closed)
	}
	return string(b), err
}

// store writes a file.
func store(ctx context.Context, f *Site, path, text string, mode sites.Mode) error {
	w, err := f.Store(ctx, path, mode)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, text); err != nil {
		w.Abort()
		return err
	}
	return w.Commit()
}

// checkNext sends a command that the script expects of a session that is in
// step, or of a new one.
func checkNext(t testing.TB, f *Site) {
	t.Helper()
	if err := f.Delete(within(t, patience), "/next"); err != nil {
		t.Error(err)
	}
}

func TestDataWays(t *testing.T) {
	const retr, stor = "C: RETR /f\nS: 150 go\nD> \"hello\"\nDX\nS: 226 done\n", "C: STOR /f\nS: 150 go\nD< \"hello\"\nS: 226 done\n"
	for _, test := range []struct{ name, options, script string }{
		{"PASV", "", loggedIn + pasv + retr + pasv + stor},
		{"EPSV after 502, for ever", "", loggedIn + "C: PASV\nS: 502 no\nC: EPSV\nS: 229 (|||{port}|)\n" + retr +
			"C: EPSV\nS: 229 (|||{port}|)\n" + stor},
		{"EPSV after 425, this time", "", loggedIn + "C: PASV\nS: 425 no\nC: EPSV\nS: 229 (|||{port}|)\n" + retr + pasv + stor},
		{"EPSV after nonsense", "", loggedIn + "C: PASV\nS: 227 what\nC: EPSV\nS: 229 (|||{port}|)\n" + retr + pasv + stor},
		{"PASV of another host", "", loggedIn + strings.Replace(pasv+retr+pasv+stor, "S: 227 ({pasv})", "S: 227 ({pasv})", -1)},
		{"PORT", "passive=no", loggedIn + "C: PORT *\nS: 200 ok\n" + retr + "C: PORT *\nS: 200 ok\n" + stor},
		{"EPRT after an illegal PORT, this time", "passive=no", loggedIn + "C: PORT *\nS: 500 Illegal PORT command.\nC: EPRT |1|127.*\nS: 200 ok\n" + retr +
			"C: PORT *\nS: 200 ok\n" + stor},
		{"EPRT after 500, for ever", "passive=no", loggedIn + "C: PORT *\nS: 500 not understood\nC: EPRT *\nS: 200 ok\n" + retr +
			"C: EPRT *\nS: 200 ok\n" + stor},
		{"bare 226", "timeout=500ms", loggedIn + pasv + strings.Replace(retr, "S: 150 go\n", "", 1) + pasv + strings.Replace(stor, "S: 150 go\n", "", 1)},
		{"several preliminaries", "", loggedIn + pasv + strings.Replace(retr, "S: 150", "S: 120 wait\nS: 150-well\nS: 150 now\nS: 125", 1) + pasv + stor},
		{"250 for 226", "", loggedIn + strings.ReplaceAll(pasv+retr+pasv+stor, "S: 226", "S: 250")},
		{"LSTN", "", in1973 + strings.NewReplacer("S: 150", "S: 250", "S: 226", "S: 252").Replace(
			"C: LSTN S\nS: 255 SOCK {port}\n"+retr+"C: LSTN R\nS: 255 SOCK {port}\n"+stor)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := site(t, ftptest.Play(t, test.script+"C: QUIT"), test.options)
			var count counter
			ctx := count.under(within(t, patience))
			if text, err := read(ctx, f, "/f", 0); text != "hello" || err != nil {
				t.Errorf("read %q, %v", text, err)
			}
			count.check(t, 5, 0)
			if err := store(ctx, f, "/f", "hello", sites.Replace); err != nil {
				t.Errorf("stored: %v", err)
			}
			count.check(t, 5, 5)
		})
	}
}

// TestNoWayLeft tells the refusal that says most.
func TestNoWayLeft(t *testing.T) {
	t.Parallel()
	f := site(t, ftptest.Play(t, loggedIn+`
		C: PASV
		S: 425 no ports left
		C: EPSV
		S: 502 no
		C: PASV
		S: 500 no
		C: SIZE /f
		S: 213 12
		C: QUIT
	`), "")
	ctx := within(t, patience)
	_, err := read(ctx, f, "/f", 0)
	checkKind(t, "the first time", err, sites.Refused)
	_, err = read(ctx, f, "/f", 0)
	checkKind(t, "the second time", err, sites.Unsupported)
	_, err = read(ctx, f, "/f", 0)
	checkKind(t, "the third time", err, sites.Unsupported)
	if f.Knows("RETR") != Maybe {
		t.Error("RETR was not even sent")
	}
	err = f.with(ctx, func(s *Session) error { _, err := s.Size(ctx, "/f"); return err })
	if err != nil {
		t.Error(err)
	}
}

// TestDataSocket478 has a server of RFC 478 listen at its default data socket.
func TestDataSocket478(t *testing.T) {
	t.Parallel()
	s := ftptest.Play(t, in1973+"C: LSTN S\nS: 500 what\nC: SOCK 127.*\nS: 255 SOCK 7\nC: PASV\nS: 200 listening\nC: RETR f\nS: 250 started\nS: 252 done\nC: QUIT")
	l, err := net.Listen("tcp", net.JoinHostPort(s.Host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() { served <- serveOnce(l, "hello") }()
	f := site(t, s, fmt.Sprintf("data-port=%d", l.Addr().(*net.TCPAddr).Port))
	if text, err := read(within(t, patience), f, "f", 0); text != "hello" || err != nil {
		t.Errorf("read %q, %v", text, err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func serveOnce(l net.Listener, text string) error {
	nc, err := l.Accept()
	if err != nil {
		return err
	}
	_, err = io.WriteString(nc, text)
	return errors.Join(err, nc.Close())
}

// sendFrom connects from a host, sends text and closes.
func sendFrom(host, to, text string) error {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}}
	nc, err := d.Dial("tcp", to)
	if err != nil {
		return err
	}
	_, err = io.WriteString(nc, text)
	return errors.Join(err, nc.Close())
}

// TestDataSOCK has a server without LSTN and PASV connect to us; a stranger is
// faster.
func TestDataSOCK(t *testing.T) {
	t.Parallel()
	s := ftptest.Play(t, in1973+"C: LSTN S\nS: 500 what\nC: SOCK 127.*\nS: 255 SOCK 7\nC: PASV\nS: 500 what\nC: SOCK 127.*\nS: 255 SOCK 7\nC: RETR f\nS: 250 started\nS: 252 done\nC: QUIT")
	f := site(t, s, "")
	sent, socks := errors.New("no SOCK was sent"), 0
	ctx := sites.WithTrace(within(t, patience), &sites.Trace{Command: func(_ string, _ int, line string) {
		where, ok := strings.CutPrefix(line, "SOCK ")
		if ok {
			socks++
		}
		if socks == 2 && ok { // the first one was for the PASV that is not known
			to := strings.Replace(where, ",", ":", 1)
			if _, err := netip.ParseAddrPort(to); err != nil {
				t.Error(err)
			}
			sent = errors.Join(sendFrom("127.0.0.1", to, "evil"), sendFrom(s.Host, to, "hello"))
		}
	}})
	if text, err := read(ctx, f, "f", 0); text != "hello" || err != nil {
		t.Errorf("read %q, %v", text, err)
	}
	if sent != nil {
		t.Error(sent)
	}
}

// TestReadFails has transfers that do not succeed: which error, and what becomes
// of the session.
func TestReadFails(t *testing.T) {
	for _, test := range []struct {
		name, options string
		script        []string
		want          sites.Kind
		code          int
		quick         time.Duration // 0 is patience
	}{
		{"550", "", []string{loggedIn + pasv + "C: RETR /f\nS: 550 No such file\n" + next}, sites.NotFound, 550, time.Second},
		{"550, active", "passive=no", []string{loggedIn + "C: PORT *\nS: 200 ok\nC: RETR /f\nS: 550 No such file\n" + next}, sites.NotFound, 550, time.Second},
		{"550, its socket closed before", "", []string{loggedIn + pasv + "DX\nC: RETR /f\nS: 550 No such file\n" + next}, sites.NotFound, 550, time.Second},
		{"550 after 150", "", []string{loggedIn + pasv + "C: RETR /f\nS: 150 go\nD> \"\"\nDX\nS: 550 No such file\n" + next}, sites.NotFound, 550, 0},
		{"502", "", []string{loggedIn + pasv + "C: RETR /f\nS: 502 no\n" + next}, sites.Unsupported, 502, 0},
		{"332", "", []string{loggedIn + pasv + "C: RETR /f\nS: 332 account\n" + next}, sites.Login, 332, 0},
		{"425", "", []string{loggedIn + pasv + "DX\nC: RETR /f\nS: 425 no\n" + next}, sites.Refused, 425, 0},
		{"425 after 150", "", []string{loggedIn + pasv + "DX\nC: RETR /f\nS: 150 go\nS: 425 no\n" + next}, sites.Refused, 425, 0},
		{"nobody listens", "timeout=600ms", []string{loggedIn + "C: PASV\nS: 227 (127,0,0,1,0,9)\nC: RETR /f\nS: 150 go\n" + aborted + "C: QUIT", renewed}, sites.Unreachable, 0, 0},
		{"nobody connects", "passive=no&timeout=300ms", []string{loggedIn + "C: PORT *\nS: 200 ok\nC: RETR /f\nS: 150 go\n" + aborted + "C: QUIT", renewed}, sites.Unreachable, 0, 0},
		{"nobody connects, but all is well", "passive=no", []string{loggedIn + "C: PORT *\nS: 200 ok\nC: RETR /f\nS: 226 done\n" + next}, sites.Unreachable, 0, 0},
		{"reset and 426", "", []string{loggedIn + pasv + "C: RETR /f\nS: 150 go\nD> 5\nDR\nS: 426 lost\n" + next}, sites.Unreachable, 426, 0},
		{"reset and 451", "", []string{loggedIn + pasv + "C: RETR /f\nS: 150 go\nD> 5\nDR\nS: 451 bad disk\n" + next}, sites.Other, 451, 0},
		{"reset and silence", "timeout=300ms", []string{loggedIn + pasv + "C: RETR /f\nS: 150 go\nD> 5\nDR\nC: ABOR\nW", renewed}, sites.Unreachable, 0, 0},
		{"short and 426", "", []string{loggedIn + pasv + "C: RETR /f\nS: 150 go\nD> 5\nDX\nS: 426 lost\n" + next}, sites.Unreachable, 426, 0},
		{"short and gone", "", []string{loggedIn + pasv + "C: RETR /f\nS: 150 go\nD> 5\nX\nDX", renewed}, sites.Unreachable, 0, 0},
		{"226 never comes", "timeout=100ms", []string{loggedIn + pasv + "C: RETR /f\nS: 150 go\nD> 5\nDX\nC: ABOR\nW", renewed}, sites.Unreachable, 0, 0},
		{"no reply and no data", "timeout=300ms", []string{loggedIn + pasv + "C: RETR /f\nC: ABOR\nW", renewed}, sites.Unreachable, 0, 0},
		{"REST refused", "", []string{loggedIn + pasv + "C: REST 5\nS: 502 no\n" + next}, sites.Unsupported, 502, 0},
		{"REST left in force", "", []string{loggedIn + pasv + "C: REST 5\nS: 350 ok\nC: RETR /f\nS: 550 No such file\nW", renewed}, sites.NotFound, 550, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := site(t, ftptest.Play(t, test.script...), test.options)
			if test.quick == 0 {
				test.quick = patience
			}
			var offset int64
			if strings.HasPrefix(test.name, "REST") {
				offset = 5
			}
			_, err := read(within(t, test.quick), f, "/f", offset)
			checkKind(t, "reading", err, test.want)
			var e *sites.Error
			if errors.As(err, &e) && e.Code != test.code {
				t.Errorf("the error is %v, want code %d", err, test.code)
			}
			checkNext(t, f)
		})
	}
}

func TestStoreFails(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	for _, test := range []struct {
		name, script, text string
		mode               sites.Mode
		want               sites.Kind
		code               int
	}{
		{"553", "C: STOR /f\nS: 553 no\n", "hello", sites.Replace, sites.Permission, 553},
		{"APPE refused", "C: APPE /f\nS: 550 Permission denied\n", "hello", sites.Append, sites.Permission, 550},
		{"452 at the end", "C: STOR /f\nS: 150 go\nD< \"hello\"\nS: 452 full\n", "hello", sites.Replace, sites.NoSpace, 452},
		{"552 in the middle", "C: STOR /f\nS: 150 go\nD< 1\nDR\nS: 552 quota\n", strings.Repeat(big, 20), sites.Replace, sites.NoSpace, 552},
		{"350 at the end", "C: STOR /f\nS: 150 go\nD< \"hello\"\nS: 350 more\n", "hello", sites.Replace, sites.Protocol, 350},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := site(t, ftptest.Play(t, loggedIn+pasv+test.script+next), "")
			err := store(within(t, patience), f, "/f", test.text, test.mode)
			checkKind(t, "storing", err, test.want)
			var e *sites.Error
			if errors.As(err, &e) && e.Code != test.code {
				t.Errorf("the error is %v, want code %d", err, test.code)
			}
			checkNext(t, f)
		})
	}
}

// TestCalledOff ends transfers before their time; what is done with them
// afterwards must not look like success.
func TestCalledOff(t *testing.T) {
	t.Parallel()
	f := site(t, ftptest.Play(t, loggedIn+
		pasv+"C: RETR /f\nS: 150 go\nD> 5\n"+aborted+"DX\n"+
		pasv+"C: STOR /f\nS: 150 go\nD< 3\n"+aborted+"DX\n"+next), "")
	r, err := f.Open(within(t, patience), "/f", 0)
	if err != nil {
		t.Fatal(err)
	}
	// What is closed before the server sent anything would fail its script.
	if _, err := io.ReadFull(r, make([]byte, 1)); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if n, err := r.Read(make([]byte, 9)); n != 0 || sites.KindOf(err) != sites.Cancelled {
		t.Errorf("read %d bytes and %v after Close", n, err)
	}
	if n, err := io.Copy(io.Discard, r); n != 0 || sites.KindOf(err) != sites.Cancelled {
		t.Errorf("copied %d bytes and %v after Close", n, err)
	}
	w, err := f.Store(within(t, patience), "/f", sites.Replace)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "abc"); err != nil {
		t.Error(err)
	}
	w.Abort()
	w.Abort()
	if n, err := w.Write([]byte("d")); n != 0 || sites.KindOf(err) != sites.Cancelled {
		t.Errorf("wrote %d bytes and %v after Abort", n, err)
	}
	checkKind(t, "Commit after Abort", w.Commit(), sites.Cancelled)
	checkNext(t, f)
}

// TestTransferCancelled ends the context in the middle of a transfer.
func TestTransferCancelled(t *testing.T) {
	for _, test := range []struct {
		name, options string
		script        []string
		transfer      func(ctx context.Context, f *Site, begun func()) error
	}{
		{"reading", "", []string{loggedIn + pasv + "C: RETR /f\nS: 150 go\nD> 5\n" + aborted + next}, readUntil("/f", 5)},
		{"reading, server keeps silent", "timeout=300ms", []string{loggedIn + pasv + "C: RETR /f\nS: 150 go\nD> 5\nC: ABOR\nW", renewed}, readUntil("/f", 5)},
		{"waiting for 226", "", []string{loggedIn + pasv + "C: RETR /f\nS: 150 go\nD> 5\nDX\nC: ABOR\nS: 226 sent\nS: 225 nothing\nC: NOOP\nS: 200 ok\n" + next},
			func(ctx context.Context, f *Site, begun func()) error {
				r, err := f.Open(ctx, "/f", 0)
				if err != nil {
					return err
				}
				defer r.Close()
				if _, err := io.ReadFull(r, make([]byte, 5)); err != nil {
					return err
				}
				begun()
				return r.(reader).finish() // as Read does at the end of the data
			}},
		{"writing", "", []string{loggedIn + pasv + "C: STOR /f\nS: 150 go\nD< 5\n" + aborted + next},
			func(ctx context.Context, f *Site, begun func()) error {
				w, err := f.Store(ctx, "/f", sites.Replace)
				if err != nil {
					return err
				}
				chunk := make([]byte, 1<<20)
				for i := 0; ; i++ {
					if _, err := w.Write(chunk); err != nil {
						w.Abort()
						return err
					}
					if i == 0 {
						begun()
					}
				}
			}},
		{"committing", "", []string{loggedIn + pasv + "C: STOR /f\nS: 150 go\nD< \"hello\"\nC: ABOR\nS: 226 done\nS: 225 nothing\nC: NOOP\nS: 200 ok\n" + next},
			func(ctx context.Context, f *Site, begun func()) error {
				w, err := f.Store(ctx, "/f", sites.Replace)
				if err != nil {
					return err
				}
				if _, err := io.WriteString(w, "hello"); err != nil {
					return err
				}
				begun()
				return w.Commit()
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := site(t, ftptest.Play(t, test.script...), test.options)
			ctx, stop := context.WithCancel(within(t, patience))
			defer stop()
			began := time.Now()
			checkKind(t, "the transfer", test.transfer(ctx, f, stop), sites.Cancelled)
			if d := time.Since(began); d > 2*time.Second {
				t.Errorf("it took %v", d)
			}
			checkNext(t, f)
		})
	}
}

// readUntil reads n bytes of a file, says so, and reads on.
func readUntil(path string, n int) func(context.Context, *Site, func()) error {
	return func(ctx context.Context, f *Site, begun func()) error {
		r, err := f.Open(ctx, path, 0)
		if err != nil {
			return err
		}
		defer r.Close()
		if _, err := io.ReadFull(r, make([]byte, n)); err != nil {
			return err
		}
		begun()
		_, err = io.ReadAll(r)
		return err
	}
}

// TestRelay joins the data connections of two sites. Where a source fails, or
// has to be told that the destination has, its script waits for a NOOP, which is
// sent when the destination has given a reply.
func TestRelay(t *testing.T) {
	const size = dataChunk + 12345
	for _, test := range []struct {
		name, source, dest string
		gate               int   // the destination's reply that lets the source go on; 0 is none
		n                  int64 // -1 is not certain
		want               sites.Kind
		code               int
	}{
		{"whole", fmt.Sprintf("D> %d\nDX\nS: 226 done\n", size), fmt.Sprintf("D< %d\nD<\nS: 226 done\n", size), 0, size, 0, 0},
		{"exactly a chunk", fmt.Sprintf("D> %d\nDX\nS: 226 done\n", dataChunk), "D<\nS: 226 done\n", 0, dataChunk, 0, 0},
		{"empty", "D> \"\"\nDX\nS: 226 done\n", "D< \"\"\nS: 226 done\n", 0, 0, 0, 0},
		{"source fails", "D> 5\nC: NOOP\nDR\nS: 450 bad disk\nS: 200 ok\n", aborted, 150, -1, sites.Busy, 450},
		{"source ends early", "D> 5\nC: NOOP\nDX\nS: 426 lost\nS: 200 ok\n", "D< 5\n" + aborted, 150, 5, sites.Unreachable, 426},
		{"destination fails", "D> 5\nC: NOOP\nD> 5\nC: ABOR\nS: 426 cut\nS: 200 ok\nS: 226 done\nC: NOOP\nS: 200 ok\n", "D< 5\nDR\nS: 452 full\n", 452, -1, sites.NoSpace, 452},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			source := site(t, ftptest.Play(t, loggedIn+pasv+"C: RETR /f\nS: 150 go\n"+test.source+next), "")
			dest := site(t, ftptest.Play(t, loggedIn+pasv+"C: STOR /f\nS: 150 go\n"+test.dest+next), "")
			var count counter
			ctx := count.under(within(t, patience))
			from, err := source.Take(ctx, 1)
			if err != nil {
				t.Fatal(err)
			}
			r, err := from[0].Open(ctx, "/f", 0)
			if err != nil {
				t.Fatal(err)
			}
			w, err := dest.Store(sites.WithTrace(ctx, &sites.Trace{Reply: func(_ string, _, code int, _ string) {
				if code == test.gate {
					if _, err := from[0].Send(ctx, nil, "NOOP"); err != nil {
						t.Error(err)
					}
				}
			}}), "/f", sites.Replace)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(w, r)
			closed := r.Close()
			if test.want == 0 {
				if err != nil || closed != nil || n != test.n {
					t.Errorf("copied %d bytes: %v, %v", n, err, closed)
				}
				if err := w.Commit(); err != nil {
					t.Error(err)
				}
				count.check(t, n, n)
			} else {
				var e *sites.Error
				if !errors.As(err, &e) || e.Kind != test.want || e.Code != test.code {
					t.Errorf("copied: %v (%v), want kind %v and code %d", err, sites.KindOf(err), test.want, test.code)
				}
				w.Abort()
				if count.in.Load() != count.out.Load() || test.n >= 0 && count.in.Load() != test.n {
					t.Errorf("counted %d and %d", count.in.Load(), count.out.Load())
				}
			}
			from[0].Settle(patience)
			source.Put(from[0])
			checkNext(t, source)
			checkNext(t, dest)
		})
	}
}

// TestCopyElsewhere copies between a site and memory, past the fast road.
func TestCopyElsewhere(t *testing.T) {
	t.Parallel()
	f := site(t, ftptest.Play(t, loggedIn+pasv+"C: RETR /f\nS: 150 go\nD> \"hello\"\nDX\nS: 226 done\n"+
		pasv+"C: APPE /f\nS: 150 go\nD< \"hello\"\nS: 226 done\n"+next), "")
	var count counter
	ctx := count.under(within(t, patience))
	r, err := f.Open(ctx, "/f", 0)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if n, err := io.Copy(&b, r); n != 5 || err != nil || b.String() != "hello" {
		t.Errorf("copied %q, %d, %v", b.String(), n, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	w, err := f.Store(ctx, "/f", sites.Append)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(w, &b); n != 5 || err != nil {
		t.Errorf("copied %d, %v", n, err)
	}
	if err := w.Commit(); err != nil {
		t.Error(err)
	}
	count.check(t, 5, 5)
	checkNext(t, f)
}
