package ftpd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"rsexec/sites/socket"
)

// direction is the way of a transfer, seen from this server.
type direction string

const (
	sending   direction = "S"
	receiving direction = "R"
)

// dataSetup says how the next data connection comes about. Each PASV, EPSV,
// PORT, EPRT, LSTN and SOCK replaces it; a transfer command that gets past its
// syntax uses it up.
type dataSetup interface {
	// fits says whether the setup serves that direction.
	fits(direction) bool
	// connect makes the data connection.
	connect(ctx context.Context) (*net.TCPConn, error)
	// discard gives back what the setup holds.
	discard()
}

// passive is a setup in which the other side connects.
type passive struct {
	claim  *claim
	only   direction // from LSTN; "" is both
	client bool      // from CPSV: if the connection is private, this server is the TLS client
}

func (p *passive) fits(d direction) bool { return p.only == "" || p.only == d }
func (p *passive) discard()              { p.claim.release() }
func (p *passive) connect(ctx context.Context) (*net.TCPConn, error) {
	return p.claim.take(ctx)
}

// active is a setup in which this server connects.
type active struct {
	remote netip.AddrPort
	local  netip.AddrPort      // port 0: any
	held   *socket.Reservation // of local, or nil
	named  bool                // by SOCK: a PASV that follows is for remote only
}

func (a *active) fits(direction) bool { return true }

func (a *active) discard() {
	if a.held != nil {
		_ = a.held.Close() // a socket that was never connected has nothing to lose
	}
}

// connect dials. A fixed local port may be in use for the same two ends by a
// connection in TIME_WAIT (RFC 9293 section 3.6.1), whose end is no event that a
// process can wait for: it is tried again after growing pauses until ctx ends.
func (a *active) connect(ctx context.Context) (*net.TCPConn, error) {
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(a.local)}
	dialer.SetMultipathTCP(false)
	dialer.Control = socket.Late
	if a.local.Port() != 0 {
		dialer.Control = socket.Reuse
	}
	pause := retryPause{}
	for {
		conn, err := dialer.DialContext(ctx, "tcp", a.remote.String())
		if err == nil {
			return conn.(*net.TCPConn), nil
		}
		if a.local.Port() == 0 || !socket.Busy(err) || pause.wait(ctx) != nil {
			return nil, err
		}
	}
}

// setData replaces the setup, and what is left of an earlier one.
func (s *session) setData(d dataSetup) {
	s.setKept(nil)
	if s.data != nil {
		s.data.discard()
	}
	s.data = d
}

// dataReady says whether there is a setup for a transfer in that direction, and
// replies if not.
func (s *session) dataReady(d direction) bool {
	switch {
	case s.svc.requireTLS && !s.private:
		s.reply(needsPrivate)
		return false
	case s.data == nil && s.kept == nil:
		s.reply(noDataSetup)
		return false
	case s.data != nil && !s.data.fits(d):
		s.reply(badSequence, "LSTN was for the other direction")
		return false
	}
	return true
}

// anyPeer is the rule of a listener while no other end has been named.
func (s *session) anyPeer() rule { return rule{peer: s.peer.Addr(), svc: s.svc} }

// listen makes the passive setup p at the given port of the control connection's
// address and says where it listens.
func (s *session) listen(ctx context.Context, port uint16, r rule, p passive) (netip.AddrPort, error) {
	s.setData(nil)
	c, err := s.svc.ports.claim(ctx, netip.AddrPortFrom(s.local.Addr(), port), s.svc.passive, r)
	if err != nil {
		return netip.AddrPort{}, err
	}
	p.claim = c
	s.setData(&p)
	return c.port.addr, nil
}

// refusedByEPSVAll says that EPSV ALL was given (RFC 2428 section 4), after which
// no other verb may arrange a data connection, and replies.
func (s *session) refusedByEPSVAll() bool {
	if s.epsvAll {
		s.reply(badSequence, "Only EPSV is taken after EPSV ALL")
	}
	return s.epsvAll
}

// pasvVerb performs PASV of RFC 959 section 4.1.2. After SOCK it listens on the
// default data socket, for the other end which SOCK named (RFC 478).
func (s *session) pasvVerb(ctx context.Context, _ string) { s.enterPassive(ctx, "PASV", false) }

// enterPassive makes the setup of PASV or CPSV.
func (s *session) enterPassive(ctx context.Context, verb string, client bool) {
	if s.refusedByEPSVAll() {
		return
	}
	if !s.local.Addr().Is4() {
		s.reply(noPassive, verb+" is for IPv4, use EPSV")
		return
	}
	port, r := uint16(0), s.anyPeer()
	if a, ok := s.data.(*active); ok && a.named {
		r.exact = a.remote
		port = s.local.Port() - 1
	}
	at, err := s.listen(ctx, port, r, passive{client: client})
	if err != nil {
		s.reply(noPassive, reason(err))
		return
	}
	addr := at.Addr()
	if s.svc.public.IsValid() {
		addr = s.svc.public.Unmap()
	}
	h := addr.As4()
	s.reply(enteredPassive, fmt.Sprintf("%d,%d,%d,%d,%d,%d", h[0], h[1], h[2], h[3], at.Port()>>8, at.Port()&0xFF))
}

// protocol is the number of an address family in RFC 2428 section 2.
func protocol(a netip.Addr) int {
	if a.Is4() {
		return 1
	}
	return 2
}

// epsvVerb performs EPSV (RFC 2428 section 3).
func (s *session) epsvVerb(ctx context.Context, arg string) {
	arg = strings.ToUpper(strings.TrimSpace(arg))
	own := protocol(s.local.Addr())
	switch arg {
	case "ALL":
		s.epsvAll = true
		s.reply(done, "EPSV ALL is on")
		return
	case "", strconv.Itoa(own):
	case "1", "2":
		s.reply(wrongFamily, own)
		return
	default:
		s.reply(badSyntax, "EPSV takes 1, 2 or ALL")
		return
	}
	at, err := s.listen(ctx, 0, s.anyPeer(), passive{})
	if err != nil {
		s.reply(noPassive, reason(err))
		return
	}
	s.reply(enteredExtendedPassive, at.Port())
}

// portVerb performs PORT (RFC 959 section 4.1.2).
func (s *session) portVerb(_ context.Context, arg string) {
	remote, err := parseHostPort(arg)
	if err != nil {
		s.reply(badSyntax, err)
		return
	}
	s.connectTo("PORT", remote)
}

// eprtVerb performs EPRT (RFC 2428 section 2).
func (s *session) eprtVerb(_ context.Context, arg string) {
	family, remote, err := parseExtended(arg)
	if err != nil {
		s.reply(badSyntax, err)
		return
	}
	if family != 1 && family != 2 {
		s.reply(wrongFamily, protocol(s.local.Addr()))
		return
	}
	s.connectTo("EPRT", remote)
}

// connectTo makes an active setup for PORT and EPRT. It connects from any port:
// the default data socket would have to rest in TIME_WAIT between two transfers.
func (s *session) connectTo(verb string, remote netip.AddrPort) {
	if s.refusedByEPSVAll() || !s.mayConnect(verb, remote) {
		return
	}
	if remote.Port() < firstPort {
		s.reply(lowPort, verb, remote.Port())
		return
	}
	s.setData(&active{remote: remote, local: netip.AddrPortFrom(s.local.Addr(), 0)})
	s.reply(done, verb+" is set")
}

// firstPort is the first port that is not for services (RFC 2577 section 3), and dataPort
// the one below it that is for data: the default data socket of a site at port 21.
const (
	firstPort = 1024
	dataPort  = 20
)

// mayConnect says whether remote may be the other end of a data connection (RFC
// 2577 section 3), and replies if not.
func (s *session) mayConnect(verb string, remote netip.AddrPort) bool {
	switch {
	case remote.Addr().Is4() != s.local.Addr().Is4():
		s.reply(wrongFamily, protocol(s.local.Addr()))
		return false
	case !s.svc.allowed(s.peer.Addr(), remote.Addr()):
		s.reply(foreignHost, verb, remote.Addr())
		return false
	}
	return true
}

var errHostPort = errors.New("want h1,h2,h3,h4,p1,p2")

// parseHostPort reads the argument of PORT.
func parseHostPort(arg string) (netip.AddrPort, error) {
	fields := strings.Split(strings.TrimSpace(arg), ",")
	if len(fields) != 6 {
		return netip.AddrPort{}, errHostPort
	}
	var b [6]byte
	for i, f := range fields {
		n, err := strconv.ParseUint(f, 10, 8)
		if err != nil {
			return netip.AddrPort{}, errHostPort
		}
		b[i] = byte(n)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), uint16(b[4])<<8|uint16(b[5])), nil
}

var errExtended = errors.New("want |family|address|port|")

// parseExtended reads the argument of EPRT. An address is read only if the family
// is one of RFC 2428.
func parseExtended(arg string) (family int, remote netip.AddrPort, err error) {
	arg = strings.TrimSpace(arg)
	if arg == "" {
		return 0, remote, errExtended
	}
	fields := strings.Split(arg, arg[:1])
	if len(fields) != 5 || fields[0] != "" || fields[4] != "" {
		return 0, remote, errExtended
	}
	n, err := strconv.ParseUint(fields[1], 10, 16)
	if err != nil {
		return 0, remote, errExtended
	}
	if n != 1 && n != 2 {
		return int(n), remote, nil
	}
	addr, err := netip.ParseAddr(fields[2])
	if err != nil || addr.Is4() != (n == 1) {
		return 0, remote, errExtended
	}
	port, err := strconv.ParseUint(fields[3], 10, 16)
	if err != nil {
		return 0, remote, errExtended
	}
	return int(n), netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
}
