package local

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"rsexec/sites"
)

func TestSite(t *testing.T) {
	ctx := t.Context()
	dir := filepath.ToSlash(t.TempDir())
	var site Site

	w, err := site.Store(ctx, dir+"/a b", sites.Replace)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "0123456789"); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if w, err = site.Store(ctx, dir+"/a b", sites.Append); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, bytes.NewReader([]byte("XYZ"))); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}

	e, err := site.Stat(ctx, dir+"/a b")
	if err != nil || e.Size != 13 || e.Type != sites.File || e.Name != "a b" {
		t.Errorf("%+v, %v", e, err)
	}
	r, err := site.Open(ctx, dir+"/a b", 8)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != "89XYZ" {
		t.Errorf("%q, %v", b, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}

	if err := os.Mkdir(dir+"/sub", 0o755); err != nil {
		t.Fatal(err)
	}
	got := map[string]sites.EntryType{}
	if err := site.List(ctx, dir, func(e sites.Entry) bool { got[e.Name] = e.Type; return true }); err != nil {
		t.Error(err)
	}
	if len(got) != 2 || got["a b"] != sites.File || got["sub"] != sites.Directory {
		t.Error(got)
	}

	if err := site.Rename(ctx, dir+"/a b", dir+"/c"); err != nil {
		t.Error(err)
	}
	if err := site.Delete(ctx, dir+"/sub"); sites.KindOf(err) != sites.Usage {
		t.Errorf("deleting a directory: %v", err)
	}
	if err := site.Delete(ctx, dir+"/c"); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"Stat":   second(site.Stat(ctx, dir+"/c")),
		"Open":   second(site.Open(ctx, dir+"/c", 0)),
		"Store":  second(site.Store(ctx, dir+"/no/c", sites.Replace)),
		"List":   site.List(ctx, dir+"/no", func(sites.Entry) bool { return true }),
		"Rename": site.Rename(ctx, dir+"/c", dir+"/d"),
		"Delete": site.Delete(ctx, dir+"/c"),
	} {
		if sites.KindOf(err) != sites.NotFound {
			t.Errorf("%s of what is not there: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A read or a write ends with its context, whatever copies it.
func TestCancel(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	if err := os.WriteFile(dir+"/f", make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	r, err := Site{}.Open(ctx, dir+"/f", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w, err := Site{}.Store(ctx, dir+"/g", sites.Replace)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	stop()
	if _, err := io.Copy(io.Discard, r); sites.KindOf(err) != sites.Cancelled {
		t.Errorf("reading: %v", err)
	}
	if _, err := io.Copy(w, bytes.NewReader(make([]byte, 10))); sites.KindOf(err) != sites.Cancelled {
		t.Errorf("writing: %v", err)
	}
}

// write makes a file.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// link makes a symbolic link.
func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
}

// list returns the entries of a directory by name.
func list(t *testing.T, path string) map[string]sites.Entry {
	t.Helper()
	entries := make(map[string]sites.Entry)
	if err := (Site{}).List(t.Context(), path, func(e sites.Entry) bool {
		entries[e.Name] = e
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestDirectories(t *testing.T) {
	ctx, dir := t.Context(), filepath.ToSlash(t.TempDir())
	var site Site
	for _, step := range []struct {
		name string
		err  error
		want sites.Kind // Other for success
	}{
		{"make", site.MakeDirectory(ctx, dir+"/d"), sites.Other},
		{"make it again", site.MakeDirectory(ctx, dir+"/d"), sites.Refused},
		{"make one below nothing", site.MakeDirectory(ctx, dir+"/no/d"), sites.NotFound},
		{"make one inside", site.MakeDirectory(ctx, dir+"/d/e/"), sites.Other},
		{"remove a full one", site.RemoveDirectory(ctx, dir+"/d"), sites.Refused},
		{"remove", site.RemoveDirectory(ctx, dir+"/d/e/"), sites.Other},
		{"remove it again", site.RemoveDirectory(ctx, dir+"/d/e"), sites.NotFound},
		{"remove the other", site.RemoveDirectory(ctx, dir+"/d"), sites.Other},
	} {
		switch {
		case step.want == sites.Other && step.err != nil:
			t.Errorf("%s: %v", step.name, step.err)
		case step.want != sites.Other && (step.err == nil || sites.KindOf(step.err) != step.want):
			t.Errorf("%s: %v (%v), want kind %v", step.name, step.err, sites.KindOf(step.err), step.want)
		}
	}
	write(t, dir+"/f", "x")
	if err := site.RemoveDirectory(ctx, dir+"/f"); sites.KindOf(err) != sites.Usage {
		t.Errorf("removing a file: %v", err)
	}
	if len(list(t, dir)) != 1 {
		t.Error("the file is gone")
	}
}

// A link is listed, renamed and deleted itself; all else goes where it leads.
func TestLinks(t *testing.T) {
	ctx, dir := t.Context(), filepath.ToSlash(t.TempDir())
	var site Site
	if err := site.MakeDirectory(ctx, dir+"/d"); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/d/f", "0123456789")
	link(t, "d/f", dir+"/file")
	link(t, "d", dir+"/dir")
	link(t, "nowhere/at/all", dir+"/loose")

	entries := list(t, dir)
	for name, target := range map[string]string{"file": "d/f", "dir": "d", "loose": "nowhere/at/all"} {
		if e := entries[name]; e.Type != sites.Link || e.Target != target || e.Size != -1 {
			t.Errorf("%s is listed as %+v", name, e)
		}
	}
	for name, want := range map[string]sites.Entry{
		"file":  {Name: "file", Type: sites.File, Size: 10},
		"dir":   {Name: "dir", Type: sites.Directory, Size: -1},
		"dir/":  {Name: "dir", Type: sites.Directory, Size: -1},
		"loose": {Name: "loose", Type: sites.Link, Size: -1, Target: "nowhere/at/all"},
	} {
		got, err := site.Stat(ctx, dir+"/"+name)
		got.Modified = want.Modified
		if got != want || err != nil {
			t.Errorf("%s is %+v, %v; want %+v", name, got, err, want)
		}
	}
	if _, ok := list(t, dir+"/dir")["f"]; !ok {
		t.Error("a link to a directory is not listed through")
	}
	if _, err := site.Open(ctx, dir+"/loose", 0); sites.KindOf(err) != sites.NotFound {
		t.Errorf("reading through a loose link: %v", err)
	}
	for _, name := range []string{"/dir", "/dir/"} {
		if err := site.RemoveDirectory(ctx, dir+name); sites.KindOf(err) != sites.Usage {
			t.Errorf("removing a link to a directory: %v", err)
		}
	}
	if err := site.Rename(ctx, dir+"/file", dir+"/other"); err != nil {
		t.Error(err)
	}
	if e := list(t, dir)["other"]; e.Type != sites.Link || e.Target != "d/f" {
		t.Errorf("renamed, it is %+v", e)
	}
	for _, name := range []string{"other", "dir", "loose"} {
		if err := site.Delete(ctx, dir+"/"+name); err != nil {
			t.Error(err)
		}
	}
	if len(list(t, dir)) != 1 || len(list(t, dir+"/d")) != 1 {
		t.Error("more than the links is gone")
	}
}

// Names are bytes on Unix, whatever they mean elsewhere.
func TestNames(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("names are Unicode here")
	}
	ctx, dir := t.Context(), t.TempDir()
	var site Site
	names := []string{"a b", " a", "a ", "-rf", `back\slash`, "C:", "C:x", "new\nline", "\xff\xfe", "u\u0308", "ü", "*?[", "\x1b[31m", ".x", "...", strings.Repeat("x", 255)}
	for i, name := range names {
		w, err := site.Store(ctx, dir+"/"+name, sites.Replace)
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if _, err := io.WriteString(w, strings.Repeat("x", i)); err != nil {
			t.Error(err)
		}
		if err := w.Commit(); err != nil {
			t.Error(err)
		}
	}
	entries := list(t, dir)
	for i, name := range names {
		if e := entries[name]; e.Type != sites.File || e.Size != int64(i) {
			t.Errorf("%q is listed as %+v", name, e)
		}
		if e, err := site.Stat(ctx, dir+"/"+name); e != entries[name] || err != nil {
			t.Errorf("%q is %+v, %v", name, e, err)
		}
		if err := site.Delete(ctx, dir+"/"+name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	if len(entries) != len(names) {
		t.Errorf("listed %d of %d", len(entries), len(names))
	}
	if _, err := site.Stat(ctx, dir+"/"+strings.Repeat("x", 256)); sites.KindOf(err) != sites.Usage {
		t.Errorf("a name that is too long: %v", err)
	}
}

func TestFromDrive(t *testing.T) {
	for path, want := range map[string]string{
		"C:/x":              "C:/x",
		"/C:/x":             "C:/x",
		"c:":                "c:/",
		"/c:":               "c:/",
		"C:/":               "C:/",
		"/C:/Users/me/D:/x": "D:/x", // D:/x joined to the home
		"/C:/Users/me/x":    "C:/Users/me/x",
		"x/y":               "x/y",
		"/x":                "/x",
		"//server/share/x":  "//server/share/x",
		"C:x":               "C:x",
		"/é:/x":             "/é:/x",
		"/1:/x":             "/1:/x",
		"":                  "",
	} {
		if got := fromDrive(path); got != want {
			t.Errorf("%q is %q, want %q", path, got, want)
		}
	}
}

// The home is absolute, as the resolver understands it, and is the folder that
// relative paths start from.
func TestHome(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	t.Chdir(dir)
	var site Site
	home, err := site.Home(ctx)
	if err != nil || !strings.HasPrefix(home, "/") || strings.Contains(home, `\`) {
		t.Errorf("home %q, %v", home, err)
	}
	write(t, dir+"/f", "x")
	for _, path := range []string{home + "/f", "f", "./f"} {
		if e, err := site.Stat(ctx, path); err != nil || e.Name != "f" || e.Size != 1 {
			t.Errorf("%s is %+v, %v", path, e, err)
		}
	}
	for _, path := range []string{home, "", "."} {
		if e, err := site.Stat(ctx, path); err != nil || e.Type != sites.Directory {
			t.Errorf("%q is %+v, %v", path, e, err)
		}
		if _, ok := list(t, path)["f"]; !ok {
			t.Errorf("%q does not list f", path)
		}
	}
}

// Where the site has a directory of its own, that is its home, wherever the
// process works.
func TestDir(t *testing.T) {
	ctx, dir := t.Context(), filepath.ToSlash(t.TempDir())
	t.Chdir(t.TempDir())
	if !strings.HasPrefix(dir, "/") {
		dir = "/" + dir
	}
	site := Site{Dir: dir}
	if home, err := site.Home(ctx); err != nil || home != dir {
		t.Errorf("home %q, %v", home, err)
	}
	if err := site.MakeDirectory(ctx, "sub"); err != nil {
		t.Fatal(err)
	}
	w, err := site.Store(ctx, "sub/f", sites.Replace)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := site.Rename(ctx, "sub/f", "g"); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"g", "./g", "sub/../g", dir + "/g"} {
		if e, err := site.Stat(ctx, path); err != nil || e.Type != sites.File {
			t.Errorf("%s is %+v, %v", path, e, err)
		}
	}
	if _, err := site.Stat(ctx, "g/x"); sites.KindOf(err) != sites.NotFound {
		t.Errorf("below a file: %v", err)
	}
	names := ""
	if err := site.List(ctx, "", func(e sites.Entry) bool { names += e.Name + " "; return true }); err != nil || len(names) != len("g sub ") {
		t.Errorf("%q, %v", names, err)
	}
	if err := errors.Join(site.RemoveDirectory(ctx, "sub"), site.Delete(ctx, "g")); err != nil {
		t.Error(err)
	}
}

// What is not done, and the kind that says why.
func TestKinds(t *testing.T) {
	ctx, dir := t.Context(), filepath.ToSlash(t.TempDir())
	var site Site
	write(t, dir+"/f", "0123456789")
	write(t, dir+"/g", "x")
	if err := site.MakeDirectory(ctx, dir+"/d"); err != nil {
		t.Fatal(err)
	}
	all := func(sites.Entry) bool { return true }
	for _, test := range []struct {
		name string
		err  error
		want sites.Kind
		path string
	}{
		{"read a directory", second(site.Open(ctx, dir+"/d", 0)), sites.Usage, "/d"},
		{"read from behind the end", second(site.Open(ctx, dir+"/f", 11)), sites.Refused, "/f"},
		{"write a directory", second(site.Store(ctx, dir+"/d", sites.Replace)), sites.Usage, "/d"},
		{"list a file", site.List(ctx, dir+"/f", all), sites.Usage, "/f"},
		{"look below a file", second(site.Stat(ctx, dir+"/f/x")), sites.NotFound, "/f/x"},
		{"list below a file", site.List(ctx, dir+"/f/x", all), sites.NotFound, "/f/x"},
		{"rename nothing", site.Rename(ctx, dir+"/no", dir+"/x"), sites.NotFound, "/no"},
		{"rename into nothing", site.Rename(ctx, dir+"/f", dir+"/no/x"), sites.NotFound, "/no/x"},
		{"rename onto a directory", site.Rename(ctx, dir+"/f", dir+"/d"), sites.Refused, "/d"},
		{"rename onto a file", site.Rename(ctx, dir+"/f", dir+"/g"), sites.Other, ""},
	} {
		if test.path == "" {
			if test.err != nil {
				t.Errorf("%s: %v", test.name, test.err)
			}
			continue
		}
		var e *sites.Error
		if !errors.As(test.err, &e) || e.Kind != test.want || e.Path != dir+test.path || e.Site != sites.LocalName || e.Op == "" {
			t.Errorf("%s: %v (%v), want kind %v for %s", test.name, test.err, sites.KindOf(test.err), test.want, test.path)
		}
	}
	r, err := site.Open(ctx, dir+"/g", 10)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); len(b) != 0 || err != nil {
		t.Errorf("at the end: %q, %v", b, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// A directory that may be read and not searched shows its names.
func TestUnsearchable(t *testing.T) {
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("permissions mean nothing here")
	}
	dir := t.TempDir()
	write(t, dir+"/f", "x")
	if err := os.Chmod(dir, 0o400); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Error(err)
		}
	})
	if e := list(t, dir)["f"]; e.Type != sites.File || e.Size != -1 {
		t.Errorf("listed as %+v", e)
	}
	if _, err := (Site{}).Stat(t.Context(), dir+"/f"); sites.KindOf(err) != sites.Permission {
		t.Errorf("looking at it: %v", err)
	}
}

// Nothing is begun under a context that has ended, whatever ended it.
func TestStopped(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	write(t, dir+"/f", "x")
	ctx, stop := context.WithCancelCause(t.Context())
	stop(errors.New("enough"))
	var site Site
	for name, err := range map[string]error{
		"Home":            second(site.Home(ctx)),
		"Stat":            second(site.Stat(ctx, dir+"/f")),
		"List":            site.List(ctx, dir, func(sites.Entry) bool { t.Error("an entry"); return true }),
		"Open":            second(site.Open(ctx, dir+"/f", 0)),
		"Store":           second(site.Store(ctx, dir+"/f", sites.Replace)),
		"Rename":          site.Rename(ctx, dir+"/f", dir+"/g"),
		"Delete":          site.Delete(ctx, dir+"/f"),
		"MakeDirectory":   site.MakeDirectory(ctx, dir+"/d"),
		"RemoveDirectory": site.RemoveDirectory(ctx, dir+"/d"),
	} {
		if sites.KindOf(err) != sites.Cancelled {
			t.Errorf("%s: %v (%v)", name, err, sites.KindOf(err))
		}
	}
	if e := list(t, dir); len(e) != 1 || e["f"].Size != 1 {
		t.Errorf("it now holds %+v", e)
	}
}

// A mode and a time are set, of what a link leads to; a missing file is not made.
func TestChanges(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	write(t, dir+"/f", "x")
	stamp := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	var site Site
	for name, change := range map[string]func(context.Context, string) error{
		"Protect":     func(ctx context.Context, path string) error { return site.Protect(ctx, path, 0o444) },
		"SetModified": func(ctx context.Context, path string) error { return site.SetModified(ctx, path, stamp) },
	} {
		ctx, stop := context.WithCancel(t.Context())
		if err := change(ctx, dir+"/gone"); sites.KindOf(err) != sites.NotFound {
			t.Errorf("%s of what is not there: %v", name, err)
		}
		if err := change(ctx, dir+"/f"); err != nil {
			t.Error(err)
		}
		stop()
		if err := change(ctx, dir+"/f"); sites.KindOf(err) != sites.Cancelled {
			t.Errorf("%s when it is called off: %v", name, err)
		}
	}
	info, err := os.Stat(dir + "/f")
	if err != nil || !info.ModTime().Equal(stamp) || info.Mode().Perm() != 0o444 {
		t.Errorf("%v, %v, %v", info.ModTime(), info.Mode(), err)
	}
	if e, err := site.Stat(t.Context(), dir+"/gone"); sites.KindOf(err) != sites.NotFound {
		t.Errorf("%+v, %v", e, err)
	}
	link(t, "f", dir+"/l")
	later := stamp.Add(time.Hour)
	if err := site.SetModified(t.Context(), dir+"/l", later); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(dir + "/f"); err != nil || !info.ModTime().Equal(later) {
		t.Errorf("through a link: %v, %v", info.ModTime(), err)
	}
}
