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

	// MaxAhead is how many bytes one packet of commands may have where some are written
	// ahead. That much goes in one piece on every network, and servers read it at once.
	MaxAhead = 1024

	// preparedFor is how long a data connection that was prepared ahead is counted on:
	// servers and firewalls do not wait for ever.
	preparedFor = 30 * time.Second
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
// It has to be one packet, of no more than MaxAhead bytes. While a transfer goes on, ProFTPD and
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

// WriteAhead has the transfers of the session with this host, from now on, prepare the next
// one's data connection as well: PASV or EPSV goes in one packet with the transfer command,
// if Ahead allows that, and its reply comes with the end of the transfer. The next transfer
// then waits for nothing before it connects and sends its command.
//
// What Store is refused is told by Write or Commit then, since it does not wait for the
// first reply, which takes as long as all that follows. And the user's end of a data
// connection in the clear from which a file is read is closed at once: vsFTPd, ProFTPD and
// RSEXEC's own server would wait for that, once all is sent, before they answer. It ends
// with Put.
func (s *Session) WriteAhead(on bool) { s.ahead = on }

// sendTransfer sends a transfer command, and with it what prepares the next data connection
// if that is to be written ahead.
func (s *Session) sendTransfer(ctx context.Context, line string) (*Exchange, error) {
	lines := append(s.silence(), line)
	first := len(lines) - 1
	s.next = nil
	passive := s.dialect == Modern && (s.way == "PASV" || s.way == "EPSV")
	if ok, _ := s.site.Ahead(); s.ahead && ok && passive && 2*len(line)+len("\r\nPASV\r\n") <= MaxAhead { // IAC is doubled
		lines = append(lines, s.way)
	}
	xs, err := s.Send(ctx, nil, lines...)
	if err != nil {
		return nil, err
	}
	if len(xs) > first+1 {
		s.next = xs[first+1]
	}
	return xs[first], nil
}

// takeNext returns what makes the data connection that was prepared ahead; nil if there is
// none that can be counted on.
func (s *Session) takeNext(ctx context.Context) (connector, error) {
	x := s.next
	if s.next = nil; x == nil || !s.stillPrepares(x) {
		return nil, nil
	}
	if err := x.Wait(ctx); err != nil {
		return nil, err
	}
	connect, err := s.passive(x.Verb, x.reply)
	if x.Refusal() != nil || err != nil {
		return nil, nil // it is asked for again, and what is wrong told then
	}
	return connect, nil
}

// stillPrepares reports whether nothing has taken the place of what x prepares, and that is
// not too long ago.
func (c *Conn) stillPrepares(x *Exchange) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.latest == x && (x.turn.IsZero() || time.Since(x.turn) < preparedFor)
}

// relax ends what WriteAhead began, before others use the session.
func (s *Session) relax() {
	s.ahead = false
	if s.next != nil {
		s.next = nil
		s.Settle(s.grace()) // its reply is on its way
	}
}
