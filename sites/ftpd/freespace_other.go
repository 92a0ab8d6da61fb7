//go:build !(linux || darwin || freebsd || dragonfly || windows)

package ftpd

import "errors"

// freeSpace is not known here.
func freeSpace(uintptr) (uint64, error) { return 0, errors.ErrUnsupported }
