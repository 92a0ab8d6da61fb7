package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"rsexec/grammar"
	"rsexec/sites"
)

// TestManPage has the page formatted: there is nothing to complain of, and all
// that the tables say is in it as they say it.
func TestManPage(t *testing.T) {
	mandoc := program(t, "mandoc")
	status, page, stderr := rsexecRun(t, "man")
	if status != 0 {
		t.Fatalf("status %d\n%s", status, stderr)
	}
	dir := t.TempDir()
	write(t, dir, "rsexec.1", page)
	format := func(args ...string) string {
		command := exec.CommandContext(t.Context(), mandoc, append(args, "rsexec.1")...)
		command.Dir = dir
		out, err := command.CombinedOutput()
		if err != nil {
			t.Errorf("%v: %v\n%s", command.Args, err, out)
		}
		return string(out)
	}
	if out := format("-T", "lint", "-W", "warning"); out != "" {
		t.Errorf("lint says\n%s", out)
	}
	// Bold and underlined letters are printed twice or over a line.
	text := words(regexp.MustCompile(".\b").ReplaceAllString(format("-T", "ascii"), ""))
	has := func(parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(text, words(part)) {
				t.Errorf("the page does not have %q", part)
			}
		}
	}
	app := newParser(&cli{}, streams{}, nil).Model
	flags := visible(app.Flags)
	for _, n := range app.Children {
		name := n.Name
		if n == app.DefaultCmd {
			name = "[" + name + "]"
		}
		has("rsexec [flags] "+name, n.Name+" "+sentence(n.Help))
		for _, p := range n.Positional {
			has(placeholder(p)+" ", sentence(p.Help))
		}
		flags = append(flags, visible(n.Flags)...)
	}
	for _, f := range flags {
		form := "--" + f.Name
		if !isSwitch(f.Value) {
			form += "=" + placeholder(f.Value)
		}
		has(form + " " + sentence(f.Help))
	}
	for _, v := range grammar.Verbs() {
		has(v.Name+" "+v.Usage()+" "+v.Help, v.Example)
		if also := v.Also(); also != "" {
			has("Also: " + also + ".")
		}
		for _, s := range v.Slots {
			for _, a := range s.Actions {
				has(a.Name + " " + sentence(a.Help))
			}
		}
		for _, o := range v.Options {
			has(o.Usage() + " " + sentence(o.Help))
			for _, c := range o.Choices {
				has(c.Value + " " + sentence(c.Help))
			}
		}
	}
	for _, o := range sites.Options() {
		if !o.Part {
			has(o.Name + " " + sentence(o.Help))
		}
	}
	has("-h, --help", "-c COMMANDS, --command=COMMANDS", "NAME rsexec - "+summary, "130 Interrupted.", `--site SITE2=ftp://ann@two.example \ -c 'APPEND (FILE)`)
}

// words returns text with one blank between its words.
func words(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestRoff(t *testing.T) {
	cases := []struct{ text, want string }{
		{"plain", "plain"},
		{"a-b", `\%a\-b`},
		{`C:\x`, `\%C:\ex`},
		{`'a' "b"`, `\(aqa\(aq \(dqb\(dq`},
		{"`^", `\(ga\(ha`},
		{"~/.netrc", `\%\(ti/.netrc`},
		{".SH NAME", `\&.SH NAME`},
		{"'br", `\(aqbr`},
		{strings.Repeat("x", 78) + " .de", strings.Repeat("x", 78) + "\n\\&.de"},
	}
	for _, c := range cases {
		if got := roffText(c.text); got != c.want {
			t.Errorf("%q is written %q, want %q", c.text, got, c.want)
		}
	}
	if got, want := roffLines(".a -b\n  'c'\n"), "\\&.a \\-b\n  \\(aqc\\(aq"; got != want {
		t.Errorf("lines are written %q, want %q", got, want)
	}
}
