package rsexec

import (
	"context"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// keeper is a site with directories that can be made and removed.
type keeper interface {
	MakeDirectory(ctx context.Context, path string) error
	RemoveDirectory(ctx context.Context, path string) error
}

func keeperOf(st *grammar.Statement, p resolver.Place) (keeper, error) {
	k, ok := p.Site.(keeper)
	if !ok {
		return nil, &sites.Error{Op: st.Verb.Name, Site: p.Pathname.Site, Path: p.Pathname.Path, Kind: sites.Unsupported,
			Msg: "this kind of site makes and removes no directories"}
	}
	return k, nil
}

// create performs CREATE (DIRECTORY) d.
func (x *Executive) create(ctx context.Context, st *grammar.Statement) error {
	p, err := x.destination(ctx, st.Operand(0).Pattern())
	if err != nil {
		return named(st, err)
	}
	if p.Err == nil {
		return &sites.Error{Op: st.Verb.Name, Site: p.Pathname.Site, Path: p.Pathname.Path, Kind: sites.Conflict, Msg: "it exists already"}
	}
	k, err := keeperOf(st, p)
	if err != nil {
		return err
	}
	return named(st, x.makeDirectory(ctx, k, p.Pathname))
}

// makeDirectory makes a directory and says so.
func (x *Executive) makeDirectory(ctx context.Context, k keeper, p sites.Pathname) error {
	if err := k.MakeDirectory(ctx, p.Path); err != nil {
		return err
	}
	x.made(p, sites.Entry{Type: sites.Directory, Size: -1})
	return x.printer.print(textEvent{"text", "CREATE " + p.String() + "\n"})
}

// remove performs REMOVE (DIRECTORY) d [--recursive].
func (x *Executive) remove(ctx context.Context, st *grammar.Statement) error {
	res, err := x.resolver.Again(ctx, st.Operand(0).Pattern())
	if err != nil {
		return named(st, err)
	}
	p := res.Place
	if p.Entry.Type == sites.File || p.Entry.Type == sites.Link {
		return &sites.Error{Op: st.Verb.Name, Site: p.Pathname.Site, Path: p.Pathname.Path, Kind: sites.Usage, Msg: "it is no directory",
			Hint: "DELETE deletes files"}
	}
	k, err := keeperOf(st, p)
	if err != nil {
		return err
	}
	if _, recursive := st.Option("recursive"); recursive {
		if err := x.empty(ctx, p, k); err != nil {
			return named(st, err)
		}
	}
	if err := k.RemoveDirectory(ctx, p.Pathname.Path); err != nil {
		if e, ok := err.(*sites.Error); ok && e.Kind == sites.Refused && e.Hint == "" {
			e.Hint = "--recursive removes what is in it as well"
		}
		return named(st, err)
	}
	x.gone(p.Pathname)
	return x.printer.print(textEvent{"text", "REMOVE " + p.Pathname.String() + "\n"})
}

// empty removes all that is in a directory. Links are removed and not followed.
func (x *Executive) empty(ctx context.Context, dir resolver.Place, k keeper) error {
	if len(dir.Pathname.Path) > sites.MaxPath {
		return sites.TooDeep(dir.Pathname)
	}
	var entries []sites.Entry
	var held sites.Held
	room := true
	err := dir.Site.List(ctx, dir.Pathname.Path, func(e sites.Entry) bool {
		entries = append(entries, e)
		room = held.Add(e)
		return room
	})
	if err == nil && !room {
		err = sites.TooLarge(dir.Pathname)
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		p := resolver.Place{Site: dir.Site, Pathname: dir.Pathname.Join(e.Name), Entry: e}
		if e.Type != sites.Directory {
			if err := p.Site.Delete(ctx, p.Pathname.Path); err != nil {
				return err
			}
			x.gone(p.Pathname)
			continue
		}
		if err := x.empty(ctx, p, k); err != nil {
			return err
		}
		if err := k.RemoveDirectory(ctx, p.Pathname.Path); err != nil {
			return err
		}
	}
	return nil
}
