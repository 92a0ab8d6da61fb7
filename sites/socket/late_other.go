//go:build !linux

package socket

import "syscall"

// Late has a socket that is bound to an address and to any port get its port only when
// it connects, where the system knows that. It is a net.Dialer Control function.
func Late(_, _ string, _ syscall.RawConn) error { return nil }
