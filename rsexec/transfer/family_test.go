package transfer

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"rsexec/sites"
	"rsexec/sites/ftp"
	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
)

// familyHosts are the hosts of sites with both versions of the internet protocol, and with
// one.
var familyHosts = map[string]string{"both": "dual.test", "four": "127.0.0.1", "six": "::1"}

// startAt serves a new folder at both addresses, of which a site knows those of its kind.
// It protects its data if there is an authority.
func startAt(t *testing.T, name, kind string, a *ftptest.Authority) (*ftp.Site, *host) {
	t.Helper()
	h := &host{root: t.TempDir()}
	server := &ftpd.Server{Users: []ftpd.User{{Name: "u", Password: "p", Root: h.root}}}
	settings := []sites.Setting{{Option: "host", Value: familyHosts[kind]}, {Option: "user", Value: "u"}, {Option: "password", Value: "p"}}
	if a != nil {
		server.TLS = &tls.Config{Certificates: []tls.Certificate{a.Issue(familyHosts[kind])}}
		server.Peers = ftpd.PeerTrust{CAs: a.Pool()}
		settings = append(settings, sites.Setting{Option: "tls-ca", Value: a.File()}, sites.Setting{Option: "data", Value: sites.DataPrivate})
	}
	ctx, stop := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	t.Cleanup(func() { stop(); serving.Wait() })
	listeners := ftptest.ListenDual(t)
	for _, l := range listeners {
		serving.Go(func() {
			if err := server.Serve(ctx, l); err != nil {
				t.Error(err)
			}
		})
	}
	c, err := sites.NewConfig(name, settings...)
	if err != nil {
		t.Fatal(err)
	}
	c.Port = listeners[0].Addr().(*net.TCPAddr).Port
	f := ftp.New(c, ftp.Options{Resolver: ftptest.Dual(t)})
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f, h
}

// TestFamilies holds that two sites use the figure of the version of the internet protocol
// that both have, and that those with nothing in common are joined at the user's host;
// likewise where their data is private.
func TestFamilies(t *testing.T) {
	t.Parallel()
	for pair, want := range map[string]string{
		"four-four": "rfc959", "six-six": "rfc2428",
		"both-four": "rfc959", "four-both": "rfc959",
		"both-six": "rfc2428", "six-both": "rfc2428",
		"both-both": "rfc959 rfc2428",
		"four-six":  "relay", "six-four": "relay",
	} {
		for _, private := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/private=%v", pair, private), func(t *testing.T) {
				t.Parallel()
				want, authority := want, (*ftptest.Authority)(nil)
				if private {
					authority = ftptest.NewAuthority(t)
					if want != "relay" {
						want = "sscn"
					}
				}
				one, other, _ := strings.Cut(pair, "-")
				from, source := startAt(t, "SITE1", one, authority)
				to, dest := startAt(t, "SITE2", other, authority)
				source.write(t, "a", "hello")
				dest.write(t, "b", "old ")
				m, told := newMover()
				for _, verb := range []string{Copy, Append} {
					target := map[string]string{Copy: "/c", Append: "/b"}[verb]
					r, err := m.Do(within(t), job(verb, from, to, "/a", target))
					if err != nil || !strings.Contains(want, r.Choreography) || (r.BytesThroughUser > 0) != (want == "relay") {
						t.Errorf("%s: %+v, %v", verb, r, err)
					}
				}
				if lines := told.take(); len(lines) > 0 {
					t.Errorf("told %q", lines)
				}
				dest.check(t, "c", "hello")
				dest.check(t, "b", "old hello")
			})
		}
	}
}
