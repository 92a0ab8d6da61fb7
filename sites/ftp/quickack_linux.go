package ftp

import (
	"net"
	"syscall"
)

// quickAcks reads a control connection and acknowledges each piece at once.
//
// Linux holds an acknowledgement back for up to 40 ms. A server that writes its
// preliminary and its final reply apart, and does not turn Nagle's algorithm
// off, waits for it with the second one: 40 ms for every listing and transfer.
type quickAcks struct {
	net.Conn
	raw syscall.RawConn // nil for a connection that is no socket
}

func newQuickAcks(nc net.Conn) *quickAcks {
	q := &quickAcks{Conn: nc}
	if s, ok := nc.(syscall.Conn); ok {
		q.raw, _ = s.SyscallConn() // without it the acknowledgements are late, nothing worse
	}
	return q
}

func (q *quickAcks) Read(p []byte) (int, error) {
	n, err := q.Conn.Read(p)
	if q.raw != nil && err == nil {
		// The kernel forgets it again by itself, so it is set each time. A
		// failure costs time only.
		q.raw.Control(func(fd uintptr) {
			syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
		})
	}
	return n, err
}
