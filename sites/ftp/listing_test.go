package ftp

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rsexec/sites"
	"rsexec/sites/ftptest"
)

// now is when the listings below were made.
var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func at(year int, month time.Month, day, hour, minute int) time.Time {
	return time.Date(year, month, day, hour, minute, 0, 0, time.UTC)
}

func parseLines(verb string, when time.Time, lines ...string) (entries []sites.Entry, err error) {
	p := listParser{forms: slices.Clone(formsOf(verb)), now: when}
	for _, l := range lines {
		if e, ok := p.line(l); ok {
			entries = append(entries, e)
		}
	}
	return entries, p.err()
}

func TestListingLine(t *testing.T) {
	file := func(name string, size int64, when time.Time) *sites.Entry {
		return &sites.Entry{Name: name, Type: sites.File, Size: size, Modified: when}
	}
	dir := func(name string, when time.Time) *sites.Entry {
		return &sites.Entry{Name: name, Type: sites.Directory, Size: -1, Modified: when}
	}
	other := func(name string, when time.Time) *sites.Entry {
		return &sites.Entry{Name: name, Size: -1, Modified: when}
	}
	link := func(name, target string, when time.Time) *sites.Entry {
		return &sites.Entry{Name: name, Type: sites.Link, Size: -1, Modified: when, Target: target}
	}
	noon := at(2026, 11, 20, 12, 0)
	for _, test := range []struct {
		verb, line string
		want       *sites.Entry // nil where the line names no entry
	}{
		{"MLSD", "type=file;size=12;modify=20261120120000; a", file("a", 12, noon)},
		{"MLSD", "Type=File;SIZE=12;Modify=20261120120000.000;UNIX.mode=0644; a\r", file("a", 12, noon)},
		{"MLSD", "type=dir;size=4096;modify=20261120120000; d", dir("d", noon)},
		{"MLSD", "type=OS.unix=slink:/x;modify=20261120120000; l", link("l", "/x", noon)},
		{"MLSD", "type=OS.unix=symlink;modify=20261120120000; l", link("l", "", noon)},
		{"MLSD", "type=OS.unix=chr-1/3; null", other("null", time.Time{})},
		{"MLSD", "type=file;  two  blanks ", file(" two  blanks ", -1, time.Time{})},
		{"MLSD", "type=file; a;b=c; d", file("a;b=c; d", -1, time.Time{})},
		{"MLSD", " no facts", other("no facts", time.Time{})},
		{"MLSD", "type=file;size=-1;modify=never; a", file("a", -1, time.Time{})},
		{"MLSD", "type=file;size=99999999999999999999; a", file("a", -1, time.Time{})},
		{"MLSD", "type=cdir;modify=20261120120000; /x/y", nil},
		{"MLSD", "Type=pdir; ..", nil},
		{"MLSD", "type=dir; .", nil},
		{"MLSD", "type=dir; ...", dir("...", time.Time{})},
		{"MLSD", "", nil},
		{"MLSD", "\r", nil},

		{"LIST", "total 12", nil},
		{"LIST", "total 12\r", nil},
		{"LIST", "-rw-r--r--   1 user  group     1234 Nov 20 12:00 a", file("a", 1234, noon)},
		{"LIST", "-rw-r--r--   1 user     1234 Nov 20 12:00 a", file("a", 1234, noon)},
		{"LIST", "-rw-r--r--+  1 user  group     1234 Nov 20 12:00 a", file("a", 1234, noon)},
		{"LIST", "-rw-r--r--.  1 1000  1000 9223372036854775807 Nov 20 12:00 a", file("a", 1<<63-1, noon)},
		{"LIST", "drwxr-sr-t   2 user  group     4096 Nov 20 12:00 d", dir("d", noon)},
		{"LIST", "crw-rw-rw-   1 root  root      1, 3 Nov 20 12:00 null", other("null", noon)},
		{"LIST", "brw-rw----   1 root  disk    8,   0 Nov 20 12:00 sda", other("sda", noon)},
		{"LIST", "prw-r--r--   1 user  group        0 Nov 20 12:00 pipe", other("pipe", noon)},
		{"LIST", "lrwxrwxrwx   1 user  group        4 Nov 20 12:00 l -> /x y", link("l", "/x y", noon)},
		{"LIST", "lrwxrwxrwx   1 user  group        4 Nov 20 12:00 l", link("l", "", noon)},
		{"LIST", "-rw-r--r--   1 user  group        4 Nov 20 12:00 a -> b", file("a -> b", 4, noon)},
		{"LIST", "-rw-r--r--   1 user  group     1234 Jan  2  2020 a", file("a", 1234, at(2020, 1, 2, 0, 0))},
		{"LIST", "-rw-r--r--   1 user  group     1234 feb 29  2024 a", file("a", 1234, at(2024, 2, 29, 0, 0))},
		{"LIST", "-rw-r--r--   1 user  group     1234 Dec 31 23:59 a", file("a", 1234, at(2025, 12, 31, 23, 59))},
		{"LIST", "-rw-r--r--   1 user  group     1234 Nov 22 09:00 a", file("a", 1234, at(2026, 11, 22, 9, 0))}, // a clock ahead
		{"LIST", "-rw-r--r--   1 user  group     1234 Nov 20 12:00   a  b ", file("  a  b ", 1234, noon)},
		{"LIST", "-rw-r--r--   1 user  group     1234 Nov 20 12:00 -a", file("-a", 1234, noon)},
		{"LIST", "-rw-r--r--   1 user  group     1234 Nov 20 12:00 Nov 21 2019 x", file("Nov 21 2019 x", 1234, noon)},
		{"LIST", "-rw-r--r--   1 May   Nov       1234 Nov 20 12:00 a", file("a", 1234, noon)},
		{"LIST", "drwxr-xr-x   2 user  group     4096 Nov 20 12:00 ..", nil},

		{"LIST", "11-20-26  12:00PM               1234 a b", file("a b", 1234, noon)},
		{"LIST", "11-20-2026  12:00PM          1,234 a", file("a", 1234, noon)},
		{"LIST", "11-20-26  12:00pm       <DIR>          d e", dir("d e", noon)},
		{"LIST", "2026-11-20  12:00               1234 a", file("a", 1234, noon)},
		{"LIST", "11-20-26  12:00PM       <JUNCTION>     j", link("j", "", noon)},
		{"LIST", "11-20-26  12:00AM               1234  a", file(" a", 1234, at(2026, 11, 20, 0, 0))},

		{"NLST", "a", other("a", time.Time{})},
		{"NLST", "/x/y/a b", other("a b", time.Time{})},
		{"NLST", " a ", other(" a ", time.Time{})},
		{"NLST", "/x/.", nil},
	} {
		got, err := parseLines(test.verb, now, test.line)
		var want []sites.Entry
		if test.want != nil {
			want = append(want, *test.want)
		}
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%s %q: %v %s", test.verb, test.line, err, d)
		}
	}
}

// TestListingLeapDay reads the 29th of February, which exists in one of the two
// years that a date without a year may mean, or in none.
func TestListingLeapDay(t *testing.T) {
	const line = "-rw-r--r--   1 user  group     1234 Feb 29 12:00 a"
	for _, test := range []struct {
		now, want time.Time
	}{
		{at(2024, 2, 29, 13, 0), at(2024, 2, 29, 12, 0)},
		{at(2024, 12, 31, 0, 0), at(2024, 2, 29, 12, 0)},
		{at(2025, 1, 31, 0, 0), at(2024, 2, 29, 12, 0)},
		{at(2024, 1, 31, 0, 0), time.Time{}},
		{at(2026, 3, 1, 0, 0), time.Time{}},
	} {
		got, err := parseLines("LIST", test.now, line)
		if test.want.IsZero() {
			checkKind(t, fmt.Sprint(test.now), err, sites.Protocol)
		} else if err != nil || len(got) != 1 || !got[0].Modified.Equal(test.want) {
			t.Errorf("in %v: %v, %v", test.now, got, err)
		}
	}
}

// TestListingUnread has lines that nobody understands, or that no honest server
// sends, between two good ones.
func TestListingUnread(t *testing.T) {
	good := map[string]string{
		"MLSD": "type=file; %s",
		"LIST": "-rw-r--r--   1 user  group     1234 Nov 20 12:00 %s",
		"NLST": "%s",
	}
	for _, test := range []struct{ verb, line string }{
		{"MLSD", "type=file; a/b"},
		{"MLSD", "type=file; /etc/passwd"},
		{"MLSD", "type=file; ../a"},
		{"MLSD", "type=file; a\x00b"},
		{"MLSD", "type=file; "},
		{"MLSD", "type=file;"},
		{"MLSD", "type=file a"},
		{"MLSD", "-rw-r--r--   1 user  group     1234 Nov 20 12:00 a"},
		{"LIST", "-rw-r--r--   1 user  group     1234 Nov 20 12:00 a/b"},
		{"LIST", "-rw-r--r--   1 user  group     1234 Nov 20 12:00 a\x00b"},
		{"LIST", "-rw-r--r--   1 user  group     1234 Nov 20 12:00"},
		{"LIST", "-rw-r--r--   1 user  group     1234 Nov 20 12:00   "},
		{"LIST", "lrwxrwxrwx   1 user  group        4 Nov 20 12:00  -> x"},
		{"LIST", "lrwxrwxrwx   1 user  group        4 Nov 20 12:00 /a -> x"},
		{"LIST", "-rw-r--r--   1 user  group     1234 Nov 32 12:00 a"},
		{"LIST", "-rw-r--r--   1 user  group     1234 Foo 20 12:00 a"},
		{"LIST", "-rw-r--r--   1 user  group     1234 20 Nov 12:00 a"},
		{"LIST", "-rw-?--r--   1 user  group     1234 Nov 20 12:00 a"},
		{"LIST", "?rw-r--r--   1 user  group     1234 Nov 20 12:00 a"},
		{"LIST", "total lines"},
		{"LIST", "-rw-"},
		{"LIST", "11-20-26  12:00PM               12x4 a"},
		{"LIST", "11-20-26  12:00PM               1234"},
		{"LIST", "31-20-26  12:00PM               1234 a"},
		{"LIST", "11-20-26  12:00PM               1234 a/b"},
		{"LIST", "+i8388621.48594,m825718503,r,s280,\ta"},
		{"LIST", "ls: cannot open directory"},
		{"NLST", "a/"},
		{"NLST", "a\x00"},
	} {
		got, err := parseLines(test.verb, now, fmt.Sprintf(good[test.verb], "first"), test.line, fmt.Sprintf(good[test.verb], "last"))
		checkKind(t, test.line, err, sites.Protocol)
		if len(got) != 2 || got[0].Name != "first" || got[1].Name != "last" {
			t.Errorf("%q: read %v", test.line, got)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "1 lines") {
			t.Errorf("%q: %v", test.line, err)
		}
	}
	lines := make([]string, 1000)
	for i := range lines {
		lines[i] = "what"
	}
	if _, err := parseLines("LIST", now, lines...); err == nil || !strings.HasPrefix(err.Error(), "1000 lines") {
		t.Errorf("1000 lines: %v", err)
	}
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
// other one is tried once.
func TestListTries(t *testing.T) {
	t.Parallel()
	s := ftptest.Play(t, noFEAT+`
		C: PASV
		S: 227 ({pasv})
		C: MLSD /d
		S: 500 what
		C: PASV
		S: 227 ({pasv})
		C: LIST /d
		S: 502 no
		C: PASV
		S: 227 ({pasv})
		C: NLST /d
		S: 150 go
		D> "/d/a\r\n/d/b\n"
		DX
		S: 226 done
		C: CWD /d [1]
		S: 250 in
		C: PASV
		S: 227 ({pasv})
		C: NLST
		S: 150 go
		D> "c"
		DX
		S: 226 done
		C: CWD /gone?
		S: 550 No such directory
		C: QUIT
	`)
	f := site(t, s, "")
	for path, want := range map[string][]string{"/d": {"a", "b"}} {
		if got, err := names(t, f, path); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	if got, err := names(t, f, "/d [1]"); err != nil || !slices.Equal(got, []string{"c"}) {
		t.Errorf("a pattern: %q, %v", got, err)
	}
	_, err := names(t, f, "/gone?")
	checkKind(t, "a missing directory", err, sites.NotFound)
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
		})
	}
}

// FuzzListing reads arbitrary lines: no name leads out of its directory.
func FuzzListing(f *testing.F) {
	for _, seed := range []string{
		"type=file;size=12; a", "type=dir; ../x", "type=OS.unix=slink:x; l", " ..",
		"-rw-r--r--   1 user  group     1234 Nov 20 12:00 a", "lrwxrwxrwx   1 user  group        4 Nov 20 12:00 l -> /x",
		"lrwxrwxrwx   1 user  group        4 Nov 20 12:00 .. -> /x", "crw-rw-rw-   1 root  root      1, 3 Nov 20 2020 null",
		"11-20-26  12:00PM       <DIR>          d", "2026-11-20  12:00               1234 a", "/x/..", "a\x00b", "total 1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, l := range listings {
			entries, err := parseLines(l.verb, now, line)
			if err != nil && len(entries) > 0 {
				t.Errorf("%s: both %v and %v", l.verb, entries, err)
			}
			for _, e := range entries {
				if e.Name == "" || e.Name == "." || e.Name == ".." || strings.ContainsAny(e.Name, "/\x00") || e.Size < -1 {
					t.Errorf("%s: %+v", l.verb, e)
				}
			}
		}
	})
}
