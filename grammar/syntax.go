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
	Bad    *int  `parser:"@Bad"`
	Guide  *int  `parser:"| @Guide"`
	Option *int  `parser:"| @Option"`
	Ended  bool  `parser:"| @EndOfOptions"`
	List   []int `parser:"| @Word ( Comma @Word )*"`
}

// parser never changes.
var parser = participle.MustBuild[syntax](participle.Lexer(definition{}))

// parseTokens makes a statement of the tokens that tokens was upgraded from.
func parseTokens(tokens []token, end Position, peeking *lexer.PeekingLexer) (*Statement, *fault) {
	tree, err := parser.ParseFromLexer(peeking)
	if err != nil {
		return nil, unexpectedBy(err, tokens, end)
	}
	if tree.Bad != nil {
		return nil, tokens[*tree.Bad].fault()
	}
	return build(tokens, tokens[tree.Verb].word, tree.Items, end)
}

// unexpectedBy says in the person's words what participle did not expect. As every
// sequence of words, options and guide words is a syntax, it can only be a comma
// or something in the place of a verb.
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
				if a.st.Inner, f = build(tokens, list[0], items[i+1:], end); f != nil {
					return nil, f
				}
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
