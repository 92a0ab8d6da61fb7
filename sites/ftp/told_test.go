package ftp

import (
	"strings"
	"testing"
)

// TestToldReplies reads what servers tell of a file at the end of its transfer, and nothing
// into what they do not.
func TestToldReplies(t *testing.T) {
	sum := strings.Repeat("0a", 32)
	for _, test := range []struct {
		reply string
		want  Told
	}{
		{"250 SHA-256 0-12 " + sum + " /in/a b", Told{"SHA-256", sum, 12}},
		{"226 SHA-256 0-0 " + strings.ToUpper(sum) + " a b", Told{"SHA-256", sum, 0}},
		{"226 SHA-256 0-12 " + sum + " /in/c", Told{}},
		{"226 SHA-256 1-12 " + sum + " /in/a b", Told{}},
		{"226 SHA-256 0--1 " + sum + " /in/a b", Told{}},
		{"226 SHA-256 0-99999999999999999999 " + sum + " /in/a b", Told{}},
		{"226 SHA-512 0-12 " + sum + " /in/a b", Told{}},
		{"226 ROT-13 0-12 " + sum + " /in/a b", Told{}},
		{"226 SHA-256 0-12 " + sum[1:] + "x /in/a b", Told{}},
		{"226 SHA-256 0-12 " + sum, Told{}},
		{"226 Transfer complete.", Told{}},
		{"226 ", Told{}},
		{"550 SHA-256 0-12 " + sum + " /in/a b", Told{}},
	} {
		code := int(test.reply[0]-'0')*100 + int(test.reply[1]-'0')*10 + int(test.reply[2]-'0')
		x := &Exchange{Verb: "STOR", conn: &Conn{dialect: Modern}, ended: make(chan struct{}), reply: Reply{code, []string{test.reply[4:]}}}
		close(x.ended)
		got, ok := x.Told("/in/a b")
		if !ok {
			got = Told{}
		}
		if got != test.want || ok != (test.want != Told{}) {
			t.Errorf("%s: %v, %v", test.reply, got, ok)
		}
	}
}

// TestMarks reads performance markers.
func TestMarks(t *testing.T) {
	for _, test := range []struct {
		lines string
		want  int64
		ok    bool
	}{
		{"Perf Marker| Timestamp: 1.5| Stripe Index: 0| Stripe Bytes Transferred: 41| Total Stripe Count: 1|End", 41, true},
		{"Perf Marker| Stripe Bytes Transferred:0|End", 0, true},
		{"Perf Marker| Stripe Bytes Transferred: -1|End", -1, false},
		{"Perf Marker| Stripe Bytes Transferred: 9223372036854775807|End", -1, false},
		{"Perf Marker| Stripe Bytes Transferred: many|End", -1, false},
		{"Perf Marker|End", -1, false},
		{"", -1, false},
	} {
		x := &Exchange{}
		ok := x.mark(Reply{112, strings.Split(test.lines, "|")})
		if bytes, told := x.Marked(); ok != test.ok || told != test.ok || bytes != test.want {
			t.Errorf("%s: %d, %v, %v", test.lines, bytes, ok, told)
		}
	}
}
