package ftpd

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// privatePiece is how many bytes of a file are given to TLS at once.
const privatePiece = 256 << 10

// wire is the TCP connection of a data connection, read and written in pieces. It fails
// when nothing has moved for a time, and not before: TLS cannot go on after an error
// beneath it.
type wire struct {
	*net.TCPConn
	timeout time.Duration // without progress
	until   time.Time     // if set, the end of all reading instead
	waited  time.Duration // in Read, for what arrived since there was progress
	arrived int64         // since then
	written *atomic.Int64 // counts what is written; nil if that is what TLS writes
	ended   bool          // the other side has closed its direction

	handshaking bool // see prompt

	gathering bool // Write only adds to gathered
	gathered  []byte
}

func (w *wire) Write(p []byte) (int, error) {
	if w.gathering {
		w.gathered = append(w.gathered, p...)
		return len(p), nil
	}
	pace, done := newPace(w.timeout), 0
	for {
		if err := w.SetWriteDeadline(pace.deadline()); err != nil {
			return done, err
		}
		n, err := w.TCPConn.Write(p[done:])
		done += n
		if w.written != nil {
			w.written.Add(int64(n))
		}
		if err == nil || !pace.goOn(int64(n), err) {
			return done, err
		}
	}
}

func (w *wire) Read(p []byte) (int, error) {
	deadline := w.until
	if deadline.IsZero() {
		deadline = time.Now().Add(w.timeout - w.waited)
	}
	if err := w.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	if w.handshaking {
		acknowledge(w.TCPConn)
	}
	began := time.Now()
	n, err := w.TCPConn.Read(p)
	w.waited += time.Since(began)
	if w.arrived += int64(n); w.arrived >= progress {
		w.waited, w.arrived = 0, 0
	}
	w.ended = w.ended || err == io.EOF
	return n, err
}

// connection is a data connection that a payload is carried over. Read and Write count
// the payload's bytes.
type connection struct {
	t       *transfer
	wire    *wire
	private *tls.Conn     // over wire; nil: in the clear, and wire.TCPConn may be used as it is
	client  bool          // this server is the TLS client
	first   *bufio.Reader // of private, if something had to be read ahead
	blocks  *blocks       // the framing of MODE B; nil: the file is all that is sent
	taken   bool          // the other side has taken this side's certificate
}

// plain says whether the file goes over wire.TCPConn as it is.
func (c *connection) plain() bool { return c.private == nil && c.blocks == nil }

// serves has a connection that is kept open carry the payload of t.
func (c *connection) serves(t *transfer) {
	c.t = t
	c.wire.waited, c.wire.arrived = 0, 0
}

// buffer is for copying.
func (c *connection) buffer() []byte {
	if c.blocks == nil {
		return make([]byte, privatePiece)
	}
	if c.blocks.piece == nil {
		c.blocks.piece = make([]byte, maxBlock)
	}
	return c.blocks.piece
}

// newConnection makes a data connection of tcp.
func (t *transfer) newConnection(tcp *net.TCPConn) *connection {
	c := &connection{t: t, wire: &wire{TCPConn: tcp, timeout: t.timeout}}
	under := io.Reader(c.wire)
	if t.privacy != nil {
		peer := unmapped(tcp.RemoteAddr().(*net.TCPAddr).AddrPort())
		c.private, c.client = t.privacy.over(c.wire, peer.Addr()), t.privacy.client
		under = c.private
	}
	if t.block {
		c.blocks = newBlocks(under)
	}
	if c.plain() {
		c.wire.written = &t.bytes
	}
	return c
}

// secure performs the handshake of a connection that is to be private. An error is a
// *handshakeError.
func (c *connection) secure(ctx context.Context) error {
	if c.private == nil {
		return nil
	}
	c.wire.handshaking = true
	if err := handshake(ctx, c.private, c.wire.timeout); err != nil {
		return &handshakeError{err}
	}
	c.wire.handshaking = false
	return nil
}

// handshakeError is that a data connection could not be put over TLS.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "TLS on the data connection: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// reason is what the user is told. What the certificate of another site says about
// itself is for the log.
func (e *handshakeError) reason() string {
	var untrusted *untrustedError
	if errors.As(e.err, &untrusted) {
		return untrusted.brief()
	}
	return reason(e.err)
}

func (c *connection) Write(p []byte) (int, error) {
	switch {
	case c.plain():
		return c.wire.Write(p)
	case c.blocks != nil:
		n, err := c.blocks.write(p, c.put)
		c.t.bytes.Add(int64(n))
		return n, err
	}
	if err := c.put(p); err != nil {
		return 0, err // how much of p has gone nobody can tell
	}
	c.t.bytes.Add(int64(len(p)))
	return len(p), nil
}

// put writes what the file has become.
func (c *connection) put(p []byte) error {
	if c.private == nil {
		_, err := c.wire.Write(p)
		return err
	}
	// TLS writes record by record; the system had better get more at once.
	c.wire.gathering = true
	_, err := c.private.Write(p)
	c.wire.gathering = false
	if err == nil {
		_, err = c.wire.Write(c.wire.gathered)
	}
	c.wire.gathered = c.wire.gathered[:0]
	return c.fault("write", err)
}

// errTruncated is an end of file that the other side did not confirm: anybody on the
// way can close a TCP connection.
var errTruncated = errors.New("the connection ended without TLS's close_notify")

func (c *connection) Read(p []byte) (n int, err error) {
	switch {
	case c.plain():
		n, err = c.wire.Read(p)
		c.t.bytes.Add(int64(n))
		return n, err
	case c.blocks != nil:
		n, err = c.blocks.read(p)
	case c.first != nil:
		n, err = c.first.Read(p)
	default:
		n, err = c.private.Read(p)
	}
	c.t.bytes.Add(int64(n))
	if err == io.EOF && c.wire.ended && c.blocks == nil {
		err = errTruncated
	}
	return n, c.fault("read", err)
}

// fault makes an error of TLS one of the network, which it has to be told from an error
// of a file.
func (c *connection) fault(op string, err error) error {
	var network *net.OpError
	if err == nil || err == io.EOF || err == errSuspect || errors.As(err, &network) {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.wire.LocalAddr(), Addr: c.wire.RemoteAddr(), Err: err}
}

// accepted waits until the other side has taken this side's certificate, as far as that
// shows: to a TLS client the handshake is over before the server has looked at its
// certificate (RFC 8446 section 2), and only what the server sends then tells.
func (c *connection) accepted() error {
	if !c.client || c.taken {
		return nil
	}
	from := bufio.NewReader(c.private)
	if c.blocks != nil {
		from = c.blocks.in
	} else {
		c.first = from
	}
	_, err := from.Peek(1)
	c.taken = err == nil
	switch {
	case err == io.EOF && c.wire.ended:
		return c.fault("read", errTruncated)
	case err == io.EOF:
		return nil // an empty file
	}
	return c.fault("read", err)
}

// announced waits until the sender begins with the file, where that shows.
func (c *connection) announced() error {
	if c.blocks == nil {
		return nil
	}
	return c.fault("read", c.blocks.await())
}

// verdict is err, or the reason for it: the other side has refused this side's
// certificate while this side was sending already.
func (c *connection) verdict(err error) error {
	if err == nil || !c.client {
		return err
	}
	alert := err
	if connectionBroken(err) {
		c.wire.until = time.Now().Add(min(closeWait, c.wire.timeout))
		_, alert = c.private.Read(make([]byte, 1))
	}
	var remote *net.OpError
	if errors.As(alert, &remote) && remote.Op == "remote error" {
		return &handshakeError{alert}
	}
	return err
}

// closeWrite tells the other side that the file ends here.
func (c *connection) closeWrite() error {
	if c.private != nil {
		if err := c.private.CloseWrite(); err != nil {
			return err
		}
	}
	return c.wire.CloseWrite()
}

// awaitClose waits for the other side to close, for no longer than patience. Over
// TLS a close_notify is enough: a reader that has sent it and closed may well answer this
// side's own with a reset.
func (c *connection) awaitClose(patience time.Duration) error {
	c.wire.until = time.Now().Add(patience)
	from := io.Reader(c.wire)
	if c.private != nil {
		from = c.private
	}
	_, err := io.Copy(io.Discard, onlyReader{from})
	return err
}

// closedInOrder says whether the other side's close_notify has come over a connection that
// is broken now: it closed before this side's end came, for it knew where the file ends,
// and its host has reset what came to it after.
func (c *connection) closedInOrder() bool {
	return c.private != nil && c.awaitClose(min(closeWait, c.wire.timeout)) == nil && !c.wire.ended
}

// close closes a connection on which everything was carried.
func (c *connection) close() {
	if c.private != nil {
		_ = c.private.Close() // the other side needs no close_notify of a receiver
		return
	}
	_ = c.wire.Close() // both directions are closed already
}

// onlyReader and onlyWriter hide what else there is, so that io.Copy uses the buffer it
// is given.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)

// copy copies a file to or from a connection that is not plain.
func (c *connection) copy(to io.Writer, from io.Reader) error {
	_, err := io.CopyBuffer(onlyWriter{to}, onlyReader{from}, c.buffer())
	return err
}

// progress is how many bytes tell a slow data connection from one that stands still. It
// is little enough for the slowest line, and too much for an attacker to call it nothing.
const progress = 1 << 10

// pace tells a slow data connection from one that stands still. Deadlines are
// one tick ahead, so the count of bytes stays fresh while one copy is long.
type pace struct {
	timeout time.Duration
	last    time.Time // of progress
	moved   int64     // since then
}

func newPace(timeout time.Duration) *pace { return &pace{timeout: timeout, last: time.Now()} }

// deadline is the deadline for the next copy.
func (p *pace) deadline() time.Time {
	return time.Now().Add(min(tick, p.timeout))
}

// goOn says whether a copy that moved n bytes and ended with err is to be
// followed by another.
func (p *pace) goOn(n int64, err error) bool {
	if p.moved += n; p.moved >= progress {
		p.last, p.moved = time.Now(), 0
	}
	return err == nil || errors.Is(err, os.ErrDeadlineExceeded) && time.Since(p.last) < p.timeout
}
