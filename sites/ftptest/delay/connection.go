package delay

import (
	"errors"
	"sync"
	"time"
)

// A connection is between two hosts. There are two of ours for it: one that came in, from the
// host that connects, and one to the host that is connected to.
type connection struct {
	p           *Proxy
	began       time.Time // when somebody connected
	there, back *stream   // back begins when the server is connected to
	near        side
	gone        chan struct{}

	mu   sync.Mutex
	far  side
	over bool
}

// connection is of one that came in, which the user or another site began at a moment.
func (p *Proxy) connection(near side, began time.Time, user bool) *connection {
	c := &connection{p: p, began: began, near: near, gone: make(chan struct{})}
	var there, back [2]*link
	if user {
		there[0], back[1] = &p.n.out, &p.n.in
	}
	c.there = p.n.stream(near, there, c.began.Add(2*p.n.delay), c.gone)
	c.back = p.n.stream(nil, back, c.began, c.gone)
	return c
}

// run connects to the server when that host would see the connection, and returns when all
// has ended. there and back take in what the streams carry and return how that ends.
func (c *connection) run(dial func() (side, error), there, back func() fate) {
	defer c.p.n.keep(c)()
	defer func() { _ = c.Close() }() // it has no error
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { c.there.send(parcel{end: there()}) })

	timer := newTimer()
	if !pause(timer, time.Until(c.began.Add(3*c.p.n.delay)), nil, c.gone) {
		return
	}
	far, err := dial()
	if err != nil {
		pause(timer, c.p.n.delay, nil, c.gone)
		c.lose()
		return
	}
	if !c.meets(far) {
		return
	}
	c.back.from = far
	all.Go(func() { c.back.send(parcel{end: back()}) })
	all.Go(func() {
		if c.there.hand(far) == isLost {
			c.lose()
		}
	})
	if c.back.hand(c.near) == isLost {
		c.lose()
	}
}

// meets has far closed with the connection, unless that is over.
func (c *connection) meets(far side) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		_ = far.Close() // nothing has passed
		return false
	}
	c.far = far
	return true
}

// Close closes both sides. Again, it does nothing.
func (c *connection) Close() error { return c.end(false) }

// lose closes both sides so that they see it was lost.
func (c *connection) lose() { _ = c.end(true) } // who is gone does not mind

func (c *connection) end(lost bool) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return nil
	}
	c.over = true
	close(c.gone)
	for _, s := range []side{c.near, c.far} {
		if s == nil {
			continue
		}
		if lost {
			err = errors.Join(err, s.SetLinger(0))
		}
		err = errors.Join(err, s.Close())
	}
	return err
}
