package fault

import (
	"net"

	"golang.org/x/sys/unix"
)

// awaitLoss waits until the connection is reset, or closed here, or its deadline is over;
// it reports whether one of these was the case. It reads nothing, so that a sender comes
// to a halt as soon as the buffers are full, as it would before a broken network.
func awaitLoss(conn *net.TCPConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return true // it is closed
	}
	// The poller calls again with each event of the socket, and a reset is one.
	_ = raw.Read(func(fd uintptr) bool { // whatever ends the wait, it is over
		for {
			fds := []unix.PollFd{{Fd: int32(fd)}}
			n, err := unix.Poll(fds, 0)
			if err != unix.EINTR {
				return n != 0 || err != nil // no event was asked for but errors
			}
		}
	})
	return true
}

// unacknowledged returns how many bytes written to conn have not arrived.
func unacknowledged(conn *net.TCPConn) (n int) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0 // it is closed
	}
	if raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }) != nil || err != nil {
		return 0
	}
	return n
}
