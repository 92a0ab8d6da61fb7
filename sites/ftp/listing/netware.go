package listing

import (
	"strings"
	"time"

	"rsexec/sites"
)

// readNetWare reads a line of a Novell server. Names are padded.
//
//	d [RWCEAFMS] user                  512 Jan 01 00:00 name
func readNetWare(line string, now time.Time) (sites.Entry, verdict) {
	f := split(line)
	rights := f.text(1)
	if len(f.text(0)) != 1 || len(rights) != 10 || rights[0] != '[' || rights[9] != ']' || strings.Trim(rights[1:9], "RWCEAFMS-") != "" {
		return sites.Entry{}, unread
	}
	kind, ok := unixTypes[line[f.at[0].start]]
	if !ok {
		return sites.Entry{}, unread
	}
	e, v := f.rest(3, kind, now)
	e.Name = strings.TrimLeft(e.Name, " ")
	return e, v
}
