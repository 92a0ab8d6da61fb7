package transfer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"rsexec/rsexec/plan"
	"rsexec/rsexec/state"
	"rsexec/sites"
	"rsexec/sites/ftp"
)

// leftOut is the error of a transfer that there is no need for.
type leftOut struct{ why string }

func (e *leftOut) Error() string { return e.why }

// prepare meets the sites, looks at both files and makes the plan. There is work also
// where there is an error.
func (m *Mover) prepare(ctx context.Context, r Request) (*work, error) {
	if r.lane != nil {
		r.From, r.To = r.lane.over(r.From, plan.Source), r.lane.over(r.To, plan.Dest)
	}
	w := &work{Mover: m, limits: m.waits(), ask: r, row: r.Row, bytes: -1, verified: "none"}
	if w.row == nil {
		w.row = &state.Transfer{Size: -1}
	}
	w.noRestart = r.ASCII || r.InPlace
	err := w.takeTurn(ctx)
	if err == nil {
		err = w.look(ctx)
	}
	if err == nil {
		err = w.approach(ctx)
	}
	if err == nil {
		err = w.choose()
	}
	if err != nil && w.row.Turn && w.row.Phase == state.Waiting {
		w.row.Turn = false
		if unsaved := w.save(ctx); unsaved != nil {
			err = unsaved
		}
	}
	return w, err
}

// takeTurn waits for others that append to the same file: what they have appended counts
// as what was there before.
func (w *work) takeTurn(ctx context.Context) error {
	if w.ask.Journal == nil || !w.ask.appends() || w.row.Phase != state.Waiting {
		return nil
	}
	return w.ask.Journal.Turn(ctx, w.row)
}

// look meets the sites and looks at the files, as far as they are not known from
// the journal.
func (w *work) look(ctx context.Context) error {
	if w.row.Phase >= state.Whole {
		w.bytes, w.verified, w.placed = w.row.Size, w.row.Verified, w.row.Phase == state.Placed
		return errors.Join(meet(ctx, w.ask.From), meet(ctx, w.ask.To))
	}
	var source, dest sites.Entry
	group, meeting := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		source, err = w.lookAtSource(meeting)
		return err
	})
	group.Go(func() (err error) {
		if w.row.Phase == state.Begun {
			return sites.During(w.ask.Verb, w.ask.Dest, meet(meeting, w.ask.To))
		}
		if w.row.Fresh && !w.ask.appends() && !w.certain() {
			w.looked = time.Now()
			return sites.During(w.ask.Verb, w.ask.Dest, meet(meeting, w.ask.To))
		}
		dest, err = w.lookAtDest(meeting, w.ask.Dest)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if w.row.Phase == state.Begun && changed(w.row, source) {
		if err := w.startAnew(ctx); err != nil {
			return err
		}
		var err error
		if dest, err = w.lookAtDest(ctx, w.ask.Dest); err != nil {
			return err
		}
	}
	w.row.Size, w.row.Modified = source.Size, exactTime(source)
	if w.row.Phase == state.Begun {
		return nil
	}
	return w.weigh(ctx, source, dest)
}

// approach has two servers be reached in a way in which they can reach each other.
func (w *work) approach(ctx context.Context) error {
	from, server := w.ask.From.(*ftp.Site)
	to, both := w.ask.To.(*ftp.Site)
	if !server || !both || w.ask.Route == plan.Through {
		return nil
	}
	return ftp.Meet(ctx, from, to)
}

// meet makes sure that what a site can do is known.
func meet(ctx context.Context, s sites.Site) error {
	if f, ok := s.(*ftp.Site); ok {
		return f.Meet(ctx)
	}
	return nil
}

// lookAtSource describes the source; without asking, where its listing told all.
func (w *work) lookAtSource(ctx context.Context) (e sites.Entry, err error) {
	if w.row.Phase == state.Waiting && w.row.Size >= 0 && !w.row.Modified.IsZero() {
		e = sites.Entry{Type: sites.File, Size: w.row.Size, Modified: w.row.Modified}
		return e, sites.During(w.ask.Verb, w.ask.Source, meet(ctx, w.ask.From))
	}
	if at := w.askTime(ctx); !at.IsZero() {
		w.listed = true
		return sites.Entry{Type: sites.File, Size: w.row.Size, Modified: at}, nil
	}
	err = w.again(ctx, func() error {
		e, err = w.ask.From.Stat(ctx, w.ask.Source.Path)
		return err
	})
	if err == nil && e.Type == sites.Directory {
		err = w.wrong(w.ask.Source, sites.Usage, "it is a directory")
	}
	return e, sites.During(w.ask.Verb, w.ask.Source, err)
}

// askTime returns when the source was modified, where nothing else has to be asked: its
// listing told the size. It is zero where that is not so, or the site does not tell.
func (w *work) askTime(ctx context.Context) time.Time {
	from, ok := w.ask.From.(*ftp.Site)
	if !ok || w.ask.lane == nil || w.row.Phase != state.Waiting || w.row.Size < 0 || w.ask.Update || w.ask.SameDigest {
		return time.Time{}
	}
	at, err := from.Modified(ctx, w.ask.Source.Path)
	if err != nil {
		return time.Time{} // what is wrong is told when all is asked
	}
	return at
}

// lookAtDest describes the destination; row.There says whether there is one.
func (w *work) lookAtDest(ctx context.Context, p sites.Pathname) (e sites.Entry, err error) {
	err = w.again(ctx, func() error {
		e, err = w.ask.To.Stat(ctx, p.Path)
		return err
	})
	w.row.There, w.looked = err == nil, time.Now()
	if sites.KindOf(err) == sites.NotFound {
		err = nil
	}
	return e, sites.During(w.ask.Verb, p, err)
}

func (w *work) wrong(p sites.Pathname, kind sites.Kind, msg string) *sites.Error {
	return &sites.Error{Op: w.ask.Verb, Site: p.Site, Path: p.Path, Kind: kind, Msg: msg}
}

// weigh decides whether the two files allow, and want, the transfer.
func (w *work) weigh(ctx context.Context, source, dest sites.Entry) (err error) {
	r := &w.ask
	if w.row.There && dest.Type == sites.Directory {
		if r.appends() || r.Exact {
			return w.wrong(r.Dest, sites.Usage, "it is a directory")
		}
		r.Dest = r.Dest.Join(r.Source.Base())
		if dest, err = w.lookAtDest(ctx, r.Dest); err != nil {
			return err
		}
		if w.row.There && dest.Type == sites.Directory {
			return w.wrong(r.Dest, sites.Usage, "it is a directory")
		}
	}
	if w.row.There && dest.Type == sites.Unknown && r.Dest.Site == sites.LocalName {
		return w.wrong(r.Dest, sites.Usage, "it is a device or a pipe, not a file")
	}
	if sameFile(*r) {
		return w.wrong(r.Source, sites.Usage, "source and destination are the same file")
	}
	switch there := w.row.There; {
	case there && r.Vacant:
		e := w.wrong(r.Dest, sites.Conflict, "there is such a file already")
		e.Hint = "DELETE it first"
		return e
	case there && r.NoClobber:
		return &leftOut{"it is there"}
	case there && r.Update && UpToDate(source, dest):
		return &leftOut{"it is up to date"}
	case there && r.SameDigest && source.Size == dest.Size:
		if same, err := w.isImage(ctx); err != nil {
			return err
		} else if same {
			return &leftOut{"it has the same digest"}
		}
	}
	w.dest = dest
	w.row.Before = 0
	if w.row.There && r.appends() {
		w.row.Before = dest.Size
	}
	w.row.Dest = r.Dest
	return nil
}

// UpToDate reports whether a destination needs no copy of a source: it has the same
// size, and was modified no earlier. Of what a site does not tell nothing is assumed.
func UpToDate(source, dest sites.Entry) bool {
	from, to := exactTime(source), exactTime(dest)
	if dest.Type != sites.File || source.Size < 0 || source.Size != dest.Size || from.IsZero() || to.IsZero() {
		return false
	}
	return !to.Before(from.Truncate(time.Second)) // sites tell seconds
}

// exactTime returns when an entry was modified; zero if that is not known to the
// second.
func exactTime(e sites.Entry) time.Time {
	if e.Coarse {
		return time.Time{}
	}
	return e.Modified
}

// changed reports whether a source is not the file any more that the journal has.
func changed(t *state.Transfer, now sites.Entry) bool {
	sized := t.Size >= 0 && now.Size >= 0
	timed := !t.Modified.IsZero() && !exactTime(now).IsZero()
	return sized && t.Size != now.Size || timed && !t.Modified.Truncate(time.Second).Equal(exactTime(now).Truncate(time.Second))
}

// startAnew prepares a transfer that was begun by an earlier process to be begun
// again, for the source has changed since.
func (w *work) startAnew(ctx context.Context) error {
	if w.ask.appends() {
		now, err := w.sizeOf(ctx, w.ask.Dest.Path)
		if err != nil {
			return sites.During(w.ask.Verb, w.ask.Dest, err)
		}
		if now != w.row.Before || now < 0 {
			return w.wrong(w.ask.Source, sites.Conflict, fmt.Sprintf("it changed after a part of it may have been appended to %s", w.ask.Dest))
		}
	} else if err := w.discard(ctx); err != nil {
		return sites.During(w.ask.Verb, w.ask.Dest, err)
	}
	w.row.Phase, w.row.Temporary, w.row.Arrived = state.Waiting, "", 0
	return nil
}

// sameFile reports whether a request's source is its destination: a COPY would do
// nothing, and an APPEND would read for ever what it writes itself.
func sameFile(r Request) bool { return r.Source.Path == r.Dest.Path && oneSite(r) }

// choose makes the plan.
func (w *work) choose() (err error) {
	r := w.ask
	p := plan.Request{Verb: r.Verb, Put: "APPE", Route: r.Route, Choreography: r.Choreography,
		Source:  plan.End{Site: planSite(r.From), Path: r.Source.Path},
		Dest:    plan.End{Site: planSite(r.To), Path: r.Dest.Path},
		OneSite: oneSite(r), Refused: w.refused, Limited: r.Limit > 0, Rapid: r.lane != nil && r.lane.rapid,
	}
	if !r.appends() {
		p.Put, p.Final = "STOR", r.Dest.Path
		if !r.InPlace && w.row.Temporary == "" {
			w.row.Temporary = temporary(r.Dest)
		}
		if p.Dest.Path = w.row.Temporary; r.InPlace {
			p.Dest.Path, p.Final = r.Dest.Path, ""
		}
	}
	w.plan, err = plan.Make(p)
	return err
}

// refused returns why a figure is known not to work between the two sites.
func (w *work) refused(f plan.Figure) string {
	return w.Routes.Refused(w.ask.Source.Site, w.ask.Dest.Site, f)
}

// planSite tells the plan what it must know of a site.
func planSite(s sites.Site) plan.Site {
	f, ok := s.(*ftp.Site)
	if !ok {
		return plan.Site{Name: s.Name(), Local: s.Name() == sites.LocalName}
	}
	c := f.Config()
	return plan.Site{Name: s.Name(), Server: true, Addr: f.DataAddr(), DataPort: c.DefaultDataPort(),
		TLS: f.Protected(), Private: f.Protected() && c.Data != sites.DataClearAllowed,
		Old: f.Old(), Only: c.Choreography, Sessions: c.MaxSessions, Lacks: func(verb string) bool { return f.Knows(verb) == ftp.No }}
}

// temporary returns a name beside p that nobody else uses, for a file that is
// not whole yet. A leading dot keeps it out of most listings and patterns.
func temporary(p sites.Pathname) string {
	base := p.Base()
	if len(base) > 200 { // names of more than 255 bytes are refused nearly everywhere
		base = strings.ToValidUTF8(base[:200], "") // a letter may be cut in two
	}
	name := fmt.Sprintf(".rsexec.%s.%s", base, strings.ToLower(rand.Text()[:8]))
	return strings.TrimSuffix(p.Path, p.Base()) + name
}
