package fault

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

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
	case d.code == 227 && d.p.addr.Is4():
		if at = hostPort.FindStringIndex(line); at != nil {
			port = parseHostPort(line[at[0]:at[1]]).Port()
		}
	case d.code == 229:
		at, port = findPort(barePort, line)
	case listening, d.code == 255 && d.answered.met != nil:
		at, port = findPort(sockPort, line)
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
	told := strconv.Itoa(int(o.addr.Port()))
	if d.code == 227 {
		told = formatHostPort(o.addr)
	}
	return line[:at[0]] + told + line[at[1]:]
}

// redirect returns the argument of a command with the proxy's address in the place of the
// client's, or of the other end that SOCK names after LSTN; "" if it stays as it is.
func (d *dialogue) redirect(c *command, arg string) string {
	var to netip.AddrPort // invalid where the server is to judge the argument
	switch c.verb {
	case "PORT":
		to = parseHostPort(arg)
	case "EPRT":
		to = parseExtended(arg)
	case "SOCK":
		d.mu.Lock()
		c.met = d.listening
		d.mu.Unlock()
		if c.met != nil {
			return formatSocket(c.met.own.Addr)
		}
		to = parseSocket(arg)
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
		return formatHostPort(o.addr)
	case "EPRT":
		return formatExtended(o.addr)
	}
	return formatSocket(o.addr)
}

// How replies tell an address.
var (
	hostPort = regexp.MustCompile(`\d+(?:, *\d+){5}`)           // 227, and PORT
	barePort = regexp.MustCompile(`\([^\d()]{3}(\d+)[^\d()]\)`) // 229
	sockPort = regexp.MustCompile(`(?i)\bSOCK *(\d+)`)          // 255
)

// findPort returns the port that stands in a line, and where; 0 is none.
func findPort(form *regexp.Regexp, line string) (at []int, port uint16) {
	found := form.FindStringSubmatchIndex(line)
	if found == nil {
		return nil, 0
	}
	n, err := strconv.ParseUint(line[found[2]:found[3]], 10, 16)
	if err != nil {
		return nil, 0
	}
	return found[2:4], uint16(n)
}

// parseHostPort reads h1,h2,h3,h4,p1,p2; what is not that is no valid address.
func parseHostPort(s string) netip.AddrPort {
	numbers := strings.Split(s, ",")
	var b [6]byte
	if len(numbers) != len(b) {
		return netip.AddrPort{}
	}
	for i, number := range numbers {
		n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 8)
		if err != nil {
			return netip.AddrPort{}
		}
		b[i] = byte(n)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), uint16(b[4])<<8|uint16(b[5]))
}

// parseExtended reads |family|address|port| (RFC 2428 section 2), with any character in
// the place of "|".
func parseExtended(s string) netip.AddrPort {
	if s == "" {
		return netip.AddrPort{}
	}
	if parts := strings.Split(s, s[:1]); len(parts) == 5 {
		return parseAddrPort(parts[2], parts[3])
	}
	return netip.AddrPort{}
}

// parseSocket reads <host>,<port> (RFC 438).
func parseSocket(s string) netip.AddrPort {
	host, port, _ := strings.Cut(s, ",")
	return parseAddrPort(host, port)
}

func parseAddrPort(host, port string) netip.AddrPort {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(n))
}

func formatHostPort(a netip.AddrPort) string {
	h := a.Addr().As4()
	return fmt.Sprintf("%d,%d,%d,%d,%d,%d", h[0], h[1], h[2], h[3], a.Port()>>8, a.Port()&0xff)
}

func formatExtended(a netip.AddrPort) string {
	family := 1
	if a.Addr().Is6() {
		family = 2
	}
	return fmt.Sprintf("|%d|%s|%d|", family, a.Addr(), a.Port())
}

func formatSocket(a netip.AddrPort) string { return fmt.Sprintf("%s,%d", a.Addr(), a.Port()) }
