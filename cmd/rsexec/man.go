package main

import (
	_ "embed"
	"slices"
	"strings"
	"text/template"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"rsexec/grammar"
	"rsexec/sites"
)

// manCommand prints the manual page.
type manCommand struct{}

// manPage is the template of the page, in the man macros of roff. What it says
// of flags, subcommands, exit statuses, verbs and sites comes from the tables
// of those.
//
//go:embed man.tmpl
var manPage string

// Run is called by kong.
func (*manCommand) Run(command *kong.Context, std streams) error {
	app := command.Model
	t, err := template.New("man").Funcs(template.FuncMap{
		"commands":     func() []*kong.Node { return commands(app) },
		"default":      defaultValue,
		"exitStatuses": func() any { return exitStatuses },
		"flag":         roffFlag,
		"join":         strings.Join,
		"lines":        roffLines,
		"operand":      roffOperand,
		"roff":         roff,
		"sentence":     sentence,
		"siteOptions":  sites.Options,
		"summary":      func() string { return summary },
		"synopsis":     func(n *kong.Node) string { return roffSynopsis(app, n) },
		"text":         roffText,
		"verbs":        grammar.Verbs,
		"visible":      visible,
	}).Parse(manPage)
	if err != nil {
		return err
	}
	if err := t.Execute(std.out, app.Node); err != nil {
		return &sites.Error{Op: "man", Kind: sites.Other, Err: err}
	}
	return nil
}

// roff writes text within a line of roff. What is typed at a keyboard comes out
// as it is and in one piece, so that it can be copied from the page.
func roff(s string) string {
	words := strings.Split(s, " ")
	for i, w := range words {
		if strings.ContainsAny(w, "-=|/:<>_@$") {
			words[i] = `\%` + roffEscaped(w) // no hyphen is put into it
		} else {
			words[i] = roffEscaped(w)
		}
	}
	return strings.Join(words, " ")
}

func roffEscaped(s string) string {
	return strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, `"`, `\(dq`, "`", `\(ga`, `^`, `\(ha`, `~`, `\(ti`).Replace(s)
}

// roffText writes a paragraph in lines of roff.
func roffText(s string) string {
	const width = 78
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(s) {
		word = roff(word)
		switch {
		case column == 0:
		case column+1+len(word) > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		if column == 0 {
			word = guarded(word)
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// roffLines writes lines that are to stay as they are.
func roffLines(s string) string {
	list := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	for i := range list {
		list[i] = guarded(roffEscaped(list[i]))
	}
	return strings.Join(list, "\n")
}

// guarded keeps the beginning of a line from being taken for a request.
func guarded(line string) string {
	if strings.HasPrefix(line, ".") {
		return `\&` + line
	}
	return line
}

// sentence begins text with a capital and ends it with a period.
func sentence(text string) string {
	_, n := utf8.DecodeRuneInString(text)
	text = strings.ToUpper(text[:n]) + text[n:]
	if strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}

// roffSynopsis writes the form of a command line with the subcommand n.
func roffSynopsis(app *kong.Application, n *kong.Node) string {
	words := []string{`\fB` + roff(app.Name) + `\fR`, `[\fIflags\fR]`}
	name := `\fB` + roff(n.Name) + `\fR`
	if n == app.DefaultCmd {
		name = "[" + name + "]"
	}
	words = append(words, name)
	for _, f := range visible(n.Flags) {
		spelled := spellings(f)
		words = append(words, bracketed(f.Value, roffSpelling(f, spelled[len(spelled)-1])))
	}
	for _, p := range n.Positional {
		words = append(words, roffOperand(p))
	}
	return strings.Join(words, "\n")
}

// bracketed writes whether a flag or an operand can be left out or repeated.
func bracketed(v *kong.Value, form string) string {
	if !v.Required {
		form = "[" + form + "]"
	}
	if v.IsCumulative() {
		form += "..."
	}
	return form
}

// roffFlag writes all spellings of a flag.
func roffFlag(f *kong.Flag) string {
	var list []string
	for _, s := range slices.Backward(spellings(f)) { // the short one first, as in other pages
		list = append(list, roffSpelling(f, s))
	}
	return strings.Join(list, ", ")
}

// roffSpelling writes one spelling of a flag, with its value.
func roffSpelling(f *kong.Flag, spelled string) string {
	bold := `\fB` + roff(spelled) + `\fR`
	if isSwitch(f.Value) {
		return bold
	}
	between := "="
	if !strings.HasPrefix(spelled, "--") {
		between = " "
	}
	return bold + between + `\fI` + roff(placeholder(f.Value)) + `\fR`
}

// roffOperand writes what stands for an operand.
func roffOperand(v *kong.Value) string { return bracketed(v, `\fI`+roff(placeholder(v))+`\fR`) }

// defaultValue returns the value of a flag that is not given, or "".
func defaultValue(f *kong.Flag) string {
	if isSwitch(f.Value) {
		return ""
	}
	return f.Default
}
