package ftpd

import (
	"context"
	"net/netip"
	"slices"
	"strings"
)

// hostVerb performs HOST (RFC 7151 section 3). This server is one host: all its names lead
// to the same users and files, so nothing is to be remembered, and REIN and AUTH have
// nothing to forget. A name that is not among Server.Hosts is refused, since who asked for
// another host should not send it a password. If Hosts is empty, this server does not
// know by which names it is reached, and takes any: to refuse one would tell the user
// that the site meant is not here, which it is.
func (s *session) hostVerb(_ context.Context, arg string) {
	name, ok := parseHostName(arg)
	switch {
	case s.user != nil || s.userName != "":
		s.reply(badSequence, "HOST comes before USER")
	case !ok:
		s.reply(badSyntax, "HOST takes a name, an IPv4 address, or an IPv6 address in brackets")
	case !s.svc.isHost(name) && name != hostName(s.local.Addr().String()):
		s.reply(badParameter, "There is no host "+arg+" here")
	default:
		s.reply(hostTaken)
	}
}

// isHost says whether name is one of Hosts.
func (svc *settings) isHost(name string) bool {
	return len(svc.hosts) == 0 || slices.Contains(svc.hosts, name)
}

// hostName is a name of a host in the form in which names are compared: neither case nor
// a dot at the end matters, and an address has one form.
func hostName(name string) string {
	inner := strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if addr, err := netip.ParseAddr(inner); err == nil {
		return addr.Unmap().String()
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

// parseHostName reads the argument of HOST (RFC 7151 section 3): a name of letters,
// digits, hyphens and dots, or an address, which stands in brackets if it is one of
// IPv6. There is no port.
func parseHostName(arg string) (name string, ok bool) {
	if inner, isLiteral := strings.CutPrefix(arg, "["); isLiteral {
		inner, closed := strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		return hostName(arg), closed && err == nil && addr.Is6() && addr.Zone() == ""
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(arg, "."), ".") {
		if label == "" || len(label) > 63 || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", false
		}
	}
	return hostName(arg), len(arg) <= 254
}
