package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rsexec/rsexec/plan"
	"rsexec/sites"
)

// carryAll climbs the ladder until the file has arrived.
func (w *work) carryAll(ctx context.Context) error {
	ladder := w.plan.Ladder
	for {
		err := w.climb(ctx, ladder[0])
		if err == nil {
			if w.ask.Source.Site != sites.LocalName && w.ask.Dest.Site != sites.LocalName {
				w.Routes.worked(w.ask.Source.Site, w.ask.Dest.Site, ladder[0])
			}
			return nil
		}
		if ladder = w.below(); !another(err) || ctx.Err() != nil || len(ladder) == 0 {
			return err
		}
		w.note(err, ladder[0])
		w.plan.Ladder = ladder
	}
}

// below returns what is left of the ladder below the figure that is tried. Other transfers
// may have met refusals meanwhile.
func (w *work) below() []plan.Figure {
	return slices.DeleteFunc(slices.Clone(w.plan.Ladder[1:]), func(f plan.Figure) bool { return w.refused(f) != "" })
}

// stepDown has the next attempt made with the next figure, if there is one: where TLS was
// in force, no accident explains that bytes are missing and nobody noticed it.
func (w *work) stepDown(why error) {
	known := w.distrust(w.figure, why)
	w.distrustAlike(why)
	if ladder := w.below(); len(ladder) > 0 {
		w.note(&failure{err: why, known: known}, ladder[0])
		w.plan.Ladder = ladder
	}
}

// notePassed tells the person, in one line each and once, what is not tried because
// it was refused before this process began.
func (w *work) notePassed(next plan.Figure) {
	if why := w.plan.Privacy(); why != "" && w.Notice != nil && w.Routes.tellOnce(w.ask.Source.Site, w.ask.Dest.Site, why) {
		w.Notice(fmt.Sprintf("%s %s: %s; going on with %s", w.ask.Verb, w.ask.Dest, why, w.described(next)))
	}
	for _, passed := range w.plan.Passed {
		if line := w.Routes.remembered(w.ask.Source.Site, w.ask.Dest.Site, passed.Figure); line != "" && w.Notice != nil {
			w.Notice(fmt.Sprintf("%s %s: %s; going on with %s; ROUTES --forget has it tried again", w.ask.Verb, w.ask.Dest,
				line, w.described(next)))
		}
	}
}

// note tells the person, in one line, what was refused and what comes next.
func (w *work) note(err error, next plan.Figure) {
	var f *failure
	errors.As(err, &f) // another holds that it is one
	if w.Notice == nil || f.known {
		return
	}
	err = sites.During(f.verb, sites.Pathname{}, f.err)
	w.Notice(fmt.Sprintf("%s %s: %s (%s) does not work: %v; going on with %s", w.ask.Verb, w.ask.Dest,
		w.figure.Name, w.figure.Summary, err, w.described(next)))
}

// described tells what a figure is, and, where that is in question, who sees the data.
func (w *work) described(f plan.Figure) string {
	text := fmt.Sprintf("%s (%s)", f.Name, f.Summary)
	if how := w.plan.Protection(f); how != "" && !f.Private {
		text += ", " + how
	}
	return text
}

// climb tries one figure, again as long as the account of what arrived allows
// it and the error says that it may help.
func (w *work) climb(ctx context.Context, f plan.Figure) error {
	for try := 1; ; try++ {
		w.row.Attempts++
		w.figure, w.began, w.told = f, w.row.Arrived, nil
		w.storing.Store(nil)
		if w.ask.Going != nil {
			w.ask.Going(f)
		}
		err := w.carry(ctx, f)
		if err == nil || ctx.Err() != nil {
			w.touched = true
			return err
		}
		before := w.row.Arrived
		complete, again, err := w.broken(ctx, f, err)
		if complete || !again {
			return err
		}
		if w.row.Arrived > before {
			try = 0
		}
		if try >= w.most(err) {
			if w.unsound(f, err) {
				w.distrust(f, err)
			}
			return err
		}
		if err := w.save(ctx); err != nil {
			return err
		}
		if err := w.limits.wait(ctx, try); err != nil {
			return err
		}
	}
}

// broken takes note of what broke an attempt at a figure. complete says that the file
// arrived all the same; again that another attempt may help.
func (w *work) broken(ctx context.Context, f plan.Figure, err error) (complete, again bool, _ error) {
	var b *failure
	again = sites.KindOf(err).Retryable()
	if !errors.As(err, &b) {
		return false, again, err // not even the sessions were to be had
	}
	w.touched = w.touched || !b.nothing
	if b.deaf && b.role == plan.Dest && w.held {
		// It is no refusal of the figure: vsftpd has an upload wait for the end of
		// another one to the same file.
		b.deaf, again = false, true
		b.err = &sites.Error{Site: w.ask.Dest.Site, Kind: sites.Busy, Msg: "no answer, for an earlier transfer may hold the file yet"}
		err = b
	}
	w.held = w.held || !b.over && !b.nothing
	if b.refusal() && !f.ThroughUser() {
		b.known = w.distrust(f, err)
		if b.protection() && b.role != f.Client {
			w.distrustAlike(err)
		}
	}
	if b.verb == "REST" && !w.ask.appends() {
		w.noRestart, w.row.Arrived = true, 0
		return false, true, err
	}
	if b.nothing && b.loose && !w.ask.appends() {
		// It may open the file, and so empty it, when another attempt has written there.
		if lost := w.elsewhere(ctx); lost != nil {
			return false, false, lost
		}
	}
	if b.nothing || !w.ask.appends() && !again && !another(err) {
		return false, again, err
	}
	complete, lost := w.account(ctx, b)
	switch {
	case lost != nil:
		return false, false, lost
	case complete && !w.ask.appends() && b.said():
		// The server has all of it, and says that something is wrong with that.
		complete, w.row.Arrived = false, 0
	case complete:
		return true, false, nil
	}
	return false, again, err
}

// unsound reports whether an error is that of servers which cannot protect a connection
// between them in good order: it was there, and broke off, and both are sound otherwise.
func (w *work) unsound(f plan.Figure, err error) bool {
	var b *failure
	return f.Private && errors.As(err, &b) && !b.setUp && b.said() && sites.KindOf(err) == sites.Unreachable
}

// distrust keeps that a figure does not do what the servers say of it.
func (w *work) distrust(f plan.Figure, err error) (known bool) {
	return w.Routes.refuse(w.ask.Source.Site, w.ask.Dest.Site, f, err.Error())
}

// distrustAlike keeps it of all figures that have the same server be the client of TLS:
// which of the two listens is nothing to TLS.
func (w *work) distrustAlike(why error) {
	for _, f := range w.plan.Ladder[1:] {
		if f.Private && f.Client == w.figure.Client {
			w.distrust(f, why)
		}
	}
}

// most returns how often what failed like that is tried.
func (w *work) most(err error) int {
	var b *failure
	if w.unsound(w.figure, err) {
		return setUpTries
	}
	if errors.As(err, &b) && b.setUp && sites.KindOf(err) == sites.Unreachable {
		return setUpTries
	}
	return tries
}
