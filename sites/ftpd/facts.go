package ftpd

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// factSet says which facts MLST and MLSD give, a bit for each row of factTable.
type factSet uint8

// factTable are the facts known (RFC 3659 section 7.5). A fact without a value is
// left out of a line.
var factTable = []struct {
	name  string
	value func(entry) string
}{
	{"type", typeFact},
	{"size", sizeFact},
	{"modify", func(e entry) string { return e.info.ModTime().UTC().Format(timeVal) }},
	{"UNIX.mode", func(e entry) string { return fmt.Sprintf("%04o", e.info.Mode().Perm()) }},
}

const allFacts factSet = 1<<4 - 1

// typeFact tells a symbolic link by its target, unless the target's text would
// end the fact.
func typeFact(e entry) string {
	switch m := e.info.Mode(); {
	case m.IsDir():
		return "dir"
	case m.IsRegular():
		return "file"
	case m&fs.ModeSymlink == 0:
		return "OS.unix=special"
	case e.target == "" || strings.ContainsAny(e.target, "; \r\n\x00"):
		return "OS.unix=symlink"
	}
	return "OS.unix=slink:" + e.target
}

func sizeFact(e entry) string {
	if !e.info.Mode().IsRegular() {
		return ""
	}
	return strconv.FormatInt(e.info.Size(), 10)
}

// of is the facts of e as one word.
func (set factSet) of(e entry) string {
	var b strings.Builder
	for i, f := range factTable {
		if set&(1<<i) == 0 {
			continue
		}
		if v := f.value(e); v != "" {
			b.WriteString(f.name + "=" + v + ";")
		}
	}
	return b.String()
}

// String is the names in the set, as OPTS MLST answers them.
func (set factSet) String() string {
	var b strings.Builder
	for i, f := range factTable {
		if set&(1<<i) != 0 {
			b.WriteString(f.name + ";")
		}
	}
	return b.String()
}

// feature is all names, those in the set marked, as FEAT gives them (RFC 3659
// section 7.8).
func (set factSet) feature() string {
	var b strings.Builder
	for i, f := range factTable {
		b.WriteString(f.name)
		if set&(1<<i) != 0 {
			b.WriteByte('*')
		}
		b.WriteByte(';')
	}
	return b.String()
}

// parseFacts reads the argument of OPTS MLST. Names that are not known are
// passed over (RFC 3659 section 7.9).
func parseFacts(arg string) factSet {
	var set factSet
	for _, name := range strings.Split(arg, ";") {
		for i, f := range factTable {
			if strings.EqualFold(strings.TrimSpace(name), f.name) {
				set |= 1 << i
			}
		}
	}
	return set
}
