package rsexec

import (
	"context"
	"fmt"
	"strconv"

	"rsexec/grammar"
	"rsexec/sites"
)

// lineEvent is one line of the history.
type lineEvent struct {
	Event  string `json:"event"` // "line"
	Number int    `json:"number"`
	Text   string `json:"text"`
}

func (e lineEvent) text() string { return fmt.Sprintf("%5d  %s\n", e.Number, sites.Printable(e.Text)) }

// history performs HISTORY [(LINES) n]. In a batch nobody types lines, so that
// there are none.
func (x *Executive) history(_ context.Context, st *grammar.Statement) error {
	last := -1
	if typed := st.Operand(0).Value(); typed != "" {
		n, err := strconv.ParseUint(typed, 10, 31)
		if err != nil {
			return &sites.Error{Op: st.Verb.Name, Kind: sites.Usage, Msg: "a number of lines is wanted, not " + sites.Printable(typed)}
		}
		last = int(n)
	}
	if x.options.History == nil {
		return nil
	}
	lines, err := x.options.History()
	if err != nil {
		return sites.During(st.Verb.Name, sites.Pathname{}, err)
	}
	from := 0
	if last >= 0 {
		from = max(0, len(lines)-last)
	}
	for i, line := range lines[from:] {
		if err := x.printer.print(lineEvent{"line", from + i + 1, masked(line)}); err != nil {
			return err
		}
	}
	return nil
}
