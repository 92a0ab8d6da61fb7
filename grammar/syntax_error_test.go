package grammar

import "testing"

func TestSnippet(t *testing.T) {
	tests := []struct{ text, error, snippet string }{
		{"COPY (TO FILE) a", "f.rsx:1:6: expected (FILE) or a pathname, not (TO FILE)", "COPY (TO FILE) a\n     ^"},
		{"ls\n\tWHERE\ta b\r\n", "f.rsx:2:10: too many operands; expected WHERE (IS FILE) pathname", "\tWHERE\ta b\n\t     \t  ^"},
		{"WHERE 日本e\u0301😀 b", "f.rsx:1:13: too many operands; expected WHERE (IS FILE) pathname", "WHERE 日本e\u0301😀 b\n              ^"},
		{"WHERE \x1b[2J\xff b", "f.rsx:1:13: too many operands; expected WHERE (IS FILE) pathname", "WHERE \ufffd[2J\ufffd b\n            ^"},
		{"COPY a", "f.rsx:1:7: expected (TO FILE) or a pathname", "COPY a\n      ^"},
		{"COPY a \\\n  b c 'd", "f.rsx:2:7: open quote", "  b c 'd\n      ^"},
	}
	for _, test := range tests {
		_, err := Parse("f.rsx", test.text)
		e, ok := err.(*SyntaxError)
		if !ok {
			t.Errorf("%q: %v", test.text, err)
			continue
		}
		if e.Error() != test.error {
			t.Errorf("%q\n got %s\nwant %s", test.text, e, test.error)
		}
		if e.Snippet() != test.snippet {
			t.Errorf("%q\n got\n%s\nwant\n%s", test.text, e.Snippet(), test.snippet)
		}
	}
}

func TestErrorWithoutFile(t *testing.T) {
	_, err := Parse("", "FOO")
	if got := err.Error(); got != "1:1: unknown verb FOO; HELP lists the verbs" {
		t.Error(got)
	}
}
