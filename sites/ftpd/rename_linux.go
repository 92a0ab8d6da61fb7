package ftpd

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// renameNew renames a file to a name that must be free. Not every file system can do so in
// one step.
func renameNew(folder *os.Root, from, to string) error {
	at, err := folder.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = at.Close() }() // nothing was read or written
	err = unix.Renameat2(int(at.Fd()), from, int(at.Fd()), to, unix.RENAME_NOREPLACE)
	switch {
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		return linkNew(folder, from, to)
	case err != nil:
		return &os.LinkError{Op: "renameat2", Old: from, New: to, Err: err}
	}
	return nil
}
