package ftp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"rsexec/sites"
)

// abortGrace is how long a server has to answer an ABOR before its control
// connection is closed, where the connection's time-out is not shorter.
const abortGrace = 3 * time.Second

// Conn is a control connection. Commands may be sent before earlier ones are
// answered; a goroutine of its own reads the replies and gives each to the
// command that it answers. Its methods may be called from several goroutines.
type Conn struct {
	site    string
	number  int      // of the session, for traces
	below   net.Conn // what TLS goes over, if there is any
	timeout time.Duration

	nc net.Conn      // what commands go over; it changes at most once, between two commands
	in *bufio.Reader // what replies come from; likewise

	// dialect changes at most once, with the greeting or with the reply to USER:
	// before that exchange ends.
	dialect *Dialect

	// disorder is told if replies come in another order than that of commands which were
	// written ahead; nil: nobody is. The connection ends then.
	disorder func(why string)

	// quickest notes how long the server took to answer; nil: nobody wants to know.
	quickest *shortest

	send     sync.Mutex // held while commands are queued and written, so that both orders agree
	gathers  bool       // what several are about to send is written in one piece
	gathered []byte     // of that, what is not written yet

	mu      sync.Mutex
	queue   []*Exchange // commands that wait for their final reply
	strict  bool        // see Share
	shared  bool        // likewise: what would come in the middle of a transfer is held back
	stale   bool        // likewise: an RNFR may be in force after its RNTO was refused
	unnamed bool        // a rename was refused
	held    []packet    // what is yet to be sent for these reasons
	latest  *Exchange   // of those that prepare a data connection, or use it up, the last one
	restart bool        // REST was accepted, and no transfer has begun since
	private bool        // PROT P is in force
	client  bool        // SSCN ON is in force
	err     error       // why the connection is no more
	reader  chan struct{}
}

// Exchange is a command and its replies.
type Exchange struct {
	Verb string // the command's first word
	Line string // the command as it is shown: a password is masked

	secret  string // what was masked; a server may repeat it
	conn    *Conn
	trace   *sites.Trace
	events  chan<- *Exchange
	start   sync.Once     // closes started
	started chan struct{} // closed with the first preliminary reply, or after ended
	ended   chan struct{} // closed when no further reply will come
	reply   Reply         // the final reply; set before ended is closed
	err     error         // why there is none; set before ended is closed
	heard   int           // bytes of preliminary replies
	marked  atomic.Int64  // 1 more than what the last performance marker told; 0: there was none
	hello   bool          // it is the greeting, which no command asked for
	began   bool          // there was a preliminary reply; set before started is closed
	turn    time.Time     // when it became the first of the queue; conn.mu is held
	size    int           // of the command, in bytes
	ahead   bool          // it was sent before others were answered
	cut     bool          // its data connection is ended before its time; conn.mu is held
}

// shortest is the shortest of some times; zero if there was none.
type shortest struct{ atomic.Int64 }

func (s *shortest) note(d time.Duration) {
	for {
		before := s.Load()
		if before != 0 && before <= int64(d) || s.CompareAndSwap(before, int64(d)) {
			return
		}
	}
}

// NewConn starts a control connection on nc, which is the caller's no more.
// The greeting is the first exchange.
func NewConn(ctx context.Context, site string, number int, nc net.Conn, timeout time.Duration) (*Conn, *Exchange) {
	c := newConn(site, number, nc, timeout)
	return c, c.welcome(ctx)
}

func newConn(site string, number int, nc net.Conn, timeout time.Duration) *Conn {
	return &Conn{site: site, number: number, below: nc, nc: nc, in: bufio.NewReader(newQuickAcks(nc)), timeout: timeout, dialect: Modern,
		reader: make(chan struct{})}
}

// welcome begins to read, and returns the exchange of the greeting.
func (c *Conn) welcome(ctx context.Context) *Exchange {
	greeting := c.newExchange(ctx, "", nil)
	greeting.hello = true
	c.mu.Lock()
	c.enqueue(greeting)
	c.mu.Unlock()
	go c.read()
	return greeting
}

// secure begins TLS, after AUTH was accepted or before the connection is opened. Nothing
// that came in the clear before counts any more: it could be anybody's.
func (c *Conn) secure(ctx context.Context, config *tls.Config) error {
	if c.in.Buffered() > 0 {
		err := protocolError("there was more behind the reply to AUTH, in the clear")
		c.fail(err)
		return err
	}
	ctx, stop := context.WithTimeout(ctx, c.timeout)
	defer stop()
	nc, err := handshake(ctx, c.site, newQuickAcks(c.below), config)
	if err != nil {
		c.fail(err)
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nc, c.in = nc, bufio.NewReader(nc)
	return nil
}

// upgrade begins TLS once AUTH was accepted.
func (c *Conn) upgrade(ctx context.Context, config *tls.Config) error {
	<-c.reader // it has stopped, or is about to
	if err := c.secure(ctx, config); err != nil {
		return err
	}
	c.reader = make(chan struct{})
	go c.read()
	return nil
}

func (c *Conn) newExchange(ctx context.Context, line string, events chan<- *Exchange) *Exchange {
	verb, arg, _ := strings.Cut(line, " ")
	verb = strings.ToUpper(verb)
	shown, secret := line, ""
	if (verb == "PASS" || verb == "ACCT") && arg != "" {
		shown, secret = verb+" "+sites.PasswordMask, arg
	}
	return &Exchange{Verb: verb, Line: shown, secret: secret, conn: c, trace: sites.TraceOf(ctx), events: events,
		started: make(chan struct{}), ended: make(chan struct{})}
}

// enqueue has commands wait for their replies. c.mu is held.
func (c *Conn) enqueue(xs ...*Exchange) {
	if len(c.queue) == 0 && len(xs) > 0 {
		xs[0].turn = time.Now()
	}
	for _, x := range xs {
		x.ahead = len(c.queue) > 0
		if c.queue = append(c.queue, x); changesData(x.Verb) {
			c.latest = x
		}
	}
}

// read gives each reply to the command at the head of the queue, until the
// connection ends, or AUTH is accepted: what follows is TLS.
func (c *Conn) read() {
	defer close(c.reader)
	r := &telnetReader{src: c.in, refuse: c.write}
	for {
		reply, err := readReply(r)
		if err != nil {
			c.fail(err)
			return
		}
		x, err := c.deliver(reply, r.surplus())
		if err == nil && x != nil {
			err = c.sendHeld()
		}
		if err != nil {
			c.fail(err)
			return
		}
		if x != nil && x.Verb == "AUTH" && x.Refusal() == nil {
			return
		}
	}
}

// deliver hands reply to the command it answers, and returns that if it has ended. surplus
// says that more has come with it: if no command waits for that, it is not to be taken for
// the answer to the next one, so that no other is sent.
func (c *Conn) deliver(reply Reply, surplus bool) (ended *Exchange, broken error) {
	c.mu.Lock()
	if len(c.queue) == 0 {
		c.mu.Unlock()
		if reply.Code == 421 {
			return nil, &sites.Error{Kind: sites.Busy, Code: 421, Text: reply.Text(), Msg: "the server ended the session"}
		}
		return nil, protocolError("a reply that nobody asked for: %d %s", reply.Code, clip(reply.Text()))
	}
	x := c.queue[0]
	outcome := c.dialect.Outcome(x.Verb, reply.Code)
	if x.hello && reply.Code == 300 || x.Verb == "USER" && reply.Code == 330 {
		c.dialect, outcome = Old, More
	}
	if c.strict && !c.inStep(x, reply.Code, outcome) {
		c.mu.Unlock()
		// A transfer may fail with many a code, but not with one of those for commands.
		if certain := outcome == Preliminary || outcome == Done || outcome == More || reply.Code/10 == 50; certain && c.disorder != nil {
			c.disorder("it answered what was written behind a transfer before its end")
		}
		// Each command can be given again, over another connection.
		return nil, &sites.Error{Kind: sites.Unreachable,
			Msg: fmt.Sprintf("%d %s is no answer to %s: the replies are out of step", reply.Code, clip(reply.Text()), x.what())}
	}
	if c.dialect == Modern && strays(x.Verb, reply.Code) {
		ahead := !x.cut && (x.ahead || len(c.queue) > 1)
		c.mu.Unlock()
		if ahead && c.disorder != nil {
			c.disorder("it answered what was written behind a transfer before its end")
		}
		return nil, protocolError("not the answer to %s: %d %s", x.what(), reply.Code, clip(reply.Text()))
	}
	switch {
	case outcome != Preliminary && outcome != Nonsense:
		c.queue = c.queue[1:]
		if c.quickest != nil && !x.hello && !x.ahead && !x.transfers() {
			c.quickest.note(time.Since(x.turn))
		}
		if len(c.queue) > 0 {
			c.queue[0].turn = time.Now()
		}
		if surplus && len(c.queue) == 0 && c.err == nil {
			broken = c.lost(protocolError("behind the answer to %s came one that nobody asked for", x.what()))
			c.err = broken
		}
	case reply.Code == 112 && x.mark(reply): // of which a long transfer has any number
	case outcome == Preliminary:
		if x.heard += reply.size(); x.heard > maxReplyBytes {
			c.mu.Unlock()
			return nil, protocolError("more than %d bytes of preliminary replies to %s", maxReplyBytes, x.what())
		}
	}
	if outcome == Preliminary || outcome == Done || outcome == More {
		c.accepted(x)
	}
	c.mu.Unlock()

	reply = reply.without(x.secret)
	x.trace.SawReply(c.site, c.number, reply.Code, reply.Text())
	switch outcome {
	case Nonsense:
		return nil, protocolError("%03d is no reply code: %s", reply.Code, clip(reply.Text()))
	case Preliminary:
		x.start.Do(func() {
			x.began = true
			close(x.started)
			x.notify()
		})
		x = nil
	default:
		x.end(reply, nil)
	}
	if reply.Code == 421 {
		return nil, &sites.Error{Kind: sites.Busy, Code: 421, Text: reply.Text(), Msg: "the server ended the session"}
	}
	return x, broken
}

// accepted takes note of what is in force from now on.
func (c *Conn) accepted(x *Exchange) {
	switch {
	case x.Verb == "REST":
		c.restart = true
	case isTransfer(x.Verb):
		c.restart = false
	case x.Verb == "PROT":
		c.private = strings.HasSuffix(x.Line, " P")
	case x.Verb == "SSCN":
		c.client = strings.HasSuffix(x.Line, " ON")
	}
}

// fail closes the connection and ends every waiting exchange with err.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = c.lost(err)
	}
	err = c.err
	queue, nc := c.queue, c.nc
	c.queue = nil
	unsent := c.unsent()
	c.held = nil
	c.mu.Unlock()
	if len(queue) > 0 {
		nc = c.below
		if tcp, ok := nc.(*net.TCPConn); ok {
			// A server that is held up, as vsftpd is by the lock on a file that another
			// upload has, would do later what nobody counts on any more. It notices a
			// reset as soon as it replies, before it takes any data.
			tcp.SetLinger(0) // if that fails, closing it is all that can be done
		}
	}
	nc.Close() // its error would only repeat err
	for _, x := range append(queue, unsent...) {
		x.end(Reply{}, err)
	}
}

// lost makes the error that every later use of the connection gives.
func (c *Conn) lost(err error) error {
	var e *sites.Error
	if errors.As(err, &e) {
		return sites.During("", sites.Pathname{Site: c.site}, e)
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &sites.Error{Site: c.site, Kind: sites.Unreachable, Msg: "the server closed the control connection"}
	case errors.Is(err, net.ErrClosed):
		return &sites.Error{Site: c.site, Kind: sites.Unreachable, Msg: "the control connection is closed"}
	}
	return &sites.Error{Site: c.site, Kind: sites.Unreachable, Msg: "the control connection was lost", Err: err}
}

func (x *Exchange) end(reply Reply, err error) {
	x.reply, x.err = reply, err
	close(x.ended) // first: whoever sees the start of a final reply sees its end
	x.start.Do(func() { close(x.started) })
	x.notify()
}

func (x *Exchange) notify() {
	if x.events != nil {
		x.events <- x // Send's contract: there is room for two
	}
}

// Started is closed when the first reply, preliminary or final, has come or
// none will.
func (x *Exchange) Started() <-chan struct{} { return x.started }

// Ended is closed when the final reply has come or none will.
func (x *Exchange) Ended() <-chan struct{} { return x.ended }

// Began reports whether a preliminary reply came: the server has begun to do
// it. It may be called only after Started is closed.
func (x *Exchange) Began() bool { return x.began }

// Outcome returns the final reply and what it means. It is an error if the
// connection was lost before. It may be called only after Ended is closed.
func (x *Exchange) Outcome() (Reply, Outcome, error) {
	if x.err != nil {
		return Reply{}, Nonsense, x.err
	}
	return x.reply, x.conn.dialect.Outcome(x.Verb, x.reply.Code), nil
}

// Refusal returns the error that a final reply is; nil if it accepts.
func (x *Exchange) Refusal() error {
	reply, outcome, err := x.Outcome()
	if err != nil {
		return err
	}
	kind := x.conn.dialect.kindOf(x.Line, reply)
	switch {
	case outcome == Done && x.Verb == "REST" && x.conn.dialect == Modern:
		// Only 350 says that the next transfer will begin there (RFC 959 section 5.4). After
		// any other reply bytes could be appended that are there already.
		kind = sites.Unsupported
	case outcome == Done, outcome == More && !isLast(x.Verb):
		return nil
	}
	return &sites.Error{Site: x.conn.site, Kind: kind, Code: reply.Code, Text: reply.Text()}
}

// Wait waits for the final reply. If none comes in the connection's time-out
// the connection is closed; if ctx ends first the reply, when it comes, still
// goes to this exchange and the connection stays in step.
//
// The time of a command that was written ahead begins when those before it have
// ended: until then the server may be at work for them, and whoever waits for them
// looks after that.
func (x *Exchange) Wait(ctx context.Context) error {
	called := time.Now()
	timer := time.NewTimer(x.conn.timeout)
	defer timer.Stop()
	for {
		select {
		case <-x.ended:
			return x.err
		case <-ctx.Done():
			return cancelled(x.conn.site, ctx)
		case <-timer.C:
		}
		left := x.left(called)
		if left <= 0 {
			err := &sites.Error{Site: x.conn.site, Kind: sites.Unreachable,
				Msg: fmt.Sprintf("no answer to %s in %v", x.what(), x.conn.timeout)}
			x.conn.fail(err)
			return err
		}
		timer.Reset(left)
	}
}

// left returns how long the server still has to answer somebody who waits since a
// certain time.
func (x *Exchange) left(since time.Time) time.Duration {
	x.conn.mu.Lock()
	defer x.conn.mu.Unlock()
	switch {
	case x.turn.IsZero():
		return x.conn.timeout
	case x.turn.After(since):
		since = x.turn
	}
	return time.Until(since.Add(x.conn.timeout))
}

// accepted waits for the final reply; a refusal is an error.
func (x *Exchange) accepted(ctx context.Context) error {
	if err := x.Wait(ctx); err != nil {
		return err
	}
	return x.Refusal()
}

// await waits until a signal of the exchange comes, ctx ends or time is over.
func (x *Exchange) await(ctx context.Context, signal <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-signal:
	case <-ctx.Done():
	case <-timer.C:
	}
}

// refused returns the refusal if the exchange has ended with one.
func (x *Exchange) refused() error {
	select {
	case <-x.ended:
		return x.Refusal()
	default:
		return nil
	}
}

func (x *Exchange) what() string {
	if x.hello {
		return "the connection"
	}
	return x.Verb
}

func cancelled(site string, ctx context.Context) error {
	e := sites.Stopped(ctx)
	e.Site = site
	return e
}

// Send writes the commands in one piece and returns an exchange for each, in
// order. If events is not nil each exchange is sent to it when it starts and
// when it ends; it must have room for two for each command. An error of kind
// Usage means that nothing was sent: CR, LF and NUL have no place in a command.
// Any other means that the connection is closed.
func (c *Conn) Send(ctx context.Context, events chan<- *Exchange, lines ...string) ([]*Exchange, error) {
	all, err := c.SendTogether(ctx, Batch{events, lines})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

func (c *Conn) write(b []byte) error {
	if err := c.nc.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	_, err := c.nc.Write(b)
	return err
}

// Do sends one command and waits for its final reply. A refusal is not an
// error here: see Must.
func (c *Conn) Do(ctx context.Context, line string) (*Exchange, error) {
	if ctx.Err() != nil {
		return nil, cancelled(c.site, ctx) // what was called off is not even begun
	}
	xs, err := c.Send(ctx, nil, line)
	if err != nil {
		return nil, err
	}
	return xs[0], xs[0].Wait(ctx)
}

// Must sends one command and returns its final reply; a refusal is an error.
func (c *Conn) Must(ctx context.Context, line string) (Reply, error) {
	x, err := c.Do(ctx, line)
	if err != nil {
		return Reply{}, err
	}
	return x.reply, x.Refusal()
}

// Abort ends the transfer x, which ctx no longer bounds: it sends ABOR and
// takes both replies (RFC 959 section 4.1.3). Afterwards the connection is in
// step, or closed.
func (c *Conn) Abort(x *Exchange) {
	select {
	case <-x.ended:
		return
	default:
	}
	ctx, stop := context.WithTimeout(sites.WithTrace(context.Background(), x.trace), c.grace())
	defer stop()
	failed := &sites.Error{Site: c.site, Kind: sites.Unreachable, Msg: "the transfer could not be aborted in step; the control connection was closed"}
	if latest := c.cut(x); isTransfer(x.Verb) && latest != x {
		// Some servers would answer ABOR before the PASV behind x, and others after it.
		// Without its data connection x ends by itself, and soon.
		soon, stop := context.WithTimeout(ctx, c.grace()/3)
		defer stop()
		select {
		case <-x.ended:
		case <-soon.Done():
			c.fail(failed)
		}
		return
	}
	// Servers answer the pair with 426 and 226, 226 and 226, or one reply too
	// few or too many; the NOOP behind them shows whether the count was right.
	xs, err := c.Send(ctx, nil, "ABOR")
	if err != nil {
		return
	}
	if x.Wait(ctx) == nil {
		// Pure-FTPd and pyftpdlib have one reply for both. Then only 200 will do,
		// which no server has for ABOR.
		single := c.forget(ctx, xs[0])
		noop, err := c.Do(ctx, "NOOP")
		if err == nil && (single && noop.reply.Code == 200 || !single && !c.dialect.aborted[noop.reply.Code]) {
			return
		}
	}
	c.fail(failed)
}

// cut takes note that the data connection of x is ended before its time, and returns the
// last command about data connections: x, or what prepares the next one. Pure-FTPd answers
// a RETR with nothing then, so that what comes next is no sign of disorder.
func (c *Conn) cut(x *Exchange) (latest *Exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x.cut = true
	return c.latest
}

// forget gives up on x, the only command that waits, if its reply does not come
// at once; it reports whether it did.
func (c *Conn) forget(ctx context.Context, x *Exchange) bool {
	x.await(ctx, x.ended, c.grace()/10)
	c.mu.Lock()
	waiting := len(c.queue) == 1 && c.queue[0] == x
	if waiting {
		c.queue = nil
	}
	c.mu.Unlock()
	if waiting {
		x.end(Reply{}, &sites.Error{Site: c.site, Kind: sites.Protocol, Msg: "no answer to " + x.what()})
	}
	return waiting
}

// grace returns how long the server has to say what is due at once.
func (c *Conn) grace() time.Duration { return min(abortGrace, c.timeout) }

// Settle waits, at most for the time given, until every command has its reply,
// and closes the connection if some have not.
func (c *Conn) Settle(d time.Duration) {
	ctx, stop := context.WithTimeout(context.Background(), d)
	defer stop()
	for {
		c.mu.Lock()
		var last *Exchange
		if waiting := append(c.queue[:len(c.queue):len(c.queue)], c.unsent()...); len(waiting) > 0 {
			last = waiting[len(waiting)-1]
		}
		c.mu.Unlock()
		if last == nil {
			return
		}
		select {
		case <-last.ended:
		case <-ctx.Done():
			c.fail(&sites.Error{Site: c.site, Kind: sites.Unreachable, Msg: "no answer to " + last.what()})
			return
		}
	}
}

// Idle reports whether the connection can be used for other work: it is open,
// waits for no reply, and no REST is in force, which some servers would apply
// to the next transfer, whatever that is.
func (c *Conn) Idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == nil && len(c.queue) == 0 && len(c.held) == 0 && !c.restart
}

// Err returns why the connection is closed; nil while it is open.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection, with QUIT if it is in step, and waits for the
// goroutine that reads it.
func (c *Conn) Close() error {
	if c.Idle() {
		ctx, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		if x, err := c.Send(ctx, nil, "QUIT"); err == nil {
			x[0].Wait(ctx) // a polite end; the connection is closed in any case
		}
	}
	c.fail(net.ErrClosed)
	<-c.reader
	return nil
}

// Dialect returns the dialect that the greeting showed. It may be called only
// after the greeting.
func (c *Conn) Dialect() *Dialect { return c.dialect }

// Peer returns the address of the server's end.
func (c *Conn) Peer() netip.Addr { return addrOf(c.below.RemoteAddr()) }

// local returns the address of the user's end.
func (c *Conn) local() netip.Addr { return addrOf(c.below.LocalAddr()) }

func addrOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
