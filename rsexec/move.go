package rsexec

import (
	"context"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// moveFiles performs MOVE (FILE) f,... (TO FILE) g. With several sources the
// destination is a directory. All names are looked up before a file is moved, so
// that none is met again where it went.
func (x *Executive) moveFiles(ctx context.Context, st *grammar.Statement) error {
	dest, err := x.target(ctx, st, st.List(0), st.Operand(1))
	if err != nil {
		return err
	}
	found, failed, err := x.places(ctx, st, st.List(0), x.oneImage())
	if err != nil {
		return err
	}
	alone := len(found) == 1 && failed.total == 0
	for _, source := range found {
		err := x.moveOne(ctx, st, source, dest)
		switch {
		case ctx.Err() != nil && err != nil:
			return named(st, sites.Stopped(ctx))
		case alone:
			return err
		}
		x.tally(failed, err)
	}
	return failed.orNil()
}

// oneImage returns the resolver for a name of which one file is to be changed:
// images are several files then.
func (x *Executive) oneImage() *resolver.Resolver {
	r := x.resolver
	r.Images = nil
	return &r
}

// moveOne moves one file: within a site by another name, else by a copy. Either
// way there must be no such file yet; so the copy cannot be the source itself,
// whatever names lead to it.
func (x *Executive) moveOne(ctx context.Context, st *grammar.Statement, source resolver.Place, dest target) error {
	to, err := dest.pathname(source.Pathname)
	if err != nil {
		return named(st, err)
	}
	wrong := func(msg, hint string) error {
		return &sites.Error{Op: st.Verb.Name, Site: source.Pathname.Site, Path: source.Pathname.Path, Kind: sites.Usage, Msg: msg, Hint: hint}
	}
	within, isDirectory := x.isOneSite(source.Pathname, to), source.Entry.Type == sites.Directory
	switch {
	case within && to.Path == source.Pathname.Path:
		return wrong("source and destination are the same file", "")
	case isDirectory && x.contains(source.Pathname, to):
		return wrong("a directory cannot be moved into itself", "")
	case within:
		return x.renameTo(ctx, st, source, to)
	case isDirectory:
		return wrong("it is a directory, which can be moved within its site only", "COPY --recursive copies it")
	}
	if err := vacant(ctx, st, dest.Site, to); err != nil {
		return err
	}
	result, err := x.moved(ctx, copyJob(st, source, dest, to))
	if err != nil {
		return err
	}
	return x.deleteMoved(ctx, st, source, to, result.Verified != "none")
}

// deleteMoved deletes a file whose copy is complete.
func (x *Executive) deleteMoved(ctx context.Context, st *grammar.Statement, source resolver.Place, to sites.Pathname, verified bool) error {
	e := &sites.Error{Op: st.Verb.Name, Site: source.Pathname.Site, Path: source.Pathname.Path, Hint: "the copy is " + to.String()}
	if !verified {
		e.Kind, e.Msg = sites.Unsupported, "its copy is there but could not be checked, for a site does not tell sizes, so the source remains"
		return e
	}
	if err := source.Site.Delete(ctx, source.Pathname.Path); err != nil {
		e.Kind, e.Msg, e.Err = sites.KindOf(err), "its copy is complete, but the source remains, for it could not be deleted", err
		return e
	}
	x.gone(source.Pathname)
	return nil
}
