package delay

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
)

// A Proxy stands before a site's server, and counts what passes.
type Proxy struct {
	n        *Network
	server   netip.AddrPort
	addr     netip.Addr
	listener *net.TCPListener

	mu       sync.Mutex
	counts   Counts
	sessions int // now
}

// Addr returns the address of the site's control connections, host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// listen listens at a free port of the proxy's host.
func (p *Proxy) listen() (*net.TCPListener, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	l, err := lc.Listen(context.Background(), "tcp4", netip.AddrPortFrom(p.addr, 0).String())
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

// dial returns what connects to an address, from the proxy's host.
func (p *Proxy) dial(to netip.AddrPort) func() (side, error) {
	return func() (side, error) {
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(p.addr, 0))}
		d.SetMultipathTCP(false)
		conn, err := d.Dial("tcp4", to.String()) // on one host that waits for nothing
		if err != nil {
			return nil, err
		}
		return conn.(*net.TCPConn), nil
	}
}

// accept takes control connections until the network ends.
func (p *Proxy) accept() {
	for {
		conn, err := p.listener.AcceptTCP()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				p.n.failed("%v", err)
			}
			return
		}
		p.n.all.Go(func() { p.control(conn, p.dial(p.server)) })
	}
}
