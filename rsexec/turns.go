package rsexec

import (
	"context"
	"sync"

	"rsexec/grammar"
)

// searches is how many pieces of work wait for sites at the same time where all that is
// shown of one comes before all of the next.
const searches = 8

// turns are pieces of work that go on at the same time and have their turns one after the
// other. What a piece shows, it shows when it has its turn; until then it may hold
// nothing that another one needs, such as a session.
type turns struct {
	work    func(ctx context.Context, i int, turn func() bool) error
	ctx     context.Context
	stop    context.CancelFunc
	group   sync.WaitGroup
	begun   int
	taken   int
	mine    []chan struct{} // closed when its turn has come
	results []chan error
}

// inTurn begins n pieces of work, of which turn waits for the turn; it returns false if
// that does not come any more.
func inTurn(ctx context.Context, n int, work func(ctx context.Context, i int, turn func() bool) error) *turns {
	t := &turns{work: work, mine: make([]chan struct{}, n), results: make([]chan error, n)}
	t.ctx, t.stop = context.WithCancel(ctx)
	for i := range n {
		t.mine[i], t.results[i] = make(chan struct{}), make(chan error, 1)
	}
	for range min(n, searches) {
		t.begin()
	}
	return t
}

// begin begins the next piece of work, if there is one.
func (t *turns) begin() {
	i := t.begun
	if i == len(t.mine) {
		return
	}
	t.begun++
	t.group.Go(func() {
		t.results[i] <- t.work(t.ctx, i, func() bool {
			select {
			case <-t.mine[i]:
				return true
			case <-t.ctx.Done():
				return false
			}
		})
	})
}

// next gives the next piece of work its turn and returns what came of it.
func (t *turns) next() error {
	i := t.taken
	t.taken++
	close(t.mine[i])
	err := <-t.results[i]
	t.begin()
	return err
}

// end ends what still goes on. It is always called.
func (t *turns) end() {
	t.stop()
	t.group.Wait()
}

// beside returns an executive for n pieces of work in turn, whose searches share the room
// for what waits.
func (x *Executive) beside(n int) *Executive {
	b := *x
	b.resolver.Beside = max(b.resolver.Beside, 1) * min(n, searches)
	return &b
}

// forWordsInTurn is forWords for work that asks several words' sites at the same time.
func (x *Executive) forWordsInTurn(ctx context.Context, st *grammar.Statement, words []grammar.Word,
	work func(ctx context.Context, x *Executive, w grammar.Word, turn func() bool) error) error {
	b := x.beside(len(words))
	t := inTurn(ctx, len(words), func(ctx context.Context, i int, turn func() bool) error { return work(ctx, b, words[i], turn) })
	defer t.end()
	return x.forWords(ctx, st, words, func(grammar.Word) error { return t.next() })
}

// always is the turn of work that nothing goes on beside.
func always() bool { return true }
