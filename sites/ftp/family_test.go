package ftp

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"

	"rsexec/sites"
	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
)

// serveBoth serves the same site at both loopback addresses and returns the port.
func serveBoth(t *testing.T) int {
	t.Helper()
	server := &ftpd.Server{Users: []ftpd.User{{Name: "u", Password: "p", Root: t.TempDir()}}}
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
	return listeners[0].Addr().(*net.TCPAddr).Port
}

// TestMeet holds that a site with both versions of the internet protocol is reached in
// the one that the other site has, and that two with nothing in common stay as they are.
func TestMeet(t *testing.T) {
	port := serveBoth(t)
	hosts := map[string]string{"both": "both.test", "four": "127.0.0.1", "six": "::1"}
	at := func(name string) *Site {
		c, err := sites.NewConfig("SITE-"+name, sites.Setting{Option: "host", Value: hosts[name]}, sites.Setting{Option: "user", Value: "u"},
			sites.Setting{Option: "password", Value: "p"})
		if err != nil {
			t.Fatal(err)
		}
		c.Port = port
		f := New(c, Options{Resolver: ftptest.Dual(t)})
		t.Cleanup(func() {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
		return f
	}
	for _, c := range []struct {
		a, b   string
		meet   bool
		family string // of both, if that is settled
	}{
		{"four", "four", true, "four"}, {"six", "six", true, "six"},
		{"both", "four", true, "four"}, {"four", "both", true, "four"},
		{"both", "six", true, "six"}, {"six", "both", true, "six"},
		{"both", "both", true, ""},
		{"four", "six", false, ""}, {"six", "four", false, ""},
	} {
		a, b := at(c.a), at(c.b)
		if err := Meet(within(t, patience), a, b); err != nil {
			t.Fatalf("%s, %s: %v", c.a, c.b, err)
		}
		one, other := a.DataAddr(), b.DataAddr()
		if (one.Is4() == other.Is4()) != c.meet || c.family != "" && one != netip.MustParseAddr(hosts[c.family]) {
			t.Errorf("%s, %s: %v, %v", c.a, c.b, one, other)
		}
		if e, err := a.Stat(within(t, patience), "/"); err != nil || e.Type != sites.Directory {
			t.Errorf("%s: %+v, %v", c.a, e, err)
		}
	}
	// The third site turns the first one back.
	both, old, young := at("both"), at("four"), at("six")
	for _, other := range []*Site{old, young, old} {
		if err := Meet(within(t, patience), both, other); err != nil || both.DataAddr() != other.DataAddr() {
			t.Errorf("%v, %v: %v", both.DataAddr(), other.DataAddr(), err)
		}
	}
}

// TestFamilyOutOfReach holds that a site whose other address answers nobody is reached as
// before.
func TestFamilyOutOfReach(t *testing.T) {
	s := ftptest.Play(t, loggedIn+"C: QUIT\nS: 221 bye")
	if s.Host == "" {
		t.Fatal("no host")
	}
	f := site(t, s, "")
	if err := f.turn(within(t, patience), six); err == nil {
		t.Error("an IPv4 address was reached over IPv6")
	}
	if err := f.Meet(within(t, patience)); err != nil {
		t.Error(err)
	}
}
