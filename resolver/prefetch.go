package resolver

import (
	"context"
	"sync"

	"rsexec/sites"
)

const (
	// atOnce is how many directories of one walk are listed at the same time.
	atOnce = 8

	// prefetched is how many were listed, or are to be, before they are wanted, with the
	// one that is: more than are listed at the same time, so that none that takes long
	// keeps those behind it waiting.
	prefetched = 2 * atOnce
)

// prefetch lists directories before they are wanted, so that a walk is not a
// round trip after another. What was listed waits in memory until it is taken, unless it
// is much, which is listed again when it is wanted;
// whoever takes it finds the directories in the order that it asks for them.
type prefetch struct {
	list  Lister
	site  sites.Site
	slots chan struct{}

	group sync.WaitGroup
	early map[sites.Pathname]*early // used by the walk's goroutine only
}

// early is a directory that was, or is being, listed before it is wanted.
type early struct {
	done    chan struct{}
	entries []sites.Entry
	much    bool // there were too many of them to keep
	err     error
}

func newPrefetch(list Lister, site sites.Site) *prefetch {
	return &prefetch{list: list, site: site, slots: make(chan struct{}, atOnce), early: make(map[sites.Pathname]*early)}
}

// start has a directory listed. It is taken later, by entries.
func (f *prefetch) start(ctx context.Context, dir sites.Pathname) {
	if f.early[dir] != nil {
		return
	}
	e := &early{done: make(chan struct{})}
	f.early[dir] = e
	f.group.Go(func() {
		defer close(e.done)
		select {
		case f.slots <- struct{}{}:
			defer func() { <-f.slots }()
		case <-ctx.Done():
			e.err = sites.Stopped(ctx)
			return
		}
		var held sites.Held
		e.err = f.list(ctx, f.site, dir, func(entry sites.Entry) bool {
			held.Add(entry)
			if e.much = held > sites.MaxHeld/(2*prefetched); e.much {
				e.entries = nil
				return false
			}
			e.entries = append(e.entries, entry)
			return true
		})
	})
}

// entries lists a directory, or hands on what was listed already.
func (f *prefetch) entries(ctx context.Context, dir sites.Pathname, yield func(sites.Entry) bool) error {
	e := f.early[dir]
	if e == nil {
		return f.list(ctx, f.site, dir, yield)
	}
	delete(f.early, dir)
	select {
	case <-e.done:
	case <-ctx.Done():
		return sites.Stopped(ctx)
	}
	if e.much {
		return f.list(ctx, f.site, dir, yield)
	}
	for _, entry := range e.entries {
		if !yield(entry) {
			return nil
		}
	}
	return e.err
}
