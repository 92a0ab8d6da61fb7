package grammar

import "strings"

// A Condition is what IF asks.
type Condition struct {
	Not    bool // the answer is turned round
	Exists bool // whether there is a file of the name Left; else whether Left is Right
	Left   Word
	Right  Word
}

// The words of conditions.
const (
	wordExists = "EXISTS"
	wordNot    = "NOT"
	wordIs     = "="
	wordIsNot  = "!="
)

const conditionForms = "EXISTS pathname, or a = b or a != b with blanks around the sign"

// Condition returns the condition of an IF.
func (st *Statement) Condition() Condition {
	c, _ := parseCondition(st.List(0), st.Pos) // it was found good when the statement was parsed
	return c
}

// parseCondition reads the words of a condition, which end at end.
func parseCondition(words []Word, end Position) (c Condition, f *fault) {
	at := func(i int) Position {
		if i < len(words) {
			return words[i].Pos
		}
		return end
	}
	is := func(i int, text string) bool {
		return i < len(words) && words[i].Bare() && strings.EqualFold(words[i].Value(), text)
	}
	i := 0
	if is(0, wordNot) && len(words) > 1 {
		c.Not = true
		i++
	}
	switch {
	case is(i, wordExists) && !is(i+1, wordIs) && !is(i+1, wordIsNot):
		if c.Exists = true; i+1 == len(words) {
			return c, faultf(end, "expected a pathname after %s", wordExists)
		}
		c.Left = words[i+1]
		i += 2
	case is(i+1, wordIs) || is(i+1, wordIsNot):
		if i+2 == len(words) {
			return c, faultf(end, "expected a word after %s", words[i+1].Value())
		}
		c.Left, c.Right = words[i], words[i+2]
		c.Not = c.Not != is(i+1, wordIsNot)
		i += 3
	default:
		return c, faultf(at(i+1), "expected %s", conditionForms)
	}
	if i < len(words) {
		return c, faultf(words[i].Pos, "expected the end of the condition, not %s", words[i].String())
	}
	return c, nil
}
