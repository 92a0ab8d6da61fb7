package listing

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"rsexec/sites"
)

func at(year int, month time.Month, day, hour, minute int) time.Time {
	return time.Date(year, month, day, hour, minute, 0, 0, time.UTC)
}

// TestDateWithoutYear reads dates that are within the last 12 months, a clock
// that is ahead of ours allowed for.
func TestDateWithoutYear(t *testing.T) {
	for _, test := range []struct {
		now  time.Time
		text string
		want time.Time // zero if there is no such day
	}{
		{at(2026, 11, 21, 12, 0), "Nov 21 11:59", at(2026, 11, 21, 11, 59)},
		{at(2026, 11, 21, 12, 0), "Nov 22 12:00", at(2026, 11, 22, 12, 0)},
		{at(2026, 11, 21, 12, 0), "Nov 22 12:01", at(2025, 11, 22, 12, 1)},
		{at(2026, 12, 31, 23, 0), "Jan  1 00:30", at(2027, 1, 1, 0, 30)},
		{at(2026, 1, 1, 0, 30), "Dec 31 23:59", at(2025, 12, 31, 23, 59)},
		{at(2024, 2, 29, 13, 0), "Feb 29 12:00", at(2024, 2, 29, 12, 0)},
		{at(2024, 12, 31, 0, 0), "Feb 29 12:00", at(2024, 2, 29, 12, 0)},
		{at(2025, 1, 31, 0, 0), "Feb 29 12:00", at(2024, 2, 29, 12, 0)},
		{at(2025, 12, 31, 0, 0), "Feb 29 12:00", time.Time{}},
		{at(2024, 1, 31, 0, 0), "Feb 29 12:00", time.Time{}},
		{at(2026, 3, 1, 0, 0), "Feb 29 12:00", time.Time{}},
	} {
		got, unread := readAll("LIST", test.now, "-rw-r--r--   1 user  group     1234 "+test.text+" a")
		if test.want.IsZero() {
			if unread != 1 || len(got) != 0 {
				t.Errorf("%s at %v: %v", test.text, test.now, got)
			}
		} else if len(got) != 1 || !got[0].Modified.Equal(test.want) {
			t.Errorf("%s at %v: %v", test.text, test.now, got)
		}
	}
}

// TestDateOrder reads dates that could be several: the order that reads all
// lines wins, then the one with no files from the future.
func TestDateOrder(t *testing.T) {
	dos := func(day string) string { return day + "  05:47AM               1234 a" }
	as400 := func(day string) string { return "QSYS 77824 " + day + " 10:33:38 *STMF a" }
	for _, test := range []struct {
		lines []string
		want  time.Time // of the first
	}{
		{[]string{dos("04-05-26")}, at(2026, 4, 5, 5, 47)},
		{[]string{dos("04-05-26"), dos("31-05-26")}, at(2026, 5, 4, 5, 47)},
		{[]string{dos("05-12-26")}, at(2026, 5, 12, 5, 47)},
		{[]string{dos("12-05-26")}, at(2026, 5, 12, 5, 47)}, // months first, it would be next month
		{[]string{as400("04/03/18")}, at(2004, 3, 18, 10, 33)},
		{[]string{as400("04/03/18"), as400("12/20/99")}, at(2018, 4, 3, 10, 33)},
		{[]string{as400("04/03/18"), as400("31/12/99")}, at(2018, 3, 4, 10, 33)},
		{[]string{as400("04.03.18")}, at(2018, 3, 4, 10, 33)},
		{[]string{as400("70/01/01")}, at(1970, 1, 1, 10, 33)},
		{[]string{as400("69/01/01"), as400("69/01/13")}, at(2069, 1, 1, 10, 33)},
	} {
		got, unread := readAll("LIST", now, test.lines...)
		if unread > 0 || len(got) != len(test.lines) || !got[0].Modified.Truncate(time.Minute).Equal(test.want) {
			t.Errorf("%q: %v", test.lines, got)
		}
	}
}

// TestChange has listings whose form changes after it was chosen.
func TestChange(t *testing.T) {
	unix := "-rw-r--r--   1 user  group     1234 Nov 20 12:00 unix"
	vms := "VMS.TXT;1    1/16   12-MAR-2005 08:44:57  [SYSTEM]"
	dos := "13-01-26  05:47AM               1234 dos"
	for _, test := range []struct {
		lines  []string
		unread int
		want   string
	}{
		{slices.Concat(slices.Repeat([]string{"what"}, trialLines), []string{unix, dos, unix, vms, dos}), trialLines, "unix dos unix VMS.TXT;1 dos"},
		{slices.Concat(slices.Repeat([]string{""}, trialLines), []string{"LONG_NAME.TXT;2", "  1  2-JUN-1998 07:32", unix, "X.Y;1", unix, "X.Y;1"}), 2, "LONG_NAME.TXT;2 unix unix"},
		{[]string{unix, "what", dos, unix}, 1, "unix dos unix"},
		{slices.Concat([]string{"Name VV.MM Created"}, slices.Repeat([]string{""}, trialLines), []string{"MEMBER", "total 1", "OTHER"}), 0, "MEMBER OTHER"},
	} {
		got, unread := readAll("LIST", now, test.lines...)
		var names []string
		for _, e := range got {
			names = append(names, e.Name)
		}
		if s := strings.Join(names, " "); s != test.want || unread != test.unread {
			t.Errorf("read %q and left %d, want %q and %d", s, unread, test.want, test.unread)
		}
	}
}

func TestUnread(t *testing.T) {
	p := New("LIST", now, func(sites.Entry) bool { return true })
	for i := range 1000 {
		p.Line(fmt.Sprintf("what %d %s", i, strings.Repeat("x", 1000)))
	}
	p.End()
	n, first := p.Unread()
	if n != 1000 || len(first) != maxKept || !strings.HasPrefix(first[0], "what 0 ") || len(first[0]) != keptBytes {
		t.Errorf("%d lines are unread: %q", n, first)
	}
}

// TestEnough stops after each number of entries.
func TestEnough(t *testing.T) {
	const all = 2 * trialLines
	for _, command := range []string{"LIST", "NLST"} {
		for enough := 1; enough <= all; enough++ {
			got := 0
			p := New(command, now, func(sites.Entry) bool { got++; return got < enough })
			more := true
			for i := 0; i < all && more; i++ {
				more = p.Line(fmt.Sprintf("-rw-r--r-- 1 u g 5 Nov 20 12:00 %d", i))
			}
			if more != (enough > all) && p.End() || got != enough || p.Entries() != enough {
				t.Fatalf("%s: %d entries, want %d", command, got, enough)
			}
			if p.Line("x"); got != enough {
				t.Fatalf("%s: an entry after the end", command)
			}
		}
	}
}

// TestMemory reads a million lines and keeps nothing of them.
func TestMemory(t *testing.T) {
	for command, line := range map[string]string{
		"LIST": "-rw-r--r-- 1 u g 5 Nov 20 12:00 %07d", "MLSD": "type=file;size=5; %07d", "NLST": "%07d",
	} {
		p := New(command, now, func(sites.Entry) bool { return true })
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range 1_000_000 {
			p.Line(fmt.Sprintf(line, i))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if p.End(); p.Entries() != 1_000_000 {
			t.Errorf("%s: %d entries", command, p.Entries())
		}
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
			t.Errorf("%s: %d bytes are kept", command, grown)
		}
	}
}

func TestMonths(t *testing.T) {
	seen := make(map[string]int)
	for i, names := range monthNames {
		for name := range strings.FieldsSeq(names) {
			if m, ok := seen[name]; ok {
				t.Errorf("%s is month %d and %d", name, m, i+1)
			}
			seen[name] = i + 1
			if lower(name) != name {
				t.Errorf("%s is not in small letters", name)
			}
		}
	}
}

func BenchmarkLIST(b *testing.B) {
	line := "-rw-r--r--    1 1000     1000         4096 Nov 20 12:00 some-file-name.txt"
	p := New("LIST", now, func(sites.Entry) bool { return true })
	b.ReportAllocs()
	for b.Loop() {
		p.Line(line)
	}
}
