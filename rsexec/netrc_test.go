package rsexec

import (
	"os"
	"path/filepath"
	"testing"
)

func TestNetrcPassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "netrc")
	t.Setenv("NETRC", file)
	if _, ok, err := netrcPassword("one.example", "ann"); ok || err != nil {
		t.Errorf("without a file: %v, %v", ok, err)
	}
	const text = `machine one.example login ann password pa1
machine any.example password pa3
machine one.example login carl password pa4
default login anonymous password guest
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ host, user, password string }{
		{"one.example", "ann", "pa1"},
		{"ONE.example", "ann", "pa1"},
		{"one.example", "carl", "pa4"},
		{"any.example", "whoever", "pa3"},
		{"one.example", "dora", ""},
		{"other.example", "anonymous", "guest"},
		{"other.example", "ann", ""},
	} {
		password, ok, err := netrcPassword(c.host, c.user)
		if password != c.password || ok != (c.password != "") || err != nil {
			t.Errorf("%s at %s: %q, %v, %v; want %q", c.user, c.host, password, ok, err, c.password)
		}
	}
}
