package ftpd

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"rsexec/sites/ftptest"
)

// from connects to s from a local address and reads nothing.
func (s *site) from(local string) *client {
	s.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(local)}, Timeout: patience}
	conn, err := d.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return &client{t: s.t, conn: conn, r: bufio.NewReader(conn)}
}

// admitted waits until s gives a session to a connection from local.
func (s *site) admitted(local string) *client {
	s.t.Helper()
	var c *client
	eventually(s.t, "a session is admitted", func() bool {
		c = s.from(local)
		if strings.HasPrefix(c.reply(), "220 ") {
			return true
		}
		_ = c.conn.Close()
		return false
	})
	return c
}

// turnedAwayWith checks that c gets this reply, and the end.
func (c *client) turnedAwayWith(prefix string) {
	c.t.Helper()
	c.expect(prefix)
	c.closed()
}

func TestSessionLimits(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{Limits: Limits{Sessions: 3, SessionsPerHost: 2}})
	first, second := s.dial(), s.login()
	s.from("127.0.0.1").turnedAwayWith("421 Your host has its 2 sessions here")
	third := s.from("127.0.0.2")
	third.expect("220 ")
	s.from("127.0.0.2").turnedAwayWith("421 This site has its 3 sessions")
	s.from("127.0.0.3").turnedAwayWith("421 This site has its 3 sessions")
	second.do("NOOP", "200 ")

	// Who leaves makes room, however it is that he leaves; for one each.
	_ = first.conn.Close()
	s.admitted("127.0.0.1")
	s.from("127.0.0.1").turnedAwayWith("421 ")
	second.do("QUIT", "221 ")
	s.admitted("127.0.0.1")
	third.send("NOOP")
	if err := third.conn.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	_ = third.conn.Close()
	s.admitted("127.0.0.3")
	s.from("127.0.0.1").turnedAwayWith("421 ")
	if log := s.log.String(); !strings.Contains(log, `msg="turned away" host=127.0.0.1/32`) {
		t.Errorf("log:\n%s", log)
	}
}

// A server that waits for a handshake says nothing that would not be one.
func TestSessionLimitsImplicit(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	s := startSite(t, "127.0.0.1", Server{TLS: server, Implicit: true, Limits: Limits{Sessions: 1}})
	s.dialImplicit(user)
	turnedAway(t, s.raw())
}

func TestNoLimits(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{Limits: Limits{Sessions: -1, SessionsPerHost: -1, SessionsPerUser: -1, LoginTime: -1, LoginFailures: -1}})
	for range 60 { // more than one host's by default
		s.login()
	}
}

func TestUserLimit(t *testing.T) {
	root := t.TempDir()
	s := startSite(t, "127.0.0.1", Server{
		Users:  []User{{Name: "u", Password: "p", Root: root}, {Name: "v", Password: "p", Root: root}},
		Limits: Limits{SessionsPerUser: 2},
	})
	full := func() {
		t.Helper()
		c := s.dial()
		c.do("USER u", "331 ")
		c.do("PASS p", "421 User u has all of 2 sessions here")
		c.closed()
	}
	again := func(c *client) {
		t.Helper()
		c.do("USER u", "331 ")
		c.do("PASS p", "230 ")
	}
	first, second := s.login(), s.login()
	full()
	other := s.dial()
	other.do("USER v", "331 ")
	other.do("PASS p", "230 ")

	// Who logs out is counted out once, in whatever way and however often.
	first.do("REIN", "220 ")
	first.do("REIN", "220 ")
	first.do("USER u", "331 ")
	third := s.login()
	full()
	second.do("USER u", "331 ")
	second.do("USER v", "331 ")
	second.do("PASS wrong", "530 ")
	again(first)
	full()
	third.do("QUIT", "221 ")
	third.closed()
	again(second)
	full()
	// Who becomes somebody else is that one.
	first.do("USER v", "331 ")
	first.do("PASS p", "230 ")
	s.login()
	full()
}

// A user whose folder is not there is not counted.
func TestUserLimitWithoutRoot(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{Users: []User{{Name: "u", Password: "p", Root: "/no/such/folder"}}, Limits: Limits{SessionsPerUser: 1}})
	c := s.dial()
	for range 3 {
		c.do("USER u", "331 ")
		c.do("PASS p", "530 ")
	}
}

func TestHostOf(t *testing.T) {
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"2001:db8::1", "2001:db8::ffff:1", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%lo", "fe80::1", true},
		{"::1", "0.0.0.1", false},
	} {
		if got := hostOf(netip.MustParseAddr(test.a)) == hostOf(netip.MustParseAddr(test.b)); got != test.same {
			t.Errorf("%s and %s: %v", test.a, test.b, got)
		}
	}
}

// Whatever is said, and however slowly, a login has to come in time.
func TestLoginTime(t *testing.T) {
	const limit = 300 * time.Millisecond
	server, user := certified(ftptest.NewAuthority(t))
	drip := func(first, piece string) func(net.Conn) {
		return func(conn net.Conn) {
			for _, err := io.WriteString(conn, first); err == nil; _, err = io.WriteString(conn, piece) { // until it is cut off
				time.Sleep(limit / 20) // being slow is what is tested
			}
		}
	}
	for _, test := range []struct {
		name     string
		implicit bool
		before   func(*client)
		says     func(net.Conn)
		want     string // its last reply; "" is none
	}{
		{name: "nothing", want: "421 No login in 300ms"},
		{name: "NOOP", says: drip("", "NOOP\r\n"), want: "421 No login in 300ms"},
		{name: "a line without end", says: drip("", "x"), want: "421 No login in 300ms"},
		{name: "a line without end, fast", says: drip("", strings.Repeat("x", 1<<20)), want: "421 No login in 300ms"},
		{name: "a subnegotiation without end", says: drip("\xff\xfa", "x"), want: "421 No login in 300ms"},
		{name: "users", says: drip("", "USER u\r\n"), want: "421 No login in 300ms"},
		{name: "no handshake", before: func(c *client) { c.do("AUTH TLS", "234 ") }},
		{name: "a slow handshake", before: func(c *client) { c.do("AUTH TLS", "234 ") }, says: drip("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "x")},
		{name: "no handshake, implicit", implicit: true},
		{name: "nothing over TLS", before: func(c *client) { c.auth(user) }, want: "421 No login in 300ms"},
		{name: "nothing, implicit", implicit: true, before: func(c *client) { c.secure(user); c.expect("220 ") }, want: "421 No login in 300ms"},
		{name: "after a login", before: func(c *client) {
			c.do("USER u", "331 ")
			c.do("PASS p", "230 ")
			time.Sleep(2 * limit) // which is no matter while somebody is logged in
			c.do("NOOP", "200 ")
			c.do("REIN", "220 ")
		}, says: drip("", "NOOP\r\n"), want: "421 No login in 300ms"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := startSite(t, "127.0.0.1", Server{TLS: server, Implicit: test.implicit, Limits: Limits{LoginTime: limit}})
			began := time.Now()
			c := &client{t: t, conn: s.raw()}
			c.r = bufio.NewReader(c.conn)
			if !test.implicit {
				c.expect("220 ")
			}
			if test.before != nil {
				test.before(c)
			}
			if test.says != nil {
				go test.says(c.conn)
			}
			if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			last := ""
			for {
				line, err := c.r.ReadString('\n')
				if netErr, ok := err.(net.Error); ok && netErr.Timeout() {
					t.Fatalf("the session goes on after %s", time.Since(began))
				}
				if err != nil {
					break // in order or not, it is the end
				}
				last = line
			}
			if test.want == "" && !test.implicit {
				last = "" // that of AUTH
			}
			if !strings.HasPrefix(last, test.want) || (test.want == "") != (last == "") {
				t.Errorf("its last reply is %q", last)
			}
			if took := time.Since(began); took < limit {
				t.Errorf("the session ended after %s", took)
			}
		})
	}
}

// A session takes only so much of somebody who does not log in.
func TestEarlyCommands(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	t.Run("unknown commands", func(t *testing.T) {
		c := s.dial().in(t)
		for range maxEarly + 1 {
			c.send("XYZZY")
		}
		for range maxEarly {
			c.expect("500 ")
		}
		c.turnedAwayWith("421 More than 100 commands before a login")
	})
	t.Run("Telnet options", func(t *testing.T) {
		c := s.dial().in(t)
		if _, err := c.conn.Write([]byte(strings.Repeat("\xff\xfd\x01", maxEarly+1))); err != nil {
			t.Fatal(err)
		}
		if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(c.r)
		if _, last, ok := strings.Cut(string(b), strings.Repeat("\xff\xfc\x01", maxEarly)); !ok || !strings.HasPrefix(last, "421 More than 100 ") || err != nil {
			t.Errorf("%q, %v", b, err)
		}
	})
	t.Run("long lines", func(t *testing.T) {
		c := s.dial().in(t)
		c.do("USER "+strings.Repeat("x", maxEarlyLine-len("USER \r")), "331 ")
		c.do("USER "+strings.Repeat("x", maxEarlyLine), "500 Command line is longer than 512 bytes")
		c.do("USER u", "331 ")
		c.send("PASS p", "CWD "+strings.Repeat("x", maxLine-len("CWD \r"))) // in one packet
		c.expect("230 ")
		c.expect("550 ")
		c.do("CWD "+strings.Repeat("x", maxLine), "500 Command line is longer than 8192 bytes")
	})
	t.Run("after a login", func(t *testing.T) {
		c := s.login().in(t)
		for range 3 * maxEarly {
			c.do("XYZZY", "500 ")
		}
		c.do("REIN", "220 ")
		for range maxEarly {
			c.do("XYZZY", "500 ")
		}
		c.do("XYZZY", "421 ")
		c.closed()
	})
}

func TestFailures(t *testing.T) {
	f, l := failures{}, Limits{}.resolved()
	h := func(i int) host {
		return hostOf(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
	}
	now := time.Now()
	var delays []time.Duration
	for range 20 {
		if f.lockedOut(l, h(0), now) {
			t.Fatal("locked out too early")
		}
		delays = append(delays, f.add(l, h(0), now)/time.Second)
	}
	if want := []time.Duration{0, 1, 2, 4, 8, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10}; !slices.Equal(delays, want) {
		t.Errorf("delays %d", delays)
	}
	if !f.lockedOut(l, h(0), now) || f.lockedOut(l, h(1), now) {
		t.Error("the host is not locked out, or another is")
	}
	// The lock-out is no longer than it has to be, and then all is forgotten.
	if at := now.Add(10*time.Minute - 1); !f.lockedOut(l, h(0), at) {
		t.Error("the lock-out ends early")
	}
	if at := now.Add(10 * time.Minute); f.lockedOut(l, h(0), at) || f.add(l, h(0), at) != 0 || f.lockedOut(l, h(0), at) {
		t.Error("the lock-out does not end")
	}
	// So are a few failures.
	f.add(l, h(1), now)
	f.add(l, h(1), now.Add(9*time.Minute))
	if d := f.add(l, h(1), now.Add(10*time.Minute)); d != 0 {
		t.Errorf("a delay of %s", d)
	}
	// Failures from any number of hosts need only so much, and do not make the
	// server forget who is locked out.
	for range 20 {
		f.add(l, h(2), now)
	}
	for i := range 10 * maxFailing {
		f.add(l, h(3+i), now)
	}
	if len(f.hosts) > maxFailing {
		t.Errorf("%d hosts are remembered", len(f.hosts))
	}
	if !f.lockedOut(l, h(2), now) {
		t.Error("a lock-out was forgotten")
	}
	later := now.Add(20 * time.Minute)
	for i := range maxFailing {
		f.add(l, h(-i), later)
	}
	if len(f.hosts) > maxFailing {
		t.Errorf("%d hosts are remembered", len(f.hosts))
	}
	none, l := failures{}, Limits{LoginFailures: -1, LoginDelay: -1}.resolved()
	for range 100 {
		if none.add(l, h(0), now) != 0 || none.lockedOut(l, h(0), now) {
			t.Fatal("there is no way to have no limit")
		}
	}
}

// The reply to a wrong password is held back, and with it what was said behind it; but
// nobody else's, not even of the same host.
func TestLoginDelay(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{Limits: Limits{LoginDelay: time.Hour}})
	before := runtime.NumGoroutine()
	c := s.dial()
	c.do("USER u", "331 ")
	c.do("PASS x", "530 ")
	c.send("USER u", "PASS x", "NOOP")
	c.expect("331 ")
	s.login().do("NOOP", "200 ")
	s.admitted("127.0.0.2").do("USER u", "331 ")
	if err := c.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if b, err := c.r.ReadByte(); err == nil {
		t.Errorf("it said %q", b)
	}
	s.stop() // which does not wait for the delay
	eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

// Each wrong password is answered later than the one before.
func TestLoginDelayGrows(t *testing.T) {
	const unit = 20 * time.Millisecond
	s := startSite(t, "127.0.0.1", Server{Limits: Limits{LoginDelay: unit}})
	for i, want := range []time.Duration{0, 1, 2, 4, 8, 10} {
		c := s.dial() // another session of the host makes no difference
		c.do("USER u", "331 ")
		began := time.Now()
		c.do("PASS x", "530 ")
		if took := time.Since(began); took < want*unit {
			t.Errorf("wrong password %d was answered after %s", i+1, took)
		}
	}
}

func TestLockOut(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{Limits: Limits{LoginFailures: 6}})
	old, waiting := s.login(), s.dial()
	waiting.do("USER u", "331 ")
	c := s.dial()
	for range maxFailures - 1 {
		c.do("USER u", "331 ")
		c.do("PASS x", "530 ")
	}
	c.do("USER u", "331 ")
	c.do("PASS x", "421 Too many wrong passwords: closing")
	c = s.dial()
	c.do("USER u", "331 ")
	c.do("PASS x", "530 ")

	// A right password is not looked at any more, from this host.
	c.do("USER u", "331 ")
	c.do("PASS p", "421 Too many wrong passwords came from your host")
	c.closed()
	waiting.do("PASS p", "421 ")
	waiting.closed()
	s.from("127.0.0.1").turnedAwayWith("421 Too many wrong passwords came from your host")
	// Who is logged in goes on, and other hosts have nothing to do with it.
	old.do("NOOP", "200 ")
	other := s.from("127.0.0.2")
	other.expect("220 ")
	other.do("USER u", "331 ")
	other.do("PASS p", "230 ")
	old.do("USER u", "331 ")
	old.do("PASS p", "421 ")
	old.closed()
}

func TestLockOutEnds(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{Limits: Limits{LoginFailures: 1, FailureWindow: 200 * time.Millisecond}})
	c := s.dial()
	c.do("USER u", "331 ")
	c.do("PASS x", "530 ")
	c.do("USER u", "331 ")
	c.do("PASS p", "421 ")
	s.admitted("127.0.0.1").do("USER u", "331 ")
}

// A thousand hosts with wrong passwords wait, and the user with the right one does not.
func TestManyBadLogins(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{Limits: Limits{Sessions: -1, LoginTime: -1, LoginDelay: time.Hour}})
	var bad []*client
	for i := range 1000 {
		c := s.from(fmt.Sprintf("127.1.%d.%d", i>>8, i&0xFF))
		c.send("USER u", "PASS x", "USER u", "PASS y")
		bad = append(bad, c)
	}
	for _, c := range bad {
		for _, want := range []string{"220 ", "331 ", "530 ", "331 "} {
			c.expect(want)
		}
	}
	for range 20 {
		c := s.login()
		c.do("QUIT", "221 ")
		c.closed()
	}
	for _, c := range bad {
		if err := c.conn.SetReadDeadline(time.Now()); err != nil {
			t.Fatal(err)
		}
		if b, err := c.r.Peek(1); err == nil {
			t.Fatalf("a wrong password was answered: %q", b)
		}
	}
}

// A transfer ends at its limit, as one that is broken off.
func TestTransferTime(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	s := startSite(t, "127.0.0.1", Server{TLS: server, Limits: Limits{TransferTime: 300 * time.Millisecond}})
	s.write("f", "abc")
	c := s.login()
	conn := startRetr(t, s, c)
	c.expect("426 Data connection lost after ")
	if _, err := io.Copy(io.Discard, conn); err == nil {
		t.Error("a file that was cut off ends like a whole one")
	}
	if got := c.get("RETR f"); got != "abc" {
		t.Errorf("RETR has %q", got)
	}
	// What drips is progress to the data timeout, and no matter to this one.
	conn = c.data(c.pasv())
	c.do("STOR g", "150 ")
	c.send("NOOP")
	c.expect("200 ")
	if r := dripUntil(t, c, conn, 2000, 10*time.Millisecond); !strings.Contains(r, "no transfer takes longer than 300ms") {
		t.Errorf("reply %q", r)
	}
	private := s.secureLogin(user)
	data := private.data(private.pasv())
	private.do("STOR h", "150 ")
	if r := dripUntil(t, private, private.private(data, user), 2000, 10*time.Millisecond); !strings.HasPrefix(r, "426 ") {
		t.Errorf("reply %q", r)
	}
}

// dripUntil writes n bytes at a time to conn, until a reply comes.
func dripUntil(t *testing.T, c *client, conn net.Conn, n int, pause time.Duration) string {
	t.Helper()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for piece := make([]byte, n); ; {
			select {
			case <-stop:
				return
			case <-time.After(pause): // being slow is what is tested
			}
			if _, err := conn.Write(piece); err != nil {
				return // the server has had enough
			}
		}
	}()
	r := c.reply()
	close(stop)
	<-stopped
	return r
}

// Who sends a byte now and then does not keep a transfer.
func TestDrip(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	s := startSite(t, "127.0.0.1", Server{TLS: server, DataTimeout: 500 * time.Millisecond})
	for _, kind := range []string{"TYPE I", "TYPE A"} {
		t.Run(kind, func(t *testing.T) {
			c := s.login().in(t)
			c.do(kind, "200 ")
			conn := c.data(c.pasv())
			c.do("STOR f", "150 ")
			if r := dripUntil(t, c, conn, 1, 20*time.Millisecond); !strings.HasPrefix(r, "426 ") {
				t.Errorf("reply %q", r)
			}
			// But who does send goes on.
			conn = c.data(c.pasv())
			c.do("STOR f", "150 ")
			began := time.Now()
			for time.Since(began) < 1200*time.Millisecond {
				if _, err := conn.Write(make([]byte, progress)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(50 * time.Millisecond)
			}
			_ = conn.Close()
			c.expect("226 ")
		})
	}
	t.Run("over TLS", func(t *testing.T) {
		c := s.secureLogin(user).in(t)
		conn := c.data(c.pasv())
		c.do("STOR f", "150 ")
		if r := dripUntil(t, c, c.private(conn, user), 1, 20*time.Millisecond); !strings.HasPrefix(r, "426 ") {
			t.Errorf("reply %q", r)
		}
	})
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("reader, TLS ", secure), func(t *testing.T) {
			c := s.login().in(t)
			if secure {
				c = s.secureLogin(user).in(t)
			}
			s.writeBig("big")
			tcp := c.data(c.pasv())
			if err := tcp.SetReadBuffer(4 << 10); err != nil {
				t.Fatal(err)
			}
			c.do("RETR big", "150 ")
			data := io.Reader(tcp)
			if secure {
				data = c.private(tcp, user)
			}
			go func() {
				var b [1]byte
				for {
					if _, err := data.Read(b[:]); err != nil {
						return
					}
					time.Sleep(20 * time.Millisecond)
				}
			}()
			c.expect("426 ")
		})
	}
}

// BenchmarkIdleSessions prints what an idle session holds in memory, and how many
// goroutines it has.
func BenchmarkIdleSessions(b *testing.B) {
	const sessions = 500
	server, user := certified(ftptest.NewAuthority(b))
	for _, test := range []struct {
		name          string
		secure, login bool
	}{
		{"before login", false, false},
		{"after login", false, true},
		{"TLS before login", true, false},
		{"TLS after login", true, true},
	} {
		b.Run(strings.ReplaceAll(test.name, " ", "_"), func(b *testing.B) {
			for b.Loop() {
				s := startSite(b, "127.0.0.1", Server{TLS: server, Implicit: test.secure, Limits: Limits{Sessions: -1, SessionsPerHost: -1, LoginTime: -1}})
				clients := make([]net.Conn, sessions)
				for i := range clients {
					conn := s.raw()
					if test.secure {
						conn = tls.Client(conn, user)
					}
					clients[i] = conn
					replies := bufio.NewReader(conn)
					lines := []string{"", "NOOP\r\n"}
					if test.login {
						lines = append(lines, "USER u\r\n", "PASS p\r\n", "TYPE I\r\n")
					}
					for _, l := range lines {
						if _, err := io.WriteString(conn, l); err != nil {
							b.Fatal(err)
						}
						if _, err := replies.ReadString('\n'); err != nil {
							b.Fatal(err)
						}
					}
				}
				with, goroutines := held(), runtime.NumGoroutine()
				s.stop()
				without := held()
				b.ReportMetric(float64(with-without)/sessions, "bytes/session")
				b.ReportMetric(float64(goroutines-runtime.NumGoroutine())/sessions, "goroutines/session")
				runtime.KeepAlive(clients)
			}
		})
	}
}

// held is how many bytes of memory are in use.
func held() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// BenchmarkBadLogins makes bad logins from many hosts, and prints how long a good one
// takes before and meanwhile.
func BenchmarkBadLogins(b *testing.B) {
	const logins, hosts, each = 100_000, 250, 4
	for b.Loop() {
		s := startSite(b, "127.0.0.1", Server{Limits: Limits{Sessions: -1, LoginTime: -1, LoginFailures: -1, LoginDelay: 2 * time.Millisecond},
			Logger: slog.New(slog.DiscardHandler)})
		good := func() time.Duration {
			began := time.Now()
			c := s.dial()
			c.do("USER u", "331 ")
			c.do("PASS p", "230 ")
			took := time.Since(began)
			c.do("QUIT", "221 ")
			_ = c.conn.Close()
			return took
		}
		var before, during []time.Duration
		for range 200 {
			before = append(before, good())
		}
		empty := held()
		ended := make(chan error, hosts)
		for i := range hosts {
			go func() {
				local := &net.TCPAddr{IP: net.IPv4(127, 2, 0, byte(1+i))}
				ended <- badLogins(local, s.addr, logins/hosts/each, each)
			}()
		}
		began := time.Now()
		for left := hosts; left > 0; {
			select {
			case err := <-ended:
				if err != nil {
					b.Fatal(err)
				}
				left--
			default:
				during = append(during, good())
			}
		}
		slices.Sort(before)
		slices.Sort(during)
		alone, among := before[len(before)/2], during[len(during)/2]
		b.ReportMetric(float64(alone.Microseconds()), "µs/good-login-before")
		b.ReportMetric(float64(among.Microseconds()), "µs/good-login-meanwhile")
		b.ReportMetric(float64(during[len(during)*99/100].Microseconds()), "µs/good-login-p99")
		b.ReportMetric(float64(among)/float64(alone), "ratio")
		b.ReportMetric(logins/time.Since(began).Seconds(), "bad-logins/s")
		b.ReportMetric(float64(held()-empty)/(1<<20), "MiB-more")
		s.stop()
	}
}

// badLogins makes so many connections from local, with so many wrong passwords each.
func badLogins(local *net.TCPAddr, addr string, connections, each int) error {
	d := net.Dialer{LocalAddr: local, Timeout: patience}
	for range connections {
		conn, err := d.Dial("tcp", addr)
		if err != nil {
			return err
		}
		_, err = io.WriteString(conn, strings.Repeat("USER u\r\nPASS wrong\r\n", each)+"QUIT\r\n")
		if err == nil {
			err = conn.SetDeadline(time.Now().Add(6 * patience))
		}
		var said []byte
		if err == nil {
			said, err = io.ReadAll(conn)
		}
		if n := strings.Count(string(said), "530 "); err == nil && n != each {
			err = fmt.Errorf("%d wrong passwords of %d were answered: %q", n, each, said)
		}
		_ = conn.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
