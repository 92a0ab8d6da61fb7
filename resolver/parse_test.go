package resolver

import (
	"testing"

	"rsexec/sites"
)

func TestParse(t *testing.T) {
	for typed, want := range map[string]Name{
		"SITE1:/src/prog1.pl1":   {"SITE1", "/src/prog1.pl1"},
		"site1:prog1.pl1":        {"SITE1", "prog1.pl1"},
		"SITE1:":                 {"SITE1", ""},
		"[SITE1]<SRC>PROG1.PL1":  {"SITE1", "/SRC/PROG1.PL1"},
		"[site1]<A.B>c.d":        {"SITE1", "/A/B/c.d"},
		"[SITE1]prog1.pl1":       {"SITE1", "prog1.pl1"},
		"<A.B>X":                 {"", "/A/B/X"},
		"prog1.pl1":              {"", "prog1.pl1"},
		"a/b":                    {"", "a/b"},
		"LOCAL:/tmp/x":           {"LOCAL", "/tmp/x"},
		"local:x":                {"LOCAL", "x"},
		"C:/x":                   {"", "C:/x"}, // one letter is no site
		"a b:c":                  {"", "a b:c"},
		"SITE1:/a:b":             {"SITE1", "/a:b"},
		"SITE1:LOGIN.COM;3":      {"SITE1", "LOGIN.COM;3"},
		"[not a site]x":          {"", "[not a site]x"},
		"<unclosed":              {"", "<unclosed"},
		"SITE1:/日本語/ü":           {"SITE1", "/日本語/ü"},
		"SITE1:/back\\slash":     {"SITE1", "/back\\slash"},
		"SITE-2.EXAMPLE:/x":      {"SITE-2.EXAMPLE", "/x"},
		"SITE1:/ leading blank":  {"SITE1", "/ leading blank"},
		"SITE1:/latin1-\xe9.txt": {"SITE1", "/latin1-\xe9.txt"},
	} {
		if got, err := Parse(typed); err != nil || got != want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", typed, got, err, want)
		}
	}
	for _, typed := range []string{"", "a\nb", "SITE1:/a\rb", "a\x00"} {
		if _, err := Parse(typed); sites.KindOf(err) != sites.Usage {
			t.Errorf("Parse(%q): %v", typed, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"SITE1:/a", "[S1]<A.B>c", "<A>", "a:b", "::", "[]", "LOCAL:"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		name, err := Parse(typed)
		if err != nil {
			return
		}
		if name.Site != "" && !isSite(name.Site) {
			t.Errorf("%q has the site %q", typed, name.Site)
		}
		if sites.CheckPath(name.Path) != nil {
			t.Errorf("%q has the path %q", typed, name.Path)
		}
	})
}
