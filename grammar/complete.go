package grammar

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Completion tells what can stand at a place in a line.
type Completion struct {
	Start int    // the byte where the unfinished word begins
	End   int    // the byte behind it, which is the cursor
	Raw   string // the unfinished word as typed
	Value string // the same without quotes
	Word  Word   // the same with its parts; those of an option's value only, where that is expected

	Verb   *Verb   // of the statement at the cursor; nil while it is being typed
	Option *Option // whose value is expected, or nil

	// Expect has all kinds of things that can stand here; nothing if the
	// statement is wrong already.
	Expect []Kind

	// Candidates are the texts that the verb table knows and that begin with
	// Value. Pathnames are not among them.
	Candidates []Candidate
}

// A Candidate is a text that could replace line[Start:End].
type Candidate struct {
	Kind Kind
	Text string // ends with "=" if more has to follow without a blank
	Help string // one line
}

// Expects reports whether a thing of kind k can stand here.
func (c *Completion) Expects(k Kind) bool {
	for _, have := range c.Expect {
		if have == k {
			return true
		}
	}
	return false
}

// Tail returns what is to be typed behind the unfinished word so that text is added
// to its value; done says that the word ends there. It is not ok if text cannot be
// typed within the quotes that are open.
func (c *Completion) Tail(text string, done bool) (tail string, ok bool) {
	var b strings.Builder
	switch quote := openQuote(c.Raw); {
	case quote == '"':
		writeEscaped(&b, text)
	case strings.ContainsFunc(text, isHidden) || !utf8.ValidString(text) || quote != 0 && strings.ContainsRune(text, quote):
		return "", false
	case quote != 0:
		b.WriteString(text)
	default:
		for i, r := range text {
			if strings.ContainsRune(typedSigns, r) || i == 0 && c.Raw == "" && strings.ContainsRune(firstSigns, r) || unicode.IsSpace(r) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
	}
	if quote := openQuote(c.Raw); done && quote != 0 {
		b.WriteRune(quote)
	}
	return b.String(), true
}

// isHidden reports whether r is a control character, or one of those that reorder text,
// which a line editor would show as they are.
func isHidden(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// The characters that mean something in a word that is not quoted, and those that
// do where it begins.
const (
	typedSigns = patternSigns + `;$"'()<>#!`
	firstSigns = "-" + backgroundSign
)

// openQuote returns the quote that is open at the end of a word as typed, or 0.
func openQuote(raw string) (quote rune) {
	escaped := false
	for _, r := range raw {
		switch {
		case escaped:
			escaped = false
		case r == '\\' && quote != '\'':
			escaped = true
		case quote == r:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		}
	}
	return quote
}

// add adds a kind of thing that can stand here, with its candidates.
func (c *Completion) add(k Kind, candidates ...Candidate) {
	if !c.Expects(k) {
		c.Expect = append(c.Expect, k)
	}
	for _, d := range candidates {
		if hasPrefixFold(d.Text, c.Value) {
			c.Candidates = append(c.Candidates, d)
		}
	}
}

// Complete tells what can stand at the cursor, a byte offset into line. What is
// behind the cursor does not matter. A word that touches the cursor is unfinished.
func Complete(line string, cursor int) Completion {
	cursor = max(0, min(cursor, len(line)))
	c := Completion{Start: cursor, End: cursor}
	tokens, ok := tokensOf(line[:cursor])
	if !ok {
		return c
	}
	var last token
	if n := len(tokens); n > 0 && tokens[n-1].touches(cursor) {
		last, tokens = tokens[n-1], tokens[:n-1]
		c.Start = last.start().Offset
		c.Raw = line[c.Start:cursor]
		c.Value, c.Word = last.word.Value(), last.word
	}
	p, ok := follow(tokens)
	switch {
	case !ok, last.kind == badToken && !last.open:
	case p.assembly == nil:
		if !strings.HasPrefix(c.Raw, "(") {
			c.addVerbs(VerbName)
		}
	default:
		c.Verb = p.assembly.st.Verb
		c.continueFrom(p, last)
	}
	return c
}

// continueFrom adds what can follow p, if last is the unfinished word.
func (c *Completion) continueFrom(p place, last token) {
	e := p.assembly.expect()
	switch {
	case p.redirected:
		c.add(Destination)
		return
	case strings.HasPrefix(c.Raw, "("):
		c.Value = "(" + guideName(strings.Trim(c.Raw, "()"))
		c.addGuides(p, e)
		return
	case !p.optionsEnded && beginsWithDash(last.word):
		if name, value, ok := cutOption(last.word); ok {
			c.addValues(p.assembly.st.Verb.option(name), value)
		} else {
			c.addOptions(p)
		}
		return
	case c.Raw == "":
		c.addGuides(p, e)
	}
	for _, s := range e.slots {
		switch {
		case p.afterComma && !s.takesLists():
		case s.Kind == VerbName || s.Kind == Command:
			c.addVerbs(s.Kind)
		case s.Kind == ActionName:
			for _, a := range s.Actions {
				c.add(s.Kind, Candidate{s.Kind, a.Name, a.Help})
			}
		case s.All:
			c.add(s.Kind, Candidate{s.Kind, All, "every job"})
		case s.Kind == ConditionWords:
			c.addCondition(p.assembly.lists)
		default:
			c.add(s.Kind)
		}
	}
	if c.Raw == "" {
		c.addOptions(p)
		c.addBackground(p)
	}
}

// addVerbs adds the verbs, and those aliases that say more than the verb's name.
func (c *Completion) addVerbs(k Kind) {
	for _, v := range verbs {
		c.add(k, Candidate{k, v.Name, v.Summary})
		if c.Value == "" || hasPrefixFold(v.Name, c.Value) {
			continue
		}
		for _, alias := range v.Aliases {
			c.add(k, Candidate{k, alias, v.Summary})
		}
	}
}

// addCondition adds what can follow the words of a condition.
func (c *Completion) addCondition(words [][]Word) {
	last := ""
	if n := len(words); n > 0 {
		last = strings.ToUpper(words[n-1][0].Value())
	}
	switch {
	case last == wordExists:
		c.add(Source)
	case len(words) == 0:
		c.add(ConditionWords, Candidate{ConditionWords, wordNot, "turn the answer round"})
		fallthrough
	case last == wordNot && len(words) == 1:
		c.add(ConditionWords, Candidate{ConditionWords, wordExists, "whether some site has such a file"})
	default:
		c.add(Text)
	}
}

func (c *Completion) addGuides(p place, e expectation) {
	if p.afterComma || e.guide < 0 {
		return
	}
	s := &p.assembly.slots()[e.guide]
	help := "before the " + s.Kind.String()
	for i, g := range s.Guides {
		// The other guide words are accepted, but only who begins to type one is told.
		if i == 0 || c.Value != "" && !hasPrefixFold(s.guide(), c.Value) {
			c.add(GuideWords, Candidate{GuideWords, "(" + g + ")", help})
		}
	}
}

func (c *Completion) addOptions(p place) {
	if p.afterComma || p.optionsEnded {
		return
	}
	for i := range p.assembly.st.Verb.Options {
		o := &p.assembly.st.Verb.Options[i]
		if _, given := p.assembly.st.Option(o.Name); given && !o.Many {
			continue
		}
		text := "--" + o.Name
		if !o.IsSwitch() {
			text += "="
		}
		c.add(OptionName, Candidate{OptionName, text, o.Help})
	}
}

// addBackground adds the sign of the background, if the statement is complete and
// may end with it. Nothing can be added to p then.
func (c *Completion) addBackground(p place) {
	if !p.assembly.st.Verb.Job || p.inner || p.hasOutput || p.afterComma {
		return
	}
	if _, f := p.assembly.finish(Position{}); f == nil {
		c.add(BackgroundSign, Candidate{BackgroundSign, backgroundSign, "run it in the background"})
	}
}

func (c *Completion) addValues(o *Option, value Word) {
	if o == nil || o.IsSwitch() {
		return
	}
	c.Option = o
	c.Start, c.Raw, c.Value, c.Word = c.End-len(value.Raw), value.Raw, value.Value(), value
	c.add(OptionValue)
	for _, choice := range o.Choices {
		c.add(OptionValue, Candidate{OptionValue, choice.Value, choice.Help})
	}
}

// touches reports whether t is a word, or a beginning of one, that ends at the
// cursor.
func (t *token) touches(cursor int) bool {
	return t.end.Offset == cursor && t.kind != commaToken
}

// start returns where t begins, which for a bad token is not where the fault is.
func (t *token) start() Position {
	if t.word.Raw != "" {
		return t.word.Pos
	}
	return t.pos
}

// beginsWithDash reports whether w is an option or the beginning of one.
func beginsWithDash(w Word) bool {
	return len(w.Parts) > 0 && !w.Parts[0].Quoted && strings.HasPrefix(w.Parts[0].Text, "-")
}

// tokensOf returns the tokens of the last statement in text. It is not ok to ask
// for them in a comment.
func tokensOf(text string) (tokens []token, ok bool) {
	for s := newScanner(strings.NewReader(text)); ; {
		t, err := s.next()
		switch {
		case err == io.EOF:
			return tokens, true
		case err != nil:
			return nil, false
		case !t.endsStatement():
			tokens = append(tokens, t)
		case t.kind == backgroundToken:
			tokens = nil
		case t.pos.Offset == len(text):
			return tokens, true
		case text[t.pos.Offset] == '#' && !strings.Contains(text[t.pos.Offset:], "\n"):
			return nil, false
		default:
			tokens = nil
		}
	}
}

// A place is what went before the unfinished word of a statement.
type place struct {
	assembly     *assembly // nil before the verb
	afterComma   bool
	optionsEnded bool
	redirected   bool // the word says where the output goes
	hasOutput    bool // it was said
	inner        bool // the statement is an operand of another
}

// follow puts tokens together as far as they go. It is not ok if they cannot
// begin a statement.
func follow(tokens []token) (p place, ok bool) {
	for i := 0; i < len(tokens); i++ {
		t := &tokens[i]
		var f *fault
		switch {
		case t.kind == endOfOptionsToken && p.assembly != nil:
			p.optionsEnded = true
		case t.kind == redirectToken && p.assembly != nil:
			i++ // over the word
			p.redirected, p.hasOutput = i == len(tokens), true
		case t.kind == optionToken && p.assembly != nil:
			f = p.assembly.addOption(t.word)
		case t.kind == guideToken && p.assembly != nil:
			f = p.assembly.addGuide(t.text, t.pos)
		case t.kind != wordToken:
			return p, false
		case p.assembly == nil || p.assembly.expectsCommand():
			v, err := FindVerb(t.word.Value())
			if err != nil {
				return p, false
			}
			p.inner = p.assembly != nil
			p.assembly = newAssembly(v, t.pos)
		default:
			list := []Word{t.word}
			for i+2 < len(tokens) && tokens[i+1].kind == commaToken && tokens[i+2].kind == wordToken {
				list = append(list, tokens[i+2].word)
				i += 2
			}
			if i+2 == len(tokens) && tokens[i+1].kind == commaToken {
				p.afterComma = true
				return p, true
			}
			f = p.assembly.addList(list, listCanFollow(tokens[i+1:]))
		}
		if f != nil {
			return p, false
		}
	}
	return p, true
}

// listCanFollow reports whether a list is next in tokens, options aside, or could
// be where they end.
func listCanFollow(tokens []token) bool {
	for i := range tokens {
		if k := tokens[i].kind; k != optionToken && k != endOfOptionsToken {
			return k == wordToken
		}
	}
	return true
}
