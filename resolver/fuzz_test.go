package resolver

import (
	"strings"
	"testing"
	"unicode/utf8"

	"rsexec/sites"
)

// What is typed is refused or taken apart; no path can end a command, and what
// Typed writes of a complete pathname means that pathname.
func FuzzParse(f *testing.F) {
	for _, typed := range []string{"SITE1:/src/x", "[SITE1]<A.B>C.D;3", "<A\\.B>C", "ftp://u:p@host:21/a%20b", "ftp://h", "*:/a", "{AB,CD}:x",
		"./a:b", "a\\", "[", "[a]<", "C:/x", "\r", "local:", "ftp://u:p@[::1]/x", "DNFTP://a@b@c/", "ftp://:\x00@"} {
		f.Add(typed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		n, err := Parse(typed)
		if err != nil {
			if sites.KindOf(err) != sites.Usage {
				t.Errorf("%q: %v", typed, err)
			}
			return
		}
		if strings.ContainsAny(n.Head+n.Path, "\r\n\x00") {
			t.Errorf("%q is %+v", typed, n)
		}
		if shown := WithoutPassword(typed); WithoutPassword(shown) != shown {
			t.Errorf("%q is shown as %q", typed, shown)
		}
		patterns, err := compile(n.Path)
		if err == nil && len(patterns) == 0 {
			t.Errorf("%q stands for nothing", n.Path)
		}
		for _, p := range patterns {
			for _, e := range p.elements {
				if strings.Contains(e.text, "/") && e.kind != plain {
					t.Errorf("%q has the element %q", n.Path, e.text)
				}
			}
		}
		if special(n.Path) {
			return
		}
		for _, site := range []string{"SITE1", "ftp://u@host:2121"} {
			p := sites.Pathname{Site: site, Path: "/" + Literal(n.Path)}
			again, err := Parse(Typed(p))
			if err != nil || again.Head != site || Literal(again.Path) != p.Path || IsPattern(Typed(p)) {
				t.Errorf("%q is read as %+v, %v", Typed(p), again, err)
			}
		}
	})
}

// An escaped name is no pattern and matches itself, and no pattern makes
// matching fail.
func FuzzMatchElement(f *testing.F) {
	for _, c := range [][2]string{{"*.c", "x.c"}, {"[a-", "a"}, {"{a,{b,c}}*", "cx"}, {"[^]]", "]"}, {"\\", "\\"}, {"**", "a"}, {"?", "\xff"}, {"a}b", "a}b"}, {"{,a}", ""}} {
		f.Add(c[0], c[1])
	}
	f.Fuzz(func(t *testing.T, element, name string) {
		if strings.Count(element, "{")+strings.Count(element, ",") > 12 {
			t.Skip() // every brace doubles the work
		}
		matches(element, name)
		escaped := Escape(name)
		if special(escaped) || Literal(escaped) != name {
			t.Errorf("%q is escaped as %q, which is %q", name, escaped, Literal(escaped))
		}
		if !strings.Contains(name, "/") && utf8.ValidString(name) && !matches(escaped, name) {
			t.Errorf("%q does not match itself", name)
		}
		for _, s := range expand(element) {
			if s != element && !strings.Contains(element, "{") {
				t.Errorf("%q is expanded to %q", element, s)
			}
		}
	})
}
