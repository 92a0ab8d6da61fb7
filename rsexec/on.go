package rsexec

import (
	"context"
	"strconv"

	"rsexec/grammar"
	"rsexec/sites"
)

// on performs ON (ERROR) CONTINUE|STOP|RETRY [n].
func (x *Executive) on(_ context.Context, st *grammar.Statement) error {
	var p policy
	switch st.Operand(0).Value() {
	case "CONTINUE":
		p.goOn = true
	case "RETRY":
		var err error
		if p.retries, err = strconv.Atoi(st.Operand(1).Value()); err != nil {
			return &sites.Error{Op: st.Verb.Name, Kind: sites.Usage, Err: err}
		}
	}
	x.thread.policy = p
	return nil
}
