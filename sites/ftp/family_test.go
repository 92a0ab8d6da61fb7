package ftp

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"rsexec/sites"
	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
)

// resolver returns one for which every name has both loopback addresses.
func resolver(t *testing.T) *net.Resolver {
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait)
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		serving.Go(func() {
			defer far.Close() // a pipe has nothing to lose
			if err := answerNames(far); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
				t.Error(err)
			}
		})
		return near, nil
	}}
}

// answerNames answers the questions of one connection (RFC 1035 section 4.2.2).
func answerNames(c net.Conn) error {
	for {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return err
		}
		text := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, text); err != nil {
			return err
		}
		var m dnsmessage.Message
		if err := m.Unpack(text); err != nil {
			return err
		}
		m.Response, m.Additionals = true, nil
		for _, q := range m.Questions {
			head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60}
			switch q.Type {
			case dnsmessage.TypeA:
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: netip.MustParseAddr("127.0.0.1").As4()}})
			case dnsmessage.TypeAAAA:
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: netip.IPv6Loopback().As16()}})
			}
		}
		text, err := m.Pack()
		if err != nil {
			return err
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(text))), text...)); err != nil {
			return err
		}
	}
}

// listenBoth serves the same site at both loopback addresses and returns the port, which
// is one.
func listenBoth(t *testing.T) int {
	t.Helper()
	root := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	t.Cleanup(func() { stop(); serving.Wait() })
	serve := func(l net.Listener) {
		server := &ftpd.Server{Users: []ftpd.User{{Name: "u", Password: "p", Root: root}}}
		serving.Go(func() {
			if err := server.Serve(ctx, l); err != nil {
				t.Error(err)
			}
		})
	}
	for range 100 {
		one, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := one.Addr().(*net.TCPAddr).Port
		other, err := net.ListenTCP("tcp6", &net.TCPAddr{IP: net.IPv6loopback, Port: port})
		if err != nil {
			if err := one.Close(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		serve(one)
		serve(other)
		return port
	}
	t.Skip("this host has no [::1]")
	return 0
}

// TestMeet holds that a site with both versions of the internet protocol is reached in
// the one that the other site has, and that two with nothing in common stay as they are.
func TestMeet(t *testing.T) {
	port := listenBoth(t)
	hosts := map[string]string{"both": "both.test", "four": "127.0.0.1", "six": "::1"}
	at := func(name string) *Site {
		c, err := sites.NewConfig("SITE-"+name, sites.Setting{Option: "host", Value: hosts[name]}, sites.Setting{Option: "user", Value: "u"},
			sites.Setting{Option: "password", Value: "p"})
		if err != nil {
			t.Fatal(err)
		}
		c.Port = port
		f := New(c, Options{Resolver: resolver(t)})
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
