package rsexec

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rsexec/sites"
	"rsexec/sites/local"
)

// odd is a site with the weaknesses of some servers.
type odd struct {
	local.Site
	name      string
	mute      bool  // it tells neither sizes nor times
	undeleted error // what a deletion fails with
}

func (o *odd) Name() string { return o.name }

func (o *odd) Stat(ctx context.Context, path string) (sites.Entry, error) {
	e, err := o.Site.Stat(ctx, path)
	if o.mute {
		e.Size, e.Modified = -1, time.Time{}
	}
	return e, err
}

func (o *odd) Delete(ctx context.Context, path string) error {
	if o.undeleted != nil {
		return o.undeleted
	}
	return o.Site.Delete(ctx, path)
}

// withOdd adds an odd site with the files given to a shell, and returns its
// folder.
func (s *shell) withOdd(t *testing.T, o *odd, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range files {
		write(t, root, name, text)
	}
	o.Site.Dir = filepath.ToSlash(root)
	s.network.byName[o.name] = o
	return root
}

// The source of a MOVE is deleted only when its copy was checked; and where it
// cannot be deleted the error says what is where.
func TestMoveKeepsSource(t *testing.T) {
	url, there := serve(t, nil)
	for _, test := range []struct {
		name string
		site *odd
		kind sites.Kind
		want string // in the error
		left bool   // the source
	}{
		{"checked", &odd{}, sites.Other, "", false},
		{"not checked", &odd{mute: true}, sites.Unsupported, "so the source remains; the copy is SITE1:/not checked", true},
		{"not deleted", &odd{undeleted: &sites.Error{Kind: sites.Permission, Msg: "not yours"}}, sites.Permission,
			"its copy is complete, but the source remains, for it could not be deleted: not yours; the copy is SITE1:/not deleted", true},
	} {
		s := newShell(t, nil, "SITE1="+url)
		test.site.name = "ODD"
		here := s.withOdd(t, test.site, map[string]string{test.name: "text"})
		_, err := s.run(t, `MOVE "ODD:`+test.name+`" TO SITE1:`)
		if (err != nil) != test.left || sites.KindOf(err) != test.kind || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
		if exists(here, test.name) != test.left {
			t.Errorf("%s: the source is there: %v", test.name, !test.left)
		}
		if got := text(t, there, test.name); got != "text" {
			t.Errorf("%s: the copy is %q", test.name, got)
		}
	}
}

// MOVE tells the index of both names, within a site and between two.
func TestMoveInIndex(t *testing.T) {
	one, _ := serve(t, map[string]string{"a": "1", "b": "2"})
	two, _ := serve(t, map[string]string{"c": "3"})
	s := newShell(t, func(o *Options) { o.State = filepath.Join(t.TempDir(), "state.db") }, "SITE1="+one, "SITE2="+two)
	s.index.build(t.Context(), s.network.DSK(), s.network.Heard)
	if _, err := s.run(t, "MOVE SITE1:a SITE1:x ; MOVE SITE1:b SITE2:y"); err != nil {
		t.Fatal(err)
	}
	commands := 0
	ctx := sites.WithTrace(t.Context(), &sites.Trace{Command: func(string, int, string) { commands++ }})
	for name, want := range map[string]string{"x": "SITE1:/x", "y": "SITE2:/y"} {
		if res, err := s.resolver.Source(ctx, name); err != nil || res.Pathname.String() != want || commands != 0 {
			t.Errorf("%s: %v, %v, %d commands", name, res.Pathname, err, commands)
		}
	}
	for _, name := range []string{"SITE1:a", "SITE1:b"} {
		s.state.settle()
		found := false
		err := s.index.Find(ctx, strings.TrimPrefix(name, "SITE1:"), func(sites.Pathname, sites.Entry, time.Time) bool { found = true; return true })
		if err != nil || found {
			t.Errorf("%s is still in the index: %v", name, err)
		}
	}
}
