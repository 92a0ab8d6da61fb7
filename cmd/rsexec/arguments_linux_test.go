package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"rsexec/sites/ftptest"
)

// TestArgumentsOfProcess reads what ps shows of a shell that runs: no password, and all
// else.
func TestArgumentsOfProcess(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("rsexec")
	if err != nil {
		t.Fatal(err)
	}
	site := ftptest.Serve(t, ftptest.FreshHost(), t.TempDir()).URL() // its password is "secret"
	waits := []string{"-c", "ECHO it runs", "-c", "TYPE LOCAL:/dev/stdin"}
	for _, test := range []struct {
		args, want []string // behind what waits
	}{
		{[]string{"--site", "SITE1=" + site + "?dsk=no"}, []string{"--site", "SITE1=" + strings.Replace(site, "secret", "xxxxx", 1) + "?dsk=no"}},
		{[]string{"--site=SITE1=" + site, "--site=SITE2=ftp://u:a@h"}, []string{"--site=SITE1=" + strings.Replace(site, "secret", "xxxxx", 1), "--site=SITE2=ftp://u:x@h"}},
		{[]string{"--site=SITE1=ftp://u:secr%2fet-secret@h/"}, []string{"--site=SITE1=ftp://u:xxxxx@h/"}},
		{[]string{"-c", "EXPLAIN COPY " + site + "/a TO " + site + "/b"},
			[]string{"-c", strings.ReplaceAll("EXPLAIN COPY "+site+"/a TO "+site+"/b", "secret", "xxxxx")}},
		{[]string{"-c", "IF EXISTS LOCAL:/none ; QUOTE SITE1 PASS secret word ; END"}, []string{"-c", "IF EXISTS LOCAL:/none ; QUOTE SITE1 PASS xxxxx"}},
		{[]string{"-c", "ECHO no secret:word@here"}, []string{"-c", "ECHO no secret:word@here"}},
	} {
		// It has taken its arguments when it has said so, and waits for its input then.
		c := exec.Command(path, slices.Concat(waits, test.args)...)
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		var said []byte
		for b := make([]byte, 1); !bytes.HasSuffix(said, []byte("it runs\n")); said = append(said, b...) {
			if _, err := out.Read(b); err != nil {
				t.Fatalf("%v after %q", err, said)
			}
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", c.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")[1:]
		for i := range got {
			got[i] = strings.TrimRight(got[i], " ")
		}
		if want := slices.Concat(waits, test.want); !slices.Equal(got, want) {
			t.Errorf("ps shows\n%q, want\n%q", got, want)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		_ = c.Wait() // what follows may fail
	}
}
