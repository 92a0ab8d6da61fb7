package plan

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"rsexec/sites"
)

// Cell is what stands in one column of a two-column layout: lines of text.
type Cell []string

// Columns is the two-column layout of RFC 438: what goes to one site on the
// left, what goes to the other on the right.
type Columns struct {
	Left, Right string // the sites' names; without a name on the right there is one column
	Rows        []ColumnRow
}

// ColumnRow is one row of the layout.
type ColumnRow struct {
	Label       string // such as "1."
	Left, Right Cell
	Across      string // a line over both columns, above the cells
}

// String sets the columns in lines.
func (c Columns) String() string {
	label, left := 0, utf8.RuneCountInString("to "+c.Left+":")
	for _, r := range c.Rows {
		label = max(label, utf8.RuneCountInString(r.Label)+1)
		for _, l := range r.Left {
			left = max(left, utf8.RuneCountInString(l))
		}
	}
	left = min(left, 44) + 3
	var b strings.Builder
	line := func(l, a, z string) {
		text := pad(l, label) + pad(a, left)
		// A command too long for its column has the line to itself.
		if z != "" && utf8.RuneCountInString(a) >= left {
			b.WriteString(strings.TrimRight(text, " ") + "\n")
			text = pad("", label+left)
		}
		b.WriteString(strings.TrimRight(text+z, " ") + "\n")
	}
	heading := ""
	if c.Right != "" {
		heading = "to " + c.Right + ":"
	}
	line("", "to "+c.Left+":", heading)
	b.WriteByte('\n')
	for _, r := range c.Rows {
		if r.Across != "" {
			line(r.Label, "("+r.Across+")", "")
			if len(r.Left)+len(r.Right) == 0 {
				continue
			}
			r.Label = ""
		}
		for i := range max(len(r.Left), len(r.Right), 1) {
			l, a, z := "", "", ""
			if i == 0 {
				l = r.Label
			}
			if i < len(r.Left) {
				a = r.Left[i]
			}
			if i < len(r.Right) {
				z = r.Right[i]
			}
			line(l, a, z)
		}
	}
	return b.String()
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// bindings says what a variable is bound to, by the command whose reply binds
// it: "let X = ...".
var bindings = map[string]string{
	"LSTN": "socket allocated",
	"SOCK": "socket in 255 reply",
	"PASV": "address in 227 reply",
	"CPSV": "address in 227 reply",
	"EPSV": "port in 229 reply",
}

// Layout sets a figure in columns, with the plan's sites and pathnames in it
// and the names of the variables where their values are not known yet.
func (p Plan) Layout(f Figure) Columns {
	names := p.Vars()
	names["source"], names["dest"] = p.Source.Site.Name, p.Dest.Site.Name
	for _, row := range f.Rows {
		for _, s := range []Step{row.Source, row.Dest} {
			if s.Binds != "" {
				names[s.Binds] = s.Binds
			}
		}
	}
	c := Columns{Left: p.Source.Site.Name, Right: p.Dest.Site.Name}
	if f.OneSite {
		c = Columns{Left: p.Dest.Site.Name}
	}
	rows := f.Rows
	if p.Final != "" && !p.Dest.Site.Local {
		rows = slices.Concat(rows, renaming)
	}
	for i, row := range rows {
		r := ColumnRow{Label: fmt.Sprintf("%d.", i+1), Left: cell(row.Source, names), Right: cell(row.Dest, names)}
		if row.User != "" {
			text, _ := names.Expand(row.User) // Check holds that every variable is bound
			r.Across = "this host " + sites.Printable(text)
		}
		if f.OneSite {
			r.Left, r.Right = r.Right, nil
		}
		c.Rows = append(c.Rows, r)
	}
	return c
}

func cell(s Step, names Vars) Cell {
	if s.Command == "" {
		return nil
	}
	text, _ := names.Expand(s.Command) // Check holds that every variable is bound
	lines := Cell{sites.Printable(text)}
	if s.Binds != "" {
		lines = append(lines, fmt.Sprintf("(let %s = %s)", s.Binds, bindings[Step{Command: text}.Verb()]))
	}
	return lines
}

// Explain describes the plan: the figure that is tried first, in the layout of
// RFC 438, and what is done if it is refused.
func (p Plan) Explain() string {
	var b strings.Builder
	from := sites.Pathname{Site: p.Source.Site.Name, Path: p.Source.Path}
	to := sites.Pathname{Site: p.Dest.Site.Name, Path: p.Dest.Path}
	if p.Final != "" {
		to.Path = p.Final
	}
	f := p.Ladder[0]
	fmt.Fprintf(&b, "%s %s to %s by %s (%s): %s.\n\n", p.Verb, from, to, f.Name, f.Origin, f.Summary)
	for line := range strings.Lines(p.Layout(f).String()) {
		if line != "\n" {
			line = "    " + line
		}
		b.WriteString(line)
	}
	if how := p.Protection(f); how != "" {
		fmt.Fprintf(&b, "\nThe data is %s.\n", how)
	}
	if len(p.Ladder) > 1 {
		b.WriteString("\nIf that is refused:\n")
		for _, f := range p.Ladder[1:] {
			fmt.Fprintf(&b, "    %s (%s): %s\n", f.Name, f.Origin, f.Summary)
		}
	}
	heading := "\nNot used:\n"
	for _, passed := range p.Passed {
		if passed.Asked {
			continue
		}
		fmt.Fprintf(&b, "%s    %s (%s): %s\n", heading, passed.Figure.Name, passed.Figure.Summary, passed.Why)
		heading = ""
	}
	return b.String()
}
