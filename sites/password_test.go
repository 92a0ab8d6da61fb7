package sites

import (
	"strings"
	"testing"
)

func TestMasked(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"ftp://h/x", "ftp://h/x"},
		{"ftp://u@h:2121/x", "ftp://u@h:2121/x"},
		{"ftp://u:s3cret@h:2121/x", "ftp://u:xxxxx@h:2121/x"},
		{"FTPS://u:s3cret@h", "FTPS://u:xxxxx@h"},
		{"ftp://:s3cret@h", "ftp://:xxxxx@h"},
		{"ftp://u:@h/", "ftp://u:@h/"},
		{"COPY ftp://u:s3cret@h/x TO ftp://v:s4cret@h/y &", "COPY ftp://u:xxxxx@h/x TO ftp://v:xxxxx@h/y &"},
		{"ftp://u:s3cret@h/x,ftp://v:s4cret@h/y", "ftp://u:xxxxx@h/x,ftp://v:xxxxx@h/y"},
		{"SITE1=ftp://u:s3cret@h?dsk=no", "SITE1=ftp://u:xxxxx@h?dsk=no"},
		{`"FTP://U:S3CRET@H" cannot name a site`, `"FTP://U:xxxxx@H" cannot name a site`},

		// What is no password.
		{"ftp://h:2121/a@b", "ftp://h:2121/a@b"},
		{"ftp://h:2121: it is down", "ftp://h:2121: it is down"},
		{"ftp://[::1]:2121/x", "ftp://[::1]:2121/x"},
		{"ftp://u@[::1]:2121/x", "ftp://u@[::1]:2121/x"},
		{"SITE1:/a b@c", "SITE1:/a b@c"},
		{"a :// b:c@d", "a :// b:c@d"},
		{"write NAME=ftp://user:password@host:port/home", "write NAME=ftp://user:password@host:port/home"},

		// Passwords that are not written as they should be.
		{"ftp://u:s@3cret@h/x", "ftp://u:xxxxx@h/x"},
		{"ftp://u:s/3cret@h/x", "ftp://u:xxxxx@h/x"},
		{"ftp://u:s?3c#ret@h", "ftp://u:xxxxx@h"},
		{"ftp://u:s:3cret@h", "ftp://u:xxxxx@h"},
		{"ftp://u:s%2F3cret@[::1]:21/", "ftp://u:xxxxx@[::1]:21/"},
		{`TYPE "ftp://u:s 3cret@h/a b" c@d`, `TYPE "ftp://u:xxxxx@h/a b" c@d`},
		{`TYPE ftp://u:"s 3cret"@h/x c@d`, `TYPE ftp://u:xxxxx@h/x c@d`},
		{`TYPE ftp://u:s\ 3cret@h/x c@d`, `TYPE ftp://u:xxxxx@h/x c@d`},
		{`TYPE ftp://u:it's@h/x`, `TYPE ftp://u:xxxxx@h/x`},
		{`TYPE "ftp://u:123"@h/x`, `TYPE "ftp://u:xxxxx@h/x`},
		{`TYPE "ftp://u:s 3cret@h/open`, `TYPE "ftp://u:xxxxx@h/open`},
		{`TYPE ftp://u:s3cret\`, `TYPE ftp://u:xxxxx`},
		{"TYPE ftp://u:s3cret", "TYPE ftp://u:xxxxx"},
	} {
		if got := Masked(test.text); got != test.want {
			t.Errorf("%s is shown as %s, want %s", test.text, got, test.want)
		}
	}
}

func TestWithoutPassword(t *testing.T) {
	for _, test := range []struct{ url, want string }{
		{"ftp://u:s3cret@h/x", "ftp://u@h/x"},
		{"ftp://u:s 3cret@h/x", "ftp://u@h/x"},
		{"ftp://u:password@h/x", "ftp://u@h/x"},
		{"ftp://u@h:21/x", "ftp://u@h:21/x"},
		{"SITE1:/x", "SITE1:/x"},
		{"SITE1:/ftp://u:s3cret@h/x", "SITE1:/ftp://u:s3cret@h/x"}, // a file's name
		{"", ""},
	} {
		if got := WithoutPassword(test.url); got != test.want {
			t.Errorf("%s without its password is %s, want %s", test.url, got, test.want)
		}
	}
}

// FuzzMasked looks for a URL of ours whose password is not found, wherever it stands.
func FuzzMasked(f *testing.F) {
	f.Add("COPY ", "u", "s3cret", "h/x TO SITE1:")
	f.Add(`TYPE "`, "u", "s/3:c@ret", `h" it's`)
	f.Fuzz(func(t *testing.T, before, user, password, after string) {
		if strings.ContainsAny(user+password, " \t\r\n\"'\\/?#:@[") || password == "" || password == passwordWord ||
			strings.Trim(password, "x") == "" || strings.Contains(before, "://") {
			t.Skip()
		}
		const mark = "s3cret-" // what no other part of the text has
		if strings.Contains(before+user+after, mark) {
			t.Skip()
		}
		text := before + "ftp://" + user + ":" + mark + password + "@" + after
		if got := Masked(text); strings.Contains(got, mark) {
			t.Errorf("%q is shown as %q", text, got)
		}
	})
}
