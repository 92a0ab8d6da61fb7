package rsexec

import (
	"context"
	"strconv"
	"strings"
	"time"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// filter says which of the things that are found a statement is about, as its
// options --type, --older, --newer, --larger and --smaller have it. An age or a
// size that a site does not tell is on neither side of a bound.
type filter struct {
	given   bool // one of the options was
	only    string
	older   time.Time // modified before that; zero is no bound
	newer   time.Time
	larger  int64 // than so many bytes; negative is no bound
	smaller int64
}

// filterOf returns the filter of a statement. Ages count back from now.
func filterOf(st *grammar.Statement, now time.Time) (f filter, err error) {
	f.only, f.given = st.Option("type")
	f.larger, f.smaller = -1, -1
	for _, bound := range []struct {
		name string
		at   *time.Time
	}{{"older", &f.older}, {"newer", &f.newer}} {
		typed, given := st.Option(bound.name)
		if !given {
			continue
		}
		f.given = true
		at, ok := boundInTime(typed, now)
		if !ok {
			return f, &sites.Error{Op: st.Verb.Name, Kind: sites.Usage, Msg: "--" + bound.name + "=" + grammar.Quote(typed) + " cannot be read",
				Hint: "write an age such as 30d, 12h, 90m or 45s, or a time such as 2026-11-21 or 2026-11-21T08:00:00Z"}
		}
		*bound.at = at
	}
	for _, bound := range []struct {
		name string
		size *int64
	}{{"larger", &f.larger}, {"smaller", &f.smaller}} {
		typed, given := st.Option(bound.name)
		if !given {
			continue
		}
		f.given = true
		size, ok := parseSize(typed)
		if !ok {
			return f, &sites.Error{Op: st.Verb.Name, Kind: sites.Usage, Msg: "--" + bound.name + "=" + grammar.Quote(typed) + " cannot be read",
				Hint: "write a number of bytes, or one with k, M, G or T, such as 10M; each is 1024 times the one before"}
		}
		*bound.size = size
	}
	return f, nil
}

// takes reports whether the filter leaves what was found. Where a listing had the
// name only, the site is asked for the rest, which is then in p.
func (f filter) takes(ctx context.Context, p *resolver.Place) bool {
	if f.given && p.Entry.Type == sites.Unknown {
		if e, err := p.Site.Stat(ctx, p.Pathname.Path); err == nil {
			p.Entry = e
		} // else nothing is known of it, so that no bound takes it
	}
	return f.takesEntry(p.Entry)
}

func (f filter) takesEntry(e sites.Entry) bool {
	timed := !e.Modified.IsZero()
	sized := e.Size >= 0 && (e.Type == sites.File || e.Type == sites.Unknown) // the size of a link is not that of the file
	switch {
	case f.only != "" && e.Type.String() != f.only,
		!f.older.IsZero() && !(timed && e.Modified.Before(f.older)),
		!f.newer.IsZero() && !(timed && e.Modified.After(f.newer)),
		f.larger >= 0 && !(sized && e.Size > f.larger),
		f.smaller >= 0 && !(sized && e.Size < f.smaller):
		return false
	}
	return true
}

// ageUnits are what the number of an age counts. A day has 24 hours.
var ageUnits = map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute, 's': time.Second}

// boundInTime reads an age, which counts back from now, or a time.
func boundInTime(typed string, now time.Time) (at time.Time, ok bool) {
	if n := len(typed) - 1; n > 0 {
		unit := ageUnits[typed[n]|0x20]
		count, err := strconv.ParseUint(typed[:n], 10, 63)
		if unit != 0 && err == nil {
			// What is longer than a Duration can be, 292 years, is older than any file.
			longest := uint64((1<<63 - 1) / unit)
			return now.Add(-time.Duration(min(count, longest)) * unit), true
		}
	}
	at, err := parseTime(typed)
	return at, err == nil
}

// sizeUnits are the letters behind the number of a size, each for 1024 times what
// the one before it is for.
const sizeUnits = "kmgt"

// parseSize reads a number of bytes.
func parseSize(typed string) (bytes int64, ok bool) {
	digits, shift := typed, 0
	if n := len(typed) - 1; n > 0 {
		if i := strings.IndexByte(sizeUnits, typed[n]|0x20); i >= 0 {
			digits, shift = typed[:n], 10*(i+1)
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63-shift)
	return int64(n) << shift, err == nil
}
