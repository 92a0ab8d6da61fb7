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
	"rsexec/sites"
	"rsexec/sites/ftp"
)

// Verbs of a Job. Any other than Append replaces the destination, as Copy does.
const (
	Append = "APPEND"
	Copy   = "COPY"
)

// Job asks for one file to be appended to, or copied over, another.
type Job struct {
	Verb         string // of the statement, for the person; Append alone adds to the destination
	From, To     sites.Site
	Source, Dest sites.Pathname
	Route        string // plan.Auto, plan.Direct or plan.Through; "" is plan.Auto
	Choreography string // only this one; "" is any
	Exact        bool   // Dest is the file's own name, never a directory that takes it
}

// appends reports whether the destination keeps what it has.
func (j Job) appends() bool { return j.Verb == Append }

// Result tells what was done. Its JSON form is part of the "transfer" event.
type Result struct {
	Verb             string         `json:"verb"`
	Source           sites.Pathname `json:"source"`
	Destination      sites.Pathname `json:"destination"`
	Bytes            int64          `json:"bytes"`              // of the source, now at the destination; -1 where no site tells
	Choreography     string         `json:"choreography"`       // the one that carried the last byte
	BytesThroughUser int64          `json:"bytes_through_user"` // counted on this host's data connections
	Verified         string         `json:"verified"`           // "size", or "none" where a server does not tell sizes
	Seconds          float64        `json:"seconds"`
	Attempts         int            `json:"attempts"`        // figures that were begun
	Route            string         `json:"route,omitempty"` // who listened and who connected
}

// Mover performs jobs. Its methods may be called from several goroutines.
type Mover struct {
	// Routes is the memory of refusals.
	Routes *Routes

	// Notice is told, in one line, each time a job steps down its ladder. It
	// may be nil.
	Notice func(line string)

	limits *limits // nil is usual
}

// tries is how often one figure is tried for one file without getting further.
const tries = 3

// Plan returns the plan of a job without performing it. It meets both sites.
func (m *Mover) Plan(ctx context.Context, j Job) (plan.Plan, error) {
	w, err := m.prepare(ctx, j)
	if err != nil {
		return plan.Plan{}, err
	}
	return w.plan, nil
}

// Do performs a job and returns when the file is at its destination.
func (m *Mover) Do(ctx context.Context, j Job) (Result, error) {
	began := time.Now()
	w, err := m.prepare(ctx, j)
	switch {
	case err != nil && ctx.Err() != nil:
		// Where among its many small steps a job was stopped tells nobody anything.
		return Result{}, sites.During(j.Verb, j.Dest, sites.Stopped(ctx))
	case err != nil:
		return Result{}, err
	}
	if err := w.run(ctx); err != nil {
		return Result{}, sites.During(j.Verb, j.Dest, err)
	}
	return Result{
		Verb: j.Verb, Source: j.Source, Destination: w.job.Dest,
		Bytes: w.bytes, Choreography: w.figure.Name, Route: w.figure.Summary,
		BytesThroughUser: max(w.in.Load(), w.out.Load()),
		Verified:         w.verified, Seconds: time.Since(began).Seconds(), Attempts: w.attempts,
	}, nil
}

// work is a job under way.
type work struct {
	*Mover
	limits limits
	job    Job
	plan   plan.Plan
	size   int64 // of the source; -1 if its site does not say
	before int64 // of the file that is written to, before; -1 if its site does not say
	exists bool  // there is a file with the destination's name

	arrived  int64 // how much of the source is at the destination already
	touched  bool  // some of it may be
	attempts int
	figure   plan.Figure // the last one that was begun
	bytes    int64       // of the source at the destination; -1 if nobody tells
	verified string
	in, out  atomic.Int64 // bytes of the file on this host's data connections
}

// prepare meets the sites, looks at both files and makes the plan.
func (m *Mover) prepare(ctx context.Context, j Job) (*work, error) {
	w := &work{Mover: m, limits: usual(), job: j, bytes: -1}
	if m.limits != nil {
		w.limits = *m.limits
	}
	group, meeting := errgroup.WithContext(ctx)
	var source, dest sites.Entry
	group.Go(func() (err error) {
		source, err = j.From.Stat(meeting, j.Source.Path)
		return sites.During(j.Verb, j.Source, err)
	})
	group.Go(func() (err error) {
		dest, err = j.To.Stat(meeting, j.Dest.Path)
		w.exists = err == nil
		if sites.KindOf(err) == sites.NotFound {
			err = nil
		}
		return sites.During(j.Verb, j.Dest, err)
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if source.Type == sites.Directory {
		return nil, &sites.Error{Op: j.Verb, Site: j.Source.Site, Path: j.Source.Path, Kind: sites.Usage, Msg: "it is a directory"}
	}
	if w.exists && dest.Type == sites.Directory {
		if j.appends() || j.Exact {
			return nil, &sites.Error{Op: j.Verb, Site: j.Dest.Site, Path: j.Dest.Path, Kind: sites.Usage, Msg: "it is a directory"}
		}
		w.job.Dest = j.Dest.Join(j.Source.Base())
		entry, err := j.To.Stat(ctx, w.job.Dest.Path)
		if w.exists = err == nil; err != nil && sites.KindOf(err) != sites.NotFound {
			return nil, sites.During(j.Verb, w.job.Dest, err)
		}
		if dest = entry; w.exists && dest.Type == sites.Directory {
			return nil, &sites.Error{Op: j.Verb, Site: j.Dest.Site, Path: w.job.Dest.Path, Kind: sites.Usage, Msg: "it is a directory"}
		}
	}
	if w.exists && dest.Type == sites.Unknown && w.job.Dest.Site == sites.LocalName {
		return nil, &sites.Error{Op: j.Verb, Site: w.job.Dest.Site, Path: w.job.Dest.Path, Kind: sites.Usage, Msg: "it is a device or a pipe, not a file"}
	}
	if sameFile(w.job) {
		return nil, &sites.Error{Op: j.Verb, Site: j.Source.Site, Path: j.Source.Path, Kind: sites.Usage, Msg: "source and destination are the same file"}
	}
	w.size = source.Size
	if w.before = dest.Size; !w.exists {
		w.before = 0
	}
	return w, w.choose()
}

// sameFile reports whether a job's source is its destination: a COPY would do
// nothing, and an APPEND would read for ever what it writes itself. Two names of
// one site are seen through where they lead to the same address and user.
func sameFile(j Job) bool {
	if j.Source.Path != j.Dest.Path {
		return false
	}
	from, both := j.From.(*ftp.Site)
	to, ok := j.To.(*ftp.Site)
	if !both || !ok {
		return j.Source.Site == j.Dest.Site
	}
	a, b := from.Config(), to.Config()
	return a.Address() == b.Address() && a.User == b.User
}

// choose makes the plan.
func (w *work) choose() (err error) {
	j := w.job
	r := plan.Request{Verb: j.Verb, Put: "APPE", Route: j.Route, Choreography: j.Choreography,
		Source:  plan.End{Site: planSite(j.From), Path: j.Source.Path},
		Dest:    plan.End{Site: planSite(j.To), Path: j.Dest.Path},
		Refused: w.refused,
	}
	if !j.appends() {
		r.Put, r.Final = "STOR", j.Dest.Path
		r.Dest.Path = temporary(j.Dest)
		w.before = 0
	}
	w.plan, err = plan.Make(r)
	return err
}

// refused returns why a figure is known not to work between the two sites.
func (w *work) refused(f plan.Figure) string {
	return w.Routes.Refused(w.job.Source.Site, w.job.Dest.Site, f)
}

// planSite tells the plan what it must know of a site.
func planSite(s sites.Site) plan.Site {
	f, ok := s.(*ftp.Site)
	if !ok {
		return plan.Site{Name: s.Name(), Local: s.Name() == sites.LocalName}
	}
	c := f.Config()
	return plan.Site{Name: s.Name(), Server: true, Addr: f.DataAddr(), DataPort: c.DefaultDataPort(),
		Old: f.Old(), Only: c.Choreography, Lacks: func(verb string) bool { return f.Knows(verb) == ftp.No }}
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

// run climbs the ladder until the file has arrived, checks it and gives it its
// name.
func (w *work) run(ctx context.Context) error {
	ladder := w.plan.Ladder
	w.notePassed(ladder[0])
	for {
		err := w.climb(ctx, ladder[0])
		if err == nil {
			if w.job.Source.Site != sites.LocalName && w.job.Dest.Site != sites.LocalName {
				w.Routes.worked(w.job.Source.Site, w.job.Dest.Site, ladder[0])
			}
			break
		}
		// Other jobs may have met refusals meanwhile.
		ladder = slices.DeleteFunc(slices.Clone(ladder[1:]), func(f plan.Figure) bool { return w.refused(f) != "" })
		if !another(err) || ctx.Err() != nil || len(ladder) == 0 {
			return w.leave(ctx, err)
		}
		w.note(err, ladder[0])
	}
	if err := w.verify(ctx); err != nil {
		return w.leave(ctx, err)
	}
	if !w.job.appends() {
		if err := w.rename(ctx); err != nil {
			return w.leave(ctx, err)
		}
	}
	return nil
}

// notePassed tells the person, in one line each and once, what is not tried because
// it was refused before this process began.
func (w *work) notePassed(next plan.Figure) {
	for _, passed := range w.plan.Passed {
		if line := w.Routes.remembered(w.job.Source.Site, w.job.Dest.Site, passed.Figure); line != "" && w.Notice != nil {
			w.Notice(fmt.Sprintf("%s %s: %s; going on with %s (%s); ROUTES --forget has it tried again", w.job.Verb, w.job.Dest,
				line, next.Name, next.Summary))
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
	w.Notice(fmt.Sprintf("%s %s: %s (%s) does not work: %v; going on with %s (%s)", w.job.Verb, w.job.Dest,
		w.figure.Name, w.figure.Summary, err, next.Name, next.Summary))
}

// climb tries one figure, again as long as the account of what arrived allows
// it and the error says that it may help.
func (w *work) climb(ctx context.Context, f plan.Figure) error {
	pause := w.limits.pause
	for try := 1; ; try++ {
		w.attempts++
		w.figure = f
		err := w.carry(ctx, f)
		var broken *failure
		if err == nil || errors.As(err, &broken) && !broken.nothing {
			w.touched = true
		}
		if broken == nil || ctx.Err() != nil {
			return err
		}
		if broken.refusal() && !f.ThroughUser() {
			broken.known = w.Routes.refuse(w.job.Source.Site, w.job.Dest.Site, f, err.Error())
		}
		if !broken.nothing {
			before := w.arrived
			complete, lost := w.account(ctx, broken)
			if lost != nil || complete {
				return lost
			}
			if w.arrived > before {
				try, pause = 0, w.limits.pause
			}
		}
		kind := sites.KindOf(err)
		if again := kind == sites.Busy || kind == sites.Unreachable && !broken.setUp; !again || try == tries {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return sites.Stopped(ctx)
		}
		pause *= 2
	}
}
