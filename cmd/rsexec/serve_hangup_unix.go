//go:build !windows

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// onHangup calls f for each SIGHUP, one at a time, until stop is called.
func onHangup(f func()) (stop func()) {
	came, ended := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(came, syscall.SIGHUP)
	go func() {
		defer close(ended)
		for range came {
			f()
		}
	}()
	return func() {
		signal.Stop(came)
		close(came)
		<-ended
	}
}
