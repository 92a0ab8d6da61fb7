package ftpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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
	move(t *transfer, conn *net.TCPConn) error
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
	timeout time.Duration // to connect, and without progress
	begun   bool          // a preliminary reply was given: others may come before its end
	bytes   atomic.Int64  // over the data connection; else from the file
	cancel  context.CancelFunc
	events  chan event
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

// connectError is the failure to make a data connection.
type connectError struct{ err error }

func (e *connectError) Error() string { return "data connection: " + e.err.Error() }
func (e *connectError) Unwrap() error { return e.err }

// fileError is a failure of this site's own storage.
type fileError struct{ err error }

func (e *fileError) Error() string { return e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// begin starts a transfer with the session's data setup, which it uses up.
func (s *session) begin(ctx context.Context, verb, path, opening string, p payload) {
	t := &transfer{
		record:  "transfer",
		verb:    verb,
		path:    path,
		outcome: transferDone,
		closing: verb + " completed",
		payload: p,
		setup:   s.data,
		timeout: s.svc.dataTimeout,
		begun:   true,
		events:  make(chan event, 2), // both, so that the goroutine never waits for the session
	}
	s.data = nil
	ctx, t.cancel = context.WithCancel(ctx)
	s.transfer = t
	s.reply(transferOpening, opening)
	go t.run(ctx)
	s.interruptTransfer()
}

// news is the channel of t's events; it is nil, and so silent, if t is.
func (t *transfer) news() <-chan event {
	if t == nil {
		return nil
	}
	return t.events
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
	conn, err := t.connect(ctx)
	if err == nil {
		e.local, e.remote = conn.LocalAddr(), conn.RemoteAddr()
		t.events <- event{local: e.local, remote: e.remote}
		err = t.carry(ctx, conn)
	} else {
		err = &connectError{err}
	}
	if err != nil && ctx.Err() != nil {
		err = errAborted
	}
	e.err = t.payload.settle(err)
	t.events <- e
}

func (t *transfer) connect(ctx context.Context) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, t.timeout, fmt.Errorf("nobody came in %s", t.timeout))
	defer cancel()
	defer t.setup.discard()
	return t.setup.connect(ctx)
}

// carry moves the payload. A connection on which not everything was carried is
// reset: an orderly close would tell the other side that the file ends here.
func (t *transfer) carry(ctx context.Context, conn *net.TCPConn) error {
	stop := whenDone(ctx, func() { reset(conn) })
	err := t.payload.move(t, conn)
	stop()
	if err != nil {
		reset(conn)
		return err
	}
	_ = conn.Close() // both directions are closed already
	return nil
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

// pace tells a slow data connection from one that stands still. Deadlines are
// one tick ahead, so the count of bytes stays fresh while one copy is long.
type pace struct {
	timeout time.Duration
	last    time.Time // of progress
}

func (t *transfer) pace() *pace { return &pace{timeout: t.timeout, last: time.Now()} }

// deadline is the deadline for the next copy.
func (p *pace) deadline() time.Time {
	return time.Now().Add(min(tick, p.timeout))
}

// goOn says whether a copy that moved n bytes and ended with err is to be
// followed by another.
func (p *pace) goOn(n int64, err error) bool {
	if n > 0 {
		p.last = time.Now()
	}
	return err == nil || errors.Is(err, os.ErrDeadlineExceeded) && time.Since(p.last) < p.timeout
}

// stream is a data connection read and written in small pieces; it counts them
// and renews the deadline with each.
type stream struct {
	t    *transfer
	conn *net.TCPConn
}

func (s stream) Write(p []byte) (int, error) {
	pace, done := s.t.pace(), 0
	for {
		if err := s.conn.SetWriteDeadline(pace.deadline()); err != nil {
			return done, err
		}
		n, err := s.conn.Write(p[done:])
		done += n
		s.t.bytes.Add(int64(n))
		if err == nil || !pace.goOn(int64(n), err) {
			return done, err
		}
	}
}

func (s stream) Read(p []byte) (int, error) {
	if err := s.conn.SetReadDeadline(time.Now().Add(s.t.timeout)); err != nil {
		return 0, err
	}
	n, err := s.conn.Read(p)
	s.t.bytes.Add(int64(n))
	return n, err
}

// endSending tells the reader that the file ends here and waits for it to close,
// so that a reader that gave up before the end is noticed. A reader that keeps its
// side open is not waited for longer than closeWait once its host has everything.
func (t *transfer) endSending(conn *net.TCPConn) error {
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	last, progress := unacknowledged(conn), time.Now()
	for {
		if err := conn.SetReadDeadline(time.Now().Add(min(closeWait, t.timeout))); err != nil {
			return err
		}
		_, err := io.Copy(io.Discard, conn)
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		left := unacknowledged(conn)
		switch {
		case left == 0:
			return nil
		case left < last:
			last, progress = left, time.Now()
		case time.Since(progress) >= t.timeout:
			return err
		}
	}
}

// follow deals with one event of the running transfer.
func (s *session) follow(e event) {
	if e.over {
		s.finishTransfer(e)
		return
	}
	s.reply(transferStarted, s.transfer.verb+" "+s.transfer.path)
}

// finishTransfer logs and answers a transfer that is over.
func (s *session) finishTransfer(e event) {
	t := s.transfer
	s.transfer = nil
	n := t.bytes.Load()
	attrs := []any{"verb", t.verb, "path", t.path, "bytes", n}
	if e.local != nil {
		attrs = append(attrs, "local", e.local.String(), "peer", e.remote.String())
	}
	if e.err != nil {
		attrs = append(attrs, "error", e.err.Error())
	}
	s.log.Info(t.record, attrs...)

	var connecting *connectError
	var file *fileError
	switch {
	case e.err == nil:
		s.reply(t.outcome, t.closing)
	case errors.Is(e.err, errAborted):
		s.reply(aborted, n)
	case errors.As(e.err, &connecting):
		s.reply(cannotConnect, reason(connecting.err))
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
