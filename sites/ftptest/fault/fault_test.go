package fault

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestString(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]Fault{
		"cut at connect #1":                                       {},
		"421 at connect #2 x3":                                    {What: Busy, Nth: 2, Times: 3},
		"reset before command #3":                                 {What: Reset, Where: Command, Nth: 3},
		"cut before STOR #1 on connection 2":                      {Where: Command, Verb: "STOR", Conn: 2},
		"stall before the first reply to RETR #1":                 {What: Stall, Where: Begin, Verb: "RETR"},
		"delay 20ms before the reply to command #4":               {What: Delay, Where: Reply, Nth: 4, Delay: 20 * time.Millisecond},
		"cut within the reply to greeting #1":                     {Where: Within, Verb: Greeting},
		"truncate after 1000 bytes up #1":                         {What: Truncate, Where: Up, Byte: 1000},
		"stall after 0 bytes down #2 on connection 1":             {What: Stall, Where: Down, Nth: 2, Conn: 1},
		"reset after 5000000000 bytes down #1 x2 on connection 7": {What: Reset, Where: Down, Byte: 5e9, Times: 2, Conn: 7},
	} {
		if got := f.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if err := f.check(); err != nil {
			t.Error(err)
		}
	}
	plan := Plan{{}, {What: Busy}}
	if got, want := plan.String(), "cut at connect #1; 421 at connect #1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := (Plan{}).String(); got != "no faults" {
		t.Errorf("an empty plan is %q", got)
	}
}

// TestSenseless starts no proxy with a fault that could not happen.
func TestSenseless(t *testing.T) {
	t.Parallel()
	for _, f := range []Fault{
		{What: Truncate, Where: Reply},
		{What: Busy, Where: Command},
		{What: Delay, Where: Command},
		{What: Cut, Where: Command, Delay: time.Second},
		{What: Cut, Where: Command, Byte: 1},
		{What: Cut, Where: Up, Verb: "STOR"},
		{What: Cut, Where: Connect, Verb: Greeting},
		{What: Cut, Where: Command, Verb: Greeting},
		{Nth: -1}, {Times: -1}, {Conn: -1}, {Where: Up, Byte: -1}, {What: 100}, {Where: 100},
	} {
		if p, err := Listen("127.0.0.1:1", Options{Faults: Plan{f}}); err == nil {
			t.Errorf("%#v was taken", f)
			_ = p.Close() // what it says is of no interest any more
		}
	}
}

// TestRandom makes plans that can happen, each from its seed.
func TestRandom(t *testing.T) {
	t.Parallel()
	const size = 1000
	random := func(seed uint64) Plan { return Random(rand.New(rand.NewPCG(seed, 0)), 5, size) }
	seen := make(map[[2]uint8]bool)
	for seed := range uint64(2000) {
		plan := random(seed)
		if !slices.Equal(plan, random(seed)) {
			t.Fatalf("seed %d gives two plans", seed)
		}
		if slices.Equal(plan, random(seed+1)) {
			t.Errorf("seeds %d and %d give one plan: %v", seed, seed+1, plan)
		}
		if len(plan) != 5 || strings.Contains(plan.String(), "\n") {
			t.Errorf("seed %d gives %d faults: %v", seed, len(plan), plan)
		}
		for _, f := range plan {
			if err := f.check(); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			if f.Byte > size {
				t.Errorf("seed %d: %v, in a file of %d bytes", seed, f, size)
			}
			seen[[2]uint8{uint8(f.What), uint8(f.Where)}] = true
		}
	}
	for what := Cut; what <= Busy; what++ {
		for where := Connect; where <= Down; where++ {
			f := Fault{What: what, Where: where}
			if what == Delay {
				f.Delay = 1
			}
			never := where == Connect && what == Stall // a client that waits for a greeting learns nothing
			if possible := f.check() == nil && !never; seen[[2]uint8{uint8(what), uint8(where)}] != possible {
				t.Errorf("%v: drawn is %v", f, !possible)
			}
		}
	}
	if got := Random(rand.New(rand.NewPCG(1, 0)), 100, -1); slices.ContainsFunc(got, func(f Fault) bool { return f.Byte != 0 }) {
		t.Errorf("in a file of unknown size: %v", got)
	}
}
