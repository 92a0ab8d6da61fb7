//go:build !linux

package ftpd

import (
	"errors"
	"io/fs"
	"os"
)

// createUnnamed fails: a file of this system has a name.
func createUnnamed(*os.Root, string, fs.FileMode) (*os.File, error) {
	return nil, errors.ErrUnsupported
}

func nameFile(*os.Root, *os.File, string) error { return errors.ErrUnsupported }
