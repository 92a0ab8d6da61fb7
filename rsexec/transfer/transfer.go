package transfer

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"rsexec/rsexec/plan"
	"rsexec/rsexec/state"
	"rsexec/sites"
	"rsexec/sites/ftp"
)

// Verbs of a Request. Any other than Append replaces the destination, as Copy does.
const (
	Append = "APPEND"
	Copy   = "COPY"
)

// Request asks for one file to be appended to, or copied over, another.
type Request struct {
	Verb         string // of the statement, for the person; Append alone adds to the destination
	From, To     sites.Site
	Source, Dest sites.Pathname
	Exact        bool // Dest is the file's own name, never a directory that takes it
	Options

	// Row is what the journal has of it, and is kept up to date also where the
	// transfer fails. nil is a transfer that is in no journal.
	Row *state.Transfer

	// Journal keeps Row. It may be nil if Row is.
	Journal Journal

	// Going is told each figure that is tried, before it is. It may be nil.
	Going func(f plan.Figure)

	lane *lane // what it shares with others; nil is nothing

	// Progress is told how many bytes of the source have arrived, each time that is
	// known. It may be nil.
	Progress func(bytes int64)
}

// Options say how a file is moved.
type Options struct {
	Route        string // plan.Auto, plan.Direct or plan.Through; "" is plan.Auto
	Choreography string // only this one; "" is any
	Verify       string // BySize, ByDigest or ByRead; "" is by digest where both sites compute one, else by size
	ASCII        bool   // the lines of a text, with each site's own ends (TYPE A)
	InPlace      bool   // the destination itself is written, under its own name
	Limit        int64  // bytes a second; 0 is none
	Update       bool   // what the destination has already is left out
	SameDigest   bool   // what the destination has by size and digest is left out
	NoClobber    bool   // what the destination has in any form is left out
	Vacant       bool   // it is an error if there is such a file already
	Delete       bool   // the source goes when the copy is complete and was checked
}

// The ways to verify a transfer.
const (
	BySize   = "size"
	ByDigest = "digest"
	ByRead   = "read"
)

// A Journal keeps how far transfers are, so that another process can go on.
type Journal interface {
	// Turn waits until no other transfer is appending to the same file, and keeps the
	// others waiting until this one is done, or saved without its turn. The error is of
	// kind Conflict if one broke off in the middle of appending.
	Turn(ctx context.Context, t *state.Transfer) error

	// Begin keeps a transfer that is about to change its destination.
	Begin(ctx context.Context, t *state.Transfer) error

	// Save keeps a transfer as it is.
	Save(ctx context.Context, t *state.Transfer) error
}

// appends reports whether the destination keeps what it has.
func (r *Request) appends() bool { return r.Verb == Append }

// Result tells what was done. Its JSON form is part of the "transfer" event.
type Result struct {
	Verb             string         `json:"verb"`
	Source           sites.Pathname `json:"source"`
	Destination      sites.Pathname `json:"destination"`
	From             sites.Pathname `json:"from,omitzero"`      // who served it: a destination that had it already; zero is the source
	Bytes            int64          `json:"bytes"`              // of the source, now at the destination; -1 where no site tells
	Choreography     string         `json:"choreography"`       // the one that carried the last byte; "" if an earlier process did
	BytesThroughUser int64          `json:"bytes_through_user"` // counted on this host's data connections
	Verified         string         `json:"verified"`           // BySize, ByDigest or ByRead, or "none" where a server does not tell sizes
	Digest           string         `json:"digest,omitempty"`   // the algorithm of a digest that was compared
	Seconds          float64        `json:"seconds"`
	Attempts         int            `json:"attempts"`        // figures that were begun
	Route            string         `json:"route,omitempty"` // who listened and who connected
	Resumed          bool           `json:"resumed,omitempty"`
	Left             string         `json:"left,omitempty"` // why nothing was done; "" if it was
}

// Mover performs requests. Its methods may be called from several goroutines.
type Mover struct {
	// Routes is the memory of refusals.
	Routes *Routes

	// Notice is told, in one line, each time a transfer steps down its ladder. It
	// may be nil.
	Notice func(line string)

	// Hurry is what the times are divided by that are waited for what nobody may ever
	// say, and the size from which on a broken copy is gone on from: for tests against
	// servers on this host. 0 is 1.
	Hurry int

	limits *limits // nil is usual
}

// Plan returns the plan of a request without performing it. It meets both sites.
func (m *Mover) Plan(ctx context.Context, r Request) (plan.Plan, error) {
	r.Row, r.Journal, r.Update, r.NoClobber, r.Vacant = nil, nil, false, false, false
	w, err := m.prepare(ctx, r)
	if err != nil {
		return plan.Plan{}, err
	}
	return w.plan, nil
}

// Needed reports whether a request would do anything: not if its options leave out what
// the destination has.
func (m *Mover) Needed(ctx context.Context, r Request) (bool, error) {
	_, err := m.prepare(ctx, r)
	if left := (*leftOut)(nil); errors.As(err, &left) {
		return false, nil
	}
	return err == nil, err
}

// Do performs a request and returns when the file is at its destination.
func (m *Mover) Do(ctx context.Context, r Request) (Result, error) {
	result, _, err := m.do(ctx, r)
	return result, err
}

// do is Do. apart says that the error is that of every file of the two sites: there is
// no way from the one to the other.
func (m *Mover) do(ctx context.Context, r Request) (result Result, apart bool, err error) {
	began := time.Now()
	w, err := m.prepare(ctx, r)
	var left *leftOut
	switch {
	case errors.As(err, &left):
		return Result{Verb: r.Verb, Source: r.Source, Destination: r.Dest, Left: left.why}, false, nil
	case err != nil && ctx.Err() != nil:
		// Where among its many small steps a transfer was stopped tells nobody anything.
		return Result{}, false, sites.During(r.Verb, r.Dest, sites.Stopped(ctx))
	case err != nil:
		return Result{}, w.plan.Barred(), err
	}
	resumed := w.row.Phase != state.Waiting
	if err := w.run(ctx); err != nil {
		return Result{}, false, sites.During(r.Verb, r.Dest, err)
	}
	return Result{
		Verb: r.Verb, Source: r.Source, Destination: w.ask.Dest,
		Bytes: w.bytes, Choreography: w.figure.Name, Route: w.figure.Summary,
		BytesThroughUser: max(w.in.Load(), w.out.Load()), Verified: w.verified, Digest: w.algorithm,
		Seconds: time.Since(began).Seconds(), Attempts: w.row.Attempts, Resumed: resumed,
	}, false, nil
}

// waits returns how long is waited for what.
func (m *Mover) waits() limits {
	if m.limits != nil {
		return *m.limits
	}
	return usual().hurried(m.Hurry)
}

// work is a request under way.
type work struct {
	*Mover
	limits limits
	ask    Request
	row    *state.Transfer // what the journal has, if there is one: how far it is
	plan   plan.Plan
	looked time.Time   // when the destination was looked at
	dest   sites.Entry // and what was there, if row.There

	disturbed error     // why the destination is not to be replaced, once that was found
	listed    bool      // the size of the source is that of its listing, which may be old
	noRestart bool      // what arrived of a file cannot be gone on from
	late      []string  // paths at the destination that a server may yet write to
	gaveUp    time.Time // on the last of these
	touched   bool      // something may have been written
	placed    bool      // by an earlier process
	held      bool      // the destination may yet be writing for an attempt that was given up
	began     int64     // what had arrived before the present attempt
	figure    plan.Figure
	bytes     int64 // of the source at the destination; -1 if nobody tells
	verified  string
	algorithm string                      // of the digest that was compared
	dated     bool                        // the destination has the source's time already
	told      *[2]ftp.Told                // what both servers told of the file when it was moved, by role; nil is nothing
	in, out   atomic.Int64                // bytes of the file on this host's data connections
	base      int64                       // of those, before the present attempt
	flowing   atomic.Bool                 // they are read and written at the moment
	queued    atomic.Bool                 // other files come first
	storing   atomic.Pointer[performance] // the present attempt, from server to server; nil is none
}

// run performs what is left to do, phase by phase.
func (w *work) run(ctx context.Context) error {
	if w.row.Phase < state.Whole {
		if err := w.fill(ctx); err != nil {
			return w.leave(ctx, err)
		}
	}
	if w.row.Phase < state.Placed && w.row.Temporary != "" {
		longer, release := w.whileCleaning(ctx)
		err := w.rename(longer)
		if release(); err != nil {
			return w.leave(ctx, err)
		}
	}
	w.sweep(ctx)
	if !w.ask.Delete {
		return nil
	}
	if err := w.reach(ctx, state.Placed); err != nil {
		return err
	}
	return w.deleteSource(ctx)
}

// whileCleaning returns a context that, in a lane, outlives ctx for as long as the clean-up
// may take: many files are whole there and wait for their name, and are better placed than
// left under another. release is called when it is not needed any more.
func (w *work) whileCleaning(ctx context.Context) (longer context.Context, release func()) {
	if w.ask.lane == nil {
		return ctx, func() {}
	}
	longer, stop := context.WithCancel(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() { time.AfterFunc(w.limits.clean, stop) })
	return longer, func() {
		forget()
		stop()
	}
}

// reach keeps in the journal that a phase is reached.
func (w *work) reach(ctx context.Context, p state.Phase) error {
	w.row.Phase = p
	return w.save(ctx)
}

// save keeps in the journal how far the transfer is.
func (w *work) save(ctx context.Context) error {
	if w.ask.Journal == nil {
		return nil
	}
	return w.ask.Journal.Save(context.WithoutCancel(ctx), w.row)
}

// begin keeps in the journal what is about to be done.
func (w *work) begin(ctx context.Context) error {
	w.row.Phase = state.Begun
	if w.ask.Journal == nil {
		return nil
	}
	return w.ask.Journal.Begin(ctx, w.row)
}

// fill brings all bytes to where they go, and checks them.
func (w *work) fill(ctx context.Context) error {
	complete := false
	var err error
	if w.row.Phase == state.Begun {
		if complete, err = w.recall(ctx); complete {
			w.bytes, w.verified = w.row.Size, BySize // as that showed
		}
	} else {
		err = w.begin(ctx)
	}
	if err == nil && !complete {
		w.notePassed(w.plan.Ladder[0])
	}
	for try := 1; err == nil && !complete; try++ {
		if err = w.carryAll(ctx); err == nil {
			complete, err = w.check(ctx, try)
		}
		if err == nil && !complete && w.figure.Private {
			w.stepDown(errors.New("both servers said that the transfer is complete, and a part is missing"))
		}
	}
	if err == nil {
		err = w.verify(ctx)
	}
	if err != nil || w.ask.appends() {
		return err
	}
	w.carryTime(ctx)
	w.row.Verified, w.row.Phase = w.verified, state.Whole
	if w.ask.lane != nil && !w.certain() {
		return nil // a small file is copied again sooner than it is found out whether it has its name
	}
	return w.save(ctx)
}
