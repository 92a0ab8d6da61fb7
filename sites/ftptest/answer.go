package ftptest

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// An answer is what a server does when a command has come.
type answer struct {
	line  string // the C: line that it stands below
	hears string // the command, as C: has it
	steps []step
	begun bool
}

// honest is how a server answers that has MLST, SIZE and MDTM, and no files.
const honest = `
	C: USER *
	S: 331 password
	C: PASS *
	S: 230 in
	C: FEAT
	S! "211-Features:\r\n MLST type*;size*;modify*;\r\n SIZE\r\n MDTM\r\n211 End\r\n"
	C: PWD
	S: 257 "/" is it
	C: TYPE *
	S: 200 ok
	C: NOOP
	S: 200 ok
	C: CWD *
	S: 250 ok
	C: PASV
	S: 227 ({pasv})
	C: EPSV
	S: 229 (|||{port}|)
	C: PORT *
	S: 200 ok
	C: MLSD*
	S: 150 go
	D> ""
	DX
	S: 226 done
	C: STOR *
	S: 150 go
	D<
	S: 226 done
	C: RNFR *
	S: 350 go on
	C: RNTO *
	S: 250 ok
	C: DELE *
	S: 250 ok
	C: MLST /
	S! "250-here:\r\n type=dir; /\r\n250 end\r\n"
	C: MLST *
	S: 550 no such file
	C: SIZE *
	S: 550 no such file
	C: MDTM *
	S: 550 no such file
	C: RETR *
	S: 550 no such file
	C: ABOR
	S: 226 nothing to do
	C: QUIT
	S: 221 bye
	X
	C: *
	S: 502 not here
`

// Answer starts a server that answers commands, in whatever order and in however many
// sessions they come. The script has the lines that Play explains. Those before the first
// C: line are the greeting, "220 ready" if there are none; those below a C: line are the
// answer to a command like that. Of several answers to the same C: line each is given once,
// in turn, and the last one again and again. What the script does not speak of is answered
// as an honest server does that has no files.
//
// A client may leave in the middle of an answer. One that closes its data connection gets
// "426 cut" and not the rest of the answer. An answer that nobody has asked for when the
// test ends fails t, unless it stands below C? in the place of C:.
func Answer(t testing.TB, script string) *Server {
	t.Helper()
	return answering(t, script, honest, nil)
}

// honestTLS is what a server with TLS answers besides.
const honestTLS = `
	C: AUTH TLS
	S: 234 go
	TLS
	C: PBSZ 0
	S: 200 ok
	C: PROT P
	S: 200 ok
	DT
`

// AnswerTLS is Answer for a server that an authority certifies, and that offers TLS.
func AnswerTLS(t testing.TB, a *Authority, script string) *Server {
	t.Helper()
	return answering(t, script, honestTLS+honest, a)
}

func answering(t testing.TB, script, honest string, authority *Authority) *Server {
	t.Helper()
	a := &answerer{player: &player{t: t, host: FreshHost(), begun: 1, logs: make([]strings.Builder, 1), ended: make(chan struct{})}}
	if authority != nil {
		a.tls = &tls.Config{Certificates: []tls.Certificate{authority.Issue(a.host)}}
	}
	greeting, answers, err := parseAnswers(script)
	if err != nil {
		t.Fatalf("ftptest: %v", err)
	}
	_, rest, err := parseAnswers(honest)
	if err != nil {
		t.Fatalf("ftptest: %v", err)
	}
	if len(greeting) == 0 {
		greeting = []step{{line: "S: 220 ready", verb: say, text: "220 ready", count: -1}}
	}
	a.greeting, a.answers, a.rest = greeting, answers, rest
	listener, err := a.listen()
	if err != nil {
		t.Fatalf("ftptest: %v", err)
	}
	go a.accept(listener)
	t.Cleanup(a.finish)
	return a.server(listener)
}

func parseAnswers(script string) (greeting []step, answers []*answer, err error) {
	steps, err := parseScript(script)
	for _, s := range steps {
		switch {
		case s.verb == hear, s.verb == mayHear:
			answers = append(answers, &answer{line: s.line, hears: s.text, begun: s.verb == mayHear})
		case len(answers) == 0:
			greeting = append(greeting, s)
		default:
			last := answers[len(answers)-1]
			last.steps = append(last.steps, s)
		}
	}
	return greeting, answers, err
}

// An answerer is a server that answers.
type answerer struct {
	*player
	greeting []step
	rest     []*answer // the honest ones

	turn    sync.Mutex
	answers []*answer // the script's; of those with the same C: line the begun ones come first
}

// accept serves each connection until the listener is closed, and waits for all of them.
func (a *answerer) accept(listener *net.TCPListener) {
	defer close(a.ended)
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for {
		conn, err := listener.AcceptTCP()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				a.t.Errorf("ftptest: %v", err)
			}
			return
		}
		a.keep(conn)
		sessions.Go(func() { a.serve(conn) })
	}
}

// serve answers one client until one of the two ends the connection.
func (a *answerer) serve(conn *net.TCPConn) {
	s := a.session(0, conn)
	defer s.close()
	a.note(0, "--- a client")
	for steps := a.greeting; a.perform(s, steps); {
		if conn.SetDeadline(time.Time{}) != nil {
			return
		}
		line, err := s.r.ReadString('\n')
		if err != nil {
			return
		}
		a.note(0, "C: %s", escape(line))
		line = strings.TrimRight(line, "\r\n")
		if target, ok := portAddress(line); ok {
			s.target = target
			if s.endListening() != nil {
				return
			}
		}
		steps = a.answerTo(line)
	}
}

// perform performs the steps of an answer, and reports whether the client can go on.
func (a *answerer) perform(s *session, steps []step) bool {
	for _, step := range steps {
		err := s.play(step)
		switch {
		case a.why() != nil:
			return false
		case err != nil && step.verb[0] == 'D':
			a.note(0, "%s: %v", step.line, err)
			_ = s.endData(net.Conn.Close) // it has ended already, or was never begun
			return s.say("426 cut\r\n", "426 cut") == nil
		case err != nil:
			a.note(0, "%s: %v", step.line, err)
			return false
		case step.verb == end, step.verb == cut:
			return false
		}
	}
	return true
}

// answerTo returns the steps of the answer to a command.
func (a *answerer) answerTo(line string) []step {
	a.turn.Lock()
	defer a.turn.Unlock()
	var found *answer
	for _, x := range a.answers {
		if fits(x.hears, line) && (found == nil || found.begun && x.hears == found.hears) {
			found = x
		}
	}
	if found == nil {
		for _, x := range a.rest {
			if fits(x.hears, line) {
				found = x
				break
			}
		}
	}
	found.begun = true
	return found.steps
}

// fits reports whether a command is the one that a C: line wants.
func fits(want, line string) bool {
	prefix, open := strings.CutSuffix(want, "*")
	return line == want || open && strings.HasPrefix(line, prefix)
}

// finish ends the server with the test.
func (a *answerer) finish() {
	a.closeAll(errTestEnded)
	<-a.ended
	for _, x := range a.answers {
		if !x.begun {
			a.t.Errorf("ftptest: nobody asked for the answer below %q", x.line)
		}
	}
	if a.t.Failed() {
		a.t.Logf("the server at %s:\n%s", a.host, a.log())
	}
}

// stream sends a text again and again, so many times or, with less than 0, as long as
// anybody reads. In the text {n} stands for the number of times so far, {r} for something
// else each time the step is played.
func stream(w interface{ Write([]byte) (int, error) }, text string, times int) error {
	const piece = 64 << 10
	numbered := strings.Contains(text, "{n}")
	text = strings.ReplaceAll(text, "{r}", rand.Text())
	var b []byte
	for n := 0; times < 0 || n < times; n++ {
		if numbered {
			b = append(b, strings.ReplaceAll(text, "{n}", fmt.Sprint(n))...)
		} else {
			b = append(b, text...)
		}
		if len(b) >= piece || n == times-1 {
			if _, err := w.Write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	return nil
}
