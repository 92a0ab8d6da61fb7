//go:build !windows

package local

import "syscall"

const errDiskFull = syscall.ENOSPC
