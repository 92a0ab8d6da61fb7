package ftpd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"rsexec/sites/socket"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// modelUser is the user of one sequence.
type modelUser struct {
	site  *modelSite
	model *model
	since time.Time
	ahead []string // lines that are not sent yet
	wants []string // and the patterns of their replies
	conn  net.Conn
	r     *bufio.Reader
	held  *socket.Reservation // the user's data socket; nil: none yet
	ln    net.Listener        // there; nil: nobody listens
	said  []string
}

func (c *modelUser) close() {
	if c.conn != nil {
		reset(c.conn.(*net.TCPConn)) // a close would rest in TIME_WAIT, one for each sequence
	}
	c.release()
}

// release gives the user's data socket back: with another for each transfer none has to
// wait for TIME_WAIT.
func (c *modelUser) release() {
	if c.ln != nil {
		_ = c.ln.Close()
	}
	if c.held != nil {
		_ = c.held.Close()
	}
	c.ln, c.held = nil, nil
}

func (c *modelUser) dial() error {
	conn, err := net.DialTimeout("tcp", c.site.addr, patience)
	if err != nil {
		return err
	}
	c.conn, c.r = conn, bufio.NewReader(conn)
	_, err = c.reply("220 " + anyRest)
	return err
}

// note adds to what was said.
func (c *modelUser) note(text string) {
	if len(c.said) > 0 {
		c.said[len(c.said)-1] += text + "\n"
	}
}

// send sends lines at once.
func (c *modelUser) send(lines ...string) error {
	var b strings.Builder
	for _, line := range lines {
		c.note("> " + brief(line))
		b.WriteString(strings.ReplaceAll(line, "\xff", "\xff\xff") + "\r\n")
	}
	_, err := io.WriteString(c.conn, b.String())
	return err
}

// catchUp sends what was not sent yet, and reads its replies.
func (c *modelUser) catchUp() error {
	if len(c.ahead) == 0 {
		return nil
	}
	if err := c.send(c.ahead...); err != nil {
		return err
	}
	return c.replies()
}

// replies reads the replies to what was sent ahead.
func (c *modelUser) replies() error {
	for _, want := range c.wants {
		if _, err := c.reply(want); err != nil {
			return err
		}
	}
	c.ahead, c.wants = nil, nil
	return nil
}

// reply reads a reply and compares it with a pattern.
func (c *modelUser) reply(want string) (string, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	var all strings.Builder
	for {
		line, err := c.r.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			return "", fmt.Errorf("after %q: %w, want %q", all.String(), err, want)
		}
		if first := all.String(); lastLine.MatchString(line) && (len(first) == len(line) || line[:3] == first[:3]) {
			break
		}
	}
	got := strings.ReplaceAll(strings.TrimSuffix(all.String(), "\r\n"), "\xff\xff", "\xff")
	c.note("< " + brief(got))
	if !matches(want, got, c.since) {
		return got, fmt.Errorf("reply %s\n want %s", brief(got), brief(want))
	}
	return got, nil
}

// listen has the user's data socket listen, and returns its address.
func (c *modelUser) listen() (netip.AddrPort, error) {
	if c.held == nil {
		held, err := socket.Reserve(netip.MustParseAddrPort(c.site.host() + ":0"))
		if err != nil {
			return netip.AddrPort{}, err
		}
		c.held = held
	}
	if c.ln == nil {
		lc := net.ListenConfig{Control: socket.Reuse}
		ln, err := lc.Listen(context.Background(), "tcp", c.held.Addr.String())
		if err != nil {
			return netip.AddrPort{}, err
		}
		c.ln = ln
	}
	return c.held.Addr, nil
}

// written is a command line with the addresses in it that are known only now.
func (c *modelUser) written(line string) (string, error) {
	at := c.site.refuses
	switch {
	case strings.HasSuffix(line, " "+ownPort):
		var err error
		if at, err = c.listen(); err != nil {
			return "", err
		}
	case !strings.HasSuffix(line, " "+refusedPort):
		return line, nil
	}
	verb, _, _ := strings.Cut(line, " ")
	switch strings.ToUpper(verb) {
	case "PORT":
		return verb + " " + hostPort(net.TCPAddrFromAddrPort(at)), nil
	case "EPRT":
		return fmt.Sprintf("%s |1|%s|%d|", verb, at.Addr(), at.Port()), nil
	}
	return fmt.Sprintf("%s %s,%d", verb, at.Addr(), at.Port()), nil
}

// perform gives one command.
func (c *modelUser) perform(verbs map[string]*modelVerb, step modelStep) error {
	if strings.HasPrefix(strings.ToUpper(strings.TrimLeft(step.line, " ")), "ABOR") { // would break off a digest, in time or not
		if err := c.catchUp(); err != nil {
			return err
		}
	}
	answer := c.model.command(verbs, step.line)
	line, err := c.written(step.line)
	if err == nil && step.ahead && answer.after == nil && answer.verb == "" {
		c.ahead, c.wants = append(c.ahead, line), append(c.wants, answer.want)
		return nil
	}
	if err == nil {
		err = c.send(append(c.ahead, line)...)
	}
	if err == nil {
		err = c.replies()
	}
	var reply string
	if err == nil {
		reply, err = c.reply(answer.want)
	}
	if err == nil && answer.after != nil {
		answer.after(reply)
	}
	if err == nil && answer.verb != "" {
		err = c.transfer(answer, step)
	}
	return err
}

// transfer does the user's part of a transfer whose 150 was read.
func (c *modelUser) transfer(a modelAnswer, step modelStep) error {
	passive := a.setup.how == "dial" || a.setup.how == "dial from" || a.setup.how == "nobody"
	switch {
	case a.setup.how == "refused":
		_, err := c.reply(anyCode(425))
		c.none(a)
		return err
	case a.setup.how == "nobody", passive && step.way == toNobody:
		err := c.abort(0)
		c.none(a)
		return err
	}
	conn, err := c.connect(a.setup)
	if err != nil {
		return err
	}
	defer func() {
		_ = conn.Close()
		c.release()
	}()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if a.takes == nil {
		return c.download(conn, a)
	}
	return c.upload(conn, a, step)
}

func anyCode(n int) string { return strconv.Itoa(n) + " " + anyRest }

// none tells the model that a transfer had no data connection.
func (c *modelUser) none(a modelAnswer) {
	if a.takes != nil {
		a.takes.none()
	}
}

// abort breaks a transfer off.
func (c *modelUser) abort(bytes int) error {
	err := c.send("ABOR")
	if err == nil {
		_, err = c.reply(fmt.Sprintf("426 Aborted after %d bytes", bytes))
	}
	if err == nil {
		_, err = c.reply(anyCode(226))
	}
	c.model.data = modelSetup{}
	return err
}

// connect makes the data connection.
func (c *modelUser) connect(setup modelSetup) (net.Conn, error) {
	to := net.JoinHostPort(c.site.host(), strconv.Itoa(setup.port))
	switch setup.how {
	case "dial":
		return net.DialTimeout("tcp", to, patience)
	case "accept":
		if err := c.ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience)); err != nil {
			return nil, err
		}
		return c.ln.Accept()
	}
	err := c.ln.Close()
	c.ln = nil
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(c.held.Addr), Timeout: patience, Control: socket.Reuse}
	return dialer.Dial("tcp", to)
}

func (c *modelUser) download(conn net.Conn, a modelAnswer) error {
	b, err := io.ReadAll(conn)
	c.note("  " + brief(string(b)))
	if err != nil {
		return err
	}
	got, err := c.model.unframed(string(b))
	if err != nil {
		return err
	}
	if a.verb == "RETR" && got != a.sends || a.verb != "RETR" && !matches(a.sends, got, c.since) {
		return fmt.Errorf("%s brought %s\n want %s", a.verb, brief(got), brief(a.sends))
	}
	if err := conn.Close(); err != nil {
		return err
	}
	_, err = c.reply(c.model.closing(a, a.sends))
	return err
}

func (c *modelUser) upload(conn net.Conn, a modelAnswer, step modelStep) error {
	f := c.model.tree[a.takes.real]
	before := f.text
	a.takes.got(step.text)
	var excess int64 // over the range
	if a.takes.only != nil {
		excess = a.takes.only.excess(len(step.text))
	}
	breaks := step.way == thenReset || step.way == thenABOR
	if !c.model.image || f.text == before || excess > 0 || c.model.block && step.text == "" {
		breaks = false // when everything has arrived cannot be seen
	}
	if step.way == withNOOP {
		if err := c.send("NOOP"); err != nil {
			return err
		}
		if _, err := c.reply(anyCode(200)); err != nil {
			return err
		}
	}
	c.note("  " + brief(step.text))
	if _, err := io.WriteString(conn, c.model.framed(step.text)); err != nil && excess <= 0 {
		return err // else the server may have broken it off
	}
	if breaks {
		return c.breakOff(conn, a, step)
	}
	if _, err := io.WriteString(conn, c.model.ending()); err != nil && excess <= 0 {
		return err
	}
	if err := conn.Close(); err != nil {
		return err
	}
	want := c.model.closing(a, f.text)
	if excess != 0 {
		want = anyCode(451)
		c.none(a)
	}
	_, err := c.reply(want)
	return err
}

// breakOff ends an upload when everything has arrived, but not as one ends that is
// complete.
func (c *modelUser) breakOff(conn net.Conn, a modelAnswer, step modelStep) error {
	f := c.model.tree[a.takes.real]
	for end := time.Now().Add(patience); ; runtime.Gosched() {
		b, err := os.ReadFile(filepath.Join(c.site.root, a.takes.real))
		if err != nil {
			return err
		}
		if string(b) == f.text {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("%q holds %s, want %s", a.takes.real, brief(string(b)), brief(f.text))
		}
	}
	if step.way == thenABOR {
		return c.abort(len(step.text))
	}
	reset(conn.(*net.TCPConn))
	_, err := c.reply(fmt.Sprintf("426 Data connection lost after %d bytes: "+anyRest, len(step.text)))
	return err
}
