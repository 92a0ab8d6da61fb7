package rsexec

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestRoutes has two sites that refuse each other: a pair is asked once, a later
// shell knows it, says so once, and asks again when it is told to.
func TestRoutes(t *testing.T) {
	one, _ := serveAt(t, "127.0.77.1", map[string]string{"a": "hello"})
	two, _ := serveAt(t, "127.0.77.2", nil)
	state := filepath.Join(t.TempDir(), "state.db")
	start := func() *shell {
		return newShell(t, func(o *Options) { o.State = state }, "SITE1="+one, "SITE2="+two)
	}
	// copy returns what was said of the ways that were tried, or were not.
	copy := func(s *shell) (refused, remembered int) {
		t.Helper()
		s.err.Reset()
		if out, err := s.run(t, "COPY SITE1:/a TO SITE2:/b"); err != nil || !strings.Contains(out, "through this host") {
			t.Fatalf("%s, %v", out, err)
		}
		said := s.err.String()
		return strings.Count(said, "does not work"), strings.Count(said, "was refused on")
	}
	check := func(s *shell, refused, remembered int) {
		t.Helper()
		if r, m := copy(s); r != refused || m != remembered {
			t.Errorf("%d refusals and %d remembered ones were told, want %d and %d:\n%s", r, m, refused, remembered, s.err.String())
		}
	}
	routes := func(s *shell, statement, want string) {
		t.Helper()
		out, err := s.run(t, statement)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(out) {
			fields := strings.Fields(line[strings.Index(line, ")")+1:])
			got = append(got, strings.Fields(line)[3]+" "+fields[0])
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %q", statement, out)
		}
	}
	const known = "relay worked, rfc959 refused, rfc959 refused"

	first := start()
	routes(first, "ROUTES", "")
	check(first, 2, 0)
	check(first, 0, 0)
	routes(first, "ROUTES", known)
	routes(first, "ROUTES SITE1 TO SITE2", known)
	routes(first, "ROUTES SITE2", "")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	later := start()
	check(later, 0, 2)
	check(later, 0, 0)
	routes(later, "ROUTES", known)
	if _, err := later.run(t, "COPY SITE1:/a TO SITE2:/b --route=direct"); err == nil || !strings.Contains(err.Error(), "ROUTES --forget") {
		t.Errorf("what is known to be refused: %v", err)
	}
	routes(later, "ROUTES SITE2 --forget", "")
	routes(later, "ROUTES", known)
	routes(later, "ROUTES --forget", "")
	routes(later, "ROUTES", "")
	check(later, 2, 0)
	if _, err := later.run(t, "ROUTES SITE7"); err == nil {
		t.Error("routes of no site")
	}
}
