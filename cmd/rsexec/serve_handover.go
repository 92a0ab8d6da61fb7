package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"rsexec/sites"
	"rsexec/sites/ftpd"
)

// handover is the listeners that a serving process has from the one before it, and those
// that it can give to the one after it.
type handover struct {
	before []namedListener // that nobody has taken yet
	own    []namedListener
	answer *os.File // who waits for this process reads it; nil: nobody does, any more
}

// namedListener is a listener and what it is for, with its address as the settings have it:
// so a free port stays what it is.
type namedListener struct {
	name     string
	listener net.Listener
}

// taken is the answer of a process that serves. Any other one says why it does not.
const taken = "taken"

// listen returns the listener of that name that is there already, as adopt makes it, or a
// fresh one.
func (h *handover) listen(name string, adopt func(*net.TCPListener) (net.Listener, error), fresh func() (net.Listener, error)) (net.Listener, error) {
	open := fresh
	if had := h.take(name); had != nil {
		open = func() (net.Listener, error) { return adopt(had) }
	}
	l, err := open()
	if err == nil {
		h.own = append(h.own, namedListener{name, l})
	}
	return l, err
}

// take returns a listener of that name from the process before; nil is none.
func (h *handover) take(name string) *net.TCPListener {
	for i, b := range h.before {
		if tcp, ok := b.listener.(*net.TCPListener); ok && b.name == name {
			h.before = append(h.before[:i:i], h.before[i+1:]...)
			return tcp
		}
	}
	return nil
}

// control opens a listener of control connections.
func (h *handover) control(ctx context.Context, address string) (net.Listener, error) {
	l, err := h.listen("control "+address, ftpd.Pair, func() (net.Listener, error) { return ftpd.Listen(ctx, address) })
	if err != nil {
		return nil, &sites.Error{Op: "serve", Kind: sites.Other, Err: err}
	}
	return l, nil
}

// serves closes the listeners of the process before that this one does not want, and tells it
// that it is not needed any more; or tells the service manager, if this is the first process.
func (h *handover) serves(log *slog.Logger) error {
	for _, b := range h.before {
		_ = b.listener.Close() // nobody listens there from now on
	}
	h.before = nil
	if h.answer == nil {
		notify(log, "READY=1")
		return nil
	}
	if err := h.reply(taken); err != nil {
		return &sites.Error{Op: "serve", Kind: sites.Other, Err: fmt.Errorf("the process before this one: %w", err)}
	}
	return nil
}

// fails tells the process before why this one does not serve, if it still waits.
func (h *handover) fails(err error) {
	if err != nil {
		_ = h.reply(sites.Masked(err.Error())) // nor can it be told that it could not be told
	}
}

func (h *handover) reply(text string) error {
	if h.answer == nil {
		return nil
	}
	_, err := h.answer.WriteString(text)
	err = errors.Join(err, h.answer.Close())
	h.answer = nil
	return err
}

// notify tells the service manager something (sd_notify(3)), if one has started this
// process and wants to hear.
func notify(log *slog.Logger, text string) {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return
	}
	conn, err := net.Dial("unixgram", address)
	if err == nil {
		_, err = conn.Write([]byte(text))
		err = errors.Join(err, conn.Close())
	}
	if err != nil {
		log.Warn("service manager", "text", text, "error", err)
	}
}
