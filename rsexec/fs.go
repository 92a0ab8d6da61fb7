package rsexec

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"rsexec/resolver"
	"rsexec/sites"
)

// FS returns the sites and the logical names as one file system, for reading:
// SITE1/src/prog1.pl1 is SITE1:src/prog1.pl1, from the site's home directory,
// and SYS/prog1.pl1 the first file of that name along the search list of SYS.
// Every access happens under ctx. A name that is not UTF-8 cannot be in it (see
// fs.ValidPath) and is left out of its directories.
//
// It implements fs.ReadDirFS and fs.StatFS, and may be used by several
// goroutines, but not beside Run.
func (x *Executive) FS(ctx context.Context) fs.FS { return fileSystem{ctx, x} }

type fileSystem struct {
	ctx context.Context
	x   *Executive
}

// info describes a file of the file system. It implements fs.FileInfo and
// fs.DirEntry.
type info struct {
	name  string
	entry sites.Entry
}

func (i info) Name() string               { return i.name }
func (i info) Size() int64                { return max(0, i.entry.Size) }
func (i info) ModTime() time.Time         { return i.entry.Modified }
func (i info) IsDir() bool                { return i.entry.Type == sites.Directory }
func (i info) Sys() any                   { return i.entry }
func (i info) Type() fs.FileMode          { return i.Mode().Type() }
func (i info) Info() (fs.FileInfo, error) { return i, nil }
func (i info) String() string             { return fs.FormatFileInfo(i) }

func (i info) Mode() fs.FileMode {
	switch i.entry.Type {
	case sites.Directory:
		return fs.ModeDir | 0o555
	case sites.Link:
		return fs.ModeSymlink | 0o777
	case sites.File:
		return 0o444
	}
	return fs.ModeIrregular | 0o444
}

// heads returns the names in the root: the sites and the logical names.
func (f fileSystem) heads() []fs.DirEntry {
	names := append(f.x.network.Names(), slices.Collect(maps.Keys(f.x.resolver.Logical))...)
	slices.Sort(names)
	var list []fs.DirEntry
	for _, n := range names {
		list = append(list, info{n, sites.Entry{Type: sites.Directory, Size: -1}})
	}
	return list
}

// find returns the places that a path stands for: one at a site, several below
// a logical name.
func (f fileSystem) find(op, name string) ([]resolver.Place, error) {
	fail := func(err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return nil, fail(fs.ErrInvalid)
	}
	head, rest, _ := strings.Cut(name, "/")
	if head != strings.ToUpper(head) || strings.ContainsAny(head, "*?[{") {
		return nil, fail(fs.ErrNotExist) // the heads are written in capitals only
	}
	res, err := f.x.resolver.Look(f.ctx, head+":"+resolver.Escape(rest))
	if err != nil {
		return nil, fail(asFS(err))
	}
	found := res.Found()
	if len(found) == 0 {
		_, err := f.x.resolver.Settle(f.ctx, res)
		return nil, fail(asFS(err))
	}
	if rest == "" {
		for i := range found { // the home of a site may have no entry of its own
			found[i].Entry = sites.Entry{Type: sites.Directory, Size: -1}
		}
	}
	return found, nil
}

// asFS gives an error the meaning that io/fs has for it.
func asFS(err error) error {
	switch sites.KindOf(err) {
	case sites.NotFound:
		return errors.Join(fs.ErrNotExist, err)
	case sites.Permission, sites.Login:
		return errors.Join(fs.ErrPermission, err)
	}
	return err
}

// Stat describes a file. It implements fs.StatFS.
func (f fileSystem) Stat(name string) (fs.FileInfo, error) {
	if name == "." {
		return info{".", sites.Entry{Type: sites.Directory, Size: -1}}, nil
	}
	found, err := f.find("stat", name)
	if err != nil {
		return nil, err
	}
	return info{path.Base(name), found[0].Entry}, nil
}

// ReadDir lists a directory, by name. It implements fs.ReadDirFS.
func (f fileSystem) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == "." {
		return f.heads(), nil
	}
	found, err := f.find("readdir", name)
	if err != nil {
		return nil, err
	}
	var list []fs.DirEntry
	seen := make(map[string]bool)
	for _, p := range found {
		if p.Entry.Type == sites.File {
			if len(found) == 1 {
				return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
			}
			continue
		}
		err := f.x.list(f.ctx, p.Site, p.Pathname, func(e sites.Entry) bool {
			if !seen[e.Name] && utf8.ValidString(e.Name) {
				seen[e.Name] = true
				list = append(list, info{e.Name, e})
			}
			return true
		})
		if err != nil {
			return nil, &fs.PathError{Op: "readdir", Path: name, Err: asFS(err)}
		}
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

// Open opens a file or a directory.
func (f fileSystem) Open(name string) (fs.File, error) {
	if name == "." {
		return &openDirectory{f: f, name: name, info: info{".", sites.Entry{Type: sites.Directory, Size: -1}}}, nil
	}
	found, err := f.find("open", name)
	if err != nil {
		return nil, err
	}
	i := info{path.Base(name), found[0].Entry}
	if i.IsDir() {
		return &openDirectory{f: f, name: name, info: i}, nil
	}
	return &openFile{f: f, place: found[0], name: name, info: i}, nil
}

// openFile is a file that is read; the site is asked for it at the first Read.
type openFile struct {
	f     fileSystem
	place resolver.Place
	name  string
	info  info

	mu     sync.Mutex
	r      sites.Reader
	closed bool
}

func (o *openFile) Stat() (fs.FileInfo, error) { return o.info, nil }

func (o *openFile) Read(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return 0, &fs.PathError{Op: "read", Path: o.name, Err: fs.ErrClosed}
	}
	if o.r == nil {
		r, err := o.place.Site.Open(o.f.ctx, o.place.Pathname.Path, 0)
		if err != nil {
			return 0, &fs.PathError{Op: "read", Path: o.name, Err: asFS(err)}
		}
		o.r = r
	}
	n, err := o.r.Read(p)
	if err != nil && err != io.EOF {
		err = &fs.PathError{Op: "read", Path: o.name, Err: asFS(err)}
	}
	return n, err
}

func (o *openFile) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return &fs.PathError{Op: "close", Path: o.name, Err: fs.ErrClosed}
	}
	o.closed = true
	if o.r == nil {
		return nil
	}
	return o.r.Close()
}

// openDirectory is a directory that is listed.
type openDirectory struct {
	f    fileSystem
	name string
	info info

	mu     sync.Mutex
	read   bool
	rest   []fs.DirEntry
	closed bool
}

func (o *openDirectory) Stat() (fs.FileInfo, error) { return o.info, nil }

func (o *openDirectory) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: o.name, Err: errors.New("is a directory")}
}

// ReadDir returns the next n entries, or all that are left if n is not
// positive (see fs.ReadDirFile).
func (o *openDirectory) ReadDir(n int) ([]fs.DirEntry, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil, &fs.PathError{Op: "readdir", Path: o.name, Err: fs.ErrClosed}
	}
	if !o.read {
		list, err := o.f.ReadDir(o.name)
		if err != nil {
			return nil, err
		}
		o.read, o.rest = true, list
	}
	if n <= 0 || n > len(o.rest) {
		if n > 0 && len(o.rest) == 0 {
			return nil, io.EOF
		}
		n = len(o.rest)
	}
	list := o.rest[:n:n]
	o.rest = o.rest[n:]
	return list, nil
}

func (o *openDirectory) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return &fs.PathError{Op: "close", Path: o.name, Err: fs.ErrClosed}
	}
	o.closed = true
	return nil
}
