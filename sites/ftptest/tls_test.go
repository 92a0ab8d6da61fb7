package ftptest

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tlsPeers holds what each server replies.
var tlsPeers = map[Peer]struct {
	login    string // to USER, where that requires TLS
	clear    string // to the first command that shows that a data connection would be clear, where that requires TLS
	fresh    string // at last, to a transfer by a TLS session of its own, where one has to be reused; "" is a server that cannot demand it
	hangsUp  bool   // the server ends the control connection after that
	implicit bool   // it can do implicit TLS
	sscn     string // to SSCN ON
}{
	VSFTPD: {
		login:    "530 Non-anonymous sessions must use encryption.",
		clear:    "522 Data connections must be encrypted.",
		fresh:    "522 SSL connection failed: session reuse required",
		hangsUp:  true,
		implicit: true,
		sscn:     "500 Unknown command.",
	},
	ProFTPD: {
		login:    "550 SSL/TLS required on the control channel",
		clear:    "534 Unwilling to accept security parameters",
		fresh:    "425 Unable to build data connection: Operation not permitted",
		implicit: true,
		sscn:     "200 SSCN:CLIENT METHOD",
	},
	PureFTPd: {
		login: "421 Please reconnect using TLS security mechanisms.",
		clear: "521 Data connection cannot be opened with this PROT setting.",
		sscn:  "500 Unknown command",
	},
	Pyftpdlib: {
		login:    "550 SSL/TLS required on the control channel.",
		clear:    "550 SSL/TLS required on the data channel.",
		implicit: true,
		sscn:     `500 Command "SSCN" not understood.`,
	},
}

func TestTLS(t *testing.T) {
	authority := NewAuthority(t)
	for name, o := range map[string]TLS{
		"offered":  {},
		"required": {Require: true},
		"reuse":    {Reuse: true},
		"implicit": {Implicit: true},
		"all":      {Require: true, Reuse: true, Implicit: true, MaxVersion: tls.VersionTLS12},
	} {
		for p, want := range tlsPeers {
			o := o
			o.Authority = authority
			o.Implicit = o.Implicit && want.implicit
			t.Run(string(p)+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := Start(t, p, Options{TLS: &o})
				const text = "0123456789"
				if err := os.WriteFile(filepath.Join(s.Root, "kept.txt"), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				if got := strings.HasPrefix(s.URL(), "ftps://"); got != o.Implicit {
					t.Errorf("the server's URL is %s", s.URL())
				}
				if !o.Implicit {
					checkLogin(t, s, o.Require, want.login)
				}
				for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
					c := secure(t, s, o, version)
					if got := c.clearData(text); o.Require && got != want.clear {
						t.Errorf("data in the clear is answered with %q, want %q", got, want.clear)
					} else if !o.Require && got != "" {
						t.Errorf("data in the clear is answered with %q", got)
					}
					c.do("200", "PBSZ 0")
					c.do("200", "PROT P")
					// A session may be used more than once, and by both commands.
					for range 2 {
						if got := c.fetch(c.config, "kept.txt", text); got[:3] != "226" {
							t.Errorf("a download ends with %q", got)
						}
						if got := c.store(c.config, "new.txt", text); got[:3] != "226" {
							t.Errorf("an upload ends with %q", got)
						}
					}
					fresh := c.config.Clone()
					fresh.ClientSessionCache = nil
					if !o.Reuse || want.fresh == "" {
						if got := c.fetch(fresh, "kept.txt", text); got[:3] != "226" {
							t.Errorf("a download by a TLS session of its own ends with %q", got)
						}
						continue
					}
					if got := c.fetch(fresh, "kept.txt", ""); got != want.fresh {
						t.Errorf("a download by a TLS session of its own ends with %q, want %q", got, want.fresh)
					}
					if want.hangsUp {
						if line, err := c.r.ReadString('\n'); err == nil {
							t.Errorf("the control connection goes on with %q", line)
						}
					} else {
						c.do("200", "NOOP")
					}
				}
			})
		}
	}
}

// checkLogin holds that a login in the clear is refused with a reply, or done.
func checkLogin(t *testing.T, s *Server, refused bool, reply string) {
	t.Helper()
	if !refused {
		login(t, s)
		return
	}
	c := dial(t, s)
	c.expect("220")
	if got := c.do("3 4 5", "USER "+s.User); got != reply {
		t.Errorf("a login in the clear is answered with %q, want %q", got, reply)
	}
}

// TestTLSCertificate holds that a server is certified for its address, by the authority
// that was given.
func TestTLSCertificate(t *testing.T) {
	authority, other := NewAuthority(t), NewAuthority(t)
	for p := range tlsPeers {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			s := Start(t, p, Options{TLS: &TLS{Authority: authority}})
			for name, c := range map[string]struct {
				authority *Authority
				host      string
				trusted   bool
			}{
				"right":         {authority, s.Host, true},
				"other host":    {authority, "127.0.0.1", false},
				"untrusted":     {other, s.Host, false},
				"not even that": {other, "127.0.0.1", false},
			} {
				config := &tls.Config{RootCAs: c.authority.Pool(), ServerName: c.host}
				if _, err := handshake(t, s, TLS{}, config); (err == nil) != c.trusted {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// TestSSCN holds that after SSCN ON ProFTPD is the TLS client of its peer, whom it checks,
// and that no other server knows the command.
func TestSSCN(t *testing.T) {
	authority, other := NewAuthority(t), NewAuthority(t)
	for p, want := range tlsPeers {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			o := TLS{Authority: authority}
			s := Start(t, p, Options{TLS: &o})
			for by, trusted := range map[*Authority]bool{authority: true, other: false} {
				c := secure(t, s, o, 0)
				c.do("200", "PBSZ 0")
				c.do("200", "PROT P")
				if got := c.do("2 5", "SSCN ON"); got != want.sscn {
					t.Fatalf("SSCN ON is answered with %q, want %q", got, want.sscn)
				} else if got[0] != '2' {
					return
				}
				const host = "127.0.0.1"
				l, at := c.listen(host)
				c.do("200", "PORT "+at)
				c.do("150", "STOR sscn.txt")
				raw, err := l.AcceptTCP()
				if err != nil {
					t.Fatal(err)
				}
				limit(t, raw)
				data := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{by.Issue(host)}})
				if trusted {
					c.send(data, "hello")
					c.expect("226")
					continue
				}
				// ProFTPD looks at the certificate only when the handshake is over, so that it
				// has succeeded for its peer. Its session may crash then (1.3.8: double free).
				if err := data.Handshake(); err != nil {
					t.Error(err)
				}
				finish(t, raw)
				if line, err := c.r.ReadString('\n'); err == nil && line[:3] != "425" {
					t.Errorf("an unknown authority's peer is answered with %q", line)
				}
			}
		})
	}
}

// TestTLSMistakes holds that a server is not started in a way that it does not know.
func TestTLSMistakes(t *testing.T) {
	authority := NewAuthority(t)
	for _, c := range []struct {
		peer Peer
		tls  *TLS
		want string
	}{
		{Inetutils, nil, ""},
		{Inetutils, &TLS{Authority: authority}, "it knows no TLS"},
		{PureFTPd, &TLS{Authority: authority}, ""},
		{PureFTPd, &TLS{Authority: authority, Implicit: true}, "it knows no implicit TLS"},
		{VSFTPD, &TLS{Require: true}, "there is no authority to certify it"},
		{VSFTPD, &TLS{Authority: authority, Implicit: true}, ""},
	} {
		var got string
		if err := c.tls.cannot(c.peer); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s, %+v: %q, want %q", c.peer, c.tls, got, c.want)
		}
	}
}

// A secured is a control connection over TLS.
type secured struct {
	*client
	s      *Server
	config *tls.Config // with a cache of its own: ProFTPD takes no session of another control connection
}

// secure logs in over TLS. Data connections are private only after PBSZ and PROT.
func secure(t *testing.T, s *Server, o TLS, version uint16) *secured {
	t.Helper()
	config := &tls.Config{RootCAs: o.Authority.Pool(), ServerName: s.Host,
		MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	c, err := handshake(t, s, o, config)
	if err != nil {
		t.Fatal(err)
	}
	if o.Implicit {
		c.expect("220")
	}
	if o.MaxVersion != 0 {
		version = o.MaxVersion
	}
	if got := c.conn.(*tls.Conn).ConnectionState().Version; version != 0 && got != version {
		t.Errorf("the server speaks %s, want %s", tls.VersionName(got), tls.VersionName(version))
	}
	c.do("331", "USER "+s.User)
	c.do("230", "PASS "+s.Password)
	c.do("200", "TYPE I")
	return &secured{client: c, s: s, config: config}
}

// handshake opens a control connection as far as TLS.
func handshake(t *testing.T, s *Server, o TLS, config *tls.Config) (*client, error) {
	t.Helper()
	c := dial(t, s)
	if !o.Implicit {
		c.expect("220")
		c.do("234", "AUTH TLS")
	}
	conn := tls.Client(c.conn, config)
	return &client{t: t, conn: conn, r: bufio.NewReader(conn)}, conn.Handshake()
}

// clearData fetches a file that holds text in the clear and returns "", or the refusal.
func (c *secured) clearData(text string) string {
	c.t.Helper()
	c.do("200", "PBSZ 0")
	for _, command := range []string{"PROT C", "PASV"} {
		if reply := c.do("2 5", command); reply[0] == '5' {
			return reply
		}
	}
	data := c.passive(c.s)
	limit(c.t, data)
	if reply := c.do("1 5", "RETR kept.txt"); reply[0] == '5' {
		return reply
	}
	if got, err := io.ReadAll(data); err != nil || string(got) != text {
		c.t.Errorf("fetched %q, %v", got, err)
	}
	finish(c.t, data)
	c.expect("226")
	return ""
}

// fetch fetches a file that holds text and returns the last reply.
func (c *secured) fetch(config *tls.Config, name, text string) string {
	c.t.Helper()
	raw := c.passive(c.s)
	limit(c.t, raw)
	c.do("125 150", "RETR "+name)
	data := tls.Client(raw, config)
	if got, err := io.ReadAll(data); err != nil || string(got) != text {
		c.t.Errorf("fetched %q, %v", got, err)
	}
	finish(c.t, raw)
	return c.expect("2 4 5")
}

// store stores a file that holds text and returns the last reply.
func (c *secured) store(config *tls.Config, name, text string) string {
	c.t.Helper()
	raw := c.passive(c.s)
	limit(c.t, raw)
	c.do("125 150", "STOR "+name)
	c.send(tls.Client(raw, config), text)
	reply := c.expect("2 4 5")
	if kept, err := os.ReadFile(filepath.Join(c.s.Root, name)); err != nil || string(kept) != text {
		c.t.Errorf("stored %q, found %q, %v", text, kept, err)
	}
	return reply
}

// send sends text by a data connection and ends it. What the server has sent, its tickets
// for instance, has to be read first: else the system resets the connection when it is
// closed, and the server may lose what it has not yet read.
func (c *secured) send(data *tls.Conn, text string) {
	c.t.Helper()
	write(c.t, data, text)
	if err := data.CloseWrite(); err != nil {
		c.t.Error(err)
	}
	if _, err := io.Copy(io.Discard, data); err != nil {
		c.t.Error(err)
	}
	finish(c.t, data.NetConn())
}

// limit has a data connection end with the test, and not last for long.
func limit(t testing.TB, data net.Conn) {
	t.Helper()
	t.Cleanup(func() { _ = data.Close() }) // It may have been closed.
	if err := data.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
}

// finish closes a data connection.
func finish(t testing.TB, data net.Conn) {
	t.Helper()
	if err := data.Close(); err != nil {
		t.Error(err)
	}
}
