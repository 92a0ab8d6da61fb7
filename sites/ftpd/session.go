package ftpd

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"
)

// maxWaiting bounds the bytes of commands that wait for a transfer to end. Past
// it the session reads no more, and TCP holds the user back.
const maxWaiting = 256 << 10

// command is one line from the user, or the end of the control connection.
type command struct {
	verb    string // in capitals
	arg     string // all behind the first blank, as it came
	tooLong bool
	held    bool // the reader waits until it is performed
	ended   bool
}

// cost is what the command counts against maxWaiting.
func (c command) cost() int { return 64 + len(c.verb) + len(c.arg) }

// parseCommand splits a line at its first blank.
func parseCommand(line string) command {
	name, arg, _ := strings.Cut(strings.TrimLeft(line, " "), " ")
	return command{verb: strings.ToUpper(name), arg: arg}
}

// text is the command as it may be logged.
func (c command) text() string {
	switch {
	case c.tooLong:
		return "(line too long)"
	case c.verb == "PASS", c.verb == "ACCT":
		return c.verb + " ****"
	case c.arg == "":
		return c.verb
	}
	return c.verb + " " + c.arg
}

// session is one control connection and what its user has set up. All of it
// belongs to the goroutine of run.
type session struct {
	svc   *service
	log   *slog.Logger
	ctl   *control
	local netip.AddrPort // of the control connection
	peer  netip.AddrPort
	over  bool // no more commands are taken

	waiting      []command
	waitingBytes int

	userName string // from USER, until PASS
	failures int    // wrong passwords
	user     *User  // nil: not logged in
	root     *os.Root
	cwd      string // absolute, clean

	image      bool // TYPE I or L 8; else TYPE A
	restart    int64
	renameFrom string
	copyFrom   string // from SITE CPFR, until SITE CPTO; "" is none
	facts      factSet
	hash       algorithm // of HASH
	epsvAll    bool

	secured bool // the control connection is over TLS
	pbsz    bool // PBSZ was given
	private bool // PROT P
	sscn    bool // SSCN ON

	data     dataSetup // how the next data connection comes about; nil: not said
	transfer *transfer // the running one
	cut      bool      // ABOR has cut a transfer and is still to be answered
}

// serve runs a session on conn until it ends, and closes conn.
func (svc *service) serve(ctx context.Context, conn net.Conn, id int) {
	log := svc.log.With("session", id, "remote", conn.RemoteAddr().String())
	local, lerr := netip.ParseAddrPort(conn.LocalAddr().String())
	peer, perr := netip.ParseAddrPort(conn.RemoteAddr().String())
	if lerr != nil || perr != nil {
		log.Error("control connection without internet addresses", "local", conn.LocalAddr().String())
		_ = conn.Close() // nothing was written
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err != nil {
			log.Warn("urgent data", "error", err)
		} else if err := keepUrgentInline(raw); err != nil {
			log.Warn("urgent data", "error", err)
		}
	}
	s := &session{
		svc:   svc,
		log:   log,
		ctl:   newControl(conn, svc.dataTimeout),
		local: unmapped(local),
		peer:  unmapped(peer),
		cwd:   "/",
		facts: allFacts,
		hash:  algorithms[0],
	}
	s.run(ctx)
}

// unmapped is a with an IPv4-mapped IPv6 address as the IPv4 address it is.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func (s *session) run(ctx context.Context) {
	stop := whenDone(ctx, s.ctl.hurry)
	defer stop()
	if s.svc.implicit && !s.secureImplicitly(ctx) {
		return
	}
	inputs, quit, readerEnded := make(chan input), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(readerEnded)
		s.ctl.read(inputs, quit)
	}()
	s.reply(greeting)
	s.loop(ctx, inputs)

	if s.transfer != nil {
		s.transfer.cancel()
		s.finishTransfer(s.transfer.wait())
	}
	if ctx.Err() != nil {
		s.reply(serviceEnds)
	}
	s.logout()
	s.ctl.finish()
	close(quit)
	<-readerEnded
	_ = s.ctl.conn.Close() // all replies that could be written have been
}

// loop performs commands in their order until the session is over.
func (s *session) loop(ctx context.Context, inputs <-chan input) {
	idle := time.NewTimer(s.svc.idleTimeout)
	defer idle.Stop()
	for !s.over {
		if s.transfer == nil && len(s.waiting) > 0 {
			c := s.waiting[0]
			s.waiting = s.waiting[1:]
			s.waitingBytes -= c.cost()
			s.perform(ctx, c)
			if c.held && !s.over {
				s.ctl.resume()
			}
			idle.Reset(s.svc.idleTimeout)
			continue
		}
		from := inputs
		if s.waitingBytes >= maxWaiting {
			from = nil
		}
		select {
		case in := <-from:
			idle.Reset(s.svc.idleTimeout)
			s.take(ctx, in)
		case e := <-s.transfer.news():
			idle.Reset(s.svc.idleTimeout)
			s.follow(e)
		case <-idle.C:
			if s.transfer != nil {
				idle.Reset(s.svc.idleTimeout)
				continue
			}
			s.reply(idleTooLong, s.svc.idleTimeout)
			s.over = true
		case <-ctx.Done():
			s.over = true
		}
	}
}

// take deals with one input. A command waits behind those that wait already and
// behind a running transfer; ABOR, and the end of the control connection (RFC 959
// section 4.1.1, QUIT), break the transfer off at once and are answered in their
// turn all the same.
func (s *session) take(ctx context.Context, in input) {
	if in.answer != nil {
		s.send(string(in.answer))
		return
	}
	c := command{tooLong: in.tooLong, ended: in.ended}
	if !in.tooLong && !in.ended {
		c = parseCommand(in.line)
		c.held = in.held
	}
	if s.transfer != nil && s.transfer.begun && len(s.waiting) == 0 && s.svc.verbs[c.verb].gate&midTransfer != 0 {
		s.perform(ctx, c)
		return
	}
	s.waiting = append(s.waiting, c)
	s.waitingBytes += c.cost()
	s.interruptTransfer()
}

// interruptTransfer breaks off the running transfer if a command that does so is
// waiting.
func (s *session) interruptTransfer() {
	if s.transfer == nil {
		return
	}
	for _, c := range s.waiting {
		if abor := s.svc.verbs[c.verb].gate&interrupts != 0; abor || c.ended {
			s.cut = s.cut || abor
			s.transfer.cancel()
		}
	}
}

// perform answers one command.
func (s *session) perform(ctx context.Context, c command) {
	if c.ended {
		s.over = true
		return
	}
	s.log.Info("command", "text", c.text())
	if c.tooLong {
		s.reply(lineTooLong, maxLine)
		return
	}
	v, known := s.svc.verbs[c.verb]
	switch {
	case !known:
		s.reply(unknownVerb, c.verb)
	case v.perform == nil:
		s.reply(notImplemented, c.verb)
	case v.gate&needsLogin != 0 && s.user == nil:
		s.reply(notLoggedIn)
	case v.gate&notInClear != 0 && s.svc.requireTLS && !s.secured:
		s.reply(needsTLS)
	case v.gate&needsArg != 0 && c.arg == "":
		s.reply(badSyntax, v.help)
	default:
		v.perform(s, ctx, c.arg)
	}
	if c.verb != "RNFR" {
		s.renameFrom = ""
	}
}

// send writes to the control connection. Where that fails the session is over.
func (s *session) send(text string) {
	if err := s.ctl.write([]byte(text)); err != nil && !s.over {
		s.log.Info("control connection lost", "error", err)
		s.over = true
	}
}
