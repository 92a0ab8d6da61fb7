package ftpd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sort"
	"strings"
	"time"
)

// entry is one name of a directory. A symbolic link is an entry of its own kind.
type entry struct {
	name   string
	info   fs.FileInfo
	target string // of a symbolic link
}

// unsayable says that a name has a byte that ends a line: no command could name
// it, and in a listing it would look like two entries.
func unsayable(name string) bool { return strings.ContainsAny(name, "\r\n\x00") }

// sortedNames is how many names of a directory are held in memory: one of no more
// entries is listed in the order of their bytes, a larger one in pieces of which each is.
const sortedNames = 10_000

// A listing is a directory that is open to be read; or one entry.
type listing struct {
	dir *os.Root
	f   *os.File // of dir; nil if there is only the one entry
	one entry
}

// readListing begins the listing of the named directory, or of anything else.
func readListing(root *os.Root, name string) (*listing, error) {
	info, err := root.Stat(relative(name))
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return &listing{one: entry{name: path.Base(name), info: info}}, nil
	}
	// Opened as "name/.", it is a directory whatever takes its place right now: a named
	// pipe would be waited for.
	dir, err := root.OpenRoot(relative(name) + "/.")
	if err != nil {
		return nil, err
	}
	f, err := dir.Open(".")
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return &listing{dir: dir, f: f}, nil
}

func (l *listing) close() error {
	if l.f == nil {
		return nil
	}
	return errors.Join(l.f.Close(), l.dir.Close())
}

// each calls yield for each entry.
func (l *listing) each(yield func(entry) error) error {
	if l.f == nil {
		return yield(l.one)
	}
	for {
		names, err := l.f.Readdirnames(sortedNames)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		sort.Strings(names)
		for _, n := range names {
			info, err := l.dir.Lstat(n)
			if errors.Is(err, fs.ErrNotExist) {
				continue // gone since
			}
			e := entry{name: n, info: info}
			if err == nil && info.Mode()&fs.ModeSymlink != 0 {
				if e.target, err = l.dir.Readlink(n); errors.Is(err, fs.ErrNotExist) {
					err = nil
				}
			}
			if err == nil {
				err = yield(e)
			}
			if err != nil {
				return err
			}
		}
	}
}

// withoutOptions is arg without the options of ls(1) that many users send.
func withoutOptions(arg string) string {
	for strings.HasPrefix(arg, "-") {
		_, arg, _ = strings.Cut(arg, " ")
		arg = strings.TrimLeft(arg, " ")
	}
	return arg
}

// longLine returns a function that makes lines in the form of "ls -l". Sizes are in
// bytes, times in UTC; owner and group are the same for all. A byte of a name that
// cannot be said is shown as "?".
func longLine() func(entry) string {
	shown := strings.NewReplacer("\r", "?", "\n", "?", "\x00", "?")
	now := time.Now()
	return func(e entry) string {
		line := fmt.Sprintf("%s 1 ftp ftp %12d %s %s", lsMode(e.info.Mode()), e.info.Size(), lsTime(e.info.ModTime(), now), e.name)
		if e.target != "" {
			line += " -> " + e.target
		}
		return shown.Replace(line)
	}
}

// errLargeListing says that a listing is no reply any more.
var errLargeListing = fmt.Errorf("more than %d entries, use LIST", sortedNames)

// listLong is a listing in the form of "ls -l", with network line ends.
func listLong(root *os.Root, name string) ([]byte, error) {
	l, err := readListing(root, name)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	line, entries := longLine(), 0
	err = l.each(func(e entry) error {
		if entries++; entries > sortedNames {
			return errLargeListing
		}
		b.WriteString(line(e) + "\r\n")
		return nil
	})
	return b.Bytes(), errors.Join(err, l.close())
}

// lsKinds are the first letters of "ls -l" for what is no plain file.
var lsKinds = []struct {
	mode   fs.FileMode
	letter byte
}{
	{fs.ModeDir, 'd'},
	{fs.ModeSymlink, 'l'},
	{fs.ModeNamedPipe, 'p'},
	{fs.ModeSocket, 's'},
	{fs.ModeCharDevice, 'c'},
	{fs.ModeDevice, 'b'},
}

func lsMode(m fs.FileMode) string {
	text := []byte(m.Perm().String())
	text[0] = '-'
	for _, k := range lsKinds {
		if m&k.mode != 0 {
			text[0] = k.letter
			break
		}
	}
	return string(text)
}

// lsTime has the year in place of the time of day if t is in the future or more
// than half a year ago, as ls(1) has it.
func lsTime(t, now time.Time) string {
	t = t.UTC()
	if t.After(now.Add(time.Minute)) || t.Before(now.AddDate(0, -6, 0)) {
		return t.Format("Jan _2  2006")
	}
	return t.Format("Jan _2 15:04")
}

// listingSource is a listing that is sent while it is read, an entry a line. An entry
// whose line is "" is left out.
type listingSource struct {
	*listing
	line func(entry) string
}

func (p listingSource) move(t *transfer, conn *connection) error {
	w := bufio.NewWriterSize(conn, 32<<10)
	var sending error
	reading := p.each(func(e entry) error {
		if line := p.line(e); line != "" {
			_, sending = w.WriteString(line + "\r\n")
		}
		return sending
	})
	switch {
	case sending != nil:
		return sending
	case reading != nil:
		return &fileError{reading}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return t.endSending(conn)
}

func (p listingSource) settle(err error) error {
	_ = p.close() // it was only read
	return err
}

// sendListing starts a transfer of the listing of the named directory; or, unless only
// a directory will do, of anything else.
func (s *session) sendListing(ctx context.Context, verb, arg string, onlyDirectory bool, line func(entry) string) {
	s.takeRestart()
	name, ok := s.pathname(arg)
	if !ok || !s.dataReady(sending) {
		return
	}
	l, err := readListing(s.root, name)
	switch {
	case err != nil:
		s.spend(ctx, sending)
		s.refuse(name, err)
	case onlyDirectory && l.f == nil:
		s.spend(ctx, sending)
		s.reply(badSyntax, name+": not a directory")
	default:
		s.begin(ctx, verb, name, "Sending a listing of "+name, listingSource{l, line})
	}
}

// listVerb performs LIST (RFC 959 section 4.1.3).
func (s *session) listVerb(ctx context.Context, arg string) {
	s.sendListing(ctx, "LIST", withoutOptions(arg), false, longLine())
}

// nlstVerb performs NLST: the names alone, relative to the directory. Names that
// cannot be said are left out.
func (s *session) nlstVerb(ctx context.Context, arg string) {
	s.sendListing(ctx, "NLST", withoutOptions(arg), false, func(e entry) string {
		if unsayable(e.name) {
			return ""
		}
		return e.name
	})
}

// mlsdVerb performs MLSD (RFC 3659 section 7). Names that cannot be said are left
// out.
func (s *session) mlsdVerb(ctx context.Context, arg string) {
	facts := s.facts
	s.sendListing(ctx, "MLSD", arg, true, func(e entry) string {
		if unsayable(e.name) {
			return ""
		}
		return facts.of(e) + " " + e.name
	})
}

// mlstVerb performs MLST (RFC 3659 section 7). Unlike MLSD it looks through a
// symbolic link, as RETR and CWD do.
func (s *session) mlstVerb(_ context.Context, arg string) {
	name, ok := s.pathname(arg)
	if !ok {
		return
	}
	info, err := s.root.Stat(relative(name))
	if err != nil {
		s.refuse(name, err)
		return
	}
	line := " " + s.facts.of(entry{name: name, info: info}) + " " + name
	s.replyLines(fileActionDone, []string{"Facts of " + name, line, "End"})
}
