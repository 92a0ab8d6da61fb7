// Package local is the user's own host as a site.
//
// Invariant: paths are spelled with "/" on every system; a relative one starts
// from the working directory of the process.
package local

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"rsexec/sites"
)

// Site is the user's own host. Its zero value is ready. It implements
// sites.Site.
type Site struct{}

// Name returns sites.LocalName.
func (Site) Name() string { return sites.LocalName }

// Close does nothing: there are no sessions.
func (Site) Close() error { return nil }

// Home returns the working directory.
func (Site) Home(context.Context) (string, error) {
	dir, err := os.Getwd()
	return filepath.ToSlash(dir), fail("look at", ".", err)
}

// Stat describes a file or directory; a link is described by what it leads to.
func (Site) Stat(_ context.Context, path string) (sites.Entry, error) {
	info, err := os.Stat(filepath.FromSlash(path))
	if err != nil {
		return sites.Entry{}, fail("look at", path, err)
	}
	return entry(info), nil
}

func entry(info fs.FileInfo) sites.Entry {
	e := sites.Entry{Name: info.Name(), Size: -1, Modified: info.ModTime()}
	switch {
	case info.IsDir():
		e.Type = sites.Directory
	case info.Mode()&fs.ModeSymlink != 0:
		e.Type = sites.Link
	case info.Mode().IsRegular():
		e.Type, e.Size = sites.File, info.Size()
	}
	return e
}

// List calls yield for each entry of a directory.
func (Site) List(ctx context.Context, path string, yield func(sites.Entry) bool) error {
	if path == "" {
		path = "."
	}
	dir, err := os.Open(filepath.FromSlash(path))
	if err != nil {
		return fail("list", path, err)
	}
	defer dir.Close() // it was only read
	for {
		entries, err := dir.ReadDir(256)
		for _, d := range entries {
			info, err := d.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue // it went away meanwhile
			}
			if err != nil {
				return fail("list", path, err)
			}
			if !yield(entry(info)) {
				return nil
			}
		}
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return fail("list", path, err)
		}
	}
}

// Open opens a file for reading from offset.
func (Site) Open(ctx context.Context, path string, offset int64) (sites.Reader, error) {
	f, err := os.Open(filepath.FromSlash(path))
	if err == nil && offset > 0 {
		_, err = f.Seek(offset, io.SeekStart)
	}
	if err != nil {
		return nil, fail("read", path, err)
	}
	return &file{ctx: ctx, File: f, path: path}, nil
}

// Store opens a file for writing.
func (Site) Store(ctx context.Context, path string, mode sites.Mode) (sites.Writer, error) {
	flag := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if mode == sites.Append {
		flag = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	f, err := os.OpenFile(filepath.FromSlash(path), flag, 0o666)
	if err != nil {
		return nil, fail("write", path, err)
	}
	return &file{ctx: ctx, File: f, path: path}, nil
}

// file is an open file whose work ends with its context.
type file struct {
	*os.File
	ctx  context.Context
	path string
}

func (f *file) Read(p []byte) (int, error) {
	if f.ctx.Err() != nil {
		return 0, fail("read", f.path, context.Cause(f.ctx))
	}
	n, err := f.File.Read(p)
	if err != nil && err != io.EOF {
		err = fail("read", f.path, err)
	}
	return n, err
}

func (f *file) Write(p []byte) (int, error) {
	if f.ctx.Err() != nil {
		return 0, fail("write", f.path, context.Cause(f.ctx))
	}
	n, err := f.File.Write(p)
	return n, fail("write", f.path, err)
}

// WriteTo and ReadFrom keep the methods of the same name of os.File out of
// sight: they do not end with the context.
func (f *file) WriteTo(w io.Writer) (int64, error) {
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
	return fail("write", f.path, err)
}

func (f *file) Abort() { f.File.Close() }

// Rename gives a file another name, over an existing one.
func (Site) Rename(_ context.Context, from, to string) error {
	return fail("rename", from, os.Rename(filepath.FromSlash(from), filepath.FromSlash(to)))
}

// Delete removes a file; not a directory.
func (Site) Delete(_ context.Context, path string) error {
	info, err := os.Lstat(filepath.FromSlash(path))
	if err == nil && info.IsDir() {
		return &sites.Error{Op: "delete", Site: sites.LocalName, Path: path, Kind: sites.Usage, Msg: "it is a directory"}
	}
	return fail("delete", path, os.Remove(filepath.FromSlash(path)))
}

// fail makes an error of the program of one of the system; nil stays nil.
func fail(op, path string, err error) error {
	if err == nil {
		return nil
	}
	kind := sites.KindOf(err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind = sites.NotFound
	case errors.Is(err, fs.ErrPermission):
		kind = sites.Permission
	case errors.Is(err, syscall.ENOSPC):
		kind = sites.NoSpace
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

var _ sites.Site = Site{}
