package ftpd

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"
)

// FuzzCommands sends bytes to a session. It has to end when the bytes do, without
// a panic, and whatever it says has to be replies and Telnet answers.
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
	f.Add([]byte(login+"SOCK 127.0.0.1,9\r\nPASV\r\nRETR x\r\n"), byte(1))
	f.Add([]byte(login+"LSTN R\r\nAPPE x\r\nABOR\r\n\xff\xfd\x01\xff\xfa\xff\xff\xff\xf0NLST"), byte(2))
	f.Add([]byte(login+"RNFR /\r\nRNTO a/../..\r\nMLST \xff\xff\r\nMFMT 1 2\r\nEPRT |1||||\r\n"), byte(0))
	f.Fuzz(func(t *testing.T, data []byte, which byte) {
		dialect := []Dialect{Modern, RFC438, RFC478}[which%3]
		server := Server{
			Users:       []User{{Name: "u", Password: "p", Root: t.TempDir()}},
			Dialect:     dialect,
			DataTimeout: 100 * time.Millisecond,
		}
		ln, err := Listen(context.Background(), "127.0.0.1:0")
		if err != nil {
			t.Skip(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(ctx, ln) }()
		defer func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}()
		conn, err := net.DialTimeout("tcp", ln.Addr().String(), patience)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			// The session may end before it has read everything.
			_, _ = conn.Write(data)
			_ = conn.(*net.TCPConn).CloseWrite()
		}()
		said, err := io.ReadAll(conn)
		<-sent
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Fatalf("the session hangs; it said %q", said)
		}
		if !bytes.HasPrefix(said, []byte("220 ")) && !bytes.HasPrefix(said, []byte("300 ")) {
			t.Errorf("it said %q", said)
		}
		if bytes.Contains(bytes.ReplaceAll(said, []byte("\r\n"), nil), []byte("\n")) {
			t.Errorf("a line does not end with CR LF in %q", said)
		}
	})
}
