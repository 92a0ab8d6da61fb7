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
	j, err := x.jobNumbered(ctx, st, store)
	if err != nil {
		return err
	}
	r := x.jobs.get(j.ID)
	if r == nil {
		if j.Ended.IsZero() && store.Alive(j.Owner) {
			return named(st, x.isRunning(ctx, store, j))
		}
		return nil
	}
	select {
	case <-r.ended:
	case <-ctx.Done():
		return stopped()
	}
	if r.err != nil {
		x.jobs.mu.Lock()
		x.jobs.failed = 0 // it is told here
		x.jobs.mu.Unlock()
		return &jobFailed{Status(r.err)}
	}
	return nil
}

// jobFailed is the error of a job in the background, whose own errors were reported.
type jobFailed struct{ status int }

func (e *jobFailed) Error() string { return "WAIT: a job in the background failed" }
