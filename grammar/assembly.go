package grammar

import (
	"slices"
	"strconv"
	"strings"
)

// An assembly puts operands into the slots of a verb, in the order they are
// typed. It knows at any time what can come next, for syntax errors and for
// recognition alike.
//
// Lists are kept back until guide words or the end of the statement show which
// slots they are for. A list never spreads over two slots.
type assembly struct {
	st     *Statement
	action *Action  // that the first operand names, or nil
	from   int      // the first slot that is not settled
	guided bool     // its guide words were given
	lists  [][]Word // what was typed since
}

func newAssembly(v *Verb, pos Position) *assembly {
	return &assembly{st: &Statement{Verb: v, Pos: pos, Operands: make([][]Word, len(v.Slots))}}
}

// An expectation is what can come at a place in a statement.
type expectation struct {
	slots []*Slot // those that a word here may be for
	guide int     // the slot whose guide words may be given here, or -1
}

// slots returns the slots in force.
func (a *assembly) slots() []Slot { return a.st.Verb.slotsFor(a.action) }

// expect returns what can come now.
func (a *assembly) expect() expectation {
	slots := a.slots()
	k, n := a.from, len(a.lists)
	for n > 0 && k < len(slots) && !slots[k].Many {
		k, n = k+1, n-1
	}
	e := expectation{guide: -1}
	if n > 0 && k < len(slots) { // in the middle of many
		e.slots = append(e.slots, &slots[k])
		k++
	}
	if k < len(slots) {
		e.slots = append(e.slots, &slots[k])
		if !a.guided || k > a.from {
			e.guide = k
		}
	}
	return e
}

// expected says what can come now in the words of a syntax error.
func (a *assembly) expected() string {
	const end = "the end of the statement"
	e := a.expect()
	switch {
	case len(e.slots) == 0:
		return end
	case a.guided && len(a.lists) == 0:
		return alternatives(e.slots[0].nouns()) + " after " + e.slots[0].guide()
	case e.guide < 0:
		return alternatives(append(e.slots[0].nouns(), end))
	}
	s := &a.slots()[e.guide]
	return alternatives(append([]string{s.guide()}, s.nouns()...))
}

// expectsCommand reports whether a word that comes now is the verb of another
// statement.
func (a *assembly) expectsCommand() bool {
	e := a.expect()
	return len(e.slots) > 0 && e.slots[0].Kind == Command
}

func (a *assembly) addGuide(guide string, pos Position) *fault {
	k := a.expect().guide
	if k < 0 || !slices.Contains(a.slots()[k].Guides, guide) {
		return faultf(pos, "expected %s, not (%s)", a.expected(), guide)
	}
	if f := a.settle(k); f != nil {
		return f
	}
	a.guided = true
	return nil
}

// bareWords are the guide words that are understood without parentheses, before
// an operand: COPY a, b TO c. A file of such a name is quoted.
var bareWords = map[string]bool{"TO": true, "AS": true, "IN": true, "ERROR": true}

// isBareGuide reports whether list, before another, is guide words.
func (a *assembly) isBareGuide(list []Word) bool {
	if len(list) > 1 || !list[0].Bare() || !bareWords[strings.ToUpper(list[0].Value())] {
		return false
	}
	k := a.expect().guide
	if k < 0 {
		return false
	}
	first, _, _ := strings.Cut(a.slots()[k].Guides[0], " ")
	return a.slots()[k].Bare && strings.EqualFold(list[0].Value(), first)
}

// addList adds what stands without parentheses. Whether another list follows, or
// could, decides what a bare guide word is.
func (a *assembly) addList(list []Word, another bool) *fault {
	e := a.expect()
	switch {
	case another && a.isBareGuide(list):
		return a.addGuide(a.slots()[e.guide].Guides[0], list[0].Pos)
	case len(e.slots) == 0:
		return faultf(list[0].Pos, "too many operands; expected %s", a.st.Verb.form(a.action))
	case e.slots[0].Kind == ActionName: // it says which slots follow
		if f := a.act(e.slots[0], &list[0]); f != nil {
			return f
		}
	}
	a.lists = append(a.lists, list)
	return nil
}

// act finds the action that w names, and spells its name in full.
func (a *assembly) act(s *Slot, w *Word) *fault {
	if w.HasVariable() {
		return faultf(w.Pos, "expected %s, not a variable", alternatives(s.actionNames()))
	}
	action, err := s.findAction(w.Value())
	if err != nil {
		return &fault{pos: w.Pos, msg: err.Error()}
	}
	a.action = action
	w.Parts = []Part{{Text: action.Name}}
	return nil
}

func (a *assembly) addOption(w Word) *fault {
	v := a.st.Verb
	name, value, hasValue := cutOption(w)
	o := v.option(name)
	switch _, given := a.st.Option(name); {
	case o == nil:
		return a.unknownOption(w, name)
	case given && !o.Many:
		return faultf(w.Pos, "option --%s is given twice", o.Name)
	case o.IsSwitch() && hasValue:
		return faultf(w.Pos, "option --%s takes no value", o.Name)
	case !o.IsSwitch() && value.Value() == "":
		return faultf(w.Pos, "option --%s needs a value: %s", o.Name, o.Usage())
	case !value.HasVariable() && !o.allows(value.Value()):
		return faultf(value.Pos, "expected %s, not %s", alternatives(o.values()), Quote(value.Value()))
	}
	values := []Word{value}
	if o.Many {
		values = cutAtCommas(value)
	}
	for _, one := range values {
		if o.Many && len(one.Parts) == 0 {
			return faultf(value.Pos, "expected %s before and after each comma", o.Value)
		}
		a.st.Options = append(a.st.Options, Setting{Option: o, Value: one, Pos: w.Pos})
	}
	a.st.Variable = a.st.Variable || value.HasVariable()
	return nil
}

func (a *assembly) unknownOption(w Word, name string) *fault {
	v := a.st.Verb
	var names []string
	for i := range v.Options {
		names = append(names, v.Options[i].Name)
	}
	if !strings.HasPrefix(w.Parts[0].Text, "--") {
		return faultf(w.Pos, "unknown option %s of %s; a pathname that begins with a dash goes behind -- or in quotes",
			Quote(w.Value()), v.Name)
	}
	msg := "unknown option --" + name + " of " + v.Name
	if i := nearest(name, names); i >= 0 {
		msg += "; did you mean --" + names[i] + "?"
	}
	return &fault{pos: w.Pos, msg: msg}
}

// finish settles all slots and returns the statement. Its text ends at end.
func (a *assembly) finish(end Position) (*Statement, *fault) {
	missing := a.expected()
	slots := a.slots()
	if f := a.settle(len(slots)); f != nil {
		return nil, f
	}
	for i := range slots {
		if len(a.st.Operands[i]) == 0 && !slots[i].Optional {
			return nil, faultf(end, "expected %s", missing)
		}
		if slots[i].Kind == ConditionWords {
			if _, f := parseCondition(a.st.Operands[i], end); f != nil {
				return nil, f
			}
		}
	}
	return a.st, nil
}

// settle gives the lists to the slots before slot to. A slot for many takes all
// that the required slots behind it can spare.
func (a *assembly) settle(to int) *fault {
	slots := a.slots()
	for k := a.from; k < to && len(a.lists) > 0; k++ {
		needed := 0
		for _, s := range slots[k+1 : to] {
			if !s.Optional {
				needed++
			}
		}
		take := 1
		if slots[k].Many {
			take = max(1, len(a.lists)-needed)
		}
		for _, list := range a.lists[:take] {
			if slots[k].Kind == Text {
				list = withCommas(list)
			}
			if f := checkList(&slots[k], list); f != nil {
				return f
			}
			a.st.Variable = a.st.Variable || slices.ContainsFunc(list, Word.HasVariable)
			a.st.Operands[k] = append(a.st.Operands[k], list...)
		}
		a.lists = a.lists[take:]
	}
	a.from, a.guided, a.lists = to, false, nil
	return nil
}

// withCommas returns the words of a list as free text has them: a comma belongs to
// the word before it, and joins it with one that follows without a blank.
func withCommas(list []Word) []Word {
	var words []Word
	var b partBuilder
	var raw strings.Builder
	begin := list[0].Pos
	for i, w := range list {
		raw.WriteString(w.Raw)
		joined := false
		if i+1 < len(list) {
			b.addWithComma(w)
			raw.WriteByte(',')
			joined = list[i+1].Pos.Offset == w.Pos.Offset+len(w.Raw)+1
		} else {
			for _, p := range w.Parts {
				b.addPart(p)
			}
		}
		if !joined {
			words = append(words, Word{Raw: raw.String(), Parts: b.all(), Pos: begin})
			b, raw = partBuilder{}, strings.Builder{}
			if i+1 < len(list) {
				begin = list[i+1].Pos
			}
		}
	}
	return words
}

// checkList looks at a list of words that is for the slot s.
func checkList(s *Slot, list []Word) *fault {
	if len(list) > 1 && !s.takesLists() {
		return faultf(list[1].Pos, "expected %s after %s, not a list", alternatives(s.nouns()), s.guide())
	}
	for _, w := range list {
		switch {
		case s.Kind == VariableName && (!w.Bare() || !IsVariable(w.Value())):
			return faultf(w.Pos, "expected %s (letters, digits and _), not %s", alternatives(s.nouns()), w.String())
		case w.HasVariable():
		case s.Kind == VerbName:
			if _, err := FindVerb(w.Value()); err != nil {
				return &fault{pos: w.Pos, msg: err.Error()}
			}
		case s.Kind == Number:
			if n, err := strconv.Atoi(w.Value()); err != nil || n < 0 {
				return faultf(w.Pos, "expected a number, not %s", Quote(w.Value()))
			}
		case s.Kind == JobNumber && !(s.All && strings.EqualFold(w.Value(), All)):
			if n, err := strconv.Atoi(w.Value()); err != nil || n < 1 {
				return faultf(w.Pos, "expected %s, not %s", alternatives(s.nouns()), Quote(w.Value()))
			}
		}
	}
	return nil
}

// cutOption splits an option at its equals sign. An option name with quotes in
// it is no name.
func cutOption(w Word) (name string, value Word, hasValue bool) {
	before, after, hasValue := strings.Cut(w.Parts[0].Text, "=")
	if !hasValue {
		return strings.TrimLeft(w.Value(), "-"), Word{}, false
	}
	value.Pos = w.Pos
	value.Pos.Column += len(before) + 1
	value.Pos.Offset += len(before) + 1
	if after != "" || len(w.Parts) == 1 {
		value.Parts = append(value.Parts, Part{Text: after})
	}
	value.Parts = append(value.Parts, w.Parts[1:]...)
	_, value.Raw, _ = strings.Cut(w.Raw, "=")
	return strings.TrimLeft(before, "-"), value, true
}
