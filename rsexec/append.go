package rsexec

import (
	"context"
	"fmt"
	"strings"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/rsexec/transfer"
	"rsexec/sites"
)

// append performs APPEND (FILE) f,... (TO FILE) g: each source in order. Where
// g is at several sites as images of one file, every image is appended to, or
// none if one of them cannot be reached.
func (x *Executive) append(ctx context.Context, st *grammar.Statement) error {
	dests, err := x.appendTo(ctx, st, st.Operand(1).Pattern())
	if err != nil {
		return err
	}
	// A failure ends it: what comes after a missing piece must not follow what
	// came before it.
	for _, w := range st.List(0) {
		for i, dest := range dests {
			err := x.withSource(ctx, st, w.Pattern(), func(source resolver.Place) error {
				return x.move(ctx, job(st, source, dest))
			})
			if err != nil && i > 0 {
				done := make([]string, i)
				for k, d := range dests[:i] {
					done[k] = d.Pathname.String()
				}
				return &sites.Error{Op: st.Verb.Name, Site: dest.Pathname.Site, Path: dest.Pathname.Path, Kind: sites.Conflict, Err: err,
					Msg: fmt.Sprintf("%s was appended to %s already, and not to this image", w.Value(), strings.Join(done, " and "))}
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// appendTo returns the file that is appended to, or all images of it.
func (x *Executive) appendTo(ctx context.Context, st *grammar.Statement, typed string) ([]resolver.Place, error) {
	res, err := x.resolver.Look(ctx, typed)
	if err != nil {
		return nil, named(st, err)
	}
	found := res.Found()
	if len(found) > 1 {
		if _, same := x.images(ctx, found); same {
			if unheard := res.Unheard(); len(unheard) > 0 {
				return nil, &sites.Error{Op: st.Verb.Name, Path: typed, Kind: sites.Unreachable, Err: unheard[0].Err,
					Msg: fmt.Sprintf("it has %d images, and %s may hold another but cannot be asked, so none was changed", len(found), unheard[0].Pathname.Site)}
			}
			return found, nil
		}
	}
	if res, err = x.resolver.Target(ctx, res); err != nil {
		return nil, named(st, err)
	}
	x.tellUnheard(res)
	return []resolver.Place{res.Place}, nil
}

// job makes the job of a statement that moves one source to a destination.
func job(st *grammar.Statement, source, dest resolver.Place) transfer.Request {
	route, _ := st.Option("route")
	choreography, _ := st.Option("choreography")
	return transfer.Request{Verb: st.Verb.Name, From: source.Site, Source: source.Pathname, To: dest.Site, Dest: dest.Pathname,
		Options: transfer.Options{Route: strings.ToLower(route), Choreography: strings.ToLower(choreography)}}
}

// move performs one job and prints its result.
func (x *Executive) move(ctx context.Context, job transfer.Request) error {
	_, err := x.moved(ctx, job)
	return err
}

// moved performs one job, prints its result and returns it.
func (x *Executive) moved(ctx context.Context, job transfer.Request) (transfer.Result, error) {
	x.tracer.columns(job.Source.Site, job.Dest.Site)
	result, err := x.mover.Do(ctx, job)
	if err != nil {
		return result, err
	}
	x.made(result.Destination, sites.Entry{Type: sites.File, Size: -1})
	return result, x.printer.print(transferEvent{"transfer", result})
}
