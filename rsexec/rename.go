package rsexec

import (
	"context"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// rename performs RENAME (EXISTING FILE) f (TO BE) g, within one site. A bare
// new name stays in the directory of the old one.
func (x *Executive) rename(ctx context.Context, st *grammar.Statement) error {
	return x.eachImage(ctx, st, "Rename", func(from resolver.Place) error { return x.renameOne(ctx, st, from) })
}

func (x *Executive) renameOne(ctx context.Context, st *grammar.Statement, from resolver.Place) error {
	typed := st.Operand(1).Pattern()
	to, complete, err := x.resolver.Complete(ctx, typed)
	if err != nil {
		return named(st, err)
	}
	if !complete {
		to.Pathname = from.Pathname.Dir().Join(st.Operand(1).Value())
	}
	if to.Pathname.Site != from.Pathname.Site {
		return &sites.Error{Op: st.Verb.Name, Site: from.Pathname.Site, Path: from.Pathname.Path, Kind: sites.Usage,
			Msg: "a file cannot be renamed to another site", Hint: "MOVE it"}
	}
	return x.renameTo(ctx, st, from, to.Pathname)
}

// renameTo gives a file a name at its site that nothing has yet.
func (x *Executive) renameTo(ctx context.Context, st *grammar.Statement, from resolver.Place, to sites.Pathname) error {
	if err := vacant(ctx, st, from.Site, to); err != nil {
		return err
	}
	if err := from.Site.Rename(ctx, from.Pathname.Path, to.Path); err != nil {
		return named(st, err)
	}
	x.gone(from.Pathname)
	x.made(to, from.Entry)
	return x.printer.print(textEvent{"text", st.Verb.Name + " " + from.Pathname.String() + " to " + to.String() + "\n"})
}

// vacant returns an error if there is a file with the name that another is to get.
func vacant(ctx context.Context, st *grammar.Statement, site sites.Site, to sites.Pathname) error {
	switch _, err := site.Stat(ctx, to.Path); {
	case err == nil:
		return &sites.Error{Op: st.Verb.Name, Site: to.Site, Path: to.Path, Kind: sites.Conflict,
			Msg: "there is such a file already", Hint: "DELETE it first"}
	case sites.KindOf(err) != sites.NotFound:
		return named(st, err)
	}
	return nil
}
