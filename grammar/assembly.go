package grammar

import (
	"slices"
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
	from   int      // the first slot that is not settled
	guided bool     // its guide words were given
	lists  [][]Word // what was typed since
}

func newAssembly(v *Verb, pos Position) *assembly {
	return &assembly{st: &Statement{Verb: v, Pos: pos, Operands: make([][]Word, len(v.Slots))}}
}

// An expectation is what can come at a place in a statement.
type expectation struct {
	slots  []*Slot // those that a word here may be for
	guides []int   // the slots whose guide words may be given here
}

// expect returns what can come now.
func (a *assembly) expect() expectation {
	slots := a.st.Verb.Slots
	k, n := a.from, len(a.lists)
	for n > 0 && k < len(slots) && !slots[k].Many {
		k, n = k+1, n-1
	}
	var e expectation
	if k == len(slots) {
		return e
	}
	if n > 0 { // in the middle of many
		e.slots = append(e.slots, &slots[k])
		k++
	} else if a.guided && k == a.from {
		e.slots = append(e.slots, &slots[k])
		if !slots[k].Optional {
			return e
		}
		k++
	}
	for ; k < len(slots); k++ {
		e.slots = append(e.slots, &slots[k])
		e.guides = append(e.guides, k)
		if !slots[k].Optional {
			break
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
		return e.slots[0].Kind.noun() + " after " + a.st.Verb.Slots[a.from].guide()
	case len(e.guides) == 0:
		return e.slots[0].Kind.noun() + " or " + end
	}
	s := &a.st.Verb.Slots[e.guides[0]]
	return s.guide() + " or " + s.Kind.noun()
}

// expectsCommand reports whether a word that comes now is the verb of another
// statement.
func (a *assembly) expectsCommand() bool {
	e := a.expect()
	return len(e.slots) > 0 && e.slots[0].Kind == Command
}

func (a *assembly) addGuide(t *token) *fault {
	for _, k := range a.expect().guides {
		for _, g := range a.st.Verb.Slots[k].Guides {
			if g != t.text {
				continue
			}
			if f := a.settle(k); f != nil {
				return f
			}
			a.guided = true
			return nil
		}
	}
	return faultf(t.pos, "expected %s, not (%s)", a.expected(), t.text)
}

func (a *assembly) addList(list []Word) *fault {
	if len(a.expect().slots) == 0 {
		return faultf(list[0].Pos, "too many operands; expected %s", a.st.Verb.Form())
	}
	a.lists = append(a.lists, list)
	return nil
}

func (a *assembly) addOption(w Word) *fault {
	v := a.st.Verb
	name, value, hasValue := cutOption(w)
	o := v.option(name)
	switch _, given := a.st.Option(name); {
	case o == nil:
		return a.unknownOption(w, name)
	case given:
		return faultf(w.Pos, "option --%s is given twice", o.Name)
	case o.IsSwitch() && hasValue:
		return faultf(w.Pos, "option --%s takes no value", o.Name)
	case !o.IsSwitch() && value.Value() == "":
		return faultf(w.Pos, "option --%s needs a value: %s", o.Name, o.Usage())
	case len(o.Choices) > 0 && !slices.Contains(o.values(), value.Value()):
		return faultf(value.Pos, "expected %s, not %s", alternatives(o.values()), Quote(value.Value()))
	}
	a.st.Options = append(a.st.Options, Setting{Option: o, Value: value, Pos: w.Pos})
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
	if f := a.settle(len(a.st.Verb.Slots)); f != nil {
		return nil, f
	}
	for i := range a.st.Operands {
		if s := &a.st.Verb.Slots[i]; len(a.st.Operands[i]) == 0 && !s.Optional {
			return nil, faultf(end, "expected %s", missing)
		}
	}
	return a.st, nil
}

// settle gives the lists to the slots before slot to. A slot for many takes all
// that the required slots behind it can spare.
func (a *assembly) settle(to int) *fault {
	slots := a.st.Verb.Slots
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
		if slots[k].Optional {
			take = max(0, min(take, len(a.lists)-needed))
		}
		for _, list := range a.lists[:take] {
			if f := checkList(&slots[k], list); f != nil {
				return f
			}
			a.st.Operands[k] = append(a.st.Operands[k], list...)
		}
		a.lists = a.lists[take:]
	}
	a.from, a.guided, a.lists = to, false, nil
	return nil
}

// checkList looks at a list of words that is for the slot s.
func checkList(s *Slot, list []Word) *fault {
	if len(list) > 1 && !s.Many {
		return faultf(list[1].Pos, "expected %s after %s, not a list", s.Kind.noun(), s.guide())
	}
	if s.Kind == VerbName {
		for _, w := range list {
			if _, err := FindVerb(w.Value()); err != nil {
				return &fault{pos: w.Pos, msg: err.Error()}
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
