package state

import (
	"path/filepath"
	"testing"
	"time"
)

// TestDoubt holds that a doubt about a server outlives the program, with the time of the
// last one, and is about that server only.
func TestDoubt(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state.db")
	open := func() *Store {
		t.Helper()
		s, err := Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	begun := time.Now().Truncate(time.Millisecond)
	s := open()
	for _, why := range []string{"it hung up", "it lost a file"} {
		if err := s.Doubt(t.Context(), "a:21", why); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open()
	defer s.Close()
	if why, since, err := s.Doubted(t.Context(), "a:21"); why != "it lost a file" || since.Before(begun) || since.After(time.Now()) || err != nil {
		t.Errorf("%q since %v, %v", why, since, err)
	}
	if why, since, err := s.Doubted(t.Context(), "b:21"); why != "" || !since.IsZero() || err != nil {
		t.Errorf("another server: %q since %v, %v", why, since, err)
	}
}
