package ftp

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
)

// sent collects the verbs of the commands that are sent under a context, and of
// SITE the service.
type sent struct {
	mu    sync.Mutex
	verbs []string
}

func (s *sent) under(ctx context.Context) context.Context {
	return sites.WithTrace(ctx, &sites.Trace{Command: func(_ string, _ int, line string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		words := strings.Fields(line)
		if words[0] == "SITE" {
			words[0] += " " + words[1]
		}
		s.verbs = append(s.verbs, words[0])
	}})
}

// take returns what was collected since the last take.
func (s *sent) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	verbs := s.verbs
	s.verbs = nil
	return verbs
}

// TestChangesAtPeers sets modes and times at each server, and makes empty files,
// by the way that each knows; or is refused where a server has none.
func TestChangesAtPeers(t *testing.T) {
	for _, p := range peers() {
		test := map[string]struct {
			ways   []string    // what is sent to set a time
			again  []string    // likewise for the next file: what was learned is remembered
			kind   sites.Kind  // of the refusal; Other is none
			setuid fs.FileMode // what 4755 comes to; 0 is a refusal
		}{
			"vsftpd":         {[]string{"MDTM", "MDTM"}, []string{"MDTM"}, sites.Other, 0o755},
			"proftpd":        {[]string{"MFMT"}, []string{"MFMT"}, sites.Other, 0o755 | fs.ModeSetuid},
			"pure-ftpd":      {[]string{"MFMT"}, []string{"MFMT"}, sites.Other, 0o755 | fs.ModeSetuid},
			"pyftpdlib":      {[]string{"MFMT"}, []string{"MFMT"}, sites.Other, 0o755 | fs.ModeSetuid},
			"inetutils-ftpd": {[]string{"MDTM", "MDTM", "MDTM", "SITE UTIME"}, nil, sites.Unsupported, 0},
			"ftpd":           {[]string{"MFMT"}, []string{"MFMT"}, sites.Other, 0},
			"ftpd over IPv6": {[]string{"MFMT"}, []string{"MFMT"}, sites.Other, 0},
		}[p.name]
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := p.start(t)
			f := site(t, s, "timeout=3s")
			ctx := within(t, 2*patience)
			if err := f.Meet(ctx); err != nil {
				t.Fatal(err)
			}
			var commands sent
			counted := commands.under(ctx)
			stamp := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
			for i, name := range []string{"f", "a b", "20190101000000 x"} {
				// No bytes appended make a file, and leave one that is there as it is.
				if err := store(ctx, f, "/"+name, "", sites.Append); err != nil {
					t.Fatal(err)
				}
				checkDisk(t, filepath.Join(s.Root, name), "")
				if err := store(ctx, f, "/"+name, "abc", sites.Append); err != nil {
					t.Fatal(err)
				}
				if err := store(ctx, f, "/"+name, "", sites.Append); err != nil {
					t.Fatal(err)
				}
				checkDisk(t, filepath.Join(s.Root, name), "abc")

				commands.take()
				err := f.SetModified(counted, "/"+name, stamp)
				ways := test.again
				if i == 0 {
					ways = test.ways
				}
				if got := commands.take(); !slices.Equal(got, ways) {
					t.Errorf("%q: sent %q, want %q", name, got, ways)
				}
				info, gone := os.Stat(filepath.Join(s.Root, name))
				switch {
				case gone != nil:
					t.Fatal(gone)
				case test.kind != sites.Other:
					checkKind(t, "setting a time", err, test.kind)
					if e := err.(*sites.Error); e.Msg != "the server knows no MFMT, no MDTM with a time and no SITE UTIME" {
						t.Errorf("the error is %v", err)
					}
					if time.Since(info.ModTime()) > time.Hour {
						t.Errorf("%q was modified at %v", name, info.ModTime())
					}
				case err != nil || !info.ModTime().Equal(stamp):
					t.Errorf("%q was modified at %v, %v", name, info.ModTime(), err)
				}

				if err := f.Protect(ctx, "/"+name, 0o640); err != nil {
					t.Error(err)
				}
				checkMode(t, s, name, 0o640)
				if err := f.Protect(ctx, "/"+name, 0o604); err != nil {
					t.Error(err)
				}
				checkMode(t, s, name, 0o604)
			}
			switch err := f.Protect(ctx, "/f", 0o755|fs.ModeSetuid); {
			case test.setuid == 0:
				checkKind(t, "setuid", err, sites.Refused)
				checkMode(t, s, "f", 0o604)
			case err != nil:
				t.Error(err)
			default:
				checkMode(t, s, "f", test.setuid)
			}
			checkKind(t, "protecting a missing file", f.Protect(ctx, "/gone", 0o644), sites.NotFound)
			gone := sites.NotFound
			if test.kind == sites.Unsupported {
				gone = sites.Unsupported // it is not even asked
			}
			checkKind(t, "setting the time of a missing file", f.SetModified(ctx, "/gone", stamp), gone)
			checkGone(t, filepath.Join(s.Root, "gone"))
			if err := f.Protect(ctx, "/f", 0o644); err != nil { // it is still known
				t.Error(err)
			}
		})
	}
}

func checkMode(t *testing.T, s *ftptest.Server, name string, want fs.FileMode) {
	t.Helper()
	if info, err := os.Stat(filepath.Join(s.Root, name)); err != nil || info.Mode() != want {
		t.Errorf("%q has mode %v, %v; want %v", name, info.Mode(), err, want)
	}
}

// TestUTIME sets a time at a server that knows SITE UTIME, as if it knew no MFMT.
func TestUTIME(t *testing.T) {
	t.Parallel()
	s := ftptest.Start(t, ftptest.PureFTPd, ftptest.Options{})
	f := site(t, s, "timeout=3s")
	ctx := within(t, patience)
	if err := store(ctx, f, "/a b", "x", sites.Replace); err != nil {
		t.Fatal(err)
	}
	f.setKnown("MFMT", No)
	stamp := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := f.SetModified(ctx, "/a b", stamp); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(s.Root, "a b")); err != nil || !info.ModTime().Equal(stamp) {
		t.Errorf("modified at %v, %v", info.ModTime(), err)
	}
	checkKind(t, "setting the time of a missing file", f.SetModified(ctx, "/gone", stamp), sites.NotFound)
}

// TestSetModified has servers that take the ways to set a time otherwise than
// the servers above.
func TestSetModified(t *testing.T) {
	const gone = "S: 550 no such file or directory\n"
	const asName = gone + "C: MDTM /f\nC: MDTM 20200102030405\nS: 213 20261121080000\n" + gone
	const exists = "C: MLST /f\nS: 250-it\nS:  type=file; /f\nS: 250 is\n"
	for _, test := range []struct {
		name, script string
		want         sites.Kind // Other for success
		msg          string     // a part of the error
	}{
		{"not allowed", "C: MFMT 20200102030405 /f\nS: 550 permission denied\n" + exists, sites.Permission, "550 permission denied"},
		{"not allowed, it says no more", "C: MFMT 20200102030405 /f\nS: 550 failed\n" + exists, sites.Permission, "550 failed"},
		{"MDTM takes the time", "C: MFMT *\nS: 500 what\nC: MDTM 20200102030405 /f\nS: 253 set\nC: MDTM /f\nS: 213 20200102030405.123\n", sites.Other, ""},
		{"MDTM finds such a file", `
			C: MFMT *
			S: 500 what
			C: MDTM 20200102030405 /f
			S: 213 20200102030405
			C: MDTM /f
			S: 213 20261121080000
			C: SITE UTIME /f 20200102030405 20200102030405 20200102030405 UTC
			S: 500 what
			`, sites.Unsupported, "no MFMT, no MDTM with a time and no SITE UTIME"},
		{"the short UTIME", `
			C: MFMT *
			S: 502 what
			C: MDTM *
			` + asName + `
			C: SITE UTIME /f *
			S: 501 how
			C: SITE UTIME 20200102030405 /f
			S: 200 ok
			C: MDTM /f
			S: 213 20200102030405
			`, sites.Other, ""},
		{"UTIME in local time", `
			C: MFMT *
			S: 502 what
			C: MDTM *
			` + asName + `
			C: SITE UTIME /f *
			S: 200 ok
			C: MDTM /f
			S: 213 20200102020405
			`, sites.Conflict, "now tells 2020-01-02T02:04:05Z"},
		{"UTIME and no MDTM", `
			C: MFMT *
			S: 502 what
			C: MDTM *
			S: 502 what
			C: SITE UTIME /f *
			S: 200 ok
			C: MDTM /f
			S: 502 what
			`, sites.Other, ""},
		{"superfluous", `
			C: MFMT *
			S: 502 what
			C: MDTM *
			S: 502 what
			C: SITE UTIME /f *
			S: 202 superfluous
			`, sites.Unsupported, "refused MDTM with a time: the server said 502 what"},
		{"not there", `
			C: MFMT *
			S: 502 what
			C: MDTM *
			` + gone + "C: MDTM /f\nC: MDTM 20200102030405\n" + gone + gone + `
			C: SITE UTIME /f *
			S: 504 what
			C: MLST /f
			` + gone, sites.NotFound, ""},
		{"lost in doubt", "C: MFMT *\nS: 502 what\nC: MDTM *\n" + gone + "C: MDTM /f\nC: MDTM 20200102030405\nX\n", sites.Unreachable, ""},
		{"lost", "C: MFMT *\nS: 502 what\nC: MDTM *\nX\n", sites.Unreachable, ""},
		{"lost after the time", "C: MFMT *\nS: 502 what\nC: MDTM *\nS: 213 ok\nC: MDTM /f\nX\n", sites.Unreachable, ""},
		{"busy", "C: MFMT *\nS: 502 what\nC: MDTM *\nS: 450 busy\n", sites.Busy, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			script := strings.Replace(loggedIn, "SIZE\n", "SIZE\n\t\tS:  MFMT\n", 1) + test.script
			if test.want != sites.Unreachable {
				script += "C: QUIT"
			}
			f := site(t, ftptest.Play(t, script), "timeout=2s")
			err := f.SetModified(within(t, patience), "/f", time.Date(2020, 1, 2, 4, 4, 5, 999, time.FixedZone("", 3600)))
			if test.want == sites.Other {
				if err != nil {
					t.Error(err)
				}
				return
			}
			checkKind(t, "setting the time", err, test.want)
			var e *sites.Error
			if errors.As(err, &e) && (e.Site != "TEST" || !strings.Contains(err.Error(), test.msg)) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// TestSetModifiedAgain has servers that are to set the times of two files, and
// what they are sent for the second.
func TestSetModifiedAgain(t *testing.T) {
	const (
		noMFMT = "C: MFMT *\nS: 502 what\n"
		noMDTM = "C: MDTM *\nS: 502 what\n"
		noSITE = "C: SITE UTIME *\nS: 500 what\n"
		doubt  = "C: MDTM /f\nC: MDTM 20200102030405\nS: 213 20261121080000\n"
		check  = "C: MDTM /f\nS: 213 20200102030405\n"
		stat   = "C: MLST /f\nS: 250-it\nS:  type=file; /f\nS: 250 is\n"
	)
	for _, test := range []struct {
		name          string
		first, second string     // what is sent, and answered
		kind          sites.Kind // of the second's error; Other for none
	}{
		{"MFMT", "C: MFMT *\nS: 213 ok\n", "C: MFMT *\nS: 213 ok\n", sites.Other},
		{"MDTM is checked once", noMFMT + "C: MDTM 20200102030405 /f\nS: 213 ok\n" + check, "C: MDTM 20200102030405 /f\nS: 213 ok\n", sites.Other},
		{"MDTM was accepted, so a refusal is the file's", noMFMT + "C: MDTM *\nS: 213 ok\n" + check,
			"C: MDTM 20200102030405 /f\nS: 550 not yours\n" + stat, sites.Permission},
		{"MDTM could not be checked", noMFMT + "C: MDTM *\nS: 213 ok\nC: MDTM /f\nS: 450 busy\n",
			"C: MDTM 20200102030405 /f\nS: 213 ok\n" + check, sites.Other},
		{"two seconds apart", noMFMT + "C: MDTM *\nS: 213 ok\nC: MDTM /f\nS: 213 20200102030404\n", "C: MDTM 20200102030405 /f\nS: 213 ok\n", sites.Other},
		{"no such name", noMFMT + "C: MDTM *\nS: 550 20200102030405 /f: no such file\n" + doubt + "S: 550 20200102030405: no such file\n" + noSITE, "", sites.Unsupported},
		{"no such name, in no words", noMFMT + "C: MDTM *\nS: 550 MDTM failed\n" + doubt + "S: 550 MDTM failed\n" + noSITE, "", sites.Unsupported},
		{"no such form", noMFMT + "C: MDTM *\nS: 501 how\n" + doubt + "S: 501 how\n" + noSITE, "", sites.Unsupported},
		{"nothing", noMFMT + noMDTM + noSITE, "", sites.Unsupported},
		{"the file is refused in other words", noMFMT + "C: MDTM *\nS: 550 could not set it\n" + doubt + "S: 550 could not get it\n" + noSITE + stat,
			"C: MDTM 20200102030405 /f\nS: 213 ok\n" + check, sites.Other},
		{"the file is refused with another code", noMFMT + "C: MDTM *\nS: 553 no\n" + doubt + "S: 550 no\n" + noSITE,
			"C: MDTM 20200102030405 /f\nS: 213 ok\n" + check, sites.Other},
		{"there is a file of that name", noMFMT + "C: MDTM *\nS: 550 no\n" + doubt + "S: 213 20261121080000\n" + noSITE + stat,
			"C: MDTM 20200102030405 /f\nS: 213 ok\n" + check, sites.Other},
		{"the file is not there", noMFMT + "C: MDTM *\nS: 550 no\nC: MDTM /f\nC: MDTM 20200102030405\nS: 550 no\nS: 550 no\n" + noSITE + stat,
			"C: MDTM 20200102030405 /f\nS: 213 ok\n" + check, sites.Other},
		{"UTIME is checked once", noMFMT + noMDTM + "C: SITE UTIME /f *\nS: 200 ok\n" + check, "C: SITE UTIME /f *\nS: 200 ok\n", sites.Other},
		{"the short UTIME", noMFMT + noMDTM + "C: SITE UTIME /f *\nS: 501 how\nC: SITE UTIME 20200102030405 /f\nS: 200 ok\n" + check,
			"C: SITE UTIME 20200102030405 /f\nS: 200 ok\n", sites.Other},
		{"UTIME sets another time", noMFMT + noMDTM + "C: SITE UTIME /f *\nS: 200 ok\nC: MDTM /f\nS: 213 20200102020405\n", "", sites.Unsupported},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			script := strings.Replace(loggedIn, "SIZE\n", "SIZE\n\t\tS:  MFMT\n", 1) + test.first + test.second
			f := site(t, ftptest.Play(t, script+"C: QUIT"), "timeout=2s")
			ctx := within(t, patience)
			at := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
			first := f.SetModified(ctx, "/f", at)
			err := f.SetModified(ctx, "/f", at)
			if test.kind == sites.Other && err != nil {
				t.Errorf("first %v, then %v", first, err)
			} else if test.kind != sites.Other {
				checkKind(t, "setting the time again", err, test.kind)
			}
		})
	}
}

// TestUntellableTime has times that no server can be told.
func TestUntellableTime(t *testing.T) {
	t.Parallel()
	f := site(t, ftptest.Play(t, loggedIn+"C: QUIT"), "")
	for _, year := range []int{-1, 10000, 292277026596} {
		checkKind(t, "setting the time", f.SetModified(within(t, patience), "/f", time.Date(year, 1, 2, 3, 4, 5, 0, time.UTC)), sites.Unsupported)
	}
}

// TestProtect has servers that do not know SITE CHMOD: it is asked for once.
func TestProtect(t *testing.T) {
	for _, test := range []struct {
		reply string
		want  sites.Kind
		once  bool
	}{
		{"500 what", sites.Unsupported, true},
		{"502 no", sites.Unsupported, true},
		{"504 no such service", sites.Unsupported, true},
		{"202 superfluous", sites.Unsupported, true},
		{"501 bad mode", sites.Refused, false},
		{"450 busy", sites.Busy, false},
	} {
		t.Run(test.reply, func(t *testing.T) {
			t.Parallel()
			dialogue := "C: SITE CHMOD 044 /f\nS: " + test.reply + "\n"
			script := loggedIn + dialogue
			if !test.once {
				script += dialogue
			}
			f := site(t, ftptest.Play(t, script+"C: SITE OTHER x\nS: 200 ok\nC: QUIT"), "")
			ctx := within(t, patience)
			for range 2 {
				checkKind(t, "protecting", f.Protect(ctx, "/f", 0o044), test.want)
			}
			// Another service of SITE is not held for unknown.
			if err := f.with(ctx, func(s *Session) error { return s.trySITE(ctx, "OTHER", "x") }); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestChangesIn1973 is refused at servers of that time, and says so.
func TestChangesIn1973(t *testing.T) {
	t.Parallel()
	f := site(t, own(t, "127.0.0.1", ftpd.RFC438), "")
	ctx := within(t, patience)
	if err := store(ctx, f, "/f", "x", sites.Replace); err != nil {
		t.Fatal(err)
	}
	checkKind(t, "setting a time", f.SetModified(ctx, "/f", time.Now()), sites.Unsupported)
	checkKind(t, "protecting", f.Protect(ctx, "/f", 0o644), sites.Unsupported)
}
