package grammar

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A SyntaxError says why a piece of text is not a statement.
type SyntaxError struct {
	File   string // as given to NewReader or Parse; may be empty
	Line   int
	Column int    // in runes, from 1
	Text   string // the line of the script
	Msg    string

	// Incomplete says that the text ends in a continued line: with more lines it
	// could be a statement.
	Incomplete bool
}

// Error returns "file:line:column: message", or "line:column: message" if there is
// no file.
func (e *SyntaxError) Error() string {
	at := fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Msg)
	if e.File != "" {
		at = e.File + ":" + at
	}
	return at
}

// snippetRunes is how many runes of a line Snippet shows at each side of the caret.
const snippetRunes = 160

// Snippet returns the line of the script and below it, on a line of its own, a
// caret under the column. Control characters are shown as U+FFFD, and what is far
// from the column is left out.
func (e *SyntaxError) Snippet() string {
	var line, caret strings.Builder
	column := 0
	for _, r := range e.Text {
		column++
		switch {
		case column < e.Column-snippetRunes || column > e.Column+snippetRunes:
			continue
		case r != '\t' && !unicode.IsPrint(r):
			r = utf8.RuneError
		}
		line.WriteRune(r)
		switch {
		case column >= e.Column:
		case r == '\t':
			caret.WriteByte('\t')
		default:
			caret.WriteString("  "[:runeWidth(r)])
		}
	}
	return line.String() + "\n" + caret.String() + "^"
}

// runeWidth returns how many columns of a terminal a printable rune takes.
func runeWidth(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wideRunes, r):
		return 2
	}
	return 1
}

// wideRunes are the East Asian wide runes and the emoji, by blocks.
var wideRunes = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1}, // Hangul Jamo
		{Lo: 0x2e80, Hi: 0x303e, Stride: 1}, // CJK radicals, punctuation
		{Lo: 0x3041, Hi: 0x4dbf, Stride: 1}, // Kana, Bopomofo, CJK
		{Lo: 0x4e00, Hi: 0xa4cf, Stride: 1}, // CJK, Yi
		{Lo: 0xa960, Hi: 0xa97f, Stride: 1}, // Hangul Jamo
		{Lo: 0xac00, Hi: 0xd7a3, Stride: 1}, // Hangul
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1}, // CJK
		{Lo: 0xfe30, Hi: 0xfe6f, Stride: 1}, // CJK forms
		{Lo: 0xff00, Hi: 0xff60, Stride: 1}, // full width
		{Lo: 0xffe0, Hi: 0xffe6, Stride: 1}, // full width
	},
	R32: []unicode.Range32{
		{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1}, // emoji
		{Lo: 0x1f680, Hi: 0x1f6ff, Stride: 1}, // emoji
		{Lo: 0x1f900, Hi: 0x1f9ff, Stride: 1}, // emoji
		{Lo: 0x20000, Hi: 0x3fffd, Stride: 1}, // CJK
	},
}

// A fault is a SyntaxError before it is known in which file and line.
type fault struct {
	pos        Position
	msg        string
	incomplete bool
}

func faultf(pos Position, format string, args ...any) *fault {
	return &fault{pos: pos, msg: fmt.Sprintf(format, args...)}
}
