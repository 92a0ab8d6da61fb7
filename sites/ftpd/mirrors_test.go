package ftpd

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rsexec/sites/ftptest"
)

// plant makes a tree of n small files below a folder, with odd names in the first
// directory but those that a program does not take, and returns what the files hold. None
// of them is new.
func plant(t *testing.T, root string, n int, cannot map[string]string) map[string]string {
	t.Helper()
	contents := make(map[string]string)
	add := func(name, text string) {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, planted, planted); err != nil {
			t.Fatal(err)
		}
		contents[name] = text
	}
	for _, name := range clientNames {
		if cannot[name] == "" {
			add("odd [dir] it's/"+name, name+"\r\n")
		}
	}
	for i := len(contents); i < n; i++ {
		add(fmt.Sprintf("d%d/e%d/f%d", i%7, i%3, i), strings.Repeat("x", i))
	}
	return contents
}

// planted is when the files of a tree were modified.
var planted = time.Date(2002, 7, 17, 21, 7, 15, 0, time.UTC)

// same fails the test where two trees differ.
func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if text, ok := got[name]; !ok || text != want[name] {
			t.Errorf("%s: %q is there: %t, with %d bytes of %d", what, name, ok, len(text), len(want[name]))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s has %q as well", what, name)
		}
	}
}

// lftp mirrors a tree both ways over several connections, and again with nothing to do.
func TestLftpMirror(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	for _, r := range []route{inClear, overIPv6, explicitTLS, implicitTLS} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, program{}, r, Server{}, authority)
			up, down := t.TempDir(), t.TempDir()
			want := plant(t, up, 300, nil)
			for range 2 {
				out, errs := lftp(b, "mirror -R -P 4 "+up+" /tree", "mirror -P 4 /tree "+down)
				if out+errs != "" {
					t.Errorf("output:\n%s\nerrors:\n%s", out, errs)
				}
			}
			same(t, "the site", contentsOf(t, filepath.Join(b.root, "tree")), want)
			same(t, "the copy", contentsOf(t, down), want)
			for _, verb := range []string{"STOR", "RETR"} {
				if n := strings.Count(b.log.String(), " verb="+verb+" "); n != len(want) {
					t.Errorf("%d transfers by %s, want %d", n, verb, len(want))
				}
			}
			b.sound()
		})
	}
}

// lftp has a file go between this site and ProFTPD, each being the source once and each
// the passive side once: the data goes directly.
func TestLftpFXP(t *testing.T) {
	content := noise(1_000_003)
	for _, passive := range []string{"source", "destination"} {
		t.Run("passive "+passive, func(t *testing.T) {
			t.Parallel()
			other := ftptest.Start(t, ftptest.ProFTPD, ftptest.Options{})
			b := newBench(t, program{}, route{host: "127.0.0.2"}, Server{AllowPeers: loopback}, ftptest.NewAuthority(t))
			b.write("ours", content)
			if err := os.WriteFile(filepath.Join(other.Root, "theirs"), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			lftp(b, "set ftp:use-fxp yes", "set ftp:fxp-force yes", fmt.Sprint("set ftp:fxp-passive-source ", passive == "source"),
				"get ours -o "+other.URL()+"/ours", "get "+other.URL()+"/theirs -o "+b.ftpURL()+"/theirs")
			if got, err := os.ReadFile(filepath.Join(other.Root, "ours")); string(got) != content || err != nil {
				t.Errorf("their copy has %d bytes, %v", len(got), err)
			}
			if got := b.read("theirs"); got != content {
				t.Errorf("our copy has %d bytes", len(got))
			}
			// One transfer each way, with no other host than theirs.
			log := b.log.String()
			for _, verb := range []string{"RETR", "STOR"} {
				if n := strings.Count(log, " verb="+verb+" "); n != 1 {
					t.Errorf("%d transfers by %s:\n%s", n, verb, log)
				}
			}
			for _, line := range textLines(log) {
				if (strings.Contains(line, " verb=RETR ") || strings.Contains(line, " verb=STOR ")) && !strings.Contains(line, " peer="+other.Host+":") {
					t.Errorf("not with %s: %s", other.Host, line)
				}
			}
			b.sound()
		})
	}
}

// ftpURL is the site's URL with its user.
func (b *bench) ftpURL() string { return strings.Replace(b.base(), "://", "://u:p@", 1) }

// rclone copies a thousand files both ways over several connections. It keeps their times,
// so a sync then has nothing to do, and by its own check both ends are the same.
func TestRcloneSync(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	var rclone program
	for _, p := range programs() {
		if p.name == "rclone" {
			rclone = p
		}
	}
	for _, test := range []struct {
		route route
		files int
		check string // how rclone is to compare
	}{
		{inClear, 1000, "--size-only"},
		{explicitTLS, 100, "--download"},
		{implicitTLS, 100, "--download"},
	} {
		t.Run(test.route.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, rclone, test.route, Server{}, authority)
			up, down := t.TempDir(), t.TempDir()
			want := plant(t, up, test.files, nil)
			do := func(args ...string) string {
				t.Helper()
				_, errs := b.run("", "rclone", append([]string{"--transfers", "8", "--checkers", "8", "--verbose"}, args...)...)
				// rclone 1.60 calls it an error that it has no digests to compare by.
				if strings.Contains(strings.ReplaceAll(errs, "ERROR : No common hash found", ""), "ERROR") {
					t.Errorf("rclone %q:\n%s", args, errs)
				}
				return errs
			}
			const idle = "There was nothing to transfer"
			for _, way := range [][]string{{up, ":ftp:tree"}, {":ftp:tree", down}} {
				if errs := do("copy", way[0], way[1]); strings.Contains(errs, idle) {
					t.Errorf("rclone copy %q:\n%s", way, errs)
				}
				if errs := do("sync", way[0], way[1]); !strings.Contains(errs, idle) {
					t.Errorf("rclone sync %q:\n%s", way, errs)
				}
			}
			same(t, "the site", contentsOf(t, filepath.Join(b.root, "tree")), want)
			same(t, "the copy", contentsOf(t, down), want)
			if errs := do("check", test.check, up, ":ftp:tree"); !strings.Contains(errs, fmt.Sprint(test.files, " matching files")) {
				t.Errorf("rclone check:\n%s", errs)
			}
			for _, root := range []string{filepath.Join(b.root, "tree"), down} {
				info, err := os.Stat(filepath.Join(root, "odd [dir] it's", "a b.txt"))
				if err != nil {
					t.Fatal(err)
				}
				if !info.ModTime().Equal(planted) {
					t.Errorf("modified %s", info.ModTime())
				}
			}
			// What is gone at the source goes at the site.
			if err := os.RemoveAll(filepath.Join(up, "odd [dir] it's")); err != nil {
				t.Fatal(err)
			}
			do("sync", up, ":ftp:tree")
			same(t, "the site", contentsOf(t, filepath.Join(b.root, "tree")), contentsOf(t, up))
			b.sound()
		})
	}
}

// wget gets a whole tree, in one session, and gets nothing again that has not changed.
func TestWgetMirror(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	cannot := map[string]string{
		" lead.txt":  "wget 1.21 takes the blank for one before the name",
		"pct%20.txt": "wget 1.21 takes names of listings for escaped ones",
	}
	for _, r := range []route{inClear, overIPv6, explicitTLS, implicitTLS} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, program{}, r, Server{}, authority)
			want := plant(t, filepath.Join(b.root, "tree"), 100, cannot)
			down := t.TempDir()
			for range 2 {
				wget(b, "tree/", "--mirror", "--no-host-directories", "--cut-dirs=1", "--restrict-file-names=nocontrol", "-P", down)
			}
			got := contentsOf(t, down)
			maps.DeleteFunc(got, func(name, _ string) bool { return path.Base(name) == ".listing" })
			same(t, "the copy", got, want)
			if n := strings.Count(b.log.String(), " verb=RETR "); n != len(want) {
				t.Errorf("%d files were got, want %d", n, len(want))
			}
			b.sound()
		})
	}
}

// curl gets parts of a file: it asks from an offset on and breaks off after.
func TestCurlRanges(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	content := noise(1_000_003)
	for _, r := range []route{inClear, explicitTLS, implicitTLS} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, program{}, r, Server{}, authority)
			b.write("f", content)
			for _, test := range []struct {
				ask  string
				want string
			}{
				{"5-9", content[5:10]}, {"0-0", content[:1]}, {"999999-", content[999_999:]}, {"-7", content[len(content)-7:]}, {"100-500099", content[100:500_100]},
			} {
				out, _ := b.run(curlSection(b, "url", b.base()+"/f", "range", test.ask), "curl", "-q", "-K", "-")
				if out != test.want {
					t.Errorf("range %s: %d bytes, want %d", test.ask, len(out), len(test.want))
				}
			}
		})
	}
}

// curl over TLS for passwords and commands only: the data is in the clear.
func TestCurlControlOnly(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	server, _ := certified(authority)
	b := newBench(t, program{}, inClear, Server{TLS: server}, authority)
	content := noise(100_001)
	b.write("f", content)
	out, _ := b.run("", "curl", "-q", "-sS", "--ftp-ssl-control", "--cacert", b.trusted, "--user", "u:p", b.base()+"/f")
	if out != content {
		t.Errorf("%d bytes", len(out))
	}
	if log := b.log.String(); !strings.Contains(log, "AUTH") || !strings.Contains(log, "protection=clear") {
		t.Errorf("log:\n%s", log)
	}
}
