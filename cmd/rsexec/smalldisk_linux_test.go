package main

import (
	"os"
	"syscall"
	"testing"
)

// smallDisk returns a folder on a file system of one megabyte, in which
// PROG2.PL1 holds text.
func smallDisk(t *testing.T, text string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make a small file system")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	write(t, dir, "PROG2.PL1", text)
	return dir
}
