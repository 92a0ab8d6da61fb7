package ftpd

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"rsexec/sites/ftptest"
)

// nagling writes as programs do that leave Nagle's algorithm on and write each message of
// a handshake by itself.
type nagling struct{ *net.TCPConn }

func (c nagling) Write(p []byte) (int, error) {
	first := min(len(p), 6) // ChangeCipherSpec is so long
	n, err := c.TCPConn.Write(p[:first])
	if err != nil || first == len(p) {
		return n, err
	}
	m, err := c.TCPConn.Write(p[first:])
	return n + m, err
}

// A user that leaves Nagle's algorithm on has each private file without waiting for the
// 40 ms after which the system acknowledges by itself.
func TestPromptHandshake(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	s := startSite(t, "127.0.0.1", Server{TLS: server})
	s.write("f", content)
	c := s.secureLogin(user)
	best := time.Hour
	for range 10 { // one is enough, but a busy machine has its own pauses
		conn := c.data(c.pasv())
		if err := conn.SetNoDelay(false); err != nil {
			t.Fatal(err)
		}
		c.do("RETR f", "150 ")
		began := time.Now()
		private := tls.Client(nagling{conn}, user)
		if b, err := io.ReadAll(private); string(b) != content || err != nil {
			t.Fatalf("%q, %v", b, err)
		}
		best = min(best, time.Since(began))
		_ = private.Close()
		c.expect("226 ")
	}
	if best > 35*time.Millisecond {
		t.Errorf("no file took less than %s", best)
	}
}
