package transfer

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"rsexec/rsexec/state"
	"rsexec/sites"
)

// TestRecall goes on with transfers that an earlier process began, from what that left in
// the journal and on disk.
func TestRecall(t *testing.T) {
	t.Parallel()
	const temp, aside = ".rsexec.b.temp", ".rsexec.b.aside"
	type disk map[string]string
	for _, test := range []struct {
		name    string
		verb    string
		options Options
		row     state.Transfer
		source  string // what a holds now; "" is that it is gone
		dest    disk
		want    disk
		kind    sites.Kind // Other for success
		says    string
		emptied bool // the source is gone then
	}{
		{name: "a part was copied", verb: Copy, row: state.Transfer{Phase: state.Begun, Size: 5}, source: "hello",
			dest: disk{temp: "hell", "b": "old"}, want: disk{"b": "hello"}},
		{name: "too little to go on from", verb: Copy, row: state.Transfer{Phase: state.Begun, Size: 5}, source: "hello",
			dest: disk{temp: "hel", "b": "old"}, want: disk{"b": "hello"}},
		{name: "nothing was copied", verb: Copy, row: state.Transfer{Phase: state.Begun, Size: 5}, source: "hello",
			dest: disk{"b": "old"}, want: disk{"b": "hello"}},
		{name: "the source has changed", verb: Copy, row: state.Transfer{Phase: state.Begun, Size: 6}, source: "hello",
			dest: disk{temp: "other", "b": "old"}, want: disk{"b": "hello"}},
		{name: "before its name", verb: Copy, row: state.Transfer{Phase: state.Whole, Size: 5, There: true}, source: "hello",
			dest: disk{temp: "hello", "b": "old"}, want: disk{"b": "hello"}},
		{name: "after its name", verb: Copy, row: state.Transfer{Phase: state.Whole, Size: 5, There: true}, source: "hello",
			dest: disk{"b": "hello"}, want: disk{"b": "hello"}},
		{name: "the old file aside", verb: Copy, row: state.Transfer{Phase: state.Whole, Size: 5, There: true, Aside: "/" + aside}, source: "hello",
			dest: disk{temp: "hello", aside: "old"}, want: disk{"b": "hello"}},
		{name: "the old file still aside", verb: Copy, row: state.Transfer{Phase: state.Whole, Size: 5, There: true, Aside: "/" + aside}, source: "hello",
			dest: disk{"b": "hello", aside: "old"}, want: disk{"b": "hello"}},
		{name: "the copy was taken away", verb: Copy, row: state.Transfer{Phase: state.Whole, Size: 5, There: true}, source: "hello",
			dest: disk{"b": "old"}, want: disk{"b": "old"}, kind: sites.Conflict, says: "it has 3 bytes, and /.rsexec.b.temp, which was to get its name and has 5, is not there"},
		{name: "both were taken away", verb: Copy, row: state.Transfer{Phase: state.Whole, Size: 5, There: true}, source: "hello",
			dest: disk{}, want: disk{}, kind: sites.Conflict, says: "it is not there, and neither is /.rsexec.b.temp"},

		{name: "before the source goes", verb: "MOVE", options: Options{Delete: true, Vacant: true}, row: state.Transfer{Phase: state.Placed, Size: 5, Verified: BySize}, source: "hello",
			dest: disk{"b": "hello"}, want: disk{"b": "hello"}, emptied: true},
		{name: "after the source went", verb: "MOVE", options: Options{Delete: true, Vacant: true}, row: state.Transfer{Phase: state.Placed, Size: 5, Verified: BySize},
			dest: disk{"b": "hello"}, want: disk{"b": "hello"}, emptied: true},
		{name: "the copy of a MOVE was taken away", verb: "MOVE", options: Options{Delete: true, Vacant: true}, row: state.Transfer{Phase: state.Placed, Size: 5, Verified: BySize}, source: "hello",
			dest: disk{}, want: disk{}, kind: sites.Conflict, says: "MOVE SITE1:/a: its copy SITE2:/b is not there any more, so it remains"},
		{name: "the copy of a MOVE was changed", verb: "MOVE", options: Options{Delete: true, Vacant: true}, row: state.Transfer{Phase: state.Placed, Size: 5, Verified: BySize}, source: "hello",
			dest: disk{"b": "hell"}, want: disk{"b": "hell"}, kind: sites.Conflict, says: "MOVE SITE1:/a: its copy SITE2:/b has 4 bytes, not 5, so it remains"},
		{name: "the source of a MOVE was changed", verb: "MOVE", options: Options{Delete: true, Vacant: true}, row: state.Transfer{Phase: state.Placed, Size: 5, Verified: BySize}, source: "hello more",
			dest: disk{"b": "hello"}, want: disk{"b": "hello"}, kind: sites.Conflict, says: "it changed after it was copied, so it remains"},
		{name: "somebody made the destination of a MOVE", verb: "MOVE", options: Options{Delete: true, Vacant: true}, row: state.Transfer{Phase: state.Whole, Size: 5, Verified: BySize}, source: "hello",
			dest: disk{temp: "hello", "b": "new"}, want: disk{"b": "new"}, kind: sites.Conflict, says: "somebody made such a file meanwhile, and it was not replaced"},

		{name: "nothing was appended", verb: Append, row: state.Transfer{Phase: state.Begun, Size: 5, There: true, Before: 3}, source: "hello",
			dest: disk{"b": "old"}, want: disk{"b": "oldhello"}},
		{name: "a part was appended", verb: Append, row: state.Transfer{Phase: state.Begun, Size: 5, There: true, Before: 3}, source: "hello",
			dest: disk{"b": "oldhe"}, want: disk{"b": "oldhello"}},
		{name: "all was appended", verb: Append, row: state.Transfer{Phase: state.Begun, Size: 5, There: true, Before: 3}, source: "hello",
			dest: disk{"b": "oldhello"}, want: disk{"b": "oldhello"}},
		{name: "more was appended", verb: Append, row: state.Transfer{Phase: state.Begun, Size: 5, There: true, Before: 3}, source: "hello",
			dest: disk{"b": "oldhellomore"}, want: disk{"b": "oldhellomore"}, kind: sites.Conflict, says: "it held 3 bytes before and holds 12 now, which SITE1:/a of 5 bytes does not explain"},
		{name: "it was cut", verb: Append, row: state.Transfer{Phase: state.Begun, Size: 5, There: true, Before: 3}, source: "hello",
			dest: disk{"b": "ol"}, want: disk{"b": "ol"}, kind: sites.Conflict, says: "it held 3 bytes before and holds 2 now"},
		{name: "less than had arrived", verb: Append, row: state.Transfer{Phase: state.Begun, Size: 5, There: true, Before: 3, Arrived: 2}, source: "hello",
			dest: disk{"b": "oldh"}, want: disk{"b": "oldh"}, kind: sites.Conflict, says: "it held 3 bytes before and holds 4 now"},
		{name: "the source changed before anything was appended", verb: Append, row: state.Transfer{Phase: state.Begun, Size: 4, There: true, Before: 3}, source: "hello",
			dest: disk{"b": "old"}, want: disk{"b": "oldhello"}},
		{name: "the source changed after a part was appended", verb: Append, row: state.Transfer{Phase: state.Begun, Size: 4, There: true, Before: 3}, source: "hello",
			dest: disk{"b": "oldhe"}, want: disk{"b": "oldhe"}, kind: sites.Conflict, says: "it changed after a part of it may have been appended to SITE2:/b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			source, dest := serve(t, nil), serve(t, nil)
			if test.source != "" {
				source.write(t, "a", test.source)
			}
			for name, text := range test.dest {
				dest.write(t, name, text)
			}
			m, _ := newMover()
			r := between(t, test.verb, source, dest, "")
			r.Exact, r.Options, r.Row = true, test.options, &test.row
			if test.verb != Append {
				test.row.Temporary = "/" + temp
			}
			_, err := m.Do(within(t), r)
			if test.kind != sites.Other {
				checkError(t, err, test.kind, test.says)
			} else if err != nil {
				t.Error(err)
			}
			var names []string
			for name, text := range test.want {
				names = append(names, name)
				dest.check(t, name, text)
			}
			dest.checkNames(t, names...)
			if _, err := os.Stat(filepath.Join(source.root, "a")); os.IsNotExist(err) != test.emptied {
				t.Errorf("the source: %v", err)
			}
		})
	}
}

// TestLateWrite has a server make a file that was given up and deleted before: nothing is
// left, whether the transfer succeeds at last or not.
func TestLateWrite(t *testing.T) {
	t.Parallel()
	for name, times := range map[string]int{"success": 3, "failure": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := serve(t, nil)
			source.write(t, "a", "hello")
			var count sent
			var dest *host
			var late atomic.Int32
			dest = serve(t, nil, fault{command: "STOR", times: times, hangUp: true, hook: func() {
				count.mu.Lock()
				var first string
				for _, line := range count.lines {
					if path, is := strings.CutPrefix(line, "SITE2 STOR "); is && first == "" {
						first = path
					}
				}
				count.mu.Unlock()
				if late.Add(1) == 3 {
					dest.write(t, first, "hel")
				}
			}})
			m, _ := newMover()
			_, err := m.Do(count.under(within(t)), between(t, Copy, source, dest, ""))
			if (err == nil) != (times > 0) || late.Load() < 3 {
				t.Errorf("%d STOR were lost: %v", late.Load(), err)
			}
			if err == nil {
				dest.checkNames(t, "b")
			} else {
				dest.checkNames(t)
			}
		})
	}
}

// TestQuota has a server take a part of a file and no more: what is left is known, and
// gone on from when there is room.
func TestQuota(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		verb, put, says string
		left            string // what b holds meanwhile
		phase           state.Phase
		want            string
	}{
		{Copy, "STOR", "COPY SITE2:/b: the server said 552 quota", "old", state.Waiting, "hello"},
		{Append, "APPE", "APPEND SITE2:/b: the server said 552 quota; 3 of 5 bytes were appended to the 3 that were there", "oldhel", state.Begun, "oldhello"},
	} {
		t.Run(test.verb, func(t *testing.T) {
			t.Parallel()
			source, dest := serve(t, nil), serveCutting(t, nil, []cut{{after: 3, fin: true}}, fault{command: test.put, times: 1, after: "552 quota"})
			source.write(t, "a", "hello")
			dest.write(t, "b", "old")
			m, _ := newMover()
			r := between(t, test.verb, source, dest, "")
			r.Exact, r.Row = true, &state.Transfer{Size: -1}
			_, err := m.Do(within(t), r)
			checkError(t, err, sites.NoSpace, test.says)
			if r.Row.Phase != test.phase {
				t.Errorf("phase %d, want %d", r.Row.Phase, test.phase)
			}
			dest.check(t, "b", test.left)
			dest.checkNames(t, "b")
			if result, err := m.Do(within(t), r); err != nil {
				t.Errorf("%+v, %v", result, err)
			}
			dest.check(t, "b", test.want)
			dest.checkNames(t, "b")
		})
	}
}
