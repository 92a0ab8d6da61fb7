package ftpd

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestRights performs each verb as users who have one right each. A reply that begins with
// 550 Permission is what who has not the right hears, and nobody else does.
func TestRights(t *testing.T) {
	for _, test := range []struct {
		line string
		data string // that is sent; "-" is that data is received
		may  Rights
	}{
		{"RETR f", "-", Read}, {"HASH f", "", Read}, {"XMD5 f", "", Read}, {"SITE CPFR f", "", Read},
		{"LIST", "-", List}, {"NLST", "-", List}, {"MLSD", "-", List}, {"STAT /", "", List},
		{"STOR f", "x", Write}, {"STOR new", "x", Write | Append}, {"STOU", "x", Write | Append}, {"APPE f", "x", Write | Append}, {"APPE new", "x", Write | Append},
		{"MKD new", "", Write | Append}, {"XMKD new", "", Write | Append},
		{"RNFR f", "", Write}, {"MFMT 20020717210715 f", "", Write}, {"SITE CHMOD 600 f", "", Write}, {"SITE UTIME 20020717210715 f", "", Write}, {"MFF Modify=20020717210715; f", "", Write}, {"MDTM 20020717210715 f", "", Write},
		{"DELE f", "", Delete}, {"RMD d", "", Delete}, {"XRMD d", "", Delete},
		{"SIZE f", "", AllRights}, {"MDTM f", "", AllRights}, {"MLST f", "", AllRights}, {"CWD d", "", AllRights}, {"PWD", "", AllRights},
	} {
		t.Run(test.line, func(t *testing.T) {
			for _, right := range []Rights{Read, Write, Append, Delete, List, 0} {
				root := t.TempDir()
				s := startSite(t, "127.0.0.1", Server{Users: []User{{Name: "u", Password: "p", Root: root, Rights: right}}})
				s.write("f", "abc")
				if err := os.Mkdir(filepath.Join(root, "d"), 0o777); err != nil {
					t.Fatal(err)
				}
				c := s.login()
				refused := right != 0 && right&test.may == 0
				var conn *net.TCPConn
				if test.data != "" {
					conn = c.data(c.pasv())
				}
				c.send(test.line)
				r := c.reply()
				if strings.HasPrefix(r, "550 Permission denied: ") || strings.Contains(r, "no right to write") {
					if !refused {
						t.Errorf("to who may %s: %q", right, r)
					}
					if entries, err := os.ReadDir(root); err != nil || len(entries) != 2 || s.read("f") != "abc" {
						t.Errorf("something was done: %v, %v", entries, err)
					}
					continue
				}
				if refused || r[0] > '3' {
					t.Errorf("to who may %s: %q", right, r)
				}
				switch test.data {
				case "":
					continue
				case "-":
					if _, err := io.Copy(io.Discard, conn); err != nil {
						t.Error(err)
					}
				default:
					if _, err := io.WriteString(conn, test.data); err != nil {
						t.Error(err)
					}
				}
				_ = conn.Close()
				c.expect("226 ")
			}
		})
	}
}

// A right is asked for before anything else about the argument.
func TestRightsFirst(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{Users: []User{{Name: "u", Password: "p", Root: t.TempDir(), Rights: Append}}})
	c := s.login()
	for _, line := range []string{"RETR f\x00", "LIST f\x00", "STAT f\x00", "DELE f\x00", "HASH f\x00", "MDTM 20020717210715 f\x00", "SITE UTIME", "SITE CPFR", "MFF x"} {
		c.do(line, "550 Permission denied")
	}
}

// TestRightsTable holds that each verb which is about files asks for a right, or is one of
// those that everybody may give.
func TestRightsTable(t *testing.T) {
	free := []string{"PWD", "XPWD", "CWD", "XCWD", "CDUP", "XCUP", "SIZE", "MDTM", "MLST", "REST", "RANG",
		"PASV", "CPSV", "EPSV", "PORT", "EPRT", "LSTN", "SOCK", "AVBL", "SITE"} // and each service of SITE asks itself
	for _, v := range verbTable() {
		if v.gate&needsLogin != 0 && v.gate.rights() == 0 && !slices.Contains(free, v.name) {
			t.Errorf("%s asks for no right", v.name)
		}
	}
}

// A copy within the site, or COMB, is no way around a right.
func TestRightsOfCopy(t *testing.T) {
	root := t.TempDir()
	s := startSite(t, "127.0.0.1", Server{Users: []User{{Name: "u", Password: "p", Root: root, Rights: Read | Append}}})
	s.write("f", "abc")
	s.write("g", "other")
	c := s.login()
	c.do("SITE CPFR f", "350 ")
	c.do("SITE CPTO g", "550 ")
	c.do("SITE CPFR f", "350 ")
	c.do("SITE CPTO new", "250 ")
	if s.read("g") != "other" || s.read("new") != "abc" {
		t.Error("the copy is wrong")
	}
	if err := os.Symlink("nowhere", filepath.Join(root, "link")); err == nil { // as good as a file: it would be gone
		c.do("SITE CPFR f", "350 ")
		c.do("SITE CPTO link", "550 ")
		if _, err := os.Readlink(filepath.Join(root, "link")); err != nil {
			t.Error(err)
		}
	}
	c.do(`COMB "g" "f"`, "550 Permission denied")
	for lacks, want := range map[Rights]string{Read: "550 ", Append: "550 ", Delete: "550 ", List: "250 "} {
		s := startSite(t, "127.0.0.1", Server{Users: []User{{Name: "u", Password: "p", Root: t.TempDir(), Rights: (Read | Append | Delete | List) &^ lacks}}})
		s.write("f", "abc")
		s.write("g", "other")
		s.login().do(`COMB "g" "f"`, want)
	}
}

// TestHash logs in with a password of which the server knows only the hash, and holds that
// what is remembered of it lets nobody in with another.
func TestHash(t *testing.T) {
	hash, err := HashPassword("sesame")
	if err != nil {
		t.Fatal(err)
	}
	s := startSite(t, "127.0.0.1", Server{Users: []User{{Name: "u", Hash: hash, Root: t.TempDir()}}})
	try := func(name, password, reply string) {
		t.Helper()
		c := s.dial()
		c.do("USER "+name, "331 ")
		c.do("PASS "+password, reply)
	}
	for range 2 {
		try("u", "open", "530 ")
		try("u", "sesame", "230 ")
		try("u", "", "530 ")
		try("u", hash, "530 ")
		try("nobody", "sesame", "530 ")
	}
	other, err := HashPassword("sesame")
	if err != nil || other == hash {
		t.Errorf("the same hash twice, %v", err)
	}
}

func TestServerThatCannotBe(t *testing.T) {
	for name, s := range map[string]Server{
		"no name":      {Users: []User{{Password: "p", Root: "/"}}},
		"no root":      {Users: []User{{Name: "u", Password: "p"}}},
		"twice":        {Users: []User{{Name: "u", Root: "/"}, {Name: "u", Root: "/"}}},
		"no hash":      {Users: []User{{Name: "u", Hash: "secret", Root: "/"}}},
		"a bad hash":   {Users: []User{{Name: "u", Hash: "$argon2id$v=19$m=64,t=0,p=0$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA", Root: "/"}}},
		"ports":        {PassivePorts: PortRange{2000, 1999}},
		"low ports":    {PassivePorts: PortRange{1, 1999}},
		"IPv6 as PASV": {PublicAddress: netip.MustParseAddr("2001:db8::7")},
		"dialect":      {Dialect: "1850"},
	} {
		if _, err := NewService(s); err == nil {
			t.Errorf("%s: it can be", name)
		}
	}
}

// TestPassivePorts listens in the range, and nowhere else when that is exhausted; and tells
// the public address.
func TestPassivePorts(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // a port that is taken
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	taken := uint16(ln.Addr().(*net.TCPAddr).Port)
	if taken > 65000 {
		taken -= 2
	}
	s := startSite(t, "127.0.0.1", Server{PassivePorts: PortRange{taken, taken + 2}})
	var sessions []*client
	seen := make(map[string]bool)
	for {
		c := s.login()
		sessions = append(sessions, c)
		c.send("EPSV")
		r := c.reply()
		if strings.HasPrefix(r, "425 ") {
			break
		}
		port, err := strconv.Atoi(strings.Trim(r[strings.Index(r, "("):], "(|)"))
		if err != nil || uint16(port) < taken || uint16(port) > taken+2 || seen[r] || len(sessions) > 3 {
			t.Fatalf("%s: not in %d to %d, or twice", r, taken, taken+2)
		}
		seen[r] = true
	}
	if len(seen) == 0 {
		t.Skip("all three ports are somebody else's")
	}
	sessions[0].do("ABOR", "225 ") // gives the port back
	sessions[len(sessions)-1].do("EPSV", "229 ")
}

func TestPublicAddress(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{PublicAddress: netip.MustParseAddr("192.0.2.7")})
	s.write("f", "abc")
	c := s.login()
	if at := c.pasv(); !strings.HasPrefix(at, "192.0.2.7:") {
		t.Errorf("PASV tells %s", at)
	}
	_, port, _ := strings.Cut(c.pasv(), ":")
	conn := c.data("127.0.0.1:" + port)
	c.do("RETR f", "150 ")
	if b, err := io.ReadAll(conn); err != nil || string(b) != "abc" {
		t.Errorf("%q, %v", b, err)
	}
	_ = conn.Close()
	c.expect("226 ")
}

// TestChange gives a service other settings while sessions are there.
func TestChange(t *testing.T) {
	root := t.TempDir()
	s := startSite(t, "127.0.0.1", Server{Users: []User{{Name: "u", Password: "p", Root: root}}, Limits: Limits{SessionsPerUser: 3}})
	before := s.login()
	if err := s.service.Change(Server{Dialect: "1850"}); err == nil {
		t.Fatal("it took what cannot be")
	}
	s.login()
	if err := s.service.Change(Server{Users: []User{{Name: "u", Password: "q", Root: root, Rights: Read}}, Limits: Limits{SessionsPerUser: 3, LoginDelay: -1}}); err != nil {
		t.Fatal(err)
	}
	after := s.dial()
	after.do("USER u", "331 ")
	after.do("PASS p", "530 ")
	after.do("USER u", "331 ")
	after.do("PASS q", "230 ")
	after.do("MKD d", "550 ")
	before.do("MKD d", "257 ")
	// The sessions from before are counted.
	third := s.dial()
	third.do("USER u", "331 ")
	third.do("PASS q", "421 ")
}

// TestLeave ends a service while one session has nothing to do, one is not logged in, one
// sends a file and has more to say behind it, and one receives.
func TestLeave(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	s.write("f", strings.Repeat("0123456789", 1<<20))
	idle, stranger, getter, putter := s.login(), s.dial(), s.login(), s.login()
	get := getter.data(getter.pasv())
	getter.do("RETR f", "150 ")
	put := putter.data(putter.pasv())
	putter.do("STOR up", "150 ")
	putter.send("RNFR up", "RNTO whole")
	s.service.Leave()
	for _, c := range []*client{idle, stranger} {
		c.expect("421 ")
		c.closed()
	}
	if conn, err := net.DialTimeout("tcp", s.addr, patience); err == nil {
		turnedAway(t, conn)
		_ = conn.Close()
	}
	select {
	case err := <-s.ended:
		t.Fatalf("it ended while files were on their way: %v", err)
	default:
	}
	if b, err := io.ReadAll(get); err != nil || len(b) != 10<<20 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	_ = get.Close()
	getter.expect("226 ")
	getter.expect("421 ")
	getter.closed()
	if _, err := io.WriteString(put, "abc"); err != nil {
		t.Error(err)
	}
	_ = put.Close()
	putter.expect("226 ")
	putter.expect("350 ")
	putter.expect("250 ")
	putter.expect("421 ")
	if s.read("whole") != "abc" {
		t.Error("what was said before is not done")
	}
	select {
	case err := <-s.ended:
		close(s.ended)
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("it does not end")
	}
}

// lateListener has Accept return a connection when the listener is closed, as if that had
// come just before.
type lateListener struct {
	net.Listener
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *lateListener) Accept() (net.Conn, error) {
	<-l.closed
	select {
	case conn := <-l.conns:
		return conn, nil
	default:
		return nil, net.ErrClosed
	}
}

func (l *lateListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// TestRetire holds that whoever was let in before, and be it just before, goes on with all
// that there is, and that Serve returns with the last of them.
func TestRetire(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	idle, stranger, putter := s.login(), s.dial(), s.login()
	put := putter.data(putter.pasv())
	putter.do("STOR up", "150 ")

	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	late := &lateListener{Listener: inner, conns: make(chan net.Conn, 1), closed: make(chan struct{})}
	dialled, err := net.DialTimeout("tcp", inner.Addr().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	defer dialled.Close()
	accepted, err := inner.Accept()
	if err != nil {
		t.Fatal(err)
	}
	late.conns <- accepted
	lateEnded := make(chan error, 1)
	go func() { lateEnded <- s.service.Serve(t.Context(), late) }()

	s.service.Retire()
	eventually(t, "the listener is closed", func() bool {
		conn, err := net.DialTimeout("tcp", s.addr, patience)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	justBefore := &client{t: t, conn: dialled, r: bufio.NewReader(dialled)}
	justBefore.expect("220 ")
	for _, c := range []*client{stranger, justBefore} {
		c.do("USER u", "331 ")
		c.do("PASS p", "230 ")
		c.do("QUIT", "221 ")
	}
	if err := <-lateEnded; err != nil {
		t.Error(err)
	}
	idle.do("NOOP", "200 ")
	next := idle.data(idle.pasv())
	idle.do("STOR another", "150 ")
	_ = next.Close()
	idle.expect("226 ")
	idle.do("QUIT", "221 ")
	select {
	case err := <-s.ended:
		t.Fatalf("it ended while a file was on its way: %v", err)
	default:
	}
	if _, err := io.WriteString(put, "abc"); err != nil {
		t.Error(err)
	}
	_ = put.Close()
	putter.expect("226 ")
	putter.do("QUIT", "221 ")
	select {
	case err := <-s.ended:
		close(s.ended)
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("it does not end")
	}
}
