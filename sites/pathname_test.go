package sites

import "testing"

func TestPathname(t *testing.T) {
	for _, c := range []struct {
		p         Pathname
		dir, base string
		text      string
	}{
		{Pathname{"SITE1", "/src/prog1.pl1"}, "/src", "prog1.pl1", "SITE1:/src/prog1.pl1"},
		{Pathname{"SITE1", "/top"}, "/", "top", "SITE1:/top"},
		{Pathname{"OLD", "PROG1.PL1"}, "", "PROG1.PL1", "OLD:PROG1.PL1"},
		{Pathname{"", "partial"}, "", "partial", "partial"},
		{Pathname{"SITE1", "/a\nb"}, "/", "a\nb", `SITE1:/a\x0ab`},
	} {
		if c.p.Dir().Path != c.dir || c.p.Base() != c.base || c.p.String() != c.text {
			t.Errorf("%#v: dir %q, base %q, text %q", c.p, c.p.Dir().Path, c.p.Base(), c.p)
		}
	}
	for _, c := range []struct{ dir, name, want string }{
		{"/src", "x", "/src/x"}, {"/", "x", "/x"}, {"", "x", "x"}, {"/src", "/abs/x", "/abs/x"},
		{"/src", "../x", "/x"}, {"/src", "", "/src"}, {"/src", "a//b/", "/src/a/b"},
	} {
		if got := (Pathname{"S", c.dir}).Join(c.name); got.Path != c.want || got.Site != "S" {
			t.Errorf("%q joined with %q is %q, want %q", c.dir, c.name, got.Path, c.want)
		}
	}
	for _, path := range []string{"a\rb", "a\nb", "a\x00b"} {
		if KindOf(CheckPath(path)) != Usage {
			t.Errorf("%q may be sent", path)
		}
	}
	if err := CheckPath("a b\xff;é"); err != nil {
		t.Error(err)
	}
}
