package grammar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Position is a place in a script.
type Position struct {
	Line   int // from 1
	Column int // in runes, from 1
	Offset int // in bytes, from 0
}

// A Word is one operand as it was typed: a pathname, or the name of a verb.
type Word struct {
	Raw   string // as typed, quotes included
	Parts []Part // never empty; neighbours that are text differ in Quoted
	Pos   Position
}

// A Part is a piece of a word. Only text that was not quoted can have a special
// meaning. An empty Part is there only at the beginning of a word, where it keeps
// what follows from being taken for an option or a comment.
type Part struct {
	Text     string
	Quoted   bool // in quotes, or behind a backslash
	Variable bool // Text is the name of a variable, and perhaps a dot and which piece of its value
}

// shown returns the part as it would be typed without quotes.
func (p *Part) shown() string {
	if p.Variable {
		return "${" + p.Text + "}"
	}
	return p.Text
}

// Value returns the text that w stands for, without its quotes.
func (w Word) Value() string {
	if len(w.Parts) == 1 {
		return w.Parts[0].shown()
	}
	var b strings.Builder
	for i := range w.Parts {
		b.WriteString(w.Parts[i].shown())
	}
	return b.String()
}

// HasVariable reports whether there is a variable in w.
func (w Word) HasVariable() bool {
	return slices.ContainsFunc(w.Parts, func(p Part) bool { return p.Variable })
}

// The signs mean something in a pattern unless they are quoted. What divides a
// pathname is not among them: "SITE1:/a b" is the file /a b at SITE1.
const (
	patternSigns = `\*?[]{},~`
	classSigns   = patternSigns + "!^-" // within [...]
)

// Pattern returns the text that w stands for, with a backslash before each
// character that was quoted and would mean something otherwise.
func (w Word) Pattern() string {
	var b strings.Builder
	signs := patternSigns
	for _, p := range w.Parts {
		if !p.Quoted {
			b.WriteString(p.Text)
			switch i := strings.LastIndexAny(p.Text, "[]"); {
			case i >= 0 && p.Text[i] == '[':
				signs = classSigns
			case i >= 0:
				signs = patternSigns
			}
			continue
		}
		for i := range len(p.Text) {
			if strings.IndexByte(signs, p.Text[i]) >= 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(p.Text[i])
		}
	}
	return b.String()
}

// Bare reports whether w is plain text: no part of it is quoted or a variable.
func (w Word) Bare() bool {
	return len(w.Parts) == 1 && !w.Parts[0].Quoted && !w.Parts[0].Variable
}

// String returns w so that it reads as the same parts again. Quoted parts are
// always in double quotes.
func (w Word) String() string {
	var b strings.Builder
	quoted := false
	for i := range w.Parts {
		p := &w.Parts[i]
		if p.Quoted != quoted {
			b.WriteByte('"')
			quoted = p.Quoted
		}
		if quoted && !p.Variable {
			writeEscaped(&b, p.Text)
		} else {
			b.WriteString(p.shown())
		}
	}
	if quoted {
		b.WriteByte('"')
	}
	return b.String()
}

// A partBuilder collects the text of a word. The zero value is an empty one.
type partBuilder struct {
	parts   []Part // before text
	text    []byte
	quoted  bool // text is quoted
	started bool // text is a part, even if empty
}

// add adds text to the last part if that is quoted likewise, else as a new part.
// An empty text counts only at the beginning of the word.
func (b *partBuilder) add(text []byte, quoted bool) {
	if len(text) == 0 && (b.started || len(b.parts) > 0) {
		return
	}
	if b.started && b.quoted != quoted {
		b.parts = b.all()
		b.text = b.text[:0]
	}
	b.text = append(b.text, text...)
	b.quoted, b.started = quoted, true
}

// addVariable adds a variable.
func (b *partBuilder) addVariable(name string, quoted bool) {
	if len(b.text) > 0 { // an empty beginning is not needed: no variable is an option
		b.parts = b.all()
	}
	b.text, b.started = b.text[:0], false
	b.parts = append(b.parts, Part{Text: name, Quoted: quoted, Variable: true})
}

// addWithComma adds a word and a comma that ends no word: the comma is quoted, and
// so are dollar signs before it, as they are where they stand before quotes.
func (b *partBuilder) addWithComma(w Word) {
	last := len(w.Parts) - 1
	if first := &w.Parts[0]; !first.Quoted && !first.Variable && strings.HasPrefix(first.Text, "-") {
		b.add(nil, true) // it becomes no option
	}
	for _, p := range w.Parts[:last] {
		b.addPart(p)
	}
	if p := w.Parts[last]; p.Quoted || p.Variable {
		b.addPart(p)
		b.add([]byte(","), true)
	} else {
		before := strings.TrimRight(p.Text, "$")
		if before != "" {
			b.add([]byte(before), false)
		}
		b.add([]byte(p.Text[len(before):]+","), true)
	}
}

// cutAtCommas cuts a word at the commas that are neither quoted nor in braces. A
// piece with nothing in it has no parts.
func cutAtCommas(w Word) []Word {
	pieces := []Word{{Pos: w.Pos}}
	braces := 0 // how many are open
	for _, p := range w.Parts {
		piece := &pieces[len(pieces)-1]
		if p.Quoted || p.Variable {
			piece.Parts = append(piece.Parts, p)
			continue
		}
		from := 0
		for i := range len(p.Text) {
			switch p.Text[i] {
			case '{':
				braces++
			case '}':
				braces = max(0, braces-1)
			case ',':
				if braces == 0 {
					piece.addText(p.Text[from:i])
					pieces = append(pieces, Word{Pos: w.Pos})
					piece, from = &pieces[len(pieces)-1], i+1
				}
			}
		}
		piece.addText(p.Text[from:])
	}
	if len(pieces) == 1 {
		return []Word{w}
	}
	for i := range pieces {
		pieces[i].Raw = pieces[i].String()
	}
	return pieces
}

// addText adds text that was not quoted, if there is any.
func (w *Word) addText(text string) {
	if text != "" {
		w.Parts = append(w.Parts, Part{Text: text})
	}
}

// addPart adds a part of another word.
func (b *partBuilder) addPart(p Part) {
	if p.Variable {
		b.addVariable(p.Text, p.Quoted)
	} else {
		b.add([]byte(p.Text), p.Quoted)
	}
}

// all returns the parts so far.
func (b *partBuilder) all() []Part {
	if !b.started {
		return b.parts
	}
	return append(b.parts, Part{Text: string(b.text), Quoted: b.quoted})
}

// looksLikeOption reports whether the word begins with a dash that is not quoted,
// and has more to it.
func (b *partBuilder) looksLikeOption() bool {
	if len(b.parts) > 0 {
		first := &b.parts[0]
		return !first.Quoted && !first.Variable && first.Text[0] == '-'
	}
	return !b.quoted && len(b.text) > 1 && b.text[0] == '-'
}

// Quote returns name as one word whose value is exactly name, and which is
// never read as an option, a comment, guide words, a pattern or several words.
// No word can hold a NUL byte: a name with one gives a word that is refused.
func Quote(name string) string {
	if isPlain(name) {
		return name
	}
	return Word{Parts: []Part{{Text: name, Quoted: true}}}.String()
}

// isPlain reports whether name means itself without quotes, wherever it stands.
func isPlain(name string) bool {
	for i, r := range name {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
		case strings.ContainsRune("./_", r):
		case i > 0 && strings.ContainsRune(":;-+=@%", r):
		default:
			return false
		}
	}
	return name != "" && utf8.ValidString(name) && !strings.HasSuffix(name, ";") && !bareWords[strings.ToUpper(name)]
}

// writeEscaped writes text as it stands in double quotes, on one line and without
// control characters.
func writeEscaped(b *strings.Builder, text string) {
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r == '"' || r == '\\' || r == '$':
			b.WriteByte('\\')
			b.WriteByte(text[0])
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\n':
			b.WriteString(`\n`)
		case r < 0x80 && !unicode.IsPrint(r), r == utf8.RuneError && n == 1:
			fmt.Fprintf(b, `\x%02x`, text[0])
		case !unicode.IsPrint(r):
			fmt.Fprintf(b, `\u{%x}`, r)
		default:
			b.WriteString(text[:n])
		}
		text = text[n:]
	}
}

// simpleEscapes are the escapes of one letter in double quotes.
var simpleEscapes = map[byte]string{'"': `"`, '\\': `\`, '$': "$", 't': "\t", 'n': "\n"}

// maxEscape is the length of the longest escape.
const maxEscape = len(`\u{10ffff}`)

// unescape reads the escape at the beginning of text, which is a backslash. It
// returns what the escape stands for and its length, or a length of 0 if it is no
// escape.
func unescape(text []byte) (value string, n int) {
	if len(text) < 2 {
		return "", 0
	}
	if v, ok := simpleEscapes[text[1]]; ok {
		return v, 2
	}
	switch {
	case text[1] == 'x' && len(text) >= 4:
		if b, err := strconv.ParseUint(string(text[2:4]), 16, 8); err == nil {
			return string([]byte{byte(b)}), 4
		}
	case strings.HasPrefix(string(text[:min(len(text), 3)]), `\u{`):
		digits, _, closed := strings.Cut(string(text[3:min(len(text), maxEscape)]), "}")
		if r, err := strconv.ParseUint(digits, 16, 32); closed && err == nil && utf8.ValidRune(rune(r)) {
			return string(rune(r)), len(`\u{}`) + len(digits)
		}
	}
	return "", 0
}
