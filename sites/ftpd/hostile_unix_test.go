//go:build unix

package ftpd

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What is no plain file is neither waited for nor read.
func TestSpecialFiles(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	s.write("f", "abc")
	names := []string{"pipe", "socket"}
	if err := unix.Mkfifo(filepath.Join(s.root, "pipe"), 0o666); err != nil {
		t.Fatal(err)
	}
	// The path of a socket is short; the folder of a test is not.
	short, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(short) }()
	ln, err := net.Listen("unix", filepath.Join(short, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	if err := os.Rename(filepath.Join(short, "s"), filepath.Join(s.root, "socket")); err != nil {
		t.Skip("the socket cannot be moved: ", err)
	}
	if runtime.GOOS == "linux" {
		switch err := unix.Mknod(filepath.Join(s.root, "zero"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))); {
		case err == nil:
			names = append(names, "zero")
		case !errors.Is(err, unix.EPERM):
			t.Fatal(err)
		}
	}
	if err := os.Symlink("pipe", filepath.Join(s.root, "topipe")); err != nil {
		t.Fatal(err)
	}
	c := s.login()
	for _, name := range append(names, "topipe") {
		for _, verb := range []string{"RETR", "STOR", "APPE"} {
			c.pasv()
			c.do(verb+" "+name, "550 /"+name+": not a regular file")
		}
		for _, verb := range []string{"HASH", "XMD5", "SITE CPFR", "SIZE"} {
			c.do(verb+" "+name, "550 /"+name+": not a regular file")
		}
		c.do("SITE CPFR f", "350 ")
		c.do("SITE CPTO "+name, "550 /"+name+": not a regular file")
		for _, line := range []string{"MDTM " + name, "MLST " + name, "STAT " + name, "SITE CHMOD 600 " + name} {
			c.do(line, "2")
		}
		c.do("CWD "+name, "550 ")
		if got := c.get("LIST " + name); !strings.Contains(got, name) {
			t.Errorf("LIST has %q", got)
		}
	}
	for _, name := range append(names, "topipe") {
		c.do("DELE "+name, "250 ")
	}
}

// A named pipe takes the place of a file, and of a directory, again and again, while they
// are used: nobody waits for its other end.
func TestSwappedForAPipe(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	in := func(name string) string { return filepath.Join(s.root, name) }
	s.write("swap", "abc")
	s.write("source", "abc")
	if err := errors.Join(unix.Mkfifo(in("pipe"), 0o666), unix.Mkfifo(in("pipe2"), 0o666), os.Mkdir(in("dir"), 0o755)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	swapping := make(chan error, 1)
	go func() {
		defer close(swapping)
		for ctx.Err() == nil {
			for _, step := range [][2]string{
				{"swap", "file2"}, {"pipe", "swap"}, {"swap", "pipe"}, {"file2", "swap"},
				{"dir", "dir2"}, {"pipe2", "dir"}, {"dir", "pipe2"}, {"dir2", "dir"},
			} {
				if err := os.Rename(in(step[0]), in(step[1])); err != nil {
					swapping <- err
					return
				}
			}
		}
	}()
	c := s.login()
	began := 0
	for range 500 {
		for _, verb := range []string{"RETR", "APPE"} {
			conn := c.data(c.pasv())
			if r := c.do(verb+" swap", ""); strings.HasPrefix(r, "150 ") {
				began++
				if verb == "RETR" {
					// An empty one is what APPE has just made where there was none.
					if b, err := io.ReadAll(conn); len(b) > 0 && string(b) != "abc" || err != nil {
						t.Errorf("RETR has %q, %v", b, err)
					}
				}
				_ = conn.Close()
				c.expect("226 ")
			}
		}
		conn := c.data(c.pasv())
		if r := c.do("NLST dir", ""); strings.HasPrefix(r, "150 ") {
			_, _ = io.Copy(io.Discard, conn) // the directory may be elsewhere by now
			_ = conn.Close()
			c.reply()
		}
		c.do("HASH swap", "")
		c.do("SITE CHMOD 666 swap", "")
	}
	cancel()
	if err := <-swapping; err != nil {
		t.Fatal(err)
	}
	if began == 0 {
		t.Error("no transfer began")
	}
}

// Urgent data is data like any other, however much there is.
func TestUrgentFlood(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	c := s.login()
	raw, err := c.conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	urgent := func(text string) {
		t.Helper()
		var serr error
		err := raw.Write(func(fd uintptr) bool {
			serr = unix.Sendto(int(fd), []byte(text), unix.MSG_OOB, nil)
			return !errors.Is(serr, unix.EAGAIN)
		})
		if err := errors.Join(err, serr); err != nil {
			t.Fatal(err)
		}
	}
	for range 2000 {
		urgent("\xff\xf4\xff\xf2") // IP, and Data Mark
	}
	c.do("NOOP", "200 ")
	startRetr(t, s, c)
	for range 2000 {
		urgent("\xff\xf2")
	}
	urgent("ABOR\r\n")
	c.expect("426 ")
	c.expect("226 ")
	c.do("NOOP", "200 ")
}
