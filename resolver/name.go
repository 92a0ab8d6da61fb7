package resolver

import (
	"strings"

	"rsexec/sites"
)

// Name is a pathname as it was typed, taken apart. Its text is a pattern:
// a backslash before a character takes away its special meaning.
type Name struct {
	Head string // a site, a logical name or a pattern of sites, in capitals; or a URL's site; "" is a partial name
	Path string // with "/" between its elements
}

// schemes begin a URL, which names a site that is in no profile.
var schemes = [...]string{"ftp://", "ftps://", "dnftp://"}

// Parse takes a pathname apart. Its forms are
//
//	SITE1:/src/prog1.pl1     complete
//	SITE1:prog1.pl1          from the site's home
//	[SITE1]<SRC>PROG1.PL1    complete, as TENEX wrote it; <A.B> is /A/B
//	ftp://user@host/path     complete, at a site without a profile; the path is absolute
//	ftp://user@host          the home there
//	SYS:prog1.pl1            looked up along the search list of a logical name
//	*:/pub/prog1.pl1         at every site
//	prog1.pl1                partial
//	./a:b                    partial, whatever it looks like without the ./
//
// The path of a URL is not decoded: a "%" there is one, as Pathname.String
// writes it. An error is of kind Usage.
func Parse(typed string) (Name, error) {
	if sites.CheckPath(typed) != nil {
		// Its error would show the password of a URL.
		return Name{}, &sites.Error{Path: WithoutPassword(typed), Kind: sites.Usage, Msg: "a pathname cannot hold CR, LF or NUL"}
	}
	if typed == "" {
		return Name{}, &sites.Error{Kind: sites.Usage, Msg: "an empty pathname"}
	}
	if scheme := schemeOf(typed); scheme != "" {
		host, file, slash := strings.Cut(typed[len(scheme):], "/")
		if slash {
			file = "/" + file
		}
		user := host[:strings.LastIndexByte(host, '@')+1]
		return Name{Head: scheme + Literal(user) + strings.ToLower(host[len(user):]), Path: file}, nil
	}
	// [AB]C is a pattern; only before a directory can it be nothing else.
	if head, rest, ok := strings.Cut(typed, "]<"); ok && head[:min(1, len(head))] == "[" && isHead(head[1:]) && strings.Contains(rest, ">") {
		return Name{Head: strings.ToUpper(head[1:]), Path: fromTENEX(rest)}, nil
	}
	if typed[0] == '<' && strings.Contains(typed, ">") {
		return Name{Path: fromTENEX(typed[1:])}, nil
	}
	if head, rest, ok := strings.Cut(typed, ":"); ok && isHead(head) {
		return Name{Head: strings.ToUpper(head), Path: rest}, nil
	}
	return Name{Path: typed}, nil
}

// schemeOf returns the scheme that a URL begins with, "" if typed is none.
func schemeOf(typed string) string {
	for _, scheme := range schemes {
		if len(typed) > len(scheme) && strings.EqualFold(typed[:len(scheme)], scheme) {
			return scheme
		}
	}
	return ""
}

// WithoutPassword returns a pathname as it may be shown: a URL may hold a
// password.
func WithoutPassword(typed string) string {
	if schemeOf(typed) == "" {
		return typed
	}
	return sites.WithoutPassword(typed)
}

// isHead reports whether text can stand before the colon of a pathname: the
// name of a site, or a pattern of such names.
func isHead(text string) bool {
	if strings.EqualFold(text, sites.LocalName) || sites.CheckName(text) == nil {
		return true
	}
	for _, r := range text {
		if !strings.ContainsRune("*?[]{},!^-_.", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return special(text)
}

// fromTENEX turns A.B>NAME into /A/B/NAME. The directory's name is a path of
// its own; the file's name stays as it is.
func fromTENEX(s string) string {
	var b strings.Builder
	b.WriteByte('/')
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			b.WriteByte(s[i])
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		case '.':
			b.WriteByte('/')
		case '>':
			return strings.TrimRight(b.String(), "/") + "/" + strings.TrimLeft(s[i+1:], "/")
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// IsPattern reports whether a pathname as it was typed is a pattern, of names
// or of sites, and so may mean any number of files.
func IsPattern(typed string) bool {
	n, err := Parse(typed)
	return err == nil && (special(n.Path) || special(n.Head) && schemeOf(n.Head) == "")
}

// special reports whether text has a character that makes it a pattern.
func special(text string) bool {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '*', '?', '[', '{':
			return true
		}
	}
	return false
}

// Literal returns the one text that a pattern without special characters
// matches.
func Literal(pattern string) string {
	if strings.IndexByte(pattern, '\\') < 0 {
		return pattern
	}
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] == '\\' && i+1 < len(pattern) {
			i++
		}
		b.WriteByte(pattern[i])
	}
	return b.String()
}

// Escape returns the pattern that matches name and nothing else.
func Escape(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if strings.IndexByte(`\*?[]{},`, name[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

// Typed returns what to type for a complete pathname: Parse takes it for p and
// nothing else. At a site of a URL only an absolute path can be typed.
func Typed(p sites.Pathname) string {
	if schemeOf(p.Site) != "" {
		return p.Site + Escape(p.Path)
	}
	return p.Site + ":" + Escape(p.Path)
}
