package ftpd

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// MFF sets modes as SITE CHMOD does, and none at all if anything is wrong with the
// command.
func TestMFFMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps one bit of a mode")
	}
	s := startSite(t, "127.0.0.1", Server{})
	s.write("f", "x")
	c := s.login()
	for _, test := range []struct {
		line, reply string
		want        os.FileMode
	}{
		{"MFF UNIX.mode=0640; f", "213 ", 0o640},
		{"MFF UNIX.mode=604;Modify=20020717210715; f", "213 ", 0o604},
		{"MFF UNIX.mode=0600;X.color=red; f", "504 ", 0o604},
		{"MFF UNIX.mode=0600;Modify=2002; f", "501 ", 0o604},
		{"MFF UNIX.mode=4755; f", "501 ", 0o604},
	} {
		c.do(test.line, test.reply)
		info, err := os.Stat(filepath.Join(s.root, "f"))
		if err != nil || info.Mode() != test.want {
			t.Errorf("%s: %v, %v; want %v", test.line, info.Mode(), err, test.want)
		}
	}
}

// What FEAT says that MFF sets is what it sets.
func TestSettable(t *testing.T) {
	names := ""
	for _, f := range settable {
		names += f.name + ";"
	}
	if got := startSite(t, "127.0.0.1", Server{}).dial().do("FEAT", "211-"); !strings.Contains(got, "\r\n MFF "+names+"\r\n") {
		t.Errorf("FEAT\n%s", got)
	}
}

// Facts of what is outside are not set.
func TestMFFOutside(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(s.root, "link")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	before, err := os.Stat(outside)
	if err != nil {
		t.Fatal(err)
	}
	c := s.login()
	c.do("MFF UNIX.mode=0666;Modify=20020717210715; link", "550 ")
	after, err := os.Stat(outside)
	if err != nil || after.Mode() != before.Mode() || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("outside: %v, %v", after, err)
	}
}
