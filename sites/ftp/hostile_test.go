package ftp

import (
	"strings"
	"testing"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftptest"
)

// TestPlantedReplies has a server say more than it was asked for. What comes with an
// answer is never taken for the next one; what comes later may be, by the command that is
// on its way then, but by none after that: the connection ends there.
func TestPlantedReplies(t *testing.T) {
	for _, test := range []struct {
		name, script string
		send         []string
		want         []int // the codes that the commands get; 0 is none
	}{
		{"with the answer", "C: SIZE a\nS! \"213 1\\r\\n213 7\\r\\n\"\nW", []string{"SIZE a", "SIZE b", "SIZE c"}, []int{213, 0, 0}},
		{"cut, with the answer", "C: SIZE a\nS! \"213 1\\r\\n21\"\nW", []string{"SIZE a", "SIZE b"}, []int{213, 0}},
		{"with a completed transfer", "C: RETR a\nS! \"150 go\\r\\n226 done\\r\\n350 go on\\r\\n\"\nW", []string{"RETR a", "RNFR a"}, []int{226, 0}},
		{"when the next command is on its way", "C: SIZE a\nS: 213 1\nC: SIZE b\nS! \"550 none\\r\\n213 2\\r\\n\"\nW", []string{"SIZE a", "SIZE b", "SIZE c"}, []int{213, 550, 0}},
		{"421 with the answer", "C: SIZE a\nS! \"213 1\\r\\n421 bye\\r\\n\"\nW", []string{"SIZE a"}, []int{213}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := control(t, patience, "S: 220 hi\n"+test.script)
			for i, line := range test.send {
				x, err := c.Do(within(t, patience), line)
				switch {
				case test.want[i] == 0:
					checkKind(t, line, err, sites.Protocol)
				case err != nil || x.reply.Code != test.want[i]:
					t.Errorf("%s: %v, want %d", line, err, test.want[i])
				}
			}
			awaitEnd(t, c)
		})
	}
}

// TestPlantedWhileIdle plants an answer when nobody waits for one: the session is used no
// more, and a new one gives the answers.
func TestPlantedWhileIdle(t *testing.T) {
	t.Parallel()
	f := site(t, ftptest.Play(t, loggedIn+"C: SIZE /a\nS: 213 1\nT 50ms\nS: 213 7\nW", again+"C: SIZE /b\nS: 213 2\nC: QUIT"), "")
	var first *Session
	size := func(path string) int64 {
		taken, err := f.Take(within(t, patience), 1)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Put(taken[0])
		if first == nil {
			first = taken[0]
		}
		n, err := taken[0].Size(within(t, patience), path)
		if err != nil {
			t.Error(err)
		}
		return n
	}
	if n := size("/a"); n != 1 {
		t.Errorf("/a has %d bytes", n)
	}
	checkKind(t, "the first session", awaitEnd(t, first.Conn), sites.Protocol)
	if n := size("/b"); n != 2 {
		t.Errorf("/b has %d bytes, for a planted reply was believed", n)
	}
}

// TestRestAnswered holds that REST counts as accepted with 350 only: with anything else
// the file may come from its beginning.
func TestRestAnswered(t *testing.T) {
	for _, test := range []struct {
		reply string
		kind  sites.Kind
	}{{"200 ok", sites.Unsupported}, {"226 done", sites.Unsupported}, {"502 what", sites.Unsupported}, {"350 go on", sites.Other}} {
		t.Run(test.reply, func(t *testing.T) {
			t.Parallel()
			server := ftptest.Answer(t, "C: REST 5\nS: "+test.reply+"\nC? RETR /a\nS: 150 go\nD> \" world\"\nDX\nS: 226 done")
			r, err := site(t, server, "").Open(within(t, patience), "/a", 5)
			if test.kind == sites.Other {
				if err != nil {
					t.Fatal(err)
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
				return
			}
			checkKind(t, "the reader", err, test.kind)
			if strings.Contains(server.Log(), "C: RETR") {
				t.Error("it was read all the same")
			}
		})
	}
}

// TestWriteStandsStill has a server take nothing of what is written to it.
func TestWriteStandsStill(t *testing.T) {
	t.Parallel()
	f := site(t, ftptest.Answer(t, "C: STOR /a\nS: 150 go\nD< 1\nT 10s"), "timeout=1s&stall-timeout=200ms")
	w, err := f.Store(within(t, patience), "/a", sites.Replace)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	piece := make([]byte, 1<<20)
	for err == nil && time.Since(began) < patience {
		_, err = w.Write(piece)
	}
	checkKind(t, "writing", err, sites.Unreachable)
	w.Abort()
}
