package transfer

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"rsexec/rsexec/plan"
	"rsexec/sites"
	"rsexec/sites/ftptest"
)

// peer makes a host of a real server, with the files given.
func peer(t *testing.T, p ftptest.Peer, o ftptest.Options, files map[string]string) *host {
	t.Helper()
	s := ftptest.Start(t, p, o)
	h := &host{root: s.Root, url: s.URL()}
	for name, text := range files {
		h.write(t, name, text)
		if err := os.Chmod(filepath.Join(h.root, name), 0o666); err != nil { // the server's user is another one
			t.Fatal(err)
		}
	}
	return h
}

// TestSameSiteAtPeers moves a file within one real server: it copies it itself, or
// connects to itself, or does neither. Nothing is tried in vain that the server says
// beforehand.
func TestSameSiteAtPeers(t *testing.T) {
	t.Parallel()
	for _, p := range ftptest.Peers() {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			h := peer(t, p, ftptest.Options{}, map[string]string{"a": "hello", "b": "old "})
			f := siteAt(t, "SITE1", h.url, "")
			m, told := newMover()
			m.limits = nil // the usual ones: a server's silence counts here
			want, through := map[string]string{Append: "rfc959", Copy: "rfc959"}, int64(0)
			switch p {
			case ftptest.Inetutils:
				want, through = map[string]string{Append: "relay", Copy: "relay"}, 5
			case ftptest.ProFTPD:
				want[Copy] = "same-site"
			}
			var count sent
			for _, verb := range []string{Append, Copy} {
				r, err := m.Do(count.under(within(t)), job(verb, f, f, "/a", "/b"))
				lines := told.take()
				verified := BySize
				if verb == Copy && p == ftptest.ProFTPD {
					verified = ByDigest
				}
				if err != nil || r.Choreography != want[verb] || r.BytesThroughUser != through || r.Verified != verified {
					t.Errorf("%s: %+v, %v, told %q", verb, r, err, lines)
				}
				if p != ftptest.Inetutils && len(lines) > 0 {
					t.Errorf("%s: told %q", verb, lines)
				}
				h.check(t, "b", map[string]string{Append: "old hello", Copy: "hello"}[verb])
			}
			if n := count.count("SITE1 SITE CPFR"); (n == 1) != (p == ftptest.ProFTPD) {
				t.Errorf("SITE CPFR was sent %d times", n)
			}

			// One session is enough where the server copies the file itself.
			single := siteAt(t, "SITE1", h.url, "max-sessions=1")
			r, err := m.Do(within(t), job(Copy, single, single, "/a", "/c"))
			if p != ftptest.ProFTPD {
				checkError(t, err, sites.Unsupported, "same-site: SITE1 does not know SITE CPFR")
				checkError(t, err, sites.Unsupported, "it needs two sessions at one site and max-sessions is 1); set max-sessions=2")
				return
			}
			if err != nil || r.Choreography != "same-site" {
				t.Errorf("%+v, %v", r, err)
			}
			h.check(t, "c", "hello")
			h.checkNames(t, "a", "b", "c")
		})
	}
}

// TestStepDownTime steps down from a server that neither takes a stranger's
// data connection nor says so.
func TestStepDownTime(t *testing.T) {
	t.Parallel()
	source := peer(t, ftptest.VSFTPD, ftptest.Options{}, map[string]string{"a": "hello"})
	dest := peer(t, ftptest.PureFTPd, ftptest.Options{RefuseForeign: true}, map[string]string{"b": "old "})
	m := &Mover{Routes: NewRoutes(nil)} // with the usual limits
	began := time.Now()
	r, err := m.Do(within(t), between(t, Append, source, dest, ""))
	if took := time.Since(began); err != nil || r.Choreography != "relay" || took > 2*usual().silent {
		t.Errorf("%+v, %v, after %v", r, err, took)
	}
	dest.check(t, "b", "old hello")
	if m.Routes.Refused("SITE1", "SITE2", plan.RFC959) == "" {
		t.Error("it will be asked again")
	}
}

// TestCopyOver replaces a file at each real server.
func TestCopyOver(t *testing.T) {
	t.Parallel()
	for _, p := range ftptest.Peers() {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			source := serve(t, nil)
			source.write(t, "a", "hello")
			dest := peer(t, p, ftptest.Options{}, map[string]string{"b": "old", "two words": "old"})
			from, to := siteAt(t, "SITE1", source.url, ""), siteAt(t, "SITE2", dest.url, "")
			m, _ := newMover()
			verified := BySize
			if p == ftptest.ProFTPD { // the only one of them that computes digests
				verified = ByDigest
			}
			for _, name := range []string{"b", "two words", "new"} {
				r, err := m.Do(within(t), job(Copy, sites.Site(from), to, "/a", "/"+name))
				if err != nil || r.Verified != verified {
					t.Errorf("%s: %+v, %v", name, r, err)
				}
				dest.check(t, name, "hello")
			}
			dest.checkNames(t, "b", "new", "two words")
		})
	}
}
