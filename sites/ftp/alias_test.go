package ftp

import (
	"testing"

	"rsexec/sites"
	"rsexec/sites/ftptest"
)

// TestAlias tells a file from another way to one, as far as the server tells.
func TestAlias(t *testing.T) {
	facts := func(path, facts string) string {
		return "C: MLST " + path + "\nS: 250-it\nS:  " + facts + " " + path + "\nS: 250 end\n"
	}
	for _, test := range []struct {
		name, dialogue string
		want           bool
		kind           sites.Kind // of the error; Other is none
	}{
		{"two files", facts("/b", "type=file;unique=1U3;") + facts("/a", "type=file;Unique=1U2;"), false, sites.Other},
		{"one file", facts("/b", "type=file;unique=1U2;") + facts("/a", "type=file;Unique=1U2;"), true, sites.Other},
		{"a link", facts("/b", "type=OS.unix=slink:/a;unique=1U3;"), true, sites.Other},
		{"a link to nothing", "C: MLST /b\nS: 550 no such file\n", true, sites.Other},
		{"no unique fact", facts("/b", "type=file;"), false, sites.Other},
		{"no unique fact of the other", facts("/b", "type=file;unique=1U2;") + facts("/a", "type=file;"), false, sites.Other},
		{"no MLST", "C: MLST /b\nS: 500 what\n", false, sites.Other},
		{"not now", "C: MLST /b\nS: 450 busy\n", false, sites.Busy},
		{"not the other now", facts("/b", "type=file;unique=1U2;") + "C: MLST /a\nS: 450 busy\n", false, sites.Busy},
		{"no facts", "C: MLST /b\nS: 250 so\n", false, sites.Protocol},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := site(t, ftptest.Play(t, loggedIn+test.dialogue+"C: QUIT"), "")
			ctx := within(t, patience)
			err := f.with(ctx, func(s *Session) error {
				got, err := s.Alias(ctx, "/a", "/b")
				if got != test.want {
					t.Errorf("an alias: %v, want %v", got, test.want)
				}
				return err
			})
			if test.kind == sites.Other && err != nil || sites.KindOf(err) != test.kind {
				t.Errorf("the error is %v", err)
			}
		})
	}
}
