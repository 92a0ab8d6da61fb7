// Package listing reads directory listings in every form in which FTP servers
// write them.
//
// Invariants:
//
//   - Nothing here does I/O: lines go in, entries come out, in order.
//   - A name that comes out is one path element: never empty, "." or "..", never
//     longer than a path can be, and never with "/" or NUL in it.
//   - A line that names no entry and that no format knows is counted as unread;
//     none is dropped.
//   - Memory does not grow with the listing.
//   - A size is a count of bytes as the server would send them, or -1: blocks,
//     tracks, records and rounded sizes are none.
//   - Times without a zone are taken as UTC, and are coarse.
package listing

import (
	"strings"
	"time"

	"rsexec/sites"
)

const (
	// trialLines is how many lines are held back until the format is chosen.
	trialLines = 64

	// maxKept is how many unread lines are kept, and keptBytes how much of each.
	maxKept   = 3
	keptBytes = 80
)

// A verdict is what a format says of a line.
type verdict uint8

const (
	unread verdict = iota // it is no line of this format
	known                 // it is one that names no entry: a heading, a total
	half                  // the entry goes on in the next line
	named                 // it is an entry
)

// A reader reads a line of one format.
type reader func(line string, now time.Time) (sites.Entry, verdict)

// formats are the forms of line that the answer to a command may have. Where
// several read a listing equally well the first is chosen. A function makes a
// reader for one listing.
var formats = map[string][]func() reader{
	"MLSD": {always(readMLSD)},
	"LIST": {
		always(readUNIX),
		always(dosReader(monthFirst)), always(dosReader(dayFirst)),
		always(readEPLF),
		zosReader,
		always(readVMS),
		always(as400Reader(yearFirst)), always(as400Reader(monthFirst)), always(as400Reader(dayFirst)),
		always(readNetWare),
		always(readBlank),
	},
	"NLST": {always(readNLST)},
}

// always makes the constructor of a reader that remembers nothing.
func always(r reader) func() reader { return func() reader { return r } }

// Parser reads one listing. The formats that the command may bring are tried
// side by side on the first lines, and the one with the fewest misreadings is
// chosen; of several, the one that has the fewest files come from the future.
// Later, a line that it does not understand goes to the others, and one that
// reads it takes over.
type Parser struct {
	now     time.Time
	yield   func(sites.Entry) bool
	makers  []func() reader // none once the format is chosen
	readers []reader        // the one that read the last entry is first
	trial   []string        // lines held back until the format is chosen
	first   string          // a line that waits for the second of its entry
	waits   bool
	done    bool // the caller has enough
	dots    bool
	entries int
	unread  int
	kept    []string
}

// New returns a parser for the answer to a command: MLSD, LIST or NLST. It
// calls yield for each entry until that returns false. now is the time that
// dates without a year are reckoned from.
func New(command string, now time.Time, yield func(sites.Entry) bool) *Parser {
	p := &Parser{now: now, yield: yield, makers: formats[command]}
	if len(p.makers) == 1 {
		p.choose()
	}
	return p
}

// Line takes the next line, without its line feed. It returns false when yield
// has: no more lines are wanted. Entries may come out some lines later.
func (p *Parser) Line(line string) bool {
	line = strings.TrimRight(line, "\r")
	if p.makers == nil {
		return p.take(line)
	}
	if p.trial = append(p.trial, line); len(p.trial) == trialLines {
		p.choose()
	}
	return !p.done
}

// End says that the listing is over: what was held back comes out. It returns
// false if yield has.
func (p *Parser) End() bool {
	if p.makers != nil {
		p.choose()
	}
	p.giveUp()
	return !p.done
}

// Entries returns how many entries have come out.
func (p *Parser) Entries() int { return p.entries }

// Unread returns how many lines nobody understood, and the beginnings of the
// first few.
func (p *Parser) Unread() (count int, first []string) { return p.unread, p.kept }

// Dots reports whether the listing had entries for the directory itself or its
// parent, as one that hides no names has.
func (p *Parser) Dots() bool { return p.dots }

// choose chooses the format and lets go of the lines held back.
func (p *Parser) choose() {
	p.weigh()
	lines := p.trial
	p.makers, p.trial = nil, nil
	for _, line := range lines {
		p.take(line)
	}
}

// weigh puts the format that reads the lines held back best before the others.
func (p *Parser) weigh() {
	best, fewest := 0, score{}
	for i, f := range p.makers {
		p.readers = append(p.readers, f())
		if s := try(f(), p.trial, p.now); i == 0 || s.less(fewest) {
			best, fewest = i, s
		}
	}
	p.prefer(best)
}

// A score says how badly a format reads some lines.
type score struct {
	unread int
	future int // entries whose time is to come
}

func (s score) less(t score) bool {
	return s.unread < t.unread || s.unread == t.unread && s.future < t.future
}

// try reads lines with one format alone.
func try(r reader, lines []string, now time.Time) score {
	var s score
	p := &Parser{now: now, readers: []reader{r}, yield: func(e sites.Entry) bool {
		if e.Modified.After(now.Add(clockSkew)) {
			s.future++
		}
		return true
	}}
	for _, line := range lines {
		p.take(line)
	}
	p.giveUp()
	s.unread = p.unread
	return s
}

// prefer puts a reader before the others, which keep their order.
func (p *Parser) prefer(i int) {
	r := p.readers[i]
	copy(p.readers[1:i+1], p.readers[:i])
	p.readers[0] = r
}

// take reads a line. It returns false if yield has.
func (p *Parser) take(line string) bool {
	if p.done {
		return false
	}
	if p.waits {
		if e, v := p.readers[0](p.first+" "+line, p.now); v == named && proper(&e) {
			p.waits, p.first = false, ""
			return p.give(e)
		}
		p.giveUp()
	}
	for i, r := range p.readers {
		e, v := r(line, p.now)
		switch {
		case v == unread:
			continue
		case v == half:
			p.prefer(i)
			p.first, p.waits = line, true
		case v == named && !proper(&e):
			p.reject(line)
		case v == named:
			p.prefer(i)
			return p.give(e)
		}
		return true
	}
	p.reject(line)
	return true
}

// giveUp counts a line that waited in vain as unread.
func (p *Parser) giveUp() {
	if p.waits {
		p.reject(p.first)
		p.waits, p.first = false, ""
	}
}

// proper reports whether the entry has a name that a file can have. Behind the
// name of a directory "/" is only a mark.
func proper(e *sites.Entry) bool {
	if e.Type == sites.Directory {
		e.Name = strings.TrimSuffix(e.Name, "/")
	}
	return e.Name != "" && len(e.Name) < sites.MaxPath && !strings.ContainsAny(e.Name, "/\x00")
}

// isDots reports whether a name stands for the directory itself or its parent.
func isDots(name string) bool { return name == "." || name == ".." }

// give passes an entry on. Its strings are copies, so that it does not keep the
// line in memory.
func (p *Parser) give(e sites.Entry) bool {
	if isDots(e.Name) {
		p.dots = true
		return true
	}
	e.Name, e.Target = strings.Clone(e.Name), strings.Clone(e.Target)
	p.entries++
	p.done = !p.yield(e)
	return !p.done
}

func (p *Parser) reject(line string) {
	p.unread++
	if len(p.kept) < maxKept {
		p.kept = append(p.kept, strings.Clone(line[:min(len(line), keptBytes)]))
	}
}

// readBlank knows lines of blanks, which stand between the parts of a listing.
func readBlank(line string, _ time.Time) (sites.Entry, verdict) {
	if strings.TrimSpace(line) == "" {
		return sites.Entry{}, known
	}
	return sites.Entry{}, unread
}
