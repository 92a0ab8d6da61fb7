package listing

import (
	"strconv"
	"strings"
)

// maxFields is how many fields of a line are looked at. The names of an owner
// and a group may have blanks in them; the name of a file is never split.
const maxFields = 24

// A line of fields: text between blanks. It keeps where each one ends, as a
// name begins at a distance from the field before it.
type fields struct {
	line string
	n    int
	at   [maxFields]struct{ start, end int }
}

func split(line string) fields {
	f := fields{line: line}
	for i := 0; f.n < maxFields; f.n++ {
		for i < len(line) && isBlank(line[i]) {
			i++
		}
		if i == len(line) {
			break
		}
		f.at[f.n].start = i
		for i < len(line) && !isBlank(line[i]) {
			i++
		}
		f.at[f.n].end = i
	}
	return f
}

// text returns field i; "" if there are not so many.
func (f *fields) text(i int) string {
	if i < 0 || i >= f.n {
		return ""
	}
	return f.line[f.at[i].start:f.at[i].end]
}

// behind returns the line behind field i, and the one blank that ends it.
func (f *fields) behind(i int) string {
	rest := f.line[f.at[i].end:]
	if rest == "" {
		return ""
	}
	return rest[1:]
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// digits reports whether s is a number, however long.
func digits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// number reads a decimal number of at most nine digits.
func number(s string) (n int, ok bool) {
	if len(s) > 9 || !digits(s) {
		return 0, false
	}
	for i := range len(s) {
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

// size reads a count of bytes; -1 if s is none that fits.
func size(s string) int64 {
	if !digits(s) {
		return -1
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// base returns what follows the last "/" of a path.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// hasAnyPrefix reports whether s begins with one of the prefixes.
func hasAnyPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
