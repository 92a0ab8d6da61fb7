package rsexec

import (
	"context"
	"fmt"

	"rsexec/grammar"
	"rsexec/sites"
)

// cancelJob performs CANCEL (JOB) n.
func (x *Executive) cancelJob(ctx context.Context, st *grammar.Statement) error {
	store, err := x.store(ctx)
	if err != nil {
		return named(st, err)
	}
	j, err := x.jobNumbered(ctx, st, store)
	if err != nil {
		return err
	}
	if r := x.jobs.get(j.ID); r != nil {
		r.cancel()
		<-r.ended // it cleans up at its sites, for a limited time
		return nil
	}
	if j.Ended.IsZero() && store.Alive(j.Owner) {
		return &sites.Error{Op: st.Verb.Name, Kind: sites.Unsupported, Msg: fmt.Sprintf("job %d runs in another shell", j.ID), Hint: "cancel it there"}
	}
	return nil
}
