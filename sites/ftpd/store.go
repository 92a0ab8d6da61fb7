package ftpd

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"runtime"

	"rsexec/sites/lines"
)

// storVerb performs STOR (RFC 959 section 4.1.3). After REST n the file is cut to
// its first n bytes and goes on from there, so that no old tail is left behind
// the new end. After RANG it is not cut (draft-bryan-ftp-range-08 section 4.3).
func (s *session) storVerb(ctx context.Context, arg string) {
	rang, restart := s.takeRange(), s.takeRestart()
	s.store(ctx, "STOR", arg, func(name string) (*fileSink, error) {
		if rang != nil {
			return s.openRangeSink(name, rang)
		}
		if s.whole(name) {
			return s.openWhole(name, restart, false)
		}
		return s.openSink(name, restart, Write)
	})
}

// appeVerb performs APPE. It always adds at the end; a REST before it is used up
// without effect.
func (s *session) appeVerb(ctx context.Context, arg string) {
	if s.refusedByRANG("APPE") {
		return
	}
	s.takeRestart()
	s.store(ctx, "APPE", arg, func(name string) (*fileSink, error) {
		if s.whole(name) {
			return s.openWhole(name, 0, true)
		}
		sink, err := s.openSink(name, 0, Write|Append)
		if err == nil {
			sink.appending = true
		}
		return sink, err
	})
}

func (s *session) store(ctx context.Context, verb, arg string, open func(name string) (*fileSink, error)) {
	name, ok := s.pathname(arg)
	if !ok || !s.dataReady(receiving) {
		return
	}
	sink, err := s.admitted(ctx, func() (*fileSink, error) { return open(name) })
	if err != nil {
		s.spend(ctx, receiving)
		s.refuse(name, err)
		return
	}
	s.begin(ctx, verb, name, "Receiving "+name, sink)
}

// admitted opens a file to receive into, if the user's quota lets anything be stored.
func (s *session) admitted(ctx context.Context, open func() (*fileSink, error)) (*fileSink, error) {
	if err := s.measure(ctx); err != nil {
		return nil, err
	}
	sink, err := open()
	if err != nil {
		return nil, err
	}
	if err := s.admit(sink); err != nil {
		return nil, sink.settle(err)
	}
	return sink, nil
}

// errMayNotReplace is why a file that is there stays as it is.
var errMayNotReplace = errors.New("it is there already, and you have no right to write but to append")

// uniqueAttempts is how many names STOU tries.
const uniqueAttempts = 16

// stouVerb performs STOU; the preliminary reply names the file (RFC 1123 section
// 4.1.2.9).
func (s *session) stouVerb(ctx context.Context, arg string) {
	if s.refusedByRANG("STOU") {
		return
	}
	s.takeRestart()
	if arg == "" {
		arg = "stou"
	}
	base, ok := s.pathname(arg)
	if !ok || !s.dataReady(receiving) {
		return
	}
	var sink *fileSink
	var name string
	err := fs.ErrExist
	for i := 0; i < uniqueAttempts && errors.Is(err, fs.ErrExist); i++ {
		name = base + "." + rand.Text()[:8]
		sink, err = s.admitted(ctx, func() (*fileSink, error) { return s.openUnique(name) })
	}
	if err != nil {
		s.spend(ctx, receiving)
		s.refuse(base, err)
		return
	}
	s.begin(ctx, "STOU", name, "FILE: "+name, sink)
}

// openUnique opens a new file to receive into; fs.ErrExist says that it is there already.
func (s *session) openUnique(name string) (*fileSink, error) {
	if !s.whole(name) {
		f, err := s.root.OpenFile(relative(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			return nil, err
		}
		return s.sink(f, name, true), nil
	}
	if _, err := s.root.Lstat(relative(name)); !errors.Is(err, fs.ErrNotExist) {
		return nil, cmp.Or(err, fs.ErrExist)
	}
	sink, err := s.openWhole(name, 0, false)
	if err == nil {
		sink.replaces = false
	}
	return sink, err
}

// fileSink is a file that takes what is received. An existing file is not
// touched before the data connection is there.
type fileSink struct {
	root      *os.Root
	name      string
	f         *os.File
	image     bool
	sync      bool
	created   bool    // by this transfer
	appending bool    // add at the end; else cut to start first
	start     int64   // where the received bytes begin
	only      *octets // of RANG: nothing else is touched; nil: there is no range
	moving    bool    // the data connection was there and start is right

	hold     *hold       // of the file, while uploads are whole; else nil
	inPart   bool        // f is the file's part, which takes the name when it is complete
	replaces bool        // and may take it from a file that has it
	existed  bool        // there was one when the upload began
	old      *os.File    // what the part begins as; nil: nothing
	aborted  func() bool // says whether the transfer was broken off, though all may have come
	meter    *meter      // counts what is written
}

func (s *session) sink(f *os.File, name string, created bool) *fileSink {
	return &fileSink{root: s.root, name: name, f: f, image: s.image, sync: s.svc.sync, created: created, meter: s.newMeter()}
}

// openSink opens a file to receive into, from an offset on; it creates it if
// there is none. For one that is there the user has to have one of some rights.
func (s *session) openSink(name string, restart int64, some Rights) (*fileSink, error) {
	f, created, err := s.openOrCreate(name, 0o666, some)
	if err != nil {
		return nil, err
	}
	sink := s.sink(f, name, created)
	sink.start = restart
	if _, err := seekTo(f, restart, s.image); err != nil {
		return nil, sink.settle(err)
	}
	return sink, nil
}

// openOrCreate also says whether it created the file.
func (s *session) openOrCreate(name string, mode fs.FileMode, some Rights) (f *os.File, created bool, err error) {
	f, err = s.root.OpenFile(relative(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err == nil {
		return f, true, nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return nil, false, err
	}
	// As in openSource.
	if err := s.plainFile(name); err != nil {
		return nil, false, err
	}
	if !s.user.may(some) {
		return nil, false, errMayNotReplace
	}
	f, err = s.root.OpenFile(relative(name), os.O_WRONLY|withoutWaiting, 0)
	if err != nil {
		return nil, false, err
	}
	if info, err := f.Stat(); err != nil || s.svc.holds.busy(info) {
		_ = f.Close() // nothing was written to it
		return nil, false, cmp.Or(err, errBusy)
	}
	return f, false, nil
}

func (p *fileSink) move(t *transfer, conn *connection) error {
	if err := conn.accepted(); err != nil {
		return err
	}
	if err := conn.announced(); err != nil {
		return err
	}
	if err := p.copyOld(conn.wire.TCPConn); err != nil {
		return err
	}
	if err := p.position(); err != nil {
		return &fileError{err}
	}
	p.moving = true
	switch {
	case !p.image:
		return p.receiveASCII(conn)
	case !conn.plain() && p.only != nil:
		if err := conn.copy(p.meter.into(p.f), io.LimitReader(conn, p.only.count())); err != nil {
			return sinkFault(err)
		}
		if t.bytes.Load() == p.only.count() { // the end of file has to come now
			if _, err := io.CopyN(io.Discard, conn, 1); err != nil && err != io.EOF {
				return err
			}
		}
		return p.filled(t.bytes.Load())
	case t.digesting != nil:
		return sinkFault(conn.copy(io.MultiWriter(p.meter.into(p.f), t.digesting), conn))
	case !conn.plain():
		return sinkFault(conn.copy(p.meter.into(p.f), conn))
	}
	return p.receiveImage(t, conn.wire.TCPConn)
}

// position puts the file where the first byte goes.
func (p *fileSink) position() error {
	info, err := p.f.Stat()
	if err != nil {
		return err
	}
	p.meter.begin(p.start, info.Size())
	if p.appending {
		// Not O_APPEND: the system does not splice into such a file.
		end, err := p.f.Seek(0, io.SeekEnd)
		p.start = end
		p.meter.begin(end, end)
		return err
	}
	if p.only == nil {
		if err := p.f.Truncate(p.start); err != nil {
			return err
		}
		p.meter.cut(p.start)
	}
	_, err = p.f.Seek(p.start, io.SeekStart)
	return err
}

// receiveImage leaves the copying to the system where it can (splice).
func (p *fileSink) receiveImage(t *transfer, conn *net.TCPConn) error {
	for pace := newPace(t.timeout); ; {
		to, chunk := io.Writer(p.f), int64(chunkSize)
		if p.only != nil {
			chunk = min(chunk, p.only.count()-t.bytes.Load())
		}
		if chunk == 0 { // the end of file has to come now
			to, chunk = io.Discard, 1
		}
		if err := conn.SetReadDeadline(pace.deadline()); err != nil {
			return err
		}
		n, err := io.CopyN(to, conn, chunk)
		t.bytes.Add(n)
		if to != io.Discard {
			if over := p.meter.wrote(n); over != nil {
				return &fileError{over}
			}
		}
		if err == io.EOF || to == io.Discard && n > 0 {
			return p.filled(t.bytes.Load())
		}
		if !pace.goOn(n, err) {
			return sinkFault(err)
		}
	}
}

func (p *fileSink) receiveASCII(conn *connection) error {
	text := lines.FromNetwork(p.meter.into(p.f))
	_, err := io.Copy(text, conn)
	if err != nil {
		return sinkFault(errors.Join(err, text.Close()))
	}
	if err := text.Close(); err != nil {
		return &fileError{err}
	}
	return nil
}

// sinkFault makes a failure to write the file a *fileError.
func sinkFault(err error) error {
	var op *net.OpError
	if err == nil || errors.As(err, &op) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) || errors.Is(err, errSuspect) || connectionBroken(err) {
		return err
	}
	return &fileError{err}
}

// settle closes the file. What a broken transfer has brought stays, for REST to
// go on from. But if no data connection came or this site's storage failed, a
// file that the transfer created goes away, and one that it added to is cut back
// to what it was.
func (p *fileSink) settle(err error) error {
	if p.hold != nil {
		defer p.hold.release()
	}
	if p.inPart {
		return p.settlePart(err)
	}
	if err == nil && p.sync {
		err = p.persist()
	}
	var file *fileError
	undo := err != nil && (!p.moving || errors.As(err, &file))
	if undo && p.appending && p.moving && !p.created {
		if terr := p.f.Truncate(p.start); terr != nil {
			err = errors.Join(err, fmt.Errorf("cut back to %d bytes: %w", p.start, terr))
		} else {
			p.meter.cut(p.start)
		}
	}
	if cerr := p.f.Close(); cerr != nil && err == nil {
		err = &fileError{cerr}
		undo = true
	}
	if undo && p.created {
		if rerr := p.root.Remove(relative(p.name)); rerr != nil {
			err = errors.Join(err, fmt.Errorf("remove: %w", rerr))
		} else {
			p.meter.cut(0)
		}
	}
	return err
}

// persist has the file on disk, and its name.
func (p *fileSink) persist() error {
	err := p.f.Sync()
	if err == nil && p.created {
		err = syncFolder(p.root, p.name)
	}
	if err != nil {
		return &fileError{err}
	}
	return nil
}

// syncFolder has the folder of a file on disk, with the name of the file in it.
func syncFolder(root *os.Root, name string) error {
	if runtime.GOOS == "windows" {
		return nil // where a folder cannot be
	}
	folder, err := root.Open(relative(path.Dir(name)))
	if err != nil {
		return err
	}
	err = folder.Sync()
	return errors.Join(err, folder.Close())
}
