package ftp

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"rsexec/sites"
)

// Limits of a reply. The longest honest ones are listings by STAT.
const (
	maxReplyLine  = 16 << 10 // bytes
	maxReplyBytes = 1 << 20  // bytes, all lines
	lineRoom      = 16       // bytes that a line takes beside its text: empty ones count too
)

// Reply is one reply of a server (RFC 959 section 4.2).
type Reply struct {
	Code  int
	Lines []string // the text of each line; codes of the first and the last are cut off
}

// Text returns the reply's lines in one, as it is shown.
func (r Reply) Text() string {
	lines := make([]string, 0, len(r.Lines))
	for _, l := range r.Lines {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, " / ")
}

// without returns the reply with a password masked that the server repeats as a word.
func (r Reply) without(password string) Reply {
	if password == "" || !strings.Contains(strings.Join(r.Lines, "\n"), password) {
		return r
	}
	inWord := func(s string, decode func(string) (rune, int)) bool {
		c, _ := decode(s)
		return unicode.IsLetter(c) || unicode.IsDigit(c)
	}
	masked := Reply{r.Code, make([]string, len(r.Lines))}
	for i, line := range r.Lines {
		var b strings.Builder
		for from := 0; ; {
			n := strings.Index(line[from:], password)
			if n < 0 {
				b.WriteString(line[from:])
				break
			}
			before, after := line[:from+n], line[from+n+len(password):]
			b.WriteString(line[from : from+n])
			if inWord(before, utf8.DecodeLastRuneInString) || inWord(after, utf8.DecodeRuneInString) {
				b.WriteString(password)
			} else {
				b.WriteString(sites.PasswordMask)
			}
			from += n + len(password)
		}
		masked.Lines[i] = b.String()
	}
	return masked
}

// Last returns the text of the last line, which is where servers put values.
func (r Reply) Last() string {
	if len(r.Lines) == 0 {
		return ""
	}
	return r.Lines[len(r.Lines)-1]
}

// size returns how many bytes the reply takes.
func (r Reply) size() int {
	n := 4 * lineRoom
	for _, l := range r.Lines {
		n += len(l) + lineRoom
	}
	return n
}

// Telnet bytes that occur on control connections (RFC 854, RFC 1123 section
// 4.1.2.12).
const (
	iac  = 0xff
	dont = 0xfe
	do   = 0xfd
	wont = 0xfc
	will = 0xfb
	sb   = 0xfa
	se   = 0xf0
)

// telnetReader takes the Telnet commands out of a control connection and
// refuses every option that the server offers or asks for.
type telnetReader struct {
	src    *bufio.Reader
	refuse func(answer []byte) error
}

func (t *telnetReader) ReadByte() (byte, error) {
	for {
		b, err := t.src.ReadByte()
		if err != nil || b != iac {
			return b, err
		}
		if b, err = t.src.ReadByte(); err != nil {
			return 0, err
		}
		switch b {
		case iac:
			return iac, nil
		case will, wont, do, dont:
			option, err := t.src.ReadByte()
			if err != nil {
				return 0, err
			}
			if b == will {
				err = t.refuse([]byte{iac, dont, option})
			} else if b == do {
				err = t.refuse([]byte{iac, wont, option})
			}
			if err != nil {
				return 0, err
			}
		case sb:
			if err := t.skipSubnegotiation(); err != nil {
				return 0, err
			}
		}
	}
}

// surplus reports whether more has come than was read, other than the 421 by which a
// server may end a session at any time (RFC 959 section 5.4).
func (t *telnetReader) surplus() bool {
	more, _ := t.src.Peek(min(t.src.Buffered(), 3)) // so many are there
	return len(more) > 0 && string(more) != "421"
}

func (t *telnetReader) skipSubnegotiation() error {
	for previous := byte(0); ; {
		b, err := t.src.ReadByte()
		if err != nil {
			return err
		}
		if previous == iac && b == se {
			return nil
		}
		if previous == iac && b == iac {
			b = 0
		}
		previous = b
	}
}

// readLine reads one line without its end. A line ends with LF; CR before it
// and NUL after a CR are dropped.
func readLine(r io.ByteReader) (string, error) {
	var line []byte
	for {
		b, err := r.ReadByte()
		if err != nil {
			if err == io.EOF && len(line) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return "", err
		}
		switch {
		case b == '\n':
			return strings.TrimRight(string(line), "\r"), nil
		case b == 0 && len(line) > 0 && line[len(line)-1] == '\r':
		case len(line) == maxReplyLine:
			return "", protocolError("a reply line of more than %d bytes", maxReplyLine)
		default:
			line = append(line, b)
		}
	}
}

// readReply reads one reply. A reply of several lines begins with "123-" and
// ends with a line that begins with "123 "; the lines between may be anything.
func readReply(r io.ByteReader) (Reply, error) {
	line, err := readLine(r)
	if err != nil {
		return Reply{}, err
	}
	code, rest, ok := cutCode(line)
	if !ok {
		return Reply{}, protocolError(`"%s" is no reply`, clip(line))
	}
	reply := Reply{Code: code, Lines: []string{strings.TrimPrefix(strings.TrimPrefix(rest, "-"), " ")}}
	if !strings.HasPrefix(rest, "-") {
		return reply, nil
	}
	for size := len(line); ; {
		if line, err = readLine(r); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return Reply{}, err
		}
		if size += len(line) + lineRoom; size > maxReplyBytes {
			return Reply{}, protocolError("a reply of more than %d bytes", maxReplyBytes)
		}
		c, rest, ok := cutCode(line)
		if ok && c == code && !strings.HasPrefix(rest, "-") {
			reply.Lines = append(reply.Lines, strings.TrimPrefix(rest, " "))
			return reply, nil
		}
		if ok && c == code {
			line = rest[1:]
		}
		reply.Lines = append(reply.Lines, line)
	}
}

// cutCode splits a line into its reply code and what follows: nothing, a blank
// or a hyphen and text.
func cutCode(line string) (code int, rest string, ok bool) {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return 0, "", false
	}
	for i := range 3 {
		if line[i] < '0' || line[i] > '9' {
			return 0, "", false
		}
		code = code*10 + int(line[i]-'0')
	}
	return code, line[3:], true
}

// clip shortens text from a server to what an error can show, and escapes what a terminal
// could act on.
func clip(s string) string {
	if len(s) > 80 {
		return sites.Printable(s[:80]) + "..."
	}
	return sites.Printable(s)
}

func protocolError(format string, args ...any) error {
	return &sites.Error{Kind: sites.Protocol, Msg: fmt.Sprintf(format, args...)}
}
