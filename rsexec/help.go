package rsexec

import (
	"context"
	"fmt"
	"strings"

	"rsexec/grammar"
	"rsexec/sites"
)

// help performs HELP (WITH) [verb], out of the verb table.
func (x *Executive) help(ctx context.Context, st *grammar.Statement) error {
	if name := st.Operand(0).Value(); name != "" {
		v, err := grammar.FindVerb(name)
		if err != nil {
			return &sites.Error{Op: st.Verb.Name, Kind: sites.Usage, Err: err}
		}
		return x.printer.print(textEvent{"text", verbHelp(v)})
	}
	var b strings.Builder
	for _, v := range grammar.Verbs() {
		fmt.Fprintf(&b, "%-10s %s\n", v.Name, v.Summary)
	}
	b.WriteString("\nA verb may be shortened as long as it is clear; the words in parentheses may be left out.\n" +
		"SITE:/path is a file at a site; a bare name is looked up at all of them. HELP verb tells more.\n")
	return x.printer.print(textEvent{"text", b.String()})
}

func verbHelp(v *grammar.Verb) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n", fold(v.Usage(), 78), fold(v.Help, 78))
	if also := v.Also(); also != "" {
		fmt.Fprintf(&b, "\nAlso: %s\n", also)
	}
	for i := range v.Slots {
		for _, a := range v.Slots[i].Actions {
			fmt.Fprintf(&b, "    %-8s %s\n", a.Name, a.Help)
		}
	}
	for i := range v.Options {
		o := &v.Options[i]
		fmt.Fprintf(&b, "\n%s\n    %s\n", o.Usage(), strings.ReplaceAll(fold(o.Help, 74), "\n", "\n    "))
		for _, c := range o.Choices {
			fmt.Fprintf(&b, "    %-8s %s\n", c.Value, c.Help)
		}
	}
	if v.Example != "" {
		fmt.Fprintf(&b, "\nExample\n")
		for line := range strings.Lines(v.Example) {
			b.WriteString("    " + strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	return b.String()
}

// fold breaks text into lines of at most width characters.
func fold(text string, width int) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case column == 0:
		case column+1+len(word) > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
