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

// mirror performs MIRROR (DIRECTORY) d (TO DIRECTORY) e,... [--delete] [--dry-run].
func (x *Executive) mirror(ctx context.Context, st *grammar.Statement) error {
	source, err := x.present(ctx, st.Operand(0).Pattern())
	if err != nil {
		return named(st, err)
	}
	if source.Entry.Type != sites.Directory {
		return &sites.Error{Op: st.Verb.Name, Site: source.Pathname.Site, Path: source.Pathname.Path, Kind: sites.Usage, Msg: "it is no directory",
			Hint: "COPY --update copies files that have changed"}
	}
	failed := &someFailed{verb: st.Verb.Name}
	dests, err := x.targets(ctx, st, st.List(0), st.List(1), failed)
	if err != nil {
		return err
	}
	var group []state.Transfer
	for _, dest := range dests {
		switch {
		case dest.Err == nil && dest.Entry.Type == sites.File:
			err = &sites.Error{Op: st.Verb.Name, Site: dest.Pathname.Site, Path: dest.Pathname.Path, Kind: sites.Usage, Msg: "it is no directory"}
		case x.contains(source.Pathname, dest.Pathname), x.contains(dest.Pathname, source.Pathname):
			err = &sites.Error{Op: st.Verb.Name, Site: source.Pathname.Site, Path: source.Pathname.Path, Kind: sites.Usage,
				Msg: fmt.Sprintf("one of it and %s is in the other", dest.Pathname)}
		}
		if err != nil {
			return err
		}
		t := transferOf(source, dest.Pathname)
		t.What, t.Root, t.Fresh = state.Tree, len(below(source.Pathname)), dest.missing(t.Dest)
		group = append(group, t)
	}
	if _, dry := st.Option("dry-run"); dry {
		return x.rehearseMirror(ctx, st, group)
	}
	if _, deletes := st.Option("delete"); deletes && !x.options.Yes && (x.options.Ask == nil || st.Background) {
		return &sites.Error{Op: st.Verb.Name, Kind: sites.Usage, Msg: "nobody can be asked about what --delete would delete",
			Hint: "rsexec --yes answers for you, --dry-run shows it"}
	}
	j, err := x.newJob(ctx, st)
	if err != nil {
		return err
	}
	if err := j.add(ctx, group); err != nil {
		return errors.Join(named(st, err), j.drop(ctx))
	}
	return j.run(ctx, failed)
}

// rehearseMirror tells what a MIRROR would do.
func (x *Executive) rehearseMirror(ctx context.Context, st *grammar.Statement, trees []state.Transfer) error {
	e, err := x.newExpansion(st)
	if err != nil {
		return named(st, err)
	}
	e.dry = true
	for waiting := [][]state.Transfer{trees}; len(waiting) > 0; waiting = waiting[1:] {
		var broken error
		done, err := e.expand(ctx, waiting[0], func(group []state.Transfer) error {
			switch group[0].What {
			case state.Tree:
				waiting = append(waiting, group)
			case state.File:
				for _, t := range group {
					broken = errors.Join(broken, x.rehearseCopy(ctx, st, t))
				}
			default:
				broken = x.printer.print(extraEvent{"delete", group[0].Dest.String(), group[0].What == state.ExtraTree})
			}
			return broken
		})
		for _, failed := range done.Lost {
			err = errors.Join(err, failed)
		}
		if err = errors.Join(err, broken); err != nil {
			return named(st, err)
		}
	}
	return nil
}

// rehearseCopy tells that a file would be copied, unless that would turn out not to
// be needed.
func (x *Executive) rehearseCopy(ctx context.Context, st *grammar.Statement, t state.Transfer) error {
	o, err := optionsOf(st)
	if err != nil {
		return err
	}
	r := transfer.Request{Verb: st.Verb.Name, Source: t.Source, Dest: t.Dest, Exact: true, Options: o}
	if r.From, err = x.siteNamed(t.Source.Site); err == nil {
		r.To, err = x.siteNamed(t.Dest.Site)
	}
	if err != nil {
		return err
	}
	needed, err := x.mover.Needed(ctx, r)
	if err != nil || !needed {
		return err
	}
	return x.printer.print(textEvent{"text", fmt.Sprintf("COPY %s to %s\n", t.Source, t.Dest)})
}

// extraEvent is a file at the destination that the source does not have.
type extraEvent struct {
	Event    string `json:"event"` // "delete"
	Pathname string `json:"pathname"`
	Tree     bool   `json:"tree,omitempty"` // with all that is below it
}

func (e extraEvent) text() string {
	if e.Tree {
		return "DELETE " + e.Pathname + "/ with all that is below it\n"
	}
	return "DELETE " + e.Pathname + "\n"
}

// deleteExtras deletes at the destinations of a MIRROR what the source does not have:
// after a list of it was shown and agreed to, and only if all else was done.
func (x *Executive) deleteExtras(ctx context.Context, st *grammar.Statement, store *state.Store, id int64, sum transfer.Summary) error {
	var list []state.Transfer
	left := 0
	err := store.Transfers(ctx, id, func(t state.Transfer) bool {
		if t.What == state.Extra || t.What == state.ExtraTree {
			list = append(list, t)
		} else {
			left++
		}
		return true
	})
	switch {
	case err != nil || len(list) == 0:
		return err
	case left > 0:
		x.printer.notice(fmt.Sprintf("%s: nothing is deleted, for not all could be copied", st.Verb.Name))
		return nil
	}
	for _, t := range list {
		if err := x.isGone(ctx, st, t); err != nil {
			return err
		}
	}
	for _, t := range list {
		if err := x.printer.print(extraEvent{"delete", t.Dest.String(), t.What == state.ExtraTree}); err != nil {
			return err
		}
	}
	yes, err := x.confirm(ctx, fmt.Sprintf("Delete %s, which the source does not have?", quantity(len(list), "file or directory", "files and directories")))
	if err != nil {
		return err
	}
	for _, t := range list {
		if yes {
			err = x.deleteExtra(ctx, st, t)
		}
		if err == nil {
			err = store.Drop(context.WithoutCancel(ctx), t)
		}
		if err != nil {
			return named(st, err)
		}
	}
	return nil
}

// isGone returns an error unless the source says that it does not have a file that it
// did not list: a listing that was cut short looks like a whole one.
func (x *Executive) isGone(ctx context.Context, st *grammar.Statement, t state.Transfer) error {
	site, err := x.siteNamed(t.Source.Site)
	if err != nil {
		return err
	}
	err = x.patiently(ctx, func() error { _, err := site.Stat(ctx, t.Source.Path); return err })
	switch {
	case sites.KindOf(err) == sites.NotFound:
		return nil
	case err != nil:
		return sites.During(st.Verb.Name, t.Source, err)
	}
	return &sites.Error{Op: st.Verb.Name, Site: t.Source.Site, Path: t.Source.Path, Kind: sites.Conflict,
		Msg: "it is there, and its directory was listed without it, so nothing is deleted", Hint: "MIRROR again"}
}

// deleteExtra deletes one of them, which may be gone.
func (x *Executive) deleteExtra(ctx context.Context, st *grammar.Statement, t state.Transfer) error {
	site, err := x.siteNamed(t.Dest.Site)
	if err != nil {
		return err
	}
	p := resolver.Place{Site: site, Pathname: t.Dest}
	if t.What == state.ExtraTree {
		var k keeper
		if k, err = keeperOf(st, p); err == nil {
			if err = x.empty(ctx, p, k); err == nil {
				err = k.RemoveDirectory(ctx, t.Dest.Path)
			}
		}
	} else {
		err = site.Delete(ctx, t.Dest.Path)
	}
	if err != nil {
		if _, gone := site.Stat(ctx, t.Dest.Path); sites.KindOf(gone) == sites.NotFound {
			err = nil
		}
	}
	if err == nil {
		x.gone(t.Dest)
	}
	return err
}
