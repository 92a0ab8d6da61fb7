package rsexec

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/rsexec/state"
	"rsexec/rsexec/transfer"
	"rsexec/sites"
)

// root returns what a directory becomes at the target: a directory in it, if it
// is one, else the target itself.
func (t target) root(source sites.Pathname) (sites.Pathname, error) {
	switch {
	case t.isDirectory(), t.Err != nil && t.several:
		return under(t.Pathname, source.Base())
	case t.Err == nil && t.Entry.Type == sites.File:
		return t.Pathname, &sites.Error{Site: t.Pathname.Site, Path: t.Pathname.Path, Kind: sites.Usage,
			Msg: "it is no directory, so it cannot take one"}
	}
	return t.Pathname, nil
}

// missing reports whether there is nothing at a pathname, which may be the target's.
func (t target) missing(p sites.Pathname) bool {
	return p == t.Pathname && sites.KindOf(t.Err) == sites.NotFound
}

// contains reports whether a pathname is a directory or below it.
func (x *Executive) contains(dir, p sites.Pathname) bool {
	return x.isOneSite(dir, p) && (p.Path == dir.Path || strings.HasPrefix(p.Path, below(dir)))
}

// isOneSite reports whether two files are at one site, whatever it is called.
func (x *Executive) isOneSite(a, b sites.Pathname) bool {
	identity := func(p sites.Pathname) string { return strings.TrimSuffix(x.network.identity(p.Site), ":21") } // as Visit names it
	return identity(a) == identity(b)
}

// below returns what the paths of all that is in a directory begin with.
func below(dir sites.Pathname) string {
	if dir.Path == "" {
		return "" // the home, whose path its site does not tell
	}
	return strings.TrimRight(dir.Path, "/") + "/"
}

// expansion makes transfers of what is in the directories that a job copies.
type expansion struct {
	x                *Executive
	st               *grammar.Statement
	include, exclude []string
	update, deletes  bool
	dry              bool // nothing is done
}

// newExpansion returns how the directories of a statement are copied.
func (x *Executive) newExpansion(st *grammar.Statement) (*expansion, error) {
	e := &expansion{x: x, st: st}
	for _, option := range []struct {
		name string
		to   *[]string
	}{{"include", &e.include}, {"exclude", &e.exclude}} {
		for _, w := range st.Values(option.name) {
			pattern := w.Pattern()
			if !doublestar.ValidatePattern(pattern) {
				return nil, &sites.Error{Kind: sites.Usage, Msg: "--" + option.name + "=" + grammar.Quote(pattern) + " is no pattern"}
			}
			*option.to = append(*option.to, pattern)
		}
	}
	_, e.update = st.Option("update")
	if st.Verb.Name == "MIRROR" {
		_, digest := st.Option("digest")
		e.update = !digest
		_, e.deletes = st.Option("delete")
	}
	return e, nil
}

// takes reports whether what is at a path below the directory that was named is to be
// copied. A directory is, unless it is excluded: there may be files in it that are.
func (e *expansion) takes(path string, isDirectory bool) bool {
	if matchesAny(e.exclude, path) {
		return false
	}
	return isDirectory || len(e.include) == 0 || matchesAny(e.include, path)
}

// matchesAny reports whether one of the patterns matches a path: or its last name, if
// the pattern has no slash.
func matchesAny(patterns []string, path string) bool {
	for _, pattern := range patterns {
		text := path
		if !strings.Contains(pattern, "/") {
			text = sites.Pathname{Path: path}.Base()
		}
		if ok, _ := doublestar.Match(strings.TrimPrefix(pattern, "/"), text); ok { // it is a pattern
			return true
		}
	}
	return false
}

// branch is one of the trees that a directory is copied to.
type branch struct {
	tree  state.Transfer
	site  sites.Site
	made  bool                   // the directory was made for it
	there map[string]sites.Entry // what is there; nil if that does not matter
}

// expand makes the directories that the trees are to become, and calls add for each
// file and directory in their source. It is the Expand of a transfer.Order.
func (e *expansion) expand(ctx context.Context, trees []state.Transfer, add func([]state.Transfer) error) (done transfer.Expansion, err error) {
	source := trees[0].Source
	if len(source.Path) > sites.MaxPath {
		return done, sites.During(e.st.Verb.Name, source, sites.TooDeep(source))
	}
	site, err := e.x.siteNamed(source.Site)
	if err != nil {
		return done, err
	}
	done.Lost = make(map[int64]error)
	var branches []*branch
	for _, t := range trees {
		b, err := e.branch(ctx, t)
		if err != nil {
			done.Lost[t.N] = sites.During(e.st.Verb.Name, t.Dest, err)
			continue
		}
		branches = append(branches, b)
	}
	if len(branches) == 0 {
		return done, nil
	}
	var broken error
	var unknown []sites.Entry
	seen := make(map[string]bool)
	var held sites.Held // of seen and unknown
	room := true
	one := func(entry sites.Entry) {
		left, failed := e.expandOne(trees[0], branches, entry, add)
		done.Left += left
		broken = failed
	}
	// The index does not learn the listing: it would hold all of a huge tree, and the
	// journal holds it already.
	err = site.List(ctx, source.Path, func(entry sites.Entry) bool {
		if e.deletes || entry.Type == sites.Unknown {
			room = held.Add(entry)
		}
		if e.deletes {
			seen[entry.Name] = true
		}
		if entry.Type == sites.Unknown {
			unknown = append(unknown, entry)
			return room
		}
		one(entry)
		return room && broken == nil && ctx.Err() == nil
	})
	if err == nil && !room {
		err = sites.TooLarge(source)
	}
	// A listing of names only. What they are is asked when its session is free again:
	// there may be no other.
	for _, entry := range unknown {
		if err != nil || broken != nil || ctx.Err() != nil {
			break
		}
		name := entry.Name
		if found, err := site.Stat(ctx, source.Join(name).Path); err == nil {
			entry = found
			entry.Name = name
		} // else the copy tells what is wrong
		one(entry)
	}
	switch {
	case ctx.Err() != nil:
		return done, sites.Stopped(ctx)
	case err != nil:
		return done, sites.During(e.st.Verb.Name, source, err)
	case broken != nil:
		return done, broken
	}
	if e.deletes {
		for _, b := range branches {
			if err := e.extras(b, seen, add); err != nil {
				return done, err
			}
		}
	}
	return done, nil
}

// branch makes the directory that a tree is to become, and looks what is in it.
func (e *expansion) branch(ctx context.Context, t state.Transfer) (*branch, error) {
	site, err := e.x.siteNamed(t.Dest.Site)
	if err != nil {
		return nil, err
	}
	b := &branch{tree: t, site: site}
	k, err := keeperOf(e.st, resolver.Place{Site: site, Pathname: t.Dest})
	if err != nil {
		return nil, err
	}
	if e.dry {
		_, err = site.Stat(ctx, t.Dest.Path)
		if b.made = sites.KindOf(err) == sites.NotFound; b.made {
			err = e.x.printer.print(textEvent{"text", "CREATE " + t.Dest.String() + "\n"})
		}
	} else {
		b.made, err = e.x.haveDirectory(ctx, site, k, t.Dest, t.Fresh)
	}
	if err != nil || b.made || !e.update && !e.deletes {
		return b, err
	}
	b.there = make(map[string]sites.Entry)
	var held sites.Held
	room := true
	err = site.List(ctx, t.Dest.Path, func(entry sites.Entry) bool {
		b.there[entry.Name] = entry
		room = held.Add(entry)
		return room
	})
	if err == nil && !room {
		err = sites.TooLarge(t.Dest)
	}
	return b, err
}

// temporaryPrefix is what the names of files begin with that are not whole yet.
const temporaryPrefix = ".rsexec."

// expandOne calls add for one file or directory, but for those destinations, counted
// in left, that have it already.
func (e *expansion) expandOne(tree state.Transfer, branches []*branch, entry sites.Entry, add func([]state.Transfer) error) (left int, err error) {
	p := tree.Source.Join(entry.Name)
	isDirectory := entry.Type == sites.Directory
	if strings.HasPrefix(entry.Name, temporaryPrefix) || !e.takes(p.Path[min(tree.Root, len(p.Path)):], isDirectory) {
		return 0, nil
	}
	if entry.Type == sites.Link {
		e.x.printer.notice(e.st.Verb.Name + " " + p.String() + ": it is a link and was left out")
		return 0, nil
	}
	var group []state.Transfer
	for _, b := range branches {
		to, err := under(b.tree.Dest, entry.Name)
		if err != nil {
			e.x.Report(named(e.st, err))
			continue
		}
		there, known := b.there[entry.Name]
		if e.update && known && transfer.UpToDate(entry, there) {
			left++
			continue
		}
		t := transferOf(resolver.Place{Pathname: p, Entry: entry}, to)
		t.Parent, t.Root, t.Fresh = b.tree.N, tree.Root, b.made
		if isDirectory {
			t.What = state.Tree
		}
		group = append(group, t)
	}
	if len(group) == 0 {
		return left, nil
	}
	return left, add(group)
}

// extras calls add for what a branch has and the source does not. Nothing is done
// about it before all is copied.
func (e *expansion) extras(b *branch, seen map[string]bool, add func([]state.Transfer) error) error {
	for _, name := range slices.Sorted(maps.Keys(b.there)) {
		there := b.there[name]
		p := b.tree.Source.Join(name)
		isDirectory := there.Type == sites.Directory
		if seen[name] || strings.HasPrefix(name, temporaryPrefix) || !e.takes(p.Path[min(b.tree.Root, len(p.Path)):], isDirectory) {
			continue
		}
		t := state.Transfer{Parent: b.tree.N, What: state.Extra, Source: p, Dest: b.tree.Dest.Join(name), Size: there.Size}
		if isDirectory {
			t.What = state.ExtraTree
		}
		if err := add([]state.Transfer{t}); err != nil {
			return err
		}
	}
	return nil
}

// haveDirectory makes a directory unless there is one; missing is that there was none a
// moment ago.
func (x *Executive) haveDirectory(ctx context.Context, site sites.Site, k keeper, p sites.Pathname, missing bool) (made bool, err error) {
	if !missing {
		if e, err := site.Stat(ctx, p.Path); err == nil && e.Type == sites.Directory {
			return false, nil
		}
	}
	if err = x.makeDirectory(ctx, k, p); err == nil {
		return true, nil
	}
	// The refusal itself does not tell a directory that is there from one that
	// may not be made; nor does the loss of a connection.
	if e, unknown := site.Stat(ctx, p.Path); unknown == nil && e.Type == sites.Directory {
		return false, nil
	}
	return false, err
}
