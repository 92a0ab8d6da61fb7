//go:build unix

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"rsexec/sites/ftptest"
)

// sequence is a control sequence: its parameter and what it does (ECMA-48).
var sequence = regexp.MustCompile(`^\x1b\[([0-9]*)([A-Za-z])`)

// pictured returns what a terminal of so many columns shows at the end, if all
// that was sent to it is text. It is true that nothing scrolls out of it.
func pictured(sent string, columns int) []string {
	lines := [][]rune{nil}
	y, x := 0, 0
	for len(sent) > 0 {
		if m := sequence.FindStringSubmatch(sent); m != nil {
			n, _ := strconv.Atoi(m[1]) // none is 0
			switch m[2] {
			case "A":
				y = max(y-max(n, 1), 0)
			case "J": // to the end of the screen
				lines = lines[:y+1]
				lines[y] = lines[y][:min(x, len(lines[y]))]
			}
			sent = sent[len(m[0]):]
			continue
		}
		r, size := utf8.DecodeRuneInString(sent)
		sent = sent[size:]
		switch r {
		case '\r':
			x = 0
			continue
		case '\n':
			y++
		default:
			if x+cells(string(r)) > columns {
				x = 0
				y++
			}
		}
		for y >= len(lines) {
			lines = append(lines, nil)
		}
		if r == '\n' {
			continue
		}
		for range cells(string(r)) { // a wide one stands in both
			for x >= len(lines[y]) {
				lines[y] = append(lines[y], ' ')
			}
			lines[y][x] = r
			x++
		}
	}
	var shown []string
	for _, line := range lines {
		shown = append(shown, strings.TrimRight(string(line), " "))
	}
	return shown
}

// endedWith waits for the end of the program and returns what is on the terminal then,
// and its exit status.
func (term *terminal) endedWith(columns int) (shown []string, status int) {
	term.t.Helper()
	status = term.leave()
	return pictured(term.shown.String(), columns), status
}

// sizedSite serves a folder with files of these sizes and returns the flag for it.
func sizedSite(t *testing.T, files map[string]int) string {
	t.Helper()
	dir := t.TempDir()
	for name, size := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, strings.Repeat("x", size))
	}
	return "--site=SITE1=" + ftptest.Serve(t, ftptest.FreshHost(), dir).URL()
}

// matchLines compares what is shown with a pattern for each line.
func matchLines(t *testing.T, shown []string, patterns ...string) {
	t.Helper()
	same := slices.EqualFunc(shown, patterns, func(line, pattern string) bool {
		return regexp.MustCompile("^" + pattern + "$").MatchString(line)
	})
	if !same {
		t.Errorf("the terminal shows\n%s\nwant\n%s", strings.Join(shown, "\n"), strings.Join(patterns, "\n"))
	}
}

// TestProgress shows how far a file is, as long as it is under way.
func TestProgress(t *testing.T) {
	t.Parallel()
	site := sizedSite(t, map[string]int{"big.bin": 600 << 10})
	const columns = 250 // the result is one line
	term := startTerminal(t, columns, t.TempDir(), site, "-c", "GET SITE1:big.bin --limit=200k")
	term.expect("SITE1:/big.bin ")
	term.expect(" local     [")
	term.expect("] ")
	term.expect("% ")
	term.expect("/600 KiB ")
	term.expect(" KiB/s ")
	term.expect(" 0:0")
	shown, status := term.endedWith(columns)
	if status != 0 {
		t.Errorf("exit status %d", status)
	}
	matchLines(t, shown, `GET SITE1:/big.bin to LOCAL:\S+: 614400 bytes with this host, size verified, \S+ s`, "")
}

// TestProgressOfSeveral shows the total of several files, and at the end what became
// of them.
func TestProgressOfSeveral(t *testing.T) {
	t.Parallel()
	site := sizedSite(t, map[string]int{"a": 300 << 10, "b": 300 << 10, "c": 300 << 10, "empty": 0, "dir/one": 5})
	const columns = 250
	term := startTerminal(t, columns, t.TempDir(), site, "-c", "GET SITE1:a,SITE1:b,SITE1:c,SITE1:empty --limit=100k", "-c", "GET SITE1:dir --recursive")
	term.expect("SITE1:/b")
	term.expect("1 of 4 files ")
	term.expect("/900 KiB ")
	shown, status := term.endedWith(columns)
	if status != 0 {
		t.Errorf("exit status %d", status)
	}
	matchLines(t, shown[:len(shown)-2], `GET: 4 files, 900 KiB in \S+ s, \S+ KiB/s`, "  4 with this host", "  4 verified by size", "CREATE LOCAL:.*")
	// A table of one file would tell less than its line.
	matchLines(t, shown[len(shown)-2:], "GET SITE1:/dir/one to LOCAL:.*: 5 bytes .*", "")
}

// TestProgressNarrow draws long and wide names at 40 columns: no line is longer.
func TestProgressNarrow(t *testing.T) {
	t.Parallel()
	long := "directory/with-a-long-name/and-an-end.bin"
	site := sizedSite(t, map[string]int{long: 1 << 20, "目录/很长的文件名字很长的文件名字": 1 << 20})
	term := startTerminal(t, 40, t.TempDir(), site, "-c", "GET 'SITE1:"+long+"','SITE1:目录/很长的文件名字很长的文件名字' --limit=50k")
	term.expect("…nd-an-end.bin ")
	term.expect(" 长的文件名字 ")
	term.expect("% ")
	term.expect("0 of 2 files ")
	term.expect("% ")
	term.expect("0 of 2 files ")
	term.mu.Lock()
	frames := controls.ReplaceAllString(term.shown.String(), "")
	term.mu.Unlock()
	for line := range strings.Lines(frames) {
		if n := cells(strings.TrimSuffix(line, "\n")); n > 39 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	term.send(ctrlC)
	shown, status := term.endedWith(40)
	if status != 130 {
		t.Errorf("exit status %d", status)
	}
	matchLines(t, shown, `GET: 0 files, 0 B in \S+ s`, "  2 not begun", "rsexec: GET: stopped.*", ".*", "")
}

// TestProgressInterrupted presses Ctrl-C while a file is under way: its line is gone,
// and the prompt is where a line begins.
func TestProgressInterrupted(t *testing.T) {
	t.Parallel()
	site := sizedSite(t, map[string]int{"big.bin": 4 << 20})
	term := startTerminal(t, 80, t.TempDir(), site)
	term.expect("@ ")
	term.send("GET SITE1:big.bin --limit=100k" + enter)
	term.expect("/4.0 MiB ")
	term.send(ctrlC)
	term.expect("\nrsexec: GET: stopped\n")
	term.expect("SITE1: @ ")
	term.mu.Lock()
	sent := term.shown.String()
	term.mu.Unlock()
	// What the line editor does before is not pictured.
	_, sent, _ = strings.Cut(sent[strings.LastIndex(sent, "--limit=100k"):], "\n")
	if shown := pictured(strings.ReplaceAll(sent, "\x1b[31m", ""), 80); shown[0] != "rsexec: GET: stopped" || len(shown) > 2 {
		t.Errorf("%q", shown)
	}
	term.send(ctrlD)
	term.leave()
}

// TestProgressAndNotices prints while a file is under way: that is above its line.
func TestProgressAndNotices(t *testing.T) {
	t.Parallel()
	site := sizedSite(t, map[string]int{"small": 100 << 10, "big.bin": 4 << 20})
	const columns = 250
	term := startTerminal(t, columns, t.TempDir(), site, "-c", "GET SITE1:small --limit=100k &", "-c", "GET SITE1:big.bin --limit=100k")
	term.expect("/4.0 MiB ")
	term.expect("rsexec: job 1 is done\n")
	term.expect("/4.0 MiB ")
	term.send(ctrlC)
	shown, status := term.endedWith(columns)
	if status != 130 {
		t.Errorf("exit status %d", status)
	}
	matchLines(t, shown, "rsexec: job 1: GET .*", "GET SITE1:/small to LOCAL:.*", "rsexec: job 1 is done", "rsexec: GET: stopped", "")
}

// TestNoProgress draws nothing where that is not wanted, or would be read by a
// program.
func TestNoProgress(t *testing.T) {
	t.Parallel()
	site := sizedSite(t, map[string]int{"big.bin": 150 << 10})
	get := []string{"-c", "GET SITE1:big.bin --limit=100k"}
	for _, test := range []struct {
		name string
		line []string
	}{
		{"pipe", []string{"sh", "-c", `rsexec "$@" 2>&1 | cat`, "sh"}},
		{"errors to a file", []string{"sh", "-c", `rsexec "$@" 2>errors; cat errors`, "sh"}},
		{"results to a file", []string{"sh", "-c", `rsexec "$@" >results; cat results`, "sh"}},
		{"dumb", []string{"env", "TERM=dumb", "rsexec"}},
		{"json", []string{"rsexec", "--json"}},
		{"trace", []string{"env", "NO_COLOR=1", "rsexec", "--trace"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			term := startProgram(t, 80, t.TempDir(), append(append(test.line, site), get...)...)
			status := term.leave()
			sent := term.shown.String()
			if status != 0 || strings.Contains(sent, "\x1b") || !strings.Contains(sent, "big.bin") {
				t.Errorf("exit status %d: %q", status, sent)
			}
		})
	}
}
