package grammar

import (
	"strings"
	"testing"
)

// TestTable checks what the table must have so that all that is derived from it
// works.
func TestTable(t *testing.T) {
	spellings := map[string]string{}
	claim := func(spelling, verb string) {
		if other, taken := spellings[strings.ToUpper(spelling)]; taken {
			t.Errorf("%s is a spelling of both %s and %s", spelling, other, verb)
		}
		spellings[strings.ToUpper(spelling)] = verb
	}
	for _, v := range Verbs() {
		claim(v.Name, v.Name)
		for _, a := range v.Aliases {
			claim(a, v.Name)
			if a != strings.ToLower(a) {
				t.Errorf("alias %s is not in small letters", a)
			}
		}
		if v.Name == "" || v.Name != strings.ToUpper(v.Name) || strings.ContainsAny(v.Name, " -") {
			t.Errorf("verb %q is not one word in capitals", v.Name)
		}
		if v.Summary == "" || strings.Contains(v.Summary, "\n") || strings.HasSuffix(v.Summary, ".") {
			t.Errorf("%s: summary %q", v.Name, v.Summary)
		}
		if !strings.HasSuffix(v.Help, ".") || strings.Contains(v.Help, "\n") {
			t.Errorf("%s: help %q is not one paragraph", v.Name, v.Help)
		}
		if v.Job && v.Block != NoBlock {
			t.Errorf("%s: a block is no job", v.Name)
		}
		if !strings.Contains(v.Example, v.Name) || strings.HasSuffix(v.Example, "\n") {
			t.Errorf("%s: example %q is not one of it", v.Name, v.Example)
		}
		if _, err := Parse("", v.Example); err != nil {
			t.Errorf("%s: the example is wrong: %v", v.Name, err)
		}
		many := 0
		for i := range v.Slots {
			s := &v.Slots[i]
			if len(s.Guides) == 0 || s.Kind < Source || s.Kind >= GuideWords {
				t.Errorf("%s: slot %d has no guide words or no kind of operands", v.Name, i)
			}
			for _, g := range s.Guides {
				if g != guideName(g) {
					t.Errorf("%s: guide words %q are not as they are compared", v.Name, g)
				}
			}
			if s.Kind == Command && i != len(v.Slots)-1 {
				t.Errorf("%s: a slot follows the statement", v.Name)
			}
			if s.Many {
				many++
			}
			if s.Many && s.Listed {
				t.Errorf("%s: slot %d is both for many and for a list", v.Name, i)
			}
			if i > 0 && !s.Optional && v.Slots[i-1].Optional {
				t.Errorf("%s: slot %d is needed and follows one that is not", v.Name, i)
			}
			if (s.Kind == ActionName) != (len(s.Actions) > 0) || len(s.Actions) > 0 && (i > 0 || s.Optional || s.takesLists()) {
				t.Errorf("%s: slot %d cannot have actions, or has none", v.Name, i)
			}
			if s.All && s.Kind != JobNumber {
				t.Errorf("%s: slot %d is not for jobs, but for all", v.Name, i)
			}
			for _, a := range s.Actions {
				if a.Name == "" || a.Name != strings.ToUpper(a.Name) || a.Help == "" || a.Slots < 0 || a.Slots >= len(v.Slots) {
					t.Errorf("%s: action %+v", v.Name, a)
				}
			}
		}
		if many > 1 {
			t.Errorf("%s: more than one slot for many", v.Name)
		}
		for i := range v.Options {
			o := &v.Options[i]
			if o.Name == "" || o.Name != strings.ToLower(o.Name) || strings.Contains(o.Name, "=") || o.Help == "" {
				t.Errorf("%s: option %+v", v.Name, o)
			}
			if o.Many && o.Value == "" {
				t.Errorf("%s: --%s has no free value, but many", v.Name, o.Name)
			}
			for _, c := range o.Choices {
				if c.Value == "" || c.Help == "" {
					t.Errorf("%s: choice %+v of --%s", v.Name, c, o.Name)
				}
			}
		}
	}
}

func TestUsage(t *testing.T) {
	const transfer = " [--route=direct|relay|auto] [--choreography=NAME] [--verify=size|digest|read] [--limit=RATE] [--max-sessions=N]"
	const replace = " [--no-clobber] [--in-place] [--include=PATTERN,...] [--exclude=PATTERN,...]"
	const copies = transfer + " [--ascii] [--recursive] [--update]" + replace
	for name, want := range map[string]string{
		"APPEND":    "APPEND (FILE) source,... (TO FILE) destination" + transfer + " [--ascii] [&]",
		"COPY":      "COPY (FILE) source,... (TO FILE) destination,..." + copies + " [&]",
		"GET":       "GET (FILE) source,... [(TO FILE) file]" + copies + " [&]",
		"PUT":       "PUT (FILE) file,... [(TO FILE) destination]" + copies + " [&]",
		"MOVE":      "MOVE (FILE) source,... (TO FILE) destination" + transfer + " [&]",
		"MIRROR":    "MIRROR (DIRECTORY) source (TO DIRECTORY) destination,..." + transfer + " [--delete] [--digest] [--dry-run]" + replace + " [&]",
		"JOBS":      "JOBS [(NUMBER) n] [--all] [--script]",
		"WAIT":      "WAIT [(FOR JOB) n]",
		"CANCEL":    "CANCEL (JOB) n",
		"RESUME":    "RESUME [(JOB) n|ALL] [&]",
		"FORGET":    "FORGET (JOB) n|ALL",
		"RENAME":    "RENAME (EXISTING FILE) source (TO BE) destination [--all]",
		"DIRECTORY": "DIRECTORY [(OF FILES) source,...] [--images]",
		"FIND":      "FIND (FILES) source,... [--type=file|dir|link] [--older=AGE] [--newer=AGE] [--larger=SIZE] [--smaller=SIZE]",
		"REMOVE":    "REMOVE (DIRECTORY) pathname [--recursive]",
		"CONNECT":   "CONNECT (TO DIRECTORY) source",
		"DEFINE":    "DEFINE [(LOGICAL NAME) name [(AS) source,...]]",
		"UNDEFINE":  "UNDEFINE (LOGICAL NAME) name",
		"SITE":      "SITE (ACTION) ADD|REMOVE|SHOW|TEST (NAME) site [(URL) url]",
		"EXPLAIN":   "EXPLAIN (COMMAND) statement",
		"HELP":      "HELP [(WITH) verb]",
		"QUIT":      "QUIT [(STATUS) number]",
	} {
		v, err := FindVerb(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := v.Usage(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestAbbreviations checks every prefix of every verb against the definition.
func TestAbbreviations(t *testing.T) {
	for _, v := range Verbs() {
		for n := 1; n <= len(v.Name); n++ {
			prefix := v.Name[:n]
			var exact *Verb
			count := 0
			for _, w := range Verbs() {
				if w.called(prefix) {
					exact = w
				}
				if strings.HasPrefix(w.Name, prefix) {
					count++
				}
			}
			got, err := FindVerb(strings.ToLower(prefix))
			switch {
			case exact != nil && got != exact:
				t.Errorf("%s is %v, want %s", prefix, got, exact.Name)
			case exact == nil && count == 1 && got != v:
				t.Errorf("%s is %v, want %s", prefix, got, v.Name)
			case exact == nil && count > 1 && (err == nil || !strings.Contains(err.Error(), v.Name)):
				t.Errorf("%s: error %v does not name %s", prefix, err, v.Name)
			}
		}
	}
}

// TestKinds checks that every kind has its words.
func TestKinds(t *testing.T) {
	for k := Source; int(k) < len(kindTexts); k++ {
		if w := kindTexts[k]; w.placeholder == "" || w.noun == "" || w.full == "" {
			t.Errorf("kind %d has no words: %+v", int(k), w)
		}
	}
}

// TestActions checks what the verbs of the table have no case of: an ambiguous
// action, one whose name begins another's, and one without operands.
func TestActions(t *testing.T) {
	v := &Verb{Name: "TEST", Slots: []Slot{
		{Guides: []string{"ACTION"}, Kind: ActionName, Actions: []Action{
			{"START", 1, "start"}, {"STARTLE", 0, "startle"}, {"STOP", 0, "stop"},
		}},
		{Guides: []string{"NAME"}, Kind: Source},
	}}
	if got, want := v.Usage(), "TEST (ACTION) START|STARTLE|STOP [(NAME) source]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for text, want := range map[string]string{
		"start":   "expected (NAME) or a pathname",
		"Startl":  "TEST (ACTION) STARTLE",
		"sto":     "TEST (ACTION) STOP",
		"sta":     "ambiguous action sta: START or STARTLE",
		"s":       "ambiguous action s: START, STARTLE or STOP",
		"stopper": "expected START, STARTLE or STOP, not stopper",
	} {
		a := newAssembly(v, Position{})
		f := a.addList([]Word{{Raw: text, Parts: []Part{{Text: text}}}}, false)
		var st *Statement
		if f == nil {
			st, f = a.finish(Position{})
		}
		got := ""
		if f != nil {
			got = f.msg
		} else {
			got = st.String()
			if raw := st.Operand(0).Raw; raw != text {
				t.Errorf("%s: raw is %s", text, raw)
			}
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// TestSwitch checks options without a value.
func TestSwitch(t *testing.T) {
	v := &Verb{Name: "TEST", Options: []Option{{Name: "deep", Help: "go deep"}}}
	word := func(text string) Word { return Word{Raw: text, Parts: []Part{{Text: text}}} }
	a := newAssembly(v, Position{})
	if f := a.addOption(word("--deep")); f != nil {
		t.Fatal(f.msg)
	}
	if value, given := a.st.Option("deep"); value != "" || !given {
		t.Errorf("the switch is %q, %v", value, given)
	}
	if got := a.st.String(); got != "TEST --deep" {
		t.Error(got)
	}
	a = newAssembly(v, Position{})
	if f := a.addOption(word("--deep=1")); f == nil || f.msg != "option --deep takes no value" {
		t.Errorf("%+v", f)
	}
}
