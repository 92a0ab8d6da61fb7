package transfer

import (
	"context"
	"fmt"
	"time"

	"rsexec/rsexec/plan"
	"rsexec/rsexec/state"
	"rsexec/sites"
)

// A JobStore keeps jobs: a *state.Store.
type JobStore interface {
	Next(ctx context.Context, job, n int64, trees bool, limit int) ([]state.Transfer, error)
	Expand(ctx context.Context, trees []state.Transfer, groups [][]state.Transfer, whole bool) error
	Save(ctx context.Context, t state.Transfer) error
	TakeTurn(ctx context.Context, t *state.Transfer) (other state.Job, ok bool, err error)
	BeginTransfer(ctx context.Context, t state.Transfer) error
	Finish(ctx context.Context, t state.Transfer, bytes int64) error
	Drop(ctx context.Context, t state.Transfer) error
	Alive(owner string) bool
}

// A Report is told what becomes of the transfers of a job. Its methods may be called
// from several goroutines.
type Report interface {
	Began(t state.Transfer)
	Going(t state.Transfer, f plan.Figure) // is about to be tried that way
	Arrived(t state.Transfer, bytes int64) // so far
	Done(t state.Transfer, r Result)
	Failed(t state.Transfer, err error)
	Notice(line string)
}

// An Order is a job that is to be performed.
type Order struct {
	Job int64
	Options
	Verb        string
	MaxSessions int // of each site; 0 is as many as its configuration says
	Report      Report

	// Site returns the site of a transfer.
	Site func(name string) (sites.Site, error)

	// Expand makes the directories that the trees are to become, which have the same
	// source, and calls add for what is in that, each with a transfer for each
	// destination. It may be called again for the same trees.
	Expand func(ctx context.Context, trees []state.Transfer, add func([]state.Transfer) error) (Expansion, error)
}

// An Expansion is what came of expanding trees.
type Expansion struct {
	Left int             // files that a destination has already
	Lost map[int64]error // the trees whose directory could not be made, by number, and why
}

// A Summary tells what became of a job.
type Summary struct {
	Done, Left, Failed int // files: complete, not needed, failed; a directory that failed is one
	Directories        int // that were copied
	Bytes              int64
	Stopped            []error // why transfers to or from some sites were not begun
	Last               error   // of those that failed
}

// A Runner performs jobs. Its methods may be called from several goroutines.
type Runner struct {
	Mover *Mover
	Store JobStore
}

// Run performs what is left to do of a job, and returns when all of it is done, has
// failed, or cannot be begun. The error is one that ended the whole job; ctx is
// honoured between transfers and within them.
func (r *Runner) Run(ctx context.Context, o Order) (Summary, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := &schedule{Runner: r, order: o, stop: stop, stopped: ctx.Err, results: make(chan result), busy: make(map[string]int), missed: make(map[string]int),
		lost: make(map[string]bool), full: make(map[string]bool), apart: make(map[way]bool), limits: make(map[string]int), groups: make(map[int64]*group), ways: make(map[way]*traffic)}
	defer s.endLanes()
	for {
		if s.failure == nil && ctx.Err() == nil {
			if s.failure = s.load(ctx); s.failure == nil {
				s.start(ctx)
			}
		}
		if s.running == 0 {
			break
		}
		s.settle(<-s.results)
	}
	s.wait.Wait()
	if s.failure == nil && s.interrupted {
		s.failure = sites.Stopped(ctx)
	}
	return s.Summary, s.failure
}

// perform performs the transfer of one file, from somebody who has it. apart is as do
// has it.
func (s *schedule) perform(ctx context.Context, t *state.Transfer, from sites.Pathname, l *lane) (result Result, apart bool, err error) {
	r := Request{Verb: s.order.Verb, Source: from, Dest: t.Dest, Exact: true, Options: s.order.Options, lane: l,
		Row: t, Journal: rows{s.Store, s.order},
		Going:    func(f plan.Figure) { s.order.Report.Going(*t, f) },
		Progress: func(bytes int64) { s.order.Report.Arrived(*t, bytes) }}
	if r.From, err = s.order.Site(from.Site); err == nil {
		r.To, err = s.order.Site(t.Dest.Site)
	}
	if err != nil {
		return Result{}, false, sites.During(s.order.Verb, t.Source, err)
	}
	s.order.Report.Began(*t)
	if result, apart, err = s.Mover.do(ctx, r); err != nil {
		return result, apart, err
	}
	if from != t.Source {
		result.Source, result.From = t.Source, from
	}
	if result.Left != "" {
		err = s.Store.Drop(context.WithoutCancel(ctx), *t)
	} else {
		err = s.Store.Finish(context.WithoutCancel(ctx), *t, result.Bytes)
	}
	if err != nil {
		return result, false, &journalError{err}
	}
	return result, false, nil
}

// journalError is that of the journal, without which nothing may be done.
type journalError struct{ err error }

func (e *journalError) Error() string { return e.err.Error() }
func (e *journalError) Unwrap() error { return e.err }

// rows is the Journal of a job's transfers.
type rows struct {
	store JobStore
	order Order
}

// Save implements Journal.
func (r rows) Save(ctx context.Context, t *state.Transfer) error {
	if err := r.store.Save(ctx, *t); err != nil {
		return &journalError{err}
	}
	return nil
}

const (
	// firstLook is how soon it is looked again whether another process is done with
	// a file; each further time it takes twice as long, up to lastLook.
	firstLook = 20 * time.Millisecond
	lastLook  = time.Second
)

// Begin implements Journal. What an APPEND is about to do outlives even the end of the
// system; a COPY can be made again.
func (r rows) Begin(ctx context.Context, t *state.Transfer) error {
	if r.order.Verb != Append {
		return r.Save(ctx, t)
	}
	if err := r.store.BeginTransfer(ctx, *t); err != nil {
		return &journalError{err}
	}
	return nil
}

// Turn implements Journal.
func (r rows) Turn(ctx context.Context, t *state.Transfer) error {
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		other, ok, err := r.store.TakeTurn(ctx, t)
		switch {
		case err != nil && ctx.Err() != nil:
			return sites.Stopped(ctx)
		case err != nil:
			return &journalError{err}
		case ok:
			return nil
		case !r.store.Alive(other.Owner):
			return &sites.Error{Op: Append, Site: t.Dest.Site, Path: t.Dest.Path, Kind: sites.Conflict,
				Msg:  fmt.Sprintf("job %d broke off in the middle of appending to it", other.ID),
				Hint: fmt.Sprintf("RESUME %d finishes that, FORGET %d leaves it as it is", other.ID, other.ID)}
		case pause == firstLook:
			r.order.Report.Notice(fmt.Sprintf("%s %s: it waits for job %d, which is appending to the same file", Append, t.Dest, other.ID))
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return sites.Stopped(ctx)
		}
	}
}
