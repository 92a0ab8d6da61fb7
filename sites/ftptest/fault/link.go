package fault

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A link is two connections whose bytes go from one to the other: to the client, or
// whoever comes in its place, and to the server.
type link struct {
	p       *Proxy
	number  int // among those of its kind
	client  *net.TCPConn
	server  *net.TCPConn
	stalled atomic.Bool // nothing is passed on any more
	once    sync.Once
	gone    chan struct{} // closed with the connections
}

func newLink(p *Proxy, number int, client, server *net.TCPConn) *link {
	return &link{p: p, number: number, client: client, server: server, gone: make(chan struct{})}
}

// run relays in both directions and returns when the link has ended.
func (l *link) run(up, down func()) {
	defer l.p.keep(l.cut)()
	var other sync.WaitGroup
	other.Go(up)
	down()
	other.Wait()
	l.cut()
}

// cut closes both connections.
func (l *link) cut() {
	l.once.Do(func() {
		close(l.gone)
		_ = l.client.Close() // of a connection that is gone nothing else is wanted
		_ = l.server.Close()
	})
}

// lose resets both connections.
func (l *link) lose() {
	l.once.Do(func() {
		close(l.gone)
		reset(l.client)
		reset(l.server)
	})
}

// stall has nothing passed on any more, and bounds the time in which that may last.
func (l *link) stall() {
	l.stalled.Store(true)
	end := time.Now().Add(l.p.stallTime)
	_ = l.client.SetDeadline(end) // both fail only on a link that has ended
	_ = l.server.SetDeadline(end)
}

// suffer performs a fault and reports whether the link goes on as before.
func (l *link) suffer(f Fault) bool {
	switch f.What {
	case Cut:
		l.cut()
	case Reset:
		l.arrive(l.client)
		l.arrive(l.server)
		l.lose()
	case Stall:
		l.stall()
	case Delay:
		pause(f.Delay, l.gone)
		return !l.stalled.Load()
	}
	return false
}

// arrive waits until what was written to conn has arrived there, which no event tells. One
// who reads nothing may keep it waiting for as long as a stall.
func (l *link) arrive(conn *net.TCPConn) {
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	end := time.NewTimer(l.p.stallTime)
	defer end.Stop()
	for unacknowledged(conn) > 0 {
		select {
		case <-look.C:
		case <-end.C:
			return
		case <-l.gone:
			return
		}
	}
}

// ended ends one direction: err is why nothing more comes, nil after an orderly end.
func (l *link) ended(to *net.TCPConn, err error) {
	if err != nil || l.stalled.Load() {
		l.lose()
		return
	}
	_ = to.CloseWrite() // if that side is gone, the other direction notices
}

// carry passes on one direction of a data connection.
func (l *link) carry(where Where, to, from *net.TCPConn) {
	var into io.Writer = to
	if l.p.pass != nil {
		into = &passage{to, l.p.pass, Piece{Where: where, Conn: l.number, Peer: unmapped(l.client.RemoteAddr()).Addr()}}
	}
	for passed := int64(0); ; {
		for _, f := range l.p.strike(moment{where: where, conn: l.number, byte: passed}) {
			switch {
			case f.What == Truncate:
				_ = to.CloseWrite() // a receiver that is gone needs no end
				_, err := io.Copy(io.Discard, from)
				if err != nil {
					l.lose()
				}
				return
			case l.suffer(f):
			case f.What == Stall:
				if !awaitLoss(from) {
					<-l.gone
				}
				l.lose()
				return
			default:
				return
			}
		}
		at, limited := l.p.next(where, l.number, passed)
		if !limited {
			_, err := io.Copy(into, from)
			l.ended(to, err)
			return
		}
		n, err := io.CopyN(into, from, at-passed)
		if passed += n; passed == at {
			continue
		}
		if err == io.EOF {
			err = nil
		}
		l.ended(to, err)
		return
	}
}

// passage tells what passes.
type passage struct {
	to    io.Writer
	pass  func(Piece)
	piece Piece
}

func (p *passage) Write(b []byte) (n int, err error) {
	for err == nil && n < len(b) {
		p.piece.Bytes = min(len(b)-n, 64<<10)
		p.pass(p.piece)
		var m int
		m, err = p.to.Write(b[n : n+p.piece.Bytes])
		n += m
	}
	return n, err
}
