package rsexec

import (
	"context"

	"rsexec/grammar"
	"rsexec/sites"
)

// wait performs WAIT [(FOR JOB) n]: it fails as a job fails that it waits for.
func (x *Executive) wait(ctx context.Context, st *grammar.Statement) error {
	stopped := func() error { return named(st, sites.Stopped(ctx)) }
	if st.Operand(0).Value() == "" {
		status := x.Wait(ctx)
		switch {
		case ctx.Err() != nil:
			return stopped()
		case status != 0:
			return &jobFailed{status}
		}
		return nil
	}
	store, err := x.store(ctx)
	if err != nil {
		return named(st, err)
	}
	j, r, err := x.jobNumbered(ctx, st, store)
	if err != nil {
		return err
	}
	if r != nil {
		select {
		case <-r.ended:
		case <-ctx.Done():
			return stopped()
		}
	} else if j.Ended.IsZero() && store.Alive(j.Owner) {
		return named(st, x.isRunning(ctx, store, j))
	}
	if status := x.jobs.failure(j.ID); status != 0 {
		return &jobFailed{status}
	}
	return nil
}

// jobFailed is the error of a job in the background, whose own errors were reported.
type jobFailed struct{ status int }

func (e *jobFailed) Error() string { return "WAIT: a job in the background failed" }
