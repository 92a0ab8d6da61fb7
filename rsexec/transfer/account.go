package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rsexec/rsexec/plan"
	"rsexec/sites"
)

// account finds out how much arrived when f broke an attempt, and sets where
// the next one starts. complete says that all of it did. lost is an error that
// ends the job.
func (w *work) account(ctx context.Context, f *failure) (complete bool, lost error) {
	if !w.job.appends() {
		return false, nil // the next attempt writes the temporary file anew
	}
	conflict := func(format string, args ...any) error {
		return &sites.Error{Op: w.job.Verb, Site: w.job.Dest.Site, Path: w.job.Dest.Path, Kind: sites.Conflict,
			Msg: fmt.Sprintf(format, args...), Hint: "look at the file before anything is tried again", Err: f.err}
	}
	now, err := w.stillSize(ctx, f.over)
	switch {
	case ctx.Err() != nil:
		return false, sites.Stopped(ctx)
	case err != nil:
		return false, conflict("it broke off, and how much arrived cannot be found out (%v)", err)
	case now < 0 || w.before < 0:
		return false, conflict("it broke off, and %s does not tell how much arrived", w.job.Dest.Site)
	}
	arrived := now - w.before
	switch {
	case arrived < w.arrived, w.size >= 0 && arrived > w.size:
		return false, conflict("it held %d bytes before and holds %d now, which %s%s does not explain",
			w.before, now, w.job.Source, ofBytes(w.size))
	case arrived == w.size && (w.exists || arrived > 0): // an empty file has to be made first
		return true, nil
	}
	w.arrived = arrived
	return false, nil
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
func (w *work) stillSize(ctx context.Context, over bool) (int64, error) {
	ctx, stop := context.WithTimeout(ctx, w.limits.changing)
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

func (w *work) destSize(ctx context.Context) (int64, error) {
	e, err := w.job.To.Stat(ctx, w.plan.Dest.Path)
	switch {
	case sites.KindOf(err) == sites.NotFound:
		return 0, nil
	case err != nil:
		return 0, err
	}
	return e.Size, nil
}

// verify compares the sizes, as far as the sites tell them.
func (w *work) verify(ctx context.Context) error {
	if w.size >= 0 {
		w.bytes = w.size
	}
	w.verified = "none"
	if w.before < 0 {
		return nil
	}
	now, err := w.destSize(ctx)
	if err != nil {
		return sites.During("verify", w.job.Dest, err)
	}
	if now < 0 {
		return nil
	}
	if w.size < 0 {
		w.bytes = now - w.before
		return nil
	}
	if now-w.before != w.size {
		return &sites.Error{Op: w.job.Verb, Site: w.job.Dest.Site, Path: w.job.Dest.Path, Kind: sites.Conflict,
			Msg: fmt.Sprintf("both servers said that the transfer is complete, but %d of %d bytes are there", now-w.before, w.size)}
	}
	w.verified = "size"
	return nil
}

// rename gives the new file its name. Where that name cannot be taken over,
// the old file is moved aside first, and back if the second step fails.
func (w *work) rename(ctx context.Context) error {
	to, temp, final := w.job.To, w.plan.Dest.Path, w.job.Dest.Path
	err := w.move(ctx, temp, final)
	var e *sites.Error
	if taken := w.exists && errors.As(err, &e) && e.Code != 0 && e.Path == final && e.Kind != sites.Busy; !taken {
		return err
	}
	// Once the old file has lost its name nothing may come in between.
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), w.limits.clean)
	defer stop()
	aside := temporary(w.job.Dest)
	if w.move(ctx, final, aside) != nil {
		return err // the first refusal tells more
	}
	if err := w.move(ctx, temp, final); err != nil {
		if back := w.move(ctx, aside, final); back != nil {
			return &sites.Error{Op: w.job.Verb, Site: w.job.Dest.Site, Path: final, Kind: sites.Conflict,
				Msg: fmt.Sprintf("the old file is now %s and cannot be given its name back (%v)", aside, back), Err: err}
		}
		return err
	}
	if err := to.Delete(ctx, aside); err != nil {
		return &sites.Error{Op: w.job.Verb, Site: w.job.Dest.Site, Path: aside, Kind: sites.Conflict,
			Msg: "the new file is in place; the old one could not be deleted", Err: err}
	}
	return nil
}

// move gives a file at the destination another name. Where the connection is
// lost it finds out whether that was done before.
func (w *work) move(ctx context.Context, from, to string) error {
	err := w.job.To.Rename(ctx, from, to)
	if sites.KindOf(err) == sites.Unreachable {
		if _, gone := w.job.To.Stat(ctx, from); sites.KindOf(gone) == sites.NotFound {
			return nil
		}
	}
	return err
}

// leave makes the error of a job that is given up: it removes a COPY's
// temporary file and says what an APPEND left behind. ctx may have ended.
func (w *work) leave(ctx context.Context, err error) error {
	pathname := w.job.Dest
	var f *failure
	if errors.As(err, &f) {
		err = f.err
		if f.role == plan.Source {
			pathname = w.job.Source
		}
	}
	if ctx.Err() != nil && sites.KindOf(err) != sites.Conflict {
		err, pathname = sites.Stopped(ctx), w.job.Dest
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), w.limits.clean)
	defer stop()
	var cause *sites.Error
	if errors.As(err, &cause) && cause.Op != "" && cause.Op != w.job.Verb {
		// What was being done then, such as logging in again, is not what the
		// person asked for.
		err = &sites.Error{Site: w.job.Dest.Site, Path: w.job.Dest.Path, Kind: cause.Kind, Err: cause}
	}
	e := *sites.During(w.job.Verb, pathname, err).(*sites.Error)
	if (e.Kind == sites.Permission || e.Kind == sites.NotFound) && e.Site == w.job.Dest.Site {
		parent := w.job.Dest.Dir()
		if _, err := w.job.To.Stat(ctx, parent.Path); sites.KindOf(err) == sites.NotFound {
			e.Kind, e.Msg = sites.NotFound, "no such directory as "+parent.String()
		}
	}
	switch {
	case w.attempts == 0:
	case !w.job.appends():
		gone := w.job.To.Delete(ctx, w.plan.Dest.Path)
		if gone != nil && sites.KindOf(gone) != sites.NotFound {
			e.Hint = fmt.Sprintf("a part of it may be left as %s", sites.Pathname{Site: w.job.Dest.Site, Path: w.plan.Dest.Path})
		}
	case w.touched && e.Kind != sites.Conflict:
		now, err := w.stillSize(ctx, f == nil || f.over || f.nothing)
		switch {
		case err != nil || now < 0 || w.before < 0:
			e.Hint = "how much was appended is not known"
		case now != w.before && w.size >= 0:
			e.Hint = fmt.Sprintf("%d of %d bytes were appended to the %d that were there", now-w.before, w.size, w.before)
		case now != w.before:
			e.Hint = fmt.Sprintf("%d bytes were appended to the %d that were there", now-w.before, w.before)
		}
	}
	return &e
}
