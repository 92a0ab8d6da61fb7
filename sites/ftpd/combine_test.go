package ftpd

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestUnquote(t *testing.T) {
	for _, test := range []struct {
		arg, name, rest string
		ok              bool
	}{
		{`"a"`, "a", "", true},
		{`"a b" "c"`, "a b", ` "c"`, true},
		{`"a""b" 1`, `a"b`, " 1", true},
		{`"""" x`, `"`, " x", true},
		{`""""""`, `""`, "", true},
		{`""`, "", "", false},
		{`"a`, "", "", false},
		{`"a""`, "", "", false},
		{`"a"b`, "", "", false},
		{`a`, "", "", false},
		{``, "", "", false},
	} {
		name, rest, ok := unquote(test.arg)
		if ok != test.ok || ok && (name != test.name || rest != test.rest) {
			t.Errorf("%s: %q, %q, %v", test.arg, name, rest, ok)
		}
	}
}

// The parts come behind what was there, in their order, and go.
func TestCombine(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	long := strings.Repeat("0123456789abcdef", chunkSize/8+1) // more than is copied at once
	s.write("p1", long)
	s.write("p2", "")
	s.write("p3", "end")
	c := s.login()
	c.do(`COMB "new" "p3" "p1" "p2"`, "250 ")
	if got := s.read("new"); got != "end"+long {
		t.Errorf("new has %d bytes", len(got))
	}
	s.write("p1", "!")
	c.do(`COMB "new" "p1"`, "250 ")
	if got := s.read("new"); got != "end"+long+"!" {
		t.Errorf("new has %d bytes", len(got))
	}
	if got := s.names(); got != "new" {
		t.Errorf("the files are %s", got)
	}
	if !strings.Contains(s.log.String(), "msg=copy session=1") || !strings.Contains(s.log.String(), "verb=COMB path=/new bytes=1\n") {
		t.Errorf("the log:\n%s", s.log)
	}
}

// What is private stays so.
func TestCombinePermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps one bit of a mode")
	}
	s := startSite(t, "127.0.0.1", Server{})
	s.write("p", "x")
	if err := os.Chmod(filepath.Join(s.root, "p"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.login().do(`COMB "new" "p"`, "250 ")
	if info, err := os.Stat(filepath.Join(s.root, "new")); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// A file is not added to itself, nor twice, whatever its names are; and nothing outside
// the user's root is read, deleted or written to.
func TestCombineLinks(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	s.write("f", "abc")
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"alias": "f", "out": secret, "dir": outside} {
		if err := os.Symlink(target, filepath.Join(s.root, name)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	if err := os.Link(filepath.Join(s.root, "f"), filepath.Join(s.root, "second")); err != nil {
		t.Skipf("no links here: %v", err)
	}
	c := s.login()
	for _, line := range []string{
		`COMB "f" "alias"`, `COMB "alias" "f"`, `COMB "f" "second"`, `COMB "new" "f" "second"`, `COMB "new" "alias" "f"`,
	} {
		c.do(line, "553 ")
	}
	for _, line := range []string{`COMB "new" "out"`, `COMB "out" "f"`, `COMB "new" "dir/secret"`, `COMB "dir/new" "f"`, `COMB "new" "f" "out"`} {
		c.do(line, "550 ")
	}
	if b, err := os.ReadFile(secret); err != nil || string(b) != "x" {
		t.Errorf("outside: %q, %v", b, err)
	}
	if got := s.names(); got != "alias dir f out second" || s.read("f") != "abc" {
		t.Errorf("the files are %s", got)
	}
}

// ABOR breaks it off: the target is what it was and no part is gone. What was sent behind
// is answered in its turn.
func TestAbortCombine(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	s.endless("big")
	s.write("f", "abc")
	s.write("old", "old")
	for _, target := range []string{"old", "new"} {
		c := s.login()
		c.send(`COMB "`+target+`" "f" "big"`, "NOOP")
		eventually(t, "a part is there", func() bool {
			info, err := os.Stat(filepath.Join(s.root, target))
			return err == nil && info.Size() > 3
		})
		c.send("ABOR", "XCRC f")
		c.expect("426 Aborted")
		c.expect("200 ")
		c.expect("226 ")
		c.expect("250 352441C2")
		if got := s.names(); got != "big f old" || s.read("old") != "old" {
			t.Errorf("the files are %s", got)
		}
	}
}

// So does the end of the control connection.
func TestCombineLosesItsUser(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	s.endless("big")
	c := s.login()
	c.send(`COMB "new" "big"`)
	eventually(t, "it has begun", func() bool { return s.names() == "big new" })
	_ = c.conn.Close()
	eventually(t, "it is broken off", func() bool { return strings.Contains(s.log.String(), "msg=copy") })
	if got := s.names(); got != "big" || !strings.Contains(s.log.String(), "error=aborted") {
		t.Errorf("the files are %s; the log:\n%s", got, s.log)
	}
}

// combining returns a combination of the named files into "new", ready to be appended to.
func (s *site) combining(names ...string) *combination {
	s.t.Helper()
	root, err := os.OpenRoot(s.root)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = root.Close() })
	c := &combination{meter: &meter{account: &account{}}, root: root, name: "/new", created: true}
	if c.f, err = root.Create("new"); err != nil {
		s.t.Fatal(err)
	}
	for _, name := range names {
		info, err := root.Stat(name)
		if err != nil {
			s.t.Fatal(err)
		}
		c.parts = append(c.parts, part{"/" + name, info})
	}
	return c
}

// A part that changes, before it is added or between that and its end, is not deleted,
// and neither are the others.
func TestCombineChangedPart(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(s *site)
	}{
		{"touched", func(s *site) {
			if err := os.Chtimes(filepath.Join(s.root, "p2"), time.Time{}, time.Unix(1e9, 0)); err != nil {
				s.t.Fatal(err)
			}
		}},
		{"grown", func(s *site) {
			before, err := os.Stat(filepath.Join(s.root, "p2"))
			if err != nil {
				s.t.Fatal(err)
			}
			s.write("p2", "longer")
			if err := os.Chtimes(filepath.Join(s.root, "p2"), time.Time{}, before.ModTime()); err != nil {
				s.t.Fatal(err)
			}
		}},
		{"gone", func(s *site) {
			if err := os.Remove(filepath.Join(s.root, "p2")); err != nil {
				s.t.Fatal(err)
			}
		}},
		{"replaced", func(s *site) {
			before, err := os.Stat(filepath.Join(s.root, "p2"))
			if err != nil {
				s.t.Fatal(err)
			}
			s.write("q", "two")
			if err := os.Chtimes(filepath.Join(s.root, "q"), time.Time{}, before.ModTime()); err != nil {
				s.t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(s.root, "q"), filepath.Join(s.root, "p2")); err != nil {
				s.t.Fatal(err)
			}
		}},
	} {
		for _, late := range []bool{false, true} {
			s := startSite(t, "127.0.0.1", Server{})
			s.write("p1", "one")
			s.write("p2", "two")
			c, tr := s.combining("p1", "p2"), &transfer{}
			if !late {
				test.change(s)
			}
			err := c.append(t.Context(), tr)
			if late {
				if err != nil {
					t.Fatal(err)
				}
				test.change(s)
				err = c.deleteParts()
			}
			if err = c.settle(err); err == nil || !strings.HasPrefix(err.Error(), "/p2: ") {
				t.Errorf("%s: %v", test.name, err)
			}
			s.missing("new")
			if got := s.read("p1"); got != "one" {
				t.Errorf("%s: p1 has %q", test.name, got)
			}
		}
	}
}

// A part that cannot be deleted: as long as none has been, the target is what it was;
// else everything is in the target, and the reply tells what is there twice.
func TestCombineRights(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("the system lets this user do everything")
	}
	s := startSite(t, "127.0.0.1", Server{})
	dir := filepath.Join(s.root, "d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s.write("d/fixed", "fixed")
	s.write("f", "abc")
	s.write("old", "old")
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) }) // else its removal tells
	c := s.login()
	c.do(`COMB "old" "d/fixed" "f"`, "451 /old: /d/fixed: permission denied")
	c.do(`COMB "new" "d/fixed" "f"`, "451 /new: /d/fixed: permission denied")
	if got := s.names(); got != "d f old" || s.read("old") != "old" {
		t.Errorf("the files are %s", got)
	}
	c.do(`COMB "old" "f" "d/fixed"`, "451 /old: /d/fixed: was added and cannot be deleted: permission denied")
	if got := s.names(); got != "d old" || s.read("old") != "oldabcfixed" || s.read("d/fixed") != "fixed" {
		t.Errorf("the files are %s", got)
	}
}
