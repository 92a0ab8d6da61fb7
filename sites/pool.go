package sites

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// regrowth is how long a pool keeps to the number of sessions that the site
	// was found to allow, before it tries one more.
	regrowth = time.Minute

	// settling is how long a site may still count a session that has ended.
	settling = 500 * time.Millisecond
)

// Session is one logged-in conversation with a site.
type Session interface {
	// Idle reports whether the session is open and waits for no reply, so
	// that it can be used again.
	Idle() bool

	// Close ends the session and waits until everything it started is over.
	Close() error
}

// Pool keeps the sessions with one site: at most a given number at once, used
// again when they are idle. Its methods may be called from several goroutines.
//
// A site may allow fewer sessions than that, and says so only when one more is
// opened: with an error of kind Busy. While the pool has other sessions, its
// limit then becomes their number, and who wanted one more waits for one of them;
// each minute later the pool tries one more again. Where it has none, others have
// them all, and whoever waits gets the error.
//
// What always holds: the sessions that are taken, opened or idle are never more
// than the limit; and while somebody waits, sessions are taken or being opened,
// and each that comes back is a chance for the first in the queue. So nobody
// waits for ever, if nobody who has a session waits for another.
type Pool[S Session] struct {
	site string
	most int // what limit never exceeds
	dial func(context.Context) (S, error)

	mu      sync.Mutex
	idle    []S
	used    int // sessions that are taken, or that claims are opening
	limit   int
	refusal error // the site's, which made limit less than most
	closed  bool

	queue  []*claim[S] // by number
	claims int         // so far

	// A refusal shows what the site allows only if nothing else went on, for some
	// sites count the session that they are about to refuse, and sessions that
	// have ended just now. After one that shows nothing, sessions are opened one
	// by one, each after a pause.
	oneByOne bool
	opening  int       // claims that are opening sessions
	ended    time.Time // when a session last did, or failed to begin
	refused  time.Time // when a session last was, or when the limit last grew
}

// claim is a call for sessions, all or none.
type claim[S Session] struct {
	n      int
	number int  // earlier ones are served first
	fresh  bool // an idle session will not do, but its place will
	queues bool // it waits for what is not free at once

	served chan struct{} // closed when the claim leaves the queue; the fields below are set then
	err    error         // why it left the queue with nothing
	taken  []S           // idle sessions; the claim has the right to open the rest of n
	opens  bool          // it has to open some
	pauses bool          // it has to wait before it opens one
}

// NewPool returns a pool of at most limit sessions at once, which opens them
// with dial.
func NewPool[S Session](site string, limit int, dial func(context.Context) (S, error)) *Pool[S] {
	return &Pool[S]{site: site, most: limit, limit: limit, dial: dial}
}

// Take returns n sessions for the caller's use, all or none; it waits until so
// many are allowed. Each goes back with Put.
//
// Taking all at once, and from several pools in the order of the sites' names,
// is what keeps concurrent work from waiting for itself.
func (p *Pool[S]) Take(ctx context.Context, n int) ([]S, error) {
	if n > p.most {
		return nil, &Error{Site: p.site, Kind: Unsupported,
			Msg:  fmt.Sprintf("this needs %d sessions at once and max-sessions is %d", n, p.most),
			Hint: fmt.Sprintf("set max-sessions=%d", n)}
	}
	return p.take(ctx, &claim[S]{n: n, queues: true})
}

// TakeFresh returns a session that nothing was done with yet, which goes back
// with Put. It takes the place of an idle one, so that the site never has more
// of them than it allows.
func (p *Pool[S]) TakeFresh(ctx context.Context) (s S, err error) {
	taken, err := p.take(ctx, &claim[S]{n: 1, fresh: true, queues: true})
	if err != nil {
		return s, err
	}
	return taken[0], nil
}

// TryTake returns a session only if that keeps nobody waiting: an idle one, or a
// new one if the limit allows it. It goes back with Put. It is for questions
// that the work does not depend on, so why there is none is not told.
func (p *Pool[S]) TryTake(ctx context.Context) (s S, ok bool) {
	c := &claim[S]{n: 1}
	p.mu.Lock()
	p.grow()
	p.serve()
	ok = len(p.queue) == 0 && p.grant(c)
	p.mu.Unlock()
	if !ok {
		return s, false
	}
	if _, err := p.open(ctx, c); err != nil {
		return s, false
	}
	return c.taken[0], true
}

// take waits for what c claims.
func (p *Pool[S]) take(ctx context.Context, c *claim[S]) ([]S, error) {
	p.mu.Lock()
	p.grow()
	p.claims++
	c.number = p.claims
	p.join(c)
	p.serve()
	p.mu.Unlock()
	for {
		if err := p.await(ctx, c); err != nil {
			return nil, err
		}
		if again, err := p.open(ctx, c); err == nil {
			return c.taken, nil
		} else if !again {
			return nil, err
		}
	}
}

// await waits until c leaves the queue or ctx ends.
func (p *Pool[S]) await(ctx context.Context, c *claim[S]) error {
	if ctx.Err() == nil {
		select {
		case <-c.served:
			return c.err
		case <-ctx.Done():
		}
	}
	var over []S
	p.mu.Lock()
	if i := slices.Index(p.queue, c); i >= 0 {
		p.queue = slices.Delete(p.queue, i, i+1)
	} else if c.err == nil {
		over = p.release(c)
	}
	p.serve()
	p.mu.Unlock()
	end(over)
	return &Error{Site: p.site, Kind: KindOf(ctx.Err()), Msg: "waiting for a free session", Err: ctx.Err()}
}

// open opens the sessions that c may open and does not have yet. After an error
// it has none; again means that it is back in the queue.
func (p *Pool[S]) open(ctx context.Context, c *claim[S]) (again bool, err error) {
	if !c.opens {
		return false, nil
	}
	if c.fresh && len(c.taken) > 0 {
		end(c.taken)
		c.taken = nil
		p.mu.Lock()
		p.ended = time.Now()
		p.mu.Unlock()
	}
	if c.pauses {
		select {
		case <-time.After(settling):
		case <-ctx.Done(): // so dial says
		}
	}
	begin := time.Now()
	for len(c.taken) < c.n && err == nil {
		var s S
		if s, err = p.dial(ctx); err == nil {
			c.taken = append(c.taken, s)
		}
	}
	var over []S
	p.mu.Lock()
	if err == nil {
		p.opening--
	} else {
		over = p.release(c)
		certain := p.opening == 0 && begin.Sub(p.ended) >= settling
		p.ended = time.Now()
		if again = KindOf(err) == Busy && p.shrink(err, certain) && c.queues; again {
			p.join(c)
		}
	}
	p.serve()
	p.mu.Unlock()
	end(over)
	return again, err
}

// shrink draws the conclusion from err, the site's refusal of one session more;
// certain means that nothing else went on. It reports whether there is something
// to wait for. p.mu is held.
func (p *Pool[S]) shrink(err error, certain bool) bool {
	p.refused, p.oneByOne = time.Now(), !certain
	if !certain {
		return true
	}
	p.prune()
	have := p.used + len(p.idle)
	if have == 0 {
		for _, c := range p.queue {
			c.err = err
			close(c.served)
		}
		p.queue = nil
		return false
	}
	p.limit, p.refusal = have, err
	p.queue = slices.DeleteFunc(p.queue, p.turnAway)
	return true
}

// grow lets the limit grow after some time. p.mu is held.
func (p *Pool[S]) grow() {
	if p.limit == p.most && !p.oneByOne {
		return
	}
	if steps := time.Since(p.refused) / regrowth; steps > 0 {
		p.limit = min(p.most, p.limit+int(steps))
		p.oneByOne = false
		p.refused = p.refused.Add(steps * regrowth)
	}
}

// join gives c the place in the queue that its number has. p.mu is held.
func (p *Pool[S]) join(c *claim[S]) {
	c.served = make(chan struct{})
	if p.turnAway(c) {
		return
	}
	i, _ := slices.BinarySearchFunc(p.queue, c, func(a, b *claim[S]) int { return a.number - b.number })
	p.queue = slices.Insert(p.queue, i, c)
}

// turnAway ends c with an error if the limit is too small for it, and reports
// whether it is. p.mu is held.
func (p *Pool[S]) turnAway(c *claim[S]) bool {
	if c.n <= p.limit {
		return false
	}
	c.err = &Error{Site: p.site, Kind: Busy, Err: p.refusal,
		Msg: fmt.Sprintf("this needs %d sessions at once and %s allows %d now", c.n, p.site, p.limit)}
	close(c.served)
	return true
}

// serve grants the first claims what they wait for, as far as it is free. p.mu
// is held.
func (p *Pool[S]) serve() {
	for len(p.queue) > 0 && p.grant(p.queue[0]) {
		close(p.queue[0].served)
		p.queue = slices.Delete(p.queue, 0, 1)
	}
}

// grant gives c idle sessions and the right to open the rest, or nothing. p.mu
// is held.
func (p *Pool[S]) grant(c *claim[S]) bool {
	p.prune()
	rest := max(0, len(p.idle)-c.n)
	c.opens = c.fresh || len(p.idle) < c.n
	if p.used+c.n > p.limit || c.opens && p.oneByOne && (p.opening > 0 || !c.queues) {
		return false
	}
	c.taken = slices.Clone(p.idle[rest:])
	p.idle = slices.Delete(p.idle, rest, len(p.idle))
	p.used += c.n
	if c.opens {
		p.opening++
		c.pauses = p.oneByOne
	}
	return true
}

// release takes back what c was granted. It returns the sessions that are to be
// closed. p.mu is held.
func (p *Pool[S]) release(c *claim[S]) (over []S) {
	if p.closed {
		over = c.taken
	} else {
		p.idle = append(p.idle, c.taken...)
	}
	c.taken = nil
	p.used -= c.n
	if c.opens {
		p.opening--
	}
	return over
}

// prune takes out the idle sessions that are idle no more, such as those that
// the site has ended meanwhile. p.mu is held.
func (p *Pool[S]) prune() {
	p.idle = slices.DeleteFunc(p.idle, func(s S) bool {
		if s.Idle() {
			return false
		}
		s.Close() // it is broken or out of step: there is nothing to tell anybody
		return true
	})
}

// end closes sessions that nobody waits for anything from.
func end[S Session](sessions []S) {
	for _, s := range sessions {
		s.Close() // for the same reason its error means nothing
	}
}

// Put gives a session back. One that is not idle is closed first: until then it
// counts at the site.
func (p *Pool[S]) Put(s S) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed && s.Idle() {
		p.idle = append(p.idle, s)
	} else {
		p.mu.Unlock()
		s.Close() // it is out of step, or the pool is closed: nobody waits for it
		p.mu.Lock()
		p.ended = time.Now()
	}
	p.used--
	p.serve()
}

// Close closes the idle sessions; those in use are closed when they come back.
func (p *Pool[S]) Close() error {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	var group errgroup.Group // each says goodbye, which takes a round trip
	for _, s := range idle {
		group.Go(s.Close)
	}
	return group.Wait()
}
