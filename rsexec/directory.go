package rsexec

import (
	"context"
	"fmt"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// directory performs DIRECTORY (OF FILES) [f,...]. Without a pathname it lists
// the working directory, or, where there is none, the home of every site.
func (x *Executive) directory(ctx context.Context, st *grammar.Statement) error {
	words := st.List(0)
	if len(words) > 0 {
		return x.each(ctx, st.Verb.Name, words, func(typed string) error {
			place, err := x.source(ctx, typed)
			if err != nil {
				return named(st, err)
			}
			return x.show(ctx, place, len(words) > 1)
		})
	}
	var places []resolver.Place
	if site, ok := x.network.Site(x.resolver.Working.Site); ok {
		places = append(places, resolver.Place{Site: site, Pathname: x.resolver.Working})
	} else {
		for _, site := range x.network.DSK() {
			places = append(places, resolver.Place{Site: site, Pathname: sites.Pathname{Site: site.Name()}})
		}
	}
	if len(places) == 0 {
		return &sites.Error{Op: st.Verb.Name, Kind: sites.NotFound, Msg: "there is no site to list",
			Hint: "name sites with --site NAME=ftp://user:password@host"}
	}
	failed := &someFailed{verb: st.Verb.Name, total: len(places)}
	for _, p := range places {
		home, err := p.Site.Home(ctx)
		if err == nil {
			if p.Pathname.Path == "" {
				p.Pathname.Path = home
			}
			p.Entry.Type = sites.Directory
			err = x.show(ctx, p, len(places) > 1)
		}
		if err != nil && len(places) == 1 {
			return named(st, err)
		}
		if err != nil {
			x.Report(named(st, err))
			failed.failed++
			failed.last = err
		}
		if ctx.Err() != nil {
			return err
		}
	}
	if failed.failed > 0 {
		return failed
	}
	return nil
}

// show lists one directory, or one file. With a heading each directory is
// named above its entries.
func (x *Executive) show(ctx context.Context, p resolver.Place, heading bool) error {
	if p.Entry.Type == sites.File {
		return x.printer.print(newEntryEvent(p.Pathname, p.Entry, p.Pathname.Base()))
	}
	if heading && !x.options.JSON {
		if err := x.printer.print(textEvent{"text", fmt.Sprintf("%s\n", p.Pathname)}); err != nil {
			return err
		}
	}
	var printing error
	err := p.Site.List(ctx, p.Pathname.Path, func(e sites.Entry) bool {
		printing = x.printer.print(newEntryEvent(p.Pathname.Join(e.Name), e, e.Name))
		return printing == nil
	})
	if printing != nil {
		return printing
	}
	return err
}
