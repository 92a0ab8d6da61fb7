package fault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftp"
	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
)

// patience is how long a test waits for what should happen at once.
const patience = 20 * time.Second

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	t.Cleanup(stop)
	return ctx
}

// serve starts our own server at a loopback address.
func serve(t testing.TB, host string, d ftpd.Dialect) *ftptest.Server {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	l, err := ftpd.Listen(ctx, net.JoinHostPort(host, "0"))
	if err != nil {
		stop()
		if strings.Contains(host, ":") {
			t.Skipf("no IPv6 here: %v", err)
		}
		t.Fatal(err)
	}
	s := &ftptest.Server{Host: host, Port: l.Addr().(*net.TCPAddr).Port, User: "anchor", Password: "secret", Root: t.TempDir()}
	server := ftpd.Server{Users: []ftpd.User{{Name: s.User, Password: s.Password, Root: s.Root}}, Dialect: d,
		AllowPeers: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s
}

// site returns a site as it is seen through a proxy.
func site(t testing.TB, s *ftptest.Server, p *Proxy, options string) *ftp.Site {
	t.Helper()
	seen := *s
	seen.Host, seen.Port = p.Host, p.Port
	c, err := sites.ParseURL("TEST", seen.URL()+"/?"+options)
	if err != nil {
		t.Fatal(err)
	}
	f := ftp.New(c, ftp.Options{})
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func read(ctx context.Context, f *ftp.Site, path string) (string, error) {
	r, err := f.Open(ctx, path, 0)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(r)
	if closed := r.Close(); closed != err {
		return "", fmt.Errorf("read with %w, closed with %w", err, closed)
	}
	return string(b), err
}

func store(ctx context.Context, f *ftp.Site, path, text string, mode sites.Mode) error {
	w, err := f.Store(ctx, path, mode)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, text); err != nil {
		w.Abort()
		return err
	}
	return w.Commit()
}

// disk returns what the server has of a file; "" if it has none.
func disk(t testing.TB, s *ftptest.Server, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.Root, name))
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	return string(b)
}

// TestTransparent does everything through a proxy without faults, with real servers and
// with ours.
func TestTransparent(t *testing.T) {
	servers := map[string]func(t *testing.T) *ftptest.Server{
		"ftpd":           func(t *testing.T) *ftptest.Server { return serve(t, "127.0.0.1", ftpd.Modern) },
		"ftpd over IPv6": func(t *testing.T) *ftptest.Server { return serve(t, "::1", ftpd.Modern) },
	}
	for _, p := range ftptest.Peers() {
		servers[string(p)] = func(t *testing.T) *ftptest.Server { return ftptest.Start(t, p, ftptest.Options{}) }
	}
	for name, start := range servers {
		for _, options := range []string{"passive=yes", "passive=no"} {
			t.Run(name+"/"+options, func(t *testing.T) {
				t.Parallel()
				s := start(t)
				p := Start(t, s.Addr(), Options{})
				everything(t, s, site(t, s, p, options+"&timeout=5s"))
				if hit := p.Hit(); len(hit) > 0 {
					t.Errorf("faults: %q", hit)
				}
				p.mu.Lock() // one may still come by that nobody waits for
				defer p.mu.Unlock()
				if p.data < 8 {
					t.Errorf("%d data connections came by", p.data)
				}
			})
		}
	}
}

// TestTransparentIn1973 does the same with our server of RFC 438.
func TestTransparentIn1973(t *testing.T) {
	t.Parallel()
	s := serve(t, "127.0.0.1", ftpd.RFC438)
	// Counted are the replies that end a command, and not the 250 with which data starts.
	p := Start(t, s.Addr(), Options{Faults: Plan{
		{What: Delay, Where: Begin, Verb: "RETR", Delay: time.Millisecond},
		{What: Delay, Where: Reply, Verb: "RETR", Delay: time.Millisecond, Nth: 2},
	}})
	f := site(t, s, p, "timeout=5s")
	ctx := within(t)
	if err := store(ctx, f, "/f", "hello", sites.Replace); err != nil || disk(t, s, "f") != "hello" {
		t.Errorf("it holds %q, %v", disk(t, s, "f"), err)
	}
	if !f.Old() {
		t.Error("the dialect is not that of 1973")
	}
	for i := range 2 {
		if text, err := read(ctx, f, "/f"); text != "hello" || err != nil {
			t.Errorf("read %q, %v", text, err)
		}
		if got := len(p.Hit()); got != i+1 {
			t.Errorf("hit: %q", p.Hit())
		}
	}
}

// everything goes through what can be done with a site.
func everything(t *testing.T, s *ftptest.Server, f *ftp.Site) {
	t.Helper()
	ctx := within(t)
	big := strings.Repeat("0123456789abcdef", 1<<18)
	for _, text := range []string{"hello", "", big} {
		if err := store(ctx, f, "/f", text, sites.Replace); err != nil {
			t.Fatal(err)
		}
		if got := disk(t, s, "f"); got != text {
			t.Errorf("stored %d bytes, of %d", len(got), len(text))
		}
		if got, err := read(ctx, f, "/f"); got != text || err != nil {
			t.Errorf("read %d bytes of %d, %v", len(got), len(text), err)
		}
	}
	if err := store(ctx, f, "/f", "end", sites.Append); err != nil || disk(t, s, "f") != big+"end" {
		t.Errorf("appended: %d bytes, %v", len(disk(t, s, "f")), err)
	}
	if err := f.Rename(ctx, "/f", "/g h"); err != nil {
		t.Error(err)
	}
	var names []string
	err := f.List(ctx, "/", func(e sites.Entry) bool {
		names = append(names, e.Name)
		return true
	})
	if !slices.Equal(names, []string{"g h"}) || err != nil {
		t.Errorf("listed %q, %v", names, err)
	}
	if e, err := f.Stat(ctx, "/g h"); err != nil || e.Size != int64(len(big)+3) {
		t.Errorf("%+v, %v", e, err)
	}
	// A transfer that is called off resets its data connection: nothing is passed off as
	// the whole.
	r, err := f.Open(ctx, "/g h", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("closing early: %v", err)
	}
	if err := f.Delete(ctx, "/g h"); err != nil || disk(t, s, "g h") != "" {
		t.Errorf("deleting: %v", err)
	}
	if _, err := read(ctx, f, "/g h"); sites.KindOf(err) != sites.NotFound {
		t.Errorf("reading what is not there: %v", err)
	}
}

// TestControlFaults has each fault happen to a control connection while a file is deleted.
func TestControlFaults(t *testing.T) {
	t.Parallel()
	closed, lost := "the server closed the control connection", "the control connection was lost"
	for _, test := range []struct {
		fault Fault
		kind  sites.Kind // Other for success
		says  string
		done  bool // the server heard of it
	}{
		{Fault{What: Cut, Where: Connect}, sites.Unreachable, closed, false},
		{Fault{What: Reset, Where: Connect}, sites.Unreachable, "", false},
		{Fault{What: Busy, Where: Connect}, sites.Busy, "421 Too many users", false},
		{Fault{What: Stall, Where: Connect}, sites.Unreachable, "no answer to the connection", false},
		{Fault{What: Delay, Where: Connect}, sites.Other, "", true},
		{Fault{What: Cut, Where: Begin, Verb: Greeting}, sites.Unreachable, closed, false},
		{Fault{What: Cut, Where: Within, Verb: Greeting}, sites.Unreachable, closed, false},
		{Fault{What: Reset, Where: Reply, Nth: 2}, sites.Unreachable, lost, false}, // PASS
		{Fault{What: Cut, Where: Command, Nth: 4}, sites.Unreachable, closed, false},
		{Fault{What: Cut, Where: Within, Verb: "FEAT"}, sites.Unreachable, closed, false},
		{Fault{What: Cut, Where: Command, Verb: "DELE"}, sites.Unreachable, closed, false},
		{Fault{What: Reset, Where: Command, Verb: "DELE"}, sites.Unreachable, lost, false},
		{Fault{What: Stall, Where: Command, Verb: "DELE"}, sites.Unreachable, "no answer to DELE", false},
		{Fault{What: Delay, Where: Command, Verb: "DELE"}, sites.Other, "", true},
		{Fault{What: Cut, Where: Begin, Verb: "DELE"}, sites.Unreachable, closed, true},
		{Fault{What: Cut, Where: Reply, Verb: "DELE", Conn: 1}, sites.Unreachable, closed, true},
		{Fault{What: Reset, Where: Reply, Verb: "DELE"}, sites.Unreachable, lost, true},
		{Fault{What: Stall, Where: Reply, Verb: "DELE"}, sites.Unreachable, "no answer to DELE", true},
		{Fault{What: Delay, Where: Reply, Verb: "DELE"}, sites.Other, "", true},
		{Fault{What: Cut, Where: Within, Verb: "DELE"}, sites.Unreachable, closed, true},
		{Fault{What: Reset, Where: Within, Verb: "DELE"}, sites.Unreachable, lost, true},
		{Fault{What: Stall, Where: Within, Verb: "DELE"}, sites.Unreachable, "no answer to DELE", true},
		{Fault{What: Delay, Where: Within, Verb: "DELE"}, sites.Other, "", true},
	} {
		if test.fault.What == Delay {
			test.fault.Delay = 50 * time.Millisecond
		}
		t.Run(test.fault.String(), func(t *testing.T) {
			t.Parallel()
			options := "timeout=10s"
			if test.fault.What == Stall {
				options = "timeout=500ms"
			}
			s := serve(t, "127.0.0.1", ftpd.Modern)
			if err := os.WriteFile(filepath.Join(s.Root, "a"), []byte("hello"), 0o644); err != nil {
				t.Fatal(err)
			}
			p := Start(t, s.Addr(), Options{Faults: Plan{test.fault}})
			f := site(t, s, p, options)
			ctx := within(t)
			began := time.Now()
			err := f.Delete(ctx, "/a")
			took := time.Since(began)
			if test.kind == sites.Other {
				if err != nil || took < test.fault.Delay {
					t.Errorf("%v, after %v", err, took)
				}
			} else if sites.KindOf(err) != test.kind || !strings.Contains(fmt.Sprint(err), test.says) {
				t.Errorf("%v (%v), want one of kind %v that says %q", err, sites.KindOf(err), test.kind, test.says)
			}
			if hit := p.Hit(); len(hit) != 1 || !strings.HasPrefix(hit[0], test.fault.String()+" [connection 1") {
				t.Errorf("hit: %q", hit)
			}
			if !test.done && disk(t, s, "a") != "hello" {
				t.Error("the file is gone")
			}
			// It was the only one.
			switch err := f.Delete(ctx, "/a"); {
			case test.done && sites.KindOf(err) != sites.NotFound, !test.done && err != nil:
				t.Errorf("again: %v", err)
			}
			if disk(t, s, "a") != "" {
				t.Error("the file is there")
			}
			if hit := p.Hit(); len(hit) != 1 {
				t.Errorf("hit: %q", hit)
			}
		})
	}
}

// TestTransferReplies loses the two replies to a transfer command, one at a time.
func TestTransferReplies(t *testing.T) {
	t.Parallel()
	for where, stored := range map[Where]string{Command: "", Begin: "", Reply: "hello", Within: "hello"} {
		f := Fault{What: Reset, Where: where, Verb: "STOR"}
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			s := serve(t, "127.0.0.1", ftpd.Modern)
			p := Start(t, s.Addr(), Options{Faults: Plan{f}})
			to := site(t, s, p, "")
			err := store(within(t), to, "/b", "hello", sites.Replace)
			if sites.KindOf(err) != sites.Unreachable || len(p.Hit()) != 1 {
				t.Errorf("%v; hit: %q", err, p.Hit())
			}
			if got := disk(t, s, "b"); stored != "" && got != stored {
				t.Errorf("it holds %q", got)
			}
			// Under another name: the server may yet empty the first one.
			if err := store(within(t), to, "/c", "other", sites.Replace); err != nil || disk(t, s, "c") != "other" {
				t.Errorf("again: it holds %q, %v", disk(t, s, "c"), err)
			}
		})
	}
}

// TestDataFaults has each fault happen to a data connection at an exact byte.
func TestDataFaults(t *testing.T) {
	t.Parallel()
	const size, at = 16 << 20, 300_001 // more than all buffers hold
	text := strings.Repeat("0123456789abcdef", size/16)
	type test struct {
		fault   Fault
		options string
	}
	var tests []test
	for _, where := range []Where{Up, Down} {
		for _, what := range []What{Cut, Reset, Stall, Truncate, Delay} {
			f := Fault{What: what, Where: where, Byte: at}
			if what == Delay {
				f.Delay = 50 * time.Millisecond
			}
			tests = append(tests, test{f, "passive=yes"}, test{f, "passive=no"})
			if f.Byte = 0; what != Delay {
				tests = append(tests, test{f, "passive=yes"})
			}
			if f.Byte = size; what == Stall || what == Truncate {
				tests = append(tests, test{f, "passive=yes"})
			}
		}
	}
	for _, test := range tests {
		t.Run(test.fault.String()+"/"+test.options, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "127.0.0.1", ftpd.Modern)
			plan, want := Plan{test.fault}, []string{test.fault.String() + " [connection 1]"}
			if what := test.fault.What; test.fault.Where == Down && (what == Cut || what == Reset) {
				// Else what the server says of it may come before what has arrived is read.
				late := Fault{What: Delay, Where: Reply, Verb: "RETR", Delay: 100 * time.Millisecond}
				plan, want = append(plan, late), append(want, late.String()+" [connection 1, RETR]")
			}
			p := Start(t, s.Addr(), Options{Faults: plan})
			f := site(t, s, p, test.options)
			suffer(t, s, f, test.fault, text)
			if hit := p.Hit(); !slices.Equal(hit, want) {
				t.Errorf("hit: %q, want %q", hit, want)
			}
			err := store(within(t), f, "/up", text, sites.Replace)
			if err != nil || disk(t, s, "up") != text {
				t.Errorf("again: %d bytes, %v", len(disk(t, s, "up")), err)
			}
			if got, err := read(within(t), f, "/up"); err != nil || got != text {
				t.Errorf("again: read %d bytes, %v", len(got), err)
			}
		})
	}
}

// suffer transfers a file while a fault happens to its data connection.
func suffer(t *testing.T, s *ftptest.Server, f *ftp.Site, fault Fault, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.Root, "down"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var c counter
	ctx, stop := context.WithCancel(c.under(within(t)))
	defer stop()
	if fault.What == Stall {
		watched := make(chan struct{})
		defer func() { <-watched }()
		go func() {
			defer close(watched)
			giveUp(ctx, func() int64 {
				if fault.Where == Down {
					return c.received.Load()
				}
				info, err := os.Stat(filepath.Join(s.Root, "up"))
				if err != nil {
					return 0 // not yet
				}
				return info.Size()
			}, fault.Byte)
			stop()
		}()
	}
	began := time.Now()
	var got string
	var err error
	if fault.Where == Up {
		err = store(ctx, f, "/up", text, sites.Replace)
		got = disk(t, s, "up")
	} else {
		got, err = read(ctx, f, "/down")
	}
	want, kind := text[:fault.Byte], sites.KindOf(err)
	switch fault.What {
	case Delay:
		if want = text; err != nil || time.Since(began) < fault.Delay {
			t.Errorf("%v, after %v", err, time.Since(began))
		}
	case Truncate:
		// The receiver believes that it has it all, and the server says so.
		if err != nil {
			t.Error(err)
		}
	case Stall:
		if sent := c.sent.Load(); runtime.GOOS == "linux" && fault.Where == Up && fault.Byte < int64(len(text)) && sent == int64(len(text)) {
			t.Error("the sender did not come to a halt")
		}
		if kind != sites.Cancelled {
			t.Errorf("%v (%v), want nothing until it is called off", err, kind)
		}
	default:
		if err == nil || kind != sites.Unreachable && kind != sites.Refused {
			t.Errorf("%v (%v)", err, kind)
		}
	}
	if fault.What == Reset && runtime.GOOS != "linux" && strings.HasPrefix(want, got) {
		return // nothing tells there what has arrived before a reset
	}
	if got != want {
		t.Errorf("%d bytes arrived, want %d: %v", len(got), len(want), err)
	}
}

// counter counts the bytes of data connections.
type counter struct{ received, sent atomic.Int64 }

func (c *counter) under(ctx context.Context) context.Context {
	return sites.WithTrace(ctx, &sites.Trace{Data: func(_ string, received, sent int64) {
		c.received.Add(received)
		c.sent.Add(sent)
	}})
}

// giveUp returns a moment after so many bytes have arrived, in which more could come.
func giveUp(ctx context.Context, arrived func() int64, enough int64) {
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for arrived() < enough {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
	pause(200*time.Millisecond, ctx.Done())
}

// TestSecondMoment has a fault happen at the second connection that carries so much, and
// at the one after.
func TestSecondMoment(t *testing.T) {
	t.Parallel()
	s := serve(t, "127.0.0.1", ftpd.Modern)
	p := Start(t, s.Addr(), Options{Faults: Plan{
		{What: Truncate, Where: Up, Byte: 3, Nth: 2, Times: 2},
		{What: Truncate, Where: Up, Byte: 1, Conn: 6},
	}})
	f := site(t, s, p, "")
	for i, test := range []struct{ text, want string }{
		{"hello", "hello"}, {"no", "no"}, {"hello", "hel"}, {"hello", "hel"}, {"hello", "hello"}, {"hello", "h"}, {"hello", "hello"},
	} {
		if err := store(within(t), f, "/b", test.text, sites.Replace); err != nil || disk(t, s, "b") != test.want {
			t.Errorf("%d: it holds %q, want %q; %v", i, disk(t, s, "b"), test.want, err)
		}
	}
	if hit := p.Hit(); len(hit) != 3 {
		t.Errorf("hit: %q", hit)
	}
}

// TestRefusals turns away some, each in its way: whoever is cut off is told, and one that
// is only asked to come again does so.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := serve(t, "127.0.0.1", ftpd.Modern)
	p := Start(t, s.Addr(), Options{Faults: Plan{{What: Cut, Times: 2}, {What: Busy, Conn: 3}}})
	f := site(t, s, p, "")
	for i := range 2 {
		if err := f.Meet(within(t)); sites.KindOf(err) != sites.Unreachable || err == nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if err := f.Meet(within(t)); err != nil || len(p.Hit()) != 3 {
		t.Errorf("%v; hit: %q", err, p.Hit())
	}
}

// TestDown takes a site down in the middle of a transfer, and up again.
func TestDown(t *testing.T) {
	t.Parallel()
	s := serve(t, "127.0.0.1", ftpd.Modern)
	text := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	if err := os.WriteFile(filepath.Join(s.Root, "a"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	p := Start(t, s.Addr(), Options{Faults: Plan{{What: Delay, Where: Connect, Nth: 2, Delay: time.Millisecond}}})
	f := site(t, s, p, "")
	r, err := f.Open(within(t), "/a", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	p.Refuse(true)
	p.Cut()
	if _, err := io.ReadAll(r); sites.KindOf(err) != sites.Unreachable {
		t.Errorf("reading on: %v", err)
	}
	if r.Close() == nil {
		t.Error("the reading ended well")
	}
	for range 2 {
		if _, err := f.Stat(within(t), "/a"); sites.KindOf(err) != sites.Unreachable {
			t.Errorf("a site that is down: %v", err)
		}
	}
	p.Refuse(false)
	if got, err := read(within(t), f, "/a"); err != nil || got != string(text) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	if hit, want := p.Hit(), []string{"delay 1ms at connect #2 [connection 2]"}; !slices.Equal(hit, want) {
		t.Errorf("hit: %q, want %q: those that were refused do not count", hit, want)
	}
}

// TestStallTime ends what nobody gives up.
func TestStallTime(t *testing.T) {
	t.Parallel()
	for _, fault := range []Fault{{What: Stall, Where: Up, Byte: 2}, {What: Stall, Where: Reply, Verb: "STOR"}, {What: Stall, Where: Connect}} {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			s := serve(t, "127.0.0.1", ftpd.Modern)
			p := Start(t, s.Addr(), Options{Faults: Plan{fault}, StallTime: 100 * time.Millisecond})
			began := time.Now()
			err := store(within(t), site(t, s, p, ""), "/b", "hello", sites.Replace)
			if err == nil || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v, after %v", err, time.Since(began))
			}
		})
	}
}

// TestServerGone sees that the proxy of a server that has ended says so at once.
func TestServerGone(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := Start(t, l.Addr().String(), Options{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	err = site(t, &ftptest.Server{User: "u", Password: "p"}, p, "").Meet(within(t))
	if sites.KindOf(err) != sites.Unreachable {
		t.Error(err)
	}
}

// TestClose leaves nothing behind, whatever is going on. It is not parallel: it looks at
// all goroutines.
func TestClose(t *testing.T) {
	s := serve(t, "127.0.0.1", ftpd.Modern)
	if err := os.WriteFile(filepath.Join(s.Root, "a"), make([]byte, 16<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, plan := range []Plan{
		nil,
		{{What: Stall, Where: Down, Byte: 1000}},
		{{What: Stall, Where: Begin, Verb: "RETR"}},
		{{What: Stall, Where: Connect, Nth: 2}, {What: Delay, Where: Connect, Nth: 3, Delay: time.Hour}},
		{{What: Delay, Where: Down, Byte: 1000, Delay: time.Hour}},
		{{What: Delay, Where: Begin, Verb: "RETR", Delay: time.Hour}},
	} {
		p, err := Listen(s.Addr(), Options{Faults: plan})
		if err != nil {
			t.Fatal(err)
		}
		f := site(t, s, p, "")
		if err := f.Meet(within(t)); err != nil {
			t.Error(err)
		}
		ctx, stop := context.WithCancel(within(t))
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			r, err := f.Open(ctx, "/a", 0)
			if err != nil {
				return // cut off before
			}
			_, _ = io.ReadFull(r, make([]byte, 1000)) // it may have been cut off before
			<-ctx.Done()
			_ = r.Close() // how it ended is not what is tested
		}()
		var idle []net.Conn
		for range 3 {
			c, err := net.Dial("tcp", p.Addr())
			if err != nil {
				t.Fatal(err)
			}
			idle = append(idle, c)
		}
		for deadline := time.Now().Add(patience); len(p.Hit()) < len(plan); runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Fatalf("%v: hit: %q", plan, p.Hit())
			}
		}
		for range 2 {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
		if left := goroutines(); left != "" {
			t.Errorf("%v leaves\n%s", plan, left)
		}
		if c, err := net.Dial("tcp", p.Addr()); err == nil {
			t.Errorf("somebody still listens at %s", c.RemoteAddr())
		}
		stop()
		<-ended
		for _, c := range idle {
			_ = c.Close() // the other end has gone
		}
	}
}

// goroutines returns those that run code of a proxy.
func goroutines() string {
	stacks := make([]byte, 1<<22)
	var left []string
	for _, g := range strings.Split(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if strings.Contains(g, "ftptest/fault.(*") {
			left = append(left, g)
		}
	}
	return strings.Join(left, "\n\n")
}

// TestMany starts and closes proxies by the thousand.
func TestMany(t *testing.T) {
	const n = 2000
	began := time.Now()
	for range n {
		p, err := Listen("127.0.0.1:1", Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%v each", time.Since(began)/n)
	if left := goroutines(); left != "" {
		t.Error(left)
	}
}

// TestSeeds draws plans by seed. A client that tries again gets its file there and back,
// in the end.
func TestSeeds(t *testing.T) {
	t.Parallel()
	const size = 200_000
	text := strings.Repeat("0123456789", size/10)
	hits := make(chan int, 16)
	t.Run("seeds", func(t *testing.T) {
		for seed := range uint64(cap(hits)) {
			plan := Random(rand.New(rand.NewPCG(seed, 0)), 4, size)
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				s := serve(t, "127.0.0.1", ftpd.Modern)
				p := Start(t, s.Addr(), Options{Faults: plan})
				defer func() { hits <- len(p.Hit()) }()
				f := site(t, s, p, []string{"passive=yes", "passive=no"}[seed%2]+"&timeout=500ms")
				const tries = 20
				for range tries {
					ctx, stop := context.WithTimeout(t.Context(), time.Second)
					err := thereAndBack(ctx, f, text)
					stop()
					if err == nil {
						if got := disk(t, s, "g"); got != text {
							t.Errorf("it holds %d bytes", len(got))
						}
						return
					}
					t.Log(err)
				}
				t.Errorf("not in %d tries", tries)
			})
		}
	})
	total := 0
	for range cap(hits) {
		total += <-hits
	}
	if total < cap(hits) {
		t.Errorf("%d faults were hit in %d runs", total, cap(hits))
	}
}

// errTruncated is what a reply of 226 hid.
var errTruncated = errors.New("it is not all there")

// thereAndBack stores, checks, renames and reads a file.
func thereAndBack(ctx context.Context, f *ftp.Site, text string) error {
	if err := store(ctx, f, "/f", text, sites.Replace); err != nil {
		return err
	}
	e, err := f.Stat(ctx, "/f")
	if err == nil && e.Size != int64(len(text)) {
		err = errTruncated
	}
	if err != nil {
		return err
	}
	if err := f.Rename(ctx, "/f", "/g"); err != nil {
		return err
	}
	got, err := read(ctx, f, "/g")
	if err == nil && got != text {
		err = errTruncated
	}
	return err
}

// TestStruck holds that the test has its say in the middle of a transfer: what it does when
// a fault happens is done before the next byte.
func TestStruck(t *testing.T) {
	const at = 1000
	s := serve(t, "127.0.0.1", ftpd.Modern)
	var seen atomic.Int64
	p := Start(t, s.Addr(), Options{Faults: Plan{{What: Delay, Where: Up, Byte: at, Delay: time.Millisecond}}, Struck: func(f Fault) {
		for seen.Load() < at { // it has passed, and is on its way to the disk
			seen.Store(int64(len(disk(t, s, "a"))))
			runtime.Gosched()
		}
	}})
	if err := store(within(t), site(t, s, p, ""), "/a", strings.Repeat("x", 2*at), sites.Replace); err != nil {
		t.Fatal(err)
	}
	if n := seen.Load(); n != at || len(disk(t, s, "a")) != 2*at {
		t.Errorf("%d bytes were there, and then %d", n, len(disk(t, s, "a")))
	}
}
