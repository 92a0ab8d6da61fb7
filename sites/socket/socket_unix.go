//go:build unix

package socket

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

type handle int

// Reuse lets several sockets have one local port: those that are bound with it,
// and a reservation. It is a net.Dialer or net.ListenConfig Control function.
func Reuse(_, _ string, c syscall.RawConn) error {
	var err error
	if cerr := c.Control(func(fd uintptr) { err = setReuse(int(fd)) }); cerr != nil {
		return cerr
	}
	return err
}

func setReuse(fd int) error {
	return errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}

func bind(addr netip.AddrPort) (handle, netip.AddrPort, error) {
	family, sa := unix.AF_INET6, unix.Sockaddr(nil)
	if addr.Addr().Is4() {
		family, sa = unix.AF_INET, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	} else {
		v6 := &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
		if zone := addr.Addr().Zone(); zone != "" {
			ifi, err := net.InterfaceByName(zone)
			if err != nil {
				return 0, netip.AddrPort{}, err
			}
			v6.ZoneId = uint32(ifi.Index)
		}
		sa = v6
	}
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return 0, netip.AddrPort{}, fmt.Errorf("socket: %w", err)
	}
	bound, err := bindAndName(fd, sa, addr)
	if err != nil {
		return 0, netip.AddrPort{}, errors.Join(err, unix.Close(fd))
	}
	return handle(fd), bound, nil
}

func bindAndName(fd int, sa unix.Sockaddr, addr netip.AddrPort) (netip.AddrPort, error) {
	if addr.Port() != 0 { // a port of the system's choice has to be nobody else's
		if err := setReuse(fd); err != nil {
			return netip.AddrPort{}, fmt.Errorf("share port: %w", err)
		}
	}
	if err := unix.Bind(fd, sa); err != nil {
		return netip.AddrPort{}, fmt.Errorf("bind: %w", err)
	}
	if err := setReuse(fd); err != nil {
		return netip.AddrPort{}, fmt.Errorf("share port: %w", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("getsockname: %w", err)
	}
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(addr.Addr(), uint16(name.Port)), nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(addr.Addr(), uint16(name.Port)), nil
	}
	return netip.AddrPort{}, fmt.Errorf("getsockname: %T", name)
}

func closeHandle(h handle) error { return unix.Close(int(h)) }

// Busy reports that a local address could not be bound or connected from
// just now.
func Busy(err error) bool {
	return errors.Is(err, unix.EADDRINUSE) || errors.Is(err, unix.EADDRNOTAVAIL)
}
