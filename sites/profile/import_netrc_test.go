package profile

import "testing"

func TestReadNetrc(t *testing.T) {
	checkImport(t, "netrc", `machine ftp.example.com login ann password "p a"
machine ftp.example.com login bob
machine nobody.example password x
machine 192.0.2.1
	login u password p%
machine h:21 login u password secret
machine bad.example login "u\`+"\x00"+`" password x
default login anonymous password guest
`, []outcome{
		{from: "ftp.example.com", name: "FTP.EXAMPLE.COM", url: "ftp://ann:p%20a@ftp.example.com"},
		{from: "ftp.example.com", name: "FTP.EXAMPLE.COM-2", url: "ftp://bob@ftp.example.com"},
		{from: "nobody.example", problem: "it has no login"},
		{from: "192.0.2.1", name: "SITE-192.0.2.1", url: "ftp://u:p%25@192.0.2.1"},
		{from: "h:21", problem: "option host: expected a host name or an IP address, and nothing else"},
		{from: "bad.example", problem: "CR, LF or NUL"},
	})
	checkImport(t, "netrc", "", nil)
	checkImport(t, "netrc", "machine", nil)
}

func FuzzReadNetrc(f *testing.F) {
	f.Add("machine h login u password p\ndefault login x\n")
	f.Add("machine \"a b\" login \"u\\\"\" password \"\\\nmacdef m\nx\n\nmachine h:1 login l account a")
	fuzzImport(f, "netrc")
}
