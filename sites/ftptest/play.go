package ftptest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// stepTime is how long a script waits for the client in one step.
	stepTime = 20 * time.Second

	// graceTime is how long a script may still run when the test has ended.
	graceTime = time.Second
)

// Play starts a server that plays dialogues as an RFC prints them. The first connection
// plays the first script, the second one the second, and so on; they may run at the same
// time. A client that departs from its script fails t, as does a script that nobody has
// played to its end when the test ends. For example:
//
//	s := ftptest.Play(t, `
//		S: 220 ready
//		C: USER *
//		S: 230 logged in
//		C: PASV
//		S: 227 Entering Passive Mode ({pasv})
//		C: STOR note.txt
//		S: 150 go on
//		D< "hello"
//		S: 226 done
//		W
//	`)
//
// A line begins with one of these words; white space before it, empty lines and lines
// that begin with # say nothing.
//
//	S: text       the server sends text and CRLF
//	S! "text"     it sends the text of a Go string literal, without CRLF
//	S* 9 "text"   it sends the text nine times; S* "text" as long as anybody reads. {n} in it
//	              stands for the number of times so far
//	C: text       the client has to send text and CRLF; a * at its end is any rest
//	C! "text"     it has to send the text of a literal, no more is waited for
//	D> "text"     the server sends data; D> 12 sends 12 bytes, all x
//	D* 9 "text"   it sends this data nine times, as S* does
//	D< "text"     the client sends this data and closes; D< alone is any data
//	D< 12         the client sends 12 bytes, and perhaps more
//	DS "text"     a stranger, at another host, sends data to where the client listens
//	DX            the server closes the data connection
//	DR            it resets the data connection
//	DC            it closes the data connection without the word of TLS that this is the end
//	TLS           TLS begins on the control connection (AnswerTLS only)
//	DT            from now on it begins on data connections with the first D line
//	T 50ms        the server waits
//	X             it closes the control connection; the script goes on
//	R             it resets the control connection; the script goes on
//	W             the client has to close the control connection, or the test to end
//
// In the text of S: and S!, {host} stands for the server's address. {pasv} (as in a 227
// reply), its last two numbers {halves} and {port} (decimal) stand for the address of a new
// listener for one data connection. The question for TLS that begins most sessions is
// answered with 502 where the script does not speak of it. A data connection is the one
// made to that listener, or, where the client
// has sent PORT or EPRT since, one that the server makes. It begins at the first D line;
// DX and DR without one close the listener. The end of a script closes all.
func Play(t testing.TB, scripts ...string) *Server {
	t.Helper()
	p := &player{t: t, host: FreshHost(), unplayed: len(scripts), done: make(chan struct{}), ended: make(chan struct{})}
	for i, script := range scripts {
		steps, err := parseScript(script)
		if err != nil {
			t.Fatalf("ftptest: script %d, %v", i+1, err)
		}
		p.scripts = append(p.scripts, steps)
	}
	p.logs = make([]strings.Builder, len(scripts))
	if p.unplayed == 0 {
		close(p.done)
	}
	listener, err := p.listen()
	if err != nil {
		t.Fatalf("ftptest: %v", err)
	}
	go p.accept(listener)
	t.Cleanup(p.finish)
	return p.server(listener)
}

// server returns what a test sees of the player.
func (p *player) server(listener *net.TCPListener) *Server {
	return &Server{
		Host: p.host, Port: listener.Addr().(*net.TCPAddr).Port,
		User: account, Password: password,
		Log: p.log,
		Stop: func() {
			p.closeAll(errStopped)
			<-p.ended
		},
	}
}

// Why connections were closed from outside a script.
var (
	errStopped   = errors.New("the server was stopped")
	errTestEnded = errors.New("the test has ended")
)

// A player is a server that plays scripts.
type player struct {
	t       testing.TB
	host    string
	scripts [][]step
	tls     *tls.Config   // of all connections; nil: there is no TLS
	done    chan struct{} // closed when all scripts have been played
	ended   chan struct{} // closed when all goroutines have ended

	mu       sync.Mutex
	begun    int               // scripts that have begun
	unplayed int               // scripts that have not ended
	logs     []strings.Builder // what each has said and heard
	open     []io.Closer       // all listeners and connections
	over     error             // why all were closed; nil while none has to be
}

// keep has a listener or connection closed when all are.
func (p *player) keep(c io.Closer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over != nil {
		_ = c.Close() // Nothing was written to it.
	}
	p.open = append(p.open, c)
}

// closeAll closes all listeners and connections, now and in future.
func (p *player) closeAll(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over == nil {
		p.over = why
	}
	for _, c := range p.open {
		_ = c.Close() // Most are closed already.
	}
}

// why returns why all connections were closed, or nil.
func (p *player) why() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.over
}

// note adds a line to the log of script n.
func (p *player) note(n int, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(&p.logs[n], format+"\n", args...)
}

func (p *player) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for n := range p.begun {
		fmt.Fprintf(&b, "--- script %d\n%s", n+1, p.logs[n].String())
	}
	return b.String()
}

func (p *player) listen() (*net.TCPListener, error) {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.ParseIP(p.host)})
	if err != nil {
		return nil, err
	}
	p.keep(l)
	return l, nil
}

// accept plays a script with each connection until the listener is closed, and waits for
// all of them.
func (p *player) accept(listener *net.TCPListener) {
	defer close(p.ended)
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for {
		conn, err := listener.AcceptTCP()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				p.t.Errorf("ftptest: %v", err)
			}
			return
		}
		p.keep(conn)
		p.mu.Lock()
		n := p.begun
		if n < len(p.scripts) {
			p.begun++
		}
		p.mu.Unlock()
		if n == len(p.scripts) {
			p.t.Errorf("ftptest: a connection from %s, but all %d scripts have begun", conn.RemoteAddr(), n)
			_ = conn.Close() // Nothing was written to it.
			continue
		}
		sessions.Go(func() { p.play(n, conn) })
	}
}

// finish ends the player with the test.
func (p *player) finish() {
	grace := time.NewTimer(graceTime)
	defer grace.Stop()
	select {
	case <-p.done: // What the client sent last has been judged.
	case <-p.ended: // Stop came before.
	case <-grace.C:
	}
	p.closeAll(errTestEnded)
	<-p.ended
	if p.begun < len(p.scripts) && p.why() != errStopped {
		p.t.Errorf("ftptest: script %d of %d was never played", p.begun+1, len(p.scripts))
	}
	if p.t.Failed() {
		p.t.Logf("the server at %s played:\n%s", p.host, p.log())
	}
}

// play plays script n with the client at the other end of conn.
func (p *player) play(n int, conn *net.TCPConn) {
	s := p.session(n, conn)
	defer p.markPlayed()
	defer s.close()
	for _, step := range p.scripts[n] {
		err := s.play(step)
		if err == nil {
			continue
		}
		switch why := p.why(); {
		case why == errStopped, why == errTestEnded && step.verb == awaitEnd:
		case why == errTestEnded:
			p.t.Errorf("ftptest: script %d, line %d: the test ended at %q", n+1, step.number, step.line)
		default:
			p.t.Errorf("ftptest: script %d, line %d: %v", n+1, step.number, err)
		}
		return
	}
}

func (p *player) markPlayed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.unplayed--; p.unplayed == 0 {
		close(p.done)
	}
}

// A session is a script being played.
type session struct {
	*player
	script   int
	below    *net.TCPConn // what control goes over
	control  net.Conn
	r        *bufio.Reader    // of control
	listener *net.TCPListener // for the next data connection; nil if none
	target   string           // the client's PORT, if no listener was opened since
	private  bool             // data connections are under TLS
	wire     *net.TCPConn     // what data goes over; nil if none
	data     net.Conn
}

func (p *player) session(script int, conn *net.TCPConn) *session {
	return &session{player: p, script: script, below: conn, control: conn, r: bufio.NewReader(conn)}
}

func (s *session) play(step step) error {
	deadline := time.Now().Add(stepTime)
	if step.verb == awaitEnd {
		deadline = time.Time{}
	}
	if step.verb != end && step.verb != cut && step.verb[0] != 'D' {
		if err := s.control.SetDeadline(deadline); err != nil {
			return err
		}
	}
	switch step.verb {
	case say:
		return s.say(step.text+"\r\n", step.line)
	case sayRaw:
		return s.say(step.text, step.line)
	case sayOften:
		s.note(s.script, "%s", step.line)
		return stream(s.control, step.text, step.count)
	case hear:
		return s.hear(step.text)
	case hearRaw:
		return s.hearRaw(step.text)
	case send:
		return s.send(step, deadline)
	case sendMany:
		s.note(s.script, "%s", step.line)
		if err := s.openData(deadline); err != nil {
			return err
		}
		if err := s.data.SetDeadline(time.Time{}); err != nil { // it may take as long as it takes
			return err
		}
		return stream(s.data, step.text, step.count)
	case receive:
		return s.receive(step, deadline)
	case stranger:
		return s.intrude(step.text, deadline)
	case dataEnd:
		return s.endData(net.Conn.Close)
	case dataStop:
		return s.endData(func(net.Conn) error { return s.wire.Close() })
	case dataCut:
		return s.endData(func(net.Conn) error { return reset(s.wire) })
	case dataTLS:
		s.private = true
		return nil
	case beginTLS:
		return s.begin()
	case end:
		return s.control.Close()
	case cut:
		return reset(s.below)
	case wait:
		return s.wait(step.pause)
	case awaitEnd:
		return s.awaitEnd()
	}
	return fmt.Errorf("no verb %q", step.verb)
}

func (s *session) say(text, line string) error {
	if strings.Contains(text, "{pasv}") || strings.Contains(text, "{port}") || strings.Contains(text, "{halves}") {
		if err := s.endListening(); err != nil {
			return err
		}
		listener, err := s.listen()
		if err != nil {
			return err
		}
		s.listener = listener
		port := listener.Addr().(*net.TCPAddr).Port
		text = strings.NewReplacer(
			"{pasv}", fmt.Sprintf("%s,%d,%d", strings.ReplaceAll(s.host, ".", ","), port>>8, port&0xff),
			"{port}", strconv.Itoa(port),
			"{halves}", fmt.Sprintf("%d,%d", port>>8, port&0xff),
		).Replace(text)
		s.target = ""
	}
	text = strings.ReplaceAll(text, "{host}", s.host)
	s.note(s.script, "S: %s", escape(text))
	if _, err := io.WriteString(s.control, text); err != nil {
		return fmt.Errorf("%q: %w", line, err)
	}
	return nil
}

func (s *session) hear(want string) error {
	line, err := s.r.ReadString('\n')
	if line != "" {
		s.note(s.script, "C: %s", escape(line))
	}
	if line == "AUTH TLS\r\n" && !strings.HasPrefix(want, "AUTH") {
		if err := s.say("502 no TLS\r\n", "C: "+want); err != nil {
			return err
		}
		return s.hear(want)
	}
	if err != nil {
		return fmt.Errorf("expected %q, got %q and %w", want, line, err)
	}
	got, ok := strings.CutSuffix(line, "\r\n")
	if !ok {
		return fmt.Errorf("expected %q and CRLF, got %q", want, line)
	}
	if prefix, open := strings.CutSuffix(want, "*"); got != want && !(open && strings.HasPrefix(got, prefix)) {
		return fmt.Errorf("expected %q, got %q", want, got)
	}
	if target, ok := portAddress(got); ok {
		s.target = target
		return s.endListening()
	}
	return nil
}

func (s *session) hearRaw(want string) error {
	got := make([]byte, len(want))
	n, err := io.ReadFull(s.r, got)
	s.note(s.script, "C: %s", escape(string(got[:n])))
	if err != nil {
		return fmt.Errorf("expected %q, got %q and %w", want, got[:n], err)
	}
	if string(got) != want {
		return fmt.Errorf("expected %q, got %q", want, got)
	}
	return nil
}

// wait waits for a time, or until all is closed.
func (s *session) wait(d time.Duration) error {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(min(time.Until(end), 10*time.Millisecond)) {
		if why := s.why(); why != nil {
			return why
		}
	}
	return nil
}

func (s *session) awaitEnd() error {
	line, _ := s.r.ReadString('\n') // Closed or reset, the connection has ended.
	if line != "" {
		s.note(s.script, "C: %s", escape(line))
		return fmt.Errorf("expected the end of the connection, got %q", line)
	}
	return s.why()
}

// openData makes the data connection if there is none yet.
func (s *session) openData(deadline time.Time) error {
	if s.data != nil {
		return s.data.SetDeadline(deadline)
	}
	wire, err := s.connectData(deadline)
	if err != nil {
		return fmt.Errorf("no data connection: %w", err)
	}
	s.keep(wire)
	s.wire, s.data = wire, wire
	if err := wire.SetDeadline(deadline); err != nil || !s.private {
		return err
	}
	c := tls.Server(wire, s.tls)
	s.data = c
	return c.Handshake()
}

// begin begins TLS on the control connection.
func (s *session) begin() error {
	if s.tls == nil {
		return errors.New("nobody certifies it")
	}
	c := tls.Server(s.below, s.tls)
	s.note(s.script, "TLS")
	s.control, s.r = c, bufio.NewReader(c)
	return c.Handshake()
}

func (s *session) connectData(deadline time.Time) (*net.TCPConn, error) {
	switch {
	case s.target != "":
		dialer := net.Dialer{Deadline: deadline, LocalAddr: &net.TCPAddr{IP: net.ParseIP(s.host)}}
		conn, err := dialer.Dial("tcp4", s.target)
		if err != nil {
			return nil, err
		}
		return conn.(*net.TCPConn), nil
	case s.listener != nil:
		if err := s.listener.SetDeadline(deadline); err != nil {
			return nil, err
		}
		return s.listener.AcceptTCP()
	}
	return nil, errors.New("no {pasv}, {port}, PORT or EPRT before it")
}

func (s *session) send(step step, deadline time.Time) error {
	if err := s.openData(deadline); err != nil {
		return err
	}
	data := []byte(step.text)
	if step.count >= 0 {
		data = bytes.Repeat([]byte("x"), step.count)
	}
	n, err := s.data.Write(data)
	s.note(s.script, "D> %d bytes", n)
	if err != nil {
		return fmt.Errorf("sent %d bytes of data of %d: %w", n, len(data), err)
	}
	return nil
}

// intrude sends data from another host than the server's. The client may close that
// connection at any moment.
func (s *session) intrude(text string, deadline time.Time) error {
	dialer := net.Dialer{Deadline: deadline, LocalAddr: &net.TCPAddr{IP: net.ParseIP(FreshHost())}}
	conn, err := dialer.Dial("tcp4", s.target)
	if err != nil {
		return err
	}
	s.keep(conn)
	_, err = io.WriteString(conn, text)
	s.note(s.script, "DS %s, %v", escape(text), err)
	return nil
}

func (s *session) receive(step step, deadline time.Time) error {
	if err := s.openData(deadline); err != nil {
		return err
	}
	if step.count >= 0 {
		n, err := io.CopyN(io.Discard, s.data, int64(step.count))
		s.note(s.script, "D< %d bytes", n)
		if err != nil {
			return fmt.Errorf("expected %d bytes of data, got %d and %w", step.count, n, err)
		}
		return nil
	}
	got, err := io.ReadAll(s.data)
	s.note(s.script, "D< %d bytes", len(got))
	if err != nil {
		return fmt.Errorf("got %d bytes of data and %w", len(got), err)
	}
	if !step.bare && string(got) != step.text {
		return fmt.Errorf("expected the data %q, got %q", step.text, got)
	}
	return s.endData(net.Conn.Close)
}

// endData ends the data connection in a way, and closes its listener.
func (s *session) endData(in func(net.Conn) error) error {
	var err error
	if s.data != nil {
		err = in(s.data)
		s.data, s.wire = nil, nil
	}
	s.target = ""
	return errors.Join(err, s.endListening())
}

func (s *session) endListening() error {
	if s.listener == nil {
		return nil
	}
	err := s.listener.Close()
	s.listener = nil
	return err
}

// close closes what the script has left open.
func (s *session) close() {
	// X, R or the end of the test may have closed them.
	_ = s.endData(net.Conn.Close)
	_ = s.control.Close()
}

// reset closes a connection with RST.
func reset(conn *net.TCPConn) error {
	return errors.Join(conn.SetLinger(0), conn.Close())
}

// escape returns text without its CRLF, with control characters as Go writes them.
func escape(text string) string {
	literal := strconv.Quote(strings.TrimSuffix(text, "\r\n"))
	return literal[1 : len(literal)-1]
}

// portAddress returns the address that a PORT or EPRT names.
func portAddress(line string) (string, bool) {
	command, argument, _ := strings.Cut(line, " ")
	switch strings.ToUpper(command) {
	case "PORT":
		fields := strings.Split(argument, ",")
		if len(fields) != 6 {
			return "", false
		}
		high, err1 := strconv.ParseUint(fields[4], 10, 8)
		low, err2 := strconv.ParseUint(fields[5], 10, 8)
		if err1 != nil || err2 != nil {
			return "", false
		}
		return net.JoinHostPort(strings.Join(fields[:4], "."), strconv.FormatUint(high<<8|low, 10)), true
	case "EPRT":
		if argument == "" {
			return "", false
		}
		fields := strings.Split(argument, argument[:1]) // |1|132.235.1.2|6275|
		if len(fields) != 5 {
			return "", false
		}
		return net.JoinHostPort(fields[2], fields[3]), true
	}
	return "", false
}
