package rsexec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// directory performs DIRECTORY (OF FILES) [f,...]. Without a pathname it lists
// the working directory, or, where there is none, the composite directory.
func (x *Executive) directory(ctx context.Context, st *grammar.Statement) error {
	words := st.List(0)
	if len(words) > 0 {
		return x.forWords(ctx, st, words, func(w grammar.Word) error {
			return x.directoryOf(ctx, st, w.Pattern(), len(words) > 1)
		})
	}
	return x.directoryOf(ctx, st, x.here(), false)
}

// here returns what to type for the working directory, or, where there is none,
// for the composite directory.
func (x *Executive) here() string {
	if x.resolver.Working.Site != "" {
		return resolver.Typed(x.resolver.Working)
	}
	return resolver.DSK + ":"
}

// directoryOf lists what one name means: one directory with its own names,
// several as one with complete names, a file or the matches of a pattern each
// on a line.
func (x *Executive) directoryOf(ctx context.Context, st *grammar.Statement, pattern string, heading bool) error {
	if resolver.IsPattern(pattern) {
		var printing error
		err := x.match(ctx, st, pattern, func(p resolver.Place) bool {
			printing = x.printer.print(newEntryEvent(p.Pathname, p.Entry, p.Pathname.Site+":"+p.Pathname.Path))
			return printing == nil
		})
		return cmp.Or(printing, err)
	}
	res, err := x.resolver.Look(ctx, pattern)
	if err != nil {
		return named(st, err)
	}
	x.tellUnheard(res)
	var dirs []resolver.Place
	for _, p := range res.Found() {
		if p.Entry.Type == sites.File {
			if err := x.printer.print(newEntryEvent(p.Pathname, p.Entry, p.Pathname.Site+":"+p.Pathname.Path)); err != nil {
				return err
			}
			continue
		}
		dirs = append(dirs, p)
	}
	_, folded := st.Option("images")
	switch {
	case len(res.Found()) == 0:
		_, err := x.resolver.Again(ctx, pattern)
		return named(st, err)
	case len(dirs) == 0:
		return nil
	case len(dirs) > 1 || folded:
		return x.showMerged(ctx, st, dirs, folded)
	}
	return x.showOne(ctx, st, dirs[0], heading)
}

// showOne lists one directory, as the entries come.
func (x *Executive) showOne(ctx context.Context, st *grammar.Statement, p resolver.Place, heading bool) error {
	if heading && !x.options.JSON {
		if err := x.printer.print(textEvent{"text", fmt.Sprintf("%s\n", p.Pathname)}); err != nil {
			return err
		}
	}
	listed := newFlood(x.printer)
	err := x.list(ctx, p.Site, p.Pathname, func(e sites.Entry) bool {
		return listed.print(newEntryEvent(p.Pathname.Join(e.Name), e, e.Name)) == nil
	})
	return cmp.Or(listed.end(), named(st, err))
}

// showMerged lists several directories, all at the same time, as one: by name,
// with the site of each entry, or one line for all images of a name.
func (x *Executive) showMerged(ctx context.Context, st *grammar.Statement, dirs []resolver.Place, folded bool) error {
	lists := make([][]resolver.Place, len(dirs))
	errs := make([]error, len(dirs))
	var group sync.WaitGroup
	for i, d := range dirs {
		group.Go(func() {
			var held sites.Held
			room := true
			errs[i] = x.list(ctx, d.Site, d.Pathname, func(e sites.Entry) bool {
				lists[i] = append(lists[i], resolver.Place{Site: d.Site, Pathname: d.Pathname.Join(e.Name), Entry: e})
				room = held.Add(e)
				return room
			})
			if !room {
				errs[i] = sites.TooLarge(d.Pathname)
			}
		})
	}
	group.Wait()
	all := slices.Concat(lists...)
	// The order of the search list holds among entries of one name.
	slices.SortStableFunc(all, func(a, b resolver.Place) int { return strings.Compare(a.Entry.Name, b.Entry.Name) })
	for len(all) > 0 {
		n := 1
		for folded && n < len(all) && all[n].Entry.Name == all[0].Entry.Name {
			n++
		}
		shown := all[0].Pathname.Site + ":" + all[0].Pathname.Path
		if folded {
			shown = all[0].Entry.Name
		}
		e := newEntryEvent(all[0].Pathname, all[0].Entry, shown)
		if folded {
			e.images(all[:n])
		}
		if err := x.printer.print(e); err != nil {
			return err
		}
		all = all[n:]
	}
	return named(st, errors.Join(errs...))
}
