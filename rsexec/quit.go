package rsexec

import (
	"context"
	"errors"
	"strconv"

	"rsexec/grammar"
	"rsexec/sites"
)

// Quit is the error that Run returns for QUIT.
type Quit struct {
	Status int  // the exit status that was asked for, from 0 to 255
	given  bool // it was asked for; else it is that of the script so far
}

// isQuit reports whether err is that of QUIT.
func isQuit(err error) bool {
	_, ok := errors.AsType[*Quit](err)
	return ok
}

func (*Quit) Error() string { return "quit" }

// quit performs QUIT [(STATUS) n].
func (x *Executive) quit(_ context.Context, st *grammar.Statement) error {
	typed := st.Operand(0).Value()
	if typed == "" {
		return &Quit{}
	}
	status, err := strconv.ParseUint(typed, 10, 8)
	if err != nil {
		return &sites.Error{Op: st.Verb.Name, Kind: sites.Usage, Msg: "an exit status is a number from 0 to 255, not " + sites.Printable(typed)}
	}
	return &Quit{Status: int(status), given: true}
}
