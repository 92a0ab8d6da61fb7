package rsexec

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftptest"
)

func TestParseTime(t *testing.T) {
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	time.Local = time.FixedZone("", -5*3600)
	for typed, want := range map[string]string{
		"2026-11-21T08:00:00Z":      "2026-11-21T08:00:00Z",
		"2026-11-21t08:00:00z":      "2026-11-21T08:00:00Z",
		"2026-11-21T08:00:00.5Z":    "2026-11-21T08:00:00Z",
		"2026-11-21T08:00:00+02:00": "2026-11-21T06:00:00Z",
		"2026-11-21T08:00:00":       "2026-11-21T13:00:00Z",
		"2026-11-21T08:00":          "2026-11-21T13:00:00Z",
		"2026-11-21":                "2026-11-21T05:00:00Z",
		"1969-12-31":                "1969-12-31T05:00:00Z",
		"":                          "",
		"now":                       "",
		"2026-02-30":                "",
		"2026-11-21 08:00":          "",
		"21.11.2026":                "",
		"10000-01-01":               "",
		"9999-12-31T23:00:00-05:00": "", // the year 10000 in UTC
		"0000-01-01T00:00:00Z":      "",
	} {
		at, err := parseTime(typed)
		got := ""
		if err == nil {
			got = at.UTC().Format(time.RFC3339)
		} else if sites.KindOf(err) != sites.Usage {
			t.Errorf("%q: %v", typed, err)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", typed, got, want)
		}
	}
}

// TestTouchMakes has a server that knows no way to set a time: a file is made,
// and the error says so. Somebody else may have made it meanwhile.
func TestTouchMakes(t *testing.T) {
	const made = `
		C: MLST /new
		S: 550 no such file
		C: PASV
		S: 227 Entering Passive Mode ({pasv})
		C: APPE /new
		S: 150 go on
		D< ""
		S: 226 done
	`
	s := ftptest.Play(t, loggedIn+made+made+`
		C: MDTM 20200102030405 /new
		S: 501 how
		C: MDTM /new
		C: MDTM 20200102030405
		S: 213 20261121080000
		S: 550 no such file
		C: SITE UTIME /new *
		S: 500 what
		C: QUIT`)
	x := newShell(t, nil, "SITE1="+s.URL()+"/?max-sessions=1")
	if out, err := x.run(t, "TOUCH SITE1:/new"); err != nil || out != "TOUCH SITE1:/new: made\n" {
		t.Errorf("%q, %v", out, err)
	}
	out, err := x.run(t, "TOUCH SITE1:/new --time=2020-01-02T03:04:05Z")
	if sites.KindOf(err) != sites.Unsupported || !strings.HasSuffix(err.Error(), "501 how; the file itself was made") || out != "" {
		t.Errorf("%q, %v", out, err)
	}
}

// TestTouchIsIndexed holds that the index knows at once what TOUCH made.
func TestTouchIsIndexed(t *testing.T) {
	one, _ := serve(t, map[string]string{"a": "1"})
	two, _ := serve(t, map[string]string{"b": "2"})
	s := newShell(t, func(o *Options) { o.State = filepath.Join(t.TempDir(), "state.db") }, "SITE1="+one, "SITE2="+two)
	s.index.build(t.Context(), s.network.DSK(), s.network.Heard)
	if _, err := s.run(t, "TOUCH SITE2:new ; TOUCH a --time=2020-01-02T03:04:05Z"); err != nil {
		t.Fatal(err)
	}
	commands := 0
	ctx := sites.WithTrace(t.Context(), &sites.Trace{Command: func(string, int, string) { commands++ }})
	res, err := s.resolver.Source(ctx, "new")
	if err != nil || res.Pathname.String() != "SITE2:/new" || commands != 0 {
		t.Errorf("%v, %v, %d commands", res.Pathname, err, commands)
	}
	res, err = s.resolver.Source(ctx, "a")
	if err != nil || commands != 0 || res.Entry.Size != 1 || res.Entry.Modified.Year() != 2020 {
		t.Errorf("%+v, %v, %d commands", res.Entry, err, commands)
	}
}

// TestSeveralPlaces counts the failures of names and of patterns together.
func TestSeveralPlaces(t *testing.T) {
	one, root := serve(t, map[string]string{"a1": "1", "a2": "1", "b": "1"})
	s := newShell(t, nil, "SITE1="+one)
	_, err := s.run(t, "PROTECT nope*, a*, gone, b TO 600")
	if err == nil || err.Error() != "PROTECT: 2 of 4 failed" || Status(err) != StatusSome {
		t.Errorf("%v, status %d", err, Status(err))
	}
	out, err := s.run(t, "DELETE nope*, a*, b")
	if Status(err) != StatusSome || exists(root, "a1") || exists(root, "a2") || exists(root, "b") || strings.Count(out, "DELETE") != 3 {
		t.Errorf("%q, %v", out, err)
	}
}
