package ftp

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rsexec/sites"
)

// A lineParser reads one line of a listing. ok is false if it does not
// understand the line; skip is true for a line that names no entry, such as
// "total 12" or an entry for the directory itself.
type lineParser func(line string, now time.Time) (e sites.Entry, skip, ok bool)

// listings are the commands that list a directory, in the order in which they
// are tried, and the forms of line that each may bring.
var listings = []struct {
	verb  string
	forms []lineParser
}{
	{"MLSD", []lineParser{parseMLSD}},
	{"LIST", []lineParser{parseUNIX, parseDOS}},
	{"NLST", []lineParser{parseNLST}},
}

// maxUnread is how many lines of a listing that nobody understands are kept
// for the error.
const maxUnread = 3

// List calls yield for each entry of a directory. Lines that cannot be read
// are an error of kind Protocol, given after the last entry.
func (f *Site) List(ctx context.Context, path string, yield func(sites.Entry) bool) error {
	err := f.with(ctx, func(s *Session) (err error) {
		for _, l := range listings {
			if s.site.Knows(l.verb) == No {
				continue
			}
			err = s.list(ctx, l.verb, path, yield)
			if sites.KindOf(err) != sites.Unsupported {
				return err
			}
		}
		return err
	})
	return sites.During("list", sites.Pathname{Site: f.config.Name, Path: path}, err)
}

// list lists one directory with the command given.
func (s *Session) list(ctx context.Context, verb, path string, yield func(sites.Entry) bool) error {
	line := verb
	if path != "" {
		line += " " + path
	}
	if verb != "MLSD" && strings.ContainsAny(path, "*?[]{}~ ") && strings.HasPrefix(path, "/") {
		// Servers take such a path for a pattern or for options, so the
		// directory is entered.
		if err := s.enter(ctx, path); err != nil {
			return err
		}
		line = verb
	}
	d, err := s.transfer(ctx, line, 0, nothing)
	if err != nil {
		return err
	}
	r := reader{d}
	defer r.Close()
	p := listParser{forms: slices.Clone(formsOf(verb)), now: time.Now()}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), maxReplyLine)
	for lines.Scan() {
		if lines.Err() != nil {
			break // the listing broke off, so that this line may be cut short
		}
		if e, ok := p.line(lines.Text()); ok && !yield(e) {
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		if err == bufio.ErrTooLong {
			err = protocolError("a line of more than %d bytes in a listing", maxReplyLine)
		}
		return err
	}
	return p.err()
}

func formsOf(verb string) []lineParser {
	for _, l := range listings {
		if l.verb == verb {
			return l.forms
		}
	}
	return nil
}

// listParser reads the lines of one listing. The form that understood the
// last line is asked first.
type listParser struct {
	forms  []lineParser
	now    time.Time
	unread []string
	more   int // unread lines beyond those kept
}

func (p *listParser) line(line string) (sites.Entry, bool) {
	line = strings.TrimSuffix(line, "\r")
	if strings.TrimSpace(line) == "" {
		return sites.Entry{}, false
	}
	for i, form := range p.forms {
		e, skip, ok := form(line, p.now)
		if !ok {
			continue
		}
		p.forms[0], p.forms[i] = p.forms[i], p.forms[0]
		if skip || e.Name == "." || e.Name == ".." {
			return sites.Entry{}, false
		}
		if strings.ContainsAny(e.Name, "/\x00") || e.Name == "" {
			break // no honest server has such a name
		}
		return e, true
	}
	if len(p.unread) < maxUnread {
		p.unread = append(p.unread, clip(line))
	} else {
		p.more++
	}
	return sites.Entry{}, false
}

func (p *listParser) err() error {
	if len(p.unread) == 0 {
		return nil
	}
	return protocolError("%d lines of the listing cannot be read, such as %q", len(p.unread)+p.more, p.unread[0])
}

// parseMLSD reads a line of MLSD (RFC 3659 section 7): facts, one blank, the
// name.
func parseMLSD(line string, _ time.Time) (e sites.Entry, skip, ok bool) {
	facts, _, _ := strings.Cut(line, " ")
	lower := strings.ToLower(facts)
	if strings.Contains(lower, "type=cdir;") || strings.Contains(lower, "type=pdir;") {
		return sites.Entry{}, true, true
	}
	e, ok = parseFacts(line)
	return e, false, ok
}

// parseFacts reads "fact=value;fact=value; name". Names may hold anything,
// leading blanks too, so the line is cut at the first blank.
func parseFacts(line string) (sites.Entry, bool) {
	facts, name, ok := strings.Cut(line, " ")
	if !ok || name == "" || facts != "" && !strings.HasSuffix(facts, ";") {
		return sites.Entry{}, false
	}
	e := sites.Entry{Name: name, Size: -1}
	for fact := range strings.SplitSeq(strings.TrimSuffix(facts, ";"), ";") {
		key, value, _ := strings.Cut(fact, "=")
		switch strings.ToLower(key) {
		case "type":
			e.Type, e.Target = typeFact(value)
		case "size":
			if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 0 {
				e.Size = n
			}
		case "modify":
			e.Modified, _ = parseTime(value)
		}
	}
	if e.Type != sites.File {
		e.Size = -1
	}
	return e, true
}

func typeFact(value string) (t sites.EntryType, target string) {
	kind, rest, _ := strings.Cut(value, ":")
	switch strings.ToLower(kind) {
	case "file":
		return sites.File, ""
	case "dir", "cdir", "pdir":
		return sites.Directory, ""
	case "os.unix=slink", "os.unix=symlink":
		return sites.Link, rest
	}
	return sites.Unknown, ""
}

// parseUNIX reads a line of ls -l, with or without the group.
//
//	-rw-r--r--   1 user group   1234 Nov 21 05:47 name
//	lrwxrwxrwx   1 user group      4 Jan  2  2020 name -> target
func parseUNIX(line string, now time.Time) (e sites.Entry, skip, ok bool) {
	if strings.HasPrefix(line, "total ") {
		_, err := strconv.ParseUint(strings.TrimSpace(line[len("total "):]), 10, 64)
		return sites.Entry{}, true, err == nil
	}
	if len(line) < 10 {
		return sites.Entry{}, false, false
	}
	e = sites.Entry{Size: -1}
	switch line[0] {
	case '-':
		e.Type = sites.File
	case 'd':
		e.Type = sites.Directory
	case 'l':
		e.Type = sites.Link
	case 'b', 'c', 'p', 's', 'D':
		e.Type = sites.Unknown
	default:
		return sites.Entry{}, false, false
	}
	for _, c := range line[1:10] {
		if !strings.ContainsRune("rwxsStTlL-", c) {
			return sites.Entry{}, false, false
		}
	}
	// The date is what marks off the name: a month in words, a day, and a time
	// or a year. The field before it is the size.
	fields := fieldsAt(line)
	for i := 2; i+3 < len(fields); i++ {
		modified, ok := unixDate(fields[i].text, fields[i+1].text, fields[i+2].text, now)
		if !ok {
			continue
		}
		if size, err := strconv.ParseInt(fields[i-1].text, 10, 64); err == nil && e.Type == sites.File {
			e.Size = size
		}
		e.Modified = modified
		// One blank ends the date; the name may begin with more of them.
		e.Name = line[fields[i+2].end+1:]
		if e.Type == sites.Link {
			if name, target, ok := strings.Cut(e.Name, " -> "); ok {
				e.Name, e.Target = name, target
			}
		}
		return e, false, e.Name != ""
	}
	return sites.Entry{}, false, false
}

type field struct {
	text string
	end  int // offset behind it
}

// fieldsAt splits a line at blanks, as far as a date can stand.
func fieldsAt(line string) []field {
	var fields []field
	for i := 0; i < len(line) && len(fields) < 12; {
		for i < len(line) && line[i] == ' ' {
			i++
		}
		start := i
		for i < len(line) && line[i] != ' ' {
			i++
		}
		if i > start {
			fields = append(fields, field{line[start:i], i})
		}
	}
	return fields
}

// unixDate reads the date of ls: "Nov 21 05:47" is within the last 12 months,
// "Nov 21 2019" has its year. The time zone is the server's and unknown; UTC
// stands for it.
func unixDate(month, day, last string, now time.Time) (time.Time, bool) {
	d, err := strconv.Atoi(day)
	if err != nil || d < 1 || d > 31 || len(month) != 3 {
		return time.Time{}, false
	}
	if strings.Contains(last, ":") {
		for _, year := range []int{now.Year(), now.Year() - 1} {
			t, err := time.Parse("Jan 2 15:04 2006", fmt.Sprintf("%s %d %s %d", month, d, last, year))
			// A server's clock may be a day ahead of ours.
			if err == nil && t.Before(now.Add(24*time.Hour)) {
				return t, true
			}
		}
		return time.Time{}, false
	}
	if len(last) != 4 {
		return time.Time{}, false
	}
	t, err := time.Parse("Jan 2 2006", fmt.Sprintf("%s %d %s", month, d, last))
	return t, err == nil
}

// parseDOS reads a line of DIR as IIS writes it.
//
//	11-21-26  05:47AM       <DIR>          name
//	11-21-2026  05:47AM               1234 name
func parseDOS(line string, _ time.Time) (e sites.Entry, skip, ok bool) {
	fields := fieldsAt(line)
	if len(fields) < 4 {
		return sites.Entry{}, false, false
	}
	stamp := fields[0].text + " " + strings.ToUpper(fields[1].text)
	for _, layout := range []string{"01-02-06 03:04PM", "01-02-2006 03:04PM", "01-02-06 15:04", "2006-01-02 15:04"} {
		t, err := time.Parse(layout, stamp)
		if err != nil {
			continue
		}
		e = sites.Entry{Modified: t, Size: -1}
		switch n, err := strconv.ParseInt(strings.ReplaceAll(fields[2].text, ",", ""), 10, 64); {
		case err == nil && n >= 0:
			e.Type, e.Size = sites.File, n
		case strings.EqualFold(fields[2].text, "<DIR>"):
			e.Type = sites.Directory
		case strings.EqualFold(fields[2].text, "<SYMLINKD>"), strings.EqualFold(fields[2].text, "<JUNCTION>"), strings.EqualFold(fields[2].text, "<SYMLINK>"):
			e.Type = sites.Link
		default:
			return sites.Entry{}, false, false
		}
		name := line[fields[2].end:]
		if e.Type == sites.File {
			name = strings.TrimPrefix(name, " ")
		} else {
			name = strings.TrimLeft(name, " ") // the column is padded to the size's width
		}
		e.Name = name
		return e, false, name != ""
	}
	return sites.Entry{}, false, false
}

// parseNLST reads a line of NLST: a name, perhaps with the directory before
// it.
func parseNLST(line string, _ time.Time) (e sites.Entry, skip, ok bool) {
	name := sites.Pathname{Path: line}.Base()
	return sites.Entry{Name: name, Size: -1}, false, name != ""
}
