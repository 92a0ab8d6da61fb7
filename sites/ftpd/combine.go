package ftpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// combVerb performs COMB, which no document specifies: it is as GlobalSCAPE's servers
// have it. It adds the parts to the target, which it makes if there is none, and deletes
// the parts when all of them are there. It runs beside the session as SITE CPTO does.
func (s *session) combVerb(ctx context.Context, arg string) {
	if !s.allowed(Read, "COMB") || !s.allowed(Write|Append, "COMB") {
		return
	}
	names, ok := quotedNames(arg)
	if !ok || len(names) < 2 {
		s.reply(badSyntax, `COMB takes the target and its parts, each "in quotes"`)
		return
	}
	for i, name := range names {
		if names[i], ok = s.pathname(name); !ok {
			return
		}
	}
	if err := s.measure(ctx); err != nil {
		s.refuse(names[0], err)
		return
	}
	c := &combination{root: s.root, name: names[0], meter: s.newMeter()}
	for _, name := range names[1:] {
		info, err := s.root.Stat(relative(name))
		if err == nil && !info.Mode().IsRegular() {
			err = errNotPlain
		}
		if err != nil {
			s.refuse(name, err)
			return
		}
		if c.has(info) {
			s.reply(nameNotAllowed, name, "is a part already")
			return
		}
		c.parts = append(c.parts, part{name, info})
		c.meter.gone += info.Size()
	}
	// As a copy does, the target has the permissions of what is in it.
	var err error
	if c.f, c.created, err = s.openOrCreate(c.name, c.parts[0].info.Mode().Perm(), Write|Append); err != nil {
		s.refuse(c.name, err)
		return
	}
	info, err := c.f.Stat()
	if err == nil && c.has(info) {
		_ = c.f.Close() // nothing was written to it
		s.reply(nameNotAllowed, c.name, "is the target and a part")
		return
	}
	if err != nil {
		s.refuse(c.name, c.settle(err))
		return
	}
	c.start = info.Size()
	c.meter.begin(c.start, c.start)
	t := &transfer{record: "copy", verb: "COMB", path: c.name, outcome: fileActionDone,
		closing: "Combined into " + c.name, events: make(chan event, 1)}
	ctx, t.cancel = context.WithCancel(ctx)
	s.started(t)
	go t.combine(ctx, c)
	s.interruptTransfer()
}

// quotedNames reads names in quotes with blanks between them.
func quotedNames(arg string) (names []string, ok bool) {
	for arg = strings.Trim(arg, " "); arg != ""; {
		name, rest, ok := unquote(arg)
		if !ok {
			return nil, false
		}
		names, arg = append(names, name), strings.TrimLeft(rest, " ")
	}
	return names, true
}

// unquote takes a name in quotes from the beginning of arg. A quote in it is doubled, as
// in a 257 reply (RFC 959 appendix II). What follows is nothing, or begins with a blank.
func unquote(arg string) (name, rest string, ok bool) {
	arg, ok = strings.CutPrefix(arg, `"`)
	for ok {
		var piece string
		piece, arg, ok = strings.Cut(arg, `"`)
		name += piece
		if !strings.HasPrefix(arg, `"`) {
			break
		}
		name, arg = name+`"`, arg[1:]
	}
	return name, arg, ok && name != "" && (arg == "" || arg[0] == ' ')
}

// combination is a file to which others are added. Until all of them are there it can
// be what it was, and none of them is deleted.
type combination struct {
	root    *os.Root
	name    string
	f       *os.File
	created bool
	start   int64 // its size before
	parts   []part
	meter   *meter
	kept    bool // a part was deleted: it cannot be what it was
}

type part struct {
	name string
	info fs.FileInfo // when it was looked at last
}

// has says whether one of the parts is that file, by whatever name.
func (c *combination) has(info fs.FileInfo) bool {
	for _, p := range c.parts {
		if os.SameFile(p.info, info) {
			return true
		}
	}
	return false
}

// partError is a failure that has to do with one part.
type partError struct{ name, text string }

func (e *partError) Error() string { return e.name + ": " + e.text }

// unchanged returns an error unless the part is still what it was when it was looked
// at last.
func (p *part) unchanged(now fs.FileInfo) error {
	if !os.SameFile(p.info, now) || !now.Mode().IsRegular() || now.Size() != p.info.Size() || !now.ModTime().Equal(p.info.ModTime()) {
		return &partError{p.name, "has changed meanwhile"}
	}
	return nil
}

// combine combines c and tells of its end.
func (t *transfer) combine(ctx context.Context, c *combination) {
	defer t.cancel()
	err := c.append(ctx, t)
	if err == nil {
		err = c.deleteParts()
	}
	err = c.settle(err)
	if err != nil && err != errAborted {
		err = &fileError{err}
	}
	t.events <- event{over: true, err: err}
}

// append adds the parts, and has the system store them, with the name of a new target: the
// parts are deleted next.
func (c *combination) append(ctx context.Context, t *transfer) error {
	// Not O_APPEND: the system does not copy by itself into such a file.
	if _, err := c.f.Seek(c.start, io.SeekStart); err != nil {
		return err
	}
	for i := range c.parts {
		if err := c.appendPart(ctx, t, &c.parts[i]); err != nil {
			return err
		}
	}
	if err := c.f.Sync(); err != nil || !c.created {
		return err
	}
	return syncFolder(c.root, c.name)
}

func (c *combination) appendPart(ctx context.Context, t *transfer, p *part) error {
	f, err := c.root.OpenFile(relative(p.name), os.O_RDONLY|withoutWaiting, 0)
	if err != nil {
		return &partError{p.name, reason(err)}
	}
	defer func() { _ = f.Close() }() // it was only read
	now, err := f.Stat()
	if err != nil {
		return &partError{p.name, reason(err)}
	}
	if err := p.unchanged(now); err != nil {
		return err
	}
	for size := int64(0); ctx.Err() == nil; {
		n, err := io.CopyN(c.f, f, chunkSize)
		size += n
		t.bytes.Add(n)
		over := c.meter.wrote(n)
		switch {
		case over != nil:
			return over
		case err == io.EOF && size != p.info.Size():
			return &partError{p.name, "has changed meanwhile"}
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
	return errAborted
}

// deleteParts deletes the parts, all of which have been stored. If the first cannot be
// deleted, none is; if a later one cannot, it is told.
func (c *combination) deleteParts() error {
	for _, p := range c.parts {
		now, err := c.root.Stat(relative(p.name))
		if err != nil {
			return &partError{p.name, reason(err)}
		}
		if err := p.unchanged(now); err != nil {
			return err
		}
	}
	var left error
	for _, p := range c.parts {
		err := c.root.Remove(relative(p.name))
		switch {
		case err == nil:
			c.kept = true
			c.meter.account.change(-p.info.Size())
		case !c.kept:
			return &partError{p.name, reason(err)}
		case left == nil:
			left = &partError{p.name, "was added and cannot be deleted: " + reason(err)}
		}
	}
	return left
}

// settle closes the target. If anything failed, it is what it was.
func (c *combination) settle(err error) error {
	undo := err != nil && !c.kept
	if undo && !c.created {
		if terr := c.f.Truncate(c.start); terr != nil {
			err = errors.Join(err, fmt.Errorf("cut back to %d bytes: %w", c.start, terr))
		} else {
			c.meter.cut(c.start)
		}
	}
	if cerr := c.f.Close(); cerr != nil && err == nil {
		err = cerr // what was synced is stored
	}
	if undo && c.created {
		if rerr := c.root.Remove(relative(c.name)); rerr != nil {
			err = errors.Join(err, fmt.Errorf("remove: %w", rerr))
		} else {
			c.meter.cut(0)
		}
	}
	return err
}
