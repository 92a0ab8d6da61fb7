package rsexec

import (
	"context"

	"rsexec/grammar"
	"rsexec/rsexec/transfer"
)

// append performs APPEND (FILE) f,... (TO FILE) g: each source in order.
func (x *Executive) append(ctx context.Context, st *grammar.Statement) error {
	dest, err := x.destination(ctx, st.Operand(1).Value())
	if err != nil {
		return named(st, err)
	}
	// A failure ends it: what comes after a missing piece must not follow what
	// came before it.
	for _, w := range st.List(0) {
		job, err := x.job(ctx, st, w.Value(), dest)
		if err != nil {
			return named(st, err)
		}
		if err := x.move(ctx, job); err != nil {
			return err
		}
	}
	return nil
}

// move performs one job and prints its result.
func (x *Executive) move(ctx context.Context, job transfer.Job) error {
	x.tracer.columns(job.Source.Site, job.Dest.Site)
	result, err := x.mover.Do(ctx, job)
	if err != nil {
		return err
	}
	return x.printer.print(transferEvent{"transfer", result})
}
