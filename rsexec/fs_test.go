package rsexec

import (
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"

	"rsexec/sites/profile"
)

func TestFS(t *testing.T) {
	one, _ := serve(t, map[string]string{"prog1.pl1": "one", "src/a b": "blank", "src/deep/er/x": "x", "empty": ""})
	two, _ := serve(t, map[string]string{"prog2.pl1": "two", "src/y": "y", "src/deep/z": "z"})
	s := newShell(t, func(o *Options) {
		o.Define = []profile.Definition{{Name: "SYS", List: []string{"SITE1:src", "SITE2:src"}}}
	}, "SITE1="+one, "SITE2="+two)
	fsys := s.FS(t.Context())
	if err := fstest.TestFS(fsys, "SITE1/prog1.pl1", "SITE1/src/a b", "SITE1/src/deep/er/x", "SITE2/src/y", "SYS/a b", "SYS/y"); err != nil {
		t.Error(err)
	}
	if b, err := fs.ReadFile(fsys, "SYS/deep/z"); err != nil || string(b) != "z" {
		t.Errorf("%q, %v", b, err)
	}
	for _, name := range []string{"SITE1/nope", "SITE9", "SITE9/x", "site1/prog1.pl1", "*/prog1.pl1", "SYS/nope"} {
		if _, err := fs.Stat(fsys, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := fsys.Open("../x"); !errors.Is(err, fs.ErrInvalid) {
		t.Error(err)
	}
}
