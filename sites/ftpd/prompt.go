package ftpd

import "net"

// prompt is a connection that its owner puts over TLS. What comes in during the handshake
// is acknowledged at once: programs that leave Nagle's algorithm on (RFC 9293 section
// 3.7.4) end the handshake in two packets, and send the second when the first has been
// acknowledged, with which a system that has nothing to say waits, on Linux for 40 ms.
// That would be 40 ms for each file.
type prompt struct {
	net.Conn
	over bool // the handshake is
}

func (c *prompt) Read(p []byte) (int, error) {
	if tcp, ok := c.Conn.(*net.TCPConn); ok && !c.over {
		acknowledge(tcp)
	}
	return c.Conn.Read(p)
}
