package grammar

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
)

// A Reader reads statements one at a time from a script. The memory it uses does
// not depend on the length of the script.
type Reader struct {
	name    string
	scanner *scanner
}

// NewReader returns a Reader for the script r. Its name is for error messages.
func NewReader(name string, r io.Reader) *Reader {
	return &Reader{name: name, scanner: newScanner(r)}
}

// Next returns the next statement, or io.EOF at the end of the script. After a
// *SyntaxError the next statement is the one on the next line. Any other error
// comes from reading the script, and comes again.
func (r *Reader) Next() (*Statement, error) {
	for {
		tokens := &statementLexer{scanner: r.scanner}
		peeking, err := lexer.Upgrade(tokens)
		switch {
		case err != nil:
			return nil, r.failed(err)
		case tokens.atEnd:
			return nil, io.EOF
		case len(tokens.tokens) == 0:
			continue
		}
		st, f := parseTokens(tokens.tokens, tokens.end(), peeking)
		if f == nil {
			return st, nil
		}
		e := r.syntaxError(f)
		r.scanner.finishLine()
		return nil, e
	}
}

// failed gives an error that is not a *SyntaxError the name of the script.
func (r *Reader) failed(err error) error {
	if r.name == "" {
		return err
	}
	return fmt.Errorf("%s: %w", r.name, err)
}

// syntaxError makes a SyntaxError of a fault in the present line.
func (r *Reader) syntaxError(f *fault) *SyntaxError {
	text, at := r.scanner.text, f.pos.Offset-r.scanner.base
	start := bytes.LastIndexByte(text[:at], '\n') + 1
	line, _, _ := bytes.Cut(text[start:], []byte("\n"))
	return &SyntaxError{
		File:       r.name,
		Line:       f.pos.Line,
		Column:     f.pos.Column,
		Text:       strings.TrimSuffix(string(line), "\r"),
		Msg:        f.msg,
		Incomplete: f.incomplete,
	}
}

// Parse parses a text of any number of statements. On an error it returns the
// statements before it.
func Parse(name, text string) ([]*Statement, error) {
	var list []*Statement
	for r := NewReader(name, strings.NewReader(text)); ; {
		st, err := r.Next()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, st)
	}
}
