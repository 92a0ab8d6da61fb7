package rsexec

import (
	"strings"
	"testing"

	"rsexec/grammar"
)

// TestStatementsWithoutPasswords holds what is shown of statements and kept of them.
func TestStatementsWithoutPasswords(t *testing.T) {
	for _, test := range []struct{ typed, line, kept string }{
		{"COPY a TO SITE1:", "COPY a TO SITE1:", "COPY (FILE) a (TO FILE) SITE1:"},
		{"COPY ftp://u:s3cret@h/x, ftp://v:s3cret@h/y TO ftp://w:s3cret@h/z --limit=1k &",
			"COPY ftp://u:xxxxx@h/x, ftp://v:xxxxx@h/y TO ftp://w:xxxxx@h/z --limit=1k &",
			"COPY (FILE) ftp://u@h/x, ftp://v@h/y (TO FILE) ftp://w@h/z --limit=1k &"},
		{`TYPE ftp://u:"s3cret"@h/"a b"`, `TYPE ftp://u:xxxxx@h/"a b"`, `TYPE (FILE) ftp://u@h/"a b"`},
		{`TYPE "ftp://u:s3cret"@h/x`, `TYPE "ftp://u:xxxxx@h/x`, `TYPE (FILE) "ftp://u"@h/x`},
		{`TYPE ftp://u:s$P"3cret"@h/x`, `TYPE ftp://u:xxxxx@h/x`, `TYPE (FILE) ftp://u@h/x`},
		{"TRACE APPEND ftp://u:s3cret@h/x TO SITE1:y", "TRACE APPEND ftp://u:xxxxx@h/x TO SITE1:y",
			"TRACE (COMMAND) APPEND (FILE) ftp://u@h/x (TO FILE) SITE1:y"},
		{"ECHO done > ftp://u:s3cret@h/x", "ECHO done > ftp://u:xxxxx@h/x", "ECHO (WORDS) done > ftp://u@h/x"},
		{"IF EXISTS ftp://u:s3cret@h/x ; TYPE ftp://u:s3cret@h/x ; ELSE ; TYPE ftp://u:s3cret@h/y ; END",
			"IF EXISTS ftp://u:xxxxx@h/x ; TYPE ftp://u:xxxxx@h/x ; ELSE ; TYPE ftp://u:xxxxx@h/y ; END",
			"IF (CONDITION) EXISTS ftp://u@h/x ; TYPE (FILE) ftp://u@h/x ; ELSE ; TYPE (FILE) ftp://u@h/y ; END"},
		{"QUOTE SITE1 PASS s3cret", "QUOTE SITE1 PASS xxxxx", "QUOTE (SITE) SITE1 (COMMAND) PASS xxxxx"},
		{"trace quo (SITE) SITE1 'acct s3cret'", "trace quo (SITE) SITE1 'acct xxxxx", "TRACE (COMMAND) QUOTE (SITE) SITE1 (COMMAND) acct xxxxx"},
		{"QUOTE SITE1 PASV", "QUOTE SITE1 PASV", "QUOTE (SITE) SITE1 (COMMAND) PASV"},
		{"COPY pass word", "COPY pass word", "COPY (FILE) pass (TO FILE) word"},
	} {
		if got := masked(test.typed); got != test.line {
			t.Errorf("%s is shown as %s, want %s", test.typed, got, test.line)
		}
		list, err := grammar.Parse("", test.typed)
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %d statements, %v", test.typed, len(list), err)
		}
		before := list[0].String()
		kept := withoutPasswords(list[0]).String()
		if kept != test.kept {
			t.Errorf("%s is kept as %s, want %s", test.typed, kept, test.kept)
		}
		if list[0].String() != before {
			t.Errorf("%s has become %s", before, list[0])
		}
		again, err := grammar.Parse("", kept)
		if err != nil || len(again) != 1 || again[0].String() != kept {
			t.Errorf("%s is read as %v, %v", kept, again, err)
		}
	}
}

// TestCaretBesideMask holds that the caret points at the same sign of the line.
func TestCaretBesideMask(t *testing.T) {
	for _, test := range []struct{ typed, before string }{ // what stands before the caret
		{"TYPE ftp://u:s3cret-as-can-be@h/x --bogus", "TYPE ftp://u:xxxxx@h/x "},
		{"TYPE ftp://u:s@h/x --bogus", "TYPE ftp://u:xxxxx@h/x "},
		{"TYPE --bogus ftp://u:s3cret@h/x", "TYPE "},
		{`TYPE ftp://u:"s3cret\q"@h/x`, "TYPE ftp://u:"},
		{"TYPE ftp://u:ü3crüt@h/é --bogus", "TYPE ftp://u:xxxxx@h/é "},
	} {
		_, err := grammar.Parse("", test.typed)
		syntax, ok := err.(*grammar.SyntaxError)
		if !ok {
			t.Fatalf("%s: %v", test.typed, err)
		}
		line, caret, _ := strings.Cut(maskedSyntax(syntax).Snippet(), "\n")
		column := len([]rune(strings.TrimSuffix(caret, "^")))
		if got := string([]rune(line)[:column]); got != test.before || strings.Contains(line, "3cr") {
			t.Errorf("%s: before the caret is %q, want %q", test.typed, got, test.before)
		}
	}
}
