package ftpd

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// confined starts a site whose root has something beside it that no user may reach, and
// returns what is to be the same in the end.
func confined(t *testing.T) (s *site, unchanged func()) {
	t.Helper()
	house := t.TempDir()
	root, outside := filepath.Join(house, "root"), filepath.Join(house, "outside")
	for _, d := range []string{root, outside, filepath.Join(outside, "d")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"secret", "d/secret"} {
		if err := os.WriteFile(filepath.Join(outside, f), []byte("secret"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	look := func() string {
		var b strings.Builder
		err := filepath.WalkDir(house, func(name string, d fs.DirEntry, err error) error {
			if err != nil || name == root {
				return fs.SkipDir
			}
			info, err := d.Info()
			fmt.Fprintln(&b, name, info.Mode(), info.ModTime())
			if d.Type().IsRegular() && err == nil {
				text, err := os.ReadFile(name)
				fmt.Fprintf(&b, "%q, %v\n", text, err)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	s = startSite(t, "127.0.0.1", Server{Users: []User{{Name: "u", Password: "p", Root: root}}, Limits: Limits{LoginFailures: -1}})
	before := look()
	return s, func() {
		t.Helper()
		if after := look(); after != before {
			t.Errorf("outside was\n%sand is\n%s", before, after)
		}
	}
}

// oddArguments are what a user may put behind any verb.
var oddArguments = []string{
	"\x00", "a\x00b", "a\rb", "a\r\r", "\r", "\xff\xff", "\xff", "\xff\xf4\xff\xf2", "\x1b[2J\x07", "%s%n%d%!", "\xc3\x28", "\u202e",
	"..", "../..", "/../../..", "../outside/secret", "a/../../outside/secret", "/" + strings.Repeat("../", 500) + "etc/passwd",
	strings.Repeat("a/", 2000), strings.Repeat("a", 5000), strings.Repeat("../a/", 1000),
	" ", "  x", "x ", "-", "-la", "--", "*", "~", "~root", "`id`", "$(id)", ";id", "|id", "0", "-1", "99999999999999999999", "1e9",
	"CON", "NUL", "a:b", `..\..\outside`, "C:", "//host/share",
}

// oneReply is a reply of one line or several, without its last line end.
var oneReply = regexp.MustCompile(`^[1-5][0-9]{2}[ -][^\r\n\x00]*(\r\n[^\r\n\x00]*)*$`)

// Each command has one reply, whatever is behind it, and reaches nothing outside.
func TestOddArguments(t *testing.T) {
	s, unchanged := confined(t)
	c := s.login()
	for _, v := range verbTable() {
		if v.dialects&inModern == 0 || slices.Contains([]string{"USER", "PASS", "REIN", "QUIT"}, v.name) {
			continue
		}
		forms := []string{v.name + " %s"}
		switch v.name {
		case "SITE":
			forms = []string{"SITE %s", "SITE CHMOD %s", "SITE CHMOD 600 %s", "SITE CPFR %s", "SITE CPTO %s"}
		case "MFMT":
			forms = append(forms, "MFMT 20020717210715 %s")
		case "OPTS":
			forms = append(forms, "OPTS MLST %s", "OPTS HASH %s", "OPTS UTF8 %s")
		}
		for _, form := range forms {
			for _, arg := range oddArguments {
				// ABOR takes back what was arranged, so that nothing begins.
				c.send(fmt.Sprintf(form, arg), "ABOR", "NOOP")
				r := c.reply()
				if !oneReply.MatchString(r) {
					t.Errorf("%q: %q", fmt.Sprintf(form, arg), r)
				}
				if r := c.reply(); !strings.HasPrefix(r, "225 ") {
					t.Fatalf("%q: ABOR: %q", fmt.Sprintf(form, arg), r)
				}
				if r := c.reply(); r != "200 Nothing done" {
					t.Fatalf("%q: NOOP: %q", fmt.Sprintf(form, arg), r)
				}
			}
		}
	}
	for _, arg := range oddArguments {
		c := s.dial()
		c.do("USER "+arg, "")
		c.do("PASS "+arg, "")
		c.do("NOOP", "200 ")
	}
	// A line feed ends a command wherever it is; a carriage return alone does not.
	c.send("MKD a\nMKD b", "MKD c\rMKD d")
	c.expect("257 \"/a\"")
	c.expect("257 \"/b\"")
	c.expect("501 ")
	unchanged()
}

// No name makes a line of a reply, or of a listing, that is not its own.
func TestPlantedLines(t *testing.T) {
	s, _ := confined(t)
	planted := "x\r\n226 planted\r\n"
	names := []string{planted, "213 End", "-rw-r--r-- 1 ftp ftp 1 Jan  1 00:00 f", "type=file; f", "\x1b[31mred\x1b[0m"}
	for _, n := range names {
		s.write(n, "")
	}
	for i, target := range append(names, "a; type=dir", "/../outside") {
		if err := os.Symlink(target, filepath.Join(s.root, fmt.Sprint("link", i))); err != nil {
			t.Fatal(err)
		}
	}
	c := s.login()
	for _, line := range []string{"STAT /", "MLST /", "MLST link1", "MLST 213 End", "STAT link4"} {
		c.do(line, "2")
		c.do("NOOP", "200 Nothing done")
	}
	for _, verb := range []string{"LIST", "NLST", "MLSD"} {
		for line := range strings.SplitSeq(strings.TrimSuffix(c.get(verb), "\r\n"), "\r\n") {
			if strings.HasPrefix(line, "226 ") || strings.ContainsAny(line, "\r\n\x00") {
				t.Errorf("%s has a line %q", verb, line)
			}
		}
	}
}

// Neither ".." nor a link leads out, by any verb.
func TestEveryWayOut(t *testing.T) {
	s, unchanged := confined(t)
	outside := filepath.Join(filepath.Dir(s.root), "outside")
	for link, target := range map[string]string{
		"abs": outside, "absfile": filepath.Join(outside, "secret"), "rel": "../outside", "relfile": "../outside/secret",
		"up": "..", "deep": "d/../../outside", "absnew": filepath.Join(outside, "new"), "relnew": "../outside/new",
		"chain": "rel", "chainfile": "chain/secret", "self": "self", "loop1": "loop2", "loop2": "loop1", "root": "/", "proc": "/proc/self/root",
	} {
		if err := os.Symlink(target, filepath.Join(s.root, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(s.root, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.write("f", "own")
	c := s.login()
	c.do("OPTS HASH MD5", "200 ")
	for _, to := range []string{
		"abs/secret", "absfile", "rel/secret", "relfile", "up/outside/secret", "deep/secret", "chain/secret", "chainfile", "self", "loop1", "loop1/x",
		"../outside/secret", "/../outside/secret", "d/../../outside/secret", "root/etc/passwd", "proc/etc/passwd", "abs/d/secret", "absnew", "relnew", "rel/new", "abs/d/new",
	} {
		for _, verb := range []string{"CWD", "SIZE", "MDTM", "MLST", "HASH", "XMD5", "XCRC", "STAT", "SITE CHMOD 777", "SITE CPFR", "MFMT 20020717210715"} {
			c.do(verb+" "+to, "55")
		}
		for _, verb := range []string{"RETR", "APPE", "STOR", "LIST", "NLST", "MLSD"} {
			c.pasv()
			r := c.do(verb+" "+to, "")
			if !strings.HasPrefix(r, "55") && !(strings.HasPrefix(to, "..") || strings.HasPrefix(to, "/..") || strings.HasPrefix(to, "d/..")) {
				t.Errorf("%s %s: %q", verb, to, r)
			}
			if strings.HasPrefix(r, "150 ") { // a name of its own, below the root
				c.do("ABOR", "426 ")
				c.expect("226 ")
			}
		}
		if strings.Contains(to, "/") && !strings.HasPrefix(to, "..") && !strings.HasPrefix(to, "/..") && !strings.HasPrefix(to, "d/..") {
			for _, verb := range []string{"MKD", "RMD", "DELE"} {
				c.do(verb+" "+to, "55")
			}
			c.do("RNFR "+to, "55")
			c.do("RNFR f", "350 ")
			c.do("RNTO "+to, "553 ")
			c.do("SITE CPFR f", "350 ")
			c.do("SITE CPTO "+to, "55")
			c.pasv()
			c.do("STOU "+to, "55")
		}
	}
	if got := s.read("f"); got != "own" {
		t.Errorf("f holds %q", got)
	}
	unchanged()
}

// A link takes the place of a directory, and of a file, again and again, while they are
// used: what is outside is never read and never written.
func TestSwappedForALink(t *testing.T) {
	s, unchanged := confined(t)
	in := func(name string) string { return filepath.Join(s.root, name) }
	for _, name := range []string{"dir", "swap"} {
		if err := os.Mkdir(in(name), 0o755); err != nil {
			t.Fatal(err)
		}
		s.write(name+"/secret", "inside")
	}
	if err := os.Symlink("../outside", in("link")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	swapping := make(chan error, 1)
	go func() {
		defer close(swapping)
		// "swap" is a directory, then a link, then a directory, ...
		for ctx.Err() == nil {
			for _, step := range [][2]string{{"swap", "dir2"}, {"link", "swap"}, {"swap", "link"}, {"dir2", "swap"}} {
				if err := os.Rename(in(step[0]), in(step[1])); err != nil {
					swapping <- err
					return
				}
			}
		}
	}()
	c := s.login()
	read := 0
	for range 300 {
		conn := c.data(c.pasv())
		if r := c.do("RETR swap/secret", ""); strings.HasPrefix(r, "150 ") {
			b, err := io.ReadAll(conn)
			if string(b) != "inside" || err != nil {
				t.Errorf("RETR has %q, %v", b, err)
			}
			_ = conn.Close()
			c.expect("226 ")
			read++
		}
		conn = c.data(c.pasv())
		if r := c.do("STOR swap/new", ""); strings.HasPrefix(r, "150 ") {
			_ = conn.Close()
			c.reply() // the directory may be elsewhere by now
		}
		conn = c.data(c.pasv())
		if r := c.do("LIST swap", ""); strings.HasPrefix(r, "150 ") {
			b, _ := io.ReadAll(conn) // broken off, if the directory is elsewhere by now
			if strings.Contains(string(b), " d\r\n") {
				t.Errorf("LIST has %q", b)
			}
			_ = conn.Close()
			c.reply()
		}
		for _, line := range []string{"SITE CHMOD 600 swap/secret", "MFMT 20020717210715 swap/secret", "DELE swap/d/secret", "RMD swap/d", "MKD swap/x", "RMD swap/x", "HASH swap/secret"} {
			r := c.do(line, "")
			if strings.Contains(r, "0-6 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b") {
				t.Errorf("%s: %q", line, r) // that is the digest of "secret"
			}
		}
	}
	cancel()
	if err := <-swapping; err != nil {
		t.Fatal(err)
	}
	if read == 0 {
		t.Error("nothing was read")
	}
	unchanged()
}

// A user's root may be a link, and may go away.
func TestRoots(t *testing.T) {
	real := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	s := startSite(t, "127.0.0.1", Server{Users: []User{{Name: "u", Password: "p", Root: link}}})
	s.write("f", "abc")
	c := s.login()
	if got := c.get("RETR f"); got != "abc" {
		t.Errorf("RETR has %q", got)
	}
	c.do("MKD d", "257 ")
	c.do("CWD d", "250 ")
	if err := os.RemoveAll(real); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"MKD x", "MKD /x", "SIZE /f", "CWD /d", "RNFR /f", "DELE /f", "HASH /f", "SITE CPFR /f"} {
		c.do(line, "550 ")
	}
	for _, line := range []string{"RETR /f", "STOR /g", "STOU", "LIST ", "APPE g"} {
		c.pasv()
		c.do(line, "550 ")
	}
	c.do("PWD", "257 ")
	c.do("USER u", "331 ")
	c.do("PASS p", "530 ")
	c.do("NOOP", "200 ")
}

// Numbers out of all proportion.
func TestNumbers(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	s.write("f", "0123456789")
	s.write("huge", "")
	if err := os.Truncate(filepath.Join(s.root, "huge"), 1<<40); err != nil {
		t.Skip("no sparse files here: ", err)
	}
	c := s.login()
	for _, line := range []string{"REST -1", "REST 9223372036854775808", "REST 1.5", "REST 0x10", "REST 1 2", "REST +1", "REST \xd9\xa1"} {
		c.do(line, "501 ")
	}
	c.do("REST 9223372036854775807", "350 ")
	for _, verb := range []string{"RETR", "STOR"} {
		c.pasv()
		c.do("REST 9223372036854775807", "350 ")
		c.do(verb+" f", "554 REST 9223372036854775807 is beyond the end, 10")
		c.pasv()
		c.do(verb+" none", "")
		c.do("ABOR", "")
		if verb == "STOR" {
			c.expect("226 ")
		}
	}
	if got := s.read("f"); got != "0123456789" {
		t.Errorf("f holds %q", got)
	}
	c.do("ALLO 99999999999999999999999999", "202 ")
	c.do("ALLO -1 R -1", "202 ")
	for _, line := range []string{"TYPE \x00", "TYPE II", "TYPE L 9", "TYPE L 99999999999999999999", "MODE \xff\xff", "STRU "} {
		c.do(line, "50")
	}
	c.do("REST 1099511627773", "350 ")
	if got := c.get("RETR huge"); got != "\x00\x00\x00" {
		t.Errorf("the end of a sparse file is %q", got)
	}
	conn := c.data(c.pasv())
	c.do("RETR huge", "150 ")
	if _, err := io.CopyN(io.Discard, conn, 1<<20); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	c.expect("426 ")
	c.do("NOOP", "200 ")
}

// Commands in floods are answered, one by one and in their order.
func TestFloods(t *testing.T) {
	const flood = 10_000
	s := startSite(t, "127.0.0.1", Server{})
	c := s.login()
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c.conn, strings.Repeat("NOOP\r\nXYZZY\r\nPWD\r\n", flood/3))
		sent <- err
	}()
	for range flood / 3 {
		c.expect("200 ")
		c.expect("500 ")
		c.expect("257 ")
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}

	// Behind a transfer they wait, and so, in the end, does who sends them.
	data := startRetr(t, s, c)
	go func() {
		_, err := io.WriteString(c.conn, strings.Repeat("PWD\r\n", 10*flood))
		sent <- err
	}()
	if _, err := io.Copy(io.Discard, data); err != nil {
		t.Fatal(err)
	}
	_ = data.Close()
	c.expect("226 ")
	for range 10 * flood {
		c.expect("257 ")
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}

	// One ABOR is enough for one transfer.
	startRetr(t, s, c)
	c.send(slices.Repeat([]string{"ABOR"}, 1000)...)
	c.expect("426 ")
	c.expect("226 ")
	for range 999 {
		c.expect("225 ")
	}
	c.do("NOOP", "200 ")
}

// Each listener replaces the one before.
func TestManyListeners(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{AllowPeers: loopback})
	c := s.login()
	first := c.pasv()
	before, open := runtime.NumGoroutine(), descriptors()
	var steps []int
	last := 0
	for i := range 1000 {
		verb := []string{"PASV", "EPSV", "LSTN R"}[i%3]
		r := c.do(verb, "2")
		if verb == "LSTN R" {
			port := sockPort(t, r)
			steps, last = append(steps, port-last), port
		}
	}
	addr := c.pasv()
	if n := runtime.NumGoroutine(); n > before+1 {
		t.Errorf("%d goroutines were %d", n, before)
	}
	if n := descriptors(); n > open+1 {
		t.Errorf("%d descriptors were %d", n, open)
	}
	if conn, err := net.DialTimeout("tcp", first, patience); err == nil {
		_ = conn.Close()
		t.Error("the first listener is still there")
	}
	// Where the next one is cannot be told from the last.
	near := 0
	for _, d := range steps {
		if -16 <= d && d <= 16 {
			near++
		}
	}
	if runtime.GOOS == "linux" && near > len(steps)/10 {
		t.Errorf("%d of %d ports are right beside the one before", near, len(steps))
	}
	s.write("f", "abc")
	conn := c.data(addr)
	c.do("RETR f", "150 ")
	if b, err := io.ReadAll(conn); string(b) != "abc" || err != nil {
		t.Errorf("RETR has %q, %v", b, err)
	}
}

// descriptors is how many are open, where that can be found out; but for pipes, of which
// splicing keeps some until the next collection of garbage.
func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	n := 0
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !strings.HasPrefix(to, "pipe:") {
			n++
		}
	}
	return n
}

// A line without end needs no memory, before a login and after.
func TestEndlessLine(t *testing.T) {
	for _, piece := range []string{strings.Repeat("x", 1<<20), "\xff\xfa" + strings.Repeat("\xff\xff", 1<<19)} {
		for _, login := range []bool{false, true} {
			s := startSite(t, "127.0.0.1", Server{})
			c := s.dial()
			if login {
				c = s.login()
			}
			before := held()
			for range 64 {
				if _, err := io.WriteString(c.conn, piece); err != nil {
					t.Fatal(err)
				}
			}
			if grown := held() - before; grown > 4<<20 {
				t.Errorf("%d bytes more", grown)
			}
		}
	}
}

// Who never reads a reply is not waited for.
func TestNeverReads(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{DataTimeout: 300 * time.Millisecond})
	c := s.login()
	if err := c.conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for err := error(nil); err == nil; { // until the server has had enough
			_, err = io.WriteString(c.conn, strings.Repeat("x", maxLine-1)+"\r\n") // said again in the reply
		}
	}()
	eventually(t, "the session ends", func() bool { return strings.Contains(s.log.String(), "control connection lost") })
	<-ended
}

// What was said before the user's direction of the connection ended is answered.
func TestHalfClosed(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	c := s.login()
	c.send("PWD", "NOOP", "HELP RETR")
	if err := c.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c.expect("257 ")
	c.expect("200 ")
	c.expect("214 ")
	c.closed()
	early := s.dial()
	early.send("NOOP", "USER u")
	if err := early.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	early.expect("200 ")
	early.expect("331 ")
	early.closed()
}

// Digests in a flood are computed one after the other, and end with their user.
func TestDigestFlood(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	s.endless("big")
	before := runtime.NumGoroutine()
	for range 5 {
		c := s.login()
		c.send(slices.Repeat([]string{"HASH big"}, 500)...)
		_ = c.conn.Close()
	}
	eventually(t, "all sessions end", func() bool { return runtime.NumGoroutine() <= before })
}

// A reply has only so many lines; LIST is for the rest.
func TestStatOfManyFiles(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	for i := range sortedNames + 1 {
		s.write(strconv.Itoa(i), "")
	}
	c := s.login()
	c.do("STAT /", "550 /: more than 10000 entries, use LIST")
	if got := strings.Count(c.get("LIST /"), "\n"); got != sortedNames+1 {
		t.Errorf("LIST has %d lines", got)
	}
	if err := os.Remove(filepath.Join(s.root, "0")); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(c.do("STAT /", "213-"), "\n"); got != sortedNames+1 {
		t.Errorf("STAT has %d lines", got)
	}
	for line := range strings.Lines(s.log.String()) {
		if len(line) > 2*maxLogged {
			t.Fatalf("a record of %d bytes", len(line))
		}
	}
}

// Which hosts and ports a data connection may go to.
func TestBounce(t *testing.T) {
	everybody := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	for _, test := range []struct {
		host           string
		port           int
		alone, allowed string // the reply's beginning by default, and if everybody is allowed
	}{
		{"127.0.0.5", 5000, "2", "2"},     // the user's own
		{"127.0.0.5", 1023, "504", "504"}, // but no service there
		{"127.0.0.5", 22, "504", "504"},
		{"127.0.0.1", 5000, "504", "504"}, // this server's own
		{"127.0.0.6", 5000, "504", "504"}, // loopback is inside, and everybody is outside
		{"192.0.2.1", 5000, "504", "2"},
		{"192.0.2.1", 25, "504", "504"},
		{"10.0.0.1", 5000, "504", "2"},
		{"0.0.0.0", 5000, "504", "504"},
		{"255.255.255.255", 5000, "504", "504"},
		{"224.0.0.1", 5000, "504", "504"},
		{"239.255.255.250", 5000, "504", "504"},
	} {
		for who, want := range map[string]string{"alone": test.alone, "allowed": test.allowed} {
			var peers []netip.Prefix
			if who == "allowed" {
				peers = everybody
			}
			t.Run(fmt.Sprintf("%s:%d %s", test.host, test.port, who), func(t *testing.T) {
				s := startSite(t, "127.0.0.1", Server{AllowPeers: peers})
				c := s.from("127.0.0.5")
				c.expect("220 ")
				c.do("USER u", "331 ")
				c.do("PASS p", "230 ")
				at := net.TCPAddr{IP: net.ParseIP(test.host), Port: test.port}
				c.do("PORT "+hostPort(&at), want)
				c.do(fmt.Sprintf("EPRT |1|%s|%d|", test.host, test.port), want)
				c.do(fmt.Sprintf("EPRT |2|::ffff:%s|%d|", test.host, test.port), want)
				c.do(fmt.Sprintf("SOCK %s,%d", test.host, test.port), want)
				c.do(fmt.Sprintf("SOCK ::ffff:%s,%d", test.host, test.port), want)
				// What a listener is told to wait for is no connection to there.
				c.do("LSTN R", "255 ")
				if want == "504" && test.port < firstPort && (who == "allowed" || test.host == "127.0.0.5") {
					want = "2"
				}
				c.do(fmt.Sprintf("SOCK %s,%d", test.host, test.port), want)
			})
		}
	}
}

// A prefix that is about loopback allows it.
func TestBounceInside(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{AllowPeers: []netip.Prefix{netip.MustParsePrefix("127.0.0.6/32")}})
	c := s.login()
	c.do("PORT 127,0,0,6,20,0", "200 ")
	c.do("PORT 127,0,0,7,20,0", "504 ")
}

// Strangers who come first are closed one by one, and do not use up the listener.
func TestManyStrangers(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	s.write("f", "abc")
	c := s.login()
	lstn := func() string { return fmt.Sprintf("127.0.0.1:%d", sockPort(t, c.do("LSTN S", "255 "))) }
	for name, listen := range map[string]func() string{"PASV": c.pasv, "LSTN": lstn} {
		t.Run(name, func(t *testing.T) {
			at := listen()
			for i := range 100 {
				conn, err := dialFrom(t, fmt.Sprintf("127.0.1.%d:0", i+1), at)
				if err != nil {
					t.Fatal(err)
				}
				turnedAway(t, conn)
			}
			conn := c.data(at)
			late, err := dialFrom(t, "127.0.1.1:0", at)
			if err != nil {
				t.Fatal(err)
			}
			second := c.data(at) // of the user's own host, but one too many
			c.do("RETR f", "150 ")
			if b, err := io.ReadAll(conn); string(b) != "abc" || err != nil {
				t.Errorf("RETR has %q, %v", b, err)
			}
			_ = conn.Close()
			c.expect("226 ")
			turnedAway(t, late)
			turnedAway(t, second)
		})
	}
}

// Who connects to a listener gets the data of its own session.
func TestNeighbours(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	var all []*client
	var conns []*net.TCPConn
	for i := range 20 {
		s.write(fmt.Sprint("f", i), fmt.Sprint("for ", i))
		c := s.login()
		all, conns = append(all, c), append(conns, c.data(c.pasv()))
	}
	for i := range slices.Backward(all) {
		all[i].do(fmt.Sprint("RETR f", i), "150 ")
	}
	for i, conn := range conns {
		if b, err := io.ReadAll(conn); string(b) != fmt.Sprint("for ", i) || err != nil {
			t.Errorf("session %d has %q, %v", i, b, err)
		}
	}
}
