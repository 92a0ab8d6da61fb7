//go:build unix

package main

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rsexec/sites/ftptest"
)

// A secret is the password of one site, with the server that it is used at.
type secret struct {
	place   string // where the shell finds it
	stem    string // what no other text has, in letters and digits
	user    string
	address string
	root    string // of the server
	log     string // of the server
}

// password has signs that are encoded in a URL.
func (s *secret) password() string { return s.stem + "/@+z" }

// url is the site's URL with its password.
func (s *secret) url() string {
	u := url.URL{Scheme: "ftp", User: url.UserPassword(s.user, s.password()), Host: s.address}
	return u.String()
}

// nameless is the same without the password.
func (s *secret) nameless() string { return "ftp://" + s.user + "@" + s.address }

// found returns what of the password is in a text, in any of its forms; "" is nothing.
func (s *secret) found(text []byte) string {
	if i := bytes.Index(bytes.ToLower(text), []byte(strings.ToLower(s.stem))); i >= 0 {
		return string(text[max(0, i-100):min(len(text), i+60)])
	}
	for shift := range 3 { // wherever it begins in what was encoded
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + s.stem))
		if middle := encoded[4 : len(encoded)-4]; bytes.Contains(text, []byte(middle)) {
			return middle
		}
	}
	return ""
}

// secretNetwork is sites whose passwords stand in different places, and a home.
type secretNetwork struct {
	rsexec  string
	home    string
	secrets map[string]*secret
	wished  []string // files that hold passwords because the person wants it
	seen    string   // what programs that the shell starts see of themselves and of the shell
}

// newSecretNetwork starts the servers, each with a password of its own, which are named
// for the places of their passwords.
func newSecretNetwork(t *testing.T, places ...string) *secretNetwork {
	t.Helper()
	path, err := exec.LookPath("rsexec")
	if err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	n := &secretNetwork{rsexec: path, home: t.TempDir(), secrets: make(map[string]*secret), seen: filepath.Join(outside, "seen")}
	for _, place := range places {
		s := &secret{place: place, stem: rand.Text(), user: "u-" + place, root: t.TempDir(), log: filepath.Join(outside, place+".log")}
		write(t, s.root, place+".txt", "this is "+place+"\n")
		write(t, outside, place, s.password()+"\n")
		log, err := os.Create(s.log)
		if err != nil {
			t.Fatal(err)
		}
		command := exec.Command(path, "serve", "--log-level", "debug", "--listen", "127.0.0.1:0", "--root", s.root, "--user", s.user,
			"--password-file", filepath.Join(outside, place), "--allow-peer", "127.0.0.0/8")
		command.Stderr = log
		address, stop, err := ftptest.Serving(command)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := errors.Join(stop(), log.Close()); err != nil {
				t.Error(err)
			}
		})
		s.address = address
		n.secrets[place] = s
	}
	// What they see is told by those who are looked at.
	look := "#!/bin/sh\n{ ls -ld \"$(dirname \"$1\")\"; cat /proc/$$/cmdline /proc/$$/environ /proc/$PPID/cmdline; } >> " + n.seen + " 2>/dev/null\n"
	write(t, outside, "tell", look+"cat \"$1\"\n")
	write(t, outside, "editor", look+"echo edited >> \"$1\"\n")
	for _, program := range []string{"tell", "editor"} {
		if err := os.Chmod(filepath.Join(outside, program), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("EDITOR", filepath.Join(outside, "editor"))
	t.Setenv("VISUAL", "")
	t.Setenv("TMPDIR", n.home)
	return n
}

// environment is that of a shell in the home.
func (n *secretNetwork) environment() []string {
	return append(os.Environ(), "HOME="+n.home, "XDG_STATE_HOME="+n.home, "XDG_CONFIG_HOME="+n.home)
}

// run runs the program and returns its exit status and every byte that it wrote.
func (n *secretNetwork) run(t *testing.T, input string, args ...string) (status int, out []byte) {
	t.Helper()
	c := exec.Command(n.rsexec, args...)
	c.Env, c.Dir, c.Stdin = n.environment(), n.home, strings.NewReader(input)
	out, err := c.CombinedOutput()
	if c.ProcessState == nil {
		t.Fatal(err)
	}
	n.search(t, "the output of "+args[0], out)
	return c.ProcessState.ExitCode(), out
}

// search looks for all passwords in a text.
func (n *secretNetwork) search(t *testing.T, what string, text []byte) {
	t.Helper()
	for _, s := range n.secrets {
		if found := s.found(text); found != "" {
			t.Errorf("in %s is the password from %s: %q", what, s.place, found)
		}
	}
}

// searchFiles looks for all passwords in all files below the home, in the servers' logs
// and in what other programs have seen.
func (n *secretNetwork) searchFiles(t *testing.T) {
	t.Helper()
	files := []string{n.seen}
	for _, s := range n.secrets {
		files = append(files, s.log)
	}
	err := filepath.WalkDir(n.home, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // SQLite removes files
			return nil
		}
		if err == nil && d.Type().IsRegular() && !slices.Contains(n.wished, path) {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		n.search(t, file, text)
	}
}

// wish writes a file with a password that the person wants there.
func (n *secretNetwork) wish(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(n.home, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	n.wished = append(n.wished, file)
	return file
}

// places are where the passwords of TestSecrets are: "asked" is typed at the terminal,
// "url" and "other" in statements.
var places = []string{"given", "profile", "netrc", "environment", "command", "url", "other", "added", "asked"}

// prepare puts the passwords where they belong, and returns the flags of the shell.
func (n *secretNetwork) prepare(t *testing.T) []string {
	t.Helper()
	s := n.secrets
	n.wish(t, "rsexec/sites/PROFILE.toml", fmt.Sprintf("url = %q\npassword = %q\n", s["profile"].nameless(), s["profile"].password()))
	n.wish(t, ".netrc", "machine 127.0.0.1 login u-netrc password "+s["netrc"].password()+"\n")
	n.wished = append(n.wished, filepath.Join(n.home, "rsexec/sites/ADDED.toml"))
	t.Setenv("SITE_SECRET", s["environment"].password())
	outside := filepath.Dir(n.seen)
	return []string{
		"--site=GIVEN=" + s["given"].url(),
		"--site=NETRC=" + s["netrc"].nameless(),
		"--site=ENVIRONMENT=" + s["environment"].nameless() + "?password-env=SITE_SECRET",
		"--site=COMMAND=" + s["command"].nameless() + "?password-command=" + url.QueryEscape(outside+"/tell "+outside+"/command"),
		"--site=DOWN=" + strings.Replace(s["given"].url(), s["given"].address, "127.0.0.1:1", 1) + "?dsk=no",
	}
}

// secretScript uses all passwords but one, and fails in many ways.
const secretScript = `
ON ERROR CONTINUE
SITE ADD ADDED {added}
SITE ADD ADDED {added}
SITE ADD TWICE {added}?nosuch=1
COPY GIVEN:/given.txt TO PROFILE:/
COPY NETRC:/netrc.txt TO ENVIRONMENT:/
COPY COMMAND:/command.txt TO ADDED:/
SITES
SITE SHOW ADDED
SITE TEST DOWN
DIRECTORY {url}/
EXPLAIN COPY {url}/url.txt TO {other}/
COPY {url}/url.txt TO {other}/ --verify=read
TRACE APPEND {url}/url.txt TO {other}/url.txt
COPY "{url}/"url.txt TO GIVEN:/background &
COPY {url}/url.txt TO GIVEN:/no/such/folder/url.txt &
COPY {url}/none, {other}/none2 TO GIVEN:/
COPY {url}/url.txt TO {wrong}/
WAIT
MIRROR {url}/ TO GIVEN:/mirror
SET there "{url}"
SET user {url}
SET
SET there
TYPE $there/url.txt
COPY $there/url.txt TO GIVEN:/background2 &
TYPE {wrong}/url.txt
TYPE {url}/url.txt
TYPE {down}/x
TYPE {broken}/x
TYPE {url}?nosuch=1/x
DIRECTORY "{url}/none*"
PARALLEL
    COUNT {url}/**
    DIGEST {url}/url.txt
END
FOREACH f IN {url}/*.txt
    ECHO $f $there
    ECHO "what is there: {url}/x, {other}"
END
WHERE {url}/none
WHERE url.txt
DEFINE LOGICAL: {url}/, {other}/
DEFINE
TYPE LOGICAL:none
TYPE LOGICAL:url.txt
EDIT {url}/url.txt
EDIT GIVEN:/given.txt
TOUCH {url}/touched
RENAME {url}/touched TO {url}/gone
DELETE {url}/gone
DELETE {url}/gone
CONNECT {url}/
PWD
QUOTE GIVEN PASS {raw}
QUOTE GIVEN "ACCT {raw}"
QUOTE COMMAND STAT
WAIT
JOBS --all
JOBS 1
JOBS 2 --script
JOBS --script
RESUME 5
RESUME ALL
ROUTES
HISTORY
HELP COPY
SITES > {url}/sites
DIRECTORY {url}/ > LOCAL:{home}/listing
SITE ADD {url} {url}
FROBNICATE {url}
TYPE {url}/x --frobnicate
TYPE "{url}/x
QUOTE GIVEN PASS {raw} --frobnicate ; FROBNICATE
RETRY {url}
`

// text fills in the URLs.
func (n *secretNetwork) text(script string) string {
	s := n.secrets
	password := url.PathEscape(s["url"].password())
	return strings.NewReplacer(
		"{url}", s["url"].url(), "{other}", s["other"].url(), "{added}", s["added"].url(), "{raw}", s["url"].password(), "{home}", n.home,
		"{wrong}", "ftp://u-given:"+password+"@"+s["given"].address,
		"{down}", "ftp://u:"+password+"@127.0.0.1:1",
		"{broken}", "ftp://u:"+s["url"].stem+"/x@"+s["url"].address,
	).Replace(script)
}

// TestSecrets holds that no password comes out: it performs what uses passwords from all
// places, with success and without, and looks for them in every byte that was written.
func TestSecrets(t *testing.T) {
	for _, format := range [][]string{{"--trace", "--json"}, {}} {
		t.Run(cmp.Or(strings.Join(format, " "), "text"), func(t *testing.T) {
			n := newSecretNetwork(t, places...)
			flags := append(n.prepare(t), format...)
			// What cannot be read stops a script, so each line is one.
			script := n.wish(t, "script", n.text(secretScript))
			good, bad, _ := strings.Cut(n.text(secretScript), "SITE ADD "+n.secrets["url"].url())
			n.wish(t, "good", good)
			if status, out := n.run(t, "", slices.Concat(flags, []string{"--yes", "run", filepath.Join(n.home, "good")})...); status == 0 {
				t.Errorf("nothing failed\n%s", out)
			}
			failures := 0
			for line := range strings.Lines("SITE ADD " + n.secrets["url"].url() + bad) {
				if status, _ := n.run(t, line, flags...); status != 0 {
					failures++
				}
				if status, _ := n.run(t, "", append(flags, "-c", line)...); status != 0 {
					failures++
				}
			}
			if failures < 12 {
				t.Errorf("only %d of the lines that are wrong failed", failures)
			}
			if status, out := n.run(t, "", append(flags, "run", "--check", script)...); status != 2 || bytes.Count(out, []byte("unknown")) != 4 {
				t.Errorf("run --check: status %d\n%s", status, out)
			}
			if _, out := n.run(t, "", append(flags, "run", "--dry-run", filepath.Join(n.home, "good"))...); !bytes.Contains(out, []byte("mirror")) {
				t.Errorf("run --dry-run:\n%s", out)
			}

			// All passwords but the one that is asked for were taken.
			for place, file := range map[string]string{"profile": "given.txt", "environment": "netrc.txt", "added": "command.txt", "other": "url.txt",
				"given": "background", "url": "sites"} {
				if _, err := os.Stat(filepath.Join(n.secrets[place].root, file)); err != nil {
					t.Error(err)
				}
			}
			for _, s := range []string{"given", "url"} { // the editor has run
				if got := read(t, n.secrets[s].root, s+".txt"); !strings.HasSuffix(got, "edited\n") {
					t.Errorf("the edited file is %q", got)
				}
			}
			if seen, err := os.ReadFile(n.seen); err != nil || bytes.Count(seen, []byte("SITE_")) > 0 || len(seen) < 500 {
				t.Errorf("programs saw %q, %v", seen, err)
			}

			for _, wrong := range n.wrongUsage() {
				if status, out := n.run(t, "", wrong...); status != 2 {
					t.Errorf("%v: status %d\n%s", wrong, status, out)
				}
			}
			n.searchFiles(t)
		})
	}
}

// wrongUsage returns command lines that are wrong and have passwords in them.
func (n *secretNetwork) wrongUsage() [][]string {
	s := n.secrets["url"]
	bare := strings.TrimPrefix(s.url(), "ftp://")
	return [][]string{
		{"--site", s.url()},
		{"--site", s.url() + "?dsk=no"},
		{"--site", bare + "?dsk=no"},
		{"--site", "X=" + s.url()},
		{"--site", "SITE1=" + bare},
		{"--site", "SITE1=" + s.url() + "?nosuch=1"},
		{"--site", "SITE1=ftp://u:" + s.stem + "/x@" + s.address},
		{"--site", "SITE1=ftp://u:1?" + s.stem + "@" + s.address},
		{"--site", "SITE1=ftp://u:" + s.stem + " x@" + s.address},
		{"--site", "SITE1=http://u:" + s.stem + "@" + s.address},
		{"--sites=SITE1=" + s.url()},
		{"--json=" + s.url()},
		{"frobnicate", s.url()},
		{s.url()},
		{"-c", "PWD", s.url()},
		{"import", s.url()},
		{"import", "netrc", s.url()},
		{"run", s.url()},
		{"completion", s.url()},
		{"-c", "PWD " + s.url()},
		{"-c", "FOREACH f IN " + s.url() + "/*"},
	}
}

// TestSecretsAtTerminal does the like at the keyboard: what is typed is seen there as it
// is typed, and nowhere else, and what is asked for is not seen at all.
func TestSecretsAtTerminal(t *testing.T) {
	n := newSecretNetwork(t, places...)
	s := n.secrets
	flags := append(n.prepare(t), "--site=ASKED="+s["asked"].nameless()+"?dsk=no", "--trace")
	term := startTerminal(t, 1000, n.home, flags...)
	term.expect("@ ")
	var typed []string
	line := func(text, want string) {
		t.Helper()
		text = n.text(text)
		typed = append(typed, text)
		term.send(text + enter)
		if want == "" {
			want = "\n" // the prompt before it is shown again with each key
		}
		term.expect(want)
		term.expect("@ ")
	}
	term.send("TYPE ASKED:/asked.txt" + enter)
	term.expect("password for u-asked at ASKED: ")
	term.send(s["asked"].password() + enter)
	term.expect("this is asked")
	term.expect("@ ")
	line("TYPE {url}/url.txt", "this is url")
	line("TYPE {wrong}/url.txt", "530")
	line("TYPE {broken}/url.txt", "its URL cannot be read")
	line("TYPE {url}/url.txt --bogus", "unknown option --bogus")
	line("QUOTE GIVEN PASS {raw} --bogus", "unknown option --bogus")
	line("QUOTE GIVEN PASS {raw}", "503")
	line("SITE ADD ADDED {added}", "ADDED is in the profile")
	line("DEFINE LOGICAL1: {url}/", "")
	line("DEFINE LOGICAL2: {url}/, {other}/", "")
	line("COPY {url}/url.txt TO GIVEN:/copy &", "is done")
	line("COPY {url}/url.txt TO GIVEN:/no/such/folder/copy &", "failed")
	line("SET where {url}", "")
	line("SET", "where")
	line("JOBS", "failed")
	line("JOBS --script", "is not kept")
	line("SITES", "ASKED")
	line("EDIT GIVEN:/given.txt", "EDIT")
	term.send("TYPE LOGIC" + tab)
	term.expect("LOGICAL")
	term.send(tab)
	term.expect("LOGICAL2:")
	term.send(ctrlU)
	typed = append(typed, n.text("TYPE {url}/url.txt"))
	term.send(n.text("TYPE {url}/ur") + tab)
	term.expect("url.txt ")
	term.send(enter)
	term.expect("this is url")
	term.expect("@ ")
	line("HISTORY", "  HISTORY")
	n.searchFiles(t) // with a state file that is in use
	term.send("QUIT" + enter)
	if status := term.leave(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	n.searchFiles(t)
	history := read(t, n.home, "rsexec/history")
	if !strings.Contains(history, "TYPE ASKED:/asked.txt\n") {
		t.Errorf("the history is\n%s", history)
	}

	// What the line editor shows of a line is its beginning, over and over.
	for shown := range strings.FieldsFuncSeq(term.shown.String(), func(r rune) bool { return r == '\r' || r == '\n' }) {
		shown = controls.ReplaceAllString(shown, "")
		_, behind, _ := strings.Cut(shown, "@ ")
		if !slices.ContainsFunc(typed, func(line string) bool {
			return strings.TrimSpace(behind) != "" && strings.HasPrefix(line, strings.TrimSpace(behind))
		}) {
			n.search(t, "what is shown", []byte(shown))
		}
	}
}

// TestResumeWithoutPassword goes on with a job in another process, which has not got the
// password that was in its URL.
func TestResumeWithoutPassword(t *testing.T) {
	n := newSecretNetwork(t, "given", "url")
	given, source := n.secrets["given"], n.secrets["url"]
	site := "--site=GIVEN=" + given.url()
	if status, out := n.run(t, "", site, "-c", "COPY "+source.url()+"/url.txt TO GIVEN:/folder/copy &"); status == 0 {
		t.Fatalf("it did not fail:\n%s", out)
	}
	if err := os.Mkdir(filepath.Join(given.root, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	status, out := n.run(t, "", site, "-c", "RESUME")
	hint := "it was given no password: name the site with it, as in --site NAME=ftp://u-url:password@" + source.address + ", or keep it in ~/.netrc"
	if status != 1 || !strings.Contains(string(out), hint) {
		t.Errorf("status %d\n%s", status, out)
	}
	_, script := n.run(t, "", site, "-c", "JOBS --script")
	if want := "# The password of ftp://u-url@" + source.address + " is not kept"; !strings.HasPrefix(string(script), want) {
		t.Errorf("the script is\n%s", script)
	}

	// Each way that is told works: for RESUME, and for the script.
	named := "--site=SOURCE=" + source.url()
	if status, out := n.run(t, "", site, named, "-c", "RESUME"); status != 0 {
		t.Errorf("status %d\n%s", status, out)
	}
	if got := read(t, given.root, "folder/copy"); got != "this is url\n" {
		t.Errorf("the copy is %q", got)
	}
	write(t, given.root, "folder/copy", "")
	if status, out := n.run(t, string(script), site, named); status != 0 {
		t.Errorf("status %d\n%s", status, out)
	}
	if got := read(t, given.root, "folder/copy"); got != "this is url\n" {
		t.Errorf("the copy is %q", got)
	}
	write(t, given.root, "folder/copy", "")
	n.wish(t, ".netrc", "machine 127.0.0.1 login u-url password "+source.password()+"\n")
	if status, out := n.run(t, string(script), site); status != 0 {
		t.Errorf("status %d\n%s", status, out)
	}
	if got := read(t, given.root, "folder/copy"); got != "this is url\n" {
		t.Errorf("the copy is %q", got)
	}
	n.searchFiles(t)
}

// TestFilesOfTheirOwner holds that nobody else may read what the shell writes for itself,
// whatever its umask is.
func TestFilesOfTheirOwner(t *testing.T) {
	n := newSecretNetwork(t, "given", "added", "url")
	s := n.secrets
	n.wish(t, "netrc", "machine h.example login u password "+s["url"].password()+"\n")
	// A history that is long, and for everybody.
	if err := os.Mkdir(filepath.Join(n.home, "rsexec"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, n.home, "rsexec/history", strings.Repeat("PWD\nPWD x\n", 600))

	lax := []string{"sh", "-c", `umask 0; exec "$@"`, "sh", n.rsexec}
	imports := exec.Command(lax[0], append(lax[1:], "import", "netrc", filepath.Join(n.home, "netrc"))...)
	imports.Env = n.environment()
	if out, err := imports.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	term := startProgram(t, 200, n.home, append(lax, "--site=GIVEN="+s["given"].url())...)
	term.expect("@ ")
	for _, line := range []struct{ text, want string }{
		{"SITE ADD ADDED " + s["added"].url(), "is in the profile"},
		{"COPY GIVEN:/given.txt TO ADDED:/copy &", "is done"},
		{"EDIT GIVEN:/given.txt", "bytes with this host"},
		{"JOBS --all > GIVEN:/jobs", "@ "},
		{"ECHO 'the e'nd", "the end"},
	} {
		term.send(line.text + enter)
		term.expect(line.want)
	}
	n.searchModes(t, "state.db", "state.db-wal", "state.db-shm", "history", "ADDED.toml")
	term.send("QUIT" + enter)
	term.leave()
	n.searchModes(t, "state.db", "history", "ADDED.toml")
	if lines := strings.Count(read(t, n.home, "rsexec/history"), "\n"); lines < 500 || lines > 510 {
		t.Errorf("the history has %d lines", lines)
	}
	// A short one is not written anew.
	write(t, n.home, "rsexec/history", "PWD\n")
	if err := os.Chmod(filepath.Join(n.home, "rsexec/history"), 0o644); err != nil {
		t.Fatal(err)
	}
	term = startProgram(t, 200, n.home, lax...)
	term.expect("@ ")
	n.searchModes(t, "history")
	term.send("QUIT" + enter)
	term.leave()
	if seen, err := os.ReadFile(n.seen); err != nil || !bytes.HasPrefix(seen, []byte("drwx------")) {
		t.Errorf("the folder of the edited file is %q, %v", seen, err)
	}
}

// searchModes looks for files of the shell that others may read; those that are named
// have to be there.
func (n *secretNetwork) searchModes(t *testing.T, names ...string) {
	t.Helper()
	missing := slices.Clone(names)
	err := filepath.WalkDir(filepath.Join(n.home, "rsexec"), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %v", path, info.Mode())
		}
		missing = slices.DeleteFunc(missing, func(name string) bool { return name == d.Name() })
		return nil
	})
	if err != nil || len(missing) > 0 {
		t.Errorf("%v are not there; %v", missing, err)
	}
}
