package socket

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/windows"
)

type handle windows.Handle

// Reuse lets several sockets have one local port: those that are bound with it,
// and a reservation. It is a net.Dialer or net.ListenConfig Control function.
func Reuse(_, _ string, c syscall.RawConn) error {
	var err error
	if cerr := c.Control(func(fd uintptr) { err = setReuse(windows.Handle(fd)) }); cerr != nil {
		return cerr
	}
	return err
}

func setReuse(h windows.Handle) error {
	return windows.SetsockoptInt(h, windows.SOL_SOCKET, windows.SO_REUSEADDR, 1)
}

func bind(addr netip.AddrPort) (handle, netip.AddrPort, error) {
	family, sa := windows.AF_INET6, windows.Sockaddr(nil)
	if addr.Addr().Is4() {
		family, sa = windows.AF_INET, &windows.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	} else {
		v6 := &windows.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
		if zone := addr.Addr().Zone(); zone != "" {
			ifi, err := net.InterfaceByName(zone)
			if err != nil {
				return 0, netip.AddrPort{}, err
			}
			v6.ZoneId = uint32(ifi.Index)
		}
		sa = v6
	}
	h, err := windows.Socket(family, windows.SOCK_STREAM, 0)
	if err != nil {
		return 0, netip.AddrPort{}, fmt.Errorf("socket: %w", err)
	}
	bound, err := bindAndName(h, sa, addr)
	if err != nil {
		return 0, netip.AddrPort{}, errors.Join(err, windows.Closesocket(h))
	}
	return handle(h), bound, nil
}

func bindAndName(h windows.Handle, sa windows.Sockaddr, addr netip.AddrPort) (netip.AddrPort, error) {
	if err := setReuse(h); err != nil {
		return netip.AddrPort{}, fmt.Errorf("share port: %w", err)
	}
	if err := windows.Bind(h, sa); err != nil {
		return netip.AddrPort{}, fmt.Errorf("bind: %w", err)
	}
	name, err := windows.Getsockname(h)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("getsockname: %w", err)
	}
	switch name := name.(type) {
	case *windows.SockaddrInet4:
		return netip.AddrPortFrom(addr.Addr(), uint16(name.Port)), nil
	case *windows.SockaddrInet6:
		return netip.AddrPortFrom(addr.Addr(), uint16(name.Port)), nil
	}
	return netip.AddrPort{}, fmt.Errorf("getsockname: %T", name)
}

func closeHandle(h handle) error { return windows.Closesocket(windows.Handle(h)) }

// Busy reports that a local address could not be bound or connected from
// just now.
func Busy(err error) bool {
	return errors.Is(err, windows.WSAEADDRINUSE) || errors.Is(err, windows.WSAEADDRNOTAVAIL)
}
