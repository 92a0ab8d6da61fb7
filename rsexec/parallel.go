package rsexec

import (
	"context"
	"strconv"

	"golang.org/x/sync/errgroup"

	"rsexec/grammar"
	"rsexec/sites"
)

// parallel performs PARALLEL [(AT ONCE) n] ... END.
func (x *Executive) parallel(ctx context.Context, st *grammar.Statement) error {
	limit := -1 // none
	if text := st.Operand(0).Value(); text != "" {
		if limit, _ = strconv.Atoi(text); limit < 1 { // the parser saw that it is a number
			return &sites.Error{Op: st.Verb.Name, Kind: sites.Usage, Msg: "it needs a number from 1"}
		}
	}
	return x.atOnce(ctx, st, limit, len(st.Body), func(b *Executive, i int) error { return b.Run(ctx, st.Body[i]) })
}

// atOnce performs n pieces of work, each in a branch of its own, at most limit of
// them at the same time unless that is negative, and waits for all. Each failure
// is reported.
func (x *Executive) atOnce(ctx context.Context, st *grammar.Statement, limit, n int, work func(b *Executive, i int) error) error {
	branches := make([]*Executive, n)
	results := make([]error, n)
	var group errgroup.Group
	group.SetLimit(limit)
	for i := range n {
		branches[i] = x.branch()
		group.Go(func() error {
			if results[i] = work(branches[i], i); results[i] != nil && ctx.Err() == nil && !isQuit(results[i]) {
				branches[i].Report(results[i])
			}
			return nil
		})
	}
	group.Wait() // its functions return no error
	if ctx.Err() != nil {
		return named(st, sites.Stopped(ctx))
	}
	failed := &someFailed{verb: st.Verb.Name, total: n}
	for i, err := range results {
		if x.thread.failed == 0 {
			x.thread.failed = branches[i].thread.failed
		}
		switch {
		case isQuit(err):
			return err
		case err != nil:
			failed.failed++
			failed.last = err
		}
	}
	if failed.failed > 0 {
		return failed
	}
	return nil
}
