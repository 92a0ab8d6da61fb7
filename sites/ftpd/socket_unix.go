//go:build unix

package ftpd

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// withoutWaiting opens a named pipe that nobody has at its other end, instead of waiting
// for somebody; or fails to.
const withoutWaiting = unix.O_NONBLOCK

// keepUrgentInline leaves urgent data in the stream, so that the Data Mark of a
// Telnet Synch does not tear a hole into the command behind it.
func keepUrgentInline(c syscall.RawConn) error {
	var err error
	if cerr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_OOBINLINE, 1)
	}); cerr != nil {
		return cerr
	}
	return err
}

// hungUp says whether the other end of a connection has closed it, as far as all that it
// sent before has been read.
func hungUp(c syscall.RawConn) bool {
	var n int
	var err error
	if cerr := c.Control(func(fd uintptr) {
		n, _, err = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	}); cerr != nil {
		return true // it is closed at this end
	}
	return err == nil && n == 0 || connectionBroken(err)
}

// outOfResources says that accepting may work again later.
func outOfResources(err error) bool {
	for _, e := range []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// storageFull says that a write failed for want of space or quota.
func storageFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// connectionBroken says that err came from a connection. A copy by splice hands
// on the connection's error number as if it were the file's.
func connectionBroken(err error) bool {
	for _, e := range []error{
		unix.ECONNRESET, unix.ECONNABORTED, unix.EPIPE, unix.ETIMEDOUT, unix.ENOTCONN,
		unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ENETDOWN, unix.ENETRESET,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
