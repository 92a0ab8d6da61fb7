//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestLeavingWithJobs leaves the shell while a job runs: it is asked what is to become of
// the job, and the next shell tells that it was left. SIGTERM leaves without asking.
func TestLeavingWithJobs(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	site := servedSite(t, "SITE1", "a", "dir/b")
	const job = "PUT big TO dir/big --limit=1 &" + enter
	write(t, home, "big", "This would take a long time at one byte a second.\n")
	term := startTerminal(t, 80, home, site)
	term.expect("SITE1: @ ")
	term.send(job)
	term.expect("job 1: PUT big TO dir/big --limit=1")
	term.expect("SITE1: @ ")
	term.send("resume " + tab)
	term.expect("(JOB)")
	term.send(ctrlC)
	term.expect("SITE1: @ ")
	term.send("wait (for job) " + tab)
	term.expect("wait (for job) 1 ")

	// Whoever stays, or gives no answer, gets the prompt again.
	term.send(ctrlU + ctrlD)
	term.expect("1 job is running: leave and stop it (RESUME goes on), wait, or stay? (l/w/s)")
	term.send("s" + enter)
	term.expect("SITE1: @ ")
	term.send("JOBS" + enter)
	term.expect("   1  running     0/1        0 B")
	term.expect("SITE1: @ ")
	term.send("QUIT 3" + enter)
	term.expect("(l/w/s)")
	term.send(ctrlC)
	term.expect("SITE1: @ ")
	term.send("QUIT 3" + enter)
	term.expect("(l/w/s)")
	term.send("l" + enter)
	term.expect("job 1 was stopped; RESUME 1 goes on with it")
	if status := term.leave(); status != 3 {
		t.Errorf("exit status %d", status)
	}

	term = startTerminal(t, 80, home, site)
	term.expect("1 job was not finished: JOBS lists them, RESUME goes on")
	term.send("RESUME &" + enter)
	term.expect("job 1: ")
	if err := term.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	term.expect("job 1 was stopped")
	if status := term.leave(); status != 0 {
		t.Errorf("exit status %d", status)
	}

	// Who waits leaves when the job is done.
	term = startTerminal(t, 80, home, site)
	term.expect("SITE1: @ ")
	term.send("FORGET ALL ; PUT big TO dir/big2 --limit=10 &" + enter)
	term.expect("job 2: PUT")
	term.expect("SITE1: @ ")
	term.send("QUIT" + enter)
	term.expect("(l/w/s)")
	term.send("w" + enter)
	term.expect("job 2 is done")
	if status := term.leave(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if _, err := os.Stat(filepath.Join(home, "rsexec", "state.db")); err != nil {
		t.Error(err)
	}
}
