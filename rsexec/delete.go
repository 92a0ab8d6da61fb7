package rsexec

import (
	"context"
	"errors"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// delete performs DELETE (FILE) f,...
func (x *Executive) delete(ctx context.Context, st *grammar.Statement) error {
	return x.eachImage(ctx, st, "Delete", func(p resolver.Place) error {
		if p.Entry.Type == sites.Directory {
			return &sites.Error{Op: st.Verb.Name, Site: p.Pathname.Site, Path: p.Pathname.Path, Kind: sites.Usage, Msg: "it is a directory",
				Hint: "REMOVE removes directories"}
		}
		if err := p.Site.Delete(ctx, p.Pathname.Path); err != nil {
			return named(st, err)
		}
		x.gone(p.Pathname)
		return x.printer.print(textEvent{"text", "DELETE " + p.Pathname.String() + "\n"})
	})
}

// eachImage performs work for every file that the first operand means; where a
// name is at several places, for those that the person says yes to, or for all
// with --all.
func (x *Executive) eachImage(ctx context.Context, st *grammar.Statement, question string, work func(resolver.Place) error) error {
	_, all := st.Option("all")
	return x.eachPlace(ctx, st, func(typed string) ([]resolver.Place, error) { return x.imagesOf(ctx, st, typed, question, all) }, work)
}

// eachPlace performs work for every file that a pattern in the first operand
// matches, and for all the places that a name there has. With several a failure
// is reported and the rest is still done; a cancelled context ends it.
func (x *Executive) eachPlace(ctx context.Context, st *grammar.Statement, places func(typed string) ([]resolver.Place, error), work func(resolver.Place) error) error {
	failed := &someFailed{verb: st.Verb.Name}
	words := st.List(0)
	note := func(err error) {
		var some *someFailed
		switch {
		case err == nil:
			failed.total++
		case errors.As(err, &some): // its errors were reported
			failed.total += some.total
			failed.failed += some.failed
			failed.last = some.last
		default:
			x.Report(err)
			failed.total++
			failed.failed++
			failed.last = err
		}
	}
	for _, w := range words {
		if resolver.IsPattern(w.Pattern()) {
			err := x.each(ctx, st, []grammar.Word{w}, work)
			if len(words) == 1 || ctx.Err() != nil {
				return err
			}
			note(err)
			continue
		}
		found, err := places(w.Pattern())
		if err != nil {
			if len(words) == 1 {
				return err
			}
			note(err)
		}
		for _, p := range found {
			err := work(p)
			if err != nil && len(words) == 1 && len(found) == 1 {
				return err
			}
			note(err)
			if ctx.Err() != nil {
				return named(st, sites.Stopped(ctx))
			}
		}
	}
	if failed.failed > 0 {
		return failed
	}
	return nil
}

// imagesOf returns the places where a name is; of several those that the
// person says yes to.
func (x *Executive) imagesOf(ctx context.Context, st *grammar.Statement, typed, question string, all bool) ([]resolver.Place, error) {
	res, err := x.resolver.Look(ctx, typed)
	if err != nil {
		return nil, named(st, err)
	}
	return x.imagesAmong(ctx, st, typed, res, question, all)
}

// imagesAmong does the same for a name that was looked up.
func (x *Executive) imagesAmong(ctx context.Context, st *grammar.Statement, typed string, res resolver.Resolution, question string, all bool) ([]resolver.Place, error) {
	found := res.Found()
	switch {
	case len(found) == 0:
		_, err := x.resolver.Again(ctx, typed)
		return nil, named(st, err)
	case len(res.Unheard()) > 0 && len(res.Searched) > 1 && all:
		return nil, named(st, &sites.Error{Path: resolver.WithoutPassword(typed), Kind: sites.Unreachable, Msg: "not every image can be reached", Err: res.Unheard()[0].Err})
	case len(found) == 1 || all:
		x.tellUnheard(res)
		return found, nil
	case x.options.Ask == nil && !x.options.Yes:
		_, err := (&resolver.Resolver{Network: x.network, Logical: x.resolver.Logical}).Again(ctx, typed)
		e := *named(st, err).(*sites.Error)
		e.Hint = "write the one that is meant, or --all"
		return nil, &e
	}
	x.tellUnheard(res)
	var chosen []resolver.Place
	for _, p := range found {
		yes, err := x.confirm(ctx, question+" "+p.Pathname.String()+"?")
		if err != nil {
			return nil, named(st, err)
		}
		if yes {
			chosen = append(chosen, p)
		}
	}
	return chosen, nil
}
