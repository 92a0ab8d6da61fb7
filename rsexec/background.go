package rsexec

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"rsexec/grammar"
	"rsexec/sites"
)

// background holds the jobs that run beside the statements.
type background struct {
	mu      sync.Mutex
	running map[int64]*running
	failed  int // the exit status of the first that failed and was not waited for
}

// running is a job that runs beside the statements.
type running struct {
	statement string
	cancel    context.CancelFunc
	ended     chan struct{} // closed at the end
	err       error         // set before that
}

// background performs a job beside the statements that follow.
func (x *Executive) background(ctx context.Context, id int64, st *grammar.Statement, work func(context.Context, *Executive) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{statement: st.String(), cancel: cancel, ended: make(chan struct{})}
	b := x.branch()
	b.unattended = true
	x.jobs.mu.Lock()
	x.jobs.running[id] = r
	x.jobs.mu.Unlock()
	x.printer.notice(fmt.Sprintf("job %d: %s", id, r.statement))
	go func() {
		defer close(r.ended)
		defer cancel()
		r.err = work(ctx, b)
		called := sites.KindOf(r.err) == sites.Cancelled
		switch {
		case called:
			x.printer.notice(fmt.Sprintf("job %d was stopped; RESUME %d goes on with it", id, id))
			r.err = nil
		case r.err != nil:
			b.Report(r.err)
			x.printer.notice(fmt.Sprintf("job %d failed", id))
		default:
			x.printer.notice(fmt.Sprintf("job %d is done", id))
		}
		x.jobs.mu.Lock()
		delete(x.jobs.running, id)
		if r.err != nil && x.jobs.failed == 0 {
			x.jobs.failed = Status(r.err)
		}
		x.jobs.mu.Unlock()
	}()
}

// Running returns the numbers of the jobs that run in the background.
func (x *Executive) Running() []int64 {
	x.jobs.mu.Lock()
	defer x.jobs.mu.Unlock()
	return slices.Sorted(maps.Keys(x.jobs.running))
}

// get returns a job that runs in the background; nil if it does not.
func (b *background) get(id int64) *running {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.running[id]
}

// Wait waits for the end of the jobs that run in the background, or of ctx, which
// leaves them running. status is the exit status of the first that failed since it
// was asked last.
func (x *Executive) Wait(ctx context.Context) (status int) {
	for _, id := range x.Running() {
		if r := x.jobs.get(id); r != nil {
			select {
			case <-r.ended:
			case <-ctx.Done():
				return StatusInterrupted
			}
		}
	}
	x.jobs.mu.Lock()
	defer x.jobs.mu.Unlock()
	status, x.jobs.failed = x.jobs.failed, 0
	return status
}

// stop stops the jobs that run in the background, and waits for that.
func (b *background) stop() {
	b.mu.Lock()
	list := slices.Collect(maps.Values(b.running))
	b.mu.Unlock()
	for _, r := range list {
		r.cancel()
	}
	for _, r := range list {
		<-r.ended
	}
}
