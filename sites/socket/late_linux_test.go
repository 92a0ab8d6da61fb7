package socket

import (
	"fmt"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// freePair returns the first of two ports that nobody has at the moment, and that no
// closed connection rests on: connect passes over a port that somebody bound and that is
// in TIME_WAIT, where a listener with SO_REUSEADDR, as Go's are, can still be had.
func freePair(t *testing.T) int {
	t.Helper()
	exclusive := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 0)
		}); cerr != nil {
			return cerr
		}
		return err
	}}
	free := func(port int) bool {
		l, err := exclusive.Listen(t.Context(), "tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			return false
		}
		return l.Close() == nil
	}
	// Within the system's own range: a socket's can only narrow that.
	for first := 40_016; first < 60_000; first += 2 {
		if free(first) && free(first+1) {
			return first
		}
	}
	t.Fatal("no two ports are free")
	return 0
}

// TestLate holds that connections to different hosts can have one local port: else there
// are no more of them than ports.
func TestLate(t *testing.T) {
	first := freePair(t) // the ports there are
	last := first + 1
	var servers []net.Listener
	for _, host := range []string{"127.0.93.1:0", "127.0.93.2:0", "127.0.93.3:0", "127.0.93.4:0", "127.0.93.5:0"} {
		l, err := net.Listen("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		servers = append(servers, l)
	}
	connect := func(late bool) (n int) {
		for _, l := range servers {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 93, 9)}, Control: func(network, address string, c syscall.RawConn) error {
				var err error
				if cerr := c.Control(func(fd uintptr) {
					err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_LOCAL_PORT_RANGE, last<<16|first)
				}); cerr != nil || err != nil {
					t.Skip("the kernel takes no range of ports for a socket: ", err, cerr)
				}
				if late {
					return Late(network, address, c)
				}
				return nil
			}}
			conn, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
			if err == nil {
				defer conn.Close()
				n++
			}
		}
		return n
	}
	if n := connect(true); n != len(servers) {
		t.Errorf("%d connections were made from two ports, want %d", n, len(servers))
	}
	if n := connect(false); n > 2 {
		t.Errorf("%d connections were made from two ports without Late, so it was not put to the test", n)
	}
}
