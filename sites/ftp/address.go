package ftp

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ParsePASV reads the address out of the text of a 227 reply. RFC 959 does not
// say how the six numbers are marked off, so they are looked for (RFC 1123
// section 4.1.2.6).
func ParsePASV(text string) (netip.AddrPort, error) {
	for i := 0; i < len(text); i++ {
		if !digit(text[i]) || i > 0 && digit(text[i-1]) {
			continue
		}
		var n [6]byte
		rest, ok := text[i:], true
		for k := range n {
			end := 0
			for end < len(rest) && digit(rest[end]) {
				end++
			}
			v, err := strconv.ParseUint(rest[:end], 10, 8)
			if ok = err == nil && (k == 5 || strings.HasPrefix(rest[end:], ",")); !ok {
				break
			}
			n[k] = byte(v)
			if k < 5 {
				rest = strings.TrimLeft(rest[end+1:], " ")
			}
		}
		port := uint16(n[4])<<8 | uint16(n[5])
		if ok && port != 0 {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte(n[:4])), port), nil
		}
	}
	return netip.AddrPort{}, protocolError("no address in the reply to PASV: %s", clip(text))
}

func digit(b byte) bool { return b >= '0' && b <= '9' }

// FormatPORT writes an IPv4 address as PORT takes it: h1,h2,h3,h4,p1,p2.
func FormatPORT(a netip.AddrPort) string {
	h := a.Addr().Unmap().As4()
	return fmt.Sprintf("%d,%d,%d,%d,%d,%d", h[0], h[1], h[2], h[3], a.Port()>>8, a.Port()&0xff)
}

// FormatEPRT writes an address as EPRT takes it: |1|a.b.c.d|port| (RFC 2428
// section 2).
func FormatEPRT(a netip.AddrPort) string {
	host, family := a.Addr().Unmap().WithZone(""), 1
	if host.Is6() {
		family = 2
	}
	return fmt.Sprintf("|%d|%s|%d|", family, host, a.Port())
}

// ParseEPSV reads the port out of the text of a 229 reply: (|||port|), with any
// character in the place of "|" (RFC 2428 section 3).
func ParseEPSV(text string) (int, error) {
	for _, rest := range strings.Split(text, "(")[1:] {
		if len(rest) > 4 && rest[0] == rest[1] && rest[1] == rest[2] && !digit(rest[0]) {
			number, _, ok := strings.Cut(rest[3:], rest[:1])
			if port, err := strconv.ParseUint(number, 10, 16); ok && err == nil && port != 0 {
				return int(port), nil
			}
		}
	}
	return 0, protocolError("no port in the reply to EPSV: %s", clip(text))
}

// ParseSOCK reads the socket out of the text of a 255 reply: the decimal
// number behind the word SOCK (RFC 438; as TENEX wrote it).
func ParseSOCK(text string) (int, error) {
	const word = "SOCK"
	for i := 0; i+len(word) <= len(text); i++ {
		if !strings.EqualFold(text[i:i+len(word)], word) {
			continue
		}
		rest, end := strings.TrimLeft(text[i+len(word):], " "), 0
		for end < len(rest) && digit(rest[end]) {
			end++
		}
		if port, err := strconv.ParseUint(rest[:end], 10, 16); err == nil && port != 0 {
			return int(port), nil
		}
	}
	return 0, protocolError("no socket in the reply: %s", clip(text))
}

// parseSize reads a 213 reply to SIZE.
func parseSize(r Reply) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(r.Last()), 10, 64)
	if err != nil || n < 0 {
		return 0, protocolError("no size in the reply to SIZE: %s", clip(r.Text()))
	}
	return n, nil
}
