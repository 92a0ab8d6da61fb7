package rsexec

import (
	"context"
	"strconv"
	"time"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// foreach performs FOREACH (VARIABLE) v (IN) word,... ... END. What the words mean
// is found before the first statement is performed, for that may change it. Where
// some of it cannot be found, nothing is performed unless ON ERROR says CONTINUE.
func (x *Executive) foreach(ctx context.Context, st *grammar.Statement) error {
	left, err := filterOf(st, time.Now())
	if err != nil {
		return err
	}
	var values []grammar.Word
	for _, w := range st.List(1) {
		found, err := x.valuesOf(ctx, st, w, left)
		if err != nil && !x.goesOn(ctx, err) {
			return err
		}
		values = append(values, found...)
	}
	variable := st.Operand(0).Value()
	if text, given := st.Option("parallel"); given {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return &sites.Error{Op: st.Verb.Name, Kind: sites.Usage, Msg: "--parallel needs a number from 1, not " + grammar.Quote(text)}
		}
		return x.atOnce(ctx, st, n, len(values), func(b *Executive, i int) error {
			b.thread.variables[variable] = values[i]
			return b.all(ctx, st.Body)
		})
	}
	for _, value := range values {
		x.thread.variables[variable] = value
		if err := x.all(ctx, st.Body); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return named(st, sites.Stopped(ctx))
		}
	}
	return nil
}

// valuesOf returns what one word of a FOREACH stands for: the files that a pattern
// matches, or itself. With a filter it is what FIND would print.
func (x *Executive) valuesOf(ctx context.Context, st *grammar.Statement, w grammar.Word, left filter) (values []grammar.Word, err error) {
	take := func(p resolver.Place) bool {
		if left.takes(ctx, &p) {
			values = append(values, exactWord(resolver.Literal(resolver.Typed(p.Pathname))))
		}
		return true
	}
	switch {
	case left.given:
		_, err = x.walk(ctx, st, w.Pattern(), always, take)
	case resolver.IsPattern(w.Pattern()):
		err = x.match(ctx, st, w.Pattern(), take)
	default:
		values = []grammar.Word{w}
	}
	return values, err
}
