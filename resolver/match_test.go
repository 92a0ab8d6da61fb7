package resolver

import (
	"context"
	"fmt"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftpd"
)

// matched returns what a pattern matches, in order, and the error.
func matched(ctx context.Context, r *Resolver, l Lister, typed string) string {
	var all []string
	err := r.Match(ctx, typed, l, func(p Place) bool {
		all = append(all, p.Pathname.String())
		return true
	})
	text := strings.Join(all, " ")
	if err != nil {
		text = strings.TrimSpace(text + " | " + outcome(Resolution{}, err))
	}
	return address.ReplaceAllString(text, "HOST")
}

func TestMatch(t *testing.T) {
	ten := tenSites(t)
	for _, c := range []resolution{
		// One site.
		{"BETA:/*", "BETA:/b BETA:/both BETA:/pub BETA:/src BETA:/three", nil},
		{"BETA:*", "BETA:/b BETA:/both BETA:/pub BETA:/src BETA:/three", nil},
		{"BETA:/b*", "BETA:/b BETA:/both", nil},
		{"BETA:/?", "BETA:/b", nil},
		{"BETA:/[a-c]", "BETA:/b", nil},
		{"BETA:/[^b]*", "BETA:/pub BETA:/src BETA:/three", nil},
		{"BETA:/*/*", "BETA:/pub/readme BETA:/pub/two.iso BETA:/src/y", nil},
		{"BETA:/*/", "BETA:/pub BETA:/src", nil},
		{"BETA:/p*/t*", "BETA:/pub/two.iso", nil},
		{"BETA:/pub/*.{iso,img}", "BETA:/pub/two.iso", nil},
		{"BETA:/b", "BETA:/b", nil},
		{"BETA:/nope", "", nil},
		{"BETA:/nope/*", "", nil},
		{"BETA:/b/*", "| refused: list BETA:/b: the server said 501 /b: not a directory", nil},
		{"BETA:/pub/", "BETA:/pub", nil},
		{"BETA:", "BETA:/", nil},

		// Any number of directories: at the beginning, in the middle, at the end.
		{"ALPHA:**/a", "ALPHA:/a ALPHA:/here/a", nil},
		{"ALPHA:/**/c", "ALPHA:/sys/lib/c", nil},
		{"ALPHA:/sys/**/c", "ALPHA:/sys/lib/c", nil},
		{"ALPHA:/sys/**", "ALPHA:/sys/lib ALPHA:/sys/tool ALPHA:/sys/lib/c", nil},
		{"ALPHA:/sys/**/", "ALPHA:/sys/lib", nil},
		{"ALPHA:/**/**/l*/*", "ALPHA:/sys/lib/c", nil},
		{"ALPHA:/s**/x", "ALPHA:/src/x", nil},
		{"DELTA:/**/*.iso", "DELTA:/pub/d.iso", nil},

		// Braces with a slash are several patterns, in one search: nothing comes
		// twice, and a name that is no pattern is asked for.
		{"ALPHA:/{sys/lib,here}/*", "ALPHA:/sys/lib/c ALPHA:/here/a ALPHA:/here/both ALPHA:/here/own", nil},
		{"ALPHA:/{sys/**,sys/lib/*,**/c}", "ALPHA:/sys/lib ALPHA:/sys/tool ALPHA:/sys/lib/c", nil},
		{"ALPHA:/{a,src/x,nope/y}", "ALPHA:/a ALPHA:/src/x", nil},
		{"ALPHA:{/a,src/x,a}", "ALPHA:/a ALPHA:/src/x", nil},
		{"ALPHA:/{src/x}", "ALPHA:/src/x", nil},
		{"ALPHA:/{s{rc/x,ys/t*},b*}", "ALPHA:/both ALPHA:/src/x ALPHA:/sys/tool", nil},

		// What is quoted stands for itself.
		{`ALPHA:/odd\[1\]`, "ALPHA:/odd[1]", nil},
		{`ALPHA:/odd\[*`, "ALPHA:/odd[1]", nil},
		{`ALPHA:/odd[[]1]`, "ALPHA:/odd[1]", nil},
		{`ALPHA:/\*`, "", nil},
		{`ALPHA:/\<*`, "ALPHA:/<t>u", nil},
		{"ALPHA:/t* w*", "ALPHA:/two words", nil},
		{"ALPHA:/*:*", "ALPHA:/a:b", nil},

		// Several sites, in the order of the list; each file once.
		{"*:/pub/*.iso", "BETA:/pub/two.iso DELTA:/pub/d.iso | unreachable: log in at SLOW:/pub: no answer to the connection in 150ms + connect to DEAD:/pub: HOST: connection refused + log in at WRONG:/pub: the server said 530 User or password is wrong; check its user and password", nil},
		{"{DELTA,BETA}:/pub/*", "BETA:/pub/readme BETA:/pub/two.iso DELTA:/pub/d.iso", nil},
		{"{ALPHA,TWIN}:/src/*", "ALPHA:/src/x TWIN:/src/x", nil},
		{"SYS:*", "ALPHA:/sys/lib ALPHA:/sys/tool GAMMA:/sys/gamma GAMMA:/sys/tool DELTA:/sys/delta", nil},
		{"TWICE:**", "ALPHA:/sys/lib ALPHA:/sys/tool ALPHA:/sys/lib/c GAMMA:/sys/gamma GAMMA:/sys/tool DELTA:/sys/delta", nil},
		{"BOTH:**/c", "ALPHA:/sys/lib/c", nil},
		{"t*", "ALPHA:/three ALPHA:/two words BETA:/three GAMMA:/home/g/three", nil},
		{"sr?/*", "ALPHA:/src/x BETA:/src/y GAMMA:/home/g/src/z", nil},
		{"*a*", "ALPHA:/here/a ALPHA:/a ALPHA:/a:b", in("ALPHA", "/here")},
		{"../*", "ALPHA:/100%25 ALPHA:/<t>u ALPHA:/a ALPHA:/a:b ALPHA:/both ALPHA:/here ALPHA:/odd[1] ALPHA:/pub ALPHA:/src ALPHA:/sys ALPHA:/three ALPHA:/two words", in("ALPHA", "/src")},
		{"both", "ALPHA:/both BETA:/both", nil},

		// Sites of 1973 tell names only; what cannot be listed is a file.
		{"OLD:*", "OLD:o OLD:sys", nil},
		{"OLD:/**", "OLD:/o OLD:/sys OLD:/sys/old", nil},
		{"PAPER:**/paper", "PAPER:sys/paper", nil},
		{"OLD:o/*", "", nil},
		{"OLD:*/*", "OLD:sys/old", nil},

		// Failures are told, and the rest is searched.
		{"BAD:b*", "BETA:/b BETA:/both | unreachable: log in at SLOW: no answer to the connection in 150ms + connect to DEAD: HOST: connection refused + log in at WRONG: the server said 530 User or password is wrong; check its user and password", nil},
		{"BETA:b*", "| unreachable: BETA: it is down", down("BETA")},
		{"LAME:**/two*", "BETA:/pub/two.iso | unreachable: connect to DEAD: HOST: connection refused", nil},

		// Mistakes.
		{"ALPHA:/[a", "| usage: /[a: the pattern cannot be read; quote what is part of a name", nil},
		{"ALPHA:/[a/b]", "| usage: /[a/b]: the pattern cannot be read; quote what is part of a name", nil},
		{"ALPHA:/{a", "| usage: /{a: the pattern cannot be read; quote what is part of a name", nil},
		{"ALPHA:/" + strings.Repeat("{a,b/c}", 12), "| usage: /{a,b/c}{a,b/c}{a,b/c}{a,b/c}{a,b/c}{a,b/c}{a,b/c}{a,b/c}{a,b/c}{a,b/c}{a,b/c}{a,b/c}: it stands for too many patterns; quote what is part of a name", nil},
		{"NOWHERE:*", "| not found: NOWHERE: no such site or logical name; SITES lists the sites; ./ before a name that holds a colon makes it a file's", nil},
		{"*", "| not found: *: there is no site to look it up at; SITE ADD name URL adds one; --site NAME=ftp://user:password@host names one for this run", dsk()},
	} {
		t.Run(c.typed, func(t *testing.T) {
			r := &Resolver{Network: ten, Logical: logicalNames()}
			if c.with != nil {
				c.with(r)
			}
			if got := matched(t.Context(), r, list, c.typed); got != c.want {
				t.Errorf("%s\n  got  %s\n  want %s", c.typed, got, c.want)
			}
		})
	}
}

// Links are matched, and followed where an element of the pattern stands for
// them; "**" goes past them.
func TestMatchLinks(t *testing.T) {
	addr := serve(t, ftpd.Modern, "dir/f", "dir/back->..", "link->dir", "file", "tofile->file", "tonothing->nope", "self/self", "empty/")
	r := &Resolver{Network: newNetwork(t, "WOOD=ftp://u:p@"+addr)}
	for _, c := range []resolution{
		{"WOOD:/**/f", "WOOD:/dir/f", nil},
		{"WOOD:/*", "WOOD:/dir WOOD:/empty WOOD:/file WOOD:/link WOOD:/self WOOD:/tofile WOOD:/tonothing", nil},
		{"WOOD:/*/f", "WOOD:/dir/f WOOD:/link/f", nil},
		{"WOOD:/*/*", "WOOD:/dir/back WOOD:/dir/f WOOD:/link/back WOOD:/link/f WOOD:/self/self", nil},
		{"WOOD:/*/back/file", "WOOD:/dir/back/file WOOD:/link/back/file", nil},
		{"WOOD:/link/**", "WOOD:/link/back WOOD:/link/f", nil},
		{"WOOD:/self/*", "WOOD:/self/self", nil},
		{"WOOD:/empty/**", "", nil},
	} {
		if got := matched(t.Context(), r, list, c.typed); got != c.want {
			t.Errorf("%s\n  got  %s\n  want %s", c.typed, got, c.want)
		}
	}
}

// forest is a site whose directories are functions.
type forest struct {
	remote
	entries func(dir string) ([]sites.Entry, error)
	stats   atomic.Int64
	lists   atomic.Int64
}

func (f *forest) Home(context.Context) (string, error) { return "/", nil }
func (f *forest) Stat(_ context.Context, name string) (sites.Entry, error) {
	f.stats.Add(1)
	entries, err := f.entries(path.Dir(name))
	for _, e := range entries {
		if e.Name == path.Base(name) {
			return e, nil
		}
	}
	if err == nil {
		err = &sites.Error{Kind: sites.NotFound}
	}
	return sites.Entry{}, err
}
func (f *forest) List(_ context.Context, dir string, yield func(sites.Entry) bool) error {
	f.lists.Add(1)
	entries, err := f.entries(dir)
	for _, e := range entries {
		if !yield(e) {
			return nil
		}
	}
	return err
}

func grow(entries func(dir string) ([]sites.Entry, error)) (*forest, *Resolver) {
	f := &forest{remote: "WOOD", entries: entries}
	return f, &Resolver{Network: &network{byName: map[string]sites.Site{"WOOD": f}, heard: make(map[string][]sites.Kind)}}
}

func files(names ...string) []sites.Entry {
	all := make([]sites.Entry, len(names))
	for i, n := range names {
		all[i] = sites.Entry{Name: strings.TrimSuffix(n, "/"), Type: sites.File}
		if strings.HasSuffix(n, "/") {
			all[i].Type = sites.Directory
		}
	}
	return all
}

func TestMatchOddSites(t *testing.T) {
	denied := &sites.Error{Site: "WOOD", Path: "/b", Kind: sites.Permission, Msg: "denied"}
	trees := map[string]func(dir string) ([]sites.Entry, error){
		// A directory that may not be read is told, whatever its site calls it.
		"denied": func(dir string) ([]sites.Entry, error) {
			switch dir {
			case "/":
				return files("a/", "b/", "c/"), nil
			case "/b":
				return nil, denied
			case "/a", "/c":
				return files("x"), nil
			}
			return nil, &sites.Error{Kind: sites.NotFound, Msg: "no such directory " + dir}
		},
		// A site that falls silent is not asked for the rest.
		"silent": func(dir string) ([]sites.Entry, error) {
			if dir != "/" {
				return nil, &sites.Error{Site: "WOOD", Path: dir, Kind: sites.Unreachable, Msg: "gone"}
			}
			return files("a/", "b/", "c/", "x"), nil
		},
		// A listing may break off.
		"broken": func(dir string) ([]sites.Entry, error) {
			return files("x", "y"), &sites.Error{Site: "WOOD", Path: dir, Kind: sites.Protocol, Msg: "broke off"}
		},
		// Links to the directory above, shown as directories.
		"loop": func(dir string) ([]sites.Entry, error) {
			if path.Base(dir) == "d" {
				return files("up/", "y"), nil
			}
			return files("d/", "x"), nil
		},
		// The same at a site that tells names only.
		"names": func(dir string) ([]sites.Entry, error) {
			switch name := path.Base(dir); {
			case strings.HasSuffix(dir, "/x/x"):
				return nil, &sites.Error{Kind: sites.Refused, Msg: "x is a file"}
			case name == "x":
				return []sites.Entry{{Name: "x"}}, nil
			case name == "d":
				return []sites.Entry{{Name: "up"}, {Name: "x"}}, nil
			}
			return []sites.Entry{{Name: "d"}, {Name: "x"}}, nil
		},
		// Names that no honest site has.
		"hostile": func(dir string) ([]sites.Entry, error) {
			return files("..", ".", "", "a/b", "/etc", "x\x00", "x"), nil
		},
		// A file that is not in its directory's listing.
		"hidden": func(dir string) ([]sites.Entry, error) {
			if dir == "/.h" {
				return files("x"), nil
			}
			return files("a"), nil
		},
	}
	for _, c := range []struct{ tree, typed, want string }{
		{"denied", "WOOD:/**/x", "WOOD:/a/x WOOD:/c/x | permission: WOOD:/b: denied"},
		{"denied", "WOOD:/*/x", "WOOD:/a/x WOOD:/c/x | permission: WOOD:/b: denied"},
		{"denied", "WOOD:/{a,b,c}/x", "WOOD:/a/x WOOD:/c/x | permission: WOOD:/b: denied"},
		{"denied", "WOOD:/b/*", "| permission: WOOD:/b: denied"},
		{"silent", "WOOD:/**", "WOOD:/a WOOD:/b WOOD:/c WOOD:/x | unreachable: WOOD:/a: gone"},
		{"broken", "WOOD:/*", "WOOD:/x WOOD:/y | protocol: WOOD:/: broke off"},
		{"loop", "WOOD:/**/x", "WOOD:/x WOOD:/d/up/x WOOD:/d/up/d/up/x WOOD:/d/up/d/up/d/up/x WOOD:/d/up/d/up/d/up/d/up/x | conflict: WOOD:/d/up/d/up/d/up/d/up: it lists the same as 3 directories above it, so it is taken for a link that leads back"},
		{"names", "WOOD:/**/x", "WOOD:/x WOOD:/d/x WOOD:/d/up/x WOOD:/d/up/d/x WOOD:/d/up/d/up/x WOOD:/d/up/d/up/d/x WOOD:/d/up/d/up/d/up/x WOOD:/d/up/d/up/d/up/d/x WOOD:/d/up/d/up/d/up/d/up/x | conflict: WOOD:/d/up/d/up/d/up/d/up: it lists the same as 3 directories above it, so it is taken for a link that leads back"},
		{"names", "WOOD:/x/*", ""},
		{"hostile", "WOOD:/*", "WOOD:/x | protocol: list WOOD:/: it has an entry \"x\\x00\", which can be no name"},
		{"hidden", "WOOD:/{.h/x,a*}", "WOOD:/a WOOD:/.h/x"},
		{"hidden", "WOOD:/**/.h/*", ""},
	} {
		_, r := grow(trees[c.tree])
		if got := matched(t.Context(), r, list, c.typed); got != c.want {
			t.Errorf("%s %s\n  got  %s\n  want %s", c.tree, c.typed, got, c.want)
		}
	}
}

// Each directory is listed once, whatever the pattern, and nothing else is
// asked for.
func TestMatchListsOnce(t *testing.T) {
	for _, typed := range []string{"WOOD:/**", "WOOD:/**/x", "WOOD:/**/*.c", "WOOD:/{**/x,**/*,*/x}", "WOOD:/**/d/**/x"} {
		f, r := grow(func(dir string) ([]sites.Entry, error) {
			if strings.Count(dir, "/") > 2 {
				return files("x", "y.c"), nil
			}
			return files("x", "d/", "e/"), nil
		})
		if got := matched(t.Context(), r, list, typed); strings.Contains(got, "|") {
			t.Error(got)
		}
		if f.lists.Load() != 1+2+4+8 || f.stats.Load() != 0 {
			t.Errorf("%s: %d listings and %d other questions, want 15 and none", typed, f.lists.Load(), f.stats.Load())
		}
	}
}

// A site that allows one session can be worked at while it is searched: no
// listing waits for the work.
func TestMatchOneSession(t *testing.T) {
	var names []string
	for i := range 3 * leastAhead {
		names = append(names, fmt.Sprintf("f%d", i), fmt.Sprintf("d/f%d", i))
	}
	addr := serve(t, ftpd.Modern, names...)
	n := newNetwork(t, "ONE=ftp://u:p@"+addr+"?max-sessions=1")
	r := &Resolver{Network: n}
	count := 0
	err := r.Match(t.Context(), "ONE:**/f*", list, func(p Place) bool {
		count++
		if count%100 == 1 {
			if err := p.Site.Delete(t.Context(), p.Pathname.Path); err != nil {
				t.Error(err)
			}
		}
		return true
	})
	if err != nil || count != len(names) {
		t.Errorf("%d of %d, %v", count, len(names), err)
	}
}

// An endless forest is searched no further than its matches are taken, and its
// search ends with the caller.
func TestMatchEnds(t *testing.T) {
	endless := func(dir string) ([]sites.Entry, error) {
		return files(fmt.Sprintf("d%d/", len(dir)), "a", "b"), nil
	}
	t.Run("by yield", func(t *testing.T) {
		f, r := grow(endless)
		n := 0
		if err := r.Match(t.Context(), "WOOD:/**", list, func(Place) bool { n++; return n < 5 }); err != nil {
			t.Error(err)
		}
		if n != 5 || f.lists.Load() > 2*ahead {
			t.Errorf("%d matches, %d listings", n, f.lists.Load())
		}
	})
	t.Run("by its context", func(t *testing.T) {
		_, r := grow(endless)
		ctx, stop := context.WithCancel(t.Context())
		n := 0
		err := r.Match(ctx, "WOOD:/**", list, func(Place) bool {
			if n++; n == 5 {
				stop()
			}
			return true
		})
		if sites.KindOf(err) != sites.Cancelled {
			t.Errorf("%d matches, %v", n, err)
		}
	})
	t.Run("while a site hangs", func(t *testing.T) {
		n := newNetwork(t, "FAST=ftp://u:p@"+serve(t, ftpd.Modern, "a", "b"), "SLOW=ftp://u:p@"+hanging(t)+"?timeout=10m")
		r := &Resolver{Network: n}
		if err := r.Match(t.Context(), "*:/*", list, func(Place) bool { return false }); err != nil {
			t.Error(err)
		}
	})
}

// TestMatchWithoutEnd searches directories that a site makes up as it is asked: without
// end, or each with another one in it.
func TestMatchWithoutEnd(t *testing.T) {
	net := newNetwork(t)
	long := strings.Repeat("x", 4000) // all entries share it, so that the test needs little memory
	for _, test := range []struct {
		name string
		list Lister
		want sites.Kind
	}{
		{"one directory without end", func(ctx context.Context, _ sites.Site, dir sites.Pathname, yield func(sites.Entry) bool) error {
			if strings.HasSuffix(dir.Path, long) {
				return nil
			}
			for yield(sites.Entry{Name: long, Type: sites.Directory, Size: -1}) {
			}
			return nil
		}, sites.Unsupported},
		{"directories in each other", func(ctx context.Context, _ sites.Site, dir sites.Pathname, yield func(sites.Entry) bool) error {
			// Each has another size, so that no two list the same.
			yield(sites.Entry{Name: "dir", Type: sites.Directory, Size: int64(len(dir.Path))})
			return nil
		}, sites.Protocol},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
			defer stop()
			n := 0
			err := (&Resolver{Network: net}).Match(ctx, "LOCAL:/a/**/b", test.list, func(Place) bool { n++; return true })
			if sites.KindOf(err) != test.want || len(err.Error()) > 1000 {
				t.Errorf("%v, want an error of kind %v", err, test.want)
			}
		})
	}
}
