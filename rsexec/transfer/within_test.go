package transfer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"rsexec/rsexec/plan"
	"rsexec/sites"
	"rsexec/sites/ftptest"
)

// TestWithin copies a file within a site of ours twice, and has things go wrong.
func TestWithin(t *testing.T) {
	t.Parallel()
	const temp = "/.rsexec."
	noFEAT := fault{command: "FEAT", reply: "502 no"}
	for _, test := range []struct {
		name   string
		faults []fault
		want   string     // the choreography, if it succeeds
		kind   sites.Kind // Other for success
		says   string     // the error, or each line that the person is told
		told   [2]int     // how many lines, for each copy
		cpfr   int        // how often SITE CPFR was sent
	}{
		{"plain", nil, "same-site", sites.Other, "", [2]int{}, 2},
		{"no FEAT", []fault{noFEAT}, "same-site", sites.Other, "", [2]int{}, 2},
		{"not in FEAT", []fault{{command: "FEAT", reply: "211-it\r\n SIZE\r\n211 end"}}, "rfc959", sites.Other, "", [2]int{}, 0},
		{"not known", []fault{noFEAT, {command: "SITE CPFR", reply: "500 what"}}, "rfc959", sites.Other,
			"same-site (the site copies the file itself) does not work: SITE CPFR SITE1: the server said 500 what; going on with rfc959", [2]int{1, 0}, 1},
		{"SITE takes all", []fault{noFEAT, {command: "SITE", reply: "200 so"}}, "rfc959", sites.Other, "200 so", [2]int{1, 0}, 1},
		{"limited", []fault{{command: "SITE CPFR", reply: "550 /a: Operation not permitted"}}, "rfc959", sites.Other, "550 /a: Operation not permitted", [2]int{1, 0}, 1},
		{"no such file", []fault{{command: "SITE CPFR", reply: "550 /a: No such file or directory"}}, "", sites.NotFound,
			"COPY SITE1:/a: the server said 550", [2]int{}, 2},
		{"hung up", []fault{{command: "SITE CPFR", hangUp: true, times: 1}}, "same-site", sites.Other, "", [2]int{}, 3},
		{"hung up twice", []fault{{command: "SITE CPFR", hangUp: true, times: 2}}, "", sites.Other, "closed the control connection", [2]int{1, 0}, 3},
		{"denied", []fault{{command: "SITE CPTO", reply: "550 CPTO: Permission denied"}}, "", sites.Permission, "COPY SITE1:/b: the server said 550", [2]int{}, 2},
		{"no room", []fault{{command: "SITE CPTO", reply: "552 quota"}}, "", sites.NoSpace, "COPY SITE1:/b: the server said 552", [2]int{}, 2},
		{"no CPTO", []fault{{command: "SITE CPTO", reply: "500 what"}}, "rfc959", sites.Other, "SITE CPTO SITE1: the server said 500 what", [2]int{1, 0}, 1},
		{"busy", []fault{{command: "SITE CPTO", reply: "450 busy", times: 2}}, "same-site", sites.Other, "", [2]int{}, 4},
		{"the reply is lost", []fault{{command: "SITE CPTO", lose: true, times: 1}}, "same-site", sites.Other, "", [2]int{}, 3},
		{"the replies are lost", []fault{{command: "SITE CPTO", lose: true, times: 5}}, "", sites.Other, "closed the control connection", [2]int{1, 0}, 6},
		{"a link", []fault{{command: "MLST " + temp, reply: "250-it\r\n type=OS.unix=slink:/a; x\r\n250 end", times: 1}}, "", sites.Other,
			"the copy is a symbolic link and no file; going on with rfc959", [2]int{1, 0}, 2},
		{"fewer bytes than there should be", []fault{{command: "SIZE " + temp, after: "213 3"}, {command: "MLST " + temp, reply: "250-it\r\n type=file;size=3; x\r\n250 end"}}, "", sites.Conflict,
			"3 of 5 bytes are there", [2]int{}, 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := serve(t, nil, append(test.faults, fault{command: "NEVER"})...)
			h.write(t, "a", "hello")
			m, told := newMover()
			f := siteAt(t, "SITE1", h.url, "")
			var count sent
			for i := range 2 {
				h.write(t, "b", "old")
				r, err := m.Do(count.under(within(t)), job(Copy, f, f, "/a", "/b"))
				lines := told.take()
				if len(lines) != test.told[i] {
					t.Errorf("copy %d: told %q", i, lines)
				}
				for _, l := range lines {
					if !strings.Contains(l, test.says) || strings.Contains(l, "\n") {
						t.Errorf("copy %d: told %q", i, l)
					}
				}
				if test.kind != sites.Other {
					checkError(t, err, test.kind, test.says)
					h.check(t, "b", "old")
				} else {
					if err != nil || test.want != "" && r.Choreography != test.want || r.Verified == "none" || r.BytesThroughUser != 0 {
						t.Errorf("copy %d: %+v, %v", i, r, err)
					}
					h.check(t, "b", "hello")
				}
				h.checkNames(t, "a", "b")
			}
			if n := count.count("SITE1 SITE CPFR /a"); n != test.cpfr {
				t.Errorf("SITE CPFR was sent %d times, want %d", n, test.cpfr)
			}
			// No two copies share a name: the site may go on writing to one.
			var names []string
			for _, l := range count.lines {
				if name, ok := strings.CutPrefix(l, "SITE1 SITE CPTO "+temp); ok {
					if slices.Contains(names, name) && test.kind != sites.Conflict { // there the site has said that it writes no more
						t.Errorf("%s was written to twice", name)
					}
					names = append(names, name)
				}
			}
		})
	}
}

// TestWithinLeaves says what is left of a copy whose end is not known.
func TestWithinLeaves(t *testing.T) {
	t.Parallel()
	h := serve(t, nil, fault{command: "SITE CPTO", lose: true, times: 1}, fault{command: "DELE", reply: "550 denied"})
	h.write(t, "a", "hello")
	m, told := newMover()
	f := siteAt(t, "SITE1", h.url, "")
	if _, err := m.Do(within(t), job(Copy, f, f, "/a", "/b")); err != nil {
		t.Error(err)
	}
	h.check(t, "b", "hello")
	left, err := filepath.Glob(filepath.Join(h.root, ".rsexec.b.*"))
	if err != nil || len(left) != 1 {
		t.Fatalf("left: %q, %v", left, err)
	}
	if lines := told.take(); len(lines) != 1 || lines[0] != "COPY SITE1:/b: a part of it may be left as SITE1:/"+filepath.Base(left[0]) {
		t.Errorf("told %q", lines)
	}
}

// TestWithinByName asks for the site's own copy, and for others.
func TestWithinByName(t *testing.T) {
	t.Parallel()
	h := serve(t, nil)
	h.write(t, "a", "hello")
	one, alias := siteAt(t, "SITE1", h.url, ""), siteAt(t, "SITE2", h.url, "")
	single, aliasSingle := siteAt(t, "SITE1", h.url, "max-sessions=1"), siteAt(t, "SITE2", h.url, "max-sessions=1")
	for _, test := range []struct {
		from, to            sites.Site
		verb                string
		route, choreography string
		want                string // the choreography
		says                string // or the error
	}{
		{one, one, Copy, "", "same-site", "same-site", ""},
		{one, one, Copy, plan.Direct, "", "same-site", ""},
		{one, one, Copy, plan.Through, "", "relay", ""},
		{one, one, Copy, "", "rfc959", "rfc959", ""},
		{one, alias, Copy, "", "", "same-site", ""},
		{single, aliasSingle, Copy, "", "", "same-site", ""},
		{single, aliasSingle, Append, "", "", "rfc959", ""},
		{single, single, Copy, "", "", "same-site", ""},
		{single, single, Copy, plan.Through, "", "", "set max-sessions=2"},
		{one, one, Append, "", "same-site", "", "same-site: SITE CPTO replaces a file and adds to none"},
	} {
		m, told := newMover()
		j := job(test.verb, test.from, test.to, "/a", "/b")
		j.Route, j.Choreography = test.route, test.choreography
		r, err := m.Do(within(t), j)
		switch {
		case test.says != "":
			checkError(t, err, sites.Unsupported, test.says)
		case err != nil || r.Choreography != test.want:
			t.Errorf("%+v: %+v, %v", test, r, err)
		}
		if lines := told.take(); len(lines) > 0 {
			t.Errorf("%+v: told %q", test, lines)
		}
	}
	h.checkNames(t, "a", "b")
}

// TestWithinOneSession says what is needed where the site refuses its own copy and
// allows one session.
func TestWithinOneSession(t *testing.T) {
	t.Parallel()
	h := serve(t, nil, fault{command: "FEAT", reply: "502 no"}, fault{command: "SITE CPFR", reply: "500 what"})
	h.write(t, "a", "hello")
	f := siteAt(t, "SITE1", h.url, "max-sessions=1")
	m, _ := newMover()
	for range 2 {
		_, err := m.Do(within(t), job(Copy, f, f, "/a", "/b"))
		checkError(t, err, sites.Unsupported, "set max-sessions=2")
	}
	h.checkNames(t, "a")
}

// TestWithinSlowly waits for a copy for as long as it takes.
func TestWithinSlowly(t *testing.T) {
	t.Parallel()
	const timeout = time.Second
	h := serve(t, nil, fault{command: "SITE CPTO", hook: func() { time.Sleep(3 * timeout / 2) }})
	h.write(t, "a", "hello")
	m, told := newMover()
	f := siteAt(t, "SITE1", h.url, "timeout="+timeout.String())
	r, err := m.Do(within(t), job(Copy, f, f, "/a", "/b"))
	if err != nil || r.Choreography != "same-site" || r.Attempts != 1 {
		t.Errorf("%+v, %v, told %q", r, err, told.take())
	}

	// But not for the answer to CPFR.
	mute := serve(t, nil, fault{command: "SITE CPFR", mute: true})
	mute.write(t, "a", "hello")
	f = siteAt(t, "SITE1", mute.url, "timeout="+timeout.String())
	r, err = m.Do(within(t), job(Copy, f, f, "/a", "/c"))
	if err != nil || r.Choreography != "rfc959" {
		t.Errorf("%+v, %v", r, err)
	}
	if lines := told.take(); len(lines) != 1 || !strings.Contains(lines[0], "no answer in 1s") {
		t.Errorf("told %q", lines)
	}
}

// endless makes a file of no data that takes minutes to copy.
func (h *host) endless(t *testing.T, name string) {
	t.Helper()
	h.write(t, name, "")
	if err := os.Truncate(filepath.Join(h.root, name), 1<<40); err != nil {
		t.Skipf("no sparse files here: %v", err)
	}
}

// TestWithinCancelled calls a copy off: it ends at once, nothing is left over, and
// the session is in step. It does not run beside other tests, whose goroutines and
// sockets it would count.
func TestWithinCancelled(t *testing.T) {
	for _, command := range []string{"SITE CPFR", "SITE CPTO"} {
		t.Run(command, func(t *testing.T) {
			ctx, cancel := context.WithCancel(within(t))
			defer cancel()
			h := serve(t, nil, fault{command: command, hook: cancel, times: 1})
			h.endless(t, "a")
			h.write(t, "b", "old")
			h.write(t, "c", "hello")
			goroutines, sockets := runtime.NumGoroutine(), openSockets()
			m, _ := newMover()
			f := siteAt(t, "SITE1", h.url, "max-sessions=1")
			var count sent
			_, err := m.Do(count.under(ctx), job(Copy, f, f, "/a", "/b"))
			checkError(t, err, sites.Cancelled, "COPY SITE1:/b: stopped")
			h.check(t, "b", "old")
			h.checkNames(t, "a", "b", "c")
			if _, err := m.Do(count.under(within(t)), job(Copy, f, f, "/c", "/b")); err != nil {
				t.Error(err)
			}
			h.check(t, "b", "hello")
			if n := count.count("SITE1 USER"); n != 1 {
				t.Errorf("it logged in %d times", n)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			settled(t, goroutines, sockets)
		})
	}
}

// TestWithinCancelledAtProFTPD calls a copy off at a server that does not hear ABOR
// before it has copied the file.
func TestWithinCancelledAtProFTPD(t *testing.T) {
	t.Parallel()
	h := peer(t, ftptest.ProFTPD, ftptest.Options{}, map[string]string{"a": "", "b": "old", "c": "hello"})
	if err := os.Truncate(filepath.Join(h.root, "a"), 1<<40); err != nil {
		t.Skipf("no sparse files here: %v", err)
	}
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	ctx = sites.WithTrace(ctx, &sites.Trace{Command: func(_ string, _ int, line string) {
		if strings.HasPrefix(line, "SITE CPTO") {
			cancel()
		}
	}})
	m, _ := newMover()
	f := siteAt(t, "SITE1", h.url, "max-sessions=1&timeout=1s")
	_, err := m.Do(ctx, job(Copy, f, f, "/a", "/b"))
	checkError(t, err, sites.Cancelled, "COPY SITE1:/b: stopped")
	h.check(t, "b", "old")
	h.checkNames(t, "a", "b", "c")
	if _, err := m.Do(within(t), job(Copy, f, f, "/c", "/b")); err != nil {
		t.Error(err)
	}
	h.check(t, "b", "hello")
}

// TestWithinProFTPD copies what mod_copy copies in ways of its own: a link as a link,
// and of an odd name another one.
func TestWithinProFTPD(t *testing.T) {
	t.Parallel()
	h := peer(t, ftptest.ProFTPD, ftptest.Options{}, map[string]string{
		"a": "hello", "two  blanks": "hello", "trail": "decoy", "trail ": "hello", "tab here": "decoy", "tab\there": "hello", `x "y z"`: "hello", "two words": "hello"})
	for name, target := range map[string]string{"link": "a", "absolute": "/a"} { // as the server sees it
		if err := os.Symlink(target, filepath.Join(h.root, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Mkdir(filepath.Join(h.root, "d"), 0o777), os.Chmod(filepath.Join(h.root, "d"), 0o777)); err != nil {
		t.Fatal(err)
	}
	m, told := newMover()
	f := siteAt(t, "SITE1", h.url, "")
	for _, test := range []struct {
		name, want string
	}{
		{"a", "same-site"}, {"two words", "same-site"},
		{"two  blanks", "rfc959"}, {"trail ", "rfc959"}, {"tab\there", "rfc959"}, {`x "y z"`, "rfc959"},
	} {
		for _, to := range []string{"copy", "d/copy"} {
			r, err := m.Do(within(t), job(Copy, f, f, "/"+test.name, "/"+to))
			lines := told.take()
			if err != nil || r.Choreography != test.want || len(lines) > 0 {
				t.Errorf("%q to %s: %+v, %v, told %q", test.name, to, r, err, lines)
			}
			h.check(t, to, "hello")
			if err := os.Remove(filepath.Join(h.root, to)); err != nil {
				t.Error(err)
			}
		}
	}
	for _, name := range []string{"link", "absolute"} {
		for _, to := range []string{"copy", "d/copy"} {
			// What it tells of a link is the link's own length, so no copy of it is
			// taken for whole. But none is a link, and none goes through one.
			_, err := m.Do(within(t), job(Copy, f, f, "/"+name, "/"+to))
			checkError(t, err, sites.Conflict, "bytes are there")
			if lines := told.take(); len(lines) != 1 || !strings.Contains(lines[0], "the copy is a symbolic link and no file; going on with rfc959") {
				t.Errorf("%s to %s: told %q", name, to, lines)
			}
			if info, err := os.Lstat(filepath.Join(h.root, to)); !os.IsNotExist(err) {
				t.Errorf("%s to %s: %v, %v", name, to, info, err)
			}
		}
	}
	h.check(t, "a", "hello")
	h.checkNames(t, "a", "absolute", "d", "link", "tab\there", "tab here", "trail", "trail ", "two  blanks", "two words", `x "y z"`)
}
