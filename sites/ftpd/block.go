package ftpd

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
)

// The descriptor codes of a block's header (RFC 959 section 3.4.2); 128, the end of a
// record, says nothing in STRU F.
const (
	endOfFile     = 64
	suspect       = 32 // of a file: not all of it was, or will be, sent
	restartMarker = 16
)

const (
	blockHeader = 3         // bytes: the descriptor, and how many follow
	maxBlock    = 1<<16 - 1 // bytes of data in a block
)

// errSuspect is how a file ends whose sender says that it is not all there.
var errSuspect = errors.New("the other side has not sent the file")

// errCut is an end of the connection before that of the file.
var errCut = errors.New("the connection ended before the file did")

// blocks is the framing of MODE B on a data connection (RFC 959 section 3.4.2). It tells
// where a file ends, so that another one can follow.
type blocks struct {
	in    *bufio.Reader
	left  int    // bytes of the present block that are yet to be read
	last  bool   // it ends the file
	out   []byte // the header and the data of the block that is being filled
	piece []byte // to copy with; nil until it is needed
}

func newBlocks(in io.Reader) *blocks {
	return &blocks{in: bufio.NewReaderSize(in, 64<<10), out: make([]byte, blockHeader, blockHeader+4<<10)}
}

// await reads headers until there is data, or the end of the file.
func (b *blocks) await() error {
	for b.left == 0 && !b.last {
		var header [blockHeader]byte
		if _, err := io.ReadFull(b.in, header[:]); err != nil {
			return cutShort(err)
		}
		count := int(binary.BigEndian.Uint16(header[1:]))
		switch descriptor := header[0]; {
		case descriptor&suspect != 0:
			return b.pass(count, errSuspect)
		case descriptor&restartMarker != 0:
			if err := b.pass(count, nil); err != nil {
				return err
			}
		default:
			b.left, b.last = count, descriptor&endOfFile != 0
		}
	}
	return nil
}

// read reads data of the file. After its end, io.EOF, comes the next file.
func (b *blocks) read(p []byte) (int, error) {
	if err := b.await(); err != nil {
		return 0, err
	}
	if b.left == 0 {
		b.last = false
		return 0, io.EOF
	}
	n, err := b.in.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, cutShort(err)
}

// pass reads over what is in a block, and returns err after that.
func (b *blocks) pass(count int, err error) error {
	if _, cut := b.in.Discard(count); cut != nil {
		return cutShort(cut)
	}
	return err
}

func cutShort(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errCut
	}
	return err
}

// write adds data of the file. What fills a block goes to send.
func (b *blocks) write(p []byte, send func([]byte) error) (done int, err error) {
	for done < len(p) {
		if len(b.out) == blockHeader+maxBlock {
			if err := b.flush(0, send); err != nil {
				return done, err
			}
		}
		n := min(len(p)-done, blockHeader+maxBlock-len(b.out))
		b.out = append(b.out, p[done:done+n]...)
		done += n
	}
	return done, nil
}

// flush sends what is left as a block with the descriptor.
func (b *blocks) flush(descriptor byte, send func([]byte) error) error {
	b.out[0] = descriptor
	binary.BigEndian.PutUint16(b.out[1:], uint16(len(b.out)-blockHeader))
	err := send(b.out)
	b.out = b.out[:blockHeader]
	return err
}

// What always holds of a data connection that is kept open: each transfer command that the
// session takes has one file go over it, or the mark of a file that cannot be sent, also
// where it is refused; so both sides agree which file is which. After anything else that
// goes wrong, and as soon as what it was arranged by changes, it is closed.

// keeps says whether the data connection of the next transfer command stays open after it,
// as OPTS MODE B KEEP has it.
func (s *session) keeps() bool { return s.block && s.keep && (s.data != nil || s.kept != nil) }

// setKept replaces the data connection that is kept open; nil is none. No transfer runs.
func (s *session) setKept(c *connection) {
	if s.kept != nil {
		// In order, for the last file may be on its way still. Where it ended was told.
		_ = s.kept.wire.Close()
	}
	s.kept = c
}

// spend uses up the data setup for a transfer command that was refused.
func (s *session) spend(ctx context.Context, way direction) {
	if !s.keeps() {
		s.setData(nil)
		return
	}
	s.start(ctx, "", &transfer{record: "file passed over", payload: passedOver{way}, silent: true})
}

// passedOver takes the place of a file over a data connection that is kept open, where
// the session has refused to send or to receive it.
type passedOver struct{ way direction }

func (p passedOver) move(t *transfer, conn *connection) error {
	if p.way == sending {
		return conn.blocks.flush(suspect|endOfFile, conn.put)
	}
	_, err := io.CopyBuffer(onlyWriter{io.Discard}, onlyReader{conn}, conn.buffer())
	if errors.Is(err, errSuspect) {
		return nil
	}
	return err
}

func (p passedOver) settle(err error) error { return err }
