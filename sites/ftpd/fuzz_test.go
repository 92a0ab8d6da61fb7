package ftpd

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"
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

// FuzzCommands sends bytes to a session. It has to end when the bytes do, without
// a panic, and whatever it says has to be lines that end with CR LF.
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
	f.Fuzz(func(t *testing.T, data []byte, which byte) {
		server := Server{
			Users:       []User{{Name: "u", Password: "p", Root: t.TempDir()}},
			Dialect:     []Dialect{Modern, RFC438, RFC478}[which%3],
			DataTimeout: 100 * time.Millisecond,
		}
		svc, err := server.service()
		if err != nil {
			t.Fatal(err)
		}
		conn := &script{in: bytes.NewReader(data)}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			svc.serve(context.Background(), conn, 1)
		}()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatalf("the session hangs; it said %q", conn.said())
		}
		said := conn.said()
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
