package profile

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/mitchellh/go-homedir"

	"rsexec/sites"
)

// folder writes the files of a profile, each for its owner alone, and returns
// the folder.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// load reads a profile that must have no problems.
func load(t testing.TB, dir string) *Profile {
	t.Helper()
	p, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range p.Problems {
		t.Error(problem)
	}
	return p
}

// site makes the configuration that a site's URL describes.
func site(t testing.TB, name, url string) sites.Config {
	t.Helper()
	c, err := sites.ParseURL(name, url)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoadNothing(t *testing.T) {
	empty := t.TempDir()
	for _, dir := range []string{empty, filepath.Join(empty, "missing")} {
		if diff := cmp.Diff(&Profile{Dir: dir, Ambiguous: Ask}, load(t, dir)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := folder(t, map[string]string{
		"profile.toml": "\xef\xbb\xbf" + `# What holds for all.
ambiguous = "first"

[define]
SYS = ["SITE2:/sys", "SITE1:/sys"]
dsk = ["SITE1:"]
"A.B" = ['site1:<A.B>', "SYS:"]

[defaults]
max-sessions = 2
passive = false
`,
		"sites/SITE1.toml":     `url = "ftp://ann:p%40@h:2121/pub?dsk=no"`,
		"sites/site2.toml":     "host = '::1'\nport = 2122\nuser = 'u'\npassword = 'p'\nhome = '/a b/'\nmax-sessions = '3'\npassive = 'yes'",
		"sites/SITE3.toml":     "url = 'ftp://ann@h'\npassword = 'from here'\ntimeout = '2s'\ndsk = false",
		"sites/SITE4.toml":     "host='h'\nuser='u'\npassword-env='X'\npassword-command='pass show x'\nchoreography='relay'\ndata-host='192.0.2.1'\ndata-port=20\ntls='off'",
		"sites/SITE1.toml~":    "an editor's",
		"sites/.SITE1.toml":    "another's",
		"sites/.add-123":       "one that was never finished",
		"sites/NEW.toml":       "",
		"sites/README":         "a person's",
		"other/SITE9.toml":     "not looked at",
		"sites/sub/SITE9.toml": "not looked at",
	})
	defaults := []sites.Setting{{Option: "max-sessions", Value: "2"}, {Option: "passive", Value: "no"}}
	base := sites.Config{Scheme: "ftp", Host: "h", Port: 21, MaxSessions: 2, Active: true, Timeout: 30 * time.Second, StallTimeout: sites.DefaultStall, TLS: sites.TLSAuto}
	with := func(name string, change func(*sites.Config)) sites.Config {
		c := base
		c.Name = name
		change(&c)
		return c
	}
	want := &Profile{
		Dir: dir, Ambiguous: First, Defaults: defaults,
		Define: []Definition{{"SYS", []string{"SITE2:/sys", "SITE1:/sys"}}, {"DSK", []string{"SITE1:"}},
			{"A.B", []string{"site1:<A.B>", "SYS:"}}},
		Sites: []sites.Config{
			with("SITE1", func(c *sites.Config) {
				c.User, c.Password, c.Port, c.Home, c.NotInDSK = "ann", "p@", 2121, "/pub", true
			}),
			with("SITE2", func(c *sites.Config) {
				c.Host, c.Port, c.User, c.Password, c.Home, c.MaxSessions, c.Active = "::1", 2122, "u", "p", "/a b", 3, false
			}),
			with("SITE3", func(c *sites.Config) {
				c.User, c.Password, c.Timeout, c.NotInDSK = "ann", "from here", 2*time.Second, true
			}),
			with("SITE4", func(c *sites.Config) {
				c.User, c.PasswordEnv, c.PasswordCommand, c.Choreography = "u", "X", "pass show x", "relay"
				c.DataHost, c.DataPort, c.TLS = netip.MustParseAddr("192.0.2.1"), 20, sites.TLSOff
			}),
		},
	}
	if diff := cmp.Diff(want, load(t, dir), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
}

// TestProfileErrors holds that an error in profile.toml names its line and what
// there is instead.
func TestProfileErrors(t *testing.T) {
	for _, c := range []struct {
		text string
		line int
		says string
	}{
		{"ambiguous = 'perhaps'", 1, `expected "ask" or "first"`},
		{"ambiguous = 1", 1, `expected "ask" or "first"`},
		{"\nambigous = 'ask'", 2, "no key ambigous; there are ambiguous, [defaults] and [define]"},
		{"[sites]\nA = 1", 1, "no key sites; there are"},
		{"ambiguous = 'ask'\n[nonsense]", 2, "no key nonsense"},
		{"[[define]]\nA = ['B:']", 1, "expected a table, [define]"},
		{"define = 1", 1, "expected a table, [define]"},
		{"[define]\nA = ['B:']", 2, `"A" cannot name a site`},
		{"[define]\n'a b' = ['B:']", 2, `"a b" cannot name a site`},
		{"[define]\nLOCAL = ['B:']", 2, `cannot name a site`},
		{"[define]\nSYS = 'SITE1:'", 2, "SYS: expected a list of directories"},
		{"[define]\nSYS = []", 2, "SYS: expected a list"},
		{"[define]\nSYS = ['A:', 1]", 2, "SYS: expected a list"},
		{"[define]\nSYS = ['']", 2, "SYS: expected a list"},
		{"[define]\nSYS = ['A:']\nsys = ['B:']", 3, "SYS is defined twice"},
		{"[define]\nSYS = ['A:']\nSYS = ['B:']", 3, "already"},
		{"[define]\nA.B = ['C:']", 2, "in quotes"},
		{"define = { SYS = 'x' }", 1, "SYS: expected a list"},
		{"[defaults]\nmax-session = 1", 2, "no option max-session; there are password-env, password-command, "},
		{"[defaults]\nhost = 'h'", 2, "no option host"},
		{"[defaults]\npassword = 'x'", 2, "no option password"},
		{"[defaults]\n\nmax-sessions = 0", 3, "expected a number from 1 to 1000"},
		{"[defaults]\nmax-sessions = true", 2, "option max-sessions: expected a number"},
		{"[defaults]\nmax-sessions = 1.5", 2, "option max-sessions: expected a number"},
		{"[defaults]\npassive = 1", 2, "option passive: expected true or false"},
		{"[defaults]\ntls = 'perhaps'", 2, "auto, require or off"},
		{"[defaults]\ntimeout = 30", 2, "option timeout: expected a string"},
		{"[defaults.tls]\nx = 1", 1, "option tls: expected a string"},
		{"a = 1\nb =\n", 2, ""},
		{"\n\n'", 3, ""},
		{"\xff", 1, ""},
	} {
		dir := folder(t, map[string]string{"profile.toml": c.text})
		_, err := Load(dir)
		where := fmt.Sprintf("%s:%d: ", filepath.Join(dir, "profile.toml"), c.line)
		if sites.KindOf(err) != sites.Usage || !strings.HasPrefix(err.Error(), "read "+where) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}

// TestSiteErrors holds that a site file which cannot be used is told in one
// line, shows no password, and takes no other with it.
func TestSiteErrors(t *testing.T) {
	for _, c := range []struct {
		text string
		line int
		says string
	}{
		{"user = 'u'", 1, "no host; write host = "},
		{"# nothing", 1, "no host"},
		{"host = 'h'\nhots = 'g'", 2, "no key hots; there are url, scheme, host, port, user, password, home, "},
		{"host = 'h'\n[host]", 2, ""},
		{"host = 'h'\n[x]\ny = 1", 2, "no key x;"},
		{"host = 'h'\nuser.name = 'x'", 2, "no key user.name;"},
		{"host = ['h']", 1, "option host: expected a string in quotes"},
		{"host = 'h'\nport = 99999", 2, "option port: expected a number from 1 to 65535"},
		{"host = 'h'\nport = '21x'", 2, "option port"},
		{"host = 'h'\nuser = 5", 2, "option user: expected a string in quotes"},
		{"host = 'h'\nhome = 'pub'", 2, "begins with /"},
		{"host = 'h'\ndsk = 'maybe'", 2, "yes or no"},
		{"host = 'h'\ntls = 'perhaps'", 2, "auto, require or off"},
		{"scheme = 'dnftp'\nhost = 'h'", 1, "speaks no dnftp"},
		{"url = 'ftp://u@h'\nhost = 'h'", 2, "host is a part of the url"},
		{"port = 21\nurl = 'ftp://u@h'", 1, "port is a part of the url"},
		{"url = 'http://u:secret@h'", 1, "no kind of site"},
		{"url = 'ftp://u:sec%zzret@h'", 1, "its URL cannot be read"},
		{"url = 'ftp://u:secret@h?nonsense=1'", 1, "no option nonsense"},
		{"url = 1", 1, "option url: expected a string in quotes"},
		{"host = 'h'\npassword = secret", 2, ""},
		{"host = 'h'\npassword = 'secret", 2, ""},
		{"host = 'h'\npassword = \"secret\\q\"", 2, ""},
		{"host = 'h'\npassword = 5ecret", 2, ""},
		{"host = 'h'\npassword = 8675309867530986753098675309", 2, ""},
		{"host = 'h'\npassword = 8675309", 2, "option password: expected a string"},
		{"host = 'h'\npassword = 0867530", 2, ""},
		{"host = 'h'\npassword = 8675309e8675309", 2, ""},
		{"host = 'h'\npassword = 8675-30-9", 2, ""},
		{"host = 'h'\npassword = 8675-99-99", 2, ""},
		{"host = 'h'\npassword = 0x867530986753098675309", 2, ""},
		{"host = 'h'\npassword = \"sec\\u000dret\"", 2, "CR, LF or NUL"},
		{"host = 'h'\npassword = 'secret'\npassword = 'secret'", 3, ""},
		{"host = 'h'\npassword = '''sec\nret'''", 2, "CR, LF or NUL"},
		{"password 'secret'", 1, ""},
	} {
		dir := folder(t, map[string]string{"sites/BAD.toml": c.text, "sites/GOOD.toml": "host = 'h'"})
		p, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Sites) != 1 || p.Sites[0].Name != "GOOD" || len(p.Problems) != 1 {
			t.Errorf("%q: %v, %v", c.text, p.Sites, p.Problems)
			continue
		}
		line := p.Problems[0].Error()
		where := fmt.Sprintf("read %s:%d: ", filepath.Join(dir, "sites", "BAD.toml"), c.line)
		if !strings.HasPrefix(line, where) || !strings.Contains(line, c.says) || strings.Contains(line, "\n") {
			t.Errorf("%q: %s", c.text, line)
		}
		for _, secret := range []string{"secret", "sec%", "ecret", "867530", "8675-"} {
			if strings.Contains(strings.TrimPrefix(line, where), secret) {
				t.Errorf("the password is shown: %s", line)
			}
		}
	}
}

func TestProblems(t *testing.T) {
	dir := folder(t, map[string]string{
		"profile.toml":             "[define]\nSITE1 = ['SITE2:/x']\nSYS = ['SITE1:']",
		"sites/SITE1.toml":         "host = 'h'",
		"sites/a b.toml":           "host = 'h'",
		"sites/local.toml":         "host = 'h'",
		"sites/dir.toml/file.toml": "",
	})
	p, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a b.toml", "dir.toml: it is no file", "local.toml", "profile.toml: SITE1 is a site"}
	if len(p.Problems) != len(want) || len(p.Sites) != 1 {
		t.Fatalf("%v, %v", p.Sites, p.Problems)
	}
	for i, says := range want {
		if !strings.Contains(p.Problems[i].Error(), says) {
			t.Errorf("%v, want %s", p.Problems[i], says)
		}
	}
	if len(p.Define) != 1 || p.Define[0].Name != "SYS" {
		t.Error(p.Define)
	}
}

func TestTwoFilesOfOneName(t *testing.T) {
	dir := folder(t, map[string]string{"sites/SITE1.toml": "host = 'one'", "sites/site1.toml": "host = 'two'"})
	p, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Problems) == 0 {
		t.Skip("the file system does not tell one case from the other")
	}
	if len(p.Sites) != 1 || p.Sites[0].Host != "one" || sites.KindOf(p.Problems[0]) != sites.Conflict {
		t.Errorf("%v, %v", p.Sites, p.Problems)
	}
}

// TestPermissions holds that a file with a password in it is its owner's alone.
func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such bits")
	}
	for _, c := range []struct {
		text string
		mode os.FileMode
		used bool
	}{
		{"host = 'h'\nuser = 'u'\npassword = 'p'", 0o600, true},
		{"host = 'h'\nuser = 'u'\npassword = 'p'", 0o400, true},
		{"host = 'h'\nuser = 'u'\npassword = 'p'", 0o640, false},
		{"host = 'h'\nuser = 'u'\npassword = 'p'", 0o604, false},
		{"host = 'h'\nuser = 'u'\npassword = 'p'", 0o620, false},
		{"url = 'ftp://u:p@h'", 0o644, false},
		{"url = 'ftp://u@h'\npassword = 'p'", 0o644, false},
		{"url = 'ftp://u@h'\npassword-env = 'X'", 0o644, true},
		{"host = 'h'", 0o644, true},
	} {
		dir := folder(t, map[string]string{"sites/SITE1.toml": c.text})
		file := filepath.Join(dir, "sites", "SITE1.toml")
		if err := os.Chmod(file, c.mode); err != nil {
			t.Fatal(err)
		}
		p, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if c.used != (len(p.Sites) == 1) || c.used != (len(p.Problems) == 0) {
			t.Errorf("%q at %o: %v, %v", c.text, c.mode, p.Sites, p.Problems)
		}
		if !c.used && (sites.KindOf(p.Problems[0]) != sites.Permission ||
			!strings.HasSuffix(p.Problems[0].Error(), "others may read it; chmod 600 "+file)) {
			t.Error(p.Problems[0])
		}
	}
}

// TestPasswordInDefinition holds that a search list with a password is for its owner too.
func TestPasswordInDefinition(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("who may read a file is told in another way")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "profile.toml")
	if err := os.WriteFile(file, []byte("[define]\nSYS = ['SITE1:/', 'ftp://u:s3cret@h/sys']\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := Load(dir); err != nil || len(p.Define) != 1 {
		t.Errorf("%v, %v", p, err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	_, err := Load(dir)
	want := "read: " + file + ":2: it holds a password and others may read it; chmod 600 " + file
	if sites.KindOf(err) != sites.Permission || !strings.HasSuffix(err.Error(), want[len("read: "):]) {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestLoadUnreadable holds that a folder which cannot be read is not an empty
// one.
func TestLoadUnreadable(t *testing.T) {
	dir := folder(t, map[string]string{"sites": "a file"})
	if runtime.GOOS != "windows" { // where a file has no such kind of error
		if p, err := Load(dir); err == nil {
			t.Errorf("%+v", p)
		}
	}
	dir = folder(t, map[string]string{"profile.toml/x": ""})
	if p, err := Load(dir); sites.KindOf(err) != sites.Usage {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestDefaultDir(t *testing.T) {
	config, home := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	homedir.Reset()
	t.Cleanup(homedir.Reset)
	for value, want := range map[string]string{
		config:     filepath.Join(config, "rsexec"),
		"":         filepath.Join(home, ".config", "rsexec"),
		"relative": filepath.Join(home, ".config", "rsexec"), // which the XDG specification has ignored
	} {
		t.Setenv("XDG_CONFIG_HOME", value)
		if got, err := DefaultDir(); err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", value, got, err, want)
		}
	}
}

// FuzzLoad holds that any text is read or refused in one line, and that a site
// which was read is written again as the same.
func FuzzLoad(f *testing.F) {
	for _, text := range []string{
		"ambiguous = 'ask'\n[define]\nSYS = ['A:', 'B:']\n[defaults]\ntls = 'off'",
		"host = 'h'\nport = 2121\nuser = 'u'\npassword = \"p\\u00e4\"\nhome = '/a'\npassive = false",
		"url = 'ftp://u:p@h/?dsk=no'\nmax-sessions = 1",
		"[[a]]\nb = 1\n[a.c]\nd = {e = {f.g = 1}}", "a.b = 1\na.c = []", "= 1", "'' = 1", "[define]\n\"\" = 1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		refused := func(err error) bool {
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a line: %q", err)
			}
			return err != nil
		}
		doc, err := parseDocument("f", []byte(text))
		if refused(err) {
			return
		}
		p := &Profile{Ambiguous: Ask}
		refused(p.read(doc))
		c, err := doc.site("SITE1", nil)
		if refused(err) {
			return
		}
		again, err := siteText(c)
		if refused(err) {
			return
		}
		doc, err = parseDocument("f", again)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := doc.site("SITE1", nil); err != nil || d != c {
			t.Errorf("%+v is %+v when it is written; %v", c, d, err)
		}
	})
}
