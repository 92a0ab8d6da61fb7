package transfer

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"rsexec/rsexec/plan"
	"rsexec/sites"
)

// TestCancel calls the work off at each moment: it returns at once, nothing is
// left over, and what was there is as it was. It does not run beside other
// tests, whose goroutines and sockets it would count.
func TestCancel(t *testing.T) {
	const size = 4 << 20
	for _, test := range []struct {
		at      plan.Role
		command string // as it comes by
		skip    int
		mute    bool // and is never answered
		stall   int64
		route   string
	}{
		{at: plan.Source, command: "USER"},
		{at: plan.Source, command: "PASS", mute: true},
		{at: plan.Dest, command: "FEAT", mute: true},
		{at: plan.Source, command: "MLST"},
		{at: plan.Dest, command: "MLST", mute: true},
		{at: plan.Dest, command: "PASV"},
		{at: plan.Dest, command: "PASV", mute: true},
		{at: plan.Source, command: "PORT"},
		{at: plan.Source, command: "PORT", mute: true},
		{at: plan.Dest, command: "{put}"},
		{at: plan.Dest, command: "{put}", mute: true},
		{at: plan.Source, command: "RETR", mute: true},
		{at: plan.Dest, stall: 100_000},
		{at: plan.Dest, stall: 100_000, route: plan.Through},
		{at: plan.Dest, command: "PASV", route: plan.Through, mute: true},
		{at: plan.Source, command: "RETR", route: plan.Through, mute: true},
		{at: plan.Dest, command: "{put}", route: plan.Through, mute: true},
		{at: plan.Dest, command: "MLST", skip: 1, mute: true},
		{at: plan.Dest, command: "MFMT", mute: true},
		{at: plan.Dest, command: "RNFR", mute: true},
	} {
		for verb, put := range map[string]string{Append: "APPE", Copy: "STOR"} {
			switch {
			case verb == Append && test.command == "RNFR":
				continue
			case verb == Append && test.command == "MFMT", verb == Copy && test.command == "MLST":
				continue // the size is asked for with the one or the other
			}
			t.Run(fmt.Sprintf("%s %v %s %d %s mute=%v stall=%v", verb, test.at, test.command, test.skip, test.route, test.mute, test.stall), func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var faults [2][]fault
				var cuts []cut
				if test.stall > 0 {
					cuts = []cut{{after: test.stall, stall: cancel}}
				} else {
					f := fault{command: test.command, skip: test.skip, mute: test.mute, times: 1, hook: cancel}
					f.command = strings.Replace(f.command, "{put}", put, 1)
					faults[test.at] = []fault{f}
				}
				source, dest := serve(t, nil, faults[plan.Source]...), serveCutting(t, nil, cuts, faults[plan.Dest]...)
				source.write(t, "a", strings.Repeat("x", size))
				dest.write(t, "b", "old")
				goroutines, sockets := runtime.NumGoroutine(), openSockets()

				m, _ := newMover()
				j := between(t, verb, source, dest, "timeout=1s")
				j.Route = test.route
				done := make(chan error, 1)
				go func() {
					_, err := m.Do(ctx, j)
					done <- err
				}()
				var err error
				select {
				case err = <-done:
				case <-time.After(patience):
					t.Fatal("it goes on")
				}
				if err == nil || ctx.Err() == nil {
					t.Fatalf("it was not called off: %v", err)
				}
				checkError(t, err, sites.Cancelled, verb+" SITE2:/b: stopped")
				for _, s := range []sites.Site{j.From, j.To} {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}
				settled(t, goroutines, sockets)
				dest.checkNames(t, "b")
				b, readErr := os.ReadFile(filepath.Join(dest.root, "b"))
				if readErr != nil {
					t.Fatal(readErr)
				}
				got := len(b) - len("old")
				if verb == Copy && got != 0 {
					t.Errorf("the destination is %d bytes longer", got)
				}
				if said := fmt.Sprintf("%d of %d bytes were appended to the 3 that were there", got, size); (got > 0) != strings.Contains(err.Error(), said) {
					t.Errorf("%d bytes were appended, and the error is %v", got, err)
				}
			})
		}
	}
}

// TestCancelConnecting calls the work off while a site does not even greet.
func TestCancelConnecting(t *testing.T) {
	dest := serve(t, nil)
	goroutines, sockets := runtime.NumGoroutine(), openSockets()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c, err := l.Accept()
		cancel()
		if err == nil {
			io.Copy(io.Discard, c) // until the client gives up
			c.Close()
		}
	}()
	m, _ := newMover()
	j := between(t, Append, &host{url: "ftp://u:p@" + l.Addr().String()}, dest, "")
	_, err = m.Do(ctx, j)
	checkError(t, err, sites.Cancelled, "APPEND SITE2:/b: stopped")
	<-ended
	for _, c := range []io.Closer{l, j.From, j.To} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	settled(t, goroutines, sockets)
}
