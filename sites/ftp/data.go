package ftp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"rsexec/sites"
	"rsexec/sites/socket"
)

const (
	// finishFactor is how many times as long as for another reply the server
	// has to say that a transfer is complete, once its data connection has
	// ended. It may still be writing.
	finishFactor = 10

	// idleChunk is how much is written before it counts again how long nothing
	// moves.
	idleChunk = 32 << 10
)

// dataConn is a data connection between the server and the user's host, with
// the transfer command that it belongs to.
type dataConn struct {
	conn    net.Conn     // what the bytes go over: the connection, or TLS on it
	tcp     *net.TCPConn // the connection itself
	wire    *wire        // what TLS goes over; nil: there is no TLS
	s       *Session
	x       *Exchange
	ctx     context.Context
	trace   *sites.Trace
	unwatch func() bool
	silent  bool          // the server has neither replied nor sent anything yet
	idle    time.Duration // how long nothing may move; 0 is for ever, for whoever moves a file looks after it
	read    bool          // all that the server sent was read
	over    bool
	err     error // how it ended, once over
	release func()
}

// A way is one of the ways to make a data connection to the user's host: the
// command that prepares it, and what is to be done before and after the
// transfer command goes out.
type way struct {
	verb string
	six  bool // usable over IPv6
	four bool // usable over IPv4
	open func(ctx context.Context, s *Session, transfer string) (connect connector, cancel func(), err error)
}

// A connector makes a data connection that the server was prepared for.
type connector func(context.Context) (*net.TCPConn, error)

// ways are tried in this order. A server that refuses one is asked no more.
var (
	passiveWays = []way{
		{verb: "PASV", four: true, open: openPASV},
		{verb: "EPSV", four: true, six: true, open: openEPSV},
	}
	activeWays = []way{
		{verb: "PORT", four: true, open: openPORT},
		{verb: "EPRT", four: true, six: true, open: openEPRT},
	}
	oldWays = []way{
		{verb: "LSTN", four: true, six: true, open: openLSTN},
		{verb: "PASV", four: true, six: true, open: openPASV478},
		{verb: "SOCK", four: true, six: true, open: openSOCK},
	}
)

func (s *Session) ways() []way {
	switch {
	case s.dialect == Old:
		return oldWays
	case s.site.config.Active:
		return activeWays
	}
	return passiveWays
}

// transfer sends a transfer command with a data connection to the user's host
// and returns when the connection is made. restart is where the transfer
// starts (REST); release is called once when all is over.
func (s *Session) transfer(ctx context.Context, line string, restart int64, release func()) (*dataConn, error) {
	if err := s.Guard(ctx, s.tls != nil); err != nil {
		return nil, err
	}
	connect, cancel, err := s.prepare(ctx, line)
	if err != nil {
		return nil, err
	}
	defer cancel()
	d, err := s.start(ctx, line, restart, connect)
	if err != nil {
		return nil, err
	}
	d.release = release
	return d, nil
}

// prepare has the server ready for the data connection of a transfer command:
// connect makes it, once the command was sent; cancel comes after that, or
// instead.
func (s *Session) prepare(ctx context.Context, line string) (connect connector, cancel func(), err error) {
	if connect, err := s.takeNext(ctx); connect != nil || err != nil {
		return connect, nothing, err
	}
	six := s.Peer().Is6()
	err = &sites.Error{Site: s.Conn.site, Kind: sites.Unsupported, Msg: "no way to make a data connection is left"}
	for _, w := range s.ways() {
		if six && !w.six || !six && !w.four || s.site.Knows(w.verb) == No {
			continue
		}
		connect, cancel, e := w.open(ctx, s, line)
		if s.Heard(w.verb, e); e == nil {
			s.way = w.verb
			return connect, cancel, nil
		}
		if s.Err() != nil || ctx.Err() != nil {
			return nil, nil, e
		}
		// Of several refusals the one that speaks of more than a command that is
		// not known is the one to tell.
		if sites.KindOf(err) == sites.Unsupported {
			err = e
		}
	}
	return nil, nil, err
}

// start sends REST and the transfer command and makes the data connection.
func (s *Session) start(ctx context.Context, line string, restart int64, connect connector) (*dataConn, error) {
	if restart > 0 {
		// REST must come right before the transfer command (RFC 3659 section 5.4).
		if _, err := s.Must(ctx, fmt.Sprintf("REST %d", restart)); err != nil {
			return nil, err
		}
	}
	x, err := s.sendTransfer(ctx, line)
	if err != nil {
		return nil, err
	}
	d := &dataConn{s: s, x: x, ctx: ctx, trace: sites.TraceOf(ctx), release: func() {}}
	err = d.connect(connect)
	early := s.next != nil && x.Verb == "STOR" // WriteAhead tells of it
	if err == nil && s.next != nil && x.Verb == "RETR" && d.wire == nil {
		d.tcp.CloseWrite() // where it fails, reading does
	}
	switch {
	case err == nil && !early:
		// The first reply shows whether the command is refused. A server that
		// says nothing before the end is not waited for: it has begun.
		x.await(ctx, x.started, s.grace())
	case err != nil:
		// A refusal tells more than a connection that was not made.
		x.await(ctx, x.ended, s.grace()/3)
	}
	if refusal := x.refused(); refusal != nil {
		if d.tcp != nil {
			d.tcp.Close() // nothing was sent over it
		}
		s.Heard(x.Verb, refusal)
		return nil, refusal
	}
	if err != nil {
		s.CallOff(x)
		if ctx.Err() != nil {
			return nil, cancelled(s.Conn.site, ctx)
		}
		if sites.KindOf(err) == sites.Untrusted {
			return nil, err
		}
		return nil, &sites.Error{Site: s.Conn.site, Kind: sites.Unreachable, Msg: "no data connection", Err: err}
	}
	if !early {
		s.Heard(x.Verb, nil)
	}
	select {
	case <-x.started:
	default:
		d.silent = true
	}
	d.unwatch = context.AfterFunc(ctx, func() { d.tcp.SetDeadline(time.Unix(1, 0)) }) // wakes whoever reads or writes
	return d, nil
}

// connect makes the data connection, and begins TLS on it if it is to be protected: at
// once, for some servers send their first reply only after that. A command that has ended
// makes none any more, so the wait for one ends with it.
func (d *dataConn) connect(connect connector) (err error) {
	ctx, stop := context.WithTimeout(d.ctx, d.s.timeout)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if d.x.await(ctx, d.x.ended, d.s.timeout); d.x.refused() == nil {
			// One that was made before the end may be on its way to us.
			d.x.await(ctx, nil, d.s.grace()/3)
		}
		stop()
	}()
	d.tcp, err = connect(ctx)
	d.conn = d.tcp
	if err == nil && d.s.tls != nil {
		d.conn, d.wire, err = d.s.protect(ctx, d.tcp)
		if err != nil {
			d.tcp.Close() // nothing was sent over it
		}
	}
	stop()
	<-watched
	return err
}

// dialer connects to the server's host at the port given. The host is always
// the one that the control connection goes to: an address in a 227 reply may
// be a trap, or one that means nothing on this side of a NAT.
func (s *Session) dialer(port int) connector {
	return s.dialerFrom(netip.AddrPortFrom(s.local(), 0), port)
}

// dialerFrom connects likewise, from an address of this host; port 0 is any,
// another one is reserved.
func (s *Session) dialerFrom(from netip.AddrPort, port int) connector {
	to := netip.AddrPortFrom(s.Peer(), uint16(port))
	return func(ctx context.Context) (*net.TCPConn, error) {
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(from), Control: socket.Late}
		if from.Port() != 0 {
			d.Control = socket.Reuse
		}
		nc, err := d.DialContext(ctx, "tcp", to.String())
		if err != nil {
			return nil, err
		}
		return nc.(*net.TCPConn), nil
	}
}

func nothing() {}

func openPASV(ctx context.Context, s *Session, _ string) (connector, func(), error) {
	return s.openPassive(ctx, "PASV")
}

func openEPSV(ctx context.Context, s *Session, _ string) (connector, func(), error) {
	return s.openPassive(ctx, "EPSV")
}

func (s *Session) openPassive(ctx context.Context, verb string) (connector, func(), error) {
	reply, err := s.Must(ctx, verb)
	if err != nil {
		return nil, nil, err
	}
	connect, err := s.passive(verb, reply)
	return connect, nothing, err
}

// passive reads the reply to PASV or EPSV.
func (s *Session) passive(verb string, reply Reply) (connector, error) {
	if verb == "EPSV" {
		port, err := ParseEPSV(reply.Text())
		return s.dialer(port), err
	}
	a, err := ParsePASV(reply.Text())
	return s.dialer(int(a.Port())), err
}

// openLSTN has the server listen (RFC 438): S when it is to send, R when it is
// to receive.
func openLSTN(ctx context.Context, s *Session, transfer string) (connector, func(), error) {
	direction := "S"
	if transfer[:4] == "STOR" || transfer[:4] == "APPE" {
		direction = "R"
	}
	reply, err := s.Must(ctx, "LSTN "+direction)
	if err != nil {
		return nil, nil, err
	}
	port, err := ParseSOCK(reply.Text())
	if err != nil {
		return nil, nil, err
	}
	return s.dialer(port), nothing, nil
}

// openPASV478 has the server listen at its default data socket (RFC 478). All
// sessions of a server share that socket, so the server is told first which
// socket of this host the connection will come from: SOCK, as the figure of the
// RFC has it. Otherwise two sessions could get each other's data.
func openPASV478(ctx context.Context, s *Session, _ string) (connector, func(), error) {
	own, err := socket.Reserve(netip.AddrPortFrom(s.local(), 0))
	if err != nil {
		return nil, nil, &sites.Error{Site: s.Conn.site, Kind: sites.Other, Msg: "no free port at this host", Err: err}
	}
	// A server without SOCK takes any connection; PASV tells whether it knows that.
	_, err = s.Do(ctx, fmt.Sprintf("SOCK %s,%d", own.Addr.Addr().WithZone(""), own.Addr.Port()))
	if err == nil {
		_, err = s.Must(ctx, "PASV")
	}
	if err != nil {
		own.Close() // it was not used
		return nil, nil, err
	}
	return s.dialerFrom(own.Addr, s.site.config.DefaultDataPort()), func() { own.Close() }, nil // after use there is nothing to lose
}

func openPORT(ctx context.Context, s *Session, _ string) (connector, func(), error) {
	return s.listen(ctx, func(a netip.AddrPort) string { return "PORT " + FormatPORT(a) })
}

func openEPRT(ctx context.Context, s *Session, _ string) (connector, func(), error) {
	return s.listen(ctx, func(a netip.AddrPort) string { return "EPRT " + FormatEPRT(a) })
}

func openSOCK(ctx context.Context, s *Session, _ string) (connector, func(), error) {
	return s.listen(ctx, func(a netip.AddrPort) string {
		return fmt.Sprintf("SOCK %s,%d", a.Addr().Unmap().WithZone(""), a.Port())
	})
}

// listen listens at the user's host, tells the server so with the command
// given, and accepts from the server's host only.
func (s *Session) listen(ctx context.Context, command func(netip.AddrPort) string) (connector, func(), error) {
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(s.local(), 0)))
	if err != nil {
		return nil, nil, &sites.Error{Site: s.Conn.site, Kind: sites.Other, Msg: "cannot listen at this host", Err: err}
	}
	cancel := func() { l.Close() } // it only listened
	if _, err := s.Must(ctx, command(l.Addr().(*net.TCPAddr).AddrPort())); err != nil {
		cancel()
		return nil, nil, err
	}
	return func(ctx context.Context) (*net.TCPConn, error) {
		defer context.AfterFunc(ctx, cancel)()
		for {
			nc, err := l.AcceptTCP()
			if err != nil {
				if ctx.Err() != nil {
					err = ctx.Err()
				}
				return nil, err
			}
			if addrOf(nc.RemoteAddr()) == s.Peer() {
				return nc, nil
			}
			nc.Close() // a stranger
		}
	}, cancel, nil
}

// finish ends the transfer in good order: the data connection is closed, and
// the server must say that it is complete.
func (d *dataConn) finish() error {
	if d.over {
		return d.err
	}
	limit := finishFactor * d.s.timeout
	ctx, stop := context.WithTimeout(d.ctx, limit)
	defer stop()
	err := d.close(ctx)
	select {
	case <-d.x.ended:
		if refusal := d.x.Refusal(); refusal != nil {
			err = refusal
		}
	case <-ctx.Done():
		err = &sites.Error{Site: d.s.Conn.site, Kind: sites.Unreachable,
			Msg: fmt.Sprintf("the server did not say in %v that the transfer is complete", limit)}
		if d.ctx.Err() != nil {
			err = cancelled(d.s.Conn.site, d.ctx)
		}
		d.s.Abort(d.x)
	}
	d.end(err)
	return err
}

// close ends the data connection in good order. Under TLS the server's side of it is read
// to its end, or to the reply: where something were left unread the system would reset
// the connection, and the server might lose what it has not read yet.
func (d *dataConn) close(ctx context.Context) (err error) {
	if c, ok := d.conn.(*tls.Conn); ok {
		if err = c.CloseWrite(); err == nil {
			err = d.tcp.CloseWrite()
		}
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			io.Copy(io.Discard, c) // nothing is expected but what TLS itself says
		}()
		select {
		case <-drained:
		case <-d.x.ended:
		case <-ctx.Done():
		}
		defer func() { <-drained }()
	}
	if closed := d.tcp.Close(); err == nil && !errors.Is(closed, net.ErrClosed) {
		err = closed
	}
	if d.read {
		return nil // all has come, whatever becomes of what we say
	}
	return err
}

// errCalledOff is how a transfer ends that the user's side gave up. It keeps
// what is read or written afterwards from looking like success.
var errCalledOff = &sites.Error{Kind: sites.Cancelled, Msg: "the transfer was called off"}

// abandon ends the transfer before its time, because of cause, and returns why
// it is over.
func (d *dataConn) abandon(cause error) error {
	if d.over {
		return d.err
	}
	d.s.cut(d.x)
	d.tcp.SetLinger(0) // the server shall not take what was sent for the whole file
	d.tcp.Close()
	d.s.Abort(d.x)
	d.end(cause)
	return d.err
}

// broken ends the transfer because its data connection was lost: err. The
// server often says why, a moment before or after; what it says once we have
// closed our end tells nothing.
func (d *dataConn) broken(err error) error {
	d.x.await(d.ctx, d.x.ended, d.s.grace()/3)
	return d.abandon(d.cause(err))
}

// cause returns why the data connection was lost: what the context or the
// server says of it; else err.
func (d *dataConn) cause(err error) error {
	if context.Cause(d.ctx) == errCalledOff {
		return errCalledOff
	}
	if d.ctx.Err() != nil {
		return cancelled(d.s.Conn.site, d.ctx)
	}
	if refusal := d.x.refused(); refusal != nil {
		return refusal
	}
	if d.idle > 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		return &sites.Error{Site: d.s.Conn.site, Kind: sites.Unreachable, Msg: fmt.Sprintf("no byte has moved for %v", d.idle)}
	}
	return &sites.Error{Site: d.s.Conn.site, Kind: sites.Unreachable, Msg: "the data connection was lost", Err: err}
}

func (d *dataConn) end(err error) {
	d.over, d.err = true, err
	d.unwatch()
	d.release()
}

// reader reads a file, or a listing, over a data connection.
type reader struct{ *dataConn }

// Read returns io.EOF after the server has said that all was sent.
func (r reader) Read(p []byte) (int, error) {
	if r.over {
		return 0, orEOF(r.err)
	}
	switch {
	case r.silent:
		// Whoever says nothing must at least send, in the time for a reply.
		r.setReadDeadline(time.Now().Add(r.s.timeout))
	case r.idle > 0:
		r.setReadDeadline(time.Now().Add(r.idle))
	}
	n, err := r.conn.Read(p)
	return n, r.took(n, err)
}

// took takes note of n bytes that were read, and returns what err means.
func (r reader) took(n int, err error) error {
	if n > 0 {
		if r.silent {
			r.silent = false
			r.setReadDeadline(time.Time{})
		}
		r.trace.SawData(r.s.Conn.site, int64(n), 0)
	}
	switch {
	case err == io.EOF:
		r.read = true
		cut := r.wire != nil && r.wire.ended.Load()
		if err := r.finish(); err == nil && cut {
			r.err = &sites.Error{Site: r.s.Conn.site, Kind: sites.Unreachable, Msg: "some of it may be missing", Err: ErrCut}
		}
		return orEOF(r.err)
	case err != nil:
		return r.broken(err)
	}
	return nil
}

// setReadDeadline sets a deadline, which the end of the context overrides.
func (r reader) setReadDeadline(t time.Time) {
	r.tcp.SetReadDeadline(t) // it fails only where Read will
	if r.ctx.Err() != nil {
		r.tcp.SetReadDeadline(time.Unix(1, 0))
	}
}

func orEOF(err error) error {
	if err == nil {
		err = io.EOF
	}
	return err
}

// Close ends the reading. It is an error only if all was read and the server
// says that all was not well.
func (r reader) Close() error {
	if !r.over {
		r.abandon(errCalledOff)
	}
	if r.err == errCalledOff {
		return nil
	}
	return r.err
}

// writer writes a file over a data connection. It implements sites.Writer.
type writer struct{ *dataConn }

func (w writer) Write(p []byte) (n int, err error) {
	if w.over {
		return 0, w.err
	}
	for first := true; err == nil && (first || n < len(p)); first = false {
		part := p[n:]
		if w.idle > 0 {
			part = part[:min(len(part), idleChunk)]
			w.tcp.SetWriteDeadline(time.Now().Add(w.idle)) // it fails only where Write will
			if w.ctx.Err() != nil {
				w.tcp.SetWriteDeadline(time.Unix(1, 0))
			}
		}
		var sent int
		if w.wire != nil {
			sent, err = w.wire.together(func() (int, error) { return w.conn.Write(part) })
		} else {
			sent, err = w.conn.Write(part)
		}
		if n += sent; sent > 0 {
			w.trace.SawData(w.s.Conn.site, 0, int64(sent))
		}
	}
	if err != nil {
		return n, w.broken(err)
	}
	return n, nil
}

func (w writer) Commit() error { return w.finish() }

func (w writer) Abort() { w.abandon(errCalledOff) }

// Open opens a file for reading from offset, in a session of its own.
func (f *Site) Open(ctx context.Context, path string, offset int64) (sites.Reader, error) {
	taken, err := f.pool.Take(ctx, 1)
	if err != nil {
		return nil, sites.During("read", sites.Pathname{Site: f.config.Name, Path: path}, err)
	}
	r, err := taken[0].open(ctx, 'I', path, offset, func() { f.pool.Put(taken[0]) })
	if err != nil {
		f.pool.Put(taken[0])
		return nil, err
	}
	r.(reader).idle = f.config.StallTimeout
	return r, nil
}

// Store opens a file for writing, in a session of its own.
func (f *Site) Store(ctx context.Context, path string, mode sites.Mode) (sites.Writer, error) {
	taken, err := f.pool.Take(ctx, 1)
	if err != nil {
		return nil, sites.During("write", sites.Pathname{Site: f.config.Name, Path: path}, err)
	}
	w, err := taken[0].store(ctx, 'I', path, mode, func() { f.pool.Put(taken[0]) })
	if err != nil {
		f.pool.Put(taken[0])
		return nil, err
	}
	w.(writer).idle = f.config.StallTimeout
	return w, nil
}

// Open opens a file for reading from offset. The session does nothing else
// until the reader is closed.
func (s *Session) Open(ctx context.Context, path string, offset int64) (sites.Reader, error) {
	return s.open(ctx, 'I', path, offset, nothing)
}

// Store opens a file for writing. The session does nothing else until the
// writer is committed or aborted.
func (s *Session) Store(ctx context.Context, path string, mode sites.Mode) (sites.Writer, error) {
	return s.store(ctx, 'I', path, mode, nothing)
}

// Text is a session that transfers the lines of texts, which end with CR LF on the
// way (RFC 959 section 3.1.1.1).
type Text struct{ *Session }

// Open is Session.Open for a text. A text can be read from its beginning only.
func (t Text) Open(ctx context.Context, path string, _ int64) (sites.Reader, error) {
	return t.open(ctx, 'A', path, 0, nothing)
}

// Store is Session.Store for a text.
func (t Text) Store(ctx context.Context, path string, mode sites.Mode) (sites.Writer, error) {
	return t.store(ctx, 'A', path, mode, nothing)
}

func (s *Session) open(ctx context.Context, typ byte, path string, offset int64, release func()) (sites.Reader, error) {
	d, err := s.file(ctx, typ, "RETR "+path, offset, release)
	if err != nil {
		return nil, sites.During("read", sites.Pathname{Site: s.Conn.site, Path: path}, err)
	}
	return reader{d}, nil
}

func (s *Session) store(ctx context.Context, typ byte, path string, mode sites.Mode, release func()) (sites.Writer, error) {
	verb := "STOR "
	if mode == sites.Append {
		verb = "APPE "
	}
	d, err := s.file(ctx, typ, verb+path, 0, release)
	if err != nil {
		return nil, sites.During("write", sites.Pathname{Site: s.Conn.site, Path: path}, err)
	}
	return writer{d}, nil
}

// file starts the transfer of a file in a representation type.
func (s *Session) file(ctx context.Context, typ byte, line string, restart int64, release func()) (*dataConn, error) {
	if err := s.setType(ctx, typ); err != nil {
		return nil, err
	}
	return s.transfer(ctx, line, restart, release)
}
