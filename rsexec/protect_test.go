package rsexec

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftptest"
)

func TestParseMode(t *testing.T) {
	for typed, want := range map[string]fs.FileMode{
		"644": 0o644, "0644": 0o644, "000": 0, "777": 0o777,
		"4755": 0o755 | fs.ModeSetuid, "2755": 0o755 | fs.ModeSetgid, "1777": 0o777 | fs.ModeSticky,
		"7000": fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky,
	} {
		if got, err := parseMode(typed); got != want || err != nil {
			t.Errorf("%s is %v, %v; want %v", typed, got, err, want)
		}
	}
	for _, typed := range []string{"", "4", "44", "00644", "888", "u+x", "-644", "+644", "0o64", "6_4", " 644", "a=rw"} {
		if got, err := parseMode(typed); sites.KindOf(err) != sites.Usage || !strings.Contains(err.Error(), "three or four octal digits") {
			t.Errorf("%q is %v, %v", typed, got, err)
		}
	}
}

// TestChangesAtPeers performs PROTECT and TOUCH at each server. Only inetutils-ftpd
// has no way to set a time.
func TestChangesAtPeers(t *testing.T) {
	for _, p := range ftptest.Peers() {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			s := ftptest.Start(t, p, ftptest.Options{})
			x := newShell(t, nil, "SITE1="+s.URL())
			check := func(mode fs.FileMode, year int) {
				t.Helper()
				info, err := os.Stat(filepath.Join(s.Root, "a b"))
				if err != nil || info.Size() != 0 || info.Mode() != mode || info.ModTime().UTC().Year() != year {
					t.Errorf("%v, %v", info, err)
				}
			}
			now := time.Now().UTC().Year()
			if out, err := x.run(t, `TOUCH "SITE1:a b" ; PROTECT "SITE1:a b" TO 600`); err != nil || out != "TOUCH SITE1:/a b: made\nPROTECT SITE1:/a b to 600\n" {
				t.Errorf("%q, %v", out, err)
			}
			check(0o600, now)
			out, err := x.run(t, `TOUCH "SITE1:a b" --time=1999-01-02T03:04:05Z`)
			if p == ftptest.Inetutils {
				const want = "set the time of SITE1:/a b: the server knows no MFMT, no MDTM with a time and no SITE UTIME"
				if sites.KindOf(err) != sites.Unsupported || err.Error() != want || out != "" {
					t.Errorf("%q, %v", out, err)
				}
				check(0o600, now)
				return
			}
			if err != nil || out != "TOUCH SITE1:/a b: modified 1999-01-02T03:04:05Z\n" {
				t.Errorf("%q, %v", out, err)
			}
			check(0o600, 1999)
		})
	}
}
