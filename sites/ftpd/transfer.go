package ftpd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

const (
	chunkSize = 4 << 20                // bytes given to one system-assisted copy
	tick      = 500 * time.Millisecond // how old the count of bytes may be
	closeWait = 1 * time.Second        // for a reader to close after the last byte
)

// payload is what a transfer carries.
type payload interface {
	// move carries everything over conn. An error of its own side is a *fileError.
	move(t *transfer, conn *connection) error
	// settle puts the file in order and closes it after a transfer that ended with
	// err, and returns the error that the transfer ends with now.
	settle(err error) error
}

// transfer is one transfer command, or the computing of a digest or the copying of
// a file, under way. Its goroutine ends with its last event.
type transfer struct {
	record  string // the message of its record in the log
	verb    string
	path    string  // as the user sees it
	outcome outcome // if it is complete
	closing string  // the text of that; set before the last event
	payload payload
	setup   dataSetup
	block   bool          // MODE B
	keep    bool          // the data connection is to stay open
	follows bool          // it has one already, from the transfer before
	kept    *connection   // that is open: before it one that is to be used, after it one that may be
	privacy *privacy      // of the data connection
	timeout time.Duration // to connect, and without progress

	digesting *running                       // of what passes, for the closing; nil: none is wanted
	marks     *time.Ticker                   // for performance markers; nil: none are wanted
	silent    bool                           // its end is not answered
	begun     bool                           // a preliminary reply was given: others may come before its end
	bytes     atomic.Int64                   // over the data connection; else from the file
	peer      atomic.Pointer[netip.AddrPort] // of the data connection, as soon as there is one
	cancel    context.CancelFunc
	events    chan event
}

// event is news of a transfer: that the data connection is there, or, as the
// last one, that all is over.
type event struct {
	local, remote net.Addr // of the data connection
	over          bool
	err           error
}

// errAborted is how a transfer ends that was broken off by ABOR or with its
// session.
var errAborted = errors.New("aborted")

// tooLongError is how a transfer ends that has had all of Limits.TransferTime.
type tooLongError struct{ limit time.Duration }

func (e *tooLongError) Error() string {
	return fmt.Sprintf("no transfer takes longer than %s", e.limit)
}

// connectError is the failure to make a data connection.
type connectError struct{ err error }

func (e *connectError) Error() string { return "data connection: " + e.err.Error() }
func (e *connectError) Unwrap() error { return e.err }

// fileError is a failure of this site's own storage.
type fileError struct{ err error }

func (e *fileError) Error() string { return e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// begin starts a transfer with the session's data setup, which it uses up, or with the
// data connection that was kept open.
func (s *session) begin(ctx context.Context, verb, path, opening string, p payload) {
	s.start(ctx, opening, &transfer{
		record:  "transfer",
		verb:    verb,
		path:    path,
		outcome: transferDone,
		closing: verb + " completed",
		payload: p,
		begun:   true,
	})
}

func (s *session) start(ctx context.Context, opening string, t *transfer) {
	t.block, t.keep = s.block, s.keeps()
	t.privacy = s.privacy(t.payload)
	t.setup, t.kept = s.data, s.kept
	t.follows = t.kept != nil
	s.data, s.kept = nil, nil
	t.timeout = s.svc.dataTimeout
	s.tell(t)
	t.events = make(chan event, 2) // both, so that the goroutine never waits for the session
	if longest := s.svc.limits.TransferTime; longest > 0 {
		ctx, t.cancel = context.WithTimeoutCause(ctx, longest, &tooLongError{longest})
	} else {
		ctx, t.cancel = context.WithCancel(ctx)
	}
	if sink, ok := t.payload.(*fileSink); ok {
		sink.aborted = func() bool { return ctx.Err() != nil || s.ctl.hungUp() }
	}
	s.started(t)
	if t.begun {
		s.reply(transferOpening, opening)
	}
	go t.run(ctx)
	s.interruptTransfer()
}

// started makes t the running transfer.
func (s *session) started(t *transfer) {
	s.transfer = t
	s.svc.board.change(s.id, func(n *notice, _ *Counts) { n.running, n.began = t, time.Now() })
}

// news is the channel of t's events; it is nil, and so silent, if t is.
func (t *transfer) news() <-chan event {
	if t == nil {
		return nil
	}
	return t.events
}

// ticks is the channel of t's performance markers; it is nil, and so silent, if there are
// none.
func (t *transfer) ticks() <-chan time.Time {
	if t == nil || t.marks == nil {
		return nil
	}
	return t.marks.C
}

// wait returns the last event.
func (t *transfer) wait() event {
	for {
		if e := <-t.events; e.over {
			return e
		}
	}
}

func (t *transfer) run(ctx context.Context) {
	defer t.cancel()
	e := event{over: true}
	conn, err := t.open(ctx)
	if err == nil {
		e.local, e.remote = conn.wire.LocalAddr(), conn.wire.RemoteAddr()
		if remote, ok := e.remote.(*net.TCPAddr); ok {
			peer := unmapped(remote.AddrPort())
			t.peer.Store(&peer)
		}
		t.events <- event{local: e.local, remote: e.remote}
		err = t.carry(ctx, conn)
	}
	if err != nil && ctx.Err() != nil {
		err = errAborted
		if late := (*tooLongError)(nil); errors.As(context.Cause(ctx), &late) {
			err = late
		}
	}
	if e.err = t.payload.settle(err); e.err == nil && t.digesting != nil {
		t.closing = t.digesting.told(t.bytes.Load(), t.path)
	}
	t.events <- e
}

// open returns the data connection that was kept open, or makes one.
func (t *transfer) open(ctx context.Context) (*connection, error) {
	if t.kept != nil {
		t.kept.serves(t)
		return t.kept, nil
	}
	tcp, err := t.connect(ctx)
	if err != nil {
		return nil, &connectError{err}
	}
	return t.newConnection(tcp), nil
}

func (t *transfer) connect(ctx context.Context) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, t.timeout, fmt.Errorf("nobody came in %s", t.timeout))
	defer cancel()
	defer t.setup.discard()
	return t.setup.connect(ctx)
}

// carry moves the payload. A connection on which not everything was carried is
// reset: an orderly close would tell the other side that the file ends here.
func (t *transfer) carry(ctx context.Context, conn *connection) error {
	tcp, fresh := conn.wire.TCPConn, t.kept == nil
	t.kept = nil
	stop := whenDone(ctx, func() { reset(tcp) })
	if fresh {
		if err := conn.secure(ctx); err != nil {
			stop()
			_ = tcp.Close() // in order, so that the other side reads why TLS failed
			return err
		}
	}
	err := conn.verdict(t.payload.move(t, conn))
	stop()
	switch {
	case t.keep && ctx.Err() == nil && (err == nil || errors.Is(err, errSuspect)):
		t.kept = conn
	case err != nil:
		reset(tcp)
	default:
		if conn.blocks != nil {
			_ = conn.awaitClose(closeWait) // all of the file is here, or there
		}
		conn.close()
	}
	return err
}

// reset closes conn so that the other side sees an error. It may be called again.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0) // fails on a closed connection only
	_ = conn.Close()
}

// whenDone calls f when ctx ends, unless stop was called before. stop returns
// when f will not be called or has returned.
func whenDone(ctx context.Context, f func()) (stop func()) {
	ended := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(ended)
		f()
	})
	return func() {
		if !cancel() {
			<-ended
		}
	}
}

// endSending tells the reader that the file ends here and waits for it to close,
// so that a reader that gave up before the end is noticed. A reader that keeps its
// side open is not waited for longer than closeWait once its host has everything.
func (t *transfer) endSending(conn *connection) error {
	if conn.blocks != nil {
		if err := conn.blocks.flush(endOfFile, conn.put); err != nil || t.keep {
			return err
		}
	}
	if err := conn.closeWrite(); err != nil {
		// Of a file with something in it nobody could tell how much the reader took.
		if connectionBroken(err) && t.bytes.Load() == 0 && conn.closedInOrder() {
			return nil
		}
		return err
	}
	last, pace := unacknowledged(conn.wire.TCPConn), newPace(t.timeout)
	for {
		err := conn.awaitClose(min(closeWait, t.timeout))
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		left := unacknowledged(conn.wire.TCPConn)
		if left == 0 {
			return nil
		}
		if !pace.goOn(int64(last-left), err) {
			return err
		}
		last = left
	}
}

// follow deals with one event of the running transfer.
func (s *session) follow(e event) {
	if e.over {
		s.finishTransfer(e)
		return
	}
	if !s.transfer.begun {
		return
	}
	s.reply(transferStarted, s.transfer.verb+" "+s.transfer.path)
}

// finishTransfer logs and answers a transfer that is over.
func (s *session) finishTransfer(e event) {
	t := s.transfer
	s.transfer = nil
	if t.marks != nil {
		t.marks.Stop()
	}
	if t.kept != nil { // a digest has none, and leaves the one there is
		s.kept = t.kept
	}
	n := t.bytes.Load()
	s.svc.board.change(s.id, func(on *notice, c *Counts) {
		on.running = nil
		t.count(c, n)
		if t.begun {
			c.Transfers++
			if e.err != nil {
				c.Failed++
			}
		}
	})
	attrs := []any{"user", s.user.Name, "verb", t.verb, "path", t.path, "bytes", n}
	if e.local != nil {
		attrs = append(attrs, "local", e.local.String(), "peer", e.remote.String(), "protection", t.privacy.String())
	}
	if e.err != nil {
		attrs = append(attrs, "error", e.err.Error())
	}
	s.log.Info(t.record, attrs...)
	if t.silent {
		return
	}

	var connecting *connectError
	var failed *handshakeError
	var file *fileError
	var over *quotaError
	switch {
	case e.err == nil && t.kept != nil:
		s.reply(fileActionDone, t.closing)
	case e.err == nil:
		s.reply(t.outcome, t.closing)
	case errors.Is(e.err, errSuspect):
		s.reply(notSent, t.path)
	case errors.Is(e.err, errAborted):
		s.reply(aborted, n)
	case errors.As(e.err, &failed):
		s.reply(handshakeFailed, failed.reason())
	case errors.As(e.err, &connecting):
		s.reply(cannotConnect, reason(connecting.err))
	case errors.As(e.err, &over):
		s.reply(overQuota, t.path, over)
	case errors.As(e.err, &file) && storageFull(e.err):
		s.reply(storageExhausted, t.path)
	case errors.As(e.err, &file):
		s.reply(localError, t.path, reason(file.err))
	default:
		s.reply(connectionLost, n, reason(e.err))
	}
}

// aborVerb performs ABOR (RFC 959 section 4.1.3). If it came during a transfer,
// that was broken off when ABOR was read. It also undoes what was arranged for
// the next data connection.
func (s *session) aborVerb(context.Context, string) {
	s.setData(nil)
	if s.cut {
		s.cut = false
		s.reply(abortDone)
		return
	}
	s.reply(nothingToAbort)
}
