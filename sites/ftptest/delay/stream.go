package delay

import (
	"errors"
	"io"
	"math"
	"sync"
	"time"
)

// A side is a connection of ours to one of the two hosts.
type side interface {
	io.ReadWriteCloser
	CloseWrite() error
	SetLinger(seconds int) error // 0: that it is closed is seen as a loss
}

// A stream is what one end of a connection says to the other. One goroutine takes it in and
// one hands it over; what is between is on the way.
type stream struct {
	n     *Network
	from  side
	links [2]*link  // that it passes: of the sender and of the receiver; nil lets anything pass
	since time.Time // nothing was sent before
	last  time.Time // when something was; only who sends has it

	gone   <-chan struct{} // closed when the connection is over
	came   chan struct{}   // has one when something is on the way that was not
	shrunk chan struct{}   // has one when an acknowledgement is on its way that was not

	mu     sync.Mutex
	way    []parcel
	acks   []ack
	flying int // bytes sent and not acknowledged
	window int // how many may be
}

// A parcel is what is on the way.
type parcel struct {
	sent   time.Time // not before that moment
	due    time.Time
	bytes  []byte
	over   func() // called when the bytes have been handed over; may be nil
	before func() // called right before that; may be nil
	end    fate   // what becomes of the connection behind the bytes
}

// A fate is what becomes of one direction of a connection.
type fate int

const (
	goesOn fate = iota
	ends        // there is nothing more in this direction
	isLost
)

// An ack is an acknowledgement of bytes, on its way to the sender.
type ack struct {
	due   time.Time
	bytes int
}

func (n *Network) stream(from side, links [2]*link, since time.Time, gone <-chan struct{}) *stream {
	return &stream{n: n, from: from, links: links, since: since, gone: gone, came: make(chan struct{}, 1),
		shrunk: make(chan struct{}, 1), window: min(firstWindow, n.window)}
}

// send has bytes, or an end, leave now, or when they count as sent.
func (s *stream) send(p parcel) {
	at := time.Now()
	for _, early := range []time.Time{s.since, p.sent, s.last} {
		if at.Before(early) {
			at = early
		}
	}
	s.last = at
	at = s.links[0].pass(len(p.bytes), at)
	p.due = s.links[1].pass(len(p.bytes), at.Add(s.n.delay))
	s.mu.Lock()
	s.way = append(s.way, p)
	s.flying += len(p.bytes)
	s.mu.Unlock()
	wake(s.came)
}

// take reads what is said, as the window and the links allow, until it ends, and returns how
// it does. Each piece goes to said, with what is to be called when it is not needed any more.
func (s *stream) take(said func(b []byte, over func())) fate {
	timer := newTimer()
	for {
		room, ok := s.room(timer)
		if !ok {
			return isLost
		}
		buffer := s.n.buffers.Get().(*[chunk]byte)
		read, err := s.from.Read(buffer[:min(room, s.links[0].portion(), s.links[1].portion())])
		if read > 0 {
			said(buffer[:read], func() { s.n.buffers.Put(buffer) })
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return ends
		default:
			return isLost
		}
	}
}

// room waits until something may be sent, and returns how much.
func (s *stream) room(timer *time.Timer) (bytes int, ok bool) {
	for {
		now := time.Now()
		if full := max(s.links[0].full(now), s.links[1].full(now.Add(s.n.delay))); full > 0 {
			if !pause(timer, full, nil, s.gone) {
				return 0, false
			}
			continue
		}
		s.mu.Lock()
		for len(s.acks) > 0 && !s.acks[0].due.After(now) {
			s.flying -= s.acks[0].bytes
			s.window = min(s.window+s.acks[0].bytes, s.n.window)
			s.acks = s.acks[1:]
		}
		bytes = s.window - s.flying
		if bytes < min(chunk, s.window/2) {
			bytes = 0 // small pieces would be many
		}
		next := forever // an acknowledgement will come when bytes have arrived
		if len(s.acks) > 0 {
			next = s.acks[0].due.Sub(now)
		}
		s.mu.Unlock()
		if bytes > 0 {
			return bytes, true
		}
		if !pause(timer, next, s.shrunk, s.gone) {
			return 0, false
		}
	}
}

// hand hands over what is on the way, each when it is due, until the end, and returns what
// that is.
func (s *stream) hand(to side) fate {
	timer := newTimer()
	for {
		p, ok := s.next(timer)
		if !ok {
			return isLost
		}
		if p.before != nil {
			p.before()
		}
		if len(p.bytes) > 0 {
			_, err := to.Write(p.bytes)
			if p.over != nil {
				p.over()
			}
			now := time.Now()
			if err != nil {
				// That the receiver is gone takes its way too.
				pause(timer, s.n.delay, nil, s.gone)
				return isLost
			}
			s.mu.Lock()
			s.acks = append(s.acks, ack{now.Add(s.n.delay), len(p.bytes)})
			s.mu.Unlock()
			wake(s.shrunk)
		}
		if p.end == ends {
			_ = to.CloseWrite() // if that side is gone, the other direction notices
		}
		if p.end != goesOn {
			return p.end
		}
	}
}

// next waits for the next parcel and until it is due.
func (s *stream) next(timer *time.Timer) (p parcel, ok bool) {
	for {
		s.mu.Lock()
		any := len(s.way) > 0
		if any {
			p, s.way[0], s.way = s.way[0], parcel{}, s.way[1:]
		}
		s.mu.Unlock()
		if any {
			return p, pause(timer, time.Until(p.due), nil, s.gone)
		}
		if !pause(timer, forever, s.came, s.gone) {
			return p, false
		}
	}
}

// wake puts one into a channel that may have one already.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func newTimer() *time.Timer {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return timer
}

// forever is for pause.
const forever = time.Duration(math.MaxInt64)

// pause waits for a time, or until it is woken. It reports whether the connection is not
// over.
func pause(timer *time.Timer, d time.Duration, woken, gone <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	if d < forever {
		timer.Reset(d)
		defer timer.Stop()
	}
	select {
	case <-timer.C:
		return true
	case <-woken:
		return true
	case <-gone:
		return false
	}
}
