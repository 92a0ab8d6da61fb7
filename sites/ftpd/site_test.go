package ftpd

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestCHMOD sets modes of files with plain and with odd names, and of a directory.
func TestCHMOD(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps one bit of a mode")
	}
	s := startSite(t, "127.0.0.1", Server{})
	for _, name := range []string{"f", "a b", " lead", "600 f"} {
		s.write(name, "x")
	}
	if err := os.Mkdir(filepath.Join(s.root, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := s.login()
	for _, test := range []struct {
		line, name string
		want       os.FileMode
	}{
		{"SITE CHMOD 640 f", "f", 0o640},
		{"site chmod 0604 /f", "f", 0o604},
		{"SITE CHMOD 0 f", "f", 0},
		{"SITE CHMOD 600 a b", "a b", 0o600},
		{"SITE CHMOD 640  lead", " lead", 0o640},
		{"SITE CHMOD 640 600 f", "600 f", 0o640},
		{"SITE CHMOD 700 d", "d", 0o700},
	} {
		c.do(test.line, "200 ")
		info, err := os.Stat(filepath.Join(s.root, test.name))
		if err != nil || info.Mode().Perm() != test.want {
			t.Errorf("%s: %v, %v; want %v", test.line, info.Mode(), err, test.want)
		}
	}
	if got := c.do("MLST d", "250-"); !strings.Contains(got, "UNIX.mode=0700;") {
		t.Errorf("MLST tells %q", got)
	}
}
