package rsexec

import "testing"

func TestSearchNetrc(t *testing.T) {
	const text = `# a comment
machine one.example login ann password pa1
machine two.example
	login bob
	account staff
	password "pa2"
machine any.example password pa3
macdef init
machine trap.example login x password wrong

machine one.example login carl password pa4
default login anonymous password guest
`
	for _, c := range []struct{ host, user, password string }{
		{"one.example", "ann", "pa1"},
		{"ONE.example", "ann", "pa1"},
		{"one.example", "carl", "pa4"},
		{"two.example", "bob", "pa2"},
		{"any.example", "whoever", "pa3"},
		{"one.example", "dora", ""},
		{"trap.example", "x", ""},
		{"other.example", "anonymous", "guest"},
		{"other.example", "ann", ""},
	} {
		password, ok := searchNetrc(text, c.host, c.user)
		if password != c.password || ok != (c.password != "") {
			t.Errorf("%s at %s: %q, %v; want %q", c.user, c.host, password, ok, c.password)
		}
	}
	for _, broken := range []string{"", "machine", "machine x login", "password", "machine x password"} {
		if _, ok := searchNetrc(broken, "x", "u"); ok {
			t.Errorf("%q has a password", broken)
		}
	}
}
