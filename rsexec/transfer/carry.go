package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"

	"rsexec/rsexec/plan"
	"rsexec/sites"
	"rsexec/sites/ftp"
	"rsexec/sites/lines"
)

// carry runs one figure once, from the byte that is wanted next.
func (w *work) carry(ctx context.Context, f plan.Figure) error {
	if l := w.ask.lane; l != nil && (f.OneSite || w.row.Arrived > 0) {
		l.close() // there may be no other session
	} else if l != nil {
		if ok, err := l.carry(ctx, w, f); ok {
			return err
		}
	}
	if f.OneSite {
		w.row.Arrived = 0 // such a copy begins anew each time
		return w.within(ctx, f)
	}
	ends, err := lease(ctx, w.ask.From, w.ask.To, take)
	if err != nil {
		return err
	}
	defer ends.release()
	w.base = max(w.in.Load(), w.out.Load())
	if f.ThroughUser() {
		if w.ask.ASCII {
			ends.text()
		}
		return w.watched(ctx, func(ctx context.Context) error { return w.join(ctx, ends) })
	}
	if err := w.represent(ctx, f, ends); err != nil {
		return err
	}
	source, dest := ends.source.(*ftp.Session), ends.dest.(*ftp.Session)
	vars := w.plan.Vars()
	vars["source"], vars["dest"] = source.DataAddr().String(), dest.DataAddr().String()
	rows := f.Rows
	if w.row.Arrived > 0 {
		vars["put"] = "APPE"
		rows = restarting(rows, w.row.Arrived)
	}
	p := newPerformance(w.limits, rows, vars, source, dest)
	if w.row.Size < 0 || w.row.Size >= smallFile {
		digest := w.ask.Verify != BySize && source.Site().Tells() && dest.Site().Tells()
		if err := source.Tell(ctx, "RETR", digest); err != nil {
			return err
		}
		if err := dest.Tell(ctx, "STOR", digest); err != nil {
			return err
		}
		p.marks = dest.Site().Marks()
	}
	w.storing.Store(p)
	err = w.watched(ctx, p.perform)
	if err == nil && w.ask.Verify != BySize {
		w.told = p.told()
	}
	return err
}

// represent has the two servers be ready for the data connection of a figure between them.
func (w *work) represent(ctx context.Context, f plan.Figure, e ends) error {
	source, dest := e.source.(*ftp.Session), e.dest.(*ftp.Session)
	if one, other := source.DataAddr(), dest.DataAddr(); one.Is4() != other.Is4() && w.plan.Source.Site.Addr.Is4() == w.plan.Dest.Site.Addr.Is4() {
		// A site that has both has been turned to the other one, for another transfer.
		return &failure{nothing: true, setUp: true, err: &sites.Error{Site: w.ask.Dest.Site, Kind: sites.Busy, Msg: "the two sites are reached in two versions of the internet protocol"}}
	}
	for _, s := range []*ftp.Session{source, dest} {
		if err := s.Represent(ctx, w.ask.ASCII); err != nil {
			return err
		}
		if err := s.Guard(ctx, f.Private); err != nil {
			return err
		}
	}
	return nil
}

// restarting returns the rows with REST before the source's transfer command
// (RFC 3659 section 5.4).
func restarting(rows []plan.Row, offset int64) []plan.Row {
	last := len(rows) - 1
	rest := plan.Row{Source: plan.Step{Command: fmt.Sprintf("REST %d", offset)}}
	return append(rows[:last:last], rest, rows[last])
}

// join reads the file from one end and writes it to the other, through this
// host. Its failures are of the last resort: no other figure follows.
func (w *work) join(ctx context.Context, ends ends) error {
	ctx = sites.WithTrace(ctx, &sites.Trace{Data: func(_ string, received, sent int64) {
		w.in.Add(received)
		w.out.Add(sent)
	}})
	storing, stop := context.WithCancel(ctx)
	defer stop()
	r, to, failed := w.openBoth(ctx, storing, stop, ends)
	if failed != nil {
		return failed
	}
	into, ended := w.lineEnds(to)
	w.flowing.Store(true)
	n, err := io.Copy(into, limited(ctx, r, w.ask.Limit))
	w.flowing.Store(false)
	closed := r.Close()
	if errors.Is(err, ftp.ErrCut) && w.row.Arrived+n == w.row.Size && w.sizeHolds(ctx) {
		err, closed = nil, nil // nothing is missing
	}
	if err == nil {
		err = ended()
	}
	if err == nil {
		err = closed
	}
	if err != nil {
		to.Abort()
		return &failure{role: plan.User, err: err, over: w.over(err)}
	}
	if err := to.Commit(); err != nil {
		return &failure{role: plan.Dest, err: err, over: w.over(err)}
	}
	w.bytes = w.row.Arrived + n
	return nil
}

// sizeHolds reports whether the source still has the size that it had when it was looked at,
// or listed.
func (w *work) sizeHolds(ctx context.Context) bool {
	e, err := w.ask.From.Stat(ctx, w.ask.Source.Path)
	return err == nil && e.Size == w.row.Size
}

// openBoth opens the file at both ends, at the destination under the context storing, which
// stop ends. Nothing is written where the source refuses the file: so the destination is
// opened after it, or at the same time where it is only a temporary file, which then goes
// again. Where both refuse, that of the source is told.
func (w *work) openBoth(ctx, storing context.Context, stop func(), ends ends) (r sites.Reader, to sites.Writer, _ *failure) {
	mode := sites.Replace
	if w.ask.appends() || w.row.Arrived > 0 {
		mode = sites.Append
	}
	var refused error
	store := func() { to, refused = ends.dest.Store(storing, w.plan.Dest.Path, mode) }
	early := w.fresh()
	var stored sync.WaitGroup
	if early {
		stored.Go(store)
	}
	r, err := ends.source.Open(ctx, w.ask.Source.Path, w.row.Arrived)
	if err != nil {
		stop()
	} else if !early {
		store()
	}
	stored.Wait()
	switch {
	case err != nil:
		if to != nil && refused == nil {
			to.Abort()
		}
		return nil, nil, &failure{role: plan.Source, nothing: !early, err: err}
	case refused != nil:
		r.Close() // nothing was wanted of it
		return nil, nil, &failure{role: plan.Dest, nothing: true, loose: !w.over(refused), err: refused}
	}
	return r, to, nil
}

// fresh reports whether what is written is a temporary file, from its beginning, and
// neither end is this host, which does not let itself be waited for.
func (w *work) fresh() bool {
	return w.row.Temporary != "" && w.plan.Dest.Path == w.row.Temporary && w.row.Arrived == 0 &&
		!w.plan.Source.Site.Local && !w.plan.Dest.Site.Local
}

// lineEnds returns what to write to, so that a text at this host has this host's line
// ends; ended comes after the last of it. On Windows those are the network's.
func (w *work) lineEnds(to io.Writer) (into io.Writer, ended func() error) {
	ended = func() error { return nil }
	switch from, dest := w.plan.Source.Site.Local, w.plan.Dest.Site.Local; {
	case !w.ask.ASCII || from == dest || runtime.GOOS == "windows":
		return to, ended
	case from:
		return lines.ToNetwork(to), ended
	}
	text := lines.FromNetwork(to)
	return text, text.Close
}

// over reports whether err shows that the destination writes no more: it said
// so itself, or is this host.
func (w *work) over(err error) bool {
	var e *sites.Error
	return w.plan.Dest.Site.Local || errors.As(err, &e) && e.Code != 0 && e.Site == w.ask.Dest.Site
}

// ends are the two ends of a transfer, taken for it alone.
type ends struct {
	source, dest opener
	release      func()
}

// text has both ends transfer a text.
func (e *ends) text() {
	for _, end := range []*opener{&e.source, &e.dest} {
		if s, ok := (*end).(*ftp.Session); ok {
			*end = ftp.Text{Session: s}
		}
	}
}

// opener is what a transfer through this host needs of each end: a session
// with a site, or a site that needs none.
type opener interface {
	Open(ctx context.Context, path string, offset int64) (sites.Reader, error)
	Store(ctx context.Context, path string, mode sites.Mode) (sites.Writer, error)
}

// take waits for sessions with a site.
func take(ctx context.Context, site *ftp.Site, n int) ([]*ftp.Session, error) {
	return site.Take(ctx, n)
}

// tryTake takes sessions only if that keeps nobody waiting.
func tryTake(ctx context.Context, site *ftp.Site, n int) (taken []*ftp.Session, err error) {
	for range n {
		s, ok := site.TryTake(ctx)
		if !ok {
			for _, s := range taken {
				site.Put(s)
			}
			return nil, &sites.Error{Site: site.Name(), Kind: sites.Busy, Msg: "it has no session more to spare"}
		}
		taken = append(taken, s)
	}
	return taken, nil
}

// lease takes a session with each site: both or none, and in the order of the
// sites' names, so that transfers never wait for each other in a circle.
func lease(ctx context.Context, from, to sites.Site, take func(context.Context, *ftp.Site, int) ([]*ftp.Session, error)) (e ends, err error) {
	type seat struct {
		site *ftp.Site
		end  *opener
	}
	e.source, e.dest = from, to
	var seats []seat
	for _, s := range []struct {
		site sites.Site
		end  *opener
	}{{from, &e.source}, {to, &e.dest}} {
		if f, ok := s.site.(*ftp.Site); ok {
			seats = append(seats, seat{f, s.end})
		}
	}
	slices.SortStableFunc(seats, func(a, b seat) int { return strings.Compare(a.site.Name(), b.site.Name()) })
	var taken []func()
	e.release = func() {
		for _, put := range taken {
			put()
		}
	}
	for len(seats) > 0 {
		site, n := seats[0].site, 1
		if len(seats) > 1 && seats[1].site.Name() == site.Name() {
			n = 2
		}
		sessions, err := take(ctx, site, n)
		if err != nil {
			e.release()
			return e, err
		}
		for i, s := range sessions {
			*seats[i].end = s
			taken = append(taken, func() { site.Put(s) })
		}
		seats = seats[n:]
	}
	return e, nil
}
