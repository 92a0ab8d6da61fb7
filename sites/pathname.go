package sites

import (
	"fmt"
	"path"
	"strings"
)

// LocalName is the name of the user's own host as a site; it is always there.
const LocalName = "LOCAL"

// Pathname is a complete pathname: a site, and a path as that site spells it.
type Pathname struct {
	Site string // the site's name, in capitals; or the URL of a site without one
	Path string // absolute; or relative where the site does not tell its home
}

// String returns p in the form SITE1:/src/prog1.pl1, or ftp://user@host/path at
// a site that is in no profile, fit to be shown.
func (p Pathname) String() string {
	text, _ := p.MarshalText() // it has no errors
	return Printable(string(text))
}

// MarshalText returns p in the form SITE1:/src/prog1.pl1, for programs.
func (p Pathname) MarshalText() ([]byte, error) {
	if p.Site == "" || strings.Contains(p.Site, "://") {
		return []byte(p.Site + p.Path), nil
	}
	return []byte(p.Site + ":" + p.Path), nil
}

// Base returns the last element of the path, the file's name.
func (p Pathname) Base() string {
	return p.Path[strings.LastIndexByte(p.Path, '/')+1:]
}

// Dir returns the pathname of the directory that p is in.
func (p Pathname) Dir() Pathname {
	i := strings.LastIndexByte(p.Path, '/')
	if i == 0 {
		i = 1
	}
	return Pathname{p.Site, p.Path[:max(i, 0)]}
}

// Join returns the pathname of name below the directory p. A name that is
// absolute stands for itself.
func (p Pathname) Join(name string) Pathname {
	switch {
	case name == "":
		return p
	case strings.HasPrefix(name, "/"):
		return Pathname{p.Site, path.Clean(name)}
	case p.Path == "":
		return Pathname{p.Site, name}
	}
	return Pathname{p.Site, path.Join(p.Path, name)}
}

// MaxPath is the longest path in bytes that makes sense: what Linux takes (PATH_MAX in
// limits.h(0P)). A longer one is that of a directory that has itself in it, as a site may
// say.
const MaxPath = 4096

// TooDeep returns the error of a directory whose path is longer than MaxPath.
func TooDeep(dir Pathname) error {
	short := Pathname{dir.Site, strings.ToValidUTF8(dir.Path[:80], "") + "..."}
	return &Error{Op: "list", Site: short.Site, Path: short.Path, Kind: Protocol,
		Msg: fmt.Sprintf("a path of more than %d bytes, which can only be that of a directory that has itself in it", MaxPath)}
}

// CheckPath returns an error if path holds a character that cannot be sent
// over a control connection (CR, LF or NUL).
func CheckPath(path string) error {
	if i := strings.IndexAny(path, "\r\n\x00"); i >= 0 {
		return &Error{Kind: Usage, Path: path, Msg: "a pathname cannot hold CR, LF or NUL"}
	}
	return nil
}
