package resolver

import (
	"path"
	"strings"

	"rsexec/sites"
)

// Name is a pathname as it was typed, taken apart.
type Name struct {
	Site string // in capitals; "" for a name without a site
	Path string // with "/" between its elements
}

// Parse takes a pathname apart. Its forms are
//
//	SITE1:/src/prog1.pl1     complete
//	SITE1:prog1.pl1          from the site's home
//	[SITE1]<SRC>PROG1.PL1    complete, as TENEX wrote it; <A.B> is /A/B
//	prog1.pl1                partial
//
// An error is of kind Usage.
func Parse(typed string) (Name, error) {
	if err := sites.CheckPath(typed); err != nil {
		return Name{}, err
	}
	if typed == "" {
		return Name{}, &sites.Error{Kind: sites.Usage, Msg: "an empty pathname"}
	}
	if strings.HasPrefix(typed, "[") {
		if site, rest, ok := strings.Cut(typed[1:], "]"); ok && isSite(site) {
			return Name{Site: strings.ToUpper(site), Path: fromTENEX(rest)}, nil
		}
	}
	if strings.HasPrefix(typed, "<") && strings.Contains(typed, ">") {
		return Name{Path: fromTENEX(typed)}, nil
	}
	if site, rest, ok := strings.Cut(typed, ":"); ok && isSite(site) {
		return Name{Site: strings.ToUpper(site), Path: rest}, nil
	}
	return Name{Path: typed}, nil
}

func isSite(name string) bool {
	return strings.EqualFold(name, sites.LocalName) || sites.CheckName(name) == nil
}

// fromTENEX turns <A.B>NAME into /A/B/NAME. The directory's name is a path of
// its own; the file's name stays as it is.
func fromTENEX(s string) string {
	dir, file, ok := strings.Cut(strings.TrimPrefix(s, "<"), ">")
	if !ok || !strings.HasPrefix(s, "<") {
		return s
	}
	return path.Join("/", strings.ReplaceAll(dir, ".", "/"), file)
}
