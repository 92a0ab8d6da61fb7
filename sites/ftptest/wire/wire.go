// Package wire reads and writes what passes on a control connection: how a reply begins,
// and the addresses in commands and replies. What stands between a shell and a server
// needs it, and shares nothing with the code that it is to test.
package wire

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// ParseReply reads how a line of a reply begins; more lines may follow (RFC 959 section
// 4.2).
func ParseReply(line string) (code int, more, ok bool) {
	if len(line) < 4 {
		return 0, false, false
	}
	n, err := strconv.ParseUint(line[:3], 10, 16)
	return int(n), line[3] == '-', err == nil && strings.IndexByte(" -\r\n", line[3]) >= 0
}

// IsTransfer tells whether a command is one that moves something over a data connection.
func IsTransfer(verb string) bool {
	switch verb {
	case "RETR", "STOR", "APPE", "STOU", "LIST", "NLST", "MLSD":
		return true
	}
	return false
}

// How replies tell an address.
var (
	hostPort = regexp.MustCompile(`\d+(?:, *\d+){5}`)           // 227, and PORT
	barePort = regexp.MustCompile(`\([^\d()]{3}(\d+)[^\d()]\)`) // 229
	sockPort = regexp.MustCompile(`(?i)\bSOCK *(\d+)`)          // 255
)

// FindPassive returns where a line of a reply with the code 227 or 229 tells an address or
// a port, and the port; 0 is none.
func FindPassive(code int, line string) (at []int, port uint16) {
	switch code {
	case 227:
		if at = hostPort.FindStringIndex(line); at != nil {
			port = ParseHostPort(line[at[0]:at[1]]).Port()
		}
	case 229:
		at, port = findPort(barePort, line)
	}
	return at, port
}

// FormatPassive writes what takes the place of what FindPassive, or FindSocket, found.
func FormatPassive(code int, a netip.AddrPort) string {
	if code == 227 {
		return FormatHostPort(a)
	}
	return strconv.Itoa(int(a.Port()))
}

// FindSocket returns where a line tells a socket behind the word SOCK, and which (RFC
// 438); 0 is none.
func FindSocket(line string) (at []int, port uint16) { return findPort(sockPort, line) }

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

// ParseHostPort reads h1,h2,h3,h4,p1,p2; what is not that is no valid address.
func ParseHostPort(s string) netip.AddrPort {
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

// ParseExtended reads |family|address|port| (RFC 2428 section 2), with any character in
// the place of "|".
func ParseExtended(s string) netip.AddrPort {
	if s == "" {
		return netip.AddrPort{}
	}
	if parts := strings.Split(s, s[:1]); len(parts) == 5 {
		return parseAddrPort(parts[2], parts[3])
	}
	return netip.AddrPort{}
}

// ParseSocket reads <host>,<port> (RFC 438).
func ParseSocket(s string) netip.AddrPort {
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

// FormatHostPort writes h1,h2,h3,h4,p1,p2 for an IPv4 address.
func FormatHostPort(a netip.AddrPort) string {
	h := a.Addr().As4()
	return fmt.Sprintf("%d,%d,%d,%d,%d,%d", h[0], h[1], h[2], h[3], a.Port()>>8, a.Port()&0xff)
}

// FormatExtended writes |family|address|port|.
func FormatExtended(a netip.AddrPort) string {
	family := 1
	if a.Addr().Is6() {
		family = 2
	}
	return fmt.Sprintf("|%d|%s|%d|", family, a.Addr(), a.Port())
}

// FormatSocket writes <host>,<port>.
func FormatSocket(a netip.AddrPort) string { return fmt.Sprintf("%s,%d", a.Addr(), a.Port()) }
