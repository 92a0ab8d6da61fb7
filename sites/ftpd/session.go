package ftpd

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

// maxEarly is how many commands a session takes without a login, and how many answers to
// Telnet negotiations it gives.
const maxEarly = 100

// maxWaiting bounds the bytes of commands that wait for a transfer to end. Past
// it the session reads no more, and TCP holds the user back.
const maxWaiting = 256 << 10

// maxUnsent is how many bytes of replies go out together. Those to a user who sends one
// command after the other take fewer packets so.
const maxUnsent = 4 << 10

// linger is how long the 150 of a file waits for what comes behind it, where the data
// connection is there already and nobody waits for a word.
const linger = 5 * time.Millisecond

// readAheadLines is how many lines the session is given before it has asked for them.
const readAheadLines = 32

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
	id    int
	svc   *settings
	log   *slog.Logger
	ctl   *control
	local netip.AddrPort // of the control connection
	peer  netip.AddrPort
	over  bool // no more commands are taken

	unsent       []byte      // replies that are yet to go out
	waited       *time.Timer // while they may linger
	lingers      bool        // they do
	waiting      []command
	waitingBytes int

	host     host
	loginBy  time.Time // while nobody is logged in, the end of patience; zero: none
	early    int       // commands since somebody was logged in
	longest  int       // command line that is taken
	userName string    // from USER, until PASS
	failures int       // wrong passwords
	user     *User     // nil: not logged in
	root     *os.Root
	account  *account // of the root
	cwd      string   // absolute, clean

	image      bool // TYPE I or L 8; else TYPE A
	restart    int64
	rang       *octets // from RANG, until the next transfer or digest; nil is none
	renameFrom string
	copyFrom   string // from SITE CPFR, until SITE CPTO; "" is none
	facts      factSet
	hash       algorithm         // of HASH
	tells      map[string]extras // what OPTS RETR and OPTS STOR have asked for, by the verb
	epsvAll    bool

	secured bool // the control connection is over TLS
	pbsz    bool // PBSZ was given
	private bool // PROT P
	sscn    bool // SSCN ON

	announced int64          // by ALLO, of the next upload; 0: nothing
	walks     sync.WaitGroup // of the root, that this session has begun

	block    bool        // MODE B
	keep     bool        // OPTS MODE B KEEP
	data     dataSetup   // how the next data connection comes about; nil: not said
	kept     *connection // that is open from the transfer before; nil: none is
	transfer *transfer   // the running one
	cut      bool        // ABOR has cut a transfer and is still to be answered
}

// serve runs a session with the user at peer on conn until it ends, and closes conn.
func (svc *settings) serve(ctx context.Context, conn net.Conn, peer netip.AddrPort, id int) {
	log := svc.log.With("session", id, "remote", peer.String())
	if tcp, ok := conn.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err != nil {
			log.Warn("urgent data", "error", err)
		} else if err := keepUrgentInline(raw); err != nil {
			log.Warn("urgent data", "error", err)
		}
	}
	s := &session{
		id:      id,
		svc:     svc,
		log:     log,
		ctl:     newControl(conn, svc.dataTimeout),
		local:   unmapped(conn.LocalAddr().(*net.TCPAddr).AddrPort()), // as the other end's is
		peer:    peer,
		host:    hostOf(peer.Addr()),
		longest: maxEarlyLine,
		cwd:     "/",
		facts:   allFacts,
		hash:    algorithms[0],
	}
	s.awaitLogin()
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
	s.waited = time.NewTimer(linger)
	defer s.waited.Stop()
	s.send(s.svc.greeting)
	s.lead(ctx)

	// Nothing runs beside the session before its first login: neither is there a
	// transfer to be broken off, nor anything big to be held.
	inputs, quit, readerEnded := make(chan input, readAheadLines), make(chan struct{}), make(chan struct{})
	if s.over {
		close(readerEnded)
	} else {
		s.longest = maxLine
		s.ctl.readUntil(time.Time{})
		go func() {
			defer close(readerEnded)
			s.ctl.read(inputs, quit)
		}()
		s.loop(ctx, inputs)
	}

	if s.transfer != nil {
		s.transfer.cancel()
		s.finishTransfer(s.transfer.wait())
	}
	if s.ending(ctx) {
		s.reply(serviceEnds)
	}
	s.logout()
	s.flush()
	s.ctl.finish()
	close(quit)
	<-readerEnded
	s.ctl.drain()
	_ = s.ctl.conn.Close() // all replies that could be written have been
	s.walks.Wait()
}

// ending says whether the service ends, and not the session alone.
func (s *session) ending(ctx context.Context) bool {
	return ctx.Err() != nil || s.svc.leaving.Err() != nil
}

// awaitLogin gives the user LoginTime to log in, from now.
func (s *session) awaitLogin() {
	s.early = 0
	if limit := s.svc.limits.LoginTime; limit > 0 {
		s.loginBy = time.Now().Add(limit)
	}
	s.ctl.endBy(s.loginBy)
}

// lead performs commands as they are read, until somebody is logged in or the session is
// over.
func (s *session) lead(ctx context.Context) {
	defer whenDone(s.svc.leaving, s.ctl.hurry)()
	for !s.over && s.user == nil {
		s.flush()
		in := s.ctl.next(s.longest, s.svc.idleTimeout, s.answer)
		switch {
		case in.late && !s.ending(ctx) && !s.over:
			s.tooLate()
		case in.ended:
			s.over = true
		default:
			s.perform(ctx, in.command())
		}
	}
}

var errOver = errors.New("the session is over")

// answer sends what is owed to a Telnet negotiation.
func (s *session) answer(text []byte) error {
	if !s.tooEarly() {
		s.send(string(text))
		s.flush()
	}
	if s.over {
		return errOver
	}
	return nil
}

// tooEarly counts something the user did, and ends the session if nobody is logged in
// and it is one too many.
func (s *session) tooEarly() bool {
	if s.user != nil || s.over {
		return s.over
	}
	if s.early++; s.early > maxEarly {
		s.reply(tooMuchBefore, maxEarly)
		s.over = true
	}
	return s.over
}

// patience is how long the session waits for a command.
func (s *session) patience() time.Duration {
	if s.user != nil || s.loginBy.IsZero() {
		return s.svc.idleTimeout
	}
	return min(s.svc.idleTimeout, time.Until(s.loginBy))
}

// tooLate ends the session for want of a command, or of a login.
func (s *session) tooLate() {
	if s.user == nil && !s.loginBy.IsZero() && !time.Now().Before(s.loginBy) {
		s.reply(loginTooLong, s.svc.limits.LoginTime)
	} else {
		s.reply(idleTooLong, s.svc.idleTimeout)
	}
	s.over = true
}

// loop performs commands in their order until the session is over.
func (s *session) loop(ctx context.Context, inputs <-chan input) {
	idle := time.NewTimer(s.patience())
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
			idle.Reset(s.patience())
			continue
		}
		from, leaving := inputs, s.svc.leaving.Done()
		if s.waitingBytes >= maxWaiting {
			from = nil
		}
		if s.transfer != nil {
			leaving = nil
		}
		select {
		case <-s.due(from):
			s.flush()
		case in := <-from:
			if in.answer != nil {
				_ = s.answer(in.answer) // this loop looks at s.over itself
				continue                // it is no command, and idleness goes on
			}
			s.take(ctx, in.command())
			idle.Reset(s.patience())
		case now := <-s.transfer.ticks():
			s.mark(now)
		case e := <-s.transfer.news():
			s.follow(e)
			idle.Reset(s.patience())
		case <-idle.C:
			if s.transfer != nil {
				idle.Reset(s.patience())
				continue
			}
			s.tooLate()
		case <-leaving:
			s.over = true
		case <-ctx.Done():
			s.over = true
		}
	}
}

// take deals with one command. It waits behind those that wait already and behind a
// running transfer; ABOR, and the end of the control connection (RFC 959 section 4.1.1,
// QUIT), break the transfer off at once and are answered in their turn all the same.
func (s *session) take(ctx context.Context, c command) {
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
	if s.tooEarly() {
		return
	}
	if s.log.Enabled(ctx, slog.LevelDebug) {
		s.log.Debug("command", "text", c.text())
	}
	if c.verb != "RNTO" {
		s.renameFrom = "" // RNFR is for the very next command, whatever becomes of that
	}
	if c.tooLong {
		s.reply(lineTooLong, s.longest)
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
	case v.gate.rights() != 0 && !s.allowed(v.gate.rights(), c.verb):
		if way := v.gate.way(); way != "" && s.keeps() {
			s.spend(ctx, way)
		}
	default:
		v.perform(s, ctx, c.arg)
	}
	if c.verb == "RNTO" {
		s.renameFrom = ""
	}
}

// allowed says whether the user has one of some rights, and replies if not.
func (s *session) allowed(some Rights, what string) bool {
	if s.user.may(some) {
		return true
	}
	s.reply(noRight, what, some)
	return false
}

// send writes to the control connection, together with what follows at once.
func (s *session) send(text string) {
	if s.unsent = append(s.unsent, text...); len(s.unsent) >= maxUnsent {
		s.flush()
	}
}

// due sends what is unsent if nothing is there that more may come of, or returns when that is
// to be done; nil is never.
func (s *session) due(from <-chan input) <-chan time.Time {
	t := s.transfer
	switch {
	case len(s.unsent) == 0 || len(from) > 0 || len(t.news()) > 0:
		return nil
	case t != nil && t.follows:
		if !s.lingers {
			s.lingers = true
			s.waited.Reset(linger)
		}
		return s.waited.C
	}
	s.flush()
	return nil
}

// flush sends what is unsent. Where that fails the session is over.
func (s *session) flush() {
	if len(s.unsent) == 0 {
		return
	}
	err := s.ctl.write(s.unsent)
	s.unsent, s.lingers = s.unsent[:0], false
	if err != nil && !s.over {
		s.log.Info("control connection lost", "error", err)
		s.over = true
	}
}
