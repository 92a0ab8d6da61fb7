package rsexec

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/rsexec/transfer"
	"rsexec/sites"
)

// copy performs COPY (FILE) f,... (TO FILE) g,...: every source to every
// destination. With several sources a destination is a directory. GET and PUT
// are COPY with one end at this host.
func (x *Executive) copy(ctx context.Context, st *grammar.Statement) error {
	sources, dests, err := x.ends(st)
	if err != nil {
		return named(st, err)
	}
	_, recursive := st.Option("recursive")
	return x.forWords(ctx, st, dests, func(w grammar.Word) error {
		dest, err := x.target(ctx, st, sources, w)
		if err != nil {
			return err
		}
		dest.among = len(dests) > 1
		if recursive {
			return x.copyTrees(ctx, st, sources, dest)
		}
		return x.each(ctx, st, sources, func(source resolver.Place) error {
			if source.Entry.Type == sites.Directory && source.Indexed.IsZero() {
				return &sites.Error{Op: st.Verb.Name, Site: source.Pathname.Site, Path: source.Pathname.Path, Kind: sites.Usage, Msg: "it is a directory",
					Hint: "--recursive copies directories"}
			}
			return x.copyOne(ctx, st, source, dest)
		})
	})
}

// ends returns the words for the sources and the destinations of a statement
// that copies or moves.
func (x *Executive) ends(st *grammar.Statement) (sources, dests []grammar.Word, err error) {
	sources, dests = st.List(0), st.List(1)
	switch st.Verb.Name {
	case "GET":
		dests, err = x.getTo(dests)
	case "PUT":
		if sources, err = x.localWords(sources); err == nil {
			dests, err = x.putTo(dests)
		}
	}
	return sources, dests, err
}

// A target is a destination as a statement means it.
type target struct {
	resolver.Place
	several bool // it takes several sources, each by its own name
	folder  bool // it was written as a directory, with a slash at its end
	among   bool // it is one of several destinations
}

// newTarget returns what w, which means dest, is for these sources.
func newTarget(dest resolver.Place, sources []grammar.Word, w grammar.Word) target {
	return target{Place: dest, folder: strings.HasSuffix(w.Pattern(), "/"),
		several: len(sources) > 1 || resolver.IsPattern(sources[0].Pattern())}
}

// target looks up one destination of a statement.
func (x *Executive) target(ctx context.Context, st *grammar.Statement, sources []grammar.Word, w grammar.Word) (target, error) {
	dest, err := x.destination(ctx, w.Pattern())
	if err != nil {
		return target{}, named(st, err)
	}
	t := newTarget(dest, sources, w)
	if t.several && dest.Err == nil && dest.Entry.Type == sites.File {
		return t, &sites.Error{Op: st.Verb.Name, Site: dest.Pathname.Site, Path: dest.Pathname.Path, Kind: sites.Usage,
			Msg: "it is no directory, so it cannot take several files"}
	}
	return t, nil
}

// isDirectory reports whether the target is a directory that exists.
func (t target) isDirectory() bool { return t.Err == nil && t.Entry.Type == sites.Directory }

// pathname returns where a source goes.
func (t target) pathname(source sites.Pathname) (sites.Pathname, error) {
	if t.isDirectory() || t.Err != nil && (t.several || t.folder) {
		return under(t.Pathname, source.Base())
	}
	return t.Pathname, nil
}

// under returns the pathname of a file below a directory, by a name that a site
// gave it. At this host such a name could lead out of the directory: on Windows a
// backslash divides names, and a colon stands for a drive.
func under(dir sites.Pathname, name string) (sites.Pathname, error) {
	if dir.Site == sites.LocalName && name != "" && !filepath.IsLocal(filepath.FromSlash(name)) {
		return dir, &sites.Error{Site: dir.Site, Path: dir.Path, Kind: sites.Usage, Msg: "this host can have no file named " + sites.Printable(name)}
	}
	return dir.Join(name), nil
}

// copyOne copies one file.
func (x *Executive) copyOne(ctx context.Context, st *grammar.Statement, source resolver.Place, dest target) error {
	to, err := dest.pathname(source.Pathname)
	if err != nil {
		return named(st, err)
	}
	if dest.among && to == source.Pathname {
		x.printer.notice(st.Verb.Name + " " + source.Pathname.String() + ": it is one of the destinations already")
		return nil
	}
	return x.moveOrLeave(ctx, st, source, copyJob(st, source, dest, to))
}

// moveOrLeave performs one job, unless --update leaves it out.
func (x *Executive) moveOrLeave(ctx context.Context, st *grammar.Statement, source resolver.Place, j transfer.Request) error {
	if x.isUpToDate(ctx, st, source, j) {
		return nil
	}
	return x.move(ctx, j)
}

// isUpToDate reports whether --update leaves a copy out: there is a file of the same
// size at the destination, modified no earlier than the source. Where the sizes are
// alike and the source was only listed for people, its site is asked. Of what a site
// does not tell exactly nothing is assumed; what is wrong then, the copy tells.
func (x *Executive) isUpToDate(ctx context.Context, st *grammar.Statement, source resolver.Place, j transfer.Request) bool {
	if _, update := st.Option("update"); !update {
		return false
	}
	there, err := j.To.Stat(ctx, j.Dest.Path)
	if err != nil || there.Type != sites.File {
		return false
	}
	e := source.Entry
	if !source.Indexed.IsZero() || e.Type == sites.Unknown || e.Coarse && e.Size == there.Size {
		if e, err = j.From.Stat(ctx, j.Source.Path); err != nil {
			return false
		}
	}
	if e.Size < 0 || e.Size != there.Size || !isExact(e) || !isExact(there) {
		return false
	}
	return !there.Modified.Before(e.Modified.Truncate(time.Second)) // sites tell seconds
}

// isExact reports whether a site told to the second when a file was modified.
func isExact(e sites.Entry) bool { return !e.Modified.IsZero() && !e.Coarse }

// copyJob makes the job of one copy, to where the target's pathname is for it.
func copyJob(st *grammar.Statement, source resolver.Place, dest target, to sites.Pathname) transfer.Request {
	j := job(st, source, dest.Place)
	j.Dest, j.Exact = to, dest.isDirectory()
	return j
}

// places returns all files that the words mean, before any of them is touched. A
// word that fails is counted in failed and, if there are others, reported.
func (x *Executive) places(ctx context.Context, st *grammar.Statement, words []grammar.Word, r *resolver.Resolver) (found []resolver.Place, failed *someFailed, err error) {
	failed = &someFailed{verb: st.Verb.Name}
	for _, w := range words {
		var res resolver.Resolution
		if resolver.IsPattern(w.Pattern()) {
			err = x.match(ctx, st, w.Pattern(), func(p resolver.Place) bool { found = append(found, p); return true })
		} else if res, err = r.Again(ctx, w.Pattern()); err == nil {
			x.tellUnheard(res)
			found = append(found, res.Place)
		}
		switch {
		case ctx.Err() != nil:
			return nil, nil, named(st, sites.Stopped(ctx))
		case err != nil && len(words) == 1 && len(found) == 0:
			return nil, nil, named(st, err)
		case err != nil:
			x.tally(failed, named(st, err))
		}
	}
	return found, failed, nil
}

// tally reports the error of one file of several, and counts the file.
func (x *Executive) tally(failed *someFailed, err error) {
	failed.total++
	if err != nil {
		x.Report(err)
		failed.failed++
		failed.last = err
	}
}

// orNil returns the error of a statement over several files; nil if none failed.
func (e *someFailed) orNil() error {
	if e.failed == 0 {
		return nil
	}
	return e
}

// named gives an error the verb that it came up in, if it has no operation yet.
func named(st *grammar.Statement, err error) error {
	if e, ok := err.(*sites.Error); ok && e.Op == "" {
		return sites.During(st.Verb.Name, sites.Pathname{Site: e.Site, Path: e.Path}, err)
	}
	return err
}
