package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rsexec/sites/ftptest"
)

// rsexecRun performs the command line in this process, without a terminal.
func rsexecRun(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	var out, errs bytes.Buffer
	status = run(args, streams{null, &out, &errs})
	return status, out.String(), errs.String()
}

// transferred is the part of a "transfer" event that the tests look at.
type transferred struct {
	Event            string `json:"event"`
	Choreography     string `json:"choreography"`
	Route            string `json:"route"`
	Bytes            int64  `json:"bytes"`
	BytesThroughUser int64  `json:"bytes_through_user"`
	Verified         string `json:"verified"`
	Text             string `json:"text"`
	Kind             string `json:"kind"`
}

// events reads what --json printed.
func events(t *testing.T, stdout string) []transferred {
	t.Helper()
	var list []transferred
	for line := range strings.Lines(stdout) {
		var e transferred
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("no JSON object: %s: %v", line, err)
		}
		list = append(list, e)
	}
	return list
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o666); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestAppendBetweenServers is the line of RFC 438 between every two real servers: direct
// where both allow it, and right in any case.
func TestAppendBetweenServers(t *testing.T) {
	type pair struct{ source, dest ftptest.Peer }
	pairs := []pair{{ftptest.VSFTPD, ftptest.VSFTPD}, {ftptest.Inetutils, ftptest.ProFTPD}, {ftptest.ProFTPD, ftptest.Inetutils}}
	for _, from := range allServers {
		for _, to := range allServers {
			if from != to {
				pairs = append(pairs, pair{from, to})
			}
		}
	}
	policies := []struct {
		name         string
		source, dest bool // refuses foreign addresses
	}{
		{"allowed", false, false},
		{"refused-at-source", true, false},
		{"refused-at-destination", false, true},
		{"refused-at-both", true, true},
	}
	type kind struct {
		peer    ftptest.Peer
		refuses bool
	}
	servers := make(map[kind][2]*ftptest.Server) // two of each, for a pair may be of one kind
	for _, p := range append(slices.Clone(allServers), ftptest.Inetutils) {
		for _, refuses := range []bool{false, true} {
			o := ftptest.Options{RefuseForeign: refuses}
			servers[kind{p, refuses}] = [2]*ftptest.Server{startServer(t, p, o), startServer(t, p, o)}
		}
	}
	tables := make(map[string]*table)
	for _, policy := range policies {
		tables[policy.name] = newTable(t, "No TLS, foreign addresses "+strings.ReplaceAll(policy.name, "-", " "))
	}
	for _, pair := range pairs {
		for _, policy := range policies {
			name := fmt.Sprintf("%s-to-%s-%s", pair.source, pair.dest, policy.name)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				source, dest := servers[kind{pair.source, policy.source}][0], servers[kind{pair.dest, policy.dest}][1]
				write(t, source.Root, name+"1", "one\n")
				write(t, dest.Root, name+"2", "two\n")

				status, stdout, stderr := rsexecRun(t, "--json", "--state", t.TempDir()+"/state.db", "--site", "SITE1="+source.URL(), "--site", "SITE2="+dest.URL(),
					"-c", fmt.Sprintf("APPEND (FILE) SITE1:%s1 (TO FILE) SITE2:%s2", name, name))
				if status != 0 {
					t.Fatalf("status %d\n%s%s", status, stdout, stderr)
				}
				if got := read(t, dest.Root, name+"2"); got != "two\none\n" {
					t.Errorf("the destination is %q", got)
				}
				if got := read(t, source.Root, name+"1"); got != "one\n" {
					t.Errorf("the source is %q", got)
				}
				list := events(t, stdout)
				result := list[len(list)-1]
				switch {
				case result.Event != "transfer" || result.Bytes != 4 || result.Verified != "size":
					t.Errorf("the last event is %+v", result)
				case result.Choreography == "rfc959" && result.BytesThroughUser != 0,
					result.Choreography == "relay" && result.BytesThroughUser != 4:
					t.Errorf("%d bytes through the user by %s", result.BytesThroughUser, result.Choreography)
				}
				// inetutils-ftpd takes strangers on its passive side and never
				// connects to one; the others do both or neither.
				openHanded := pair.source == ftptest.Inetutils || pair.dest == ftptest.Inetutils
				refused := policy.source && pair.source != ftptest.Inetutils || policy.dest && pair.dest != ftptest.Inetutils
				want := "rfc959"
				if refused {
					want = "relay"
				}
				if result.Choreography != want {
					t.Errorf("by %s, want %s\n%s", result.Choreography, want, stdout)
				}
				tables[policy.name].set(pair.source, pair.dest, result.Choreography)
				// Each step down is one line that says which and why.
				var notices int
				for _, e := range list {
					if e.Event == "notice" && strings.Contains(e.Text, "going on with") && !strings.Contains(e.Text, "\n") {
						notices++
					}
				}
				if stepped := refused || openHanded && pair.source == ftptest.Inetutils; stepped != (notices > 0) {
					t.Errorf("%d notices\n%s", notices, stdout)
				}
			})
		}
	}
}
