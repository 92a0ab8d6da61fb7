package transfer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"rsexec/rsexec/plan"
	"rsexec/sites"
	"rsexec/sites/ftp"
)

// The verbs of a Job.
const (
	Append = "APPEND"
	Copy   = "COPY"
)

// Job asks for one file to be appended to, or copied over, another.
type Job struct {
	Verb         string // Append or Copy
	From, To     sites.Site
	Source, Dest sites.Pathname
	Route        string // plan.Auto, plan.Direct or plan.Through; "" is plan.Auto
	Choreography string // only this one; "" is any
}

// Result tells what was done. Its JSON form is part of the "transfer" event.
type Result struct {
	Verb             string  `json:"verb"`
	Source           string  `json:"source"`
	Destination      string  `json:"destination"`
	Bytes            int64   `json:"bytes"`              // of the source, now at the destination; -1 where no site tells
	Choreography     string  `json:"choreography"`       // the one that carried the last byte
	BytesThroughUser int64   `json:"bytes_through_user"` // counted on this host's data connections
	Verified         string  `json:"verified"`           // "size", or "none" where a server does not tell sizes
	Seconds          float64 `json:"seconds"`
	Attempts         int     `json:"attempts"`        // figures that were begun
	Route            string  `json:"route,omitempty"` // who listened and who connected
}

// Mover performs jobs. Its methods may be called from several goroutines.
type Mover struct {
	// Routes is the memory of refusals.
	Routes *Routes

	// Notice is told, in one line, each time a job steps down its ladder. It
	// may be nil.
	Notice func(line string)
}

// tries is how often one figure is tried for one file, as long as each try
// brings it further.
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
	var in, out atomic.Int64
	ctx = sites.WithTrace(ctx, &sites.Trace{Data: func(_ string, received, sent int64) {
		in.Add(received)
		out.Add(sent)
	}})
	w, err := m.prepare(ctx, j)
	if err != nil {
		return Result{}, err
	}
	// Listings that prepare may have asked for are not the file's bytes.
	in.Store(0)
	out.Store(0)
	if err := w.run(ctx); err != nil {
		return Result{}, sites.During(j.Verb, j.Dest, err)
	}
	return Result{
		Verb: j.Verb, Source: j.Source.String(), Destination: w.job.Dest.String(),
		Bytes: w.bytes, Choreography: w.figure.Name, Route: w.figure.Summary,
		BytesThroughUser: max(in.Load(), out.Load()),
		Verified:         w.verified, Seconds: time.Since(began).Seconds(), Attempts: w.attempts,
	}, nil
}

// work is a job under way.
type work struct {
	*Mover
	job    Job
	plan   plan.Plan
	size   int64 // of the source; -1 if its site does not say
	before int64 // of the file that is written to, before; -1 if its site does not say
	exists bool  // there is a file with the destination's name

	arrived  int64 // how much of the source is at the destination already
	attempts int
	figure   plan.Figure // the last one that was begun
	bytes    int64       // of the source at the destination; -1 if nobody tells
	verified string
}

// prepare meets the sites, looks at both files and makes the plan.
func (m *Mover) prepare(ctx context.Context, j Job) (*work, error) {
	w := &work{Mover: m, job: j, bytes: -1}
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
		if j.Verb == Append {
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
	if j.Source == w.job.Dest && j.Verb == Copy {
		return nil, &sites.Error{Op: j.Verb, Site: j.Source.Site, Path: j.Source.Path, Kind: sites.Usage, Msg: "source and destination are the same file"}
	}
	w.size = source.Size
	if w.before = dest.Size; !w.exists {
		w.before = 0
	}
	return w, w.choose()
}

// choose makes the plan.
func (w *work) choose() (err error) {
	j := w.job
	r := plan.Request{Verb: j.Verb, Put: "APPE", Route: j.Route, Choreography: j.Choreography,
		Source: plan.End{Site: planSite(j.From), Path: j.Source.Path},
		Dest:   plan.End{Site: planSite(j.To), Path: j.Dest.Path},
		Refused: func(f plan.Figure) string {
			return w.Routes.Refused(j.Source.Site, j.Dest.Site, f)
		},
	}
	if j.Verb == Copy {
		r.Put, r.Final = "STOR", j.Dest.Path
		r.Dest.Path = temporary(j.Dest)
		w.before = 0
	}
	w.plan, err = plan.Make(r)
	return err
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
		base = base[:200]
	}
	name := fmt.Sprintf(".rsexec.%s.%s", base, strings.ToLower(rand.Text()[:8]))
	return strings.TrimSuffix(p.Path, p.Base()) + name
}

// run climbs the ladder until the file has arrived, checks it and gives it its
// name.
func (w *work) run(ctx context.Context) (err error) {
	for i, f := range w.plan.Ladder {
		if err = w.climb(ctx, f); err == nil {
			break
		}
		if !another(err) || ctx.Err() != nil || i+1 == len(w.plan.Ladder) {
			return w.leave(ctx, err)
		}
		w.note(err, w.plan.Ladder[i+1])
	}
	if err := w.verify(ctx); err != nil {
		return w.leave(ctx, err)
	}
	if w.job.Verb == Copy {
		if err := w.rename(ctx); err != nil {
			return w.leave(ctx, err)
		}
	}
	return nil
}

// another reports whether another figure may succeed where err came up.
func another(err error) bool {
	var f *failure
	if !errors.As(err, &f) {
		return false
	}
	switch sites.KindOf(err) {
	case sites.Refused, sites.Unsupported, sites.Unreachable, sites.Protocol:
		return true
	}
	return false
}

// note tells the person, in one line, what was refused and what comes next.
func (w *work) note(err error, next plan.Figure) {
	if w.Notice == nil {
		return
	}
	var f *failure
	errors.As(err, &f) // another holds that it is one
	err = sites.During(f.verb, sites.Pathname{}, f.err)
	w.Notice(fmt.Sprintf("%s %s: %s (%s) does not work: %v; going on with %s (%s)", w.job.Verb, w.job.Dest,
		w.figure.Name, w.figure.Summary, err, next.Name, next.Summary))
}

// climb tries one figure, again as long as connections break and the account
// of what arrived allows it.
func (w *work) climb(ctx context.Context, f plan.Figure) error {
	for try := 1; ; try++ {
		w.attempts++
		w.figure = f
		err := w.carry(ctx, f)
		var broken *failure
		if err == nil || ctx.Err() != nil || !errors.As(err, &broken) {
			return err
		}
		if broken.refusal() && !f.ThroughUser() {
			w.Routes.refuse(w.job.Source.Site, w.job.Dest.Site, f, err.Error())
		}
		if broken.nothing {
			return err
		}
		complete, lost := w.account(ctx, err)
		switch {
		case lost != nil:
			return lost
		case complete:
			return nil
		case try == tries || sites.KindOf(err) != sites.Unreachable:
			return err
		}
	}
}
