package resolver

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"rsexec/sites"
)

// Network is what the resolver must know of the sites.
type Network interface {
	// Site returns the site with the name given, in capitals.
	Site(name string) (sites.Site, bool)

	// DSK returns the sites whose home directories make up the composite
	// directory.
	DSK() []sites.Site
}

// Resolver makes complete pathnames.
type Resolver struct {
	Network Network

	// Working is the working directory; its Site is "" if there is none.
	Working sites.Pathname

	// Choose asks the person which of several files is meant; it returns an
	// index. It is nil where nobody can be asked.
	Choose func(ctx context.Context, typed string, found []Place) (int, error)
}

// Place is a directory entry that a name was looked up as.
type Place struct {
	Site     sites.Site
	Pathname sites.Pathname
	Entry    sites.Entry // if Err is nil
	Err      error       // of kind NotFound if the site said that it is not there
}

// Resolution is the answer to what a name means.
type Resolution struct {
	Typed    string
	Place            // what it means; its Err is NotFound for a destination to be created
	Searched []Place // all that was looked at, in the order of the list
}

// Found returns the places where the name was found.
func (r Resolution) Found() []Place {
	var found []Place
	for _, p := range r.Searched {
		if p.Err == nil {
			found = append(found, p)
		}
	}
	return found
}

// Unheard returns the places whose sites could not be asked.
func (r Resolution) Unheard() []Place {
	var unheard []Place
	for _, p := range r.Searched {
		if p.Err != nil && sites.KindOf(p.Err) != sites.NotFound {
			unheard = append(unheard, p)
		}
	}
	return unheard
}

// lookups is how many places are asked at the same time.
const lookups = 32

// Complete returns the pathname that typed stands for if it names its site,
// without asking whether there is such a file. ok is false for a partial name.
func (r *Resolver) Complete(ctx context.Context, typed string) (p Place, ok bool, err error) {
	name, err := Parse(typed)
	if err != nil {
		return Place{}, false, err
	}
	if name.Site == "" && (!strings.HasPrefix(name.Path, "/") || r.Working.Site == "") {
		return Place{}, false, nil
	}
	if name.Site == "" {
		name.Site = r.Working.Site
	}
	site, known := r.Network.Site(name.Site)
	if !known {
		return Place{}, false, &sites.Error{Site: name.Site, Kind: sites.NotFound, Msg: "no such site",
			Hint: "SITES lists them; a name that holds a colon is written with its site before it"}
	}
	p, err = place(ctx, site, name.Path)
	return p, true, err
}

// place returns the place of a path at a site; a relative one starts from the
// site's home.
func place(ctx context.Context, site sites.Site, path string) (Place, error) {
	at := sites.Pathname{Site: site.Name()}
	if !strings.HasPrefix(path, "/") {
		home, err := site.Home(ctx)
		if err != nil {
			return Place{Site: site, Pathname: at.Join(path)}, err
		}
		at.Path = home
	}
	return Place{Site: site, Pathname: at.Join(path)}, nil
}

// list returns the places that a partial name may mean: in the working
// directory, and in the composite directory. It cannot be looked up where a
// site does not tell its home.
func (r *Resolver) list(typed string) []func(context.Context) (Place, error) {
	var list []func(context.Context) (Place, error)
	if site, ok := r.Network.Site(r.Working.Site); ok {
		list = append(list, func(context.Context) (Place, error) {
			return Place{Site: site, Pathname: r.Working.Join(typed)}, nil
		})
	}
	for _, site := range r.Network.DSK() {
		list = append(list, func(ctx context.Context) (Place, error) { return place(ctx, site, typed) })
	}
	return list
}

// Look looks a name up wherever it may be and returns what was found; a
// complete name at its own place only. An error means that the name cannot be
// looked up at all.
func (r *Resolver) Look(ctx context.Context, typed string) (Resolution, error) {
	found := Resolution{Typed: typed}
	p, ok, err := r.Complete(ctx, typed)
	switch {
	case err != nil:
		return found, err
	case ok:
		p.Entry, p.Err = p.Site.Stat(ctx, p.Pathname.Path)
		found.Searched = []Place{p}
		return found, nil
	}
	if strings.HasPrefix(typed, "/") {
		return found, &sites.Error{Path: typed, Kind: sites.Usage, Msg: "no site", Hint: "write SITE:" + typed}
	}
	name, err := Parse(typed)
	if err != nil {
		return found, err
	}
	list := r.list(name.Path)
	if len(list) == 0 {
		return found, &sites.Error{Path: typed, Kind: sites.NotFound, Msg: "there is no site to look it up at",
			Hint: "name sites with --site NAME=ftp://user:password@host"}
	}
	places := make([]Place, len(list))
	var group errgroup.Group
	group.SetLimit(lookups)
	for i, at := range list {
		group.Go(func() error {
			places[i], places[i].Err = at(ctx)
			if places[i].Err == nil {
				places[i].Entry, places[i].Err = places[i].Site.Stat(ctx, places[i].Pathname.Path)
			}
			return nil
		})
	}
	group.Wait() // its functions return no error
	if ctx.Err() != nil {
		return found, sites.Stopped(ctx)
	}
	seen := make(map[sites.Pathname]bool)
	for _, p := range places {
		if !seen[p.Pathname] {
			seen[p.Pathname] = true
			found.Searched = append(found.Searched, p)
		}
	}
	return found, nil
}

// Source returns the one file that a name means (DESIGN section 5). A file in
// the working directory comes before those of the composite directory.
func (r *Resolver) Source(ctx context.Context, typed string) (Resolution, error) {
	res, err := r.Look(ctx, typed)
	if err != nil {
		return res, err
	}
	switch found := res.Found(); {
	case len(found) == 1, len(found) > 1 && found[0].Pathname == r.Working.Join(typed):
		res.Place = found[0]
		return res, nil
	case len(found) > 1:
		return r.choose(ctx, res, found)
	}
	return res, res.missing()
}

// Destination returns the file that a name means as a destination: the one
// that exists, or else one to be created, in the working directory.
func (r *Resolver) Destination(ctx context.Context, typed string) (Resolution, error) {
	res, err := r.Look(ctx, typed)
	if err != nil {
		return res, err
	}
	found, unheard := res.Found(), res.Unheard()
	switch {
	case len(found) == 1, len(found) > 1 && found[0].Pathname == r.Working.Join(typed):
		res.Place = found[0]
		return res, nil
	case len(found) > 1:
		return r.choose(ctx, res, found)
	case len(unheard) > 0:
		return res, res.missing()
	case len(res.Searched) == 1:
		res.Place = res.Searched[0]
		return res, nil
	case r.Working.Site != "":
		res.Place = res.Searched[0]
		return res, nil
	}
	return res, &sites.Error{Path: typed, Kind: sites.NotFound, Msg: "no such file at " + res.where() + ", and no working directory to create it in",
		Hint: "write SITE:" + typed}
}

// choose settles which of several files is meant.
func (r *Resolver) choose(ctx context.Context, res Resolution, found []Place) (Resolution, error) {
	if r.Choose != nil {
		i, err := r.Choose(ctx, res.Typed, found)
		if err != nil {
			return res, err
		}
		res.Place = found[i]
		return res, nil
	}
	names := make([]string, len(found))
	for i, p := range found {
		names[i] = p.Pathname.String()
	}
	return res, &sites.Error{Path: res.Typed, Kind: sites.Ambiguous, Msg: "it may be " + strings.Join(names, " or "),
		Hint: "write the one that is meant"}
}

// missing makes the error of a name that was not found.
func (r Resolution) missing() error {
	unheard := r.Unheard()
	if len(r.Searched) == 1 && len(unheard) == 1 {
		return unheard[0].Err
	}
	if len(r.Searched) == 1 {
		p := r.Searched[0]
		e := &sites.Error{Site: p.Pathname.Site, Path: p.Pathname.Path, Kind: sites.NotFound, Msg: "no such file"}
		var said *sites.Error
		if errors.As(p.Err, &said) {
			e.Code, e.Text = said.Code, said.Text
		}
		return e
	}
	if len(unheard) == 0 {
		return &sites.Error{Path: r.Typed, Kind: sites.NotFound, Msg: "no such file at " + r.where()}
	}
	reasons := make([]string, len(unheard))
	for i, p := range unheard {
		reasons[i] = p.Err.Error()
	}
	return &sites.Error{Path: r.Typed, Kind: sites.Unreachable,
		Msg: fmt.Sprintf("not found, but %d of %d places could not be asked (%s)", len(unheard), len(r.Searched), strings.Join(reasons, "; "))}
}

// where lists the directories that were searched.
func (r Resolution) where() string {
	names := make([]string, len(r.Searched))
	for i, p := range r.Searched {
		names[i] = p.Pathname.Dir().String()
	}
	return strings.Join(names, ", ")
}
