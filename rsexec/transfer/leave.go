package transfer

import (
	"context"
	"errors"
	"fmt"

	"rsexec/rsexec/plan"
	"rsexec/rsexec/state"
	"rsexec/sites"
)

// leave makes the error of a transfer that is given up: it removes a COPY's
// temporary file, unless it is to be gone on with, and says what an APPEND left
// behind. ctx may have ended.
func (w *work) leave(ctx context.Context, err error) error {
	pathname := w.ask.Dest
	var f *failure
	if errors.As(err, &f) {
		err = f.err
		if f.role == plan.Source {
			pathname = w.ask.Source
		}
	}
	if ctx.Err() != nil && sites.KindOf(err) != sites.Conflict {
		err, pathname = sites.Stopped(ctx), w.ask.Dest
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), w.limits.clean)
	defer stop()
	var cause *sites.Error
	if errors.As(err, &cause) && cause.Op != "" && cause.Op != w.ask.Verb {
		// What was being done then, such as logging in again, is not what the
		// person asked for.
		err = &sites.Error{Site: w.ask.Dest.Site, Path: w.ask.Dest.Path, Kind: cause.Kind, Err: cause}
	}
	e := *sites.During(w.ask.Verb, pathname, err).(*sites.Error)
	vanished := false
	if (e.Kind == sites.Permission || e.Kind == sites.NotFound || e.Kind == sites.Conflict) && e.Site == w.ask.Dest.Site {
		parent := w.ask.Dest.Dir()
		if _, err := w.ask.To.Stat(ctx, parent.Path); sites.KindOf(err) == sites.NotFound {
			e.Kind, e.Msg, e.Hint, vanished = sites.NotFound, "no such directory as "+parent.String(), "", true
		}
	}
	switch {
	case w.row.Phase == state.Waiting:
	case vanished && w.touched && w.ask.Journal != nil:
		// It may be back when the transfer is gone on with, and what is in it.
	case w.ask.appends():
		w.leaveAppend(ctx, &e, f == nil || f.over || f.nothing)
	case w.row.Temporary != "":
		w.leaveCopy(ctx, &e)
	}
	w.sweep(ctx)
	return &e
}

// leaveAppend says in e what an APPEND left. One that left nothing can be begun again.
func (w *work) leaveAppend(ctx context.Context, e *sites.Error, over bool) {
	if !w.touched {
		w.row.Phase, w.row.Turn = state.Waiting, false
		w.keep(ctx, e)
		return
	}
	if e.Kind == sites.Conflict {
		return
	}
	now, err := w.stillSize(ctx, over)
	switch {
	case err != nil || now < w.row.Before || w.row.Before < 0:
		e.Hint = "how much was appended is not known"
	case now != w.row.Before && w.row.Size >= 0:
		e.Hint = fmt.Sprintf("%d of %d bytes were appended to the %d that were there", now-w.row.Before, w.row.Size, w.row.Before)
	case now != w.row.Before:
		e.Hint = fmt.Sprintf("%d bytes were appended to the %d that were there", now-w.row.Before, w.row.Before)
	default:
		w.row.Phase, w.row.Turn = state.Waiting, false
		w.keep(ctx, e)
	}
}

// leaveCopy removes the temporary file; or, where a journal has it, and much of a
// large file is there that is sure to be gone on from, keeps it.
func (w *work) leaveCopy(ctx context.Context, e *sites.Error) {
	if w.ask.Journal != nil && (e.Kind.Retryable() || e.Kind == sites.Cancelled) {
		there, err := w.ask.To.Stat(ctx, w.row.Temporary)
		if w.ask.lane != nil && sites.KindOf(err) == sites.Unreachable { // its session was lost with a transfer
			there, err = w.ask.To.Stat(ctx, w.row.Temporary)
		}
		worth := !w.noRestart && there.Size >= w.limits.worth || w.row.Phase >= state.Whole
		if err == nil && worth || sites.KindOf(err) == sites.Unreachable {
			return
		}
	}
	if _, err := w.ask.To.Stat(ctx, w.row.Temporary); sites.KindOf(err) == sites.NotFound && w.row.Phase >= state.Whole {
		return // it has its name
	}
	if w.remove(ctx, w.row.Temporary) == nil {
		w.row.Phase, w.row.Temporary, w.row.Arrived = state.Waiting, "", 0
		w.keep(ctx, e)
		return
	}
	e.Hint = fmt.Sprintf("a part of it may be left as %s", sites.Pathname{Site: w.ask.Dest.Site, Path: w.row.Temporary})
}

// keep saves the row of a transfer that is given up; that it could not be saved is
// said in its error.
func (w *work) keep(ctx context.Context, e *sites.Error) {
	if err := w.save(ctx); err != nil {
		e.Err = errors.Join(e.Err, err)
	}
}
