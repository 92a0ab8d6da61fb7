package ftpd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// oddNames are legal on the wire but unusual.
var oddNames = []string{" lead", "-l", ".dot", "a b ", "a;b=c", "é", "tab\there", "x\xffy", `"q"`}

func TestListings(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	old := time.Date(2002, 7, 17, 21, 7, 15, 0, time.UTC)
	for _, n := range oddNames {
		s.write(n, "123")
		if err := os.Chtimes(filepath.Join(s.root, n), old, old); err != nil {
			t.Fatal(err)
		}
	}
	s.write("two\r\nlines", "")
	if err := os.Mkdir(filepath.Join(s.root, "~dir"), 0o750); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"~link": "target", "~odd": "a;b"} {
		if err := os.Symlink(target, filepath.Join(s.root, link)); err != nil {
			t.Fatal(err)
		}
	}
	c := s.login()
	facts := "type=file;size=3;modify=20020717210715;UNIX.mode=0644;"

	// Sorted by bytes; the name of two lines is not there.
	wantNames := []string{" lead", `"q"`, "-l", ".dot", "a b ", "a;b=c", "tab\there", "x\xffy", "~dir", "~link", "~odd", "é", ""}
	if diff := cmp.Diff(wantNames, strings.Split(c.get("NLST"), "\r\n")); diff != "" {
		t.Errorf("NLST (-want +got):\n%s", diff)
	}

	c.do("OPTS MLST type;size;", "200 ")
	var want []string
	for _, n := range wantNames {
		switch n {
		case "":
			want = append(want, "")
		case "~dir":
			want = append(want, "type=dir; ~dir")
		case "~link":
			want = append(want, "type=OS.unix=slink:target; ~link")
		case "~odd":
			want = append(want, "type=OS.unix=symlink; ~odd")
		default:
			want = append(want, "type=file;size=3; "+n)
		}
	}
	if diff := cmp.Diff(want, strings.Split(c.get("MLSD /"), "\r\n")); diff != "" {
		t.Errorf("MLSD (-want +got):\n%s", diff)
	}
	c.do("OPTS MLST type;size;modify;unix.mode;", "200 ")
	for _, n := range oddNames {
		n = strings.ReplaceAll(n, "\xff", "\xff\xff")
		want := fmt.Sprintf("250-Facts of /%s\r\n %s /%s\r\n250 End", n, facts, n)
		if got := c.do("MLST "+n, "250-"); got != want {
			t.Errorf("MLST %q:\n%q\nwant\n%q", n, got, want)
		}
	}
	c.do("OPTS MLST ", "200 MLST OPTS")
	if got := c.do("MLST .dot", "250-"); got != "250-Facts of /.dot\r\n  /.dot\r\n250 End" {
		t.Errorf("MLST without facts: %q", got)
	}

	for _, line := range []string{"LIST", "LIST -a", "LIST -la /", "LIST -a -l /"} {
		lines := strings.Split(c.get(line), "\r\n")
		if len(lines) != len(oddNames)+4+1 {
			t.Fatalf("%s:\n%q", line, lines)
		}
		for _, want := range []string{
			"-rw-r--r-- 1 ftp ftp            3 Jul 17  2002  lead",
			"-rw-r--r-- 1 ftp ftp            3 Jul 17  2002 .dot",
			"-rw-r--r-- 1 ftp ftp            3 Jul 17  2002 x\xffy",
		} {
			if !contains(lines, want) {
				t.Errorf("%s has no line %q in\n%q", line, want, lines)
			}
		}
		all := strings.Join(lines, "\n")
		for _, want := range []string{"two??lines", "~link -> target", "drwxr-x--- 1 ftp ftp"} {
			if !strings.Contains(all, want) {
				t.Errorf("%s has no %q in\n%s", line, want, all)
			}
		}
	}
	if got := c.get("LIST .dot"); got != "-rw-r--r-- 1 ftp ftp            3 Jul 17  2002 .dot\r\n" {
		t.Errorf("LIST of a file: %q", got)
	}
	if got := c.get("NLST .dot"); got != ".dot\r\n" {
		t.Errorf("NLST of a file: %q", got)
	}
	if got := c.do("STAT .dot", "213-"); got != "213-Status of /.dot\r\n-rw-r--r-- 1 ftp ftp            3 Jul 17  2002 .dot\r\n213 End" {
		t.Errorf("STAT of a file: %q", got)
	}
	for _, line := range []string{"LIST none", "NLST none", "MLSD none"} {
		c.pasv()
		c.do(line, "550 ")
	}
}

// TestLargeListing lists a directory that is read in pieces: each entry once.
func TestLargeListing(t *testing.T) {
	const n = sortedNames + 17
	s := startSite(t, "127.0.0.1", Server{})
	for i := range n {
		s.write(fmt.Sprintf("f%06d", i), "")
	}
	c := s.login()
	for _, line := range []string{"NLST", "MLSD", "LIST"} {
		seen := make(map[string]bool)
		for entry := range strings.Lines(c.get(line)) {
			seen[entry[strings.LastIndexByte(entry, ' ')+1:]] = true
		}
		if len(seen) != n || !seen["f000000\r\n"] || !seen[fmt.Sprintf("f%06d\r\n", n-1)] {
			t.Errorf("%s lists %d of %d files", line, len(seen), n)
		}
	}
}

func contains(lines []string, line string) bool {
	for _, l := range lines {
		if l == line {
			return true
		}
	}
	return false
}

func TestListTime(t *testing.T) {
	now := time.Date(2024, 3, 10, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		t    time.Time
		want string
	}{
		{now, "Mar 10 12:00"},
		{now.AddDate(0, -5, 0), "Oct 10 12:00"},
		{now.AddDate(0, -7, 0), "Aug 10  2023"},
		{now.AddDate(0, 0, 2), "Mar 12  2024"},
		{time.Date(2024, 3, 5, 1, 2, 0, 0, time.FixedZone("", 3600)), "Mar  5 00:02"},
	} {
		if got := lsTime(test.t, now); got != test.want {
			t.Errorf("%s: %q, want %q", test.t, got, test.want)
		}
	}
}

// The reply to STAT is sound whatever the names are.
func TestStatOfOddNames(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	s.write("213 x\n213 End", "")
	c := s.login()
	got := c.do("STAT /", "213-")
	if strings.Count(got, "\r\n") != 2 || !strings.Contains(got, " 213 x?213 End\r\n213 End") {
		t.Errorf("STAT:\n%q", got)
	}
	c.do("NOOP", "200 ")
}
