package ftp

import (
	"context"
	"runtime"
	"slices"

	"rsexec/sites"
)

// A Batch is what is sent in one piece.
type Batch struct {
	Events chan<- *Exchange // as Send has it
	Lines  []string
}

// packet is a batch as it goes out.
type packet struct {
	bytes []byte
	xs    []*Exchange
}

// transfers reports whether one of the commands is a transfer command.
func (p packet) transfers() bool { return slices.ContainsFunc(p.xs, (*Exchange).transfers) }

func (x *Exchange) transfers() bool { return isTransfer(x.Verb) }
func (x *Exchange) renames() bool   { return x.Verb == "RNTO" }

// Share has several goroutines use the session, each as if it were alone. Where the server
// needs that, nothing is written while a transfer goes on, or so much before one that the
// server could read it in several pieces: what is sent meanwhile waits for the end of the
// transfer. Ahead says why.
//
// What goes out in one piece may arrive in several, through some firewalls. So a session
// that is shared is closed at the first reply which cannot be the answer to the command
// that it would be taken for.
func (s *Session) Share(on bool) {
	held := on && !s.site.anytime()
	known := s.site.isKnown()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.strict, s.shared, s.stale = on, held, on && !known
}

// renamesAtOnce reports whether a rename goes out in one piece: over a shared connection,
// where nothing may come in between; and to a server that is known to forget an RNFR whose
// RNTO it refuses, as long as none was.
func (s *Session) renamesAtOnce() bool {
	known, ahead := s.site.isKnown(), false
	if known {
		ahead, _ = s.site.Ahead()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.strict || known && ahead && !s.unnamed
}

// dropRename closes a shared connection over which a rename was refused, unless its server
// is known to forget an RNFR then. It might give that file the name in the next RNTO, if
// the RNFR before that is refused.
func (c *Conn) dropRename(refusal error) {
	c.mu.Lock()
	stale := c.stale
	c.unnamed = true
	c.mu.Unlock()
	if stale {
		c.fail(&sites.Error{Site: c.site, Kind: sites.Unreachable, Msg: "the control connection was closed after a rename was refused", Err: refusal})
	}
}

// acceptances holds the codes by which some commands are accepted (RFC 959 section 5.4, RFC 2428,
// RFC 3659, draft-ietf-ftpext2-hash, draft-somers-ftp-mfxx).
var acceptances = map[string][]int{
	"RETR": {226, 250}, "STOR": {226, 250}, "PASV": {227}, "CPSV": {227}, "EPSV": {229}, "PORT": {200}, "EPRT": {200},
	"SIZE": {213}, "MDTM": {213, 253}, "MFMT": {213, 250, 253}, "MLST": {250}, "HASH": {213}, "RNFR": {350}, "RNTO": {250}, "DELE": {250},
}

// inStep reports whether a reply can be the answer to x. A server that refuses what comes
// in the middle of a transfer does so before it ends that, and with codes that a transfer
// may end with. mu is held.
func (c *Conn) inStep(x *Exchange, code int, outcome Outcome) bool {
	switch outcome {
	case Preliminary:
		return x.transfers()
	case Done, More:
		codes, known := acceptances[x.Verb]
		return !known || slices.Contains(codes, code)
	}
	return !c.shared || !x.transfers() || !x.began || len(c.queue) == 1
}

// SendTogether is Send for several batches that go out in one piece. It returns the
// exchanges of each.
func (c *Conn) SendTogether(ctx context.Context, batches ...Batch) ([][]*Exchange, error) {
	var p packet
	var all [][]*Exchange
	for _, b := range batches {
		before := len(p.xs)
		for _, line := range b.Lines {
			if sites.CheckPath(line) != nil {
				// Its own error would show the line, and that may hold a password.
				return nil, &sites.Error{Site: c.site, Kind: sites.Usage, Msg: "a command cannot hold CR, LF or NUL"}
			}
			x := c.newExchange(ctx, line, b.Events)
			begin := len(p.bytes)
			for i := range len(line) {
				if line[i] == iac {
					p.bytes = append(p.bytes, iac)
				}
				p.bytes = append(p.bytes, line[i])
			}
			p.bytes = append(p.bytes, '\r', '\n')
			x.size = len(p.bytes) - begin
			p.xs = append(p.xs, x)
		}
		all = append(all, p.xs[before:len(p.xs):len(p.xs)])
	}
	c.send.Lock()
	defer c.send.Unlock()
	if err := c.submit(p); err != nil {
		c.fail(err)
		return nil, c.Err()
	}
	return all, nil
}

// submit sends a packet, now or, where the connection is shared, when its turn comes.
// c.send is held.
func (c *Conn) submit(p packet) error {
	c.mu.Lock()
	if err := c.err; err != nil {
		c.mu.Unlock()
		return err
	}
	urgent := p.xs[0].Verb == "ABOR"
	if (c.shared || c.stale) && !urgent {
		c.held = append(c.held, p)
		c.mu.Unlock()
		return c.sendDue()
	}
	c.enqueue(p.xs...)
	c.mu.Unlock()
	return c.put(p)
}

// put writes a packet whose commands wait for their replies already; where the connection
// gathers, together with what others are about to send. c.send is held.
func (c *Conn) put(p packet) error {
	for _, x := range p.xs {
		x.trace.SawCommand(c.site, c.number, x.Line)
	}
	if !c.gathers {
		return c.write(p.bytes)
	}
	first := len(c.gathered) == 0
	if c.gathered = append(c.gathered, p.bytes...); !first {
		return nil // the first writes it as well
	}
	c.send.Unlock()
	runtime.Gosched() // to who can go on because of the same replies
	c.send.Lock()
	bytes := c.gathered
	c.gathered = nil
	return c.write(bytes)
}

// sendHeld sends what was held back, as far as its turn has come.
func (c *Conn) sendHeld() error {
	c.mu.Lock()
	none := len(c.held) == 0
	c.mu.Unlock()
	if none {
		return nil
	}
	c.send.Lock()
	defer c.send.Unlock()
	return c.sendDue()
}

// sendDue is sendHeld while c.send is held.
func (c *Conn) sendDue() error {
	var p packet
	c.mu.Lock()
	for len(c.held) > 0 && c.mayFollow(c.held[0]) {
		p.xs = append(p.xs, c.held[0].xs...)
		p.bytes = append(p.bytes, c.held[0].bytes...)
		c.enqueue(c.held[0].xs...)
		c.held = c.held[1:]
	}
	c.mu.Unlock()
	if len(p.xs) == 0 {
		return nil
	}
	return c.put(p)
}

// mayFollow reports whether a packet may be sent behind what is not answered yet. mu is
// held.
func (c *Conn) mayFollow(p packet) bool {
	before := 0
	renames := c.stale && slices.ContainsFunc(p.xs, (*Exchange).renames)
	for _, x := range c.queue {
		if x.transfers() || renames && x.renames() {
			return false
		}
		before += x.size
	}
	return before == 0 || !p.transfers() || before+len(p.bytes) <= MaxAhead
}

// unsent returns the commands that were held back. mu is held.
func (c *Conn) unsent() (xs []*Exchange) {
	for _, p := range c.held {
		xs = append(xs, p.xs...)
	}
	return xs
}
