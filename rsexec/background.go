package rsexec

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"

	"rsexec/grammar"
)

// jobsAtOnce is how many jobs run in the background at the same time. The others wait
// for their turn, in the order in which they came.
const jobsAtOnce = 8

// background holds the jobs that run beside the statements.
type background struct {
	printer *printer // of the shell, wherever the statement that began a job prints to
	turns   *semaphore.Weighted

	mu      sync.Mutex
	running map[int64]*running
	failed  []failedJob // that nobody has waited for, in the order in which they failed
}

// failedJob is a job that failed, with its exit status.
type failedJob struct {
	id     int64
	status int
}

func newBackground(p *printer) *background {
	return &background{printer: p, turns: semaphore.NewWeighted(jobsAtOnce), running: make(map[int64]*running)}
}

// running is a job that runs beside the statements, or waits for its turn.
type running struct {
	statement *grammar.Statement
	cancel    context.CancelFunc
	begun     chan struct{} // closed when it is its turn
	ended     chan struct{} // closed at the end
	err       error         // set before that
}

// waits reports whether it is not the job's turn yet.
func (r *running) waits() bool {
	select {
	case <-r.begun:
		return false
	default:
		return true
	}
}

// background performs a job beside the statements that follow. Nobody is asked
// anything in it. Where atOnce says so it does not wait for its turn.
func (x *Executive) background(ctx context.Context, id int64, st *grammar.Statement, atOnce bool, work func(context.Context, *Executive) error) {
	ctx, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), quietKey{}, true))
	r := &running{statement: st, cancel: cancel, begun: make(chan struct{}), ended: make(chan struct{})}
	b := x.branch()
	b.options.Ask, b.options.Interactive = nil, false
	b.printer, b.unattended = x.jobs.printer, true
	x.jobs.mu.Lock()
	x.jobs.running[id] = r
	x.jobs.mu.Unlock()
	b.printer.notice(fmt.Sprintf("job %d: %s", id, brief(st)))
	go func() {
		defer close(r.ended)
		defer cancel()
		// Where it is stopped before its turn it is performed all the same: it gives
		// the job back.
		if atOnce || x.jobs.turns.Acquire(ctx, 1) == nil {
			close(r.begun)
			if !atOnce {
				defer x.jobs.turns.Release(1)
			}
		}
		r.err = work(ctx, b)
		if r.err != nil && ctx.Err() != nil {
			b.printer.notice(fmt.Sprintf("job %d was stopped; RESUME %d goes on with it", id, id))
			r.err = nil
		} else if r.err != nil {
			b.Report(r.err)
			b.printer.notice(fmt.Sprintf("job %d failed", id))
		} else {
			b.printer.notice(fmt.Sprintf("job %d is done", id))
		}
		x.jobs.mu.Lock()
		delete(x.jobs.running, id)
		if r.err != nil {
			x.jobs.failed = append(x.jobs.failed, failedJob{id, Status(r.err)})
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
	if len(x.jobs.failed) > 0 {
		status = x.jobs.failed[0].status
	}
	x.jobs.failed = nil
	return status
}

// failure returns the exit status of a job that failed and was not waited for, and
// counts it as waited for.
func (b *background) failure(id int64) (status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = slices.DeleteFunc(b.failed, func(f failedJob) bool {
		if f.id == id {
			status = f.status
		}
		return f.id == id
	})
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
