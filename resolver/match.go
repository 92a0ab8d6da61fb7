package resolver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"

	"rsexec/sites"
)

// A Lister lists directories; it is a sites.Site, or stands before one.
type Lister func(ctx context.Context, site sites.Site, dir sites.Pathname, yield func(sites.Entry) bool) error

const (
	// ahead is how many matches may wait, at all sites together, until those of
	// the sites before them are taken; each site has its share, and leastAhead
	// at least. A site whose share is used up lists no other directory.
	ahead      = 1 << 16
	leastAhead = 256

	// maxAlike is how many directories on the way to one may list the same as
	// it does. Links that lead back are not always told from directories.
	maxAlike = 3

	// maxErrors is how many errors of one site are kept.
	maxErrors = 100
)

// Match calls yield for each file, directory or link that a pattern matches, in
// the order of the search list. Where the list has several sites they are
// searched at the same time. A name that is no pattern matches itself, where it
// exists. yield returns false to end it.
//
// "*", "?" and "[...]" match within one element of a path, "**" any number of
// directories, and {a,b} either text, which may hold slashes. A slash at the
// end keeps files out. Links are not followed by "**"; where a site does not
// tell files from directories, "**" tries to list all.
//
// No listing waits for yield: a site may have one session only, and yield may
// need it. So some directories of a site may be in memory at once, and the
// matches that wait for those of the sites before.
//
// The errors of sites and directories that could not be listed are joined, and
// the rest is still searched.
func (r *Resolver) Match(ctx context.Context, name string, list Lister, yield func(Place) bool) error {
	parsed, err := Parse(name)
	if err != nil {
		return err
	}
	spots, _, err := r.spots(parsed)
	if err != nil {
		return err
	}
	walks := make([]*walk, len(spots))
	for i, s := range spots {
		patterns, err := compile(s.path)
		if err != nil {
			return err
		}
		walks[i] = &walk{resolver: r, list: newPrefetch(list, s.site), site: s.site, patterns: patterns,
			found: newQueue(max(leastAhead, ahead/(len(spots)*max(r.Beside, 1)))), seed: maphash.MakeSeed()}
	}
	ctx, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	for _, w := range walks {
		group.Go(func() {
			defer w.found.end()
			defer w.list.group.Wait()
			w.run(ctx)
		})
	}
	twice := overlap(walks)
	seen := make(map[sites.Pathname]bool) // if so
	var errs []error
	for _, w := range walks {
		for places := range w.found.batches(ctx) {
			for _, p := range places {
				if twice {
					if seen[p.Pathname] {
						continue
					}
					seen[p.Pathname] = true
				}
				if !yield(p) {
					return nil
				}
			}
		}
		if ctx.Err() != nil {
			return sites.Stopped(ctx)
		}
		errs = append(errs, w.errors()...)
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// overlap reports whether a file may be found twice: two walks are at one site,
// or one walk starts from the root and from the home.
func overlap(walks []*walk) bool {
	for i, w := range walks {
		for _, p := range w.patterns {
			if p.absolute != w.patterns[0].absolute {
				return true
			}
		}
		for _, v := range walks[:i] {
			if v.site.Name() == w.site.Name() {
				return true
			}
		}
	}
	return false
}

// walk looks for the matches of one spot's patterns.
type walk struct {
	resolver *Resolver
	list     *prefetch
	site     sites.Site
	patterns []*pattern
	found    *queue
	seed     maphash.Seed

	// Others read these when found has ended.
	errs []error
	more int // errors beyond those kept
}

// errors returns what could not be searched.
func (w *walk) errors() []error {
	if w.more == 0 {
		return w.errs
	}
	return append(w.errs, &sites.Error{Site: w.site.Name(), Kind: sites.KindOf(w.errs[0]), Msg: fmt.Sprintf("%d more directories failed", w.more)})
}

// fail notes an error. It reports whether to go on: where the site is silent or
// does not let the user in, there is nothing more to be had.
func (w *walk) fail(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	if len(w.errs) < maxErrors {
		w.errs = append(w.errs, err)
	} else {
		w.more++
	}
	return !isSilence(err)
}

func isSilence(err error) bool {
	k := sites.KindOf(err)
	return k == sites.Unreachable || k == sites.Login
}

// run follows the patterns, those that start from the root and those that start
// from the home.
func (w *walk) run(ctx context.Context) {
	for _, absolute := range []bool{true, false} {
		var steps []step
		for _, p := range w.patterns {
			if p.absolute == absolute {
				steps = append(steps, step{in: p})
			}
		}
		if len(steps) == 0 {
			continue
		}
		root := spot{w.site, ""}
		if absolute {
			root.path = "/"
		}
		p, err := w.resolver.place(ctx, root)
		if err == nil {
			err = w.resolver.Network.Down(w.site.Name())
		}
		if err != nil {
			w.fail(ctx, err)
			return
		}
		if !w.arrive(ctx, p.Pathname, steps, nil) {
			return
		}
	}
}

// arrive follows steps from a directory, of which some may be at the end of
// their pattern: then the directory itself is a match if it exists.
func (w *walk) arrive(ctx context.Context, dir sites.Pathname, steps []step, above []uint64) bool {
	var on []step
	var end *step
	for i, s := range steps {
		if s.at < len(s.in.elements) {
			on = append(on, s)
		} else if end == nil || !s.in.directory {
			end = &steps[i]
		}
	}
	if end != nil && !w.look(ctx, dir, *end) {
		return false
	}
	return len(on) == 0 || w.descend(ctx, dir, on, typed, above)
}

// look asks whether there is a file, which the end of a pattern then matches.
func (w *walk) look(ctx context.Context, at sites.Pathname, end step) bool {
	p := Place{Site: w.site, Pathname: at}
	p.Entry, p.Err = w.site.Stat(ctx, at.Path)
	w.heard(ctx, p.Err)
	switch {
	case p.Err == nil && end.takes(p.Entry):
		w.found.put(p)
	case p.Err != nil && sites.KindOf(p.Err) != sites.NotFound:
		return w.fail(ctx, p.Err)
	}
	return w.found.wait(ctx)
}

func (w *walk) heard(ctx context.Context, err error) {
	if ctx.Err() == nil {
		w.resolver.Network.Heard(w.site.Name(), err)
	}
}

// trust says why something is listed: what its failing means depends on that.
type trust uint8

const (
	told  trust = iota // the site said that it is a directory: every failure is an error
	typed              // it was typed: if it is not there nothing matches
	tried              // it may be a file: a refusal means that it is one
)

// forgives reports whether an error of a listing only says that there is
// nothing to be listed.
func (t trust) forgives(err error) bool {
	switch k := sites.KindOf(err); t {
	case typed:
		return k == sites.NotFound
	case tried:
		return !isSilence(err) && k != sites.Permission
	}
	return false
}

// below is a name in a directory, and the steps to be followed from there.
type below struct {
	name  string
	trust trust
	steps []step
}

// descend follows steps, none of which is at its end, below a directory.
// above holds the sums of the directories on the way to it. It reports whether
// to go on.
func (w *walk) descend(ctx context.Context, dir sites.Pathname, steps []step, trust trust, above []uint64) bool {
	if len(dir.Path) > sites.MaxPath {
		return w.fail(ctx, sites.TooDeep(dir))
	}
	steps = withoutDeep(steps)
	isList, isDeep := false, false
	for _, s := range steps {
		isList = isList || s.element().kind != plain
		isDeep = isDeep || s.element().kind == deep
	}
	var todo []below
	var held sites.Held // of todo
	full := false
	var listed []string // the plain names that were in the listing
	if isList {
		sum := maphash.Hash{}
		sum.SetSeed(w.seed)
		err := w.entries(ctx, dir, trust, func(e sites.Entry) bool {
			write(&sum, e)
			n := len(todo)
			var room bool
			todo, room = w.enter(todo, dir, steps, e)
			if len(todo) > n {
				room = held.Add(e) && room
			}
			if isPlain(steps, e.Name) {
				listed = append(listed, e.Name)
			}
			full = full || !room
			return room && ctx.Err() == nil
		})
		if full {
			return w.fail(ctx, sites.TooLarge(dir)) // nor is there time for all that is below it
		}
		if err != nil && !trust.forgives(err) && !w.fail(ctx, err) {
			return false
		}
		if isDeep && len(todo) > 0 {
			above = append(slices.Clip(above), sum.Sum64())
			if alike(above) > maxAlike {
				return w.fail(ctx, &sites.Error{Site: dir.Site, Path: dir.Path, Kind: sites.Conflict,
					Msg: fmt.Sprintf("it lists the same as %d directories above it, so it is taken for a link that leads back", maxAlike)})
			}
		}
	}
	for i, b := range todo {
		for _, next := range todo[i:min(i+prefetched, len(todo))] {
			if next.trust == told && lists(next.steps) {
				w.list.start(ctx, dir.Join(next.name))
			}
		}
		if !w.found.wait(ctx) || !w.descend(ctx, dir.Join(b.name), b.steps, b.trust, above) {
			return false
		}
	}
	for _, b := range named(steps, listed) {
		if !w.arrive(ctx, dir.Join(b.name), b.steps, above) {
			return false
		}
	}
	return w.found.wait(ctx)
}

// lists reports whether the steps want the listing of the directory that they
// start from.
func lists(steps []step) bool {
	return slices.ContainsFunc(steps, func(s step) bool { return s.element().kind != plain })
}

// withoutDeep returns the steps together with those that follow when "**"
// stands for no directory.
func withoutDeep(steps []step) []step {
	all := slices.Clone(steps)
	for _, s := range steps {
		if s.element().kind == deep && !slices.Contains(all, s.next()) {
			all = append(all, s.next())
		}
	}
	return all
}

// enter notes what an entry is to the steps: a match, or a directory where they
// are followed further.
// room says whether there is room for more.
func (w *walk) enter(todo []below, dir sites.Pathname, steps []step, e sites.Entry) (_ []below, room bool) {
	match := false
	var on []step
	add := func(s step) {
		if !slices.Contains(on, s) {
			on = append(on, s)
		}
	}
	for _, s := range steps {
		switch el := s.element(); {
		case el.kind == deep:
			if e.Type == sites.Directory || e.Type == sites.Unknown {
				add(s)
			}
		case el.kind == plain && el.text != e.Name, el.kind == wild && !matches(el.text, e.Name):
		case s.last():
			match = match || s.takes(e)
		case e.Type != sites.File:
			add(s.next())
		}
	}
	room = true
	if match {
		room = w.found.put(Place{Site: w.site, Pathname: dir.Join(e.Name), Entry: e})
	}
	if len(on) == 0 {
		return todo, room
	}
	if n := len(todo); n > 0 && slices.Equal(todo[n-1].steps, on) {
		on = todo[n-1].steps
	}
	trust := tried
	if e.Type == sites.Directory {
		trust = told
	}
	return append(todo, below{e.Name, trust, on}), room
}

// isPlain reports whether one of the steps is at a plain element with this name.
func isPlain(steps []step, name string) bool {
	return slices.ContainsFunc(steps, func(s step) bool { return s.element() == element{plain, name} })
}

// named returns the plain names that are to be looked for though no listing had
// them: a listing need not tell all that is there. Only what "**" goes through
// is what is listed.
func named(steps []step, listed []string) []below {
	var list []below
	for _, s := range steps {
		el := s.element()
		if el.kind != plain || s.underDeep() || slices.Contains(listed, el.text) {
			continue
		}
		i := slices.IndexFunc(list, func(b below) bool { return b.name == el.text })
		if i < 0 {
			i = len(list)
			list = append(list, below{name: el.text, trust: typed})
		}
		list[i].steps = append(list[i].steps, s.next())
	}
	return list
}

// entries lists a directory. Some sites list a file as the one entry of itself;
// where the site did not say that dir is a directory, that entry tells: there is
// nothing below a file.
func (w *walk) entries(ctx context.Context, dir sites.Pathname, trust trust, yield func(sites.Entry) bool) error {
	var self *sites.Entry
	var strange error
	n := 0
	err := w.list.entries(ctx, dir, func(e sites.Entry) bool {
		n++
		switch {
		case e.Name == "" || e.Name == "." || e.Name == ".." || strings.ContainsAny(e.Name, "/\x00"):
			strange = &sites.Error{Op: "list", Site: dir.Site, Path: dir.Path, Kind: sites.Protocol, Msg: fmt.Sprintf("it has an entry %q, which can be no name", e.Name)}
			return true
		case n == 1 && trust != told && e.Name == dir.Base():
			self = &e
			return true
		case self != nil:
			first := *self
			self = nil
			if !yield(first) {
				return false
			}
		}
		return yield(e)
	})
	w.heard(ctx, err)
	if err == nil && self != nil && w.isBelow(ctx, dir.Join(self.Name)) {
		yield(*self)
	}
	if err == nil && strange != nil && !w.fail(ctx, strange) {
		return strange
	}
	return err
}

// isBelow reports whether there is a file or directory, at a site that may take
// what is above it for the thing itself.
func (w *walk) isBelow(ctx context.Context, p sites.Pathname) bool {
	e, err := w.site.Stat(ctx, p.Path)
	if err != nil || e.Type != sites.Unknown {
		return err == nil
	}
	// The site knows names only. It looked for this one in the listing of what
	// is above, which was in doubt already.
	return w.list.entries(ctx, p, func(sites.Entry) bool { return true }) == nil
}

// write adds an entry to the sum of a listing.
func write(sum *maphash.Hash, e sites.Entry) {
	var b [17]byte
	b[0] = byte(e.Type)
	binary.LittleEndian.PutUint64(b[1:], uint64(e.Size))
	binary.LittleEndian.PutUint64(b[9:], uint64(e.Modified.Unix()))
	sum.WriteString(e.Name)
	sum.Write(b[:])
}

// alike returns how many of the sums before the last are equal to it.
func alike(sums []uint64) int {
	n := 0
	for _, s := range sums[:len(sums)-1] {
		if s == sums[len(sums)-1] {
			n++
		}
	}
	return n
}
