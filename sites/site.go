package sites

import (
	"context"
	"io"
	"io/fs"
	"time"
)

// EntryType tells what a directory entry is.
type EntryType uint8

// The types of entry. Their String forms are the "type" of a JSON entry event.
const (
	Unknown EntryType = iota // the site gave the name only
	File
	Directory
	Link
)

// String returns "file", "dir", "link" or "unknown".
func (t EntryType) String() string { return [...]string{"unknown", "file", "dir", "link"}[t] }

// Entry is one line of a directory: a file, a directory or a link.
type Entry struct {
	Name     string // one path element, as the site spells it
	Type     EntryType
	Size     int64     // bytes; -1 if the site does not say
	Modified time.Time // zero if the site does not say
	Coarse   bool      // Modified is from a listing for people: without seconds, or of a zone that it does not tell
	Target   string    // where a link leads, if the site says
}

// Mode tells how Store treats a file that exists.
type Mode uint8

// The modes of Store.
const (
	Replace Mode = iota // the new bytes take the place of the old ones
	Append              // the new bytes follow the old ones
)

// Site is a host whose files the shell can reach. Its methods may be called
// from several goroutines at once. Every error is an *Error; a cancelled ctx
// stops the work and gives kind Cancelled.
type Site interface {
	// Name returns the site's name in the shell, in capitals.
	Name() string

	// Home returns the directory that relative paths start from; "" if the
	// site does not tell it.
	Home(ctx context.Context) (string, error)

	// Stat describes one file or directory. The error is of kind NotFound if
	// and only if the site was asked and said that it is not there.
	Stat(ctx context.Context, path string) (Entry, error)

	// List calls yield for each entry of a directory, in the site's order,
	// until yield returns false. "." and ".." are left out.
	List(ctx context.Context, path string, yield func(Entry) bool) error

	// Open opens a file for reading from offset.
	Open(ctx context.Context, path string, offset int64) (Reader, error)

	// Store opens a file for writing.
	Store(ctx context.Context, path string, mode Mode) (Writer, error)

	// Rename gives the file another name at the same site.
	Rename(ctx context.Context, from, to string) error

	// Delete removes a file.
	Delete(ctx context.Context, path string) error

	// Close ends all sessions with the site.
	Close() error
}

// Protector is a Site whose files have a mode that can be set.
type Protector interface {
	// Protect sets the permission bits of a file or directory, and those for
	// setuid, setgid and sticky. The error is of kind Unsupported where the
	// site has no way to do it.
	Protect(ctx context.Context, path string, mode fs.FileMode) error
}

// Toucher is a Site whose files have a modified time that can be set.
type Toucher interface {
	// SetModified sets the modified time of a file that exists, as exactly as
	// the site keeps it. The error is of kind Unsupported where the site has no
	// way to do it.
	SetModified(ctx context.Context, path string, at time.Time) error
}

// Reader reads a file. Read returns io.EOF only after the site has said that
// the file was sent whole. Close ends a read before that, and is always
// called.
type Reader interface {
	io.ReadCloser
}

// Writer writes a file. Exactly one of Commit and Abort is called.
type Writer interface {
	io.Writer

	// Commit ends the file and returns nil only after the site has said that
	// it has all of it.
	Commit() error

	// Abort gives up; the site may keep what it received.
	Abort()
}
