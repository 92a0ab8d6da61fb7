package main

import (
	"log/slog"
	"sync/atomic"
	"time"

	"rsexec/sites/ftpd"
)

// restart has a new process take the place of this one: perhaps of a new program, with new
// settings. Whoever was let in here goes on here.
type restart struct {
	handover *handover
	service  *ftpd.Service
	log      *slog.Logger
	cannot   string               // why there can be none; "" is that there can
	wait     func() time.Duration // how long the sessions may go on
	retire   func()               // lets nobody in any more

	successor atomic.Int64 // the process that serves; 0 is this one
	failed    atomic.Bool  // that one has ended, and should not have
}
