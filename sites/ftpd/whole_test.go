package ftpd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"rsexec/sites/ftptest"
)

// started performs a command that receives data, sends text and leaves the data connection
// open.
func (c *client) started(line, text string) *net.TCPConn {
	c.t.Helper()
	conn := c.data(c.pasv())
	c.do(line, "150 ")
	if _, err := io.WriteString(conn, text); err != nil {
		c.t.Fatal(err)
	}
	return conn
}

// broken performs a command that receives data, and breaks the data connection off when the
// site has stored text as the end of a file.
func (s *site) broken(c *client, line, text, file string) {
	c.t.Helper()
	conn := c.started(line, text)
	s.stored(file, text)
	if err := conn.SetLinger(0); err != nil {
		c.t.Fatal(err)
	}
	_ = conn.Close() // it is to be reset
	c.expect("426 ")
}

// stored waits until a file of the site ends with text.
func (s *site) stored(file, text string) {
	s.t.Helper()
	eventually(s.t, file+" ends with what was sent", func() bool {
		b, err := os.ReadFile(filepath.Join(s.root, file))
		return err == nil && strings.HasSuffix(string(b), text)
	})
}

// nobody sees a new file before it is whole, and what a broken upload has left goes on in
// each way there is.
func TestWholeNewFile(t *testing.T) {
	const part = ".f.rsexec-part"
	for _, test := range []struct {
		name string
		goOn func(c *client)
		want string
	}{
		{"REST and STOR", func(c *client) { c.do("REST 6", "350 "); c.put("STOR f", "world") }, "hello world"},
		{"REST before the end", func(c *client) { c.do("REST 5", "350 "); c.put("STOR f", "-world") }, "hello-world"},
		{"APPE", func(c *client) { c.put("APPE f", "world") }, "hello world"},
		{"STOR anew", func(c *client) { c.put("STOR f", "new") }, "new"},
		{"APPE in TYPE A", func(c *client) { c.do("TYPE A", "200 "); c.put("APPE f", "world\r\n") }, "hello world\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := startSite(t, "127.0.0.1", Server{Whole: true, Sync: true})
			c, other := s.login(), s.login()
			conn := c.started("STOR f", "hello ")
			s.stored(part, "hello ")
			if got := other.get("NLST"); got != part+"\r\n" {
				t.Errorf("names %q", got)
			}
			for _, line := range []string{"MLST f", "MDTM f", "HASH f"} {
				other.do(line, "550 ")
			}
			other.do("SIZE f", "213 6")
			if err := conn.SetLinger(0); err != nil {
				t.Fatal(err)
			}
			_ = conn.Close() // it is to be reset
			c.expect("426 ")
			c.do("MLST f", "550 ")
			c.do("SIZE f", "213 6")
			c.pasv()
			c.do("REST 7", "350 ")
			c.do("STOR f", "554 ")
			c.do("SIZE f", "213 6")
			// Nobody comes for the data: nothing has happened.
			c.pasv()
			c.do("STOR f", "150 ")
			c.send("ABOR")
			c.expect("426 ")
			c.expect("226 ")
			c.do("SIZE f", "213 6")
			test.goOn(c)
			if s.names() != "f" || s.read("f") != test.want {
				t.Errorf("the files are %s; it holds %q", s.names(), s.read("f"))
			}
		})
	}
}

// A file that is there is the old one until the new one is whole, whatever becomes of the
// upload; it keeps its permissions; and after REST it begins as it did.
func TestWholeReplaces(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{Whole: true})
	c := s.login()
	s.write("f", "0123456789")
	if err := os.Chmod(filepath.Join(s.root, "f"), 0o666); err != nil {
		t.Fatal(err)
	}
	is := func(want string) {
		t.Helper()
		info, err := os.Stat(filepath.Join(s.root, "f"))
		if err != nil || runtime.GOOS != "windows" && info.Mode() != 0o666 {
			t.Errorf("its mode is %v, %v", info.Mode(), err)
		}
		if s.names() != "f" || s.read("f") != want {
			t.Errorf("the files are %s; it holds %q, want %q", s.names(), s.read("f"), want)
		}
	}
	s.broken(c, "STOR f", "broken", ".f.rsexec-part")
	is("0123456789")
	c.do("REST 3", "350 ")
	s.broken(c, "STOR f", "broken", ".f.rsexec-part")
	is("0123456789")
	c.pasv()
	c.do("REST 11", "350 ")
	c.do("STOR f", "554 ")
	is("0123456789")
	c.do("SIZE f", "213 10")
	c.do("REST 3", "350 ")
	c.put("STOR f", "abc")
	is("012abc")
	c.do("REST 6", "350 ")
	c.put("STOR f", "")
	is("012abc")
	c.put("STOR f", "anew")
	is("anew")
	c.put("APPE f", " more")
	is("anew more")
	// What a server that was killed has left of another upload is no part of this one.
	s.write(".f.rsexec-part", "left, and longer than what comes")
	c.do("REST 4", "350 ")
	c.put("STOR f", "!")
	is("anew!")
	// More than is copied at once.
	big := noise(2*chunkSize + 5)
	s.write("f", big)
	c.do("REST 8388611", "350 ")
	c.put("STOR f", "end")
	is(big[:8388611] + "end")
}

// A file is uploaded by one at a time, by whatever name.
func TestWholeOneAtATime(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{Whole: true})
	if err := os.Mkdir(filepath.Join(s.root, "d"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("d", filepath.Join(s.root, "e")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	c, other := s.login(), s.login()
	for _, name := range []string{"new", "old"} {
		s.write("d/old", "old")
		conn := c.started("STOR d/"+name, "text")
		s.stored("d/."+name+".rsexec-part", "text")
		for _, line := range []string{"STOR d/" + name, "STOR e/" + name, "APPE e/" + name, "STOR d/." + name + ".rsexec-part"} {
			other.pasv()
			other.do(line, "450 ")
		}
		for _, file := range []string{"d/" + name, "e/" + name, "e/." + name + ".rsexec-part"} {
			other.do("DELE "+file, "450 ")
		}
		other.put("STOR d/another", "x")
		other.put("STOR "+name, "x") // in another folder
		_ = conn.Close()
		c.expect("226 ")
		if got := s.read("d/" + name); got != "text" {
			t.Errorf("it holds %q", got)
		}
		other.put("STOR e/"+name, "second")
		if got := s.read("d/" + name); got != "second" {
			t.Errorf("then it holds %q", got)
		}
	}
	// It is as good as a second STOR to add to a file that is being replaced.
	conn := c.started("APPE d/old", "")
	other.pasv()
	other.do("STOR d/old", "450 ")
	_ = conn.Close()
	c.expect("226 ")
	// The end of a session ends its upload.
	c.started("STOR d/new", "")
	_ = c.conn.Close()
	eventually(t, "the name is free", func() bool {
		other.pasv()
		other.send("STOR d/new")
		return strings.HasPrefix(other.reply(), "150 ")
	})
}

// DELE takes what a broken upload has left, under either name.
func TestWholeDelete(t *testing.T) {
	const part = ".f.rsexec-part"
	s := startSite(t, "127.0.0.1", Server{Whole: true})
	c := s.login()
	for _, name := range []string{"f", part} {
		s.broken(c, "STOR f", "text", part)
		c.do("DELE "+name, "250 ")
		if got := s.names(); got != "" {
			t.Errorf("after DELE %s there are %s", name, got)
		}
		c.do("DELE "+name, "550 ")
		c.do("SIZE f", "550 ")
	}
	// A file goes with what a killed server has left beside it: it would be taken for the
	// beginning of the next one.
	s.write("f", "old")
	s.write(part, "left")
	c.do("DELE f", "250 ")
	if got := s.names(); got != "" {
		t.Errorf("there are %s", got)
	}
	c.do("MKD f", "257 ")
	c.do("DELE f", "550 ")
	c.pasv()
	c.do("STOR f", "550 ")
}

// What a link leads to is replaced, and the link stays; but not if that is nothing, or
// outside.
func TestWholeLinks(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{Whole: true})
	outside := t.TempDir()
	for _, directory := range []string{"a/b", "c"} {
		if err := os.MkdirAll(filepath.Join(s.root, directory), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(outside, "f"), []byte("secret"), 0o666); err != nil {
		t.Fatal(err)
	}
	links := map[string]string{"direct": "a/f", "c/up": "../direct", "short": "a/b", "short-up": "short/../f", "nowhere": "a/none", "out": "../x", "abs": outside + "/f", "round": "round", "folder": "a"}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(s.root, name)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	s.write(".nowhere.rsexec-part", "text")
	c := s.login()
	for _, name := range []string{"direct", "c/up", "short-up"} { // of which the last is a/f, and not f
		s.write("a/f", "old")
		s.broken(c, "STOR "+name, "broken", "a/.f.rsexec-part")
		c.put("STOR "+name, name)
		if got := s.read("a/f"); got != name {
			t.Errorf("%s: it holds %q", name, got)
		}
		if got, err := os.Readlink(filepath.Join(s.root, name)); got != links[name] || err != nil {
			t.Errorf("%s leads to %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"nowhere", "out", "abs", "round", "folder"} {
		c.pasv()
		c.do("STOR "+name, "550 ")
		c.do("SIZE "+name, "550 ")
	}
	if got, err := os.ReadFile(filepath.Join(outside, "f")); string(got) != "secret" || err != nil {
		t.Errorf("outside: %q, %v", got, err)
	}
	if got := s.names(); got != ".nowhere.rsexec-part a abs c direct folder nowhere out round short short-up" {
		t.Errorf("the files are %s", got)
	}
}

// Who may only append makes new files, and goes on in what broke off, and replaces none:
// not even one that comes while the new one is on its way.
func TestWholeAppendOnly(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{Whole: true, Users: []User{{Name: "u", Password: "p", Root: t.TempDir(), Rights: Append | Read | List}}})
	s.write("old", "old")
	c := s.login()
	c.pasv()
	c.do("STOR old", "550 /old: it is there already")
	c.put("APPE old", "er")
	s.broken(c, "STOR new", "hello ", ".new.rsexec-part")
	c.do("SIZE new", "213 6")
	c.put("APPE new", "world")
	if s.read("new") != "hello world" || s.read("old") != "older" {
		t.Errorf("they hold %q and %q", s.read("new"), s.read("old"))
	}
	conn := c.started("STOR late", "text")
	s.stored(".late.rsexec-part", "text")
	s.write("late", "first")
	_ = conn.Close()
	c.expect("451 /late: it is there already")
	if s.read("late") != "first" || s.names() != "late new old" {
		t.Errorf("it holds %q; the files are %s", s.read("late"), s.names())
	}
}

// Who may not upload does not see that somebody does.
func TestWholeReadOnly(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{Whole: true, Users: []User{{Name: "u", Password: "p", Root: t.TempDir(), Rights: Read | List}}})
	s.write(".f.rsexec-part", "text")
	s.login().do("SIZE f", "550 ")
}

// Names that users give to what is not complete are stored to as they are; so is what RANG
// leads to; and all else too, where uploads are not whole.
func TestWholeNot(t *testing.T) {
	for _, test := range []struct {
		whole bool
		name  string
		rang  bool
	}{
		{true, ".rsexec.f", false}, {true, ".in.f.", false}, {true, "f.part", false}, {true, "f.TMP", false}, {true, "f.filepart", false},
		{true, "f.partial", false}, {true, "f", true}, {false, "f", false},
	} {
		s := startSite(t, "127.0.0.1", Server{Whole: test.whole})
		c := s.login()
		if test.rang {
			c.do("RANG 0 9", "350 ")
		}
		s.broken(c, "STOR "+test.name, "text", test.name)
		if got := s.names(); got != test.name {
			t.Errorf("%+v: the files are %s", test, got)
		}
		s.stop()
	}
}

// A part that somebody takes away takes no name.
func TestWholePartGone(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{Whole: true})
	c := s.login()
	for _, other := range []string{"", "another"} {
		conn := c.started("STOR f", "text")
		s.stored(".f.rsexec-part", "text")
		if err := os.Remove(filepath.Join(s.root, ".f.rsexec-part")); err != nil {
			t.Fatal(err)
		}
		if other != "" {
			s.write(".f.rsexec-part", other)
		}
		_ = conn.Close()
		c.expect("451 /f: its temporary file was taken away")
		s.missing("f")
	}
	if got := s.read(".f.rsexec-part"); got != "another" {
		t.Errorf("what is there instead holds %q", got)
	}
}

// A new name by STOU is whole as well, and a folder may be renamed during an upload.
func TestWholeUnique(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{Whole: true})
	c, other := s.login(), s.login()
	c.do("MKD d", "257 ")
	conn := c.data(c.pasv())
	_, name, _ := strings.Cut(c.do("STOU d/f", "150 FILE: /"), "/")
	if _, err := io.WriteString(conn, "text"); err != nil {
		t.Fatal(err)
	}
	s.missing(name)
	other.do("RNFR d", "350 ")
	other.do("RNTO e", "250 ")
	_ = conn.Close()
	c.expect("226 ")
	if got := s.read("e" + strings.TrimPrefix(name, "d")); got != "text" {
		t.Errorf("%s holds %q", name, got)
	}
	conn = c.data(c.pasv())
	_, name, _ = strings.Cut(c.do("STOU f", "150 FILE: /"), "/")
	s.write(name, "first")
	_ = conn.Close()
	c.expect("451 ")
	if got := s.read(name); got != "first" {
		t.Errorf("%s, which came meanwhile, holds %q", name, got)
	}
}

// Names of parts are no longer than names may be, and differ where the names do.
func TestPartName(t *testing.T) {
	seen := make(map[string]string)
	for _, base := range []string{"f", strings.Repeat("x", 241), strings.Repeat("x", 242), strings.Repeat("x", 255), strings.Repeat("x", 254) + "y", strings.Repeat("ä", 127) + "x", "x" + strings.Repeat("€", 84)} {
		name := partName(base)
		if len(name) > longestName || !utf8.ValidString(name) || !temporary(name) || seen[name] != "" || name != partName(base) {
			t.Errorf("%q: %q, as %q", base, name, seen[name])
		}
		seen[name] = base
	}
	if got := partName("f"); got != ".f.rsexec-part" {
		t.Error(got)
	}
	s := startSite(t, "127.0.0.1", Server{Whole: true})
	c := s.login()
	long := strings.Repeat("x", 255)
	c.put("STOR "+long, "text")
	if s.names() != long {
		t.Errorf("the files are %s", s.names())
	}
	c.pasv()
	c.do("STOR "+long+"x", "550 ")
	if s.names() != long {
		t.Errorf("the files are %s", s.names())
	}
}

// Where the system cannot rename without replacing in one step, it is done in two.
func TestLinkNew(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, give := range map[string]func(*os.Root, string, string) error{"linkNew": linkNew, "renameNew": renameNew} {
		for _, file := range []string{"from", "taken"} {
			if err := root.WriteFile(file, []byte(file), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if err := give(root, "from", "taken"); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s to a name that is taken: %v", name, err)
		}
		if err := give(root, "from", "to-"+name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := root.Lstat("from"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s leaves the old name: %v", name, err)
		}
	}
}

// curl and lftp go on where they were killed: the file has its name when it is whole, and
// not before.
func TestWholeClients(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	content := noise(3_000_017)
	viaCurl := func(settings ...string) func(b *bench, here string) (string, []string) {
		return func(b *bench, here string) (string, []string) {
			return curlSection(b, append([]string{"url", b.base() + "/f", "upload-file", here}, settings...)...), []string{"curl", "-q", "-K", "-"}
		}
	}
	viaLftp := func(command string) func(b *bench, here string) (string, []string) {
		return func(b *bench, here string) (string, []string) {
			return lftpScript(b, command+" "+here+" -o f"), []string{"lftp", "--norc"}
		}
	}
	for _, test := range []struct {
		name                 string
		slowly, goOn, atOnce func(b *bench, here string) (input string, command []string)
	}{
		{"curl", viaCurl("limit-rate", "1M"), viaCurl("continue-at", "-"), viaCurl()},
		{"lftp", viaLftp("set net:limit-total-rate 1000000\nput"), viaLftp("put -c"), viaLftp("put")},
	} {
		for _, r := range []route{inClear, explicitTLS} {
			t.Run(test.name+" "+r.name, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, program{}, r, Server{Whole: true, Sync: true}, authority)
				here := filepath.Join(b.here, "f")
				if err := os.WriteFile(here, []byte(content), 0o666); err != nil {
					t.Fatal(err)
				}
				input, command := test.slowly(b, here)
				b.killed(input, command, func() bool {
					info, err := os.Stat(filepath.Join(b.root, ".f.rsexec-part"))
					return err == nil && info.Size() > 100_000
				})
				eventually(t, "the upload is over", func() bool { return strings.Contains(b.log.String(), "msg=transfer ") })
				left := b.read(".f.rsexec-part")
				if b.names() != ".f.rsexec-part" || len(left) >= len(content) || !strings.HasPrefix(content, left) {
					t.Fatalf("the files are %s, with %d bytes of %d", b.names(), len(left), len(content))
				}
				input, command = test.goOn(b, here)
				b.run(input, command[0], command[1:]...)
				if b.names() != "f" || b.read("f") != content {
					t.Errorf("the files are %s, with %d bytes", b.names(), len(b.read("f")))
				}
				if want := fmt.Sprint("bytes=", len(content)-len(left), " "); !strings.Contains(b.log.String(), want) {
					t.Errorf("no transfer of %s:\n%s", want, b.log)
				}
				input, command = test.atOnce(b, here) // over the file that is there
				b.run(input, command[0], command[1:]...)
				if b.names() != "f" || b.read("f") != content {
					t.Errorf("replaced: the files are %s, with %d bytes", b.names(), len(b.read("f")))
				}
			})
		}
	}
}

// killed starts a program and kills it when the time has come.
func (b *bench) killed(input string, command []string, when func() bool) {
	b.t.Helper()
	path, err := exec.LookPath(command[0])
	if err != nil {
		missingPeer(b.t, command[0])
	}
	cmd := exec.Command(path, command[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdin = b.env, b.here, strings.NewReader(input)
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()         // it is killed
	defer func() { _ = cmd.Process.Kill() }() // it is there until it is waited for
	eventually(b.t, command[0]+" is at work", when)
}

// The end of the control connection makes a part of what looks like a whole file, even if
// nothing else has read it yet.
func TestHungUp(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	user, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := newControl(conn, patience)
	if c.hungUp() {
		t.Error("it is there")
	}
	if _, err := io.WriteString(user, "NOOP\r\n"); err != nil {
		t.Fatal(err)
	}
	if in := c.next(maxLine, patience, nil); in.line != "NOOP" || c.hungUp() {
		t.Errorf("%+v, and it has gone: %t", in, c.hungUp())
	}
	_ = user.Close()
	if runtime.GOOS == "windows" {
		return // which is not asked
	}
	eventually(t, "it has gone", c.hungUp)
	_ = conn.Close()
	if !c.hungUp() {
		t.Error("it is not there at this end either")
	}
}
