package rsexec

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ways asks how a line can go on at its end, and returns the lines that it could be.
func (s *shell) ways(line string) string {
	_, ways := s.Complete(line, len(line))
	var all []string
	for _, w := range ways {
		all = append(all, w.Tail)
	}
	return strings.Join(all, "|")
}

func TestComplete(t *testing.T) {
	one, _ := serve(t, map[string]string{
		"prog1.pl1": "", "a b.txt": "", "dir/one": "", "dir/other": "", ".hidden": "", "it's": "", `q"$x`: "", "star*": "", "-dash": "",
	})
	two, _ := serve(t, map[string]string{"prog2.pl1": "", "prog1.pl1": "", "sub/deep/x": ""})
	s := newShell(t, func(o *Options) { o.State = filepath.Join(t.TempDir(), "state.db") }, "SITE1="+one, "SITE2="+two)
	s.lookups.within = time.Minute // the machine may be busy
	for _, statement := range []string{"DEFINE SYS: SITE2:/sub", "SET file x"} {
		if _, err := s.run(t, statement); err != nil {
			t.Fatal(err)
		}
	}
	here := t.TempDir()
	if err := os.WriteFile(filepath.Join(here, "local.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.run(t, "LCD "+here); err != nil {
		t.Fatal(err)
	}
	for range 2 { // asked of the sites, then of the index
		for _, test := range []struct{ line, want string }{
			{"type SITE1:pro", "g1.pl1"},
			{"type SITE1:/pro", "g1.pl1"},
			{"type pro", "g1.pl1|g2.pl1"},
			{"type SITE2:sub/", "deep/"},
			{"type SYS:d", "eep/"},
			{"type S", "ITE1:|ITE2:|YS:"},
			{"type sy", "S:"},
			{"type SITE1:dir/o", "ne|ther"},
			{"type SITE1:.", "hidden"},
			{"type SITE1:a", `\ b.txt`},
			{`type "SITE1:a`, ` b.txt"`},
			{`type 'SITE1:a `, `b.txt'`},
			{"type SITE1:i", `t\'s`},
			{"type 'SITE1:i", ""},
			{"type SITE1:q", `\"\$x`},
			{`type "SITE1:q`, `\"\$x"`},
			{"type SITE1:st", `ar\*`},
			{"type SITE1:st*", ""},
			{"type SITE1:-", "dash"},
			{"type SITE1:none", ""},
			{"type NOSITE:x", ""},
			{"copy SITE1:prog1.pl1 SITE2:su", "b/"},
			{"site show S", "ITE1|ITE2"},
			{"undefine S", "YS:"},
			{"set f", "ile"},
			{"echo S", ""},
			{"ls --im", "ages"},
			{"put lo", "cal.txt"},
			{"take LOCAL:lo", "cal.txt"},
			{"if exists SITE1:pr", "og1.pl1"},
			{"ls > SITE2:su", "b/"},
			{"ls > x SITE2:su", "b/"},
		} {
			if got := s.ways(test.line); got != test.want {
				t.Errorf("%s|: %q, want %q", test.line, got, test.want)
			}
		}
	}
	if got := s.ways("type SITE1:"); strings.Contains(got, "hidden") || !strings.Contains(got, "prog1.pl1") {
		t.Errorf("an empty name: %q", got)
	}
}

// TestCompleteHangs holds that a site that hangs does not keep the person at the
// keyboard waiting, nor the shell from ending.
func TestCompleteHangs(t *testing.T) {
	one, _ := serve(t, map[string]string{"prog1.pl1": ""})
	hanging, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts, so that nothing is ever said
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hanging.Close() })
	s := newShell(t, nil, "SITE1="+one, fmt.Sprintf("SITE2=ftp://u:p@%s/?timeout=1h", hanging.Addr()))
	began := time.Now()
	for range 2 * lookupsAtOnce {
		if got := s.ways("type SITE2:pro"); got != "" {
			t.Error(got)
		}
	}
	if took, most := time.Since(began), 4*lookupsAtOnce*completeWithin; took > most {
		t.Errorf("it took %v, more than %v", took, most)
	}
}
