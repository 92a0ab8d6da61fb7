package ftpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// octets is a range of a file's bytes, from the first to the last. RANG gives both, and
// counts from 0.
type octets struct{ first, last int64 }

func (o *octets) count() int64 { return o.last - o.first + 1 }

// within is what a file of that size has of o; the count is 0 if it ends before.
func (o *octets) within(size int64) (first, count int64) {
	first = min(o.first, size)
	return first, min(o.last, size-1) - first + 1
}

// seek puts f at the first byte of o that is there, and returns how many there are.
func (o *octets) seek(f *os.File, size int64) (count int64, err error) {
	first, count := o.within(size)
	_, err = f.Seek(first, io.SeekStart)
	return count, err
}

// parseOctets reads the numbers of two bytes.
func parseOctets(from, to string) (octets, error) {
	first, err1 := parseOctet(from)
	last, err2 := parseOctet(to)
	return octets{first, last}, errors.Join(err1, err2)
}

// parseOctet reads the number of a byte. One that is too large for any file is the largest
// with which a range can still be counted: a range may end behind its file, and whoever
// means the rest of it may say so with any number.
func parseOctet(text string) (int64, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	if errors.Is(err, strconv.ErrRange) {
		err = nil // and n is the largest
	}
	return min(int64(n), math.MaxInt64-1), err
}

// rangeError says that a command cannot be performed with the range of RANG.
type rangeError struct{ text string }

func (e *rangeError) Error() string { return e.text }

// rangVerb performs RANG (draft-bryan-ftp-range-08 section 3). The range is for the next
// RETR, STOR or digest only; any transfer command and any digest uses it up. RANG and
// REST replace each other. A range that cannot be takes the one before with it.
func (s *session) rangVerb(_ context.Context, arg string) {
	from, to, _ := strings.Cut(strings.TrimSpace(arg), " ")
	o, err := parseOctets(from, to)
	if err != nil {
		s.reply(badSyntax, "RANG takes the numbers of the first and the last byte")
		return
	}
	s.restart, s.rang = 0, nil
	switch {
	case o == octets{1, 0}:
		s.reply(rangeReset)
	case o.first > o.last:
		s.reply(badSyntax, "A range ends before it begins; all of the file is meant again")
	case !s.image:
		s.reply(badRange, "RANG works in TYPE I only")
	default:
		s.rang = &o
		s.reply(rangeSet, o.first, o.last)
	}
}

// takeRange uses the range of RANG up; nil is none.
func (s *session) takeRange() *octets {
	o := s.rang
	s.rang = nil
	return o
}

// refusedByRANG says that a range waits for a command that has no use for one, uses it
// up, and replies. To perform the command as if there were none would store bytes where
// the user does not want them.
func (s *session) refusedByRANG(verb string) bool {
	ranged := s.takeRange() != nil
	if ranged {
		s.setData(nil)
		s.reply(badRange, verb+" does not go with RANG")
	}
	return ranged
}

// openRange opens a plain file at the first byte of o, and says how many bytes of it are
// there (draft-bryan-ftp-range-08 section 4.3). It may be none.
func (s *session) openRange(name string, o *octets) (*os.File, int64, error) {
	if !s.image {
		return nil, 0, &rangeError{"RANG works in TYPE I only"}
	}
	f, size, err := s.openSource(name, 0)
	if err != nil {
		return nil, 0, err
	}
	count, err := o.seek(f, size)
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, count, nil
}

// openRangeSink opens a file to receive the bytes of o into, and no others: neither is
// it cut nor is anything beside them touched. It may grow by them, but has no holes.
func (s *session) openRangeSink(name string, o *octets) (*fileSink, error) {
	if !s.image {
		return nil, &rangeError{"RANG works in TYPE I only"}
	}
	f, created, err := s.openOrCreate(name, 0o666, Write)
	if err != nil {
		return nil, err
	}
	sink := s.sink(f, name, created)
	sink.only, sink.start = o, o.first
	size, err := seekTo(f, 0, s.image)
	if err == nil && o.first > size {
		err = &rangeError{fmt.Sprintf("RANG %d %d begins beyond the end, %d", o.first, o.last, size)}
	}
	if err != nil {
		return nil, sink.settle(err)
	}
	return sink, nil
}

// rangeLengthError says that what came is not the range of RANG, which the draft wants in
// full.
type rangeLengthError struct{ want int64 }

func (e *rangeLengthError) Error() string {
	return fmt.Sprintf("it takes exactly %d bytes to fill the range", e.want)
}

// filled says whether what was received is all that the file was opened for.
func (p *fileSink) filled(received int64) error {
	if p.only != nil && received != p.only.count() {
		return &fileError{&rangeLengthError{p.only.count()}}
	}
	return nil
}
