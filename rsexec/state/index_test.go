package state

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rsexec/sites"
)

func openStore(t testing.TB, file string) *Store {
	t.Helper()
	s, err := Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// listing returns entries with the names given.
func listing(names ...string) []sites.Entry {
	var entries []sites.Entry
	for i, n := range names {
		entries = append(entries, sites.Entry{Name: n, Type: sites.File, Size: int64(i)})
	}
	return entries
}

// names collects what a query finds, as SITE:dir/name.
func names(t *testing.T, query func(yield) error) string {
	t.Helper()
	var all []string
	if err := query(func(dir sites.Pathname, e sites.Entry, _ time.Time) bool {
		all = append(all, dir.Join(e.Name).String())
		return true
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all) // the order of directories is nobody's concern
	return strings.Join(all, " ")
}

func TestIndex(t *testing.T) {
	ctx := t.Context()
	file := filepath.Join(t.TempDir(), "new folder", "state.db")
	s := openStore(t, file)
	at := time.Date(2026, 11, 21, 5, 47, 0, 0, time.UTC)
	one, two := sites.Pathname{Site: "SITE1", Path: "/"}, sites.Pathname{Site: "SITE2", Path: "/pub"}
	for dir, names := range map[sites.Pathname][]string{one: {"a", "ab", "b\xff"}, two: {"a", "A", "abc"}} {
		if err := s.PutListing(ctx, dir, at, listing(names...)); err != nil {
			t.Fatal(err)
		}
	}
	find := func(name string) string {
		return names(t, func(y yield) error { return s.Find(ctx, name, y) })
	}
	settle := func() {
		if err := s.Settle(ctx); err != nil {
			t.Fatal(err)
		}
	}
	begin := func(dir sites.Pathname, prefix string) string {
		return names(t, func(y yield) error { return s.Begin(ctx, dir, prefix, y) })
	}
	for got, want := range map[string]string{
		find("a"):            "SITE1:/a SITE2:/pub/a",
		find("A"):            "SITE2:/pub/A",
		find("b\xff"):        `SITE1:/b\xff`,
		find("nope"):         "",
		begin(one, "ab"):     "SITE1:/ab",
		begin(two, "a"):      "SITE2:/pub/a SITE2:/pub/abc",
		begin(two, ""):       "SITE2:/pub/A SITE2:/pub/a SITE2:/pub/abc",
		begin(one, "b"):      `SITE1:/b\xff`,
		begin(one, "\xff"):   "",
		begin(one, "ab\xff"): "",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	listed := map[sites.Pathname]time.Time{}
	if err := s.Directories(ctx, func(dir sites.Pathname, at time.Time) bool { listed[dir] = at; return true }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[sites.Pathname]time.Time{one: at, two: at}, listed); diff != "" {
		t.Error(diff)
	}

	// One entry is repaired, a directory, a site.
	changed := sites.Entry{Name: "new", Type: sites.Directory, Size: -1, Modified: at}
	s.Put(two, changed)
	settle()
	var got sites.Entry
	if err := s.Find(ctx, "new", func(_ sites.Pathname, e sites.Entry, _ time.Time) bool { got = e; return true }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(changed, got); diff != "" {
		t.Error(diff)
	}
	s.Put(sites.Pathname{Site: "SITE3", Path: "/"}, changed)
	s.Remove(two.Join("a"))
	settle()
	if find("new") != "SITE2:/pub/new" {
		t.Error("an entry of a directory that was never listed is in the index")
	}
	if find("a") != "SITE1:/a" {
		t.Error(find("a"))
	}
	if err := s.PutListing(ctx, one, at.Add(time.Hour), listing("c")); err != nil || find("a") != "" || find("c") != "SITE1:/c" {
		t.Error(find("a"), find("c"), err)
	}
	if err := s.Forget(ctx, sites.Pathname{Site: "SITE2"}); err != nil || find("A") != "" {
		t.Error(find("A"), err)
	}

	// A listing that breaks off changes nothing.
	stopped, stop := context.WithCancel(ctx)
	stop()
	if err := s.PutListing(stopped, one, at, listing("half")); sites.KindOf(err) != sites.Cancelled || find("half") != "" || find("c") != "SITE1:/c" {
		t.Error(err, find("half"), find("c"))
	}

	// Another process finds it all again.
	again := openStore(t, file)
	if got := names(t, func(y yield) error { return again.Find(ctx, "c", y) }); got != "SITE1:/c" {
		t.Error(got)
	}
}

// TestCoarseIsKept holds that the index keeps how exact a time is; of entries that
// an earlier version has put there it is not known.
func TestCoarseIsKept(t *testing.T) {
	ctx := t.Context()
	file := filepath.Join(t.TempDir(), "state.db")
	at := time.Date(2026, 11, 21, 5, 47, 0, 0, time.UTC)
	dir := sites.Pathname{Site: "SITE1", Path: "/"}

	db, err := open(file)
	if err != nil {
		t.Fatal(err)
	}
	before := slices.IndexFunc(migrations, func(m string) bool { return strings.Contains(m, "coarse") })
	earlier := append(slices.Clone(migrations[:before]),
		fmt.Sprintf("PRAGMA user_version = %d", before),
		"INSERT INTO directory (id, site, path, listed) VALUES (1, 'SITE1', CAST('/' AS BLOB), 1)",
		fmt.Sprintf("INSERT INTO entry (name, directory, type, size, modified) VALUES (CAST('earlier' AS BLOB), 1, 1, 5, %d)", at.UnixMilli()))
	for _, statement := range earlier {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	s := openStore(t, file)
	all := func() (found []sites.Entry) {
		if err := s.Begin(ctx, dir, "", func(_ sites.Pathname, e sites.Entry, _ time.Time) bool { found = append(found, e); return true }); err != nil {
			t.Fatal(err)
		}
		return found
	}
	entry := func(name string, coarse bool) sites.Entry {
		return sites.Entry{Name: name, Type: sites.File, Size: 5, Modified: at, Coarse: coarse}
	}
	if diff := cmp.Diff([]sites.Entry{entry("earlier", true)}, all()); diff != "" {
		t.Error(diff)
	}
	var listed []sites.Entry
	for i := range insertRows + 2 { // a full statement, and what is left
		listed = append(listed, entry(fmt.Sprintf("%03d", i), i%2 == 0))
	}
	if err := s.PutListing(ctx, dir, at, listed); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(listed, all()); diff != "" {
		t.Error(diff)
	}
	listed[0].Coarse, listed[1].Coarse = false, true
	for _, e := range listed[:2] {
		s.Put(dir, e)
	}
	if err := s.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(listed, all()); diff != "" {
		t.Error(diff)
	}
}

// Several shells write at once, and none is turned away.
func TestConcurrentStores(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	var group sync.WaitGroup
	for k := range 4 {
		s := openStore(t, file)
		group.Go(func() {
			for i := range 25 {
				dir := sites.Pathname{Site: fmt.Sprintf("SITE%d", k), Path: fmt.Sprintf("/%d", i)}
				if err := s.PutListing(t.Context(), dir, time.Now(), listing("x")); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	n := 0
	if err := openStore(t, file).Find(t.Context(), "x", func(sites.Pathname, sites.Entry, time.Time) bool { n++; return true }); err != nil || n != 100 {
		t.Error(n, err)
	}
}

// TestOpenRelative opens a file by a name that is not absolute, and odd ones.
func TestOpenRelative(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"state.db", "./a b/state?x=1#.db", "%41.db"} {
		s := openStore(t, name)
		if err := s.PutHome(t.Context(), "SITE1", "/"); err != nil {
			t.Error(err)
		}
		if info, err := os.Stat(name); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := Open(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "--state") {
		t.Errorf("a folder: %v", err)
	}
	file := filepath.Join(t.TempDir(), "state.db")
	s := openStore(t, file)
	if _, err := s.db.ExecContext(t.Context(), "PRAGMA user_version = 1000"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), file); err == nil || !strings.Contains(err.Error(), "later version") {
		t.Errorf("a later version: %v", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := s.Settle(stopped); sites.KindOf(err) != sites.Cancelled {
		t.Error(err)
	}
}

// TestListingAsBefore holds that a listing is written again only if it, or what the index
// has of it, has changed.
func TestListingAsBefore(t *testing.T) {
	ctx := t.Context()
	s := openStore(t, filepath.Join(t.TempDir(), "state.db"))
	dir := sites.Pathname{Site: "SITE1", Path: "/"}
	first := []sites.Entry{{Name: "a", Type: sites.File, Size: 1}, {Name: "b", Type: sites.File, Size: 2}}
	other := func(change func(*sites.Entry)) []sites.Entry {
		list := slices.Clone(first)
		change(&list[1])
		return list
	}
	mark := func() { // shows whether rows are written again
		if _, err := s.db.ExecContext(ctx, "UPDATE entry SET size = size + 1000"); err != nil {
			t.Fatal(err)
		}
	}
	for i, test := range []struct {
		between func() error
		listing []sites.Entry
		written bool
	}{
		{nil, first, true},
		{nil, first, false},
		{nil, other(func(e *sites.Entry) { e.Size++ }), true},
		{nil, other(func(e *sites.Entry) { e.Name = "c" }), true},
		{nil, other(func(e *sites.Entry) { e.Type = sites.Link }), true},
		{nil, other(func(e *sites.Entry) { e.Modified = time.UnixMilli(1) }), true},
		{nil, other(func(e *sites.Entry) { e.Coarse = true }), true},
		{nil, first, true},
		{func() error { s.Put(dir, sites.Entry{Name: "a", Size: 7}); return nil }, first, true},
		{func() error { s.Remove(dir.Join("a")); return nil }, first, true},
		{func() error { s.Remove(sites.Pathname{Site: "SITE2", Path: "/a"}); return nil }, first, false},
		{func() error { return s.Forget(ctx, dir) }, first, true},
		{nil, nil, true},
		{nil, first, true},
	} {
		mark()
		if test.between != nil {
			if err := test.between(); err != nil {
				t.Fatal(err)
			}
		}
		at := time.UnixMilli(int64(i + 1)).UTC()
		if err := s.PutListing(ctx, dir, at, test.listing); err != nil {
			t.Fatal(err)
		}
		n, marked := 0, 0
		if err := s.Begin(ctx, dir, "", func(_ sites.Pathname, e sites.Entry, listed time.Time) bool {
			if n++; e.Size >= 1000 {
				marked++
			}
			if !listed.Equal(at) {
				t.Errorf("%d: listed %v", i, listed)
			}
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if n != len(test.listing) || (marked == 0) != test.written {
			t.Errorf("%d: %d entries, of which %d are as they were before", i, n, marked)
		}
	}
}

// BenchmarkFind looks a name up among 100 sites of 10,000 names each.
func BenchmarkFind(b *testing.B) {
	s := openStore(b, filepath.Join(b.TempDir(), "state.db"))
	for k := range 100 {
		dir := sites.Pathname{Site: fmt.Sprintf("SITE%d", k), Path: "/"}
		var entries []sites.Entry
		for i := range 10000 {
			entries = append(entries, sites.Entry{Name: fmt.Sprintf("file-%d-%d", k, i)})
		}
		if err := s.PutListing(b.Context(), dir, time.Now(), entries); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n := 0
		if err := s.Find(b.Context(), fmt.Sprintf("file-%d-%d", i%100, i*7919%10000), func(sites.Pathname, sites.Entry, time.Time) bool { n++; return true }); err != nil || n != 1 {
			b.Fatal(n, err)
		}
	}
}
