package ftpd

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

const (
	maxLine      = 8 << 10         // bytes of one command line,
	maxEarlyLine = 512             // and of one before the first login
	readAhead    = 512             // bytes that are read at once
	farewellTime = 1 * time.Second // for the user to read the last reply and close
)

// Telnet, RFC 854.
const (
	iac  = 0xFF
	dont = 0xFE
	do   = 0xFD
	wont = 0xFC
	will = 0xFB
	sb   = 0xFA
	se   = 0xF0
)

// input is what the reader of a control connection found: a line, a line that
// was too long, an answer owed to a Telnet negotiation, or the end.
type input struct {
	line    string // without its end and without Telnet commands
	held    bool   // nothing more is read before resume
	tooLong bool
	answer  []byte
	ended   bool
	late    bool // ended, because nothing came for too long
}

// command is what was read as a command.
func (in input) command() command {
	if in.tooLong || in.ended {
		return command{tooLong: in.tooLong, ended: in.ended}
	}
	c := parseCommand(in.line)
	c.held = in.held
	return c
}

// control is a control connection. At first one goroutine reads, with next, and writes;
// later one reads, with read, and one writes. Behind an AUTH in the clear that reader
// waits for resume, so that what follows is read as what it is, in the clear or over TLS;
// meanwhile conn and r belong to the writer.
type control struct {
	conn    net.Conn // tcp, or TLS over it
	tcp     net.Conn
	r       *bufio.Reader // of conn
	timeout time.Duration // for one write, and for a TLS handshake
	resumed chan struct{}

	mu      sync.Mutex
	hurried bool
	end     time.Time // nothing takes longer; zero: it may
}

func newControl(conn net.Conn, timeout time.Duration) *control {
	return &control{conn: conn, tcp: conn, r: newLineReader(conn), timeout: timeout, resumed: make(chan struct{})}
}

func newLineReader(conn net.Conn) *bufio.Reader { return bufio.NewReaderSize(conn, readAhead) }

// hurry makes all reading end now and all writing end soon.
func (c *control) hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hurried = true
	// A connection that refuses a deadline is closed already.
	_ = c.tcp.SetReadDeadline(time.Now())
	_ = c.tcp.SetWriteDeadline(time.Now().Add(farewellTime))
}

// hungUp says whether the user has closed the connection, before anybody has read so far.
func (c *control) hungUp() bool {
	tcp, ok := c.tcp.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	return err != nil || hungUp(raw)
}

// endBy makes next, a handshake and, but for a farewell, writing end by t; or lets them
// take their time, if t is zero.
func (c *control) endBy(t time.Time) {
	c.mu.Lock()
	c.end = t
	c.mu.Unlock()
}

// left is the time that is left for something which may take d.
func (c *control) left(d time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.end.IsZero() {
		d = min(d, time.Until(c.end))
	}
	return d
}

// readUntil bounds reading; zero does not.
func (c *control) readUntil(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.hurried {
		_ = c.tcp.SetReadDeadline(t) // a connection that refuses a deadline is closed already
	}
}

func (c *control) write(p []byte) error {
	left := max(c.left(c.timeout), min(farewellTime, c.timeout))
	c.mu.Lock()
	var err error
	if !c.hurried {
		err = c.tcp.SetWriteDeadline(time.Now().Add(left))
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	_, err = c.conn.Write(p)
	return err
}

// next reads a line of no more than longest bytes, for so long.
func (c *control) next(longest int, patience time.Duration, answer func([]byte) error) input {
	c.readUntil(time.Now().Add(c.left(patience)))
	line, tooLong, err := readLine(c.r, longest, answer)
	if err != nil {
		return input{ended: true, late: errors.Is(err, os.ErrDeadlineExceeded)}
	}
	return input{line: string(line), tooLong: tooLong}
}

// finish says that nothing more will be written and bounds the reader's wait
// for the user to close: closing first, with commands unread, would take the
// last reply back from the user.
func (c *control) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hurried {
		return
	}
	// TLS ends first, with its close_notify. If the connection is gone already, so is
	// the reader.
	for _, conn := range []net.Conn{c.conn, c.tcp} {
		if w, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = w.CloseWrite()
		}
	}
	_ = c.tcp.SetReadDeadline(time.Now().Add(farewellTime))
}

// drain reads on, and discards, until the connection ends.
func (c *control) drain() {
	for {
		if _, err := c.r.Discard(readAhead); err != nil {
			return
		}
	}
}

// read hands each input on until the connection ends; once quit is closed it
// only reads on and discards.
func (c *control) read(inputs chan<- input, quit <-chan struct{}) {
	hand := func(in input) {
		select {
		case inputs <- in:
		case <-quit:
		}
	}
	for {
		line, tooLong, err := readLine(c.r, maxLine, func(answer []byte) error {
			hand(input{answer: answer})
			return nil
		})
		if err != nil {
			hand(input{ended: true})
			return
		}
		in := input{line: string(line), tooLong: tooLong}
		in.held = c.conn == c.tcp && parseCommand(in.line).verb == "AUTH"
		hand(in)
		if in.held {
			select {
			case <-c.resumed:
			case <-quit:
			}
		}
	}
}

// resume lets the reader go on behind an AUTH.
func (c *control) resume() { c.resumed <- struct{}{} }

// readLine reads a line up to LF or CR LF. Telnet commands are taken out and IAC
// IAC becomes the byte 0xFF; an IAC before a byte that is no Telnet command is
// taken for a byte 0xFF that somebody forgot to double. Every option is refused,
// through answer, whose error ends the reading. A line longer than longest is read to
// its end and dropped.
func readLine(r *bufio.Reader, longest int, answer func([]byte) error) (line []byte, tooLong bool, err error) {
	add := func(b byte) {
		if len(line) < longest {
			line = append(line, b)
		} else {
			tooLong = true
		}
	}
	for {
		b, err := r.ReadByte()
		if err != nil {
			return nil, false, err
		}
		switch b {
		case '\n':
			if tooLong {
				return nil, true, nil
			}
			return bytes.TrimSuffix(line, []byte("\r")), false, nil
		case iac:
			literal, err := readTelnet(r, answer)
			if err != nil {
				return nil, false, err
			}
			if literal {
				add(iac)
			}
		default:
			add(b)
		}
	}
}

// readTelnet reads what follows an IAC. It reports whether the IAC stood for the
// byte 0xFF.
func readTelnet(r *bufio.Reader, answer func([]byte) error) (literal bool, err error) {
	b, err := r.ReadByte()
	if err != nil {
		return false, err
	}
	switch {
	case b == iac:
		return true, nil
	case b < se:
		return true, r.UnreadByte()
	case b == sb:
		return false, skipSubnegotiation(r)
	case b < will:
		return false, nil
	}
	option, err := r.ReadByte()
	if err != nil {
		return false, err
	}
	switch b {
	case do:
		err = answer([]byte{iac, wont, option})
	case will:
		err = answer([]byte{iac, dont, option})
	}
	return false, err
}

func skipSubnegotiation(r io.ByteReader) error {
	for last := byte(0); ; {
		b, err := r.ReadByte()
		if err != nil {
			return err
		}
		if last == iac && b == se {
			return nil
		}
		if last == iac { // IAC IAC is one byte of the subnegotiation
			b = 0
		}
		last = b
	}
}
