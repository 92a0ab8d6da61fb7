package rsexec

import (
	"context"
	"strings"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// find performs FIND (FILES) pattern,...: it prints what matches. A directory
// stands for all below it.
func (x *Executive) find(ctx context.Context, st *grammar.Statement) error {
	only, _ := st.Option("type")
	return x.forWords(ctx, st, st.List(0), func(w grammar.Word) error { return x.findOne(ctx, st, w.Pattern(), only) })
}

func (x *Executive) findOne(ctx context.Context, st *grammar.Statement, pattern, only string) error {
	var printing error
	show := func(p resolver.Place) bool {
		if only == "" || p.Entry.Type.String() == only {
			printing = x.printer.print(newEntryEvent(p.Pathname, p.Entry, p.Pathname.Site+":"+p.Pathname.Path))
		}
		return printing == nil
	}
	// A name that is no pattern is looked up first, to find out whether it is a
	// directory; one that is meant for several sites is below each of them.
	if !resolver.IsPattern(pattern) {
		res, err := x.resolver.Look(ctx, pattern)
		if err != nil {
			return named(st, err)
		}
		x.tellUnheard(res)
		found := false
		for _, p := range res.Found() {
			found = true
			if p.Entry.Type != sites.Directory {
				show(p)
				continue
			}
			below := strings.TrimRight(resolver.Typed(p.Pathname), "/") + "/**"
			if err := x.resolver.Match(ctx, below, x.list, show); err != nil {
				return named(st, err)
			}
		}
		if !found {
			_, err := x.resolver.Source(ctx, pattern)
			return named(st, err)
		}
		return printing
	}
	if err := x.match(ctx, st, pattern, show); err != nil {
		return err
	}
	return printing
}
