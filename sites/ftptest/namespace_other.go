//go:build !linux

package ftptest

import (
	"errors"
	"os"
)

// start fails: the servers run in namespaces, which only Linux has.
func (l launcher) start(*os.File) (*running, error) {
	return nil, errors.ErrUnsupported
}
