package ftpd

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// AVBL asks about a directory of the user's, and about no other.
func TestAVBL(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	s.write("f", "abc")
	if err := os.Mkdir(filepath.Join(s.root, "a b"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := s.login()
	for _, line := range []string{"AVBL", "AVBL /", "AVBL a b", "AVBL ../..", "avbl ./a b/"} {
		if n, err := strconv.ParseUint(strings.TrimPrefix(c.do(line, "213 "), "213 "), 10, 64); err != nil || n == 0 {
			t.Errorf("%s: %d, %v", line, n, err)
		}
	}
	c.do("AVBL f", "550 /f: not a directory")
	c.do("AVBL none", "550 /none: not found")
	c.do("AVBL f\x00", "501 ")
	if err := os.Symlink(t.TempDir(), filepath.Join(s.root, "out")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	c.do("AVBL out", "550 ")
	c.do("AVBL out/.", "550 ")
	s.dial().do("AVBL", "530 ")
}
