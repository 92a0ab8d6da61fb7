package delay

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"

	"rsexec/sites/ftptest/wire"
)

// A dialogue is a control connection.
type dialogue struct {
	*connection
	door *net.TCPListener // for the next data connection; only the goroutine of the replies has it

	mu      sync.Mutex
	waiting int  // commands, and the greeting, whose final reply is not at the client
	heard   bool // the client has said nothing yet, or got something since its last command
}

// control relays a control connection.
func (p *Proxy) control(near side, dial func() (side, error)) {
	p.mu.Lock()
	p.sessions++
	p.counts.Sessions = max(p.counts.Sessions, p.sessions)
	p.mu.Unlock()
	d := &dialogue{connection: p.connection(near, true), waiting: 1, heard: true}
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
	d.heard = false
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
	end := d.back.take(func(b []byte, over func()) {
		begun = append(begun, b...)
		over()
		var lines []byte
		finals := 0
		for {
			at := bytes.IndexByte(begun, '\n') + 1
			if at == 0 {
				break
			}
			line := string(begun[:at])
			begun = begun[at:]
			code, more, ok := wire.ParseReply(line)
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
			}
			lines = append(lines, d.divert(code, line)...)
		}
		d.answer(lines, finals)
	})
	d.answer(begun, 0)
	return end
}

// answer has lines of replies go to the client, of which so many are the last of what
// answers a command.
func (d *dialogue) answer(lines []byte, finals int) {
	if len(lines) == 0 {
		return
	}
	d.back.send(parcel{bytes: lines, before: func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.heard = true
		d.waiting = max(0, d.waiting-finals)
	}})
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
	_ = door.Close() // its only effect of interest is that nobody else comes in
	forget()
	if err != nil {
		if !errors.Is(err, net.ErrClosed) {
			p.n.failed("%v", err)
		}
		return
	}
	p.carry(near, !p.n.isSite(unmapped(near.RemoteAddr()).Addr()), p.dial(to))
}

// carry relays a data connection that came in from the user or from another site.
func (p *Proxy) carry(near side, user bool, dial func() (side, error)) {
	p.count(func(c *Counts) {
		if user {
			c.UserData++
		} else {
			c.SiteData++
		}
	})
	c := p.connection(near, user)
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
