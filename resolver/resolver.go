package resolver

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"rsexec/sites"
)

// Network is what the resolver must know of the sites.
type Network interface {
	// Site returns the site with the name given, in capitals.
	Site(name string) (sites.Site, bool)

	// Names returns the names of the sites of the profile, in their order.
	Names() []string

	// DSK returns the sites whose home directories make up the composite
	// directory, unless the logical name DSK says otherwise.
	DSK() []sites.Site

	// Visit returns the site of a URL, scheme and host, that is in no profile.
	Visit(url string) (sites.Site, error)

	// Down returns why a site is known not to answer; nil if it may.
	Down(site string) error

	// Heard takes note of what came of asking a site: nil if it answered.
	Heard(site string, err error)
}

// Index is what is remembered of directories, so that a name can be looked up
// without asking a site.
type Index interface {
	// Home returns a site's home directory, as it was last known.
	Home(site string) (path string, known bool)

	// Fresh reports whether the listing of a directory is remembered, and not
	// too old.
	Fresh(dir sites.Pathname) bool

	// Find calls yield for each remembered entry with the name given.
	Find(ctx context.Context, name string, yield func(dir sites.Pathname, e sites.Entry, listed time.Time) bool) error
}

// Resolver makes complete pathnames.
type Resolver struct {
	Network Network

	// Index may be nil: then every name is looked up at its sites.
	Index Index

	// Logical holds the search lists of the logical names, by name in capitals.
	Logical map[string][]string

	// Working is the working directory; its Site is "" if there is none.
	Working sites.Pathname

	// First settles a name that several sites have by the order of the search
	// list (ambiguous = "first" in the profile).
	First bool

	// Beside is how many searches go on at the same time, with this one: they share
	// the room for matches that wait. 0 is 1.
	Beside int

	// Images reports whether the places hold images of one file, and which is
	// the nearest. It is nil where nobody can tell.
	Images func(ctx context.Context, found []Place) (nearest int, same bool)

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
	Indexed  time.Time   // when the index saw this, or was asked and had nothing; zero if the site itself was asked
}

// Resolution is the answer to what a name means.
type Resolution struct {
	Typed    string  // without the password that a URL may hold
	Place            // what it means; its Err is NotFound for a destination to be created
	Why      string  // it was chosen among several
	Searched []Place // all that was looked at, in the order of the list

	working bool // the first of Searched is in the working directory
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

// Complete returns the place that typed stands for if it names one site,
// without asking whether there is such a file. ok is false for any other name.
func (r *Resolver) Complete(ctx context.Context, typed string) (p Place, ok bool, err error) {
	name, err := Parse(typed)
	if err != nil {
		return Place{}, false, err
	}
	if name.Head == "" && !strings.HasPrefix(name.Path, "/") {
		return Place{}, false, nil
	}
	list, _, err := r.spots(name)
	if err != nil || len(list) != 1 {
		return Place{}, false, err
	}
	if special(list[0].path) {
		return Place{}, false, noPattern(typed)
	}
	p, err = r.place(ctx, list[0])
	return p, true, err
}

func noPattern(typed string) error {
	return &sites.Error{Path: WithoutPassword(typed), Kind: sites.Usage, Msg: "a pattern cannot stand here", Hint: "quote it if it is a name"}
}

// place completes a spot: a relative path starts from the site's home, which
// the site itself is asked for. After an error the pathname is as complete as
// it can be.
func (r *Resolver) place(ctx context.Context, s spot) (Place, error) {
	name, file := s.site.Name(), Literal(s.path)
	p := Place{Site: s.site, Pathname: sites.Pathname{Site: name}}
	if isAbsolute(name, file) {
		if p.Pathname.Path = path.Clean(file); !strings.HasPrefix(file, "/") {
			p.Pathname.Path = "/" + p.Pathname.Path // of a volume, as in a home there
		}
		return p, nil
	}
	home := ""
	err := r.Network.Down(name)
	if err == nil {
		if home, err = s.site.Home(ctx); err != nil && ctx.Err() == nil {
			r.Network.Heard(name, err)
		}
	}
	if err != nil && r.Index != nil {
		home, _ = r.Index.Home(name)
	}
	p.Pathname.Path = fromHome(home, file)
	return p, err
}

// isAbsolute reports whether a path says itself where it starts. Only the
// user's own host may have volumes, C:/x.
func isAbsolute(site, file string) bool {
	return strings.HasPrefix(file, "/") || site == sites.LocalName && filepath.VolumeName(file) != ""
}

// fromHome returns the path of file below a site's home, which is "" at a site
// that does not tell it.
func fromHome(home, file string) string {
	if file = path.Join(home, file); file == "." {
		return ""
	}
	return file
}

// Look looks a name up wherever it may be, at the sites themselves, and returns
// what was found; a complete name at its own place only. An error means that
// the name cannot be looked up at all.
func (r *Resolver) Look(ctx context.Context, typed string) (Resolution, error) {
	q, err := r.query(typed)
	if err == nil {
		err = r.ask(ctx, q)
	}
	if err != nil {
		return q.Resolution, err
	}
	return q.answered(), nil
}

// query is a name that is being looked up.
type query struct {
	Resolution
	spots  []spot
	places []Place // one for each spot; its Site is nil until there is an answer
}

func (r *Resolver) query(typed string) (*query, error) {
	q := &query{Resolution: Resolution{Typed: WithoutPassword(typed)}}
	name, err := Parse(typed)
	if err != nil {
		return q, err
	}
	if q.spots, q.working, err = r.spots(name); err != nil {
		return q, err
	}
	for _, s := range q.spots {
		if special(s.path) {
			return q, noPattern(typed)
		}
	}
	q.places = make([]Place, len(q.spots))
	return q, nil
}

// answered returns the resolution with the places that have answers; those that
// are the same file are one.
func (q *query) answered() Resolution {
	seen := make(map[sites.Pathname]bool, len(q.places))
	q.Searched = q.places[:0]
	for _, p := range q.places {
		if p.Site != nil && !seen[p.Pathname] {
			seen[p.Pathname] = true
			q.Searched = append(q.Searched, p)
		}
	}
	return q.Resolution
}

// found returns at how many places the file was found, as far as there are
// answers.
func (q *query) found() int {
	var found []sites.Pathname
	for _, p := range q.places {
		if p.Site != nil && p.Err == nil && !slices.Contains(found, p.Pathname) {
			found = append(found, p.Pathname)
		}
	}
	return len(found)
}

// inWorking reports whether the file was found in the working directory.
func (q *query) inWorking() bool {
	return q.working && q.places[0].Site != nil && q.places[0].Err == nil
}

// ask gets the answers that are missing, all at the same time, from the sites:
// one that hangs keeps only the caller waiting.
func (r *Resolver) ask(ctx context.Context, q *query) error {
	var group sync.WaitGroup
	for i, s := range q.spots {
		if q.places[i].Site == nil {
			group.Go(func() { q.places[i] = r.askOne(ctx, s) })
		}
	}
	group.Wait()
	if ctx.Err() != nil {
		return sites.Stopped(ctx)
	}
	return nil
}

// askInOrder gets the answers that are missing: in the working directory first,
// and where the file is there, nowhere else.
func (r *Resolver) askInOrder(ctx context.Context, q *query) error {
	if q.working {
		if q.places[0].Site == nil {
			q.places[0] = r.askOne(ctx, q.spots[0])
		}
		if q.inWorking() {
			return nil
		}
	}
	return r.ask(ctx, q)
}

// askOne asks the site itself what is at a spot.
func (r *Resolver) askOne(ctx context.Context, s spot) Place {
	p, err := r.place(ctx, s)
	if err == nil {
		err = r.Network.Down(s.site.Name())
	}
	if err == nil {
		p.Entry, err = s.site.Stat(ctx, p.Pathname.Path)
		if ctx.Err() == nil {
			r.Network.Heard(s.site.Name(), err)
		}
		if err == nil && noDirectory(s, p.Entry) {
			err = &sites.Error{Site: p.Pathname.Site, Path: p.Pathname.Path, Kind: sites.NotFound, Msg: "it is a file, not a directory"}
		}
	}
	p.Err = err
	return p
}

// noDirectory reports whether a directory was asked for, with a slash at the
// end, and a file is there.
func noDirectory(s spot, e sites.Entry) bool {
	return e.Type == sites.File && strings.HasSuffix(s.path, "/")
}

// remember gets the answers that the index has. That a file is not there is no
// answer where the site is down now: it is not known to have stayed so.
func (r *Resolver) remember(ctx context.Context, q *query) {
	_, base := path.Split(strings.TrimRight(Literal(q.spots[0].path), "/"))
	if base == "" || base == "." || base == ".." {
		return
	}
	type seen struct {
		entry  sites.Entry
		listed time.Time
	}
	entries := make(map[sites.Pathname]seen)
	err := r.Index.Find(ctx, base, func(dir sites.Pathname, e sites.Entry, listed time.Time) bool {
		entries[dir] = seen{e, listed}
		return true
	})
	if err != nil {
		return // the sites know better anyway
	}
	now := time.Now()
	absent := &sites.Error{Path: q.Typed, Kind: sites.NotFound, Msg: "no such file"}
	var whole, home, file string // whole is file below home: many sites have the same home
	for i, s := range q.spots {
		p := Place{Site: s.site, Pathname: sites.Pathname{Site: s.site.Name()}}
		below := Literal(s.path)
		from, known := "", true
		if !isAbsolute(p.Pathname.Site, below) {
			from, known = r.Index.Home(p.Pathname.Site)
		}
		if !known {
			continue
		}
		if whole == "" || from != home || below != file {
			whole, home, file = fromHome(from, below), from, below
		}
		p.Pathname.Path = whole
		if p.Pathname.Base() != base {
			continue // the element of a search list, with nothing below it
		}
		dir := p.Pathname.Dir()
		if !r.Index.Fresh(dir) {
			continue
		}
		e, there := entries[dir]
		switch {
		case there && !noDirectory(s, e.entry):
			p.Entry, p.Indexed = e.entry, e.listed
		default:
			p.Err, p.Indexed = absent, now
			if down := r.Network.Down(p.Pathname.Site); down != nil {
				p.Err = down
			}
		}
		q.places[i] = p
	}
}

// forget drops the answers that are the index's.
func (q *query) forget() {
	for i, p := range q.places {
		if !p.Indexed.IsZero() {
			q.places[i] = Place{}
		}
	}
}

// Source returns the one file that a name means (DESIGN section 5). It trusts
// the index for one thing only: that a file is at one place. Its place then has
// Indexed set, and whoever finds that it is not there any more asks Again.
func (r *Resolver) Source(ctx context.Context, typed string) (Resolution, error) {
	q, err := r.query(typed)
	if err != nil {
		return q.Resolution, err
	}
	if r.Index != nil {
		r.remember(ctx, q)
	}
	if err := r.askInOrder(ctx, q); err != nil {
		return q.Resolution, err
	}
	if !q.inWorking() && q.found() != 1 {
		q.forget()
		if err := r.askInOrder(ctx, q); err != nil {
			return q.Resolution, err
		}
	}
	return r.Settle(ctx, q.answered())
}

// Again returns what Source returns, without the index.
func (r *Resolver) Again(ctx context.Context, typed string) (Resolution, error) {
	live := *r
	live.Index = nil
	return live.Source(ctx, typed)
}

// Destination returns the file that a name means as a destination: the one
// that exists, or else one to be created, in the working directory.
func (r *Resolver) Destination(ctx context.Context, typed string) (Resolution, error) {
	q, err := r.query(typed)
	if err == nil {
		err = r.askInOrder(ctx, q)
	}
	if err != nil {
		return q.Resolution, err
	}
	return r.Target(ctx, q.answered())
}

// Target settles what a name that was looked up means as a destination. Where
// the working directory could not be asked, a file elsewhere is not written in
// its place.
func (r *Resolver) Target(ctx context.Context, res Resolution) (Resolution, error) {
	first := res.Searched[0]
	switch {
	case res.working && first.Err != nil && sites.KindOf(first.Err) != sites.NotFound:
		return res, first.Err
	case len(res.Found()) > 0:
		return r.Settle(ctx, res)
	case len(res.Unheard()) > 0:
		return res, res.missing()
	case len(res.Searched) == 1, res.working:
		res.Place = first
		return res, nil
	}
	e := &sites.Error{Path: res.Typed, Kind: sites.NotFound, Msg: "no such file at " + res.where() + ", and no working directory to create it in",
		Hint: "write SITE:" + res.Typed + ", or CONNECT to a directory"}
	if n, err := Parse(res.Typed); err == nil && n.Head != "" {
		e.Msg, e.Hint = "no such file at "+res.where()+", and it may be created at any of them", "write the site's name and the path there"
	}
	return res, e
}

// Settle chooses among the places where a name was found. A file in the
// working directory comes before those of the composite directory; images of
// one file are one file; otherwise the person is asked, and the order of the
// list decides only where the profile says so.
func (r *Resolver) Settle(ctx context.Context, res Resolution) (Resolution, error) {
	found := res.Found()
	if len(found) == 0 {
		return res, res.missing()
	}
	choose := func(i int, why string) (Resolution, error) {
		res.Place, res.Why = found[i], why
		return res, nil
	}
	if len(found) == 1 {
		return choose(0, "")
	}
	if res.working && res.Searched[0].Err == nil {
		return choose(0, "it is in the working directory")
	}
	if r.Images != nil {
		if i, same := r.Images(ctx, found); same {
			return choose(i, "all are images of one file, and this one is the nearest")
		}
	}
	if r.First {
		return choose(0, `it comes first, and the profile says ambiguous = "first"`)
	}
	if r.Choose != nil {
		i, err := r.Choose(ctx, res.Typed, found)
		if err != nil {
			return res, err
		}
		if i < 0 || i >= len(found) {
			return res, &sites.Error{Path: res.Typed, Kind: sites.Ambiguous, Msg: "none was chosen"}
		}
		return choose(i, "you chose it")
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
			if said.Code == 0 && said.Msg != "" {
				e.Msg = said.Msg
			}
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
