package listing

import (
	"strings"
	"time"

	"rsexec/sites"
)

// as400Types maps the types of objects to types of entry; others are Unknown.
// The size of a *STMF or *DOC is that of its bytes; of others, that of the
// object.
var as400Types = map[string]struct {
	kind  sites.EntryType
	bytes bool
}{
	"*DIR": {sites.Directory, false}, "*DDIR": {sites.Directory, false}, "*FLR": {sites.Directory, false}, "*LIB": {sites.Directory, false},
	"*STMF": {sites.File, true}, "*DSTMF": {sites.File, true}, "*DOC": {sites.File, true},
	"*FILE": {sites.File, false}, "*MEM": {sites.File, false}, "*USRSPC": {sites.File, false},
}

// as400Reader reads a line of an AS/400 (IBM i), with the parts of the date in
// the order o; where points are between them the day is the first. A *FILE of
// QSYS, NAME.FILE, is a directory: it has members.
//
//	QSYS            77824 02/23/00 15:09:55 *DIR       QDOC/
//	PEP              4019 04/03/18 18:58:16 *STMF      einladung.zip
//	QPGMR                                   *MEM       RPGUNITC1.FILE/RUCALLTST.MBR
func as400Reader(o order) reader {
	return func(line string, now time.Time) (sites.Entry, verdict) {
		f := split(line)
		at := 1
		if f.text(at) != "" && f.text(at)[0] != '*' {
			at = 4
		}
		what := f.text(at)
		if len(what) < 2 || what[0] != '*' || strings.Trim(what[1:], "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" || at == f.n-1 {
			return sites.Entry{}, unread
		}
		e := sites.Entry{Size: -1, Name: strings.TrimLeft(f.behind(at), " ")}
		object := as400Types[what]
		e.Type = object.kind
		if what == "*FILE" && strings.HasSuffix(e.Name, ".FILE") {
			e.Type = sites.Directory
		}
		e.Name = base(strings.TrimSuffix(e.Name, "/"))
		if at == 1 {
			return e, named
		}
		day, order := f.text(2), o
		if strings.Contains(day, ".") {
			order = dayFirst
		}
		d, dated := order.date(day)
		clock, _, timed := readClock(f.text(3))
		if !dated || !timed || !digits(f.text(1)) {
			return sites.Entry{}, unread
		}
		d.clock = clock
		d.put(&e, now)
		if object.bytes {
			e.Size = size(f.text(1))
		}
		return e, named
	}
}
