package ftpd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// siteCPFR performs SITE CPFR, which no document specifies: it is as ProFTPD's
// mod_copy has it, but for directories, which are not copied. It holds until a
// SITE CPTO.
func (s *session) siteCPFR(arg string) {
	s.copyFrom = ""
	if arg == "" {
		s.reply(badSyntax, "CPFR takes a pathname")
		return
	}
	name, ok := s.pathname(arg)
	if !ok {
		return
	}
	if err := s.plainFile(name); err != nil {
		s.refuse(name, err)
		return
	}
	s.copyFrom = name
	s.reply(copyStarted, name)
}

// siteCPTO performs SITE CPTO: it starts to copy the file of the SITE CPFR before.
// The copy runs beside the session as a digest does, and there is no preliminary
// reply: every other command waits for its end, and ABOR or the end of the control
// connection breaks it off.
func (s *session) siteCPTO(ctx context.Context, arg string) {
	from := s.copyFrom
	s.copyFrom = ""
	switch {
	case from == "":
		s.reply(badSequence, "SITE CPTO comes after SITE CPFR")
		return
	case arg == "":
		s.reply(badSyntax, "CPTO takes a pathname")
		return
	}
	name, ok := s.pathname(arg)
	if !ok {
		return
	}
	if err := s.measure(ctx); err != nil {
		s.refuse(name, err)
		return
	}
	source, size, err := s.openSource(from, 0)
	if err != nil {
		s.refuse(from, err)
		return
	}
	gone := s.replacedSize("", name)
	var c *fileCopy
	if err = s.fits(size, gone); err == nil {
		c, err = s.openCopy(source, name)
	}
	if err != nil {
		_ = source.Close() // nothing was written to it
		s.refuse(name, err)
		return
	}
	c.meter.gone = gone
	t := &transfer{record: "copy", verb: "SITE CPTO", path: name, outcome: fileActionDone,
		closing: "Copied " + from + " to " + name, events: make(chan event, 1)}
	ctx, t.cancel = context.WithCancel(ctx)
	s.started(t)
	go t.copy(ctx, c)
	s.interruptTransfer()
}

// fileCopy is a file that is copied. Until it is whole, the copy has no name, so that
// nothing is left of it should the server be killed; or, where a file has to have one, one
// of its own.
type fileCopy struct {
	root    *os.Root
	source  *os.File
	f       *os.File // the copy
	named   bool     // it has the name partial
	partial string
	name    string
	sync    bool
	meter   *meter
}

// openCopy makes the file that source is copied to. It has no permissions that source
// has not, so that what is private stays so.
func (s *session) openCopy(source *os.File, name string) (*fileCopy, error) {
	info, err := source.Stat()
	if err != nil {
		return nil, err
	}
	if err := s.replaceable(name); err != nil {
		return nil, err
	}
	c := &fileCopy{root: s.root, source: source, partial: path.Join(path.Dir(name), ".copy."+rand.Text()), name: name, sync: s.svc.sync, meter: s.newMeter()}
	if c.f, err = createUnnamed(s.root, path.Dir(name), info.Mode().Perm()); err != nil {
		c.named = true
		c.f, err = s.root.OpenFile(relative(c.partial), os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// replaceable returns an error if there is a file of that name that a STOR could
// not write to. A new file takes its place, which the system would allow; and so it takes
// that of a link that leads nowhere.
func (s *session) replaceable(name string) error {
	if _, err := s.root.Lstat(relative(name)); err == nil && !s.user.may(Write) {
		return errMayNotReplace
	}
	err := s.plainFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	f, err := s.root.OpenFile(relative(name), os.O_WRONLY|withoutWaiting, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// copy copies c and tells of its end.
func (t *transfer) copy(ctx context.Context, c *fileCopy) {
	defer t.cancel()
	err := c.settle(c.move(ctx, t))
	t.events <- event{over: true, err: err}
}

// move leaves the copying to the system where it can (copy_file_range).
func (c *fileCopy) move(ctx context.Context, t *transfer) error {
	for ctx.Err() == nil {
		n, err := io.CopyN(c.f, c.source, chunkSize)
		t.bytes.Add(n)
		over := c.meter.wrote(n)
		switch {
		case over != nil:
			return &fileError{over}
		case err == io.EOF:
			return nil
		case err != nil:
			return &fileError{err}
		}
	}
	return errAborted
}

// settle closes the files and gives the copy its name, or removes it if it is
// not whole.
func (c *fileCopy) settle(err error) error {
	_ = c.source.Close() // nothing was written to it
	if err == nil && c.sync {
		if serr := c.f.Sync(); serr != nil {
			err = &fileError{serr}
		}
	}
	if err == nil && !c.named {
		// A name that is taken can only be taken over by another name.
		if err = nameFile(c.root, c.f, c.partial); err != nil {
			err = &fileError{err}
		}
		c.named = err == nil
	}
	if cerr := c.f.Close(); err == nil && cerr != nil {
		err = &fileError{cerr}
	}
	if err == nil {
		if rerr := c.root.Rename(relative(c.partial), relative(c.name)); rerr != nil {
			err = &fileError{rerr}
		}
	}
	if err != nil && c.named {
		if rerr := c.root.Remove(relative(c.partial)); rerr != nil {
			err = errors.Join(err, fmt.Errorf("remove: %w", rerr))
		}
	}
	if err == nil {
		c.meter.done()
	} else {
		c.meter.cut(0) // its bytes go with it
	}
	if err == nil && c.sync {
		if serr := syncFolder(c.root, c.name); serr != nil {
			err = &fileError{serr}
		}
	}
	return err
}
