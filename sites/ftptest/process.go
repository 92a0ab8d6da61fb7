package ftptest

import (
	"errors"
	"net"
	"sync"
	"testing"
)

// A launcher starts a server's processes.
type launcher struct {
	argv   []string
	etc    string // folder that takes the place of /etc
	output string // file for what they say outside the control connection
}

// A running is a process, or several, with all their children.
type running struct {
	stop  func()          // ends all and returns when they have ended
	ended <-chan struct{} // closed when all have ended
}

// superserver listens at a place and starts a process for each connection, as inetd does.
func superserver(t testing.TB, at place, l launcher) (*running, error) {
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.ParseIP(at.host), Port: at.port})
	if err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var sessions []*running
		for {
			conn, err := listener.AcceptTCP()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("ftptest: %v", err)
				}
				break
			}
			session, err := serve(conn, l)
			if err != nil {
				t.Errorf("ftptest: a session at %s: %v", at.host, err)
				continue
			}
			sessions = append(sessions, session)
		}
		for _, session := range sessions {
			session.stop()
		}
	}()
	stop := sync.OnceFunc(func() {
		if err := listener.Close(); err != nil {
			t.Errorf("ftptest: %v", err)
		}
		<-ended
	})
	return &running{stop: stop, ended: ended}, nil
}

// serve hands a connection over to a new process.
func serve(conn *net.TCPConn, l launcher) (session *running, err error) {
	// The process has the connection as a copy; ours would keep it open.
	defer func() { err = errors.Join(err, conn.Close()) }()
	file, err := conn.File()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return l.start(file)
}
