package ftp

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rsexec/sites"
	"rsexec/sites/ftptest"
)

// How a server lets the user in.
const (
	// loggedIn is a server with FEAT and MLST.
	loggedIn = `
		S: 220 ready
		C: USER anchor
		S: 331 password
		C: PASS secret
		S: 230 in
		C: FEAT
		C: PWD
		S: 211-Features:
		S:  MLST type*;size*;modify*;
		S:  SIZE
		S: 211 End
		S: 257 "/" is it
		C: TYPE I
		S: 200 ok
	`

	// noFEAT is a server without.
	noFEAT = `
		S: 220 ready
		C: USER anchor
		S: 331 password
		C: PASS secret
		S: 230 in
		C: FEAT
		C: PWD
		S: 500 what
		S: 257 "/" is it
		C: TYPE I
		S: 200 ok
	`

	// again is how the second session begins.
	again = `
		S: 220 ready
		C: USER anchor
		S: 331 password
		C: PASS secret
		S: 230 in
		C: TYPE I
		S: 200 ok
	`

	// in1973 is a server of that time.
	in1973 = `
		S: 300 ready
		C: USER anchor
		S: 330 password
		C: PASS secret
		S: 230 in
		C: TYPE I
		S: 200 ok
	`
)

// site returns the site at a server, with the options of its URL.
func site(t testing.TB, s *ftptest.Server, options string) *Site {
	t.Helper()
	c, err := sites.ParseURL("TEST", s.URL()+"/?"+options)
	if err != nil {
		t.Fatal(err)
	}
	f := New(c, Options{})
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestLogin(t *testing.T) {
	for _, test := range []struct {
		name, script string
		want         sites.Kind // Other for success
		old          bool
		home         string
	}{
		{"331", loggedIn + "C: QUIT", sites.Other, false, "/"},
		{"no FEAT", noFEAT + "C: QUIT", sites.Other, false, "/"},
		{"230 after USER", `
			S: 220 hi
			C: USER anchor
			S: 230 in
			C: FEAT
			C: PWD
			S: 211 none
			S: 257 "/a ""b"" c" is it
			C: TYPE I
			S: 200 ok
			C: QUIT`, sites.Other, false, `/a "b" c`},
		{"120 before 220", `
			S: 120 wait
			S: 220-hi
			S:     230 you
			S: 220 there
			C: USER anchor
			S: 230 in
			C: FEAT
			C: PWD
			S: 502 none
			S: 502 none
			C: TYPE I
			S: 200 ok
			C: QUIT`, sites.Other, false, ""},
		{"UTF8", `
			S: 220 hi
			C: USER anchor
			S: 230 in
			C: FEAT
			C: PWD
			S: 211-Features
			S:  utf8
			S: 211 End
			S: 257 "/"
			C: TYPE I
			C: OPTS UTF8 ON
			S: 200 ok
			S: 501 always
			C: QUIT`, sites.Other, false, "/"},
		{"1973", in1973 + "C: QUIT", sites.Other, true, ""},
		{"1973 behind 220", strings.Replace(in1973, "300", "220", 1) + "C: QUIT", sites.Other, true, ""},
		{"1973, no password", "S: 300 hi\nC: USER anchor\nS: 230 in\nC: TYPE I\nS: 200 ok\nC: QUIT", sites.Other, true, ""},

		{"wrong password", "S: 220 hi\nC: USER anchor\nS: 331 who\nC: PASS secret\nS: 530 no\nC: QUIT", sites.Login, false, ""},
		{"wrong user", "S: 220 hi\nC: USER anchor\nS: 530 no\nC: QUIT", sites.Login, false, ""},
		{"user refused", "S: 220 hi\nC: USER anchor\nS: 501 no\nC: QUIT", sites.Login, false, ""},
		{"wrong password, 1973", "S: 300 hi\nC: USER anchor\nS: 330 who\nC: PASS secret\nS: 431 no\nC: QUIT", sites.Login, false, ""},
		{"full", "S: 220 hi\nC: USER anchor\nS: 331 who\nC: PASS secret\nS: 530 Sorry, the maximum number of clients\nC: QUIT", sites.Busy, false, ""},
		{"full at USER", "S: 220 hi\nC: USER anchor\nS: 530 Too many users\nC: QUIT", sites.Busy, false, ""},
		{"full at once", "S: 530 Too many connections\nC: QUIT", sites.Busy, false, ""},
		{"wrong password once too often", "S: 220 hi\nC: USER anchor\nS: 331 who\nC: PASS secret\nS: 530 Too many login attempts\nC: QUIT", sites.Login, false, ""},
		{"account at USER", "S: 220 hi\nC: USER anchor\nS: 332 account\nC: QUIT", sites.Unsupported, false, ""},
		{"account at PASS", "S: 220 hi\nC: USER anchor\nS: 331 who\nC: PASS secret\nS: 332 account\nC: QUIT", sites.Unsupported, false, ""},
		{"421 at once", "S: 421 full\nX", sites.Busy, false, ""},
		{"421 at PASS", "S: 220 hi\nC: USER anchor\nS: 331 who\nC: PASS secret\nS: 421 enough\nX", sites.Busy, false, ""},
		{"120 and no more", "S: 120 wait\nX", sites.Unreachable, false, ""},
		{"refused", "S: 554 no\nC: QUIT", sites.Refused, false, ""},
		{"no greeting", "W", sites.Unreachable, false, ""},
		{"another protocol", "S! \"SSH-2.0-OpenSSH\\r\\n\"\nW", sites.Protocol, false, ""},
		{"no TYPE I", strings.Replace(noFEAT, "S: 200 ok", "S: 504 no", 1) + "C: QUIT", sites.Refused, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := site(t, ftptest.Play(t, test.script), "timeout=1s")
			home, err := f.Home(within(t, patience))
			if test.want != sites.Other {
				checkKind(t, "logging in", err, test.want)
				var e *sites.Error
				if errors.As(err, &e) && e.Site != "TEST" {
					t.Errorf("the error is of site %q", e.Site)
				}
				return
			}
			if err != nil || home != test.home || f.Old() != test.old {
				t.Errorf("home %q, old %v, %v; want %q, %v", home, f.Old(), err, test.home, test.old)
			}
			if _, err := f.Home(within(t, patience)); err != nil { // asks nothing again
				t.Error(err)
			}
		})
	}
}

func TestLoginCancelled(t *testing.T) {
	t.Parallel()
	s := ftptest.Play(t, "S: 220 hi\nC: AUTH TLS\nW")
	f := site(t, s, "")
	ctx, stop := context.WithCancel(t.Context())
	ctx = sites.WithTrace(ctx, &sites.Trace{Command: func(string, int, string) { stop() }})
	_, err := f.Home(ctx)
	checkKind(t, "logging in", err, sites.Cancelled)
}

func TestPasswordIsAsked(t *testing.T) {
	t.Parallel()
	s := ftptest.Play(t, strings.Replace(loggedIn, "PASS secret", "PASS told", 1)+"C: QUIT")
	c, err := sites.ParseURL("TEST", "ftp://anchor@"+s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	f := New(c, Options{Password: func(_ context.Context, c sites.Config) (string, error) { return "told", nil }})
	if err := f.Meet(within(t, patience)); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	sorry := errors.New("nobody there")
	f = New(c, Options{Password: func(context.Context, sites.Config) (string, error) { return "", sorry }})
	if err := f.Meet(within(t, patience)); !errors.Is(err, sorry) {
		t.Errorf("without a password: %v", err)
	}
}

func TestParseFeatures(t *testing.T) {
	for _, test := range []struct {
		lines []string
		want  map[string]string
	}{
		{[]string{"no features"}, map[string]string{}},
		{[]string{"Features", "End"}, map[string]string{}},
		{[]string{"Features", " size", " MLST type*;size*;", "MDTM", "", " REST STREAM ", "End"},
			map[string]string{"SIZE": "", "MLST": "type*;size*;", "MDTM": "", "REST": "STREAM"}},
		{[]string{"Features", " SITE COPY", " site chmod a b", " SITE", "End"},
			map[string]string{"SITE COPY": "", "SITE CHMOD": "a b", "SITE": ""}},
	} {
		if d := cmp.Diff(test.want, parseFeatures(Reply{211, test.lines})); d != "" {
			t.Errorf("%q: %s", test.lines, d)
		}
	}
}

func TestQuotedPath(t *testing.T) {
	for text, want := range map[string]string{
		`"/a" is it`: "/a", `"/a ""b""" is it`: `/a "b"`, `""""`: `"`, `""`: "", `the directory is "/x" or "/y"`: "/x",
		`/a`: "", `"/a`: "", `"/a""`: "", ``: "",
	} {
		if got := quotedPath(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestKnows has servers with and without FEAT answer for the verbs they know.
func TestKnows(t *testing.T) {
	for _, test := range []struct {
		name     string
		features map[string]string
		want     map[string]Knowledge
	}{
		{"no FEAT", nil, map[string]Knowledge{"MLST": Maybe, "LSTN": Maybe, "PASV": Maybe, "SIZE": Maybe, "SITE CPFR": Maybe}},
		{"FEAT", map[string]string{"MLST": "", "SIZE": ""},
			map[string]Knowledge{"MLST": Yes, "MLSD": Yes, "SIZE": Yes, "MDTM": Maybe, "EPSV": Maybe, "PASV": Maybe, "LSTN": No, "SOCK": No, "HASH": No, "SITE CPFR": No, "SITE CPTO": No, "SITE CHMOD": Maybe}},
		{"FEAT with services", map[string]string{"SITE COPY": "", "SITE UTIME": ""},
			map[string]Knowledge{"SITE CPFR": Yes, "SITE CPTO": Yes, "SITE UTIME": Yes, "SITE CHMOD": Maybe}},
		{"empty FEAT", map[string]string{}, map[string]Knowledge{"MLST": No, "MLSD": No, "EPSV": Maybe, "REST": Maybe, "LSTN": No}},
	} {
		f := New(sites.Config{MaxSessions: 1}, Options{})
		f.features = test.features
		for verb, want := range test.want {
			if got := f.Knows(verb); got != want {
				t.Errorf("%s: %s is known %d, want %d", test.name, verb, got, want)
			}
		}
		s := &Session{site: f}
		s.Heard("MDTM", &sites.Error{Kind: sites.Unsupported, Code: 500})
		s.Heard("EPSV", &sites.Error{Kind: sites.Refused, Code: 425})
		s.Heard("PASV", &sites.Error{Kind: sites.Unsupported}) // our own conclusion
		s.Heard("LSTN", nil)
		for verb, want := range map[string]Knowledge{"MDTM": No, "EPSV": Maybe, "PASV": Maybe, "LSTN": Yes} {
			if got := f.Knows(verb); got != want {
				t.Errorf("%s: by experience %s is known %d, want %d", test.name, verb, got, want)
			}
		}
	}
}

// TestJudge has servers answer services of SITE in their ways.
func TestJudge(t *testing.T) {
	for _, test := range []struct {
		verb, reply string
		want        sites.Kind // Other is accepted
		knows       Knowledge
	}{
		{"SITE CPFR", "350 exists", sites.Other, Yes},
		{"SITE CPFR", "200 all that SITE is told is fine", sites.Unsupported, No},
		{"SITE CPFR", "202 superfluous", sites.Unsupported, No},
		{"SITE CPFR", "500 what", sites.Unsupported, No},
		{"SITE CPFR", "504 what", sites.Unsupported, No},
		{"SITE CPFR", "550 no such file", sites.NotFound, Maybe},
		{"SITE CPTO", "250 copied", sites.Other, Yes},
		{"SITE CPTO", "202 superfluous", sites.Unsupported, No},
		{"SITE CPTO", "503 CPFR first", sites.Refused, Maybe},
	} {
		t.Run(test.verb+" "+test.reply, func(t *testing.T) {
			t.Parallel()
			f := site(t, ftptest.Play(t, noFEAT+"C: "+test.verb+" /a\nS: "+test.reply+"\nC: QUIT"), "")
			ctx := within(t, patience)
			err := f.with(ctx, func(s *Session) error {
				x, err := s.Do(ctx, test.verb+" /a")
				if err != nil {
					t.Fatal(err)
				}
				return s.Judge(test.verb, x)
			})
			var e *sites.Error
			if accepted := test.want == sites.Other; accepted != (err == nil) || !accepted && (!errors.As(err, &e) || e.Kind != test.want) {
				t.Errorf("the error is %v", err)
			}
			if got := f.Knows(test.verb); got != test.knows {
				t.Errorf("it is known %d, want %d", got, test.knows)
			}
		})
	}
}

// TestStatTries has a server without MLST and MDTM: each is asked for once.
func TestStatTries(t *testing.T) {
	t.Parallel()
	f := site(t, ftptest.Play(t, noFEAT+`
		C: MLST /a
		S: 500 what
		C: SIZE /a
		S: 213 12
		C: MDTM /a
		S: 502 no
		C: SIZE /b
		S: 213 13
		C: SIZE /d
		S: 550 not a plain file
		C: CWD /d
		S: 250 in
		C: SIZE /gone
		S: 550 Could not get file size.
		C: CWD /gone
		S: 550 Failed to change directory.
		C: SIZE /locked
		S: 550 Permission denied
		C: CWD /locked
		S: 550 Permission denied
		C: QUIT
	`), "")
	for _, test := range []struct {
		path string
		want sites.Entry
		kind sites.Kind
	}{
		{"/a", sites.Entry{Name: "a", Type: sites.File, Size: 12}, 0},
		{"/b", sites.Entry{Name: "b", Type: sites.File, Size: 13}, 0},
		{"/d", sites.Entry{Name: "d", Type: sites.Directory, Size: -1}, 0},
		{"/gone", sites.Entry{}, sites.NotFound},
		{"/locked", sites.Entry{}, sites.Permission},
	} {
		got, err := f.Stat(within(t, patience), test.path)
		if d := cmp.Diff(test.want, got); d != "" || sites.KindOf(err) != test.kind {
			t.Errorf("%s: %v %s", test.path, err, d)
		}
	}
}

func TestStatMLST(t *testing.T) {
	t.Parallel()
	f := site(t, ftptest.Play(t, loggedIn+`
		C: MLST /d/a b
		S: 250-Listing
		S:  Type=file;Size=12;Modify=20261120120000; /d/a b
		S: 250 End
		C: MLST /d/
		S: 250-Listing
		S: 250-type=dir; d
		S: 250 End
		C: MLST /gone
		S: 550 No such file
		C: MLST /odd
		S: 250 fine
		C: QUIT
	`), "")
	got, err := f.Stat(within(t, patience), "/d/a b")
	if d := cmp.Diff(sites.Entry{Name: "a b", Type: sites.File, Size: 12, Modified: at(2026, 11, 20, 12, 0)}, got); d != "" || err != nil {
		t.Errorf("a file: %v %s", err, d)
	}
	got, err = f.Stat(within(t, patience), "/d/")
	if d := cmp.Diff(sites.Entry{Name: "d", Type: sites.Directory, Size: -1}, got); d != "" || err != nil {
		t.Errorf("a directory: %v %s", err, d)
	}
	_, err = f.Stat(within(t, patience), "/gone")
	checkKind(t, "a missing file", err, sites.NotFound)
	_, err = f.Stat(within(t, patience), "/odd")
	checkKind(t, "a reply without facts", err, sites.Protocol)
}

// TestStat1973 looks for a name in its directory; the commands that are unknown
// are tried once.
func TestStat1973(t *testing.T) {
	t.Parallel()
	const listing = `
		C: LSTN S
		S: 255 SOCK {port}
		C: NLST d
		S: 250 started
		D> "a\r\nd/b\r\n"
		DX
		S: 252 completed
	`
	f := site(t, ftptest.Play(t, in1973+"C: MLST d/b\nS: 500 what\nC: SIZE d/b\nS: 400 no\n"+listing+listing+`
		C: LSTN S
		S: 255 SOCK {port}
		C: NLST e
		S: 450 no such directory
		C: QUIT
	`), "")
	got, err := f.Stat(within(t, patience), "d/b")
	if d := cmp.Diff(sites.Entry{Name: "b", Size: -1}, got); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	_, err = f.Stat(within(t, patience), "d/c")
	checkKind(t, "a missing file", err, sites.NotFound)
	_, err = f.Stat(within(t, patience), "e/c")
	checkKind(t, "a missing directory", err, sites.NotFound)
}

// TestHomelessCWD holds that a session which has entered a directory of a site
// without a known home is not used for relative paths afterwards.
func TestHomelessCWD(t *testing.T) {
	t.Parallel()
	f := site(t, ftptest.Play(t, strings.Replace(noFEAT, `S: 257 "/" is it`, "S: 500 what", 1)+`
		C: MLST /d
		S: 500 what
		C: SIZE /d
		S: 550 not a plain file
		C: CWD /d
		S: 250 in
		C: QUIT
	`, again+`
		C: DELE a
		S: 250 done
		C: QUIT
	`), "")
	if e, err := f.Stat(within(t, patience), "/d"); err != nil || e.Type != sites.Directory {
		t.Errorf("%v, %v", e, err)
	}
	if err := f.Delete(within(t, patience), "a"); err != nil {
		t.Error(err)
	}
}

func TestFileCommands(t *testing.T) {
	t.Parallel()
	f := site(t, ftptest.Play(t, loggedIn+`
		C: RNFR /a
		S: 350 go on
		C: RNTO /b
		S: 250 done
		C: RNFR /gone
		S: 550 No such file
		C: RNFR /a
		S: 350 go on
		C: RNTO /d/b
		S: 553 no
		C: DELE /a b
		S: 250 done
		C: MKD /d
		S: 257 "/d" made
		C: RMD /d
		S: 550 Directory not empty
		C: QUIT
	`), "")
	ctx := within(t, patience)
	if err := f.Rename(ctx, "/a", "/b"); err != nil {
		t.Error(err)
	}
	for _, test := range []struct {
		what string
		err  error
		kind sites.Kind
		path string
	}{
		{"rename a missing file", f.Rename(ctx, "/gone", "/b"), sites.NotFound, "/gone"},
		{"rename to where it may not be", f.Rename(ctx, "/a", "/d/b"), sites.Permission, "/d/b"},
		{"delete what cannot be written", f.Delete(ctx, "/a\r\nDELE /b"), sites.Usage, "/a\r\nDELE /b"},
		{"delete", f.Delete(ctx, "/a b"), 0, ""},
		{"make a directory", f.MakeDirectory(ctx, "/d"), 0, ""},
		{"remove a full directory", f.RemoveDirectory(ctx, "/d"), sites.Refused, "/d"},
	} {
		var e *sites.Error
		if sites.KindOf(test.err) != test.kind || errors.As(test.err, &e) && e.Path != test.path || test.kind == 0 && test.err != nil {
			t.Errorf("%s: %v, want kind %v of %q", test.what, test.err, test.kind, test.path)
		}
	}
}

// TestAddress holds that a server cannot have another one send its data
// anywhere else.
func TestAddress(t *testing.T) {
	s := ftptest.Play(t, "S: 220 hi\nC: USER anchor\nS: 230 in\nC: FEAT\nC: PWD\nS: 500 no\nS: 500 no\nC: TYPE I\nS: 200 ok\nC: QUIT")
	f := site(t, s, "")
	taken, err := f.Take(within(t, patience), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Put(taken[0])
	host := strings.ReplaceAll(s.Host, ".", ",")
	for _, test := range []struct {
		verb, text, dataHost, want string
		kind                       sites.Kind
	}{
		{"PASV", "(" + host + ",4,1)", "", host + ",4,1", 0},
		{"PASV", "(0,0,0,0,4,1)", "", host + ",4,1", 0},
		{"PASV", "(10,0,0,1,4,1)", "", "", sites.Refused},
		{"PASV", "(10,0,0,1,4,1)", "192.0.2.1", "192,0,2,1,4,1", 0},
		{"PASV", "(10,0,0,1,4,1)", "2001:db8::1", "", sites.Refused},
		{"PASV", "what", "", "", sites.Protocol},
		{"EPSV", "(|||7|)", "", "7", 0},
		{"EPSV", "what", "", "", sites.Protocol},
		{"LSTN", "SOCK 7", "", "7", 0},
		{"SOCK", "SOCK x", "", "", sites.Protocol},
	} {
		f.config.DataHost = netip.Addr{}
		if test.dataHost != "" {
			f.config.DataHost = netip.MustParseAddr(test.dataHost)
		}
		got, err := taken[0].Address(test.verb, Reply{227, []string{test.text}})
		if sites.KindOf(err) != test.kind || test.kind == 0 && (err != nil || got != test.want) {
			t.Errorf("%s %s: %s, %v; want %s", test.verb, test.text, got, err, test.want)
		}
	}
}
