package grammar

import (
	"strings"
	"testing"
)

// scope is a Scope for tests: the variables by name, and the arguments.
type scope struct {
	values    map[string]Word
	arguments []Word
}

func (s scope) Variable(name string) (Word, bool) {
	w, there := s.values[name]
	return w, there
}

func (s scope) Arguments() []Word { return s.arguments }

func TestExpand(t *testing.T) {
	word := func(text string) Word {
		list, err := Parse("", "ECHO "+text)
		if err != nil {
			t.Fatal(err)
		}
		return list[0].Operand(0)
	}
	s := scope{
		values: map[string]Word{
			"a": word("alpha"), "star": word("*.iso"), "file": word(`"SITE1:/a b/c*.txt"`), "empty": word(`""`),
			"dash": word("''-x"), "n": word("3"), "route": word("relay"), "verb": word("COPY"), "up": word("SITE1:/x"), "top": word("/x"),
			"and": word("'&'"), "list": word("a','b"),
			"url": word("ftp://u@h/a/b"),
			"1":   word("one"), "#": word("2"), "?": word("0"),
		},
		arguments: []Word{word("one"), word("'t*o'")},
	}
	for _, test := range []struct{ text, want string }{
		{"ECHO $a ${a}b x$a", `ECHO (WORDS) ""alpha ""alphab ""xalpha`},
		{"ECHO $star 'a'$star \"$star\"", `ECHO (WORDS) ""*.iso "a"*.iso "*.iso"`},
		{"ECHO $file", `ECHO (WORDS) "SITE1:/a b/c*.txt"`},
		{"ECHO ${file.site} ${file.path} ${file.dir} ${file.name}", `ECHO (WORDS) "SITE1" "/a b/c*.txt" "SITE1:/a b" "c*.txt"`},
		{"ECHO ${up.dir} ${top.dir} ${top.site} ${a.dir} ${a.name}", `ECHO (WORDS) "SITE1:/" "/" "" "" "alpha"`},
		{"ECHO ${url.site} ${url.path} ${url.dir} ${url.name}", `ECHO (WORDS) "ftp://u@h" "/a/b" "ftp://u@h/a" "b"`},
		{"ECHO $empty \"$empty\" x$empty", `ECHO (WORDS) "" "" ""x`},
		{"COPY $dash b", `COPY (FILE) ""-x (TO FILE) b`},
		{"ECHO $@", `ECHO (WORDS) ""one "t*o"`},
		{`ECHO "$@"`, `ECHO (WORDS) "one" "t*o"`},
		{`ECHO "<$@>" $1 $# $?`, `ECHO (WORDS) "<one t*o>" ""one ""2 ""0`},
		{"COPY $@ TO x", `COPY (FILE) ""one, "t*o" (TO FILE) x`},
		{"COPY a b --route=$route", `COPY (FILE) a (TO FILE) b --route=""relay`},
		{"ECHO a > $up", `ECHO (WORDS) a > ""SITE1:/x`},
		{"EXPLAIN COPY $a b", `EXPLAIN (COMMAND) COPY (FILE) ""alpha (TO FILE) b`},
		{"IF $a = alpha ; ECHO $none ; END", `IF (CONDITION) ""alpha = alpha ; ECHO (WORDS) ${none} ; END`},
		{"HELP $verb", `HELP (WITH) ""COPY`},
		{"PARALLEL $n ; END", `PARALLEL (AT ONCE) ""3 ; END`},
		{"COPY $and b &", `COPY (FILE) "&" (TO FILE) b &`},
		{"RESUME $n &", `RESUME (JOB) ""3 &`},
		{"COPY a b --exclude=$list,c", `COPY (FILE) a (TO FILE) b --exclude=""a","b --exclude=c`},

		{"ECHO $none", `unknown variable $none; SET gives it a value, and a dollar sign in a name is written \$`},
		{"ECHO $3", "there is no argument $3"},
		{"ECHO x > $none", `unknown variable $none; SET gives it a value, and a dollar sign in a name is written \$`},
		{"EXPLAIN COPY a $none", `unknown variable $none; SET gives it a value, and a dollar sign in a name is written \$`},
		{"COPY a b --route=$a", "--route: expected direct, relay or auto, not alpha"},
		{"COPY a b --route=$none", `unknown variable $none; SET gives it a value, and a dollar sign in a name is written \$`},
		{"HELP $a", "unknown verb alpha; HELP lists the verbs"},
		{"PARALLEL $a ; END", "expected a number, not alpha"},
		{"WAIT $a", "expected the number of a job, not alpha"},
		{"RESUME $a", "expected the number of a job or ALL, not alpha"},
		{"RENAME $@ b", "expected a pathname, and $@ has 2 words"},
		{"IF $@ = one ; END", "expected EXISTS pathname, or a = b or a != b with blanks around the sign"},
	} {
		list, err := Parse("", test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		got := ""
		if st, err := list[0].Expand(s); err != nil {
			got = err.Error()
		} else {
			got = st.String()
		}
		if got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, test.want)
		}
	}
	list, err := Parse("", "TYPE $@")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := list[0].Expand(scope{}); err == nil || !strings.Contains(err.Error(), "$@ has no words") {
		t.Errorf("no arguments: %v", err)
	}
}

// TestBlockErrors holds that each wrong line of a script has its error, whatever
// block it is in, and that what follows is read.
func TestBlockErrors(t *testing.T) {
	const script = `FOREACH f IN a
	TYP
	IF a
	COPY $f
END
BAD
ELSE
ECHO good
`
	r := NewReader("s", strings.NewReader(script))
	var got []string
	for len(got) < 20 {
		st, err := r.Next()
		if err != nil {
			got = append(got, err.Error())
		} else {
			got = append(got, st.String())
		}
		if got[len(got)-1] == "EOF" {
			break
		}
	}
	want := []string{
		"s:2:5: expected (FILE) or a pathname",
		"s:3:6: expected EXISTS pathname, or a = b or a != b with blanks around the sign",
		"s:4:9: expected (TO FILE) or a pathname",
		"s:6:1: unknown verb BAD; HELP lists the verbs",
		"s:7:1: ELSE without an IF",
		"ECHO (WORDS) good",
		"EOF",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestBlockIncomplete tells what more lines can mend.
func TestBlockIncomplete(t *testing.T) {
	for _, test := range []struct {
		text string
		want bool
	}{
		{"IF a = b", true},
		{"IF a = b\nFOREACH f IN x\nEND", true},
		{"IF a = b\nBAD", false},
		{"ECHO a \\", true},
		{"IF a = b\nECHO a \\", true},
		{"END", false},
		{strings.Repeat("PARALLEL\n", maxDepth), true},
		{strings.Repeat("PARALLEL\n", maxDepth+1), false},
	} {
		_, err := Parse("", test.text)
		e, ok := err.(*SyntaxError)
		if !ok || e.Incomplete != test.want {
			t.Errorf("%.40q: %v, incomplete %v", test.text, err, ok && e.Incomplete)
		}
	}
}
