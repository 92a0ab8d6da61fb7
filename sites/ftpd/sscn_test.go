package ftpd

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"rsexec/sites/ftptest"
)

// secure is two sites on hosts of their own and what speaks to them from a third.
type secure struct {
	source, dest *site
	cs, cd       *client
}

// securePair starts two sites with TLS; trust is the certificates that each takes of the
// other.
func securePair(t *testing.T, server, user *tls.Config, ofSource, ofDest PeerTrust) secure {
	t.Helper()
	start := func(host string, trust PeerTrust) *site {
		return startSite(t, host, Server{TLS: server, AllowPeers: loopback, Peers: trust, RequireTLS: true, DataTimeout: time.Second})
	}
	p := secure{source: start("127.0.0.2", ofDest), dest: start("127.0.0.3", ofSource)}
	p.source.write("prog1", content)
	p.dest.write("prog2", "old\n")
	p.cs, p.cd = p.source.secureLogin(user), p.dest.secureLogin(user)
	return p
}

// connect arranges the data connection: listener is passive, by that verb.
func connect(listener, dialer *client, verb string) {
	listener.t.Helper()
	if verb == "EPSV" {
		port := strings.Trim(strings.SplitN(listener.do("EPSV", "229 "), "(", 2)[1], "|)")
		dialer.do(fmt.Sprintf("EPRT |1|%s|%s|", listener.conn.RemoteAddr().(*net.TCPAddr).IP, port), "200 ")
		return
	}
	at, err := net.ResolveTCPAddr("tcp", listener.passive(verb))
	if err != nil {
		listener.t.Fatal(err)
	}
	dialer.do("PORT "+hostPort(at), "200 ")
}

// A way is who is passive, by which verb, and who was told SSCN ON.
type way struct{ passive, verb, sscn string }

// ways are those in which one side is the TLS client.
func ways() []way {
	var all []way
	for _, passive := range []string{"source", "dest"} {
		for _, verb := range []string{"PASV", "EPSV"} {
			all = append(all, way{passive, verb, "source"}, way{passive, verb, "dest"})
		}
		all = append(all, way{passive, "CPSV", "none"})
	}
	return all
}

// move has prog1 stored as prog2 and returns what source and destination say at last.
func (p secure) move(w way) (source, dest string) {
	p.cs.t.Helper()
	listener, dialer := p.cd, p.cs
	if w.passive == "source" {
		listener, dialer = p.cs, p.cd
	}
	if client, ok := map[string]*client{"source": p.cs, "dest": p.cd}[w.sscn]; ok {
		client.do("SSCN ON", "200 SSCN:CLIENT METHOD")
		defer client.do("SSCN OFF", "200 SSCN:SERVER METHOD")
	}
	connect(listener, dialer, w.verb)
	p.cd.send("STOR prog2")
	p.cs.send("RETR prog1")
	p.cs.expect("150 ")
	p.cd.expect("150 ")
	return p.cs.reply(), p.cd.reply()
}

// Data goes from site to site over TLS, whichever side is passive and whichever is told
// to be the TLS client.
func TestBetweenSites(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	server, user := certified(authority)
	pin := sha256.Sum256(server.Certificates[0].Certificate[0])
	for name, trust := range map[string]PeerTrust{"CA": {CAs: authority.Pool()}, "pin": {Pins: [][32]byte{{}, pin}}} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			server := server.Clone()
			server.MaxVersion = version
			p := securePair(t, server, user, trust, trust)
			for _, w := range ways() {
				t.Run(fmt.Sprint(name, tls.VersionName(version), w), func(t *testing.T) {
					p := secure{p.source, p.dest, p.cs.in(t), p.cd.in(t)}
					p.dest.write("prog2", "old\n")
					source, dest := p.move(w)
					if !strings.HasPrefix(source, "226 ") || !strings.HasPrefix(dest, "226 ") {
						t.Fatalf("source %q, destination %q", source, dest)
					}
					if got := p.dest.read("prog2"); got != content {
						t.Errorf("prog2 is %q", got)
					}
				})
			}
			for _, s := range []*site{p.source, p.dest} {
				if log := s.log.String(); strings.Count(log, "protection=private") != len(ways()) {
					t.Errorf("log:\n%s", log)
				}
			}
		}
	}
}

// A site whose certificate the other one does not trust: both say so at once, neither
// says 226, and the destination is what it was.
func TestUntrustedSite(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	server, user := certified(authority)
	good, bad := PeerTrust{CAs: authority.Pool()}, PeerTrust{CAs: ftptest.NewAuthority(t).Pool(), Pins: [][32]byte{{}}}
	for _, distrustful := range []string{"source", "dest"} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			server := server.Clone()
			server.MaxVersion = version
			ofSource, ofDest := good, bad
			if distrustful == "dest" {
				ofSource, ofDest = bad, good
			}
			p := securePair(t, server, user, ofSource, ofDest)
			for _, w := range ways() {
				t.Run(fmt.Sprint(distrustful, tls.VersionName(version), w), func(t *testing.T) {
					p := secure{p.source, p.dest, p.cs.in(t), p.cd.in(t)}
					source, dest := p.move(w)
					if !strings.HasPrefix(source, "522 ") || !strings.HasPrefix(dest, "522 ") {
						t.Errorf("source %q, destination %q", source, dest)
					}
					if got := p.dest.read("prog2"); got != "old\n" {
						t.Errorf("prog2 is %q", got)
					}
				})
			}
			s := p.source
			if distrustful == "dest" {
				s = p.dest
			}
			if log := s.log.String(); strings.Count(log, "is not one of a trusted site: x509: certificate signed by unknown authority") != len(ways()) {
				t.Errorf("log:\n%s", log)
			}
		}
	}
}

// Two TLS servers, or two TLS clients, are told soon that they cannot go together.
func TestSamePartTwice(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	server, user := certified(authority)
	trust := PeerTrust{CAs: authority.Pool()}
	p := securePair(t, server, user, trust, trust)
	for _, w := range []way{{"dest", "PASV", "none"}, {"dest", "CPSV", "source"}} {
		source, dest := p.move(w)
		if !strings.HasPrefix(source, "522 ") || !strings.HasPrefix(dest, "522 ") {
			t.Errorf("%v: source %q, destination %q", w, source, dest)
		}
		if got := p.dest.read("prog2"); got != "old\n" {
			t.Errorf("%v: prog2 is %q", w, got)
		}
	}
}

// What comes from a host that may be a peer has to have a certificate; from the user's
// own host nothing has to.
func TestForeignClient(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	server, user := certified(authority)
	s := startSite(t, "127.0.0.2", Server{TLS: server, AllowPeers: loopback, Peers: PeerTrust{CAs: authority.Pool()}})
	s.write("f", "old")
	c := s.secureLogin(user)
	named := user.Clone()
	named.Certificates = []tls.Certificate{authority.Issue("site.example")}
	for _, test := range []struct {
		host, reply string
		config      *tls.Config
		want        string
	}{
		{"127.0.0.9:0", "522 ", user, "old"},
		{"127.0.0.9:0", "226 ", named, "new"},
		{"127.0.0.1:0", "226 ", user, "newer"},
	} {
		at := c.pasv()
		c.send("STOR f")
		tcp, err := dialFrom(t, test.host, at)
		if err != nil {
			t.Fatal(err)
		}
		conn := tls.Client(tcp, test.config)
		if _, err := io.WriteString(conn, test.want); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close() // a server that has refused says so to the user
		c.expect("150 ")
		if got := c.expect(test.reply); test.reply == "522 " && !strings.Contains(got, "didn't provide a certificate") {
			t.Errorf("reply %q", got)
		}
		if got := s.read("f"); got != test.want {
			t.Errorf("f is %q, want %q", got, test.want)
		}
	}
}

// A listing is for the user, whatever SSCN says.
func TestListingUnderSSCN(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	server, user := certified(authority)
	s := startSite(t, "127.0.0.1", Server{TLS: server, Peers: PeerTrust{CAs: authority.Pool()}})
	s.write("f", "abc")
	c := s.secureLogin(user)
	c.do("SSCN ON", "200 ")
	at := c.pasv()
	c.send("NLST")
	if b, err := io.ReadAll(c.private(c.data(at), user)); string(b) != "f\r\n" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	c.expect("150 ")
	c.expect("226 ")
}

// A site that is the TLS client takes no end without close_notify either, nor touches
// the destination before the other side has taken its certificate.
func TestTruncationAtClient(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	server, user := certified(authority)
	s := startSite(t, "127.0.0.2", Server{TLS: server, AllowPeers: loopback, Peers: PeerTrust{CAs: authority.Pool()}})
	c := s.secureLogin(user)
	for _, test := range []struct{ data, want string }{{"", "old"}, {"abc", "abc"}} {
		s.write("f", "old")
		at := c.passive("CPSV")
		c.send("STOR f")
		tcp := c.data(at)
		conn := tls.Server(tcp, server)
		if _, err := io.WriteString(conn, test.data); err != nil {
			t.Fatal(err)
		}
		if err := tcp.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		c.expect("150 ")
		c.expect("426 ")
		if got := s.read("f"); got != test.want {
			t.Errorf("f is %q, want %q", got, test.want)
		}
	}
}

func TestPeerTrust(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	cert := authority.Issue("a")
	pin := sha256.Sum256(cert.Certificate[0])
	for _, test := range []struct {
		name  string
		trust PeerTrust
		ok    bool
	}{
		{"nothing", PeerTrust{}, false},
		{"its authority", PeerTrust{CAs: authority.Pool()}, true},
		{"another", PeerTrust{CAs: ftptest.NewAuthority(t).Pool()}, false},
		{"no authority", PeerTrust{CAs: x509.NewCertPool()}, false},
		{"its pin", PeerTrust{Pins: [][32]byte{{1}, pin}}, true},
		{"another pin", PeerTrust{Pins: [][32]byte{{1}}}, false},
		{"its pin and another authority", PeerTrust{CAs: x509.NewCertPool(), Pins: [][32]byte{pin}}, true},
	} {
		err := test.trust.verify(tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert.Leaf}})
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
		if err := test.trust.verify(tls.ConnectionState{}); err == nil {
			t.Errorf("%s: no certificate was taken", test.name)
		}
	}
}
