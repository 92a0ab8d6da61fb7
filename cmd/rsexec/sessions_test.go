package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
)

// manyFiles returns how many files a test that is about many of them has: fewer with
// -short, or all of them wherever it matters little with RSEXEC_LONG=1 in the
// environment.
func manyFiles(matters bool) int {
	switch {
	case testing.Short():
		return 20
	case matters || os.Getenv("RSEXEC_LONG") != "":
		return 1000
	}
	return 50
}

// plant makes a tree of n small files, of which no two are the same, below a folder.
func plantFiles(t testing.TB, root, name string, n int) {
	t.Helper()
	for i := range n {
		dir := filepath.Join(root, name, fmt.Sprintf("d%d", i%7))
		if i%2 == 1 {
			dir = filepath.Join(dir, "sub")
		}
		if i < 14 {
			if err := os.MkdirAll(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			openTo(t, dir, root)
		}
		file := filepath.Join(dir, fmt.Sprintf("f%04d", i))
		if err := os.WriteFile(file, []byte(textOf(i)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// textOf returns what the file with a number holds; every tenth holds nothing.
func textOf(i int) string {
	if i%10 == 9 {
		return ""
	}
	return strings.Repeat(fmt.Sprintf("line of %d\n", i), 1+i%50)
}

// openTo lets everybody, such as the account of a real server, into a folder and those
// above it, up to root.
func openTo(t testing.TB, dir, root string) {
	t.Helper()
	for ; ; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if dir == root {
			return
		}
	}
}

// grown compares a tree with what plant makes, and with nothing else.
func grown(t testing.TB, root, name string, n int) {
	t.Helper()
	wrong, found := 0, 0
	err := filepath.WalkDir(filepath.Join(root, name), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		found++
		var i int
		text, err := os.ReadFile(path)
		if _, no := fmt.Sscanf(e.Name(), "f%04d", &i); err != nil || no != nil || string(text) != textOf(i) {
			wrong++
		}
		return nil
	})
	if err != nil || found != n || wrong != 0 {
		t.Errorf("%s has %d files, of which %d are wrong, want %d (%v)", name, found, wrong, n, err)
	}
}

// bounded performs the command line in a process of its own, of the program that
// TestMain has put into the path. It fails the test if that has not ended in a time; then
// its output has the stacks of its goroutines, where the system has that signal.
func bounded(t testing.TB, limit time.Duration, args ...string) (status int, output string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), limit)
	defer stop()
	command := exec.CommandContext(ctx, "rsexec", append([]string{"--state", filepath.Join(t.TempDir(), "state.db")}, args...)...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGQUIT) }
	command.WaitDelay = 5 * time.Second
	out, err := command.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		t.Errorf("%q has not ended in %v", args, limit)
	case command.ProcessState == nil:
		t.Error(err)
		return -1, ""
	}
	return command.ProcessState.ExitCode(), string(out)
}

// aWhile is how long a run of a thousand files may take, on a machine that has more
// to do.
const aWhile = 3 * time.Minute

// TestSessionLimits copies many small files between sites that allow one session, two or
// three: by their configuration, or by themselves, while the configuration says eight.
// 50 runs; -short and RSEXEC_LONG=1 say how many files they have.
func TestSessionLimits(t *testing.T) {
	check := func(t *testing.T, source, dest, from, to string, n int) {
		t.Helper()
		plantFiles(t, from, "tree", n)
		status, out := bounded(t, aWhile, "--site", "SITE1="+source, "--site", "SITE2="+dest, "-c", "COPY --recursive SITE1:/tree TO SITE2:/copy")
		if status != 0 {
			t.Fatalf("status %d\n%s", status, out)
		}
		grown(t, to, "copy", n)
	}
	for round := range 4 {
		for source := 1; source <= 3; source++ {
			for dest := 1; dest <= 3; dest++ {
				t.Run(fmt.Sprintf("configured-%d-to-%d-#%d", source, dest, round), func(t *testing.T) {
					t.Parallel()
					from, to := t.TempDir(), t.TempDir()
					check(t, fmt.Sprintf("%s?max-sessions=%d", serveSite(t, from, nil), source),
						fmt.Sprintf("%s?max-sessions=%d", serveSite(t, to, nil), dest), from, to, manyFiles(round == 0 && source == dest))
				})
			}
		}
	}
	for _, c := range []struct {
		source, dest           ftptest.Peer // "" is our own, without a limit
		sourceLimit, destLimit int
	}{
		{ftptest.VSFTPD, ftptest.ProFTPD, 1, 1},
		{ftptest.VSFTPD, ftptest.ProFTPD, 2, 2},
		{ftptest.VSFTPD, ftptest.ProFTPD, 3, 3},
		{ftptest.ProFTPD, ftptest.VSFTPD, 1, 1},
		{ftptest.ProFTPD, ftptest.VSFTPD, 2, 2},
		{ftptest.ProFTPD, ftptest.VSFTPD, 3, 3},
		{ftptest.ProFTPD, ftptest.VSFTPD, 1, 3},
		{ftptest.VSFTPD, ftptest.ProFTPD, 3, 1},
		{"", ftptest.ProFTPD, 0, 1},
		{"", ftptest.ProFTPD, 0, 2},
		{"", ftptest.ProFTPD, 0, 3},
		{ftptest.VSFTPD, "", 1, 0},
		{ftptest.VSFTPD, "", 2, 0},
		{ftptest.VSFTPD, "", 3, 0},
	} {
		t.Run(fmt.Sprintf("allowed-%s-%d-to-%s-%d", c.source, c.sourceLimit, c.dest, c.destLimit), func(t *testing.T) {
			t.Parallel()
			start := func(peer ftptest.Peer, limit int) (url, root string) {
				if peer == "" {
					root = t.TempDir()
					return serveSite(t, root, nil) + "?max-sessions=8", root
				}
				s := ftptest.Start(t, peer, ftptest.Options{MaxSessions: limit})
				return s.URL() + "?max-sessions=8", s.Root
			}
			source, from := start(c.source, c.sourceLimit)
			dest, to := start(c.dest, c.destLimit)
			check(t, source, dest, from, to, manyFiles(c.source == ftptest.VSFTPD && c.sourceLimit == c.destLimit))
		})
	}
}

// TestSessionLimitsWithinSite copies many small files within one site that allows one
// session, two or three.
func TestSessionLimitsWithinSite(t *testing.T) {
	n := manyFiles(false)
	for limit := 1; limit <= 3; limit++ {
		t.Run(fmt.Sprintf("by-itself-%d", limit), func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			plantFiles(t, root, "tree", n)
			status, out := bounded(t, aWhile, "--site", fmt.Sprintf("SITE1=%s?max-sessions=%d", serveSite(t, root, nil), limit),
				"-c", "COPY --recursive SITE1:/tree TO SITE1:/copy")
			if status != 0 || !strings.Contains(out, fmt.Sprintf("%d by the site itself", n)) {
				t.Errorf("status %d\n%s", status, out)
			}
			grown(t, root, "copy", n)
		})
		t.Run(fmt.Sprintf("to-itself-%d", limit), func(t *testing.T) {
			t.Parallel()
			s := ftptest.Start(t, ftptest.VSFTPD, ftptest.Options{}) // it cannot copy
			plantFiles(t, s.Root, "tree", n)
			status, out := bounded(t, aWhile, "--site", fmt.Sprintf("SITE1=%s?max-sessions=%d", s.URL(), limit),
				"-c", "COPY --recursive SITE1:/tree TO SITE1:/copy")
			if limit > 1 {
				if status != 0 {
					t.Errorf("status %d\n%s", status, out)
				}
				grown(t, s.Root, "copy", n)
				return
			}
			if status == 0 || strings.Count(out, "set max-sessions=2") != 1 || !strings.Contains(out, "it needs two sessions at one site and max-sessions is 1") ||
				!strings.Contains(out, fmt.Sprintf("1 failed, %d not begun", n-1)) {
				t.Errorf("status %d\n%s", status, out)
			}
		})
	}
}

// TestCrosswise copies in both directions at once between two sites that allow one
// session each: in one shell, and in two.
func TestCrosswise(t *testing.T) {
	n := manyFiles(false)
	root1, root2 := t.TempDir(), t.TempDir()
	plantFiles(t, root1, "one", n)
	plantFiles(t, root2, "two", n)
	named := []string{"--site", "SITE1=" + serveSite(t, root1, nil) + "?max-sessions=1", "--site", "SITE2=" + serveSite(t, root2, nil) + "?max-sessions=1"}
	perform := func(statements ...string) {
		args := named
		for _, s := range statements {
			args = append(args[:len(args):len(args)], "-c", s)
		}
		if status, out := bounded(t, aWhile, args...); status != 0 {
			t.Errorf("%q: status %d\n%s", statements, status, out)
		}
	}
	perform("COPY --recursive SITE1:/one TO SITE2:/one &", "COPY --recursive SITE2:/two TO SITE1:/two &", "WAIT")
	ended := make(chan bool)
	go func() {
		defer close(ended)
		perform("COPY --recursive SITE1:/one TO SITE2:/again")
	}()
	perform("COPY --recursive SITE2:/two TO SITE1:/again")
	<-ended
	grown(t, root2, "one", n)
	grown(t, root1, "two", n)
	grown(t, root2, "again", n)
	grown(t, root1, "again", n)
}

// TestNoWay holds that it is said once, and not for each file, that nothing gets from one
// site to another, however many files are under way at once.
func TestNoWay(t *testing.T) {
	const n = 50
	from := t.TempDir()
	plantFiles(t, from, "tree", n)
	status, out := bounded(t, aWhile, "--site", "SITE1="+serveSite(t, from, nil), "--site", "SITE2="+serveSite(t, t.TempDir(), nil),
		"-c", "COPY --recursive --choreography=same-site SITE1:/tree TO SITE2:/copy")
	if status == 0 || strings.Count(out, "no way to ") != 1 || strings.Count(out, "no file gets there from SITE1") != 1 ||
		!strings.Contains(out, fmt.Sprintf("1 failed, %d not begun", n-1)) {
		t.Errorf("status %d\n%s", status, out)
	}
}

// TestNamesWithOneSession copies from a site of 1973, which lists names only and allows
// one session: what they are is asked in that one.
func TestNamesWithOneSession(t *testing.T) {
	root, to := t.TempDir(), t.TempDir()
	for _, name := range []string{"a", "b"} {
		write(t, root, name, name+"\n")
	}
	source := serveSite(t, root, func(s *ftpd.Server) { s.Dialect = ftpd.RFC438 })
	status, out := bounded(t, aWhile, "--site", "SITE1="+source+"?max-sessions=1", "--site", "SITE2="+serveSite(t, to, nil),
		"-c", "COPY --recursive SITE1:/ TO SITE2:/copy")
	if status != 0 || read(t, to, "copy/a") != "a\n" || read(t, to, "copy/b") != "b\n" {
		t.Errorf("status %d\n%s", status, out)
	}
}
