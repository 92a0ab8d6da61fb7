package delay

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
)

// patience is how long a test waits for what should happen at once.
const patience = 20 * time.Second

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// random returns bytes of which no two parts are the same.
func random(size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{}).Read(b) // it has no errors
	return b
}

// serve starts our own server at a loopback address.
func serve(t *testing.T) (addr, root string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	l, err := ftpd.Listen(ctx, ftptest.FreshHost()+":0")
	if err != nil {
		t.Fatal(err)
	}
	root = t.TempDir()
	server := ftpd.Server{Users: []ftpd.User{{Name: "u", Password: "p", Root: root}}, AllowPeers: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String(), root
}

// user is a control connection.
type user struct {
	*net.TCPConn
	t *testing.T
	r *bufio.Reader
}

func login(t *testing.T, p *Proxy) *user {
	t.Helper()
	u := &user{dial(t, p.Addr()), t, nil}
	u.r = bufio.NewReader(u)
	u.hear("220")
	u.say("USER u", "PASS p", "TYPE I")
	u.hear("331", "230", "200")
	return u
}

// say writes commands in one packet.
func (u *user) say(commands ...string) {
	u.t.Helper()
	if _, err := io.WriteString(u, strings.Join(commands, "\r\n")+"\r\n"); err != nil {
		u.t.Fatal(err)
	}
}

// hear reads replies and returns the last.
func (u *user) hear(codes ...string) (line string) {
	u.t.Helper()
	for _, code := range codes {
		var err error
		if line, err = u.r.ReadString('\n'); err != nil || !strings.HasPrefix(line, code) {
			u.t.Fatalf("%q, %v, not %s", line, err, code)
		}
	}
	return line
}

// address returns the six numbers of a 227.
func address(line string) string {
	_, line, _ = strings.Cut(line, "(")
	line, _, _ = strings.Cut(line, ")")
	return line
}

// TestThirdParty has two servers exchange files over a network, and holds that it takes no
// less than it would, and what is counted.
func TestThirdParty(t *testing.T) {
	const d = 15 * time.Millisecond
	n := Start(t, Options{Delay: d})
	addr1, root1 := serve(t)
	addr2, root2 := serve(t)
	site1, site2 := n.Before(t, addr1), n.Before(t, addr2)
	if err := os.WriteFile(filepath.Join(root1, "f"), random(4096), 0o666); err != nil {
		t.Fatal(err)
	}
	u1, u2 := login(t, site1), login(t, site2)
	n.Reset()
	began := time.Now()
	u2.say("PASV", "STOR g")
	u1.say("PORT "+address(u2.hear("227")), "RETR f")
	u1.hear("200", "150", "226")
	u2.hear("150", "226")
	// PASV and its reply 2d, PORT d, SYN and what follows 3d, the FIN with it; the reply d.
	if took := time.Since(began); took < 7*d {
		t.Errorf("the file was there after %v, before %v", took, 7*d)
	}
	if got, err := os.ReadFile(filepath.Join(root2, "g")); err != nil || !bytes.Equal(got, random(4096)) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	want1 := Counts{Commands: map[string]int{"PORT": 1, "RETR": 1}, Turns: map[string]int{"PORT": 1}, Bursts: 1, Sessions: 1}
	want2 := Counts{Commands: map[string]int{"PASV": 1, "STOR": 1}, Turns: map[string]int{"PASV": 1}, Bursts: 1, Sessions: 1, SiteData: 1, Between: 4096}
	if diff := cmp.Diff([]Counts{want1, want2}, []Counts{site1.Counts(), site2.Counts()}); diff != "" {
		t.Error(diff)
	}

	// The same to the user, by EPSV and one command after the other.
	n.Reset()
	u1.say("EPSV")
	_, port, _ := strings.Cut(u1.hear("229"), "(|||")
	port, _, _ = strings.Cut(port, "|")
	host, _, err := net.SplitHostPort(site1.Addr())
	if err != nil {
		t.Fatal(err)
	}
	data := dial(t, net.JoinHostPort(host, port))
	u1.say("RETR f")
	got, err := io.ReadAll(data)
	if err != nil || !bytes.Equal(got, random(4096)) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	u1.hear("150", "226")
	u1.say("NOOP", "FEAT")
	u1.hear("200", "211-")
	for !strings.HasPrefix(u1.hear(""), "211 ") {
	}
	u1.say("NOOP")
	u1.hear("200")
	want := Counts{Commands: map[string]int{"EPSV": 1, "RETR": 1, "NOOP": 2, "FEAT": 1}, Turns: map[string]int{"EPSV": 1, "RETR": 1, "NOOP": 2},
		Bursts: 4, Sessions: 1, UserData: 1, ToUser: 4096}
	if diff := cmp.Diff(want, site1.Counts()); diff != "" {
		t.Error(diff)
	}
	if waits := site1.Counts().Waits(); waits != 4 {
		t.Errorf("%d waits", waits)
	}
}

// TestElsewhere holds that a data connection that would not be delayed is told.
func TestElsewhere(t *testing.T) {
	n := network(Options{})
	addr, _ := serve(t)
	site := n.Before(t, addr)
	u := login(t, site)
	u.say("PORT 127,0,0,1,200,0")
	u.hear("200")
	if err := n.close(); err == nil || !strings.Contains(err.Error(), "127.0.0.1:51200 would not be delayed") {
		t.Error(err)
	}
}
