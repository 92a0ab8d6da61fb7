package ftpd

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"rsexec/sites/socket"
)

// sockPort is the port in a reply "255 SOCK <port>".
func sockPort(t testing.TB, reply string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimPrefix(reply, "255 SOCK "))
	if err != nil {
		t.Fatalf("reply %q", reply)
	}
	return n
}

const content = "(RSEXEC)\r\nPROG1.PL1\n"

// pair is a source and a destination on hosts of their own; the user is at
// neither.
func pair(t *testing.T, dialect Dialect) (source, dest *site, cs, cd *client) {
	t.Helper()
	source = startSite(t, "127.0.0.2", Server{Dialect: dialect, AllowPeers: loopback})
	dest = startSite(t, "127.0.0.3", Server{Dialect: dialect, AllowPeers: loopback})
	source.write("prog1", content)
	dest.write("prog2", "old\n")
	return source, dest, source.login(), dest.login()
}

// finished1973 reads both sides' 250 and 252.
func finished1973(cs, cd *client) {
	for _, c := range []*client{cs, cd} {
		c.t.Helper()
		c.expect("250 ")
		c.expect("252 ")
	}
}

// The figure of RFC 438: APPEND (FILE) PROG1 (TO FILE) PROG2.
func TestRFC438(t *testing.T) {
	for _, dialect := range []Dialect{RFC438, Modern} {
		for _, passiveSide := range []string{"destination", "source"} {
			t.Run(string(dialect)+" "+passiveSide, func(t *testing.T) {
				source, dest, cs, cd := pair(t, dialect)
				listener, dialer, ls, ds, way := cd, cs, dest, source, "R"
				if passiveSide == "source" {
					listener, dialer, ls, ds, way = cs, cd, source, dest, "S"
				}
				x := sockPort(t, listener.do("LSTN "+way, "255 "))
				y := sockPort(t, dialer.do(fmt.Sprintf("SOCK %s,%d", ls.host(), x), "255 "))
				if again := sockPort(t, listener.do(fmt.Sprintf("SOCK %s,%d", ds.host(), y), "255 ")); again != x {
					t.Errorf("SOCK after LSTN says %d, LSTN said %d", again, x)
				}
				cd.send("APPE prog2")
				cs.send("RETR prog1")
				if dialect == RFC438 {
					finished1973(cs, cd)
				} else {
					for _, c := range []*client{cs, cd} {
						c.expect("150 ")
						c.expect("226 ")
					}
				}
				if got := dest.read("prog2"); got != "old\n"+content {
					t.Errorf("prog2 is %q", got)
				}
				for _, s := range []*site{source, dest} {
					if !strings.Contains(s.log.String(), "msg=transfer") || !strings.Contains(s.log.String(), fmt.Sprintf("bytes=%d", len(content))) {
						t.Errorf("log:\n%s", s.log)
					}
				}
				log := dest.log.String()
				for _, end := range []string{fmt.Sprintf("%s:%d", ls.host(), x), fmt.Sprintf("%s:%d", ds.host(), y)} {
					if !strings.Contains(log, end) {
						t.Errorf("no end %s in\n%s", end, log)
					}
				}
			})
		}
	}
}

// RFC 478: SOCK to both, PASV to one, data sockets by convention.
func TestRFC478(t *testing.T) {
	for _, passiveSide := range []string{"destination", "source"} {
		t.Run(passiveSide, func(t *testing.T) {
			source, dest, cs, cd := pair(t, RFC478)
			for round := range 2 { // the second meets the TIME_WAIT of the first
				if got := sockPort(t, cs.do(fmt.Sprintf("SOCK %s,%d", dest.host(), dest.port(-1)), "255 ")); got != source.port(-1) {
					t.Errorf("own socket %d, want %d", got, source.port(-1))
				}
				cd.do(fmt.Sprintf("SOCK %s,%d", source.host(), source.port(-1)), "255 ")
				if passiveSide == "destination" {
					cd.do("PASV", "200 ")
				} else {
					cs.do("PASV", "200 ")
				}
				name := fmt.Sprintf("copy%d", round)
				cd.send("STOR " + name)
				cs.send("RETR prog1")
				finished1973(cs, cd)
				if got := dest.read(name); got != content {
					t.Errorf("%s is %q", name, got)
				}
			}
		})
	}
}

// RFC 959 section 5.2 and RFC 2428: either side passive.
func TestRFC959(t *testing.T) {
	for _, test := range []struct {
		name, passive, active string
	}{
		{"PASV and PORT", "PASV", "PORT"},
		{"EPSV and EPRT", "EPSV", "EPRT"},
	} {
		for _, passiveSide := range []string{"destination", "source"} {
			t.Run(test.name+" "+passiveSide, func(t *testing.T) {
				_, dest, cs, cd := pair(t, Modern)
				listener, dialer := cd, cs
				if passiveSide == "source" {
					listener, dialer = cs, cd
				}
				if test.passive == "PASV" {
					at, err := net.ResolveTCPAddr("tcp", listener.pasv())
					if err != nil {
						t.Fatal(err)
					}
					dialer.do("PORT "+hostPort(at), "200 ")
				} else {
					port := strings.Trim(strings.SplitN(listener.do("EPSV", "229 "), "(", 2)[1], "|)")
					host := listener.conn.RemoteAddr().(*net.TCPAddr).IP
					dialer.do(fmt.Sprintf("EPRT |1|%s|%s|", host, port), "200 ")
				}
				cd.send("STOR prog2")
				cs.send("RETR prog1")
				for _, c := range []*client{cs, cd} {
					c.expect("150 ")
					c.expect("226 ")
				}
				if got := dest.read("prog2"); got != content {
					t.Errorf("prog2 is %q", got)
				}
			})
		}
	}
}

// A modern server after SOCK: PASV listens on the default data socket.
func TestModernSockThenPasv(t *testing.T) {
	s := startSite(t, "127.0.0.2", Server{AllowPeers: loopback})
	s.write("f", content)
	c := s.login()
	if got := sockPort(t, c.do("SOCK 127.0.0.9,4711", "255 ")); got != s.port(-1) {
		t.Errorf("own socket %d, want %d", got, s.port(-1))
	}
	if at, want := c.pasv(), fmt.Sprintf("127.0.0.2:%d", s.port(-1)); at != want {
		t.Errorf("PASV at %s, want %s", at, want)
	}
}

// One side refuses the foreign host, the other allows it.
func TestForeignHosts(t *testing.T) {
	s := startSite(t, "127.0.0.2", Server{})
	c := s.login()
	c.do("PORT 127,0,0,3,9,9", "504 PORT to a foreign host is refused; ")
	c.do("EPRT |1|127.0.0.3|2313|", "504 EPRT ")
	c.do("SOCK 127.0.0.3,2313", "504 SOCK ")
	c.do("PORT 127,0,0,1,9,9", "200 ")

	willing := startSite(t, "127.0.0.2", Server{AllowPeers: loopback[:1]})
	willing.write("f", content)
	ln, err := net.Listen("tcp", "127.0.0.3:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	c = willing.login()
	c.do("PORT "+hostPort(ln.Addr()), "200 ")
	c.send("RETR f")
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if from := conn.RemoteAddr().(*net.TCPAddr).IP.String(); from != "127.0.0.2" {
		t.Errorf("connected from %s", from)
	}
	b, err := io.ReadAll(conn)
	if string(b) != content || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	_ = conn.Close()
	c.expect("150 ")
	c.expect("226 ")
}

// Strangers are turned away from every listener, and the right one is let in
// after them.
func TestStrangers(t *testing.T) {
	const friend = "127.0.0.1:0"
	for _, test := range []struct {
		name     string
		server   Server
		setup    func(c *client, friendPort int) int // the listening port
		stranger string
		exact    bool // only one socket of the friend is the right one
	}{
		{"PASV", Server{}, func(c *client, _ int) int {
			at, err := net.ResolveTCPAddr("tcp", c.pasv())
			if err != nil {
				c.t.Fatal(err)
			}
			return at.Port
		}, "127.0.0.7:0", false},
		{"LSTN", Server{Dialect: RFC438}, func(c *client, _ int) int {
			return sockPort(c.t, c.do("LSTN S", "255 "))
		}, "127.0.0.7:0", false},
		{"LSTN and SOCK", Server{Dialect: RFC438}, func(c *client, p int) int {
			port := sockPort(c.t, c.do("LSTN S", "255 "))
			c.do(fmt.Sprintf("SOCK 127.0.0.1,%d", p), "255 ")
			return port
		}, friend, true},
		{"SOCK and PASV", Server{Dialect: RFC478}, func(c *client, p int) int {
			port := sockPort(c.t, c.do(fmt.Sprintf("SOCK 127.0.0.1,%d", p), "255 "))
			c.do("PASV", "200 ")
			return port
		}, friend, true},
		{"bare PASV", Server{Dialect: RFC478}, func(c *client, _ int) int {
			c.do("PASV", "200 ")
			return c.conn.RemoteAddr().(*net.TCPAddr).Port - 1
		}, "127.0.0.7:0", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := startSite(t, "127.0.0.2", test.server)
			s.write("f", content)
			c := s.login()
			held, err := socket.Reserve(mustAddrPort(friend))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = held.Close() }()
			at := fmt.Sprintf("127.0.0.2:%d", test.setup(c, int(held.Addr.Port())))
			knock := func() {
				stranger, err := dialFrom(t, test.stranger, at)
				if err != nil {
					t.Fatal(err)
				}
				turnedAway(t, stranger)
			}
			knock()
			c.send("RETR f")
			knock() // and again with the transfer waiting
			from := friend
			if test.exact {
				from = held.Addr.String()
			}
			conn, err := dialFrom(t, from, at)
			if err != nil {
				t.Fatal(err)
			}
			if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(conn); string(b) != content || err != nil {
				t.Errorf("%q, %v", b, err)
			}
			_ = conn.Close()
			for _, want := range map[Dialect][]string{"": {"150 ", "226 "}, RFC438: {"250 ", "252 "}, RFC478: {"250 ", "252 "}}[test.server.Dialect] {
				c.expect(want)
			}
			if refused, err := dialFrom(t, test.stranger, at); err == nil && test.server.Dialect != "" {
				turnedAway(t, refused)
			}
		})
	}
}

// A user whose other site is not allowed hears that, long before nobody is waited for any
// more, and the session goes on.
func TestOnlyStrangers(t *testing.T) {
	t.Parallel()
	s := startSite(t, "127.0.0.2", Server{DataTimeout: time.Hour})
	s.write("f", content)
	c := s.login()
	at := c.pasv()
	c.send("RETR f")
	c.expect("150 ")
	stranger, err := dialFrom(t, "127.0.0.7:0", at)
	if err != nil {
		t.Fatal(err)
	}
	turnedAway(t, stranger)
	c.expect("425 Cannot open the data connection: nobody came but 127.0.0.7, which is neither your own host nor one this site allows")
	c.do("NOOP", "200 ")
}

// Several sessions listen on one default data socket; each gets the connection
// that its SOCK named.
func TestSharedDefaultDataSocket(t *testing.T) {
	const sessions = 4
	s := startSite(t, "127.0.0.2", Server{Dialect: RFC478})
	var held [sessions]*socket.Reservation
	var clients [sessions]*client
	for i := range sessions {
		var err error
		if held[i], err = socket.Reserve(mustAddrPort("127.0.0.1:0")); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = held[i].Close() }()
		s.write(fmt.Sprint("f", i), strings.Repeat(fmt.Sprint(i), i+1))
		clients[i] = s.login()
		if i > 0 { // the first takes whoever comes
			clients[i].do(fmt.Sprintf("SOCK 127.0.0.1,%d", held[i].Addr.Port()), "255 ")
		}
		clients[i].do("PASV", "200 ")
		clients[i].send(fmt.Sprint("RETR f", i))
	}
	var g errgroup.Group
	for i := range sessions {
		g.Go(func() error {
			conn, err := dialFrom(t, held[i].Addr.String(), fmt.Sprintf("127.0.0.2:%d", s.port(-1)))
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			b, err := io.ReadAll(conn)
			if want := strings.Repeat(fmt.Sprint(i), i+1); err != nil || string(b) != want {
				return fmt.Errorf("session %d got %q, %v", i, b, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		c.expect("250 ")
		c.expect("252 ")
	}
	// Nobody waits any more, so nobody listens.
	if conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.2:%d", s.port(-1)), patience); err == nil {
		_ = conn.Close()
		t.Error("the default data socket is still open")
	}
}

// IPv6: EPSV and EPRT work, PASV and PORT have no way to say the address.
func TestIPv6(t *testing.T) {
	if ln, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("no IPv6: ", err)
	} else if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	s := startSite(t, "::1", Server{})
	s.write("f", content)
	c := s.login()
	c.do("PASV", "425 ")
	c.do("PORT 127,0,0,1,9,9", "522 ")
	c.do("EPSV 1", "522 ")
	c.do("EPRT |2|::2|2000|", "504 ")
	port := strings.Trim(strings.SplitN(c.do("EPSV 2", "229 "), "(", 2)[1], "|)")
	conn := c.data("[::1]:" + port)
	c.do("RETR f", "150 ")
	if b, err := io.ReadAll(conn); string(b) != content || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	_ = conn.Close()
	c.expect("226 ")

	ln, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	for _, line := range []string{
		fmt.Sprintf("EPRT |2|::1|%d|", ln.Addr().(*net.TCPAddr).Port),
		fmt.Sprintf("SOCK ::1,%d", ln.Addr().(*net.TCPAddr).Port),
	} {
		c.do(line, "2")
		c.send("RETR f")
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(conn); string(b) != content || err != nil {
			t.Errorf("%q, %v", b, err)
		}
		_ = conn.Close()
		c.expect("150 ")
		c.expect("226 ")
	}
}

// The right connection may come before SOCK has named it. Others that came as
// well are turned away then.
func TestEarlyConnections(t *testing.T) {
	s := startSite(t, "127.0.0.2", Server{Dialect: RFC438, AllowPeers: loopback})
	s.write("f", content)
	c := s.login()
	at := fmt.Sprintf("127.0.0.2:%d", sockPort(t, c.do("LSTN S", "255 ")))
	wrong, err := dialFrom(t, "127.0.0.3:0", at)
	if err != nil {
		t.Fatal(err)
	}
	right, err := dialFrom(t, "127.0.0.3:0", at)
	if err != nil {
		t.Fatal(err)
	}
	c.do(fmt.Sprintf("SOCK 127.0.0.3,%d", right.LocalAddr().(*net.TCPAddr).Port), "255 ")
	turnedAway(t, wrong)
	c.send("RETR f")
	if b, err := io.ReadAll(right); string(b) != content || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	_ = right.Close()
	c.expect("250 ")
	c.expect("252 ")
}

// While the same two sockets are connected, or were a moment ago, connecting from
// the default data socket is tried again.
func TestBusyDefaultDataSocket(t *testing.T) {
	s := startSite(t, "127.0.0.2", Server{Dialect: RFC478})
	s.write("f", content)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	same, err := dialFrom(t, fmt.Sprintf("127.0.0.2:%d", s.port(-1)), ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	other, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := s.login()
	c.do(fmt.Sprintf("SOCK 127.0.0.1,%d", ln.Addr().(*net.TCPAddr).Port), "255 ")
	c.send("RETR f")
	if err := ln.(*net.TCPListener).SetDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := ln.Accept(); err == nil {
		t.Fatal("two connections between the same sockets")
	}
	reset(other.(*net.TCPConn))
	turnedAway(t, same)
	_ = same.Close()
	if err := ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(conn); string(b) != content || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	_ = conn.Close()
	c.expect("250 ")
	c.expect("252 ")
}
