package grammar

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// A script is a generated script that is never in memory as a whole.
type script struct {
	lines, next int
	rest        string
}

func (s *script) Read(p []byte) (int, error) {
	if s.rest == "" {
		if s.next == s.lines {
			return 0, io.EOF
		}
		s.next++
		s.rest = fmt.Sprintf("APPEND (FILE) SITE%d:/a%d, \"b c\" (TO FILE) SITE2:/x --route=auto # line\n", s.next%7, s.next)
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func TestReaderMemory(t *testing.T) {
	const lines, bound = 100_000, 1 << 20
	r := NewReader("long", &script{lines: lines})
	var before, now runtime.MemStats
	for n := 1; ; n++ {
		st, err := r.Next()
		if err == io.EOF {
			if n != lines+1 {
				t.Errorf("read %d statements, want %d", n-1, lines)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if st.Pos.Line != n {
			t.Fatalf("statement %d is said to be on line %d", n, st.Pos.Line)
		}
		switch {
		case n == 1000:
			runtime.GC()
			runtime.ReadMemStats(&before)
		case n%25_000 == 0:
			runtime.GC()
			runtime.ReadMemStats(&now)
			if now.HeapAlloc > before.HeapAlloc+bound {
				t.Errorf("heap grew from %d to %d bytes by line %d", before.HeapAlloc, now.HeapAlloc, n)
			}
		}
	}
}

// TestReaderContinues checks that after an error the Reader goes on at the next
// line, and that no remains of a wrong line are taken for a statement.
func TestReaderContinues(t *testing.T) {
	const text = `ls a ; FOO ; ls b
COPY "x\q" \
  ls c \
  ls d
ls e ; TYPE 'open ; ls f
COPY a ; \
ls g
COPY a TO b &
COPY a \
  TO b & ls \
  c & ls d
ECHO a & ls e
ls h # \
ls i`
	want := []string{
		"DIRECTORY (OF FILES) a",
		"t:1:8: unknown verb FOO; HELP lists the verbs",
		"t:2:8: " + faultEscape,
		"DIRECTORY (OF FILES) e",
		"t:5:13: open quote",
		"t:6:7: expected (TO FILE) or a pathname",
		"COPY (FILE) a (TO FILE) b &",
		"COPY (FILE) a (TO FILE) b &",
		"t:11:5: DIRECTORY cannot run in the background, only APPEND, COPY, MOVE, MIRROR, GET, PUT or RESUME can; a word & goes in quotes",
		"t:12:8: ECHO cannot run in the background, only APPEND, COPY, MOVE, MIRROR, GET, PUT or RESUME can; a word & goes in quotes",
		"DIRECTORY (OF FILES) h",
		"DIRECTORY (OF FILES) i",
	}
	r := NewReader("t", iotest.OneByteReader(strings.NewReader(text)))
	for _, line := range want {
		st, err := r.Next()
		got := fmt.Sprint(err)
		if err == nil {
			got = st.String()
		}
		if got != line {
			t.Errorf("got %s, want %s", got, line)
		}
	}
	for range 2 {
		if st, err := r.Next(); err != io.EOF {
			t.Errorf("got %v, %v at the end", st, err)
		}
	}
}

func TestReaderFails(t *testing.T) {
	broken := errors.New("broken")
	r := NewReader("t", io.MultiReader(strings.NewReader("ls a\nDELETE b"), iotest.ErrReader(broken)))
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if st, err := r.Next(); !errors.Is(err, broken) {
			t.Errorf("got %v, %v", st, err)
		}
	}
}

func TestReaderLongLine(t *testing.T) {
	name := strings.Repeat("x", MaxLine-len("TYPE \n"))
	list, err := Parse("", "TYPE "+name+"\n")
	if err != nil || list[0].Operand(0).Value() != name {
		t.Errorf("a line of MaxLine bytes: %v", err)
	}
	if _, err := Parse("t", "ls\nTYPE "+name+"x\nls"); err == nil || err.Error() != "t: line 2 is longer than 1048576 bytes" {
		t.Errorf("a line that is too long: %v", err)
	}
}

// TestReaderTime checks that the time for a line is proportional to its length,
// whatever it is made of. The bound is far above that, and far below the square.
func TestReaderTime(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const bound = 15 * time.Second
	for _, piece := range []string{"a ", `\a`, "a\\\n", "''b", ",a", "(a)", "--a ", "; ", "{", "{,b", "{a,b}", "TO ", "& ", "&,"} {
		start := time.Now()
		_, err := Parse("", "ls x"+strings.Repeat(piece, (MaxLine-10)/len(piece)))
		if _, ok := err.(*SyntaxError); err != nil && !ok {
			t.Errorf("%q: %v", piece, err)
		}
		if d := time.Since(start); d > bound {
			t.Errorf("%q: took %v", piece, d)
		}
	}
}

func TestIncomplete(t *testing.T) {
	for text, want := range map[string]bool{
		`COPY a \`:       true,
		"COPY a \\\n":    true,
		"COPY a \\\n  b": false,
		`COPY "a`:        false,
		`COPY a`:         false,
		`COPY "a\`:       true,
	} {
		_, err := Parse("", text)
		e, _ := err.(*SyntaxError)
		if got := e != nil && e.Incomplete; got != want {
			t.Errorf("%q: incomplete is %v: %v", text, got, err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("", "APPEND (FILE) PROG1.PL1 (TO FILE) PROG2.PL1"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReader(b *testing.B) {
	b.ReportAllocs()
	r := NewReader("", &script{lines: b.N})
	for range b.N {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N), "µs/statement")
}
