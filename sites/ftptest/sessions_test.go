package ftptest

import (
	"testing"
	"time"
)

// TestMaxSessions holds that each server refuses one session more than it was told to
// allow, and none of those.
func TestMaxSessions(t *testing.T) {
	for p, refusal := range map[Peer]string{VSFTPD: "421", ProFTPD: "530", PureFTPd: "421", Pyftpdlib: "421"} {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			s := Start(t, p, Options{MaxSessions: 2})
			if got := enter(t, s); got != "230" {
				t.Errorf("the first session is answered with %s", got)
			}
			// The one in which the server greeted Start may count for a moment still.
			again := time.NewTicker(50 * time.Millisecond)
			defer again.Stop()
			for deadline := time.Now().Add(greetingTime); enter(t, s) != "230"; <-again.C {
				if time.Now().After(deadline) {
					t.Fatal("there is only one session")
				}
			}
			if got := enter(t, s); got != refusal {
				t.Errorf("the third session is answered with %s, want %s", got, refusal)
			}
		})
	}
}

// enter logs in, as far as the server lets it, and returns the last reply's code. The
// session stays if that is 230, until the test ends.
func enter(t testing.TB, s *Server) string {
	t.Helper()
	c := dial(t, s)
	code := c.expect("220 421")[:3]
	if code == "220" {
		c.do("331", "USER "+s.User)
		code = c.do("230 530", "PASS "+s.Password)[:3]
	}
	if code != "230" {
		c.close()
	}
	return code
}
