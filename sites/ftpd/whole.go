package ftpd

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// With Server.Whole, what STOR brings is in a part beside the file until it is complete,
// and then the part takes the file's name. At every moment the file is the old one, or
// absent, or the whole new one.
//
// Where there was a file, a part lives no longer than its upload. Where there was none, it
// outlives an upload that broke off: SIZE tells how long it is, REST and STOR, or APPE, go
// on in it, a STOR begins anew, and DELE deletes it. It is listed under its own name, and
// can be deleted under that: a folder that cannot be removed shows why.

// partSuffix ends the name of a part.
const partSuffix = ".rsexec-part"

// longestName is how many bytes a name may have: most systems take no more.
const longestName = 255

// temporaries are the ends of names under which users store what they rename when it is
// complete. It is not renamed twice.
var temporaries = []struct{ prefix, suffix string }{
	{prefix: ".rsexec."},
	{prefix: ".in."},
	{suffix: ".part"},
	{suffix: ".partial"},
	{suffix: ".filepart"},
	{suffix: ".tmp"},
	{suffix: partSuffix},
}

// temporary says whether a name is one that users give to what is not complete.
func temporary(base string) bool {
	base = strings.ToLower(base)
	for _, t := range temporaries {
		if strings.HasPrefix(base, t.prefix) && strings.HasSuffix(base, t.suffix) {
			return true
		}
	}
	return false
}

// partName is the name of the part of a file: always the same, so that however uploads end
// there is one part at most. A name that is too long for it is cut and has a digest.
func partName(base string) string {
	if name := "." + base + partSuffix; len(name) <= longestName {
		return name
	}
	end := fmt.Sprintf("~%x", sha256.Sum256([]byte(base)))[:17] + partSuffix
	cut := longestName - len(".") - len(end)
	for back := 0; back < utf8.UTFMax && !utf8.RuneStart(base[cut]); back++ { // some systems take no half a character
		cut--
	}
	return "." + base[:cut] + end
}

// whole says whether an upload to that pathname is to go to a part.
func (s *session) whole(name string) bool { return s.svc.whole && !temporary(path.Base(name)) }

// errBusy is why a second upload to a file has to wait.
var errBusy = errors.New("is being uploaded; try again later")

// holds are the files to which something is uploaded while uploads are whole: one upload
// for each at a time.
type holds struct {
	mu  sync.Mutex
	all map[*hold]struct{}
}

// hold is that of one upload. The folder is the same one however it may be called
// meanwhile.
type hold struct {
	holds  *holds
	folder *os.Root
	at     fs.FileInfo // of the folder
	base   string      // the name of the file in it
	part   fs.FileInfo // nil: none is open yet
}

// take holds the file of that pathname, or returns errBusy.
func (all *holds) take(root *os.Root, name string) (*hold, error) {
	directory, base := path.Split(name)
	// Opened as in readListing. The name may have "..", which path.Dir would resolve
	// without regard to links.
	folder, err := root.OpenRoot(relative(directory + "."))
	if err != nil {
		return nil, err
	}
	at, err := folder.Stat(".")
	if err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	h := &hold{holds: all, folder: folder, at: at, base: base}
	all.mu.Lock()
	defer all.mu.Unlock()
	for other := range all.all {
		if other.base == base && os.SameFile(other.at, at) {
			_ = folder.Close() // it was only looked at
			return nil, errBusy
		}
	}
	if all.all == nil {
		all.all = make(map[*hold]struct{})
	}
	all.all[h] = struct{}{}
	return h, nil
}

// release lets the next one have the file.
func (h *hold) release() {
	h.holds.mu.Lock()
	delete(h.holds.all, h)
	h.holds.mu.Unlock()
	_ = h.folder.Close() // what was written was written to files
}

// busy says whether a file is the part of an upload that is under way.
func (all *holds) busy(file fs.FileInfo) bool {
	all.mu.Lock()
	defer all.mu.Unlock()
	for h := range all.all {
		if h.part != nil && os.SameFile(h.part, file) {
			return true
		}
	}
	return false
}

// opened makes f the part of the upload; or returns errBusy, if it is that of another one:
// there are systems where two names are one.
func (h *hold) opened(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errNotPlain
	}
	if h.holds.busy(info) {
		return errBusy
	}
	h.holds.mu.Lock()
	h.part = info
	h.holds.mu.Unlock()
	return nil
}

// removePart removes the part that is there, if there is one that nobody writes to, and
// returns its size.
func (h *hold) removePart() (size int64, err error) {
	name := partName(h.base)
	info, err := h.folder.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err == nil && h.holds.busy(info) {
		err = errBusy
	}
	if err == nil {
		err = h.folder.Remove(name)
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// beyondLinks is the pathname of what a pathname leads to, if that is a link: its target is
// what is replaced. A link that leads nowhere is an error, as it is to STOR otherwise.
func (s *session) beyondLinks(name string) (string, error) {
	for followed := false; ; followed = true {
		info, err := s.root.Lstat(relative(name))
		switch {
		case errors.Is(err, fs.ErrNotExist) && !followed:
			return name, nil
		case err != nil:
			return "", err
		case info.Mode()&fs.ModeSymlink == 0:
			return name, nil
		}
		// It leads to something below the root, and not round and round.
		if _, err := s.root.Stat(relative(name)); err != nil {
			return "", err
		}
		target, err := s.root.Readlink(relative(name))
		if err != nil {
			return "", err
		}
		directory, _ := path.Split(name)
		name = directory + filepath.ToSlash(target)
	}
}

// openWhole opens what STOR, and APPE, of a file write to: its part, but to add to a file
// that is there.
func (s *session) openWhole(name string, restart int64, appending bool) (*fileSink, error) {
	target, err := s.beyondLinks(name)
	if err != nil {
		return nil, err
	}
	h, err := s.svc.holds.take(s.root, target)
	if err != nil {
		return nil, err
	}
	sink, err := s.openHeld(h, target, restart, appending)
	if err != nil {
		h.release()
		return nil, err
	}
	return sink, nil
}

// openHeld is openWhole for a file that is held. If it fails, it is still held.
func (s *session) openHeld(h *hold, name string, restart int64, appending bool) (*fileSink, error) {
	old, err := h.folder.Lstat(h.base)
	var sink *fileSink
	switch {
	case errors.Is(err, fs.ErrNotExist):
		sink, err = s.openPart(h, name, restart, appending)
	case err == nil && appending:
		if sink, err = s.openSink(name, 0, Write|Append); err == nil {
			sink.appending, sink.hold = true, h
		}
	case err == nil:
		sink, err = s.openReplacement(h, name, restart, old)
	}
	return sink, err
}

// openPart opens the part of a file that is not there yet: a new one, or the one that a
// broken upload has left. That is cut only when the data connection is there.
func (s *session) openPart(h *hold, name string, restart int64, appending bool) (*fileSink, error) {
	part := partName(h.base)
	f, err := h.folder.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	created := err == nil
	if errors.Is(err, fs.ErrExist) {
		var info fs.FileInfo
		if info, err = h.folder.Lstat(part); err == nil && !info.Mode().IsRegular() {
			err = errNotPlain
		}
		if err == nil {
			f, err = h.folder.OpenFile(part, os.O_WRONLY|withoutWaiting, 0)
		}
	}
	if err != nil {
		return nil, err
	}
	sink := s.sink(f, name, created)
	sink.hold, sink.inPart, sink.replaces = h, true, s.user.may(Write)
	sink.start, sink.appending = restart, appending
	if err = h.opened(f); err == nil {
		_, err = seekTo(f, restart, s.image)
	}
	if err != nil {
		return nil, sink.putOff(err)
	}
	return sink, nil
}

// openReplacement makes the part of a file that is there: what a killed server has left of
// another one is no use. After REST n it begins as the file does (RFC 3659 section 5).
func (s *session) openReplacement(h *hold, name string, restart int64, old fs.FileInfo) (*fileSink, error) {
	if err := s.replaceable(name); err != nil {
		return nil, err
	}
	var source *os.File
	if restart > 0 {
		var err error
		if source, _, err = s.openSource(name, restart); err != nil {
			return nil, err
		}
	}
	freed, err := h.removePart()
	s.account.change(-freed)
	var f *os.File
	if err == nil {
		f, err = h.folder.OpenFile(partName(h.base), os.O_WRONLY|os.O_CREATE|os.O_EXCL, old.Mode().Perm())
	}
	if err != nil {
		closeSource(source)
		return nil, err
	}
	sink := s.sink(f, name, true)
	sink.hold, sink.inPart, sink.replaces = h, true, true
	sink.start, sink.old, sink.existed = restart, source, true
	sink.meter.gone = old.Size()
	if err := h.opened(f); err != nil {
		return nil, sink.putOff(err)
	}
	return sink, nil
}

// closeSource closes a file that was only read, if there is one.
func closeSource(f *os.File) {
	if f != nil {
		_ = f.Close()
	}
}

// copyOld begins the part as the file that it is to replace. It leaves the copying to the
// system where it can, as a copy within the site does.
func (p *fileSink) copyOld(conn *net.TCPConn) error {
	if p.old == nil {
		return nil
	}
	if _, err := p.old.Seek(0, io.SeekStart); err != nil {
		return &fileError{err}
	}
	for left := p.start; left > 0; {
		// This fails when the transfer is broken off. The user waits meanwhile.
		if err := conn.SetReadDeadline(time.Time{}); err != nil {
			return err
		}
		n, err := io.CopyN(p.f, p.old, min(left, chunkSize))
		left -= n
		if err = errors.Join(err, p.meter.wrote(n)); err != nil {
			return &fileError{err} // also if the file has become shorter
		}
	}
	return nil
}

// putOff closes a part to which nothing is to be written after all, and removes it if it was
// made for that.
func (p *fileSink) putOff(err error) error {
	_ = p.f.Close() // nothing was written to it
	closeSource(p.old)
	if p.created {
		if rerr := p.hold.folder.Remove(partName(p.hold.base)); rerr != nil {
			err = errors.Join(err, fmt.Errorf("remove: %w", rerr))
		}
	}
	return err
}

// settlePart is settle for a part. One that is complete takes the name of the file. Of one
// that is not, only that of a new file stays, and not if it is this site's storage that
// failed: what was there before the transfer goes on being there.
func (p *fileSink) settlePart(err error) error {
	closeSource(p.old)
	if err == nil {
		err = p.takeName()
		if err != nil && err != errAborted {
			err = &fileError{err}
		}
	}
	_ = p.f.Close() // closed already, or no success is told
	if err == nil {
		p.meter.done()
		return nil
	}
	var file *fileError
	failed := errors.As(err, &file)
	part := partName(p.hold.base)
	var undone error
	switch {
	case !p.moving && !p.created, p.moving && !failed && !p.existed, errors.Is(err, errPartGone):
		// It stays as it is.
	case !p.created && (p.appending || p.start > 0):
		if undone = truncate(p.hold.folder, part, p.start); undone == nil {
			p.meter.cut(p.start)
		}
	default:
		if undone = p.hold.folder.Remove(part); undone == nil {
			p.meter.cut(0)
		}
	}
	if undone != nil && !errors.Is(undone, fs.ErrNotExist) {
		err = errors.Join(err, fmt.Errorf("undo: %w", undone))
	}
	return err
}

// truncate cuts a file.
func truncate(folder *os.Root, name string, size int64) error {
	f, err := folder.OpenFile(name, os.O_WRONLY|withoutWaiting, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// errPartGone is why a complete upload cannot have its name.
var errPartGone = errors.New("its temporary file was taken away")

// takeName gives the part the name of the file, with the permissions of the one that had
// it, and closes it.
func (p *fileSink) takeName() error {
	if old, err := p.hold.folder.Lstat(p.hold.base); err == nil && old.Mode().IsRegular() {
		if err := p.f.Chmod(old.Mode().Perm()); err != nil {
			return err
		}
	}
	if p.sync {
		if err := p.f.Sync(); err != nil {
			return err
		}
	}
	// In the clear, the data of a user who is killed ends in order; but the control
	// connection ends with it, and that is an abort (RFC 959 section 4.1.1, QUIT).
	if p.aborted() {
		return errAborted
	}
	if err := p.f.Close(); err != nil {
		return err
	}
	part := partName(p.hold.base)
	if now, err := p.hold.folder.Lstat(part); err != nil || !os.SameFile(now, p.hold.part) {
		return errPartGone
	}
	give := renameNew
	if p.replaces {
		give = (*os.Root).Rename
	}
	err := give(p.hold.folder, part, p.hold.base)
	if errors.Is(err, fs.ErrExist) && !p.replaces {
		return errMayNotReplace // it has come meanwhile
	}
	if err == nil && p.sync {
		err = syncFolder(p.hold.folder, "/"+p.hold.base)
	}
	return err
}

// part is that of a file that is not there, which a user who may upload goes on from.
func (s *session) part(name string) (fs.FileInfo, error) {
	if !s.whole(name) || !s.user.may(Write|Append) {
		return nil, fs.ErrNotExist
	}
	if _, err := s.root.Lstat(relative(name)); err == nil {
		return nil, fs.ErrNotExist // a link that leads nowhere
	}
	directory, base := path.Split(name)
	return s.root.Lstat(relative(directory + partName(base)))
}

// deletePlain deletes something that is no directory, with its part; or the part alone.
func (s *session) deletePlain(name string) error {
	if !s.whole(name) {
		return s.deleteNamed(name)
	}
	h, err := s.svc.holds.take(s.root, name)
	if err != nil {
		return err
	}
	defer h.release()
	err = s.deleteNamed(name)
	if errors.Is(err, fs.ErrNotExist) {
		if _, missing := h.folder.Lstat(partName(h.base)); missing == nil {
			err = nil
		}
	}
	if err == nil {
		var freed int64
		freed, err = h.removePart()
		s.account.change(-freed)
	}
	return err
}

// deleteNamed deletes something that is no directory, but no part of an upload.
func (s *session) deleteNamed(name string) error {
	info, err := s.root.Lstat(relative(name))
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return errNotPlain
	case s.svc.holds.busy(info):
		return errBusy
	}
	if err := s.root.Remove(relative(name)); err != nil {
		return err
	}
	if info.Mode().IsRegular() {
		s.account.change(-info.Size())
	}
	return nil
}

// linkNew gives a file another name, which must be free, where the system cannot do so in
// one step.
func linkNew(folder *os.Root, from, to string) error {
	err := folder.Link(from, to)
	if err == nil {
		return folder.Remove(from)
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	// A file system without links: nothing keeps another program from making the file
	// right now.
	if _, err := folder.Lstat(to); err == nil {
		return fs.ErrExist
	}
	return folder.Rename(from, to)
}
