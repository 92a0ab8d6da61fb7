package profile

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"rsexec/sites"
)

func TestAddSite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "config", "rsexec")
	for name, url := range map[string]string{
		"SITE1": "ftp://ann:p%40%22%27%5c%20%c3%a4@h:2121/a%20b?passive=no&dsk=no&max-sessions=2&timeout=2s",
		"SITE2": "ftp://h",
		"SITE3": "ftp://u@[::1]/?password-command=pass%20show%20'x'%0asecond&data-host=::2&data-port=20",
		"A.B-c": "ftp://:p@h",
	} {
		c := site(t, name, url)
		if err := AddSite(dir, c); err != nil {
			t.Fatal(err)
		}
		p := load(t, dir)
		found := false
		for _, got := range p.Sites {
			found = found || got == c
		}
		if !found {
			t.Errorf("%+v is not in %+v", c, p.Sites)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "sites"))
	if err != nil || len(entries) != 4 {
		t.Errorf("%v, %v", entries, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "sites"): 0o700,
		filepath.Join(dir, "sites", "SITE2.toml"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// TestAddSiteText holds that a person can read what is written.
func TestAddSiteText(t *testing.T) {
	got, err := siteText(site(t, "SITE1", "ftp://ann:p@h:2121/pub?passive=no&max-sessions=2&tls=off"))
	const want = "host = 'h'\nport = 2121\nuser = 'ann'\npassword = 'p'\nhome = '/pub'\nmax-sessions = 2\npassive = false\ntls = 'off'\n"
	if err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}

// TestAddSiteKeeps holds that a file which exists, used or not, stays as it is.
func TestAddSiteKeeps(t *testing.T) {
	for name, text := range map[string]string{"SITE1.toml": "# mine\nhost = 'old'", "site1.toml": "broken", "Site1.toml": ""} {
		dir := folder(t, map[string]string{"sites/" + name: text})
		err := AddSite(dir, site(t, "SITE1", "ftp://new"))
		if sites.KindOf(err) != sites.Conflict || !strings.Contains(err.Error(), name) || !strings.HasPrefix(err.Error(), "add SITE1: ") {
			t.Error(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "sites", name))
		if err != nil || string(got) != text {
			t.Errorf("%s, %v", got, err)
		}
		if entries, err := os.ReadDir(filepath.Join(dir, "sites")); err != nil || len(entries) != 1 {
			t.Errorf("%v, %v", entries, err)
		}
	}
}

// TestAddSiteOnce adds the same site from several places at once.
func TestAddSiteOnce(t *testing.T) {
	dir := t.TempDir()
	c := site(t, "SITE1", "ftp://h")
	errs := make([]error, 16)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() { errs[i] = AddSite(dir, c) })
	}
	group.Wait()
	added := 0
	for _, err := range errs {
		if err == nil {
			added++
		} else if sites.KindOf(err) != sites.Conflict {
			t.Error(err)
		}
	}
	if added != 1 || len(load(t, dir).Sites) != 1 {
		t.Errorf("added %d times", added)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "sites")); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestAddSiteErrors(t *testing.T) {
	good := site(t, "SITE1", "ftp://u@h")
	with := func(change func(*sites.Config)) sites.Config { c := good; change(&c); return c }
	for _, c := range []sites.Config{
		{},
		{Name: sites.LocalName, Scheme: "local"},
		with(func(c *sites.Config) { c.Host = "" }),
		with(func(c *sites.Config) { c.Password = "\xff" }),
		with(func(c *sites.Config) { c.Password = "a\nb" }),
		with(func(c *sites.Config) { c.Port = 99999 }),
		with(func(c *sites.Config) { c.Name = "../X" }),
	} {
		dir := t.TempDir()
		if err := AddSite(dir, c); sites.KindOf(err) != sites.Usage {
			t.Errorf("%+v: %v", c, err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("%v, %v", entries, err)
		}
	}
	dir := folder(t, map[string]string{"file": ""})
	if err := AddSite(filepath.Join(dir, "file"), good); err == nil || sites.KindOf(err) == sites.Conflict {
		t.Error(err)
	}
}

func TestRemoveSite(t *testing.T) {
	dir := folder(t, map[string]string{"profile.toml": "", "sites/SITE1.toml": "host = 'h'", "sites/site2.toml": "broken"})
	for _, name := range []string{"SITE3", "../profile", "", "SITE1.toml"} {
		err := RemoveSite(dir, name)
		if sites.KindOf(err) != sites.NotFound || !strings.HasSuffix(err.Error(), "no such site in the profile; SITES lists them") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if file, err := SiteFile(dir, "Site2"); err != nil || filepath.Base(file) != "site2.toml" {
		t.Errorf("%s, %v", file, err)
	}
	for _, name := range []string{"site1", "SITE2"} {
		if err := RemoveSite(dir, name); err != nil {
			t.Error(err)
		}
		if err := RemoveSite(dir, name); sites.KindOf(err) != sites.NotFound {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "profile.toml")); err != nil {
		t.Error(err)
	}
}

// TestPinSite holds that a certificate that is trusted from now on is in the site's file,
// which is as it was otherwise, and that none takes the place of another.
func TestPinSite(t *testing.T) {
	pin := strings.Repeat("ab", 32)
	text := "# my site\nhost = 'h'\npassword = 'p'"
	dir := folder(t, map[string]string{"sites/SITE1.toml": text})
	file := filepath.Join(dir, "sites", "SITE1.toml")
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := PinSite(dir, "site1", pin); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != text+"\ntls-pin = \""+pin+"\"\n" {
		t.Errorf("%q, %v", got, err)
	}
	if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if p := load(t, dir); len(p.Sites) != 1 || p.Sites[0].TLSPin != pin {
		t.Errorf("%+v", p.Sites)
	}
	if err := PinSite(dir, "SITE1", strings.Repeat("cd", 32)); sites.KindOf(err) != sites.Conflict {
		t.Error(err)
	}
	if err := PinSite(dir, "SITE2", pin); sites.KindOf(err) != sites.NotFound {
		t.Error(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "sites", ".*")); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// TestFilePaths holds that the files that a site's file names are looked for in the
// profile's folder.
func TestFilePaths(t *testing.T) {
	absolute := filepath.Join(t.TempDir(), "ca.pem")
	dir := folder(t, map[string]string{"profile.toml": "[defaults]\ntls-cert = 'me.pem'",
		"sites/SITE1.toml": "host = 'h'\ntls-ca = '" + absolute + "'\ntls-key = 'keys/me.pem'"})
	p := load(t, dir)
	if len(p.Sites) != 1 {
		t.Fatalf("%+v", p)
	}
	c := p.Sites[0]
	if c.TLSCA != absolute || c.TLSCert != filepath.Join(dir, "me.pem") || c.TLSKey != filepath.Join(dir, "keys", "me.pem") {
		t.Errorf("%+v", c)
	}
}
