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
	Output  bool   // it prints results that can be redirected
	Changes bool   // it changes files or sites
	Job     bool   // it moves files, as a job that JOBS shows and RESUME finishes; it can run in the background
	Once    bool   // performing it again after a failure could do twice what should be done once
	Block   Block  // its part in blocks
	Summary string // one line
	Help    string // one paragraph
	Example string // statements that work on the demo network, one a line
}

// A Block is a verb's part in blocks of statements.
type Block int

// The parts. A block goes from a verb that opens one to its END.
const (
	NoBlock Block = iota
	OpensBlock
	DividesBlock // ELSE
	EndsBlock    // END
)

// The verbs that the language itself has to know.
const (
	verbIf   = "IF"
	verbElse = "ELSE"
	verbEnd  = "END"
)

// A Slot is a place for operands in a statement.
type Slot struct {
	Guides   []string // the guide words, and then others that are accepted in their place
	Kind     Kind
	Actions  []Action // of a slot of kind ActionName, which is the first: the names there are
	All      bool     // of a slot of kind JobNumber: ALL can stand in its place
	Bare     bool     // the first of the guide words is understood without parentheses, before an operand
	Many     bool     // any number of words, separated by commas or blanks
	Listed   bool     // one word, or several separated by commas
	Optional bool     // may be left out, with the slots behind it
}

// All stands for every job, in capitals or small letters.
const All = "ALL"

// An Action is one of the things that a verb can do, where its first operand says
// which. A prefix of one action's name only is enough; the statement has it in full.
type Action struct {
	Name  string // in capitals
	Slots int    // how many slots behind the first it has operands for
	Help  string // one line
}

// An Option is a setting that a verb accepts.
type Option struct {
	Name    string   // without the dashes
	Value   string   // what stands for a free value in a usage line
	Choices []Choice // the only values there are; an option with neither is a switch
	Many    bool     // a free value may be several separated by commas, and the option be given again
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
	Source         Kind = iota + 1 // a pathname that is read
	Destination                    // a pathname that is written
	Pathname                       // a pathname that may be either
	VerbName                       // the name of a verb
	Command                        // a whole statement
	LogicalName                    // a logical name, with or without its colon
	SiteName                       // the name of a site
	ActionName                     // the name of an action of the verb
	URL                            // the URL of a site
	LocalPathname                  // the name of a file at the user's own host
	Number                         // a decimal number
	JobNumber                      // the number of a job
	Text                           // any word
	VariableName                   // the name of a variable
	ConditionWords                 // a condition: see Condition
	GuideWords                     // guide words in parentheses
	OptionName                     // an option, with its dashes
	OptionValue                    // what follows the equals sign of an option
	BackgroundSign                 // the sign that ends a statement which runs in the background
)

// kindTexts has the words for each Kind: its placeholder in a usage line, what a
// syntax error calls it, and what it is in full.
var kindTexts = [...]struct{ placeholder, noun, full string }{
	Source:         {"source", "a pathname", "source pathname"},
	Destination:    {"destination", "a pathname", "destination pathname"},
	Pathname:       {"pathname", "a pathname", "pathname"},
	VerbName:       {"verb", "a verb", "verb"},
	Command:        {"statement", "a statement", "statement"},
	LogicalName:    {"name", "a logical name", "logical name"},
	SiteName:       {"site", "the name of a site", "name of a site"},
	ActionName:     {"action", "an action", "action"},
	URL:            {"url", "a URL", "URL of a site"},
	LocalPathname:  {"file", "the name of a file at this host", "name of a file at this host"},
	Number:         {"number", "a number", "number"},
	JobNumber:      {"n", "the number of a job", "number of a job"},
	Text:           {"text", "a word", "word"},
	VariableName:   {"variable", "the name of a variable", "name of a variable"},
	ConditionWords: {"condition", "a condition", "condition"},
	GuideWords:     {"(guide words)", "guide words", "guide words"},
	OptionName:     {"--option", "an option", "option"},
	OptionValue:    {"value", "a value", "value of an option"},
	BackgroundSign: {backgroundSign, backgroundSign, "sign of the background"},
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

// guide returns the slot's guide words as they are written, with parentheses.
func (s *Slot) guide() string { return "(" + s.Guides[0] + ")" }

// takesLists reports whether words separated by commas can be for s.
func (s *Slot) takesLists() bool { return s.Many || s.Listed }

// nouns returns what a syntax error calls that which s takes.
func (s *Slot) nouns() []string {
	switch {
	case s.Kind == ActionName:
		return s.actionNames()
	case s.All:
		return []string{kindTexts[s.Kind].noun, All}
	}
	return []string{kindTexts[s.Kind].noun}
}

// placeholder returns what stands for the operands of s in a usage line.
func (s *Slot) placeholder() string {
	switch {
	case s.Kind == ActionName:
		return strings.Join(s.actionNames(), "|")
	case s.All:
		return kindTexts[s.Kind].placeholder + "|" + All
	case s.takesLists():
		return kindTexts[s.Kind].placeholder + ",..."
	}
	return kindTexts[s.Kind].placeholder
}

func (s *Slot) actionNames() []string {
	list := make([]string, len(s.Actions))
	for i := range s.Actions {
		list[i] = s.Actions[i].Name
	}
	return list
}

// findAction returns the action that a person means by name: the name exactly, or
// else a prefix of one action's name only. Case does not matter.
func (s *Slot) findAction(name string) (*Action, error) {
	var prefixed []string
	found := -1
	for i := range s.Actions {
		switch {
		case strings.EqualFold(s.Actions[i].Name, name):
			return &s.Actions[i], nil
		case name != "" && hasPrefixFold(s.Actions[i].Name, name):
			found = i
			prefixed = append(prefixed, s.Actions[i].Name)
		}
	}
	switch len(prefixed) {
	case 0:
		return nil, fmt.Errorf("expected %s, not %s", alternatives(s.actionNames()), Quote(name))
	case 1:
		return &s.Actions[found], nil
	}
	return nil, fmt.Errorf("ambiguous action %s: %s", Quote(name), alternatives(prefixed))
}

// slotsFor returns the slots that are in force for an action, and all of them
// while there is none.
func (v *Verb) slotsFor(a *Action) []Slot {
	if a == nil {
		return v.Slots
	}
	return v.Slots[:1+a.Slots]
}

// Form returns the verb with its guide words and operands, in the notation of
// Usage but without options.
func (v *Verb) Form() string { return v.form(nil) }

// form is Form for one action of the verb.
func (v *Verb) form(a *Action) string {
	slots := v.slotsFor(a)
	always := len(slots) // so many are in force for every action
	if a == nil && len(slots) > 0 {
		for _, other := range slots[0].Actions {
			always = min(always, 1+other.Slots)
		}
	}
	var b strings.Builder
	b.WriteString(v.Name)
	open := 0
	for i := range slots {
		s := &slots[i]
		b.WriteByte(' ')
		if s.Optional || i >= always {
			b.WriteByte('[')
			open++
		}
		b.WriteString(s.guide() + " ")
		if a != nil && s.Kind == ActionName {
			b.WriteString(a.Name)
		} else {
			b.WriteString(s.placeholder())
		}
	}
	b.WriteString(strings.Repeat("]", open))
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
	if v.Job {
		b.WriteString(" [" + backgroundSign + "]")
	}
	return b.String()
}

// Usage returns the option as it is written: --name, --name=VALUE, --name=VALUE,...
// or --name=a|b.
func (o *Option) Usage() string {
	switch {
	case len(o.Choices) > 0:
		return "--" + o.Name + "=" + strings.Join(o.values(), "|")
	case o.Many:
		return "--" + o.Name + "=" + o.Value + ",..."
	case o.Value != "":
		return "--" + o.Name + "=" + o.Value
	}
	return "--" + o.Name
}

// IsSwitch reports whether the option is given without a value.
func (o *Option) IsSwitch() bool { return o.Value == "" && len(o.Choices) == 0 }

// allows reports whether the option can have the value.
func (o *Option) allows(value string) bool {
	return len(o.Choices) == 0 || slices.Contains(o.values(), value)
}

// values returns the values of the choices.
func (o *Option) values() []string {
	list := make([]string, len(o.Choices))
	for i, c := range o.Choices {
		list[i] = c.Value
	}
	return list
}

// Also returns the aliases in a line: "rm, del".
func (v *Verb) Also() string { return strings.Join(v.Aliases, ", ") }

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
