package ftpd

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rsexec/sites/socket"
)

// patience is how long a test waits for what should happen at once.
const patience = 10 * time.Second

// site is a server under test.
type site struct {
	service *Service
	t       testing.TB
	addr    string
	root    string
	cancel  context.CancelFunc
	log     *records
	ended   chan error
}

// records is a log as text.
type records struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (r *records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(p)
}

func (r *records) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.String()
}

// loopback is every loopback address: hosts that a test's sites allow.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// startSite serves dialect on a free port of host, for the user "u" of password
// "p", until the test ends. A wrong password is soon answered.
func startSite(t testing.TB, host string, server Server) *site {
	t.Helper()
	s := &site{t: t, root: t.TempDir(), log: &records{}, ended: make(chan error, 1)}
	if len(server.Users) == 0 {
		server.Users = []User{{Name: "u", Password: "p", Root: s.root}}
	} else {
		s.root = server.Users[0].Root
	}
	if server.Limits.LoginDelay == 0 {
		server.Limits.LoginDelay = time.Millisecond
	}
	if server.Logger == nil {
		server.Logger = slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	ln, err := Listen(ctx, net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s.addr = ln.Addr().String()
	if s.service, err = NewService(server); err != nil {
		t.Fatal(err)
	}
	go func() { s.ended <- s.service.Serve(ctx, ln) }()
	t.Cleanup(s.stop)
	return s
}

// stop ends the server; a second call does nothing.
func (s *site) stop() {
	s.cancel()
	select {
	case err, ok := <-s.ended:
		if ok {
			close(s.ended)
		}
		if err != nil {
			s.t.Errorf("Serve: %v", err)
		}
	case <-time.After(patience):
		s.t.Fatal("Serve does not return")
	}
}

func (s *site) host() string { h, _, _ := net.SplitHostPort(s.addr); return h }

// port is the control port plus n.
func (s *site) port(n int) int {
	_, p, _ := net.SplitHostPort(s.addr)
	port, _ := strconv.Atoi(p)
	return port + n
}

func (s *site) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.root, name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) read(name string) string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.root, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

func (s *site) missing(name string) {
	s.t.Helper()
	if _, err := os.Lstat(filepath.Join(s.root, name)); !os.IsNotExist(err) {
		s.t.Errorf("%s is there (%v)", name, err)
	}
}

// client is a control connection that a test speaks on.
type client struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

// dial connects to s and reads its greeting.
func (s *site) dial() *client {
	s.t.Helper()
	conn, err := net.DialTimeout("tcp", s.addr, patience)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	c := &client{t: s.t, conn: conn, r: bufio.NewReader(conn)}
	if r := c.reply(); !strings.HasPrefix(r, "220 ") && !strings.HasPrefix(r, "300 ") {
		s.t.Fatalf("greeting %q", r)
	}
	return c
}

// login dials and logs in, with TYPE I.
func (s *site) login() *client {
	s.t.Helper()
	c := s.dial()
	c.do("USER u", "33")
	c.do("PASS p", "230 ")
	c.do("TYPE I", "200 ")
	return c
}

// in is c for use in a subtest.
func (c *client) in(t testing.TB) *client { return &client{t: t, conn: c.conn, r: c.r} }

func (c *client) send(lines ...string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, strings.Join(lines, "\r\n")+"\r\n"); err != nil {
		c.t.Fatal(err)
	}
}

var lastLine = regexp.MustCompile(`^[0-9]{3} `)

// reply reads one reply, of one line or many.
func (c *client) reply() string {
	c.t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	var all strings.Builder
	for {
		line, err := c.r.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			c.t.Fatalf("after %q: %v", all.String(), err)
		}
		if first := all.String(); lastLine.MatchString(line) && (len(first) == len(line) || line[:3] == first[:3]) {
			return strings.TrimSuffix(first, "\r\n")
		}
	}
}

// expect reads a reply that begins with prefix.
func (c *client) expect(prefix string) string {
	c.t.Helper()
	r := c.reply()
	if !strings.HasPrefix(r, prefix) {
		c.t.Fatalf("reply %q, want %q...", r, prefix)
	}
	return r
}

func (c *client) do(line, prefix string) string {
	c.t.Helper()
	c.send(line)
	r := c.reply()
	if !strings.HasPrefix(r, prefix) {
		c.t.Fatalf("%s: reply %q, want %q...", line, r, prefix)
	}
	return r
}

// closed checks that the server ends the connection.
func (c *client) closed() {
	c.t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	if rest, err := io.ReadAll(c.r); err != nil || len(rest) > 0 {
		c.t.Fatalf("at the end: %q, %v", rest, err)
	}
}

var passiveReply = regexp.MustCompile(`\((\d+),(\d+),(\d+),(\d+),(\d+),(\d+)\)`)

// pasv arranges a passive data connection and returns where it listens.
func (c *client) pasv() string {
	c.t.Helper()
	return c.passive("PASV")
}

// passive does so with PASV or CPSV.
func (c *client) passive(verb string) string {
	c.t.Helper()
	m := passiveReply.FindStringSubmatch(c.do(verb, "227 "))
	if m == nil {
		c.t.Fatal("no address in 227")
	}
	hi, _ := strconv.Atoi(m[5])
	lo, _ := strconv.Atoi(m[6])
	return fmt.Sprintf("%s.%s.%s.%s:%d", m[1], m[2], m[3], m[4], hi<<8|lo)
}

// data connects to addr.
func (c *client) data(addr string) *net.TCPConn {
	c.t.Helper()
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// get performs a command that sends data, and returns the data.
func (c *client) get(line string) string {
	c.t.Helper()
	conn := c.data(c.pasv())
	c.do(line, "150 ")
	b, err := io.ReadAll(conn)
	if err != nil {
		c.t.Fatalf("%s: %v", line, err)
	}
	_ = conn.Close()
	c.expect("226 ")
	return string(b)
}

// put performs a command that receives data.
func (c *client) put(line, text string) {
	c.t.Helper()
	conn := c.data(c.pasv())
	c.do(line, "150 ")
	if _, err := io.WriteString(conn, text); err != nil {
		c.t.Fatal(err)
	}
	_ = conn.Close()
	c.expect("226 ")
}

// hostPort is a TCP address as PORT has it.
func hostPort(addr net.Addr) string {
	a := addr.(*net.TCPAddr).AddrPort()
	h := a.Addr().Unmap().As4()
	return fmt.Sprintf("%d,%d,%d,%d,%d,%d", h[0], h[1], h[2], h[3], a.Port()>>8, a.Port()&0xFF)
}

// turnedAway checks that the other side closes conn without a byte.
func turnedAway(t testing.TB, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	n, err := conn.Read(b[:])
	if n > 0 || err == nil || os.IsTimeout(err) {
		t.Errorf("not turned away: %d bytes, %v", n, err)
	}
}

// dialFrom connects from a local address, with port 0 for any.
func dialFrom(t *testing.T, local, remote string) (net.Conn, error) {
	t.Helper()
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(local)), Timeout: patience, Control: socket.Reuse}
	conn, err := d.Dial("tcp", remote)
	if err == nil {
		t.Cleanup(func() { _ = conn.Close() })
	}
	return conn, err
}

// eventually polls until cond holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); {
		if time.Now().After(end) {
			t.Fatalf("not in %s: %s", patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}
