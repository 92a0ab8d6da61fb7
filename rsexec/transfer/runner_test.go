package transfer

import (
	"context"
	"slices"
	"testing"

	"rsexec/rsexec/state"
)

// listed is a journal that holds files of these sizes, and nothing else.
type listed struct {
	JobStore
	sizes []int64
}

func (l listed) Next(_ context.Context, _, n int64, trees bool, limit int) (all []state.Transfer, err error) {
	for i, size := range l.sizes {
		if t := (state.Transfer{N: int64(i + 1), First: int64(i + 1), Size: size}); !trees && t.N > n && len(all) < limit {
			all = append(all, t)
		}
	}
	return all, nil
}

// TestLargeFirst begins with the largest files, where the order is free, and leaves the
// others in theirs.
func TestLargeFirst(t *testing.T) {
	t.Parallel()
	for verb, want := range map[string][]int64{
		Copy:   {6, 3, 1, 2, 4, 5},
		Append: {1, 2, 3, 4, 5, 6},
	} {
		s := &schedule{Runner: &Runner{Store: listed{sizes: []int64{10, -1, smallFile, 5, smallFile - 1, 7 * smallFile}}},
			order: Order{Verb: verb}, groups: make(map[int64]*group)}
		if err := s.load(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, f := range s.files {
			got = append(got, f.N)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s begins with %v, want %v", verb, got, want)
		}
	}
}
