package transfer

import (
	"strings"
	"testing"
	"time"
)

// drive has a pace find out how many pairs help where so many bring so many files a second,
// and returns what is decided, and how many pairs are wanted in the end.
func drive(p *pace, most, files int, rate func(pairs int) float64) (decisions []string, want int) {
	now := time.Unix(0, 0)
	for range files {
		pairs := min(p.want, most)
		now = now.Add(time.Duration(float64(time.Second) / rate(pairs)))
		if why := p.done(now, 4096, pairs, most); why != "" {
			decisions = append(decisions, why)
		}
	}
	return decisions, p.want
}

// TestPace finds the number from which on more pairs bring nothing, from below and from
// what was found before.
func TestPace(t *testing.T) {
	t.Parallel()
	until := func(n int) func(int) float64 {
		return func(pairs int) float64 { return 20 * float64(min(pairs, n)) }
	}
	for _, test := range []struct {
		name         string
		before, most int
		files        int
		rate         func(int) float64
		want         int // pairs in the end
		says         string
	}{
		{"as many as there may be", 0, 15, 400, until(100), 15, "15 are tried"},
		{"more bring nothing", 0, 64, 1000, until(4), 4, "8 pairs of sessions bring 80 files/s, which is not more: back to 4"},
		{"more bring something for a while", 0, 64, 2000, until(16), 16, "32 pairs of sessions bring 320 files/s, which is not more: back to 16"},
		{"more bring less", 0, 64, 1000, func(pairs int) float64 { return 400 / float64(pairs) }, 4, "back to 4"},
		{"found before", 16, 64, 400, until(16), 16, "back to 16"},
		{"one is allowed", 0, 1, 400, until(100), 1, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			decisions, want := drive(newPace(test.before), test.most, test.files, test.rate)
			if want != test.want {
				t.Errorf("%d pairs are wanted in the end\n%s", want, strings.Join(decisions, "\n"))
			}
			if !strings.Contains(strings.Join(decisions, "\n"), test.says) {
				t.Errorf("no decision says %q\n%s", test.says, strings.Join(decisions, "\n"))
			}
		})
	}
}

// TestPaceGrowsLater tries one more pair now and then, and keeps it where it brings more.
func TestPaceGrowsLater(t *testing.T) {
	t.Parallel()
	p := newPace(0)
	if _, want := drive(p, 64, 600, func(pairs int) float64 { return 20 * float64(min(pairs, 4)) }); want != 4 {
		t.Fatalf("%d pairs", want)
	}
	if _, want := drive(p, 64, 20000, func(pairs int) float64 { return 20 * float64(min(pairs, 6)) }); want != 6 {
		t.Errorf("%d pairs are wanted after two more have begun to help", want)
	}
}

// TestPaceAfterLoss goes on with what is left.
func TestPaceAfterLoss(t *testing.T) {
	t.Parallel()
	p := newPace(0)
	drive(p, 16, 400, func(pairs int) float64 { return 20 * float64(pairs) })
	p.lost(time.Unix(100, 0), 5)
	if p.want != 5 {
		t.Errorf("%d pairs are wanted when one of six was refused", p.want)
	}
}

// TestPaceRush begins with the more pairs the slower the network is, as far as there are
// files for them.
func TestPaceRush(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		before, files int
		roundTrip     time.Duration
		want          int
	}{
		{0, 1000, 100 * time.Microsecond, firstPairs},
		{0, 1000, 10 * time.Millisecond, 9},
		{0, 1000, 300 * time.Millisecond, manyPairs},
		{0, 50, 300 * time.Millisecond, 6},
		{20, 1000, 300 * time.Millisecond, 20},
	} {
		p := newPace(test.before)
		p.rush(test.files, test.roundTrip)
		if p.want != test.want {
			t.Errorf("%d files, a round trip of %v: %d pairs are wanted, not %d", test.files, test.roundTrip, p.want, test.want)
		}
	}
}
