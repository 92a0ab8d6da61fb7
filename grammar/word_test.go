package grammar

import (
	"strings"
	"testing"
)

func TestQuote(t *testing.T) {
	tests := []struct{ name, want string }{
		{"PROG1.PL1", "PROG1.PL1"},
		{"SITE1:/src/a_b-c.txt", "SITE1:/src/a_b-c.txt"},
		{"A.TXT;3", "A.TXT;3"},
		{"A.TXT;", `"A.TXT;"`},
		{"", `""`},
		{"a b", `"a b"`},
		{"a,b", `"a,b"`},
		{"-x", `"-x"`},
		{"&", `"&"`},
		{"--", `"--"`},
		{"#a", `"#a"`},
		{"(a)", `"(a)"`},
		{"a*", `"a*"`},
		{"$x", `"\$x"`},
		{"~", `"~"`},
		{"{a}", `"{a}"`},
		{"TO", `"TO"`},
		{"to", `"to"`},
		{"TOO", "TOO"},
		{"été", "été"},
		{"\xff\t\n\"\\", `"\xff\t\n\"\\"`},
		{"\u202e", `"\u{202e}"`},
		{"\u009b", `"\u{9b}"`},
		{"\x1b[m", `"\x1b[m"`},
		{"\U000e0001", `"\u{e0001}"`},
	}
	for _, test := range tests {
		if got := Quote(test.name); got != test.want {
			t.Errorf("Quote(%q) is %s, want %s", test.name, got, test.want)
		}
		checkQuote(t, test.name)
	}
	if _, err := Parse("", "TYPE "+Quote("a\x00")); err == nil {
		t.Error("a NUL was accepted")
	}
}

// checkQuote looks whether a quoted name is one word with that value, at each place
// where a word can stand.
func checkQuote(t *testing.T, name string) {
	t.Helper()
	quoted := Quote(name)
	list, err := Parse("", "COPY "+quoted+","+quoted+" a "+quoted+" ; TYPE "+quoted)
	if err != nil {
		t.Fatalf("Quote(%q) is %s: %v", name, quoted, err)
	}
	words := append(list[0].List(0)[:2:2], list[0].Operand(1), list[1].Operand(0))
	if len(list) != 2 || len(list[0].List(0)) != 3 {
		t.Fatalf("Quote(%q) is %s: read as %v", name, quoted, list)
	}
	for _, w := range words {
		if w.Value() != name || w.Raw != quoted {
			t.Errorf("Quote(%q) is %s: read as %q", name, quoted, w.Value())
		}
	}
	if list, err = Parse("", "COPY a "+quoted+" b"); err != nil || len(list[0].List(0)) != 2 {
		t.Errorf("Quote(%q) is %s: read as %v between others: %v", name, quoted, list, err)
	}
	for _, w := range words {
		checkPattern(t, w)
	}
	if p := words[0].Pattern(); len(p) > 0 && strings.ContainsAny(p[:1], "*?[]{},~") {
		t.Errorf("Quote(%q) is %s: the pattern %q begins with a sign", name, quoted, p)
	}
	if strings.ContainsAny(quoted, "\n\r\x1b") {
		t.Errorf("Quote(%q) has control characters", name)
	}
}

func FuzzQuote(f *testing.F) {
	for _, name := range []string{"a", "", "a b", "--x", ";", "a;", "&", "#", "(x)", "'", `\`, "\xff", "\u2028", "é", "to", "{a,b}", "*?[a-b]~"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if !strings.Contains(name, "\x00") {
			checkQuote(t, name)
		}
	})
}

func TestPattern(t *testing.T) {
	tests := []struct{ typed, want string }{
		{"a*b?[c-d]{e,f}", "a*b?[c-d]{e,f}"},
		{`"a*b?[c-d]{e,f}"`, `a\*b\?\[c-d\]\{e\,f\}`},
		{"'*'*", `\**`},
		{`\**`, `\**`},
		{`"a\\b"`, `a\\b`},
		{`*.\*`, `*.\*`},
		{`SITE1:"/a b"*`, "SITE1:/a b*"},
		{`"SITE1:/a b"`, "SITE1:/a b"},
		{`"SITE1:/a*"`, `SITE1:/a\*`},
		{`"*":/a`, `\*:/a`},
		{"~/x", "~/x"},
		{`"~"/x`, `\~/x`},
		{`\~x`, `\~x`},
		{`""~x`, "~x"},
		{`"-x"*`, "-x*"},
		{`{"a,b",c}`, `{a\,b,c}`},
		{`{'}',a}`, `{\},a}`},
		{`[a"-"z]"a-z!"`, `[a\-z]a-z!`},
		{`["!^"x]["]"]`, `[\!\^x][\]]`},
		{"[SITE1]<A.B>X", "[SITE1]<A.B>X"},
		{`"a\xff\u{e9}\t*"`, "a\xffé\t\\*"},
		{`""`, ""},
	}
	for _, test := range tests {
		list, err := Parse("", "TYPE "+test.typed)
		if err != nil || len(list[0].List(0)) != 1 {
			t.Errorf("%s is no word: %v, %v", test.typed, list, err)
			continue
		}
		w := list[0].Operand(0)
		if got := w.Pattern(); got != test.want {
			t.Errorf("%s: the pattern is %s, want %s", test.typed, got, test.want)
		}
		checkPattern(t, w)
	}
}

// checkPattern looks whether a word's pattern without its backslashes is its value,
// and whether a backslash is before something quoted only.
func checkPattern(t *testing.T, w Word) {
	t.Helper()
	var value strings.Builder
	pattern := w.Pattern()
	for i := 0; i < len(pattern); i++ {
		if pattern[i] == '\\' {
			i++
		}
		if i == len(pattern) {
			t.Fatalf("%s: the pattern %q ends in a backslash", w.Raw, pattern)
		}
		value.WriteByte(pattern[i])
	}
	if value.String() != w.Value() {
		t.Errorf("%s: the pattern %q does not stand for %q", w.Raw, pattern, w.Value())
	}
	if w.Bare() && pattern != w.Value() {
		t.Errorf("%s: the pattern %q has backslashes", w.Raw, pattern)
	}
}
