package transfer

import (
	"strings"
	"sync"
	"testing"

	"rsexec/rsexec/plan"
	"rsexec/sites"
)

// TestJoinOpensBoth holds that a file that goes through this host is opened at both ends at
// the same time: each server has heard of it before the other answers.
func TestJoinOpensBoth(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	var both sync.WaitGroup
	both.Add(2)
	meet := func() {
		both.Done()
		met := make(chan struct{})
		go func() { both.Wait(); close(met) }()
		select {
		case <-met:
		case <-ctx.Done():
			t.Error("the other server was not told meanwhile")
			both.Add(-1) // so that nobody waits for it
		}
	}
	source := serve(t, nil, fault{command: "PASV", hook: meet})
	dest := serve(t, nil, fault{command: "PASV", hook: meet})
	source.write(t, "a", "hello")
	m, _ := newMover()
	j := between(t, Copy, source, dest, "")
	j.Route = plan.Through
	if r, err := m.Do(ctx, j); err != nil || r.Bytes != 5 {
		t.Errorf("%+v, %v", r, err)
	}
	dest.check(t, "b", "hello")
	dest.checkNames(t, "b")
}

// TestJoinRefused holds whose refusal is told where a file that goes through this host is
// refused at one end or both, that nothing of it is left, and that a destination that
// would be written itself hears nothing of a file that the source refuses.
func TestJoinRefused(t *testing.T) {
	t.Parallel()
	const no = "550 the source says no"
	for _, test := range []struct {
		name         string
		verb         string
		inPlace      bool
		source, dest string // the replies that refuse; "" is none
		says         string
		heard        string // what the destination hears of it; "" is nothing, "?" is STOR if it was in time
	}{
		{name: "source, COPY", verb: Copy, source: no, says: "the source says no", heard: "?"},
		{name: "source, COPY in place", verb: Copy, inPlace: true, source: no, says: "the source says no"},
		{name: "source, APPEND", verb: Append, source: no, says: "the source says no"},
		{name: "destination, COPY", verb: Copy, dest: "550 the destination says no", says: "the destination says no", heard: "STOR"},
		{name: "destination, APPEND", verb: Append, dest: "550 the destination says no", says: "the destination says no", heard: "APPE"},
		{name: "both, COPY", verb: Copy, source: no, dest: "550 the destination says no", says: "the source says no", heard: "?"},
		{name: "both, APPEND", verb: Append, source: no, dest: "550 the destination says no", says: "the source says no"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var faults [2][]fault
			if test.source != "" {
				faults[0] = []fault{{command: "RETR", reply: test.source}}
			}
			if test.dest != "" {
				faults[1] = []fault{{command: "STOR", reply: test.dest}, {command: "APPE", reply: test.dest}}
			}
			source, dest := serve(t, nil, faults[0]...), serve(t, nil, faults[1]...)
			source.write(t, "a", "hello")
			dest.write(t, "b", "before")
			var told sent
			m, _ := newMover()
			j := between(t, test.verb, source, dest, "")
			j.Route, j.InPlace = plan.Through, test.inPlace
			_, err := m.Do(told.under(within(t)), j)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want one that says %q", err, test.says)
			}
			dest.check(t, "b", "before")
			dest.checkNames(t, "b")
			source.checkNames(t, "a")
			for _, verb := range []string{"STOR", "APPE"} {
				if heard := told.count("SITE2 "+verb) > 0; heard != (verb == test.heard) && test.heard != "?" {
					t.Errorf("%s was heard: %v", verb, heard)
				}
			}
			// Both are in step for what comes next.
			for _, s := range []sites.Site{j.From, j.To} {
				if _, err := s.Stat(within(t), "/"); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
