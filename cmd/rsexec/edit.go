package main

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync/atomic"

	"rsexec/sites"
)

// editor runs the person's editor. While it runs an interrupt is for the editor
// alone: Ctrl-C at the terminal reaches every process there.
type editor struct {
	std     streams
	running atomic.Bool
	ended   atomic.Bool // by a signal: the context of untilSignal
}

// editorName returns the command line of the editor that the environment names;
// "" if it names none.
func editorName() string {
	for _, name := range []string{"VISUAL", "EDITOR"} {
		if line := strings.TrimSpace(os.Getenv(name)); line != "" {
			return line
		}
	}
	return ""
}

// available reports whether an editor can run: one that is named, or the
// system's own at a terminal.
func (e *editor) available() bool { return editorName() != "" || isTerminal(e.std.in) }

// edit runs the editor on a file until it ends.
func (e *editor) edit(ctx context.Context, file string, environment []string) error {
	command := editorCommand(ctx, file)
	command.Env, command.Stdout, command.Stderr = environment, e.std.out, e.std.err
	if isTerminal(e.std.in) { // else it may be the script that the statement came from
		command.Stdin = e.std.in
	}
	e.running.Store(true)
	defer e.running.Store(false)
	if err := command.Run(); err != nil {
		return &sites.Error{Kind: sites.Other, Msg: "the editor " + sites.Printable(editorName()) + " failed", Err: err}
	}
	return nil
}

// editorCommand returns the command that edits a file. The environment holds a
// command line, which on Unix the shell takes apart, as other programs have it; an
// interrupt does not end that shell before the editor.
func editorCommand(ctx context.Context, file string) *exec.Cmd {
	line := editorName()
	if runtime.GOOS != "windows" {
		if line == "" {
			line = "vi"
		}
		return exec.CommandContext(ctx, "/bin/sh", "-c", "trap : INT; "+line+` "$@"`, "sh", file)
	}
	if line == "" {
		line = "notepad"
	}
	words := []string{line}
	if _, err := exec.LookPath(line); err != nil { // it is no program with blanks in its name
		words = strings.Fields(line)
	}
	return exec.CommandContext(ctx, words[0], append(words[1:], file)...)
}

// untilSignal returns a context that ends with the first of the signals, but not
// with an interrupt while the editor runs.
func (e *editor) untilSignal(ctx context.Context, signals ...os.Signal) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	came := make(chan os.Signal, 1)
	signal.Notify(came, signals...)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case s := <-came:
				if s == os.Interrupt && e.running.Load() {
					continue
				}
				e.ended.Store(true)
				cancel()
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(came)
		cancel()
		<-watched
	}
}
