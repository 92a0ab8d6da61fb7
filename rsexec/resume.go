package rsexec

import (
	"context"
	"fmt"
	"strings"

	"rsexec/grammar"
	"rsexec/rsexec/state"
	"rsexec/rsexec/transfer"
	"rsexec/sites"
)

// resume performs RESUME [(JOB) n | ALL]: without an operand the last job is meant
// that can be gone on with.
func (x *Executive) resume(ctx context.Context, st *grammar.Statement) error {
	store, err := x.store(ctx)
	if err != nil {
		return named(st, err)
	}
	all := strings.EqualFold(st.Operand(0).Value(), grammar.All)
	list, err := x.jobsToResume(ctx, st, store)
	if err != nil {
		return err
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

// jobsToResume returns the jobs that a RESUME is about, all but those that are done.
func (x *Executive) jobsToResume(ctx context.Context, st *grammar.Statement, store *state.Store) (list []state.Job, err error) {
	operand := st.Operand(0).Value()
	switch {
	case operand == "" || strings.EqualFold(operand, grammar.All):
		err := store.Jobs(ctx, func(j state.Job) bool {
			if j.Ended.IsZero() && !store.Alive(j.Owner) {
				list = append(list, j)
			}
			return true
		})
		if err != nil {
			return nil, named(st, err)
		}
		if n := len(list); operand == "" && n > 0 {
			list = list[n-1:]
		}
		if operand == "" && len(list) == 0 {
			return nil, &sites.Error{Op: st.Verb.Name, Kind: sites.NotFound, Msg: "there is no job to go on with"}
		}
	default:
		j, _, err := x.jobNumbered(ctx, st, store)
		if err != nil {
			return nil, err
		}
		if !j.Ended.IsZero() {
			x.printer.notice(fmt.Sprintf("job %d is done", j.ID))
			return nil, nil
		}
		list = []state.Job{j}
	}
	return list, nil
}

// rehearseResume tells what a RESUME would do.
func (x *Executive) rehearseResume(ctx context.Context, st *grammar.Statement) error {
	store, err := x.store(ctx)
	if err != nil {
		return named(st, err)
	}
	list, err := x.jobsToResume(ctx, st, store)
	for _, j := range list {
		if err == nil {
			err = x.printScript(ctx, st, store, j)
		}
	}
	return err
}

// resumable returns the jobs that can be gone on with, as far as there is a state file
// already.
func (x *Executive) resumable(ctx context.Context) (list []state.Job) {
	x.eachKnownJob(ctx, func(j state.Job, alive bool) {
		if j.Ended.IsZero() && !alive {
			list = append(list, j)
		}
	})
	return list
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
	w := &jobWork{id: j.ID, st: statement, kept: true, several: j.Done+j.Waiting+j.Failed > 1,
		failed: &someFailed{verb: statement.Verb.Name, total: int(j.Done)}}
	if st.Background {
		// An APPEND in which others may have to wait does not wait for them.
		x.background(ctx, j.ID, statement, j.Verb == transfer.Append, w.perform)
		return nil
	}
	return w.perform(ctx, x)
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
