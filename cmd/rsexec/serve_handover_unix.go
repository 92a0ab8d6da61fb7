//go:build !windows

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// handedOver is the variable of the environment that names, as a JSON array, the listeners
// that a process has from the one before it. Their descriptors follow that of the answer.
const (
	handedOver       = "RSEXEC_HANDED_OVER"
	answerDescriptor = 3 // the first behind the standard streams
)

// startTime is how long a new process may take until it serves.
const startTime = time.Minute

// inherited is what the process before has handed over.
func inherited() (*handover, error) {
	text, ok := os.LookupEnv(handedOver)
	if !ok {
		return &handover{}, nil
	}
	var names []string
	if err := errors.Join(os.Unsetenv(handedOver), json.Unmarshal([]byte(text), &names)); err != nil {
		return nil, fmt.Errorf("%s: %w", handedOver, err)
	}
	syscall.CloseOnExec(answerDescriptor)
	h := &handover{answer: os.NewFile(answerDescriptor, "answer")}
	for i, name := range names {
		f := os.NewFile(uintptr(answerDescriptor+1+i), name)
		l, err := net.FileListener(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("listener %s of the process before: %w", name, err)
		}
		h.before = append(h.before, namedListener{name, l})
	}
	return h, nil
}

// start starts this program anew, as its file is now, with the listeners of this process,
// and returns when the new process serves; or with the reason why it does not, and then it
// has ended.
func (h *handover) start(ctx context.Context) (pid int, err error) {
	answer, say, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer answer.Close() // all of it was read, or does not matter
	next := exec.Command(os.Args[0], os.Args[1:]...)
	next.Stdin, next.Stdout, next.Stderr = os.Stdin, os.Stdout, os.Stderr
	next.ExtraFiles = []*os.File{say}
	if err = h.give(next); err == nil {
		err = next.Start()
	}
	for _, f := range next.ExtraFiles {
		_ = f.Close() // the sockets are open elsewhere
	}
	if err != nil {
		return 0, err
	}
	if err = hear(ctx, answer); err != nil {
		_ = next.Process.Kill() // it may have ended already
		ended := next.Wait()
		if err == io.EOF {
			err = fmt.Errorf("the new process says why on standard error: %v", ended)
		}
		return 0, err
	}
	pid = next.Process.Pid
	_ = next.Process.Release() // nothing depends on it
	return pid, nil
}

// give adds the listeners to the files that a new process gets.
func (h *handover) give(next *exec.Cmd) error {
	names := []string{}
	for _, o := range h.own {
		socket, ok := o.listener.(interface{ File() (*os.File, error) })
		if !ok {
			return fmt.Errorf("the listener %s is no socket", o.name)
		}
		f, err := socket.File()
		if err != nil {
			return err
		}
		next.ExtraFiles, names = append(next.ExtraFiles, f), append(names, o.name)
	}
	text, err := json.Marshal(names)
	next.Env = append(os.Environ(), handedOver+"="+string(text))
	return err
}

// hear reads the answer of a new process; nil is that it serves, and io.EOF that it has ended
// without one.
func hear(ctx context.Context, answer *os.File) error {
	if err := answer.SetReadDeadline(time.Now().Add(startTime)); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() {
		_ = answer.SetReadDeadline(time.Now()) // it could be set before
	})()
	text, err := io.ReadAll(answer)
	switch {
	case string(text) == taken:
		return nil
	case ctx.Err() != nil:
		return errors.New("this process is ending")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the new process does not serve after %s", startTime)
	case err != nil:
		return err
	case len(text) == 0:
		return io.EOF
	}
	return errors.New(string(text))
}
