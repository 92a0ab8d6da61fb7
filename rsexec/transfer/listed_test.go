package transfer

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"rsexec/rsexec/state"
	"rsexec/sites"
)

// TestListedSize copies a small file whose listing told its size, so that only its time is
// asked for: it is copied as it is, also where it has changed since, or changes meanwhile.
func TestListedSize(t *testing.T) {
	t.Parallel()
	early, late := time.Unix(1e9, 0), time.Unix(1.1e9, 0)
	for _, test := range []struct {
		name    string
		listed  int64
		changes string // the command with which the source becomes longer
		looks   int    // at the whole of what is known of the source
		sent    int    // times
	}{
		{"as it is", 5, "", 0, 1},
		{"listed shorter", 3, "", 1, 1},
		{"listed longer", 9, "", 1, 1},
		{"changed before it is looked at", 5, "MDTM", 1, 1},
		{"changed later", 5, "RETR", 1, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var source *host
			want := "hello"
			source = serve(t, nil, fault{command: test.changes, times: 1, hook: func() {
				if test.changes == "" {
					return
				}
				want = "hello world"
				source.write(t, "a", want)
				if err := os.Chtimes(filepath.Join(source.root, "a"), late, late); err != nil {
					t.Error(err)
				}
			}})
			dest := serve(t, nil)
			source.write(t, "a", want)
			if err := os.Chtimes(filepath.Join(source.root, "a"), early, early); err != nil {
				t.Fatal(err)
			}
			var count sent
			ctx := count.under(within(t))
			m, _ := newMover()
			r := between(t, Copy, source, dest, "")
			l, err := openLane(ctx, *hasty(), r.From, r.To, true, true, true)
			if err != nil {
				t.Fatal(err)
			}
			defer l.close()
			r.lane, r.Row = l, &state.Transfer{Size: test.listed}
			result, err := m.Do(ctx, r)
			if err != nil {
				t.Fatal(err)
			}
			dest.check(t, "b", want)
			if result.Bytes != int64(len(want)) || result.Verified != BySize && result.Verified != ByDigest {
				t.Errorf("%d bytes, %s verified", result.Bytes, result.Verified)
			}
			if n := count.count("SITE1 MLST"); n != test.looks {
				t.Errorf("the source was looked at %d times, not %d", n, test.looks)
			}
			if n := count.count("SITE1 RETR"); n != test.sent {
				t.Errorf("it was sent %d times, not %d", n, test.sent)
			}
			info, err := os.Stat(filepath.Join(dest.root, "b"))
			if err != nil {
				t.Fatal(err)
			}
			if from, err := os.Stat(filepath.Join(source.root, "a")); err != nil || !info.ModTime().Equal(from.ModTime()) {
				t.Errorf("%v, the copy is of %v", err, info.ModTime())
			}
		})
	}
}

// TestFresh does not look for a file in a directory that was made for it, unless nothing
// may be replaced.
func TestFresh(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		set   func(*Request)
		looks int
	}{
		{"copy", func(*Request) {}, 0},
		{"no clobber", func(r *Request) { r.NoClobber = true }, 2},
		{"vacant", func(r *Request) { r.Vacant = true }, 2},
		{"append", func(r *Request) { r.Verb = Append }, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			source, dest := serve(t, nil), serve(t, nil)
			source.write(t, "a", "hello")
			var count sent
			m, _ := newMover()
			r := between(t, Copy, source, dest, "")
			test.set(&r)
			r.Row = &state.Transfer{Size: -1, Fresh: true}
			if _, err := m.Do(count.under(within(t)), r); err != nil {
				t.Fatal(err)
			}
			dest.check(t, "b", "hello")
			if n := count.count("SITE2 MLST /b"); n != test.looks {
				t.Errorf("the destination was looked at %d times, not %d", n, test.looks)
			}
		})
	}
}

// TestDisturbed replaces nothing that somebody made meanwhile, however often the size of
// the new file is asked for before that.
func TestDisturbed(t *testing.T) {
	t.Parallel()
	source, dest := serve(t, nil), serve(t, nil)
	source.write(t, "a", "hello")
	m, _ := newMover()
	ctx := within(t)
	w, err := m.prepare(ctx, between(t, Copy, source, dest, ""))
	if err != nil {
		t.Fatal(err)
	}
	dest.write(t, w.row.Temporary, "hello")
	dest.write(t, "b", "theirs")
	w.looked = w.looked.Add(-recheck)
	for range 2 {
		if size, err := w.writtenSize(ctx); size != 5 || err != nil {
			t.Fatalf("%d bytes, %v", size, err)
		}
	}
	checkError(t, w.rename(ctx), sites.Conflict, "somebody made such a file meanwhile")
	dest.check(t, "b", "theirs")
}

// TestWhoListens holds that where files follow each other fast the source does: it is there
// that the ports would run out.
func TestWhoListens(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rapid             bool
		listens, connects string
	}{
		{true, "SITE1 PASV", "SITE2 PORT"},
		{false, "SITE2 PASV", "SITE1 PORT"},
	} {
		t.Run(test.listens, func(t *testing.T) {
			t.Parallel()
			source, dest := serve(t, nil), serve(t, nil)
			source.write(t, "a", "hello")
			var count sent
			ctx := count.under(within(t))
			m, _ := newMover()
			r := between(t, Copy, source, dest, "")
			l, err := openLane(ctx, *hasty(), r.From, r.To, true, true, true)
			if err != nil {
				t.Fatal(err)
			}
			defer l.close()
			l.rapid, r.lane = test.rapid, l
			if _, err := m.Do(ctx, r); err != nil {
				t.Fatal(err)
			}
			dest.check(t, "b", "hello")
			if count.count(test.listens) == 0 || count.count(test.connects) != 1 {
				t.Errorf("%s %d times, %s %d times", test.listens, count.count(test.listens), test.connects, count.count(test.connects))
			}
		})
	}
}
