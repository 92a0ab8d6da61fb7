package load

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rsexec/sites/ftptest"
)

const look = "DIRECTORY SITE1:/"

// TestHostileMemory has servers say far more than there is to say, and holds that the
// shell's process grows by little: by what an honest one of as many words needs.
func TestHostileMemory(t *testing.T) {
	entries := func(n string) string {
		return "C: MLSD*\nS: 150 go\nD* " + n + " \"type=file;size=1;modify=20260101000000; name of file {n}\\r\\n\"\nDX\nS: 226 done\n"
	}
	// A process that does nothing is not always of the same size, by some MiB.
	least := int64(0)
	for range 5 {
		least = max(least, resident(t, "S: 500 go away", look, 1))
	}
	const more = 8 << 10 // KiB
	for _, test := range []struct {
		name, server, run string
		status            int
		more              int64 // KiB
	}{
		{"a line of 200 MB", "S! \"220 \"\nS* 200000000 \"x\"", look, 1, more},
		// All of a reply that is allowed is held, as lines and as one text.
		{"a reply of lines without end", "S: 220-\nS* \" twenty bytes of text\\r\\n\"", look, 1, more},
		{"a reply of empty lines without end", "S: 220-\nS* \"\\n\"", look, 1, more},
		{"preliminary replies without end", "C: HELP\nS* \"150 wait\\r\\n\"", "QUOTE SITE1 HELP", 1, more},
		{"a line of a listing of 200 MB", "C: MLSD*\nS: 150 go\nD* 200000000 \"x\"", look, 1, more},
		{"300,000 entries for DIRECTORY", entries("300000"), look, 0, 6 * more}, // those of the index are held for a while
		{"300,000 entries for COUNT", entries("300000"), "COUNT SITE1:/", 0, 6 * more},
		{"300,000 lines that nobody can read", "C: FEAT\nS: 500 what\nC: MLSD*\nS: 500 what\nC: LIST*\nS: 150 go\nD* 300000 \"what is line {n}\\r\\n\"\nDX\nS: 226 done\n", look, 1, more},
	} {
		t.Run(test.name, func(t *testing.T) {
			most := resident(t, test.server, test.run, test.status)
			t.Logf("%d KiB resident at most, %d more than with nothing to say", most, most-least)
			if most > least+test.more {
				t.Errorf("%d KiB more than with nothing to say", most-least)
			}
		})
	}
}

// resident performs a statement in a process of its own that has to exit with a status,
// and returns how much memory of it was resident at most, in KiB.
func resident(t *testing.T, server, run string, status int) int64 {
	t.Helper()
	command, errs := against(t, server, run)
	var lines lineCount
	command.Stdout = &lines
	most, _ := runMeasured(command, nil) // the exit status tells
	if got := command.ProcessState.ExitCode(); got != status {
		t.Errorf("exit status %d, want %d: %.4000s", got, status, errs)
	}
	return most
}

// against returns a process that performs a statement with a server that answers, and
// where its errors go.
func against(t *testing.T, server, run string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	command := program(t, "--state", filepath.Join(t.TempDir(), "state.db"),
		"--site", "SITE1="+ftptest.Answer(t, server).URL()+"/?dsk=no", "-c", run)
	// What is garbage goes soon, so that what is resident tells what is held.
	command.Env = append(os.Environ(), "GOGC=20")
	errs := new(bytes.Buffer)
	command.Stderr = errs
	return command, errs
}

// TestHostileListingStopped interrupts a listing that never ends: the process ends at
// once, and has not grown.
func TestHostileListingStopped(t *testing.T) {
	for _, run := range []string{look, "FIND SITE1:/**", "COUNT SITE1:/"} {
		verb, _, _ := strings.Cut(run, " ")
		t.Run(verb, func(t *testing.T) {
			command, errs := against(t, "C: MLSD*\nS: 150 go\nD* \"type=file;size=1; file {n}\\r\\n\"", run)
			var stopped bool
			most, err := runMeasured(command, func(int64) {
				if !stopped { // a second after its start it is in the middle of the listing
					stopped = true
					if err := command.Process.Signal(os.Interrupt); err != nil {
						t.Error(err)
					}
				}
			})
			if got := command.ProcessState.ExitCode(); got != 130 {
				t.Errorf("exit status %d, want 130: %v, %.4000s", got, err, errs)
			}
			t.Logf("%d KiB resident at most", most)
			if most > 128<<10 {
				t.Errorf("%d KiB resident", most)
			}
		})
	}
}
