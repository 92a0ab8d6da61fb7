package rsexec

import (
	"context"
	"strings"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/rsexec/transfer"
	"rsexec/sites"
)

// copy performs COPY (FILE) f,... (TO FILE) g. With several sources g is a
// directory.
func (x *Executive) copy(ctx context.Context, st *grammar.Statement) error {
	dest, err := x.destination(ctx, st.Operand(1).Value())
	if err != nil {
		return named(st, err)
	}
	list := st.List(0)
	if len(list) > 1 && dest.Err == nil && dest.Entry.Type != sites.Directory {
		return &sites.Error{Op: st.Verb.Name, Site: dest.Pathname.Site, Path: dest.Pathname.Path, Kind: sites.Usage,
			Msg: "it is no directory, so it cannot take several files"}
	}
	return x.each(ctx, st.Verb.Name, list, func(typed string) error {
		job, err := x.job(ctx, st, typed, dest)
		if err != nil {
			return named(st, err)
		}
		if dest.Err != nil && (len(list) > 1 || strings.HasSuffix(st.Operand(1).Value(), "/")) {
			job.Dest = dest.Pathname.Join(job.Source.Base())
		}
		return x.move(ctx, job)
	})
}

// job makes the job of a statement that moves one source to a destination.
func (x *Executive) job(ctx context.Context, st *grammar.Statement, typed string, dest resolver.Place) (transfer.Job, error) {
	source, err := x.source(ctx, typed)
	if err != nil {
		return transfer.Job{}, err
	}
	route, _ := st.Option("route")
	choreography, _ := st.Option("choreography")
	return transfer.Job{Verb: st.Verb.Name, From: source.Site, Source: source.Pathname, To: dest.Site, Dest: dest.Pathname,
		Route: strings.ToLower(route), Choreography: strings.ToLower(choreography)}, nil
}

// named gives an error the verb that it came up in, if it has no operation yet.
func named(st *grammar.Statement, err error) error {
	if e, ok := err.(*sites.Error); ok && e.Op == "" {
		return sites.During(st.Verb.Name, sites.Pathname{Site: e.Site, Path: e.Path}, err)
	}
	return err
}
