package fault

import (
	"fmt"
	"strings"
	"time"
)

// What is what a fault does.
type What uint8

// The kinds of fault.
const (
	// Cut closes both sides. What was passed on before arrives.
	Cut What = iota

	// Reset resets both sides, when what was passed on before has arrived, as far as the
	// system tells.
	Reset

	// Stall passes nothing on any more: on a control connection in neither direction, on a
	// data connection in that of the fault. The end of what the sender of the data sends is
	// held back too. When the other side closes, or on a control connection one of them, or
	// one resets, or Options.StallTime is over, then both sides are reset and what was held
	// back is lost.
	Stall

	// Delay holds back what comes next for the time of Fault.Delay.
	Delay

	// Truncate shows the receiver of a data connection an orderly end. The sender notices
	// nothing: what it goes on sending is dropped.
	Truncate

	// Busy greets with 421 and closes, in the place of the server.
	Busy
)

var whatNames = [...]string{Cut: "cut", Reset: "reset", Stall: "stall", Delay: "delay", Truncate: "truncate", Busy: "421"}

// Where is the moment at which a fault happens.
type Where uint8

// The moments.
const (
	// Connect is when a control connection was accepted and nothing has passed.
	Connect Where = iota

	// Command is when a command has come and was not passed on.
	Command

	// Begin is when the first reply to a command, preliminary or final, has come and was
	// not passed on.
	Begin

	// Reply is when the final reply to a command has come and was not passed on.
	Reply

	// Within is when half of the first line of a final reply was passed on.
	Within

	// Up is when Fault.Byte bytes were passed on to the server, over a data connection;
	// with 0, when the connection was made.
	Up

	// Down is the same with the bytes that came from the server.
	Down
)

var whereNames = [...]string{
	Connect: "at connect", Command: "before", Begin: "before the first reply to", Reply: "before the reply to",
	Within: "within the reply to", Up: "after %d bytes up", Down: "after %d bytes down",
}

// Greeting stands for a verb in Fault.Verb: the greeting is the reply to it.
const Greeting = "greeting"

// A Fault is one thing that goes wrong. The moments that fit it are counted, over all
// connections or in one, and it happens at the Nth. One whose moment never comes does not
// happen.
type Fault struct {
	What  What
	Where Where

	// Conn is the one connection that it happens to, counted from 1 in the order in which
	// they come in: control connections, or data connections for Up and Down. 0 is any.
	Conn int

	// Verb has only commands with this verb counted, and their replies; "" is any command.
	Verb string

	Nth   int           // which of the moments that fit; 0 is the first
	Times int           // at how many of them in a row; 0 is one
	Byte  int64         // for Up and Down
	Delay time.Duration // for Delay
}

// String returns the fault in a few words.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(whatNames[f.What])
	if f.What == Delay {
		fmt.Fprintf(&b, " %v", f.Delay)
	}
	switch name := whereNames[f.Where]; {
	case f.onData():
		fmt.Fprintf(&b, " "+name, f.Byte)
	case f.Where == Connect:
		b.WriteString(" " + name)
	case f.Verb == "":
		b.WriteString(" " + name + " command")
	default:
		b.WriteString(" " + name + " " + f.Verb)
	}
	fmt.Fprintf(&b, " #%d", f.first())
	if f.times() > 1 {
		fmt.Fprintf(&b, " x%d", f.Times)
	}
	if f.Conn > 0 {
		fmt.Fprintf(&b, " on connection %d", f.Conn)
	}
	return b.String()
}

func (f Fault) onData() bool { return f.Where == Up || f.Where == Down }
func (f Fault) first() int   { return max(f.Nth, 1) }
func (f Fault) times() int   { return max(f.Times, 1) }

// spent reports whether it happens no more, once so many moments were counted.
func (f Fault) spent(seen int) bool { return seen >= f.first()+f.times()-1 }

// fits reports whether it counts m.
func (f Fault) fits(m moment) bool {
	if f.Where != m.where || f.Conn != 0 && f.Conn != m.conn || f.Byte != m.byte {
		return false
	}
	return f.Verb == m.verb || f.Verb == "" && m.verb != Greeting
}

// check returns what is wrong with the fault itself.
func (f Fault) check() error {
	switch {
	case int(f.What) >= len(whatNames) || int(f.Where) >= len(whereNames):
		return fmt.Errorf("no such fault: %d at %d", f.What, f.Where)
	case f.Nth < 0 || f.Times < 0 || f.Conn < 0 || f.Byte < 0 || f.Delay < 0:
		return fmt.Errorf("%v: a number below zero", f)
	case f.What == Truncate && !f.onData():
		return fmt.Errorf("%v: only a data connection can be truncated", f)
	case f.What == Busy && f.Where != Connect:
		return fmt.Errorf("%v: only a greeting can be 421", f)
	case f.Byte != 0 && !f.onData():
		return fmt.Errorf("%v: bytes are counted on data connections", f)
	case f.Verb != "" && (f.Where == Connect || f.onData()):
		return fmt.Errorf("%v: there is no %s then", f, f.Verb)
	case f.Where == Command && f.Verb == Greeting:
		return fmt.Errorf("%v: nobody asks for the greeting", f)
	case (f.What == Delay) != (f.Delay > 0):
		return fmt.Errorf("%v: a delay needs a time, and nothing else does", f)
	}
	return nil
}

// A Plan is the faults of a run, in the order in which they happen where several meet.
type Plan []Fault

// String returns the plan in one line.
func (p Plan) String() string {
	if len(p) == 0 {
		return "no faults"
	}
	names := make([]string, len(p))
	for i, f := range p {
		names[i] = f.String()
	}
	return strings.Join(names, "; ")
}

// A moment is something that a fault can happen at.
type moment struct {
	where Where
	conn  int
	verb  string // of the command; "" at Connect and on a data connection
	byte  int64
}

// String tells which moment it was of those that fit a fault.
func (m moment) String() string {
	if m.verb == "" {
		return fmt.Sprintf("connection %d", m.conn)
	}
	return fmt.Sprintf("connection %d, %s", m.conn, m.verb)
}
