package ftp

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftptest"
)

func at(year int, month time.Month, day, hour, minute int) time.Time {
	return time.Date(year, month, day, hour, minute, 0, 0, time.UTC)
}

// names lists a directory and returns the names in it.
func names(t testing.TB, f *Site, path string) (names []string, err error) {
	t.Helper()
	err = f.List(within(t, patience), path, func(e sites.Entry) bool {
		names = append(names, e.Name)
		return true
	})
	return names, err
}

// TestListTries has a server that knows none but the last of the commands: each
// other one is tried once. Each listing is of the working directory.
func TestListTries(t *testing.T) {
	t.Parallel()
	s := ftptest.Play(t, noFEAT+pasv+`
		C: MLSD /d
		S: 500 what
		C: CWD /d
		S: 250 in
	`+pasv+`
		C: LIST -a
		S: 500 what
		C: CWD /d
		S: 250 in
	`+pasv+`
		C: LIST
		S: 502 no
		C: CWD /d
		S: 250 in
	`+pasv+`
		C: NLST
		S: 150 go
		D> "/d/a\r\n/d/b\n"
		DX
		S: 226 done
		C: CWD /d [1]
		S: 250 in
	`+pasv+`
		C: NLST
		S: 150 go
		D> "c"
		DX
		S: 226 done
		C: CWD /gone?
		S: 550 No such directory
		`+pasv+`
		C: QUIT
	`)
	f := site(t, s, "")
	if got, err := names(t, f, "/d"); err != nil || !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("/d: %q, %v", got, err)
	}
	if got, err := names(t, f, "/d [1]"); err != nil || !slices.Equal(got, []string{"c"}) {
		t.Errorf("a pattern: %q, %v", got, err)
	}
	_, err := names(t, f, "/gone?")
	checkKind(t, "a missing directory", err, sites.NotFound)
}

// TestListArgument has servers where the directory is an argument: one that
// does not know CWD, and one whose paths are its own.
func TestListArgument(t *testing.T) {
	const nlst = "S: 150 go\nD> \"a\"\nDX\nS: 226 done\n"
	for _, test := range []struct{ name, path, script string }{
		{"no CWD", "/d", noFEAT + pasv + "C: MLSD /d\nS: 500 what\nC: CWD /d\nS: 502 no\n" + pasv + pasv + "C: LIST /d\nS: 502 no\n" + pasv + "C: NLST /d\n" + nlst},
		{"VMS", "[.D]", strings.Replace(noFEAT, `"/"`, `"DKA0:[U]"`, 1) + pasv + "C: MLSD [.D]\nS: 500 what\n" + pasv + "C: LIST [.D]\nS: 502 no\n" + pasv + "C: NLST [.D]\n" + nlst},
		{"home", "", noFEAT + pasv + "C: MLSD /\nS: 500 what\nC: CWD /\nS: 502 no\n" + pasv + pasv + "C: LIST /\nS: 502 no\n" + pasv + "C: NLST /\n" + nlst},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := site(t, ftptest.Play(t, test.script+"C: QUIT"), "")
			if got, err := names(t, f, test.path); err != nil || !slices.Equal(got, []string{"a"}) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// TestListHidden has servers that take "LIST -a" in each of the ways that
// servers do. What it meant is remembered.
func TestListHidden(t *testing.T) {
	enter := "C: CWD /d\nS: 250 in\n" + pasv
	list := func(verb, names string) string {
		var lines strings.Builder
		for name := range strings.FieldsSeq(names) {
			fmt.Fprintf(&lines, "-rw-r--r-- 1 u g 5 Nov 20  2019 %s\r\n", name)
		}
		return fmt.Sprintf("%sC: %s\nS: 150 go\nD> %q\nDX\nS: 226 done\n", enter, verb, lines.String())
	}
	many := "a" + strings.Repeat(" a", maxUnproven)
	for _, test := range []struct {
		name, script string
		again        string
		want         string
	}{
		{"understood", list("LIST -a", "a . .. .b"), list("LIST -a", "a . .. .b"), "a .b"},
		{"understood, late", list("LIST -a", many+" . .b") + list("LIST -a", many+" . .b"), list("LIST -a", many+" . .b"), many + " .b"},
		{"understood, empty", list("LIST -a", ". .."), list("LIST -a", ". .."), ""},
		{"ignored", list("LIST -a", "a") + list("LIST", "a"), list("LIST", "a"), "a"},
		{"ignored, many", list("LIST -a", many) + list("LIST", many), list("LIST", many), many},
		{"a name", list("LIST -a", "x y") + list("LIST", "a"), list("LIST", "a"), "a"},
		{"empty", list("LIST -a", "") + list("LIST", "a"), list("LIST", "a"), "a"},
		{"501", enter + "C: LIST -a\nS: 501 bad option\n" + list("LIST", "a"), list("LIST", "a"), "a"},
		{"450", enter + "C: LIST -a\nS: 450 -a: No such file or directory\n" + list("LIST", "a"), list("LIST", "a"), "a"},
		{"500", enter + "C: LIST -a\nS: 500 what\n" + list("LIST", "a"), list("LIST", "a"), "a"},
		{"426 and understood", enter + "C: LIST -a\nS: 150 go\nD> \"\"\nDX\nS: 426 cut\n", list("LIST -a", ". a"), "a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := site(t, ftptest.Play(t, noFEAT+pasv+"C: MLSD /d\nS: 500 what\n"+test.script+test.again+"C: QUIT"), "")
			want := strings.Fields(test.want)
			if got, err := names(t, f, "/d"); err == nil && !slices.Equal(got, want) || err != nil && !strings.HasPrefix(test.name, "426") {
				t.Errorf("%d names: %.80q, %v", len(got), got, err)
			}
			if got, err := names(t, f, "/d"); err != nil || !slices.Equal(got, want) {
				t.Errorf("again: %d names: %.80q, %v", len(got), got, err)
			}
		})
	}
}

// TestListEmpty has the ways in which servers say that a directory is empty, or
// that they cannot read it.
func TestListEmpty(t *testing.T) {
	refused := func(reply string) string {
		tries := ""
		for _, verb := range []string{"LIST -a", "LIST"} {
			tries += "C: CWD /d\nS: 250 in\n" + pasv + "C: " + verb + "\nS: " + reply + "\n"
		}
		return tries
	}
	said := func(line, reply string) string {
		return fmt.Sprintf("C: CWD /d\nS: 250 in\n%sC: LIST -a\nS: 150 go\nD> %q\nDX\nS: %s\n", pasv, line, reply)
	}
	for _, test := range []struct {
		name, script string
		want         sites.Kind // Other for none
	}{
		{"450", refused("450 No files found"), sites.Other},
		{"550", refused("550 No such file or directory."), sites.Other},
		{"550 no members", refused("550 No members found."), sites.Other},
		{"450 for something else", refused("450 come back"), sites.Busy},
		{"550 for something else", refused("550 cannot"), sites.NotFound},
		{"not permitted", "C: CWD /d\nS: 250 in\n" + pasv + "C: LIST -a\nS: 550 Permission denied\n", sites.Permission},
		{"vsftpd, not permitted", said("", "226 Transfer done (but failed to open directory)."), sites.Permission},
		{"inetutils, not permitted", said(".: Permission denied\n", "226 done"), sites.Permission},
		{"inetutils, missing", said("/d: No such file or directory\n", "226 done"), sites.NotFound},
		{"no CWD, so it may be missing", "C: CWD /d\nS: 502 no\n" + pasv + pasv + "C: LIST /d\nS: 550 No such file or directory.\n", sites.NotFound},
		{"501", "C: CWD /d\nS: 502 no\n" + pasv + pasv + "C: LIST /d\nS: 501 No such directory.\n", sites.NotFound},
		{"not entered", "C: CWD /d\nS: 550 Failed to change directory.\n" + pasv, sites.NotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := site(t, ftptest.Play(t, noFEAT+pasv+"C: MLSD /d\nS: 500 what\n"+test.script+"C: QUIT"), "")
			got, err := names(t, f, "/d")
			if len(got) > 0 || sites.KindOf(err) != test.want || test.want == sites.Other && err != nil {
				t.Errorf("%q, %v; want %v", got, err, test.want)
			}
		})
	}
}

func TestListBreaks(t *testing.T) {
	for _, test := range []struct {
		name, script string
		stop         bool
		names        []string
		want         sites.Kind // Other for none
	}{
		{"line cut short", "D> \"type=file; one\\r\\ntype=file; two\"\nDR\nS: 426 lost", false, []string{"one"}, sites.Unreachable},
		{"426 after all", "D> \"type=file; one\\r\\ntype=file; two\\r\\n\"\nDX\nS: 426 lost", false, []string{"one", "two"}, sites.Unreachable},
		{"line too long", "D> 20000\nC: ABOR\nS: 426 cut\nS: 226 done\nC: NOOP\nS: 200 ok", false, nil, sites.Protocol},
		{"caller has enough", "D> \"type=file; one\\r\\ntype=file; two\\r\\n\"\nC: ABOR\nS: 426 cut\nS: 226 done\nC: NOOP\nS: 200 ok", true, []string{"one"}, sites.Other},
		{"unread lines", "D> \"type=file; one\\r\\nwhat\\r\\n\"\nDX\nS: 226 done", false, []string{"one"}, sites.Protocol},
		{"more unread lines", "D> \"what\\r\\ntype=file; one\\r\\nwhat\\r\\n\"\nDX\nS: 226 done", false, []string{"one"}, sites.Protocol},
		{"empty", "DX\nS: 226 done", false, nil, sites.Other},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			open := ""
			if test.name == "empty" {
				open = "D> \"\"\n"
			}
			f := site(t, ftptest.Play(t, loggedIn+"C: PASV\nS: 227 ({pasv})\nC: MLSD /d\nS: 150 go\n"+open+test.script+"\nC: QUIT"), "")
			var got []string
			err := f.List(within(t, patience), "/d", func(e sites.Entry) bool {
				got = append(got, e.Name)
				return !test.stop
			})
			if test.want == sites.Other && err != nil || test.want != sites.Other && (err == nil || sites.KindOf(err) != test.want) {
				t.Errorf("listed with %v, want %v", err, test.want)
			}
			if test.want == sites.Unreachable {
				// A reset, or the reply, may overtake what was sent before it.
				if len(got) > len(test.names) || !slices.Equal(got, test.names[:len(got)]) {
					t.Errorf("listed %q, want no more than %q", got, test.names)
				}
			} else if !slices.Equal(got, test.names) {
				t.Errorf("listed %q, want %q", got, test.names)
			}
			if test.name == "unread lines" && !strings.Contains(err.Error(), `1 line of the listing cannot be read: "what"`) {
				t.Error(err)
			}
			if test.name == "more unread lines" && !strings.Contains(err.Error(), `2 lines of the listing cannot be read, such as "what"`) {
				t.Error(err)
			}
		})
	}
}
