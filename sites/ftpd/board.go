package ftpd

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Status is what a service does, and has done.
type Status struct {
	Sessions []SessionStatus // the oldest first
	Counts   Counts
	Roots    []RootStatus // those of users who have a quota, as far as they have been looked at
}

// RootStatus is what there is below the root of users.
type RootStatus struct {
	Root string
	Used int64 // bytes
}

// SessionStatus is what a session does.
type SessionStatus struct {
	ID       int // as in the log
	Remote   netip.AddrPort
	User     string // "" is nobody yet
	TLS      bool   // of the control connection
	Since    time.Time
	Transfer *TransferStatus // nil: none is under way
}

// TransferStatus is how far a transfer, a copy or a digest is.
type TransferStatus struct {
	Verb, Path string
	Peer       netip.AddrPort // the other end of the data connection; invalid if there is none
	Bytes      int64
	Since      time.Time
}

// Counts are what there has been since the service began.
type Counts struct {
	Sessions, TurnedAway     int64 // connections that got a session, and that did not
	Logins, FailedLogins     int64
	Transfers, Failed        int64 // over data connections: those that came to an end, and those of them that failed
	BytesSent, BytesReceived int64 // by those that are over, and those that are under way
}

// board is where the sessions show what they do. It guards itself; a session writes on
// it when something begins or ends, and who looks reads how far that is.
type board struct {
	mu       sync.Mutex
	sessions map[int]*notice
	counts   Counts
}

// notice is that of one session.
type notice struct {
	SessionStatus
	running *transfer
	began   time.Time
}

// arrive puts up the notice of a session.
func (b *board) arrive(id int, remote netip.AddrPort) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sessions == nil {
		b.sessions = make(map[int]*notice)
	}
	b.counts.Sessions++
	b.sessions[id] = &notice{SessionStatus: SessionStatus{ID: id, Remote: remote, Since: time.Now()}}
}

// leave takes it down.
func (b *board) leave(id int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.sessions, id)
}

// change changes what the notice of a session says, or the counts.
func (b *board) change(id int, change func(*notice, *Counts)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := b.sessions[id]; n != nil {
		change(n, &b.counts)
	}
}

// turnAway counts a connection that got no session.
func (b *board) turnAway() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts.TurnedAway++
}

// Status tells what the service does at the moment.
func (v *Service) Status() Status {
	b := &v.board
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Status{Counts: b.counts, Roots: v.accounts.usage()}
	for _, n := range b.sessions {
		shown := n.SessionStatus
		if t := n.running; t != nil {
			bytes := t.bytes.Load()
			t.count(&s.Counts, bytes)
			shown.Transfer = &TransferStatus{Verb: t.verb, Path: t.path, Bytes: bytes, Since: n.began}
			if peer := t.peer.Load(); peer != nil {
				shown.Transfer.Peer = *peer
			}
		}
		s.Sessions = append(s.Sessions, shown)
	}
	slices.SortFunc(s.Sessions, func(a, b SessionStatus) int { return cmp.Compare(a.ID, b.ID) })
	return s
}

// count adds bytes of a data connection to the counts.
func (t *transfer) count(c *Counts, bytes int64) {
	switch t.payload.(type) {
	case nil: // a digest or a copy, which nobody is sent
	case *fileSink:
		c.BytesReceived += bytes
	default:
		c.BytesSent += bytes
	}
}
