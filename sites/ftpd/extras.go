package ftpd

import (
	"fmt"
	"hash"
	"slices"
	"strings"
	"time"
)

// extras is what a user wants to be told of transfers beside RFC 959, as OPTS has it (RFC
// 2389 section 4).
type extras struct {
	hash bool // at the end, the digest of the file, by the algorithm of OPTS HASH
	perf bool // how far it is, once a second
}

// extrasOf are the words that OPTS RETR and OPTS STOR take.
var extrasOf = map[string][]string{"RETR": {"HASH"}, "STOR": {"HASH", "PERF"}}

// chooseExtras performs OPTS RETR and OPTS STOR: with words, without which there are none
// any more.
func (s *session) chooseExtras(verb, arg string) {
	var chosen extras
	words := strings.Fields(strings.ToUpper(arg))
	for _, word := range words {
		switch known := slices.Contains(extrasOf[verb], word); {
		case known && word == "HASH":
			chosen.hash = true
		case known && word == "PERF":
			chosen.perf = true
		default:
			s.reply(badSyntax, "OPTS "+verb+" takes "+strings.Join(extrasOf[verb], " and "))
			return
		}
	}
	if s.tells == nil {
		s.tells = make(map[string]extras)
	}
	s.tells[verb] = chosen
	s.reply(done, strings.Join(append([]string{verb}, words...), " "))
}

// running is a digest that is computed of what passes.
type running struct {
	algorithm string
	hash.Hash
}

// whole says whether all of a file passes with the payload, byte for byte.
func (p *fileSource) whole() bool { return p.image && p.start == 0 && p.limit < 0 }
func (p *fileSink) whole() bool   { return p.image && p.start == 0 && p.only == nil && !p.appending }

// tell gives a transfer that is to begin what was asked for.
func (s *session) tell(t *transfer) {
	if file, ok := t.payload.(interface{ whole() bool }); ok && s.tells[t.verb].hash && file.whole() {
		t.digesting = &running{s.hash.name, s.hash.new()}
	}
	if s.tells[t.verb].perf {
		t.marks = time.NewTicker(markTime)
	}
}

// told is the digest as the reply to HASH has it (draft-ietf-ftpext2-hash-03 section 3).
func (r *running) told(n int64, path string) string {
	return fmt.Sprintf("%s 0-%d %x %s", r.algorithm, n, r.Sum(nil), path)
}

// markTime is how long it is from one performance marker to the next.
const markTime = time.Second

// mark tells how far the running transfer is, as GridFTP does (GFD.20 section 3.8.1).
func (s *session) mark(now time.Time) {
	s.replyLines(perfMarker, []string{
		"Perf Marker",
		fmt.Sprintf(" Timestamp: %d.%d", now.Unix(), now.Nanosecond()/1e8),
		" Stripe Index: 0",
		fmt.Sprintf(" Stripe Bytes Transferred: %d", s.transfer.bytes.Load()),
		" Total Stripe Count: 1",
		"End",
	})
}
