//go:build !linux

package main

import (
	"testing"

	"rsexec/sites/ftptest"
)

func smallDisk(t *testing.T, _ string) string {
	t.Helper()
	t.Skip("needs root on Linux to make a small file system")
	return ""
}

func onSmallDisk(t *testing.T, _ ftptest.Peer) (s *ftptest.Server, enlarge func()) {
	t.Helper()
	t.Skip("needs root on Linux to make a small file system")
	return nil, nil
}
