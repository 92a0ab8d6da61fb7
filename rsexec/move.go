package rsexec

import (
	"context"
	"errors"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/rsexec/state"
	"rsexec/sites"
)

// moveFiles performs MOVE (FILE) f,... (TO FILE) g. With several sources the
// destination is a directory. All names are looked up before a file is moved, so
// that none is met again where it went. Within a site a file only gets another name;
// the others are a job.
func (x *Executive) moveFiles(ctx context.Context, st *grammar.Statement) error {
	dest, err := x.target(ctx, st, st.List(0), st.Operand(1))
	if err != nil {
		return err
	}
	found, failed, err := x.places(ctx, st, st.List(0), x.oneImage())
	if err != nil {
		return err
	}
	j, err := x.newJob(ctx, st)
	if err != nil {
		return err
	}
	alone := len(found) == 1 && failed.total == 0
	for _, source := range found {
		away, err := x.moveWithin(ctx, st, source, dest)
		if err == nil && away != nil {
			if err = j.add(ctx, []state.Transfer{*away}); err == nil {
				continue
			}
		}
		switch {
		case err != nil && ctx.Err() != nil:
			return errors.Join(named(st, sites.Stopped(ctx)), j.drop(ctx))
		case err != nil && (alone || isFatal(err)):
			return errors.Join(err, j.drop(ctx))
		}
		x.tally(failed, err)
	}
	return j.run(ctx, failed)
}

// oneImage returns the resolver for a name of which one file is to be changed:
// images are several files then.
func (x *Executive) oneImage() *resolver.Resolver {
	r := x.resolver
	r.Images = nil
	return &r
}

// moveWithin gives a file within its site the other name. One that goes to another
// site is returned as a transfer. Either way there must be no such file yet; so the
// copy cannot be the source itself, whatever names lead to it.
func (x *Executive) moveWithin(ctx context.Context, st *grammar.Statement, source resolver.Place, dest target) (away *state.Transfer, err error) {
	to, err := dest.pathname(source.Pathname)
	if err != nil {
		return nil, named(st, err)
	}
	wrong := func(msg, hint string) error {
		return &sites.Error{Op: st.Verb.Name, Site: source.Pathname.Site, Path: source.Pathname.Path, Kind: sites.Usage, Msg: msg, Hint: hint}
	}
	within, isDirectory := x.isOneSite(source.Pathname, to), source.Entry.Type == sites.Directory
	switch {
	case within && to.Path == source.Pathname.Path:
		return nil, wrong("source and destination are the same file", "")
	case isDirectory && x.contains(source.Pathname, to):
		return nil, wrong("a directory cannot be moved into itself", "")
	case within:
		return nil, x.renameTo(ctx, st, source, to)
	case isDirectory:
		return nil, wrong("it is a directory, which can be moved within its site only", "COPY --recursive copies it")
	}
	t := transferOf(source, to)
	return &t, nil
}
