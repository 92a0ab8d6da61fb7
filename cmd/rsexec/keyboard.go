package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/chzyer/readline"

	"rsexec/grammar"
	"rsexec/rsexec"
	"rsexec/sites"
)

const (
	// shownWays is how many ways to go on are listed with what they mean; more
	// are listed by name alone.
	shownWays = 24

	// namedWays is how many are named.
	namedWays = 200

	// usualWidth is the width of a terminal that does not tell it.
	usualWidth = 80
)

// keyboard answers TAB and "?". It implements readline.AutoCompleter.
type keyboard struct {
	x     *rsexec.Executive
	out   io.Writer
	width func() int
	ended atomic.Bool // no more comes from it, so that nobody can be asked
}

// Do returns what TAB adds at pos: what is certain, and the guide words where
// nothing else can follow. Where there are several ways to go on it lists them.
func (k *keyboard) Do(line []rune, pos int) (tails [][]rune, length int) {
	typed := string(line[:pos])
	c, ways := k.x.Complete(typed, len(typed))
	if c.Raw == "" {
		// An empty field gets its guide words, in the manner of TENEX.
		if guides := guideWords(ways); len(guides) > 0 {
			ways = guides
		}
	}
	switch len(ways) {
	case 0:
		return nil, 0
	case 1:
		return [][]rune{[]rune(k.finish(typed, ways[0]))}, len([]rune(c.Raw))
	}
	if same := common(ways); same != "" {
		return [][]rune{[]rune(same)}, len([]rune(c.Raw))
	}
	k.list(ways)
	return nil, 0
}

// guideWords returns those of the ways that are guide words.
func guideWords(ways []rsexec.Completion) []rsexec.Completion {
	var guides []rsexec.Completion
	for _, w := range ways {
		if strings.HasPrefix(w.Text, "(") {
			guides = append(guides, w)
		}
	}
	return guides
}

// finish returns the only way to go on, and the guide words behind it if an operand
// of one kind only can follow.
func (k *keyboard) finish(typed string, only rsexec.Completion) string {
	if !only.Done {
		return only.Tail
	}
	tail := only.Tail + " "
	c := grammar.Complete(typed+tail, len(typed+tail))
	if len(c.Candidates) > 0 && c.Candidates[0].Kind == grammar.GuideWords && operandKinds(c.Expect) == 1 {
		tail += c.Candidates[0].Text + " "
	}
	return tail
}

// operandKinds counts the kinds of operands among the things that can come.
func operandKinds(kinds []grammar.Kind) int {
	n := 0
	for _, k := range kinds {
		if k < grammar.GuideWords {
			n++
		}
	}
	return n
}

// common returns what all ways begin with.
func common(ways []rsexec.Completion) string {
	same := []rune(ways[0].Tail)
	for _, w := range ways[1:] {
		tail := []rune(w.Tail)
		n := 0
		for n < len(same) && n < len(tail) && same[n] == tail[n] {
			n++
		}
		same = same[:n]
	}
	return strings.TrimRight(string(same), `\"'`) // an escape is not divided
}

// list prints the ways to go on: with what they mean if there are few, else in
// columns.
func (k *keyboard) list(ways []rsexec.Completion) {
	var b strings.Builder
	columns := k.columns()
	widest := 0
	for _, w := range ways {
		widest = max(widest, cells(w.Text))
	}
	switch {
	case len(ways) <= shownWays:
		for _, w := range ways {
			line := "  " + pad(w.Text, min(widest, columns/2)) + "  " + w.Help
			b.WriteString(strings.TrimRight(clipCells(line, columns-1), " ") + "\n")
		}
	default:
		each := widest + 2
		across := max(1, (columns-1)/each)
		for i, w := range ways[:min(len(ways), namedWays)] {
			b.WriteString(pad(clipCells(w.Text, columns-1), widest))
			if (i+1)%across == 0 {
				b.WriteString("\n")
			} else {
				b.WriteString("  ")
			}
		}
		if len(ways) > namedWays {
			fmt.Fprintf(&b, "\nand %d more", len(ways)-namedWays)
		}
		b.WriteString("\n")
	}
	fmt.Fprint(k.out, b.String())
}

func (k *keyboard) columns() int {
	if n := k.width(); n > 0 {
		return n
	}
	return usualWidth
}

// asked reports whether a line ends in a question mark by itself, which asks what
// can stand there, and returns the line without it.
func asked(line string) (before string, ok bool) {
	before, ok = strings.CutSuffix(strings.TrimRight(line, " \t"), "?")
	if !ok || before != "" && !strings.HasSuffix(before, " ") && !strings.HasSuffix(before, "\t") && !strings.HasSuffix(before, ",") {
		return "", false
	}
	return before, grammar.Complete(before, len(before)).Raw == "" // else it is within quotes
}

// answer tells what can stand at the end of a line.
func (k *keyboard) answer(line string) {
	c, ways := k.x.Complete(line, len(line))
	if len(c.Expect) == 0 {
		text := "nothing more can stand here"
		_, err := grammar.Parse("", line)
		if syntax, ok := errors.AsType[*grammar.SyntaxError](err); ok {
			text = sites.Masked(syntax.Msg)
		}
		fmt.Fprintf(k.out, "  %s\n", text)
		return
	}
	for _, kind := range c.Expect {
		if kind < grammar.GuideWords && kind != grammar.VerbName && kind != grammar.Command && kind != grammar.ActionName {
			form := ""
			if kind.IsPathname() {
				form = ": SITE:/path, or a name that is looked up"
			}
			fmt.Fprintf(k.out, "  a %s%s\n", kind, form)
		}
	}
	if len(ways) > 0 {
		k.list(ways)
	}
}

// prompt shortens a prompt that would leave little room for the line.
func (k *keyboard) prompt(text string) string {
	room := max(8, k.columns()/3)
	runes := []rune(text)
	for n := cells(text); n > room; n = cells(string(runes)) + 1 {
		runes = runes[1:]
		text = "…" + string(runes)
	}
	return text
}

// cells returns how many columns of a terminal a text takes.
func cells(text string) int { return readline.Runes{}.WidthAll([]rune(text)) }

// pad adds blanks up to n columns.
func pad(text string, n int) string { return text + strings.Repeat(" ", max(0, n-cells(text))) }

// clipCells shortens a text to n columns.
func clipCells(text string, n int) string {
	if cells(text) <= n {
		return text
	}
	runes := []rune(text)
	for len(runes) > 0 && cells(string(runes)) > n-1 {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}
