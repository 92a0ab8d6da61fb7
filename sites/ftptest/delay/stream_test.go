package delay

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// These tests have a clock of their own, so that what they hold is exact.

var errReset = errors.New("reset by the other end")

// An end is one end of a connection within this process, with buffers that hold anything.
type end struct {
	in, out *pipe
	linger  bool // it is not seen as a loss that it is closed
}

// A pipe is one direction.
type pipe struct {
	mu     sync.Mutex
	text   []byte
	err    error
	closed bool          // nobody reads any more
	came   chan struct{} // closed and made anew with each change
}

func (p *pipe) change(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
	close(p.came)
	p.came = make(chan struct{})
}

// ends returns both ends of a connection.
func bothEnds() (a, b *end) {
	x, y := &pipe{came: make(chan struct{})}, &pipe{came: make(chan struct{})}
	return &end{x, y, true}, &end{y, x, true}
}

func (e *end) Read(b []byte) (n int, err error) {
	p := e.in
	for {
		p.mu.Lock()
		n, err = copy(b, p.text), p.err
		p.text = p.text[n:]
		if p.closed {
			err = io.ErrClosedPipe
		}
		came := p.came
		p.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		<-came
	}
}

func (e *end) Write(b []byte) (n int, err error) {
	e.out.change(func() {
		if e.out.closed || e.out.err != nil {
			err = io.ErrClosedPipe
			return
		}
		e.out.text = append(e.out.text, b...)
		n = len(b)
	})
	return n, err
}

func (e *end) finish(err error) {
	e.out.change(func() {
		if e.out.err == nil {
			e.out.err = err
		}
	})
}

func (e *end) CloseWrite() error {
	e.finish(io.EOF)
	return nil
}

func (e *end) SetLinger(seconds int) error {
	e.linger = seconds != 0
	return nil
}

func (e *end) Close() error {
	if e.linger {
		e.finish(io.EOF)
	} else {
		e.finish(errReset)
	}
	e.in.change(func() { e.in.closed = true })
	return nil
}

// world is a connection over a network: the user's end of it, and what the server's will be.
type world struct {
	t      *testing.T
	began  time.Time
	user   *end
	server <-chan *end
	p      *Proxy
}

// connect connects to a site, or to none if nobody listens there.
func connect(t *testing.T, o Options) *world {
	n := network(o)
	p := &Proxy{n: n, counts: newCounts()}
	w := n.connect(t, p, nil)
	t.Cleanup(func() {
		w.user.Close()
		if err := n.close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (n *Network) connect(t *testing.T, p *Proxy, refusal error) *world {
	return n.begin(t, p, refusal, func(near side, dial func() (side, error)) { p.carry(near, time.Now(), true, dial) })
}

func (n *Network) begin(t *testing.T, p *Proxy, refusal error, run func(near side, dial func() (side, error))) *world {
	user, near := bothEnds()
	far, server := bothEnds()
	came := make(chan *end, 1)
	n.all.Go(func() {
		run(near, func() (side, error) {
			if refusal == nil {
				came <- server
			}
			return far, refusal
		})
	})
	return &world{t, time.Now(), user, came, p}
}

// at holds that something happens at a moment.
func (w *world) at(what string, want time.Duration) {
	w.t.Helper()
	if took := time.Since(w.began); took != want {
		w.t.Errorf("%s after %v, not %v", what, took, want)
	}
}

func get(t *testing.T, from io.Reader, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(from, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%.50q, %v", got, err)
	}
}

const d = 10 * time.Millisecond

func TestConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connect(t, Options{Delay: d})
		server := <-w.server
		w.at("the server sees the connection", 3*d)
		io.WriteString(server, "220")
		get(t, w.user, []byte("220"))
		w.at("what the server says comes", 4*d)
		io.WriteString(w.user, "NOOP")
		get(t, server, []byte("NOOP"))
		w.at("what is said arrives", 5*d)
	})
	synctest.Test(t, func(t *testing.T) {
		w := connect(t, Options{Delay: d})
		io.WriteString(w.user, "early")
		time.Sleep(d)
		io.WriteString(w.user, "still early")
		time.Sleep(3 * d / 2)
		io.WriteString(w.user, "late")
		server := <-w.server
		get(t, server, []byte("earlystill early"))
		w.at("what is said at once arrives", 3*d)
		get(t, server, []byte("late"))
		w.at("what is said later arrives", 7*d/2)
	})
}

func TestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connect(t, Options{Delay: d})
		io.WriteString(w.user, "half")
		w.user.CloseWrite()
		server := <-w.server
		if got, err := io.ReadAll(server); err != nil || string(got) != "half" {
			t.Errorf("%q, %v", got, err)
		}
		w.at("the end arrives", 3*d)
		io.WriteString(server, "the other half")
		server.Close()
		if got, err := io.ReadAll(w.user); err != nil || string(got) != "the other half" {
			t.Errorf("%q, %v", got, err)
		}
		w.at("the other end comes", 4*d)
	})
	synctest.Test(t, func(t *testing.T) {
		w := connect(t, Options{Delay: d})
		server := <-w.server
		server.SetLinger(0)
		server.Close()
		if _, err := w.user.Read(make([]byte, 1)); err != errReset {
			t.Error(err)
		}
		w.at("a reset comes", 4*d)
	})
	synctest.Test(t, func(t *testing.T) {
		w := connect(t, Options{Delay: d})
		server := <-w.server
		server.Close()
		if _, err := w.user.Read(make([]byte, 1)); err != io.EOF {
			t.Error(err)
		}
		io.WriteString(w.user, "is anybody there")
		synctest.Wait()
		time.Sleep(2 * d)
		synctest.Wait()
		if _, err := io.WriteString(w.user, "no"); err == nil {
			t.Error("who is gone for a round trip is written to")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		n := network(Options{Delay: d})
		w := n.connect(t, &Proxy{n: n, counts: newCounts()}, errReset)
		if _, err := w.user.Read(make([]byte, 1)); err != errReset {
			t.Error(err)
		}
		w.at("a refusal comes", 4*d)
		if err := n.close(); err != nil {
			t.Error(err)
		}
	})
}

// TestWindow holds that a stream begins with ten segments, has twice as many in each round
// trip, and then a window.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connect(t, Options{Delay: d, Window: 4 * firstWindow})
		text := random(23 * firstWindow)
		server := <-w.server // at 3d
		server.Write(text)
		server.Close()
		for i, windows := range []int{1, 2, 4, 4, 4, 4, 4} {
			get(t, w.user, text[:windows*firstWindow])
			text = text[windows*firstWindow:]
			w.at("a window", time.Duration(4+2*i)*d)
		}
	})
}

// TestRate holds that what the user gets shares a link, that what is sent does not share it,
// and that little waits before it.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 1 << 20
		n := network(Options{Delay: d, Rate: rate})
		p := &Proxy{n: n, counts: newCounts()}
		var all, got sync.WaitGroup
		got.Add(2)
		for range 2 {
			w := n.connect(t, p, nil)
			server := <-w.server
			text := random(rate / 2)
			server.Write(text)
			server.CloseWrite()
			all.Go(func() {
				if b, err := io.ReadAll(w.user); err != nil || !bytes.Equal(b, text) {
					t.Errorf("%d bytes, %v", len(b), err)
				}
				got.Done()
				got.Wait()
				w.user.Write(text)
				w.user.CloseWrite()
			})
			all.Go(func() {
				if got, err := io.ReadAll(server); err != nil || !bytes.Equal(got, text) {
					t.Errorf("%d bytes came back, %v", len(got), err)
				}
			})
		}
		third := n.connect(t, p, nil)
		server := <-third.server
		time.Sleep(300 * time.Millisecond)
		began := time.Now()
		io.WriteString(server, "200")
		get(t, third.user, []byte("200"))
		if took := time.Since(began); took < d+linkQueue/2 || took > d+2*linkQueue {
			t.Errorf("beside data a reply takes %v", took)
		}
		third.user.Close()
		server.Close()
		all.Wait()
		// A second for each way, of which 3d or so nothing passes.
		if took := time.Since(third.began); took < 2*time.Second || took > 2*time.Second+15*d {
			t.Errorf("all has passed after %v", took)
		}
		if c := p.counts; c.UserData != 3 || c.FromUser != rate || c.ToUser != rate+3 {
			t.Errorf("counted were %+v", c)
		}
		if err := n.close(); err != nil {
			t.Error(err)
		}
	})
}

// TestTurns holds what is a turn and what is a burst.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(Options{Delay: d})
		p := &Proxy{n: n, counts: newCounts()}
		w := n.begin(t, p, nil, p.control)
		say := func(e *end, text string) {
			io.WriteString(e, text)
			time.Sleep(d + 1) // it has arrived, or nearly
			synctest.Wait()
		}
		server := <-w.server
		io.WriteString(w.user, "USER u\r\n")      // no turn: the greeting is waited for
		say(server, "220-hello\r\n220 hello\r\n") // the greeting
		io.WriteString(w.user, "PA")
		time.Sleep(d)
		say(w.user, "SS p\r\n") // no turn
		say(server, "331 who\r\n230-you are\r\n")
		say(w.user, "SYST\r\n") // no turn: the reply to PASS has another line
		say(server, "230 in\r\n215 here\r\n")
		say(w.user, "RETR f\r\nRETR g\r\n") // a turn
		say(server, "150 begins\r\n")
		say(w.user, "NOOP\r\n") // no turn, but another burst
		say(server, "226 done\r\n150 begins\r\n226 done\r\n200 yes\r\n")
		say(w.user, "\xff\xf4\xff\xf2abor\r\n") // a turn
		say(w.user, "QUIT\r\n")                 // no turn
		say(server, "226 nothing\r\n221 bye\r\n")
		server.Close()
		if got, err := io.ReadAll(w.user); err != nil || !bytes.HasSuffix(got, []byte("\r\n200 yes\r\n226 nothing\r\n221 bye\r\n")) {
			t.Errorf("%q, %v", got, err)
		}
		w.user.Close()
		if err := n.close(); err != nil {
			t.Error(err)
		}
		want := Counts{Commands: map[string]int{"USER": 1, "PASS": 1, "SYST": 1, "RETR": 2, "NOOP": 1, "ABOR": 1, "QUIT": 1},
			Turns: map[string]int{"RETR": 1, "ABOR": 1}, Bursts: 6, Sessions: 1}
		if diff := cmp.Diff(want, p.Counts()); diff != "" {
			t.Error(diff)
		}
		if waits := p.Counts().Waits(); waits != 2 {
			t.Errorf("%d waits", waits)
		}
	})
}

// TestActive holds that a server that connects waits for that, with all that it does behind it.
func TestActive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(Options{Delay: d})
		p := &Proxy{n: n, counts: newCounts(), addr: netip.MustParseAddr("127.0.0.9")}
		n.proxies = []*Proxy{p}
		w := n.begin(t, p, nil, p.control)
		server := <-w.server
		io.WriteString(server, "220 hello\r\n")
		get(t, w.user, []byte("220 hello\r\n"))
		io.WriteString(w.user, "PORT 127,0,0,9,0,1\r\nRETR f\r\nPORT 127,0,0,9,0,2\r\nRETR g\r\nNOOP\r\n")
		time.Sleep(d)
		synctest.Wait()

		w.began = time.Now()
		io.WriteString(server, "200 yes\r\n150 begins\r\n226 done\r\n200 yes\r\n150 begins\r\n226 done\r\n200 yes\r\n")
		connect := func(door string) (target *end) {
			synctest.Wait() // what the server said is there first
			near, far := bothEnds()
			there, target := bothEnds()
			begun := n.keepAppointment(netip.MustParseAddrPort(door)).connects()
			n.all.Go(func() { p.carry(near, begun, false, func() (side, error) { return there, nil }) })
			io.WriteString(far, "data")
			far.Close()
			return target
		}
		first, second := connect("127.0.0.9:1"), connect("127.0.0.9:2")
		get(t, w.user, []byte("200 yes\r\n"))
		w.at("the reply to PORT", d)
		get(t, w.user, []byte("150 begins\r\n226 done\r\n200 yes\r\n"))
		w.at("what is said behind the connection", 3*d)
		get(t, first, []byte("data"))
		w.at("the data", 3*d)

		// The server has connected a second time long before it could have.
		get(t, w.user, []byte("150 begins\r\n226 done\r\n200 yes\r\n"))
		w.at("what is said behind the second connection", 5*d)
		get(t, second, []byte("data"))
		w.at("the data of the second", 5*d)
		first.Close()
		second.Close()
		w.user.Close()
		server.Close()
		if err := n.close(); err != nil {
			t.Error(err)
		}
	})
}
