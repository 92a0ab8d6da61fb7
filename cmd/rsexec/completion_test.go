package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"rsexec/grammar"
)

// shells has the program in testdata/completion that asks each shell.
var shells = []struct{ name, driver string }{{"bash", "bash.sh"}, {"fish", "fish.fish"}, {"zsh", "zsh.zsh"}}

// TestCompletion has each shell complete lines, in a folder with a file and a
// folder, by the script that is made for it.
func TestCompletion(t *testing.T) {
	cases := []struct {
		line string
		want []string
		bash []string // what bash offers instead
	}{
		{line: "rsexec ru", want: []string{"run"}},
		{line: "rsexec --json --state x.db imp", want: []string{"import"}},
		{line: "rsexec --site SITE1=ftp://u:p@127.0.0.1/ imp", want: []string{"import"}},
		{line: "rsexec --site=SITE1=ftp://u:p@127.0.0.1/ imp", want: []string{"import"}},
		{line: "rsexec --pro", want: []string{"--profile"}},
		{line: "rsexec --comm", want: []string{"--command"}},
		{line: "rsexec serve --dial", want: []string{"--dialect"}},
		{line: "rsexec run --dial"},
		{line: "rsexec serve --pro", want: []string{"--profile"}},
		{line: "rsexec serve --dialect rfc4", want: []string{"rfc438", "rfc478"}},
		{line: "rsexec serve --dialect=mo", want: []string{"modern"}},
		{line: "rsexec serve --password-file ", want: []string{"a-file", "a-folder"}},
		{line: "rsexec serve --root a", want: []string{"a-folder"}},
		{line: "rsexec --profile=a", want: []string{"a-folder"}},
		{line: "rsexec serve --listen "},
		{line: "rsexec run ", want: []string{"a-file", "a-folder"}},
		{line: "rsexec import ", want: []string{"filezilla", "lftp", "netrc", "rclone"}},
		{line: "rsexec import --dry-run netrc ", want: []string{"a-file", "a-folder"}},
		{line: "rsexec import netrc a-file a"},
		{line: "rsexec completion ", want: []string{"bash", "fish", "zsh"}},
		{line: "rsexec -c APP", want: []string{"APPEND"}},
		{line: "rsexec -c 'APP", want: []string{"APPEND"}},
		{line: `rsexec --command "RENA`, want: []string{"RENAME"}},
		{line: "rsexec -c app", want: []string{"APPEND"}, bash: []string{"append"}},
		{line: "rsexec shell -c rmd", want: []string{"rmdir"}},
		{line: "rsexec run -c APP"},
	}
	dir := t.TempDir()
	write(t, dir, "a-file", "")
	if err := os.Mkdir(filepath.Join(dir, "a-folder"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			var lines []string
			for _, c := range cases {
				lines = append(lines, c.line)
			}
			got := completed(t, shell.name, shell.driver, dir, lines)
			for i, c := range cases {
				want := c.want
				if shell.name == "bash" && c.bash != nil {
					want = c.bash
				}
				if !slices.Equal(got[i], want) {
					t.Errorf("%s offers %q, want %q", c.line, got[i], want)
				}
			}
		})
	}
}

// TestCompletionIsWhole checks that every subcommand, flag and verb is offered.
func TestCompletionIsWhole(t *testing.T) {
	app := newParser(&cli{}, streams{}, nil).Model
	lines := []string{"rsexec ", "rsexec -c '"}
	want := [][]string{nil, nil}
	for _, n := range app.Children {
		want[0] = append(want[0], n.Name)
		lines = append(lines, "rsexec "+n.Name+" --")
		var flags []string
		for _, f := range append(visible(app.Flags), visible(n.Flags)...) {
			flags = append(flags, "--"+f.Name)
		}
		want = append(want, flags)
	}
	for _, v := range grammar.Verbs() {
		want[1] = append(want[1], v.Name)
	}
	for _, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			for i, got := range completed(t, shell.name, shell.driver, t.TempDir(), lines) {
				for _, w := range want[i] {
					if !slices.Contains(got, w) {
						t.Errorf("%s does not offer %s, only %q", lines[i], w, got)
					}
				}
			}
		})
	}
}

// completed returns what a shell offers at the end of each line, in order.
func completed(t *testing.T, shell, driver, dir string, lines []string) [][]string {
	t.Helper()
	path := program(t, shell)
	status, script, stderr := rsexecRun(t, "completion", shell)
	if status != 0 {
		t.Fatalf("status %d\n%s", status, stderr)
	}
	home := t.TempDir()
	write(t, home, "script", script)
	driver, err := filepath.Abs(filepath.Join("testdata", "completion", driver))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), path, append([]string{driver, filepath.Join(home, "script")}, lines...)...)
	command.Dir = dir
	command.Env = append(os.Environ(), "HOME="+home, "TERM=dumb")
	var complaints strings.Builder
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil || complaints.Len() > 0 {
		t.Fatalf("%v\n%s\n%s", err, complaints.String(), out)
	}
	var list [][]string
	var offered []string
	for line := range strings.Lines(string(out)) {
		if line == "\n" {
			slices.Sort(offered)
			list = append(list, slices.Compact(offered))
			offered = nil
			continue
		}
		// A shell may show a folder as one, and a value with its flag.
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "/")
		if flag, value, ok := strings.Cut(line, "="); ok && strings.HasPrefix(flag, "--") && value != "" {
			line = value
		}
		offered = append(offered, strings.TrimSuffix(line, "="))
	}
	if len(list) != len(lines) {
		t.Fatalf("%d answers to %d lines\n%s", len(list), len(lines), out)
	}
	return list
}

// program returns the path of a program of Linux that a test needs. Every Linux
// has bash; without another one the test is skipped, unless RSEXEC_PEERS=require.
func program(t *testing.T, name string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("what other systems call " + name + " may be old or another program")
	}
	path, err := exec.LookPath(name)
	if err != nil && (name == "bash" || os.Getenv("RSEXEC_PEERS") == "require") {
		t.Fatalf("%v; .ci/install-peers installs it", err)
	}
	if err != nil {
		t.Skip(err)
	}
	return path
}
