package transfer

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"rsexec/rsexec/plan"
	"rsexec/sites"
	"rsexec/sites/ftp"
)

// A lane is one session with each of two sites that several transfers from the one to the
// other share. They take turns with what moves their files; all that they ask besides goes
// out between that, and what the next one needs is sent ahead, so that it waits for
// nothing but the end of the one before.
//
// What always holds: a lane one of whose sessions is lost is closed for good, and what was
// under way in it goes on as it would have without, with sessions of the pool.
type lane struct {
	from, to sites.Site
	limits   limits
	rapid    bool // the sites are near, and each file has a data connection

	turn chan struct{} // holds one while somebody moves a file, or waits for the next's turn
	next *performance  // what was sent ahead; whoever has the turn has it
	of   plan.Figure   // which figure that is

	sure    bool        // a file has got from the one site to the other
	digests bool        // of the files are to be told, if the servers know how to
	follows atomic.Bool // files follow each other over one data connection, or will
	keeps   bool        // the data connection stays open from file to file,
	kept    bool        // and is, by the figure of

	mu     sync.Mutex
	ends   ends
	users  int
	closed bool
	why    error // it closed by itself
}

// openLane opens a lane. Where alone is false it keeps nobody waiting: there is none if
// that would take a session from somebody who waits, or one more than a site allows. With
// digests the servers are to tell those of the files, if they can; sure is that a file has got
// from the one site to the other.
func openLane(ctx context.Context, l limits, from, to sites.Site, alone, sure, digests bool) (*lane, error) {
	take := take
	if !alone {
		take = tryTake
	}
	ends, err := lease(ctx, from, to, take)
	if err != nil {
		return nil, err
	}
	for _, end := range []opener{ends.source, ends.dest} {
		s, ok := end.(*ftp.Session)
		if !ok {
			continue
		}
		if err := s.Image(ctx); err != nil {
			ends.release()
			return nil, err
		}
		s.Share(true)
		s.WriteAhead(true)
	}
	follows := keepers(from, to)
	opened := &lane{from: from, to: to, limits: l, sure: sure, digests: digests, rapid: !follows && roundTrip(from, to) < near, turn: make(chan struct{}, 1), ends: ends}
	opened.follows.Store(follows)
	return opened, nil
}

// keepers reports whether a data connection between two sites can stay open from file to
// file.
func keepers(from, to sites.Site) bool {
	source, server := from.(*ftp.Site)
	dest, both := to.(*ftp.Site)
	return server && both && source.Keeps() && dest.Keeps()
}

// keep has both servers leave the data connection open. agreed waits for what they say.
func (l *lane) keep(ctx context.Context, e ends) (agreed func(context.Context) error, err error) {
	var both [2]func(context.Context) error
	for i, end := range []struct {
		opener
		verb string
	}{{e.source, "RETR"}, {e.dest, "STOR"}} {
		if !l.digests {
			end.verb = ""
		}
		if both[i], err = end.opener.(*ftp.Session).Keep(ctx, end.verb); err != nil {
			return nil, err
		}
	}
	l.keeps = true
	return func(ctx context.Context) error { return errors.Join(both[0](ctx), both[1](ctx)) }, nil
}

// usual has them do that not any more.
func (l *lane) usual() error {
	ctx, stop := context.WithTimeout(context.Background(), l.limits.settle)
	defer stop()
	var group errgroup.Group
	for _, end := range []opener{l.ends.source, l.ends.dest} {
		group.Go(func() error { return end.(*ftp.Session).Usual(ctx) })
	}
	return group.Wait()
}

// near is the round trip below which more than some hundred files a second may go from a site
// to another, which is as many as it has ports for if it connects.
const near = 2 * time.Millisecond

// roundTrip returns the longest of the round trips to some sites.
func roundTrip(ends ...sites.Site) (longest time.Duration) {
	for _, site := range ends {
		if f, ok := site.(*ftp.Site); ok {
			longest = max(longest, f.RoundTrip())
		}
	}
	return longest
}

// borrow returns the two ends; ok is false once the lane is closed. back is to be called
// when they are not needed longer.
func (l *lane) borrow() (e ends, back func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, end := range []opener{l.ends.source, l.ends.dest} {
		if s, is := end.(*ftp.Session); is && s.Err() != nil {
			l.closed, l.why = true, s.Err()
		}
	}
	if l.closed {
		if l.users == 0 {
			l.release()
		}
		return ends{}, nil, false
	}
	l.users++
	return l.ends, sync.OnceFunc(l.back), true
}

// ended reports whether nothing goes over the lane any more.
func (l *lane) ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// lost returns why the lane closed by itself; nil if it did not.
func (l *lane) lost() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.why
}

func (l *lane) back() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users--; l.users == 0 && l.closed {
		l.release()
	}
}

// close gives the sessions back, as soon as nobody uses them.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed = true; l.users == 0 {
		l.release()
	}
}

// release gives the sessions back, once. Replies may be on their way to what was sent
// ahead for nobody. mu is held.
func (l *lane) release() {
	if l.ends.release == nil {
		return
	}
	for _, end := range []opener{l.ends.source, l.ends.dest} {
		if s, ok := end.(*ftp.Session); ok {
			s.Settle(l.limits.settle)
			s.Share(false)
		}
	}
	if l.keeps {
		if err := l.usual(); err != nil {
			l.drop(err)
		}
	}
	l.ends.release()
	l.ends.release = nil
}

// over returns a site with its questions going over the lane.
func (l *lane) over(s sites.Site, role plan.Role) sites.Site {
	f, ok := s.(*ftp.Site)
	if !ok {
		return s
	}
	return f.Over(func() (*ftp.Session, func()) {
		e, back, ok := l.borrow()
		if !ok {
			return nil, nil
		}
		end := e.source
		if role == plan.Dest {
			end = e.dest
		}
		return end.(*ftp.Session), back
	})
}

// carry runs a figure once for a transfer, in its turn. ok is false if the lane is closed.
func (l *lane) carry(ctx context.Context, w *work, f plan.Figure) (ok bool, err error) {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return true, sites.Stopped(ctx)
	}
	free := sync.OnceFunc(func() { <-l.turn })
	defer free()
	e, back, ok := l.borrow()
	if !ok {
		return false, nil
	}
	defer back()
	if f.ThroughUser() {
		l.follows.Store(false)
		if l.keeps {
			l.close() // its sessions are for what goes from server to server
			return false, nil
		}
	}
	w.base = max(w.in.Load(), w.out.Load())
	if f.ThroughUser() {
		return true, w.watched(ctx, func(ctx context.Context) error { return w.join(ctx, e) })
	}
	p, err := l.prepared(ctx, w, f, e)
	if err != nil {
		return true, err
	}
	if keepers(l.from, l.to) {
		return true, l.carryKept(ctx, w, p, free)
	}
	p.names(w)
	p.ahead.next = l.begin(w, f, e)
	p.ahead.free = func() {
		l.next, l.of = p.ahead.next, f
		free()
	}
	return true, w.watched(ctx, p.perform)
}

// carryKept runs a figure whose data connection stays open. What makes that is done once;
// the files that follow are sent ahead of each other, and each keeps its place.
func (l *lane) carryKept(ctx context.Context, w *work, p *performance, free func()) error {
	p.names(w)
	first := !l.kept
	agreed := func(context.Context) error { return nil }
	if !l.keeps {
		var err error
		if agreed, err = l.keep(ctx, ends{source: p.cols[plan.Source].s, dest: p.cols[plan.Dest].s}); err != nil {
			return err
		}
	}
	p.ahead.kept = true
	w.queued.Store(true)
	w.storing.Store(p)
	p.ahead.turn = func() { w.queued.Store(false) }
	defer p.ahead.turn()
	p.ahead.free = func() {
		l.kept = true
		free()
	}
	err := w.watched(ctx, p.perform)
	if err == nil {
		err = agreed(ctx)
	}
	if err == nil {
		w.told = p.told()
	}
	if p.kept() {
		return err
	}
	if err == nil {
		l.drop(errors.New("the data connection did not stay open"))
		return nil
	}
	l.drop(err)
	if first {
		return err
	}
	// How the data connection was made does not explain it, nor does this file.
	f := failure{role: plan.User}
	if known := (*failure)(nil); errors.As(err, &known) {
		f = *known
	}
	f.err = &sites.Error{Site: w.ask.Dest.Site, Kind: sites.Unreachable, Msg: "the data connection that several files share was lost", Err: f.err}
	return &f
}

// kept reports whether both servers have left the data connection open.
func (p *performance) kept() bool {
	for _, c := range p.cols {
		if c.moved == nil || !closed(c.moved.Ended()) || !c.moved.Kept() {
			return false
		}
	}
	return true
}

// told returns what both servers told of the file; nil if one of them did not.
func (p *performance) told() *[2]ftp.Told {
	var told [2]ftp.Told
	for role, path := range map[plan.Role]string{plan.Source: p.vars["from"], plan.Dest: p.vars["to"]} {
		var ok bool
		if told[role], ok = p.cols[role].moved.Told(path); !ok {
			return nil
		}
	}
	if told[plan.Source].Algorithm != told[plan.Dest].Algorithm {
		return nil
	}
	return &told
}

// drop closes the sessions of a lane that nobody can go on in.
func (l *lane) drop(why error) {
	for _, end := range []opener{l.ends.source, l.ends.dest} {
		if s, ok := end.(*ftp.Session); ok {
			s.Drop(why)
		}
	}
}

// names gives a performance the names of its file.
func (p *performance) names(w *work) {
	for name, value := range w.plan.Vars() {
		if perFile[name] {
			p.vars[name] = value
		}
	}
}

// perFile holds the variables of a figure that are each file's own.
var perFile = map[string]bool{"from": true, "to": true, "final": true, "get": true, "put": true}

// prepared returns the performance that was begun for the next file, or a new one.
func (l *lane) prepared(ctx context.Context, w *work, f plan.Figure, e ends) (*performance, error) {
	p := l.next
	l.next = nil
	same := l.of.Name == f.Name && l.of.Summary == f.Summary
	switch {
	case p != nil && same:
		return p, nil
	case l.kept && same:
		f.Rows = f.Rows[len(f.Rows)-1:] // what moves the file
		return l.begin(w, f, e), nil
	}
	l.of, l.kept = f, false
	if err := w.represent(ctx, f, e); err != nil {
		return nil, err
	}
	return l.begin(w, f, e), nil
}

func (l *lane) begin(w *work, f plan.Figure, e ends) *performance {
	source, dest := e.source.(*ftp.Session), e.dest.(*ftp.Session)
	vars := w.plan.Vars()
	for name := range perFile {
		delete(vars, name)
	}
	vars["source"], vars["dest"] = source.DataAddr().String(), dest.DataAddr().String()
	p := newPerformance(l.limits, f.Rows, vars, source, dest)
	p.ahead = &ahead{sure: l.sure || l.kept}
	return p
}
