package ftpd

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"rsexec/sites/ftptest"
)

// ending performs a transfer over a data connection that move uses, and returns its last
// reply.
func (c *client) ending(line string, secure *tls.Config, move func(io.ReadWriter)) string {
	c.t.Helper()
	conn := c.data(c.pasv())
	c.send(line)
	if secure == nil {
		move(conn)
		_ = conn.CloseWrite()
		_, _ = io.Copy(io.Discard, conn) // what is left was looked at, or is of no interest
		_ = conn.Close()
	} else {
		private := tls.Client(conn, secure)
		move(private)
		_ = private.CloseWrite()
		_, _ = io.Copy(io.Discard, private)
		_ = private.Close()
	}
	c.expect("150 ")
	return c.reply()
}

// With OPTS RETR HASH and OPTS STOR HASH the reply at the end of a whole file tells its
// digest; where not all of the file was moved, byte for byte, it tells none.
func TestDigestAtTheEnd(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	server, user := certified(authority)
	text := strings.Repeat("0123456789\r\n", 30_000)
	for _, secure := range []*tls.Config{nil, user} {
		s := startSite(t, "127.0.0.1", Server{TLS: server})
		s.write("f", text)
		var c *client
		if secure == nil {
			c = s.login()
		} else {
			c = s.secureLogin(secure)
			c.do("PBSZ 0", "200 ")
			c.do("PROT P", "200 ")
			c.do("TYPE I", "200 ")
		}
		get := func(rw io.ReadWriter) { _, _ = io.Copy(io.Discard, rw) }
		put := func(rw io.ReadWriter) { _, _ = io.WriteString(rw, text) }
		want := fmt.Sprintf("SHA-256 0-%d %x /f", len(text), sha256.Sum256([]byte(text)))
		for _, test := range []struct {
			set  []string
			line string
			move func(io.ReadWriter)
			want string
		}{
			{nil, "RETR f", get, "226 RETR completed"},
			{nil, "STOR f", put, "226 STOR completed"},
			{[]string{"OPTS RETR HASH"}, "RETR f", get, "226 " + want},
			{nil, "STOR f", put, "226 STOR completed"},
			{[]string{"OPTS STOR HASH"}, "STOR f", put, "226 " + want},
			{nil, "STOR empty", func(io.ReadWriter) {}, fmt.Sprintf("226 SHA-256 0-0 %x /empty", sha256.Sum256(nil))},
			{nil, "RETR empty", get, fmt.Sprintf("226 SHA-256 0-0 %x /empty", sha256.Sum256(nil))},
			{[]string{"REST 5"}, "RETR f", get, "226 RETR completed"},
			{[]string{"REST 5"}, "STOR f", put, "226 STOR completed"},
			{[]string{"RANG 0 9"}, "RETR f", get, "226 RETR completed"},
			{nil, "APPE g", put, "226 APPE completed"},
			{nil, "NLST f", get, "226 NLST completed"},
			{[]string{"TYPE A"}, "RETR f", get, "226 RETR completed"},
			{nil, "STOR g", put, "226 STOR completed"},
			{[]string{"TYPE I", "OPTS STOR"}, "STOR f", put, "226 STOR completed"},
			{[]string{"OPTS HASH CRC32"}, "RETR empty", get, "226 CRC32 0-0 00000000 /empty"},
		} {
			for _, line := range test.set {
				c.send(line)
				if r := c.reply(); r[0] != '2' && r[0] != '3' {
					t.Fatalf("%s: %s", line, r)
				}
			}
			if got := c.ending(test.line, secure, test.move); got != test.want {
				t.Errorf("%v %s: %q, want %q", test.set, test.line, got, test.want)
			}
		}
		if got := s.read("f"); got != text {
			t.Errorf("f has %d bytes, want %d", len(got), len(text))
		}
	}
}

// With OPTS STOR PERF an upload tells how far it is, while it goes on.
func TestPerformanceMarkers(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	c := s.login()
	c.do("OPTS STOR PERF", "200 ")
	conn := c.data(c.pasv())
	c.do("STOR f", "150 ")
	if _, err := io.WriteString(conn, content); err != nil {
		t.Fatal(err)
	}
	before := time.Now().Unix()
	for {
		var at float64
		var bytes int
		reply := strings.ReplaceAll(c.reply(), "\r\n", "|")
		if _, err := fmt.Sscanf(reply, "112-Perf Marker| Timestamp: %f| Stripe Index: 0| Stripe Bytes Transferred: %d| Total Stripe Count: 1|112 End", &at, &bytes); err != nil {
			t.Fatalf("%q: %v", reply, err)
		}
		if int64(at) < before || int64(at) > time.Now().Unix() {
			t.Errorf("the time is %f, and now it is %d", at, time.Now().Unix())
		}
		if bytes == len(content) {
			break // an earlier one may come before the bytes have
		}
	}
	_ = conn.Close()
	for r := c.reply(); r != "226 STOR completed"; r = c.reply() {
		if !strings.HasPrefix(r, "112-") {
			t.Fatal(r)
		}
	}
	c.do("NOOP", "200 ") // and none comes after
}
