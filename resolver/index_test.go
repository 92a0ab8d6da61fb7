package resolver

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"

	"rsexec/sites"
)

// tenIndex is what is remembered of the ten sites in TestIndex: the homes of
// three, with names that are there, names that are gone, and names that are
// missing.
func tenIndex() *memory {
	m := newMemory()
	maps.Copy(m.homes, map[string]string{"ALPHA": "/", "BETA": "/", "GAMMA": "/home/g"})
	m.list("ALPHA", "/", "a", "both", "src/", "gone", "wrong")
	m.list("BETA", "/", "b", "both", "src/", "gone", "remembered", "d")
	m.list("GAMMA", "/home/g", "c", "wrong")
	m.list("ALPHA", "/here", "own", "remembered")
	return m
}

// Where the index gives one place, no command goes to any site. In every other
// case the sites themselves have the last word.
func TestIndex(t *testing.T) {
	ten := tenSites(t)
	warm := dsk("ALPHA:", "BETA:", "GAMMA:")
	source, again, dest := (*Resolver).Source, (*Resolver).Again, (*Resolver).Destination
	for _, c := range []struct {
		why   string
		do    func(*Resolver, context.Context, string) (Resolution, error)
		typed string
		with  func(*Resolver)
		want  string
		asked string // the sites that commands went to
	}{
		{"one place", source, "b", warm, "BETA:/b", ""},
		{"a complete name", source, "GAMMA:c", warm, "GAMMA:/home/g/c", ""},
		{"a directory is found like a file", source, "ALPHA:/src/", warm, "ALPHA:/src", ""},
		{"one directory by two names", source, "a", dsk("ALPHA:", "ALPHA:/"), "ALPHA:/a", ""},
		{"the working directory comes first", source, "own", all(warm, in("ALPHA", "/here")), "ALPHA:/here/own", ""},
		{"it settles what several have", source, "remembered", all(warm, in("ALPHA", "/here")), "ALPHA:/here/remembered; it is in the working directory", ""},
		{"it is believed to be there still", source, "remembered", warm, "BETA:/remembered", ""},
		{"until somebody finds it gone", again, "remembered", warm, "not found: remembered: no such file at ALPHA:/, BETA:/, GAMMA:/home/g", "ALPHA BETA GAMMA"},

		{"several places are asked", source, "both", warm, "ambiguous: both: it may be ALPHA:/both or BETA:/both; write the one that is meant", "ALPHA BETA GAMMA"},
		{"of which none has it", source, "gone", warm, "not found: gone: no such file at ALPHA:/, BETA:/, GAMMA:/home/g", "ALPHA BETA GAMMA"},
		{"that nobody has it is not believed", source, "three", all(warm, first), "ALPHA:/three; it comes first, and the profile says ambiguous = \"first\"", "ALPHA BETA GAMMA"},
		{"nor of a complete name", source, "ALPHA:/three", warm, "ALPHA:/three", "ALPHA"},
		{"a slash that the remembered file does not fit", source, "b/", warm, "not found: b/: no such file at ALPHA:/, BETA:/, GAMMA:/home/g", "ALPHA BETA GAMMA"},
		{"a directory that was not listed", source, "src/x", warm, "ALPHA:/src/x", "ALPHA BETA GAMMA"},
		{"a site whose home is not known", source, "a", dsk("ALPHA:", "OLD:"), "ALPHA:/a", "OLD"},
		{"a working directory that was not listed", source, "x", all(warm, in("ALPHA", "/src")), "ALPHA:/src/x", "ALPHA"},
		{"a name that is a home", source, "GAMMA:", warm, "GAMMA:/home/g", "GAMMA"},
		{"a name that is only dots", source, "src/..", dsk("ALPHA:"), "ALPHA:/", "ALPHA"},

		{"a site that is down has what it had", source, "a", all(warm, down("ALPHA")), "ALPHA:/a", ""},
		{"and may have got what it had not", source, "b", all(warm, down("ALPHA")), "BETA:/b; not heard: ALPHA:/b", ""},
		{"so that nothing is certain", source, "nope", all(warm, down("ALPHA")), "unreachable: nope: not found, but 1 of 3 places could not be asked (ALPHA: it is down)", "BETA GAMMA"},
		{"a silent site is waited for once", source, "nope", dsk("ALPHA:", "SLOW:"), "unreachable: nope: not found, but 1 of 2 places could not be asked (log in at SLOW: no answer to the connection in 150ms)", "ALPHA"},

		{"a destination is never taken from it", dest, "remembered", all(warm, in("ALPHA", "/here")), "ALPHA:/here/remembered", "ALPHA BETA GAMMA"},
		{"even one that is there", dest, "BETA:/b", warm, "BETA:/b", "BETA"},
	} {
		t.Run(c.why, func(t *testing.T) {
			index := tenIndex()
			r := &Resolver{Network: ten, Logical: logicalNames(), Index: index}
			c.with(r)
			var asked commands
			if got := outcome(c.do(r, asked.under(t.Context()), c.typed)); got != c.want {
				t.Errorf("%s\n  got  %s\n  want %s", c.typed, got, c.want)
			}
			if asked.String() != c.asked {
				t.Errorf("commands went to %q, want %q", asked.String(), c.asked)
			}
			if index.finds > 1 {
				t.Errorf("the index was asked %d times", index.finds)
			}
		})
	}
}

// A site that is known to be down is sent nothing; what comes of asking the
// others is passed on.
func TestHeard(t *testing.T) {
	ten := tenSites(t)
	r := &Resolver{Network: ten, Logical: logicalNames()}
	if _, err := r.Look(t.Context(), "BAD:nope"); err != nil {
		t.Fatal(err)
	}
	for site, kind := range map[string]sites.Kind{"SLOW": sites.Unreachable, "DEAD": sites.Unreachable, "WRONG": sites.Login, "BETA": sites.NotFound} {
		if got := ten.heard[site]; !slices.Equal(got, []sites.Kind{kind}) {
			t.Errorf("of %s was heard %v, want %v once", site, got, kind)
		}
	}
	var asked commands
	down("ALPHA")(r)
	for _, typed := range []string{"ALPHA:/a", "ALPHA:a", "a"} {
		if _, err := r.Look(asked.under(t.Context()), typed); err != nil {
			t.Error(err)
		}
	}
	if got := asked.String(); got != "BETA GAMMA OLD PAPER" {
		t.Errorf("commands went to %s", got)
	}
}

func TestCancelled(t *testing.T) {
	ten := tenSites(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	r := &Resolver{Network: ten, Logical: logicalNames()}
	for _, typed := range []string{"a", "ALPHA:a", "BAD:a"} {
		if _, err := r.Source(ctx, typed); sites.KindOf(err) != sites.Cancelled {
			t.Errorf("%s: %v", typed, err)
		}
		if err := r.Match(ctx, typed+"*", list, func(Place) bool { return true }); sites.KindOf(err) != sites.Cancelled {
			t.Errorf("%s*: %v", typed, err)
		}
	}
	if len(ten.heard) > 0 {
		t.Errorf("what was cancelled says nothing of the sites: %v", ten.heard)
	}
}

// The images and the person are given what was found, and only that.
func TestChoices(t *testing.T) {
	r := &Resolver{Network: tenSites(t)}
	check := func(found []Place) {
		if len(found) != 2 || found[0].Pathname.String() != "ALPHA:/both" || found[1].Pathname.String() != "BETA:/both" || found[1].Entry.Size != 4 {
			t.Errorf("given %v", found)
		}
	}
	asked := 0
	r.Images = func(_ context.Context, found []Place) (int, bool) { asked++; check(found); return 0, false }
	r.Choose = func(_ context.Context, typed string, found []Place) (int, error) {
		asked++
		check(found)
		return 1, nil
	}
	res, err := r.Source(t.Context(), "both")
	if got := outcome(res, err); got != "BETA:/both; you chose it" || asked != 2 {
		t.Errorf("%s, with %d questions", got, asked)
	}
	if len(res.Searched) != 5 {
		t.Errorf("searched %d places", len(res.Searched))
	}
}

// Complete asks for nothing but a home.
func TestComplete(t *testing.T) {
	ten := tenSites(t)
	r := &Resolver{Network: ten, Logical: logicalNames(), Working: sites.Pathname{Site: "ALPHA", Path: "/here"}}
	for _, c := range []struct{ typed, want string }{
		{"DEAD:/nope", "DEAD:/nope"},
		{"GAMMA:nope", "GAMMA:/home/g/nope"},
		{"OLD:./nope", "OLD:nope"},
		{"/nope", "ALPHA:/nope"},
		{"A*:/nope", "ALPHA:/nope"},
		{"nope", "not one"},
		{"SYS:nope", "not one"},
		{"ALPHA:/*", "usage: ALPHA:/*: a pattern cannot stand here; quote it if it is a name"},
		{"NOWHERE:/a", "not found: NOWHERE: no such site or logical name; SITES lists the sites; ./ before a name that holds a colon makes it a file's"},
	} {
		p, ok, err := r.Complete(t.Context(), c.typed)
		got := "not one"
		if ok || err != nil {
			got = outcome(Resolution{Place: p}, err)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.typed, got, c.want)
		}
	}
}

// BenchmarkSource resolves a partial name at 100 sites of 10,000 names each
// from the index.
func BenchmarkSource(b *testing.B) {
	const number, names = 100, 10_000
	index := newMemory()
	n := &network{byName: make(map[string]sites.Site)}
	for i := range number {
		s := remote(fmt.Sprintf("SITE%d", i))
		n.byName[s.Name()] = s
		n.dsk = append(n.dsk, s)
		home := fmt.Sprintf("/home/user%d", i)
		index.homes[s.Name()] = home
		listing := make([]string, names)
		for k := range names {
			listing[k] = strconv.Itoa(i*names + k)
		}
		index.list(s.Name(), home, listing...)
	}
	r := &Resolver{Network: n, Index: index}
	for _, c := range []struct{ name, typed string }{{"first", "5"}, {"last", strconv.Itoa(number*names - 1)}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				res, err := r.Source(b.Context(), c.typed)
				if err != nil || len(res.Searched) != number {
					b.Fatal(res, err)
				}
			}
		})
	}
}

// remote is a site that must not be asked anything.
type remote string

func (s remote) Name() string { return string(s) }
func (s remote) Home(context.Context) (string, error) {
	panic("asked for its home")
}
func (s remote) Stat(context.Context, string) (sites.Entry, error) { panic("asked for a file") }
func (s remote) List(context.Context, string, func(sites.Entry) bool) error {
	panic("asked for a directory")
}
func (s remote) Open(context.Context, string, int64) (sites.Reader, error) { panic("asked to read") }
func (s remote) Store(context.Context, string, sites.Mode) (sites.Writer, error) {
	panic("asked to write")
}
func (s remote) Rename(context.Context, string, string) error { panic("asked to rename") }
func (s remote) Delete(context.Context, string) error         { panic("asked to delete") }
func (s remote) Close() error                                 { return nil }

// list is the Lister that asks the site.
func list(ctx context.Context, site sites.Site, dir sites.Pathname, yield func(sites.Entry) bool) error {
	return site.List(ctx, dir.Path, yield)
}
