package main

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"rsexec/sites/ftptest"
)

// smallDisk returns a folder on a file system of one megabyte, in which
// PROG2.PL1 holds text.
func smallDisk(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	mountSmall(t, dir, "size=1m")
	write(t, dir, "PROG2.PL1", text)
	return dir
}

// onSmallDisk starts a real server with its root on a file system of four megabytes, or
// of many once enlarge is called.
func onSmallDisk(t *testing.T, p ftptest.Peer) (s *ftptest.Server, enlarge func()) {
	t.Helper()
	// t.TempDir is closed to the servers' account.
	dir, err := os.MkdirTemp("", "rsexec-disk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	mountSmall(t, dir, "size=4m,mode=755")
	usual := os.Getenv("TMPDIR") // where its root is made; not parallel to other tests
	t.Setenv("TMPDIR", dir)
	s = ftptest.Start(t, p, ftptest.Options{})
	t.Setenv("TMPDIR", usual)
	return s, func() {
		if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size=64m"); err != nil {
			t.Fatal(err)
		}
	}
}

// mountSmall mounts a file system in memory on a folder, for the time of the test.
func mountSmall(t *testing.T, dir, options string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make a small file system")
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := syscall.Unmount(dir, 0)
		if errors.Is(err, syscall.EBUSY) { // a server has not quite ended
			err = syscall.Unmount(dir, syscall.MNT_DETACH)
		}
		if err != nil {
			t.Error(err)
		}
	})
}
