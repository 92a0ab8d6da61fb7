package sites

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
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

// tight is a site that allows a number of sessions only. Its time is that of the
// bubble that a test runs in.
type tight struct {
	allows  atomic.Int32
	open    atomic.Int32 // sessions that it counts
	dialled atomic.Int32
	late    bool          // it counts those that it is about to refuse
	lag     time.Duration // how long it counts a session that has ended or was refused
}

// login is how long a tight site takes to let somebody in or to refuse.
const login = time.Millisecond

func (s *tight) dial(context.Context) (*guest, error) {
	s.dialled.Add(1)
	n := s.open.Add(1)
	time.Sleep(login)
	if s.late {
		n = s.open.Load()
	}
	if n > s.allows.Load() {
		time.Sleep(login) // so that others see the late count too
		s.end()
		return nil, &Error{Op: "log in at", Site: "SITE1", Kind: Busy, Code: 421, Text: "Too many users"}
	}
	return &guest{site: s}, nil
}

// end is what the site does when a session ends.
func (s *tight) end() {
	if s.lag == 0 {
		s.open.Add(-1)
		return
	}
	time.AfterFunc(s.lag, func() { s.open.Add(-1) })
}

// guest is a session with a tight site.
type guest struct {
	site  *tight
	gone  atomic.Bool // it has ended
	spent atomic.Bool // it must not be used again
}

func (g *guest) Idle() bool { return !g.gone.Load() && !g.spent.Load() }

func (g *guest) Close() error {
	if !g.gone.Swap(true) {
		g.site.end()
	}
	return nil
}

// throwOut ends the session from the site's side.
func (g *guest) throwOut() {
	g.gone.Store(true)
	g.site.end()
}

// inTight runs a test with a pool of sessions with a tight site.
func inTight(t *testing.T, most int, allows int32, site *tight, test func(*testing.T, *tight, *Pool[*guest])) {
	synctest.Test(t, func(t *testing.T) {
		site.allows.Store(allows)
		p := NewPool("SITE1", most, site.dial)
		test(t, site, p)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(site.lag + 1)
		if n := site.open.Load(); n != 0 {
			t.Errorf("%d sessions are open after the end", n)
		}
	})
}

// take takes sessions that must be had.
func take(t *testing.T, p *Pool[*guest], n int) []*guest {
	t.Helper()
	taken, err := p.Take(t.Context(), n)
	if err != nil || len(taken) != n {
		t.Fatalf("%d of %d sessions: %v", len(taken), n, err)
	}
	return taken
}

func put(p *Pool[*guest], sessions ...*guest) {
	for _, s := range sessions {
		p.Put(s)
	}
}

// TestPoolShrinks holds that a site that allows fewer sessions than the pool is
// no failure of anybody's, whatever the site counts, and that the pool finds out
// how many they are.
func TestPoolShrinks(t *testing.T) {
	for _, test := range []struct {
		name   string
		allows int32
		late   bool
		lag    time.Duration
		fresh  bool // some want sessions that nothing was done with
	}{
		{"one", 1, false, 0, false},
		{"two", 2, false, 0, false},
		{"seven", 7, false, 0, false},
		{"one, counted late", 1, true, 0, false},
		{"two, counted late", 2, true, 0, false},
		{"seven, counted late", 7, true, 0, false},
		{"one, fresh", 1, true, settling / 2, true},
		{"three, fresh", 3, true, settling / 2, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			inTight(t, 8, test.allows, &tight{late: test.late, lag: test.lag}, func(t *testing.T, site *tight, p *Pool[*guest]) {
				var group sync.WaitGroup
				for i := range 40 {
					group.Go(func() {
						if test.fresh && i%4 == 0 {
							s, err := p.TakeFresh(t.Context())
							if err != nil {
								t.Errorf("a fresh session: %v", err)
								return
							}
							p.Put(s)
							return
						}
						n := 1 + i%int(min(3, test.allows))
						taken, err := p.Take(t.Context(), n)
						if err != nil {
							t.Errorf("%d sessions: %v", n, err)
							return
						}
						time.Sleep(login / 2)
						put(p, taken...)
					})
				}
				group.Wait()
				time.Sleep(settling) // the site counts nobody any more who is gone
				put(p, take(t, p, int(test.allows))...)
				more := int(test.allows) + 1
				if _, err := p.Take(t.Context(), more); KindOf(err) != Busy {
					t.Errorf("one more than are allowed: %v", err)
				}
				before := site.dialled.Load()
				if _, err := p.Take(t.Context(), more); KindOf(err) != Busy || site.dialled.Load() != before {
					t.Errorf("the same again: %v, and %d were dialled", err, site.dialled.Load()-before)
				}
			})
		})
	}
}

// TestPoolRefused goes through what a refusal does to whoever wants n sessions
// while the caller holds some.
func TestPoolRefused(t *testing.T) {
	for _, test := range []struct {
		name         string
		most         int
		allows       int32
		holds, wants int
		kind         Kind // Other for sessions, when those held come back
		text         string
	}{
		{"none of its own", 3, 0, 0, 1, Busy, "log in at SITE1: the server said 421 Too many users"},
		{"none of its own, two wanted", 3, 0, 0, 2, Busy, "log in at SITE1: the server said 421 Too many users"},
		{"one of its own", 3, 1, 1, 1, Other, ""},
		{"two of its own", 4, 2, 2, 1, Other, ""},
		{"two of its own, two wanted", 4, 2, 2, 2, Other, ""},
		{"one of its own, two wanted", 4, 2, 1, 2, Other, ""},
		{"half of what is wanted", 3, 1, 0, 2, Busy,
			"SITE1: this needs 2 sessions at once and SITE1 allows 1 now: log in at SITE1: the server said 421 Too many users"},
		{"more than there are", 8, 2, 2, 3, Busy,
			"SITE1: this needs 3 sessions at once and SITE1 allows 2 now: log in at SITE1: the server said 421 Too many users"},
		{"more than are configured", 3, 1, 1, 4, Unsupported,
			"SITE1: this needs 4 sessions at once and max-sessions is 3; set max-sessions=4"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inTight(t, test.most, test.allows, &tight{}, func(t *testing.T, site *tight, p *Pool[*guest]) {
				held := take(t, p, test.holds)
				time.Sleep(settling)
				var taken []*guest
				var err error
				done := make(chan struct{})
				go func() {
					defer close(done)
					taken, err = p.Take(t.Context(), test.wants)
				}()
				time.Sleep(10 * login)
				select {
				case <-done:
					if test.kind == Other {
						t.Errorf("%d sessions beside %d: %v", len(taken), test.holds, err)
					}
				default:
					if test.kind != Other {
						t.Error("it waits for more than there will be")
					}
				}
				put(p, held...)
				<-done
				if test.kind == Other {
					if err != nil {
						t.Error(err)
					}
					put(p, taken...)
					return
				}
				if KindOf(err) != test.kind || err.Error() != test.text {
					t.Errorf("%v: %v", KindOf(err), err)
				}
			})
		})
	}
}

// TestPoolHoldsNothing holds that who has to wait for two sessions leaves the one
// that it has got to others.
func TestPoolHoldsNothing(t *testing.T) {
	inTight(t, 4, 2, &tight{}, func(t *testing.T, site *tight, p *Pool[*guest]) {
		held := take(t, p, 1)
		done := make(chan []*guest)
		go func() {
			taken, err := p.Take(t.Context(), 2)
			if err != nil {
				t.Error(err)
			}
			done <- taken
		}()
		time.Sleep(10 * login) // it has opened one and was refused the other
		p.mu.Lock()
		used, idle := p.used, len(p.idle)
		p.mu.Unlock()
		if used != 1 || idle != 1 {
			t.Errorf("%d sessions are taken and %d idle", used, idle)
		}
		if s, ok := p.TryTake(t.Context()); ok {
			t.Error("the idle one was taken from who waits for two")
			p.Put(s)
		}
		put(p, held...)
		put(p, <-done...)
		if n := site.dialled.Load(); n != 3 {
			t.Errorf("%d were dialled", n)
		}
	})
}

// TestPoolAllRefused holds that nobody goes on waiting for a site that lets
// nobody in, and that not everybody has to ask it.
func TestPoolAllRefused(t *testing.T) {
	inTight(t, 8, 0, &tight{}, func(t *testing.T, site *tight, p *Pool[*guest]) {
		var group sync.WaitGroup
		for range 40 {
			group.Go(func() {
				if _, err := p.Take(t.Context(), 1); KindOf(err) != Busy {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if n := site.dialled.Load(); n != 8+1 {
			t.Errorf("%d were dialled", n)
		}
		site.allows.Store(8)
		time.Sleep(settling)
		put(p, take(t, p, 8)...) // the pool has not shrunk
	})
}

// TestPoolTurnsAway holds that who waits for two sessions learns that there is
// only one left.
func TestPoolTurnsAway(t *testing.T) {
	inTight(t, 2, 1, &tight{}, func(t *testing.T, site *tight, p *Pool[*guest]) {
		held := take(t, p, 1)
		time.Sleep(settling)
		var group sync.WaitGroup
		group.Go(func() { put(p, take(t, p, 1)...) })
		synctest.Wait() // that one is about to be refused
		group.Go(func() {
			if _, err := p.Take(t.Context(), 2); KindOf(err) != Busy {
				t.Error(err)
			}
			put(p, held...)
		})
		group.Wait()
	})
}

// TestPoolGrows holds that a pool that has shrunk tries one session more each
// minute.
func TestPoolGrows(t *testing.T) {
	inTight(t, 4, 1, &tight{}, func(t *testing.T, site *tight, p *Pool[*guest]) {
		held := take(t, p, 1)
		time.Sleep(settling)
		if _, ok := p.TryTake(t.Context()); ok { // it makes the pool shrink
			t.Fatal("there are two sessions")
		}
		shrunk := time.Now()
		site.allows.Store(8)
		for _, step := range []struct {
			after time.Duration
			want  int
		}{
			{0, 1}, {regrowth - 1, 1}, {regrowth * 3 / 2, 2}, {2*regrowth - 1, 2}, {2 * regrowth, 3}, {9 * regrowth, 4},
		} {
			time.Sleep(time.Until(shrunk.Add(step.after)))
			for {
				s, ok := p.TryTake(t.Context())
				if !ok {
					break
				}
				held = append(held, s)
			}
			if len(held) != step.want {
				t.Errorf("%v later there are %d sessions, want %d", step.after, len(held), step.want)
			}
			put(p, held[1:]...)
			held = held[:1]
		}
		put(p, held...)
		put(p, take(t, p, 4)...)
	})
	inTight(t, 3, 1, &tight{}, func(t *testing.T, site *tight, p *Pool[*guest]) {
		held := take(t, p, 1)
		for range 3 { // a try that fails is a try a minute, and no failure of anybody's
			before := site.dialled.Load()
			time.Sleep(regrowth)
			done := make(chan struct{})
			go func() { defer close(done); put(p, take(t, p, 1)...) }()
			time.Sleep(10 * login)
			put(p, held...)
			<-done
			if n := site.dialled.Load() - before; n != 1 {
				t.Errorf("%d were dialled", n)
			}
			held = take(t, p, 1)
		}
		put(p, held...)
	})
}

// TestPoolIdleGone holds that a session that the site has ended is none that the
// pool has.
func TestPoolIdleGone(t *testing.T) {
	t.Run("before", func(t *testing.T) {
		inTight(t, 4, 2, &tight{}, func(t *testing.T, site *tight, p *Pool[*guest]) {
			all := take(t, p, 2)
			put(p, all[1])
			all[1].throwOut()
			site.allows.Store(1) // the place is another's
			time.Sleep(settling)
			if _, ok := p.TryTake(t.Context()); ok {
				t.Error("there are two sessions")
			}
			if _, err := p.Take(t.Context(), 2); KindOf(err) != Busy {
				t.Error(err)
			}
			put(p, all[0])
			put(p, take(t, p, 1)...)
		})
	})
	t.Run("meanwhile", func(t *testing.T) {
		inTight(t, 4, 1, &tight{}, func(t *testing.T, site *tight, p *Pool[*guest]) {
			one := take(t, p, 1)
			put(p, one...)
			time.Sleep(settling)
			go func() {
				time.Sleep(login / 2)
				site.allows.Store(0)
				one[0].throwOut()
			}()
			var e *Error
			if _, err := p.Take(t.Context(), 2); !errors.As(err, &e) || e.Code != 421 {
				t.Errorf("the site's refusal is %v", err)
			}
		})
	})
	t.Run("come back meanwhile", func(t *testing.T) {
		inTight(t, 4, 1, &tight{}, func(t *testing.T, site *tight, p *Pool[*guest]) {
			one := take(t, p, 1)
			time.Sleep(settling)
			go func() {
				time.Sleep(login / 2)
				put(p, one...)
				site.allows.Store(0)
				one[0].throwOut()
			}()
			if _, err := p.Take(t.Context(), 1); KindOf(err) != Busy || site.dialled.Load() != 2 {
				t.Errorf("%v; %d were dialled", err, site.dialled.Load())
			}
		})
	})
	t.Run("in use", func(t *testing.T) {
		inTight(t, 4, 1, &tight{}, func(t *testing.T, site *tight, p *Pool[*guest]) {
			one := take(t, p, 1)
			done := make(chan struct{})
			go func() { defer close(done); put(p, take(t, p, 1)...) }()
			time.Sleep(settling)
			one[0].throwOut()
			put(p, one...) // who waits opens another one
			<-done
		})
	})
}

// TestTryTake holds that it keeps nobody waiting.
func TestTryTake(t *testing.T) {
	inTight(t, 2, 8, &tight{}, func(t *testing.T, site *tight, p *Pool[*guest]) {
		one, ok := p.TryTake(t.Context())
		if !ok {
			t.Fatal("none is opened")
		}
		p.Put(one)
		if again, ok := p.TryTake(t.Context()); !ok || again != one || site.dialled.Load() != 1 {
			t.Errorf("the idle one is not used: %v, %d dialled", ok, site.dialled.Load())
		}
		two := take(t, p, 1)
		if _, ok := p.TryTake(t.Context()); ok {
			t.Error("there is one more than max-sessions")
		}
		p.Put(one)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			if _, err := p.Take(ctx, 2); KindOf(err) != Cancelled {
				t.Error(err)
			}
		}()
		synctest.Wait()
		if _, ok := p.TryTake(t.Context()); ok {
			t.Error("it goes before who waits")
		}
		stop()
		<-done
		put(p, two...)
	})
	lost := &Error{Kind: Unreachable}
	p := NewPool("SITE1", 1, func(context.Context) (*talk, error) { return nil, lost })
	for range 2 { // the second time shows that the place was given back
		if _, ok := p.TryTake(t.Context()); ok {
			t.Error("there is no session")
		}
	}
	if _, err := p.Take(t.Context(), 1); err != error(lost) {
		t.Error(err)
	}
}

// TestPoolUnreachable holds that only a site that says so is full.
func TestPoolUnreachable(t *testing.T) {
	var open atomic.Int32
	lost := &Error{Kind: Unreachable}
	p := NewPool("SITE1", 2, func(context.Context) (*talk, error) {
		if open.Load() == 1 {
			return nil, lost
		}
		open.Add(1)
		return &talk{open: &open}, nil
	})
	for range 2 {
		taken, err := p.Take(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Take(t.Context(), 1); err != error(lost) {
			t.Error(err)
		}
		p.Put(taken[0])
		if _, err := p.Take(t.Context(), 2); err != error(lost) {
			t.Error(err)
		}
	}
}

// TestPoolOrder holds that those who wait are served in the order in which they
// came, and that one who gives up is in nobody's way.
func TestPoolOrder(t *testing.T) {
	inTight(t, 2, 2, &tight{}, func(t *testing.T, site *tight, p *Pool[*guest]) {
		held := take(t, p, 2)
		var group sync.WaitGroup
		var mu sync.Mutex
		var order []int
		ctx, stop := context.WithCancel(t.Context())
		for i, n := range []int{2, 1, 2, 1, 1} {
			group.Go(func() {
				at := t.Context()
				if i == 0 {
					at = ctx
				}
				taken, err := p.Take(at, n)
				if i == 0 {
					if KindOf(err) != Cancelled {
						t.Error(err)
					}
					return
				}
				if err != nil {
					t.Error(err)
				}
				time.Sleep(time.Duration(i) * login) // those that have one each come back in order
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				put(p, taken...)
			})
			synctest.Wait()
		}
		p.Put(held[0])
		time.Sleep(10 * login)
		mu.Lock()
		if len(order) != 0 {
			t.Errorf("%v had a session while the first in the queue waited", order)
		}
		mu.Unlock()
		stop()
		p.Put(held[1])
		group.Wait()
		for i, n := range order {
			if n != i+1 {
				t.Errorf("they were served in the order %v", order)
			}
		}
	})
}

// TestPoolOrderRefused holds that a refusal costs nobody the place in the queue.
func TestPoolOrderRefused(t *testing.T) {
	inTight(t, 2, 1, &tight{}, func(t *testing.T, site *tight, p *Pool[*guest]) {
		held := take(t, p, 1)
		time.Sleep(settling)
		order := make(chan string, 2)
		var group sync.WaitGroup
		for _, name := range []string{"refused", "waiting"} {
			group.Go(func() {
				taken := take(t, p, 1)
				order <- name
				put(p, taken...)
			})
			synctest.Wait()
		}
		time.Sleep(10 * login)
		put(p, held...)
		group.Wait()
		if first := <-order; first != "refused" {
			t.Errorf("the one that was %s is first", first)
		}
	})
}

// TestPoolSettles holds that a site that still counts sessions that have ended
// is not taken for a full one.
func TestPoolSettles(t *testing.T) {
	for _, test := range []struct {
		name  string
		fresh bool                                            // it is wanted so
		end   func(*testing.T, *tight, *Pool[*guest], *guest) // of the one that is open
	}{
		{"replaced", true, func(_ *testing.T, _ *tight, p *Pool[*guest], s *guest) { p.Put(s) }},
		{"spent", false, func(_ *testing.T, _ *tight, p *Pool[*guest], s *guest) {
			s.spent.Store(true)
			p.Put(s)
		}},
		{"refused", false, func(t *testing.T, site *tight, p *Pool[*guest], s *guest) {
			s.throwOut()
			p.Put(s)
			site.allows.Store(0)
			time.Sleep(settling)
			if _, err := p.Take(t.Context(), 1); KindOf(err) != Busy {
				t.Error(err)
			}
			site.allows.Store(1)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inTight(t, 4, 1, &tight{late: true, lag: settling / 2}, func(t *testing.T, site *tight, p *Pool[*guest]) {
				test.end(t, site, p, take(t, p, 1)[0])
				if !test.fresh {
					put(p, take(t, p, 1)...)
					return
				}
				s, err := p.TakeFresh(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				p.Put(s)
			})
		})
	}
	t.Run("questions do not wait", func(t *testing.T) {
		inTight(t, 4, 1, &tight{lag: settling / 2}, func(t *testing.T, site *tight, p *Pool[*guest]) {
			one := take(t, p, 1)[0]
			one.spent.Store(true)
			p.Put(one)
			if _, ok := p.TryTake(t.Context()); ok {
				t.Error("there are two sessions")
			}
			begin, before := time.Now(), site.dialled.Load()
			if _, ok := p.TryTake(t.Context()); ok || time.Since(begin) != 0 || site.dialled.Load() != before {
				t.Errorf("asked in doubt: %v, after %v", ok, time.Since(begin))
			}
			time.Sleep(regrowth)
			s, ok := p.TryTake(t.Context())
			if !ok {
				t.Fatal("the doubt stays")
			}
			p.Put(s)
		})
	})
}

// TestPoolRefusedTogether holds that a refusal proves nothing while another
// session was being opened, even if that has ended before.
func TestPoolRefusedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dialled, open atomic.Int32
		p := NewPool("SITE1", 2, func(context.Context) (*talk, error) {
			switch n := dialled.Add(1); n {
			case 1, 2: // the first refusal comes last
				time.Sleep((3 - time.Duration(n)) * login)
				return nil, &Error{Kind: Busy}
			}
			open.Add(1)
			return &talk{open: &open}, nil
		})
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				taken, err := p.Take(t.Context(), 1)
				if err != nil {
					t.Error(err)
					return
				}
				p.Put(taken[0])
			})
		}
		group.Wait()
	})
}

// TestPoolClosedMeanwhile holds that a session that was opened for nothing does
// not outlive the pool.
func TestPoolClosedMeanwhile(t *testing.T) {
	inTight(t, 2, 1, &tight{}, func(t *testing.T, site *tight, p *Pool[*guest]) {
		time.AfterFunc(2*login, func() { p.Close() }) // nothing is idle that could fail
		if _, err := p.Take(t.Context(), 2); err == nil {
			t.Error("there are two sessions")
		}
		if n := site.open.Load(); n != 0 {
			t.Errorf("%d sessions are open", n)
		}
	})
}
