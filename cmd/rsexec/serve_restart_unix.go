//go:build !windows

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// watch restarts for SIGUSR2, until stop is called. When ctx has ended no new process is
// started.
func (r *restart) watch(ctx context.Context) (stop func()) {
	came, children := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(came, syscall.SIGUSR2)
	signal.Notify(children, syscall.SIGCHLD)
	enough, ended := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer close(ended)
		var limit <-chan time.Time
		for {
			select {
			case <-enough:
				return
			case <-came:
				if r.perform(ctx) {
					limit = time.After(r.wait())
				}
			case <-children:
				r.look()
			case <-limit:
				r.log.Info("ending when the files that are on their way have arrived", "sessions", len(r.service.Status().Sessions))
				r.service.Leave()
			}
		}
	}()
	return func() {
		signal.Stop(came)
		signal.Stop(children)
		close(enough)
		cancel()
		<-ended
	}
}

// perform starts the new process and says whether it has taken over.
func (r *restart) perform(ctx context.Context) bool {
	switch pid := r.successor.Load(); {
	case pid != 0: // the signal was for all processes of the service
		r.log.Info("another process serves already", "pid", pid)
		return false
	case r.cannot != "":
		r.log.Error("no restart", "error", r.cannot)
		return false
	}
	pid, err := r.handover.start(ctx)
	if err != nil {
		r.log.Error("no restart; this process goes on", "error", err)
		return false
	}
	r.successor.Store(int64(pid))
	notify(r.log, fmt.Sprintf("MAINPID=%d", pid))
	r.retire()
	r.log.Info("another process serves; the sessions of this one go on", "pid", pid, "sessions", len(r.service.Status().Sessions), "limit", r.wait().String())
	return true
}

// look looks whether the process that took over has failed. Then nobody serves: this one
// ends as soon as no file is on its way, with an error, so that it is noticed.
func (r *restart) look() {
	pid := int(r.successor.Load())
	if pid == 0 || r.failed.Load() {
		return
	}
	var status syscall.WaitStatus
	if ended, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil); err != nil || ended != pid || status.ExitStatus() == 0 {
		return
	}
	r.failed.Store(true)
	r.log.Error("the process that took over has failed; ending when the files that are on their way have arrived", "pid", pid, "status", status.ExitStatus())
	notify(r.log, fmt.Sprintf("MAINPID=%d", os.Getpid()))
	r.service.Leave()
}
