package ftp

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftptest"
)

// doubts is a memory of doubts.
type doubts struct {
	memory
	why     map[string]string
	since   time.Time // of all
	failing error
}

func (d doubts) Doubted(_ context.Context, server string) (string, time.Time, error) {
	return d.why[server], d.since, d.failing
}

func (d doubts) Doubt(_ context.Context, server, why string) error {
	d.why[server] = why
	return d.failing
}

func checkAhead(t *testing.T, what string, f *Site, want bool, says string) {
	t.Helper()
	if ok, why := f.Ahead(); ok != want || !strings.Contains(why, says) {
		t.Errorf("%s: %v, %s; want %v, %s", what, ok, why, want, says)
	}
}

// TestAhead holds which servers are written ahead to, and that a doubt ends it.
func TestAhead(t *testing.T) {
	for _, test := range []struct {
		greeting      string
		first, proved bool   // at first, and when a transfer went well
		says          string // at first
		keeps         bool   // the doubt outlives the program
	}{
		{greeting: "220 (vsFTPd 3.0.3)", first: true, proved: true, says: "vsFTPd keeps the order of what is written ahead"},
		{greeting: "220 ProFTPD Server (ProFTPD) [127.0.132.204]", first: true, proved: true, says: "ProFTPD keeps"},
		{greeting: "220---------- Welcome to Pure-FTPd [privsep] [TLS] ----------\nS: 220-You are user number 1 of 200 allowed.\nS: 220 So be it", first: true, proved: true, says: "Pure-FTPd keeps"},
		{greeting: "220 vm FTP server (GNU inetutils 2.4) ready.", first: true, proved: true, says: "GNU inetutils keeps"},
		{greeting: "220 RSEXEC site server ready", first: true, proved: true, says: "RSEXEC's own server keeps"},
		{greeting: "220 pyftpdlib 1.5.7 ready.", says: "pyftpdlib loses files that are written ahead of"},
		{greeting: "220 pyftpdlib, like vsFTPd", says: "pyftpdlib loses files"},
		{greeting: "220 ready", proved: true, says: "not tried yet", keeps: true},
		{greeting: "300 RSEXEC site server ready", says: "a server of 1973"},
	} {
		t.Run(test.greeting, func(t *testing.T) {
			t.Parallel()
			s := ftptest.Answer(t, "S: "+test.greeting)
			m := doubts{memory: make(memory), why: make(map[string]string)}
			f := siteWith(t, s, "ftp", "", Options{Memory: m})
			checkAhead(t, "before it was reached", f, false, "not tried yet")
			if err := f.Meet(within(t, patience)); err != nil {
				t.Fatal(err)
			}
			checkAhead(t, "at first", f, test.first, test.says)
			f.Proved()
			checkAhead(t, "proved", f, test.proved, "")
			f.Doubt("it hung up")
			f.Doubt("it did something else")
			f.Proved()
			says := test.says
			if test.proved {
				says = "it hung up, on " + time.Now().Format(time.DateOnly)
			}
			checkAhead(t, "doubted", f, false, says)
			if why := m.why[s.Addr()]; (why == "it hung up") != test.keeps || why != "" && !test.keeps {
				t.Errorf("the doubt %q is kept, want %v", why, test.keeps)
			}
		})
	}
}

// TestRememberedDoubt holds that a doubt of an earlier program is believed for a time, and
// not where the greeting tells the server.
func TestRememberedDoubt(t *testing.T) {
	for _, test := range []struct {
		name, greeting, why string
		since               time.Duration // ago
		failing             error
		want                bool
		says                string
	}{
		{"recent", "220 ready", "it hung up", 29 * 24 * time.Hour, nil, false, "it hung up, on 20"},
		{"old", "220 ready", "it hung up", 31 * 24 * time.Hour, nil, true, "a transfer went well"},
		{"none", "220 ready", "", 0, nil, true, "a transfer went well"},
		{"known", "220 (vsFTPd 3.0.3)", "it hung up", time.Hour, nil, true, "vsFTPd keeps"},
		{"forgotten", "220 ready", "", 0, errors.New("the disk is gone"), false, "could not be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := ftptest.Answer(t, "S: "+test.greeting)
			m := doubts{make(memory), map[string]string{s.Addr(): test.why}, time.Now().Add(-test.since), test.failing}
			f := siteWith(t, s, "ftp", "tls=off", Options{Memory: m})
			if err := f.Meet(within(t, patience)); err != nil {
				t.Fatal(err)
			}
			f.Proved()
			checkAhead(t, "proved", f, test.want, test.says)
		})
	}
}

// TestAheadAtOnce has several ask, prove and doubt at once, for the race detector.
func TestAheadAtOnce(t *testing.T) {
	t.Parallel()
	s := ftptest.Answer(t, "S: 220 ready")
	f := siteWith(t, s, "ftp", "", Options{})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if err := f.Ping(within(t, patience)); err != nil {
				t.Error(err)
			}
			f.Proved()
			f.Ahead()
			f.Doubt("it hung up")
		})
	}
	group.Wait()
	checkAhead(t, "doubted", f, false, "it hung up")
}

// known is how a server lets the user in that keeps the order.
const known = `
	S: 220 (vsFTPd 3.0.3)
	C: USER anchor
	C: PASS secret
	C: FEAT
	C: PWD
	C: TYPE I
	C: OPTS UTF8 ON
	S! "331 password\r\n230 in\r\n211-Features:\r\n SIZE\r\n211 End\r\n257 \"/\"\r\n200 ok\r\n200 ok\r\n"
`

// TestWriteAhead holds what servers hear of a session that writes ahead, and in which order.
func TestWriteAhead(t *testing.T) {
	const (
		first  = "C: PASV\nS: 227 ({pasv})\n"
		retr   = "C: RETR /f\nC: PASV\nS: 150 go\nD> \"hello\"\nDX\nS: 226 done\nS: 227 ({pasv})\n"
		stor   = "C: STOR /f\nC: PASV\nD< \"hello\"\nS: 150 go\nS: 226 done\nS: 227 ({pasv})\n" // the data comes before the 150
		single = "C: RETR /f\nS: 150 go\nD> \"hello\"\nDX\nS: 226 done\n"
		bye    = "C: QUIT"
	)
	reads := func(t *testing.T, s *Session, want sites.Kind) {
		t.Helper()
		text, err := readIn(within(t, patience), s, "/f")
		if sites.KindOf(err) != want || err == nil && text != "hello" {
			t.Errorf("read %q, %v; want kind %v", text, err, want)
		}
	}
	stores := func(t *testing.T, s *Session, want sites.Kind) {
		t.Helper()
		if err := storeIn(within(t, patience), s, "/f", "hello"); sites.KindOf(err) != want {
			t.Errorf("stored: %v; want kind %v", err, want)
		}
	}
	long := "/" + strings.Repeat("x", 600)
	for _, test := range []struct {
		name    string
		scripts []string
		work    func(*testing.T, *Session)
		doubted bool
	}{
		{"reading and writing", []string{known + first + retr + stor + retr + bye}, func(t *testing.T, s *Session) {
			reads(t, s, 0)
			stores(t, s, 0)
			reads(t, s, 0)
		}, false},
		{"EPSV", []string{known + "C: PASV\nS: 500 what\nC: EPSV\nS: 229 (|||{port}|)\n" + strings.NewReplacer("PASV", "EPSV", "227 ({pasv})", "229 (|||{port}|)").Replace(retr+stor) + bye}, func(t *testing.T, s *Session) {
			reads(t, s, 0)
			stores(t, s, 0)
		}, false},
		{"switched off", []string{known + first + retr + single + first + single + bye}, func(t *testing.T, s *Session) {
			reads(t, s, 0)
			s.WriteAhead(false)
			reads(t, s, 0)
			reads(t, s, 0)
		}, false},
		{"doubted", []string{known + first + retr + single + bye}, func(t *testing.T, s *Session) {
			reads(t, s, 0)
			s.site.Doubt("it hung up")
			reads(t, s, 0)
		}, true},
		{"a long name", []string{known + first + strings.ReplaceAll(single, "/f", long) + bye}, func(t *testing.T, s *Session) {
			if _, err := readIn(within(t, patience), s, long); err != nil {
				t.Error(err)
			}
		}, false},
		{"refused ahead", []string{known + first + strings.Replace(retr, "S: 227 ({pasv})", "S: 500 what", 1) + first + stor + bye}, func(t *testing.T, s *Session) {
			reads(t, s, 0)
			stores(t, s, 0)
			if s.site.Knows("PASV") != Yes {
				t.Error("PASV is held not to be known")
			}
		}, false},
		{"another PASV between", []string{known + first + retr + "C: PASV\nS: 227 ({pasv})\n" + first + stor + bye}, func(t *testing.T, s *Session) {
			reads(t, s, 0)
			if _, err := s.Must(within(t, patience), "PASV"); err != nil {
				t.Error(err)
			}
			stores(t, s, 0)
		}, false},
		{"other commands between", []string{known + first + retr + "C: SIZE /f\nS: 213 5\n" + stor + bye}, func(t *testing.T, s *Session) {
			reads(t, s, 0)
			if _, err := s.Size(within(t, patience), "/f"); err != nil {
				t.Error(err)
			}
			stores(t, s, 0)
		}, false},
		{"a long time between", []string{known + first + retr + first + stor + bye}, func(t *testing.T, s *Session) {
			reads(t, s, 0)
			s.Settle(patience)
			s.mu.Lock()
			s.next.turn = time.Now().Add(-preparedFor)
			s.mu.Unlock()
			stores(t, s, 0)
		}, false},
		{"no such file", []string{known + first + "C: RETR /f\nC: PASV\nS: 550 no\nS: 227 ({pasv})\n" + retr + bye}, func(t *testing.T, s *Session) {
			if _, err := s.Open(within(t, patience), "/f", 0); sites.KindOf(err) != sites.NotFound {
				t.Errorf("opened: %v", err)
			}
			reads(t, s, 0)
		}, false},
		{"no writing", []string{known + first + "C: STOR /f\nC: PASV\nS: 553 no\nS: 227 ({pasv})\n" + retr + bye}, func(t *testing.T, s *Session) {
			stores(t, s, sites.Permission)
			reads(t, s, 0)
		}, false},
		{"restart", []string{known + first + "C: REST 2\nS: 350 go on\n" + strings.Replace(retr, "hello", "llo", 1) + retr + bye}, func(t *testing.T, s *Session) {
			r, err := s.Open(within(t, patience), "/f", 2)
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(r); string(text) != "llo" || err != nil {
				t.Errorf("read %q, %v", text, err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			reads(t, s, 0)
		}, false},
		// ABOR could be answered before the PASV or after it.
		{"called off", []string{known + first + "C: RETR /f\nC: PASV\nS: 150 go\nD> 5\nT 50ms\nDX\nS: 426 cut\nS: 227 ({pasv})\n" + stor + bye}, func(t *testing.T, s *Session) {
			r, err := s.Open(within(t, patience), "/f", 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(r, make([]byte, 1)); err != nil { // something has come
				t.Error(err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			stores(t, s, 0)
		}, false},
		{"called off in vain", []string{known + first + "C: RETR /f\nC: PASV\nS: 150 go\nW"}, func(t *testing.T, s *Session) {
			r, err := s.Open(within(t, patience), "/f", 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			if s.Err() == nil {
				t.Error("the session is not closed")
			}
		}, false},
		// As pyftpdlib does.
		{"answered at once, reading", []string{known + first + "C: RETR /f\nC: PASV\nS: 150 go\nS: 227 ({pasv})\nW"}, func(t *testing.T, s *Session) {
			reads(t, s, sites.Protocol)
		}, true},
		{"answered at once, writing", []string{known + first + "C: STOR /f\nC: PASV\nS: 150 go\nD< \"hello\"\nS: 227 ({pasv})\nW"}, func(t *testing.T, s *Session) {
			stores(t, s, sites.Protocol)
		}, true},
		// As ProFTPD does with what it did not read together with the STOR.
		{"refused at once", []string{known + first + "C: STOR /f\nC: PASV\nS: 150 go\nD< \"hello\"\nS: 450 PASV: data transfer in progress\nS: 226 done\nW"}, func(t *testing.T, s *Session) {
			stores(t, s, sites.Busy)
			reads(t, s, sites.Protocol)
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := site(t, ftptest.Play(t, test.scripts...), "timeout=1s")
			s, err := f.Take(within(t, patience), 1)
			if err != nil {
				t.Fatal(err)
			}
			s[0].WriteAhead(true)
			test.work(t, s[0])
			f.Put(s[0])
			if ok, why := f.Ahead(); ok == test.doubted {
				t.Errorf("written ahead afterwards: %v, %s", ok, why)
			}
		})
	}
}

// TestWriteAheadEnds holds that a session goes back to the pool as it was, whatever was
// prepared and not used.
func TestWriteAheadEnds(t *testing.T) {
	t.Parallel()
	f := site(t, ftptest.Play(t, known+`
		C: PASV
		S: 227 ({pasv})
		C: RETR /f
		C: PASV
		S: 150 go
		D> "hello"
		DX
		S: 226 done
		T 50ms
		S: 227 ({pasv})
		C: PASV
		S: 227 ({pasv})
		C: RETR /f
		S: 150 go
		D> "hello"
		DX
		S: 226 done
		C: QUIT
	`), "")
	s, err := f.Take(within(t, patience), 1)
	if err != nil {
		t.Fatal(err)
	}
	s[0].WriteAhead(true)
	if text, err := readIn(within(t, patience), s[0], "/f"); text != "hello" || err != nil {
		t.Errorf("read %q, %v", text, err)
	}
	f.Put(s[0])
	if text, err := read(within(t, patience), f, "/f", 0); text != "hello" || err != nil {
		t.Errorf("read %q, %v", text, err)
	}
}

// TestUnknownIsNotWrittenAhead holds that WriteAhead does nothing at a server of which it
// is not known whether it keeps the order, until it is trusted.
func TestUnknownIsNotWrittenAhead(t *testing.T) {
	t.Parallel()
	const single, double = "C: PASV\nS: 227 ({pasv})\nC: RETR /f\nS: 150 go\nD> \"hello\"\nDX\nS: 226 done\n",
		"C: PASV\nS: 227 ({pasv})\nC: RETR /f\nC: PASV\nS: 150 go\nD> \"hello\"\nDX\nS: 226 done\nS: 227 ({pasv})\n"
	f := site(t, ftptest.Play(t, loggedIn+single+single+double+"C: QUIT"), "")
	s, err := f.Take(within(t, patience), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Put(s[0])
	s[0].WriteAhead(true)
	for i := range 3 {
		if i == 2 {
			f.Proved()
		}
		if text, err := readIn(within(t, patience), s[0], "/f"); text != "hello" || err != nil {
			t.Errorf("read %q, %v", text, err)
		}
	}
}

// readIn reads a file in a session.
func readIn(ctx context.Context, s *Session, path string) (string, error) {
	r, err := s.Open(ctx, path, 0)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	if closed := r.Close(); err == nil {
		err = closed
	}
	return string(text), err
}

// storeIn writes a file in a session.
func storeIn(ctx context.Context, s *Session, path, text string) error {
	w, err := s.Store(ctx, path, sites.Replace)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, text); err != nil {
		w.Abort()
		return err
	}
	return w.Commit()
}
