package state

import (
	"path/filepath"
	"testing"
	"time"

	"rsexec/sites"
)

// TestAhead counts what a job has yet to do.
func TestAhead(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	id, err := s.NewJob(t.Context(), "COPY", "COPY SITE1:* SITE2:")
	if err != nil {
		t.Fatal(err)
	}
	want := func(w Ahead) {
		t.Helper()
		if got, err := s.Ahead(t.Context(), id); err != nil || got != w {
			t.Errorf("%+v, %v; want %+v", got, err, w)
		}
	}
	want(Ahead{})
	var groups [][]Transfer
	for _, file := range []Transfer{{Size: 10}, {Size: 20}, {Size: 40}, {Size: -1}, {What: Tree, Size: 4096}, {What: Extra, Size: 80}} {
		file.Source, file.Dest = sites.Pathname{Site: "SITE1", Path: "/f"}, sites.Pathname{Site: "SITE2", Path: "/f"}
		groups = append(groups, []Transfer{file})
	}
	if err := s.Add(t.Context(), id, groups); err != nil {
		t.Fatal(err)
	}
	want(Ahead{Files: 4, Bytes: 70, Unsized: 1, Trees: 1})
	if err := s.Finish(t.Context(), groups[0][0], 10); err != nil {
		t.Fatal(err)
	}
	failed := groups[1][0]
	failed.Failed = time.Now()
	if err := s.Save(t.Context(), failed); err != nil {
		t.Fatal(err)
	}
	want(Ahead{Files: 2, Bytes: 40, Unsized: 1, Trees: 1})
	if err := s.Expand(t.Context(), groups[4], nil, true); err != nil {
		t.Fatal(err)
	}
	want(Ahead{Files: 2, Bytes: 40, Unsized: 1})
}
