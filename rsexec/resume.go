package rsexec

import (
	"context"
	"fmt"
	"strings"

	"rsexec/grammar"
	"rsexec/rsexec/state"
	"rsexec/sites"
)

// resume performs RESUME [(JOB) n | ALL]: without an operand the last job is meant
// that can be gone on with.
func (x *Executive) resume(ctx context.Context, st *grammar.Statement) error {
	store, err := x.store(ctx)
	if err != nil {
		return named(st, err)
	}
	var list []state.Job
	operand := st.Operand(0).Value()
	all := strings.EqualFold(operand, grammar.All)
	switch {
	case operand == "" || all:
		err = store.Jobs(ctx, func(j state.Job) bool {
			if j.Ended.IsZero() && !store.Alive(j.Owner) {
				list = append(list, j)
			}
			return true
		})
		if err != nil {
			return named(st, err)
		}
		if n := len(list); operand == "" && n > 0 {
			list = list[n-1:]
		}
		if operand == "" && len(list) == 0 {
			return &sites.Error{Op: st.Verb.Name, Kind: sites.NotFound, Msg: "there is no job to go on with"}
		}
	default:
		j, err := x.jobNumbered(ctx, st, store)
		if err != nil {
			return err
		}
		if !j.Ended.IsZero() {
			x.printer.notice(fmt.Sprintf("job %d is done", j.ID))
			return nil
		}
		list = []state.Job{j}
	}
	failed := &someFailed{verb: st.Verb.Name, total: len(list)}
	for _, j := range list {
		err := x.resumeJob(ctx, st, store, j, all)
		switch {
		case err == nil:
		case len(list) == 1 || ctx.Err() != nil:
			return err
		default:
			x.Report(err)
			failed.failed++
			failed.last = err
		}
	}
	return failed.orNil()
}

// resumeJob goes on with one job, in the background if the statement says so. all says
// that it is none of those that are meant if another shell was faster.
func (x *Executive) resumeJob(ctx context.Context, st *grammar.Statement, store *state.Store, j state.Job, all bool) error {
	statement, err := parseJob(j)
	if err == nil {
		err = x.sameSites(ctx, store, j)
	}
	if err != nil {
		return named(st, err)
	}
	ok, err := store.Claim(ctx, j)
	switch {
	case err == nil && !ok && all:
		return nil
	case err == nil && !ok:
		err = x.isRunning(ctx, store, j)
	}
	if err != nil {
		return named(st, err)
	}
	several := j.Done+j.Waiting+j.Failed > 1
	perform := func(ctx context.Context, b *Executive) error {
		return b.performJob(ctx, j.ID, statement, &someFailed{verb: statement.Verb.Name}, several)
	}
	if st.Background {
		x.background(ctx, j.ID, statement, perform)
		return nil
	}
	return perform(ctx, x)
}

// sameSites returns an error if a name in a job means another site by now, or none.
func (x *Executive) sameSites(ctx context.Context, store *state.Store, j state.Job) error {
	names, err := store.Names(ctx, j.ID)
	if err != nil {
		return err
	}
	for name, identity := range names {
		if _, err := x.siteNamed(name); err != nil {
			return &sites.Error{Site: name, Kind: sites.NotFound, Msg: fmt.Sprintf("no such site, which job %d needs", j.ID),
				Hint: fmt.Sprintf("name it as before: --site %s=%s", name, identity)}
		}
		if now := x.network.identity(name); now != identity && !strings.Contains(name, "://") {
			return &sites.Error{Site: name, Kind: sites.Conflict, Msg: fmt.Sprintf("job %d is about %s, and the name means %s now", j.ID, identity, now)}
		}
	}
	return nil
}
