package ftpd

import (
	"net"

	"golang.org/x/sys/unix"
)

// unacknowledged is how many bytes written to conn its other host has not
// acknowledged.
func unacknowledged(conn *net.TCPConn) int {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0
	}
	n := 0
	if cerr := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); cerr != nil || err != nil {
		return 0
	}
	return n
}
