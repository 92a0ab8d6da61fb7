//go:build unix

package main

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"rsexec/sites/ftp"
	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
)

// certified is a site whose server shows a certificate that nothing vouches for.
type certified struct {
	addr string
	pin  string
	stop func()
}

// serveCertified starts a server at an address; "" is a new one.
func serveCertified(t *testing.T, addr, root string) certified {
	t.Helper()
	if addr == "" {
		addr = net.JoinHostPort(ftptest.FreshHost(), "0")
	}
	l, err := ftpd.Listen(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	host := l.Addr().(*net.TCPAddr).IP.String()
	cert := ftptest.NewAuthority(t).Issue(host)
	server := &ftpd.Server{Users: []ftpd.User{{Name: "u", Password: "p", Root: root}},
		TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, RequireTLS: true}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, l) }()
	c := certified{addr: l.Addr().String(), pin: ftp.Pin(cert.Leaf)}
	ended := false
	c.stop = func() {
		if ended {
			return
		}
		ended = true
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(c.stop)
	return c
}

// TestTrustAtTheKeyboard has the person asked once about a certificate, keeps the answer in
// the site's file, and refuses another certificate afterwards.
func TestTrustAtTheKeyboard(t *testing.T) {
	root, home := t.TempDir(), t.TempDir()
	write(t, root, "a.txt", "hello\n")
	server := serveCertified(t, "", root)

	term := startTerminal(t, 80, home)
	term.expect("@ ")
	term.send("SITE ADD SITE1 ftp://u:p@" + server.addr + enter)
	term.expect("SITE1 is in the profile")
	term.expect("@ ")
	term.send("TYPE SITE1:/a.txt" + enter)
	term.expect("shows a certificate that is not trusted: x509: certificate signed by unknown authority")
	term.expect("SHA-256    " + server.pin)
	term.expect("trusted from now on (y/n)? ")
	term.send("n" + enter)
	term.expect("its certificate is not trusted")
	term.expect("@ ")
	term.send("TYPE SITE1:/a.txt" + enter)
	term.expect("trusted from now on (y/n)? ")
	term.send("y" + enter)
	term.expect("SITE1 is trusted from now on")
	term.expect("hello")
	term.expect("@ ")
	term.send("QUIT" + enter)
	term.leave()
	file, err := os.ReadFile(filepath.Join(home, "rsexec", "sites", "SITE1.toml"))
	if err != nil || !strings.Contains(string(file), `tls-pin = "`+server.pin+`"`) {
		t.Errorf("%v\n%s", err, file)
	}

	// Nobody is asked any more, not even at a terminal.
	term = startTerminal(t, 80, home)
	term.expect("@ ")
	term.send("TYPE SITE1:/a.txt" + enter)
	term.expect("hello")
	term.expect("@ ")

	// A password that has to be asked for is asked for once, too.
	term.send("SITE ADD SITE2 ftp://u@" + serveCertified(t, "", root).addr + enter)
	term.expect("SITE2 is in the profile")
	term.expect("@ ")
	term.send("TYPE SITE2:/a.txt" + enter)
	term.expect("password for u at SITE2: ")
	term.send("p" + enter)
	term.expect("trusted from now on (y/n)? ")
	term.send("y" + enter)
	term.expect("hello")
	term.expect("@ ")

	// Another server in its place is no site of theirs.
	server.stop()
	other := serveCertified(t, server.addr, root)
	term.send("TYPE SITE1:/a.txt" + enter)
	term.expect("its certificate is not the one that it is to show")
	term.expect("somebody may be in between")
	term.expect("@ ")
	term.send("QUIT" + enter)
	term.leave()
	if other.pin == server.pin {
		t.Error("the two servers are one")
	}
}

// TestTrustInAScript holds that a script is never asked, that --yes is no answer to this
// question, and that what is told is what to write down.
func TestTrustInAScript(t *testing.T) {
	root := t.TempDir()
	write(t, root, "a.txt", "hello\n")
	server := serveCertified(t, "", root)
	url := "ftp://u:p@" + server.addr
	status, out, errs := rsexecRun(t, "--yes", "--site", "SITE1="+url, "-c", "TYPE SITE1:/a.txt")
	if status != 1 || out != "" || !strings.Contains(errs, "its certificate is not trusted") {
		t.Errorf("%d\n%s%s", status, out, errs)
	}
	pin := regexp.MustCompile(`set (tls-pin=\S+) if`).FindStringSubmatch(errs)
	if pin == nil {
		t.Fatal(errs)
	}
	status, out, errs = rsexecRun(t, "--site", "SITE1="+url+"?"+pin[1], "-c", "TYPE SITE1:/a.txt ; SITES")
	if status != 0 || !strings.Contains(out, "hello\n") || !strings.Contains(out, "TLS 1.3") {
		t.Errorf("%d\n%s%s", status, out, errs)
	}
}
