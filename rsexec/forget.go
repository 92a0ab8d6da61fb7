package rsexec

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"rsexec/grammar"
	"rsexec/rsexec/state"
	"rsexec/sites"
)

// forget performs FORGET (JOB) n | ALL.
func (x *Executive) forget(ctx context.Context, st *grammar.Statement) error {
	store, err := x.store(ctx)
	if err != nil {
		return named(st, err)
	}
	var list []state.Job
	if strings.EqualFold(st.Operand(0).Value(), grammar.All) {
		err = store.Jobs(ctx, func(j state.Job) bool {
			if !store.Alive(j.Owner) {
				list = append(list, j)
			}
			return true
		})
	} else {
		var j state.Job
		j, _, err = x.jobNumbered(ctx, st, store)
		list = []state.Job{j}
	}
	if err != nil {
		return named(st, err)
	}
	for _, j := range list {
		if err := x.forgetJob(ctx, store, j); err != nil {
			return named(st, err)
		}
	}
	return nil
}

// forgetJob removes what a job left at its destinations, and then the job. What could
// not be removed is told.
func (x *Executive) forgetJob(ctx context.Context, store *state.Store, j state.Job) error {
	if j.Ended.IsZero() {
		ok, err := store.Claim(ctx, j)
		if err == nil && !ok {
			err = x.isRunning(ctx, store, j)
		}
		if err != nil {
			return err
		}
	}
	err := store.Transfers(ctx, j.ID, func(t state.Transfer) bool {
		if t.Phase == state.Waiting || t.Temporary == "" || t.Phase >= state.Placed {
			return ctx.Err() == nil
		}
		if err := x.removeLeft(ctx, t); err != nil {
			x.printer.notice(fmt.Sprintf("FORGET %d: %s may be left: %v", j.ID, sites.Pathname{Site: t.Dest.Site, Path: t.Temporary}, err))
		}
		if t.Aside != "" {
			x.printer.notice(fmt.Sprintf("FORGET %d: the old %s may be named %s", j.ID, t.Dest, t.Aside))
		}
		return ctx.Err() == nil
	})
	if ctx.Err() != nil {
		err = sites.Stopped(ctx)
	}
	if err != nil {
		return errors.Join(err, store.Release(context.WithoutCancel(ctx), j.ID))
	}
	return store.ForgetJob(ctx, j.ID)
}

// removeLeft removes the unfinished file of a transfer.
func (x *Executive) removeLeft(ctx context.Context, t state.Transfer) error {
	site, err := x.siteNamed(t.Dest.Site)
	if err != nil {
		return err
	}
	_, err = site.Stat(ctx, t.Temporary)
	switch {
	case sites.KindOf(err) == sites.NotFound:
		return nil
	case err != nil:
		return err
	}
	return site.Delete(ctx, t.Temporary)
}
