package rsexec

import (
	"context"

	"rsexec/grammar"
	"rsexec/sites"
)

// get performs GET (FILE) f,... (TO FILE) [g]: COPY to this host.
func (x *Executive) get(ctx context.Context, st *grammar.Statement) error { return x.copy(ctx, st) }

// getTo returns where GET copies to: the local working directory unless it was
// told otherwise.
func (x *Executive) getTo(typed []grammar.Word) ([]grammar.Word, error) {
	if len(typed) == 0 {
		return []grammar.Word{{Parts: []grammar.Part{{Text: sites.LocalName + ":"}}}}, nil
	}
	return x.localWords(typed)
}
