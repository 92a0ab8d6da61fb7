package transfer

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftp"
	"rsexec/sites/ftpd"
)

// patience is how long a test waits for what should happen at once.
const patience = 10 * time.Second

// within returns a context that ends when the test has waited long enough.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	t.Cleanup(stop)
	return ctx
}

// hasty returns limits that a test can wait for.
func hasty() *limits {
	return &limits{
		start: 2 * time.Second, silent: 100 * time.Millisecond, finish: 300 * time.Millisecond,
		verdict: time.Second, settle: 300 * time.Millisecond,
		still: 10 * time.Millisecond, stillAlone: 100 * time.Millisecond, changing: 2 * time.Second,
		clean: 5 * time.Second, pause: time.Millisecond,
		look: 10 * time.Millisecond, worth: 4,
	}
}

// notices are the lines that a Mover tells the person.
type notices struct {
	mu    sync.Mutex
	lines []string
}

func (n *notices) add(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, line)
}

// take returns the lines since it was called last.
func (n *notices) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	lines := n.lines
	n.lines = nil
	return lines
}

func newMover() (*Mover, *notices) {
	told := &notices{}
	return &Mover{Routes: NewRoutes(nil), Notice: told.add, limits: hasty()}, told
}

// sent counts the commands that go out under a context.
type sent struct {
	mu    sync.Mutex
	lines []string // as "SITE1 STOR /x"
}

func (s *sent) under(ctx context.Context) context.Context {
	return sites.WithTrace(ctx, &sites.Trace{Command: func(site string, _ int, line string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lines = append(s.lines, site+" "+line)
	}})
}

// count returns how many of them begin so.
func (s *sent) count(prefix string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lines {
		if strings.HasPrefix(l, prefix) {
			n++
		}
	}
	return n
}

// host is one of our servers, with a folder, perhaps behind a proxy.
type host struct {
	root, url string
}

// serve starts one of our servers for the time of the test.
func serve(t testing.TB, change func(*ftpd.Server), faults ...fault) *host {
	t.Helper()
	return serveCutting(t, change, nil, faults...)
}

// serveCutting starts one of our servers behind a proxy that also does
// something to the data connections of its PASV, the first cut to the first.
func serveCutting(t testing.TB, change func(*ftpd.Server), cuts []cut, faults ...fault) *host {
	t.Helper()
	h := &host{root: t.TempDir()}
	listener, err := ftpd.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &ftpd.Server{
		Users:      []ftpd.User{{Name: "u", Password: "p", Root: h.root}},
		AllowPeers: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}
	if change != nil {
		change(server)
	}
	addr := listener.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	if len(faults)+len(cuts) > 0 {
		addr = newProxy(t, addr, cuts, faults)
	}
	h.url = "ftp://u:p@" + addr
	return h
}

func (h *host) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.root, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (h *host) check(t testing.TB, name, want string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(h.root, name))
	if err != nil {
		t.Error(err)
	}
	if got := string(b); got != want {
		t.Errorf("%s holds %d bytes %.40q, want %d bytes %.40q", name, len(got), got, len(want), want)
	}
}

// checkNames reports files at the host other than those named.
func (h *host) checkNames(t testing.TB, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(h.root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("the files are %q, want %q", got, want)
	}
}

// siteAt returns the site at a URL, with the options given.
func siteAt(t testing.TB, name, url, options string) *ftp.Site {
	t.Helper()
	c, err := sites.ParseURL(name, url+"/?"+options)
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

// job makes a job from the site SITE1 to the site SITE2.
func job(verb string, from, to sites.Site, source, dest string) Request {
	return Request{Verb: verb, From: from, To: to,
		Source: sites.Pathname{Site: from.Name(), Path: source}, Dest: sites.Pathname{Site: to.Name(), Path: dest}}
}

// between makes a job between two hosts.
func between(t testing.TB, verb string, source, dest *host, options string) Request {
	t.Helper()
	return job(verb, siteAt(t, "SITE1", source.url, options), siteAt(t, "SITE2", dest.url, options), "/a", "/b")
}

// checkError reports an error that is not of the kind wanted or does not say
// what it should, in one line.
func checkError(t testing.TB, err error, kind sites.Kind, says string) {
	t.Helper()
	if err == nil || sites.KindOf(err) != kind || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
		t.Errorf("the error is %v (%v), want one of kind %v that says %q", err, sites.KindOf(err), kind, says)
	}
}

// settled waits until as many goroutines and sockets are left as before; the
// ends of connections take a moment.
func settled(t *testing.T, goroutines, sockets int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		g, s := runtime.NumGoroutine(), openSockets()
		if g <= goroutines && s <= sockets {
			return
		}
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("left over: %d goroutines (%d before), %d sockets (%d before)\n%s", g, goroutines, s, sockets,
				stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(time.Millisecond) // nothing tells when the system has closed a socket
	}
}

// openSockets counts this process's sockets, where the system tells.
func openSockets() (n int) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n
}

// fault is what a proxy does when a command comes by on a control connection.
type fault struct {
	command string // how the command begins
	skip    int    // so many pass first
	times   int    // and so many are struck; 0 is all
	reply   string // is the answer: the server never hears of the command
	mute    bool   // there is no answer, and the server never hears of it
	hangUp  bool   // the connections are closed
	after   string // the server hears of it, but this is the answer in the place of its final one
	lose    bool   // the server hears of it, and the connections are closed in the place of its final reply
	hook    func() // is called; without any of the above the command passes
}

// cut is what a proxy does to a data connection.
type cut struct {
	after int64  // bytes have passed
	fin   bool   // the reader sees an orderly end, the writer a reset
	stall func() // nothing more passes; it is called once that is so
}

// lost stands for a reply that never arrives.
const lost = "\x00"

// proxy stands before a server's control connections. Its data connections
// are at the same host, so that nobody sees a difference.
type proxy struct {
	t      testing.TB
	server string
	all    sync.WaitGroup

	mu     sync.Mutex
	faults []fault
	struck []int
	cuts   []cut
	open   []io.Closer
	over   bool
}

func newProxy(t testing.TB, server string, cuts []cut, faults []fault) (addr string) {
	t.Helper()
	p := &proxy{t: t, server: server, cuts: cuts, faults: faults, struck: make([]int, len(faults))}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.keep(l)
	p.all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			p.all.Go(func() { p.control(client) })
		}
	})
	t.Cleanup(func() {
		p.mu.Lock()
		p.over = true
		for _, c := range p.open {
			c.Close() // many are closed already
		}
		p.mu.Unlock()
		p.all.Wait()
	})
	return l.Addr().String()
}

func (p *proxy) keep(c io.Closer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		c.Close()
	}
	p.open = append(p.open, c)
}

// strike returns the fault that strikes a command.
func (p *proxy) strike(line string) (f fault, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, f := range p.faults {
		if !strings.HasPrefix(line, f.command) {
			continue
		}
		p.struck[i]++
		if n := p.struck[i] - f.skip; n > 0 && (f.times == 0 || n <= f.times) {
			return f, true
		}
	}
	return fault{}, false
}

func (p *proxy) control(client net.Conn) {
	p.keep(client)
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return // the server is stopped
	}
	p.keep(server)
	// An answer is due for the greeting and for each command, in this order.
	type answer struct {
		instead string // of the server's
		own     bool   // the server was not asked
	}
	var mu sync.Mutex // over writing to the client, and due
	due := []answer{{}}
	say := func(line string) { io.WriteString(client, line+"\r\n") } // a client that is gone reads no reply
	await := func(a answer) {
		mu.Lock()
		defer mu.Unlock()
		if due = append(due, a); a.own && len(due) == 1 {
			say(a.instead)
			due = nil
		}
	}
	p.all.Go(func() {
		defer client.Close()
		r := bufio.NewScanner(server)
		for r.Scan() {
			line := r.Text()
			if strings.HasPrefix(line, "227 ") {
				line = p.divert(line)
			}
			mu.Lock()
			final := len(line) > 3 && line[0] > '1' && line[3] == ' ' && len(due) > 0
			if final && due[0].instead != "" {
				line = due[0].instead
			}
			if line == lost {
				mu.Unlock()
				return
			}
			say(line)
			if final {
				due = due[1:]
			}
			for final && len(due) > 0 && due[0].own {
				say(due[0].instead)
				due = due[1:]
			}
			mu.Unlock()
		}
	})
	defer server.Close()
	r := bufio.NewScanner(client)
	for r.Scan() {
		f, ok := p.strike(r.Text())
		if ok && f.hook != nil {
			f.hook()
		}
		switch {
		case ok && f.hangUp:
			return
		case ok && f.mute:
			continue
		case ok && f.reply != "":
			await(answer{f.reply, true})
			continue
		case ok && f.lose:
			await(answer{lost, false})
		case ok:
			await(answer{f.after, false})
		default:
			await(answer{})
		}
		fmt.Fprintf(server, "%s\r\n", r.Text()) // the other goroutine sees a lost server
	}
}

// divert has the next data connection pass by here, if it is to be cut.
func (p *proxy) divert(line string) string {
	p.mu.Lock()
	if len(p.cuts) == 0 {
		p.mu.Unlock()
		return line
	}
	c := p.cuts[0]
	p.cuts = p.cuts[1:]
	p.mu.Unlock()
	to, err := ftp.ParsePASV(line)
	if err != nil {
		p.t.Error(err)
		return line
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Error(err)
		return line
	}
	p.keep(l)
	p.all.Go(func() {
		from, err := l.Accept()
		l.Close()
		if err != nil {
			return // nobody came
		}
		p.keep(from)
		server, err := net.Dial("tcp", to.String())
		if err != nil {
			p.t.Error(err)
			return
		}
		p.keep(server)
		p.data(c, from.(*net.TCPConn), server.(*net.TCPConn))
	})
	return "227 (" + ftp.FormatPORT(l.Addr().(*net.TCPAddr).AddrPort()) + ")"
}

// data passes on as many bytes as the cut lets through, from whoever connected
// to the server behind.
func (p *proxy) data(c cut, from, to *net.TCPConn) {
	var struck atomic.Bool
	var back sync.WaitGroup
	back.Go(func() {
		if io.Copy(from, to); !struck.Load() {
			from.CloseWrite()
		}
	})
	switch _, err := io.CopyN(to, from, c.after); {
	case err != nil:
		to.CloseWrite() // it ended before the cut
		back.Wait()
	case c.stall != nil:
		c.stall()
		back.Wait() // until it is closed
	case c.fin:
		struck.Store(true)
		to.CloseWrite()
		back.Wait() // until the reader has it all
	default:
		struck.Store(true)
		to.SetLinger(0)
	}
	if struck.Load() {
		from.SetLinger(0)
	}
	from.Close()
	to.Close()
	back.Wait()
}
