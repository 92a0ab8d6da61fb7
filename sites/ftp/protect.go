package ftp

import (
	"context"
	"fmt"
	"io/fs"

	"rsexec/sites"
)

// Protect sets the mode of a file or directory by SITE CHMOD, which no document
// specifies and most servers on Unix know.
func (f *Site) Protect(ctx context.Context, path string, mode fs.FileMode) error {
	err := f.with(ctx, func(s *Session) error {
		return s.trySITE(ctx, "CHMOD", fmt.Sprintf("%03o %s", bits(mode), path))
	})
	return sites.During("protect", sites.Pathname{Site: f.config.Name, Path: path}, f.unchanged(ctx, path, err))
}

// unchanged returns err, the refusal of a change to a file, with what it means:
// the code of "not found" stands for other reasons as well.
func (f *Site) unchanged(ctx context.Context, path string, err error) error {
	e, ok := err.(*sites.Error)
	if !ok || e.Code == 0 || f.dialect().Kind(e.Code) != sites.NotFound {
		return err
	}
	_, looked := f.Stat(ctx, path)
	switch {
	case sites.KindOf(looked) == sites.NotFound:
		return looked
	case looked == nil && e.Kind == sites.NotFound:
		e.Kind = sites.Permission
	}
	return err
}

func (f *Site) dialect() *Dialect {
	if f.Old() {
		return Old
	}
	return Modern
}

// bits returns a mode as Unix numbers it, which io/fs does not above the
// permission bits.
func bits(mode fs.FileMode) uint32 {
	n := uint32(mode.Perm())
	for bit, m := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if mode&m != 0 {
			n |= bit
		}
	}
	return n
}
