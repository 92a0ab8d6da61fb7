package ftp

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	// doubtful is how long a server that did not keep the order is not tried again.
	doubtful = 30 * 24 * time.Hour

	// maxAhead is how many bytes may be written before an answer. Servers read that much
	// at once; see Ahead.
	maxAhead = 1000
)

// orders tells servers by a word of their greetings, and whether they keep the order of
// what is written ahead, and of what is written while a transfer goes on: it was tried with
// each.
var orders = []struct {
	word, name     string
	keeps, anytime bool
}{
	{"pyftpdlib", "pyftpdlib", false, false}, // what prepares the next data connection closes the one in use
	{"vsFTPd", "vsFTPd", true, true},
	{"ProFTPD", "ProFTPD", true, false},
	{"Pure-FTPd", "Pure-FTPd", true, false},
	{"GNU inetutils", "GNU inetutils", true, true},
	{"RSEXEC site server", "RSEXEC's own server", true, true},
}

// order is what is known of a server's way with commands that are written ahead.
type order struct {
	mu       sync.Mutex
	greeted  bool
	greeting string
	proved   bool
	doubt    string // why it is not done; "" is none
	since    time.Time
}

// Ahead reports whether commands may be written to the site in one packet with others
// that are not answered yet, also with a RETR or STOR, and says in a clause why. A server
// that its greeting does not tell is trusted with it after Proved; after Doubt none is.
//
// It has to be one packet, of no more than 1000 bytes. While a transfer goes on, ProFTPD and
// Pure-FTPd look out for an ABOR and refuse at once what else they find, before they
// answer the transfer; what they have read together with its command waits for its end.
func (f *Site) Ahead() (ok bool, why string) {
	if f.Old() {
		return false, "a server of 1973 is told one thing at a time"
	}
	o := &f.order
	o.mu.Lock()
	defer o.mu.Unlock()
	name, keeps := o.judge()
	switch {
	case name != "" && !keeps:
		return false, name + " loses files that are written ahead of"
	case o.doubt != "":
		return false, fmt.Sprintf("%s, on %s", o.doubt, o.since.Local().Format(time.DateOnly))
	case keeps:
		return true, name + " keeps the order of what is written ahead"
	case o.proved:
		return true, "a transfer went well"
	}
	return false, "not tried yet"
}

// judge tells the server by its greeting. o.mu is held.
func (o *order) judge() (name string, keeps bool) {
	for _, known := range orders {
		if strings.Contains(o.greeting, known.word) {
			return known.name, known.keeps
		}
	}
	return "", false
}

// Proved has commands written ahead to a server that its greeting does not tell. It is
// called after a transfer, without that, whose result was checked.
func (f *Site) Proved() {
	f.order.mu.Lock()
	defer f.order.mu.Unlock()
	f.order.proved = true
}

// Doubt has no commands written ahead to the site any more, because of what came of that:
// a clause that says what it did, such as "it lost the connection". That holds as long as
// the program runs and, for a server that its greeting does not tell, for 30 days.
func (f *Site) Doubt(why string) {
	o := &f.order
	o.mu.Lock()
	again := o.doubt != ""
	if !again {
		o.doubt, o.since = why, time.Now()
	}
	name, _ := o.judge()
	o.mu.Unlock()
	if memory := f.options.Memory; memory != nil && !again && name == "" {
		// Where it cannot be kept, the next program finds it out again.
		_ = memory.Doubt(context.Background(), f.config.Address(), why)
	}
}

// greeted takes note of a greeting, and of what is remembered of a server that it does
// not tell.
func (f *Site) greeted(ctx context.Context, greeting string) {
	o := &f.order
	o.mu.Lock()
	first := !o.greeted
	o.greeted, o.greeting = true, greeting
	name, _ := o.judge()
	o.mu.Unlock()
	if f.options.Memory == nil || name != "" || !first {
		return
	}
	why, since, err := f.options.Memory.Doubted(ctx, f.config.Address())
	if err != nil {
		why, since = "what is remembered of it could not be read", time.Now()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.doubt == "" && time.Since(since) < doubtful {
		o.doubt, o.since = why, since
	}
}

// anytime reports whether the server keeps the order also of what is written while a
// transfer goes on.
func (f *Site) anytime() bool {
	f.order.mu.Lock()
	defer f.order.mu.Unlock()
	for _, known := range orders {
		if known.anytime && strings.Contains(f.order.greeting, known.word) {
			return true
		}
	}
	return false
}

// isKnown reports whether the server is one that was tried.
func (f *Site) isKnown() bool {
	f.order.mu.Lock()
	defer f.order.mu.Unlock()
	name, _ := f.order.judge()
	return name != ""
}
