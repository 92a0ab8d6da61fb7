//go:build !windows

package main

import "os"

// obeys reports whether a terminal acts on control sequences.
func obeys(*os.File) bool { return true }
