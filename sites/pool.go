package sites

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
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
type Pool[S Session] struct {
	site  string
	limit int
	dial  func(context.Context) (S, error)
	slots *semaphore.Weighted

	mu     sync.Mutex
	idle   []S
	closed bool
}

// NewPool returns a pool of at most limit sessions at once, which opens them
// with dial.
func NewPool[S Session](site string, limit int, dial func(context.Context) (S, error)) *Pool[S] {
	return &Pool[S]{site: site, limit: limit, dial: dial, slots: semaphore.NewWeighted(int64(limit))}
}

// Take returns n sessions for the caller's use, all or none; it waits until so
// many are allowed. Each goes back with Put.
//
// Taking all at once, and from several pools in the order of the sites' names,
// is what keeps concurrent work from waiting for itself.
func (p *Pool[S]) Take(ctx context.Context, n int) ([]S, error) {
	if n > p.limit {
		return nil, &Error{Site: p.site, Kind: Unsupported,
			Msg:  fmt.Sprintf("this needs %d sessions at once and max-sessions is %d", n, p.limit),
			Hint: fmt.Sprintf("set max-sessions=%d", n)}
	}
	if err := p.slots.Acquire(ctx, int64(n)); err != nil {
		return nil, &Error{Site: p.site, Kind: KindOf(err), Msg: "waiting for a free session", Err: err}
	}
	taken := make([]S, 0, n)
	for len(taken) < n {
		s, ok := p.reuse()
		if !ok {
			var err error
			if s, err = p.dial(ctx); err != nil {
				for _, t := range taken {
					p.Put(t)
				}
				p.slots.Release(int64(n - len(taken)))
				return nil, err
			}
		}
		taken = append(taken, s)
	}
	return taken, nil
}

// TakeFresh returns a session that nothing was done with yet, which goes back
// with Put. It takes the place of an idle one, so that the site never has more
// of them than it allows.
func (p *Pool[S]) TakeFresh(ctx context.Context) (s S, err error) {
	if err := p.slots.Acquire(ctx, 1); err != nil {
		return s, &Error{Site: p.site, Kind: KindOf(err), Msg: "waiting for a free session", Err: err}
	}
	if old, ok := p.reuse(); ok {
		old.Close() // it was idle: nobody waits for anything from it
	}
	if s, err = p.dial(ctx); err != nil {
		p.slots.Release(1)
	}
	return s, err
}

// reuse returns an idle session that is still open.
func (p *Pool[S]) reuse() (s S, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		last := len(p.idle) - 1
		s, p.idle = p.idle[last], p.idle[:last]
		if s.Idle() {
			return s, true
		}
		s.Close() // it is broken or out of step: there is nothing to tell anybody
	}
	return s, false
}

// Put gives a session back. One that is not idle is closed.
func (p *Pool[S]) Put(s S) {
	p.mu.Lock()
	keep := !p.closed && s.Idle()
	if keep {
		p.idle = append(p.idle, s)
	}
	p.mu.Unlock()
	if !keep {
		s.Close()
	}
	p.slots.Release(1)
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
