package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"rsexec/rsexec/plan"
	"rsexec/sites"
	"rsexec/sites/ftp"
)

// account finds out how much arrived when f broke an attempt, and sets where
// the next one starts. complete says that all of it did. lost is an error that
// ends the transfer.
func (w *work) account(ctx context.Context, f *failure) (complete bool, lost error) {
	if !w.ask.appends() {
		return w.accountForCopy(ctx, f.over)
	}
	conflict := func(format string, args ...any) error {
		e := w.wrong(w.ask.Dest, sites.Conflict, fmt.Sprintf(format, args...))
		e.Hint, e.Err = "look at the file before anything is tried again", f.err
		return e
	}
	now, err := w.stillSize(ctx, f.over)
	switch {
	case ctx.Err() != nil:
		return false, sites.Stopped(ctx)
	case sites.KindOf(err).Retryable():
		return false, err // it may be found out later
	case err != nil:
		return false, conflict("it broke off, and how much arrived cannot be found out (%v)", err)
	case now < 0 || w.row.Before < 0:
		return false, conflict("it broke off, and %s does not tell how much arrived", w.ask.Dest.Site)
	}
	arrived := now - w.row.Before
	switch {
	case w.ask.ASCII && arrived > 0:
		return false, conflict("it broke off, and how much of a text arrived cannot be told from the %d bytes that it has grown by", arrived)
	case arrived < w.row.Arrived, w.row.Size >= 0 && arrived > w.row.Size:
		return false, conflict("%s", w.unexplained(now))
	case arrived == w.row.Size && (w.row.There || arrived > 0): // an empty file has to be made first
		return true, nil
	}
	w.row.Arrived = arrived
	return false, nil
}

// unexplained says that the size of a file that is appended to fits no honest story.
func (w *work) unexplained(now int64) string {
	return fmt.Sprintf("it held %d bytes before and holds %d now, which %s%s does not explain", w.row.Before, now, w.ask.Source, ofBytes(w.row.Size))
}

// accountForCopy does so for a file that can be written anew: what arrived is gone
// on from only if it is much, and sure to be the beginning of the file.
func (w *work) accountForCopy(ctx context.Context, over bool) (complete bool, lost error) {
	w.row.Arrived = 0
	now, err := w.sizeOf(ctx, w.plan.Dest.Path)
	switch {
	case err != nil:
		return false, err
	case now > w.row.Size: // the source is not what it was, if its size was known at all
		if err := w.lookAgain(ctx); err != nil {
			return false, err
		}
		fallthrough
	case w.noRestart || now < w.limits.worth || w.began > 0 && now <= w.began: // it could not be gone on from
		if !over || w.held {
			err = w.elsewhere(ctx)
		}
		return false, err
	}
	if now, err = w.stillSize(ctx, over); err != nil {
		return false, err
	}
	w.row.Arrived = min(now, w.row.Size)
	return now == w.row.Size, nil
}

// lookAgain describes the source anew, for it may be another than it was.
func (w *work) lookAgain(ctx context.Context) error {
	return w.again(ctx, func() error {
		e, err := w.ask.From.Stat(ctx, w.ask.Source.Path)
		if err == nil {
			w.row.Size, w.row.Modified, w.dated = e.Size, exactTime(e), false
		}
		return err
	})
}

// elsewhere has the next attempt write to another temporary file, for the server may
// yet write to this one.
func (w *work) elsewhere(ctx context.Context) error {
	if w.ask.InPlace {
		_, err := w.stillSize(ctx, false)
		return err
	}
	switch err := w.discard(ctx); {
	case err != nil && ctx.Err() != nil, sites.KindOf(err).Retryable():
		return err
	case err != nil && w.figure.OneSite: // it may be a link to the source
		if w.Notice != nil {
			w.Notice(fmt.Sprintf("%s %s: a part of it may be left as %s", w.ask.Verb, w.ask.Dest, sites.Pathname{Site: w.ask.Dest.Site, Path: w.row.Temporary}))
		}
	case err != nil: // then it is written over, once nothing more comes
		_, err := w.stillSize(ctx, false)
		return err
	}
	w.late, w.gaveUp, w.held = append(w.late, w.row.Temporary), time.Now(), false
	w.row.Temporary = temporary(w.ask.Dest)
	w.plan.Dest.Path = w.row.Temporary
	return w.save(ctx)
}

// discard deletes the temporary file, if there is one.
func (w *work) discard(ctx context.Context) error {
	if w.row.Temporary == "" {
		return nil
	}
	return w.remove(ctx, w.row.Temporary)
}

// remove deletes a file at the destination's site, which may be gone.
func (w *work) remove(ctx context.Context, path string) error {
	return w.again(ctx, func() error {
		err := w.ask.To.Delete(ctx, path)
		if err == nil || sites.KindOf(err).Retryable() {
			return err
		}
		// Servers have one and the same reply where there is no such file and where it
		// may not be deleted.
		if _, missing := w.ask.To.Stat(ctx, path); sites.KindOf(missing) == sites.NotFound {
			return nil
		}
		return err
	})
}

// sweep deletes what a server wrote after it had been given up. What was on its way to
// the server then may have been performed only afterwards, so it is waited for.
func (w *work) sweep(ctx context.Context) {
	if len(w.late) > 0 {
		select {
		case <-time.After(time.Until(w.gaveUp.Add(w.limits.stillAlone))):
		case <-ctx.Done():
		}
	}
	for _, path := range w.late {
		if _, err := w.ask.To.Stat(ctx, path); err == nil {
			w.ask.To.Delete(ctx, path) // it was deleted once; the transfer itself is done
		}
	}
}

// recall finds out what an earlier process left of the transfer, and whether that is
// all of it.
func (w *work) recall(ctx context.Context) (complete bool, err error) {
	w.touched = true
	if w.ask.appends() {
		return w.account(ctx, &failure{err: errors.New("rsexec ended in the middle of it")})
	}
	if err := w.reachable(ctx); err != nil {
		return false, err
	}
	if complete, err = w.accountForCopy(ctx, false); err == nil && !complete {
		err = w.save(ctx)
	}
	return complete && w.row.Size > 0, err
}

// reachable returns an error if what an earlier process wrote is not to be seen because
// the directory is gone that it is in.
func (w *work) reachable(ctx context.Context) error {
	for _, path := range []string{w.plan.Dest.Path, w.ask.Dest.Dir().Path} {
		if there, err := w.isThere(ctx, path); err != nil || there {
			return err
		}
	}
	return w.wrong(w.ask.Dest, sites.NotFound, "")
}

// isThere reports whether the destination's site has a file or directory.
func (w *work) isThere(ctx context.Context, path string) (there bool, err error) {
	_, there, err = w.entryAt(ctx, path)
	return there, err
}

// entryAt describes what the destination's site has at a path.
func (w *work) entryAt(ctx context.Context, path string) (e sites.Entry, there bool, err error) {
	err = w.again(ctx, func() (err error) {
		e, err = w.ask.To.Stat(ctx, path)
		if there = err == nil; sites.KindOf(err) == sites.NotFound {
			return nil
		}
		return err
	})
	return e, there, err
}

// fits reports whether a file can be the copy, by its size, as far as that is known.
func (w *work) fits(e sites.Entry) bool {
	return e.Size == w.row.Size || e.Size < 0 || w.row.Size < 0 || w.ask.ASCII
}

// ofBytes puts a size behind a pathname, if it is known.
func ofBytes(size int64) string {
	if size < 0 {
		return ""
	}
	return fmt.Sprintf(" of %d bytes", size)
}

// stillSize returns the size of the file that is written to, once it no longer
// changes; -1 if the site does not tell sizes, 0 if there is no such file. over
// says that the destination is known to write no more.
func (w *work) stillSize(whole context.Context, over bool) (int64, error) {
	ctx, stop := context.WithTimeout(whole, w.limits.changing)
	defer stop()
	still := w.limits.stillAlone
	if over {
		still = w.limits.still
	}
	last, err := w.destSize(ctx)
	for err == nil && last >= 0 {
		select {
		case <-time.After(still):
		case <-ctx.Done():
			if whole.Err() != nil {
				return 0, sites.Stopped(whole)
			}
			return 0, &sites.Error{Kind: sites.Conflict, Msg: "its size goes on changing"}
		}
		var now int64
		if now, err = w.destSize(ctx); err == nil && now == last {
			return now, nil
		}
		last = now
	}
	return last, err
}

func (w *work) destSize(ctx context.Context) (int64, error) { return w.sizeOf(ctx, w.plan.Dest.Path) }

// sizeOf returns the size of a file at the destination's site, as stillSize does.
func (w *work) sizeOf(ctx context.Context, path string) (size int64, err error) {
	e, there, err := w.entryAt(ctx, path)
	if err != nil || !there {
		return 0, err
	}
	return e.Size, nil
}

// check compares the sizes when both servers have said that the transfer is
// complete, as far as the sites tell them. What is missing is asked for again.
func (w *work) check(ctx context.Context, try int) (complete bool, err error) {
	if w.bytes < 0 {
		w.bytes = w.row.Size
	}
	if w.row.Before < 0 || w.ask.ASCII {
		return true, nil
	}
	now, err := w.writtenSize(ctx)
	switch arrived := now - w.row.Before; {
	case err != nil:
		return false, sites.During("verify", w.ask.Dest, err)
	case now < 0:
		return true, nil
	case w.row.Size < 0:
		w.bytes = arrived
		return true, nil
	case arrived == w.row.Size:
		w.verified = BySize
		return true, nil
	}
	if w.listed {
		w.listed = false
		asked := w.row.Modified
		err := w.lookAgain(ctx)
		if err == nil && now == w.row.Size && w.row.Modified.Equal(asked) {
			w.bytes, w.verified = now, BySize
			return true, nil
		}
		w.bytes, w.row.Arrived = -1, 0 // it is another file now
		return false, err
	}
	e := w.wrong(w.ask.Dest, sites.Conflict, fmt.Sprintf("both servers said that the transfer is complete, but %d of %d bytes are there", now-w.row.Before, w.row.Size))
	if size := w.row.Size; now-w.row.Before > size {
		// The source has grown, or its site does not tell its size rightly.
		if err := w.lookAgain(ctx); err != nil || w.row.Size == size {
			if w.ask.appends() {
				e.Msg = w.unexplained(now)
			}
			return false, e
		}
	} else if w.ask.appends() && now < w.row.Before+w.row.Arrived {
		e.Msg = w.unexplained(now)
		return false, e
	}
	if try == tries {
		return false, e
	}
	if w.ask.appends() {
		// The size may lag behind, and nothing is appended twice.
		if now, err = w.stillSize(ctx, false); err != nil || now < w.row.Before+w.row.Arrived || now > w.row.Before+w.row.Size || !w.endsAt(ctx, now) {
			return false, e
		}
		w.row.Arrived = now - w.row.Before
		return w.row.Arrived == w.row.Size, w.save(ctx)
	}
	return w.accountForCopy(ctx, true)
}

// writtenSize is destSize for a file that is complete, as far as is known. It gets the
// source's time where that can be asked for together.
func (w *work) writtenSize(ctx context.Context) (size int64, err error) {
	if w.told != nil {
		return w.told[plan.Dest].Bytes, nil
	}
	site, ok := w.ask.To.(*ftp.Site)
	if !ok || w.ask.appends() || w.ask.InPlace || w.row.Modified.IsZero() {
		return w.destSize(ctx)
	}
	var looking sync.WaitGroup // at what the file is to replace, meanwhile
	if w.disturbed == nil && w.ask.lane == nil && w.row.Temporary != "" && !w.looked.IsZero() && !w.certain() {
		looking.Go(func() { w.disturbed = w.undisturbed(ctx) })
	}
	err = w.again(ctx, func() (err error) {
		size, w.dated, err = site.SizeModified(ctx, w.plan.Dest.Path, w.row.Modified)
		return err
	})
	looking.Wait()
	if !w.dated || err != nil {
		return w.destSize(ctx)
	}
	return size, nil
}

// endsAt reports whether it is certain that the destination has no byte behind a size:
// it is read from there on.
func (w *work) endsAt(ctx context.Context, size int64) bool {
	r, err := w.ask.To.Open(ctx, w.ask.Dest.Path, size)
	if err != nil {
		return false
	}
	n, err := io.ReadFull(r, make([]byte, 1))
	closed := r.Close()
	return n == 0 && err == io.EOF && closed == nil
}
