package ftpd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"rsexec/sites/ftptest"
)

// script is a control connection on which the user has said everything already.
type script struct {
	in  *bytes.Reader
	mu  sync.Mutex
	out bytes.Buffer
}

func (c *script) Read(p []byte) (int, error) { return c.in.Read(p) }
func (c *script) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(p)
}
func (c *script) said() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.out.Bytes())
}
func (*script) Close() error                     { return nil }
func (*script) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 77, 1), Port: 2121} }
func (*script) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 77, 2), Port: 4711} }
func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }

// wired is a connection that has the addresses of a script.
type wired struct{ net.Conn }

func (wired) LocalAddr() net.Addr  { return (*script)(nil).LocalAddr() }
func (wired) RemoteAddr() net.Addr { return (*script)(nil).RemoteAddr() }

// overTLS returns a connection on which the user says data over TLS, at once or behind
// AUTH; what the user hears, which is all of it when hung up is closed.
func overTLS(t *testing.T, data []byte, config *tls.Config, implicit bool) (conn net.Conn, heard *script, hungUp chan struct{}) {
	here, there := net.Pipe()
	heard, hungUp = &script{}, make(chan struct{})
	go func() {
		defer close(hungUp)
		defer func() { _ = here.Close() }()
		var talking sync.WaitGroup
		defer talking.Wait()
		if !implicit {
			r := bufio.NewReader(here)
			line, err := r.ReadString('\n')
			_, _ = heard.Write([]byte(line)) // has no errors (bytes.Buffer)
			if err == nil {
				_, err = here.Write([]byte("AUTH TLS\r\n"))
			}
			if err == nil {
				line, err = r.ReadString('\n')
			}
			if err != nil || !strings.HasPrefix(line, "234 ") {
				t.Errorf("AUTH: %q, %v", line, err)
				return
			}
		}
		conn := tls.Client(here, config)
		if err := conn.HandshakeContext(t.Context()); err != nil {
			t.Errorf("handshake: %v", err)
			return
		}
		talking.Go(func() {
			// The session may end before it has read everything.
			_, _ = conn.Write(data)
			_ = conn.CloseWrite()
		})
		_, _ = io.Copy(heard, conn) // whatever ends it, what was heard is looked at
		_ = here.Close()
	}()
	return wired{there}, heard, hungUp
}

// FuzzCommands sends bytes to a session. It has to end when the bytes do, without
// a panic, and whatever it says has to be lines that end with CR LF. The bytes go in
// the clear, to a server with TLS or without; or over TLS.
func FuzzCommands(f *testing.F) {
	login := "USER u\r\nPASS p\r\n"
	for _, d := range dialogues {
		var b bytes.Buffer
		for _, l := range d.lines {
			b.WriteString(l[0] + "\r\n")
		}
		f.Add(b.Bytes(), byte(0))
	}
	f.Add([]byte(login+"PASV\r\nSTOR x\r\nABOR\r\nSTAT\r\n"), byte(0))
	f.Add([]byte(login+"SOCK 127.0.77.2,9\r\nPASV\r\nRETR x\r\n"), byte(2))
	f.Add([]byte(login+"LSTN R\r\nAPPE x\r\nABOR\r\n\xff\xfd\x01\xff\xfa\xff\xff\xff\xf0NLST"), byte(1))
	f.Add([]byte(login+"RNFR /\r\nRNTO a/../..\r\nMLST \xff\xff\r\nMFMT 1 2\r\nEPRT |1||||\r\n"), byte(0))
	for _, d := range tlsDialogues {
		var b bytes.Buffer
		for _, l := range append(d.inClear, d.overTLS...) {
			b.WriteString(l[0] + "\r\n")
		}
		for how := range byte(4) {
			f.Add(b.Bytes(), how<<4)
		}
	}
	private := login + "PBSZ 0\r\nPROT P\r\n"
	f.Add([]byte("AUTH TLS\r\n\x16\x03\x01\x00\x01\x01"), byte(1<<4))
	f.Add([]byte(private+"SSCN ON\r\nCPSV\r\nSTOR x\r\nABOR\r\nPORT 127,0,77,2,9,9\r\nRETR x\r\n"), byte(2<<4))
	f.Add([]byte(private+"EPSV\r\nLIST\r\nAUTH TLS\r\nREIN\r\nCCC\r\n\xff\xf4\xff\xf2ABOR\r\n"), byte(3<<4))
	authority := ftptest.NewAuthority(f)
	certificate, user := certified(authority)
	f.Fuzz(func(t *testing.T, data []byte, which byte) {
		server := Server{
			Users:       []User{{Name: "u", Password: "p", Root: t.TempDir()}},
			Dialect:     []Dialect{Modern, RFC438, RFC478}[which%3],
			DataTimeout: 100 * time.Millisecond,
		}
		how := which >> 4 % 4
		if how > 0 {
			server.Dialect, server.TLS, server.Peers = Modern, certificate, PeerTrust{CAs: authority.Pool()}
			server.Implicit = how == 3
		}
		if how > 1 {
			server.DataTimeout = 2 * time.Second // the handshake has to do while others run
		}
		svc, err := server.service()
		if err != nil {
			t.Fatal(err)
		}
		heard := &script{in: bytes.NewReader(data)}
		conn, hungUp := net.Conn(heard), make(chan struct{})
		if how > 1 {
			conn, heard, hungUp = overTLS(t, data, user, server.Implicit)
		} else {
			close(hungUp)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			svc.serve(context.Background(), conn, netip.MustParseAddrPort("127.0.77.2:4711"), 1)
		}()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatalf("the session hangs; it said %q", heard.said())
		}
		<-hungUp
		said := heard.said()
		if !bytes.HasPrefix(said, []byte("220 ")) && !bytes.HasPrefix(said, []byte("300 ")) {
			t.Errorf("it said %q", said)
		}
		if bytes.ContainsAny(bytes.ReplaceAll(said, []byte("\r\n"), nil), "\r\n") {
			t.Errorf("a line does not end with CR LF in %q", said)
		}
		if len(svc.ports.open) > 0 {
			t.Errorf("%d ports are still open", len(svc.ports.open))
		}
	})
}
