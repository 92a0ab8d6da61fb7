package rsexec

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
	"rsexec/sites/ftptest/delay"
	"rsexec/sites/ftptest/fault"
)

// transferLog keeps the records of a site's transfers.
type transferLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *transferLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// connections returns how many data connections the transfers with a verb had.
func (l *transferLog) connections(verb string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	peers := make(map[string]bool)
	for line := range strings.Lines(l.b.String()) {
		if _, peer, ok := strings.Cut(line, " peer="); ok && strings.Contains(line, " verb="+verb+" ") {
			peers[strings.Fields(peer)[0]] = true
		}
	}
	return len(peers)
}

// loggedSite starts a site, and returns what it logs of its transfers.
func loggedSite(t *testing.T, change func(*ftpd.Server)) (address, root string, log *transferLog) {
	t.Helper()
	root, log = t.TempDir(), &transferLog{}
	server := ftpd.Server{Users: []ftpd.User{{Name: "u", Password: "p", Root: root}}, AllowPeers: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Logger: slog.New(slog.NewTextHandler(log, nil))}
	if change != nil {
		change(&server)
	}
	l, err := ftpd.Listen(t.Context(), ftptest.FreshHost()+":0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String(), root, log
}

// planted has files in a folder, and returns their texts by their names.
func planted(t *testing.T, root string, files int) map[string]string {
	t.Helper()
	want := make(map[string]string)
	if err := os.Mkdir(filepath.Join(root, "tree"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range files {
		name := fmt.Sprintf("f%04d", i)
		want[name] = strings.Repeat(fmt.Sprint(i, " "), i%500)
		write(t, root, "tree/"+name, want[name])
	}
	return want
}

// arrived holds that all that is in a folder is right, and returns how many of the files
// are not there.
func arrived(t *testing.T, root string, want map[string]string) (missing int) {
	t.Helper()
	got, err := filesIn(filepath.Join(root, "tree"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range got {
		if w, ok := want[name]; !ok || string(text) != w {
			t.Errorf("%s has %d bytes, want %d: %.20q", name, len(text), len(w), text)
		}
	}
	return len(want) - len(got)
}

// TestKeptOpen copies a tree of small files between two of our own servers: it takes as many
// data connections as there are pairs of sessions, also where some files vanish before
// they are sent and others must not be replaced. Each of these is told, none of the others suffers.
func TestKeptOpen(t *testing.T) {
	t.Parallel()
	const files = 3000
	n := delay.Start(t, delay.Options{Delay: 2 * time.Millisecond})
	one, from, _ := loggedSite(t, nil)
	two, to, log := loggedSite(t, nil)
	want := planted(t, from, files)
	vanish := func() {
		for i := range files {
			if i%3 == 0 {
				if err := os.Remove(filepath.Join(from, "tree", fmt.Sprintf("f%04d", i))); err != nil {
					t.Error(err)
				}
			}
		}
	}
	s := newShell(t, func(o *Options) { o.Out = &stopAfter{lines: 30, stop: vanish} },
		"SITE1=ftp://u:p@"+n.Before(t, one).Addr(), "SITE2=ftp://u:p@"+n.Before(t, two).Addr())
	_, err := s.run(t, "COPY --recursive SITE1:/tree TO SITE2:/tree")
	if err == nil {
		t.Error("files vanished, and nothing is told")
	}
	missing := arrived(t, to, want)
	if told := strings.Count(s.err.String(), "not found"); missing == 0 || missing > files/3 || told != missing {
		t.Errorf("%d files have not arrived, and %d were told:\n%.2000s", missing, told, s.err.String())
	}
	if n := log.connections("STOR"); n > 8 {
		t.Errorf("%d files took %d data connections", files, n)
	}
	for _, decision := range s.mover.Routes.Decisions("SITE1", "SITE2") {
		if strings.Contains(decision.Why, "lost") {
			t.Errorf("it was decided: %s", decision.Why)
		}
	}
}

// TestKeptOpenFaults breaks what a tree of small files shares: all files are there and right
// all the same, and nothing else is.
func TestKeptOpenFaults(t *testing.T) {
	for _, test := range []struct {
		at string // which site has the fault before it
		fault.Fault
	}{
		{"dest", fault.Fault{What: fault.Cut, Where: fault.Up, Byte: 20_000}},
		{"dest", fault.Fault{What: fault.Reset, Where: fault.Up, Byte: 20_001}},
		{"dest", fault.Fault{What: fault.Truncate, Where: fault.Up, Byte: 50_000}},
		{"dest", fault.Fault{What: fault.Delay, Where: fault.Up, Byte: 30_000, Delay: 300 * time.Millisecond}},
		{"source", fault.Fault{What: fault.Cut, Where: fault.Begin, Verb: "RETR", Nth: 40}},
		{"source", fault.Fault{What: fault.Cut, Where: fault.Reply, Verb: "RETR", Nth: 50}},
		{"source", fault.Fault{What: fault.Reset, Where: fault.Command, Verb: "RETR", Nth: 60}},
		{"source", fault.Fault{What: fault.Cut, Where: fault.Command, Verb: "OPTS"}},
		{"dest", fault.Fault{What: fault.Cut, Where: fault.Begin, Verb: "STOR", Nth: 40}},
		{"dest", fault.Fault{What: fault.Cut, Where: fault.Reply, Verb: "STOR", Nth: 50}},
		{"dest", fault.Fault{What: fault.Cut, Where: fault.Within, Verb: "STOR", Nth: 50}},
		{"dest", fault.Fault{What: fault.Reset, Where: fault.Command, Verb: "STOR", Nth: 60}},
		{"dest", fault.Fault{What: fault.Cut, Where: fault.Reply, Verb: "RNTO", Nth: 70}},
		{"dest", fault.Fault{What: fault.Cut, Where: fault.Reply, Verb: "MODE"}},
	} {
		t.Run(test.at+" "+test.Fault.String(), func(t *testing.T) {
			t.Parallel()
			one, from, _ := loggedSite(t, nil)
			two, to, _ := loggedSite(t, nil)
			want := planted(t, from, 300)
			plans := map[string]fault.Plan{test.at: {test.Fault}}
			source, dest := fault.Start(t, one, fault.Options{Faults: plans["source"]}), fault.Start(t, two, fault.Options{Faults: plans["dest"]})
			s := newShell(t, nil, "SITE1=ftp://u:p@"+source.Addr(), "SITE2=ftp://u:p@"+dest.Addr())
			if out, err := s.run(t, "COPY --recursive SITE1:/tree TO SITE2:/tree"); err != nil {
				t.Errorf("%v\n%.2000s%s", err, out, s.err.String())
			}
			if missing := arrived(t, to, want); missing != 0 {
				t.Errorf("%d files have not arrived", missing)
			}
			if len(source.Hit())+len(dest.Hit()) == 0 {
				t.Error("the fault did not happen")
			}
		})
	}
}

// TestKeptOpenForUsers holds that our own servers, where they refuse each other, go on through
// this host, and that --verify=size has no digest told.
func TestKeptOpenForUsers(t *testing.T) {
	t.Parallel()
	one, from, _ := loggedSite(t, func(s *ftpd.Server) { s.AllowPeers = nil })
	two, to, _ := loggedSite(t, func(s *ftpd.Server) { s.AllowPeers = nil })
	want := planted(t, from, 200)
	s := newShell(t, nil, "SITE1=ftp://u:p@"+one, "SITE2=ftp://u:p@"+two)
	out, err := s.run(t, "COPY --recursive --verify=size SITE1:/tree TO SITE2:/tree")
	if err != nil || !strings.Contains(out, "200 through this host") || !strings.Contains(out, "200 verified by size") {
		t.Errorf("%v\n%.300s", err, out[max(0, len(out)-300):])
	}
	if missing := arrived(t, to, want); missing != 0 {
		t.Errorf("%d files have not arrived", missing)
	}
}
