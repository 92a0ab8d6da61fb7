package ftp

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
)

// protected starts our own server with TLS, certified for the names given.
func protected(t testing.TB, a *ftptest.Authority, change func(*ftpd.Server), names ...string) *ftptest.Server {
	t.Helper()
	host := ftptest.FreshHost()
	ctx, stop := context.WithCancel(context.Background())
	l, err := ftpd.Listen(ctx, net.JoinHostPort(host, "0"))
	if err != nil {
		stop()
		t.Fatal(err)
	}
	if len(names) == 0 {
		names = []string{host}
	}
	s := &ftptest.Server{Host: host, Port: l.Addr().(*net.TCPAddr).Port, User: "anchor", Password: "secret", Root: t.TempDir()}
	server := &ftpd.Server{Users: []ftpd.User{{Name: s.User, Password: s.Password, Root: s.Root}},
		TLS: &tls.Config{Certificates: []tls.Certificate{a.Issue(names...)}}}
	if change != nil {
		change(server)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s
}

// siteWith returns a site with the options of a URL and of a program.
func siteWith(t testing.TB, s *ftptest.Server, scheme, query string, o Options) *Site {
	t.Helper()
	c, err := sites.ParseURL("TEST", strings.Replace(s.URL(), "ftp:", scheme+":", 1)+"/?"+query)
	if err != nil {
		t.Fatal(err)
	}
	f := New(c, o)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// memory is what a program remembers of servers.
type memory map[string]bool

func (m memory) OfferedTLS(_ context.Context, server string) (bool, error) { return m[server], nil }
func (m memory) OffersTLS(_ context.Context, server string) error          { m[server] = true; return nil }

func (m memory) Doubted(context.Context, string) (string, time.Time, error) {
	return "", time.Time{}, nil
}
func (m memory) Doubt(context.Context, string, string) error { return nil }

// TestTLS holds that a session and all its data are protected where the server offers it.
func TestTLS(t *testing.T) {
	t.Parallel()
	a := ftptest.NewAuthority(t)
	for name, c := range map[string]struct {
		scheme, query string
		change        func(*ftpd.Server)
	}{
		"offered":   {"ftp", "", nil},
		"required":  {"ftp", "tls=require", func(s *ftpd.Server) { s.RequireTLS = true }},
		"private":   {"ftp", "data=private", nil},
		"active":    {"ftp", "passive=no", func(s *ftpd.Server) { s.RequireTLS = true }},
		"implicit":  {"ftps", "", func(s *ftpd.Server) { s.Implicit, s.RequireTLS = true, true }},
		"version 2": {"ftp", "", func(s *ftpd.Server) { s.TLS.MaxVersion = tls.VersionTLS12 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := protected(t, a, c.change)
			m := make(memory)
			f := siteWith(t, s, c.scheme, c.query+"&tls-ca="+a.File(), Options{Memory: m})
			if err := f.Meet(within(t, patience)); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(f.TLS(), "TLS 1.") || !m[s.Addr()] {
				t.Errorf("%q, remembered %v", f.TLS(), m)
			}
			moveFiles(t, f, "d")
		})
	}
}

// TestTrust holds which certificates are taken, and that nothing is said in the clear
// where one is not.
func TestTrust(t *testing.T) {
	t.Parallel()
	a, other := ftptest.NewAuthority(t), ftptest.NewAuthority(t)
	cert, key := other.IssueFiles("client")
	for name, c := range map[string]struct {
		query  string
		change func(*ftpd.Server)
		names  []string
		says   string // of the error; "" is none
	}{
		"an authority":             {query: "tls-ca=CA"},
		"another authority":        {query: "tls-ca=OTHER", says: "its certificate is not trusted: x509: certificate signed by unknown authority"},
		"this host's authorities":  {says: "its certificate is not trusted: x509: certificate signed by unknown authority; set tls-pin=PIN"},
		"another name":             {query: "tls-ca=CA", names: []string{"other.test"}, says: "its certificate is not trusted: x509: cannot validate certificate for"},
		"a pin":                    {query: "tls-pin=PIN"},
		"a pin, another name":      {query: "tls-pin=PIN", names: []string{"other.test"}},
		"another pin":              {query: "tls-ca=CA&tls-pin=" + strings.Repeat("ab", 32), says: "its certificate is not the one that it is to show; somebody may be in between; if it has a new one, set tls-pin=PIN"},
		"no such file":             {query: "tls-ca=/nonexistent/ca.pem", says: "option tls-ca"},
		"no certificate in it":     {query: "tls-ca=EMPTY", says: "there is no certificate in"},
		"a client's certificate":   {query: "tls-ca=CA&tls-cert=" + cert + "&tls-key=" + key, change: func(s *ftpd.Server) { demand(s, other) }},
		"without one":              {query: "tls-ca=CA", change: func(s *ftpd.Server) { demand(s, other) }, says: "certificate required"},
		"a key that is none":       {query: "tls-ca=CA&tls-cert=" + cert, says: "options tls-cert and tls-key"},
		"too old a version":        {query: "tls-ca=CA", change: func(s *ftpd.Server) { s.TLS.MaxVersion, s.TLS.MinVersion = tls.VersionTLS12, tls.VersionTLS12 }},
		"off, and data is private": {query: "tls=off&data=private", says: "tls=off, and data=private wants TLS; remove one of them"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var pin string
			s := protected(t, a, func(s *ftpd.Server) {
				pin = Pin(s.TLS.Certificates[0].Leaf)
				if c.change != nil {
					c.change(s)
				}
			}, c.names...)
			empty := filepath.Join(t.TempDir(), "empty.pem")
			if err := os.WriteFile(empty, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			query := strings.NewReplacer("CA", a.File(), "OTHER", other.File(), "PIN", pin, "EMPTY", empty).Replace(c.query)
			f := siteWith(t, s, "ftp", query, Options{})
			_, err := f.Stat(within(t, patience), "/")
			switch says := strings.ReplaceAll(c.says, "PIN", pin); {
			case says == "" && err != nil, says != "" && err == nil:
				t.Error(err)
			case says != "" && (!strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "secret")):
				t.Errorf("%v, want %s", err, says)
			}
		})
	}
}

// demand has a server want certificates of its users.
func demand(s *ftpd.Server, a *ftptest.Authority) {
	s.TLS.ClientAuth, s.TLS.ClientCAs = tls.RequireAndVerifyClientCert, a.Pool()
}

// TestTrustOnFirstUse holds that the person is asked once about a certificate that nothing
// vouches for, that another one is refused then, and that a refusal stays one.
func TestTrustOnFirstUse(t *testing.T) {
	t.Parallel()
	a := ftptest.NewAuthority(t)
	s := protected(t, a, nil)
	asked := 0
	trust := func(_ context.Context, c sites.Config, cert *x509.Certificate, why error) error {
		asked++
		if c.Name != "TEST" || cert.Subject.CommonName != s.Host || !strings.Contains(why.Error(), "unknown authority") {
			t.Errorf("asked about %v at %s: %v", cert.Subject, c.Name, why)
		}
		return nil
	}
	f := siteWith(t, s, "ftp", "", Options{Trust: trust})
	sessions, err := f.Take(within(t, patience), 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sessions {
		f.Put(s)
	}
	moveFiles(t, f, "d")
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	denied := siteWith(t, s, "ftp", "", Options{Trust: func(context.Context, sites.Config, *x509.Certificate, error) error {
		return &sites.Error{Kind: sites.Untrusted}
	}})
	checkKind(t, "logging in", denied.Meet(within(t, patience)), sites.Untrusted)

	// Another server takes the place of the first.
	f.trusted = strings.Repeat("ab", 32)
	fresh, err := f.pool.TakeFresh(within(t, patience))
	if err == nil {
		f.Put(fresh)
	}
	checkKind(t, "logging in again", err, sites.Untrusted)
}

// TestNoPasswordInTheClear holds that a server which does not offer TLS any more is told
// neither the user nor the password.
func TestNoPasswordInTheClear(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		query, refusal string
		before         bool
		kind           sites.Kind
		says           string
	}{
		"offered before": {"", "502 what", true, sites.Untrusted, "it offered TLS before and does not now, so the password is not sent: the server said 502 what; somebody may be in between; if it has no TLS any more, set tls=off"},
		"required":       {"tls=require", "500 what", false, sites.Unsupported, "it offers no TLS: the server said 500 what; tls=require demands it"},
		"private":        {"data=private", "530 what", false, sites.Unsupported, "it offers no TLS: the server said 530 what; data=private demands it"},
		"overloaded":     {"", "421 later", false, sites.Busy, "421 later"},
		"in 1973":        {"tls=require", "", false, sites.Unsupported, "it offers no TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script := "S: 220 hi\nC: AUTH TLS\nS: " + c.refusal + "\nC: QUIT"
			switch c.refusal {
			case "421 later": // the server ends the session by that
				script = strings.Replace(script, "C: QUIT", "W", 1)
			case "":
				script = "S: 300 hi\nC: QUIT"
			}
			s := ftptest.Play(t, script)
			f := siteWith(t, s, "ftp", c.query, Options{Memory: memory{s.Addr(): c.before}})
			err := f.Meet(within(t, patience))
			checkKind(t, "logging in", err, c.kind)
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Error(err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPlainOnce holds that a server without TLS is asked for it once.
func TestPlainOnce(t *testing.T) {
	t.Parallel()
	s := ftptest.Play(t, strings.Replace(loggedIn, "C: USER", "C: AUTH TLS\nS: 502 what\nC: USER", 1)+"C: QUIT", `
		S: 220 ready
		C: USER anchor
		S: 331 more
		C: PASS secret
		S: 230 in
		C: TYPE I
		S: 200 ok
		C: QUIT`)
	f := siteWith(t, s, "ftp", "", Options{Memory: make(memory)})
	sessions, err := f.Take(within(t, patience), 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sessions {
		f.Put(s)
	}
}

// TestNotAHandshake holds what is said where a server answers AUTH, and then does
// something else than TLS.
func TestNotAHandshake(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then func(*net.TCPConn) error // after AUTH; the connection is closed afterwards
		kind sites.Kind
		says string
	}{
		"a reply behind it": {says("234 go\r\n220 ready\r\n"), sites.Protocol, "there was more behind the reply to AUTH, in the clear"},
		"no TLS":            {says("234 go\r\n", "500 I take it back\r\n"), sites.Protocol, "TLS could not be begun"},
		"the end":           {says("234 go\r\n"), sites.Unreachable, "TLS could not be begun"},
		"a reset": {func(c *net.TCPConn) error {
			return errors.Join(says("234 go\r\n")(c), c.SetLinger(0))
		}, sites.Unreachable, "TLS could not be begun"},
		"silence": {func(c *net.TCPConn) error {
			err := says("234 go\r\n")(c)
			_, read := io.Copy(io.Discard, c) // until the client has enough
			return errors.Join(err, read)
		}, sites.Unreachable, "TLS could not be begun"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := ftptest.FreshHost()
			l, err := net.Listen("tcp4", net.JoinHostPort(host, "0"))
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error, 1)
			go func() {
				nc, err := l.Accept()
				if err != nil {
					served <- err
					return
				}
				err = says("220 hi\r\n")(nc.(*net.TCPConn))
				var line [len("AUTH TLS\r\n")]byte
				_, read := io.ReadFull(nc, line[:])
				served <- errors.Join(err, read, c.then(nc.(*net.TCPConn)), nc.Close(), l.Close())
			}()
			f := siteWith(t, &ftptest.Server{Host: host, Port: l.Addr().(*net.TCPAddr).Port, User: "u", Password: "p"}, "ftp", "timeout=500ms", Options{})
			err = f.Meet(within(t, patience))
			checkKind(t, "logging in", err, c.kind)
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Error(err)
			}
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}

// says sends pieces, each after the client has sent something since the last.
func says(pieces ...string) func(*net.TCPConn) error {
	return func(c *net.TCPConn) error {
		for i, text := range pieces {
			if i > 0 {
				if _, err := c.Read(make([]byte, 1)); err != nil {
					return err
				}
			}
			if _, err := io.WriteString(c, text); err != nil {
				return err
			}
		}
		return nil
	}
}

// TestCutShort holds that the end of a protected file counts only with TLS's word for it.
func TestCutShort(t *testing.T) {
	t.Parallel()
	a := ftptest.NewAuthority(t)
	for _, cut := range []bool{false, true} {
		t.Run(fmt.Sprintf("cut=%v", cut), func(t *testing.T) {
			t.Parallel()
			near, far := net.Pipe()
			sent := make(chan error, 1)
			go func() {
				c := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{a.Issue("cut.test")}})
				_, err := c.Write([]byte("hello"))
				if !cut {
					err = errors.Join(err, c.CloseWrite())
				}
				sent <- errors.Join(err, far.Close())
			}()
			w := &wire{Conn: near}
			c, err := handshake(within(t, patience), "TEST", w, &tls.Config{ServerName: "cut.test", RootCAs: a.Pool()})
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(c)
			if err != nil || string(text) != "hello" || w.ended.Load() != cut {
				t.Errorf("%q, %v, ended %v", text, err, w.ended.Load())
			}
			if err := <-sent; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPinFormat holds that a pin is what openssl x509 -fingerprint -sha256 prints, in
// small letters and without colons.
func TestPinFormat(t *testing.T) {
	b, _ := pem.Decode([]byte(fingerprinted))
	cert, err := x509.ParseCertificate(b.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if got := Pin(cert); got != "28ed6fbd8dacf87cd897cf435f3046148e4589e0f90dee73019729aa928b0959" {
		t.Error(got)
	}
}

// fingerprinted is a certificate made by openssl.
const fingerprinted = `-----BEGIN CERTIFICATE-----
MIIBfjCCASOgAwIBAgIUBCyDdRXoaAszOLqtxJB9EM5bix4wCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIcGluLnRlc3QwIBcNMjYxMTIxMTU0OTIwWhgPMjEyNjEwMjgx
NTQ5MjBaMBMxETAPBgNVBAMMCHBpbi50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAE1QR3tUQ222cygHDGuWH3M8cEYhwG33Ss7j2KKlzI7z0NSA0ATIhCJyXT
Y2fbS508EByiJlkkvLcDK+VJMJTYBKNTMFEwHQYDVR0OBBYEFCZ4JiYVjoR33+L0
XYtQFd3w0TvUMB8GA1UdIwQYMBaAFCZ4JiYVjoR33+L0XYtQFd3w0TvUMA8GA1Ud
EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAK5LhXR6zrjJ/LYnUfqHCnsv
98XkS/XijVINa0Zptj1kAiEAvR+/w/pqWU5+GaKUtVOSlMobj28ein76R2pxzipS
qIA=
-----END CERTIFICATE-----`

// moveFiles writes files to a new directory of a site, and reads them and the directory.
func moveFiles(t *testing.T, f *Site, dir string) {
	ctx := t.Context()
	if err := f.MakeDirectory(ctx, "/"+dir); err != nil {
		t.Error(err)
		return
	}
	for i, size := range []int{0, 1, 70_000, 3 << 20} {
		// A file that is refused takes nothing away from the next one.
		if _, err := f.Open(ctx, "/nowhere/at/all", 0); sites.KindOf(err) != sites.NotFound {
			t.Errorf("a file that is not there: %v", err)
		}
		if _, err := f.Store(ctx, "/nowhere/at/all", sites.Replace); err == nil {
			t.Error("a file was stored where no directory is")
		}
		path, text := fmt.Sprintf("/%s/f%d", dir, i), bytes.Repeat([]byte("protected "), size/10+1)[:size]
		w, err := f.Store(ctx, path, sites.Replace)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		if _, err := w.Write(text); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if err := w.Commit(); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		r, err := f.Open(ctx, path, 0)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: %d bytes of %d came back, %v", path, len(got), len(text), err)
		}
		if err := r.Close(); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		n := 0
		if err := f.List(ctx, "/"+dir, func(e sites.Entry) bool { n++; return true }); err != nil || n != i+1 {
			t.Errorf("%s: %d entries, %v", dir, n, err)
		}
	}
}
