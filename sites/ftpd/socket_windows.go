package ftpd

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"
)

// soOOBInline is SO_OOBINLINE of winsock2.h.
const soOOBInline = 0x0100

// withoutWaiting is for systems that have named pipes among their files.
const withoutWaiting = 0

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

// hungUp says that the other end of a connection has closed it. This system is not asked:
// that is noticed when it is read.
func hungUp(syscall.RawConn) bool { return false }

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
