//go:build !linux

package ftpd

import "net"

// acknowledge leaves it to this system when to acknowledge what has come.
func acknowledge(*net.TCPConn) {}
