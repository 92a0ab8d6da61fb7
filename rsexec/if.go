package rsexec

import (
	"context"

	"rsexec/grammar"
	"rsexec/resolver"
)

// ifElse performs IF (CONDITION) condition ... [ELSE ...] END.
func (x *Executive) ifElse(ctx context.Context, st *grammar.Statement) error {
	c := st.Condition()
	holds := c.Left.Value() == c.Right.Value()
	if c.Exists {
		var err error
		if holds, err = x.exists(ctx, c.Left.Pattern()); err != nil {
			return named(st, err)
		}
	}
	if holds != c.Not {
		return x.all(ctx, st.Body)
	}
	return x.all(ctx, st.Else)
}

// exists reports whether a name means something at any site, or whether anything
// matches a pattern. The sites themselves are asked. It is not known if nothing
// was found and a site could not be asked.
func (x *Executive) exists(ctx context.Context, typed string) (found bool, err error) {
	if resolver.IsPattern(typed) {
		err := x.resolver.Match(ctx, typed, x.list, func(resolver.Place) bool { found = true; return false })
		if found {
			return true, nil
		}
		return false, err
	}
	res, err := x.resolver.Look(ctx, typed)
	if err != nil {
		return false, err
	}
	if len(res.Found()) > 0 {
		return true, nil
	}
	if unheard := res.Unheard(); len(unheard) > 0 {
		return false, unheard[0].Err
	}
	return false, nil
}
