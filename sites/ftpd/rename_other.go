//go:build !linux

package ftpd

import "os"

// renameNew renames a file to a name that must be free.
func renameNew(folder *os.Root, from, to string) error { return linkNew(folder, from, to) }
