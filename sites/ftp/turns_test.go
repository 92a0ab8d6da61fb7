package ftp

import (
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
	"rsexec/sites/ftptest/delay"
)

// TestTurns holds for how many round trips a session waits that logs in and moves files,
// beyond those that make connections.
func TestTurns(t *testing.T) {
	const files = 10
	for _, peer := range []ftptest.Peer{"ftpd", ftptest.VSFTPD, ftptest.ProFTPD, ftptest.PureFTPd, ftptest.Inetutils} {
		t.Run(string(peer), func(t *testing.T) {
			t.Parallel()
			var s *ftptest.Server
			if peer == "ftpd" {
				s = own(t, "127.0.0.1", ftpd.Modern)
			} else {
				s = ftptest.Start(t, peer, ftptest.Options{})
			}
			n := delay.Start(t, delay.Options{Delay: 5 * time.Millisecond})
			proxy := n.Before(t, s.Addr())
			host, port, err := net.SplitHostPort(proxy.Addr())
			if err != nil {
				t.Fatal(err)
			}
			far := *s
			far.Host = host
			if far.Port, err = strconv.Atoi(port); err != nil {
				t.Fatal(err)
			}
			f := site(t, &far, "tls=off")
			ctx := within(t, patience)
			check := func(what string, want map[string]int) {
				t.Helper()
				if d := cmp.Diff(want, proxy.Counts().Turns); d != "" {
					t.Errorf("%s: %s", what, d)
				}
				n.Reset()
			}
			for _, session := range []string{"the first session", "the second session"} {
				taken, err := f.Take(ctx, 1)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Put(taken[0])
				check(session, map[string]int{"USER": 1})
				taken[0].WriteAhead(session == "the second session")
				for i := range files {
					if err := storeIn(ctx, taken[0], fmt.Sprint("/f", i), "hello"); err != nil {
						t.Fatal(err)
					}
				}
				for i := range files {
					if text, err := readIn(ctx, taken[0], fmt.Sprint("/f", i)); text != "hello" || err != nil {
						t.Errorf("read %q, %v", text, err)
					}
				}
				if session == "the first session" {
					check("without writing ahead", map[string]int{"PASV": 2 * files, "STOR": files, "RETR": files})
				} else {
					check("writing ahead", map[string]int{"PASV": 1, "STOR": files, "RETR": files})
				}
			}
			if d := f.RoundTrip(); d < 10*time.Millisecond || d > patience {
				t.Errorf("a round trip takes %v", d)
			}
		})
	}
}
