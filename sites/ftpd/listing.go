package ftpd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

// errNotDirectory says that only a directory can be listed so.
var errNotDirectory = errors.New("not a directory")

// unsayable says that a name has a byte that ends a line: no command could name
// it, and in a listing it would look like two entries.
func unsayable(name string) bool { return strings.ContainsAny(name, "\r\n\x00") }

// readDirectory returns the entries of the directory name, sorted by their bytes.
func readDirectory(root *os.Root, name string) (entries []entry, err error) {
	dir, err := root.OpenRoot(relative(name))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	f, err := dir.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	for _, n := range names {
		info, err := dir.Lstat(n)
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone since
		}
		if err != nil {
			return nil, err
		}
		e := entry{name: n, info: info}
		if info.Mode()&fs.ModeSymlink != 0 {
			if e.target, err = dir.Readlink(n); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// readEntries returns the entries of a directory, or the one entry of anything
// else.
func readEntries(root *os.Root, name string) ([]entry, error) {
	info, err := root.Stat(relative(name))
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return readDirectory(root, name)
	}
	return []entry{{name: path.Base(name), info: info}}, nil
}

// withoutOptions is arg without the options of ls(1) that many users send.
func withoutOptions(arg string) string {
	for strings.HasPrefix(arg, "-") {
		_, arg, _ = strings.Cut(arg, " ")
		arg = strings.TrimLeft(arg, " ")
	}
	return arg
}

// listLong is a listing in the form of "ls -l", with network line ends. Sizes are
// in bytes, times in UTC; owner and group are the same for all. A byte of a name
// that cannot be said is shown as "?".
func listLong(root *os.Root, name string) ([]byte, error) {
	entries, err := readEntries(root, name)
	if err != nil {
		return nil, err
	}
	shown := strings.NewReplacer("\r", "?", "\n", "?", "\x00", "?")
	var b bytes.Buffer
	now := time.Now()
	for _, e := range entries {
		line := fmt.Sprintf("%s 1 ftp ftp %12d %s %s", lsMode(e.info.Mode()), e.info.Size(), lsTime(e.info.ModTime(), now), e.name)
		if e.target != "" {
			line += " -> " + e.target
		}
		b.WriteString(shown.Replace(line))
		b.WriteString("\r\n")
	}
	return b.Bytes(), nil
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

// sendText starts a transfer of what make returns for the named directory.
func (s *session) sendText(ctx context.Context, verb, arg string, make func(root *os.Root, name string) ([]byte, error)) {
	s.takeRestart()
	name, ok := s.pathname(arg)
	if !ok || !s.dataReady(sending) {
		return
	}
	text, err := make(s.root, name)
	if err != nil {
		s.setData(nil)
		if errors.Is(err, errNotDirectory) {
			s.reply(badSyntax, name+": not a directory")
			return
		}
		s.refuse(name, err)
		return
	}
	s.begin(ctx, verb, name, "Sending a listing of "+name, textSource(text))
}

// listVerb performs LIST (RFC 959 section 4.1.3).
func (s *session) listVerb(ctx context.Context, arg string) {
	s.sendText(ctx, "LIST", withoutOptions(arg), listLong)
}

// nlstVerb performs NLST: the names alone, relative to the directory. Names that
// cannot be said are left out.
func (s *session) nlstVerb(ctx context.Context, arg string) {
	s.sendText(ctx, "NLST", withoutOptions(arg), func(root *os.Root, name string) ([]byte, error) {
		entries, err := readEntries(root, name)
		var b bytes.Buffer
		for _, e := range entries {
			if !unsayable(e.name) {
				b.WriteString(e.name + "\r\n")
			}
		}
		return b.Bytes(), err
	})
}

// mlsdVerb performs MLSD (RFC 3659 section 7). Names that cannot be said are left
// out.
func (s *session) mlsdVerb(ctx context.Context, arg string) {
	facts := s.facts
	s.sendText(ctx, "MLSD", arg, func(root *os.Root, name string) ([]byte, error) {
		info, err := root.Stat(relative(name))
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			return nil, errNotDirectory
		}
		entries, err := readDirectory(root, name)
		var b bytes.Buffer
		for _, e := range entries {
			if !unsayable(e.name) {
				b.WriteString(facts.of(e) + " " + e.name + "\r\n")
			}
		}
		return b.Bytes(), err
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
