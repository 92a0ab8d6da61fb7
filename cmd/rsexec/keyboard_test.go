//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"rsexec/sites/ftptest"
)

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

// terminal is a shell at a pseudo-terminal.
type terminal struct {
	t       *testing.T
	file    *os.File
	command *exec.Cmd

	mu    sync.Mutex
	shown bytes.Buffer  // all that came
	from  int           // up to where it was expected, without control sequences
	more  chan struct{} // holds one: something came
	ended chan struct{}
}

// controls are the control sequences that a shell sends to its terminal.
var controls = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]|\x1b[=>]|[\r\a\b]")

// startTerminal starts the shell at a terminal of so many columns, with a profile
// and a state of its own in home.
func startTerminal(t *testing.T, columns uint16, home string, args ...string) *terminal {
	t.Helper()
	return startProgram(t, columns, home, append([]string{"rsexec"}, args...)...)
}

// startProgram starts a program as startTerminal starts the shell.
func startProgram(t *testing.T, columns uint16, home string, words ...string) *terminal {
	t.Helper()
	path, err := exec.LookPath(words[0])
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(path, words[1:]...)
	command.Env = append(os.Environ(), "HOME="+home, "XDG_STATE_HOME="+home, "XDG_CONFIG_HOME="+home)
	if os.Getenv("TERM") != "dumb" {
		command.Env = append(command.Env, "TERM=xterm")
	}
	command.Dir = home
	file, err := pty.StartWithSize(command, &pty.Winsize{Rows: 24, Cols: columns})
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, file: file, command: command, more: make(chan struct{}, 1), ended: make(chan struct{})}
	go term.read()
	t.Cleanup(term.close)
	return term
}

// read collects what is shown until the shell ends.
func (term *terminal) read() {
	defer close(term.ended)
	b := make([]byte, 4096)
	for {
		n, err := term.file.Read(b)
		term.mu.Lock()
		term.shown.Write(b[:n])
		term.mu.Unlock()
		select {
		case term.more <- struct{}{}:
		default:
		}
		if err != nil { // the terminal has gone with the shell
			return
		}
	}
}

// text returns what was shown behind what was expected, without control sequences.
func (term *terminal) text() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return controls.ReplaceAllString(term.shown.String(), "")[term.from:]
}

// expect waits until a text is shown.
func (term *terminal) expect(want string) {
	term.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for ended := false; ; {
		text := term.text()
		if i := strings.Index(text, want); i >= 0 {
			term.from += i + len(want)
			return
		}
		if ended {
			term.t.Fatalf("the shell ended; %q was never shown, but\n%s", want, text)
		}
		select {
		case <-term.more:
		case <-term.ended:
			ended = true
		case <-timer.C:
			term.t.Fatalf("%q is not shown, but\n%s", want, text)
		}
	}
}

// send types keys.
func (term *terminal) send(keys string) {
	term.t.Helper()
	if _, err := io.WriteString(term.file, keys); err != nil {
		term.t.Fatal(err)
	}
}

// leave waits for the end of the shell and returns its exit status.
func (term *terminal) leave() int {
	term.t.Helper()
	select {
	case <-term.ended:
	case <-time.After(patience):
		term.t.Fatalf("the shell does not end:\n%s", term.text())
	}
	err := term.command.Wait()
	term.command = nil
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		term.t.Fatal(err)
	}
	return 0
}

func (term *terminal) close() {
	if term.command != nil {
		if err := term.command.Process.Kill(); err != nil {
			term.t.Error(err)
		}
		<-term.ended
		_ = term.command.Wait() // it was killed
	}
	if err := term.file.Close(); err != nil {
		term.t.Error(err)
	}
}

const (
	tab   = "\t"
	enter = "\r"
	up    = "\x1b[A"
	ctrlC = "\x03"
	ctrlD = "\x04"
	ctrlR = "\x12"
	ctrlU = "\x15"
)

// servedSite serves a folder with these files and returns the flag for it.
func servedSite(t *testing.T, name string, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, f)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, dir, f, "this is "+filepath.Base(f)+"\n")
	}
	return "--site=" + name + "=" + ftptest.Serve(t, ftptest.FreshHost(), dir).URL()
}

// TestRecognition types with TAB and asks with a question mark.
func TestRecognition(t *testing.T) {
	t.Parallel()
	one := servedSite(t, "SITE1", "prog1.pl1", "a b.txt", "dir/one.txt", "dir/other.txt")
	two := servedSite(t, "SITE2", "prog2.pl1")
	term := startTerminal(t, 80, t.TempDir(), one, two)
	term.expect("@ ")

	// A verb gets its guide words, where only one kind of operand can follow.
	term.send("ty" + tab)
	term.expect("tyPE (FILE) ")
	term.send("SITE1:pr" + tab)
	term.expect("SITE1:prog1.pl1 ")
	term.send(enter)
	term.expect("this is prog1.pl1")
	term.expect("@ ")

	// What several names have in common is typed, and then they are listed.
	term.send("type SITE1:dir/" + tab)
	term.expect("SITE1:dir/o")
	term.send(tab)
	term.expect("  SITE1:dir/one.txt")
	term.send("t" + tab + enter)
	term.expect("this is other.txt")
	term.expect("@ ")

	// A name that needs quotes is typed with them, or with backslashes.
	term.send("type SITE1:a" + tab)
	term.expect(`SITE1:a\ b.txt `)
	term.send(enter)
	term.expect("this is a b.txt")
	term.expect("@ ")
	term.send(`type "SITE1:a` + tab)
	term.expect(`"SITE1:a b.txt" `)
	term.send(enter)
	term.expect("this is a b.txt")
	term.expect("@ ")

	// A bare name is one of any site's, a site is a beginning too.
	term.send("append prog1" + tab)
	term.expect("append prog1.pl1 ")
	term.send("(" + tab)
	term.expect("(TO FILE) ")
	term.send("SITE2:" + tab)
	term.expect("SITE2:prog2.pl1 ")
	term.send("--ro" + tab)
	term.expect("--route=")
	term.send("re" + tab)
	term.expect("relay ")
	term.send(enter)
	term.expect("through this host")
	term.expect("@ ")

	// A question mark tells what can come, and gives the line back.
	term.send("copy SITE1:prog1.pl1 ?" + enter)
	term.expect("a destination pathname")
	term.expect("(TO FILE)")
	term.expect("@ copy SITE1:prog1.pl1 ")
	term.send("TO SITE2:new" + enter)
	term.expect("COPY SITE1:/prog1.pl1 to SITE2:/new")
	term.expect("@ ")
	term.send("?" + enter)
	term.expect("APPEND")
	term.expect("@ ")
	term.send("site add,?" + enter)
	term.expect("expected a pathname after the comma")
	term.send(ctrlC + "pwd a ?" + enter)
	term.expect("too many operands")
	term.send(ctrlC)
	term.expect("^C")
	term.expect("@ ")
	term.send(ctrlD)
	if status := term.leave(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestLinesAndHistory types blocks of several lines, and lines of before.
func TestLinesAndHistory(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	site := servedSite(t, "SITE1", "a.txt", "b.txt")
	term := startTerminal(t, 80, home, site)
	term.expect("SITE1: @ ")
	term.send("FOREACH f IN *.txt" + enter)
	term.expect("@@ ")
	term.send("    TYPE $f" + enter)
	term.expect("@@ ")
	term.send("END" + enter)
	term.expect("this is a.txt")
	term.expect("this is b.txt")
	term.expect("SITE1: @ ")

	// Ctrl-C drops a block that is not ended, and its prompt.
	term.send("IF EXISTS a.txt" + enter)
	term.expect("@@ ")
	term.send(ctrlC)
	term.expect("SITE1: @ ")

	// What is wrong is told at once, with the place.
	term.send("TYPO a.txt" + enter)
	term.expect("unknown verb TYPO; did you mean TYPE?")
	term.expect("TYPO a.txt")
	term.expect("^")

	term.send("SITE ADD SITE9 ftp://u:hidden@127.0.0.1:1?dsk=no" + enter)
	term.expect("SITE9 is in the profile")
	// What is printed differs from what is typed, so that it can be waited for.
	term.send("ECHO the fi''rst" + enter)
	term.expect("the first")
	term.expect("SITE1: @ ")
	term.send("ECHO the sec''ond" + enter)
	term.expect("the second")
	term.expect("SITE1: @ ")
	term.send(up + up)
	term.expect("ECHO the fi''rst")
	term.send(enter)
	term.expect("the first")
	term.expect("SITE1: @ ")
	term.send(ctrlR + "sec''")
	term.expect("ECHO the sec''ond")
	term.send(enter)
	term.expect("the second")
	term.expect("SITE1: @ ")
	term.send("HISTORY 2" + enter)
	term.expect("  ECHO the sec''ond")
	term.expect("  HISTORY 2")
	term.expect("SITE1: @ ")
	term.send("QUIT 7" + enter)
	if status := term.leave(); status != 7 {
		t.Errorf("exit status %d, want 7", status)
	}

	// The next shell of this person has the lines, but no line with a password.
	kept, err := os.ReadFile(filepath.Join(home, "rsexec", "history"))
	if err != nil || !strings.Contains(string(kept), "ECHO the fi''rst\n") || strings.Contains(string(kept), "hidden") {
		t.Errorf("%v; the history is\n%s", err, kept)
	}
	term = startTerminal(t, 80, home, site)
	term.expect("@ ")
	term.send(up + up)
	term.expect("HISTORY 2")
	term.send(ctrlC + ctrlD)
	term.leave()
}

// lookedAt is the script of a site up to where the size and time of /f are known.
const lookedAt = `
		S: 220 ready
		C: USER u
		S: 331 password
		C: PASS p
		S: 230 in
		C: FEAT
		C: PWD
		S: 211-Features:
		S:  SIZE
		S: 211 End
		S: 257 "/" is it
		C: TYPE I
		S: 200 ok
		C: SIZE /f
		S: 213 1000
		C: MDTM /f
		S: 213 20260101000000
`

// TestInterrupt presses Ctrl-C in a transfer: it is ended at the site, and the
// shell goes on with the same session.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	server := ftptest.Play(t, lookedAt+`
		C: PASV
		S: 227 ({pasv})
		C: RETR /f
		S: 150 go
		D> "begun"
		C: ABOR
		S: 426 cut
		S: 226 done
		C: NOOP
		S: 200 ok
		DX
		C: SIZE /g
		S: 550 no such file
		C: CWD /g
		S: 550 no such file
		C: QUIT
		S: 221 bye
	`)
	term := startTerminal(t, 80, t.TempDir(), fmt.Sprintf("--site=SITE1=ftp://u:p@%s:%d/?dsk=no", server.Host, server.Port))
	term.expect("@ ")
	term.send("TYPE SITE1:/f" + enter)
	term.expect("begun")
	term.send(ctrlC)
	term.expect("TYPE: stopped")
	term.expect("@ ")
	term.send("TYPE SITE1:/g" + enter)
	term.expect("no such file")
	term.expect("@ ")
	term.send("quit" + enter)
	if status := term.leave(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestInterruptCopy presses Ctrl-C in a COPY: nothing of it is left at its
// destination.
func TestInterruptCopy(t *testing.T) {
	t.Parallel()
	server := ftptest.Play(t, lookedAt+`
		C: PASV
		S: 227 ({pasv})
		C: RETR /f
		# What the test waits for comes last.
		D> 5
		S: 150 go
		C: ABOR
		S: 426 cut
		S: 226 done
		C: NOOP
		S: 200 ok
		C: QUIT
		S: 221 bye
	`)
	folder := t.TempDir()
	term := startTerminal(t, 80, t.TempDir(), fmt.Sprintf("--site=SITE1=ftp://u:p@%s:%d/?dsk=no", server.Host, server.Port))
	term.expect("@ ")
	term.send("TRACE COPY SITE1:/f TO LOCAL:" + folder + "/copy" + enter)
	term.expect("150 go")
	term.send(ctrlC)
	term.expect("COPY: stopped")
	term.expect("@ ")
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("%v are left, %v", left, err)
	}
	term.send(ctrlD)
	if status := term.leave(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestNarrowTerminal works at 40 columns with names that are longer, wide or
// combined.
func TestNarrowTerminal(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long", 15)
	site := servedSite(t, "SITE1", long+"1", long+"2", "目录/é", "x")
	term := startTerminal(t, 40, t.TempDir(), site)
	term.expect("@ ")
	term.send("type lo" + tab)
	term.expect("longlong")
	term.send(tab)
	term.expect("…")
	term.send("1" + enter)
	term.expect("this is longlong")
	term.expect("@ ")
	term.send("type 目" + tab + tab + enter)
	term.expect("this is é")
	term.expect("@ ")
	term.send("QUIT" + enter)
	if status := term.leave(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestColours shows directories and errors in colour, unless nobody wants it.
func TestColours(t *testing.T) {
	site := servedSite(t, "SITE1", "dir/x")
	for _, test := range []struct{ variable, value, directory string }{
		{"NO_COLOR", "", "\x1b[34mdir/\x1b[0m"},
		{"NO_COLOR", "1", "  dir/"},
		{"TERM", "dumb", "  dir/"},
	} {
		t.Run(test.variable+"="+test.value, func(t *testing.T) {
			t.Setenv(test.variable, test.value)
			term := startTerminal(t, 80, t.TempDir(), site, "-c", "DIRECTORY", "-c", "TYPE none")
			if status := term.leave(); status != 5 {
				t.Errorf("exit status %d", status)
			}
			shown := term.shown.String()
			if !strings.Contains(shown, test.directory) || strings.Contains(shown, "\x1b[31mrsexec:") != (test.value == "") {
				t.Errorf("%q", shown)
			}
		})
	}
}
