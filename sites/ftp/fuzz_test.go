package ftp

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"rsexec/sites"
)

// FuzzFeatures reads arbitrary bytes as a reply to FEAT: what is learned takes no more
// room than what was said.
func FuzzFeatures(f *testing.F) {
	for _, seed := range []string{
		"211-Features:\r\n MLST type*;size*;\r\n SIZE\r\n211 End\r\n", "211-\r\n SITE copy x\r\n SITE\r\n  \r\n HASH SHA-1;MD5*\r\n211 e\r\n",
		"211 none\r\n", "211-\r\n\x1b[31m \xff\xff\r\n211-\u0131\r\n211 e\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, _ := replyReader(string(text))
		reply, err := readReply(r)
		if err != nil {
			return
		}
		size := 0
		for name, args := range parseFeatures(reply) {
			if name == "" || strings.Contains(name+args, "\n") {
				t.Errorf("%q: %q", name, args)
			}
			size += len(name) + len(args)
		}
		// A letter may take more bytes as a capital.
		if size > 3*len(text) {
			t.Errorf("%d bytes of %d", size, len(text))
		}
	})
}

// FuzzValues reads arbitrary bytes as replies that tell a directory, a size, a digest or
// facts: what they tell is a part of what was said.
func FuzzValues(f *testing.F) {
	for _, seed := range []string{
		"257 \"/a\"\"b\" is it\r\n", "257 \"\r\n", "213 5\r\n", "213 -1\r\n", "213 SHA-256 0-5 " + strings.Repeat("ab", 32) + " f\r\n",
		"250-\r\n type=file;size=5;unique=x; f\r\n250 e\r\n", "250 XCRC 0A0B0C0D\r\n", "213 20260101000000.5\r\n", "213 19100101000000\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, _ := replyReader(string(text))
		reply, err := readReply(r)
		if err != nil {
			return
		}
		if path := quotedPath(reply.Text()); len(path) > 3*len(text) {
			t.Errorf("a path of %d bytes of %d", len(path), len(text))
		}
		if n, err := parseSize(reply); n < 0 || err != nil && n != 0 {
			t.Errorf("size %d, %v", n, err)
		}
		for _, d := range digests {
			for _, read := range []func() (string, error){
				func() (string, error) { return hashReply(reply, "/f", d, 5) },
				func() (string, error) { return loneDigest(reply, "/f", d) },
			} {
				if sum, err := read(); err == nil && !d.fits(sum) || err != nil && sum != "" {
					t.Errorf("%s %q, %v", d.name, sum, err)
				} else if err != nil && err.Error() != sites.Printable(err.Error()) {
					t.Errorf("%q is told as it came", err)
				}
			}
		}
	})
}

// FuzzConn has a server say arbitrary bytes, in two pieces, to commands of every kind: each
// has its outcome at once when the server has hung up, and the connection is no more.
func FuzzConn(f *testing.F) {
	for _, seed := range []string{
		"220 hi\r\n331 u\r\n230 in\r\n150 go\r\n226 done\r\n200 ok\r\n", "300 hi\r\n330 u\r\n230 in\r\n250 go\r\n252 done\r\n", "120 w\r\n220 hi\r\n421 bye\r\n",
		"220 hi\r\n\xff\xfb\x01331 u\r\n213 x\r\n350 y\r\n999 z\r\n", "220-\r\n220 a\r\n220 b\r\n", "150 a\r\n150 b\r\n150 c\r\n",
	} {
		f.Add([]byte(seed), 8)
	}
	f.Fuzz(func(t *testing.T, said []byte, cut int) {
		near, far := net.Pipe()
		var server sync.WaitGroup
		server.Go(func() { io.Copy(io.Discard, far) }) // it ends with the connection
		c, greeting := NewConn(t.Context(), "TEST", 1, near, patience)
		server.Go(func() {
			cut = min(max(cut, 0), len(said))
			far.Write(said[:cut]) // whoever hung up hears no more
			far.Write(said[cut:])
			far.Close() // nothing is waited for
		})
		events := make(chan *Exchange, 16)
		xs, err := c.Send(t.Context(), events, "USER u", "PASS p", "REST 5", "RETR a", "RNFR a", "RNTO b", "NOOP")
		if err != nil && xs != nil {
			t.Errorf("sent %v, %v", xs, err)
		}
		for _, x := range append(xs, greeting) {
			select {
			case <-x.Ended():
			case <-time.After(patience):
				t.Fatalf("no outcome of %s", x.what())
			}
			if err := x.Refusal(); err != nil && err.Error() != sites.Printable(err.Error()) {
				t.Errorf("%q is told as it came", err)
			}
		}
		<-c.reader
		if c.Idle() {
			t.Error("the connection is idle, and is no more")
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		server.Wait()
	})
}
