package ftp

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"rsexec/sites"
)

// sharedConn returns a connection that several use at the same time, with the server's end
// of it.
func sharedConn(t *testing.T) (*Conn, net.Conn) {
	t.Helper()
	here, there := net.Pipe()
	c, greeting := NewConn(t.Context(), "TEST", 1, here, patience)
	if err := there.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		there.Close() // nobody reads any more
		c.Close()
	})
	if _, err := there.Write([]byte("220 ready\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := greeting.Wait(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	c.strict, c.shared = true, true
	return c, there
}

// piece returns what the server reads at once, with ; for the line ends.
func piece(t *testing.T, there net.Conn) string {
	t.Helper()
	buf := make([]byte, 4096)
	n, err := there.Read(buf) // a pipe keeps what is written in pieces
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(buf[:n]), "\r\n", ";")
}

func heldVerbs(c *Conn) (verbs []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.unsent() {
		verbs = append(verbs, x.Verb)
	}
	return verbs
}

// TestShared holds back what is sent while a transfer goes on, and sends it when that has
// ended; what prepares the next transfer goes out in one piece with it.
func TestShared(t *testing.T) {
	t.Parallel()
	c, there := sharedConn(t)
	ctx := within(t, patience)
	say := func(text string) {
		t.Helper()
		if _, err := there.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	sent := make(chan []*Exchange, 1)
	go func() {
		xs, err := c.SendTogether(ctx, Batch{Lines: []string{"STOR a"}}, Batch{Lines: []string{"PASV"}})
		if err != nil || len(xs) != 2 {
			t.Errorf("%v, %v", xs, err)
		}
		sent <- slices.Concat(xs...)
	}()
	if got := piece(t, there); got != "STOR a;PASV;" {
		t.Fatalf("the server reads %q", got)
	}
	first := <-sent
	var later []*Exchange
	for _, line := range []string{"SIZE b", "RNFR c", "STOR d"} {
		xs, err := c.Send(ctx, nil, line) // it does not wait for the server to read
		if err != nil {
			t.Fatal(err)
		}
		later = append(later, xs...)
	}
	if got := heldVerbs(c); !slices.Equal(got, []string{"SIZE", "RNFR", "STOR"}) {
		t.Errorf("%v are held back", got)
	}
	if c.Idle() {
		t.Error("a connection is idle that has something to send")
	}
	say("150 go\r\n226 done\r\n")
	if got := piece(t, there); got != "SIZE b;RNFR c;STOR d;" {
		t.Errorf("when the transfer has ended the server reads %q", got)
	}
	if got := heldVerbs(c); got != nil {
		t.Errorf("%v are still held back", got)
	}
	say("227 (127,0,0,1,1,1)\r\n213 7\r\n350 on\r\n226 done\r\n")
	for i, x := range append(first, later...) {
		if err := x.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		if code := x.reply.Code; code != []int{226, 227, 213, 350, 226}[i] {
			t.Errorf("%s is answered with %d", x.Line, code)
		}
	}
	if !c.Idle() {
		t.Error("a connection is not idle that waits for nothing")
	}
}

// TestSharedInPieces has a transfer wait where so much is before it that the server would
// read what comes behind it in the middle of the transfer.
func TestSharedInPieces(t *testing.T) {
	t.Parallel()
	c, there := sharedConn(t)
	ctx := within(t, patience)
	long := "SIZE " + strings.Repeat("x", MaxAhead-100)
	done := make(chan bool)
	go func() {
		defer close(done)
		for _, batch := range [][]string{{long}, {"STOR " + strings.Repeat("y", 100), "PASV"}} {
			if _, err := c.Send(ctx, nil, batch...); err != nil {
				t.Error(err)
			}
		}
	}()
	if got := piece(t, there); got != long+";" {
		t.Errorf("the server reads %q", got)
	}
	<-done
	if got := heldVerbs(c); !slices.Equal(got, []string{"STOR", "PASV"}) {
		t.Errorf("%v are held back", got)
	}
	go there.Write([]byte("213 1\r\n"))
	if got := piece(t, there); !strings.HasPrefix(got, "STOR y") || !strings.HasSuffix(got, ";PASV;") {
		t.Errorf("then the server reads %q", got)
	}
}

// TestSharedLost ends what was held back when the connection is lost.
func TestSharedLost(t *testing.T) {
	t.Parallel()
	c, there := sharedConn(t)
	ctx := within(t, patience)
	go c.Send(ctx, nil, "RETR a")
	piece(t, there)
	xs, err := c.Send(ctx, nil, "SIZE b")
	if err != nil {
		t.Fatal(err)
	}
	there.Close()
	checkKind(t, "a command that was held back", xs[0].Wait(ctx), sites.Unreachable)
}

// TestSharedAbort sends an ABOR into the transfer that it is for.
func TestSharedAbort(t *testing.T) {
	t.Parallel()
	c, there := sharedConn(t)
	ctx := within(t, patience)
	sent := make(chan *Exchange, 1)
	go func() {
		xs, err := c.Send(ctx, nil, "RETR a")
		if err != nil {
			t.Error(err)
		}
		sent <- xs[0]
	}()
	piece(t, there)
	x := <-sent
	if _, err := c.Send(ctx, nil, "SIZE b"); err != nil {
		t.Fatal(err)
	}
	go c.Abort(x)
	if got := piece(t, there); got != "ABOR;" {
		t.Errorf("the server reads %q", got)
	}
}

// TestOutOfStep closes a shared connection at the first reply that shows that the server
// has answered in another order, before anything is made of it.
func TestOutOfStep(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, commands, replies string
		answered                int // commands that have their own reply
	}{
		{"what came in the middle is refused first", "STOR a;PASV", "150 go;500 Unknown command;226 done", 0},
		{"so it is, with a code that a transfer may end with", "STOR a;PASV", "150 go;450 PASV: data transfer in progress;226 done", 0},
		{"it is accepted first", "STOR a;PASV", "150 go;227 (127,0,0,1,1,1);226 done", 0},
		{"it is accepted before the transfer begins", "STOR a;PASV", "227 (127,0,0,1,1,1);150 go;226 done", 0},
		{"it is refused before the transfer begins", "STOR a;PASV", "503 no;150 go;226 done", 1},
		{"a size for an address", "PASV;SIZE a", "213 7;227 (127,0,0,1,1,1)", 0},
		{"an end of nothing", "SIZE a", "226 done", 0},
		{"all is well", "STOR a;PASV;SIZE b", "150 go;226 done;227 (127,0,0,1,1,1);213 7", 3},
		{"a refusal before the transfer begins", "STOR a;PASV;SIZE b", "553 no;227 (127,0,0,1,1,1);550 no", 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, there := sharedConn(t)
			ctx := within(t, patience)
			var xs []*Exchange
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				var err error
				if xs, err = c.Send(ctx, nil, strings.Split(test.commands, ";")...); err != nil {
					t.Error(err)
				}
			}()
			piece(t, there)
			<-sent
			for reply := range strings.SplitSeq(test.replies, ";") {
				if _, err := there.Write([]byte(reply + "\r\n")); err != nil {
					break // it is closed
				}
			}
			answered := 0
			for _, x := range xs {
				if x.Wait(ctx) == nil {
					answered++
				}
			}
			if answered != test.answered {
				t.Errorf("%d of %d commands were answered", answered, len(xs))
			}
			if lost := c.Err(); (lost == nil) != (answered == len(xs)) || lost != nil && sites.KindOf(lost) != sites.Unreachable {
				t.Errorf("the connection: %v", lost)
			}
		})
	}
}
