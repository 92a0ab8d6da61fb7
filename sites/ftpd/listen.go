package ftpd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"rsexec/sites/socket"
)

// pairAttempts is how many ports Listen tries to find a pair.
const pairAttempts = 512

// Listen opens a control-connection listener at addr whose port less one is free
// as well, and keeps it free while the listener is open: it is the default data
// socket (RFC 959 section 5.2). For port 0 it looks for such a pair. The error
// says which of the two ports could not be had.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	attempts := 1
	if port == "0" || port == "" {
		attempts = pairAttempts
	}
	for range attempts {
		var ln net.Listener
		if ln, err = listenPair(ctx, addr); err == nil {
			return ln, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

func listenPair(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("listen: %s is no TCP address", addr), ln.Close())
	}
	return Pair(tcp)
}

// Pair is Listen for a listener that is open already, as one that another process of the
// same user has handed over, which may still hold the default data socket as well. With an
// error the listener is closed.
func Pair(ln *net.TCPListener) (net.Listener, error) {
	data, err := defaultDataSocket(ln.Addr().(*net.TCPAddr).AddrPort())
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	held, err := socket.Reserve(data)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen: default data socket %s: %w", data, err), ln.Close())
	}
	return &pairListener{TCPListener: ln, data: held}, nil
}

// defaultDataSocket is the data socket that goes with a control socket: the
// same address, the port less one (RFC 959 section 5.2).
func defaultDataSocket(control netip.AddrPort) (netip.AddrPort, error) {
	if control.Port() < 2 {
		return netip.AddrPort{}, fmt.Errorf("port %d has no port below it", control.Port())
	}
	return netip.AddrPortFrom(control.Addr(), control.Port()-1), nil
}

// pairListener is a control-connection listener that holds its default data
// socket.
type pairListener struct {
	*net.TCPListener
	data *socket.Reservation
}

func (l *pairListener) Close() error {
	return errors.Join(l.TCPListener.Close(), l.data.Close())
}
