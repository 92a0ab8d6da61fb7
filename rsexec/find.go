package rsexec

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// find performs FIND (FILES) pattern,...: it prints what matches and its filter
// leaves. A directory stands for all below it. That the filter leaves nothing is
// no error: it was asked what there is, and that is the answer.
func (x *Executive) find(ctx context.Context, st *grammar.Statement) error {
	left, err := filterOf(st, time.Now())
	if err != nil {
		return err
	}
	return x.forWordsInTurn(ctx, st, st.List(0), func(ctx context.Context, x *Executive, w grammar.Word, turn func() bool) error {
		found := newFlood(x.printer)
		_, err := x.walk(ctx, st, w.Pattern(), turn, func(p resolver.Place) bool {
			return !left.takes(ctx, &p) ||
				found.print(newEntryEvent(p.Pathname, p.Entry, p.Pathname.Site+":"+p.Pathname.Path)) == nil
		})
		return cmp.Or(found.end(), err)
	})
}

// walk calls yield for all that a pattern matches, or that a name means at every
// place where it is: a directory then stands for all that is below it, and is
// not yielded itself. The places are searched at the same time. The resolution is that
// of a name; which sites were not heard was said. What cannot be listed is an error,
// several joined, and the rest is still walked; a yield that returns false ends it.
// Nothing is said, asked or yielded before turn has returned true; false ends it.
func (x *Executive) walk(ctx context.Context, st *grammar.Statement, typed string, turn func() bool, yield func(resolver.Place) bool) (resolver.Resolution, error) {
	yieldInTurn := func(p resolver.Place) bool { return turn() && yield(p) }
	if resolver.IsPattern(typed) {
		return resolver.Resolution{}, x.match(ctx, st, typed, yieldInTurn)
	}
	// A name is looked up first, to find out whether it is a directory.
	res, err := x.resolver.Look(ctx, typed)
	if err != nil {
		return res, named(st, err)
	}
	places := res.Found()
	if (len(res.Unheard()) > 0 || len(places) == 0) && !turn() {
		return res, named(st, sites.Stopped(ctx))
	}
	x.tellUnheard(res)
	if len(places) == 0 {
		_, err := x.resolver.Source(ctx, typed)
		return res, named(st, err)
	}
	ended := false
	b := x.beside(len(places))
	t := inTurn(ctx, len(places), func(ctx context.Context, i int, turn func() bool) error {
		yield := func(p resolver.Place) bool {
			if turn() {
				ended = !yieldInTurn(p)
			}
			return !ended && ctx.Err() == nil
		}
		if places[i].Entry.Type != sites.Directory {
			yield(places[i])
			return nil
		}
		return b.below(ctx, places[i].Pathname, yield)
	})
	defer t.end()
	var errs []error
	for range places {
		if err := t.next(); err != nil {
			errs = append(errs, named(st, err))
		}
		if ended || ctx.Err() != nil {
			break
		}
	}
	if len(errs) == 1 {
		return res, errs[0]
	}
	return res, errors.Join(errs...)
}

// below calls yield for all that is below a directory, what is in one directory
// before what is below it; it does not follow links.
func (x *Executive) below(ctx context.Context, dir sites.Pathname, yield func(resolver.Place) bool) error {
	all := "**" // of a home that its site does not tell
	if dir.Path != "" {
		all = "/**"
	}
	return x.resolver.Match(ctx, strings.TrimRight(resolver.Typed(dir), "/")+all, x.list, yield)
}
