package ftp

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

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
