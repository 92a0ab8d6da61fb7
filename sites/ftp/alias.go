package ftp

import (
	"context"
	"strings"

	"rsexec/sites"
	"rsexec/sites/ftp/listing"
)

// Alias reports whether to is no file of its own but another way to the file
// from: it is a link, as its facts tell, or it leads nowhere, or both have one
// unique fact (RFC 3659 section 7.5.2). A server that has no MLST, or tells no such
// fact, is not suspected.
func (s *Session) Alias(ctx context.Context, from, to string) (bool, error) {
	facts, err := s.facts(ctx, to)
	switch sites.KindOf(err) {
	case sites.Unsupported:
		return false, nil
	case sites.NotFound:
		return true, nil
	}
	if err != nil {
		return false, err
	}
	e, _ := listing.Facts(facts) // facts found that it can be read
	unique := listing.Unique(facts)
	if e.Type == sites.Link || unique == "" {
		return e.Type == sites.Link, nil
	}
	facts, err = s.facts(ctx, from)
	return err == nil && listing.Unique(facts) == unique, err
}

// facts returns the line of facts that MLST tells of a file.
func (s *Session) facts(ctx context.Context, path string) (string, error) {
	reply, err := s.try(ctx, "MLST "+path)
	if err != nil {
		return "", err
	}
	for _, line := range reply.Lines[1:] {
		line = strings.TrimPrefix(line, " ")
		if _, ok := listing.Facts(line); ok {
			return line, nil
		}
	}
	return "", protocolError("the reply to MLST has no facts: %s", clip(reply.Text()))
}
