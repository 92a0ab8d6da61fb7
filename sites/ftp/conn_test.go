package ftp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftptest"
)

// patience is how long a test waits for what should happen at once.
const patience = 10 * time.Second

// within returns a context that ends when the test has waited long enough.
func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), d)
	t.Cleanup(stop)
	return ctx
}

// control opens a control connection with a server that plays the script, and
// takes its greeting.
func control(t testing.TB, timeout time.Duration, script string) *Conn {
	t.Helper()
	s := ftptest.Play(t, script)
	nc, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	c, greeting := NewConn(t.Context(), "TEST", 1, nc, timeout)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := greeting.Wait(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// checkKind reports an error that is not of the kind wanted.
func checkKind(t testing.TB, what string, err error, want sites.Kind) {
	t.Helper()
	if err == nil || sites.KindOf(err) != want {
		t.Errorf("%s: %v (%v), want an error of kind %v", what, err, sites.KindOf(err), want)
	}
}

// awaitEnd waits until the connection is closed and returns why.
func awaitEnd(t testing.TB, c *Conn) error {
	t.Helper()
	select {
	case <-c.reader:
	case <-time.After(patience):
		t.Fatal("the connection is open")
	}
	if c.Idle() {
		t.Error("a closed connection is idle")
	}
	return c.Err()
}

func TestRepliesInOrder(t *testing.T) {
	t.Parallel()
	c := control(t, patience, `
		S: 220 ready
		C: NOOP
		C: SIZE a
		C: RETR b
		C: SIZE c
		S! "200 done\r\n213 1\r\n150 one\r\n"
		S! "125-two\r\n213 no reply\r\n125 "
		S! "end\r\n226 three\r\n550 four\r\n"
		C: QUIT
	`)
	events := make(chan *Exchange, 8)
	xs, err := c.Send(t.Context(), events, "NOOP", "SIZE a", "RETR b", "SIZE c")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		code    int
		began   bool
		outcome Outcome
		refused bool
	}{{200, false, Done, false}, {213, false, Done, false}, {226, true, Done, false}, {550, false, Permanent, true}} {
		if err := xs[i].Wait(within(t, patience)); err != nil {
			t.Fatal(err)
		}
		reply, outcome, err := xs[i].Outcome()
		if reply.Code != want.code || outcome != want.outcome || xs[i].Began() != want.began || (xs[i].Refusal() != nil) != want.refused || err != nil {
			t.Errorf("%s: %v %d %v %v, want %v", xs[i].Line, reply, outcome, xs[i].Began(), err, want)
		}
	}
	var told []*Exchange
	for range 5 {
		select {
		case x := <-events:
			told = append(told, x)
		case <-time.After(patience):
			t.Fatal("an event is missing")
		}
	}
	if want := []*Exchange{xs[0], xs[1], xs[2], xs[2], xs[3]}; !slices.Equal(told, want) || len(events) != 0 {
		t.Errorf("told of %v, want %v", told, want)
	}
	if !c.Idle() {
		t.Error("the connection is not idle")
	}
}

// TestWaitBehindTransfer holds that the time of a command begins when those before it
// have ended.
func TestWaitBehindTransfer(t *testing.T) {
	const timeout = 200 * time.Millisecond
	for _, test := range []struct {
		name, answer string
		err          sites.Kind // Other for none
	}{
		{"answered", "S: 200 done\nC: QUIT", sites.Other},
		{"not answered", "W", sites.Unreachable},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := control(t, timeout, `
				S: 220 ready
				C: RETR a
				C: NOOP
				S: 150 go
				T 500ms
				S: 226 sent
				`+test.answer)
			xs, err := c.Send(t.Context(), nil, "RETR a", "NOOP")
			if err != nil {
				t.Fatal(err)
			}
			err = xs[1].Wait(within(t, patience))
			over := time.Now()
			select {
			case <-xs[0].Ended():
				if err := xs[0].Refusal(); err != nil {
					t.Errorf("the transfer: %v", err)
				}
			default:
				t.Error("the transfer has not ended")
			}
			if test.err == sites.Other {
				if err != nil {
					t.Error(err)
				}
				return
			}
			checkKind(t, "waiting", err, test.err)
			if took := over.Sub(xs[1].turn); took < timeout {
				t.Errorf("it was given %v for its answer, want %v", took, timeout)
			}
		})
	}
}

// TestConnectionEnds has servers break the protocol or end the session.
func TestConnectionEnds(t *testing.T) {
	for _, test := range []struct {
		name, script string
		send         string // "" sends nothing
		want         sites.Kind
		first        int // the code that the first command still gets; 0 is none
	}{
		{"reply nobody asked for", "S: 220 hi\nS: 226 done\nW", "", sites.Protocol, 0},
		{"421 nobody asked for", "S: 220 hi\nS: 421 timeout\nW", "", sites.Busy, 0},
		{"421 in answer", "S: 220 hi\nC: NOOP\nC: SIZE a\nS: 421 timeout\nW", "NOOP,SIZE a", sites.Busy, 421},
		{"421 in a transfer", "S: 220 hi\nC: RETR a\nC: SIZE a\nS: 150 go\nS: 421 timeout\nW", "RETR a,SIZE a", sites.Busy, 421},
		{"no reply code", "S: 220 hi\nC: NOOP\nC: SIZE a\nS: 700 what\nW", "NOOP,SIZE a", sites.Protocol, 0},
		{"no reply", "S: 220 hi\nC: NOOP\nC: SIZE a\nS: what\nW", "NOOP,SIZE a", sites.Protocol, 0},
		{"no answer", "S: 220 hi\nC: NOOP\nC: SIZE a\nW", "NOOP,SIZE a", sites.Unreachable, 0},
		{"closed", "S: 220 hi\nC: NOOP\nC: SIZE a\nX", "NOOP,SIZE a", sites.Unreachable, 0},
		{"reset", "S: 220 hi\nC: NOOP\nC: SIZE a\nR", "NOOP,SIZE a", sites.Unreachable, 0},
		{"cut", "S: 220 hi\nC: NOOP\nC: SIZE a\nS! \"200-x\\r\\n\"\nX", "NOOP,SIZE a", sites.Unreachable, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := control(t, 300*time.Millisecond, test.script)
			if test.send != "" {
				xs, err := c.Send(t.Context(), nil, strings.Split(test.send, ",")...)
				if err != nil {
					t.Fatal(err)
				}
				err = xs[0].Wait(within(t, patience))
				if test.first == 0 {
					checkKind(t, "the first command", err, test.want)
				} else if err != nil || xs[0].reply.Code != test.first {
					t.Errorf("the first command: %v, %v; want %d", xs[0].reply, err, test.first)
				}
				checkKind(t, "the second command", xs[1].Wait(within(t, patience)), test.want)
			}
			checkKind(t, "the connection", awaitEnd(t, c), test.want)
			_, err := c.Send(t.Context(), nil, "NOOP")
			checkKind(t, "a later command", err, test.want)
			if site := err.(*sites.Error).Site; site != "TEST" {
				t.Errorf("the error is of site %q", site)
			}
		})
	}
}

// TestCancelledWait calls off a wait: the late reply still goes to the command
// that it answers.
func TestCancelledWait(t *testing.T) {
	t.Parallel()
	c := control(t, patience, `
		S: 220 ready
		C: SIZE a
		C: SIZE b
		S: 213 1
		S: 213 2
		C: QUIT
	`)
	xs, err := c.Send(t.Context(), nil, "SIZE a")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	checkKind(t, "the wait", xs[0].Wait(ctx), sites.Cancelled)
	if c.Idle() {
		t.Error("the connection is idle, but waits for a reply")
	}
	reply, err := c.Must(within(t, patience), "SIZE b")
	if err != nil || reply.Last() != "2" {
		t.Errorf("the second command: %v, %v", reply, err)
	}
	if first, _, err := xs[0].Outcome(); err != nil || first.Last() != "1" {
		t.Errorf("the first command: %v, %v", first, err)
	}
	if _, err := c.Do(ctx, "DELE a"); sites.KindOf(err) != sites.Cancelled {
		t.Errorf("a command under a cancelled context: %v", err)
	}
	if !c.Idle() {
		t.Error("the connection is not idle")
	}
}

func TestAbort(t *testing.T) {
	for _, test := range []struct {
		name, greeting, replies string
		open                    bool
	}{
		{"426 226", "220", "S: 426 cut\nS: 226 done\nC: NOOP\nS: 200 ok", true},
		{"226 226", "220", "S: 226 sent\nS: 226 done\nC: NOOP\nS: 200 ok", true},
		{"226 225", "220", "S: 226 sent\nS: 225 nothing to do\nC: NOOP\nS: 200 ok", true},
		{"no NOOP", "220", "S: 426 cut\nS: 226 done\nC: NOOP\nS: 500 what", true},
		{"no ABOR", "220", "S: 226 sent\nS: 502 what\nC: NOOP\nS: 200 ok", true},
		{"1973", "300", "S: 452 cut\nS: 201 done\nC: NOOP\nS: 500 what", true},
		{"one too many", "220", "S: 426 cut\nS: 226 done\nC: NOOP\nS: 226 done\nW", false},
		{"one too many, 225", "220", "S: 426 cut\nS: 226 done\nC: NOOP\nS: 225 done\nW", false},
		{"one too many, 1973", "300", "S: 452 cut\nS: 252 done\nC: NOOP\nS: 201 done\nW", false},
		{"one for both", "220", "S: 426 cut\nC: NOOP\nS: 200 ok", true},
		{"one for both, no NOOP", "220", "S: 426 cut\nC: NOOP\nS: 502 what\nW", false},
		{"one for both, then another", "220", "S: 426 cut\nC: NOOP\nS: 226 done\nW", false},
		{"one for both, silence", "220", "S: 426 cut\nC: NOOP\nW", false},
		{"no answer", "220", "W", false},
		{"hangs up", "220", "X", false},
		{"421", "220", "S: 421 enough\nX", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			end := "\nC: SIZE a\nS: 213 1\nC: QUIT"
			if !test.open {
				end = ""
			}
			c := control(t, 300*time.Millisecond, "S: "+test.greeting+" hi\nC: RETR a\nS: 150 go\nC: ABOR\n"+test.replies+end)
			xs, err := c.Send(t.Context(), nil, "RETR a")
			if err != nil {
				t.Fatal(err)
			}
			<-xs[0].Started()
			c.Abort(xs[0])
			select {
			case <-xs[0].Ended():
			default:
				t.Error("the transfer has not ended")
			}
			if !test.open {
				awaitEnd(t, c)
				return
			}
			if !c.Idle() {
				t.Fatalf("the connection is not idle: %v", c.Err())
			}
			c.Abort(xs[0]) // has nothing to do: the script would show it
			if reply, err := c.Must(within(t, patience), "SIZE a"); err != nil || reply.Last() != "1" {
				t.Errorf("the next command: %v, %v", reply, err)
			}
		})
	}
}

func TestSettle(t *testing.T) {
	for _, test := range []struct {
		name, script string
		idle         bool
	}{
		{"answered", "S: 220 hi\nC: NOOP\nC: NOOP\nS: 200 a\nS: 200 b\nC: QUIT", true},
		{"not answered", "S: 220 hi\nC: NOOP\nC: NOOP\nS: 200 a\nW", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := control(t, patience, test.script)
			xs, err := c.Send(t.Context(), nil, "NOOP", "NOOP")
			if err != nil {
				t.Fatal(err)
			}
			if test.idle {
				c.Settle(patience)
			} else {
				<-xs[0].Ended()
				c.Settle(50 * time.Millisecond)
				checkKind(t, "the connection", awaitEnd(t, c), sites.Unreachable)
			}
			if c.Idle() != test.idle {
				t.Errorf("idle is %v: %v", c.Idle(), c.Err())
			}
		})
	}
}

// TestCloseWaits closes connections in every state and counts goroutines. No
// other test runs beside it.
func TestCloseWaits(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("closing", func(t *testing.T) {
		for _, script := range []string{
			"S: 220 hi\nC: QUIT\nS: 221 bye\nW",
			"S: 220 hi\nC: QUIT\nX",
			"S: 220 hi\nX",
			"S: 220 hi\nC: NOOP\nW",
			"S: 220 hi\nS: 226 what\nW",
		} {
			c := control(t, patience, script)
			if strings.Contains(script, "NOOP") {
				if _, err := c.Send(t.Context(), nil, "NOOP"); err != nil {
					t.Fatal(err)
				}
			}
			if strings.Contains(script, "what") {
				awaitEnd(t, c) // it ends by itself; before that, Close would say QUIT
			}
			for range 2 {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
				awaitEnd(t, c)
			}
		}
	})
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// TestFailBesidePreliminary closes a connection at the moment of a preliminary
// reply.
func TestFailBesidePreliminary(t *testing.T) {
	t.Parallel()
	for range 500 {
		near, far := net.Pipe()
		c := &Conn{site: "TEST", nc: near, below: near, timeout: patience, dialect: Modern}
		x := c.newExchange(t.Context(), "RETR a", make(chan *Exchange, 2))
		c.queue = []*Exchange{x}
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := c.deliver(Reply{150, nil}, false); err != nil && sites.KindOf(err) != sites.Protocol {
				t.Error(err)
			}
		})
		both.Go(func() { c.fail(errors.New("lost")) })
		both.Wait()
		<-x.Started()
		<-x.Ended()
		if x.err == nil {
			t.Error("the exchange did not fail")
		}
		if err := far.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestStartedFinal holds that whoever learns of the first reply sees at once
// whether it is the final one.
func TestStartedFinal(t *testing.T) {
	t.Parallel()
	for range 2000 {
		x := (&Conn{dialect: Modern}).newExchange(t.Context(), "RETR a", nil)
		var other sync.WaitGroup
		other.Go(func() { x.end(Reply{550, nil}, nil) })
		<-x.Started()
		if x.refused() == nil {
			t.Error("the exchange has started with its refusal, and has not ended")
		}
		other.Wait()
	}
}

func TestSendEscapes(t *testing.T) {
	t.Parallel()
	c := control(t, patience, `
		S: 220 ready
		C! "DELE a\xff\xff b\xff\xff\xff\xff\r\n"
		S: 250 done
		C: QUIT
	`)
	if _, err := c.Must(within(t, patience), "DELE a\xff b\xff\xff"); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"\r", "\n", "\x00", "\r\nDELE /b"} {
		xs, err := c.Send(t.Context(), nil, "NOOP", "PASS topsecret"+bad)
		checkKind(t, fmt.Sprintf("%q", bad), err, sites.Usage)
		if xs != nil || strings.Contains(fmt.Sprintf("%v %#v", err, err), "topsecret") {
			t.Errorf("sent %v, and the error is %#v", xs, err)
		}
	}
	if !c.Idle() { // the script shows that nothing was sent
		t.Errorf("the connection is not idle: %v", c.Err())
	}
}

func TestTraceMasks(t *testing.T) {
	t.Parallel()
	c := control(t, patience, `
		S: 220 ready
		C: USER me
		S: 331 who
		C: pass topsecret
		S: 230-in
		S: 230 indeed
		C: ACCT topsecret
		S: 202 so
		C: RETR a
		S: 150 go
		S: 226 done
		C: QUIT
	`)
	var mu sync.Mutex
	var seen []string
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprintf(format, args...))
	}
	ctx := sites.WithTrace(within(t, patience), &sites.Trace{
		Command: func(site string, n int, line string) { note("%s %d > %s", site, n, line) },
		Reply:   func(site string, n int, code int, text string) { note("%s %d < %d %s", site, n, code, text) },
	})
	for _, line := range []string{"USER me", "pass topsecret", "ACCT topsecret", "RETR a"} {
		x, err := c.Do(ctx, line)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(x.Line, "topsecret") {
			t.Errorf("the exchange shows %s", x.Line)
		}
	}
	want := []string{
		"TEST 1 > USER me", "TEST 1 < 331 who", "TEST 1 > PASS xxxxx", "TEST 1 < 230 in / indeed",
		"TEST 1 > ACCT xxxxx", "TEST 1 < 202 so", "TEST 1 > RETR a", "TEST 1 < 150 go", "TEST 1 < 226 done",
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(seen, want) {
		t.Errorf("seen %q, want %q", seen, want)
	}
}

// TestRestartInForce holds that a connection is not used for other work while
// a REST is in force.
func TestRestartInForce(t *testing.T) {
	for _, test := range []struct {
		name, script string
		lines        []string
		idle         bool
	}{
		{"accepted", "C: REST 5\nS: 350 ok", []string{"REST 5"}, false},
		{"refused", "C: REST 5\nS: 502 no", []string{"REST 5"}, true},
		{"used", "C: REST 5\nS: 350 ok\nC: RETR a\nS: 150 go\nS: 226 done", []string{"REST 5", "RETR a"}, true},
		{"used and cut", "C: REST 5\nS: 350 ok\nC: RETR a\nS: 150 go\nS: 426 cut", []string{"REST 5", "RETR a"}, true},
		{"not used", "C: REST 5\nS: 350 ok\nC: RETR a\nS: 550 none", []string{"REST 5", "RETR a"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			end := map[bool]string{true: "\nC: QUIT", false: "\nW"}[test.idle]
			c := control(t, patience, "S: 220 hi\n"+test.script+end)
			for _, line := range test.lines {
				if _, err := c.Do(within(t, patience), line); err != nil {
					t.Fatal(err)
				}
			}
			if c.Idle() != test.idle || c.Err() != nil {
				t.Errorf("idle is %v: %v", c.Idle(), c.Err())
			}
		})
	}
}
