package rsexec

import (
	"context"
	"errors"
	"fmt"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/rsexec/state"
	"rsexec/rsexec/transfer"
	"rsexec/sites"
)

// append performs APPEND (FILE) f,... (TO FILE) g: each source in order. All are
// looked up before anything is appended. Where g is at several sites as images of one
// file, every image is appended to, or none if one of them cannot be reached.
func (x *Executive) append(ctx context.Context, st *grammar.Statement) error {
	dests, err := x.appendTo(ctx, st, st.Operand(1).Pattern())
	if err != nil {
		return err
	}
	j, err := x.newJob(ctx, st)
	if err != nil {
		return err
	}
	failed := &someFailed{verb: st.Verb.Name}
	for _, w := range st.List(0) {
		err = x.eachSource(ctx, st, []grammar.Word{w}, failed, func(source resolver.Place) error {
			if source.Entry.Type == sites.Directory {
				return &sites.Error{Op: st.Verb.Name, Site: source.Pathname.Site, Path: source.Pathname.Path, Kind: sites.Usage, Msg: "it is a directory"}
			}
			var group []state.Transfer
			for _, dest := range dests {
				group = append(group, transferOf(source, dest.Pathname))
			}
			return j.add(ctx, group)
		})
		if err == nil && failed.failed > 0 {
			// It was reported, for the word is a pattern.
			err = &sites.Error{Op: st.Verb.Name, Kind: sites.KindOf(failed.last), Msg: "nothing was appended"}
		}
		if err != nil {
			return errors.Join(err, j.drop(ctx))
		}
	}
	return j.run(ctx, failed)
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
				return nil, &sites.Error{Op: st.Verb.Name, Path: resolver.WithoutPassword(typed), Kind: sites.Unreachable, Err: unheard[0].Err,
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

// request returns what EXPLAIN asks of one source and a destination.
func request(st *grammar.Statement, source, dest resolver.Place) (transfer.Request, error) {
	o, err := optionsOf(st)
	return transfer.Request{Verb: st.Verb.Name, From: source.Site, Source: source.Pathname, To: dest.Site, Dest: dest.Pathname, Options: o}, err
}
