//go:build !linux

package main

import "testing"

func smallDisk(t *testing.T, _ string) string {
	t.Helper()
	t.Skip("needs root on Linux to make a small file system")
	return ""
}
