// Package fault stands between a shell and an FTP server and injects faults, by a plan.
//
// A Proxy relays control connections and the data connections that go with them. What
// always holds:
//
//   - Without a fault it is transparent: the ends of streams, half-closed connections and
//     resets are passed on as such. What the user's side sees is a server at the proxy's
//     address, and the server sees a user there.
//   - Which faults happen depends on the plan and on what passes, never on time. When the
//     faults have happened the proxy is transparent again.
//   - When Close returns, every connection, listener and goroutine has ended.
//
// The addresses in 227 and 229 replies, and the socket in the 255 reply to LSTN (RFC 438),
// become the proxy's; so does the address in a SOCK after LSTN, which names the only other
// end: the server meets the proxy there. An address in PORT, EPRT or SOCK becomes the
// proxy's if it is of the host that the control connection comes from, as that host takes
// a data connection only from the address that it takes the server to have. Any other
// address is left as it is, so in a transfer between two servers the data passes the proxy
// of the passive one. There are three limits:
//
//   - A passive server sees data connections come from its user's host. If it refuses those
//     from others, it is not put to the test.
//   - The PASV of RFC 478, with no address in its reply, is left as it is. It leads to the
//     socket below the proxy's control socket, where nobody listens.
//   - A control connection that begins TLS is not relayed.
package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"rsexec/sites/ftptest"
	"rsexec/sites/socket"
)

// defaultStallTime is long enough for every client to lose its patience first.
const defaultStallTime = time.Minute

// Options say how a proxy behaves. The zero value is one without faults.
type Options struct {
	// Host is the loopback address of the proxy, of the server's family; "" draws one that
	// hardly anybody else uses.
	Host string

	// Faults are what goes wrong.
	Faults Plan

	// Struck is called when a fault happens, before it has its effect: nothing passes on its
	// connection before Struck returns. It may be nil.
	Struck func(Fault)

	// Pass is called with each piece of a data connection, of at most 64 KiB, before it is
	// passed on; that waits for its return. It may be nil.
	Pass func(Piece)

	// StallTime is how long a stalled connection is kept if nobody closes it; 0 is a
	// minute.
	StallTime time.Duration
}

// A Piece is a part of what a data connection carries.
type Piece struct {
	Where Where      // Up or Down
	Conn  int        // as in a Fault
	Peer  netip.Addr // the other end, as the proxy sees it
	Bytes int
}

// A Proxy stands before a server.
type Proxy struct {
	Host string // its address, an IP literal
	Port int    // of its control connections

	addr      netip.Addr
	server    netip.AddrPort
	plan      Plan
	struck    func(Fault)
	pass      func(Piece) // nil is nobody's business
	stallTime time.Duration
	listener  *net.TCPListener
	all       sync.WaitGroup
	closed    chan struct{}

	mu       sync.Mutex
	seen     []int // the moments that each fault has counted
	hit      []string
	controls int // control connections that have come in
	data     int // data connections that have
	held     map[*kept]struct{}
	refusing bool
	over     bool
	errs     []error
}

// kept is something that ends with the proxy.
type kept struct{ end func() }

// Start starts a proxy before the server at host:port, and closes it when the test ends.
// If the test has failed it logs the faults.
func Start(t testing.TB, server string, o Options) *Proxy {
	t.Helper()
	p, err := Listen(server, o)
	if err != nil {
		t.Fatalf("fault: %v", err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("fault: %v", err)
		}
		if t.Failed() {
			t.Logf("the proxy %s of %s: %v; hit: %q", p.Addr(), server, o.Faults, p.Hit())
		}
	})
	return p
}

// Listen starts a proxy before the server at host:port, until Close.
func Listen(server string, o Options) (*Proxy, error) {
	for _, f := range o.Faults {
		if err := f.check(); err != nil {
			return nil, err
		}
	}
	to, err := net.ResolveTCPAddr("tcp", server)
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		Host: o.Host, server: unmapped(to), plan: o.Faults, struck: o.Struck, seen: make([]int, len(o.Faults)),
		pass: o.Pass, stallTime: o.StallTime, closed: make(chan struct{}), held: make(map[*kept]struct{}),
	}
	if p.stallTime == 0 {
		p.stallTime = defaultStallTime
	}
	switch {
	case p.Host == "" && p.server.Addr().Is6():
		p.Host = "::1"
	case p.Host == "":
		p.Host = ftptest.FreshHost()
	}
	if p.addr, err = netip.ParseAddr(p.Host); err != nil {
		return nil, err
	}
	if p.addr.Is4() != p.server.Addr().Is4() {
		return nil, fmt.Errorf("a proxy at %s cannot reach %s", p.Host, p.server)
	}
	if p.listener, err = p.listen(); err != nil {
		return nil, err
	}
	p.Port = p.listener.Addr().(*net.TCPAddr).Port
	p.all.Go(p.accept)
	return p, nil
}

// Addr returns the address of the proxy's control connections, host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Hit returns the faults that have happened, in that order, each with where it did.
func (p *Proxy) Hit() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.hit...)
}

// Refuse has new control connections closed at once, or lets them in again. Those that it
// closes count for no fault. A site that goes down is Refuse(true) and then Cut.
func (p *Proxy) Refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusing = on
}

// Cut closes all connections, and the listeners for data connections, now.
func (p *Proxy) Cut() {
	p.mu.Lock()
	held := make([]*kept, 0, len(p.held))
	for k := range p.held {
		held = append(held, k)
	}
	p.mu.Unlock()
	for _, k := range held {
		k.end()
	}
}

// Close ends the proxy and all of its connections, and waits until everything has ended.
// It returns what kept the proxy from its work; a second call does so again.
func (p *Proxy) Close() error {
	p.mu.Lock()
	first := !p.over
	p.over = true
	p.mu.Unlock()
	if first {
		close(p.closed)
		_ = p.listener.Close() // its only effect of interest is the end of Accept
	}
	p.Cut()
	p.all.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(p.errs...)
}

// failed keeps an error that is no fault of the plan.
func (p *Proxy) failed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.errs = append(p.errs, err)
}

// keep has end called when all connections are ended, unless forget is called before.
func (p *Proxy) keep(end func()) (forget func()) {
	k := &kept{end}
	p.mu.Lock()
	over := p.over
	p.held[k] = struct{}{}
	p.mu.Unlock()
	if over {
		end()
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.held, k)
	}
}

// strike counts a moment and returns the faults that happen at it. One that ends the
// connection is the last: those behind it wait for another moment.
func (p *Proxy) strike(m moment) []Fault {
	struck := p.count(m)
	if p.struck != nil {
		for _, f := range struck {
			p.struck(f)
		}
	}
	return struck
}

// count counts a moment and returns the faults that happen at it.
func (p *Proxy) count(m moment) []Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	var struck []Fault
	for i, f := range p.plan {
		if !f.fits(m) || f.spent(p.seen[i]) {
			continue
		}
		if p.seen[i]++; p.seen[i] < f.first() {
			continue
		}
		struck = append(struck, f)
		p.hit = append(p.hit, fmt.Sprintf("%v [%v]", f, m))
		if f.What != Delay {
			break
		}
	}
	return struck
}

// next returns at how many bytes the next fault may happen in one direction of a data
// connection that has carried so many.
func (p *Proxy) next(where Where, conn int, passed int64) (at int64, any bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, f := range p.plan {
		fits := f.fits(moment{where: where, conn: conn, byte: f.Byte})
		if fits && f.Byte > passed && !f.spent(p.seen[i]) && (!any || f.Byte < at) {
			at, any = f.Byte, true
		}
	}
	return at, any
}

// listen listens at a free port of the proxy's host. Resets are a matter of plain TCP.
func (p *Proxy) listen() (*net.TCPListener, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	l, err := lc.Listen(context.Background(), "tcp", net.JoinHostPort(p.Host, "0"))
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

// dial connects from the proxy's host; port 0 is any, another one is reserved.
func (p *Proxy) dial(port uint16, to netip.AddrPort) (*net.TCPConn, error) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	defer p.keep(stop)()
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(p.addr, port))}
	d.SetMultipathTCP(false)
	if port != 0 {
		d.Control = socket.Reuse
	}
	conn, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// accept takes control connections until the proxy is closed.
func (p *Proxy) accept() {
	for {
		conn, err := p.listener.AcceptTCP()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				p.failed(err)
			}
			return
		}
		p.mu.Lock()
		refusing := p.refusing
		if !refusing {
			p.controls++
		}
		n := p.controls
		p.mu.Unlock()
		if refusing {
			_ = conn.Close() // nothing was written
			continue
		}
		faults := p.strike(moment{where: Connect, conn: n})
		p.all.Go(func() { p.control(n, conn, faults) })
	}
}

// control relays a control connection, once the faults at Connect have happened.
func (p *Proxy) control(n int, client *net.TCPConn, faults []Fault) {
	forget := p.keep(func() { _ = client.Close() }) // nothing of value is on its way
	defer forget()
	for _, f := range faults {
		if !p.hold(client, f) {
			return
		}
	}
	server, err := p.dial(0, p.server)
	if err != nil {
		reset(client) // there is no server; the client sees that
		return
	}
	d := &dialogue{link: newLink(p, n, client, server), host: unmapped(client.RemoteAddr()).Addr(),
		waiting: []command{{verb: Greeting}}}
	d.run(d.commands, d.replies)
	d.leave()
}

// hold has a control connection without a server suffer f, and reports whether it lives.
func (p *Proxy) hold(client *net.TCPConn, f Fault) bool {
	switch f.What {
	case Delay:
		pause(f.Delay, p.closed)
		return true
	case Reset:
		reset(client)
		return false
	case Stall:
		// What the client says is lost, and so may be the reason why it stops.
		if client.SetReadDeadline(time.Now().Add(p.stallTime)) == nil {
			_, _ = io.Copy(io.Discard, client)
		}
		reset(client)
		return false
	case Busy:
		_, _ = io.WriteString(client, "421 Too many users, try again later.\r\n") // who is gone reads no greeting
	}
	_ = client.Close() // who is gone already does not mind
	return false
}

// pause waits for a time, or until a channel is closed.
func pause(d time.Duration, over <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-over:
	}
}

// reset closes a connection so that the other side sees it was lost.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // both fail only on a connection that is gone
	_ = c.Close()
}

func unmapped(a net.Addr) netip.AddrPort {
	ap := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
