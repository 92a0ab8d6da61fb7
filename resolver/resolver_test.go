package resolver

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"rsexec/sites"
	"rsexec/sites/ftpd"
)

// The ten sites of the tables. ALPHA to PAPER make up the composite directory;
// OLD speaks the dialect of RFC 438 and PAPER that of RFC 478, and neither
// tells its home. All of PAPER's listings come from one port, so it is asked for
// one at a time. TWIN is ALPHA by another name. SLOW accepts connections and
// says nothing, DEAD accepts none, and WRONG has another password.
func tenSites(t testing.TB) *network {
	alpha := serve(t, ftpd.Modern, "a", "both", "three", "src/x", "here/a", "here/own", "here/both", "sys/tool", "sys/lib/c",
		"pub/readme", "odd[1]", "a:b", "two words", "<t>u", "100%25")
	beta := serve(t, ftpd.Modern, "b", "both", "three", "src/y", "pub/readme", "pub/two.iso")
	gamma := serve(t, ftpd.Modern, "home/g/c", "home/g/three", "home/g/src/z", "home/other", "sys/tool", "sys/gamma")
	delta := serve(t, ftpd.Modern, "d", "sys/delta", "pub/d.iso", "in/site.dir/f")
	old := serve(t, ftpd.RFC438, "o", "sys/old")
	paper := serve(t, ftpd.RFC478, "p", "sys/paper")
	return newNetwork(t,
		"ALPHA=ftp://u:p@"+alpha,
		"BETA=ftp://u:p@"+beta,
		"GAMMA=ftp://u:p@"+gamma+"/home/g",
		"OLD=ftp://u:p@"+old,
		"PAPER=ftp://u:p@"+paper+"?max-sessions=1",
		"DELTA=ftp://u:p@"+delta+"?dsk=no",
		"TWIN=ftp://u:p@"+alpha+"?dsk=no",
		"SLOW=ftp://u:p@"+hanging(t)+"?dsk=no&timeout=150ms",
		"DEAD=ftp://u:p@"+refusing(t)+"?dsk=no",
		"WRONG=ftp://u:other@"+alpha+"?dsk=no",
	)
}

// logicalNames are the logical names of the tables.
func logicalNames() map[string][]string {
	return map[string][]string{
		"SYS":    {"ALPHA:/sys", "GAMMA:/sys/", "DELTA:sys"},          // three directories
		"ALL":    {"SYS:", "OLD:sys", "[PAPER]<SYS>", "PAPER:/sys"},   // a name within, and as TENEX wrote it
		"TWICE":  {"SYS:", "ALPHA:/sys", "ALPHA:/src/../sys", "SYS:"}, // the same directory in several ways
		"BOTH":   {"SYS:lib", "SYS:"},                                 // the same name in two branches
		"EVERY":  {"{ALPHA,GAMMA,DELTA}:/sys"},
		"BAD":    {"BETA:", "SLOW:", "DEAD:", "WRONG:"},
		"LAME":   {"BETA:", "DEAD:"},
		"ROUND":  {"ALPHA:", "AROUND:"},
		"AROUND": {"ROUND:"},
		"NOSITE": {"src"},
		"LOST":   {"GONE:/x"},
	}
}

// resolution is a row of a table: what is typed, and what comes of it.
type resolution struct {
	typed string
	want  string // the pathname, "; " and why it was chosen; or "kind: message"
	with  func(*Resolver)
}

// in connects to a directory.
func in(site, path string) func(*Resolver) {
	return func(r *Resolver) { r.Working = sites.Pathname{Site: site, Path: path} }
}

// dsk gives the composite directory another search list.
func dsk(list ...string) func(*Resolver) {
	return func(r *Resolver) { r.Logical[DSK] = list }
}

func first(r *Resolver) { r.First = true }

// same says that all places hold images of one file, and that the last is the
// nearest.
func same(r *Resolver) {
	r.Images = func(_ context.Context, found []Place) (int, bool) { return len(found) - 1, true }
}

func differ(r *Resolver) {
	r.Images = func(context.Context, []Place) (int, bool) { return 0, false }
}

// choose is a person who answers with a number.
func choose(n int, err error) func(*Resolver) {
	return func(r *Resolver) {
		r.Choose = func(context.Context, string, []Place) (int, error) { return n, err }
	}
}

// down says of a site that it is known not to answer.
func down(site string) func(*Resolver) {
	return func(r *Resolver) {
		old := r.Network.(*network)
		r.Network = &network{byName: old.byName, names: old.names, dsk: old.dsk, heard: make(map[string][]sites.Kind),
			down: map[string]error{site: &sites.Error{Site: site, Kind: sites.Unreachable, Msg: "it is down"}}}
	}
}

func all(settings ...func(*Resolver)) func(*Resolver) {
	return func(r *Resolver) {
		for _, set := range settings {
			set(r)
		}
	}
}

var address = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// outcome writes a resolution as the tables have it; several errors with a plus
// between them.
func outcome(res Resolution, err error) string {
	if err != nil {
		return address.ReplaceAllString(sites.KindOf(err).String()+": "+strings.ReplaceAll(err.Error(), "\n", " + "), "HOST")
	}
	text := res.Pathname.String()
	if res.Why != "" {
		text += "; " + res.Why
	}
	for _, p := range res.Unheard() {
		text += "; not heard: " + p.Pathname.String()
	}
	return address.ReplaceAllString(text, "HOST")
}

func TestSource(t *testing.T) {
	ten := tenSites(t)
	visit := "ftp://u:p@" + ten.byName["ALPHA"].(interface{ Config() sites.Config }).Config().Address()
	for _, c := range []resolution{
		// A complete name is what it says.
		{"ALPHA:/a", "ALPHA:/a", nil},
		{"alpha:/a", "ALPHA:/a", nil},
		{"ALPHA:a", "ALPHA:/a", nil},
		{"GAMMA:c", "GAMMA:/home/g/c", nil},
		{"GAMMA:/sys/gamma", "GAMMA:/sys/gamma", nil},
		{"GAMMA:../other", "GAMMA:/home/other", nil},
		{"GAMMA:", "GAMMA:/home/g", nil},
		{"ALPHA:/src/../a", "ALPHA:/a", nil},
		{"ALPHA:/src/", "ALPHA:/src", nil},
		{"[ALPHA]<src>x", "ALPHA:/src/x", nil},
		{"[ALPHA]<SRC>X", "not found: ALPHA:/SRC/X: no such file: the server said 550 /SRC/X: not found", nil},
		{"[GAMMA]<home.g>c", "GAMMA:/home/g/c", nil},
		{"OLD:/o", "OLD:/o", nil},
		{"OLD:o", "OLD:o", nil},
		{"PAPER:sys/paper", "PAPER:sys/paper", nil},
		{visit + "/a", "ftp://u@HOST/a", nil},
		{visit + "/src/", "ftp://u@HOST/src", nil},
		{visit, "ftp://u@HOST/", nil},
		{visit + "/100%25", "ftp://u@HOST/100%25", nil},
		{strings.Replace(visit, "u:p@", "nobody:secret@", 1) + "/a", "login: log in at ftp://nobody@HOST/a: the server said 530 User or password is wrong; check its user and password", nil},
		{`ALPHA:odd\[1\]`, "ALPHA:/odd[1]", nil},
		{"ALPHA:two words", "ALPHA:/two words", nil},
		{"ALPHA:a:b", "ALPHA:/a:b", nil},

		// A site that does not have it, cannot be asked, or is not there.
		{"ALPHA:/nope", "not found: ALPHA:/nope: no such file: the server said 550 /nope: not found", nil},
		{"ALPHA:/a/", "not found: ALPHA:/a: it is a file, not a directory", nil},
		{"OLD:nope", "not found: OLD:nope: no such file", nil},
		{"SLOW:/a", "unreachable: log in at SLOW:/a: no answer to the connection in 150ms", nil},
		{"SLOW:a", "unreachable: log in at SLOW: no answer to the connection in 150ms", nil},
		{"DEAD:/a", "unreachable: connect to DEAD:/a: HOST: connection refused", nil},
		{"WRONG:/a", "login: log in at WRONG:/a: the server said 530 User or password is wrong; check its user and password", nil},
		{"ALPHA:/a", "unreachable: ALPHA: it is down", down("ALPHA")},
		{"NOWHERE:/a", "not found: NOWHERE: no such site or logical name; SITES lists the sites; ./ before a name that holds a colon makes it a file's", nil},
		{"gopher://host/a", "not found: GOPHER: no such site or logical name; SITES lists the sites; ./ before a name that holds a colon makes it a file's", nil},
		{"ftp://u:secret@/a", "usage: site VISITED: its URL has no host; write NAME=ftp://user:password@host:port/home?option=value", nil},

		// A partial name is looked up in the composite directory.
		{"b", "BETA:/b", nil},
		{"src/y", "BETA:/src/y", nil},
		{"p", "PAPER:p", nil},
		{"o", "OLD:o", nil},
		{"c", "GAMMA:/home/g/c", nil},
		{"two words", "ALPHA:/two words", nil},
		{"./a:b", "ALPHA:/a:b", nil},
		{"./<t>u", "ALPHA:/<t>u", nil},
		{"a:b", "ALPHA:/a:b", nil},
		{"both", "ambiguous: both: it may be ALPHA:/both or BETA:/both; write the one that is meant", nil},
		{"src", "ambiguous: src: it may be ALPHA:/src or BETA:/src or GAMMA:/home/g/src; write the one that is meant", nil},
		{"nope", "not found: nope: no such file at ALPHA:/, BETA:/, GAMMA:/home/g, OLD:, PAPER:", nil},
		{"src/nope", "not found: src/nope: no such file at ALPHA:/src, BETA:/src, GAMMA:/home/g/src, OLD:src, PAPER:src", nil},
		{"nope", "unreachable: nope: not found, but 3 of 4 places could not be asked (log in at SLOW: no answer to the connection in 150ms; connect to DEAD: HOST: connection refused; log in at WRONG: the server said 530 User or password is wrong; check its user and password)", dsk("BAD:")},
		{"b", "BETA:/b; not heard: SLOW:b; not heard: DEAD:b; not heard: WRONG:b", dsk("BAD:")},
		{"nope", "unreachable: nope: not found, but 1 of 2 places could not be asked (connect to DEAD: HOST: connection refused)", dsk("LAME:")},
		{"b", "BETA:/b; not heard: PAPER:b", down("PAPER")},
		{"nope", "unreachable: nope: not found, but 1 of 5 places could not be asked (PAPER: it is down)", down("PAPER")},
		{"both", "ALPHA:/both; not heard: BETA:both", down("BETA")},

		// The working directory comes first, and alone if it has the file.
		{"a", "ALPHA:/here/a", in("ALPHA", "/here")},
		{"both", "ALPHA:/here/both", in("ALPHA", "/here")},
		{"b", "BETA:/b", in("ALPHA", "/here")},
		{"/a", "ALPHA:/a", in("ALPHA", "/here")},
		{"<src>x", "ALPHA:/src/x", in("ALPHA", "/here")},
		{"../a", "ALPHA:/a", in("ALPHA", "/here")},
		{"../b", "not found: ALPHA:/b: no such file: the server said 550 /b: not found", in("ALPHA", "/here")},
		{"../a", "usage: DSK:../a: it leads out of the directories of DSK:; CONNECT to a directory, or write SITE: and the path", nil},
		{"../a", "ALPHA:/a", in("ALPHA", "")},
		{"o", "OLD:o", in("OLD", "")},
		{"./o", "OLD:o", in("OLD", "")},
		{"b", "BETA:/b; not heard: DEAD:/b", in("DEAD", "/")},
		{"own", "ALPHA:/here/own", all(in("ALPHA", "/here"), dsk("BAD:"))},
		{"/a", "usage: /a: no site; write SITE:/a", nil},

		// A logical name is looked up along its search list.
		{"SYS:gamma", "GAMMA:/sys/gamma", nil},
		{"sys:delta", "DELTA:/sys/delta", nil},
		{"SYS:/delta", "DELTA:/sys/delta", nil},
		{"SYS:lib/c", "ALPHA:/sys/lib/c", nil},
		{"SYS:tool", "ambiguous: SYS:tool: it may be ALPHA:/sys/tool or GAMMA:/sys/tool; write the one that is meant", nil},
		{"SYS:nope", "not found: SYS:nope: no such file at ALPHA:/sys, GAMMA:/sys, DELTA:/sys", nil},
		{"SYS:../a", "usage: SYS:../a: it leads out of the directories of SYS:; CONNECT to a directory, or write SITE: and the path", nil},
		{"SYS:lib/../delta", "DELTA:/sys/delta", nil},
		{"ALL:delta", "DELTA:/sys/delta", nil},
		{"ALL:old", "OLD:sys/old", nil},
		{"ALL:paper", "PAPER:/sys/paper", nil},
		{"TWICE:lib/c", "ALPHA:/sys/lib/c", nil},
		{"BOTH:c", "ALPHA:/sys/lib/c", nil},
		{"BOTH:lib", "ALPHA:/sys/lib", nil},
		{"EVERY:gamma", "GAMMA:/sys/gamma", nil},
		{"BAD:b", "BETA:/b; not heard: SLOW:b; not heard: DEAD:b; not heard: WRONG:b", nil},
		{"BAD:nope", "unreachable: BAD:nope: not found, but 3 of 4 places could not be asked (log in at SLOW: no answer to the connection in 150ms; connect to DEAD: HOST: connection refused; log in at WRONG: the server said 530 User or password is wrong; check its user and password)", nil},
		{"ROUND:a", "usage: ROUND: the logical name leads to itself, by ROUND: AROUND: ROUND:; DEFINE it anew", nil},
		{"NOSITE:a", "usage: NOSITE: its search list has src, which names no site; write SITE:src", nil},
		{"LOST:a", "not found: GONE: no such site or logical name; SITES lists the sites; ./ before a name that holds a colon makes it a file's", nil},
		{"DSK:b", "BETA:/b", nil},
		{"DSK:/b", "BETA:/b", nil},
		{"d", "DELTA:/d", dsk("DELTA:", "SYS:")},
		{"tool", "GAMMA:/sys/tool", dsk("GAMMA:/sys", "DELTA:")},
		{"a", "usage: DSK: the logical name leads to itself, by DSK: DSK:; DEFINE it anew", dsk("DSK:")},
		{"b", "not found: b: there is no site to look it up at; SITE ADD name URL adds one; --site NAME=ftp://user:password@host names one for this run", dsk()},

		// A pattern of sites is each of them.
		{"{DELTA,BETA}:/d", "DELTA:/d", nil},
		{"?ETA:/b", "BETA:/b", nil},
		{"*TA:/pub/d.iso", "DELTA:/pub/d.iso", nil},
		{"A*:/a", "ALPHA:/a", nil},
		{"Z*:/a", "not found: Z*: no such site or logical name; SITES lists the sites; ./ before a name that holds a colon makes it a file's", nil},
		{"ALPHA:/*", "usage: ALPHA:/*: a pattern cannot stand here; quote it if it is a name", nil},
		{"b*", "usage: b*: a pattern cannot stand here; quote it if it is a name", nil},

		// Several places: images of one file, the profile's order, the person's choice.
		{"both", "BETA:/both; all are images of one file, and this one is the nearest", same},
		{"both", "ambiguous: both: it may be ALPHA:/both or BETA:/both; write the one that is meant", differ},
		{"both", `ALPHA:/both; it comes first, and the profile says ambiguous = "first"`, first},
		{"three", "GAMMA:/home/g/three; all are images of one file, and this one is the nearest", all(same, first)},
		{"three", "BETA:/three; you chose it", choose(1, nil)},
		{"three", "ambiguous: three: none was chosen", choose(7, nil)},
		{"three", "other: no answer", choose(0, errors.New("no answer"))},
		{"both", "ALPHA:/both", all(in("ALPHA", "/"), same)},
		{"SYS:tool", "GAMMA:/sys/tool; all are images of one file, and this one is the nearest", same},
		{"{ALPHA,TWIN}:/a", "TWIN:/a; all are images of one file, and this one is the nearest", same},

		// What is no pathname.
		{"", "usage: an empty pathname", nil},
		{"a\nb", "usage: a\\x0ab: a pathname cannot hold CR, LF or NUL", nil},
		{"ALPHA:a\x00b", "usage: ALPHA:a\\x00b: a pathname cannot hold CR, LF or NUL", nil},
	} {
		run(t, ten, c, (*Resolver).Source)
	}
}

func TestDestination(t *testing.T) {
	ten := tenSites(t)
	for _, c := range []resolution{
		{"ALPHA:/new", "ALPHA:/new", nil},
		{"GAMMA:new", "GAMMA:/home/g/new", nil},
		{"ALPHA:/a", "ALPHA:/a", nil},
		{"b", "BETA:/b", nil},
		{"both", "ambiguous: both: it may be ALPHA:/both or BETA:/both; write the one that is meant", nil},
		{"both", "BETA:/both; all are images of one file, and this one is the nearest", same},
		{"both", "ALPHA:/here/both", in("ALPHA", "/here")},
		{"new", "not found: new: no such file at ALPHA:/, BETA:/, GAMMA:/home/g, OLD:, PAPER:, and no working directory to create it in; write SITE:new, or CONNECT to a directory", nil},
		{"new", "ALPHA:/here/new", in("ALPHA", "/here")},
		{"new", "OLD:new", in("OLD", "")},
		{"new", "GAMMA:/home/g/new", in("GAMMA", "")},
		{"../new", "ALPHA:/new", in("ALPHA", "/here")},
		{"new", "unreachable: new: not found, but 1 of 3 places could not be asked (connect to DEAD: HOST: connection refused)", all(in("ALPHA", "/here"), dsk("LAME:"))},
		{"b", "unreachable: connect to DEAD:/b: HOST: connection refused", in("DEAD", "/")},
		{"b", "BETA:/b; not heard: DEAD:b", all(in("ALPHA", "/here"), dsk("LAME:"))},
		{"SYS:new", "not found: SYS:new: no such file at ALPHA:/sys, GAMMA:/sys, DELTA:/sys, and it may be created at any of them; write the site's name and the path there", nil},
		{"SYS:gamma", "GAMMA:/sys/gamma", nil},
		{"LAME:new", "unreachable: LAME:new: not found, but 1 of 2 places could not be asked (connect to DEAD: HOST: connection refused)", nil},
		{"ALPHA:/new*", "usage: ALPHA:/new*: a pattern cannot stand here; quote it if it is a name", nil},
	} {
		run(t, ten, c, (*Resolver).Destination)
	}
}

func run(t *testing.T, n *network, c resolution, resolve func(*Resolver, context.Context, string) (Resolution, error)) {
	t.Run(address.ReplaceAllString(c.typed, "HOST"), func(t *testing.T) {
		r := &Resolver{Network: n, Logical: logicalNames()}
		if c.with != nil {
			c.with(r)
		}
		if got := outcome(resolve(r, t.Context(), c.typed)); got != c.want {
			t.Errorf("%s\n  got  %s\n  want %s", c.typed, got, c.want)
		}
	})
}
