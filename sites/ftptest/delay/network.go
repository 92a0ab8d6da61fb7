// Package delay makes loopback behave like a network with a delay between every two hosts,
// for speed that is measured and dialogues that are counted. It needs no privilege.
//
// A Network has a user and sites. Each site is an FTP server with a Proxy before it, at an
// address of its own, that relays the control connections, and the data connections to the
// passive server, be they from the user or from another site. With d for the delay of one
// way and t for the moment at which somebody connects, this is what passes, and when:
//
//   - A connection is made as TCP makes it (RFC 9293 section 3.5), the SYN leaves at t, the
//     SYN-ACK at t+d, the ACK at t+2d. The end that is connected to sees it at t+3d; there the proxy
//     connects to the server. What that end says at once is there at t+4d.
//   - The end that connects could say nothing before t+2d. What it says earlier counts as
//     said then, and arrives at t+3d.
//   - Bytes, the end of a stream and a reset arrive d after they were sent, in order. Those
//     that are sent close together arrive close together: the way holds any number of them.
//   - As many bytes are on the way as TCP has them: ten segments at first, more by each byte
//     whose acknowledgement has come back (RFC 5681 section 3.1), up to Options.Window.
//   - The user's link lets Options.Rate pass each way, of all connections together. Up to 50
//     ms of it wait before the link; then the sender waits.
//
// And this is not as it would be:
//
//   - connect returns at once, where it would return at t+2d. A user who does nothing but speak
//     over that connection and hear does not gain from that; a client that waits until it is
//     connected, and then sends its RETR over another connection, gains a round trip. An
//     active server gains nothing: from the reply to its RETR or STOR on, what it says and
//     where else it connects counts as later, as it would be had it waited for connect. So
//     does its 150, also if it is one that replies 150 before it connects.
//   - Who connects to a server that does not listen any more learns so at t+4d and not at
//     t+2d, after a connection that seemed to be made.
//   - The window does not shrink, as nothing is lost, and does not begin anew after a pause.
//   - Urgent data arrives without its mark and without its last byte.
//   - A passive server sees data connections come from its user's host.
//
// Control connections that begin TLS are not for it, as their replies cannot be read, nor are
// those of 1973, nor IPv6. Nor is an active client: a PORT or EPRT that names what is no
// address of a proxy fails the test, as its data connection would not be delayed.
package delay

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"rsexec/sites/ftptest"
)

const (
	defaultWindow = 4 << 20
	segment       = 1448
	firstWindow   = 10 * segment          // RFC 6928
	linkQueue     = 50 * time.Millisecond // how much of what a link lets pass waits before it
	chunk         = 64 << 10              // how much is read at once
	knock         = 5 * time.Millisecond  // how long it takes at most until one who has connected is seen
)

// Options say what a network is like. The zero value is one without delay.
type Options struct {
	Delay  time.Duration // from one host to another; a round trip takes two
	Rate   int           // bytes a second that the user's link lets pass each way; 0 is any number
	Window int           // bytes of one connection that are on the way at most; 0 is 4 MiB
}

// A Network is hosts with a delay between every two of them.
type Network struct {
	delay  time.Duration
	window int
	out    link // the user's, each way
	in     link

	all     sync.WaitGroup
	buffers sync.Pool // of *[chunk]byte

	mu           sync.Mutex
	proxies      []*Proxy
	held         map[io.Closer]struct{}
	appointments map[netip.AddrPort]*appointment // by the door
	over         bool
	errs         []error
}

// Start makes a network that ends with the test.
func Start(t testing.TB, o Options) *Network {
	n := network(o)
	t.Cleanup(func() {
		if err := n.close(); err != nil {
			t.Errorf("delay: %v", err)
		}
	})
	return n
}

func network(o Options) *Network {
	n := &Network{delay: o.Delay, window: o.Window, out: link{rate: o.Rate}, in: link{rate: o.Rate},
		held: make(map[io.Closer]struct{}), appointments: make(map[netip.AddrPort]*appointment),
		buffers: sync.Pool{New: func() any { return new([chunk]byte) }}}
	if n.window == 0 {
		n.window = defaultWindow
	}
	return n
}

// Before puts the server at host:port into the network, and returns what stands before it. It
// skips the test where there is but one loopback address, so that nobody can tell who
// connects.
func (n *Network) Before(t testing.TB, server string) *Proxy {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has a loopback address for each host")
	}
	to, err := net.ResolveTCPAddr("tcp4", server)
	if err != nil {
		t.Fatalf("delay: %v", err)
	}
	p := &Proxy{n: n, server: unmapped(to), addr: netip.MustParseAddr(ftptest.FreshHost()), counts: newCounts()}
	if p.listener, err = p.listen(); err != nil {
		t.Fatalf("delay: %v", err)
	}
	n.mu.Lock()
	n.proxies = append(n.proxies, p)
	n.mu.Unlock()
	n.all.Go(p.accept)
	return p
}

// Reset has everything counted anew.
func (n *Network) Reset() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.proxies {
		p.mu.Lock()
		p.counts = newCounts()
		p.counts.Sessions = p.sessions
		p.mu.Unlock()
	}
}

// close ends all connections, listeners and goroutines.
func (n *Network) close() error {
	n.mu.Lock()
	n.over = true
	for _, p := range n.proxies {
		_ = p.listener.Close() // its only effect of interest is the end of Accept
	}
	for c := range n.held {
		_ = c.Close() // whatever is on its way is lost, as it may be
	}
	n.mu.Unlock()
	n.all.Wait()
	return errors.Join(n.errs...)
}

// keep has c closed with the network, unless forget is called before.
func (n *Network) keep(c io.Closer) (forget func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.held[c] = struct{}{}
	if n.over {
		_ = c.Close() // nothing has passed
	}
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.held, c)
	}
}

// failed keeps an error, for the test to fail with.
func (n *Network) failed(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.errs = append(n.errs, fmt.Errorf(format, args...))
}

// appoint has it known that a server is to connect to a door.
func (n *Network) appoint(door netip.AddrPort, a *appointment) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.appointments[door] = a
}

// keepAppointment returns the appointment at a door, which is over with that; nil is none.
func (n *Network) keepAppointment(door netip.AddrPort) *appointment {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := n.appointments[door]
	delete(n.appointments, door)
	return a
}

// passes tells whether a connection to an address passes a proxy of the network.
func (n *Network) passes(a netip.Addr) bool {
	return n.any(func(p *Proxy) bool { return p.addr == a })
}

// isSite tells whether an address is that of a site's server. Any other is the user's.
func (n *Network) isSite(a netip.Addr) bool {
	return n.any(func(p *Proxy) bool { return p.server.Addr() == a })
}

func (n *Network) any(is func(*Proxy) bool) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.proxies, is)
}

// A link is what a host sends through, or receives through.
type link struct {
	rate int // bytes a second; 0 is any number
	mu   sync.Mutex
	free time.Time // when it has sent all that waits before it
}

// pass returns when bytes that come to the link at a moment have passed it.
func (l *link) pass(bytes int, at time.Time) time.Time {
	if l == nil || l.rate == 0 {
		return at
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.free.Before(at) {
		l.free = at
	}
	l.free = l.free.Add(time.Duration(float64(bytes) / float64(l.rate) * float64(time.Second)))
	return l.free
}

// full returns for how long after a moment nothing more may come to the link: until half of
// what may wait before it has passed, so that what waits is told seldom.
func (l *link) full(at time.Time) time.Duration {
	if l == nil || l.rate == 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if queue := l.free.Sub(at); queue > linkQueue {
		return queue - linkQueue/2
	}
	return 0
}

// portion is how many bytes come to the link at once.
func (l *link) portion() int {
	if l == nil || l.rate == 0 {
		return chunk
	}
	return 4 * segment
}

// unmapped returns an address of TCP as what it is: one of IPv4 may be dressed as IPv6.
func unmapped(a net.Addr) netip.AddrPort {
	ap := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
