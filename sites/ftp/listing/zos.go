package listing

import (
	"strings"
	"time"

	"rsexec/sites"
)

// zosHeadings are the headings of z/OS's listings, one blank between words, and
// whether lines with a name alone follow: members without statistics.
var zosHeadings = []struct {
	begins  string
	members bool
}{
	{"Volume Unit Referred", false},
	{"Volume Referred", false},
	{"Name VV.MM Created", true},
	{"Name Size TTR", true},
}

// zosStates are what stands before the name of a data set that has no
// attributes to show, one blank between words.
var zosStates = map[string]sites.EntryType{
	"Migrated": sites.Unknown, "MIGRATED": sites.Unknown,
	"Pseudo Directory":                sites.Directory,
	"ARCIVE Not Direct Access Device": sites.Unknown,
	"Not Direct Access Device":        sites.Unknown,
	"Error determining attributes":    sites.Unknown,
	"User catalog connector":          sites.Unknown,
	"Not Mounted":                     sites.Unknown,
}

// zosOrganizations are the values of Dsorg. A partitioned data set is a
// directory: it has members.
var zosOrganizations = map[string]sites.EntryType{
	"PO": sites.Directory, "PO-E": sites.Directory, "POU": sites.Directory,
	"PS": sites.File, "PS-E": sites.File, "PS-L": sites.File, "PS-B": sites.File, "PSU": sites.File,
	"DA": sites.File, "DAU": sites.File, "IS": sites.File, "ISU": sites.File, "VS": sites.File, "VSAM": sites.File,
}

// zosReader makes a reader of z/OS's lists of data sets and of the members of
// one. HFS is listed as UNIX does it. Of a data set the day is known on which it
// was last referred to, not that of a change; and its size in tracks, as that of
// a member in records, is no count of bytes.
func zosReader() reader {
	members := false
	return func(line string, now time.Time) (sites.Entry, verdict) {
		f := split(line)
		if f.n == 0 {
			return sites.Entry{}, unread
		}
		if word := f.text(0); word == "Volume" || word == "Name" {
			text := strings.Join(strings.Fields(line), " ")
			for _, h := range zosHeadings {
				if strings.HasPrefix(text, h.begins) {
					members = h.members
					return sites.Entry{}, known
				}
			}
		}
		if e, ok := zosMember(&f, now, members); ok {
			return e, named
		}
		if e, ok := zosDataSet(&f); ok {
			return e, named
		}
		return sites.Entry{}, unread
	}
}

// zosDataSet reads a line of a list of data sets. Some columns may run together,
// so what matters is looked for from both ends.
//
//	SAVE00 3390   2004/06/23  1    1  FB     128  6144  PS  INCOMING.RPTBM023
//	TSO004 3390   VSAM                                      USER.CLUSTER
//	V43525 Tape                                             USER.TAPE
//	Migrated                                                USER.OLD
func zosDataSet(f *fields) (e sites.Entry, ok bool) {
	if f.n < 2 || f.n == maxFields {
		return sites.Entry{}, false
	}
	last := f.n - 1
	e = sites.Entry{Name: f.text(last), Size: -1}
	var words [5]string
	for i := range min(last, len(words)) {
		words[i] = f.text(i)
	}
	if last <= len(words) {
		if e.Type, ok = zosStates[strings.Join(words[:last], " ")]; ok {
			return e, true
		}
	}
	switch {
	case len(words[0]) > 6 || len(words[1]) != 4:
		return sites.Entry{}, false
	case last == 2 && words[1] == "Tape", last == 3 && digits(words[1]) && words[2] == "VSAM":
		e.Type = sites.File
		return e, true
	case last < 6 || !digits(words[1]):
		return sites.Entry{}, false
	}
	if _, dated := yearFirst.date(words[2]); !dated && words[2] != "**NONE**" {
		return sites.Entry{}, false
	}
	e.Type, ok = zosOrganizations[f.text(last-1)]
	return e, ok
}

// zosMember reads a line of a list of members: one with statistics, one of a
// load module, or, under a heading, one with a name alone.
//
//	SAVE03    01.03 2002/09/12 2002/10/11 09:37    11    11     0 KIL001
//	DMOCI001  000710   03370C          00 FO                31    ANY
//	SAVE04
func zosMember(f *fields, now time.Time, headed bool) (e sites.Entry, ok bool) {
	e = sites.Entry{Name: f.text(0), Type: sites.File, Size: -1}
	last := f.text(f.n - 1)
	switch {
	case f.n == 1:
		return e, headed && len(e.Name) <= 8 && strings.Trim(e.Name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789$#@") == ""
	case f.n >= 8 && len(f.text(1)) == 5 && f.text(1)[2] == '.':
		changed, ok := yearFirst.date(f.text(3))
		if _, created := yearFirst.date(f.text(2)); !ok || !created {
			return sites.Entry{}, false
		}
		if changed.clock, _, ok = readClock(f.text(4)); !ok {
			return sites.Entry{}, false
		}
		ok = changed.put(&e, now)
		return e, ok
	case f.n >= 5 && (last == "ANY" || last == "24" || last == "31" || last == "64"):
		return e, len(f.text(1)) >= 6 && hexadecimal(f.text(1)) && len(f.text(2)) == 6 && hexadecimal(f.text(2))
	}
	return sites.Entry{}, false
}

func hexadecimal(s string) bool { return s != "" && strings.Trim(s, "0123456789ABCDEF") == "" }
