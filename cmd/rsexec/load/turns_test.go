package load

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rsexec/sites/ftptest"
	"rsexec/sites/ftptest/delay"
)

// What a file of 4 KiB costs beyond the first ones, with one session at each site. Speed over
// a network is turns: each is a round trip in which the shell waits for a site. The commands
// are exact; the turns, of both sites together, are what they may be at most. Two that go out
// at once count as two.
var perFile = []struct {
	source, dest ftptest.Peer
	route        string
	atSource     string
	atDest       string
	turns        float64
	header       int // bytes that go before those of a file over its data connection
}{
	{ftptest.VSFTPD, ftptest.ProFTPD, "direct", "MDTM PORT RETR", "MFMT PASV RNFR RNTO SIZE STOR", 1.2, 0},
	{ftptest.VSFTPD, ftptest.ProFTPD, "relay", "MDTM PASV RETR", "MFMT PASV RNFR RNTO SIZE STOR", 2.6, 0},
	{ours, ours, "direct", "RETR", "MFMT RNFR RNTO STOR", 0.2, 3}, // MODE B, RFC 959 section 3.4.2
}

// remote is a server with a network between it and the user.
type remote struct {
	*ftptest.Server
	proxy *delay.Proxy // nil: there is no delay
}

func (r remote) address() string {
	if r.proxy == nil {
		return r.Addr()
	}
	return r.proxy.Addr()
}

func (r remote) url() string { return "ftp://" + r.User + ":" + r.Password + "@" + r.address() }

// far puts a server into a network; nil is one without delay.
func far(t testing.TB, n *delay.Network, s *ftptest.Server) remote {
	t.Helper()
	if n == nil {
		return remote{s, nil}
	}
	return remote{s, n.Before(t, s.Addr())}
}

// writeMany writes so many files of 4 KiB into a new directory of a server, each with
// another content.
func writeMany(t testing.TB, s remote, dir string, files int) {
	t.Helper()
	dir = filepath.Join(s.Root, dir)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	text := content(4096 + files)
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%05d", i)), text[i:i+4096], 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTurns copies small files over a network and holds what each of them takes, which does
// not depend on how fast the machine is. BenchmarkSmallFiles tells what comes of it.
func TestTurns(t *testing.T) {
	const few, many = 20, 60
	for _, c := range perFile {
		t.Run(fmt.Sprintf("%s-to-%s-%s", c.source, c.dest, c.route), func(t *testing.T) {
			t.Parallel()
			n := delay.Start(t, delay.Options{Delay: 5 * time.Millisecond})
			source, dest := far(t, n, startServer(t, c.source, ftptest.Options{})), far(t, n, startServer(t, c.dest, ftptest.Options{}))
			runs := 0
			copied := func(files int) (atSource, atDest delay.Counts) {
				runs++
				dir := fmt.Sprintf("n%d.%d", files, runs)
				writeMany(t, source, dir, files)
				n.Reset()
				status, stdout, stderr := perform(t, "--state", t.TempDir()+"/state.db", "--site", "SITE1="+source.url(), "--site", "SITE2="+dest.url(),
					"-c", fmt.Sprintf("COPY --recursive --max-sessions=1 --route=%s SITE1:/%s TO SITE2:/%[2]s", c.route, dir))
				if status != 0 {
					t.Fatalf("status %d\n%s%s", status, stdout, stderr)
				}
				if lack := differ(source, dest, dir, files); lack != nil {
					t.Fatal(lack)
				}
				atSource, atDest = source.proxy.Counts(), dest.proxy.Counts()
				t.Logf("%d files\n%s%s", files, counted("source", atSource), counted("destination", atDest))
				return atSource, atDest
			}
			source1, dest1 := copied(few)
			source2, dest2 := copied(many)
			each := func(less, most map[string]int) string {
				var verbs []string
				for _, verb := range slices.Sorted(maps.Keys(most)) {
					// A machine that is at its limits may have a command more for progress.
					switch n := float64(most[verb]-less[verb]) / (many - few); {
					case n > 1.1:
						verbs = append(verbs, fmt.Sprintf("%.0f*%s", n, verb))
					case n > 0.1:
						verbs = append(verbs, verb)
					}
				}
				return strings.Join(verbs, " ")
			}
			if got := each(source1.Commands, source2.Commands); got != c.atSource {
				t.Errorf("a file takes %s at the source, not %s", got, c.atSource)
			}
			if got := each(dest1.Commands, dest2.Commands); got != c.atDest {
				t.Errorf("a file takes %s at the destination, not %s", got, c.atDest)
			}
			turns := func(source1, dest1, source2, dest2 delay.Counts) float64 {
				n := float64(source2.Waits()+dest2.Waits()-source1.Waits()-dest1.Waits()) / (many - few)
				t.Logf("%.2f turns a file", n)
				return n
			}
			least := turns(source1, dest1, source2, dest2)
			// A shell that seldom gets a processor sends apart what goes out at once.
			for range 2 {
				if least > c.turns*1.05 {
					s1, d1 := copied(few)
					s2, d2 := copied(many)
					least = min(least, turns(s1, d1, s2, d2))
				}
			}
			if least > c.turns*1.05 {
				t.Errorf("a file takes %.2f turns, more than %v", least, c.turns)
			}
			if source2.Sessions > 1 || dest2.Sessions > 1 {
				t.Errorf("%d and %d sessions", source2.Sessions, dest2.Sessions)
			}
			between, through := source2.Between+dest2.Between, source2.ToUser+source2.FromUser+dest2.ToUser+dest2.FromUser
			listing := int64(many) * 100 // bytes, at most
			switch {
			case c.route == "direct" && (between != int64(many*(4096+c.header)) || through > listing):
				t.Errorf("%d bytes went between the sites, %d through the user", between, through)
			case c.route == "relay" && (between != 0 || through < 2*many*4096 || through > 2*many*4096+listing):
				t.Errorf("%d bytes went between the sites, %d through the user", between, through)
			}
		})
	}
}

// counted is what a site counted, in lines.
func counted(where string, c delay.Counts) string {
	var verbs []string
	for _, verb := range slices.Sorted(maps.Keys(c.Commands)) {
		verbs = append(verbs, fmt.Sprintf("%s %d/%d", verb, c.Commands[verb], c.Turns[verb]))
	}
	return fmt.Sprintf("%s: %d turns, %d bursts, %d sessions, data connections %d with the user (%d bytes in, %d out) and %d with sites (%d bytes); commands/turns: %s\n",
		where, c.Waits(), c.Bursts, c.Sessions, c.UserData, c.ToUser, c.FromUser, c.SiteData, c.Between, strings.Join(verbs, ", "))
}

// differ tells whether a directory that was copied is not what it was.
func differ(source, dest remote, dir string, files int) error {
	entries, err := os.ReadDir(filepath.Join(dest.Root, dir))
	if err != nil {
		return err
	}
	if len(entries) != files {
		return fmt.Errorf("%d of %d files are there", len(entries), files)
	}
	for _, e := range entries {
		got, err := os.ReadFile(filepath.Join(dest.Root, dir, e.Name()))
		if err != nil {
			return err
		}
		want, err := os.ReadFile(filepath.Join(source.Root, dir, e.Name()))
		if err != nil {
			return err
		}
		if string(got) != string(want) {
			return fmt.Errorf("%s is not the same, %d bytes", e.Name(), len(got))
		}
	}
	return nil
}
