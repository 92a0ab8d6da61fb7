package ftpd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
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

// change sets one fact of a file.
type change func(root *os.Root, name string) error

// settable are the facts that MFF sets, as FEAT names them. Each makes of a value the
// change that sets it.
var settable = []struct {
	name  string
	parse func(value string) (change, error)
}{
	{"Modify", parseModify},
	{"UNIX.mode", parseMode},
}

func parseModify(value string) (change, error) {
	at, ok := parseTime(value)
	if !ok {
		return nil, errors.New("Modify is YYYYMMDDHHMMSS")
	}
	return func(root *os.Root, name string) error {
		return setTimes(root, name, time.Time{}, at)
	}, nil
}

// parseMode reads permissions. The bits for setuid, setgid and sticky are refused: what
// a user of this site stores must not run as the one that the server runs as.
func parseMode(octal string) (change, error) {
	mode, err := strconv.ParseUint(octal, 8, 32)
	if err != nil || mode > 0o777 {
		return nil, errors.New("a mode is from 0 to 777, in octal")
	}
	return func(root *os.Root, name string) error {
		return root.Chmod(relative(name), fs.FileMode(mode))
	}, nil
}

// mffVerb performs MFF (draft-somers-ftp-mfxx-04 section 5): it sets facts of a file. If
// one is not known, or not well said, none is set. The reply has those that were set.
// There is no MFCT: few systems let anybody say when a file was created.
func (s *session) mffVerb(_ context.Context, arg string) {
	facts, arg, found := strings.Cut(arg, " ")
	facts, ended := strings.CutSuffix(facts, ";")
	if !found || arg == "" || !ended {
		s.reply(badSyntax, "MFF takes <fact>=<value>;... and a pathname")
		return
	}
	changes, said, known := make(map[string]change), strings.Split(facts, ";"), make(map[string]bool)
	for _, fact := range said {
		name, value, is := strings.Cut(fact, "=")
		if !is || name == "" {
			s.reply(badSyntax, "A fact is <name>=<value>;")
			return
		}
		for _, f := range settable {
			if !strings.EqualFold(f.name, name) {
				continue
			}
			c, err := f.parse(value)
			if err == nil && known[f.name] {
				err = errors.New(f.name + " is there twice")
			}
			if err != nil {
				s.reply(badSyntax, err)
				return
			}
			changes[fact], known[f.name] = c, true
		}
		if changes[fact] == nil {
			s.reply(badParameter, "MFF does not set "+name)
			return
		}
	}
	name, ok := s.pathname(arg)
	if !ok {
		return
	}
	var set strings.Builder
	var failed error
	for _, fact := range said {
		if err := changes[fact](s.root, name); err != nil {
			failed = err
			continue
		}
		set.WriteString(fact + ";")
	}
	if set.Len() == 0 {
		s.refuse(name, failed)
		return
	}
	s.reply(fileStatus, set.String()+" "+name)
}
