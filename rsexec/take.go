package rsexec

import (
	"context"
	"os"

	"rsexec/grammar"
	"rsexec/sites"
)

// maxTaken is how many scripts may be taken one within the other.
const maxTaken = 50

// take performs TAKE (COMMANDS FROM) file [(ARGUMENTS) word,...]. What the script
// says with ON ERROR holds to its end.
func (x *Executive) take(ctx context.Context, st *grammar.Statement) error {
	t := x.thread
	if t.taken == maxTaken {
		return &sites.Error{Op: st.Verb.Name, Kind: sites.Usage, Msg: "too many scripts take each other"}
	}
	f, err := os.Open(st.Operand(0).Value())
	if err != nil {
		return &sites.Error{Op: st.Verb.Name, Kind: sites.NotFound, Err: err}
	}
	defer f.Close() // it was only read
	outer := *t
	t.arguments, t.taken, t.script = st.List(1), t.taken+1, st.Operand(0).Value()
	err = x.play(ctx, t.script, f)
	t.arguments, t.policy, t.taken, t.script, t.at = outer.arguments, outer.policy, outer.taken, outer.script, outer.at
	return err
}
