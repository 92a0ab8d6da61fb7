package ftp

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"rsexec/sites"
)

func TestParsePASV(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"Entering Passive Mode (127,0,0,1,4,1).", "127.0.0.1:1025"},
		{"Entering Passive Mode 127,0,0,1,4,1", "127.0.0.1:1025"},
		{"=127,0,0,1,4,1", "127.0.0.1:1025"},
		{"(127, 0, 0, 1, 4, 1)", "127.0.0.1:1025"},
		{"Mode 2 of 3 (127,0,0,1,4,1)", "127.0.0.1:1025"},
		{"(255,255,255,255,255,255)", "255.255.255.255:65535"},
		{"(0,0,0,0,0,1)", "0.0.0.0:1"},
		{"(127,000,000,001,004,001)", "127.0.0.1:1025"},
		{"", ""},
		{"Entering Passive Mode", ""},
		{"(127,0,0,1,0,0)", ""},
		{"(127,0,0,1,4)", ""},
		{"(127,0,0,1,4,)", ""},
		{"(127,0,0,1,4,256)", ""},
		{"(127,0,0,1,-4,1)", ""},
		{"(127.0.0.1.4.1)", ""},
		{"(99999999999999999999,0,0,1,4,1", ""},
		{"1" + strings.Repeat("0", 10000), ""},
		{strings.Repeat("1,", 5), ""},
		{"(127,0,0,1,4,1\xff)", "127.0.0.1:1025"},
	} {
		checkParsed(t, "PASV", test.text, test.want, func(s string) (string, error) {
			a, err := ParsePASV(s)
			return a.String(), err
		})
	}
}

func TestParseEPSV(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"Entering Extended Passive Mode (|||6446|)", ":6446"},
		{"(!!!65535!)", ":65535"},
		{"(|||1|) (see RFC 2428)", ":1"},
		{"(all set) (|||7|)", ":7"},
		{"", ""},
		{"(|||0|)", ""},
		{"(|||65536|)", ""},
		{"(|||-1|)", ""},
		{"(|||+1|)", ""},
		{"(|||12)", ""},
		{"(||12|)", ""},
		{"(||||)", ""},
		{"(|||", ""},
		{"(", ""},
		{"(11112111)", ""},
		{"|||6446|", ""},
	} {
		checkParsed(t, "EPSV", test.text, test.want, func(s string) (string, error) {
			port, err := ParseEPSV(s)
			return portString(port), err
		})
	}
}

func TestParseSOCK(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"SOCK 1025", ":1025"},
		{"sock 1025 is yours", ":1025"},
		{"Your Sock  65535.", ":65535"},
		{"SOCKET is SOCK 7", ":7"},
		{"\xff\xff\xff\xff SOCK 7", ":7"}, // bytes that grow when letters are made capital
		{"ıııı SOCK 7", ":7"},             // and letters that shrink
		{"\xff\xff\xffSOCK", ""},
		{"", ""},
		{"SOCK", ""},
		{"SOCK 0", ""},
		{"SOCK 65536", ""},
		{"SOCK -1", ""},
		{"SOCK x", ""},
		{"1025", ""},
	} {
		checkParsed(t, "SOCK", test.text, test.want, func(s string) (string, error) {
			port, err := ParseSOCK(s)
			return portString(port), err
		})
	}
}

func portString(port int) string { return fmt.Sprintf(":%d", port) }

// checkParsed compares an address, or an error of kind Protocol where want is
// empty.
func checkParsed(t *testing.T, what, text, want string, parse func(string) (string, error)) {
	t.Helper()
	got, err := parse(text)
	switch {
	case want == "" && sites.KindOf(err) != sites.Protocol:
		t.Errorf("%s: %q is %s, %v; want an error of kind Protocol", what, text, got, err)
	case want != "" && (err != nil || got != want):
		t.Errorf("%s: %q is %s, %v; want %s", what, text, got, err, want)
	}
}

func TestFormatAddress(t *testing.T) {
	for _, test := range []struct{ addr, port, eprt string }{
		{"127.0.0.1:1025", "127,0,0,1,4,1", "|1|127.0.0.1|1025|"},
		{"[::ffff:127.0.0.1]:1025", "127,0,0,1,4,1", "|1|127.0.0.1|1025|"},
		{"[::1]:65535", "", "|2|::1|65535|"},
		{"[fe80::1%eth0]:7", "", "|2|fe80::1|7|"}, // a zone means nothing to the other side
	} {
		a := netip.MustParseAddrPort(test.addr)
		if got := FormatEPRT(a); got != test.eprt {
			t.Errorf("EPRT %s, want %s", got, test.eprt)
		}
		if test.port == "" {
			continue
		}
		if got := FormatPORT(a); got != test.port {
			t.Errorf("PORT %s, want %s", got, test.port)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"12": 12, " 0 ": 0, "9223372036854775807": 1<<63 - 1, "-1": -1, "9223372036854775808": -1, "": -1, "12 bytes": -1} {
		got, err := parseSize(Reply{213, []string{text}})
		if want < 0 && sites.KindOf(err) != sites.Protocol || want >= 0 && (err != nil || got != want) {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
}

// FuzzAddress parses arbitrary text as each of the addresses: what is accepted
// is one that can be connected to.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"(127,0,0,1,4,1)", "(|||6446|)", "SOCK 1025", "\xff\xffSOCK 1", "(||||", "1,1,1,1,1,1,1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := ParsePASV(text); err == nil && (!a.Addr().Is4() || a.Port() == 0) {
			t.Errorf("PASV: %v", a)
		}
		for what, parse := range map[string]func(string) (int, error){"EPSV": ParseEPSV, "SOCK": ParseSOCK} {
			if port, err := parse(text); err == nil && (port < 1 || port > 65535) {
				t.Errorf("%s: %d", what, port)
			}
		}
	})
}
