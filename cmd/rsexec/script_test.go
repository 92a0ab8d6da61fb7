package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"rsexec/sites/ftptest"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(apart{m}, map[string]func(){"rsexec": main})
}

// apart runs the tests with a profile and a state of their own: nothing of the
// person who runs them takes part.
type apart struct{ *testing.M }

func (a apart) Run() int {
	dir, err := os.MkdirTemp("", "rsexec-test-")
	if err == nil {
		err = errors.Join(os.Setenv("XDG_CONFIG_HOME", dir), os.Setenv("XDG_STATE_HOME", dir))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := waitTogether(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return a.M.Run()
}

// waitTogether has more tests run at once than there are processors, for most of the time
// they wait for servers, unless the person who runs them says how many.
func waitTogether() error {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if said {
		return nil
	}
	return flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0)))
}

// TestScripts performs the files of testdata/script, which are also the
// documentation of the command line. $EXAMPLES is the folder of the example
// scripts; $CA is the certificate of an authority that certifies $CERT, with its key in
// $KEY, for 127.0.0.1. Beside testscript's own commands there are
//
//	serve NAME DIR [FLAGS]   starts "rsexec serve" on DIR and puts the site's
//	                         URL in $NAME; its log goes to NAME.log
//	dialogue NAME FILE       compares the commands that the site NAME got, but
//	                         for logging in, with the lines of FILE
//	status N COMMAND...      performs a command that has to exit with status N
func TestScripts(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	cert, key := authority.IssueFiles("127.0.0.1")
	ca := authority.File()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("CA", ca)
			env.Setenv("CERT", cert)
			env.Setenv("KEY", key)
			examples, err := filepath.Abs("../../examples")
			env.Setenv("EXAMPLES", examples)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve":    serveInScript,
			"dialogue": dialogueOfScript,
			"status":   statusInScript,
		},
	})
}

func serveInScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: serve NAME DIR [FLAGS]")
	}
	name, dir := args[0], ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(os.WriteFile(ts.MkAbs("password"), []byte("secret\n"), 0o600))
	log, err := os.Create(ts.MkAbs(name + ".log"))
	ts.Check(err)
	flags := append([]string{"serve", "--log-level", "debug", "--listen", "127.0.0.1:0", "--root", dir, "--user", "u",
		"--password-file", ts.MkAbs("password"), "--allow-peer", "127.0.0.0/8"}, args[2:]...)
	path, err := exec.LookPath("rsexec")
	ts.Check(err)
	command := exec.Command(path, flags...)
	command.Stderr = log
	address, stop, err := ftptest.Serving(command)
	ts.Check(err)
	ts.Defer(func() {
		if err := errors.Join(stop(), log.Close()); err != nil {
			ts.Logf("serve %s: %v", name, err)
		}
	})
	ts.Setenv(name, "ftp://u:secret@"+address)
}

// logged finds the text of a command in a record of the server's log.
var logged = regexp.MustCompile(`msg=command.* text=("(?:[^"\\]|\\.)*"|\S+)`)

// ports are what differs from run to run in a dialogue.
var ports = regexp.MustCompile(`127.0.0.1,\d+`)

func dialogueOfScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: dialogue NAME FILE")
	}
	var got strings.Builder
	for line := range strings.Lines(ts.ReadFile(args[0] + ".log")) {
		m := logged.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		text := strings.Trim(m[1], `"`)
		switch verb, _, _ := strings.Cut(text, " "); verb {
		case "USER", "PASS", "TYPE", "FEAT", "PWD", "OPTS", "QUIT":
		default:
			fmt.Fprintln(&got, ports.ReplaceAllString(text, "127.0.0.1,PORT"))
		}
	}
	if want := ts.ReadFile(args[1]); got.String() != want {
		ts.Fatalf("%s got\n%swant\n%s", args[0], got.String(), want)
	}
}

func statusInScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	status := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		status = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(status) != args[0] {
		ts.Fatalf("exit status %d, want %s", status, args[0])
	}
}

// TestScriptNames keeps the scripts one topic each, so that they can be found.
func TestScriptNames(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(b), "# ") {
			t.Errorf("%s does not begin with what it shows", f)
		}
	}
}
