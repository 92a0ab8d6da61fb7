package rsexec

import (
	"context"
	"strings"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// copyTrees performs COPY --recursive to one destination. What would copy a
// directory into itself is refused before anything is copied.
func (x *Executive) copyTrees(ctx context.Context, st *grammar.Statement, sources []grammar.Word, dest target) error {
	found, failed, err := x.places(ctx, st, sources, &x.resolver)
	if err != nil {
		return err
	}
	roots := make([]sites.Pathname, len(found))
	for i, source := range found {
		if source.Entry.Type != sites.Directory {
			continue
		}
		if roots[i], err = dest.root(source.Pathname); err != nil {
			return named(st, err)
		}
		if x.contains(source.Pathname, roots[i]) {
			return &sites.Error{Op: st.Verb.Name, Site: source.Pathname.Site, Path: source.Pathname.Path, Kind: sites.Usage,
				Msg: "a directory cannot be copied into itself, and " + roots[i].String() + " is in it"}
		}
	}
	alone := len(found) == 1 && failed.total == 0
	for i, source := range found {
		if source.Entry.Type == sites.Directory {
			err = x.copyTree(ctx, st, source, dest, roots[i], failed)
		} else {
			err = x.copyOne(ctx, st, source, dest)
		}
		switch {
		case ctx.Err() != nil:
			return named(st, sites.Stopped(ctx))
		case alone && err != nil:
			return err
		}
		x.tally(failed, err)
	}
	return failed.orNil()
}

// root returns what a directory becomes at the target: a directory in it, if it
// is one, else the target itself.
func (t target) root(source sites.Pathname) (sites.Pathname, error) {
	switch {
	case t.isDirectory(), t.Err != nil && t.several:
		return under(t.Pathname, source.Base())
	case t.Err == nil && t.Entry.Type == sites.File:
		return t.Pathname, &sites.Error{Site: t.Pathname.Site, Path: t.Pathname.Path, Kind: sites.Usage,
			Msg: "it is no directory, so it cannot take one"}
	}
	return t.Pathname, nil
}

// contains reports whether a pathname is a directory or below it.
func (x *Executive) contains(dir, p sites.Pathname) bool {
	return x.isOneSite(dir, p) && (p.Path == dir.Path || strings.HasPrefix(p.Path, below(dir)))
}

// isOneSite reports whether two files are at one site, whatever it is called.
func (x *Executive) isOneSite(a, b sites.Pathname) bool {
	identity := func(p sites.Pathname) string { return strings.TrimSuffix(x.network.identity(p.Site), ":21") } // as Visit names it
	return identity(a) == identity(b)
}

// below returns what the paths of all that is in a directory begin with.
func below(dir sites.Pathname) string {
	if dir.Path == "" {
		return "" // the home, whose path its site does not tell
	}
	return strings.TrimRight(dir.Path, "/") + "/"
}

// copyTree copies a directory, as root, with all that is below it. The error is
// that of the directory itself; those of what is below it are reported and
// counted. What is below a directory that cannot be made fails with it.
func (x *Executive) copyTree(ctx context.Context, st *grammar.Statement, source resolver.Place, dest target, root sites.Pathname, failed *someFailed) error {
	k, err := keeperOf(st, dest.Place)
	if err == nil {
		err = x.haveDirectory(ctx, dest.Site, k, root)
	}
	if err != nil {
		return named(st, err)
	}
	lost := make(map[sites.Pathname]bool) // directories that could not be made, at the source
	err = x.below(ctx, source.Pathname, func(p resolver.Place) bool {
		if p.Entry.Type == sites.Unknown { // a listing of names only
			if e, err := p.Site.Stat(ctx, p.Pathname.Path); err == nil {
				p.Entry = e
			} // else the copy tells what is wrong
		}
		isDirectory := p.Entry.Type == sites.Directory
		to, err := under(root, strings.TrimPrefix(p.Pathname.Path, below(source.Pathname)))
		switch {
		case lost[p.Pathname.Dir()]:
			lost[p.Pathname] = isDirectory
			failed.total++
			failed.failed++
			return true
		case p.Entry.Type == sites.Link:
			x.printer.notice(st.Verb.Name + " " + p.Pathname.String() + ": it is a link and was left out")
			return true
		case err != nil:
		case isDirectory:
			err = x.haveDirectory(ctx, dest.Site, k, to)
		default:
			j := job(st, p, dest.Place)
			j.Dest, j.Exact = to, true
			err = x.moveOrLeave(ctx, st, p, j)
		}
		if ctx.Err() != nil {
			return false
		}
		lost[p.Pathname] = err != nil && isDirectory
		x.tally(failed, named(st, err))
		return true
	})
	if err != nil && ctx.Err() == nil {
		x.tally(failed, named(st, err))
	}
	return nil
}

// haveDirectory makes a directory unless there is one.
func (x *Executive) haveDirectory(ctx context.Context, site sites.Site, k keeper, p sites.Pathname) error {
	err := x.makeDirectory(ctx, k, p)
	if err == nil {
		return nil
	}
	// The refusal itself does not tell a directory that is there from one that
	// may not be made.
	if e, unknown := site.Stat(ctx, p.Path); unknown == nil && e.Type == sites.Directory {
		return nil
	}
	return err
}
