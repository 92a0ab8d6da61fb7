package rsexec

import (
	"context"

	"rsexec/grammar"
	"rsexec/sites"
)

// rename performs RENAME (EXISTING FILE) f (TO BE) g, within one site. A bare
// new name stays in the directory of the old one.
func (x *Executive) rename(ctx context.Context, st *grammar.Statement) error {
	from, err := x.source(ctx, st.Operand(0).Value())
	if err != nil {
		return named(st, err)
	}
	typed := st.Operand(1).Value()
	to, complete, err := x.resolver.Complete(ctx, typed)
	if err != nil {
		return named(st, err)
	}
	if !complete {
		to.Pathname = from.Pathname.Dir().Join(typed)
	}
	if to.Pathname.Site != from.Pathname.Site {
		return &sites.Error{Op: st.Verb.Name, Site: from.Pathname.Site, Path: from.Pathname.Path, Kind: sites.Usage,
			Msg: "a file cannot be renamed to another site", Hint: "COPY it and DELETE the old one"}
	}
	switch _, err := from.Site.Stat(ctx, to.Pathname.Path); sites.KindOf(err) {
	case sites.NotFound:
	default:
		if err != nil {
			return named(st, err)
		}
		return &sites.Error{Op: st.Verb.Name, Site: to.Pathname.Site, Path: to.Pathname.Path, Kind: sites.Conflict,
			Msg: "there is such a file already", Hint: "DELETE it first"}
	}
	if err := from.Site.Rename(ctx, from.Pathname.Path, to.Pathname.Path); err != nil {
		return err
	}
	return x.printer.print(textEvent{"text", "RENAME " + from.Pathname.String() + " to " + to.Pathname.String() + "\n"})
}
