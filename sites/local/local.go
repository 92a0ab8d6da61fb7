// Package local is the user's own host as a site.
//
// Invariants:
//
//   - Paths are spelled with "/" on every system; a relative one starts from the
//     site's Dir, and "" is that directory.
//   - On Unix a path is any bytes but NUL and reaches the system as it is. On
//     Windows an element C: begins the path anew at that drive's root, so a path
//     with a drive stands for itself even where it was joined to another.
//   - Listing, renaming and deleting are about a link itself; all else is about
//     what it leads to.
//   - Nothing is begun under a context that has ended. What is under way ends with
//     it between two reads, writes or pieces of a listing.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"rsexec/sites"
)

// Site is the user's own host. Its zero value is ready. It implements
// sites.Site.
type Site struct {
	// Dir is where relative paths start from, absolute as Home returns it; ""
	// is the working directory of the process.
	Dir string
}

// Name returns sites.LocalName.
func (Site) Name() string { return sites.LocalName }

// Close does nothing: there are no sessions.
func (Site) Close() error { return nil }

// Home returns the directory that relative paths start from. On Windows it begins
// with "/C:/", or what the drive is, so that it is absolute as other sites' paths
// are.
func (s Site) Home(ctx context.Context) (string, error) {
	if ctx.Err() != nil {
		return "", stopped(ctx, "look at", ".")
	}
	if s.Dir != "" {
		return s.Dir, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", s.fail("look at", ".", err)
	}
	dir = filepath.ToSlash(dir)
	if !strings.HasPrefix(dir, "/") {
		dir = "/" + dir
	}
	return dir, nil
}

// native returns path as the system has it.
func (s Site) native(path string) string {
	if s.Dir != "" && !strings.HasPrefix(path, "/") {
		path = strings.TrimRight(s.Dir, "/") + "/" + path
	}
	if path == "" {
		return "."
	}
	if runtime.GOOS == "windows" {
		path = fromDrive(path)
	}
	return filepath.FromSlash(path)
}

// fromDrive returns path from its last element on that is a drive, such as C:. No
// name on Windows holds a colon, so such an element can be nothing else. The drive
// alone means its root: to Windows it would mean some directory on it.
func fromDrive(path string) string {
	elements := strings.Split(path, "/")
	for i := len(elements) - 1; i >= 0; i-- {
		if e := elements[i]; len(e) != 2 || e[1] != ':' || e[0]|0x20 < 'a' || e[0]|0x20 > 'z' {
			continue
		}
		if i == len(elements)-1 {
			return elements[i] + "/"
		}
		return strings.Join(elements[i:], "/")
	}
	return path
}

// Stat describes a file or directory; a link is described by what it leads to,
// or, if that is not there, as the link it is: the name is taken.
func (s Site) Stat(ctx context.Context, path string) (sites.Entry, error) {
	if ctx.Err() != nil {
		return sites.Entry{}, stopped(ctx, "look at", path)
	}
	info, err := os.Stat(s.native(path))
	target := ""
	if errors.Is(err, fs.ErrNotExist) {
		if link, lerr := os.Lstat(s.native(path)); lerr == nil && link.Mode()&fs.ModeSymlink != 0 {
			info, err = link, nil
			target = targetOf(s.native(path))
		}
	}
	if err != nil {
		return sites.Entry{}, s.fail("look at", path, err)
	}
	e := entry(info)
	e.Name, e.Target = sites.Pathname{Path: strings.TrimRight(path, "/")}.Base(), target
	return e, nil
}

// targetOf returns where the link leads, with "/" between names; "" if the system
// does not say, as when it went away meanwhile.
func targetOf(link string) string {
	target, err := os.Readlink(link)
	if err != nil {
		return ""
	}
	return filepath.ToSlash(target)
}

func entry(info fs.FileInfo) sites.Entry {
	e := sites.Entry{Name: info.Name(), Type: typeOf(info.Mode()), Size: -1, Modified: info.ModTime()}
	if e.Type == sites.File {
		e.Size = info.Size()
	}
	return e
}

// typeOf is Unknown for devices, sockets and pipes.
func typeOf(m fs.FileMode) sites.EntryType {
	switch {
	case m.IsDir():
		return sites.Directory
	case m&fs.ModeSymlink != 0:
		return sites.Link
	case m.IsRegular():
		return sites.File
	}
	return sites.Unknown
}

// List calls yield for each entry of a directory. A link is an entry of type
// Link with its Target.
func (s Site) List(ctx context.Context, path string, yield func(sites.Entry) bool) error {
	if ctx.Err() != nil {
		return stopped(ctx, "list", path)
	}
	dir, err := os.Open(s.native(path))
	if err != nil {
		return s.fail("list", path, err)
	}
	defer dir.Close() // it was only read
	for {
		entries, err := dir.ReadDir(256)
		for _, d := range entries {
			e, there := listed(dir.Name(), d)
			if there && !yield(e) {
				return nil
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return s.fail("list", path, err)
		case ctx.Err() != nil:
			return stopped(ctx, "list", path)
		}
	}
}

// listed returns the entry d of a directory; there is false if it went away
// meanwhile. In a directory that may be read and not searched only names and
// types are to be had.
func listed(dir string, d fs.DirEntry) (e sites.Entry, there bool) {
	info, err := d.Info()
	switch {
	case err == nil:
		e = entry(info)
	case errors.Is(err, fs.ErrNotExist):
		return e, false
	default:
		e = sites.Entry{Name: d.Name(), Type: typeOf(d.Type()), Size: -1}
	}
	if e.Type == sites.Link {
		e.Target = targetOf(filepath.Join(dir, e.Name))
	}
	return e, true
}

// Open opens a file for reading from offset, which may be its end and not more.
func (s Site) Open(ctx context.Context, path string, offset int64) (sites.Reader, error) {
	if ctx.Err() != nil {
		return nil, stopped(ctx, "read", path)
	}
	f, err := os.Open(s.native(path))
	if err != nil {
		return nil, s.fail("read", path, err)
	}
	if err := seek(f, offset); err != nil {
		f.Close() // it was not even read
		return nil, s.fail("read", path, err)
	}
	return &file{ctx: ctx, File: f, site: s, path: path}, nil
}

// seek checks that f can be read from offset on, and goes there.
func seek(f *os.File, offset int64) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return syscall.EISDIR
	case offset == 0:
		return nil
	case info.Mode().IsRegular() && offset > info.Size():
		return &sites.Error{Kind: sites.Refused, Msg: fmt.Sprintf("it has %d bytes and cannot be read from %d", info.Size(), offset)}
	}
	_, err = f.Seek(offset, io.SeekStart)
	return err
}

// Store opens a file for writing. To Replace is to empty the file at once.
func (s Site) Store(ctx context.Context, path string, mode sites.Mode) (sites.Writer, error) {
	if ctx.Err() != nil {
		return nil, stopped(ctx, "write", path)
	}
	flag := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if mode == sites.Append {
		flag = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	f, err := os.OpenFile(s.native(path), flag, 0o666)
	if err != nil {
		return nil, s.fail("write", path, err)
	}
	return &file{ctx: ctx, File: f, site: s, path: path}, nil
}

// file is an open file whose work ends with its context.
type file struct {
	*os.File
	ctx  context.Context
	site Site
	path string
}

func (f *file) Read(p []byte) (int, error) {
	if err := f.Stopped(); err != nil {
		return 0, err
	}
	n, err := f.File.Read(p)
	if err != nil && err != io.EOF {
		err = f.site.fail("read", f.path, err)
	}
	return n, err
}

func (f *file) Write(p []byte) (int, error) {
	if f.ctx.Err() != nil {
		return 0, stopped(f.ctx, "write", f.path)
	}
	n, err := f.File.Write(p)
	return n, f.site.fail("write", f.path, err)
}

// Regular returns the file itself, for who can have the system send it; nil if it is a
// device or a pipe.
func (f *file) Regular() *os.File {
	if info, err := f.File.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return f.File
}

// Stopped returns an error if the context has ended.
func (f *file) Stopped() error {
	if f.ctx.Err() != nil {
		return stopped(f.ctx, "read", f.path)
	}
	return nil
}

// WriteTo and ReadFrom keep the methods of the same name of os.File out of
// sight: they do not end with the context.
func (f *file) WriteTo(w io.Writer) (int64, error) {
	if to, ok := w.(io.ReaderFrom); ok {
		return to.ReadFrom(f)
	}
	return io.Copy(w, struct{ io.Reader }{f})
}

func (f *file) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{f}, r)
}

// Commit returns when the bytes are on disk.
func (f *file) Commit() error {
	err := f.File.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // it is a pipe or a device
	}
	if closed := f.File.Close(); err == nil {
		err = closed
	}
	return f.site.fail("write", f.path, err)
}

// Abort closes the file as it is; nobody counts on what is in it.
func (f *file) Abort() { f.File.Close() }

// Rename gives a file another name, over an existing file.
func (s Site) Rename(ctx context.Context, from, to string) error {
	if ctx.Err() != nil {
		return stopped(ctx, "rename", from)
	}
	err := os.Rename(s.native(from), s.native(to))
	if _, missing := os.Lstat(s.native(from)); err != nil && missing == nil {
		return s.fail("rename", to, err) // what is wrong is at the other end
	}
	return s.fail("rename", from, err)
}

// Delete removes a file or a link; not a directory.
func (s Site) Delete(ctx context.Context, path string) error {
	if ctx.Err() != nil {
		return stopped(ctx, "delete", path)
	}
	info, err := os.Lstat(s.native(path))
	if err == nil && info.IsDir() {
		err = syscall.EISDIR
	}
	if err == nil {
		err = os.Remove(s.native(path))
	}
	return s.fail("delete", path, err)
}

// MakeDirectory makes a directory; its parent has to be there.
func (s Site) MakeDirectory(ctx context.Context, path string) error {
	if ctx.Err() != nil {
		return stopped(ctx, "make directory", path)
	}
	return s.fail("make directory", path, os.Mkdir(s.native(path), 0o777))
}

// RemoveDirectory removes an empty directory; not a link to one.
func (s Site) RemoveDirectory(ctx context.Context, path string) error {
	if ctx.Err() != nil {
		return stopped(ctx, "remove directory", path)
	}
	// A "/" at the end would have the system follow a link.
	name := filepath.Clean(s.native(path))
	info, err := os.Lstat(name)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	if err == nil {
		err = os.Remove(name)
	}
	return s.fail("remove directory", path, err)
}

// Protect sets the mode of a file or directory. Windows has only one bit of it:
// whether the owner may write.
func (s Site) Protect(ctx context.Context, path string, mode fs.FileMode) error {
	if ctx.Err() != nil {
		return stopped(ctx, "protect", path)
	}
	return s.fail("protect", path, os.Chmod(s.native(path), mode))
}

// SetModified sets the modified time of a file or directory; when it was last
// read stays as it is.
func (s Site) SetModified(ctx context.Context, path string, at time.Time) error {
	if ctx.Err() != nil {
		return stopped(ctx, "set the time of", path)
	}
	return s.fail("set the time of", path, os.Chtimes(s.native(path), time.Time{}, at))
}

// kinds tells what an error of the system means. The first row that is found
// counts.
var kinds = []struct {
	err  error
	kind sites.Kind
}{
	{fs.ErrNotExist, sites.NotFound},
	{fs.ErrPermission, sites.Permission},
	{syscall.EROFS, sites.Permission},
	{fs.ErrExist, sites.Refused}, // a directory that is not empty, too
	{errDiskFull, sites.NoSpace},
	{syscall.EDQUOT, sites.NoSpace},
	{syscall.EISDIR, sites.Usage},
	{syscall.ENAMETOOLONG, sites.Usage},
}

// fail makes an error of the program of one of the system; nil stays nil.
func (s Site) fail(op, path string, err error) error {
	if err == nil {
		return nil
	}
	var known *sites.Error
	if errors.As(err, &known) {
		return sites.During(op, sites.Pathname{Site: sites.LocalName, Path: path}, known)
	}
	kind := sites.KindOf(err)
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			kind = k.kind
			break
		}
	}
	if errors.Is(err, syscall.ENOTDIR) {
		kind = s.notDirectory(path)
	}
	var p *fs.PathError
	var l *os.LinkError
	switch { // both repeat the path
	case errors.As(err, &p):
		err = p.Err
	case errors.As(err, &l):
		err = l.Err
	}
	return &sites.Error{Op: op, Site: sites.LocalName, Path: path, Kind: kind, Err: err}
}

// notDirectory tells a path that is a file where a directory is wanted from one
// below a file, where there can be nothing.
func (s Site) notDirectory(path string) sites.Kind {
	if _, err := os.Lstat(filepath.Clean(s.native(path))); err == nil {
		return sites.Usage
	}
	return sites.NotFound
}

// stopped makes the error of work whose context has ended.
func stopped(ctx context.Context, op, path string) error {
	return sites.During(op, sites.Pathname{Site: sites.LocalName, Path: path}, sites.Stopped(ctx))
}

var (
	_ sites.Site      = Site{}
	_ sites.Protector = Site{}
	_ sites.Toucher   = Site{}
)
