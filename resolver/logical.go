package resolver

import (
	"slices"
	"strings"

	"rsexec/sites"
)

// DSK is the logical name of the composite directory. Where nobody defined it,
// it is the homes of the sites.
const DSK = "DSK"

// spot is a place where a name is looked for: a site, and a path there that is
// absolute or starts from the site's home. The path is a pattern.
type spot struct {
	site sites.Site
	path string
}

// spots returns where a name is looked for, in order and at least one: the
// working directory and the composite directory for a partial name, the search
// list of a logical name, one place for a complete name, every matching site
// for a pattern. working tells that the first is in the working directory.
//
// A partial name that leads out of a directory, ../x, is looked for from the
// working directory only.
func (r *Resolver) spots(n Name) (list []spot, working bool, err error) {
	site, connected := r.Network.Site(r.Working.Site)
	switch {
	case n.Head != "":
		list, err = r.below(n.Head, n.Path, nil)
	case strings.HasPrefix(n.Path, "/"):
		if !connected {
			return nil, false, &sites.Error{Path: n.Path, Kind: sites.Usage, Msg: "no site", Hint: "write SITE:" + n.Path}
		}
		return []spot{{site, n.Path}}, false, nil
	default:
		if connected {
			list, working = []spot{{site, join(Escape(r.Working.Path), n.Path)}}, true
		}
		if connected && climbs(n.Path) {
			break
		}
		var more []spot
		more, err = r.below(DSK, n.Path, nil)
		list = append(list, more...)
	}
	if err == nil && len(list) == 0 {
		err = &sites.Error{Path: n.Path, Kind: sites.NotFound, Msg: "there is no site to look it up at",
			Hint: "SITE ADD name URL adds one; --site NAME=ftp://user:password@host names one for this run"}
	}
	if working {
		list = distinct(list) // it may be one of the composite directory too
	}
	return list, working, err
}

// distinct returns the spots without those that are in the list already.
func distinct(list []spot) []spot {
	type key struct{ site, path string }
	seen := make(map[key]bool, len(list))
	return slices.DeleteFunc(list, func(s spot) bool {
		k := key{s.site.Name(), s.path}
		again := seen[k]
		seen[k] = true
		return again
	})
}

// below returns where a path is looked for below a head. within holds the
// logical names that are being expanded.
func (r *Resolver) below(head, path string, within []string) ([]spot, error) {
	if list, ok := r.Logical[head]; ok {
		return r.alongList(head, list, path, within)
	}
	if head == DSK {
		if climbs(path) {
			return nil, outOf(head, path)
		}
		homes := r.Network.DSK()
		all := make([]spot, len(homes))
		path = join("", path)
		for i, s := range homes {
			all[i] = spot{s, path}
		}
		return all, nil
	}
	if s, ok := r.Network.Site(head); ok {
		return []spot{{s, path}}, nil
	}
	if schemeOf(head) != "" {
		s, err := r.Network.Visit(head)
		if err != nil {
			return nil, err
		}
		return []spot{{s, path}}, nil
	}
	if special(head) {
		var all []spot
		for _, name := range r.Network.Names() {
			if !matches(head, name) {
				continue
			}
			if s, ok := r.Network.Site(name); ok { // it may have been removed meanwhile
				all = append(all, spot{s, path})
			}
		}
		if len(all) > 0 {
			return all, nil
		}
	}
	return nil, &sites.Error{Site: head, Kind: sites.NotFound, Msg: "no such site or logical name",
		Hint: "SITES lists the sites; ./ before a name that holds a colon makes it a file's"}
}

// alongList looks for path along the search list of a logical name. An element
// may be another logical name, but no name may lead to itself.
func (r *Resolver) alongList(head string, list []string, path string, within []string) ([]spot, error) {
	within = append(slices.Clip(within), head)
	if slices.Index(within, head) < len(within)-1 {
		return nil, &sites.Error{Site: head, Kind: sites.Usage, Msg: "the logical name leads to itself, by " + strings.Join(within, ": ") + ":",
			Hint: "DEFINE it anew"}
	}
	if climbs(path) {
		return nil, outOf(head, path)
	}
	var all []spot
	for _, element := range list {
		n, err := Parse(element)
		if err != nil {
			return nil, err
		}
		if n.Head == "" {
			return nil, &sites.Error{Site: head, Kind: sites.Usage, Msg: "its search list has " + sites.Printable(element) + ", which names no site",
				Hint: "write SITE:" + element}
		}
		spots, err := r.below(n.Head, join(n.Path, path), within)
		if err != nil {
			return nil, err
		}
		all = append(all, spots...)
	}
	return distinct(all), nil
}

// climbs reports whether a path leads out of the directory that it starts from.
func climbs(path string) bool {
	depth := 0
	for element := range strings.SplitSeq(Literal(path), "/") {
		switch element {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}

func outOf(head, path string) error {
	return &sites.Error{Site: head, Path: path, Kind: sites.Usage, Msg: "it leads out of the directories of " + head + ":",
		Hint: "CONNECT to a directory, or write SITE: and the path"}
}

// join returns the path of file below dir; an absolute file is one below it as
// well. A dir of "" is the home.
func join(dir, file string) string {
	file = strings.TrimLeft(file, "/")
	switch {
	case dir == "":
		return file
	case file == "":
		return dir
	}
	return strings.TrimRight(dir, "/") + "/" + file
}
