package grammar

import "strings"

// A Statement is one command, checked against the verb table.
type Statement struct {
	Verb     *Verb
	Operands [][]Word   // one list for each slot of the verb; empty where nothing was given
	Options  []Setting  // in the order given, each at most once unless its Option is for many
	Inner    *Statement // the statement in the slot of kind Command, if the verb has one
	Output   *Redirection
	Body     []*Statement // of a block
	Else     []*Statement // of a block, behind its ELSE
	Pos      Position     // of the verb

	Background bool // it runs on while the next statement is performed
	Variable   bool // there is a variable in it, its blocks aside
}

// A Redirection says where the output of a statement goes.
type Redirection struct {
	Word   Word
	Append bool // behind what is there
}

// The signs of redirections.
const (
	redirectNew  = ">"
	redirectMore = ">>"
)

// backgroundSign ends a statement that runs in the background.
const backgroundSign = "&"

// A Setting is an option that was given.
type Setting struct {
	Option *Option
	Value  Word // without parts for a switch
	Pos    Position
}

// Operand returns the first word of slot i, and the zero Word if it has none.
func (st *Statement) Operand(i int) Word {
	if list := st.List(i); len(list) > 0 {
		return list[0]
	}
	return Word{}
}

// List returns all words of slot i.
func (st *Statement) List(i int) []Word {
	if i < 0 || i >= len(st.Operands) {
		return nil
	}
	return st.Operands[i]
}

// Option returns the value of an option, "" for a switch, and whether the option
// was given. Of an option for many it is the first value: see Values.
func (st *Statement) Option(name string) (value string, given bool) {
	for i := range st.Options {
		if strings.EqualFold(st.Options[i].Option.Name, name) {
			return st.Options[i].Value.Value(), true
		}
	}
	return "", false
}

// Values returns all values of an option for many, in the order given.
func (st *Statement) Values(name string) []Word {
	var values []Word
	for i := range st.Options {
		if strings.EqualFold(st.Options[i].Option.Name, name) {
			values = append(values, st.Options[i].Value)
		}
	}
	return values
}

// String returns the statement on one line, with the full verb and all guide
// words, so that it parses as the same statement.
func (st *Statement) String() string {
	var b strings.Builder
	st.write(&b)
	return b.String()
}

func (st *Statement) write(b *strings.Builder) {
	st.writeHead(b)
	if st.Verb.Block != OpensBlock {
		return
	}
	writeAll(b, st.Body)
	if len(st.Else) > 0 {
		b.WriteString(" ; " + verbElse)
		writeAll(b, st.Else)
	}
	b.WriteString(" ; " + verbEnd)
}

func writeAll(b *strings.Builder, block []*Statement) {
	for _, st := range block {
		b.WriteString(" ; ")
		st.write(b)
	}
}

// writeHead writes the statement without its block.
func (st *Statement) writeHead(b *strings.Builder) {
	b.WriteString(st.Verb.Name)
	command := "" // stands last, for the options of a statement end where it begins
	for i := range st.Verb.Slots {
		s := &st.Verb.Slots[i]
		if s.Kind == Command && st.Inner != nil {
			command = s.guide()
		}
		for j, w := range st.Operands[i] {
			switch {
			case j == 0:
				b.WriteString(" " + s.guide() + " ")
			case s.Kind == ConditionWords || s.Kind == Text:
				b.WriteString(" ")
			default:
				b.WriteString(", ")
			}
			b.WriteString(w.String())
		}
	}
	for i := range st.Options {
		o := &st.Options[i]
		b.WriteString(" --" + o.Option.Name)
		if !o.Option.IsSwitch() {
			b.WriteString("=" + o.Value.String())
		}
	}
	if command != "" {
		b.WriteString(" " + command + " ")
		st.Inner.write(b)
	}
	if st.Output != nil {
		sign := redirectNew
		if st.Output.Append {
			sign = redirectMore
		}
		b.WriteString(" " + sign + " " + st.Output.Word.String())
	}
	if st.Background {
		b.WriteString(" " + backgroundSign)
	}
}
