package ftpd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// endless makes a file of no data that takes minutes to read.
func (s *site) endless(name string) {
	s.t.Helper()
	s.write(name, "")
	if err := os.Truncate(filepath.Join(s.root, name), 1<<40); err != nil {
		s.t.Skipf("no sparse files here: %v", err)
	}
}

func TestAlgorithms(t *testing.T) {
	for _, a := range algorithms {
		if _, ok := algorithmNamed(strings.ToLower(a.name)); !ok {
			t.Errorf("%s is not found", a.name)
		}
	}
	for _, v := range verbTable() {
		if strings.HasPrefix(v.name, "XSHA") && v.perform == nil {
			t.Errorf("%s has no algorithm", v.name)
		}
	}
}

func TestEmptyDigest(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	s.write("f", "")
	c := s.login()
	c.do("HASH f", "213 SHA-256 0-0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 f")
	c.do("XCRC f", "250 00000000")
}

// A digest longer than what is read at once.
func TestLongDigest(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	text := strings.Repeat("0123456789abcdef", digestChunk/8+1)
	s.write("f", text)
	h := algorithms[0].new()
	if _, err := h.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	c := s.login()
	c.do("HASH f", fmt.Sprintf("213 SHA-256 0-%d %x f", len(text), h.Sum(nil)))
	if want := fmt.Sprintf("msg=digest session=1 remote=%s user=u verb=HASH path=/f bytes=%d\n", c.conn.LocalAddr(), len(text)); !strings.Contains(s.log.String(), want) {
		t.Errorf("no %q in the log:\n%s", want, s.log)
	}
}

// A digest reads nothing that RETR would not send.
func TestDigestOutside(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(s.root, "link")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	c := s.login()
	c.do("HASH link", "550 ")
	c.do("XMD5 ../"+filepath.Base(outside), "550 ")
}

// ABOR breaks a digest off; what was sent behind it is answered in its turn, and
// a data connection that was arranged is still there for the next transfer.
func TestAbortDigest(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	s.endless("big")
	s.write("f", "abc")
	c := s.login()
	c.send("HASH big", "NOOP", "STAT", "ABOR", "XCRC f")
	c.expect("426 Aborted")
	c.expect("200 ")
	c.expect("211-")
	c.expect("226 ")
	c.expect("250 352441C2")
	data := c.data(c.pasv())
	c.do("HASH f", "213 ")
	c.do("RETR f", "150 ")
	var b [4]byte
	if n, err := data.Read(b[:]); n != 3 || string(b[:n]) != "abc" {
		t.Errorf("read %q, %v", b[:n], err)
	}
	_ = data.Close()
	c.expect("226 ")
}

// The end of the control connection breaks a digest off.
func TestDigestLosesItsUser(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	s.endless("big")
	c := s.login()
	c.send("XSHA512 big")
	eventually(t, "the command is read", func() bool { return strings.Contains(s.log.String(), "XSHA512 big") })
	_ = c.conn.Close()
	eventually(t, "the digest is broken off", func() bool {
		return strings.Contains(s.log.String(), "msg=digest") && strings.Contains(s.log.String(), "error=aborted")
	})
}

// The end of the server breaks a digest off.
func TestDigestLosesItsServer(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	s.endless("big")
	c := s.login()
	c.send("HASH big")
	eventually(t, "the command is read", func() bool { return strings.Contains(s.log.String(), "HASH big") })
	s.stop()
	c.expect("426 ")
	c.expect("421 ")
}
