package socket

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Late has a socket that is bound to an address and to any port get its port only when
// it connects. One that gets it at once takes a port that nobody else has: after some
// ten thousand connections in a minute, all of which rest in TIME_WAIT, there is none
// left, and before that each takes long to find. It is a net.Dialer Control function.
func Late(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		// A kernel that does not know it gives the port at once.
		_ = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
}
