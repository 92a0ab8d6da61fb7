package sites

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseURL(t *testing.T) {
	base := Config{Name: "SITE1", Scheme: "ftp", Host: "h", Port: 21, User: "u", Password: "p", MaxSessions: DefaultMaxSessions, Timeout: 30 * time.Second, StallTimeout: DefaultStall, TLS: TLSAuto}
	with := func(change func(*Config)) Config { c := base; change(&c); return c }
	for url, want := range map[string]Config{
		"ftp://u:p@h":                    base,
		"ftp://u:p@h/":                   base,
		"ftp://u:p@h:2121/a/b":           with(func(c *Config) { c.Port, c.Home = 2121, "/a/b" }),
		"ftp://u:p%40%2f@h/a%20b/":       with(func(c *Config) { c.Password, c.Home = "p@/", "/a b" }),
		"ftp://h":                        with(func(c *Config) { c.User, c.Password = "anonymous", "rsexec@" }),
		"ftp://u@[::1]:21":               with(func(c *Config) { c.Host, c.Password = "::1", "" }),
		"ftp://u:p@h?passive=no":         with(func(c *Config) { c.Active = true }),
		"ftp://u:p@h?stall-timeout=0":    with(func(c *Config) { c.StallTimeout = 0 }),
		"ftp://u:p@h?dsk=no":             with(func(c *Config) { c.NotInDSK = true }),
		"ftp://u:p@h?tls=off":            with(func(c *Config) { c.TLS = TLSOff }),
		"ftp://u:p@h?tls=require":        with(func(c *Config) { c.TLS = TLSRequire }),
		"ftps://u:p@h":                   with(func(c *Config) { c.Scheme, c.Port = "ftps", 990 }),
		"ftps://u:p@h:21":                with(func(c *Config) { c.Scheme = "ftps" }),
		"ftp://u:p@h?data=clear-allowed": with(func(c *Config) { c.Data = DataClearAllowed }),
		"ftp://u:p@h?tls-ca=/c&tls-cert=/d&tls-key=/e": with(func(c *Config) {
			c.TLSCA, c.TLSCert, c.TLSKey = filepath.FromSlash("/c"), filepath.FromSlash("/d"), filepath.FromSlash("/e")
		}),
		"ftp://u:p@h?tls-pin=" + strings.Repeat("AB:", 31) + "AB": with(func(c *Config) { c.TLSPin = strings.Repeat("ab", 32) }),
		"ftp://u:p@h?max-sessions=1":                              with(func(c *Config) { c.MaxSessions = 1 }),
		"ftp://u:p@h?timeout=2s&choreography=rfc438":              with(func(c *Config) { c.Timeout, c.Choreography = 2*time.Second, "rfc438" }),
		"ftp://u:p@h?data-host=192.0.2.1&data-port=20": with(func(c *Config) {
			c.DataHost, c.DataPort = netip.MustParseAddr("192.0.2.1"), 20
		}),
		"ftp://u@h?password-env=X&password-command=pass%20show": with(func(c *Config) {
			c.Password, c.PasswordEnv, c.PasswordCommand = "", "X", "pass show"
		}),
	} {
		got, err := ParseURL("site1", url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
		} else if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", url, diff)
		}
	}
}

func TestParseURLErrors(t *testing.T) {
	for _, c := range []struct {
		name, url string
		kind      Kind
		says      string
	}{
		{"SITE1", "http://u:secret@h/", Usage, "http:// is no kind of site"},
		{"SITE1", "dnftp://u:secret@h/", Unsupported, "no dnftp"},
		{"SITE1", "ftp://u:secret@h?tls-pin=abcd", Usage, "64 hexadecimal digits"},
		{"SITE1", "ftp://u:secret@h?data=public", Usage, "private or clear-allowed"},
		{"SITE1", "ftp://u:secret@h?tls=maybe", Usage, "auto, require or off"},
		{"SITE1", "ftp:u:secret@h", Usage, "no host"},
		{"SITE1", "ftp://u:secret@/x", Usage, "no host"},
		{"SITE1", "ftp://u:secret@h:99999", Usage, "option port: expected a number"},
		{"SITE1", "ftp://u:sec%zzret@h", Usage, "cannot be read"},
		{"SITE1", "ftp://u:secret@h?nonsense=1", Usage, "no option nonsense"},
		{"SITE1", "ftp://u:secret@h?max-sessions=0", Usage, "max-sessions"},
		{"SITE1", "ftp://u:secret@h?passive=perhaps", Usage, "yes or no"},
		{"SITE1", "ftp://u:secret@h?data-host=name", Usage, "data-host"},
		{"SITE1", "ftp://u:secret@h?timeout=-1s", Usage, "timeout"},
		{"SITE1", "ftp://u:secret@h?timeout=30", Usage, "such as 30s"},
		{"SITE1", "ftp://u:secret@h?host=other", Usage, "no option host"},
		{"SITE1", "ftp://u:secret@:21", Usage, "no host"},
		{"SITE1", "//u:secret@h", Usage, ":// is no kind of site"},
		{"SITE1", "ftp://u:secret%0d%0aDELE%20x@h", Usage, "CR, LF or NUL"},
		{"SITE1", "ftp://u:secret@h/a%0ab", Usage, "CR, LF or NUL"},
		{"S", "ftp://h", Usage, "cannot name a site"},
		{"local", "ftp://h", Usage, "cannot name a site"},
		{"1SITE", "ftp://h", Usage, "cannot name a site"},
		{"A B", "ftp://h", Usage, "cannot name a site"},
	} {
		_, err := ParseURL(c.name, c.url)
		switch {
		case KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says):
			t.Errorf("%s=%s: %v", c.name, c.url, err)
		case strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "sec%"):
			t.Errorf("the password is shown: %v", err)
		}
	}
}

func TestConfigString(t *testing.T) {
	c, err := ParseURL("SITE1", "ftp://u:secret@h:2121/home")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.String(); got != "ftp://u:xxxxx@h:2121/home" {
		t.Error(got)
	}
	if c.DefaultDataPort() != 2120 {
		t.Error(c.DefaultDataPort())
	}
}

func TestParseURLDefaults(t *testing.T) {
	c, err := ParseURL("SITE1", "ftp://u:p@h?max-sessions=3", Setting{"max-sessions", "2"}, Setting{"dsk", "no"})
	if err != nil {
		t.Fatal(err)
	}
	if c.MaxSessions != 3 || !c.NotInDSK {
		t.Errorf("%+v", c)
	}
	if _, err := ParseURL("SITE1", "ftp://h", Setting{"dsk", "perhaps"}); KindOf(err) != Usage {
		t.Error(err)
	}
}

// TestSettings holds that the settings of a configuration make it again.
func TestSettings(t *testing.T) {
	for url, want := range map[string][]Setting{
		"ftp://h":           {{"host", "h"}},
		"ftp://u@h":         {{"host", "h"}, {"user", "u"}},
		"ftp://anonymous@h": {{"host", "h"}, {"password", ""}},
		"ftp://:p@h":        {{"host", "h"}, {"password", "p"}},
		"ftp://u:p%25@[::1]:2121/a%20b?passive=no&dsk=no&timeout=90s&data-host=::2&data-port=20&max-sessions=1&tls=off": {
			{"host", "::1"}, {"port", "2121"}, {"user", "u"}, {"password", "p%"}, {"home", "/a b"}, {"data-host", "::2"},
			{"data-port", "20"}, {"max-sessions", "1"}, {"passive", "no"}, {"dsk", "no"}, {"timeout", "1m30s"}, {"tls", "off"}},
		"ftps://u@h?data=private": {{"scheme", "ftps"}, {"host", "h"}, {"user", "u"}, {"data", "private"}},
		"ftp://u@h?password-env=X&password-command=c&choreography=relay": {{"host", "h"}, {"user", "u"},
			{"password-env", "X"}, {"password-command", "c"}, {"choreography", "relay"}},
	} {
		c, err := ParseURL("SITE1", url)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Settings()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", url, diff)
		}
		if again, err := NewConfig("SITE1", got...); err != nil || again != c {
			t.Errorf("%s: %+v, %v", url, again, err)
		}
	}
	if _, err := (Config{Name: "SITE1", Scheme: "local"}).Settings(); KindOf(err) != Usage {
		t.Error(err)
	}
}

func TestSet(t *testing.T) {
	c, err := NewConfig("SITE1")
	if err != nil {
		t.Fatal(err)
	}
	before := c
	for _, s := range []Setting{{"host", ""}, {"host", "a b"}, {"host", "h:21"}, {"host", "u@h"}, {"host", "[::1]"},
		{"port", "0"}, {"home", "pub"}, {"home", "/a\nb"}, {"user", ""}, {"user", "u\r"}, {"password", "p\x00"}, {"nonsense", "1"},
		{"scheme", "local"}, {"passive", "true"}} {
		if err := c.Set(s.Option, s.Value); KindOf(err) != Usage {
			t.Errorf("%v: %v", s, err)
		}
	}
	if err := c.Set("scheme", "dnftp"); KindOf(err) != Unsupported {
		t.Error(err)
	}
	if c != before {
		t.Errorf("%+v", c)
	}
	for _, s := range []Setting{{"host", "fe80::1%eth0"}, {"host", "ftp_1.example"}, {"host", "m\u00fcnchen.example"}, {"home", "/a/../b"}} {
		if err := c.Set(s.Option, s.Value); err != nil {
			t.Errorf("%v: %v", s, err)
		}
	}
	if c.Home != "/b" {
		t.Error(c.Home)
	}
}
