package rsexec

import (
	"context"

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
	w, err := x.localWord(st.Operand(0))
	if err != nil {
		return named(st, err)
	}
	file, err := x.resolver.Again(ctx, w.Pattern())
	if err != nil {
		return named(st, err)
	}
	script, err := file.Site.Open(ctx, file.Pathname.Path, 0)
	if err != nil {
		return named(st, err)
	}
	defer script.Close() // what is not read any more is of no interest
	outer := *t
	t.arguments, t.taken, t.script = st.List(1), t.taken+1, st.Operand(0).Value()
	err = x.play(ctx, t.script, script)
	t.arguments, t.policy, t.taken, t.script, t.at = outer.arguments, outer.policy, outer.taken, outer.script, outer.at
	return err
}
