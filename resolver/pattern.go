package resolver

import (
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"rsexec/sites"
)

// kind tells what an element of a pattern matches.
type kind uint8

const (
	plain kind = iota // the one name
	wild              // any name that fits, in a directory that is listed
	deep              // "**": any number of directories
)

// element is one element of a pattern.
type element struct {
	kind kind
	text string // of a plain one the name itself
}

// pattern is one alternative of what was typed.
type pattern struct {
	absolute  bool
	elements  []element // the last is not "**"
	directory bool      // a slash at the end: it matches no file
}

// step is how far a pattern has been followed: its elements from at on are to
// be found below a directory.
type step struct {
	in *pattern
	at int
}

func (s step) element() element { return s.in.elements[s.at] }
func (s step) next() step       { return step{s.in, s.at + 1} }
func (s step) last() bool       { return s.at == len(s.in.elements)-1 }

// takes reports whether the end of the pattern matches an entry.
func (s step) takes(e sites.Entry) bool { return !s.in.directory || e.Type != sites.File }

// underDeep reports whether any directories may be before this element.
func (s step) underDeep() bool { return s.at > 0 && s.in.elements[s.at-1].kind == deep }

// maxAlternatives is how many patterns one may stand for by its braces.
const maxAlternatives = 1000

// compile returns the patterns that a path stands for. Braces that hold a slash
// are several patterns; others are one element's.
func compile(path string) ([]*pattern, error) {
	if special(path) && !doublestar.ValidatePattern(path) {
		return nil, badPattern(path, "the pattern cannot be read")
	}
	paths := []string{path}
	var all []*pattern
	for len(paths) > 0 {
		if alternatives := expand(paths[0]); alternatives != nil {
			paths = append(alternatives, paths[1:]...)
		} else {
			p, err := split(paths[0])
			if err != nil {
				return nil, err
			}
			all = append(all, p)
			paths = paths[1:]
		}
		if len(all)+len(paths) > maxAlternatives {
			return nil, badPattern(path, "it stands for too many patterns")
		}
	}
	return all, nil
}

func badPattern(path, msg string) error {
	return &sites.Error{Path: path, Kind: sites.Usage, Msg: msg, Hint: "quote what is part of a name"}
}

// split takes one pattern apart.
func split(path string) (*pattern, error) {
	p := &pattern{absolute: strings.HasPrefix(path, "/"), directory: strings.HasSuffix(path, "/")}
	for text := range strings.SplitSeq(path, "/") {
		e := element{wild, text}
		switch {
		case text == "", text == ".":
			continue
		case text == "**":
			if n := len(p.elements); n > 0 && p.elements[n-1].kind == deep {
				continue
			}
			e.kind = deep
		case !special(text):
			e = element{plain, Literal(text)}
		case !doublestar.ValidatePattern(text): // a class cannot hold a slash
			return nil, badPattern(path, "the pattern cannot be read")
		}
		p.elements = append(p.elements, e)
	}
	if n := len(p.elements); n > 0 && p.elements[n-1].kind == deep {
		p.elements = append(p.elements, element{wild, "*"})
	}
	return p, nil
}

// expand returns the alternatives of the first braces that hold a slash, each
// with what is around them; the path alone if there are none.
func expand(path string) []string {
	for open := 0; open < len(path); open++ {
		switch path[open] {
		case '\\':
			open++
		case '[':
			open = endOfClass(path, open)
		case '{':
			parts, end := braces(path, open)
			if end < 0 || !slices.ContainsFunc(parts, func(s string) bool { return strings.Contains(s, "/") }) {
				continue // but there may be others within
			}
			for i, part := range parts {
				parts[i] = path[:open] + part + path[end+1:]
			}
			return parts
		}
	}
	return nil
}

// endOfClass returns the index of the "]" of the class that begins at open, or
// open if it has none.
func endOfClass(path string, open int) int {
	for i := open + 1; i < len(path); i++ {
		switch path[i] {
		case '\\':
			i++
		case ']':
			return i
		}
	}
	return open
}

// braces returns what stands between the commas of the braces that begin at
// open, and the index of their end; -1 if they have none.
func braces(path string, open int) (parts []string, end int) {
	level, from := 0, open+1
	for i := open; i < len(path); i++ {
		switch path[i] {
		case '\\':
			i++
		case '[':
			i = endOfClass(path, i)
		case '{':
			level++
		case ',':
			if level == 1 {
				parts = append(parts, path[from:i])
				from = i + 1
			}
		case '}':
			if level--; level == 0 {
				return append(parts, path[from:i]), i
			}
		}
	}
	return nil, -1
}

// matches reports whether a name matches one element of a pattern. A name that
// begins with a dot is matched like any other: a site has no shell's habits.
func matches(element, name string) bool {
	ok, err := doublestar.Match(element, name)
	return err == nil && ok
}
