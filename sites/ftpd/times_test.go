package ftpd

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Neither MDTM nor SITE UTIME sets the time of what is outside the user's root.
func TestTimesOutside(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(s.root, "link")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	at := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	if err := os.Chtimes(outside, at, at); err != nil {
		t.Fatal(err)
	}
	c := s.login()
	c.do("MDTM 20020717210715 link", "550 ")
	c.do("SITE UTIME 20020717210715 link", "550 ")
	c.do("SITE UTIME link 20020717210715 20020717210715 20020717210715 UTC", "550 ")
	if info, err := os.Stat(outside); err != nil || !info.ModTime().Equal(at) {
		t.Errorf("outside: %v, %v", info.ModTime(), err)
	}
}
