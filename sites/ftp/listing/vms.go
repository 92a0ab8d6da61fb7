package listing

import (
	"strings"
	"time"

	"rsexec/sites"
)

// vmsRefusals are in the place of what the user may not know of a file.
var vmsRefusals = []string{"privilege", "PRIV", "protection violation"}

// readVMS reads a line of DIRECTORY. A long name stands alone on its line and
// the rest on the next. Files keep their version; a directory, which is a file
// of type DIR, loses both. The size is in blocks, of which the last one is
// partly filled, so it tells no count of bytes.
//
//	LOGIN.COM;3              1/16         28-SEP-2006 09:20:32  [SYSTEM]  (RWED,RWED,RE,RE)
//	PUB.DIR;1                1   9-MAY-2001 22:18:51.69
func readVMS(line string, now time.Time) (sites.Entry, verdict) {
	f := split(line)
	name := f.text(0)
	i := strings.LastIndexByte(name, ';')
	if i <= 0 || len(name)-i > 6 || !digits(name[i+1:]) || f.at[0].start > 0 {
		return sites.Entry{}, vmsOther(line)
	}
	if f.n == 1 {
		return sites.Entry{}, half
	}
	e := sites.Entry{Name: name, Type: sites.File, Size: -1}
	if strings.HasSuffix(lower(name[:i]), ".dir") {
		e.Name, e.Type = name[:i-len(".dir")], sites.Directory
	}
	rest := f.behind(0)
	for _, r := range vmsRefusals {
		if strings.Contains(rest, r) {
			return e, named
		}
	}
	var d date
	for i := 1; i < f.n; i++ {
		text := f.text(i)
		if w, ok := namedDate(text); ok && d.day == 0 {
			d = w
			if clock, _, ok := readClock(f.text(i + 1)); ok {
				d.clock = clock
				i++
			}
		} else if !vmsField(text) {
			return sites.Entry{}, unread
		}
	}
	if d.day == 0 {
		return sites.Entry{}, unread
	}
	d.put(&e, now)
	return e, named
}

// vmsField reports whether s is one of the other fields: blocks used and
// allocated, the owner, the protection.
func vmsField(s string) bool {
	if strings.IndexByte("[(", s[0]) >= 0 || strings.IndexByte("])", s[len(s)-1]) >= 0 {
		return true
	}
	used, allocated, two := strings.Cut(s, "/")
	if two {
		return digits(used) && digits(allocated)
	}
	return strings.Trim(s, "*") == "" ||
		strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$") == "" // an owner without brackets; blocks, with a unit too
}

// vmsOther knows the heading and the footing of DIRECTORY.
//
//	Directory DKA0:[USER]
//	DKA0:[USER]
//	Total of 11 files, 17/64 blocks.
func vmsOther(line string) verdict {
	text := strings.TrimSpace(line)
	place := strings.TrimPrefix(text, "Directory ")
	switch {
	case strings.Contains(place, ":[") && strings.HasSuffix(place, "]") && !strings.Contains(place, " "),
		hasAnyPrefix(text, "Total ", "Grand total ") && strings.Contains(lower(text), " file"),
		strings.HasPrefix(text, "%DIRECT-W-NOFILES"):
		return known
	}
	return unread
}
