package state

import (
	"path/filepath"
	"sync"
	"testing"
)

// Who comes first gives the file its WAL, and the others wait.
func TestOpenAtOnce(t *testing.T) {
	for range 30 {
		file := filepath.Join(t.TempDir(), "state.db")
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				s, err := Open(t.Context(), file)
				if err != nil {
					t.Error(err)
					return
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
}
