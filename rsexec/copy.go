package rsexec

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/rsexec/state"
	"rsexec/sites"
	"rsexec/sites/ftp"
)

// copy performs COPY (FILE) f,... (TO FILE) g,...: every source to every
// destination. With several sources a destination is a directory. GET and PUT
// are COPY with one end at this host.
func (x *Executive) copy(ctx context.Context, st *grammar.Statement) error {
	sources, words, err := x.ends(st)
	if err != nil {
		return named(st, err)
	}
	failed := &someFailed{verb: st.Verb.Name}
	dests, err := x.targets(ctx, st, sources, words, failed)
	if err != nil {
		return err
	}
	j, err := x.newJob(ctx, st)
	if err != nil {
		return err
	}
	err = x.eachSource(ctx, st, sources, failed, func(source resolver.Place) error {
		group, err := x.copies(st, source, dests)
		if err == nil && len(group) > 0 {
			err = j.add(ctx, group)
		}
		return err
	})
	if err != nil {
		return errors.Join(err, j.drop(ctx))
	}
	return j.run(ctx, failed)
}

// targets looks up the destinations of a statement. If there are several, one that
// fails is reported, and counted in failed.
func (x *Executive) targets(ctx context.Context, st *grammar.Statement, sources, words []grammar.Word, failed *someFailed) ([]target, error) {
	greeted := x.greet(ctx, sources)
	dests, err := x.lookUpTargets(ctx, st, sources, words, failed)
	if refused := greeted(); err == nil && sites.KindOf(refused) == sites.Login {
		return nil, named(st, refused) // and it is not tried once more
	}
	return dests, err
}

// greet has the site log in that a single source is named at, if nobody has to be asked for
// a password, and returns what waits for that: meanwhile the destination can be looked up.
func (x *Executive) greet(ctx context.Context, words []grammar.Word) (wait func() error) {
	nothing := func() error { return nil }
	if len(words) != 1 {
		return nothing
	}
	name, err := resolver.Parse(words[0].Pattern())
	if err != nil {
		return nothing // as is told when it is looked up
	}
	site, _ := x.network.Site(name.Head)
	f, ok := site.(*ftp.Site)
	if !ok || f.Config().Password == "" {
		return nothing
	}
	met := make(chan error, 1)
	go func() { met <- f.Meet(ctx) }()
	return func() error { return <-met }
}

func (x *Executive) lookUpTargets(ctx context.Context, st *grammar.Statement, sources, words []grammar.Word, failed *someFailed) ([]target, error) {
	var dests []target
	for _, w := range words {
		var dest target
		err := x.retriedAmong(ctx, len(words) > 1, func() (err error) { dest, err = x.target(ctx, st, sources, w); return err })
		switch {
		case ctx.Err() != nil:
			return nil, named(st, sites.Stopped(ctx))
		case err != nil && len(words) == 1:
			return nil, err
		case err != nil:
			x.tally(failed, err)
			continue
		}
		dest.among = len(words) > 1
		dests = append(dests, dest)
	}
	if len(dests) == 0 {
		return nil, failed
	}
	return dests, nil
}

// retriedAmong looks a name up, as often as ON ERROR wants it if it is one of several.
// If it is the only one the whole statement is tried again.
func (x *Executive) retriedAmong(ctx context.Context, several bool, look func() error) error {
	return x.retried(ctx, func(err error) bool { return several && sites.KindOf(err).Retryable() }, look)
}

// eachSource performs work for all files that the words mean, as their sites have
// them now. If there are several, a failure is reported and counted in failed.
func (x *Executive) eachSource(ctx context.Context, st *grammar.Statement, words []grammar.Word, failed *someFailed, work func(resolver.Place) error) error {
	several := len(words) > 1 || len(words) == 1 && resolver.IsPattern(words[0].Pattern())
	for _, w := range words {
		var err, broken error
		if resolver.IsPattern(w.Pattern()) {
			err = x.match(ctx, st, w.Pattern(), func(p resolver.Place) bool {
				e := work(p)
				if isFatal(e) {
					broken = e
					return false
				}
				if e != nil {
					x.tally(failed, named(st, e))
				}
				return ctx.Err() == nil
			})
		} else {
			var p resolver.Place
			err = x.retriedAmong(ctx, several, func() (err error) { p, err = x.present(ctx, w.Pattern()); return err })
			if err == nil {
				err = work(p)
			}
		}
		switch {
		case ctx.Err() != nil:
			return named(st, sites.Stopped(ctx))
		case broken != nil:
			return named(st, broken)
		case err != nil && (!several || isFatal(err)):
			return named(st, err)
		case err != nil:
			x.tally(failed, named(st, err))
		}
	}
	return nil
}

// intoItself is the error of a directory that would be copied into itself, before
// anything is.
type intoItself struct{ error }

func (e *intoItself) Unwrap() error { return e.error }

// isFatal reports whether an error ends a statement before anything is begun.
func isFatal(err error) bool {
	if _, ok := errors.AsType[*intoItself](err); ok {
		return true
	}
	e, ok := err.(*sites.Error)
	return ok && strings.HasSuffix(e.Op, "the journal")
}

// copies returns the transfers of one source to all destinations; none if it is one
// of them already.
func (x *Executive) copies(st *grammar.Statement, source resolver.Place, dests []target) (group []state.Transfer, err error) {
	isDirectory := source.Entry.Type == sites.Directory
	if _, recursive := st.Option("recursive"); isDirectory && !recursive {
		return nil, &sites.Error{Op: st.Verb.Name, Site: source.Pathname.Site, Path: source.Pathname.Path, Kind: sites.Usage, Msg: "it is a directory",
			Hint: "--recursive copies directories"}
	}
	for _, dest := range dests {
		var to sites.Pathname
		if isDirectory {
			if to, err = dest.root(source.Pathname); err == nil && x.contains(source.Pathname, to) {
				err = &intoItself{&sites.Error{Op: st.Verb.Name, Site: source.Pathname.Site, Path: source.Pathname.Path, Kind: sites.Usage,
					Msg: "a directory cannot be copied into itself, and " + to.String() + " is in it"}}
			}
		} else {
			to, err = dest.pathname(source.Pathname)
		}
		if err != nil {
			return nil, err
		}
		if dest.among && to == source.Pathname {
			x.printer.notice(st.Verb.Name + " " + source.Pathname.String() + ": it is one of the destinations already")
			continue
		}
		t := transferOf(source, to)
		if isDirectory {
			t.What, t.Root, t.Fresh = state.Tree, len(below(source.Pathname)), dest.missing(to)
		}
		group = append(group, t)
	}
	return group, nil
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
	var dest resolver.Place
	err := x.patiently(ctx, func() (err error) { dest, err = x.destination(ctx, w.Pattern()); return err })
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

// places returns all files that the words mean, before any of them is touched. A
// word that fails is counted in failed and, if there are others, reported.
func (x *Executive) places(ctx context.Context, st *grammar.Statement, words []grammar.Word, r *resolver.Resolver) (found []resolver.Place, failed *someFailed, err error) {
	failed = &someFailed{verb: st.Verb.Name}
	var held sites.Held
	for _, w := range words {
		var res resolver.Resolution
		if resolver.IsPattern(w.Pattern()) {
			room := true
			err = x.match(ctx, st, w.Pattern(), func(p resolver.Place) bool {
				found = append(found, p)
				room = held.Add(p.Entry)
				return room
			})
			if err == nil && !room {
				return nil, nil, named(st, sites.TooLarge(found[0].Pathname.Dir()))
			}
		} else if err = x.retriedAmong(ctx, len(words) > 1, func() error {
			return x.patiently(ctx, func() (err error) { res, err = r.Again(ctx, w.Pattern()); return err })
		}); err == nil {
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
