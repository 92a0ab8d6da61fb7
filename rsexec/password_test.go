package rsexec

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"rsexec/sites"
	"rsexec/sites/ftp"
)

func TestPassword(t *testing.T) {
	netrc := filepath.Join(t.TempDir(), "netrc")
	if err := os.WriteFile(netrc, []byte("machine known.example login u password fromnetrc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NETRC", netrc)
	t.Setenv("SITE_PASSWORD", "fromenv")
	asked := 0
	other, err := sites.ParseURL("OTHER", "ftp://u@h?password-env=SITE_PASSWORD")
	if err != nil {
		t.Fatal(err)
	}
	network, err := newNetwork([]sites.Config{other}, ftp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := &Executive{network: network, options: Options{Ask: func(_ context.Context, question string, secret bool) (string, error) {
		asked++
		if !secret || question != "password for u at SITE1: " {
			t.Errorf("asked %q, secret %v", question, secret)
		}
		return "typed", nil
	}}}
	for _, c := range []struct {
		url, want string
		kind      sites.Kind
	}{
		{"ftp://u@h?password-env=SITE_PASSWORD", "fromenv", 0},
		{"ftp://u@h?password-env=SITE_NO_PASSWORD", "", sites.Login},
		{"ftp://u@h?password-command=echo%20fromcommand", "fromcommand", 0},
		{"ftp://u@h?password-command=exit%203", "", sites.Login},
		{"ftp://u@h?password-command=echo%20[$SITE_PASSWORD]", "[]", 0}, // that of another site is not its business
		{"ftp://u@known.example", "fromnetrc", 0},
		{"ftp://u@unknown.example", "typed", 0},
	} {
		config, err := sites.ParseURL("SITE1", c.url)
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.password(t.Context(), config)
		if runtime.GOOS == "windows" && config.PasswordCommand != "" {
			continue // its echo is another one
		}
		if got != c.want || err != nil && sites.KindOf(err) != c.kind || (err != nil) != (c.kind != 0) {
			t.Errorf("%s: %q, %v", c.url, got, err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}
