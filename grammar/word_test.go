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
		{"--", `"--"`},
		{"#a", `"#a"`},
		{"(a)", `"(a)"`},
		{"a*", `"a*"`},
		{"$x", `"$x"`},
		{"~", `"~"`},
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
	if strings.ContainsAny(quoted, "\n\r\x1b") {
		t.Errorf("Quote(%q) has control characters", name)
	}
}

func FuzzQuote(f *testing.F) {
	for _, name := range []string{"a", "", "a b", "--x", ";", "a;", "#", "(x)", "'", `\`, "\xff", "\u2028", "é"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if !strings.Contains(name, "\x00") {
			checkQuote(t, name)
		}
	})
}
