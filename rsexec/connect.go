package rsexec

import (
	"context"

	"rsexec/grammar"
	"rsexec/sites"
)

// connect performs CONNECT (TO DIRECTORY) d: d, or the home of the site d, is
// the working directory from now on.
func (x *Executive) connect(ctx context.Context, st *grammar.Statement) error {
	res, err := x.resolver.Again(ctx, st.Operand(0).Pattern())
	if err != nil {
		return named(st, err)
	}
	if res.Entry.Type == sites.File {
		return &sites.Error{Op: st.Verb.Name, Site: res.Pathname.Site, Path: res.Pathname.Path, Kind: sites.Usage, Msg: "it is no directory"}
	}
	x.resolver.Working = res.Pathname
	return nil
}

// pwd performs PWD.
func (x *Executive) pwd(ctx context.Context, st *grammar.Statement) error {
	if x.resolver.Working.Site == "" {
		return &sites.Error{Op: st.Verb.Name, Kind: sites.NotFound, Msg: "there is no working directory", Hint: "CONNECT to one"}
	}
	if x.resolver.Working.Path == "" {
		site, _ := x.network.Site(x.resolver.Working.Site) // it is one that New or CONNECT found
		home, err := site.Home(ctx)
		if err != nil {
			return named(st, err)
		}
		x.resolver.Working.Path = home
	}
	return x.printer.print(textEvent{"text", x.resolver.Working.String() + "\n"})
}
