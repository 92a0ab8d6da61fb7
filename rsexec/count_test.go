package rsexec

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rsexec/sites"
	"rsexec/sites/ftptest"
)

// loggedIn is how a server lets the user in.
const loggedIn = `
	S: 220 ready
	C: USER anchor
	S: 331 password
	C: PASS secret
	S: 230 in
	C: FEAT
	C: PWD
	S: 211-Features:
	S:  MLST type*;size*;modify*;
	S:  MD5
	S: 211 End
	S: 257 "/" is it
	C: TYPE I
	S: 200 ok
`

// TestCountUnread counts what can be counted: a directory that cannot be read is
// told, a file without a size and a link are no bytes.
func TestCountUnread(t *testing.T) {
	const listing = `
		C: MLST /
		S: 250-it
		S:  type=dir; /
		S: 250 is
		C: PASV
		S: 227 Entering Passive Mode ({pasv})
		C: MLSD /
		S: 150 go on
		D> "type=file;size=5; f\r\ntype=file; unsized\r\ntype=OS.unix=slink:f;size=9; link\r\ntype=dir; closed\r\n"
		DX
		S: 226 done
		C: PASV
		S: 227 Entering Passive Mode ({pasv})
		C: MLSD /closed
		S: 550 permission denied
	`
	s := ftptest.Play(t, loggedIn+listing+listing+"C: QUIT")
	x := newShell(t, nil, "SITE1="+s.URL()+"/?max-sessions=1")
	out, err := x.run(t, "COUNT SITE1:/")
	if want := "             5 bytes         2 files           1 directory  SITE1:/  (1 file of unknown size)  (1 place not read)\n"; out != want {
		t.Error(cmp.Diff(want, out))
	}
	if Status(err) != StatusSome || err.Error() != "COUNT: 1 of 2 failed" {
		t.Errorf("%v, status %d", err, Status(err))
	}
	if told := x.err.String(); !strings.Contains(told, "SITE1:/closed: the server said 550 permission denied") {
		t.Errorf("told %q", told)
	}

	x.printer.json = true
	out, _ = x.run(t, "COUNT SITE1:/")
	if want := `{"event":"count","pathname":"SITE1:/","files":2,"directories":1,"bytes":5,"unsized":1,"unread":1}` + "\n"; !strings.HasSuffix(out, want) {
		t.Errorf("%s", out)
	}
}

// TestPatternOfURL holds that a pattern is shown without its password.
func TestPatternOfURL(t *testing.T) {
	one, _ := serve(t, map[string]string{"a": "1"})
	x := newShell(t, nil)
	for _, c := range []struct{ statement, want string }{
		{"COUNT " + one + "/a*", "1 file "},
		{"COUNT " + one + "/nope*", "nothing matches"},
		{"FIND " + one + "/nope*", "nothing matches"},
	} {
		out, err := x.run(t, c.statement)
		told := fmt.Sprint(out, x.err.String(), err)
		if !strings.Contains(told, c.want) || strings.Contains(told, ":p@") {
			t.Errorf("%s: %s", c.statement, told)
		}
	}
}

func TestParts(t *testing.T) {
	a, b, c := errors.New("a"), errors.New("b"), &sites.Error{Err: errors.New("cause")}
	for _, test := range []struct {
		err  error
		want []error
	}{
		{nil, nil},
		{c, []error{c}},
		{errors.Join(a, errors.Join(b, c)), []error{a, b, c}},
	} {
		if got := parts(test.err); fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("parts of %v are %v", test.err, got)
		}
	}
}

// TestDigestRefused reads a file whose digest the site lists and refuses.
func TestDigestRefused(t *testing.T) {
	const file = `
		C: MLST /f
		S: 250-it
		S:  type=file;size=3; /f
		S: 250 is
	`
	s := ftptest.Play(t, loggedIn+file+`
		C: SIZE /f
		C: MD5 /f
		S: 213 3
		S: 504 not this one
		C: PASV
		S: 227 Entering Passive Mode ({pasv})
		C: RETR /f
		S: 150 go on
		D> "abc"
		DX
		S: 226 done
		`+file+`
		C: SIZE /f
		C: MD5 /f
		S: 213 3
		S: 550 no such file
		C: QUIT`)
	x := newShell(t, nil, "SITE1="+s.URL()+"/?max-sessions=1")
	out, err := x.run(t, "DIGEST SITE1:/f --algorithm=md5")
	if err != nil || out != "900150983cd24fb0d6963f7d28e17f72  SITE1:/f  (md5, read here)\n" {
		t.Errorf("%q, %v", out, err)
	}
	if told := x.err.String(); !strings.Contains(told, "504 not this one; it is read here") {
		t.Errorf("told %q", told)
	}
	// A file that is gone is not read either.
	if out, err := x.run(t, "DIGEST SITE1:/f --algorithm=md5"); sites.KindOf(err) != sites.NotFound || out != "" {
		t.Errorf("%q, %v", out, err)
	}
}
