package rsexec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rsexec/grammar"
	"rsexec/rsexec/state"
	"rsexec/sites"
)

// TestJobScript makes statements of what is left of jobs.
func TestJobScript(t *testing.T) {
	at := func(site, path string) sites.Pathname { return sites.Pathname{Site: site, Path: path} }
	file := func(change func(*state.Transfer)) state.Transfer {
		x := state.Transfer{N: 7, Source: at("SITE1", "/src/sub/a"), Dest: at("SITE2", "/dst/sub/a"), Root: len("/src/")}
		if change != nil {
			change(&x)
		}
		return x
	}
	is := func(w state.What) state.Transfer { return file(func(x *state.Transfer) { x.What = w }) }
	in := func(p state.Phase) state.Transfer { return file(func(x *state.Transfer) { x.Phase = p }) }
	for _, test := range []struct {
		statement string
		left      state.Transfer
		want      string
	}{
		{"COPY SITE1:/src/sub/a TO SITE2:/dst --limit=1k --update", file(nil), "COPY SITE1:/src/sub/a TO SITE2:/dst/sub/a --limit=1k --update"},
		{"COPY SITE1:/src TO SITE2:/dst --recursive --include=*.x", file(nil), "COPY SITE1:/src/sub/a TO SITE2:/dst/sub/a"},
		{"GET SITE1:/src/sub/a TO x --in-place", file(nil), "COPY SITE1:/src/sub/a TO SITE2:/dst/sub/a --in-place"},
		{"MIRROR SITE1:/src TO SITE2:/dst --delete", file(nil), "COPY SITE1:/src/sub/a TO SITE2:/dst/sub/a --update"},
		{"MIRROR SITE1:/src TO SITE2:/dst --digest", file(nil), "COPY SITE1:/src/sub/a TO SITE2:/dst/sub/a"},
		{"MIRROR SITE1:/src TO SITE2:/dst --delete", is(state.Extra), "DELETE SITE2:/dst/sub/a"},
		{"MIRROR SITE1:/src TO SITE2:/dst --delete", is(state.ExtraTree), "REMOVE SITE2:/dst/sub/a --recursive"},
		{"MIRROR SITE1:/src TO SITE2:/dst --delete --exclude=*.x", is(state.Tree), "MIRROR SITE1:/src/sub/a TO SITE2:/dst/sub/a --delete --exclude=*.x"},
		{"MIRROR SITE1:/src TO SITE2:/dst --exclude=sub/*.x", is(state.Tree), "MIRROR SITE1:/src TO SITE2:/dst --exclude=sub/*.x"},
		{"COPY SITE1:/src TO SITE2:/dst --recursive", is(state.Tree), "MIRROR SITE1:/src/sub/a TO SITE2:/dst/sub/a --digest"},
		{"COPY SITE1:/src TO SITE2:/dst --recursive --update", is(state.Tree), "MIRROR SITE1:/src/sub/a TO SITE2:/dst/sub/a"},
		{"COPY SITE1:/src TO SITE2:/dst --recursive --ascii", is(state.Tree), "RESUME 3"},
		{"MOVE SITE1:/src/sub/a TO SITE2:/dst", in(state.Begun), "MOVE SITE1:/src/sub/a TO SITE2:/dst/sub/a"},
		{"MOVE SITE1:/src/sub/a TO SITE2:/dst", in(state.Placed), "DELETE SITE1:/src/sub/a"},
		{"APPEND SITE1:/src/sub/a TO SITE2:/dst", in(state.Waiting), "APPEND SITE1:/src/sub/a TO SITE2:/dst/sub/a"},
		{"APPEND SITE1:/src/sub/a TO SITE2:/dst", in(state.Begun), "RESUME 3"},
	} {
		list, err := grammar.Parse("", test.statement)
		if err != nil {
			t.Fatal(err)
		}
		got := scriptOf(list[0], state.Job{ID: 3}).of(test.left)
		if got != test.want {
			t.Errorf("%s\n%s, want\n%s", test.statement, got, test.want)
		}
		if _, err := grammar.Parse("", got); err != nil {
			t.Errorf("%s: %v", got, err)
		}
	}
}

// TestJobScriptDoesWhatIsLeft performs what JOBS --script prints, with names that need quotes.
func TestJobScriptDoesWhatIsLeft(t *testing.T) {
	names := []string{"a b", "star*", "it's", `q"x`, "$x", "-f", "{a,b}", "[c]", "semi;", "back\\slash"}
	files := make(map[string]string)
	var words []string
	for _, name := range names {
		files[name] = name + name
		words = append(words, grammar.Quote("SITE1:/"+name))
	}
	one, _ := serve(t, files)
	two, root := serve(t, map[string]string{"done/-f/x": ""})
	s, out, errs := newJobShell(t, nil, "SITE1="+one, "SITE2="+two)
	clash := filepath.Join(root, "to")
	if err := os.Mkdir(clash, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range names[1:] { // which keeps all but the first from being copied
		if err := os.Mkdir(filepath.Join(clash, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.perform(t.Context(), t, "COPY "+strings.Join(words, ", ")+" TO SITE2:/to"); Status(err) != StatusSome {
		t.Fatal(err, errs.take())
	}
	for _, name := range names[1:] {
		if err := os.Remove(filepath.Join(clash, name)); err != nil {
			t.Fatal(err)
		}
	}
	out.take()
	if err := s.perform(t.Context(), t, "JOBS 1 --script"); err != nil {
		t.Fatal(err)
	}
	script := out.take()
	if n := strings.Count(script, "\n"); n != len(names)-1 {
		t.Errorf("%d lines:\n%s", n, script)
	}
	if err := s.perform(t.Context(), t, script); err != nil {
		t.Error(err, errs.take())
	}
	for _, name := range names {
		if got := text(t, clash, name); got != files[name] {
			t.Errorf("%s holds %q", name, got)
		}
	}
}

// TestJobLine keeps the list of jobs within a terminal.
func TestJobLine(t *testing.T) {
	now := time.Now()
	e := jobEvent{ID: 12, State: "running", Process: "4711", Statement: "COPY (FILE) SITE1:/" + strings.Repeat("long/", 20) + " (TO FILE) SITE2:/x",
		Begun: &now, Done: 1, Total: 1000, Bytes: 1 << 40}
	lines := []string{e.inList(80).text(), e.inList(0).text()}
	e.Process, e.State, e.Total, e.Bytes = "", "done", 1, 0
	lines = append(lines, e.inList(80).text())
	if n := len(lines[0]); n != 80 || !strings.Contains(lines[0], "(process 4711) COPY SITE1:/lon...") || !strings.HasSuffix(lines[1], " TO SITE2:/x\n") {
		t.Errorf("%d characters\n%s", n, strings.Join(lines, ""))
	}
	if at := strings.Index(lines[2], "COPY"); at != strings.Index(lines[0], "(process") {
		t.Errorf("the columns differ:\n%s", strings.Join(lines, ""))
	}
}
