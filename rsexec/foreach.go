package rsexec

import (
	"context"
	"strconv"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// foreach performs FOREACH (VARIABLE) v (IN) word,... ... END. What the patterns
// match is found before the first statement is performed, for that may change it.
func (x *Executive) foreach(ctx context.Context, st *grammar.Statement) error {
	var values []grammar.Word
	for _, w := range st.List(1) {
		if !resolver.IsPattern(w.Pattern()) {
			values = append(values, w)
			continue
		}
		err := x.match(ctx, st, w.Pattern(), func(p resolver.Place) bool {
			values = append(values, exactWord(resolver.Literal(resolver.Typed(p.Pathname))))
			return true
		})
		if err != nil {
			return err
		}
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
