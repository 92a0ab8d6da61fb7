package transfer

import (
	"fmt"
	"time"
)

const (
	// firstPairs is how many pairs of sessions a job begins with between two sites, and
	// manyPairs how many at most where many small files wait on a slow network.
	firstPairs, manyPairs = 4, 16

	// fileTurns is how many round trips a small file takes in a lane, and fileWork how long
	// a server, at a guess, is at work on it: the more of the one there are to the other, the
	// more lanes keep it busy.
	fileTurns, fileWork = 2.75, 3 * time.Millisecond

	// keptTurns and keptWork are the same where the data connection stays open.
	keptTurns, keptWork = 4, 200 * time.Microsecond

	// fileCost is what the handling of a file counts for beside its bytes, where
	// throughput is compared.
	fileCost = 64 << 10

	// gain is how much more pairs have to bring to be worth it, as a part of what they would
	// bring if nothing but their number set a limit: each is work for a server.
	gain = 1. / 3

	// twice is how often that has to be measured before fewer are used again.
	twice = 2

	// contented is how long the number of pairs stays that was found best. Then one more
	// is tried.
	contented = 10 * time.Second
)

// A pace finds out how many pairs of sessions at a time help between two sites: it doubles
// their number while that brings more, goes back where it does not, and now and then tries
// one more.
type pace struct {
	want int // pairs

	pairs   int // that are at work, and were since
	since   time.Time
	files   int // that were done with so many
	skipped int // of those, done before since: what is new has yet to get going
	units   float64

	best      float64 // units a second,
	bestPairs int     // and with how many
	worse     int     // how often in a row another number has not brought more
	climbing  bool    // more may be better still
	found     time.Time
}

// newPace begins with as many as were found best before; 0 is not known.
func newPace(before int) *pace { return &pace{want: max(before, firstPairs), climbing: true} }

// rush has a job begin with more pairs, as so many files wait and the network is that slow.
func (p *pace) rush(files int, roundTrip time.Duration) {
	busy := int(fileTurns * float64(roundTrip) / float64(fileWork))
	p.want = max(p.want, min(busy, files/abreast, manyPairs))
}

// useful is how many pairs are of use at most where data connections stay open: with so many
// files on their way a server is at work all the time.
func (p *pace) useful(roundTrip time.Duration) int {
	return max(firstPairs, min(manyPairs, int(keptTurns*float64(roundTrip)/float64(keptWork*keptAbreast))))
}

// done takes note of a file that is done while so many pairs are at work, of at most so
// many, and returns what is decided, "" if nothing is.
func (p *pace) done(now time.Time, bytes int64, pairs, most int) string {
	if pairs != p.pairs {
		p.measure(now, pairs)
	}
	if p.skipped < 2*pairs {
		if p.skipped++; p.skipped == 2*pairs {
			p.since = now
		}
		return ""
	}
	p.files++
	p.units += fileCost + float64(max(bytes, 0))
	elapsed := now.Sub(p.since)
	if p.files < 3*pairs || elapsed < 200*time.Millisecond {
		return ""
	}
	rate := p.units / elapsed.Seconds()
	told := fmt.Sprintf("%.0f files/s", float64(p.files)/elapsed.Seconds())
	p.measure(now, pairs)
	p.skipped = 2 * pairs // what is at work is in flow
	return p.decide(now, rate, told, pairs, most)
}

// measure begins to count anew.
func (p *pace) measure(now time.Time, pairs int) {
	p.pairs, p.since, p.files, p.skipped, p.units = pairs, now, 0, 0, 0
}

func (p *pace) decide(now time.Time, rate float64, told string, pairs, most int) string {
	p.want = min(p.want, most)
	before := p.want
	better := pairs < p.bestPairs && rate >= p.best
	if pairs > p.bestPairs {
		more := float64(pairs)/float64(max(p.bestPairs, 1)) - 1
		better = rate >= p.best*(1+gain*more)
	}
	if pairs == p.bestPairs || better {
		p.worse = 0
	} else if p.worse++; p.worse < twice {
		return "" // it may be a chance, and is measured again
	}
	switch {
	case pairs == p.bestPairs:
		p.best = (p.best + rate) / 2
		if !p.climbing && now.Sub(p.found) >= contented {
			p.want, p.found = min(pairs+1, most), now
		}
	case better:
		p.best, p.bestPairs, p.found = rate, pairs, now
		if p.climbing {
			p.want = min(2*pairs, most)
		}
	default:
		p.want, p.climbing, p.found = p.bestPairs, false, now
	}
	if p.want >= most && pairs >= most {
		p.climbing = false
	}
	switch {
	case p.want > before:
		return fmt.Sprintf("%d pairs of sessions bring %s: %d are tried", pairs, told, p.want)
	case p.want < before:
		return fmt.Sprintf("%d pairs of sessions bring %s, which is not more: back to %d", pairs, told, p.want)
	}
	return ""
}

// lost takes note that a pair of sessions was lost, or that one more is not to be had,
// while so many are left.
func (p *pace) lost(now time.Time, pairs int) {
	p.want, p.climbing, p.found = max(pairs, 1), false, now
	p.best, p.bestPairs = 0, 0
}
