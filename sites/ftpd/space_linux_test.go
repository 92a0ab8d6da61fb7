package ftpd

import (
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk returns a folder that has room for one MiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("needs root that may mount: ", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A site that is full: nothing half-written stays, and what was there before is
// unharmed.
func TestNoSpace(t *testing.T) {
	dir := smallDisk(t)
	for _, dialect := range []Dialect{Modern, RFC438} {
		for _, kind := range []string{"I", "A"} {
			t.Run(string(dialect)+" TYPE "+kind, func(t *testing.T) {
				s := startSite(t, "127.0.0.1", Server{Dialect: dialect, Users: []User{{Name: "u", Password: "p", Root: dir}}})
				s.write("log", "before\n")
				c := s.login()
				c.do("TYPE "+kind, "200 ")
				put := func(line, text, started string) {
					t.Helper()
					c.send("LSTN R")
					conn := c.data("127.0.0.1:" + strings.TrimPrefix(c.reply(), "255 SOCK "))
					c.do(line, started)
					// The server breaks the connection off, so an error is in order.
					_, _ = io.WriteString(conn, text)
					_ = conn.Close()
				}
				full, started, completed := "452 ", "150 ", "226 "
				if dialect == RFC438 {
					full, started, completed = "453 ", "250 ", "252 "
				}
				put("STOR new", strings.Repeat("x", 2<<20), started)
				c.expect(full)
				s.missing("new")
				put("APPE log", strings.Repeat("x", 2<<20), started)
				c.expect(full)
				if got := s.read("log"); got != "before\n" {
					t.Errorf("after a failed APPE: %d bytes", len(got))
				}
				put("APPE log", "after\n", started)
				c.expect(completed)
				if got := s.read("log"); got != "before\nafter\n" {
					t.Errorf("after APPE: %q", got)
				}
			})
		}
	}
}

// While uploads are whole, a full disk takes from nobody what was there before: neither the
// file that was to be replaced, nor what an upload that broke off had brought.
func TestNoSpaceForAWhole(t *testing.T) {
	dir := smallDisk(t)
	s := startSite(t, "127.0.0.1", Server{Whole: true, Users: []User{{Name: "u", Password: "p", Root: dir}}})
	s.write("old", "old")
	c := s.login()
	full := func(line string) {
		t.Helper()
		conn := c.data(c.pasv())
		c.do(line, "150 ")
		// The server breaks the connection off, so an error is in order.
		_, _ = io.WriteString(conn, strings.Repeat("x", 2<<20))
		_ = conn.Close()
		c.expect("452 ")
	}
	full("STOR old")
	full("STOR new")
	if s.names() != "old" || s.read("old") != "old" {
		t.Errorf("the files are %s", s.names())
	}
	for _, goOn := range []string{"APPE new", "STOR new"} {
		s.broken(c, "STOR new", "text", ".new.rsexec-part")
		if goOn == "STOR new" {
			c.do("REST 4", "350 ")
		}
		full(goOn)
		c.do("SIZE new", "213 4")
	}
	full("STOR new")
	c.do("SIZE new", "550 ")
	s.write("old", strings.Repeat("x", 600<<10))
	c.do("REST 600000", "350 ")
	full("STOR old")
	c.do("SIZE old", "213 614400")
	c.do("AVBL", "213 434176")
}

// A copy for which there is no room leaves nothing, and what was there as it was.
func TestNoSpaceForACopy(t *testing.T) {
	dir := smallDisk(t)
	s := startSite(t, "127.0.0.1", Server{Users: []User{{Name: "u", Password: "p", Root: dir}}})
	s.write("big", strings.Repeat("x", 700<<10))
	s.write("old", "old")
	c := s.login()
	c.do("SITE CPFR big", "350 ")
	c.do("SITE CPTO old", "452 /old: no space left")
	if got := s.names(); got != "big old" || s.read("old") != "old" {
		t.Errorf("the files are %s", got)
	}
	c.do("SITE CPFR old", "350 ")
	c.do("SITE CPTO new", "250 ")
}

// AVBL tells the room on the file system of the directory that it names, and how it
// shrinks.
func TestAVBLSmallDisk(t *testing.T) {
	dir := smallDisk(t)
	s := startSite(t, "127.0.0.1", Server{Users: []User{{Name: "u", Password: "p", Root: dir}}})
	c := s.login()
	c.do("AVBL", "213 1048576")
	s.write("f", strings.Repeat("x", 256<<10))
	c.do("AVBL /", "213 786432")
}

// Files for which there is no room together are not combined, and all are as they were.
func TestNoSpaceToCombine(t *testing.T) {
	dir := smallDisk(t)
	s := startSite(t, "127.0.0.1", Server{Users: []User{{Name: "u", Password: "p", Root: dir}}})
	s.write("a", "a")
	s.write("big", strings.Repeat("x", 700<<10))
	s.write("old", "old")
	c := s.login()
	c.do(`COMB "old" "a" "big"`, "452 /old: no space left")
	c.do(`COMB "new" "a" "big"`, "452 /new: no space left")
	if got := s.names(); got != "a big old" || s.read("old") != "old" {
		t.Errorf("the files are %s", got)
	}
	c.do(`COMB "old" "a"`, "250 ")
}
