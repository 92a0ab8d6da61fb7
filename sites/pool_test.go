package sites

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

// talk is a session that counts.
type talk struct {
	open   *atomic.Int32
	broken atomic.Bool
}

func (s *talk) Idle() bool { return !s.broken.Load() }

func (s *talk) Close() error { s.open.Add(-1); return nil }

func TestPool(t *testing.T) {
	var open, most, dialled atomic.Int32
	pool := NewPool("SITE1", 3, func(context.Context) (*talk, error) {
		dialled.Add(1)
		n := open.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		return &talk{open: &open}, nil
	})
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			for n := 1; n <= 3; n++ {
				taken, err := pool.Take(t.Context(), n)
				if err != nil {
					t.Error(err)
					return
				}
				for _, s := range taken {
					pool.Put(s)
				}
			}
		})
	}
	group.Wait()
	if most.Load() > 3 || dialled.Load() > 3 {
		t.Errorf("%d sessions at once, %d in all", most.Load(), dialled.Load())
	}

	taken, err := pool.Take(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	taken[0].broken.Store(true)
	before := open.Load()
	pool.Put(taken[0])
	if open.Load() != before-1 {
		t.Error("a session out of step was kept")
	}
	if _, err := pool.Take(t.Context(), 4); KindOf(err) != Unsupported {
		t.Errorf("four of three sessions: %v", err)
	}

	all, err := pool.Take(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := pool.Take(ctx, 1); KindOf(err) != Cancelled {
		t.Errorf("waiting with a cancelled context: %v", err)
	}
	if err := pool.Close(); err != nil {
		t.Error(err)
	}
	for _, s := range all {
		pool.Put(s)
	}
	if open.Load() != 0 {
		t.Errorf("%d sessions are open after the end", open.Load())
	}
}

// A failed dial gives back what was taken, so that the next one finds it.
func TestPoolDialFails(t *testing.T) {
	var open atomic.Int32
	fail := true
	pool := NewPool("SITE1", 2, func(context.Context) (*talk, error) {
		if fail && open.Load() == 1 {
			return nil, errors.New("no")
		}
		open.Add(1)
		return &talk{open: &open}, nil
	})
	if _, err := pool.Take(t.Context(), 2); err == nil {
		t.Fatal("the dial did not fail")
	}
	fail = false
	if _, err := pool.Take(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
}

func TestTrace(t *testing.T) {
	var order []string
	see := func(name string) *Trace {
		return &Trace{Command: func(site string, n int, line string) { order = append(order, name+site+line) }}
	}
	ctx := WithTrace(WithTrace(t.Context(), see("outer ")), see("inner "))
	TraceOf(ctx).SawCommand("S", 1, " NOOP")
	TraceOf(ctx).SawData("S", 1, 2) // nobody looks
	TraceOf(t.Context()).SawReply("S", 1, 200, "ok")
	if len(order) != 2 || order[0] != "outer S NOOP" || order[1] != "inner S NOOP" {
		t.Error(order)
	}
}

// parting is a session whose end waits for those of the others.
type parting struct{ last *sync.WaitGroup }

func (s *parting) Idle() bool { return true }

func (s *parting) Close() error {
	s.last.Done()
	s.last.Wait()
	return errors.New("gone")
}

// TestPoolClose holds that sessions end all at once, for each takes a round trip.
func TestPoolClose(t *testing.T) {
	const all = 3
	var last sync.WaitGroup
	last.Add(all)
	pool := NewPool("SITE1", all, func(context.Context) (*parting, error) { return &parting{&last}, nil })
	taken, err := pool.Take(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range taken {
		pool.Put(s)
	}
	if err := pool.Close(); err == nil || err.Error() != "gone" {
		t.Error(err)
	}
}

// TestTakeFresh holds that a fresh session was used by nobody, and that there are
// never more than are allowed.
func TestTakeFresh(t *testing.T) {
	var open, dialled atomic.Int32
	pool := NewPool("SITE1", 2, func(context.Context) (*talk, error) {
		dialled.Add(1)
		open.Add(1)
		return &talk{open: &open}, nil
	})
	used, err := pool.Take(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := pool.TakeFresh(ctx); KindOf(err) != Cancelled {
		t.Errorf("waiting with a cancelled context: %v", err)
	}
	pool.Put(used[0])
	fresh, err := pool.TakeFresh(t.Context())
	if err != nil || fresh == used[0] || fresh == used[1] || dialled.Load() != 3 || open.Load() != 2 {
		t.Errorf("%v; %d dialled, %d open", err, dialled.Load(), open.Load())
	}
	pool.Put(fresh)
	pool.Put(used[1])
	if err := pool.Close(); err != nil || open.Load() != 0 {
		t.Errorf("%v; %d open", err, open.Load())
	}

	broken := errors.New("broken")
	pool = NewPool("SITE1", 1, func(context.Context) (*talk, error) { return nil, broken })
	for range 2 { // the second time shows that the place was given back
		if _, err := pool.TakeFresh(t.Context()); !errors.Is(err, broken) {
			t.Error(err)
		}
	}
}
