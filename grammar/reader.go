package grammar

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
)

// maxDepth is how deep blocks may stand in blocks.
const maxDepth = 100

// A Reader reads statements one at a time from a script. The memory it uses does
// not depend on the length of the script, but for the longest block in it.
type Reader struct {
	name    string
	scanner *scanner
	faults  []*SyntaxError // of the block that was read last, yet to be told
}

// NewReader returns a Reader for the script r. Its name is for error messages.
func NewReader(name string, r io.Reader) *Reader {
	return &Reader{name: name, scanner: newScanner(r)}
}

// Next returns the next statement, a block as a whole, or io.EOF at the end of
// the script. After a *SyntaxError the next statement is the one on the next
// line, or behind the END of the block that it is in; a block has an error for
// each of its lines. Any other error comes from reading the script, and comes
// again.
func (r *Reader) Next() (*Statement, error) {
	if len(r.faults) > 0 {
		e := r.faults[0]
		r.faults = r.faults[1:]
		return nil, e
	}
	st, err := r.one()
	var opened *SyntaxError
	switch {
	case err != nil:
		return nil, err
	case st.Verb.Block == NoBlock:
		return st, nil
	case st.Verb.Block == OpensBlock:
		opened = r.syntaxError(faultf(st.Pos, "%s has no %s", st.Verb.Name, verbEnd))
	default:
		e := r.syntaxError(faultf(st.Pos, "%s without an %s", st.Verb.Name, openers(st.Verb.Block)))
		r.scanner.finishLine()
		return nil, e
	}
	err = r.readBlock(st, opened, 1)
	var syntax *SyntaxError
	switch {
	case len(r.faults) == 0 && err != nil:
		return nil, err
	case errors.As(err, &syntax):
		syntax.Incomplete = false // more lines would not mend it
		r.faults = append(r.faults, syntax)
	case err != nil:
		return nil, err
	}
	if len(r.faults) > 0 {
		return r.Next()
	}
	return st, nil
}

// openers returns the verbs whose blocks a verb divides or ends.
func openers(part Block) string {
	if part == DividesBlock {
		return verbIf
	}
	var names []string
	for _, v := range verbs {
		if v.Block == OpensBlock {
			names = append(names, v.Name)
		}
	}
	return alternatives(names)
}

// readBlock reads the statements of the block that st opens, to its END. What is
// wrong in it goes to faults; opened is what is wrong if there is no END.
func (r *Reader) readBlock(st *Statement, opened *SyntaxError, depth int) error {
	block := &st.Body
	for divided := false; ; {
		inner, err := r.one()
		var syntax *SyntaxError
		switch {
		case err == io.EOF:
			opened.Incomplete = true
			return opened
		case errors.As(err, &syntax):
			if syntax.Incomplete {
				return syntax
			}
			r.faults = append(r.faults, syntax)
			continue
		case err != nil:
			return err
		}
		switch inner.Verb.Block {
		case EndsBlock:
			return nil
		case DividesBlock:
			if divided || st.Verb.Name != verbIf {
				r.faults = append(r.faults, r.syntaxError(faultf(inner.Pos, "%s without an %s", verbElse, verbIf)))
			}
			divided = true
			block = &st.Else
			continue
		case OpensBlock:
			opened := r.syntaxError(faultf(inner.Pos, "%s has no %s", inner.Verb.Name, verbEnd))
			if depth == maxDepth {
				opened.Msg = fmt.Sprintf("blocks stand more than %d deep in one another", maxDepth)
				return opened
			}
			if err := r.readBlock(inner, opened, depth+1); err != nil {
				return err
			}
		}
		*block = append(*block, inner)
	}
}

// one returns the next statement by itself.
func (r *Reader) one() (*Statement, error) {
	for {
		tokens := &statementLexer{scanner: r.scanner}
		peeking, err := lexer.Upgrade(tokens)
		switch {
		case err != nil:
			return nil, r.failed(err)
		case tokens.atEnd:
			return nil, io.EOF
		case len(tokens.tokens) == 0 && tokens.background == nil:
			continue
		}
		st, f := parseTokens(tokens, peeking)
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
