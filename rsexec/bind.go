package rsexec

import (
	"context"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// bind performs BIND (DEVICE) name: (TO DIRECTORY) d: the name is a logical
// name whose search list is the one directory d.
func (x *Executive) bind(ctx context.Context, st *grammar.Statement) error {
	res, err := x.resolver.Again(ctx, st.Operand(1).Pattern())
	if err != nil {
		return named(st, err)
	}
	if res.Entry.Type == sites.File {
		return &sites.Error{Op: st.Verb.Name, Site: res.Pathname.Site, Path: res.Pathname.Path, Kind: sites.Usage, Msg: "it is no directory"}
	}
	return named(st, x.defineName(logicalName(st.Operand(0)), []string{resolver.Typed(res.Pathname)}))
}
