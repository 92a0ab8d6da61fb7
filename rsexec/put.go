package rsexec

import (
	"context"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// put performs PUT (FILE) f,... (TO FILE) [g]: COPY from this host.
func (x *Executive) put(ctx context.Context, st *grammar.Statement) error { return x.copy(ctx, st) }

// putTo returns where PUT copies to: the working directory unless it was told
// otherwise.
func (x *Executive) putTo(typed []grammar.Word) ([]grammar.Word, error) {
	if len(typed) > 0 {
		return typed, nil
	}
	if x.resolver.Working.Site == "" {
		return nil, &sites.Error{Kind: sites.Usage, Msg: "there is no working directory to copy to",
			Hint: "CONNECT to one, or write TO and the destination"}
	}
	return []grammar.Word{{Parts: []grammar.Part{{Text: resolver.Typed(x.resolver.Working)}}}}, nil
}
