package ftpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"rsexec/sites/lines"
	"syscall"
)

var (
	errNotPlain     = errors.New("not a regular file")
	errASCIIRestart = errors.New("REST works in TYPE I only")
)

// retrVerb performs RETR (RFC 959 section 4.1.3).
func (s *session) retrVerb(ctx context.Context, arg string) {
	rang, restart := s.takeRange(), s.takeRestart()
	name, ok := s.pathname(arg)
	if !ok || !s.dataReady(sending) {
		return
	}
	source := &fileSource{image: s.image, start: restart, limit: -1}
	var count int64
	var err error
	if rang == nil {
		source.f, count, err = s.openSource(name, restart)
		count -= restart
	} else {
		source.f, count, err = s.openRange(name, rang)
		source.limit = count
	}
	if err != nil {
		s.spend(ctx, sending)
		s.refuse(name, err)
		return
	}
	s.begin(ctx, "RETR", name, fmt.Sprintf("Sending %s (%d bytes)", name, count), source)
}

// openSource opens a plain file at an offset.
func (s *session) openSource(name string, restart int64) (*os.File, int64, error) {
	// What opening something else does is not for users to find out; a named pipe that
	// takes the file's place right now waits for nobody all the same.
	if err := s.plainFile(name); err != nil {
		return nil, 0, err
	}
	f, err := s.root.OpenFile(relative(name), os.O_RDONLY|withoutWaiting, 0)
	if err != nil {
		return nil, 0, err
	}
	size, err := seekTo(f, restart, s.image)
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, size, nil
}

// restartError says that a transfer cannot start at the offset of REST (RFC 1123
// section 4.1.3.4).
type restartError struct{ err error }

func (e *restartError) Error() string { return e.err.Error() }

// seekTo puts f at the offset of REST and returns the size of f.
func seekTo(f *os.File, restart int64, image bool) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	switch {
	case !info.Mode().IsRegular():
		return 0, errNotPlain
	case restart == 0:
		return info.Size(), nil
	case !image:
		return 0, &restartError{errASCIIRestart}
	case restart > info.Size():
		return 0, &restartError{fmt.Errorf("REST %d is beyond the end, %d", restart, info.Size())}
	}
	_, err = f.Seek(restart, io.SeekStart)
	return info.Size(), err
}

// plainFile returns an error if there is something else of that name.
func (s *session) plainFile(name string) error {
	info, err := s.root.Stat(relative(name))
	if err == nil && !info.Mode().IsRegular() {
		return errNotPlain
	}
	return err
}

// fileSource is a file that is sent from its present offset on.
type fileSource struct {
	f     *os.File
	image bool
	start int64 // of what is sent
	limit int64 // how many bytes; -1: to the end
}

func (p *fileSource) move(t *transfer, conn *connection) error {
	var err error
	switch {
	case !p.image:
		_, err = io.Copy(lines.ToNetwork(conn), p.f)
	case t.digesting != nil:
		err = conn.copy(conn, io.TeeReader(p.rest(), t.digesting))
	case !conn.plain():
		err = conn.copy(conn, p.rest())
	default:
		err = p.sendImage(t, conn.wire.TCPConn)
	}
	if err != nil {
		return sourceFault(err)
	}
	return t.endSending(conn)
}

// rest is what is sent.
func (p *fileSource) rest() io.Reader {
	if p.limit < 0 {
		return p.f
	}
	return io.LimitReader(p.f, p.limit)
}

// sendImage leaves the copying to the system where it can (sendfile).
func (p *fileSource) sendImage(t *transfer, conn *net.TCPConn) error {
	start, err := p.f.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	for pace := newPace(t.timeout); ; {
		chunk := int64(chunkSize)
		if p.limit >= 0 {
			chunk = min(chunk, p.limit-t.bytes.Load())
		}
		if chunk == 0 {
			return nil
		}
		if err := conn.SetWriteDeadline(pace.deadline()); err != nil {
			return err
		}
		n, err := io.CopyN(conn, p.f, chunk)
		t.bytes.Add(n)
		if err == io.EOF {
			return nil
		}
		if !pace.goOn(n, err) {
			return err
		}
		if err != nil {
			// A copy cut short may have read more than it wrote.
			if _, err := p.f.Seek(start+t.bytes.Load(), io.SeekStart); err != nil {
				return err
			}
		}
	}
}

func (p *fileSource) settle(err error) error {
	// Nothing was written to the file: closing it cannot lose anything.
	_ = p.f.Close()
	return err
}

// sourceFault makes a failure to read the file a *fileError.
func sourceFault(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) || errors.Is(err, syscall.EIO) {
		return &fileError{err}
	}
	return err
}
