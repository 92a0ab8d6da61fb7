package grammar

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The names of the variables that the language itself sets.
const (
	Arguments = "@" // all arguments of the script, a word each
	Count     = "#" // how many arguments there are
	Status    = "?" // the exit status of the statement before
)

// pieces are what a pathname can be taken apart into, behind a dot: ${f.name}.
var pieces = map[string]func(pathname string) string{
	"site": func(p string) string { site, _, _ := cutSite(p); return site },
	"path": func(p string) string { _, _, path := cutSite(p); return path },
	"name": func(p string) string { _, _, path := cutSite(p); return path[strings.LastIndexByte(path, '/')+1:] },
	"dir": func(p string) string {
		site, colon, path := cutSite(p)
		i := strings.LastIndexByte(path, '/')
		if i == 0 {
			i = 1 // the root
		}
		return site + colon + path[:max(0, i)]
	},
}

// cutSite takes SITE:/path or ftp://host/path apart.
func cutSite(pathname string) (site, colon, path string) {
	site, path, ok := strings.Cut(pathname, ":")
	switch {
	case !ok || strings.Contains(site, "/"):
		return "", "", pathname
	case strings.HasPrefix(path, "//"):
		if i := strings.IndexByte(path[2:], '/'); i >= 0 {
			return pathname[:len(site)+3+i], "", path[2+i:]
		}
		return pathname, "", ""
	}
	return site, ":", path
}

func isNameByte(c byte, first bool) bool {
	return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || !first && c >= '0' && c <= '9'
}

// IsVariable reports whether name can be given to a variable by SET and FOREACH.
func IsVariable(name string) bool { return name != "" && nameLength(name) == len(name) }

// nameLength returns how many bytes of text are the name of a variable that has
// letters.
func nameLength[T string | []byte](text T) int {
	n := 0
	for n < len(text) && isNameByte(text[n], n == 0) {
		n++
	}
	return n
}

// variableAt reads the variable at the beginning of text, which is a dollar sign:
// $name, $1, $@, $# or $?, or one of these in braces, where a dot and a piece may
// follow. Its length is 0 if it is none.
func variableAt(text []byte) (name string, length int) {
	rest, braced := bytes.CutPrefix(text[1:], []byte("{"))
	n := simpleName(rest)
	if n == 0 || !braced {
		return string(rest[:n]), min(n, 1) + n
	}
	if after, dotted := bytes.CutPrefix(rest[n:], []byte(".")); dotted {
		piece := after[:nameLength(after)]
		if pieces[string(piece)] == nil {
			return "", 0
		}
		n += 1 + len(piece)
	}
	if n == len(rest) || rest[n] != '}' {
		return "", 0
	}
	return string(rest[:n]), len("${}") + n
}

// simpleName returns the length of a variable's name at the beginning of text.
func simpleName(text []byte) int {
	if len(text) > 0 && strings.IndexByte(Arguments+Count+Status, text[0]) >= 0 {
		return 1
	}
	digits := 0
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		digits++
	}
	return max(digits, nameLength(text))
}

// A Scope knows the values of variables.
type Scope interface {
	// Variable returns the value of a variable as it was written, quotes and
	// all; it is not there if it was never set.
	Variable(name string) (value Word, there bool)

	// Arguments returns the arguments of the script.
	Arguments() []Word
}

// Expand returns the statement with the values of its variables in their places.
// The statements of a block are as they were: each is expanded when its turn
// comes. A value is never read again: it is one word, its quotes are those that
// it was written with, and it is no option. An error says which variable is not
// there, or which value does not fit.
func (st *Statement) Expand(scope Scope) (*Statement, error) {
	if !st.Variable {
		return st, nil
	}
	x := *st
	x.Variable = false
	x.Operands = slices.Clone(st.Operands)
	for i, list := range st.Operands {
		expanded, err := expandList(list, scope)
		if err != nil {
			return nil, err
		}
		x.Operands[i] = expanded
		if err := x.checkExpanded(i, list); err != nil {
			return nil, err
		}
	}
	x.Options = slices.Clone(st.Options)
	for i := range x.Options {
		o := &x.Options[i]
		if !o.Value.HasVariable() {
			continue
		}
		value, err := o.Value.expand(scope)
		if err != nil {
			return nil, err
		}
		if o.Value = value; !o.Option.allows(value.Value()) {
			return nil, fmt.Errorf("--%s: expected %s, not %s", o.Option.Name, alternatives(o.Option.values()), Quote(value.Value()))
		}
	}
	if st.Output != nil {
		target, err := st.Output.Word.expand(scope)
		if err != nil {
			return nil, err
		}
		x.Output = &Redirection{Word: target, Append: st.Output.Append}
	}
	if st.Inner != nil {
		inner, err := st.Inner.Expand(scope)
		if err != nil {
			return nil, err
		}
		x.Inner = inner
	}
	return &x, nil
}

// expandList expands words. $@ as a word of its own gives a word for each
// argument.
func expandList(list []Word, scope Scope) ([]Word, error) {
	var expanded []Word
	for _, w := range list {
		if len(w.Parts) == 1 && w.Parts[0].Variable && w.Parts[0].Text == Arguments {
			for _, a := range scope.Arguments() {
				if w.Parts[0].Quoted {
					a.Parts = []Part{{Text: a.Value(), Quoted: true}}
				}
				a.Parts = asOperand(a.Parts)
				expanded = append(expanded, a)
			}
			continue
		}
		e, err := w.expand(scope)
		if err != nil {
			return nil, err
		}
		expanded = append(expanded, e)
	}
	return expanded, nil
}

// expand returns w with the values of its variables.
func (w Word) expand(scope Scope) (Word, error) {
	if !w.HasVariable() {
		return w, nil
	}
	var b partBuilder
	for i := range w.Parts {
		p := &w.Parts[i]
		if !p.Variable {
			b.add([]byte(p.Text), p.Quoted)
			continue
		}
		value, err := valueOf(p.Text, scope)
		if err != nil {
			return Word{}, err
		}
		for _, v := range value {
			b.add([]byte(v.Text), v.Quoted || p.Quoted)
		}
	}
	return Word{Raw: w.Raw, Parts: asOperand(b.all()), Pos: w.Pos}, nil
}

// asOperand returns parts with a beginning that makes them no option and no sign,
// whatever text they are.
func asOperand(parts []Part) []Part {
	if len(parts) > 0 && parts[0].Quoted {
		return parts
	}
	return append([]Part{{Quoted: true}}, parts...)
}

// valueOf returns the value of a variable, or a piece of it.
func valueOf(name string, scope Scope) ([]Part, error) {
	name, piece, dotted := strings.Cut(name, ".")
	value, there := scope.Variable(name)
	switch {
	case name == Arguments:
		var texts []string
		for _, a := range scope.Arguments() {
			texts = append(texts, a.Value())
		}
		value = Word{Parts: []Part{{Text: strings.Join(texts, " "), Quoted: true}}}
	case !there && name[0] >= '0' && name[0] <= '9':
		return nil, fmt.Errorf("there is no argument $%s", name)
	case !there:
		return nil, fmt.Errorf(`unknown variable $%s; SET gives it a value, and a dollar sign in a name is written \$`, name)
	}
	if dotted {
		return []Part{{Text: pieces[piece](value.Value()), Quoted: true}}, nil
	}
	return value.Parts, nil
}

// checkExpanded looks at the words of slot i, which were given as list.
func (st *Statement) checkExpanded(i int, list []Word) error {
	s := &st.Verb.Slots[i]
	words := st.Operands[i]
	if len(list) > 0 && len(words) == 0 && !s.Optional {
		return fmt.Errorf("expected %s, and $@ has no words", alternatives(s.nouns()))
	}
	if len(words) > 1 && !s.takesLists() {
		return fmt.Errorf("expected %s, and $@ has %d words", alternatives(s.nouns()), len(words))
	}
	f := checkList(s, words)
	if f == nil && s.Kind == ConditionWords {
		_, f = parseCondition(words, st.Pos)
	}
	if f != nil {
		return errors.New(f.msg)
	}
	return nil
}
