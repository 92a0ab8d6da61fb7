package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rsexec/grammar"
	"rsexec/sites/ftptest"
)

// oddNames are names that clients and servers stumble over.
var oddNames = []string{
	"a b.txt", " lead.txt", "trail .txt", "-dash.txt", "--help", "quo'te.txt", `dquo"te.txt`, "br[a]c{k}.txt", "star*.txt", "q?.txt",
	"pct%20.txt", "hash#.txt", "semi;colon", "amp&.txt", "dollar$HOME", "~tilde", "colon:1", "pipe|", "lt<gt>", "plus+", "(paren)", "a,b",
	"ünï.txt", "u\u0308-nfd.txt", "日本語.txt", "UPPER", `back\slash.txt`, ".hidden", strings.Repeat("x", 200) + ".txt",
}

// refusedNames are those that a server itself does not take, and why it is not
// our doing.
var refusedNames = map[ftptest.Peer]map[string]string{
	ftptest.PureFTPd: {
		`back\slash.txt`: "553 Prohibited file name",
		" lead.txt":      "stored as _lead.txt",
	},
}

// TestOddNames performs the verbs on odd names at every real server.
func TestOddNames(t *testing.T) {
	for _, peer := range ftptest.Peers() {
		t.Run(string(peer), func(t *testing.T) {
			t.Parallel()
			server := ftptest.Start(t, peer, ftptest.Options{})
			site := "SITE1=" + server.URL()
			do := func(statement string) (string, error) {
				status, out, errs := rsexecRun(t, "--site", site, "-c", statement)
				if status != 0 {
					return out, fmt.Errorf("%s\nstatus %d: %s", statement, status, errs)
				}
				return out, nil
			}
			must := func(statement string) string {
				t.Helper()
				out, err := do(statement)
				if err != nil {
					t.Error(err)
				}
				return out
			}
			dir := "SITE1:/odd [dir] it's"
			must("CREATE " + grammar.Quote(dir))
			for _, name := range oddNames {
				if refusedNames[peer][name] != "" {
					continue
				}
				local := filepath.Join(t.TempDir(), "f")
				if err := os.WriteFile(local, []byte(name), 0o600); err != nil {
					t.Fatal(err)
				}
				at := func(n string) string { return grammar.Quote(dir + "/" + n) }
				renamed := name[:len(name)-1] + "Z"
				out := must(strings.Join([]string{
					"COPY " + grammar.Quote("LOCAL:"+filepath.ToSlash(local)) + " " + at(name),
					"TYPE " + at(name),
					"DIRECTORY " + grammar.Quote(dir),
					"FIND SITE1:/odd*/*",
					"RENAME " + at(name) + " " + at(renamed),
					"DELETE " + at(renamed),
				}, "\n"))
				for verb, want := range map[string]string{
					"TYPE": "\n" + name + " ", "DIRECTORY": "  " + name + "\n", "FIND": "  " + dir + "/" + name + "\n",
					"RENAME": "RENAME " + dir + "/" + name + " to ", "DELETE": "DELETE " + dir + "/" + renamed + "\n",
				} {
					if !strings.Contains(out, want) {
						t.Errorf("%s does not show %q:\n%s", verb, want, out)
					}
				}
				if _, err := os.Lstat(filepath.Join(server.Root, "odd [dir] it's", renamed)); err == nil {
					t.Errorf("%q is still there", renamed)
				}
			}
			must("CREATE " + grammar.Quote(dir+"/--sub"))
			must("REMOVE " + grammar.Quote(dir) + " --recursive")
			if entries, err := os.ReadDir(server.Root); err != nil || len(entries) != 0 {
				t.Errorf("left: %v, %v", entries, err)
			}
		})
	}
}
