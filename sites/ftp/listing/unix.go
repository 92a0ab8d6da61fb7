package listing

import (
	"strings"
	"time"

	"rsexec/sites"
)

// unixTypes maps the first letter of ls -l to the type of entry. What is
// neither file, directory nor link is of type Unknown.
var unixTypes = map[byte]sites.EntryType{
	'-': sites.File, 'f': sites.File, 'C': sites.File,
	'd': sites.Directory, 'l': sites.Link,
	'b': sites.Unknown, 'c': sites.Unknown, 'p': sites.Unknown, 's': sites.Unknown, 'D': sites.Unknown, 'n': sites.Unknown, 'w': sites.Unknown,
}

// totals are what the locales of servers call the blocks of a directory.
var totals = map[string]bool{
	"total": true, "insgesamt": true, "gesamt": true, "totale": true, "totalt": true, "totaal": true,
	"razem": true, "celkem": true, "összesen": true, "yhteensä": true, "toplam": true, "итого": true,
	"合計": true, "总用量": true, "總計": true, "합계": true,
}

// readUNIX reads a line of ls -l: with or without inode, blocks, links, owner
// and group, which may have blanks in them.
//
//	-rw-r--r--   1 user group   1234 Nov 21 05:47 name
//	lrwxrwxrwx   1 user group      4 Jan  2  2020 name -> target
//	drwxr-xr-x               folder        0 Jan  4 14:51 name
func readUNIX(line string, now time.Time) (sites.Entry, verdict) {
	f := split(line)
	if f.n == 2 && totals[strings.TrimSuffix(f.text(0), ":")] && isDigit(f.text(1)[0]) {
		return sites.Entry{}, known
	}
	mode := 0
	for mode < 2 && digits(f.text(mode)) {
		mode++ // inode and blocks
	}
	kind, ok := readMode(f.text(mode))
	if !ok {
		return sites.Entry{}, unread
	}
	// Links or an owner stand between the mode and the size.
	return f.rest(mode+3, kind, now)
}

// readMode reads the mode of a file, "drwxr-xr-x", with a mark for extended
// rights behind it, and perhaps the count of links behind that.
func readMode(s string) (kind sites.EntryType, ok bool) {
	if len(s) < 10 {
		return 0, false
	}
	kind, ok = unixTypes[s[0]]
	for i := 1; i < 10; i++ {
		ok = ok && strings.IndexByte("rwxsStTlL-", s[i]) >= 0
	}
	if len(s) > 10 {
		ok = ok && (strings.IndexByte("+.@", s[10]) >= 0 || isDigit(s[10])) && (len(s) == 11 || digits(s[11:]))
	}
	return kind, ok
}

// rest reads the size, the date, which is at field least or behind it, and the
// name. The date is what marks off the name.
func (f *fields) rest(least int, kind sites.EntryType, now time.Time) (sites.Entry, verdict) {
	for i := least; i < f.n; i++ {
		before := f.text(i - 1)
		if !isDigit(before[0]) && !isDigit(before[len(before)-1]) {
			continue // no size
		}
		e := sites.Entry{Type: kind, Size: -1}
		n, padded := f.dateAt(i, now, &e)
		if n == 0 {
			continue
		}
		e.Name = f.behind(i + n - 1)
		if padded {
			e.Name = strings.TrimLeft(e.Name, " ")
		}
		switch kind {
		case sites.File:
			e.Size = size(before)
		case sites.Link:
			e.Name, e.Target = splitLink(e.Name, size(before))
		}
		return e, named
	}
	return sites.Entry{}, unread
}

// splitLink splits "name -> target". The size of a link is the length of its
// target, which tells the arrow from one that is part of a name.
func splitLink(s string, size int64) (name, target string) {
	const arrow = " -> "
	if at := int64(len(s)) - size; size > 0 && at > int64(len(arrow)) && strings.HasSuffix(s[:at], arrow) {
		return s[:at-int64(len(arrow))], s[at:]
	}
	name, target, _ = strings.Cut(s, arrow)
	return name, target
}
