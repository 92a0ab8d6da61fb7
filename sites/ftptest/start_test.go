package ftptest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// refusals holds what a server that refuses foreign hosts replies when a stranger has
// connected to its passive socket.
var refusals = map[Peer]string{
	VSFTPD:    "425",
	ProFTPD:   "425",
	PureFTPd:  "", // It hangs up on the stranger and goes on listening.
	Pyftpdlib: "425",
	Inetutils: "226", // It does not refuse.
}

func TestStart(t *testing.T) {
	for _, p := range Peers() {
		for _, refuse := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/refuse=%v", p, refuse), func(t *testing.T) {
				t.Parallel()
				s := Start(t, p, Options{RefuseForeign: refuse})
				dialed, accepted := "200", "226"
				if refuse {
					dialed, accepted = "5", refusals[p]
				}
				if p == Inetutils {
					dialed = "5"
				}
				c := login(t, s)
				c.storeAndFetch(s, "kept.txt", "0123456789")
				c.active(s, c.conn.LocalAddr().(*net.TCPAddr).IP.String(), "200")
				c.active(s, FreshHost(), dialed)
				if accepted != "" {
					c.stranger(s, accepted)
				}
			})
		}
	}
}

func TestStartAtAddress(t *testing.T) {
	const host = "127.0.11.1"
	if s := Start(t, ProFTPD, Options{Addr: host}); s.Host != host {
		t.Errorf("the server is at %s, not %s", s.Host, host)
	}
}

// A client is a control connection, read and written by hand.
type client struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

// dial opens a control connection.
func dial(t testing.TB, s *Server) *client {
	t.Helper()
	conn, err := net.Dial("tcp4", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, conn: conn, r: bufio.NewReader(conn)}
	t.Cleanup(c.close)
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// login opens a control connection as the server's user.
func login(t testing.TB, s *Server) *client {
	t.Helper()
	c := dial(t, s)
	c.expect("220")
	c.do("331", "USER "+s.User)
	c.do("230", "PASS "+s.Password)
	c.do("200", "TYPE I")
	return c
}

// write writes text to a connection.
func write(t testing.TB, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
}

func (c *client) write(text string) {
	c.t.Helper()
	write(c.t, c.conn, text)
}

func (c *client) close() {
	if err := c.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		c.t.Error(err)
	}
}

// do sends a command and expects a reply with one of the codes, which are separated by
// blanks.
func (c *client) do(codes, line string) string {
	c.t.Helper()
	c.write(line + "\r\n")
	return c.expect(codes)
}

// expect reads a reply and returns its last line.
func (c *client) expect(codes string) string {
	c.t.Helper()
	var first string
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatalf("expected %s, got %v", codes, err)
		}
		line = strings.TrimRight(line, "\r\n")
		if first == "" {
			first = line
		}
		if len(line) < 4 || line[:3] != first[:3] || line[3] == '-' {
			continue
		}
		for code := range strings.FieldsSeq(codes) {
			if strings.HasPrefix(line, code) {
				return line
			}
		}
		c.t.Fatalf("expected %s, got %s", codes, line)
	}
}

// passive opens a data connection from the client's own address.
func (c *client) passive(s *Server) net.Conn {
	c.t.Helper()
	return c.passiveFrom(s, nil)
}

// passiveFrom opens a data connection, which has to be at the server's own address, from
// some address.
func (c *client) passiveFrom(s *Server, from net.Addr) net.Conn {
	c.t.Helper()
	reply := c.do("227", "PASV")
	digits := strings.FieldsFunc(reply[4:], func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) != 6 {
		c.t.Fatalf("not an address: %s", reply)
	}
	if host := strings.Join(digits[:4], "."); host != s.Host {
		c.t.Errorf("the data connection is at %s, the server at %s", host, s.Host)
	}
	var p [2]int
	for i := range p {
		var err error
		if p[i], err = strconv.Atoi(digits[4+i]); err != nil {
			c.t.Fatal(err)
		}
	}
	dialer := net.Dialer{LocalAddr: from}
	conn, err := dialer.Dial("tcp4", net.JoinHostPort(s.Host, strconv.Itoa(p[0]<<8|p[1])))
	if err != nil {
		c.t.Fatal(err)
	}
	return conn
}

// stranger has another host connect to the server's passive socket.
func (c *client) stranger(s *Server, want string) {
	c.t.Helper()
	data := c.passiveFrom(s, &net.TCPAddr{IP: net.ParseIP(FreshHost())})
	if first := c.do("125 150 425", "STOR strange.txt"); first[0] == '4' {
		if want != "425" {
			c.t.Errorf("the stranger was refused: %s", first)
		}
	} else {
		if want == "226" {
			write(c.t, data, "hello")
			if err := data.Close(); err != nil {
				c.t.Error(err)
			}
		}
		c.expect(want)
	}
	if err := data.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		c.t.Error(err)
	}
}

func (c *client) storeAndFetch(s *Server, name, text string) {
	c.t.Helper()
	data := c.passive(s)
	c.do("125 150", "STOR "+name)
	write(c.t, data, text)
	if err := data.Close(); err != nil {
		c.t.Error(err)
	}
	c.expect("226")
	kept, err := os.ReadFile(filepath.Join(s.Root, name))
	if err != nil || string(kept) != text {
		c.t.Errorf("stored %q, found %q, %v", text, kept, err)
	}

	data = c.passive(s)
	c.do("350", "REST 3")
	c.do("125 150", "RETR /"+name)
	got, err := io.ReadAll(data)
	if err != nil || string(got) != text[3:] {
		c.t.Errorf("fetched %q, %v", got, err)
	}
	if err := data.Close(); err != nil {
		c.t.Error(err)
	}
	c.expect("226")
}

// listen listens at a host and returns the listener and its address for PORT.
func (c *client) listen(host string) (*net.TCPListener, string) {
	c.t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.ParseIP(host)})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := l.Close(); err != nil {
			c.t.Error(err)
		}
	})
	if err := l.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	return l, fmt.Sprintf("%s,%d,%d", strings.ReplaceAll(host, ".", ","), port>>8, port&0xff)
}

// active has the server dial host. Where want is "5" it has to refuse.
func (c *client) active(s *Server, host, want string) {
	c.t.Helper()
	l, at := c.listen(host)
	if want == "5" {
		c.do(want, "PORT "+at)
		return
	}
	c.activeNLST(s, l, "PORT "+at)
}

// activeNLST has the server dial l with a command, which has to come from the server's
// own address.
func (c *client) activeNLST(s *Server, l *net.TCPListener, command string) {
	c.t.Helper()
	c.do("200", command)
	c.do("125 150", "NLST")
	data, err := l.AcceptTCP()
	if err != nil {
		c.t.Fatal(err)
	}
	if from := data.RemoteAddr().(*net.TCPAddr).IP.String(); from != s.Host {
		c.t.Errorf("the data connection comes from %s, the server is at %s", from, s.Host)
	}
	if list, err := io.ReadAll(data); err != nil || len(list) == 0 {
		c.t.Errorf("listed %q, %v", list, err)
	}
	if err := data.Close(); err != nil {
		c.t.Error(err)
	}
	c.expect("226")
}
