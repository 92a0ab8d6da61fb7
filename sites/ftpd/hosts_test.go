package ftpd

import (
	"testing"

	"rsexec/sites/ftptest"
)

// Where a server knows its names, it takes these, and its own address, and no others: in
// the clear, after REIN, and over TLS.
func TestHosts(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	s := startSite(t, "127.0.0.1", Server{TLS: server, RequireTLS: true, Hosts: []string{"FTP.Example.com.", "[2001:DB8:0::1]", "192.0.2.7"}})
	ask := func(c *client) {
		t.Helper()
		for _, name := range []string{"ftp.example.com", "FTP.EXAMPLE.COM.", "[2001:db8::1]", "[2001:DB8:0:0:0:0:0:1]", "192.0.2.7", "127.0.0.1"} {
			c.do("HOST "+name, "220 ")
		}
		for _, name := range []string{"example.com", "ftp.example.com.org", "[2001:db8::2]", "192.0.2.8", "localhost", "[::1]"} {
			c.do("HOST "+name, "504 ")
		}
	}
	c := s.dial()
	ask(c)
	c.auth(user)
	ask(c)
	c.do("USER u", "331 ")
	c.do("HOST ftp.example.com", "503 ")
	c.do("PASS p", "230 ")
	c.do("HOST ftp.example.com", "503 ")
}
