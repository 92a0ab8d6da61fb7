package listing

import (
	"strings"
	"time"

	"rsexec/sites"
)

// readEPLF reads a line of the Easily Parsed LIST Format of D. J. Bernstein:
// facts, a tab, the name.
//
//	+i8388621.48594,m825718503,r,s280,	name
func readEPLF(line string, _ time.Time) (sites.Entry, verdict) {
	facts, name, ok := strings.Cut(line, "\t")
	if !ok || facts[:min(len(facts), 1)] != "+" {
		return sites.Entry{}, unread
	}
	e := sites.Entry{Name: name, Size: -1}
	bytes := int64(-1)
	for fact := range strings.SplitSeq(facts[1:], ",") {
		switch {
		case fact == "/":
			e.Type = sites.Directory
		case fact == "r" && e.Type == sites.Unknown:
			e.Type = sites.File
		case strings.HasPrefix(fact, "s"):
			bytes = size(fact[1:])
		case strings.HasPrefix(fact, "m"):
			// Times that no calendar has are no times.
			if n := size(fact[1:]); n >= 0 && n < 1<<37 {
				e.Modified = time.Unix(n, 0).UTC()
			}
		}
	}
	if e.Type == sites.File {
		e.Size = bytes
	}
	return e, named
}
