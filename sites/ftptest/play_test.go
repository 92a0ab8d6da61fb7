package ftptest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestPlayPassive(t *testing.T) {
	s := Play(t, `
		# A STOR, then a RETR.
		S: 220-two
		S! "220 lines\r\n"
		C: USER *
		S: 331 go on
		C: PASS secret
		S: 230 welcome
		C! "TYPE I\r\n"
		S: 200 so be it
		C: PASV
		S: 227 Entering Passive Mode ({pasv}).
		C: STOR note.txt
		S: 150 send it
		D< "hello"
		S: 226 done
		C: PASV
		S: 227 Entering Passive Mode ({pasv}).
		C: RETR *
		S: 150 here
		D> "hel\x00"
		D> 3
		DX
		S: 226 done
		W
	`)
	c := login(t, s)
	data := c.passive(s)
	c.do("150", "STOR note.txt")
	write(t, data, "hello")
	if err := data.Close(); err != nil {
		t.Error(err)
	}
	c.expect("226")
	data = c.passive(s)
	c.do("150", "RETR note.txt")
	if got, err := io.ReadAll(data); string(got) != "hel\x00xxx" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if err := data.Close(); err != nil {
		t.Error(err)
	}
	c.expect("226")
	if want := "C: STOR note.txt\nS: 150 send it\nD< 5 bytes\n"; !strings.Contains(s.Log(), want) {
		t.Errorf("the log lacks %q: %s", want, s.Log())
	}
}

func TestPlayActive(t *testing.T) {
	for _, command := range []string{"PORT", "EPRT"} {
		t.Run(command, func(t *testing.T) {
			s := Play(t, fmt.Sprintf(`
				S: 220 ready
				C: USER *
				S: 331 go on
				C: PASS *
				S: 230 welcome
				C: TYPE I
				S: 200 so be it
				C: %s *
				S: 200 so be it
				C: NLST
				S: 150 here
				D> "a\r\n"
				DX
				S: 226 done
				X
			`, command))
			c := login(t, s)
			l, at := c.listen(FreshHost())
			if command == "EPRT" {
				addr := l.Addr().(*net.TCPAddr)
				at = fmt.Sprintf("|1|%s|%d|", addr.IP, addr.Port)
			}
			c.activeNLST(s, l, command+" "+at)
		})
	}
}

func TestPlayReset(t *testing.T) {
	s := Play(t, `
		S: 220 ready
		C: EPSV
		S: 229 ({port})
		D< 3
		DR
		R
	`)
	c := dial(t, s)
	c.expect("220")
	var port int
	if _, err := fmt.Sscanf(c.do("229", "EPSV"), "229 (%d)", &port); err != nil {
		t.Fatal(err)
	}
	data, err := net.DialTCP("tcp4", nil, &net.TCPAddr{IP: net.ParseIP(s.Host), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	write(t, data, "abc")
	for name, r := range map[string]io.Reader{"data": data, "control": c.conn} {
		if _, err := io.ReadAll(r); !wasReset(err) {
			t.Errorf("the %s connection: %v", name, err)
		}
	}
	if err := data.Close(); err != nil {
		t.Error(err)
	}
}

func TestPlayRefusesData(t *testing.T) {
	s := Play(t, `
		S: 229 ({port})
		DX
		S: 220 there is nobody
		X
	`)
	c := dial(t, s)
	var port int
	if _, err := fmt.Sscanf(c.expect("229"), "229 (%d)", &port); err != nil {
		t.Fatal(err)
	}
	c.expect("220")
	if conn, err := net.DialTCP("tcp4", nil, &net.TCPAddr{IP: net.ParseIP(s.Host), Port: port}); err == nil {
		t.Errorf("connected to %s", conn.RemoteAddr())
	}
}

func TestPlaySeveral(t *testing.T) {
	s := Play(t, "S: 220 one\nW", "S: 220 two\nX")
	first, second := dial(t, s), dial(t, s)
	if line := first.expect("220"); line != "220 one" {
		t.Error(line)
	}
	if line := second.expect("220"); line != "220 two" {
		t.Error(line)
	}
}

func TestPlayStop(t *testing.T) {
	s := Play(t, "S: 220 ready\nC: QUIT", "S: 220 never")
	c := dial(t, s)
	c.expect("220")
	s.Stop()
	if _, err := c.r.ReadByte(); err == nil {
		t.Error("the control connection is alive")
	}
	s.Stop()
}

// TestPlayReports has clients depart from their scripts.
func TestPlayReports(t *testing.T) {
	for _, test := range []struct {
		name, script string
		client       func(*client)
		want         string
	}{
		{"other line", "C: QUIT", func(c *client) { c.write("NOOP\r\n") }, `script 1, line 1: expected "QUIT", got "NOOP"`},
		{"longer line", "C: QUIT", func(c *client) { c.write("QUITS\r\n") }, `script 1, line 1: expected "QUIT", got "QUITS"`},
		{"other start", "C: USER *", func(c *client) { c.write("PASS x\r\n") }, `script 1, line 1: expected "USER *", got "PASS x"`},
		{"no CR", "\nC: *", func(c *client) { c.write("NOOP\n") }, `script 1, line 2: expected "*" and CRLF, got "NOOP\n"`},
		{"other bytes", `C! "\xff\xf4"`, func(c *client) { c.write("\xff\xf2") }, `script 1, line 1: expected "\xff\xf4", got "\xff\xf2"`},
		{"early end", "C: QUIT", func(c *client) { c.close() }, `script 1, line 1: expected "QUIT", got "" and EOF`},
		{"no end", "W", func(c *client) { c.write("NOOP\r\n") }, `script 1, line 1: expected the end of the connection, got "NOOP\r\n"`},
		{"unfinished", "S: 220 ready\nC: QUIT", func(c *client) { c.expect("220") }, `script 1, line 2: the test ended at "C: QUIT"`},
		{"no data connection", "D> 1", func(c *client) {}, `script 1, line 1: no data connection: no {pasv}, {port}, PORT or EPRT before it`},
		{"other data", `C: PORT *` + "\n" + `D< "abc"`, func(c *client) {
			l, at := c.listen("127.0.0.1")
			c.write("PORT " + at + "\r\n")
			data, err := l.Accept()
			if err != nil {
				c.t.Fatal(err)
			}
			write(c.t, data, "abd")
			if err := data.Close(); err != nil {
				c.t.Error(err)
			}
		}, `script 1, line 2: expected the data "abc", got "abd"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{TB: t}
			c := dial(t, Play(r, test.script))
			test.client(c)
			r.end()
			if want := []string{"ftptest: " + test.want}; !slices.Equal(r.errors, want) {
				t.Errorf("got %q, expected %q", r.errors, want)
			}
		})
	}
}

func TestPlayReportsConnections(t *testing.T) {
	r := &recorder{TB: t}
	Play(r, "W")
	r.end()
	if want := []string{"ftptest: script 1 of 1 was never played"}; !slices.Equal(r.errors, want) {
		t.Errorf("got %q, expected %q", r.errors, want)
	}

	r = &recorder{TB: t}
	c := dial(t, Play(r))
	if _, err := c.r.ReadByte(); err == nil {
		t.Error("a connection without a script is alive")
	}
	r.end()
	if len(r.errors) != 1 || !strings.HasSuffix(r.errors[0], "but all 0 scripts have begun") {
		t.Errorf("got %q", r.errors)
	}
}

func TestParseScriptErrors(t *testing.T) {
	for script, want := range map[string]string{
		"\nQ: x":    `line 2: "Q: x": no verb "Q:"`,
		"X now":     `line 1: "X now": X stands alone`,
		"S! hello":  `line 1: "S! hello": S! wants a Go string literal`,
		"D> ":       `line 1: "D> ": D> wants a Go string literal`,
		"D< -1":     `line 1: "D< -1": D< wants a Go string literal`,
		"S:without": `line 1: "S:without": no verb "S:without"`,
	} {
		if _, err := parseScript(script); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, expected %s", script, err, want)
		}
	}
}

// A recorder is a test that may fail.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	errors   []string
	cleanups []func()
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

func (r *recorder) Failed() bool { return false }

// end ends the test.
func (r *recorder) end() {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
}

// wasReset reports whether the other side reset a connection.
func wasReset(err error) bool {
	var code syscall.Errno
	if !errors.As(err, &code) {
		return false
	}
	const wsaeConnReset = 10054 // what Windows says for it
	return code == syscall.ECONNRESET || code == wsaeConnReset && os.PathSeparator == '\\'
}

// TestAnswer asks a server in several sessions and out of order.
func TestAnswer(t *testing.T) {
	s := Answer(t, `
		S: 220 hello
		C: SIZE a
		S: 213 1
		C: SIZE a
		S: 213 2
		C: SIZE *
		S! "213 "
		S* 3 "{n} "
		S! "\r\n"
		C: RETR a
		S: 150 go
		D* 2 "x{n}"
		DX
		S: 226 done
		C? NOOP
		S: 250 never mind
	`)
	c := login(t, s)
	c.do("550", "MLST none")
	c.do("213 1", "SIZE a")
	c.do("213 0 1 2 ", "SIZE b")
	other := login(t, s)
	other.do("213 2", "SIZE a")
	c.do("213 2", "SIZE a")
	data := c.passive(s)
	c.do("150", "RETR a")
	if got, err := io.ReadAll(data); string(got) != "x0x1" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if err := data.Close(); err != nil {
		t.Error(err)
	}
	c.expect("226")
	c.do("502", "WHAT")
	c.do("221", "QUIT")
}
