package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
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

// parsedServe is the serve of a command line with these arguments.
func parsedServe(t *testing.T, args []string) *serveCommand {
	t.Helper()
	var c cli
	if _, err := newParser(&c, streams{out: io.Discard, err: io.Discard}, func(int) {}).Parse(append([]string{"serve"}, args...)); err != nil {
		t.Fatal(err)
	}
	return &c.Serve
}

// startServe runs serve with these arguments more and returns its address.
func startServe(t *testing.T, args ...string) string {
	t.Helper()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command := parsedServe(t, append([]string{"--listen", "127.0.0.1:0", "--root", t.TempDir(), "--user", "u", "--password-file", password}, args...))
	ctx, cancel := context.WithCancel(t.Context())
	said, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- command.Run(ctx, &cli{}, streams{out: out, err: io.Discard}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	line, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line[strings.LastIndex(line, " at ")+4:])
}

// TestServeTLS serves with a certificate and its key in two files and in one, explicit
// and implicit.
func TestServeTLS(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	cert, key := authority.IssueFiles("127.0.0.1")
	var both []byte
	for _, name := range []string{cert, key} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, text...)
	}
	one := filepath.Join(t.TempDir(), "both.pem")
	if err := os.WriteFile(one, both, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		args     []string
		implicit bool
		features string
	}{
		{"two files", []string{"--tls-cert", cert, "--tls-key", key, "--tls-require"}, false, " AUTH TLS\r\n PBSZ\r\n PROT\r\n MODE"},
		{"one file", []string{"--tls-cert", one, "--tls-require", "--tls-peer", authority.File()}, false, " AUTH TLS\r\n PBSZ\r\n PROT\r\n SSCN\r\n"},
		{"implicit", []string{"--tls-cert", one, "--implicit", "--tls-peer", strings.Repeat("0A:", 31) + "0A"}, true, " SSCN\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", startServe(t, test.args...))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			private := tls.Client(conn, &tls.Config{RootCAs: authority.Pool(), ServerName: "127.0.0.1"})
			r := bufio.NewReader(conn)
			expect := func(want string) {
				t.Helper()
				if line, err := r.ReadString('\n'); !strings.HasPrefix(line, want) {
					t.Fatalf("%q, %v; want %q", line, err, want)
				}
			}
			if test.implicit {
				r = bufio.NewReader(private)
				expect("220 ")
			} else {
				expect("220 ")
				fmt.Fprintf(conn, "USER u\r\n")
				expect("530 ") // --tls-require
				fmt.Fprintf(conn, "AUTH TLS\r\n")
				expect("234 ")
				r = bufio.NewReader(private)
			}
			fmt.Fprintf(private, "USER u\r\nPASS p\r\nFEAT\r\nQUIT\r\n")
			expect("331 ")
			expect("230 ")
			if rest, err := io.ReadAll(r); !strings.Contains(string(rest), test.features) || err != nil {
				t.Errorf("%q, %v; want %q in it", rest, err, test.features)
			}
		})
	}
}

func TestServeTLSRefusals(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	cert, key := authority.IssueFiles("127.0.0.1")
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"give --tls-cert":             {"--tls-require"},
		"TLS needs a certificate":     {"--tls-peer", cert},
		"certificate " + cert:         {"--tls-cert", cert}, // no key in it
		"no certificate in it":        {"--tls-cert", cert, "--tls-key", key, "--tls-peer", empty},
		"of another site 00:11":       {"--tls-cert", cert, "--tls-key", key, "--tls-peer", "00:11"},
		"failed to find any PEM data": {"--tls-cert", empty, "--tls-key", key},
	} {
		command := parsedServe(t, append([]string{"--listen", "127.0.0.1:0", "--root", t.TempDir(), "--user", "u", "--password-file", password}, args...))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if err := command.Run(ctx, &cli{}, streams{out: io.Discard, err: io.Discard}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", args, err, want)
		}
		cancel()
	}
}

// TestAddTrust tells authorities from certificates that are trusted as they are.
func TestAddTrust(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	cert, _ := authority.IssueFiles("a")
	issued := authority.Issue("b")
	pin := sha256.Sum256(issued.Certificate[0])
	var trust ftpd.PeerTrust
	for _, text := range []string{authority.File(), cert, fmt.Sprintf("%X", pin)} {
		if err := addTrust(&trust, text, filepath.Clean); err != nil {
			t.Fatal(err)
		}
	}
	if len(trust.Pins) != 2 || trust.Pins[1] != pin {
		t.Errorf("pins %x", trust.Pins)
	}
	if _, err := issued.Leaf.Verify(x509.VerifyOptions{Roots: trust.CAs}); err != nil {
		t.Errorf("the authority: %v", err)
	}
}

// TestServeLimits holds that the flags for limits reach the server.
func TestServeLimits(t *testing.T) {
	greeted := func(address, want string) *bufio.Reader {
		t.Helper()
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		replies := bufio.NewReader(conn)
		if line, err := replies.ReadString('\n'); !strings.HasPrefix(line, want) {
			t.Fatalf("%q, %v, want %q", line, err, want)
		}
		return replies
	}
	address := startServe(t, "--max-sessions=1")
	greeted(address, "220 ")
	greeted(address, "421 This site has its 1 sessions")
	address = startServe(t, "--max-sessions=0", "--max-sessions-per-host=2")
	greeted(address, "220 ")
	greeted(address, "220 ")
	greeted(address, "421 Your host has its 2 sessions")
	address = startServe(t, "--max-sessions-per-host=0")
	for range 60 {
		greeted(address, "220 ")
	}
	replies := greeted(startServe(t, "--idle-timeout=50ms"), "220 ")
	if line, err := replies.ReadString('\n'); !strings.HasPrefix(line, "421 No command for 50ms") {
		t.Errorf("%q, %v", line, err)
	}
	for _, flag := range []string{"--max-sessions=-1", "--max-sessions-per-host=-1", "--idle-timeout=0s", "--idle-timeout=-1s", "--restart-wait=0s"} {
		password := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(password, []byte("p\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		command := parsedServe(t, []string{"--listen", "127.0.0.1:0", "--root", t.TempDir(), "--user", "u", "--password-file", password, flag})
		if err := command.Run(t.Context(), &cli{}, streams{out: io.Discard, err: io.Discard}); sites.KindOf(err) != sites.Usage {
			t.Errorf("%s: %v", flag, err)
		}
	}
}
