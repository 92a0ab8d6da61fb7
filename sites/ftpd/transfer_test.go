package ftpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func mustAddrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// big is more than two hosts' socket buffers hold.
const big = 64 << 20

// writeBig makes a file of big bytes without storage.
func (s *site) writeBig(name string) {
	s.t.Helper()
	s.write(name, "")
	if err := os.Truncate(filepath.Join(s.root, name), big); err != nil {
		s.t.Fatal(err)
	}
}

func TestStoreAndRetrieve(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	c := s.login()
	long := strings.Repeat("0123456789abcdef", 1<<17) + "end"
	for _, text := range []string{"", "x", long} {
		c.put("STOR f", text)
		if s.read("f") != text {
			t.Errorf("%d bytes stored wrongly", len(text))
		}
		if c.get("RETR f") != text {
			t.Errorf("%d bytes retrieved wrongly", len(text))
		}
	}
	c.put("STOR f", "abc")
	c.put("APPE f", "def")
	c.put("APPE new", "ghi")
	if got := s.read("f") + s.read("new"); got != "abcdefghi" {
		t.Errorf("after APPE %q", got)
	}
}

func TestStou(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	c := s.login()
	for _, line := range []string{"STOU", "STOU x"} {
		conn := c.data(c.pasv())
		name := strings.TrimPrefix(c.do(line, "150 FILE: "), "150 FILE: /")
		if _, err := io.WriteString(conn, line); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		c.expect("226 ")
		if got := s.read(name); got != line {
			t.Errorf("%s holds %q", name, got)
		}
	}
}

func TestRest(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	c := s.login()
	reset := func() { s.write("f", "0123456789") }
	for _, test := range []struct {
		rest, line, data, want string
	}{
		{"REST 4", "RETR f", "", "456789"},
		{"REST 10", "RETR f", "", ""},
		{"REST 5", "STOR f", "XYZ", "01234XYZ"},
		{"REST 10", "STOR f", "XYZ", "0123456789XYZ"},
		{"REST 5", "APPE f", "XYZ", "0123456789XYZ"},
		{"REST 0", "STOR f", "XYZ", "XYZ"},
	} {
		reset()
		c.do(test.rest, "350 ")
		got := ""
		if strings.HasPrefix(test.line, "RETR") {
			got = c.get(test.line)
		} else {
			c.put(test.line, test.data)
			got = s.read("f")
		}
		if got != test.want {
			t.Errorf("%s, %s: %q, want %q", test.rest, test.line, got, test.want)
		}
		reset()
		if got := c.get("RETR f"); got != "0123456789" {
			t.Errorf("after %s, %s: RETR has %q", test.rest, test.line, got)
		}
	}
	for _, line := range []string{"RETR f", "STOR f"} {
		c.pasv()
		c.do("REST 11", "350 ")
		c.do(line, "554 ")
		c.do("TYPE A", "200 ")
		c.pasv()
		c.do("REST 1", "350 ")
		c.do(line, "554 ")
		c.do("TYPE I", "200 ")
	}
	if got := s.read("f"); got != "0123456789" {
		t.Errorf("a refused STOR left %q", got)
	}
	c.pasv()
	c.do("REST 11", "350 ")
	c.do("STOR new", "554 ")
	s.missing("new")
}

func TestTypeA(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	c := s.login()
	c.do("TYPE A", "200 ")
	for _, test := range []struct{ file, network, back string }{
		{"a\nb\n", "a\r\nb\r\n", "a\nb\n"},
		{"a\r\nb", "a\r\nb", "a\nb"},
		{"\n\n\r\n\r", "\r\n\r\n\r\n\r", "\n\n\n\r"},
		{"a\rb\r\r\n", "a\rb\r\r\n", "a\rb\r\n"},
		{"", "", ""},
	} {
		s.write("f", test.file)
		if got := c.get("RETR f"); got != test.network {
			t.Errorf("RETR of %q: %q, want %q", test.file, got, test.network)
		}
		c.put("STOR g", test.network)
		if got := s.read("g"); got != test.back {
			t.Errorf("STOR of %q: %q, want %q", test.network, got, test.back)
		}
	}
	// Line ends across every boundary of a piece.
	long := strings.Repeat("x\n", 100_000)
	s.write("f", long)
	network := c.get("RETR f")
	if network != strings.ReplaceAll(long, "\n", "\r\n") {
		t.Error("long RETR")
	}
	c.put("STOR g", "y"+network)
	if s.read("g") != "y"+long {
		t.Error("long STOR")
	}
}

func TestEscapes(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o644); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"out": outside, "file": filepath.Join(outside, "secret"), "up": "../..", "dangling": filepath.Join(outside, "new"), "in": "d"} {
		if err := os.Symlink(target, filepath.Join(s.root, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(s.root, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.write("d/f", "inside")
	c := s.login()
	c.do("CWD ../../..", "250 \"/\"")
	c.do("CWD /d/../../..", "250 \"/\"")
	for _, line := range []string{"CWD out", "CWD up", "SIZE file", "MDTM out/secret", "MKD out/x", "DELE out/secret", "MLST file", "STAT out", "SITE CHMOD 600 file", "SITE CHMOD 600 out/secret", "SIZE ../" + filepath.Base(outside) + "/secret"} {
		c.do(line, "550 ")
	}
	c.do("RNFR d/f", "350 ")
	c.do("RNTO out/f", "553 ")
	for _, line := range []string{"RETR file", "RETR out/secret", "STOR file", "STOR dangling", "STOR out/new", "APPE file", "LIST out", "MLSD up"} {
		c.pasv()
		c.do(line, "550 ")
	}
	if got := c.get("RETR in/f"); got != "inside" {
		t.Errorf("through an inner link %q", got)
	}
	entries, err := os.ReadDir(outside)
	if err != nil || len(entries) != 1 {
		t.Errorf("outside: %v, %v", entries, err)
	}
}

// Two transfers and what is between them in one packet: replies in order.
func TestPipelinedTransfers(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	for i := range 3 {
		s.write(fmt.Sprint("f", i), strings.Repeat("x", i))
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	c := s.dial()
	port := "PORT " + hostPort(ln.Addr())
	c.send("USER u", "PASS p", "TYPE I", port, "RETR f0", port, "RETR f1", "PWD", port, "RETR f2", "QUIT")
	for i := range 3 {
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(conn)
		if len(b) != i || err != nil {
			t.Errorf("file %d: %q, %v", i, b, err)
		}
		_ = conn.Close()
	}
	for _, want := range []string{"331 ", "230 ", "200 ", "200 ", "150 ", "226 ", "200 ", "150 ", "226 ", "257 ", "200 ", "150 ", "226 ", "221 "} {
		c.expect(want)
	}
	c.closed()
}

// startRetr starts a RETR that cannot end before its reader reads.
func startRetr(t *testing.T, s *site, c *client) *net.TCPConn {
	t.Helper()
	s.writeBig("big")
	conn := c.data(c.pasv())
	c.do("RETR big", "150 ")
	if _, err := io.ReadFull(conn, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestStatDuringTransfer(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	s.write("f", "abc")
	c := s.login()
	if got := c.do("STAT", "211-"); strings.Contains(got, "so far") {
		t.Errorf("STAT at rest:\n%s", got)
	}
	conn := startRetr(t, s, c)
	eventually(t, "STAT says how many bytes", func() bool {
		got := c.do("STAT", "211-")
		var n int
		_, err := fmt.Sscanf(got[max(0, strings.Index(got, "RETR /big: ")):], "RETR /big: %d bytes so far", &n)
		return err == nil && n >= 1<<20
	})
	c.do("NOOP", "200 ")
	if got := c.do("STAT /", "213-"); !strings.Contains(got, " f\r\n") {
		t.Errorf("STAT /:\n%s", got)
	}
	c.send("PWD", "NOOP", "QUIT") // wait for the end, and NOOP for PWD
	if n, err := io.Copy(io.Discard, conn); n != big-1<<20 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	_ = conn.Close()
	for _, want := range []string{"226 ", "257 ", "200 ", "221 "} {
		c.expect(want)
	}
	c.closed()
}

func TestAborSending(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	c := s.login()
	conn := startRetr(t, s, c)
	// With Telnet's IP and Synch before it (RFC 959 section 4.1.3).
	c.do("\xff\xf4\xff\xf2ABOR", "426 ")
	c.expect("226 ")
	// The reader must not take what it has for the whole file.
	if _, err := io.Copy(io.Discard, conn); err == nil {
		t.Error("an aborted file ends like a whole one")
	}
	c.do("ABOR", "225 ")
	if got := c.do("STAT", "211-"); strings.Contains(got, "so far") {
		t.Errorf("STAT after ABOR:\n%s", got)
	}
}

func TestAborReceiving(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	c := s.login()
	conn := c.data(c.pasv())
	c.do("STOR f", "150 ")
	if _, err := io.WriteString(conn, "abc"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the bytes arrive", func() bool { return s.read("f") == "abc" })
	c.do("ABOR", "426 ")
	c.expect("226 ")
	if got := s.read("f"); got != "abc" {
		t.Errorf("what was received became %q", got)
	}
	turnedAway(t, conn)
}

// ABOR with nobody connected, and ABOR behind commands that wait.
func TestAborWaiting(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	s.write("f", "old")
	c := s.login()
	c.pasv()
	c.do("STOR f", "150 ")
	c.do("ABOR", "426 ")
	c.expect("226 ")
	c.pasv()
	c.do("STOR new", "150 ")
	c.send("PASV", "STOR f", "PWD", "ABOR", "NOOP")
	for _, want := range []string{"426 ", "227 ", "150 ", "426 ", "257 ", "226 ", "200 "} {
		c.expect(want)
	}
	if got := s.read("f"); got != "old" {
		t.Errorf("a transfer that did not begin left %q", got)
	}
	s.missing("new")
}

func TestBrokenConnections(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	c := s.login()
	t.Run("reader closes early", func(t *testing.T) {
		c := c.in(t)
		conn := startRetr(t, s, c)
		_ = conn.Close()
		c.expect("426 ")
	})
	t.Run("reader of a small file closes early", func(t *testing.T) {
		c := c.in(t)
		s.write("small", strings.Repeat("x", 1000))
		conn := c.data(c.pasv())
		c.do("RETR small", "150 ")
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		c.expect("426 ")
	})
	t.Run("reader keeps its side open", func(t *testing.T) {
		c := c.in(t)
		conn := c.data(c.pasv())
		c.do("RETR small", "150 ")
		if b, err := io.ReadAll(conn); len(b) != 1000 || err != nil {
			t.Fatal(len(b), err)
		}
		c.expect("226 ")
	})
	for _, verb := range []string{"STOR", "APPE"} {
		for _, kind := range []string{"A", "I"} {
			t.Run(verb+" reset in TYPE "+kind, func(t *testing.T) {
				c := c.in(t)
				c.do("TYPE "+kind, "200 ")
				name := verb + kind
				conn := c.data(c.pasv())
				c.do(verb+" "+name, "150 ")
				if _, err := io.WriteString(conn, "abc"); err != nil {
					t.Fatal(err)
				}
				eventually(t, "the bytes arrive", func() bool { return s.read(name) == "abc" })
				if err := conn.SetLinger(0); err != nil {
					t.Fatal(err)
				}
				_ = conn.Close()
				c.expect("426 ")
				if got := s.read(name); got != "abc" {
					t.Errorf("what was received became %q", got)
				}
			})
		}
	}
}

func TestDataTimeout(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{DataTimeout: 200 * time.Millisecond})
	s.write("f", "old")
	c := s.login()
	c.pasv()
	c.do("STOR f", "150 ")
	c.expect("425 ")
	if got := s.read("f"); got != "old" {
		t.Errorf("a transfer that did not begin left %q", got)
	}
	conn := c.data(c.pasv())
	c.do("STOR g", "150 ")
	if _, err := io.WriteString(conn, "abc"); err != nil {
		t.Fatal(err)
	}
	c.expect("426 ")
	if got := s.read("g"); got != "abc" {
		t.Errorf("what was received became %q", got)
	}
	startRetr(t, s, c)
	c.expect("426 ")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "PORT " + hostPort(ln.Addr())
	_ = ln.Close()
	c.do(closed, "200 ")
	c.do("STOR h", "150 ")
	c.expect("425 ")
	s.missing("h")
}

// A slow reader makes progress and is waited for.
func TestSlowReader(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{DataTimeout: 300 * time.Millisecond})
	c := s.login()
	conn := startRetr(t, s, c)
	var got int64 = 1 << 20
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
}

// The end of the control connection ends a transfer.
func TestControlLost(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	c := s.login()
	conn := startRetr(t, s, c)
	_ = c.conn.Close()
	if _, err := io.Copy(io.Discard, conn); err == nil {
		t.Error("an aborted file ends like a whole one")
	}
	eventually(t, "the transfer is logged", func() bool {
		return strings.Contains(s.log.String(), "error=aborted")
	})
}

// The end of the server's context ends everything.
func TestServeEnds(t *testing.T) {
	before := runtime.NumGoroutine()
	s := startSite(t, "127.0.0.1", Server{})
	idle, busy, waiting, sock := s.login(), s.login(), s.login(), s.login()
	conn := startRetr(t, s, busy)
	waiting.pasv()
	waiting.do("STOR x", "150 ")
	sock.do("LSTN R", "255 ")
	s.stop()
	idle.expect("421 ")
	busy.expect("426 ")
	busy.expect("421 ")
	if _, err := io.Copy(io.Discard, conn); err == nil {
		t.Error("an aborted file ends like a whole one")
	}
	if c, err := net.DialTimeout("tcp", s.addr, patience); err == nil {
		_ = c.Close()
		t.Error("still listening")
	}
	eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

// brokenListener fails for good.
type brokenListener struct{ net.Listener }

func (brokenListener) Accept() (net.Conn, error) { return nil, errors.New("broken") }

func TestServeBrokenListener(t *testing.T) {
	ln, err := Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := new(Server).Serve(context.Background(), brokenListener{ln}); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("Serve: %v", err)
	}
}
