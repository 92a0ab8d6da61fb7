package grammar

import (
	"fmt"
	"strings"
	"testing"
)

func TestComplete(t *testing.T) {
	const (
		behindRoute = " --choreography= --verify= --limit= --max-sessions= --ascii --recursive --update --no-clobber --in-place --include= --exclude="
		options     = " --route=" + behindRoute
	)
	var names []string
	for _, v := range Verbs() {
		names = append(names, v.Name)
	}
	all := strings.Join(names, " ")
	tests := []struct{ line, want string }{ // | is the cursor
		// Verbs.
		{"|", "verb: " + all},
		{"d|", "d verb: DELETE DIRECTORY du DIGEST DEFINE"},
		{"  cop|PY a", "cop verb: COPY"},
		{"c|", "c verb: COPY cat COUNT CREATE COMPARE CONNECT CANCEL"},
		{"l|", "l verb: ls LCD"},
		{"xyz|", "xyz verb:"},
		{"ls a ; ty|", "ty verb: TYPE"},
		{"ls a ;|", "verb: " + all},
		{"explain |", "EXPLAIN guide words,statement: (COMMAND) " + all},
		{"explain de|", "EXPLAIN de statement: DELETE DEFINE"},
		{"help ty|", "HELP ty verb: TYPE"},
		{"help type |", "HELP :"},
		{"mk|", "mk verb: mkdir"},
		{"site|", "site verb: SITE SITES"},

		// Actions.
		{"site |", "SITE guide words,action: (ACTION) ADD REMOVE SHOW TEST"},
		{"site (action) |", "SITE action: ADD REMOVE SHOW TEST"},
		{"site s|", "SITE s action: SHOW"},
		{"site x|", "SITE x action:"},
		{"site foo |", ":"},
		{"site show |", "SITE guide words,name of a site: (NAME)"},
		{"site show X |", "SITE :"},
		{"site a X |", "SITE guide words,URL of a site: (URL)"},
		{"site add X (URL) |", "SITE URL of a site:"},
		{"site add X u |", "SITE :"},
		{"site add,|", "SITE :"},

		// Conditions, variables and redirections.
		{"if |", "IF guide words,condition: (CONDITION) NOT EXISTS"},
		{"if n|", "IF n condition: NOT"},
		{"if not |", "IF condition: EXISTS"},
		{"if exists SITE1:|", "IF SITE1: source pathname:"},
		{"if not exists |", "IF source pathname:"},
		{"if a |", "IF word:"},
		{"foreach f IN |", "FOREACH source pathname,option: --type= --older= --newer= --larger= --smaller= --parallel="},
		{"copy $a |", "COPY guide words,source pathname,destination pathname,option: (TO FILE)" + options},
		{"copy $a/x|", "COPY ${a}/x source pathname:"},
		{"ls > |", "DIRECTORY destination pathname:"},
		{"ls > x |", "DIRECTORY guide words,source pathname,option: (OF FILES) --images"},

		// A bare TO.
		{"copy a TO |", "COPY destination pathname,option:" + options},
		{"copy a, b to c|", "COPY c destination pathname:"},
		{"copy a to b,|", "COPY destination pathname:"},
		{"copy a to b |", "COPY option,sign of the background:" + options + " &"},
		{"copy a to|", "COPY to source pathname,destination pathname:"},
		{"copy a TO --route=auto |", "COPY destination pathname,option:" + behindRoute},
		{"copy a TO (to file) |", "COPY destination pathname,option:" + options},
		{"copy a \"TO\" |", "COPY guide words,source pathname,destination pathname,option,sign of the background: (TO FILE)" + options + " &"},
		{"copy TO |", "COPY guide words,source pathname,destination pathname,option: (TO FILE)" + options},
		{"connect to |", "CONNECT source pathname:"},
		{"rename a,b to |", ":"},

		// Operands and guide words.
		{"copy |", "COPY guide words,source pathname,option: (FILE)" + options},
		{"copy (file) |", "COPY source pathname,option:" + options},
		{"copy a|", "COPY a source pathname:"},
		{"copy SITE1:\"/a b|", `COPY SITE1:/a b source pathname:`},
		{`copy 'a\b|`, `COPY a\b source pathname:`},
		{`copy a\|`, `COPY a source pathname:`},
		{"copy a |", "COPY guide words,source pathname,destination pathname,option: (TO FILE)" + options},
		{"copy a b|", "COPY b source pathname,destination pathname:"},
		{"copy a,|", "COPY source pathname:"},
		{"copy a b,|", "COPY source pathname,destination pathname:"},
		{"append a b,|", "APPEND source pathname:"},
		{"copy {a,b|", "COPY b source pathname:"},
		{"copy {a,b}|", "COPY {a,b} source pathname:"},
		{"define |", "DEFINE guide words,logical name: (LOGICAL NAME)"},
		{"define X: |", "DEFINE guide words,source pathname: (AS)"},
		{"define X: a |", "DEFINE source pathname:"},
		{"undefine |", "UNDEFINE guide words,logical name: (LOGICAL NAME)"},
		{"find a --type=|", "FIND value of an option: file dir link"},
		{"rm a --|", "DELETE -- option: --all"},
		{"rm a --all |", "DELETE pathname:"},
		{"copy a, b|", "COPY b source pathname:"},
		{"copy a, b |", "COPY guide words,source pathname,destination pathname,option: (TO FILE)" + options},
		{"copy a b |", "COPY guide words,source pathname,destination pathname,option,sign of the background: (TO FILE)" + options + " &"},
		{"copy a (to file) |", "COPY destination pathname,option:" + options},
		{"copy a (to file) b |", "COPY option,sign of the background:" + options + " &"},
		{"copy a (|", "COPY ( guide words: (TO FILE)"},
		{"copy a (to f|", "COPY (TO F guide words: (TO FILE)"},
		{"copy (file l|", "COPY (FILE L guide words: (FILE LIST)"},
		{"rename a |", "RENAME guide words,destination pathname,option: (TO BE) --all"},
		{"rename a,|", "RENAME :"},
		{"rename a b |", "RENAME option: --all"},
		{"ls |", "DIRECTORY guide words,source pathname,option: (OF FILES) --images"},
		{"ls a |", "DIRECTORY source pathname,option: --images"},
		{"explain copy a |", "COPY guide words,source pathname,destination pathname,option: (TO FILE)" + options},
		{"ls A.TXT;|", "DIRECTORY A.TXT; source pathname:"},

		// Jobs and the background.
		{"resume |", "RESUME guide words,number of a job,sign of the background: (JOB) ALL &"},
		{"resume a|", "RESUME a number of a job: ALL"},
		{"resume (job) |", "RESUME number of a job,sign of the background: ALL &"},
		{"resume 3 |", "RESUME sign of the background: &"},
		{"forget |", "FORGET guide words,number of a job: (JOB) ALL"},
		{"cancel 1|", "CANCEL 1 number of a job:"},
		{"jobs |", "JOBS guide words,number of a job,option: (NUMBER) --all --script"},
		{"move a -- b |", "MOVE guide words,source pathname,destination pathname,sign of the background: (TO FILE) &"},
		{"get a > |", "GET destination pathname:"},
		{"get a > b |", "GET guide words,source pathname,name of a file at this host,option: (TO FILE)" + options},
		{"explain copy a to b |", "COPY option:" + options},
		{"copy a b &|", "verb: " + all},
		{"copy a b & |", "verb: " + all},
		{"copy a b & ty|", "ty verb: TYPE"},
		{"copy a b &\\\n |", "verb: " + all},
		{"copy a b &x|", "COPY &x source pathname,destination pathname:"},
		{"copy a & |", "verb: " + all},

		// Options.
		{"copy -|", "COPY - option:" + options},
		{"copy --|", "COPY -- option:" + options},
		{"copy --r|", "COPY --r option: --route= --recursive"},
		{"copy --route=auto a --|", "COPY -- option:" + behindRoute},
		{"copy --include=x a --i|", "COPY --i option: --in-place --include="},
		{"copy --include=x,y|", "COPY x,y value of an option:"},
		{"mirror --verify=|", "MIRROR value of an option: size digest read"},
		{"copy --route=|", "COPY value of an option: direct relay auto"},
		{"copy --route=d|", "COPY d value of an option: direct"},
		{`copy --choreography="a b|`, "COPY a b value of an option:"},
		{"copy -- |", "COPY guide words,source pathname: (FILE)"},
		{"copy -- --r|", "COPY --r source pathname:"},
		{"quit |", "QUIT guide words,number: (STATUS)"},
		{"pwd |", "PWD :"},

		// Nowhere.
		{"foo |", ":"},
		{"ls # |", ":"},
		{"ls 'a' # 'b|", ":"},
		{"copy (to file) |", ":"},
		{"copy a,, |", ":"},
		{`ls "a\q|`, ":"},
		{"ls a; |", ":"},
	}
	for _, test := range tests {
		before, after, _ := strings.Cut(test.line, "|")
		c := Complete(before+after, len(before))
		kinds := make([]string, len(c.Expect))
		for i, k := range c.Expect {
			kinds[i] = k.String()
		}
		got := ""
		if c.Verb != nil {
			got = c.Verb.Name + " "
		}
		if c.Value != "" && len(c.Expect) > 0 {
			got += c.Value + " "
		}
		got += strings.Join(kinds, ",") + ":"
		for _, d := range c.Candidates {
			got += " " + d.Text
			if d.Help == "" || !c.Expects(d.Kind) {
				t.Errorf("%s: candidate %+v", test.line, d)
			}
		}
		if got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.line, got, test.want)
		}
		if c.End != len(before) || before[c.Start:] != c.Raw {
			t.Errorf("%s: bytes %d to %d are not %q", test.line, c.Start, c.End, c.Raw)
		}
	}
}

// TestTail checks that what completes a word is its text and nothing else, once it
// is typed behind what was there.
func TestTail(t *testing.T) {
	for _, test := range []struct{ line, text, want string }{
		{"copy ", "&", `\&`},
		{"copy ", "&a&", `\&a&`},
		{"copy a", "&", "&"},
		{"copy ", "-a-b", `\-a-b`},
		{"copy a ", "b c;", `b\ c\;`},
		{`copy "`, "& $x", `& \$x"`},
		{"copy '", `a"$`, `a"$'`},
	} {
		c := Complete(test.line, len(test.line))
		tail, ok := c.Tail(test.text, true)
		if !ok || tail != test.want {
			t.Errorf("%s: the tail of %s is %s, %v; want %s", test.line, test.text, tail, ok, test.want)
		}
		list, err := Parse("", test.line+tail+" x y")
		if err != nil {
			t.Errorf("%s%s: %v", test.line, tail, err)
			continue
		}
		words := list[0].List(0)
		if got := words[len(words)-2].Value(); got != c.Value+test.text {
			t.Errorf("%s%s: read as %q", test.line, tail, got)
		}
	}
	c := Complete("copy 'a", len("copy 'a"))
	if tail, ok := c.Tail("'", true); ok {
		t.Errorf("a quote was put within quotes: %s", tail)
	}
}

// TestCompleteLeads checks that whatever the table offers can be typed: each
// statement that takes the first candidate again and again, and a name where the
// table has no candidates, parses in the end.
func TestCompleteLeads(t *testing.T) {
	for _, v := range Verbs() {
		line := v.Name + " "
		for range 8 {
			c := Complete(line, len(line))
			switch {
			case len(c.Candidates) > 0 && c.Candidates[0].Kind == GuideWords:
				line += c.Candidates[0].Text + " "
			case c.Expects(VerbName) || c.Expects(Command):
				line += "SITES "
			case c.Expects(ActionName):
				line += c.Candidates[0].Text + " "
			case c.Expects(ConditionWords):
				line += "EXISTS "
			case (c.Expects(Number) || c.Expects(JobNumber)) && !strings.HasSuffix(line, "1 "):
				line += "1 "
			case len(c.Expect) > 0 && c.Expect[0] < GuideWords && !strings.HasSuffix(line, "x "):
				line += "x "
			}
		}
		switch v.Block {
		case OpensBlock:
			line += "; END"
		case DividesBlock:
			line = "IF a = b ; " + line + "; END"
		case EndsBlock:
			line = "PARALLEL ; " + line
		}
		if _, err := Parse("", line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func ExampleComplete() {
	line := "append prog1.pl1 "
	c := Complete(line, len(line))
	for _, d := range c.Candidates {
		fmt.Println(d.Text, "-", d.Help)
	}
	// Output:
	// (TO FILE) - before the destination pathname
	// --route= - the way the data takes
	// --choreography= - use this choreography and no other
	// --verify= - what is looked at before a file counts as transferred
	// --limit= - at most so many bytes a second, such as 500k or 2M; through this host, for only there it can be limited
	// --max-sessions= - at most so many sessions of each site, for this statement
	// --ascii - as text, with the line ends that each site has; cannot be resumed
}
