package plan

import "strings"

// SameSite has the site itself copy a file, by the commands of ProFTPD's mod_copy,
// which no document specifies: one session, and no data connection. The server
// replaces the file that CPTO names, so nothing is appended in this way.
var SameSite = Figure{
	Name:    "same-site",
	Origin:  "ProFTPD, mod_copy",
	Summary: "the site copies the file itself",
	OneSite: true,
	Rows: []Row{
		{Dest: Step{"SITE CPFR {from}", ""}},
		{Dest: Step{"SITE CPTO {to}", ""}},
	},
}

// splits reports whether a server that takes what follows SITE for words, as ProFTPD
// does, could read another pathname than this one: white space becomes one blank or
// none, and a quotation mark may begin a word with blanks in it.
func splits(path string) bool {
	return strings.ContainsAny(path, "\t\v\f\"") || strings.Contains(path, "  ") || strings.Trim(path, " ") != path
}
