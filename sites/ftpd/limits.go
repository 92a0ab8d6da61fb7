package ftpd

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// Limits bound what users can take of a server. In each field 0 is the default and a
// negative value is no limit. A host is an IPv4 address, or an IPv6 network of 64 bits,
// which is what one host may have of addresses.
type Limits struct {
	Sessions        int // control connections at a time, logged in or not; 500
	SessionsPerHost int // of one host; 50
	SessionsPerUser int // that are logged in as one user; no limit

	// LoginTime is from the connection, or the end of a login, to the next login,
	// whatever is said meanwhile; 1 minute.
	LoginTime time.Duration

	// TransferTime is how long one transfer may take; no limit.
	TransferTime time.Duration

	// LoginDelay is how long the reply to the second wrong password from a host is
	// held back. It doubles with each further one, up to ten times as long; 1 second.
	LoginDelay time.Duration

	// LoginFailures are the wrong passwords from a host within FailureWindow that lock
	// it out for a FailureWindow; 20, and 10 minutes. Sessions of the host that are
	// logged in go on, but nobody else there can log in: with an exception for them,
	// whoever has one account could guess at the others without end.
	LoginFailures int
	FailureWindow time.Duration
}

// orElse is what a field of Limits says: its default, or 0 for no limit.
func orElse[T int | time.Duration](field, otherwise T) T {
	switch {
	case field == 0:
		return otherwise
	case field < 0:
		return 0
	}
	return field
}

// resolved is l with the defaults in place, and 0 for no limit.
func (l Limits) resolved() Limits {
	return Limits{
		Sessions:        orElse(l.Sessions, 500),
		SessionsPerHost: orElse(l.SessionsPerHost, 50),
		SessionsPerUser: orElse(l.SessionsPerUser, 0),
		LoginTime:       orElse(l.LoginTime, time.Minute),
		TransferTime:    orElse(l.TransferTime, 0),
		LoginDelay:      orElse(l.LoginDelay, time.Second),
		LoginFailures:   orElse(l.LoginFailures, 20),
		FailureWindow:   orElse(l.FailureWindow, 10*time.Minute),
	}
}

// host is what counts as one host: an IPv4 address or an IPv6 /64.
type host struct{ netip.Prefix }

func hostOf(a netip.Addr) host {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // has no error: bits fits the family
	return host{p}
}

// census counts the sessions there are.
type census struct {
	mu    sync.Mutex
	all   int
	hosts map[host]int
	users map[string]int
}

// enter counts a session from h, if there may be another; else it says why not.
func (c *census) enter(l Limits, h host) (refusal outcome, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case l.Sessions > 0 && c.all >= l.Sessions:
		return tooManySessions, false
	case l.SessionsPerHost > 0 && c.hosts[h] >= l.SessionsPerHost:
		return tooManyOfHost, false
	}
	if c.hosts == nil {
		c.hosts = make(map[host]int)
	}
	c.all++
	c.hosts[h]++
	return 0, true
}

// leave takes back an enter.
func (c *census) leave(h host) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	lower(c.hosts, h)
}

// login counts a session of that user, of whom there may be so many; 0 is no limit.
func (c *census) login(user string, most int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if most > 0 && c.users[user] >= most {
		return false
	}
	if c.users == nil {
		c.users = make(map[string]int)
	}
	c.users[user]++
	return true
}

// logout takes back a login.
func (c *census) logout(user string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lower(c.users, user)
}

// lower takes one from a count; none is no entry.
func lower[K comparable](counts map[K]int, k K) {
	if counts[k]--; counts[k] <= 0 {
		delete(counts, k)
	}
}

// door is what a connection has to get through before it is a session. It belongs to the
// goroutine that accepts.
type door struct {
	svc    *settings
	closed map[outcome][]byte // what is said to those who are turned away; nil: nothing

	unsaid int // were turned away and are not in the log
	said   time.Time
}

// turnAwayTime is for the write to somebody who is turned away, which has an empty
// buffer to go to.
const turnAwayTime = 10 * time.Millisecond

func (svc *settings) newDoor() *door {
	d := &door{svc: svc}
	if svc.implicit {
		return d // whoever waits for a handshake understands no reply
	}
	d.closed = map[outcome][]byte{
		tooManySessions: svc.closing(tooManySessions, svc.limits.Sessions),
		tooManyOfHost:   svc.closing(tooManyOfHost, svc.limits.SessionsPerHost),
		lockedOut:       svc.closing(lockedOut),
	}
	return d
}

// admit counts a connection from h as a session; or says why not, and closes it. So
// there is nothing of those beyond a limit for longer than it takes to say so.
func (d *door) admit(conn net.Conn, h host) bool {
	refusal, ok := lockedOut, false
	if !d.svc.failures.lockedOut(d.svc.limits, h, time.Now()) {
		refusal, ok = d.svc.census.enter(d.svc.limits, h)
	}
	if ok {
		return true
	}
	// Who does not get the reply is turned away all the same.
	_ = conn.SetWriteDeadline(time.Now().Add(turnAwayTime))
	_, _ = conn.Write(d.closed[refusal])
	_ = conn.Close()
	d.svc.board.turnAway()
	d.record(h, refusal)
	return false
}

// record logs that a connection was turned away, once a second: a flood of connections
// is to be no flood of records.
func (d *door) record(h host, why outcome) {
	d.unsaid++
	if now := time.Now(); now.Sub(d.said) >= time.Second {
		d.svc.log.Warn("turned away", "host", h.String(), "reason", replies[why].text, "connections", d.unsaid)
		d.said, d.unsaid = now, 0
	}
}
