package fault

import (
	"math/rand/v2"
	"time"
)

// verbs are those at which a transfer is hurt most.
func verbs() []string {
	return []string{"RETR", "STOR", "APPE", "RNFR", "RNTO", "DELE", "SIZE", "REST", "PASV", "PORT", "TYPE"}
}

// Random returns a plan of n faults for the transfer of a file of size bytes. The same
// state of rng gives the same plan. For example, with the seed in every message:
//
//	plan := fault.Random(rand.New(rand.NewPCG(seed, 0)), 4, size)
func Random(rng *rand.Rand, n int, size int64) Plan {
	plan := make(Plan, n)
	for i := range plan {
		switch chance := rng.IntN(100); {
		case chance < 10:
			plan[i] = randomConnect(rng)
		case chance < 55:
			plan[i] = randomControl(rng)
		default:
			plan[i] = randomData(rng, max(size, 0))
		}
		if plan[i].What == Delay {
			plan[i].Delay = time.Duration(10+rng.IntN(41)) * time.Millisecond
		}
	}
	return plan
}

func randomConnect(rng *rand.Rand) Fault {
	return Fault{Where: Connect, What: pick(rng, Cut, Cut, Reset, Busy, Busy, Delay), Nth: 1 + rng.IntN(3), Times: 1 + rng.IntN(2)}
}

func randomControl(rng *rand.Rand) Fault {
	f := Fault{Where: pick(rng, Command, Begin, Reply, Within), What: pick(rng, Cut, Cut, Reset, Reset, Delay, Stall)}
	if rng.IntN(2) == 0 {
		f.Nth = 1 + rng.IntN(40) // about as many commands as a few tries have
		return f
	}
	f.Verb, f.Nth = pick(rng, verbs()...), 1+rng.IntN(3)
	return f
}

func randomData(rng *rand.Rand, size int64) Fault {
	return Fault{Where: pick(rng, Up, Down), What: pick(rng, Cut, Cut, Reset, Reset, Truncate, Truncate, Delay, Stall),
		Byte: rng.Int64N(size + 1), Nth: 1 + rng.IntN(2)}
}

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }
