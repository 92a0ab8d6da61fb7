package ftpd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"rsexec/sites/socket"
)

// maxHeld is how many fitting connections a claim keeps until the transfer
// command comes. More than one can fit before SOCK has named the right one.
const maxHeld = 4

// afterStranger is how long the right connection may take to come once a stranger's was
// turned away: a user whose other site is not allowed shall hear that soon, and a
// stranger shall not be able to spoil a transfer by coming first.
const afterStranger = 3 * time.Second

// rule says who may connect to a claim.
type rule struct {
	exact netip.AddrPort // if valid, this host and socket only
	peer  netip.Addr     // else the host of the user,
	svc   *settings      // or one that the site allows
}

// How closely a rule fits a connection.
const (
	noFit = iota
	fitAllowed
	fitPeer
	fitExact
)

func (r rule) fit(remote netip.AddrPort) int {
	switch {
	case r.exact.IsValid() && r.exact == remote:
		return fitExact
	case r.exact.IsValid():
		return noFit
	case r.peer == remote.Addr():
		return fitPeer
	case r.svc.allowedPeer(remote.Addr()):
		return fitAllowed
	}
	return noFit
}

// PortRange is the ports from one to another, both of them in it. Zero is any.
type PortRange struct{ First, Last uint16 }

func (r PortRange) check() error {
	if r != (PortRange{}) && (r.First < firstPort || r.Last < r.First) {
		return fmt.Errorf("%d-%d is no range of ports from %d up", r.First, r.Last, firstPort)
	}
	return nil
}

// all yields the ports, from a random one on, so that the next cannot be told from the last.
func (r PortRange) all(yield func(uint16) bool) {
	if r == (PortRange{}) {
		yield(0)
		return
	}
	n := int(r.Last-r.First) + 1
	for i, at := 0, rand.N(n); i < n; i++ {
		if !yield(r.First + uint16((at+i)%n)) {
			return
		}
	}
}

// ports are the listening data sockets of a service. A socket is open while
// somebody has a claim on it. Sessions that share a control address share its
// default data socket; a connection goes to the claim whose rule fits it most
// closely, among equals to the one with the fewest connections, then to the
// oldest. A connection that fits no claim is closed at once.
type ports struct {
	mu   sync.Mutex
	open map[netip.AddrPort]*port
}

type port struct {
	ln     *net.TCPListener
	addr   netip.AddrPort
	claims []*claim // never empty while the port is in ports.open
	cancel context.CancelFunc
	ended  chan struct{} // closed when nothing accepts any more
}

// claim is one session's right to a connection that comes in at a port.
type claim struct {
	ports   *ports
	port    *port
	rule    rule
	held    []*net.TCPConn
	arrived chan struct{}   // has an element if held has grown
	turned  chan netip.Addr // has an element if a stranger was turned away
}

// claim opens the socket addr, or joins those who listen there; port 0 is a free
// port of its own, within some.
func (p *ports) claim(ctx context.Context, addr netip.AddrPort, within PortRange, r rule) (*claim, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.open[addr]
	if !ok {
		var err error
		if addr.Port() != 0 {
			at, err = listenData(ctx, addr, socket.Reuse)
		} else {
			at, err = listenWithin(ctx, addr.Addr(), within)
		}
		if err != nil {
			return nil, err
		}
		if p.open == nil {
			p.open = make(map[netip.AddrPort]*port)
		}
		p.open[at.addr] = at
		var accepting context.Context
		accepting, at.cancel = context.WithCancel(context.WithoutCancel(ctx))
		go func() {
			defer close(at.ended)
			p.accept(accepting, at)
		}()
	}
	c := &claim{ports: p, port: at, rule: r, arrived: make(chan struct{}, 1), turned: make(chan netip.Addr, 1)}
	at.claims = append(at.claims, c)
	return c, nil
}

// listenWithin opens a socket of that address at the first free port of some.
func listenWithin(ctx context.Context, addr netip.Addr, within PortRange) (at *port, err error) {
	for n := range within.all {
		if at, err = listenData(ctx, netip.AddrPortFrom(addr, n), nil); err == nil || !socket.Busy(err) {
			return at, err
		}
	}
	return nil, err
}

// listenData opens the socket addr. Port 0 leaves the choice to the system, which takes
// one at random: Linux begins its search at a random place of its range, so that the next
// port cannot be told from the last. Who connects there all the same has to fit a rule.
func listenData(ctx context.Context, addr netip.AddrPort, control func(string, string, syscall.RawConn) error) (*port, error) {
	lc := net.ListenConfig{Control: control}
	lc.SetMultipathTCP(false) // the default data socket is shared with plain sockets
	ln, err := lc.Listen(ctx, "tcp", addr.String())
	if err != nil {
		return nil, err
	}
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s is no TCP address", addr), ln.Close())
	}
	bound := netip.AddrPortFrom(addr.Addr(), tcp.Addr().(*net.TCPAddr).AddrPort().Port())
	return &port{ln: tcp, addr: bound, ended: make(chan struct{})}, nil
}

// accept hands out the connections that come in at a port until it is closed.
func (p *ports) accept(ctx context.Context, at *port) {
	pause := retryPause{}
	for {
		conn, err := at.ln.AcceptTCP()
		if err != nil {
			// Nothing tells when a failing Accept works again.
			if errors.Is(err, net.ErrClosed) || pause.wait(ctx) != nil {
				return
			}
			continue
		}
		pause = retryPause{}
		if !p.hand(at, conn) {
			_ = conn.Close() // a stranger; nothing was written
		}
	}
}

// hand gives conn to the claim it fits best.
func (p *ports) hand(at *port, conn *net.TCPConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	var best *claim
	bestFit := noFit
	remote := unmapped(conn.RemoteAddr().(*net.TCPAddr).AddrPort())
	for _, c := range at.claims {
		fit := c.rule.fit(remote)
		if fit > bestFit || fit == bestFit && best != nil && len(c.held) < len(best.held) {
			best, bestFit = c, fit
		}
	}
	if best == nil {
		for _, c := range at.claims {
			select {
			case c.turned <- remote.Addr():
			default:
			}
		}
		return false
	}
	if len(best.held) >= maxHeld {
		return false
	}
	best.held = append(best.held, conn)
	select {
	case best.arrived <- struct{}{}:
	default:
	}
	return true
}

// narrow lets only the host and socket remote in from now on, and turns others
// away that are there already.
func (c *claim) narrow(remote netip.AddrPort) {
	c.ports.mu.Lock()
	defer c.ports.mu.Unlock()
	c.rule.exact = remote
	kept := c.held[:0]
	for _, conn := range c.held {
		if c.rule.fit(unmapped(conn.RemoteAddr().(*net.TCPAddr).AddrPort())) == noFit {
			_ = conn.Close() // a stranger; nothing was written
			continue
		}
		kept = append(kept, conn)
	}
	c.held = kept
}

// take waits for a connection.
func (c *claim) take(ctx context.Context) (*net.TCPConn, error) {
	var stranger netip.Addr
	var over <-chan time.Time // nil while there was none
	for {
		c.ports.mu.Lock()
		if len(c.held) > 0 {
			conn := c.held[0]
			c.held = c.held[1:]
			c.ports.mu.Unlock()
			return conn, nil
		}
		c.ports.mu.Unlock()
		select {
		case <-c.arrived:
		case a := <-c.turned:
			if stranger = a; over == nil {
				over = time.After(afterStranger)
			}
		case <-over:
			return nil, fmt.Errorf("nobody came but %s, which is neither your own host nor one this site allows", stranger)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// release ends the claim and closes the connections nobody took. The port is
// closed with its last claim. Releasing again does nothing.
func (c *claim) release() {
	c.ports.mu.Lock()
	at := c.port
	last := false
	for i := range at.claims {
		if at.claims[i] == c {
			at.claims = append(at.claims[:i:i], at.claims[i+1:]...)
			last = len(at.claims) == 0
			break
		}
	}
	for _, conn := range c.held {
		_ = conn.Close() // nothing was written
	}
	c.held = nil
	if last {
		delete(c.ports.open, at.addr)
		at.cancel()
		_ = at.ln.Close() // its only effect of interest is the end of Accept
	}
	c.ports.mu.Unlock()
	if last {
		<-at.ended
	}
}
