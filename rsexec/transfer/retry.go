package transfer

import (
	"context"
	"math/rand/v2"
	"time"

	"rsexec/sites"
)

const (
	// tries is how often one thing is tried without getting further.
	tries = 5

	// setUpTries is the same for the set-up of a figure: another figure may do.
	setUpTries = 2

	// longestPause is the longest pause between two tries.
	longestPause = 30 * time.Second
)

// again performs work that may be done twice, and does so where its error says that
// this may help.
func (w *work) again(ctx context.Context, work func() error) error {
	for try := 1; ; try++ {
		err := work()
		var e *sites.Error
		if err == nil || ctx.Err() != nil || !sites.KindOf(err).Retryable() || try == tries {
			return err
		}
		if e, _ = err.(*sites.Error); e != nil && e.Op == Connecting && w.row.Attempts == 0 {
			return err // whoever names a site that is not there is told at once
		}
		if err := w.limits.wait(ctx, try); err != nil {
			return err
		}
	}
}

// Connecting is the operation of the error that a site gives that cannot be
// connected to.
const Connecting = "connect to"

// Pause waits after a try that failed: longer after each. The error is that of ctx.
func (m *Mover) Pause(ctx context.Context, try int) error {
	l := m.waits()
	return l.wait(ctx, try)
}

// wait waits after a try that failed: longer after each, and not as long as others
// that wait for the same.
func (l *limits) wait(ctx context.Context, try int) error {
	pause := min(l.pause<<max(try-1, 0), longestPause)
	timer := time.NewTimer(pause/2 + rand.N(pause+1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return sites.Stopped(ctx)
	}
}
