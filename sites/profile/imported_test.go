package profile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/mitchellh/go-homedir"

	"rsexec/sites"
)

// importer returns the importer of a name.
func importer(t testing.TB, name string) Importer {
	t.Helper()
	for _, i := range Importers() {
		if i.Name == name {
			return i
		}
	}
	t.Fatalf("no importer %s", name)
	return Importer{}
}

// outcome is what a test expects of one imported site.
type outcome struct {
	from, name, url string // the URL has the password; "" where there is a problem
	note, problem   string // a part of each; "" where there is none
}

// checkImport reads a text and compares what it gives.
func checkImport(t *testing.T, program, text string, want []outcome) {
	t.Helper()
	got, err := importer(t, program).Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%q: %+v, want %+v", text, got, want)
	}
	for i, w := range want {
		g := got[i]
		if g.From != w.from || !says(g.Note, w.note) {
			t.Errorf("%q: %+v, want %+v", text, g, w)
		}
		if w.problem != "" {
			if g.Problem == nil || !strings.Contains(g.Problem.Error(), w.problem) {
				t.Errorf("%q: %v, want %s", text, g.Problem, w.problem)
			}
			continue
		}
		if g.Problem != nil {
			t.Errorf("%q: %v", text, g.Problem)
			continue
		}
		if diff := cmp.Diff(site(t, w.name, w.url), g.Config, cmp.Comparer(func(a, b sites.Config) bool { return a == b })); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

// says reports whether text holds part, and is empty if part is.
func says(text, part string) bool {
	return strings.Contains(text, part) && (text == "") == (part == "")
}

// fuzzImport holds that any text gives an error of one line or sites whose
// names differ and that the profile can hold and read again.
func fuzzImport(f *testing.F, program string) {
	f.Fuzz(func(t *testing.T, text string) {
		imported, err := importer(t, program).Read(strings.NewReader(text))
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a line: %q", err)
			}
			return
		}
		names := make(map[string]bool)
		for _, m := range imported {
			var e *sites.Error
			if m.Problem != nil {
				if !errors.As(m.Problem, &e) || strings.Contains(m.Problem.Error(), "\n") || m.Config != (sites.Config{}) {
					t.Errorf("%+v", m)
				}
				continue
			}
			if err := sites.CheckName(m.Config.Name); err != nil || names[m.Config.Name] || m.Config.Host == "" {
				t.Errorf("%+v: %v", m, err)
			}
			names[m.Config.Name] = true
			text, err := siteText(m.Config)
			if err != nil {
				if sites.KindOf(err) != sites.Usage {
					t.Error(err)
				}
				continue
			}
			doc, err := parseDocument("f", text)
			if err != nil {
				t.Fatal(err)
			}
			if c, err := doc.site(m.Config.Name, nil); err != nil || c != m.Config {
				t.Errorf("%+v is %+v when it is read; %v", m.Config, c, err)
			}
		}
	})
}

func TestNameFor(t *testing.T) {
	taken := make(map[string]bool)
	for _, c := range [][2]string{
		{"web", "WEB"}, {"Web", "WEB-2"}, {"WEB-2", "WEB-2-2"}, {"web", "WEB-3"},
		{"ftp.example.com", "FTP.EXAMPLE.COM"}, {"My  Site (old)", "MY-SITE-OLD"}, {"  x_1. ", "X_1."},
		{"x", "SITE-X"}, {"1and1", "SITE-1AND1"}, {"local", "SITE-LOCAL"}, {".x", "SITE-.X"}, {"192.0.2.1", "SITE-192.0.2.1"},
		{"", "SITE"}, {"сайт", "SITE-2"}, {"ſite", "SITE-3"}, {"a\nb\x1b[0m", "A-B-0M"},
		{strings.Repeat("a", 100), strings.Repeat("A", 60)}, {strings.Repeat("a", 99), strings.Repeat("A", 60) + "-2"},
		{strings.Repeat("1", 100), "SITE-" + strings.Repeat("1", 55)},
	} {
		got := nameFor(c[0], taken)
		if got != c[1] {
			t.Errorf("%q: %s, want %s", c[0], got, c[1])
		}
		if err := sites.CheckName(got); err != nil {
			t.Error(err)
		}
	}
}

func TestImporterFile(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"HOME", "USERPROFILE"} {
		t.Setenv(name, home)
	}
	for _, name := range []string{"XDG_CONFIG_HOME", "XDG_DATA_HOME", "APPDATA", "LFTP_HOME", "NETRC", "RCLONE_CONFIG"} {
		t.Setenv(name, "")
	}
	homedir.Reset()
	t.Cleanup(homedir.Reset)
	for _, i := range Importers() {
		if file, err := i.File(); sites.KindOf(err) != sites.NotFound || !strings.Contains(err.Error(), home) {
			t.Errorf("%s: %s, %v", i.Name, file, err)
		}
	}
	for program, places := range map[string][]string{
		"filezilla": {".filezilla/sitemanager.xml", ".config/filezilla/sitemanager.xml"},
		"lftp":      {".local/share/lftp/bookmarks", ".lftp/bookmarks"},
		"netrc":     {"_netrc", ".netrc"},
		"rclone":    {".rclone.conf", ".config/rclone/rclone.conf"},
	} {
		for _, place := range places { // each comes before the one above it
			want := filepath.Join(home, filepath.FromSlash(place))
			if err := os.MkdirAll(filepath.Dir(want), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(want, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := importer(t, program).File(); err != nil || got != want {
				t.Errorf("%s: %s, %v; want %s", program, got, err, want)
			}
		}
	}
	t.Setenv("RCLONE_CONFIG", filepath.Join(home, "_netrc"))
	if got, err := importer(t, "rclone").File(); err != nil || got != filepath.Join(home, "_netrc") {
		t.Errorf("%s, %v", got, err)
	}
}

// TestImportUnreadable holds that a file which breaks off is no short file.
func TestImportUnreadable(t *testing.T) {
	for _, i := range Importers() {
		broken := io.MultiReader(strings.NewReader("x ftp://h\n"), iotest.ErrReader(errors.New("broken")))
		if got, err := i.Read(broken); err == nil {
			t.Errorf("%s: %+v", i.Name, got)
		}
	}
}
