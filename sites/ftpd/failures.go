package ftpd

import (
	"sync"
	"time"
)

const (
	maxFailing   = 10_000 // hosts whose wrong passwords are remembered
	longestDelay = 10     // in units of Limits.LoginDelay
	glance       = 16     // hosts that are looked at to forget one
)

// failures are the wrong passwords that came from each host lately. A right password
// takes none of them back: whoever has an account could else guess at the others', with
// a login of their own in between.
type failures struct {
	mu    sync.Mutex
	hosts map[host]failing // at most maxFailing
}

// failing is a host from which wrong passwords came.
type failing struct {
	count     int
	forgotten time.Time // when all of it is over
}

// lockedOut says whether nobody at h may log in.
func (f *failures) lockedOut(l Limits, h host, now time.Time) bool {
	if l.LoginFailures == 0 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	at, ok := f.hosts[h]
	return ok && at.count >= l.LoginFailures && now.Before(at.forgotten)
}

// add counts a wrong password from h and returns how long the reply is to be held back.
func (f *failures) add(l Limits, h host, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, ok := f.hosts[h]
	if !ok || !now.Before(at.forgotten) {
		at = failing{forgotten: now.Add(l.FailureWindow)}
	}
	at.count++
	if at.count == l.LoginFailures {
		at.forgotten = now.Add(l.FailureWindow)
	}
	if f.hosts == nil {
		f.hosts = make(map[host]failing)
	}
	if !ok {
		f.forget(now)
	}
	f.hosts[h] = at
	return delay(l, at.count)
}

// delay is that of the reply to the nth wrong password: none, and then 1, 2, 4, 8, and
// at most 10 times LoginDelay.
func delay(l Limits, n int) time.Duration {
	switch {
	case n < 2:
		return 0
	case n-2 > 3:
		return longestDelay * l.LoginDelay
	}
	return 1 << (n - 2) * l.LoginDelay
}

// forget makes room for another host. Of a few that the map happens to come up with it
// drops those whose time is over; if there are too many, also the one with the fewest
// failures, and of these the one whose time is over soonest. So a flood from many hosts
// does not lift the lock-out of others.
func (f *failures) forget(now time.Time) {
	var least host
	var of failing
	looked := 0
	for h, at := range f.hosts {
		if !now.Before(at.forgotten) {
			delete(f.hosts, h)
			continue
		}
		if looked == 0 || at.count < of.count || at.count == of.count && at.forgotten.Before(of.forgotten) {
			least, of = h, at
		}
		if looked++; looked == glance {
			break
		}
	}
	if len(f.hosts) >= maxFailing {
		delete(f.hosts, least)
	}
}
