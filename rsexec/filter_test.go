package rsexec

import (
	"context"
	"strings"
	"testing"
	"time"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

func TestFilterBounds(t *testing.T) {
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	for typed, want := range map[string]string{
		"30d":                       "2026-10-22T08:00:00Z",
		"12h":                       "2026-11-20T20:00:00Z",
		"90M":                       "2026-11-21T06:30:00Z",
		"45s":                       "2026-11-21T07:59:15Z",
		"0d":                        "2026-11-21T08:00:00Z",
		"2026-11-01T08:00:00+01:00": "2026-11-01T07:00:00Z",
		"":                          "",
		"d":                         "",
		"30":                        "",
		"-1d":                       "",
		"1.5d":                      "",
		"1w":                        "",
		"1d12h":                     "",
		"yesterday":                 "",
	} {
		got := ""
		if at, ok := boundInTime(typed, now); ok {
			got = at.UTC().Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", typed, got, want)
		}
	}
	if at, ok := boundInTime("4000000000000d", now); !ok || at.Year() > 1800 {
		t.Errorf("an age beyond all files leads to %v, %v", at, ok)
	}
	for typed, want := range map[string]int64{
		"0": 0, "1": 1, "10k": 10 << 10, "3M": 3 << 20, "2g": 2 << 30, "1T": 1 << 40, "9223372036854775807": 1<<63 - 1, "8388607T": 8388607 << 40,
		"": -1, "k": -1, "-1": -1, "+1": -1, "1.5M": -1, "1kB": -1, "1P": -1, "9223372036854775808": -1, "8388608T": -1, "many": -1,
	} {
		if got, ok := parseSize(typed); ok != (want >= 0) || ok && got != want {
			t.Errorf("%q is %d, %v, want %d", typed, got, ok, want)
		}
	}
}

// TestFilterTakes holds what each option leaves, and that nothing is assumed of
// what a site does not tell.
func TestFilterTakes(t *testing.T) {
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	entries := map[string]sites.Entry{
		"old":     {Type: sites.File, Size: 10, Modified: now.Add(-48 * time.Hour)},
		"exact":   {Type: sites.File, Size: 1024, Modified: now.Add(-24 * time.Hour)},
		"new":     {Type: sites.File, Size: 5000, Modified: now.Add(-time.Hour)},
		"dir":     {Type: sites.Directory, Size: 4096, Modified: now.Add(-48 * time.Hour)},
		"link":    {Type: sites.Link, Size: 4096, Modified: now.Add(-48 * time.Hour)},
		"undated": {Type: sites.File, Size: 10},
		"unsized": {Type: sites.File, Size: -1, Modified: now.Add(-48 * time.Hour)},
		"name":    {Size: -1},
	}
	all := []string{"old", "exact", "new", "dir", "link", "undated", "unsized", "name"}
	for options, want := range map[string]string{
		"":                                  "old exact new dir link undated unsized name",
		"--type=file":                       "old exact new undated unsized",
		"--type=link":                       "link",
		"--older=1d":                        "old dir link unsized",
		"--newer=1d":                        "new",
		"--older=2h --newer=36h":            "exact",
		"--older=2026-11-20T09:00:00Z":      "old exact dir link unsized",
		"--larger=1k":                       "new",
		"--smaller=1k":                      "old undated",
		"--smaller=1025 --larger=1023":      "exact",
		"--type=file --older=1d":            "old unsized",
		"--type=dir --larger=0":             "",
		"--larger=0 --older=0s --type=file": "old exact new",
	} {
		list, err := grammar.Parse("", "FIND x "+options)
		if err != nil {
			t.Fatal(err)
		}
		f, err := filterOf(list[0], now)
		if err != nil {
			t.Errorf("%s: %v", options, err)
		}
		var got []string
		for _, name := range all {
			if f.takesEntry(entries[name]) {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s leaves %q, want %s", options, got, want)
		}
	}
	for options, want := range map[string]string{
		"--older=soon":             "FIND: --older=soon cannot be read; write an age such as 30d, 12h, 90m or 45s, or a time such as 2026-11-21 or 2026-11-21T08:00:00Z",
		"--newer='1 d'":            `FIND: --newer="1 d" cannot be read; write an age`,
		"--larger=big":             "FIND: --larger=big cannot be read; write a number of bytes, or one with k, M, G or T",
		"--smaller=1 --larger=1.5": "FIND: --larger=1.5 cannot be read",
	} {
		list, err := grammar.Parse("", "FIND x "+options)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := filterOf(list[0], now); sites.KindOf(err) != sites.Usage || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", options, err, want)
		}
	}
}

// namesOnly is a site whose listings have names only, and which tells the rest
// when it is asked.
type namesOnly struct {
	sites.Site
	entry sites.Entry
	err   error
	asked int
}

func (s *namesOnly) Stat(context.Context, string) (sites.Entry, error) {
	s.asked++
	return s.entry, s.err
}

// TestFilterAsks holds that a filter, and only that, asks for what a listing did
// not tell.
func TestFilterAsks(t *testing.T) {
	now := time.Now()
	old := sites.Entry{Type: sites.File, Size: 7, Modified: now.Add(-time.Hour)}
	unknown := sites.Entry{Size: -1}
	for _, c := range []struct {
		filter       filter
		listed, told sites.Entry
		err          error
		asked        int
		takes        bool
		entry        sites.Entry // that is there then
	}{
		{filter{larger: -1, smaller: -1}, unknown, old, nil, 0, true, unknown},
		{filter{given: true, older: now, larger: -1, smaller: -1}, unknown, old, nil, 1, true, old},
		{filter{given: true, older: now, larger: -1, smaller: -1}, old, unknown, nil, 0, true, old},
		{filter{given: true, older: now, larger: -1, smaller: -1}, unknown, unknown, nil, 1, false, unknown},
		{filter{given: true, smaller: 10, larger: -1}, unknown, old, &sites.Error{Kind: sites.NotFound}, 1, false, unknown},
	} {
		site := &namesOnly{entry: c.told, err: c.err}
		p := resolver.Place{Site: site, Pathname: sites.Pathname{Site: "SITE1", Path: "/f"}, Entry: c.listed}
		if takes := c.filter.takes(t.Context(), &p); takes != c.takes || site.asked != c.asked || p.Entry != c.entry {
			t.Errorf("%+v takes %v after %d questions, and has %+v; want %+v", c.filter, takes, site.asked, p.Entry, c)
		}
	}
}
