package ftpd

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"rsexec/sites/socket"
)

// lstnVerb performs LSTN (RFC 438): it allocates a listening socket at once and
// says which. R is for receiving and S for sending; the transfer command has to
// agree. Until SOCK names the other end, whoever may be one can connect.
func (s *session) lstnVerb(ctx context.Context, arg string) {
	if s.refusedByEPSVAll() {
		return
	}
	only := direction(strings.ToUpper(strings.TrimSpace(arg)))
	if only != receiving && only != sending {
		s.reply(badSyntax, "LSTN takes R or S")
		return
	}
	at, err := s.listen(ctx, 0, s.anyPeer(), passive{only: only})
	if err != nil {
		s.reply(noPassive, reason(err))
		return
	}
	s.reply(socketIs, at.Port())
}

// sockVerb performs SOCK <host>,<port> (RFC 438 and RFC 478). After LSTN it names
// the only other end that may connect. Without LSTN it sets the other end to
// connect to, and the reply says from which socket of this server that will be.
func (s *session) sockVerb(_ context.Context, arg string) {
	if s.refusedByEPSVAll() {
		return
	}
	remote, err := parseSocket(arg)
	if err != nil {
		s.reply(badSyntax, err)
		return
	}
	if !s.mayConnect("SOCK", remote) {
		return
	}
	if p, ok := s.data.(*passive); ok && p.only != "" {
		p.claim.narrow(remote)
		s.reply(socketIs, p.claim.port.addr.Port())
		return
	}
	if remote.Port() < firstPort && remote.Port() != dataPort {
		s.reply(lowPort, "SOCK", remote.Port())
		return
	}
	s.setData(nil)
	held, err := s.ownSocket()
	if err != nil {
		s.reply(noPassive, reason(err))
		return
	}
	s.setData(&active{remote: remote, local: held.Addr, held: held, named: true})
	s.reply(socketIs, held.Addr.Port())
}

// ownSocket reserves the socket from which SOCK will connect.
func (s *session) ownSocket() (*socket.Reservation, error) {
	fresh := netip.AddrPortFrom(s.local.Addr(), 0)
	rule := s.svc.dialect.own
	if rule == freshSocket {
		return socket.Reserve(fresh)
	}
	data, err := defaultDataSocket(s.local)
	if err == nil {
		var held *socket.Reservation
		if held, err = socket.Reserve(data); err == nil {
			return held, nil
		}
	}
	if rule == defaultOrFreshSocket {
		return socket.Reserve(fresh)
	}
	return nil, err
}

var errSocket = errors.New("want SOCK <host>,<port> with an address and a decimal port")

// parseSocket reads the argument of SOCK.
func parseSocket(arg string) (netip.AddrPort, error) {
	arg = strings.TrimSpace(arg)
	comma := strings.LastIndexByte(arg, ',')
	if comma < 0 {
		return netip.AddrPort{}, errSocket
	}
	addr, err := netip.ParseAddr(arg[:comma])
	if err != nil {
		return netip.AddrPort{}, errSocket
	}
	port, err := strconv.ParseUint(arg[comma+1:], 10, 16)
	if err != nil || port == 0 {
		return netip.AddrPort{}, errSocket
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
}
