package grammar

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Verb is one entry of the verb table: all that is known about a command
// before it is run.
type Verb struct {
	Name    string   // in capitals
	Aliases []string // familiar spellings, in small letters; never abbreviated
	Slots   []Slot   // the operands, in order
	Options []Option
	Summary string // one line
	Help    string // one paragraph
}

// A Slot is a place for operands in a statement.
type Slot struct {
	Guides   []string // the guide words, and then others that are accepted in their place
	Kind     Kind
	Many     bool // a list, separated by commas or blanks
	Optional bool
}

// An Option is a setting that a verb accepts.
type Option struct {
	Name    string   // without the dashes
	Value   string   // what stands for a free value in a usage line
	Choices []Choice // the only values there are; an option with neither is a switch
	Help    string   // one line
}

// A Choice is a value that an option can have.
type Choice struct {
	Value string
	Help  string // one line
}

// A Kind is a kind of thing that can stand at a place in a statement.
type Kind int

// The kinds of operands come first; the others are met only in a Completion.
const (
	Source      Kind = iota + 1 // a pathname that is read
	Destination                 // a pathname that is written
	Pathname                    // a pathname that may be either
	VerbName                    // the name of a verb
	Command                     // a whole statement
	GuideWords                  // guide words in parentheses
	OptionName                  // an option, with its dashes
	OptionValue                 // what follows the equals sign of an option
)

// kindTexts has the words for each Kind: its placeholder in a usage line, what a
// syntax error calls it, and what it is in full.
var kindTexts = [...]struct{ placeholder, noun, full string }{
	Source:      {"source", "a pathname", "source pathname"},
	Destination: {"destination", "a pathname", "destination pathname"},
	Pathname:    {"pathname", "a pathname", "pathname"},
	VerbName:    {"verb", "a verb", "verb"},
	Command:     {"statement", "a statement", "statement"},
	GuideWords:  {"(guide words)", "guide words", "guide words"},
	OptionName:  {"--option", "an option", "option"},
	OptionValue: {"value", "a value", "value of an option"},
}

// String says what k is, in words.
func (k Kind) String() string {
	if k < Source || int(k) >= len(kindTexts) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return kindTexts[k].full
}

// IsPathname reports whether k is one of the kinds of pathnames.
func (k Kind) IsPathname() bool { return k == Source || k == Destination || k == Pathname }

func (k Kind) noun() string { return kindTexts[k].noun }

// guide returns the slot's guide words as they are written, with parentheses.
func (s *Slot) guide() string { return "(" + s.Guides[0] + ")" }

// Form returns the verb with its guide words and operands, in the notation of
// Usage but without options.
func (v *Verb) Form() string {
	var b strings.Builder
	b.WriteString(v.Name)
	for i := range v.Slots {
		s := &v.Slots[i]
		text := s.guide() + " " + kindTexts[s.Kind].placeholder
		if s.Many {
			text += ",..."
		}
		if s.Optional {
			text = "[" + text + "]"
		}
		b.WriteString(" " + text)
	}
	return b.String()
}

// Usage returns the form of a statement with this verb on one line. Brackets
// enclose what may be left out.
func (v *Verb) Usage() string {
	var b strings.Builder
	b.WriteString(v.Form())
	for i := range v.Options {
		b.WriteString(" [" + v.Options[i].Usage() + "]")
	}
	return b.String()
}

// Usage returns the option as it is written: --name, --name=VALUE or --name=a|b.
func (o *Option) Usage() string {
	switch {
	case len(o.Choices) > 0:
		return "--" + o.Name + "=" + strings.Join(o.values(), "|")
	case o.Value != "":
		return "--" + o.Name + "=" + o.Value
	}
	return "--" + o.Name
}

// IsSwitch reports whether the option is given without a value.
func (o *Option) IsSwitch() bool { return o.Value == "" && len(o.Choices) == 0 }

// values returns the values of the choices.
func (o *Option) values() []string {
	list := make([]string, len(o.Choices))
	for i, c := range o.Choices {
		list[i] = c.Value
	}
	return list
}

// option returns the verb's option of that name, or nil.
func (v *Verb) option(name string) *Option {
	for i := range v.Options {
		if strings.EqualFold(v.Options[i].Name, name) {
			return &v.Options[i]
		}
	}
	return nil
}

// Verbs returns the verb table in its order, which is the order for listings.
// The entries are shared and must not be changed.
func Verbs() []*Verb { return slices.Clone(verbs) }

// FindVerb returns the verb that a person means by name: a name or an alias
// exactly, or else a prefix of one verb's name only. Case does not matter. The
// error says what else name could have been.
func FindVerb(name string) (*Verb, error) {
	var prefixed []*Verb
	for _, v := range verbs {
		if v.called(name) {
			return v, nil
		}
		if name != "" && hasPrefixFold(v.Name, name) {
			prefixed = append(prefixed, v)
		}
	}
	switch len(prefixed) {
	case 0:
		return nil, unknownVerb(name)
	case 1:
		return prefixed[0], nil
	}
	names := make([]string, len(prefixed))
	for i, v := range prefixed {
		names[i] = v.Name
	}
	return nil, fmt.Errorf("ambiguous verb %s: %s", Quote(name), alternatives(names))
}

// called reports whether name is the verb's name or one of its aliases.
func (v *Verb) called(name string) bool {
	return strings.EqualFold(v.Name, name) ||
		slices.ContainsFunc(v.Aliases, func(a string) bool { return strings.EqualFold(a, name) })
}

func unknownVerb(name string) error {
	var spellings, meant []string
	for _, v := range verbs {
		for _, s := range append([]string{v.Name}, v.Aliases...) {
			spellings, meant = append(spellings, s), append(meant, v.Name)
		}
	}
	if i := nearest(name, spellings); i >= 0 {
		return fmt.Errorf("unknown verb %s; did you mean %s?", Quote(name), meant[i])
	}
	if name == "" {
		return errors.New("expected a verb, not an empty word; HELP lists the verbs")
	}
	return fmt.Errorf("unknown verb %s; HELP lists the verbs", Quote(name))
}

// hasPrefixFold reports whether s begins with prefix, whatever the case.
func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// alternatives writes a list as "a", "a or b", "a, b or c".
func alternatives(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " or " + list[last]
}
