package main

import (
	"os"
	"path/filepath"
	"testing"

	"rsexec/sites/ftptest"
)

// TestTreesAtServers copies a directory to every real server and back, several
// times, so that at last it is merged into what is there; and moves and edits files
// there.
func TestTreesAtServers(t *testing.T) {
	t.Setenv("VISUAL", "echo edited >>")
	for _, peer := range ftptest.Peers() {
		t.Run(string(peer), func(t *testing.T) {
			t.Parallel()
			server := ftptest.Start(t, peer, ftptest.Options{})
			site, here := "SITE1="+server.URL(), t.TempDir()
			own := "SITE2=" + serveSite(t, here, nil)
			do := func(want int, statement string) {
				t.Helper()
				status, out, errs := rsexecRun(t, "--site", site, "--site", own, "-c", statement)
				if status != want {
					t.Fatalf("%s\nstatus %d, want %d: %s%s", statement, status, want, out, errs)
				}
			}
			for _, dir := range []string{"tree/sub dir/deep", "tree/empty"} {
				if err := os.MkdirAll(filepath.Join(here, filepath.FromSlash(dir)), 0o777); err != nil {
					t.Fatal(err)
				}
			}
			write(t, here, "tree/one", "1")
			write(t, here, "tree/sub dir/two", "22")
			write(t, here, "tree/sub dir/deep/three", "333")
			for range 3 {
				do(0, "COPY --recursive SITE2:/tree TO SITE1:copy")
				do(0, "COPY --recursive SITE1:copy TO SITE2:/back")
			}
			// At first each was no directory yet and became the copy; then it took one.
			for _, at := range []string{"back", "back/copy", "back/copy/tree"} {
				if read(t, here, at+"/one") != "1" || read(t, here, at+"/sub dir/two") != "22" || read(t, here, at+"/sub dir/deep/three") != "333" {
					t.Errorf("%s is not as the original", at)
				}
				if _, err := os.Stat(filepath.Join(here, at, "empty")); err != nil {
					t.Error(err)
				}
			}

			do(0, "MOVE SITE1:copy/one SITE1:copy/empty")
			do(1, "MOVE SITE1:copy/empty/one SITE2:/tree/one") // which is there
			do(0, "MOVE SITE1:copy/empty/one SITE2:/back/empty")
			do(5, "MOVE SITE1:copy/empty/one SITE2:/back/again")
			if got := read(t, here, "back/empty/one"); got != "1" {
				t.Errorf("it was moved as %q", got)
			}
			do(0, `EDIT "SITE1:copy/sub dir/two" ; EDIT SITE1:copy/new.txt ; MOVE "SITE1:copy/sub dir/two", SITE1:copy/new.txt SITE2:`)
			if two, made := read(t, here, "two"), read(t, here, "new.txt"); two != "22edited\n" || made != "edited\n" {
				t.Errorf("they were edited to %q and %q", two, made)
			}
		})
	}
}
