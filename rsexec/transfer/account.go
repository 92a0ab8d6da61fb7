package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rsexec/rsexec/plan"
	"rsexec/sites"
)

const (
	// stillFor is how long a size must stay the same before it is believed: a
	// server may go on writing what it has received after its connections
	// broke.
	stillFor = 300 * time.Millisecond

	// stillLimit is how long a size may go on changing.
	stillLimit = 30 * time.Second

	// cleanLimit is how long the clean-up may take when the work was called
	// off.
	cleanLimit = 5 * time.Second
)

// account finds out how much arrived after err broke an attempt, and sets
// where the next one starts. complete says that all of it did. lost is an
// error that ends the job.
func (w *work) account(ctx context.Context, err error) (complete bool, lost error) {
	if w.job.Verb == Copy {
		return false, nil // the next attempt writes the temporary file anew
	}
	conflict := func(format string, args ...any) error {
		return &sites.Error{Op: w.job.Verb, Site: w.job.Dest.Site, Path: w.job.Dest.Path, Kind: sites.Conflict,
			Msg: fmt.Sprintf(format, args...), Hint: "look at the file before anything is tried again", Err: err}
	}
	now, sizeErr := w.stillSize(ctx)
	switch {
	case sizeErr != nil:
		return false, conflict("it broke off, and how much arrived cannot be found out (%v)", sizeErr)
	case now < 0 || w.before < 0:
		return false, conflict("it broke off, and %s does not tell how much arrived", w.job.Dest.Site)
	}
	arrived := now - w.before
	switch {
	case arrived < w.arrived, w.size >= 0 && arrived > w.size:
		return false, conflict("it held %d bytes before and holds %d now, which %s of %d bytes does not explain",
			w.before, now, w.job.Source, w.size)
	case w.size >= 0 && arrived == w.size:
		w.bytes = arrived
		return true, nil
	}
	w.arrived = arrived
	return false, nil
}

// stillSize returns the size of the file that is written to, once it no longer
// changes; -1 if the site does not tell sizes, 0 if there is no such file.
func (w *work) stillSize(ctx context.Context) (int64, error) {
	ctx, stop := context.WithTimeout(ctx, stillLimit)
	defer stop()
	last, err := w.destSize(ctx)
	for err == nil && last >= 0 {
		select {
		case <-time.After(stillFor):
		case <-ctx.Done():
			return 0, &sites.Error{Kind: sites.Cancelled, Msg: "the size goes on changing", Err: context.Cause(ctx)}
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
	if sites.KindOf(err) == sites.NotFound {
		return 0, nil
	}
	return e.Size, err
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
	err := to.Rename(ctx, temp, final)
	if err == nil || !w.exists || ctx.Err() != nil {
		return err
	}
	aside := temporary(w.job.Dest)
	if e := to.Rename(ctx, final, aside); e != nil {
		return err
	}
	if err := to.Rename(ctx, temp, final); err != nil {
		detached, stop := context.WithTimeout(context.WithoutCancel(ctx), cleanLimit)
		defer stop()
		if back := to.Rename(detached, aside, final); back != nil {
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

// leave makes the error of a job that is given up: it removes a COPY's
// temporary file and says what an APPEND left behind. ctx may have ended.
func (w *work) leave(ctx context.Context, err error) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cleanLimit)
	defer stop()
	pathname := w.job.Dest
	var f *failure
	if errors.As(err, &f) {
		err = f.err
		if f.role == plan.Source {
			pathname = w.job.Source
		}
	}
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
	case w.job.Verb == Copy:
		gone := w.job.To.Delete(ctx, w.plan.Dest.Path)
		if gone != nil && sites.KindOf(gone) != sites.NotFound {
			e.Hint = fmt.Sprintf("a part of it may be left as %s", sites.Pathname{Site: w.job.Dest.Site, Path: w.plan.Dest.Path})
		}
	case e.Kind != sites.Conflict:
		now, err := w.destSize(ctx)
		if err == nil && now >= 0 && w.before >= 0 && now != w.before {
			e.Hint = fmt.Sprintf("%d of %d bytes were appended to the %d that were there", now-w.before, w.size, w.before)
		}
	}
	return &e
}
