package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// Ctrl-C while the editor runs is for the editor: the signal ends nothing here.
// At any other time it does.
func TestInterruptOfEditor(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no such signals")
	}
	dir := t.TempDir()
	seen, file := filepath.Join(dir, "seen"), filepath.Join(dir, "file")
	// The editor interrupts this process and goes on when that was noticed.
	t.Setenv("VISUAL", fmt.Sprintf("kill -INT %d; until [ -e '%s' ]; do sleep 0.01; done; echo edited >", os.Getpid(), seen))
	var out bytes.Buffer
	e := &editor{std: streams{os.Stdin, &out, &out}}
	ctx, stop := e.untilSignal(t.Context(), os.Interrupt)
	defer stop()
	came := make(chan os.Signal, 1)
	signal.Notify(came, os.Interrupt)
	defer signal.Stop(came)
	noticed := make(chan error, 1)
	go func() {
		<-came
		noticed <- os.WriteFile(seen, nil, 0o600)
	}()
	if err := e.edit(ctx, file, os.Environ()); err != nil || ctx.Err() != nil {
		t.Fatalf("%v, %v: %s", err, ctx.Err(), out.String())
	}
	if err := <-noticed; err != nil {
		t.Fatal(err)
	}
	if got := read(t, dir, "file"); got != "edited\n" {
		t.Errorf("the file is %q", got)
	}
	if err := interruptSelf(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
		if context.Cause(ctx) != context.Canceled {
			t.Error(context.Cause(ctx))
		}
	case <-time.After(10 * time.Second):
		t.Error("an interrupt ends nothing, though no editor runs")
	}
}

func interruptSelf() error {
	p, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	return p.Signal(os.Interrupt)
}

func TestReadHistory(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "history", "DIRECTORY\nTYPE a\n")
	if lines, err := readHistory(filepath.Join(dir, "history")); err != nil || fmt.Sprint(lines) != "[DIRECTORY TYPE a]" {
		t.Errorf("%q, %v", lines, err)
	}
	if lines, err := readHistory(""); err != nil || lines != nil {
		t.Errorf("%q, %v", lines, err)
	}
	if _, err := readHistory(filepath.Join(dir, "none")); err == nil {
		t.Error("no error for a file that is not there")
	}
}
