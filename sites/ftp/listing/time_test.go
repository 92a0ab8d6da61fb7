package listing

import (
	"testing"
	"time"

	"rsexec/sites"
)

func TestTime(t *testing.T) {
	at := time.Date(2026, 11, 21, 5, 47, 3, 0, time.UTC)
	for _, test := range []struct {
		text string
		want time.Time
	}{
		{"20261121054703", at},
		{" 20261121054703\r", at},
		{"20261121054703.250", at.Add(250 * time.Millisecond)},
		{"191261121054703", at},
		{"191001121054703", time.Date(2000, 11, 21, 5, 47, 3, 0, time.UTC)},
		{"19101121054703", time.Date(1910, 11, 21, 5, 47, 3, 0, time.UTC)},
		{"", time.Time{}},
		{"2026112105470", time.Time{}},
		{"20261321054703", time.Time{}},
		{"20260229054703", time.Time{}},
		{"20261121054703.1e300", time.Time{}},
		{"20261121054703Z", time.Time{}},
	} {
		got, ok := Time(test.text)
		if !got.Equal(test.want) || ok == test.want.IsZero() {
			t.Errorf("%q is %v, %v; want %v", test.text, got, ok, test.want)
		}
	}
}

// TestCoarse has each format that tells times: exact are those with seconds of a
// zone that is known.
func TestCoarse(t *testing.T) {
	second := func(s int) time.Time { return at(2026, 3, 12, 8, 44).Add(time.Duration(s) * time.Second) }
	for _, test := range []struct {
		name, command, line string
		want                time.Time // zero if none is told
		coarse              bool
	}{
		{"MLSD", "MLSD", "type=file;size=5;modify=20260312084457; a", second(57), false},
		{"MLSD with a fraction", "MLSD", "type=file;modify=20260312084457.250; a", second(57).Add(250 * time.Millisecond), false},
		{"MLSD, not told", "MLSD", "type=file;size=5; a", time.Time{}, false},
		{"MLSD, no such day", "MLSD", "type=file;modify=20260332084457; a", time.Time{}, false},
		{"EPLF", "LIST", "+m1773305097,r,s5,\ta", second(57), false},
		{"EPLF, not told", "LIST", "+r,s5,\ta", time.Time{}, false},
		{"ls -l", "LIST", "-rw-r--r-- 1 u g 5 Mar 12 08:44 a", second(0), true},
		{"ls -l of an old file", "LIST", "-rw-r--r-- 1 u g 5 Mar 12  2025 a", at(2025, 3, 12, 0, 0), true},
		{"ls -l with a number for the month", "LIST", "-rw-r--r-- 1 u g 5 2026-03-12 08:44 a", second(0), true},
		{"ls -lT", "LIST", "-rw-r--r-- 1 u g 5 Mar 12 08:44:57 2026 a", second(57), true},
		{"ls --full-time", "LIST", "-rw-r--r-- 1 u g 5 2026-03-12 09:44:57.123456789 +0100 a", second(57).Add(123456789), false},
		{"ls --full-time, Greenwich", "LIST", "-rw-r--r-- 1 u g 5 2026-03-12 08:44:57.000000000 +0000 a", second(57), false},
		{"ls without a zone", "LIST", "-rw-r--r-- 1 u g 5 2026-03-12 08:44:57 a", second(57), true},
		{"ls, the first day of all", "LIST", "-rw-r--r-- 1 u g 5 0001-01-01 00:00 a", time.Time{}, false},
		{"DIR", "LIST", "03-12-26  08:44AM                    5 a", second(0), true},
		{"DIR with seconds", "LIST", "2026-03-12  08:44:57                 5 a", second(57), true},
		{"NetWare", "LIST", "- [RWCEAFMS] user                  5 Mar 12 08:44 a", second(0), true},
		{"VMS", "LIST", "A.;1    1/16   12-MAR-2026 08:44:57  [SYSTEM]", second(57), true},
		{"VMS, not told", "LIST", "A.;1    insufficient privilege or object protection violation", time.Time{}, false},
		{"z/OS, a member", "LIST", "A    01.03 2026/02/12 2026/03/12 08:44    11    11     0 USER", second(0), true},
		{"z/OS, a data set", "LIST", "SAVE00 3390   2026/03/12  1    1  FB     128  6144  PS  A", time.Time{}, false},
		{"AS/400", "LIST", "PEP              4019 26/03/12 08:44:57 *STMF      a", second(57), true},
		{"AS/400, not told", "LIST", "QPGMR                                   *MEM       a", time.Time{}, false},
		{"NLST", "NLST", "a", time.Time{}, false},
	} {
		got, unread := readAll(test.command, now, test.line)
		if unread > 0 || len(got) != 1 {
			t.Errorf("%s: %+v, %d unread", test.name, got, unread)
			continue
		}
		if e := got[0]; !e.Modified.Equal(test.want) || e.Coarse != test.coarse {
			t.Errorf("%s: %v, coarse %v; want %v, %v", test.name, e.Modified, e.Coarse, test.want, test.coarse)
		}
	}
	if e, ok := Facts("modify=20260312084457;type=file; /a"); !ok || e.Coarse || !e.Modified.Equal(second(57)) {
		t.Errorf("MLST: %+v", e)
	}
	// An entry of two lines is made again, with the second.
	got, _ := readAll("LIST", now, "A_LONG_NAME.TXT;1", "   1/16   12-MAR-2026 08:44:57  [SYSTEM]", "B.;1  1/16   12-MAR-2026 08:45:57  [SYSTEM]")
	if len(got) != 2 || got[0].Type != sites.File || !got[0].Coarse || !got[1].Coarse {
		t.Errorf("%+v", got)
	}
}
