package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rsexec/rsexec/state"
	"rsexec/sites"
)

// recheck is how old what is known of the destination may be when it is replaced.
const recheck = 2 * time.Second

// rename gives the new file its name. Where that name cannot be taken over, the old
// file is moved aside first, and back if the second step fails; the journal knows
// where it is.
func (w *work) rename(ctx context.Context) error {
	temp, final := w.row.Temporary, w.ask.Dest.Path
	if w.row.Aside != "" || w.looked.IsZero() {
		named, err := w.recallName(ctx)
		if err != nil || named {
			return err
		}
	} else if w.disturbed != nil {
		return w.disturbed
	} else if err := w.undisturbed(ctx); err != nil {
		return err
	}
	err := w.move(ctx, temp, final)
	var e *sites.Error
	if taken := w.row.There && errors.As(err, &e) && e.Code != 0 && e.Path == final && e.Kind != sites.Busy; !taken {
		return withoutRename(err)
	}
	w.row.Aside = temporary(w.ask.Dest)
	if err := w.save(ctx); err != nil {
		return err
	}
	// Once the old file has lost its name nothing may come in between.
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), w.limits.clean)
	defer stop()
	if w.move(ctx, final, w.row.Aside) != nil {
		w.row.Aside = ""
		return err // the first refusal tells more
	}
	if err := w.move(ctx, temp, final); err != nil {
		if back := w.move(ctx, w.row.Aside, final); back != nil {
			e := w.wrong(w.ask.Dest, sites.Conflict, fmt.Sprintf("the old file is now %s and cannot be given its name back (%v)", w.row.Aside, back))
			e.Err = err
			return e
		}
		w.row.Aside = ""
		return err
	}
	return w.dropAside(ctx)
}

// withoutRename adds to the refusal of a server that cannot rename what can be done.
func withoutRename(err error) error {
	e, ok := err.(*sites.Error)
	if !ok || e.Kind != sites.Unsupported || e.Hint != "" {
		return err
	}
	c := *e
	c.Hint = "--in-place writes the file under its own name"
	return &c
}

// certain reports whether nothing may be replaced that is there.
func (w *work) certain() bool { return w.ask.Vacant || w.ask.NoClobber }

// undisturbed returns an error if somebody else made or changed the destination while
// the new file was on its way.
func (w *work) undisturbed(ctx context.Context) error {
	if !w.certain() && time.Since(w.looked) < recheck {
		return nil
	}
	there, before := w.row.There, w.dest
	now, err := w.lookAtDest(ctx, w.ask.Dest)
	switch {
	case err != nil:
		return err
	case w.row.There && !there:
		return w.wrong(w.ask.Dest, sites.Conflict, "somebody made such a file meanwhile, and it was not replaced")
	case w.row.There && now.Size != before.Size:
		return w.wrong(w.ask.Dest, sites.Conflict, fmt.Sprintf("somebody changed it meanwhile, from %d bytes to %d, and it was not replaced", before.Size, now.Size))
	case w.row.There && !now.Modified.Equal(before.Modified):
		return w.wrong(w.ask.Dest, sites.Conflict, "somebody changed it meanwhile, and it was not replaced")
	}
	return nil
}

// recallName finds out what an earlier process did of rename. named says that the new
// file has its name.
func (w *work) recallName(ctx context.Context) (named bool, err error) {
	temp, err := w.isThere(ctx, w.row.Temporary)
	if err != nil {
		return false, err
	}
	there, final, err := w.entryAt(ctx, w.ask.Dest.Path)
	switch {
	case err != nil:
		return false, err
	case temp && final && w.certain():
		return false, w.wrong(w.ask.Dest, sites.Conflict, "somebody made such a file meanwhile, and it was not replaced")
	case temp && !final && w.row.Aside != "":
		if err := w.move(ctx, w.row.Temporary, w.ask.Dest.Path); err != nil {
			return false, err
		}
	case temp:
		w.row.There = final
		return false, nil
	case !final:
		return false, w.wrong(w.ask.Dest, sites.Conflict, "it is not there, and neither is "+w.row.Temporary+", which was to get its name")
	case !w.fits(there):
		return false, w.wrong(w.ask.Dest, sites.Conflict, fmt.Sprintf("it has %d bytes, and %s, which was to get its name and has %d, is not there",
			there.Size, w.row.Temporary, w.row.Size))
	}
	if w.row.Aside == "" {
		return true, nil
	}
	if there, err := w.isThere(ctx, w.row.Aside); err != nil || !there {
		return true, err
	}
	return true, w.dropAside(ctx)
}

// dropAside deletes the old file that the new one has replaced.
func (w *work) dropAside(ctx context.Context) error {
	err := w.remove(ctx, w.row.Aside)
	if err == nil {
		return nil
	}
	e := w.wrong(sites.Pathname{Site: w.ask.Dest.Site, Path: w.row.Aside}, sites.Conflict, "the new file is in place; the old one could not be deleted")
	e.Err = err
	return e
}

// move gives a file at the destination another name. Where the connection is lost it
// finds out whether that was done before.
func (w *work) move(ctx context.Context, from, to string) error {
	unsure := false
	return w.again(ctx, func() error {
		err := w.ask.To.Rename(ctx, from, to)
		unsure = unsure || sites.KindOf(err).Retryable()
		if err == nil || !unsure {
			return err
		}
		if _, gone := w.ask.To.Stat(ctx, from); sites.KindOf(gone) == sites.NotFound {
			if _, lost := w.ask.To.Stat(ctx, to); sites.KindOf(lost) != sites.NotFound {
				return lost
			}
		}
		return err
	})
}

// deleteSource deletes a file whose copy is complete.
func (w *work) deleteSource(ctx context.Context) error {
	e := w.wrong(w.ask.Source, sites.Unsupported, "its copy is there but could not be checked, for a site does not tell sizes, so the source remains")
	e.Hint = "the copy is " + w.ask.Dest.String()
	if w.verified == "none" {
		return e
	}
	now, err := w.ask.From.Stat(ctx, w.ask.Source.Path)
	switch {
	case sites.KindOf(err) == sites.NotFound && w.row.Phase == state.Placed:
		return nil // an earlier process did
	case err == nil && changed(w.row, now):
		e.Kind, e.Msg = sites.Conflict, "it changed after it was copied, so it remains"
		return e
	case err == nil:
		if err := w.stillPlaced(ctx); err != nil {
			return err
		}
		err = w.again(ctx, func() error { return w.ask.From.Delete(ctx, w.ask.Source.Path) })
		if err != nil { // the reply to one that did it may have been lost
			if _, gone := w.ask.From.Stat(ctx, w.ask.Source.Path); sites.KindOf(gone) == sites.NotFound {
				err = nil
			}
		}
	}
	if err != nil {
		e.Kind, e.Msg, e.Err = sites.KindOf(err), "its copy is complete, but the source remains, for it could not be deleted", err
		return e
	}
	return nil
}

// stillPlaced returns an error if the copy that an earlier process made is not there any
// more: the source may be the only one left.
func (w *work) stillPlaced(ctx context.Context) error {
	if !w.placed {
		return nil
	}
	e, there, err := w.entryAt(ctx, w.ask.Dest.Path)
	switch {
	case err != nil:
		return sites.During(w.ask.Verb, w.ask.Dest, err)
	case !there:
		return w.wrong(w.ask.Source, sites.Conflict, fmt.Sprintf("its copy %s is not there any more, so it remains", w.ask.Dest))
	case !w.fits(e):
		return w.wrong(w.ask.Source, sites.Conflict, fmt.Sprintf("its copy %s has %d bytes, not %d, so it remains", w.ask.Dest, e.Size, w.row.Size))
	}
	return nil
}
