package delay

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"rsexec/sites/ftptest/wire"
)

// A dialogue is a control connection.
type dialogue struct {
	*connection
	door *net.TCPListener // for the next data connection; only the goroutine of the replies has it

	mu      sync.Mutex
	said    int  // commands
	waiting int  // of these, and of the greeting, those whose final reply is not at the client
	heard   bool // the client has said nothing yet, or got something since its last command

	// active are when the server is to connect, and when it has, in order: from the last that
	// the reply which is passed on has to do with.
	active []*appointment
	busy   time.Time // the latest moment until which it waits
}

// An appointment is that a server is to connect to a door. It can do nothing else until it is
// connected. As it has that at once from us, what it does in the meantime counts as done
// later.
type appointment struct {
	d       *dialogue     // in which it was told to
	command int           // that has it connect, the first is 1; its replies come later
	set     bool          // that command has come: a transfer
	met     chan struct{} // closed when it has connected
	until   time.Time     // it waits, once it has
}

// control relays a control connection.
func (p *Proxy) control(near side, dial func() (side, error)) {
	p.mu.Lock()
	p.sessions++
	p.counts.Sessions = max(p.counts.Sessions, p.sessions)
	p.mu.Unlock()
	d := &dialogue{connection: p.connection(near, time.Now(), true), waiting: 1, heard: true}
	d.run(dial, d.commands, d.replies)
	if d.door != nil {
		_ = d.door.Close() // nobody came, or it is closed
	}
	p.mu.Lock()
	p.sessions--
	p.mu.Unlock()
}

// commands passes on what the client says, as it comes, and counts it.
func (d *dialogue) commands() fate {
	var begun []byte // a line without its end
	return d.there.take(func(b []byte, over func()) {
		begun = append(begun, b...)
		for {
			line, rest, ended := bytes.Cut(begun, []byte("\n"))
			if !ended {
				break
			}
			d.command(string(line))
			begun = rest
		}
		d.there.send(parcel{bytes: b, over: over})
	})
}

// command counts a command.
func (d *dialogue) command(line string) {
	verb, arg, _ := strings.Cut(strings.TrimRight(line, "\r"), " ")
	verb = strings.ToUpper(strings.TrimLeft(verb, "\xf2\xf4\xff")) // what goes before ABOR (RFC 959 section 4.1.3)
	var named netip.AddrPort
	switch verb {
	case "PORT":
		named = wire.ParseHostPort(arg)
	case "EPRT":
		named = wire.ParseExtended(arg)
	}
	if named.IsValid() && !d.p.n.passes(named.Addr()) {
		d.p.n.failed("%s: a data connection to %s would not be delayed", d.p.Addr(), named)
	}
	d.mu.Lock()
	waited, heard := d.waiting == 0, d.heard
	d.waiting++
	d.said++
	d.heard = false
	switch {
	case named.IsValid():
		a := &appointment{d: d, command: d.said, met: make(chan struct{})}
		d.active = append(d.active, a)
		d.p.n.appoint(named, a)
	case len(d.active) > 0 && wire.IsTransfer(verb):
		if a := d.active[len(d.active)-1]; !a.set {
			a.command, a.set = d.said, true
		}
	case len(d.active) > 0 && (verb == "PASV" || verb == "EPSV"):
		if last := len(d.active) - 1; !d.active[last].set {
			d.active = d.active[:last] // it was refused
		}
	}
	d.mu.Unlock()
	d.p.count(func(c *Counts) {
		c.Commands[verb]++
		if heard {
			c.Bursts++
		}
		if waited {
			c.Turns[verb]++
		}
	})
}

// replies passes on what the server says, line by line.
func (d *dialogue) replies() fate {
	var begun []byte // a line without its end
	last := ""       // how the last line of a reply of several begins
	answered := 0    // the command that the next reply is for; 0 is none, but to connect
	end := d.back.take(func(b []byte, over func()) {
		begun = append(begun, b...)
		over()
		var lines []byte
		var sent time.Time // when these lines count as sent; 0 is now
		finals := 0
		for {
			at := bytes.IndexByte(begun, '\n') + 1
			if at == 0 {
				break
			}
			line := string(begun[:at])
			begun = begun[at:]
			code, more, ok := wire.ParseReply(line)
			a := d.appointment(answered)
			if a != nil && a.command == answered && last == "" && ok && code < 300 {
				d.answer(lines, finals, sent)
				lines, finals = nil, 0
				d.expect(a)
			}
			if when := d.sent(a); when != sent {
				d.answer(lines, finals, sent)
				lines, finals, sent = nil, 0, when
			}
			switch {
			case last != "" && strings.HasPrefix(line, last):
				last = ""
			case last != "" || !ok:
				lines = append(lines, line...)
				continue
			case more:
				last = line[:3] + " "
			}
			if last == "" && code >= 200 {
				finals++
				answered++
			}
			lines = append(lines, d.divert(code, line)...)
		}
		d.answer(lines, finals, sent)
	})
	d.answer(begun, 0, time.Time{})
	return end
}

// answer has lines of replies go to the client, of which so many are the last of what
// answers a command.
func (d *dialogue) answer(lines []byte, finals int, sent time.Time) {
	if len(lines) == 0 {
		return
	}
	d.back.send(parcel{bytes: lines, sent: sent, before: func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.heard = true
		d.waiting = max(0, d.waiting-finals)
	}})
}

// appointment returns the last one that a reply to a command comes behind; nil is none.
func (d *dialogue) appointment(command int) (last *appointment) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.active) > 0 && d.active[0].command <= command {
		last, d.active = d.active[0], d.active[1:]
	}
	if last != nil {
		d.active = append([]*appointment{last}, d.active...)
	}
	return last
}

// expect waits until a server has connected that begins to reply: it has, as far as it sees,
// and we shall know at once. One that replies before it connects is not waited for.
func (d *dialogue) expect(a *appointment) {
	if d.p.n.delay == 0 || !a.set {
		return
	}
	timer := time.NewTimer(knock)
	defer timer.Stop()
	select {
	case <-a.met:
	case <-timer.C:
	case <-d.gone:
	}
}

// sent returns when a reply behind an appointment counts as sent; 0 is now.
func (d *dialogue) sent(a *appointment) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a != nil && a.until.After(time.Now()) {
		return a.until
	}
	return time.Time{}
}

// connects has the server connect to a door now, and returns when it counts as doing so: it
// may be waiting for another connection.
func (a *appointment) connects() (begun time.Time) {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	begun = time.Now()
	if begun.Before(a.d.busy) {
		begun = a.d.busy
	}
	a.until = begun.Add(2 * a.d.p.n.delay)
	a.d.busy = a.until
	close(a.met)
	return begun
}

// divert returns a line of a reply with the address of a door of the proxy's in the place of
// the server's.
func (d *dialogue) divert(code int, line string) string {
	at, port := wire.FindPassive(code, line)
	if port == 0 {
		return line
	}
	if d.door != nil {
		_ = d.door.Close() // nobody came, or it is closed
	}
	var err error
	if d.door, err = d.p.listen(); err != nil {
		d.p.n.failed("%v", err)
		d.lose()
		return line
	}
	door, to := d.door, netip.AddrPortFrom(d.p.server.Addr(), port)
	d.p.n.all.Go(func() { d.p.data(door, to) })
	return line[:at[0]] + wire.FormatPassive(code, unmapped(door.Addr())) + line[at[1]:]
}

// data lets one data connection in, and relays it.
func (p *Proxy) data(door *net.TCPListener, to netip.AddrPort) {
	forget := p.n.keep(door)
	near, err := door.AcceptTCP()
	began := time.Now()
	_ = door.Close() // its only effect of interest is that nobody else comes in
	forget()
	a := p.n.keepAppointment(unmapped(door.Addr()))
	if err != nil {
		if !errors.Is(err, net.ErrClosed) {
			p.n.failed("%v", err)
		}
		return
	}
	user := !p.n.isSite(unmapped(near.RemoteAddr()).Addr())
	if a != nil && !user {
		began = a.connects()
	}
	p.carry(near, began, user, p.dial(to))
}

// carry relays a data connection that the user or another site began.
func (p *Proxy) carry(near side, began time.Time, user bool, dial func() (side, error)) {
	p.count(func(c *Counts) {
		if user {
			c.UserData++
		} else {
			c.SiteData++
		}
	})
	c := p.connection(near, began, user)
	direction := func(s *stream, add func(*Counts, int64)) func() fate {
		return func() fate {
			return s.take(func(b []byte, over func()) {
				p.count(func(c *Counts) { add(c, int64(len(b))) })
				s.send(parcel{bytes: b, over: over})
			})
		}
	}
	there, back := func(c *Counts, n int64) { c.FromUser += n }, func(c *Counts, n int64) { c.ToUser += n }
	if !user {
		there = func(c *Counts, n int64) { c.Between += n }
		back = there
	}
	c.run(dial, direction(c.there, there), direction(c.back, back))
}
