package ftpd

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"rsexec/sites/ftptest"
)

// certified returns the configurations of a server that an authority has certified, and
// of a client that trusts the authority and resumes sessions.
func certified(a *ftptest.Authority) (server, client *tls.Config) {
	return &tls.Config{Certificates: []tls.Certificate{a.Issue("127.0.0.1", "::1")}},
		&tls.Config{RootCAs: a.Pool(), ServerName: "127.0.0.1", ClientSessionCache: tls.NewLRUClientSessionCache(8)}
}

// auth goes over to TLS.
func (c *client) auth(config *tls.Config) {
	c.t.Helper()
	c.do("AUTH TLS", "234 ")
	c.secure(config)
}

func (c *client) secure(config *tls.Config) {
	c.t.Helper()
	conn := tls.Client(c.conn, config)
	if err := conn.HandshakeContext(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	c.conn, c.r = conn, bufio.NewReader(conn)
}

// secureLogin is a client of s over TLS that has logged in, with TYPE I and PROT P.
func (s *site) secureLogin(config *tls.Config) *client {
	s.t.Helper()
	c := s.dial()
	c.auth(config)
	for _, l := range [][2]string{{"USER u", "331 "}, {"PASS p", "230 "}, {"TYPE I", "200 "}, {"PBSZ 0", "200 PBSZ=0"}, {"PROT P", "200 "}} {
		c.do(l[0], l[1])
	}
	return c
}

// dialImplicit connects to s, whose sessions begin with the handshake.
func (s *site) dialImplicit(config *tls.Config) *client {
	s.t.Helper()
	c := &client{t: s.t, conn: s.raw()}
	c.secure(config)
	c.expect("220 ")
	return c
}

// raw connects to s and reads nothing.
func (s *site) raw() net.Conn {
	s.t.Helper()
	conn, err := net.DialTimeout("tcp", s.addr, patience)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// private puts a data connection over TLS, as the user does.
func (c *client) private(conn net.Conn, config *tls.Config) *tls.Conn {
	c.t.Helper()
	private := tls.Client(conn, config)
	if err := private.HandshakeContext(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	return private
}

var tlsDialogues = []struct {
	name             string
	server           Server
	inClear, overTLS [][2]string
}{
	{"optional", Server{},
		[][2]string{
			{"PBSZ 0", "503 "}, {"PROT P", "503 "}, {"PROT C", "503 "}, {"CCC", "533 "},
			{"AUTH", "501 "}, {"AUTH SSL", "504 "}, {"AUTH TLS-P", "504 "}, {"AUTH KERBEROS_V4", "504 "},
			{"SSCN ON", "502 "}, {"CPSV", "502 "},
			{"USER u", "331 "}, {"PASS p", "230 "}, {"REIN", "220 "},
		},
		[][2]string{
			{"AUTH TLS", "503 "}, {"CCC", "534 "},
			{"PROT P", "503 "}, {"PBSZ x", "501 "}, {"PBSZ -1", "501 "}, {"PBSZ 4294967296", "501 "}, {"PROT P", "503 "},
			{"PBSZ 16384", "200 PBSZ=0"}, {"PBSZ 0", "200 PBSZ=0"}, {"PBSZ", "501 "},
			{"PROT", "501 "}, {"PROT S", "536 "}, {"PROT E", "536 "}, {"PROT X", "504 "}, {"prot p", "200 PROT is P"}, {"PROT C", "200 PROT is C"},
			{"PWD", "530 "}, {"USER u", "331 "}, {"PASS p", "230 "}, {"REIN", "502 "}, {"PWD", "257 "},
			{"CCC", "534 "}, {"SSCN", "502 "}, {"QUIT", "221 "},
		},
	},
	{"TLS-C", Server{}, [][2]string{{"auth kerberos", "504 "}}, [][2]string{{"NOOP", "200 "}, {"QUIT", "221 "}}},
	{"required", Server{RequireTLS: true},
		[][2]string{
			{"USER u", "530 "}, {"PASS p", "503 "}, {"USER", "530 "}, {"FEAT", "211-"}, {"NOOP", "200 "}, {"PROT P", "503 "},
		},
		[][2]string{
			{"USER u", "331 "}, {"PASS p", "230 "},
			{"PASV", "227 "}, {"RETR f", "521 "}, {"STOR f", "521 "}, {"APPE f", "521 "}, {"STOU", "521 "}, {"LIST", "521 "}, {"NLST", "521 "}, {"MLSD", "521 "},
			{"PBSZ 0", "200 "}, {"PROT C", "534 "}, {"PROT P", "200 "}, {"RETR none", "550 "}, {"RETR f", "425 "},
			{"QUIT", "221 "},
		},
	},
	{"between sites", Server{Peers: PeerTrust{Pins: [][32]byte{{}}}},
		[][2]string{
			{"SSCN", "503 "}, {"SSCN ON", "503 "}, {"CPSV", "530 "}, {"USER u", "331 "}, {"PASS p", "230 "}, {"CPSV", "503 "},
		},
		[][2]string{
			{"SSCN", "200 SSCN:SERVER METHOD"}, {"SSCN ON", "503 "}, {"SSCN OFF", "200 SSCN:SERVER METHOD"},
			{"CPSV", "530 "}, {"USER u", "331 "}, {"PASS p", "230 "}, {"CPSV", "503 "},
			{"PBSZ 0", "200 "}, {"PROT P", "200 "},
			{"sscn on", "200 SSCN:CLIENT METHOD"}, {"SSCN", "200 SSCN:CLIENT METHOD"}, {"SSCN MAYBE", "501 "}, {"SSCN", "200 SSCN:CLIENT METHOD"},
			{"SSCN OFF", "200 SSCN:SERVER METHOD"}, {"CPSV", "227 "}, {"EPSV ALL", "200 "}, {"CPSV", "503 "}, {"QUIT", "221 "},
		},
	},
}

// What is known in the clear and over TLS, and in which order. A refused AUTH leaves
// what is behind it to be performed.
func TestTLSDialogues(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	for _, d := range tlsDialogues {
		t.Run(d.name, func(t *testing.T) {
			d.server.TLS = server
			s := startSite(t, "127.0.0.1", d.server)
			s.write("f", "abc")
			c := s.dial()
			speak := func(lines [][2]string) {
				t.Helper()
				var all []string
				for _, l := range lines {
					all = append(all, l[0])
				}
				c.send(all...) // all in one packet
				for _, l := range lines {
					if r := c.reply(); !strings.HasPrefix(r, l[1]) {
						t.Fatalf("%s: reply %q, want %q", l[0], r, l[1])
					}
				}
			}
			speak(d.inClear)
			if d.name == "TLS-C" {
				c.do("AUTH tls-c", "234 ")
				c.secure(user)
			} else {
				c.auth(user)
			}
			speak(d.overTLS)
			c.closed()
			if log := s.log.String(); strings.Contains(log, "PASS p") {
				t.Errorf("a password is in the log\n%s", log)
			}
		})
	}
}

func TestWithoutTLS(t *testing.T) {
	c := startSite(t, "127.0.0.1", Server{}).dial()
	for _, line := range []string{"AUTH TLS", "PBSZ 0", "PROT P", "CCC", "SSCN"} {
		c.do(line, "502 ")
	}
	if got := c.do("FEAT", "211-"); strings.Contains(got, "AUTH") {
		t.Errorf("FEAT\n%s", got)
	}
}

func TestFeatTLS(t *testing.T) {
	server, _ := certified(ftptest.NewAuthority(t))
	for _, test := range []struct {
		name   string
		server Server
		want   string
	}{
		{"TLS", Server{TLS: server}, "211-Features:\r\n HOST\r\n LANG EN*\r\n CLNT\r\n CSID Name;\r\n AUTH TLS\r\n PBSZ\r\n PROT\r\n MODE B KEEP\r\n REST STREAM\r\n RANG STREAM\r\n PASV\r\n EPSV\r\n"},
		{"peers", Server{TLS: server, Peers: PeerTrust{Pins: [][32]byte{{}}}}, "211-Features:\r\n HOST\r\n LANG EN*\r\n CLNT\r\n CSID Name;\r\n AUTH TLS\r\n PBSZ\r\n PROT\r\n SSCN\r\n MODE B KEEP\r\n REST STREAM\r\n RANG STREAM\r\n PASV\r\n CPSV\r\n EPSV\r\n"},
	} {
		if got := startSite(t, "127.0.0.1", test.server).dial().do("FEAT", "211-"); !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: FEAT\n%s\nwant\n%s...", test.name, got, test.want)
		}
	}
}

// AUTH resets the session (RFC 4217 section 4.2).
func TestAuthResets(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	s := startSite(t, "127.0.0.1", Server{TLS: server})
	if err := os.Mkdir(filepath.Join(s.root, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.write("f", "abc")
	c := s.login()
	c.do("CWD d", "250 ")
	c.do("REST 2", "350 ")
	at := c.pasv()
	c.auth(user)
	if conn, err := net.DialTimeout("tcp", at, patience); err == nil {
		turnedAway(t, conn)
	}
	c.do("PWD", "530 ")
	c.do("USER u", "331 ")
	c.do("PASS p", "230 ")
	c.do("PWD", `257 "/"`)
	c.do("SIZE f", "550 ") // TYPE A
	c.do("RETR f", "425 ")
}

// Wrong passwords before AUTH count behind it.
func TestAuthForgetsNoFailures(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	c := startSite(t, "127.0.0.1", Server{TLS: server}).dial()
	for range maxFailures - 1 {
		c.do("USER u", "331 ")
		c.do("PASS x", "530 ")
	}
	c.auth(user)
	c.do("USER u", "331 ")
	c.do("PASS x", "421 ")
	c.closed()
}

// What somebody puts behind AUTH in the clear is never performed (CVE-2011-0411).
func TestPlaintextInjection(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	s := startSite(t, "127.0.0.1", Server{TLS: server})
	s.write("f", "abc")
	t.Run("in the packet of AUTH", func(t *testing.T) {
		c := s.login().in(t)
		c.send("AUTH TLS", "DELE f", "USER u", "PASS p", "DELE f")
		c.expect("421 ")
		c.closed()
	})
	t.Run("a part of a line", func(t *testing.T) {
		c := s.login().in(t)
		if _, err := io.WriteString(c.conn, "AUTH TLS\r\nDELE"); err != nil {
			t.Fatal(err)
		}
		c.expect("421 ")
		c.closed()
	})
	t.Run("after the reply", func(t *testing.T) {
		c := s.login().in(t)
		c.do("AUTH TLS", "234 ")
		c.send("DELE f")
		turnedAway(t, c.conn)
	})
	t.Run("and the handshake", func(t *testing.T) {
		c := s.login().in(t)
		c.do("AUTH TLS", "234 ")
		c.send("DELE f")
		if err := tls.Client(c.conn, user).HandshakeContext(t.Context()); err == nil {
			t.Error("TLS began behind a command in the clear")
		}
	})
	s.stop()
	if s.read("f") != "abc" || strings.Contains(s.log.String(), "DELE") {
		t.Errorf("DELE was performed:\n%s", s.log)
	}
}

// Every transfer command with every setup, over TLS 1.2 and 1.3. A session of the
// control connection is resumed on the data connections.
func TestPrivateTransfers(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	for version, peers := range map[uint16]PeerTrust{tls.VersionTLS12: {}, tls.VersionTLS13: {CAs: authority.Pool()}} {
		server, user := certified(authority)
		user.MaxVersion = version
		// The user's own host needs no certificate, even if it is one that may be a peer.
		s := startSite(t, "127.0.0.1", Server{TLS: server, Peers: peers, AllowPeers: loopback})
		c := s.secureLogin(user)
		for _, setup := range []string{"PASV", "EPSV", "PORT", "EPRT"} {
			t.Run(tls.VersionName(version)+" "+setup, func(t *testing.T) {
				c := c.in(t)
				// connect arranges a data connection; the result makes it.
				connect := func() func() *tls.Conn {
					switch setup {
					case "PASV":
						at := c.pasv()
						return func() *tls.Conn { return c.private(c.data(at), user) }
					case "EPSV":
						port := strings.Trim(strings.SplitN(c.do("EPSV", "229 "), "(", 2)[1], "|)")
						return func() *tls.Conn { return c.private(c.data(net.JoinHostPort(s.host(), port)), user) }
					}
					ln, err := net.Listen("tcp", "127.0.0.1:0")
					if err != nil {
						t.Fatal(err)
					}
					if setup == "PORT" {
						c.do("PORT "+hostPort(ln.Addr()), "200 ")
					} else {
						c.do(fmt.Sprintf("EPRT |1|127.0.0.1|%d|", ln.Addr().(*net.TCPAddr).Port), "200 ")
					}
					return func() *tls.Conn {
						defer func() { _ = ln.Close() }()
						conn, err := ln.Accept()
						if err != nil {
							t.Fatal(err)
						}
						t.Cleanup(func() { _ = conn.Close() })
						if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
							t.Fatal(err)
						}
						return c.private(conn, user)
					}
				}
				transfer := func(line, send string) (preliminary, received string) {
					t.Helper()
					dial := connect()
					c.send(line)
					conn := dial()
					if !conn.ConnectionState().DidResume {
						t.Errorf("%s: no session was resumed", line)
					}
					preliminary = c.expect("150 ")
					if send != "" {
						if _, err := io.WriteString(conn, send); err != nil {
							t.Fatal(err)
						}
						if err := conn.Close(); err != nil { // with close_notify
							t.Fatal(err)
						}
					} else {
						b, err := io.ReadAll(conn)
						if err != nil {
							t.Fatalf("%s: %v", line, err)
						}
						received = string(b)
						_ = conn.Close()
					}
					c.expect("226 ")
					return preliminary, received
				}
				long := strings.Repeat("0123456789abcdef", 1<<17) + "end"
				for _, kind := range []string{"I", "A"} {
					c.do("TYPE "+kind, "200 ")
					transfer("STOR f", long)
					if s.read("f") != long {
						t.Errorf("%d bytes stored wrongly in TYPE %s", len(long), kind)
					}
					if _, got := transfer("RETR f", ""); got != long {
						t.Errorf("%d bytes of %d retrieved in TYPE %s", len(got), len(long), kind)
					}
				}
				c.do("TYPE I", "200 ")
				c.do("REST 3", "350 ")
				transfer("STOR f", "XYZ")
				transfer("APPE f", "ghi")
				if got := s.read("f"); got != "012XYZghi" {
					t.Errorf("after REST, STOR and APPE: %q", got)
				}
				opening, _ := transfer("STOU", "unique")
				name := strings.TrimPrefix(opening, "150 FILE: /")
				if got := s.read(name); got != "unique" {
					t.Errorf("%s holds %q", name, got)
				}
				for _, line := range []string{"LIST", "NLST", "MLSD"} {
					if _, got := transfer(line, ""); !strings.Contains(got, name+"\r\n") {
						t.Errorf("%s has %q", line, got)
					}
				}
				s.write("empty", "")
				if _, got := transfer("RETR empty", ""); got != "" {
					t.Errorf("an empty file has %q", got)
				}
			})
		}
		if log := s.log.String(); strings.Contains(log, "protection=clear") || !strings.Contains(log, "protection=private") {
			t.Error("log of private transfers")
		}
		c.do("PROT C", "200 ")
		c.put("STOR f", "clear")
		if got := c.get("RETR f"); got != "clear" {
			t.Errorf("after PROT C: %q", got)
		}
		if !strings.Contains(s.log.String(), "protection=clear") {
			t.Error("log of transfers in the clear")
		}
	}
}

// PROT holds from the command on, whenever the data connection was arranged (RFC 4217
// section 8).
func TestProtBehindPasv(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	s := startSite(t, "127.0.0.1", Server{TLS: server})
	s.write("f", "abc")
	c := s.secureLogin(user)
	c.do("PROT C", "200 ")
	at := c.pasv()
	c.do("PROT P", "200 ")
	c.send("RETR f")
	if b, err := io.ReadAll(c.private(c.data(at), user)); string(b) != "abc" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

// An upload that ends without close_notify may have been cut by anybody.
func TestTruncation(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	s := startSite(t, "127.0.0.1", Server{TLS: server})
	c := s.secureLogin(user)
	for _, kind := range []string{"I", "A"} {
		for _, test := range []struct {
			name, data, old string
			end             func(tcp *net.TCPConn, private *tls.Conn) error
			want            string
		}{
			{"after a record", "abc", "old", func(tcp *net.TCPConn, _ *tls.Conn) error { return tcp.CloseWrite() }, "abc"},
			{"before the first", "", "old", func(tcp *net.TCPConn, _ *tls.Conn) error { return tcp.CloseWrite() }, ""},
			{"within a record", "abc", "", func(tcp *net.TCPConn, _ *tls.Conn) error {
				if _, err := tcp.Write([]byte{23, 3, 3, 0, 99, 1}); err != nil {
					return err
				}
				return tcp.CloseWrite()
			}, "abc"},
			{"with a forged record", "abc", "", func(tcp *net.TCPConn, _ *tls.Conn) error {
				_, err := tcp.Write(append([]byte{23, 3, 3, 0, 32}, make([]byte, 32)...))
				return err
			}, "abc"},
			{"with a reset", "abc", "", func(tcp *net.TCPConn, _ *tls.Conn) error {
				return errors.Join(tcp.SetLinger(0), tcp.Close())
			}, "abc"},
		} {
			t.Run("TYPE "+kind+" "+test.name, func(t *testing.T) {
				c := c.in(t)
				c.do("TYPE "+kind, "200 ")
				s.write("f", test.old)
				tcp := c.data(c.pasv())
				c.send("STOR f")
				private := c.private(tcp, user)
				if _, err := io.WriteString(private, test.data); err != nil {
					t.Fatal(err)
				}
				if test.data != "" {
					eventually(t, "the bytes arrive", func() bool { return s.read("f") == test.data })
				}
				if err := test.end(tcp, private); err != nil {
					t.Fatal(err)
				}
				c.expect("150 ")
				c.expect("426 ")
				if got := s.read("f"); got != test.want {
					t.Errorf("what was received became %q, want %q", got, test.want)
				}
			})
		}
	}
	if !strings.Contains(s.log.String(), "without TLS's close_notify") {
		t.Errorf("log:\n%s", s.log)
	}
}

// A download that is broken off has no close_notify.
func TestPrivateAbor(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	s := startSite(t, "127.0.0.1", Server{TLS: server})
	s.writeBig("big")
	c := s.secureLogin(user)
	start := func() *tls.Conn {
		t.Helper()
		tcp := c.data(c.pasv())
		c.send("RETR big")
		conn := c.private(tcp, user)
		c.expect("150 ")
		if _, err := io.ReadFull(conn, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	conn := start()
	c.do("\xff\xf4\xff\xf2ABOR", "426 ")
	c.expect("226 ")
	if _, err := io.Copy(io.Discard, conn); err == nil {
		t.Error("an aborted file ends like a whole one")
	}
	c.do("ABOR", "225 ")

	_ = start().NetConn().Close() // the reader gives up
	c.expect("426 ")

	tcp := c.data(c.pasv())
	c.do("STOR f", "150 ") // ABOR before the handshake
	c.do("ABOR", "426 ")
	c.expect("226 ")
	turnedAway(t, tcp)
	s.missing("f")

	conn = start()
	_ = c.conn.Close()
	if _, err := io.Copy(io.Discard, conn); err == nil {
		t.Error("a file whose session ended ends like a whole one")
	}
}

// STAT counts the bytes of the file, not those of TLS.
func TestPrivateStat(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	s := startSite(t, "127.0.0.1", Server{TLS: server})
	c := s.secureLogin(user)
	tcp := c.data(c.pasv())
	c.send("STOR f")
	conn := c.private(tcp, user)
	c.expect("150 ")
	if _, err := io.WriteString(conn, "12345"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "STAT says how many bytes", func() bool {
		return strings.Contains(c.do("STAT", "211-"), "STOR /f: 5 bytes so far")
	})
	_ = conn.Close()
	c.expect("226 ")
}

// A transfer whose TLS fails is answered with 522, and nothing of a file has changed.
func TestRefusedHandshake(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	server, user := certified(authority)
	stranger := &tls.Config{RootCAs: ftptest.NewAuthority(t).Pool(), ServerName: "127.0.0.1"}
	s := startSite(t, "127.0.0.1", Server{TLS: server, DataTimeout: 500 * time.Millisecond})
	s.write("f", "old")
	c := s.secureLogin(user)
	for _, test := range []struct {
		name   string
		spoil  func(t *testing.T, tcp *net.TCPConn)
		reason string
	}{
		{"the server's certificate is refused", func(t *testing.T, tcp *net.TCPConn) {
			if err := tls.Client(tcp, stranger).HandshakeContext(t.Context()); err == nil {
				t.Error("the certificate was taken")
			}
		}, "bad certificate"},
		{"TLS 1.1", func(t *testing.T, tcp *net.TCPConn) {
			old := &tls.Config{RootCAs: authority.Pool(), ServerName: "127.0.0.1", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
			if err := tls.Client(tcp, old).HandshakeContext(t.Context()); err == nil {
				t.Error("TLS 1.1 was taken")
			}
		}, "unsupported versions"},
		{"garbage", func(t *testing.T, tcp *net.TCPConn) {
			if _, err := io.WriteString(tcp, strings.Repeat("not TLS\r\n", 1000)); err != nil {
				t.Error(err)
			}
		}, "does not look like a TLS handshake"},
		{"silence", func(*testing.T, *net.TCPConn) {}, "no handshake in 500ms"},
		{"the end", func(t *testing.T, tcp *net.TCPConn) {
			if err := tcp.CloseWrite(); err != nil {
				t.Error(err)
			}
		}, "EOF"},
	} {
		for _, line := range []string{"STOR f", "APPE f", "STOR new", "STOU new", "RETR f", "LIST"} {
			if line != "STOR f" && line != "STOR new" && test.name != "garbage" {
				continue
			}
			t.Run(test.name+" "+line, func(t *testing.T) {
				c := c.in(t)
				tcp := c.data(c.pasv())
				c.do(line, "150 ")
				test.spoil(t, tcp)
				if got := c.expect("522 "); !strings.Contains(got, test.reason) {
					t.Errorf("reply %q, want %q in it", got, test.reason)
				}
				if got := s.read("f"); got != "old" {
					t.Errorf("f became %q", got)
				}
				if files, err := os.ReadDir(s.root); len(files) != 1 || err != nil {
					t.Errorf("files: %v, %v", files, err)
				}
			})
		}
	}
	c.do("NOOP", "200 ")
}

// A handshake that stalls on the control connection is bounded and holds nobody up.
func TestStalledControl(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	for _, implicit := range []bool{false, true} {
		for _, begin := range []string{"", "\x16\x03\x01\x02\x00\x01", "USER u\r\n"} {
			t.Run(fmt.Sprintf("%v %q", implicit, begin), func(t *testing.T) {
				s := startSite(t, "127.0.0.1", Server{TLS: server, Implicit: implicit, DataTimeout: 300 * time.Millisecond})
				var conn net.Conn
				if implicit {
					conn = s.raw()
				} else {
					c := s.dial()
					c.do("AUTH TLS", "234 ")
					conn = c.conn
				}
				if _, err := io.WriteString(conn, begin); err != nil {
					t.Fatal(err)
				}
				if implicit {
					s.dialImplicit(user).do("NOOP", "200 ")
				} else {
					s.secureLogin(user)
				}
				if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
					t.Fatal(err)
				}
				if b, err := io.ReadAll(conn); os.IsTimeout(err) || strings.Contains(string(b), "220") {
					t.Errorf("the stalled session: %q, %v", b, err)
				}
			})
		}
	}
}

// The end of the server's context ends handshakes and private transfers.
func TestServeEndsTLS(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	before := runtime.NumGoroutine()
	s := startSite(t, "127.0.0.1", Server{TLS: server})
	s.writeBig("big")
	stalled, idle, busy, waiting := s.dial(), s.secureLogin(user), s.secureLogin(user), s.secureLogin(user)
	stalled.do("AUTH TLS", "234 ")
	tcp := busy.data(busy.pasv())
	busy.send("RETR big")
	conn := busy.private(tcp, user)
	busy.expect("150 ")
	silent := waiting.data(waiting.pasv())
	waiting.do("STOR x", "150 ")
	s.stop()
	turnedAway(t, stalled.conn)
	idle.expect("421 ")
	idle.closed()
	busy.expect("426 ")
	busy.expect("421 ")
	waiting.expect("426 ")
	turnedAway(t, silent)
	if _, err := io.Copy(io.Discard, conn); err == nil {
		t.Error("an aborted file ends like a whole one")
	}
	eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

func TestImplicit(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	s := startSite(t, "127.0.0.1", Server{TLS: server, Implicit: true, RequireTLS: true})
	s.write("f", "abc")
	c := s.dialImplicit(user)
	c.do("AUTH TLS", "503 ")
	c.do("USER u", "331 ")
	c.do("PASS p", "230 ")
	at := c.pasv()
	c.send("RETR f") // PROT P was implied
	if b, err := io.ReadAll(c.private(c.data(at), user)); string(b) != "abc" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	c.expect("150 ")
	c.expect("226 ")
	c.do("PROT P", "200 ")
	c.do("QUIT", "221 ")
	c.closed()
}

// A reader that is slow makes progress and is waited for; one that stands still is not.
func TestPrivatePace(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	s := startSite(t, "127.0.0.1", Server{TLS: server, DataTimeout: 300 * time.Millisecond})
	s.writeBig("big")
	c := s.secureLogin(user)
	start := func() *tls.Conn {
		t.Helper()
		tcp := c.data(c.pasv())
		c.send("RETR big")
		conn := c.private(tcp, user)
		c.expect("150 ")
		return conn
	}
	conn := start()
	var got int64
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		n, err := io.CopyN(io.Discard, conn, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		got += n
		time.Sleep(50 * time.Millisecond) // being slow is what is tested
	}
	n, err := io.Copy(io.Discard, conn)
	if got += n; got != big || err != nil {
		t.Errorf("%d bytes, %v", got, err)
	}
	_ = conn.Close()
	c.expect("226 ")
	start()
	c.expect("426 ")
	tcp := c.data(c.pasv())
	c.send("STOR f")
	if _, err := io.WriteString(c.private(tcp, user), "abc"); err != nil {
		t.Fatal(err)
	}
	c.expect("150 ")
	c.expect("426 ")
	if got := s.read("f"); got != "abc" {
		t.Errorf("what was received became %q", got)
	}
}

func TestImpossibleTLS(t *testing.T) {
	server, _ := certified(ftptest.NewAuthority(t))
	for want, s := range map[string]Server{
		"need TLS":    {RequireTLS: true},
		"Implicit":    {Implicit: true},
		"Peers":       {Peers: PeerTrust{Pins: [][32]byte{{}}}},
		"certificate": {TLS: &tls.Config{}},
		"rfc438":      {TLS: server, Dialect: RFC438},
	} {
		ln, err := Listen(context.Background(), "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Serve(context.Background(), ln); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Serve: %v, want %q in it", err, want)
		}
	}
}

// A reader that knows where the file ends need not wait for this site to say so: it has
// said in order, by TLS's close_notify, that it closes, and what comes after is reset.
func TestTLSReaderClosesFirst(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	s := startSite(t, "127.0.0.1", Server{TLS: server})
	s.write("empty", "")
	c := s.secureLogin(user)
	for range 50 { // it depends on who is faster
		conn := c.data(c.pasv())
		c.do("RETR empty", "150 ")
		private := c.private(conn, user)
		if err := private.Close(); err != nil {
			t.Fatal(err)
		}
		c.expect("226 ")
	}
}
