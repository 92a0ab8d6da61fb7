package state

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"rsexec/sites"
)

// shell opens the state file as one more shell does.
func shell(t *testing.T, file string) *Store {
	t.Helper()
	s, err := Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// appending puts a job into the journal that appends to one file, and returns the
// transfer.
func appending(t *testing.T, s *Store, identity string) Transfer {
	t.Helper()
	id, err := s.NewJob(t.Context(), "APPEND", "APPEND A:/a B:/b")
	if err != nil {
		t.Fatal(err)
	}
	group := []Transfer{{Source: sites.Pathname{Site: "A", Path: "/a"}, Dest: sites.Pathname{Site: "B", Path: "/b"}, Size: -1}}
	if err := s.Named(t.Context(), id, "B", identity); err != nil {
		t.Fatal(err)
	}
	if err := s.Add(t.Context(), id, [][]Transfer{group}); err != nil {
		t.Fatal(err)
	}
	if err := s.CompleteJob(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return group[0]
}

// turn takes the turn of a transfer, and checks who has it: itself, if other is 0.
func turn(t *testing.T, s *Store, tr *Transfer, other int64) {
	t.Helper()
	had, ok, err := s.TakeTurn(t.Context(), tr)
	if err != nil || ok != (other == 0) || tr.Turn != ok || had.ID != other {
		t.Errorf("job %d: ok %v, %v; job %d has the turn, want %d", tr.Job, ok, err, had.ID, other)
	}
}

// TestTurns holds that one job at a time has the turn to append to a file.
func TestTurns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	first, second := shell(t, file), shell(t, file)
	defer second.Close() // it was only read, and the test is over
	a, b, elsewhere := appending(t, first, "ftp://u@h"), appending(t, second, "ftp://u@h"), appending(t, second, "ftp://u@other")
	turn(t, first, &a, 0)
	turn(t, first, &a, 0) // it has it
	turn(t, second, &b, a.Job)
	turn(t, second, &elsewhere, 0)

	// It is given up, or done.
	a.Turn = false
	if err := first.Save(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	turn(t, second, &b, 0)
	turn(t, first, &a, b.Job)
	if err := second.Finish(t.Context(), b, 1); err != nil {
		t.Fatal(err)
	}
	turn(t, first, &a, 0)

	// A process that ends before it has begun has no turn.
	c := appending(t, second, "ftp://u@h")
	turn(t, second, &c, a.Job)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	turn(t, second, &c, 0)
	c.Turn = false
	if err := second.Save(t.Context(), c); err != nil {
		t.Fatal(err)
	}

	// But what it has begun has to be gone on with.
	third := shell(t, file)
	d := appending(t, third, "ftp://u@h")
	turn(t, third, &d, 0)
	d.Phase = Begun
	if err := third.BeginTransfer(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if err := third.Close(); err != nil {
		t.Fatal(err)
	}
	turn(t, second, &c, d.Job)
	for _, tr := range []Transfer{a, d} { // the first had a turn of which nothing came
		j, ok, err := second.Job(t.Context(), tr.Job)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if ok, err := second.Claim(t.Context(), j); err != nil || !ok {
			t.Errorf("claim: %v, %v", ok, err)
		}
	}
	turn(t, second, &c, d.Job)
	if err := second.ForgetJob(t.Context(), d.Job); err != nil {
		t.Fatal(err)
	}
	turn(t, second, &c, 0)
}

// TestAlive holds that several processes can ask at once whether one has ended.
func TestAlive(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	s := shell(t, file)
	defer s.Close() // the test is over
	for range 50 {
		dead := lockFile(file, "1-dead")
		if err := os.WriteFile(dead, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if s.Alive("1-dead") {
					t.Error("it has ended")
				}
			})
		}
		all.Wait()
		if _, err := os.Stat(dead); err == nil {
			t.Error("its file is left")
		}
	}
	held := flock.New(lockFile(file, "2-alive"))
	if ok, err := held.TryLock(); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if !s.Alive("2-alive") {
		t.Error("it is alive")
	}
	if err := held.Unlock(); err != nil {
		t.Fatal(err)
	}
}

// TestSweep holds that what a process leaves that ended before it had a job goes.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "state.db")
	s := shell(t, file)
	defer s.Close() // the test is over
	dead := lockFile(file, "1-dead")
	if err := os.WriteFile(dead, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	job := appending(t, s, "ftp://u@h")
	if err := s.Sweep(t.Context(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); err == nil {
		t.Error("the file of a process that ended is left")
	}
	if _, ok, err := s.Job(t.Context(), job.Job); err != nil || !ok {
		t.Error("the job of one that lives is gone", err)
	}
	if owners, err := filepath.Glob(lockFile(file, "*")); err != nil || len(owners) != 1 {
		t.Errorf("owners: %v, %v", owners, err)
	}
}
