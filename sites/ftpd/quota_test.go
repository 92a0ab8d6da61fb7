package ftpd

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rsexec/sites/ftptest"
)

// bounded starts a site whose user has a quota.
func bounded(t testing.TB, quota int64, server Server) *site {
	t.Helper()
	server.Users = []User{{Name: "u", Password: "p", Root: t.TempDir(), Quota: quota}}
	return startSite(t, "127.0.0.1", server)
}

// passes performs a command that receives data, all of which is more than the quota.
func (c *client) passes(line, text string) {
	c.t.Helper()
	conn := c.data(c.pasv())
	c.do(line, "150 ")
	// The server breaks the connection off, so an error is in order.
	_, _ = io.WriteString(conn, text)
	_ = conn.Close()
	c.expect("552 ")
}

// refused performs a command that receives data, which is refused before it begins.
func (c *client) refused(line string) {
	c.t.Helper()
	c.pasv()
	c.do(line, "552 ")
}

// counts checks that what is counted is what is there.
func (s *site) counts(want int64) {
	s.t.Helper()
	var there int64
	for _, text := range contentsOf(s.t, s.root) {
		there += int64(len(text))
	}
	if used := s.service.accounts.of(s.root).total(); used != want || there != want {
		s.t.Fatalf("%d bytes are counted and %d there, want %d", used, there, want)
	}
}

// Everything that stores or deletes is counted, and nothing is stored beyond the quota;
// what a command has left that failed is what a full disk would have left.
func TestQuota(t *testing.T) {
	for _, whole := range []bool{false, true} {
		for _, kind := range []string{"I", "A"} {
			t.Run(map[bool]string{true: "whole ", false: ""}[whole]+"TYPE "+kind, func(t *testing.T) {
				s := bounded(t, 1000, Server{Whole: whole})
				x := func(n int) string { return strings.Repeat("x", n) }
				s.write("before", x(100))
				c := s.login()
				c.do("TYPE "+kind, "200 ")
				c.do("AVBL", "213 900")
				c.put("STOR a", x(600))
				s.counts(700)
				c.do("AVBL", "213 300")
				c.passes("STOR b", x(301))
				s.counts(700)
				c.put("STOR b", x(300))
				s.counts(1000)
				c.do("AVBL", "213 0")
				c.refused("STOR c")
				c.refused("APPE a")
				c.refused("STOU")
				s.missing("c")
				s.counts(1000)
				// What is replaced makes room.
				c.put("STOR a", x(600))
				s.counts(1000)
				c.put("STOR a", x(200))
				s.counts(600)
				c.put("APPE a", x(100))
				s.counts(700)
				c.passes("APPE a", x(301))
				s.counts(700)
				c.do("DELE b", "250 ")
				s.counts(400)
				c.put("STOU u", x(50))
				s.counts(450)
				c.do("SITE CPFR a", "350 ")
				c.do("SITE CPTO d", "250 ")
				s.counts(750)
				c.do("SITE CPFR a", "350 ")
				c.do("SITE CPTO e", "552 ")
				s.counts(750)
				c.do("SITE CPFR a", "350 ")
				c.do("SITE CPTO d", "250 ")
				s.counts(750)
				c.do("RNFR a", "350 ")
				c.do("RNTO d", "250 ")
				s.counts(450)
				c.do("RNFR d", "350 ")
				c.do("RNTO d", "250 ")
				s.counts(450)
				c.put("STOR a", x(550))
				// The parts go when they are all there.
				c.do(`COMB "d" "a" "before"`, "250 ")
				s.counts(1000)
				c.do("NOOP", "200 ")
			})
		}
	}
}

// curl and lftp are told, and nothing stays of what passes the quota in mid-way, in the
// clear and over TLS; what just fits is stored.
func TestQuotaClients(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	content := noise(2*chunkSize + 1)
	for _, r := range []route{inClear, explicitTLS} {
		for _, name := range []string{"curl", "lftp"} {
			t.Run(name+" "+r.name, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, program{}, r, Server{Whole: true, Users: []User{{Name: "u", Password: "p", Root: t.TempDir(), Quota: 2 * chunkSize}}}, authority)
				for _, size := range []int{2*chunkSize + 1, 2 * chunkSize} {
					here := filepath.Join(b.here, "f")
					if err := os.WriteFile(here, []byte(content[:size]), 0o666); err != nil {
						t.Fatal(err)
					}
					input, args := curlSection(b, "url", b.base()+"/f", "upload-file", here), []string{"-q", "-K", "-"}
					if name == "lftp" {
						input, args = lftpScript(b, "put "+here+" -o f"), []string{"--norc"}
					}
					status := b.status(input, name, args...)
					if fits := size == 2*chunkSize; fits != (status == 0) || fits == (b.names() == "") {
						t.Errorf("%d bytes: %s ends with %d, the files are %q:\n%s", size, name, status, b.names(), b.log)
					}
				}
				if log := b.log.String(); !strings.Contains(log, "code=552") || b.read("f") != content[:2*chunkSize] {
					t.Errorf("log:\n%s", log)
				}
				b.counts(2 * chunkSize)
			})
		}
	}
}

// The part that a broken upload has left counts, and makes room for what comes in its place.
func TestQuotaParts(t *testing.T) {
	const part = ".f.rsexec-part"
	x := func(n int) string { return strings.Repeat("x", n) }
	s := bounded(t, 1000, Server{Whole: true})
	c := s.login()
	s.broken(c, "STOR f", x(400), part)
	s.counts(400)
	c.do("AVBL", "213 600")
	c.do("REST 300", "350 ")
	s.broken(c, "STOR f", "tail", part)
	s.counts(304)
	c.passes("APPE f", x(697))
	s.counts(304)
	c.passes("STOR f", x(1001)) // which began anew
	s.counts(0)
	s.broken(c, "STOR f", x(400), part)
	c.put("STOR f", x(1000))
	s.counts(1000)
	s.broken(c, "STOR f", x(500)+"end", part)
	s.counts(1000)
	c.do("REST 600", "350 ")
	c.passes("STOR f", x(401))
	s.counts(1000)
	c.do("REST 600", "350 ")
	c.put("STOR f", x(300))
	s.counts(900)
	c.do("DELE f", "250 ")
	s.broken(c, "STOR f", x(400), part)
	c.do("DELE f", "250 ")
	s.counts(0)
	s.write(part, x(900)) // as a killed server leaves it
	s.write("f", x(100))
	c.do("QUIT", "221 ")
	c = s.login()
	a := s.service.accounts.of(s.root)
	a.change(1000)
	c.put("STOR f", x(50))
	s.counts(50)
}

// status runs a program to its end and returns its status.
func (b *bench) status(input, name string, args ...string) int {
	b.t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missingPeer(b.t, name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env, cmd.Dir, cmd.Stdin = b.env, b.here, strings.NewReader(input)
	_ = cmd.Run() // its status says it
	return cmd.ProcessState.ExitCode()
}

// REST, RANG and ALLO tell beforehand.
func TestQuotaBeforehand(t *testing.T) {
	for _, whole := range []bool{false, true} {
		s := bounded(t, 1000, Server{Whole: whole})
		s.write("a", strings.Repeat("x", 500))
		c := s.login()
		c.do("ALLO 501", "200 ")
		c.refused("STOR b")
		s.missing("b")
		c.put("STOR b", "bb") // ALLO was for one upload
		c.do("ALLO 498 R 10", "200 ")
		c.put("STOR b", strings.Repeat("x", 500)) // and says what is to be expected
		s.counts(1000)
		c.do("ALLO 501", "200 ")
		c.refused("APPE a")
		c.do("ALLO 500", "200 ")
		c.put("STOR a", strings.Repeat("x", 500))
		c.do("ALLO 500", "200 ")
		c.do("REST 400", "350 ")
		c.put("STOR a", strings.Repeat("y", 100))
		s.counts(1000)
		c.do("RANG 400 499", "350 ")
		c.put("STOR a", strings.Repeat("z", 100))
		c.do("RANG 400 500", "350 ")
		c.refused("STOR a")
		c.do("REST 400", "350 ")
		c.passes("STOR a", strings.Repeat("y", 101))
		if whole {
			s.counts(1000)
		} else {
			c.do("SIZE a", "213 501")
			c.put("STOR a", strings.Repeat("x", 500))
		}
		c.do("DELE b", "250 ")
		c.do("ALLO 1000", "200 ")
		c.put("APPE a", strings.Repeat("x", 500)) // ALLO is of the whole file
		s.counts(1000)
		c.do("TYPE A", "200 ")
		c.do("ALLO 1001", "200 ")
		c.put("STOR a", strings.Repeat("\r\n", 1000)) // and of as much as is sent
		s.counts(1000)
		c.do("TYPE I", "200 ")
		c.do("ALLO", "202 ")
		c.do("ALLO x", "202 ")
		c.do("DELE a", "250 ")
		c.do("RANG 0 499", "350 ")
		c.put("STOR a", strings.Repeat("z", 500))
		s.counts(500)
		c.do("QUIT", "221 ")
		s.stop()
	}
}

// Users with the same root have one count, each with a quota of their own or none; and
// nothing is lost where several store and delete at a time.
func TestQuotaShared(t *testing.T) {
	root := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(root, link); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	s := startSite(t, "127.0.0.1", Server{Users: []User{
		{Name: "u", Password: "p", Root: root, Quota: 100_000}, {Name: "less", Password: "p", Root: link, Quota: 10}, {Name: "none", Password: "p", Root: root},
	}})
	as := func(name string) *client {
		c := s.login()
		c.do("USER "+name, "331 ")
		c.do("PASS p", "230 ")
		return c
	}
	u, less, none := as("u"), as("less"), as("none")
	u.put("STOR a", "12345678")
	less.do("AVBL", "213 2")
	none.put("STOR b", "90")
	less.refused("STOR c")
	none.put("STOR c", "more")
	u.do("AVBL", "213 99986")
	s.counts(14)
	var all sync.WaitGroup
	for i := range 8 {
		c := as([]string{"u", "none"}[i%2])
		all.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for range 20 {
				name := "file" + string(rune('a'+r.IntN(26))) + string(rune('a'+i))
				c.put([]string{"STOR ", "APPE "}[r.IntN(2)]+name, strings.Repeat("x", r.IntN(100)))
				if r.IntN(3) == 0 {
					c.do("DELE "+name, "250 ")
				}
			}
		})
	}
	all.Wait()
	s.counts(s.service.accounts.of(root).total())
	if status := s.service.Status(); len(status.Roots) != 1 || status.Roots[0].Used != s.service.accounts.of(root).total() {
		t.Errorf("%+v", status.Roots)
	}
}

// What others change is found after a while, and what nobody can look into is no hindrance.
func TestQuotaWalk(t *testing.T) {
	s := bounded(t, 1000, Server{})
	if err := os.MkdirAll(filepath.Join(s.root, "d/e"), 0o777); err != nil {
		t.Fatal(err)
	}
	s.write("d/e/f", strings.Repeat("x", 400))
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "f"), make([]byte, 1000), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(s.root, "out")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	c := s.login()
	c.do("AVBL", "213 600")
	s.write("g", strings.Repeat("x", 300))
	c.do("AVBL", "213 600")
	a := s.service.accounts.of(s.root)
	later := func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if wait := time.Until(a.next); wait < walkAgain-time.Minute {
			t.Errorf("the next walk is in %s", wait)
		}
		a.next = time.Time{}
	}
	later()
	c.do("NOOP", "200 ")
	eventually(t, "it is seen", func() bool { return strings.HasPrefix(c.do("AVBL", "213 "), "213 300") })
	if err := os.RemoveAll(filepath.Join(s.root, "d")); err != nil {
		t.Fatal(err)
	}
	later()
	eventually(t, "it is seen", func() bool { return strings.HasPrefix(c.do("AVBL", "213 "), "213 700") })
}

// Who has more than the quota already may have less.
func TestQuotaExceededBefore(t *testing.T) {
	s := bounded(t, 1000, Server{})
	s.write("f", strings.Repeat("x", 900))
	s.write("g", strings.Repeat("x", 900))
	c := s.login()
	c.do("AVBL", "213 0")
	c.refused("STOR h")
	c.refused("APPE f")
	c.do("RANG 0 9", "350 ")
	c.put("STOR f", strings.Repeat("y", 10))
	c.put("STOR f", strings.Repeat("y", 100))
	s.counts(1000)
}

// A copy that is broken off takes no room.
func TestQuotaAbortedCopy(t *testing.T) {
	s := bounded(t, 1<<42, Server{})
	s.endless("big")
	c := s.login()
	a := s.service.accounts.of(s.root)
	c.do("SITE CPFR big", "350 ")
	c.send("SITE CPTO g")
	eventually(t, "bytes are copied", func() bool { return a.total() > 1<<40 })
	c.send("ABOR")
	c.expect("426 ")
	c.expect("226 ")
	if used := a.total(); used != 1<<40 {
		t.Errorf("%d bytes are counted", used)
	}
}

// A root that cannot be looked at stores nothing for a user with a quota, and is tried again.
func TestQuotaNoRoot(t *testing.T) {
	s := bounded(t, 1000, Server{})
	c := s.login()
	away := s.root + ".away"
	if err := os.Rename(s.root, away); err != nil {
		t.Skipf("the folder cannot be moved: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(away) })
	c.pasv()
	c.do("STOR f", "550 ")
	if err := os.Rename(away, s.root); err != nil {
		t.Fatal(err)
	}
	c.put("STOR f", "text")
	s.counts(4)
}

// The count of before is kept as long as a walk does not contradict it.
func TestAccountWalk(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "f"), make([]byte, 100), 0o666); err != nil {
		t.Fatal(err)
	}
	changing := &account{}
	changing.change(10)
	if changing.change(-10); changing.used != 0 || changing.changed != 20 {
		t.Errorf("%d are used, and %d were changed", changing.used, changing.changed)
	}
	for _, test := range []struct{ used, changed, want int64 }{
		{100, 0, 100}, {90, 0, 100}, {90, 10, 90}, {110, 10, 110}, {150, 10, 110}, {10, 20, 80},
	} {
		a := &account{root: root, used: test.used, changed: test.changed, known: true, walking: make(chan struct{})}
		if err := a.walk(t.Context()); err != nil || a.total() != test.want {
			t.Errorf("%+v: %d, %v", test, a.total(), err)
		}
	}
}
