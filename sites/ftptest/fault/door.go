package fault

import (
	"errors"
	"net"
	"net/netip"

	"rsexec/sites/ftptest/wire"
	"rsexec/sites/socket"
)

// A door is a listener of the proxy's for one data connection. Whoever comes in is
// connected to the one that the door was opened for.
type door struct {
	p        *Proxy
	listener *net.TCPListener
	addr     netip.AddrPort
	to       netip.AddrPort      // where the way goes on
	active   bool                // it is the server that comes in
	own      *socket.Reservation // the socket from which the way goes on; nil is any
}

// open opens a door to the address given. If named is true the way goes on from a socket
// that is known beforehand.
func (p *Proxy) open(to netip.AddrPort, active, named bool) (*door, error) {
	l, err := p.listen()
	if err != nil {
		return nil, err
	}
	o := &door{p: p, listener: l, addr: unmapped(l.Addr()), to: to, active: active}
	if named {
		if o.own, err = socket.Reserve(netip.AddrPortFrom(p.addr, 0)); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	forget := p.keep(o.shut)
	p.all.Go(func() {
		defer forget()
		o.serve()
	})
	return o, nil
}

// shut lets nobody in any more. Again, it does nothing.
func (o *door) shut() { _ = o.listener.Close() } // its only effect of interest is the end of Accept

// serve lets one in.
func (o *door) serve() {
	port := uint16(0)
	if o.own != nil {
		port = o.own.Addr.Port()
		defer func() { _ = o.own.Close() }() // by then it was used, or will not be
	}
	conn, err := o.listener.AcceptTCP()
	o.shut()
	if err != nil {
		if !errors.Is(err, net.ErrClosed) {
			o.p.failed(err)
		}
		return
	}
	forget := o.p.keep(func() { _ = conn.Close() }) // nothing has passed
	defer forget()
	o.p.mu.Lock()
	o.p.data++
	n := o.p.data
	o.p.mu.Unlock()
	other, err := o.p.dial(port, o.to)
	if err != nil {
		reset(conn) // the other end refuses, and this is how that is told
		return
	}
	client, server := conn, other
	if o.active {
		client, server = other, conn
	}
	l := newLink(o.p, n, client, server)
	l.run(func() { l.carry(Up, server, client) }, func() { l.carry(Down, client, server) })
}

// prepare opens the door for the next data connection; there is none if that fails.
func (d *dialogue) prepare(to netip.AddrPort, active, listening bool) *door {
	o, err := d.p.open(to, active, listening)
	if err != nil {
		d.p.failed(err)
		d.lose()
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.door != nil {
		d.door.shut()
	}
	d.door, d.listening = o, nil
	if listening {
		d.listening = o
	}
	return o
}

// leave shuts the door that nobody came through.
func (d *dialogue) leave() {
	if d.door != nil {
		d.door.shut()
	}
}

// divert returns a line of a reply with the proxy's address in the place of the server's.
func (d *dialogue) divert(line string) string {
	listening := d.code == 255 && d.answered.verb == "LSTN"
	var at []int // where the address stands
	var port uint16
	switch {
	case d.code == 227 && d.p.addr.Is4(), d.code == 229:
		at, port = wire.FindPassive(d.code, line)
	case listening, d.code == 255 && d.answered.met != nil:
		at, port = wire.FindSocket(line)
	}
	if port == 0 {
		return line
	}
	o := d.answered.met
	if o == nil {
		// The host is that of the control connection, whatever the reply says.
		o = d.prepare(netip.AddrPortFrom(unmapped(d.server.RemoteAddr()).Addr(), port), false, listening)
	}
	if o == nil {
		return line
	}
	return line[:at[0]] + wire.FormatPassive(d.code, o.addr) + line[at[1]:]
}

// redirect returns the argument of a command with the proxy's address in the place of the
// client's, or of the other end that SOCK names after LSTN; "" if it stays as it is.
func (d *dialogue) redirect(c *command, arg string) string {
	var to netip.AddrPort // invalid where the server is to judge the argument
	switch c.verb {
	case "PORT":
		to = wire.ParseHostPort(arg)
	case "EPRT":
		to = wire.ParseExtended(arg)
	case "SOCK":
		d.mu.Lock()
		c.met = d.listening
		d.mu.Unlock()
		if c.met != nil {
			return wire.FormatSocket(c.met.own.Addr)
		}
		to = wire.ParseSocket(arg)
	}
	if to.Addr() != d.host {
		return ""
	}
	o := d.prepare(to, true, false)
	if o == nil {
		return ""
	}
	switch c.verb {
	case "PORT":
		return wire.FormatHostPort(o.addr)
	case "EPRT":
		return wire.FormatExtended(o.addr)
	}
	return wire.FormatSocket(o.addr)
}
