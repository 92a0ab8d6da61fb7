package local

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

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
