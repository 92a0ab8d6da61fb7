package rsexec

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/rsexec/transfer"
	"rsexec/sites"
)

// compareEvent is one of the files that COMPARE compared.
type compareEvent struct {
	Event    string `json:"event"` // "compare"
	Pathname string `json:"pathname"`
	Same     bool   `json:"same"` // as the first one
	Size     int64  `json:"size"`
	By       string `json:"by"` // "size", "digest" or "read"
	Digest   string `json:"digest,omitempty"`
}

func (e compareEvent) text() string {
	verdict := "same"
	if !e.Same {
		verdict = "differs"
	}
	return fmt.Sprintf("%-8s %12d  %s\n", verdict, e.Size, e.Pathname)
}

// compare performs COMPARE (FILES) f,...: one name stands for all its images. Where
// a pattern leads to a site that cannot be asked, what the others have is compared
// before that is an error.
func (x *Executive) compare(ctx context.Context, st *grammar.Statement) error {
	var places []resolver.Place
	var unheard []error
	var held sites.Held
	for _, w := range st.List(0) {
		if resolver.IsPattern(w.Pattern()) {
			found := false
			err := x.match(ctx, st, w.Pattern(), func(p resolver.Place) bool {
				places = append(places, p)
				found = true
				return held.Add(p.Entry)
			})
			if held > sites.MaxHeld {
				return named(st, sites.TooLarge(places[0].Pathname.Dir()))
			}
			if err != nil && (!found || ctx.Err() != nil) {
				return err
			}
			for _, err := range parts(err) {
				x.Report(named(st, err))
				unheard = append(unheard, err)
			}
			continue
		}
		res, err := x.resolver.Look(ctx, w.Pattern())
		if err != nil {
			return named(st, err)
		}
		x.tellUnheard(res)
		if len(res.Found()) == 0 {
			_, err := x.resolver.Again(ctx, w.Pattern())
			return named(st, err)
		}
		places = append(places, res.Found()...)
	}
	for _, p := range places {
		if p.Entry.Type == sites.Directory {
			return &sites.Error{Op: st.Verb.Name, Site: p.Pathname.Site, Path: p.Pathname.Path, Kind: sites.Usage, Msg: "it is a directory"}
		}
	}
	missed := &someFailed{verb: st.Verb.Name, failed: len(unheard), total: len(places) + len(unheard)}
	if len(unheard) > 0 {
		missed.last = unheard[len(unheard)-1]
	}
	switch {
	case len(places) < 2 && len(unheard) > 0:
		return missed
	case len(places) < 2:
		return &sites.Error{Op: st.Verb.Name, Site: places[0].Pathname.Site, Path: places[0].Pathname.Path, Kind: sites.NotFound, Msg: "it has no other image"}
	}
	by, marks, err := fingerprints(ctx, places)
	if err != nil {
		return named(st, err)
	}
	differ := 0
	for i, p := range places {
		e := compareEvent{Event: "compare", Pathname: p.Pathname.String(), Same: marks[i] == marks[0], Size: p.Entry.Size, By: by}
		if by != "size" {
			e.Digest = marks[i]
		}
		if !e.Same {
			differ++
		}
		if err := x.printer.print(e); err != nil {
			return err
		}
	}
	if differ > 0 {
		return &sites.Error{Op: st.Verb.Name, Site: places[0].Pathname.Site, Path: places[0].Pathname.Path, Kind: sites.Conflict, Msg: fmt.Sprintf("%d of %d differ from the first", differ, len(places))}
	}
	return missed.orNil()
}

// fingerprints returns a mark for each file, alike for files that are alike:
// their sizes if these differ already, else the digests that the sites compute,
// else digests computed here from what is read.
func fingerprints(ctx context.Context, places []resolver.Place) (by string, marks []string, err error) {
	sizes := make([]string, len(places))
	known, alike := true, true
	for i, p := range places {
		sizes[i] = fmt.Sprint(p.Entry.Size)
		known = known && p.Entry.Size >= 0
		alike = alike && sizes[i] == sizes[0]
	}
	if known && !alike && len(places) == 2 {
		return "size", sizes, nil
	}
	if digests, _, err := digestsOf(ctx, places); err == nil {
		return "digest", digests, nil
	}
	marks = make([]string, len(places))
	group, reading := errgroup.WithContext(ctx)
	for i, p := range places {
		group.Go(func() (err error) {
			marks[i], err = transfer.ReadDigest(reading, p.Site, p.Pathname, 0, transfer.Algorithms()[0])
			return err
		})
	}
	return "read", marks, group.Wait()
}
