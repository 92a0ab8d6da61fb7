package rsexec

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
	"rsexec/sites/ftp"
	"rsexec/sites/profile"
)

// exists reports whether root has the file.
func exists(root, name string) bool {
	_, err := os.Lstat(filepath.Join(root, name))
	return err == nil
}

func text(t *testing.T, root, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestLogicalNames is a session with logical names over two sites.
func TestLogicalNames(t *testing.T) {
	one, _ := serve(t, map[string]string{"sys/a": "1", "sys/both": "same", "other": "x"})
	two, _ := serve(t, map[string]string{"pub/sys/b": "2", "pub/sys/both": "same", "other": "y"})
	s := newShell(t, nil, "SITE1="+one, "SITE2="+two)
	for _, step := range []struct {
		statement string
		kind      sites.Kind // of the error; Other is none
		want      string     // a part of what is printed, or of the error
		not       string     // what is not
	}{
		{"DEFINE SYS: SITE1:/sys, SITE2:/pub/sys", sites.Other, "", ""},
		{"DEFINE", sites.Other, "SYS:             SITE1:/sys, SITE2:/pub/sys\n", ""},
		{"DEFINE", sites.Other, "DSK:             SITE1:, SITE2:\n", ""},
		{"DEFINE SYS:", sites.Other, "SITE2:/pub/sys", "DSK"},
		{"TYPE SYS:a", sites.Other, "1", ""},
		{"TYPE SYS:b", sites.Other, "2", ""},
		{"TYPE SYS:both", sites.Other, "same", ""}, // images: the same size and digest
		{"WHERE SYS:both", sites.Other, "<- this one: all are images of one file", ""},
		{"TYPE other", sites.Ambiguous, "it may be SITE1:/other or SITE2:/other", ""},
		{"DIRECTORY SYS:", sites.Other, "SITE1:/sys/both", ""},
		{"DIRECTORY SYS:", sites.Other, "SITE2:/pub/sys/both", ""},
		{"DIRECTORY SYS: --images", sites.Other, "both  SITE1, SITE2\n", "SITE2:/pub/sys/both"},
		{"FIND SYS:*", sites.Other, "SITE2:/pub/sys/b\n", ""},
		{"FIND *:/**/bot? --type=file", sites.Other, "SITE2:/pub/sys/both\n", "sys/a"},
		{"FIND SYS:{a,b}", sites.Other, "SITE1:/sys/a\n", "both"},
		{"COMPARE SYS:both", sites.Other, "same", "differs"},
		{"COMPARE other", sites.Conflict, "1 of 2 differ", ""},
		{"DEFINE TOOLS: SYS:, SITE1:", sites.Other, "", ""},
		{"TYPE TOOLS:b", sites.Other, "2", ""},
		{"DEFINE SYS: TOOLS:", sites.Other, "", ""},
		{"TYPE SYS:b", sites.Usage, "the logical name leads to itself", ""},
		{"DEFINE SITE1: SITE2:", sites.Usage, "it is the name of a site", ""},
		{"DEFINE BAD: nowhere/x", sites.Usage, "names no site", ""},
		{"UNDEFINE SYS:", sites.Other, "", ""},
		{"TYPE SYS:a", sites.NotFound, "no such site or logical name", ""},
		{"UNDEFINE SYS", sites.NotFound, "no such logical name", ""},
		{"PWD", sites.NotFound, "there is no working directory", ""},
		{"CONNECT SITE1:sys", sites.Other, "", ""},
		{"PWD", sites.Other, "SITE1:/sys\n", ""},
		{"TYPE a", sites.Other, "1", ""},
		{"COPY a new", sites.Other, "to SITE1:/sys/new", ""},
		{"CONNECT a", sites.Usage, "it is no directory", ""},
		{"CONNECT SITE2:", sites.Other, "", ""},
		{"TYPE other", sites.Other, "y", ""}, // the working directory comes first
		{"DIRECTORY", sites.Other, "other\n", "sys/a"},
		{"CREATE sub/", sites.Other, "CREATE SITE2:/sub\n", ""},
		{"COPY SITE1:sys/* sub", sites.Other, "SITE2:/sub/both", ""},
		{"REMOVE sub", sites.Refused, "not empty; --recursive", ""},
		{"REMOVE sub --recursive", sites.Other, "REMOVE SITE2:/sub\n", ""},
		{"REMOVE other", sites.Usage, "it is no directory", ""},
	} {
		out, err := s.run(t, step.statement)
		if err != nil {
			out = err.Error()
		}
		if sites.KindOf(err) != step.kind || (err == nil) != (step.kind == sites.Other) || !strings.Contains(out, step.want) ||
			step.not != "" && strings.Contains(out, step.not) {
			t.Errorf("%s\n%v: %s%s\nwant %v with %q and without %q", step.statement, sites.KindOf(err), out, s.err.String(), step.kind, step.want, step.not)
		}
	}
}

// TestImages changes files of which several sites hold images.
func TestImages(t *testing.T) {
	files := map[string]string{"f": "one\n", "g": "x", "dir/keep": ""}
	one, root1 := serve(t, files)
	two, root2 := serve(t, files)
	down := "ftp://u:p@127.0.0.1:1"
	s := newShell(t, nil, "SITE1="+one, "SITE2="+two)

	// APPEND changes all images, or none.
	if out, err := s.run(t, "APPEND SITE1:g f"); err != nil || strings.Count(out, "APPEND SITE1:/g to SITE") != 2 {
		t.Error(out, err)
	}
	if text(t, root1, "f") != "one\nx" || text(t, root2, "f") != "one\nx" {
		t.Errorf("%q, %q", text(t, root1, "f"), text(t, root2, "f"))
	}
	half := newShell(t, nil, "SITE1="+one, "SITE2="+two, "SITE3="+down)
	if _, err := half.run(t, "APPEND SITE1:g f"); sites.KindOf(err) != sites.Unreachable || !strings.Contains(err.Error(), "SITE3") {
		t.Error(err)
	}
	if text(t, root1, "f") != "one\nx" {
		t.Errorf("an image was changed: %q", text(t, root1, "f"))
	}

	// COMPARE compares what it can, and says that this was not all.
	if out, err := half.run(t, "COMPARE *:f"); Status(err) != StatusSome || strings.Count(out, "same ") != 2 {
		t.Error(out, err)
	}
	if out, err := newShell(t, nil, "SITE1="+one, "SITE3="+down).run(t, "COMPARE *:f"); Status(err) != StatusSome || out != "" {
		t.Error(out, err)
	}

	// COPY to several destinations makes images.
	if _, err := s.run(t, "COPY SITE1:f TO SITE1:dir, SITE2:dir"); err != nil {
		t.Error(err, s.err.String())
	}
	if text(t, root1, "dir/f") != "one\nx" || text(t, root2, "dir/f") != "one\nx" {
		t.Error("COPY made no images")
	}

	// RENAME and DELETE ask for each image; nobody asked, they want --all.
	if _, err := s.run(t, "RENAME f h"); err == nil || !strings.Contains(err.Error(), "--all") {
		t.Error(err)
	}
	if _, err := s.run(t, "RENAME f h --all"); err != nil || !exists(root1, "h") || !exists(root2, "h") || exists(root1, "f") {
		t.Error(err)
	}
	asked := []string{}
	asking := newShell(t, func(o *Options) {
		o.Ask = func(_ context.Context, question string, _ bool) (string, error) {
			asked = append(asked, question)
			return map[bool]string{true: "y", false: "n"}[strings.Contains(question, "SITE2")], nil
		}
	}, "SITE1="+one, "SITE2="+two)
	if _, err := asking.run(t, "DELETE h"); err != nil || exists(root2, "h") || !exists(root1, "h") {
		t.Error(err)
	}
	if strings.Join(asked, "|") != "Delete SITE1:/h? (y/n) |Delete SITE2:/h? (y/n) " {
		t.Errorf("asked %q", asked)
	}
	if _, err := half.run(t, "DELETE h --all"); sites.KindOf(err) != sites.Unreachable || !exists(root1, "h") {
		t.Error(err)
	}
}

// TestIndexedNames holds that a warm name needs no command, and that a name that is
// remembered wrongly is repaired.
func TestIndexedNames(t *testing.T) {
	one, root1 := serve(t, map[string]string{"a": "1", "b": "1"})
	two, root2 := serve(t, map[string]string{"c": "2"})
	s := newShell(t, func(o *Options) { o.State = filepath.Join(t.TempDir(), "state.db") }, "SITE1="+one, "SITE2="+two)
	s.index.build(t.Context(), s.network.DSK(), s.network.Heard)
	commands := 0
	ctx := sites.WithTrace(t.Context(), &sites.Trace{Command: func(string, int, string) { commands++ }})
	res, err := s.resolver.Source(ctx, "c")
	if err != nil || res.Pathname.String() != "SITE2:/c" || commands != 0 || res.Indexed.IsZero() {
		t.Errorf("%v, %v, %d commands", res.Pathname, err, commands)
	}

	// Another process has the index as well.
	other := newShell(t, func(o *Options) { o.State = s.options.State }, "OTHER="+two)
	if res, err := other.resolver.Source(ctx, "OTHER:c"); err != nil || commands != 0 || res.Indexed.IsZero() {
		t.Error(err, commands)
	}

	// A file that went away behind the index's back, and came up elsewhere.
	if err := os.Rename(filepath.Join(root1, "a"), filepath.Join(root2, "a")); err != nil {
		t.Fatal(err)
	}
	if out, err := s.run(t, "TYPE a"); err != nil || out != "1" {
		t.Errorf("%q, %v", out, err)
	}
	// A new one is found, though the index does not know it.
	if err := os.WriteFile(filepath.Join(root2, "new"), []byte("n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := s.run(t, "TYPE new"); err != nil || out != "n" {
		t.Errorf("%q, %v", out, err)
	}
	// Our own commands are known at once.
	if _, err := s.run(t, "COPY b SITE2:made ; DELETE SITE1:b"); err != nil {
		t.Fatal(err)
	}
	commands = 0
	if res, err := s.resolver.Source(ctx, "made"); err != nil || res.Pathname.Site != "SITE2" || commands != 0 {
		t.Error(res.Pathname, err, commands)
	}
	if _, err := s.resolver.Source(t.Context(), "b"); sites.KindOf(err) != sites.NotFound {
		t.Error(err)
	}
}

// TestHealth holds that a site is down after repeated misses, and then costs
// nothing, and up after repeated answers.
func TestHealth(t *testing.T) {
	n, err := newNetwork(nil, ftp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	miss := &sites.Error{Kind: sites.Unreachable, Msg: "no"}
	step := func(err error, down bool) {
		t.Helper()
		n.Heard("SITE1", err)
		if (n.Down("SITE1") != nil) != down {
			t.Errorf("after %v: down %v", err, n.Down("SITE1"))
		}
	}
	step(miss, false)
	step(&sites.Error{Kind: sites.NotFound}, false) // an answer
	step(miss, false)
	step(miss, true)
	step(nil, true)
	step(miss, true)
	step(nil, true)
	step(nil, false)
}

// TestPathnameRoundTrip holds that no name is impossible to write.
func TestPathnameRoundTrip(t *testing.T) {
	for _, name := range []string{"plain", "a b", " lead", "trail ", "-rf", "--help", "it's", `dq"x`, "br[a]c{k}", "star*", "q?", `back\slash`,
		"hash#", "pct%20", "semi;", ";", "a;b", "dollar$HOME", "~", "~home", "colon:1", "SITE2:x", "pipe|", "lt<gt>", "<A.B>C", "plus+", "...",
		"(paren)", "a,b", "{a,b}", "TO", "日本語", "u\u0308", "\u00fc", "latin1-\xe9", "tab\there", strings.Repeat("x", 255), "LOGIN.COM;3", "@", "!"} {
		p := sites.Pathname{Site: "SITE1", Path: "/dir/" + name}
		if got := read(t, p); got != p {
			t.Errorf("%q reads as %q", p.Path, got.Path)
		}
	}
}

// read writes a pathname as an operand and reads it back.
func read(t *testing.T, p sites.Pathname) sites.Pathname {
	t.Helper()
	raw, err := p.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	list, err := grammar.Parse("", "TYPE "+grammar.Quote(string(raw)))
	if err != nil {
		t.Errorf("%q: %v", p.Path, err)
		return sites.Pathname{}
	}
	n, err := resolver.Parse(list[0].Operand(0).Pattern())
	if err != nil || resolver.IsPattern(n.Path) {
		t.Errorf("%q: %v", p.Path, err)
		return sites.Pathname{}
	}
	return sites.Pathname{Site: n.Head, Path: resolver.Literal(n.Path)}
}

func FuzzPathnameRoundTrip(f *testing.F) {
	for _, seed := range []string{"a", "a b", "*", `\`, "{a,b}", "TO", "-x", ":", "<A>b", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		p := sites.Pathname{Site: "SITE1", Path: "/" + name}
		if sites.CheckPath(p.Path) != nil {
			return
		}
		if got := read(t, p); got != p {
			t.Errorf("%q reads as %q", p.Path, got.Path)
		}
	})
}

func TestProfileOfTheShell(t *testing.T) {
	one, _ := serve(t, map[string]string{"a": "1"})
	dir := t.TempDir()
	s := newShell(t, func(o *Options) { o.Profile = dir })
	if _, err := s.run(t, "SITE ADD site1 "+one); err != nil {
		t.Fatal(err)
	}
	if out, err := s.run(t, "TYPE a ; SITE TEST SITE1 ; SITE SHOW SITE1"); err != nil || !strings.Contains(out, "ftp://u:xxxxx@") {
		t.Error(out, err)
	}
	p, err := profile.Load(dir)
	if err != nil || len(p.Sites) != 1 || p.Sites[0].Name != "SITE1" || p.Sites[0].Password != "p" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := s.run(t, "SITE ADD site1 "+one); sites.KindOf(err) != sites.Usage {
		t.Error(err)
	}
	if _, err := s.run(t, "SITE REMOVE SITE1"); err != nil {
		t.Error(err)
	}
	if p, err := profile.Load(dir); err != nil || len(p.Sites) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := s.run(t, "SITE TEST SITE1"); sites.KindOf(err) != sites.NotFound {
		t.Error(err)
	}
}
