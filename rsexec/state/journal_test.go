package state

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rsexec/sites"
)

// newJob puts a job with a tree into the journal and returns its number and the tree.
func newJob(t testing.TB, s *Store, dests ...string) (int64, []Transfer) {
	t.Helper()
	job, err := s.NewJob(t.Context(), "COPY", "COPY a b")
	if err != nil {
		t.Fatal(err)
	}
	var trees []Transfer
	for _, dest := range dests {
		trees = append(trees, Transfer{What: Tree, Source: sites.Pathname{Site: "A", Path: "/t"}, Dest: sites.Pathname{Site: dest, Path: "/t"}, Size: -1})
	}
	if err := s.Add(t.Context(), job, [][]Transfer{trees}); err != nil {
		t.Fatal(err)
	}
	return job, trees
}

// filesIn returns n files of trees, each with a transfer for each of them.
func filesIn(trees []Transfer, from, n int) (groups [][]Transfer) {
	for i := range n {
		var group []Transfer
		for _, tree := range trees {
			name := fmt.Sprintf("f%06d", from+i)
			group = append(group, Transfer{Parent: tree.N, Source: tree.Source.Join(name), Dest: tree.Dest.Join(name), Size: -1})
		}
		groups = append(groups, group)
	}
	return groups
}

// numbers returns the numbers of transfers.
func numbers(list []Transfer) string {
	var b strings.Builder
	for _, t := range list {
		fmt.Fprintf(&b, "%d ", t.N)
	}
	return strings.TrimSpace(b.String())
}

// TestNextKeepsGroups holds that all transfers of one source come together, however
// few are asked for.
func TestNextKeepsGroups(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "state.db"))
	job, trees := newJob(t, s, "B", "C", "D")
	if err := s.Expand(t.Context(), trees, filesIn(trees, 0, 3), false); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		behind int64
		trees  bool
		limit  int
		want   string
	}{
		{0, true, 1, "1 2 3"},
		{0, false, 1, "4 5 6"},
		{0, false, 3, "4 5 6"},
		{0, false, 4, "4 5 6 7 8 9"},
		{6, false, 100, "7 8 9 10 11 12"},
		{12, false, 100, ""},
		{3, true, 100, ""},
	} {
		list, err := s.Next(t.Context(), job, c.behind, c.trees, c.limit)
		if got := numbers(list); err != nil || got != c.want {
			t.Errorf("behind %d, at most %d: %q, %v, want %q", c.behind, c.limit, got, err, c.want)
		}
	}
}

// TestNotAddedAgain holds that what is done of a tree that is not wholly listed is
// remembered until it is, whether that is a file or a directory with all that is in it.
func TestNotAddedAgain(t *testing.T) {
	ctx := t.Context()
	s := openStore(t, filepath.Join(t.TempDir(), "state.db"))
	job, trees := newJob(t, s, "B")
	list := func() [][]Transfer {
		groups := filesIn(trees, 0, 2)
		groups[1][0].What = Tree
		return groups
	}
	next := func(trees bool) []Transfer {
		t.Helper()
		found, err := s.Next(ctx, job, 0, trees, 100)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if err := s.Expand(ctx, trees, list(), false); err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(ctx, next(false)[0], 0); err != nil {
		t.Fatal(err)
	}
	below := next(true)[1:]
	if err := s.Expand(ctx, below, filesIn(below, 0, 1), true); err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(ctx, next(false)[0], 0); err != nil {
		t.Fatal(err)
	}
	// The tree is listed again, as after the end of the process.
	if err := s.Expand(ctx, trees, list(), true); err != nil {
		t.Fatal(err)
	}
	if left := append(next(false), next(true)...); len(left) > 0 {
		t.Errorf("%v are to be done again", left)
	}
	var rows int
	if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM transfer").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows are kept of a tree that is done, %v", rows, err)
	}
}

// TestSaveOfDroppedJob holds that nothing goes on for a job that was dropped.
func TestSaveOfDroppedJob(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "state.db"))
	job, trees := newJob(t, s, "B")
	if err := s.ForgetJob(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(t.Context(), trees[0]); err == nil || !strings.Contains(err.Error(), "was dropped") {
		t.Errorf("the error is %v", err)
	}
}

// TestChangesFailAlone holds that a change that fails takes nothing of those with it
// that are made in the same transaction, and that the next one finds all in order.
func TestChangesFailAlone(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "state.db"))
	ended := make(chan error)
	for i := range 20 {
		go func() {
			if i%4 == 0 {
				err := s.exec(context.Background(), "INSERT INTO home (site, path) VALUES (NULL, NULL)")
				if err != nil && strings.Contains(err.Error(), "NOT NULL") {
					err = nil
				} else if err == nil {
					err = fmt.Errorf("a row without a path was taken")
				}
				ended <- err
				return
			}
			ended <- s.PutHome(context.Background(), fmt.Sprint(i), "/")
		}()
	}
	for range 20 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	n := 0
	if err := s.Homes(t.Context(), func(string, string) bool { n++; return true }); err != nil || n != 15 {
		t.Errorf("%d of 15 changes were made, %v", n, err)
	}
}

// TestShrinks holds that a large job leaves no large file behind, and no second one.
func TestShrinks(t *testing.T) {
	const n = 60_000
	ctx := t.Context()
	file := filepath.Join(t.TempDir(), "state.db")
	s, err := Open(ctx, file)
	if err != nil {
		t.Fatal(err)
	}
	job, trees := newJob(t, s, "B")
	for at := 0; at < n; at += 10_000 {
		if err := s.Expand(ctx, trees, filesIn(trees, at, 10_000), false); err != nil {
			t.Fatal(err)
		}
	}
	size := func() (bytes int64) {
		for _, name := range []string{file, file + "-wal"} {
			if info, err := os.Stat(name); err == nil {
				bytes += info.Size()
			}
		}
		return bytes
	}
	large := size()
	if err := s.exec(ctx, "UPDATE transfer SET phase = ? WHERE job = ?", int(Done), job); err != nil {
		t.Fatal(err)
	}
	if err := s.Release(ctx, job); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if small := size(); large < worthShrinking || small > large/10 {
		t.Errorf("the file had %d bytes and has %d", large, small)
	}
}

// BenchmarkTransfer is what the journal does for each file of a COPY, for eight at a
// time: three changes.
func BenchmarkTransfer(b *testing.B) {
	ctx := b.Context()
	s := openStore(b, filepath.Join(b.TempDir(), "state.db"))
	job, trees := newJob(b, s, "B")
	if err := s.Expand(ctx, trees, filesIn(trees, 0, b.N), true); err != nil {
		b.Fatal(err)
	}
	rows := make(chan Transfer)
	ended := make(chan error)
	for range 8 {
		go func() {
			var err error
			for t := range rows {
				if err != nil {
					continue
				}
				t.Phase, t.Temporary = Begun, t.Dest.Path+".tmp"
				if err = s.Save(ctx, t); err == nil {
					t.Phase = Whole
					err = s.Save(ctx, t)
				}
				if err == nil {
					err = s.Finish(ctx, t, 0)
				}
			}
			ended <- err
		}()
	}
	b.ResetTimer()
	for last := int64(0); ; {
		list, err := s.Next(ctx, job, last, false, 256)
		if err != nil {
			b.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		for _, t := range list {
			last = t.N
			rows <- t
		}
	}
	close(rows)
	for range 8 {
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "files/s")
}
