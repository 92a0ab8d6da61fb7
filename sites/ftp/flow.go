package ftp

import (
	"context"
	"errors"
	"io"
	"os"
	"time"
)

const (
	// headSize is how much of a file is carried before there is room made for pieces:
	// most files are smaller.
	headSize = 256 << 10

	// pieceSize is how much is then read, and written, at a time.
	pieceSize = 256 << 10

	// firstChunk is how much goes through the kernel before the first look at the count,
	// and dataChunk how much at most between two looks.
	firstChunk = 64 << 10
	dataChunk  = 4 << 20

	// lookTime is how long the kernel may wait for the source before the next look.
	lookTime = time.Second
)

// chunk is how much goes through the kernel at a time: so much that it costs nothing to
// look at the count in between, and so little that somebody who looks sees it move.
type chunk int64

// took is told how long the kernel took for it.
func (c *chunk) took(d time.Duration) {
	const soon, late = 20 * time.Millisecond, 200 * time.Millisecond
	switch {
	case d < soon:
		*c = min(2**c, dataChunk)
	case d > late:
		*c = max(*c/2, firstChunk)
	}
}

// WriteTo copies the rest of the file to w. Where w is the data connection of
// another site the bytes stay in the kernel, if it can do that.
func (r reader) WriteTo(w io.Writer) (total int64, err error) {
	to, ok := w.(writer)
	if !ok || r.silent || r.wire != nil || to.wire != nil {
		return r.copyTo(w)
	}
	moved := time.Now()
	for c := chunk(firstChunk); !r.over; {
		// A source that has become slow shall not keep the count from being looked at:
		// the end of the time leaves nothing half done.
		began := time.Now()
		r.setReadDeadline(began.Add(lookTime))
		n, err := to.tcp.ReadFrom(&io.LimitedReader{R: r.tcp, N: int64(c)})
		total += n
		r.trace.SawData(r.s.Conn.site, n, 0)
		to.trace.SawData(to.s.Conn.site, 0, n)
		if n > 0 {
			moved = time.Now()
		}
		late := errors.Is(err, os.ErrDeadlineExceeded) && r.ctx.Err() == nil && to.ctx.Err() == nil
		switch {
		case late && (r.idle == 0 || time.Since(moved) < r.idle):
		case err != nil:
			return total, r.brokenWith(to, err)
		case n < int64(c):
			r.read = true
			return total, r.finish()
		}
		c.took(time.Since(began))
	}
	return total, r.err
}

// brokenWith ends both transfers because one of the data connections was lost.
// The kernel does not tell which: the server that gives a reason is believed.
func (r reader) brokenWith(to writer, err error) error {
	ctx, stop := context.WithTimeout(to.ctx, to.s.grace()/3)
	select {
	case <-to.x.ended:
	case <-r.x.ended:
	case <-r.ctx.Done():
	case <-ctx.Done():
	}
	stop()
	cause := r.cause(err)
	if to.ctx.Err() != nil || to.x.refused() != nil {
		cause = to.cause(err)
	}
	to.abandon(cause)
	return r.abandon(cause)
}

// copyTo copies the rest of the file to w through this program.
func (r reader) copyTo(w io.Writer) (total int64, err error) {
	total, err = io.Copy(w, io.LimitReader(r, headSize))
	if err != nil || r.over {
		return total, err
	}
	if r.wire != nil {
		r.wire.readMuch()
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{pieces{r}}, make([]byte, pieceSize))
	return total + n, err
}

// pieces reads what has come of a file: under TLS several records of it, which Read takes
// one by one.
type pieces struct{ reader }

func (r pieces) Read(p []byte) (n int, err error) {
	for {
		more, err := r.reader.Read(p[n:])
		n += more
		if err != nil || n == len(p) || r.wire == nil || !r.wire.holds() {
			return n, err
		}
	}
}

// A disk is a reader of a file that this host has.
type disk interface {
	// Regular returns the file, to be read from where it stands; nil if it is a
	// device or a pipe.
	Regular() *os.File

	// Stopped returns an error if it shall be read no more.
	Stopped() error
}

// ReadFrom keeps the method of the connection out of sight: it would write
// uncounted and without the checks above.
func (w writer) ReadFrom(r io.Reader) (total int64, err error) {
	if from, ok := r.(reader); ok {
		return from.WriteTo(w)
	}
	size := 32 << 10
	if d, ok := r.(disk); ok {
		if f := d.Regular(); f != nil {
			if w.wire == nil && w.idle == 0 {
				if total, err = w.send(f, d); err == nil {
					return total, nil
				}
				// Whether the file or the connection is broken is found out below.
			}
			size = pieceSize
		}
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, size))
	return total + n, err
}

// send has the kernel send the rest of a file.
func (w writer) send(f *os.File, d disk) (total int64, err error) {
	for c := chunk(firstChunk); !w.over; {
		if err := d.Stopped(); err != nil {
			return total, err
		}
		began := time.Now()
		n, err := w.tcp.ReadFrom(&io.LimitedReader{R: f, N: int64(c)})
		total += n
		w.trace.SawData(w.s.Conn.site, 0, n)
		if err != nil || n < int64(c) {
			return total, err
		}
		c.took(time.Since(began))
	}
	return total, w.err
}
