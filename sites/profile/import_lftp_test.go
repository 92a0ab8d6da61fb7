package profile

import "testing"

// The lines are as lftp 4.9.2 writes them ("bookmark add").
func TestReadLftp(t *testing.T) {
	const root = "from the login directory, here it is from the root"
	checkImport(t, "lftp", "one\tftp://ann:p%40ss%2Fw%20ord%25@host.example:2121/%2Fpub/a%20b\n"+
		"two\tftp://host.example\n"+
		"root\tftp://u:p@h/\n"+
		"home\tftp://u:p@h/~\n"+
		"below\tftp://u:p@h/~/x\n"+
		"rel\tftp://u:p@h/pub\n"+
		"query\tftp://u:p@h/%2fa?b#c\n"+
		"colon\tftp://u:p:q@[::1]:21/\n"+
		"bare\th9:2121\n"+
		"Ten.1\tftp://bob:s3%20cr%3Ae%2Ft%40%25@127.0.0.1:1\n"+
		"\n"+
		"three\tsftp://u:p@h/x\n"+
		"four\tftps://u:secret@h/\n"+
		"five\tfile:///tmp\n"+
		"six\tftp://u:sec%zzret@h\n"+
		"seven\tftp://\n"+
		"eight\tftp://h:99999\n"+
		"nine\tftp://u:p%0a@h\n"+
		"ten\n"+
		"el even ftp://h", []outcome{
		{from: "one", name: "ONE", url: "ftp://ann:p%40ss%2Fw%20ord%25@host.example:2121/pub/a%20b"},
		{from: "two", name: "TWO", url: "ftp://host.example"},
		{from: "root", name: "ROOT", url: "ftp://u:p@h"},
		{from: "home", name: "HOME", url: "ftp://u:p@h"},
		{from: "below", name: "BELOW", url: "ftp://u:p@h/x", note: "lftp takes x " + root},
		{from: "rel", name: "REL", url: "ftp://u:p@h/pub", note: "lftp takes pub " + root},
		{from: "query", name: "QUERY", url: "ftp://u:p@h/a%3Fb%23c"},
		{from: "colon", name: "COLON", url: "ftp://u:p%3Aq@[::1]"},
		{from: "bare", name: "BARE", url: "ftp://h9:2121"},
		{from: "Ten.1", name: "TEN.1", url: "ftp://bob:s3%20cr%3Ae%2Ft%40%25@127.0.0.1:1"},
		{from: "three", problem: "sftp is another protocol than FTP"},
		{from: "four", name: "FOUR", url: "ftps://u:secret@h"},
		{from: "five", problem: "file is another protocol than FTP"},
		{from: "six", problem: "its URL cannot be read"},
		{from: "seven", problem: "it has no host"},
		{from: "eight", problem: "option port: expected a number from 1 to 65535"},
		{from: "nine", problem: "CR, LF or NUL"},
		{from: "ten", problem: "the line is not a name and a URL"},
		{from: "el", problem: "the line is not a name and a URL"},
	})
	checkImport(t, "lftp", "", nil)
}

func FuzzReadLftp(f *testing.F) {
	f.Add("one\tftp://ann:p%40@h:2121/%2Fpub\ntwo h\nx ftp://u@[::1%25a]/~/?#")
	f.Add("a ://\na ftp://%\na ftp:///\na ftp://:@:")
	fuzzImport(f, "lftp")
}
