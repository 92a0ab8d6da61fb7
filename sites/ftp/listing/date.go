package listing

import (
	"strconv"
	"strings"
	"time"

	"rsexec/sites"
)

// clockSkew is how far a server's clock may be ahead of ours, the zone that it
// does not tell included.
const clockSkew = 24 * time.Hour

// A date is what a line says of a time.
type date struct {
	year  int // 0 if the line does not say: it is within the last 12 months
	month time.Month
	day   int
	clock time.Duration // since midnight
	zone  time.Duration // east of Greenwich
	exact bool          // the line says the seconds and the zone
}

// put makes d the time of an entry; ok is false, and the entry as it was, if there
// is no such day.
func (d date) put(e *sites.Entry, now time.Time) (ok bool) {
	t, ok := d.time(now)
	if ok {
		e.Modified, e.Coarse = t, !d.exact && !t.IsZero() // the first day of all is no time
	}
	return ok
}

// time returns the time that d means; ok is false if there is no such day.
func (d date) time(now time.Time) (t time.Time, ok bool) {
	if d.year != 0 {
		return d.in(d.year)
	}
	for year := now.Year() + 1; year >= now.Year()-1; year-- {
		if t, ok = d.in(year); ok && !t.After(now.Add(clockSkew)) {
			return t, now.Sub(t) <= 366*24*time.Hour
		}
	}
	return time.Time{}, false
}

func (d date) in(year int) (time.Time, bool) {
	t := time.Date(year, d.month, d.day, 0, 0, 0, 0, time.UTC)
	if t.Day() != d.day || t.Month() != d.month {
		return time.Time{}, false
	}
	return t.Add(d.clock - d.zone), true
}

// An order says which part of a date such as 04/03/24 is what.
type order struct{ year, month, day int }

var (
	yearFirst  = order{0, 1, 2}
	monthFirst = order{2, 0, 1}
	dayFirst   = order{2, 1, 0}
)

// date reads three numbers with "-", "/" or "." between them. A year of two
// digits is one from 1970 to 2069; one of four shows itself where it stands.
func (o order) date(s string) (d date, ok bool) {
	parts, sep := splitDate(s)
	if sep == 0 {
		return date{}, false
	}
	if len(parts[0]) == 4 {
		o = yearFirst
	}
	var n [3]int
	for i, p := range parts {
		if n[i], ok = number(p); !ok || len(p) > 4 || len(p) > 2 && i != o.year {
			return date{}, false
		}
	}
	d = date{year: n[o.year], month: time.Month(n[o.month]), day: n[o.day]}
	switch len(parts[o.year]) {
	case 2:
		d.year += 1900
		if d.year < 1970 {
			d.year += 100
		}
	case 4:
	default:
		return date{}, false
	}
	_, ok = d.in(d.year)
	return d, ok && d.year > 0
}

// splitDate splits s at its two separators, which are alike; sep is 0 if there
// are none such.
func splitDate(s string) (parts [3]string, sep byte) {
	i := strings.IndexAny(s, "-/.")
	if i <= 0 {
		return parts, 0
	}
	j := strings.IndexByte(s[i+1:], s[i])
	if j <= 0 {
		return parts, 0
	}
	j += i + 1
	parts = [3]string{s[:i], s[i+1 : j], s[j+1:]}
	if parts[2] == "" || strings.IndexByte(parts[2], s[i]) >= 0 {
		return parts, 0
	}
	return parts, s[i]
}

// namedDate reads a date such as 2-JUN-1998 or 01-jun-99.
func namedDate(s string) (d date, ok bool) {
	parts, sep := splitDate(s)
	if sep != '-' || len(parts[1]) < 3 {
		return date{}, false
	}
	month, ok := monthOf(parts[1])
	if !ok {
		return date{}, false
	}
	// The month's number in place of its name leaves the rest to the orders.
	return dayFirst.date(parts[0] + "-" + strconv.Itoa(int(month)) + "-" + parts[2])
}

// readClock reads 05:47, 5:47PM, 05:47:10 or 05:47:10.123; fine says that it
// has seconds.
func readClock(s string) (clock time.Duration, fine, ok bool) {
	half := 24
	if n := len(s) - 2; n > 0 && (s[n+1] == 'M' || s[n+1] == 'm') {
		switch s[n] {
		case 'A', 'a':
			half = 0
		case 'P', 'p':
			half = 12
		default:
			return 0, false, false
		}
		s = s[:n]
	}
	hour, rest, ok := strings.Cut(s, ":")
	h, hourOK := number(hour)
	if !ok || !hourOK || len(hour) > 2 || h > 23 || half < 24 && (h == 0 || h > 12) {
		return 0, false, false
	}
	if half < 24 {
		h = h%12 + half
	}
	minute, second, fine := strings.Cut(rest, ":")
	m, ok := number(minute)
	if !ok || len(minute) != 2 || m > 59 {
		return 0, false, false
	}
	clock = time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	if !fine {
		return clock, false, true
	}
	second, fraction, _ := strings.Cut(second, ".")
	sec, ok := number(second)
	if !ok || len(second) != 2 || sec > 60 || len(fraction) > 9 || fraction != "" && !digits(fraction) {
		return 0, false, false
	}
	clock += time.Duration(sec) * time.Second
	if fraction != "" {
		n, _ := number((fraction + "00000000")[:9])
		clock += time.Duration(n)
	}
	return clock, true, true
}

// A part is what a field may be in the date of a UNIX listing; parts are sets.
type part uint16

const (
	monthName  part = 1 << iota
	monthPlain      // a number
	monthMark       // a number and the character for "month"
	dayPlain
	dayComma
	dayMark // a number and the character for "day", or a point
	yearPlain
	yearMark
	clockShort // hours and minutes
	clockFine  // seconds as well
	zone
	fullDate  // year, month and day
	shortDate // month and day: 11-21
	lateDate  // a date whose month is in words: 01-jun-99

	anyDay   = dayPlain | dayComma | dayMark
	anyYear  = yearPlain | yearMark
	anyClock = clockShort | clockFine
)

// shapes are the orders of fields that make a date. Where one begins with
// another, the longer stands first. A name is padded where its date is shorter
// than others in the same column.
var shapes = []struct {
	parts  []part
	padded bool
}{
	{parts: []part{monthName, dayPlain, clockFine, yearPlain}},
	{parts: []part{monthName, dayComma, yearPlain, anyClock}},
	{parts: []part{monthName, anyDay, anyClock}},
	{parts: []part{monthName, anyDay, yearPlain}},
	{parts: []part{anyDay, monthName, anyClock}},
	{parts: []part{anyDay, monthName, yearPlain}},
	{parts: []part{monthPlain, dayPlain, anyClock}},
	{parts: []part{monthMark, anyDay, anyClock}},
	{parts: []part{monthMark, anyDay, anyYear}},
	{parts: []part{anyYear, monthMark, anyDay}},
	{parts: []part{fullDate, clockFine, zone}},
	{parts: []part{fullDate, anyClock}},
	{parts: []part{fullDate}, padded: true},
	{parts: []part{shortDate, anyClock}},
	{parts: []part{shortDate, yearPlain}},
	{parts: []part{lateDate}},
}

// A word is a field and what it may be.
type word struct {
	parts part
	n     int // of a day, a month, a year
	date  date
	clock time.Duration // of a clock, or a zone
}

// readWord finds out what a field may be.
func readWord(s string) word {
	switch c := s[0]; {
	case c == '+' || c == '-':
		if n, ok := number(s[1:]); ok && len(s) == 5 {
			east := time.Duration(n/100)*time.Hour + time.Duration(n%100)*time.Minute
			if c == '-' {
				east = -east
			}
			return word{parts: zone, clock: east}
		}
		return word{}
	case !isDigit(c):
		if m, ok := monthOf(strings.TrimRight(s, ".,")); ok {
			return word{parts: monthName, n: int(m)}
		}
		return word{}
	}
	i := 1
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	n, ok := number(s[:i])
	if !ok {
		return word{}
	}
	w := word{n: n}
	rest := s[i:]
	switch {
	case rest == "" && i == 4:
		w.parts = yearPlain
	case rest == "" && i <= 2:
		w.parts = dayPlain | monthPlain
	case rest == "," && i <= 2:
		w.parts = dayComma
	case rest == "." && i <= 2:
		w.parts = dayMark
	case rest == "":
	case rest[0] >= 0x80 && i == 4:
		w.parts = yearMark
	case rest[0] >= 0x80 && i <= 2 && len(rest) <= 3:
		w.parts = dayMark | monthMark
	case rest[0] == ':':
		if clock, fine, ok := readClock(s); ok && fine {
			w.parts, w.clock = clockFine, clock
		} else if ok {
			w.parts, w.clock = clockShort, clock
		}
	default:
		w.date, w.parts = wordDate(s)
	}
	return w
}

// wordDate reads a date that is one field. Of 24-04-2003 the day is the first
// part if it can be.
func wordDate(s string) (date, part) {
	if d, ok := dayFirst.date(s); ok && d.year > 0 && !twoDigitYear(s) {
		return d, fullDate
	}
	if d, ok := monthFirst.date(s); ok && !twoDigitYear(s) {
		return d, fullDate
	}
	if d, ok := namedDate(s); ok {
		return d, lateDate
	}
	month, day, ok := strings.Cut(s, "-")
	m, monthOK := number(month)
	d, dayOK := number(day)
	if ok && monthOK && dayOK && len(month) == 2 && len(day) == 2 {
		return date{month: time.Month(m), day: d}, shortDate
	}
	return date{}, 0
}

// twoDigitYear reports whether neither end of a date has four digits.
func twoDigitYear(s string) bool {
	parts, _ := splitDate(s)
	return len(parts[0]) != 4 && len(parts[2]) != 4
}

// dateAt reads the date that begins at field i into an entry. It returns how many
// fields it has, 0 if there is none, and whether the name behind it is padded.
func (f *fields) dateAt(i int, now time.Time, e *sites.Entry) (n int, padded bool) {
	var words [4]word
	read := 0
shape:
	for _, shape := range shapes {
		var d date
		for k, p := range shape.parts {
			if k == read {
				if i+k >= f.n {
					continue shape
				}
				words[k] = readWord(f.text(i + k))
				read++
			}
			w := &words[k]
			switch got := w.parts & p; {
			case got == 0:
				continue shape
			case got&(monthName|monthPlain|monthMark) != 0:
				d.month = time.Month(w.n)
			case got&anyDay != 0:
				d.day = w.n
			case got&anyYear != 0:
				d.year = w.n
			case got&anyClock != 0:
				d.clock = w.clock
			case got == zone:
				d.zone, d.exact = w.clock, true // only a clock with seconds has one
			default:
				d = w.date
			}
		}
		if d.put(e, now) {
			return len(shape.parts), shape.padded
		}
	}
	return 0, false
}
