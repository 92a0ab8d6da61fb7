package listing

import (
	"strings"
	"time"

	"rsexec/sites"
)

// dosTags are what stands in the place of the size. The names behind them begin
// in the column in which they would behind a size.
var dosTags = map[string]sites.EntryType{
	"<dir>": sites.Directory, "<symlinkd>": sites.Link, "<symlink>": sites.Link, "<junction>": sites.Link,
}

// dosTagWidth is how wide a tag is with the blanks behind it.
const dosTagWidth = len("<DIR>          ")

// dosReader reads a line of DIR as IIS, Windows CE and cmd.exe write it, with
// the parts of the date in the order o.
//
//	11-21-26  05:47AM       <DIR>          name
//	21.11.2026  17:47             1.234 name
//	11/21/2026  05:47 AM    <JUNCTION>     name [target]
func dosReader(o order) reader {
	return func(line string, now time.Time) (sites.Entry, verdict) {
		f := split(line)
		d, ok := o.date(f.text(0))
		if !ok {
			return sites.Entry{}, dosOther(&f)
		}
		at := 2
		clock := f.text(1)
		if half := f.text(2); len(half) == 2 && strings.IndexByte("Mm", half[1]) >= 0 {
			clock += half
			at++
		}
		if d.clock, _, ok = readClock(clock); !ok || at >= f.n-1 {
			return sites.Entry{}, unread
		}
		e := sites.Entry{Size: -1, Name: f.behind(at)}
		d.put(&e, now)
		what := f.text(at)
		if kind, ok := dosTags[lower(what)]; ok {
			e.Type = kind
			pad := max(dosTagWidth-len(what)-1, 0)
			for i := 0; i < pad && strings.HasPrefix(e.Name, " "); i++ {
				e.Name = e.Name[1:]
			}
			if kind == sites.Link {
				e.Name, e.Target = splitBrackets(e.Name)
			}
			return e, named
		}
		e.Type, e.Size = sites.File, size(withoutThousands(what))
		if e.Size < 0 {
			return sites.Entry{}, unread
		}
		return e, named
	}
}

// dosOther knows the heading and the footing of DIR.
func dosOther(f *fields) verdict {
	text := strings.TrimLeft(f.line, " ")
	word := f.text(1)
	if hasAnyPrefix(text, "Volume in drive ", "Volume Serial Number is ", "Directory of ") ||
		digits(f.text(0)) && (word == "File(s)" || word == "Dir(s)") {
		return known
	}
	return unread
}

// withoutThousands returns a number without the separators in it; what has them
// elsewhere stays as it is.
func withoutThousands(s string) string {
	i := strings.IndexAny(s, ",.'")
	if i <= 0 || i > 3 {
		return s
	}
	groups := strings.Split(s, s[i:i+1])
	for _, g := range groups[1:] {
		if len(g) != 3 {
			return s
		}
	}
	return strings.Join(groups, "")
}

// splitBrackets splits "name [target]".
func splitBrackets(s string) (name, target string) {
	i := strings.LastIndex(s, " [")
	if i <= 0 || !strings.HasSuffix(s, "]") {
		return s, ""
	}
	return s[:i], s[i+2 : len(s)-1]
}
