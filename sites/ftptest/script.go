package ftptest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A step is one line of a script.
type step struct {
	number int    // of the line in the script, from 1
	line   string // as written
	verb   verb
	text   string // what follows the verb; unquoted where the verb quotes
	count  int    // the number of bytes that follows the verb, or -1
	bare   bool   // nothing follows the verb
	pause  time.Duration
}

// A verb is what a line of a script begins with.
type verb string

// The verbs, as Play explains them.
const (
	say      verb = "S:"
	sayRaw   verb = "S!"
	sayOften verb = "S*"
	hear     verb = "C:"
	hearRaw  verb = "C!"
	mayHear  verb = "C?"
	send     verb = "D>"
	sendMany verb = "D*"
	receive  verb = "D<"
	stranger verb = "DS"
	dataEnd  verb = "DX"
	dataStop verb = "DC"
	dataTLS  verb = "DT"
	beginTLS verb = "TLS"
	dataCut  verb = "DR"
	end      verb = "X"
	cut      verb = "R"
	wait     verb = "T"
	awaitEnd verb = "W"
)

// An operand is what may follow a verb.
type operand int

const (
	nothing       operand = iota
	plain                 // text up to the end of the line
	quoted                // a Go string literal
	quotedOrCount         // that, or a number of bytes
	anyOrNothing          // that, or nothing
	countedQuoted         // perhaps a number of times, and a Go string literal
	period                // a time.Duration
)

// operands is never written to.
var operands = map[verb]operand{
	say: plain, sayRaw: quoted, sayOften: countedQuoted,
	hear: plain, hearRaw: quoted, mayHear: plain,
	send: quotedOrCount, sendMany: countedQuoted, receive: anyOrNothing, stranger: quoted,
	dataEnd: nothing, dataCut: nothing, dataStop: nothing, dataTLS: nothing, beginTLS: nothing,
	wait: period,
	end:  nothing, cut: nothing, awaitEnd: nothing,
}

// parseScript returns the steps of a script.
func parseScript(script string) ([]step, error) {
	var steps []step
	for i, line := range strings.Split(script, "\n") {
		line = strings.TrimLeft(strings.TrimSuffix(line, "\r"), " \t")
		if line == "" || line[0] == '#' {
			continue
		}
		s, err := parseStep(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %q: %w", i+1, line, err)
		}
		s.number = i + 1
		steps = append(steps, s)
	}
	return steps, nil
}

func parseStep(line string) (step, error) {
	word, text, _ := strings.Cut(line, " ")
	s := step{line: line, verb: verb(word), text: text, count: -1, bare: text == ""}
	kind, ok := operands[s.verb]
	if !ok {
		return s, fmt.Errorf("no verb %q", word)
	}
	switch {
	case kind == plain:
		return s, nil
	case s.bare && (kind == nothing || kind == anyOrNothing):
		return s, nil
	case kind == nothing:
		return s, fmt.Errorf("%s stands alone", word)
	}
	switch kind {
	case period:
		var err error
		if s.pause, err = time.ParseDuration(text); err != nil {
			return s, fmt.Errorf("%s wants a time", word)
		}
		return s, nil
	case countedQuoted:
		if number, rest, ok := strings.Cut(text, " "); ok && text[0] != '"' {
			n, err := strconv.Atoi(number)
			if err != nil {
				return s, fmt.Errorf("%s wants a number of times", word)
			}
			s.count, text = n, rest
		}
	case quoted:
	default:
		if n, err := strconv.Atoi(text); err == nil && n >= 0 {
			s.count = n
			return s, nil
		}
	}
	literal, err := strconv.Unquote(text)
	if err != nil {
		return s, fmt.Errorf("%s wants a Go string literal", word)
	}
	s.text = literal
	return s, nil
}
