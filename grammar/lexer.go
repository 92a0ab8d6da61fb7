package grammar

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2/lexer"
)

// MaxLine is the greatest length in bytes of a line with its continuations.
const MaxLine = 1 << 20

// The types of tokens. A bad token says what is wrong in its text, and is the last
// of its line: its statement and what follows on the line are not to be trusted.
const (
	wordToken lexer.TokenType = iota + 1
	optionToken
	endOfOptionsToken
	guideToken
	commaToken
	redirectToken
	badToken
	endToken        // the end of a statement
	backgroundToken // the end of one that is done in the background
)

// tokenNames are the names of the tokens in the grammar of syntax.go.
var tokenNames = map[string]lexer.TokenType{
	"EOF":          lexer.EOF,
	"Word":         wordToken,
	"Option":       optionToken,
	"EndOfOptions": endOfOptionsToken,
	"Guide":        guideToken,
	"Comma":        commaToken,
	"Redirect":     redirectToken,
	"Bad":          badToken,
	"End":          endToken,
	"Background":   backgroundToken,
}

// A token is a piece of a statement.
type token struct {
	kind     lexer.TokenType
	pos, end Position
	word     Word   // of a word or an option
	text     string // of guide words, in capitals without parentheses; of a redirection, its signs; of a bad token, the fault
	open     bool   // of a bad token: more text could mend it
}

// endsStatement reports whether t is one of the ends of a statement.
func (t *token) endsStatement() bool { return t.kind == endToken || t.kind == backgroundToken }

// definition is the lexer as participle asks for it.
type definition struct{}

func (definition) Symbols() map[string]lexer.TokenType { return tokenNames }

func (definition) Lex(_ string, r io.Reader) (lexer.Lexer, error) {
	return &statementLexer{scanner: newScanner(r)}, nil
}

// A statementLexer gives the tokens of one statement to participle. The Value of
// a participle token is its index in tokens.
type statementLexer struct {
	scanner    *scanner
	tokens     []token
	background *Position // of the sign that ended the statement, if it is to be done in the background
	atEnd      bool      // no statement follows
}

// Next implements lexer.Lexer. The end of the statement is an EOF token just
// behind its last token.
func (l *statementLexer) Next() (lexer.Token, error) {
	t, err := l.scanner.next()
	if err != nil && err != io.EOF {
		return lexer.Token{}, err
	}
	l.atEnd = err == io.EOF
	if t.kind == backgroundToken {
		l.background = &t.pos
	}
	if l.atEnd || t.endsStatement() {
		return lexer.EOFToken(participlePosition(l.end())), nil
	}
	l.tokens = append(l.tokens, t)
	return lexer.Token{
		Type:  t.kind,
		Value: strconv.Itoa(len(l.tokens) - 1),
		Pos:   participlePosition(t.pos),
	}, nil
}

// end returns the position just behind the last token.
func (l *statementLexer) end() Position {
	switch {
	case len(l.tokens) > 0:
		return l.tokens[len(l.tokens)-1].end
	case l.background != nil:
		return *l.background
	}
	return Position{}
}

func participlePosition(p Position) lexer.Position {
	return lexer.Position{Offset: p.Offset, Line: p.Line, Column: p.Column}
}

// The faults of bad tokens.
const (
	faultQuote     = "open quote"
	faultGuide     = "open parenthesis"
	faultParen     = "a pathname that begins with ( must be quoted"
	faultEscape    = `unknown escape; there are \" \\ \$ \t \n \xHH \u{HHHH}`
	faultVariable  = `expected the name of a variable and } after ${; a dollar sign in a name is written \$`
	faultNUL       = "a word cannot hold a NUL"
	faultSemicolon = "expected a blank before the ; that ends a statement, or quotes around one that ends a pathname"
	faultContinued = "the text ends in the middle of a continued line"
)

// A scanner cuts a script into tokens. It holds one line, with the lines that
// continue it.
type scanner struct {
	in   *bufio.Reader
	text []byte // the line, with line ends as they are in the script
	i    int    // the next byte of text

	looked int   // up to where braces were looked for in text
	lone   []int // those from i to looked that are open and never closed

	base         int      // the offset of text in the script
	mark         Position // a position not behind i
	optionsEnded bool     // a bare -- was seen in this statement
	done         bool     // the line has been read to its end
	err          error    // reading the script failed; or io.EOF
}

func newScanner(r io.Reader) *scanner {
	return &scanner{in: bufio.NewReader(r), mark: Position{Line: 1, Column: 1}, done: true}
}

// position returns the position of text[i]. It may only go forward.
func (s *scanner) position(i int) Position {
	for j := s.mark.Offset - s.base; j < i; s.mark.Offset = s.base + j {
		if s.text[j] == '\n' {
			j++
			s.mark.Line++
			s.mark.Column = 1
			continue
		}
		_, n := utf8.DecodeRune(s.text[j:])
		j += n
		s.mark.Column++
	}
	return s.mark
}

// readLine adds the next line of the script to text, and reports whether there
// was one. If not, err says why.
func (s *scanner) readLine() bool {
	for before := len(s.text); s.err == nil; {
		piece, err := s.in.ReadSlice('\n')
		s.text = append(s.text, piece...)
		switch {
		case len(s.text) > MaxLine:
			s.err = fmt.Errorf("line %d is longer than %d bytes", s.mark.Line, MaxLine)
		case err == nil, err == io.EOF && len(s.text) > before:
			return true
		case err != bufio.ErrBufferFull:
			s.err = err
		}
	}
	return false
}

// nextLine replaces text by the next line.
func (s *scanner) nextLine() bool {
	s.base = s.position(len(s.text)).Offset
	s.text, s.i, s.looked = s.text[:0], 0, 0
	if !s.readLine() {
		return false
	}
	s.done = false
	if mark := "\ufeff"; s.base == 0 && strings.HasPrefix(string(s.text[:min(len(s.text), len(mark))]), mark) {
		s.text = append(s.text[:0], s.text[len(mark):]...)
		s.base = len(mark)
		s.mark.Offset = s.base
	}
	return true
}

// finishLine drops the statements that are left on the line.
func (s *scanner) finishLine() {
	for !s.done {
		if _, err := s.next(); err != nil {
			return
		}
	}
}

// skipLine goes to the end of the line and of those that continue it, without
// looking at what they say.
func (s *scanner) skipLine() {
	for {
		line := strings.TrimSuffix(strings.TrimSuffix(string(s.text[s.i:]), "\n"), "\r")
		backslashes := len(line) - len(strings.TrimRight(line, `\`))
		s.i = len(s.text)
		if backslashes%2 == 0 || !s.readLine() {
			return
		}
	}
}

// lineEndAt returns the length of the line end at text[i]: 0 if there is none.
func (s *scanner) lineEndAt(i int) int {
	switch {
	case i < len(s.text) && s.text[i] == '\n':
		return 1
	case i+1 < len(s.text) && s.text[i] == '\r' && s.text[i+1] == '\n':
		return 2
	}
	return 0
}

// isBlank reports whether a word ends at text[i]: at a blank or at the end of the
// line.
func (s *scanner) isBlank(i int) bool {
	return i >= len(s.text) || strings.IndexByte(" \t\r\n", s.text[i]) >= 0
}

// isSignEnd reports whether the sign of the background ends at text[i]: at a blank,
// the end of the line or what ends statements.
func (s *scanner) isSignEnd(i int) bool {
	return s.isBlank(i) || s.text[i] == '#' || s.text[i] == ';' && s.isBlank(i+1)
}

// next returns the next token. Each line ends with an end token; io.EOF follows
// the last.
func (s *scanner) next() (token, error) {
	if s.done && !s.nextLine() {
		return token{}, s.err
	}
	t := s.token()
	if t.kind == badToken {
		s.skipLine()
	}
	if t.endsStatement() {
		s.optionsEnded = false
	}
	if s.err != nil && s.err != io.EOF {
		return token{}, s.err
	}
	return t, nil
}

func (s *scanner) token() token {
	for !s.done {
		switch {
		case s.i >= len(s.text), s.text[s.i] == '\n', s.text[s.i] == '#':
			return s.endOfLine()
		case s.isBlank(s.i):
			s.i++
		case s.text[s.i] == '\\' && (s.i+1 == len(s.text) || s.lineEndAt(s.i+1) > 0):
			pos := s.position(s.i)
			if !s.continueLine() {
				return s.bad(Word{Pos: pos}, pos, faultContinued, true)
			}
		case s.text[s.i] == ';' && s.isBlank(s.i+1):
			return s.punctuation(endToken)
		case s.text[s.i] == backgroundSign[0] && s.isSignEnd(s.i+1):
			return s.punctuation(backgroundToken)
		case s.text[s.i] == ',':
			return s.punctuation(commaToken)
		case s.text[s.i] == '>':
			return s.redirection()
		case s.text[s.i] == '(':
			return s.guide()
		default:
			return s.word()
		}
	}
	return s.endOfLine()
}

// endOfLine skips what is left of the line, a comment at most.
func (s *scanner) endOfLine() token {
	t := token{kind: endToken, pos: s.position(s.i)}
	for s.i < len(s.text) && s.text[s.i] != '\n' {
		s.i++
	}
	s.i, s.done = len(s.text), true
	return t
}

func (s *scanner) punctuation(kind lexer.TokenType) token {
	t := token{kind: kind, pos: s.position(s.i)}
	s.i++
	t.end = s.position(s.i)
	return t
}

// redirection reads > or >>.
func (s *scanner) redirection() token {
	t := token{kind: redirectToken, pos: s.position(s.i), text: redirectNew}
	if s.i++; s.i < len(s.text) && s.text[s.i] == '>' {
		t.text = redirectMore
		s.i++
	}
	t.end = s.position(s.i)
	return t
}

// bad returns a token that says what is wrong at pos, in w as far as it was read.
func (s *scanner) bad(w Word, pos Position, fault string, open bool) token {
	return token{kind: badToken, pos: pos, end: s.position(s.i), word: w, text: fault, open: open}
}

// continueLine goes over the backslash and the line end at i to the next line,
// and reports whether there was one.
func (s *scanner) continueLine() bool {
	s.i += 1 + s.lineEndAt(s.i+1)
	return s.i < len(s.text) || s.readLine()
}

func (s *scanner) guide() token {
	start, pos := s.i, s.position(s.i)
	for s.i++; s.i < len(s.text); {
		r, n := utf8.DecodeRune(s.text[s.i:])
		switch {
		case r == ' ' || r == '\t' || unicode.IsLetter(r):
			s.i += n
			continue
		case r == '\n' || r == '\r':
			return s.bad(Word{Raw: string(s.text[start:s.i]), Pos: pos}, pos, faultGuide, true)
		case r == ')':
			if guide := guideName(string(s.text[start+1 : s.i])); guide != "" {
				s.i++
				return token{kind: guideToken, pos: pos, end: s.position(s.i), text: guide}
			}
		}
		return s.bad(Word{}, pos, faultParen, false)
	}
	return s.bad(Word{Raw: string(s.text[start:]), Pos: pos}, pos, faultGuide, true)
}

// guideName returns guide words in the form of the verb table: in capitals, one
// blank between them.
func guideName(text string) string {
	return strings.ToUpper(strings.Join(strings.Fields(text), " "))
}

// word reads a word or an option, to the next blank. A comma ends a word, but is
// part of an option, and of a pattern's alternatives: {a,b}.
func (s *scanner) word() token {
	start, pos := s.i, s.position(s.i)
	var b partBuilder
	braces := 0 // how many are open and will be closed
	read := func() Word { return Word{Raw: string(s.text[start:s.i]), Parts: b.all(), Pos: pos} }
	for !s.isBlank(s.i) && (s.text[s.i] != ',' || braces > 0 || !s.optionsEnded && b.looksLikeOption()) {
		from := s.i
		switch s.text[s.i] {
		case '$':
			if fault, open := s.variable(&b, false); fault != "" {
				return s.bad(read(), s.position(from), fault, open)
			}
		case '{', '}':
			switch {
			case s.text[from] == '}':
				braces = max(0, braces-1)
			case s.isClosed(from):
				braces++
			}
			s.i++
			b.add(s.text[from:s.i], false)
		case 0:
			return s.bad(read(), s.position(from), faultNUL, false)
		case '\'', '"':
			at := s.position(from)
			if fault, open := s.quoted(&b); fault != "" {
				if !open {
					at = s.position(s.i)
				}
				return s.bad(read(), at, fault, open)
			}
		case '\\':
			if s.i+1 == len(s.text) || s.lineEndAt(s.i+1) > 0 {
				at := s.position(from)
				if !s.continueLine() {
					return s.bad(read(), at, faultContinued, true)
				}
				continue
			}
			if s.text[s.i+1] == 0 {
				return s.bad(read(), s.position(from), faultNUL, false)
			}
			_, n := utf8.DecodeRune(s.text[s.i+1:])
			s.i += 1 + n
			b.add(s.text[from+1:s.i], true)
		default:
			for s.i++; !s.isBlank(s.i) && strings.IndexByte("\x00'\"\\,{}$", s.text[s.i]) < 0; {
				s.i++
			}
			b.add(s.text[from:s.i], false)
		}
	}
	return s.classify(read(), b.looksLikeOption())
}

// isClosed reports whether the brace at text[i] is closed before the next blank.
// It may only go forward.
func (s *scanner) isClosed(i int) bool {
	if i >= s.looked {
		s.lookForBraces(i)
	}
	for len(s.lone) > 0 && s.lone[0] < i {
		s.lone = s.lone[1:]
	}
	return len(s.lone) == 0 || s.lone[0] != i
}

// lookForBraces pairs the braces from text[i] to the next blank that is not
// quoted. It does not look at the lines that continue this one.
func (s *scanner) lookForBraces(i int) {
	s.lone = nil
	quote := byte(0) // the one that is open
	for ; i < len(s.text) && s.lineEndAt(i) == 0 && (quote != 0 || !s.isBlank(i)); i++ {
		switch c := s.text[i]; {
		case c == '\\' && quote != '\'':
			if s.lineEndAt(i+1) == 0 {
				i++
			}
		case c == quote:
			quote = 0
		case quote != 0:
		case c == '\'' || c == '"':
			quote = c
		case c == '{':
			s.lone = append(s.lone, i)
		case c == '}' && len(s.lone) > 0:
			s.lone = s.lone[:len(s.lone)-1]
		}
	}
	s.looked = i
}

// classify makes a token of the word that ends at i. Behind a bare -- what looks
// like an option is a word, and gets an empty part as if it had been quoted; and so
// does an ampersand that is no sign, for a comma follows.
func (s *scanner) classify(w Word, looksLikeOption bool) token {
	kind := wordToken
	last := w.Parts[len(w.Parts)-1]
	switch {
	case looksLikeOption && !s.optionsEnded && w.Bare() && w.Value() == "--":
		kind, s.optionsEnded = endOfOptionsToken, true
	case looksLikeOption && !s.optionsEnded:
		kind = optionToken
	case !last.Quoted && !last.Variable && strings.HasSuffix(last.Text, ";"):
		return s.bad(w, s.position(max(w.Pos.Offset-s.base, s.i-1)), faultSemicolon, true)
	case w.Bare() && w.Value() == backgroundSign && s.isBlank(s.i): // it goes on in the next line
		kind = backgroundToken
	case looksLikeOption, w.Bare() && w.Value() == backgroundSign:
		w.Parts = append([]Part{{Quoted: true}}, w.Parts...)
	}
	return token{kind: kind, pos: w.Pos, end: s.position(s.i), word: w}
}

// quoted adds the text in the quotes at i to b. If there is a fault, i is where it
// is, or the end of the line if the quote is open.
func (s *scanner) quoted(b *partBuilder) (fault string, open bool) {
	quote := s.text[s.i]
	b.add(nil, true)
	s.i++
	from := s.i
	for s.i < len(s.text) && s.lineEndAt(s.i) == 0 {
		switch c := s.text[s.i]; {
		case c == 0:
			return faultNUL, false
		case c == quote:
			b.add(s.text[from:s.i], true)
			s.i++
			return "", false
		case c == '$' && quote == '"':
			b.add(s.text[from:s.i], true)
			if fault, _ := s.variable(b, true); fault != "" {
				return fault, false
			}
			from = s.i
		case c == '\\' && quote == '"':
			b.add(s.text[from:s.i], true)
			if s.i+1 == len(s.text) || s.lineEndAt(s.i+1) > 0 {
				if !s.continueLine() {
					return faultContinued, true
				}
				from = s.i
				continue
			}
			value, n := unescape(s.text[s.i:])
			switch {
			case n == 0:
				return faultEscape, false
			case value == "\x00":
				return faultNUL, false
			}
			b.add([]byte(value), true)
			s.i += n
			from = s.i
		default:
			s.i++
		}
	}
	b.add(s.text[from:s.i], true)
	return faultQuote, true
}

// variable adds the variable at i to b, or the dollar sign if it begins none.
func (s *scanner) variable(b *partBuilder, quoted bool) (fault string, open bool) {
	name, n := variableAt(s.text[s.i:])
	switch {
	case n > 0:
		b.addVariable(name, quoted)
		s.i += n
		return "", false
	case s.i+1 < len(s.text) && s.text[s.i+1] == '{':
		line, _, _ := strings.Cut(string(s.text[s.i:]), "\n")
		return faultVariable, !strings.Contains(line, "}")
	}
	// Empty quotes or a continued line may be behind a run of them, and then
	// letters: written without quotes, they would be a variable's.
	n = 1
	for end := s.i + n; !quoted && end < len(s.text); end++ {
		if strings.IndexByte(`'"\`, s.text[end]) >= 0 {
			n, quoted = end-s.i, true
		} else if s.text[end] != '$' {
			break
		}
	}
	b.add(s.text[s.i:s.i+n], quoted)
	s.i += n
	return "", false
}
