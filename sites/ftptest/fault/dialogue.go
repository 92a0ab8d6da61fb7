package fault

import (
	"bufio"
	"io"
	"net/netip"
	"strings"
	"sync"

	"rsexec/sites/ftptest/wire"
)

// A dialogue is a control connection. One goroutine passes commands on and one replies.
type dialogue struct {
	*link
	host netip.Addr // of the client

	// The reply that is being passed on. Only the goroutine of the replies has these.
	answered command // what it answers
	code     int
	last     string // how its last line begins; "" between two replies

	mu        sync.Mutex
	waiting   []command // whose final reply has not come
	old       bool      // the server speaks as in 1973
	door      *door     // for the next data connection; nil if none was opened
	listening *door     // what LSTN opened, if nothing has used or replaced it
}

// A command is one that was passed on.
type command struct {
	verb  string
	begun bool  // a preliminary reply has come
	met   *door // of SOCK after LSTN: where the other end comes in
}

// commands passes on what the client says.
func (d *dialogue) commands() {
	in := bufio.NewReader(d.client)
	for {
		line, err := in.ReadString('\n')
		if line != "" && !d.stalled.Load() {
			d.command(line)
		}
		if err != nil {
			d.ended(d.server, orderly(err))
			return
		}
	}
}

// replies passes on what the server says.
func (d *dialogue) replies() {
	in := bufio.NewReader(d.server)
	for {
		line, err := in.ReadString('\n')
		if line != "" && !d.stalled.Load() {
			d.reply(line)
		}
		if err != nil {
			d.ended(d.client, orderly(err))
			return
		}
	}
}

func orderly(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// at has the faults of a moment happen, and reports whether the link goes on.
func (d *dialogue) at(where Where, verb string) bool {
	for _, f := range d.p.strike(moment{where: where, conn: d.number, verb: verb}) {
		if !d.suffer(f) {
			return false
		}
	}
	return true
}

// say writes to one of the sides.
func (d *dialogue) say(to io.Writer, text string) {
	if _, err := io.WriteString(to, text); err != nil {
		d.lose()
	}
}

// command passes on one command.
func (d *dialogue) command(line string) {
	verb, arg, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
	c := command{verb: strings.ToUpper(verb)}
	if !d.at(Command, c.verb) {
		return
	}
	if changed := d.redirect(&c, strings.TrimSpace(arg)); changed != "" {
		line = verb + " " + changed + "\r\n"
	}
	d.expect(c)
	d.say(d.server, line)
}

// expect has the replies to c counted as such.
func (d *dialogue) expect(c command) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.verb == "NOOP" && len(d.waiting) == 1 && d.waiting[0].verb == "ABOR" {
		d.waiting = nil // the server had one reply for the transfer and for ABOR
	}
	if wire.IsTransfer(c.verb) || c.verb == "PORT" || c.verb == "EPRT" {
		d.listening = nil
	}
	d.waiting = append(d.waiting, c)
}

// reply passes on one line of a reply.
func (d *dialogue) reply(line string) {
	if d.last != "" {
		if strings.HasPrefix(line, d.last) {
			d.last = ""
		}
		d.say(d.client, d.divert(line))
		return
	}
	code, more, ok := wire.ParseReply(line)
	if !ok {
		d.say(d.client, line)
		return
	}
	if more {
		d.last = line[:3] + " "
	}
	d.code = code
	var final bool
	if d.answered, final = d.answer(code); d.answered.verb == "" {
		d.say(d.client, line) // nobody asked for it
		return
	}
	verb := d.answered.verb
	if !d.answered.begun && !d.at(Begin, verb) || final && !d.at(Reply, verb) {
		return
	}
	line = d.divert(line)
	if !final {
		d.say(d.client, line)
		return
	}
	faults := d.p.strike(moment{where: Within, conn: d.number, verb: verb})
	if len(faults) > 0 {
		half := len(line) / 2
		d.say(d.client, line[:half])
		line = line[half:]
	}
	for _, f := range faults {
		if !d.suffer(f) {
			return
		}
	}
	d.say(d.client, line)
}

// answer returns the command that a reply answers, as it was before, and whether the reply
// is its final one. There is no command if nobody asked.
func (d *dialogue) answer(code int) (c command, final bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) == 0 {
		return command{}, false
	}
	c = d.waiting[0]
	if c.verb == Greeting && code == 300 || c.verb == "USER" && code == 330 {
		d.old = true
	}
	if code < 200 || d.old && wire.IsTransfer(c.verb) && (code == 250 || code == 255) {
		d.waiting[0].begun = true
		return c, false
	}
	d.waiting = d.waiting[1:]
	return c, true
}
