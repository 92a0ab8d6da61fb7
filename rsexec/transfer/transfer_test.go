package transfer

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"rsexec/rsexec/plan"
	"rsexec/sites"
	"rsexec/sites/ftpd"
	"rsexec/sites/local"
)

// refusePORT is a server that connects to nobody.
func refusePORT() fault { return fault{command: "PORT", reply: "500 Illegal PORT command."} }

// TestLadder steps down once for a pair of sites, and says so once.
func TestLadder(t *testing.T) {
	t.Parallel()
	source, dest := serve(t, nil, refusePORT()), serve(t, nil, refusePORT())
	source.write(t, "a", "hello")
	m, told := newMover()
	var count sent
	ctx := count.under(within(t))
	j := between(t, Append, source, dest, "")
	for i := range 3 {
		r, err := m.Do(ctx, j)
		if err != nil {
			t.Fatal(err)
		}
		if r.Choreography != "relay" || r.Bytes != 5 || r.BytesThroughUser != 5 || r.Verified != "size" {
			t.Errorf("job %d: %+v", i, r)
		}
		if want := map[int]int{0: 3, 1: 1, 2: 1}[i]; r.Attempts != want {
			t.Errorf("job %d: %d attempts, want %d", i, r.Attempts, want)
		}
		lines := told.take()
		if want := map[int]int{0: 2, 1: 0, 2: 0}[i]; len(lines) != want {
			t.Errorf("job %d: told %q, want %d lines", i, lines, want)
		}
		for _, l := range lines {
			if !strings.Contains(l, "500 Illegal PORT command") || !strings.Contains(l, "going on with") || strings.Contains(l, "\n") {
				t.Errorf("told %q", l)
			}
		}
	}
	dest.check(t, "b", "hellohellohello")
	if n := count.count("SITE1 PORT") + count.count("SITE2 PORT"); n != 2 {
		t.Errorf("PORT was sent %d times", n)
	}

	// The other way round is another pair.
	back := job(Append, j.To, j.From, "/b", "/a")
	if _, err := m.Do(ctx, back); err != nil {
		t.Error(err)
	}
	if lines := told.take(); len(lines) != 2 {
		t.Errorf("told %q", lines)
	}

	j.Route = plan.Direct
	_, err := m.Do(ctx, j)
	checkError(t, err, sites.Unsupported, "500 Illegal PORT command")
	fresh, _ := newMover()
	_, err = fresh.Do(ctx, j)
	checkError(t, err, sites.Refused, "APPEND SITE2:/b: the server said 500 Illegal PORT command")
	dest.check(t, "b", "hellohellohello")
}

// TestRoute holds what a request may ask for.
func TestRoute(t *testing.T) {
	t.Parallel()
	source, dest := serve(t, nil), serve(t, nil)
	source.write(t, "a", "hello")
	old, oldDest := serve(t, func(s *ftpd.Server) { s.Dialect = ftpd.RFC438 }), serve(t, func(s *ftpd.Server) { s.Dialect = ftpd.RFC438 })
	old.write(t, "a", "hello")
	for _, test := range []struct {
		route, choreography string
		source, dest        *host
		want                string
		through             int64
	}{
		{"", "", source, dest, "rfc959", 0},
		{plan.Direct, "", source, dest, "rfc959", 0},
		{plan.Through, "", source, dest, "relay", 5},
		{"", "rfc2428", source, dest, "rfc2428", 0},
		{"", "rfc438", source, dest, "rfc438", 0},
		{"", "rfc478", source, dest, "rfc478", 0},
		{"", "relay", source, dest, "relay", 5},
		{"", "", old, oldDest, "rfc438", 0},
		{plan.Through, "", old, oldDest, "relay", 5},
		{"", "", old, dest, "rfc438", 0},
		{"", "", source, oldDest, "rfc438", 0},
	} {
		for _, verb := range []string{Append, Copy} {
			m, _ := newMover()
			j := between(t, verb, test.source, test.dest, "")
			j.Route, j.Choreography = test.route, test.choreography
			r, err := m.Do(within(t), j)
			if err != nil || r.Choreography != test.want || r.BytesThroughUser != test.through {
				t.Errorf("%s %q %q: %+v, %v", verb, test.route, test.choreography, r, err)
			}
		}
	}
}

// TestWhatRoutesRemember steps down, and remembers it where it is the way that
// was refused and will be refused again.
func TestWhatRoutesRemember(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		at       plan.Role
		fault    fault
		kind     sites.Kind // Other for success by another way
		remember bool
	}{
		{"PASV 502", plan.Dest, fault{command: "PASV", times: 1, reply: "502 no"}, sites.Other, true},
		{"PASV 425", plan.Dest, fault{command: "PASV", times: 1, reply: "425 no"}, sites.Other, true},
		{"PASV 530", plan.Dest, fault{command: "PASV", times: 1, reply: "530 no"}, sites.Other, true},
		{"PASV hangs up", plan.Dest, fault{command: "PASV", times: 1, hangUp: true}, sites.Other, false},
		{"PASV mute", plan.Dest, fault{command: "PASV", times: 1, mute: true}, sites.Other, true},
		{"PORT 550", plan.Source, fault{command: "PORT", reply: "550 no"}, sites.Other, true},
		{"PORT 504", plan.Source, fault{command: "PORT", reply: "504 no"}, sites.Other, true},
		{"RETR 425", plan.Source, fault{command: "RETR", times: 1, reply: "425 no"}, sites.Other, true},
		{"RETR 426 once", plan.Source, fault{command: "RETR", times: 1, reply: "426 no"}, sites.Other, false},
		{"RETR 450 once", plan.Source, fault{command: "RETR", times: 1, reply: "450 no"}, sites.Other, false},
		{"RETR 450 for ever", plan.Source, fault{command: "RETR", reply: "450 no"}, sites.Busy, false},
		{"RETR 550", plan.Source, fault{command: "RETR", reply: "550 no such file"}, sites.NotFound, false},
		{"STOR 425", plan.Dest, fault{command: "STOR", times: 1, reply: "425 no"}, sites.Other, true},
		{"STOR 553", plan.Dest, fault{command: "STOR", reply: "553 no"}, sites.Permission, false},
		{"STOR 550 exists", plan.Dest, fault{command: "STOR", reply: "550 file exists"}, sites.Refused, false},
		{"STOR 550 at its end", plan.Dest, fault{command: "STOR", after: "550 denied"}, sites.Permission, false},
		{"STOR 552", plan.Dest, fault{command: "STOR", reply: "552 quota"}, sites.NoSpace, false},
		{"STOR 452", plan.Dest, fault{command: "STOR", reply: "452 full"}, sites.NoSpace, false},
		{"STOR 421 once", plan.Dest, fault{command: "STOR", times: 1, reply: "421 enough"}, sites.Other, false},
		{"STOR mute", plan.Dest, fault{command: "STOR", times: 1, mute: true}, sites.Other, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			faults := [2][]fault{}
			faults[test.at] = []fault{test.fault}
			source, dest := serve(t, nil, faults[plan.Source]...), serve(t, nil, faults[plan.Dest]...)
			source.write(t, "a", "hello")
			dest.write(t, "b", "old")
			m, told := newMover()
			r, err := m.Do(within(t), between(t, Copy, source, dest, "timeout=1s"))
			if test.kind != sites.Other {
				checkError(t, err, test.kind, "COPY SITE")
				dest.check(t, "b", "old")
			} else {
				if err != nil || r.Verified != ByDigest {
					t.Errorf("%+v, %v", r, err)
				}
				dest.check(t, "b", "hello")
			}
			dest.checkNames(t, "b")
			if got := m.Routes.Refused("SITE1", "SITE2", plan.RFC959) != ""; got != test.remember {
				t.Errorf("remembered: %v, want %v; told %q", got, test.remember, told.take())
			}
		})
	}
}

// TestAppendOnce cuts the data connection, and has the rest appended.
func TestAppendOnce(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789abcdef", 10<<10) + "end"
	size := int64(len(text))
	for _, k := range []int64{0, 1, 1000, 100_000, size - 1, size} {
		for _, fin := range []bool{true, false} {
			for _, route := range []string{plan.Direct, plan.Through} {
				if fin && route == plan.Through {
					continue // nobody could tell: the destination says that all is well
				}
				t.Run(fmt.Sprintf("%d fin=%v %s", k, fin, route), func(t *testing.T) {
					t.Parallel()
					source := serve(t, nil)
					dest := serveCutting(t, nil, []cut{{after: k, fin: fin}, {after: k / 2, fin: fin}})
					source.write(t, "a", text)
					dest.write(t, "b", "old\n")
					m, _ := newMover()
					j := between(t, Append, source, dest, "")
					j.Route = route
					var count sent
					r, err := m.Do(count.under(within(t)), j)
					if err != nil {
						t.Fatal(err)
					}
					if r.Bytes != size || r.Verified != "size" {
						t.Errorf("%+v", r)
					}
					dest.check(t, "b", "old\n"+text)
					if n := count.count("SITE2 APPE"); k < size && n < 2 {
						t.Errorf("APPE was sent %d times: nothing was cut", n)
					}
				})
			}
		}
	}
}

// noSizes is a server that tells no sizes.
func noSizes() []fault {
	return []fault{{command: "MLST", reply: "500 what"}, {command: "SIZE", reply: "500 what"}}
}

// TestAppendUnsure never sends again what may have arrived.
func TestAppendUnsure(t *testing.T) {
	t.Parallel()
	facts := func(n int) string { return fmt.Sprintf("250-it\r\n type=file;size=%d; /b\r\n250 end", n) }
	for _, test := range []struct {
		name         string
		source, dest []fault
		after        int64 // the cut; -1 is none
		kind         sites.Kind
		says         string
		appended     int // times that APPE may be sent
		holds        string
		listing      bool // the first data connection is for a listing
	}{
		{"no SIZE, cut", nil, noSizes(), 3, sites.Conflict, "does not tell how much arrived", 1, "old012", true},
		{"no SIZE, 425", nil, append(noSizes(), fault{command: "APPE", times: 1, reply: "425 no"}), -1, sites.Other, "", 2, "old0123456789", false},
		{"no SIZE, RETR 425", []fault{{command: "RETR", times: 1, reply: "425 no"}}, noSizes(), -1, sites.Other, "", 2, "old0123456789", false},
		{"no SIZE, RETR 426", []fault{{command: "RETR", times: 1, reply: "426 no"}}, noSizes(), -1, sites.Conflict, "does not tell how much arrived", 1, "old", false},
		{"less than before", nil, []fault{{command: "MLST", skip: 1, reply: facts(2)}}, 3, sites.Conflict, "held 3 bytes before and holds 2 now", 1, "old012", false},
		{"more than all", nil, []fault{{command: "MLST", skip: 1, reply: facts(14)}}, 3, sites.Conflict, "held 3 bytes before and holds 14 now, which SITE1:/a of 10 bytes does not explain", 1, "old012", false},
		{"no answer any more", nil, []fault{{command: "MLST", skip: 1, reply: "451 what"}}, 3, sites.Conflict, "cannot be found out", 1, "old012", false},
		{"less than said at the end", nil, []fault{{command: "MLST", skip: 1, reply: facts(12)}}, -1, sites.Conflict, "9 of 10 bytes are there", 1, "old0123456789", false},
		{"no REST", []fault{{command: "REST", reply: "502 no"}}, nil, 3, sites.Unsupported, "3 of 10 bytes were appended to the 3 that were there", 1, "old012", false},
		{"source gone", []fault{{command: "USER", skip: 1, reply: "530 gone"}, {command: "RETR", hangUp: true}}, nil, -1, sites.Login, "530 gone", 1, "old", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var cuts []cut
			if test.after >= 0 {
				cuts = []cut{{after: test.after}}
				if test.listing {
					cuts = append([]cut{{after: 1 << 20}}, cuts...)
				}
			}
			source, dest := serve(t, nil, test.source...), serveCutting(t, nil, cuts, test.dest...)
			source.write(t, "a", "0123456789")
			dest.write(t, "b", "old")
			m, _ := newMover()
			var count sent
			r, err := m.Do(count.under(within(t)), between(t, Append, source, dest, ""))
			if test.kind != sites.Other {
				checkError(t, err, test.kind, test.says)
			} else if err != nil || r.Verified != "none" || r.Bytes != 10 {
				t.Errorf("%+v, %v", r, err)
			}
			dest.check(t, "b", test.holds)
			if n := count.count("SITE2 APPE"); n != test.appended {
				t.Errorf("APPE was sent %d times, want %d", n, test.appended)
			}
		})
	}
}

// TestAppendEmpty makes the file, even if it has to be tried again.
func TestAppendEmpty(t *testing.T) {
	t.Parallel()
	source, dest := serve(t, nil), serve(t, nil, fault{command: "APPE", times: 1, reply: "426 cut"})
	source.write(t, "a", "")
	m, _ := newMover()
	r, err := m.Do(within(t), between(t, Append, source, dest, ""))
	if err != nil || r.Bytes != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	dest.check(t, "b", "")
}

// TestCopy replaces the destination when the new file is whole, and not before.
func TestCopy(t *testing.T) {
	t.Parallel()
	const temp = "/.rsexec."
	exists := fault{command: "RNTO /b", times: 1, reply: "553 file exists"}
	for _, test := range []struct {
		name  string
		fault []fault
		cuts  []cut
		kind  sites.Kind // Other for success
		says  string
		left  int // files besides /b
	}{
		{"plain", nil, nil, sites.Other, "", 0},
		{"cut", nil, []cut{{after: 3}, {after: 0, fin: true}}, sites.Other, "", 0},
		{"cut in one direction only", nil, []cut{{after: 3}, {after: 3}, {after: 3}, {after: 3}}, sites.Other, "", 0},
		{"the name is taken", []fault{exists}, nil, sites.Other, "", 0},
		{"the name is taken for ever", []fault{{command: "RNTO /b", times: 2, reply: "553 file exists"}}, nil, sites.Refused, "553 file exists", 0},
		{"nothing gets that name again", []fault{{command: "RNTO /b", reply: "553 file exists"}}, nil, sites.Conflict, "the old file is now /.rsexec.b.", 1},
		{"the old file stays", []fault{exists, {command: "DELE", times: 1, reply: "550 no"}}, nil, sites.Conflict, "the old one could not be deleted", 1},
		{"the old file cannot be moved", []fault{{command: "RNTO /b", reply: "553 file exists"}, {command: "RNFR /b", reply: "550 no"}}, nil, sites.Refused, "553 file exists", 0},
		{"no RNFR", []fault{{command: "RNFR", reply: "502 no"}}, nil, sites.Unsupported, "502 no", 0},
		{"lost after RNTO", []fault{{command: "RNTO", times: 1, after: "421 bye"}}, nil, sites.Other, "", 0},
		{"hung up after RNTO", []fault{{command: "RNTO", times: 1, lose: true}}, nil, sites.Other, "", 0},
		{"hung up before RNTO", []fault{{command: "RNTO", hangUp: true}}, nil, sites.Unreachable, "closed the control connection", 0},
		{"fewer bytes than there should be", []fault{{command: "SIZE " + temp, after: "213 3"}, {command: "MLST " + temp, reply: "250-it\r\n type=file;size=3; x\r\n250 end"}}, nil, sites.Conflict, "3 of 5 bytes are there", 0},
		{"the temporary file stays", []fault{{command: "STOR", after: "452 full"}, {command: "DELE", reply: "550 denied"}}, nil, sites.NoSpace, "a part of it may be left as SITE2:/.rsexec.b.", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			source, dest := serve(t, nil), serveCutting(t, nil, test.cuts, append(test.fault, fault{command: "NEVER"})...)
			source.write(t, "a", "hello")
			dest.write(t, "b", "old")
			m, _ := newMover()
			var count sent
			_, err := m.Do(count.under(within(t)), between(t, Copy, source, dest, ""))
			want := "old"
			if test.kind == sites.Other {
				want = "hello"
				if err != nil {
					t.Error(err)
				}
			} else {
				checkError(t, err, test.kind, test.says)
			}
			if test.name == "the old file stays" || strings.HasPrefix(test.name, "lost after RNTO") {
				want = "hello"
			}
			files, globErr := filepath.Glob(filepath.Join(dest.root, "*"))
			hidden, hiddenErr := filepath.Glob(filepath.Join(dest.root, ".*"))
			if globErr != nil || hiddenErr != nil || len(hidden) != test.left {
				t.Errorf("left: %q beside %q", hidden, files)
			}
			if test.name == "nothing gets that name again" {
				return // the old file is one of those
			}
			dest.check(t, "b", want)
			if n := count.count("SITE2 STOR "); n != count.count("SITE2 STOR "+temp) || n == 0 {
				t.Errorf("of %d STOR some are not for a temporary name", n)
			}
		})
	}
}

// TestCutForEver gives up after some tries that bring it no further.
func TestCutForEver(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{Append, Copy} {
		source, dest := serve(t, nil), serveCutting(t, nil, []cut{{after: 3}, {}, {after: 1}, {}, {}, {}, {}, {}})
		source.write(t, "a", "hello")
		dest.write(t, "b", "old")
		m, _ := newMover()
		j := between(t, verb, source, dest, "")
		j.Route = plan.Through
		var count sent
		_, err := m.Do(count.under(within(t)), j)
		checkError(t, err, sites.Unreachable, map[string]string{
			Append: "4 of 5 bytes were appended to the 3 that were there", Copy: "COPY SITE2:/b"}[verb])
		dest.check(t, "b", map[string]string{Append: "oldhell", Copy: "old"}[verb])
		dest.checkNames(t, "b")
		if n, want := count.count("SITE1 RETR"), map[string]int{Append: 8, Copy: 5}[verb]; n != want {
			t.Errorf("%s: it was tried %d times, want %d", verb, n, want)
		}
	}
}

// TestNames takes every name that a server takes.
func TestNames(t *testing.T) {
	t.Parallel()
	source, dest := serve(t, nil), serve(t, nil)
	for _, name := range []string{"two words", " leading", strings.Repeat("n", 240), strings.Repeat("ü", 120), "{to}", "-x", "a;b=c", "\xff\xfe"} {
		source.write(t, name, "hello")
		for _, verb := range []string{Copy, Append} {
			m, _ := newMover()
			j := between(t, verb, source, dest, "")
			j.Source.Path, j.Dest.Path = "/"+name, "/"+name
			if _, err := m.Do(within(t), j); err != nil {
				t.Error(err)
			}
		}
		dest.check(t, name, "hellohello")
	}
}

// TestSameFile refuses to read what it writes.
func TestSameFile(t *testing.T) {
	t.Parallel()
	h := serve(t, nil)
	h.write(t, "a", "hello")
	one, two := siteAt(t, "SITE1", h.url, ""), siteAt(t, "SITE2", h.url, "")
	for _, verb := range []string{Append, Copy} {
		for _, to := range []sites.Site{one, two} {
			m, _ := newMover()
			_, err := m.Do(within(t), job(verb, one, to, "/a", "/a"))
			checkError(t, err, sites.Usage, "the same file")
			_, err = m.Do(within(t), job(verb, one, to, "/a", "/"))
			checkError(t, err, sites.Usage, map[string]string{Append: "it is a directory", Copy: "the same file"}[verb])
		}
	}
	h.check(t, "a", "hello")
	h.checkNames(t, "a")
}

// TestSameSite moves a file within one site: the server to itself for what is
// appended, by its own copy for what is not.
func TestSameSite(t *testing.T) {
	t.Parallel()
	h := serve(t, nil)
	h.write(t, "a", "hello")
	h.write(t, "b", "old ")
	m, _ := newMover()
	f := siteAt(t, "SITE1", h.url, "")
	if r, err := m.Do(within(t), job(Append, f, f, "/a", "/b")); err != nil || r.Choreography != "rfc959" || r.BytesThroughUser != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	h.check(t, "b", "old hello")
	if r, err := m.Do(within(t), job(Copy, f, f, "/a", "/b")); err != nil || r.Choreography != "same-site" || r.BytesThroughUser != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	h.check(t, "b", "hello")
	h.checkNames(t, "a", "b")

	single := siteAt(t, "SITE1", h.url, "max-sessions=1")
	_, err := m.Do(within(t), job(Append, single, single, "/a", "/b"))
	checkError(t, err, sites.Unsupported, "set max-sessions=2")
	h.check(t, "b", "hello")
	h.write(t, "a", "again")
	if r, err := m.Do(within(t), job(Copy, single, single, "/a", "/b")); err != nil || r.Choreography != "same-site" || r.Verified != ByDigest {
		t.Errorf("%+v, %v", r, err)
	}
	h.check(t, "b", "again")
}

// TestLocal has the user's own host at one end, or at both.
func TestLocal(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{Append, Copy} {
		h, dir := serve(t, nil), &host{root: t.TempDir()}
		h.write(t, "a", "far")
		dir.write(t, "c", "near")
		f, here := siteAt(t, "SITE1", h.url, ""), local.Site{}
		path := func(name string) string { return filepath.ToSlash(filepath.Join(dir.root, name)) }
		m, _ := newMover()
		for _, test := range []struct {
			j       Request
			through int64
		}{
			{job(verb, f, here, "/a", path("got")), 3},
			{job(verb, here, f, path("c"), "/put"), 4},
			{job(verb, here, here, path("c"), path("both")), 0},
			{job(verb, here, here, path("got"), path("c")), 0},
		} {
			r, err := m.Do(within(t), test.j)
			if err != nil || r.Choreography != "local" || r.BytesThroughUser != test.through || r.Verified != "size" {
				t.Errorf("%s %s: %+v, %v", verb, test.j.Dest, r, err)
			}
		}
		dir.check(t, "got", "far")
		dir.check(t, "both", "near")
		dir.check(t, "c", map[string]string{Append: "nearfar", Copy: "far"}[verb])
		h.check(t, "put", "near")
		h.checkNames(t, "a", "put")
		dir.checkNames(t, "both", "c", "got")
	}
}

// TestManyAtOnce runs jobs in both directions between sites that allow one
// session each.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	a, b := serve(t, nil), serve(t, nil)
	one, two := siteAt(t, "SITE1", a.url, "max-sessions=1"), siteAt(t, "SITE2", b.url, "max-sessions=1")
	m, _ := newMover()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	for i := range 50 {
		name := fmt.Sprintf("f%d", i)
		a.write(t, name, name+" of a")
		b.write(t, name, name+" of b")
		from, to := sites.Site(one), sites.Site(two)
		if i%2 == 1 {
			from, to = to, from
		}
		verb := []string{Append, Copy}[i/2%2]
		group.Go(func() error {
			_, err := m.Do(ctx, job(verb, from, to, "/"+name, "/"+name))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		name := fmt.Sprintf("f%d", i)
		of := [2]*host{a, b}
		from, to := of[i%2], of[1-i%2]
		had, gets := name+" of "+[]string{"b", "a"}[i%2], name+" of "+[]string{"a", "b"}[i%2]
		from.check(t, name, gets)
		if i/2%2 == 0 {
			gets = had + gets
		}
		to.check(t, name, gets)
	}
}

// TestRefusedAtOnce tells one line for many jobs that meet the same refusal.
func TestRefusedAtOnce(t *testing.T) {
	t.Parallel()
	const jobs = 4
	var met sync.WaitGroup // all of them, before one is refused
	met.Add(jobs)
	refusal := refusePORT()
	refusal.hook = func() {
		met.Done()
		met.Wait()
	}
	source, dest := serve(t, nil, refusal), serve(t, nil, refusePORT())
	m, told := newMover()
	from, to := siteAt(t, "SITE1", source.url, ""), siteAt(t, "SITE2", dest.url, "")
	var group errgroup.Group
	for i := range jobs {
		name := fmt.Sprintf("f%d", i)
		source.write(t, name, name)
		group.Go(func() error {
			_, err := m.Do(within(t), job(Copy, from, to, "/"+name, "/"+name))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if lines := told.take(); len(lines) != 2 {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
}
