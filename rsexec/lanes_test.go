package rsexec

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rsexec/grammar"
	"rsexec/sites"
	"rsexec/sites/ftptest"
	"rsexec/sites/ftptest/delay"
	"rsexec/sites/ftptest/fault"
)

// TestLanes copies a tree of small files between servers of each kind, straight from one to
// the other and through this host: all is there and right, and ROUTES --why tells whether
// the files shared sessions, and why.
func TestLanes(t *testing.T) {
	const shares, alone = "small files share sessions", "no files share a session"
	const files = 60
	for _, test := range []struct {
		source, dest ftptest.Peer // "" is our own
		splits       bool         // what goes out in one piece arrives in several
		tls          bool
		says         string
	}{
		{"", "", false, false, shares},
		{ftptest.VSFTPD, ftptest.ProFTPD, false, false, shares},
		{ftptest.ProFTPD, ftptest.PureFTPd, false, false, shares},
		{ftptest.PureFTPd, ftptest.VSFTPD, false, false, shares},
		{ftptest.VSFTPD, ftptest.Pyftpdlib, false, false, alone + " (SITE2: pyftpdlib loses files"},
		{ftptest.VSFTPD, ftptest.ProFTPD, false, true, shares},
		{ftptest.ProFTPD, ftptest.PureFTPd, false, true, shares},
		{ftptest.VSFTPD, ftptest.ProFTPD, true, false, shares},
		{ftptest.ProFTPD, ftptest.PureFTPd, true, false, shares},
	} {
		for _, route := range []string{"direct", "relay"} {
			name := fmt.Sprintf("%s-to-%s-%s", test.source, test.dest, route)
			if test.splits {
				name += "-in-pieces"
			}
			if test.tls {
				name += "-tls"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				options, query := ftptest.Options{}, ""
				if test.tls {
					authority := ftptest.NewAuthority(t)
					options.TLS, query = &ftptest.TLS{Authority: authority}, "?tls-ca="+authority.File()
				}
				start := func(p ftptest.Peer) (url, root string) {
					if p == "" {
						url, root = serve(t, nil)
					} else {
						s := ftptest.Start(t, p, options)
						url, root = s.URL()+query, s.Root
					}
					if !test.splits {
						return url, root
					}
					user, addr, _ := strings.Cut(strings.TrimPrefix(url, "ftp://"), "@")
					proxy, err := fault.Listen(addr, fault.Options{}) // it passes commands on line by line
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() {
						if err := proxy.Close(); err != nil {
							t.Error(err)
						}
					})
					return "ftp://" + user + "@" + proxy.Addr(), root
				}
				one, from := start(test.source)
				two, to := start(test.dest)
				want := make(map[string]string)
				for i := range files {
					name := fmt.Sprintf("tree/d%d/f%d", i%3, i)
					want[name] = strings.Repeat(fmt.Sprintf("%d.", i), i*7)
					file := filepath.Join(from, name)
					if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(file, []byte(want[name]), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				s := newShell(t, nil, "SITE1="+one, "SITE2="+two)
				if out, err := s.run(t, "COPY --recursive --route="+route+" SITE1:/tree TO SITE2:/tree"); err != nil {
					t.Fatalf("%v\n%s%s", err, out, s.err.String())
				}
				got, err := filesIn(filepath.Join(to, "tree"))
				if err != nil {
					t.Fatal(err)
				}
				for name, text := range want {
					if g, there := got[strings.TrimPrefix(name, "tree/")]; !there || string(g) != text {
						t.Errorf("%s is not right: %d of %d bytes", name, len(g), len(text))
					}
				}
				if len(got) != files {
					t.Errorf("%d files are there", len(got))
				}
				out, err := s.run(t, "ROUTES SITE1 TO SITE2 --why")
				if err != nil || !strings.Contains(out, test.says) {
					t.Errorf("%v, %q does not say %q", err, out, test.says)
				}
				t.Log(out)
			})
		}
	}
}

// stopAfter is an output that calls stop once so many lines were written.
type stopAfter struct {
	lines int
	stop  func()
}

func (s *stopAfter) Write(p []byte) (int, error) {
	if before := s.lines; before > 0 {
		if s.lines -= strings.Count(string(p), "\n"); s.lines <= 0 {
			s.stop()
		}
	}
	return len(p), nil
}

// TestLanesAfterStop goes on with a tree that the person stopped as fast as it was: that
// sessions were closed in the middle of something is no fault of their servers.
func TestLanesAfterStop(t *testing.T) {
	t.Parallel()
	const files = 1000
	n := delay.Start(t, delay.Options{Delay: 5 * time.Millisecond})
	far := func() (url, root string) {
		url, root = serve(t, nil)
		user, addr, _ := strings.Cut(strings.TrimPrefix(url, "ftp://"), "@")
		return "ftp://" + user + "@" + n.Before(t, addr).Addr(), root
	}
	one, from := far()
	two, to := far()
	if err := os.Mkdir(filepath.Join(from, "tree"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range files {
		write(t, from, fmt.Sprintf("tree/f%03d", i), fmt.Sprint("text ", i))
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s := newShell(t, func(o *Options) { o.Out = &stopAfter{lines: files / 10, stop: stop} }, "SITE1="+one, "SITE2="+two)
	perform := func(ctx context.Context, text string) error {
		statements, err := grammar.Parse("", text)
		if err != nil {
			t.Fatal(err)
		}
		return s.Run(ctx, statements[0])
	}
	if err := perform(ctx, "COPY --recursive SITE1:/tree TO SITE2:/tree"); sites.KindOf(err) != sites.Cancelled {
		t.Fatalf("it was not stopped: %v", err)
	}
	if err := perform(t.Context(), "RESUME"); err != nil {
		t.Fatalf("%v\n%s", err, s.err.String())
	}
	got, err := filesIn(filepath.Join(to, "tree"))
	if err != nil || len(got) != files {
		t.Errorf("%d files are there, %v", len(got), err)
	}
	for _, decision := range s.mover.Routes.Decisions("SITE1", "SITE2") {
		if strings.Contains(decision.Why, "lost") || strings.Contains(decision.Why, "any more") {
			t.Errorf("it was decided: %s", decision.Why)
		}
	}
}
