package ftpd

import (
	"net"

	"golang.org/x/sys/unix"
)

// acknowledge tells the other host of conn at once what has come, and what comes next as
// soon as it does. The system does not keep to that for long.
func acknowledge(conn *net.TCPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return // it is closed, which who reads it will notice
	}
	// It makes for haste only: without it all goes well, and later.
	_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) })
}
