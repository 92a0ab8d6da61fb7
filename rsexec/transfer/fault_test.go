package transfer

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"rsexec/rsexec/plan"
	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
	inject "rsexec/sites/ftptest/fault" // fault is a name of these tests
)

// behind returns a host as it is seen through a proxy with these faults.
func behind(t testing.TB, h *host, faults ...inject.Fault) (*host, *inject.Proxy) {
	t.Helper()
	u, err := url.Parse(h.url)
	if err != nil {
		t.Fatal(err)
	}
	p := inject.Start(t, u.Host, inject.Options{Faults: faults})
	u.Host = p.Addr()
	return &host{root: h.root, url: u.String()}, p
}

// TestThroughProxies moves a file from server to server where both are behind
// proxies, by each choreography that can be.
func TestThroughProxies(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789abcdef", 1<<16)
	files := map[string]string{"a": text, "b": "old "}
	own := func(d ftpd.Dialect) func(*testing.T) *host {
		return func(t *testing.T) *host {
			h := serve(t, func(s *ftpd.Server) { s.Dialect = d })
			for name, text := range files {
				h.write(t, name, text)
			}
			return h
		}
	}
	real := func(p ftptest.Peer) func(*testing.T) *host {
		return func(t *testing.T) *host { return peer(t, p, ftptest.Options{}, files) }
	}
	for name, test := range map[string]struct {
		source, dest func(*testing.T) *host
		choreography string // pinned; "" is any
		want         string
	}{
		"vsftpd to proftpd":    {real(ftptest.VSFTPD), real(ftptest.ProFTPD), "", "rfc959"},
		"proftpd to pure-ftpd": {real(ftptest.ProFTPD), real(ftptest.PureFTPd), "rfc2428", "rfc2428"},
		"ftpd":                 {own(ftpd.Modern), own(ftpd.Modern), "", "rfc959"},
		"ftpd, EPSV":           {own(ftpd.Modern), own(ftpd.Modern), "rfc2428", "rfc2428"},
		"ftpd, LSTN":           {own(ftpd.Modern), own(ftpd.Modern), "rfc438", "rfc438"},
		"1973":                 {own(ftpd.RFC438), own(ftpd.RFC438), "", "rfc438"},
		"1973, relay":          {own(ftpd.RFC438), own(ftpd.Modern), "relay", "relay"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, _ := behind(t, test.source(t))
			// Each data connection passes the proxy of the passive side.
			dest, p := behind(t, test.dest(t), inject.Fault{What: inject.Delay, Where: inject.Up, Byte: 1, Times: 2, Delay: time.Millisecond})
			m, told := newMover()
			for _, verb := range []string{Append, Copy} {
				j := between(t, verb, source, dest, "")
				j.Choreography = test.choreography
				r, err := m.Do(within(t), j)
				if err != nil || r.Choreography != test.want || r.Attempts != 1 {
					t.Errorf("%s: %+v, %v, told %q", verb, r, err, told.take())
				}
				if direct := r.BytesThroughUser == 0; direct != (test.want != "relay") {
					t.Errorf("%s: %d bytes through the user", verb, r.BytesThroughUser)
				}
				dest.check(t, "b", map[string]string{Append: "old " + text, Copy: text}[verb])
			}
			if hit := p.Hit(); len(hit) != 2 {
				t.Errorf("hit: %q", hit)
			}
		})
	}
}

// TestFaultsAtPeers appends from one real server to another while something goes wrong
// at one of them: the file is there once and whole.
func TestFaultsAtPeers(t *testing.T) {
	t.Parallel()
	const size, at = 16 << 20, 1_000_001 // more than all buffers hold, so that the sender notices
	text := strings.Repeat("0123456789abcdef", size/16)
	for _, test := range []struct {
		at    plan.Role
		fault inject.Fault
	}{
		{plan.Dest, inject.Fault{What: inject.Cut, Where: inject.Connect}},
		{plan.Dest, inject.Fault{What: inject.Reset, Where: inject.Command, Verb: "APPE"}},
		{plan.Dest, inject.Fault{What: inject.Cut, Where: inject.Begin, Verb: "APPE"}},
		{plan.Dest, inject.Fault{What: inject.Cut, Where: inject.Reply, Verb: "APPE"}},
		{plan.Dest, inject.Fault{What: inject.Reset, Where: inject.Within, Verb: "APPE"}},
		{plan.Source, inject.Fault{What: inject.Cut, Where: inject.Begin, Verb: "RETR"}},
		{plan.Source, inject.Fault{What: inject.Reset, Where: inject.Reply, Verb: "RETR"}},
		{plan.Dest, inject.Fault{What: inject.Cut, Where: inject.Up, Byte: at}},
		{plan.Dest, inject.Fault{What: inject.Reset, Where: inject.Up, Byte: at}},
		{plan.Dest, inject.Fault{What: inject.Truncate, Where: inject.Up, Byte: at}},
	} {
		t.Run(test.fault.String(), func(t *testing.T) {
			t.Parallel()
			source := peer(t, ftptest.VSFTPD, ftptest.Options{}, map[string]string{"a": text})
			dest := peer(t, ftptest.ProFTPD, ftptest.Options{}, map[string]string{"b": "old "})
			var p *inject.Proxy
			if test.at == plan.Source {
				source, p = behind(t, source, test.fault)
				dest, _ = behind(t, dest)
			} else {
				source, _ = behind(t, source)
				dest, p = behind(t, dest, test.fault)
			}
			m, told := newMover()
			j := between(t, Append, source, dest, "")
			r, err := m.Do(within(t), j)
			if len(p.Hit()) != 1 {
				t.Errorf("hit: %q", p.Hit())
			}
			if err != nil || r.BytesThroughUser != 0 {
				t.Errorf("%+v, %v, told %q", r, err, told.take())
			}
			dest.check(t, "b", "old "+text)
		})
	}
}

// TestLateStore never has two attempts write to one name where the first STOR was not
// answered: the server may yet open that file, and empty it, when the second has written to
// it.
func TestLateStore(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, route  string
		source, dest fault
	}{
		{"from server to server", plan.Direct, fault{command: "RETR", times: 1, reply: "450 busy"}, fault{command: "STOR", times: 1, hangUp: true}},
		{"the destination is lost", plan.Through, fault{command: "NEVER"}, fault{command: "STOR", times: 1, hangUp: true}},
		{"the source is busy and the destination is lost", plan.Through, fault{command: "RETR", times: 1, reply: "450 busy"}, fault{command: "STOR", times: 1, hangUp: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			source, dest := serve(t, nil, test.source), serve(t, nil, test.dest)
			source.write(t, "a", "hello")
			m, _ := newMover()
			var count sent
			r := between(t, Copy, source, dest, "timeout=1s")
			r.Route = test.route
			if _, err := m.Do(count.under(within(t)), r); err != nil {
				t.Fatal(err)
			}
			dest.check(t, "b", "hello")
			dest.checkNames(t, "b")
			names := make(map[string]bool)
			for _, line := range count.lines {
				if name, is := strings.CutPrefix(line, "SITE2 STOR "); is {
					if names[name] {
						t.Errorf("two attempts wrote to %s", name)
					}
					names[name] = true
				}
			}
			if len(names) < 2 {
				t.Errorf("there were no two attempts: %v", names)
			}
		})
	}
}
