package listing

import (
	"strconv"
	"strings"
	"time"

	"rsexec/sites"
)

// readMLSD reads a line of MLSD (RFC 3659 section 7). Entries for the directory
// itself and its parent are none.
func readMLSD(line string, _ time.Time) (sites.Entry, verdict) {
	if line == "" {
		return sites.Entry{}, known
	}
	e, kind, ok := readFacts(line)
	switch {
	case !ok:
		return sites.Entry{}, unread
	case strings.EqualFold(kind, "cdir"), strings.EqualFold(kind, "pdir"):
		return sites.Entry{}, known
	case isDots(e.Name) && (e.Type == sites.File || e.Type == sites.Link):
		return sites.Entry{}, unread // no honest server has a file there
	}
	return e, named
}

// Facts reads a line of MLST or MLSD, "fact=value;fact=value; name". The name
// is as the server gave it: of MLST it may be a path.
func Facts(line string) (e sites.Entry, ok bool) {
	e, _, ok = readFacts(line)
	return e, ok
}

// readFacts also returns the value of the type fact. Names may hold anything,
// leading blanks too, so the line is cut at the first blank.
func readFacts(line string) (e sites.Entry, kind string, ok bool) {
	facts, name, ok := strings.Cut(line, " ")
	if !ok || name == "" || facts != "" && !strings.HasSuffix(facts, ";") {
		return sites.Entry{}, "", false
	}
	e = sites.Entry{Name: name, Size: -1}
	bytes := int64(-1)
	for fact := range strings.SplitSeq(strings.TrimSuffix(facts, ";"), ";") {
		key, value, _ := strings.Cut(fact, "=")
		switch {
		case strings.EqualFold(key, "type"):
			kind = value
			e.Type, e.Target = typeFact(value)
		case strings.EqualFold(key, "size"):
			bytes = size(value)
		case strings.EqualFold(key, "modify"):
			e.Modified, _ = Time(value) // a time nobody understands is no time
		}
	}
	if e.Type == sites.File {
		e.Size = bytes
	}
	return e, kind, true
}

// Unique returns the unique fact in a line of MLST (RFC 3659 section 7.5.2):
// pathnames with the same one lead to the same file. It is "" if there is none.
func Unique(line string) string {
	facts, _, _ := strings.Cut(line, " ")
	for fact := range strings.SplitSeq(facts, ";") {
		if key, value, _ := strings.Cut(fact, "="); strings.EqualFold(key, "unique") {
			return value
		}
	}
	return ""
}

func typeFact(value string) (t sites.EntryType, target string) {
	kind, rest, _ := strings.Cut(value, ":")
	switch {
	case strings.EqualFold(kind, "file"):
		return sites.File, ""
	case strings.EqualFold(kind, "dir"), strings.EqualFold(kind, "cdir"), strings.EqualFold(kind, "pdir"):
		return sites.Directory, ""
	case strings.EqualFold(kind, "OS.unix=slink"), strings.EqualFold(kind, "OS.unix=symlink"):
		return sites.Link, rest
	}
	return sites.Unknown, ""
}

// Time reads a time as the modify fact and the reply to MDTM give it (RFC 3659
// section 2.3): YYYYMMDDHHMMSS, perhaps with a fraction. Some servers wrote the
// year 2000 as 19100; that form is read as it was meant.
func Time(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "191") && len(s) >= 15 && isDigit(s[14]) {
		if n, err := strconv.Atoi(s[2:5]); err == nil {
			s = strconv.Itoa(1900+n) + s[5:]
		}
	}
	t, err := time.Parse("20060102150405", s)
	return t, err == nil
}
