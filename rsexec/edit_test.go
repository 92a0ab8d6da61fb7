package rsexec

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rsexec/sites"
)

// rewrite returns an Edit that writes text to the file and then lets something
// else happen.
func rewrite(text string, meanwhile func()) func(context.Context, string, []string) error {
	return func(_ context.Context, file string, _ []string) error {
		if meanwhile != nil {
			meanwhile()
		}
		return os.WriteFile(file, []byte(text), 0o600)
	}
}

// TestEdit holds what is at the site after an EDIT, and that the edited copy is
// kept only where it would be lost.
func TestEdit(t *testing.T) {
	const binary = "\x00\xff\r\n\n\x1a\r"
	for _, test := range []struct {
		name string
		mute bool // the site tells neither size nor time, nor computes digests
		edit func(root string) func(context.Context, string, []string) error
		file string
		kind sites.Kind // of the error; Other is none
		want string     // in the file then
		err  string     // in the error
		kept bool
	}{
		{name: "changed", file: "f", want: binary, edit: func(string) func(context.Context, string, []string) error { return rewrite(binary, nil) }},
		{name: "changed, mute site", mute: true, file: "f", want: "new", edit: func(string) func(context.Context, string, []string) error { return rewrite("new", nil) }},
		{name: "meanwhile of another size", file: "f", kind: sites.Conflict, want: "theirs", err: "it was changed meanwhile", kept: true,
			edit: func(root string) func(context.Context, string, []string) error {
				return rewrite("mine", func() { write(t, root, "f", "theirs") })
			}},
		{name: "meanwhile, mute site", mute: true, file: "f", kind: sites.Conflict, want: "OLD", err: "it was changed meanwhile", kept: true,
			edit: func(root string) func(context.Context, string, []string) error {
				return rewrite("mine", func() { write(t, root, "f", "OLD") })
			}},
		{name: "meanwhile made", file: "g", kind: sites.Conflict, want: "theirs", err: "it was made meanwhile", kept: true,
			edit: func(root string) func(context.Context, string, []string) error {
				return rewrite("mine", func() { write(t, root, "g", "theirs") })
			}},
		{name: "meanwhile deleted", file: "f", kind: sites.Conflict, err: "it was deleted meanwhile", kept: true,
			edit: func(root string) func(context.Context, string, []string) error {
				return rewrite("mine", func() {
					if err := os.Remove(filepath.Join(root, "f")); err != nil {
						t.Error(err)
					}
				})
			}},
		{name: "the editor failed", file: "f", kind: sites.Unreachable, want: "old", err: "gone away", kept: true,
			edit: func(string) func(context.Context, string, []string) error {
				return func(ctx context.Context, file string, environment []string) error {
					return errors.Join(os.WriteFile(file, []byte("mine"), 0o600), &sites.Error{Kind: sites.Unreachable, Msg: "gone away"})
				}
			}},
		{name: "failed and unchanged", file: "f", kind: sites.Unsupported, want: "old", err: "no editor",
			edit: func(string) func(context.Context, string, []string) error {
				return func(context.Context, string, []string) error {
					return &sites.Error{Kind: sites.Unsupported, Msg: "no editor"}
				}
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("TMPDIR", dir)
			t.Setenv("TMP", dir) // on Windows
			files := map[string]string{"f": "old"}
			url, root := serve(t, files)
			s := newShell(t, nil, "SITE1="+url)
			name := "SITE1:" + test.file
			if test.mute {
				root = s.withOdd(t, &odd{name: "ODD", mute: true}, files)
				name = "ODD:" + test.file
			}
			s.options.Edit = test.edit(root)
			_, err := s.run(t, "EDIT "+name)
			if (err == nil) != (test.kind == sites.Other) || sites.KindOf(err) != test.kind || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("%v: %v", sites.KindOf(err), err)
			}
			switch {
			case test.want == "" && exists(root, test.file):
				t.Errorf("there is %q", text(t, root, test.file))
			case test.want != "" && text(t, root, test.file) != test.want:
				t.Errorf("it is %q, want %q", text(t, root, test.file), test.want)
			}
			left, globbed := filepath.Glob(filepath.Join(os.TempDir(), "rsexec-edit-*", "*"))
			if globbed != nil {
				t.Fatal(globbed)
			}
			if (len(left) > 0) != test.kept {
				t.Errorf("left are %q", left)
			}
			if test.kept && !strings.HasSuffix(err.Error(), "; the edited copy is "+left[0]) {
				t.Errorf("%v does not name %s", err, left[0])
			}
		})
	}
}

// The copy that is edited is named as the file is, where that is a name like any
// other; it ends as the file's name does.
func TestEditedName(t *testing.T) {
	for name, want := range map[string]string{
		"prog1.pl1": "prog1.pl1", ".bashrc": ".bashrc", "a b.c": "file.c", "-rf.txt": "file.txt", "esc\x1b[31m": "file", "x.\x1b": "file", "": "file",
	} {
		e := editing{dir: "dir"}
		e.file.Pathname = sites.Pathname{Site: "SITE1", Path: "/" + name}
		if got := e.name(); got != filepath.Join("dir", want) {
			t.Errorf("%q is edited as %q, want %q", name, got, want)
		}
	}
}
