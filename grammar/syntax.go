package grammar

import (
	"errors"
	"strconv"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// syntax is the shape of every statement, whatever its verb. Each number is the
// index of a token. Which items fit a verb is for the verb table to say.
type syntax struct {
	Bad   *int          `parser:"@Bad"`
	Verb  int           `parser:"| @Word"`
	Items []*syntaxItem `parser:"@@*"`
}

type syntaxItem struct {
	Bad      *int  `parser:"@Bad"`
	Guide    *int  `parser:"| @Guide"`
	Option   *int  `parser:"| @Option"`
	Ended    bool  `parser:"| @EndOfOptions"`
	Redirect *int  `parser:"| @Redirect"`
	Target   int   `parser:"  @Word"`
	List     []int `parser:"| @Word ( Comma @Word )*"`
}

// parser never changes.
var parser = participle.MustBuild[syntax](participle.Lexer(definition{}))

// parseTokens makes a statement of the tokens of l, which peeking was upgraded from.
func parseTokens(l *statementLexer, peeking *lexer.PeekingLexer) (*Statement, *fault) {
	tokens, end := l.tokens, l.end()
	tree, err := parser.ParseFromLexer(peeking)
	if err != nil {
		return nil, unexpectedBy(err, tokens, end)
	}
	if tree.Bad != nil {
		return nil, tokens[*tree.Bad].fault()
	}
	items, output, f := cutOutput(tokens, tree.Items)
	if f != nil {
		return nil, f
	}
	st, f := build(tokens, tokens[tree.Verb].word, items, end)
	switch {
	case f != nil:
		return nil, f
	case output != nil && !st.Verb.Output:
		return nil, faultf(output.Word.Pos, "%s prints nothing that could go to a file", st.Verb.Name)
	case l.background != nil && !st.Verb.Job:
		return nil, faultf(*l.background, "%s cannot run in the background, only %s can; a word %s goes in quotes",
			st.Verb.Name, alternatives(jobVerbs()), backgroundSign)
	case l.background != nil && output != nil:
		return nil, faultf(*l.background, "%s cannot run in the background if its output goes to a file", st.Verb.Name)
	}
	st.Output, st.Background = output, l.background != nil
	st.Variable = st.Variable || output != nil && output.Word.HasVariable()
	return st, nil
}

// jobVerbs returns the names of the verbs that can run in the background.
func jobVerbs() []string {
	var names []string
	for _, v := range verbs {
		if v.Job {
			names = append(names, v.Name)
		}
	}
	return names
}

// cutOutput takes the redirection out of items: it is the whole statement's,
// wherever it stands.
func cutOutput(tokens []token, items []*syntaxItem) (others []*syntaxItem, output *Redirection, f *fault) {
	for _, item := range items {
		switch {
		case item.Redirect == nil:
			others = append(others, item)
		case output != nil:
			return nil, nil, faultf(tokens[*item.Redirect].pos, "the output can go to one place only")
		default:
			output = &Redirection{Word: tokens[item.Target].word, Append: tokens[*item.Redirect].text == redirectMore}
		}
	}
	return others, output, nil
}

// unexpectedBy says in the person's words what participle did not expect. As every
// sequence of words, options and guide words is a syntax, it can only be a comma,
// what follows a redirection, or something in the place of a verb.
func unexpectedBy(err error, tokens []token, end Position) *fault {
	var unexpected *participle.UnexpectedTokenError
	if !errors.As(err, &unexpected) {
		return &fault{pos: end, msg: err.Error()}
	}
	i := len(tokens)
	if !unexpected.Unexpected.EOF() {
		i, _ = strconv.Atoi(unexpected.Unexpected.Value)
	}
	pos := end
	if i < len(tokens) {
		pos = tokens[i].pos
	}
	switch {
	case i < len(tokens) && tokens[i].kind == badToken:
		return tokens[i].fault()
	case i == 0:
		return faultf(pos, "expected a verb")
	case tokens[i-1].kind == redirectToken:
		return faultf(pos, "expected a pathname after %s", tokens[i-1].text)
	case tokens[i-1].kind == commaToken:
		return faultf(pos, "expected a pathname after the comma")
	}
	return faultf(pos, "expected a pathname before the comma")
}

// fault returns what a bad token says.
func (t *token) fault() *fault {
	return &fault{pos: t.pos, msg: t.text, incomplete: t.text == faultContinued}
}

// build makes a statement of a verb and what follows it.
func build(tokens []token, verb Word, items []*syntaxItem, end Position) (*Statement, *fault) {
	if verb.HasVariable() {
		return nil, faultf(verb.Pos, "expected a verb, not a variable")
	}
	v, err := FindVerb(verb.Value())
	if err != nil {
		return nil, &fault{pos: verb.Pos, msg: err.Error()}
	}
	a := newAssembly(v, verb.Pos)
	for i, item := range items {
		var f *fault
		switch {
		case item.Bad != nil:
			f = tokens[*item.Bad].fault()
		case item.Guide != nil:
			f = a.addGuide(tokens[*item.Guide].text, tokens[*item.Guide].pos)
		case item.Option != nil:
			f = a.addOption(tokens[*item.Option].word)
		case item.Ended:
		default:
			list := make([]Word, len(item.List))
			for j, n := range item.List {
				list[j] = tokens[n].word
			}
			if a.expectsCommand() {
				if len(list) > 1 {
					return nil, faultf(list[1].Pos, "expected a statement, not a list")
				}
				inner, f := build(tokens, list[0], items[i+1:], end)
				switch {
				case f != nil:
					return nil, f
				case inner.Verb.Block != NoBlock:
					return nil, faultf(list[0].Pos, "%s cannot stand behind %s", inner.Verb.Name, v.Name)
				}
				a.st.Inner, a.st.Variable = inner, a.st.Variable || inner.Variable
				return a.st, nil
			}
			f = a.addList(list, listFollows(items[i+1:]))
		}
		if f != nil {
			return nil, f
		}
	}
	return a.finish(end)
}

// listFollows reports whether a list is next in items, options aside.
func listFollows(items []*syntaxItem) bool {
	for _, item := range items {
		if item.Option == nil && !item.Ended {
			return item.List != nil
		}
	}
	return false
}
