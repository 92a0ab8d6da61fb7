package ftpd

import (
	"fmt"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// createUnnamed makes a file in a directory without a name there: until it gets one with
// nameFile, nothing is left of it however this process ends. Not every file system can.
func createUnnamed(root *os.Root, directory string, perm fs.FileMode) (*os.File, error) {
	f, err := root.OpenFile(relative(directory), os.O_WRONLY|unix.O_TMPFILE, perm)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(descriptor(f)); err != nil { // it could not get a name
		_ = f.Close() // nothing was written to it
		return nil, err
	}
	return f, nil
}

// nameFile gives an unnamed file a name that is free.
func nameFile(root *os.Root, f *os.File, name string) error {
	directory, err := root.OpenFile(relative(path.Dir(name)), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = directory.Close() }() // nothing was read or written
	if err := unix.Linkat(unix.AT_FDCWD, descriptor(f), int(directory.Fd()), path.Base(name), unix.AT_SYMLINK_FOLLOW); err != nil {
		return &os.LinkError{Op: "linkat", Old: "an unnamed file", New: name, Err: err}
	}
	return nil
}

// descriptor is where the system shows an open file.
func descriptor(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }
