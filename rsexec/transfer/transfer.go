package transfer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

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
	algorithm string       // of the digest that was compared
	in, out   atomic.Int64 // bytes of the file on this host's data connections
	base      int64        // of those, before the present attempt
	flowing   atomic.Bool  // they are read and written at the moment
}

// leftOut is the error of a transfer that there is no need for.
type leftOut struct{ why string }

func (e *leftOut) Error() string { return e.why }

// prepare meets the sites, looks at both files and makes the plan. There is work also
// where there is an error.
func (m *Mover) prepare(ctx context.Context, r Request) (*work, error) {
	w := &work{Mover: m, limits: m.waits(), ask: r, row: r.Row, bytes: -1, verified: "none"}
	if w.row == nil {
		w.row = &state.Transfer{Size: -1}
	}
	w.noRestart = r.ASCII || r.InPlace
	err := w.takeTurn(ctx)
	if err == nil {
		err = w.look(ctx)
	}
	if err == nil {
		err = w.approach(ctx)
	}
	if err == nil {
		err = w.choose()
	}
	if err != nil && w.row.Turn && w.row.Phase == state.Waiting {
		w.row.Turn = false
		if unsaved := w.save(ctx); unsaved != nil {
			err = unsaved
		}
	}
	return w, err
}

// takeTurn waits for others that append to the same file: what they have appended counts
// as what was there before.
func (w *work) takeTurn(ctx context.Context) error {
	if w.ask.Journal == nil || !w.ask.appends() || w.row.Phase != state.Waiting {
		return nil
	}
	return w.ask.Journal.Turn(ctx, w.row)
}

// look meets the sites and looks at the files, as far as they are not known from
// the journal.
func (w *work) look(ctx context.Context) error {
	if w.row.Phase >= state.Whole {
		w.bytes, w.verified, w.placed = w.row.Size, w.row.Verified, w.row.Phase == state.Placed
		return errors.Join(meet(ctx, w.ask.From), meet(ctx, w.ask.To))
	}
	var source, dest sites.Entry
	group, meeting := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		source, err = w.lookAtSource(meeting)
		return err
	})
	group.Go(func() (err error) {
		if w.row.Phase == state.Begun {
			return sites.During(w.ask.Verb, w.ask.Dest, meet(meeting, w.ask.To))
		}
		dest, err = w.lookAtDest(meeting, w.ask.Dest)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if w.row.Phase == state.Begun && changed(w.row, source) {
		if err := w.startAnew(ctx); err != nil {
			return err
		}
		var err error
		if dest, err = w.lookAtDest(ctx, w.ask.Dest); err != nil {
			return err
		}
	}
	w.row.Size, w.row.Modified = source.Size, exactTime(source)
	if w.row.Phase == state.Begun {
		return nil
	}
	return w.weigh(ctx, source, dest)
}

// approach has two servers be reached in a way in which they can reach each other.
func (w *work) approach(ctx context.Context) error {
	from, server := w.ask.From.(*ftp.Site)
	to, both := w.ask.To.(*ftp.Site)
	if !server || !both || w.ask.Route == plan.Through {
		return nil
	}
	return ftp.Meet(ctx, from, to)
}

// meet makes sure that what a site can do is known.
func meet(ctx context.Context, s sites.Site) error {
	if f, ok := s.(*ftp.Site); ok {
		return f.Meet(ctx)
	}
	return nil
}

// lookAtSource describes the source; without asking, where its listing told all.
func (w *work) lookAtSource(ctx context.Context) (e sites.Entry, err error) {
	if w.row.Phase == state.Waiting && w.row.Size >= 0 && !w.row.Modified.IsZero() {
		e = sites.Entry{Type: sites.File, Size: w.row.Size, Modified: w.row.Modified}
		return e, sites.During(w.ask.Verb, w.ask.Source, meet(ctx, w.ask.From))
	}
	err = w.again(ctx, func() error {
		e, err = w.ask.From.Stat(ctx, w.ask.Source.Path)
		return err
	})
	if err == nil && e.Type == sites.Directory {
		err = w.wrong(w.ask.Source, sites.Usage, "it is a directory")
	}
	return e, sites.During(w.ask.Verb, w.ask.Source, err)
}

// lookAtDest describes the destination; row.There says whether there is one.
func (w *work) lookAtDest(ctx context.Context, p sites.Pathname) (e sites.Entry, err error) {
	err = w.again(ctx, func() error {
		e, err = w.ask.To.Stat(ctx, p.Path)
		return err
	})
	w.row.There, w.looked = err == nil, time.Now()
	if sites.KindOf(err) == sites.NotFound {
		err = nil
	}
	return e, sites.During(w.ask.Verb, p, err)
}

func (w *work) wrong(p sites.Pathname, kind sites.Kind, msg string) *sites.Error {
	return &sites.Error{Op: w.ask.Verb, Site: p.Site, Path: p.Path, Kind: kind, Msg: msg}
}

// weigh decides whether the two files allow, and want, the transfer.
func (w *work) weigh(ctx context.Context, source, dest sites.Entry) (err error) {
	r := &w.ask
	if w.row.There && dest.Type == sites.Directory {
		if r.appends() || r.Exact {
			return w.wrong(r.Dest, sites.Usage, "it is a directory")
		}
		r.Dest = r.Dest.Join(r.Source.Base())
		if dest, err = w.lookAtDest(ctx, r.Dest); err != nil {
			return err
		}
		if w.row.There && dest.Type == sites.Directory {
			return w.wrong(r.Dest, sites.Usage, "it is a directory")
		}
	}
	if w.row.There && dest.Type == sites.Unknown && r.Dest.Site == sites.LocalName {
		return w.wrong(r.Dest, sites.Usage, "it is a device or a pipe, not a file")
	}
	if sameFile(*r) {
		return w.wrong(r.Source, sites.Usage, "source and destination are the same file")
	}
	switch there := w.row.There; {
	case there && r.Vacant:
		e := w.wrong(r.Dest, sites.Conflict, "there is such a file already")
		e.Hint = "DELETE it first"
		return e
	case there && r.NoClobber:
		return &leftOut{"it is there"}
	case there && r.Update && UpToDate(source, dest):
		return &leftOut{"it is up to date"}
	case there && r.SameDigest && source.Size == dest.Size:
		if same, err := w.isImage(ctx); err != nil {
			return err
		} else if same {
			return &leftOut{"it has the same digest"}
		}
	}
	w.dest = dest
	w.row.Before = 0
	if w.row.There && r.appends() {
		w.row.Before = dest.Size
	}
	w.row.Dest = r.Dest
	return nil
}

// UpToDate reports whether a destination needs no copy of a source: it has the same
// size, and was modified no earlier. Of what a site does not tell nothing is assumed.
func UpToDate(source, dest sites.Entry) bool {
	from, to := exactTime(source), exactTime(dest)
	if dest.Type != sites.File || source.Size < 0 || source.Size != dest.Size || from.IsZero() || to.IsZero() {
		return false
	}
	return !to.Before(from.Truncate(time.Second)) // sites tell seconds
}

// exactTime returns when an entry was modified; zero if that is not known to the
// second.
func exactTime(e sites.Entry) time.Time {
	if e.Coarse {
		return time.Time{}
	}
	return e.Modified
}

// changed reports whether a source is not the file any more that the journal has.
func changed(t *state.Transfer, now sites.Entry) bool {
	sized := t.Size >= 0 && now.Size >= 0
	timed := !t.Modified.IsZero() && !exactTime(now).IsZero()
	return sized && t.Size != now.Size || timed && !t.Modified.Truncate(time.Second).Equal(exactTime(now).Truncate(time.Second))
}

// startAnew prepares a transfer that was begun by an earlier process to be begun
// again, for the source has changed since.
func (w *work) startAnew(ctx context.Context) error {
	if w.ask.appends() {
		now, err := w.sizeOf(ctx, w.ask.Dest.Path)
		if err != nil {
			return sites.During(w.ask.Verb, w.ask.Dest, err)
		}
		if now != w.row.Before || now < 0 {
			return w.wrong(w.ask.Source, sites.Conflict, fmt.Sprintf("it changed after a part of it may have been appended to %s", w.ask.Dest))
		}
	} else if err := w.discard(ctx); err != nil {
		return sites.During(w.ask.Verb, w.ask.Dest, err)
	}
	w.row.Phase, w.row.Temporary, w.row.Arrived = state.Waiting, "", 0
	return nil
}

// sameFile reports whether a request's source is its destination: a COPY would do
// nothing, and an APPEND would read for ever what it writes itself.
func sameFile(r Request) bool { return r.Source.Path == r.Dest.Path && oneSite(r) }

// choose makes the plan.
func (w *work) choose() (err error) {
	r := w.ask
	p := plan.Request{Verb: r.Verb, Put: "APPE", Route: r.Route, Choreography: r.Choreography,
		Source:  plan.End{Site: planSite(r.From), Path: r.Source.Path},
		Dest:    plan.End{Site: planSite(r.To), Path: r.Dest.Path},
		OneSite: oneSite(r), Refused: w.refused, Limited: r.Limit > 0,
	}
	if !r.appends() {
		p.Put, p.Final = "STOR", r.Dest.Path
		if !r.InPlace && w.row.Temporary == "" {
			w.row.Temporary = temporary(r.Dest)
		}
		if p.Dest.Path = w.row.Temporary; r.InPlace {
			p.Dest.Path, p.Final = r.Dest.Path, ""
		}
	}
	w.plan, err = plan.Make(p)
	return err
}

// refused returns why a figure is known not to work between the two sites.
func (w *work) refused(f plan.Figure) string {
	return w.Routes.Refused(w.ask.Source.Site, w.ask.Dest.Site, f)
}

// planSite tells the plan what it must know of a site.
func planSite(s sites.Site) plan.Site {
	f, ok := s.(*ftp.Site)
	if !ok {
		return plan.Site{Name: s.Name(), Local: s.Name() == sites.LocalName}
	}
	c := f.Config()
	return plan.Site{Name: s.Name(), Server: true, Addr: f.DataAddr(), DataPort: c.DefaultDataPort(),
		TLS: f.Protected(), Private: f.Protected() && c.Data != sites.DataClearAllowed,
		Old: f.Old(), Only: c.Choreography, Sessions: c.MaxSessions, Lacks: func(verb string) bool { return f.Knows(verb) == ftp.No }}
}

// temporary returns a name beside p that nobody else uses, for a file that is
// not whole yet. A leading dot keeps it out of most listings and patterns.
func temporary(p sites.Pathname) string {
	base := p.Base()
	if len(base) > 200 { // names of more than 255 bytes are refused nearly everywhere
		base = strings.ToValidUTF8(base[:200], "") // a letter may be cut in two
	}
	name := fmt.Sprintf(".rsexec.%s.%s", base, strings.ToLower(rand.Text()[:8]))
	return strings.TrimSuffix(p.Path, p.Base()) + name
}

// run performs what is left to do, phase by phase.
func (w *work) run(ctx context.Context) error {
	if w.row.Phase < state.Whole {
		if err := w.fill(ctx); err != nil {
			return w.leave(ctx, err)
		}
	}
	if w.row.Phase < state.Placed && w.row.Temporary != "" {
		if err := w.rename(ctx); err != nil {
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
	if err == nil && !w.ask.appends() {
		w.carryTime(ctx)
		w.row.Verified = w.verified
		err = w.reach(ctx, state.Whole)
	}
	return err
}

// carryAll climbs the ladder until the file has arrived.
func (w *work) carryAll(ctx context.Context) error {
	ladder := w.plan.Ladder
	for {
		err := w.climb(ctx, ladder[0])
		if err == nil {
			if w.ask.Source.Site != sites.LocalName && w.ask.Dest.Site != sites.LocalName {
				w.Routes.worked(w.ask.Source.Site, w.ask.Dest.Site, ladder[0])
			}
			return nil
		}
		if ladder = w.below(); !another(err) || ctx.Err() != nil || len(ladder) == 0 {
			return err
		}
		w.note(err, ladder[0])
		w.plan.Ladder = ladder
	}
}

// below returns what is left of the ladder below the figure that is tried. Other transfers
// may have met refusals meanwhile.
func (w *work) below() []plan.Figure {
	return slices.DeleteFunc(slices.Clone(w.plan.Ladder[1:]), func(f plan.Figure) bool { return w.refused(f) != "" })
}

// stepDown has the next attempt made with the next figure, if there is one: where TLS was
// in force, no accident explains that bytes are missing and nobody noticed it.
func (w *work) stepDown(why error) {
	known := w.distrust(w.figure, why)
	w.distrustAlike(why)
	if ladder := w.below(); len(ladder) > 0 {
		w.note(&failure{err: why, known: known}, ladder[0])
		w.plan.Ladder = ladder
	}
}

// notePassed tells the person, in one line each and once, what is not tried because
// it was refused before this process began.
func (w *work) notePassed(next plan.Figure) {
	if why := w.plan.Privacy(); why != "" && w.Notice != nil && w.Routes.tellOnce(w.ask.Source.Site, w.ask.Dest.Site, why) {
		w.Notice(fmt.Sprintf("%s %s: %s; going on with %s", w.ask.Verb, w.ask.Dest, why, w.described(next)))
	}
	for _, passed := range w.plan.Passed {
		if line := w.Routes.remembered(w.ask.Source.Site, w.ask.Dest.Site, passed.Figure); line != "" && w.Notice != nil {
			w.Notice(fmt.Sprintf("%s %s: %s; going on with %s; ROUTES --forget has it tried again", w.ask.Verb, w.ask.Dest,
				line, w.described(next)))
		}
	}
}

// note tells the person, in one line, what was refused and what comes next.
func (w *work) note(err error, next plan.Figure) {
	var f *failure
	errors.As(err, &f) // another holds that it is one
	if w.Notice == nil || f.known {
		return
	}
	err = sites.During(f.verb, sites.Pathname{}, f.err)
	w.Notice(fmt.Sprintf("%s %s: %s (%s) does not work: %v; going on with %s", w.ask.Verb, w.ask.Dest,
		w.figure.Name, w.figure.Summary, err, w.described(next)))
}

// described tells what a figure is, and, where that is in question, who sees the data.
func (w *work) described(f plan.Figure) string {
	text := fmt.Sprintf("%s (%s)", f.Name, f.Summary)
	if how := w.plan.Protection(f); how != "" && !f.Private {
		text += ", " + how
	}
	return text
}

// climb tries one figure, again as long as the account of what arrived allows
// it and the error says that it may help.
func (w *work) climb(ctx context.Context, f plan.Figure) error {
	for try := 1; ; try++ {
		w.row.Attempts++
		w.figure, w.began = f, w.row.Arrived
		if w.ask.Going != nil {
			w.ask.Going(f)
		}
		err := w.carry(ctx, f)
		if err == nil || ctx.Err() != nil {
			w.touched = true
			return err
		}
		before := w.row.Arrived
		complete, again, err := w.broken(ctx, f, err)
		if complete || !again {
			return err
		}
		if w.row.Arrived > before {
			try = 0
		}
		if try >= w.most(err) {
			if w.unsound(f, err) {
				w.distrust(f, err)
			}
			return err
		}
		if err := w.save(ctx); err != nil {
			return err
		}
		if err := w.limits.wait(ctx, try); err != nil {
			return err
		}
	}
}

// broken takes note of what broke an attempt at a figure. complete says that the file
// arrived all the same; again that another attempt may help.
func (w *work) broken(ctx context.Context, f plan.Figure, err error) (complete, again bool, _ error) {
	var b *failure
	again = sites.KindOf(err).Retryable()
	if !errors.As(err, &b) {
		return false, again, err // not even the sessions were to be had
	}
	w.touched = w.touched || !b.nothing
	if b.deaf && b.role == plan.Dest && w.held {
		// It is no refusal of the figure: vsftpd has an upload wait for the end of
		// another one to the same file.
		b.deaf, again = false, true
		b.err = &sites.Error{Site: w.ask.Dest.Site, Kind: sites.Busy, Msg: "no answer, for an earlier transfer may hold the file yet"}
		err = b
	}
	w.held = w.held || !b.over && !b.nothing
	if b.refusal() && !f.ThroughUser() {
		b.known = w.distrust(f, err)
		if b.protection() && b.role != f.Client {
			w.distrustAlike(err)
		}
	}
	if b.verb == "REST" && !w.ask.appends() {
		w.noRestart, w.row.Arrived = true, 0
		return false, true, err
	}
	if b.nothing || !w.ask.appends() && !again && !another(err) {
		return false, again, err
	}
	complete, lost := w.account(ctx, b)
	switch {
	case lost != nil:
		return false, false, lost
	case complete && !w.ask.appends() && b.said():
		// The server has all of it, and says that something is wrong with that.
		complete, w.row.Arrived = false, 0
	case complete:
		return true, false, nil
	}
	return false, again, err
}

// unsound reports whether an error is that of servers which cannot protect a connection
// between them in good order: it was there, and broke off, and both are sound otherwise.
func (w *work) unsound(f plan.Figure, err error) bool {
	var b *failure
	return f.Private && errors.As(err, &b) && !b.setUp && b.said() && sites.KindOf(err) == sites.Unreachable
}

// distrust keeps that a figure does not do what the servers say of it.
func (w *work) distrust(f plan.Figure, err error) (known bool) {
	return w.Routes.refuse(w.ask.Source.Site, w.ask.Dest.Site, f, err.Error())
}

// distrustAlike keeps it of all figures that have the same server be the client of TLS:
// which of the two listens is nothing to TLS.
func (w *work) distrustAlike(why error) {
	for _, f := range w.plan.Ladder[1:] {
		if f.Private && f.Client == w.figure.Client {
			w.distrust(f, why)
		}
	}
}

// most returns how often what failed like that is tried.
func (w *work) most(err error) int {
	var b *failure
	if w.unsound(w.figure, err) {
		return setUpTries
	}
	if errors.As(err, &b) && b.setUp && sites.KindOf(err) == sites.Unreachable {
		return setUpTries
	}
	return tries
}
