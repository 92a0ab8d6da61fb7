package main

import (
	"io"
	"os"

	"golang.org/x/term"

	"rsexec/rsexec"
)

// screen is a terminal that can move its cursor.
type screen struct{ *os.File }

// screenOf returns the screen that results and errors are shown on; nil if they are
// not shown on one and the same.
func screenOf(out *os.File, err io.Writer) rsexec.Screen {
	f, ok := err.(*os.File)
	if !ok || !isTerminal(f) || os.Getenv("TERM") == "dumb" || !isOne(out, f) || !obeys(f) {
		return nil
	}
	return screen{f}
}

// isOne reports whether two terminals are the same.
func isOne(a, b *os.File) bool {
	one, err := a.Stat()
	other, failed := b.Stat()
	return err == nil && failed == nil && os.SameFile(one, other)
}

// Size implements rsexec.Screen.
func (s screen) Size() (columns, rows int) {
	columns, rows, err := term.GetSize(int(s.Fd()))
	if err != nil {
		return 0, 0
	}
	return columns, rows
}
