package rsexec

import (
	"context"
	"strings"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// copy performs COPY (FILE) f,... (TO FILE) g,...: every source to every
// destination. With several sources a destination is a directory.
func (x *Executive) copy(ctx context.Context, st *grammar.Statement) error {
	return x.forWords(ctx, st, st.List(1), func(dest grammar.Word) error { return x.copyTo(ctx, st, dest.Pattern()) })
}

// copyTo copies the sources to one destination.
func (x *Executive) copyTo(ctx context.Context, st *grammar.Statement, typed string) error {
	dest, err := x.destination(ctx, typed)
	if err != nil {
		return named(st, err)
	}
	list := st.List(0)
	several := len(list) > 1 || resolver.IsPattern(list[0].Pattern())
	if several && dest.Err == nil && dest.Entry.Type == sites.File {
		return &sites.Error{Op: st.Verb.Name, Site: dest.Pathname.Site, Path: dest.Pathname.Path, Kind: sites.Usage,
			Msg: "it is no directory, so it cannot take several files"}
	}
	return x.each(ctx, st, list, func(source resolver.Place) error {
		if several && source.Entry.Type == sites.Directory && source.Indexed.IsZero() {
			return &sites.Error{Op: st.Verb.Name, Site: source.Pathname.Site, Path: source.Pathname.Path, Kind: sites.Usage, Msg: "it is a directory"}
		}
		j := job(st, source, dest)
		if dest.Err != nil && (several || strings.HasSuffix(typed, "/")) {
			j.Dest = dest.Pathname.Join(j.Source.Base())
		}
		if len(st.List(1)) > 1 && isSame(source, dest) {
			x.printer.notice(st.Verb.Name + " " + source.Pathname.String() + ": it is one of the destinations already")
			return nil
		}
		return x.move(ctx, j)
	})
}

// isSame reports whether a destination is the source itself, or the directory
// that it is in.
func isSame(source, dest resolver.Place) bool {
	at := dest.Pathname
	if dest.Err == nil && dest.Entry.Type == sites.Directory {
		at = at.Join(source.Pathname.Base())
	}
	return at == source.Pathname
}

// named gives an error the verb that it came up in, if it has no operation yet.
func named(st *grammar.Statement, err error) error {
	if e, ok := err.(*sites.Error); ok && e.Op == "" {
		return sites.During(st.Verb.Name, sites.Pathname{Site: e.Site, Path: e.Path}, err)
	}
	return err
}
