package rsexec

import (
	"context"
	"errors"
	"sync"

	"rsexec/rsexec/state"
)

// changeQueue is how many changes wait to be written before whoever makes one
// more has to wait.
const changeQueue = 16

// stateFile is the state file, which is opened when it is needed. Its methods may
// be called from several goroutines.
//
// One goroutine writes to it, in the order of the changes, so that nobody waits
// for the file and no two writers wait for each other.
type stateFile struct {
	name string

	mu      sync.Mutex
	store   *state.Store
	broken  error // why there is none
	changes chan change
	written chan struct{} // closed when the last change is written
}

// A change is one that is yet to be made in the state file. It tells nobody that
// it failed: what the file does not have is found out again.
type change func(context.Context, *state.Store)

// open returns the state file, or why there is none.
func (f *stateFile) open() (*state.Store, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.store != nil || f.broken != nil {
		return f.store, f.broken
	}
	ctx := context.Background() // the file is local, and outlives any one statement
	store, err := state.Open(ctx, f.name)
	if err != nil {
		f.broken = err
		return nil, err
	}
	f.store, f.changes, f.written = store, make(chan change, changeQueue), make(chan struct{})
	go func() {
		defer close(f.written)
		for c := range f.changes {
			c(ctx, store)
		}
	}()
	return store, nil
}

// change has a change made, soon. It may be called only after open returned a
// file.
func (f *stateFile) change(c change) { f.changes <- c }

// settle waits until the changes that were made before are written.
func (f *stateFile) settle() {
	written := make(chan struct{})
	f.change(func(ctx context.Context, store *state.Store) {
		store.Settle(ctx)
		close(written)
	})
	<-written
}

// errClosed is why there is no state file after the end of the shell.
var errClosed = errors.New("the shell has ended")

// close writes what is to be written. Nothing may use the file any more; closing
// again does nothing.
func (f *stateFile) close() error {
	f.mu.Lock()
	store := f.store
	f.store, f.broken = nil, errClosed
	f.mu.Unlock()
	if store == nil {
		return nil
	}
	close(f.changes)
	<-f.written
	return store.Close()
}
