package ftpd

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/windows"
)

type socketHandle windows.Handle

// soOOBInline is SO_OOBINLINE of winsock2.h.
const soOOBInline = 0x0100

// reuseAddress lets several sockets of this server have one local port, which
// the default data socket needs: it listens for one session while another
// connects from it. It is a net.Dialer or net.ListenConfig Control function.
func reuseAddress(_, _ string, c syscall.RawConn) error {
	var err error
	if cerr := c.Control(func(fd uintptr) { err = setReuse(windows.Handle(fd)) }); cerr != nil {
		return cerr
	}
	return err
}

func setReuse(h windows.Handle) error {
	return windows.SetsockoptInt(h, windows.SOL_SOCKET, windows.SO_REUSEADDR, 1)
}

// keepUrgentInline leaves urgent data in the stream, so that the Data Mark of a
// Telnet Synch does not tear a hole into the command behind it.
func keepUrgentInline(c syscall.RawConn) error {
	var err error
	if cerr := c.Control(func(fd uintptr) {
		err = windows.SetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, soOOBInline, 1)
	}); cerr != nil {
		return cerr
	}
	return err
}

func bindSocket(addr netip.AddrPort) (socketHandle, netip.AddrPort, error) {
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
	return socketHandle(h), bound, nil
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

func closeSocket(h socketHandle) error { return windows.Closesocket(windows.Handle(h)) }

// addressBusy says that a local address could not be bound or connected from
// just now.
func addressBusy(err error) bool {
	return errors.Is(err, windows.WSAEADDRINUSE) || errors.Is(err, windows.WSAEADDRNOTAVAIL)
}

// outOfResources says that accepting may work again later.
func outOfResources(err error) bool {
	return errors.Is(err, windows.WSAEMFILE) || errors.Is(err, windows.WSAENOBUFS) ||
		errors.Is(err, windows.WSAECONNRESET)
}

// storageFull says that a write failed for want of space or quota.
func storageFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

// connectionBroken says that err came from a connection. There is no splice on
// Windows: a connection's errors arrive as *net.OpError.
func connectionBroken(error) bool { return false }
