package resolver

import (
	"context"
	"iter"
	"sync"

	"rsexec/sites"
)

// queue carries matches from a walk to the caller of Match. put never waits, so
// that no listing is held up; wait is where a walk lets the caller catch up.
type queue struct {
	few int // how many places wait lets be in it

	mu     sync.Mutex
	places []Place
	held   sites.Held // of places
	ended  bool

	changed chan struct{} // holds one: a place came, or the end
	taken   chan struct{} // holds one: the places were taken
}

func newQueue(few int) *queue {
	return &queue{few: few, changed: make(chan struct{}, 1), taken: make(chan struct{}, 1)}
}

// signal makes sure that a channel that holds one is full.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// put reports whether there is room for more.
func (q *queue) put(p Place) bool {
	e := p.Entry
	e.Name = p.Pathname.Path // which has the name in it
	q.mu.Lock()
	q.places = append(q.places, p)
	room := q.held.Add(e)
	q.mu.Unlock()
	signal(q.changed)
	return room
}

func (q *queue) end() {
	q.mu.Lock()
	q.ended = true
	q.mu.Unlock()
	signal(q.changed)
}

// wait returns when few places are in the queue; false if ctx ended.
func (q *queue) wait(ctx context.Context) bool {
	for ctx.Err() == nil {
		q.mu.Lock()
		n := len(q.places)
		q.mu.Unlock()
		if n < q.few {
			return true
		}
		select {
		case <-q.taken:
		case <-ctx.Done():
		}
	}
	return false
}

// batches returns the places as they come, until the end or until ctx ends.
func (q *queue) batches(ctx context.Context) iter.Seq[[]Place] {
	return func(yield func([]Place) bool) {
		var spare []Place
		for {
			q.mu.Lock()
			places, ended := q.places, q.ended
			q.places, q.held = spare[:0], 0
			q.mu.Unlock()
			spare = places
			signal(q.taken)
			if len(places) > 0 {
				if !yield(places) {
					return
				}
				continue
			}
			if ended {
				return
			}
			select {
			case <-q.changed:
			case <-ctx.Done():
				return
			}
		}
	}
}
