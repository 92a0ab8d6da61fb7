// Package ftptest gives tests real FTP servers and scripted ones.
//
// Start runs a server that others wrote (vsftpd, ProFTPD, Pure-FTPd, pyftpdlib,
// inetutils-ftpd), Serve this program as a server, and Play a dialogue, line by line. What
// always holds:
//
//   - Nothing of the machine is changed. A real server runs in mount and process
//     namespaces of its own, over an /etc made for it, and its files are in a folder
//     that goes with the test.
//   - When the test ends, every process, connection and goroutine of its servers has ended.
//   - On Linux each server draws a loopback address of its own, so that to any other it is
//     a foreign host, as in a third-party transfer.
package ftptest

import (
	"net"
	"net/url"
	"strconv"
)

// The one account of every server.
const (
	account  = "anchor"
	password = "secret"
)

// A Server is a site that a test can talk to, until the test ends.
type Server struct {
	Host string // its address, an IPv4 literal
	Port int    // of its control connections

	User, Password string

	implicit bool // TLS begins with the connection

	// Root is the folder that the user sees as "/"; empty for a scripted server.
	Root string

	// Log returns what the server has logged so far; for a scripted server, the lines
	// that went to and fro.
	Log func() string

	// Stop ends the server at once, with all its sessions, as a crash of its host's
	// operating system would. It returns when all have ended; the files stay until the
	// test ends. The end of the test stops the server too.
	Stop func()
}

// Addr returns the address of the server's control connections, host:port.
func (s *Server) Addr() string {
	return net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
}

// URL returns ftp://user:password@host:port, or ftps:// if TLS begins with the connection.
func (s *Server) URL() string {
	scheme := "ftp"
	if s.implicit {
		scheme = "ftps"
	}
	u := url.URL{Scheme: scheme, User: url.UserPassword(s.User, s.Password), Host: s.Addr()}
	return u.String()
}
