package rsexec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rsexec/sites/ftptest"
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
