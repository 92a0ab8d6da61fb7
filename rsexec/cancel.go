package rsexec

import (
	"context"

	"rsexec/grammar"
)

// cancelJob performs CANCEL (JOB) n.
func (x *Executive) cancelJob(ctx context.Context, st *grammar.Statement) error {
	store, err := x.store(ctx)
	if err != nil {
		return named(st, err)
	}
	j, r, err := x.jobNumbered(ctx, st, store)
	if err != nil {
		return err
	}
	if r != nil {
		r.cancel()
		<-r.ended // it cleans up at its sites, for a limited time
		return nil
	}
	if j.Ended.IsZero() && store.Alive(j.Owner) {
		return named(st, x.isRunning(ctx, store, j))
	}
	return nil
}
