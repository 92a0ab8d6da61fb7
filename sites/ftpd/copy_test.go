package ftpd

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// names are the files in the site's root.
func (s *site) names() string {
	s.t.Helper()
	entries, err := os.ReadDir(s.root)
	if err != nil {
		s.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// A copy takes the place of a file and has the permissions of its source. A link
// of its name goes, and what it led to stays.
func TestCopy(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	text := strings.Repeat("0123456789abcdef", chunkSize/8+1) // more than is copied at once
	s.write("big", text)
	s.write("old", "old")
	s.write("target", "target")
	if err := os.Chmod(filepath.Join(s.root, "big"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("target", filepath.Join(s.root, "link")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	c := s.login()
	for _, name := range []string{"new", "old", "link"} {
		c.do("SITE CPFR big", "350 ")
		c.do("SITE CPTO "+name, "250 ")
		if s.read(name) != text {
			t.Errorf("%s is no copy", name)
		}
		info, err := os.Lstat(filepath.Join(s.root, name))
		if err != nil || !info.Mode().IsRegular() || runtime.GOOS != "windows" && info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	// A link is copied as what it leads to.
	s.write("old", "old")
	if err := os.Symlink("old", filepath.Join(s.root, "alias")); err != nil {
		t.Fatal(err)
	}
	c.do("SITE CPFR alias", "350 ")
	c.do("SITE CPTO copy", "250 ")
	s.write("old", "changed")
	if got := s.read("copy"); got != "old" {
		t.Errorf("the copy of a link holds %q", got)
	}
	if got := s.read("target"); got != "target" {
		t.Errorf("what the link led to holds %q", got)
	}
	if got := s.names(); got != "alias big copy link new old target" {
		t.Errorf("the files are %s", got)
	}
	if !strings.Contains(s.log.String(), `msg=copy session=1`) {
		t.Errorf("no copy in the log:\n%s", s.log)
	}
}

// Nothing outside the user's root is copied, nor to there.
func TestCopyOutside(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	s.write("f", "abc")
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"file": filepath.Join(outside, "secret"), "dir": outside} {
		if err := os.Symlink(target, filepath.Join(s.root, name)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	c := s.login()
	for _, name := range []string{"file", "dir/secret", "../" + filepath.Base(outside) + "/secret"} {
		c.do("SITE CPFR "+name, "550 ")
		c.do("SITE CPFR f", "350 ")
		c.do("SITE CPTO "+name, "550 ")
	}
	if b, err := os.ReadFile(filepath.Join(outside, "secret")); err != nil || string(b) != "x" {
		t.Errorf("outside: %q, %v", b, err)
	}
}

// A copy needs the rights that a RETR and a STOR would need.
func TestCopyRights(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("the system lets this user do everything")
	}
	s := startSite(t, "127.0.0.1", Server{})
	s.write("f", "abc")
	for name, mode := range map[string]os.FileMode{"secret": 0o200, "fixed": 0o400} {
		s.write(name, name)
		if err := os.Chmod(filepath.Join(s.root, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	c := s.login()
	c.do("SITE CPFR secret", "350 ")
	c.do("SITE CPTO g", "550 ")
	c.do("SITE CPFR f", "350 ")
	c.do("SITE CPTO fixed", "550 ")
	if got := s.read("fixed"); got != "fixed" {
		t.Errorf("fixed holds %q", got)
	}
	if got := s.names(); got != "f fixed secret" {
		t.Errorf("the files are %s", got)
	}
}

// ABOR breaks a copy off: what was there is as it was, and what was sent behind is
// answered in its turn. Other sessions do not wait for it.
func TestAbortCopy(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	s.endless("big")
	s.write("g", "old")
	c, other := s.login(), s.login()
	c.do("SITE CPFR big", "350 ")
	c.send("SITE CPTO g")
	eventually(t, "the copy has begun", func() bool { return strings.Contains(s.log.String(), "SITE CPTO g") })
	other.do("XCRC g", "250 ")
	other.do("SIZE g", "213 3")
	c.send("NOOP", "ABOR", "SIZE g")
	c.expect("426 Aborted")
	c.expect("200 ")
	c.expect("226 ")
	c.expect("213 3")
	if got := s.names(); got != "big g" || s.read("g") != "old" {
		t.Errorf("the files are %s", got)
	}
}

// The end of the control connection breaks a copy off.
func TestCopyLosesItsUser(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	s.endless("big")
	c := s.login()
	c.do("SITE CPFR big", "350 ")
	c.send("SITE CPTO g")
	eventually(t, "the copy has begun", func() bool { return strings.Contains(s.log.String(), "SITE CPTO g") })
	_ = c.conn.Close()
	eventually(t, "the copy is broken off", func() bool { return strings.Contains(s.log.String(), "msg=copy") })
	if got := s.names(); got != "big" || !strings.Contains(s.log.String(), "error=aborted") {
		t.Errorf("the files are %s; the log:\n%s", got, s.log)
	}
}
