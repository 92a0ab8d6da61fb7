// Package lines converts the line ends of texts between those of files on Unix and
// those of the network.
package lines

import "io"

// ToNetwork returns a writer that writes text with the line ends of TYPE A (RFC 959 section
// 3.1.1.1): LF becomes CR LF, and CR LF stays as it is.
func ToNetwork(w io.Writer) io.Writer { return &networkLines{w: w} }

type networkLines struct {
	w    io.Writer
	last byte
	buf  []byte
}

func (l *networkLines) Write(p []byte) (int, error) {
	l.buf = l.buf[:0]
	for _, b := range p {
		if b == '\n' && l.last != '\r' {
			l.buf = append(l.buf, '\r')
		}
		l.buf = append(l.buf, b)
		l.last = b
	}
	if _, err := l.w.Write(l.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

// FromNetwork returns a writer that writes text that came in TYPE A with the line ends
// of a file: CR LF becomes LF, and any other CR stays. Close writes a CR that came
// last, and leaves w open.
func FromNetwork(w io.Writer) io.WriteCloser { return &fileLines{w: w} }

type fileLines struct {
	w   io.Writer
	cr  bool // a CR is held back
	buf []byte
}

func (l *fileLines) Write(p []byte) (int, error) {
	l.buf = l.buf[:0]
	for _, b := range p {
		if l.cr && b != '\n' {
			l.buf = append(l.buf, '\r')
		}
		l.cr = b == '\r'
		if !l.cr {
			l.buf = append(l.buf, b)
		}
	}
	if _, err := l.w.Write(l.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (l *fileLines) Close() error {
	if !l.cr {
		return nil
	}
	l.cr = false
	_, err := l.w.Write([]byte{'\r'})
	return err
}
