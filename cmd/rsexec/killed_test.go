package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"rsexec/sites/ftptest"
)

// mortal is a "rsexec serve" that is killed again and again, and its user.
type mortal struct {
	*testing.T
	root, password string
	flags          []string // further ones
	address        string
	command        *exec.Cmd
	conn           net.Conn
	r              *bufio.Reader
}

// start starts the server, at an address or, if that is "" or taken, at another, and logs
// in.
func (m *mortal) start(address string) {
	m.Helper()
	rsexec, err := exec.LookPath("rsexec") // put there by TestMain
	if err != nil {
		m.Fatal(err)
	}
	serve := func(at string) error {
		m.command = exec.Command(rsexec, append([]string{"serve", "--listen", at, "--root", m.root, "--user", "u", "--password-file", m.password}, m.flags...)...)
		m.address, _, err = ftptest.Serving(m.command)
		return err
	}
	if address == "" || serve(address) != nil {
		if err := serve("127.0.0.1:0"); err != nil {
			m.Fatal(err)
		}
	}
	if m.conn, err = net.Dial("tcp", m.address); err != nil {
		m.Fatal(err)
	}
	if err := m.conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		m.Fatal(err)
	}
	m.r = bufio.NewReader(m.conn)
	m.expect("220 ")
	m.do("USER u", "331 ")
	m.do("PASS p", "230 ")
	m.do("TYPE I", "200 ")
}

// kill kills the server and waits until it is gone.
func (m *mortal) kill() {
	m.Helper()
	if err := m.command.Process.Kill(); err != nil {
		m.Fatal(err)
	}
	var killed *exec.ExitError
	if err := m.command.Wait(); !errors.As(err, &killed) {
		m.Fatalf("it ended with %v", err)
	}
	_ = m.conn.Close() // the other end is gone
}

func (m *mortal) send(line string) {
	m.Helper()
	if _, err := io.WriteString(m.conn, line+"\r\n"); err != nil {
		m.Fatal(err)
	}
}

func (m *mortal) expect(want string) string {
	m.Helper()
	line, err := m.r.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, want) {
		m.Fatalf("%q, %v; want %q", line, err, want)
	}
	return strings.TrimSpace(line)
}

func (m *mortal) do(line, want string) string {
	m.Helper()
	m.send(line)
	return m.expect(want)
}

var extendedPort = regexp.MustCompile(`\|\|\|(\d+)\|`)

// begin begins an upload and returns its data connection.
func (m *mortal) begin(line string) net.Conn {
	m.Helper()
	port := extendedPort.FindStringSubmatch(m.do("EPSV", "229 "))
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port[1]))
	if err != nil {
		m.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		m.Fatal(err)
	}
	m.do(line, "150 ")
	return conn
}

// cut begins to upload text, and kills the server as soon as it has stored n bytes in a file.
func (m *mortal) cut(name, file string, text []byte, n int) {
	m.Helper()
	conn := m.begin("STOR " + name)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = conn.Write(text) // fails when the server is killed
	}()
	m.grown(file, n)
	m.kill()
	<-gone
	_ = conn.Close() // the other end is gone
}

// grown waits until a file has n bytes.
func (m *mortal) grown(name string, n int) {
	m.Helper()
	for end := time.Now().Add(20 * time.Second); ; runtime.Gosched() {
		info, err := os.Stat(filepath.Join(m.root, name))
		if err == nil && info.Size() >= int64(n) {
			return
		}
		if time.Now().After(end) {
			m.Fatalf("%s has not %d bytes: %v", name, n, err)
		}
	}
}

// resume goes on from what SIZE says is there, if anything is, to the end of text.
func (m *mortal) resume(name string, text []byte) (from int) {
	m.Helper()
	from = m.resent(name, text)
	m.expect("226 ")
	return from
}

// resent is resume without the last reply.
func (m *mortal) resent(name string, text []byte) (from int) {
	m.Helper()
	m.send("SIZE " + name)
	reply := m.expect("")
	if size, found := strings.CutPrefix(reply, "213 "); found {
		var err error
		if from, err = strconv.Atoi(size); err != nil || from > len(text) {
			m.Fatalf("%s of %d bytes", reply, len(text))
		}
	} else if !strings.HasPrefix(reply, "550 ") {
		m.Fatal(reply)
	}
	m.do(fmt.Sprintf("REST %d", from), "350 ")
	conn := m.begin("STOR " + name)
	if _, err := conn.Write(text[from:]); err != nil {
		m.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		m.Fatal(err)
	}
	return from
}

// holds checks that a file is one of texts.
func (m *mortal) holds(name string, texts ...[]byte) {
	m.Helper()
	got, err := os.ReadFile(filepath.Join(m.root, name))
	if err != nil {
		m.Fatal(err)
	}
	for _, text := range texts {
		if bytes.Equal(got, text) {
			return
		}
	}
	m.Fatalf("%s holds %d bytes that nobody sent like this", name, len(got))
}

// names are the files in the root.
func (m *mortal) names() string {
	m.Helper()
	entries, err := os.ReadDir(m.root)
	if err != nil {
		m.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// randomText is text of that length of which no piece is like another.
func randomText(source *rand.ChaCha8, n int) []byte {
	text := make([]byte, n)
	_, _ = source.Read(text) // has no errors
	return text
}

func newMortal(t *testing.T) *mortal {
	m := &mortal{T: t, root: t.TempDir(), password: filepath.Join(t.TempDir(), "password")}
	if err := os.WriteFile(m.password, []byte("p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m.start("")
	t.Cleanup(func() { _ = m.command.Process.Kill() }) // if the test failed in between
	return m
}

// TestKilledUpload kills a server in mid-upload, 100 times: under the file's own name, as
// most clients upload, under another until it is whole, as this shell does, and with
// --whole. What is there is the beginning of what was sent, the upload goes on behind it,
// and what the shell replaces is the old file or the new one at every moment; with --whole
// every file is that, or absent.
func TestKilledUpload(t *testing.T) {
	t.Parallel()
	const rounds, size = 50, 3 << 20 // for --whole as many again
	source := rand.NewChaCha8([32]byte{1})
	random := rand.New(source)
	m := newMortal(t)
	old := []byte("the old file")
	for round := range rounds {
		text, name, partial := randomText(source, size), "plain", "plain"
		if round%2 == 1 {
			name, partial = "replaced", "replaced.part"
			if err := os.WriteFile(filepath.Join(m.root, name), old, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		sent := 1 + random.IntN(size-1)
		m.cut(partial, partial, text[:sent], 1+random.IntN(sent))
		left, err := os.ReadFile(filepath.Join(m.root, partial))
		if err != nil || len(left) == 0 || len(left) > sent || !bytes.HasPrefix(text, left) {
			t.Fatalf("round %d: what is left are %d bytes that nobody sent like this, %v", round, len(left), err)
		}
		if round%4 < 2 {
			m.start("")
		} else {
			m.start(m.address)
		}
		if from := m.resume(partial, text); from != len(left) {
			t.Fatalf("round %d: SIZE is %d, and there were %d bytes", round, from, len(left))
		}
		m.holds(partial, text)
		if name != partial {
			m.holds(name, old)
			m.do("RNFR "+partial, "350 ")
			m.send("RNTO " + name)
			if round%4 == 1 { // or it is killed right there
				m.kill()
				m.start("")
				m.holds(name, old, text)
				if m.names() == "replaced replaced.part" {
					m.holds(name, old)
					m.holds(partial, text)
					m.do("RNFR "+partial, "350 ")
					m.do("RNTO "+name, "250 ")
				}
			} else {
				m.expect("250 ")
			}
			m.holds(name, text)
			if got := m.names(); got != "replaced" {
				t.Fatalf("round %d: the files are %s", round, got)
			}
		}
		if err := os.Remove(filepath.Join(m.root, name)); err != nil {
			t.Fatal(err)
		}
	}
	m.kill()

	m.flags = []string{"--whole"}
	m.start("")
	const part = ".f.rsexec-part"
	for round := range rounds {
		text, sent := randomText(source, size), 1+random.IntN(size-1)
		var old []byte // nil: there is none
		if round%2 == 1 {
			old = text[:random.IntN(size)]
			if err := os.WriteFile(filepath.Join(m.root, "f"), old, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		m.cut("f", part, text[:sent], 1+random.IntN(sent))
		left, err := os.ReadFile(filepath.Join(m.root, part))
		if err != nil || len(left) == 0 || len(left) > sent || !bytes.HasPrefix(text, left) {
			t.Fatalf("round %d: what is left are %d bytes that nobody sent like this, %v", round, len(left), err)
		}
		want, names := len(left), part
		if old != nil {
			want, names = len(old), part+" f"
			m.holds("f", old)
		}
		if got := m.names(); got != names {
			t.Fatalf("round %d: the files are %s", round, got)
		}
		m.start("")
		if round%4 < 2 {
			if from := m.resume("f", text); from != want {
				t.Fatalf("round %d: SIZE is %d, want %d", round, from, want)
			}
		} else { // or it is killed when everything has come
			m.resent("f", text)
			m.kill()
			if got := m.names(); got != names && got != "f" {
				t.Fatalf("round %d: the files are %s", round, got)
			} else if old != nil {
				m.holds("f", old, text)
			} else if got == "f" {
				m.holds("f", text)
			}
			m.start("")
			m.resume("f", text)
		}
		m.holds("f", text)
		if got := m.names(); got != "f" {
			t.Fatalf("round %d: the files are %s", round, got)
		}
		if err := os.Remove(filepath.Join(m.root, "f")); err != nil {
			t.Fatal(err)
		}
	}
	m.kill()
}

// copied says how many bytes a copy has that the server makes.
func (m *mortal) copied() int64 {
	made, _ := filepath.Glob(filepath.Join(m.root, ".copy.*"))                    // the pattern is right
	open, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", m.command.Process.Pid)) // none where there is no such thing
	for _, name := range open {
		if to, err := os.Readlink(name); err == nil && strings.HasPrefix(to, m.root) && strings.HasSuffix(to, "(deleted)") {
			made = append(made, name)
		}
	}
	var size int64
	for _, name := range made {
		if info, err := os.Stat(name); err == nil {
			size += info.Size()
		}
	}
	return size
}

// TestKilledCopy kills a server that copies a file within the site: under the copy's name
// is what was there or the whole copy. On Linux nothing else is left, but for a whole copy
// whose name could not be changed any more.
func TestKilledCopy(t *testing.T) {
	t.Parallel()
	const rounds, size = 20, 64 << 20
	source := rand.NewChaCha8([32]byte{2})
	random := rand.New(source)
	m := newMortal(t)
	text, old := randomText(source, size), []byte("the old file")
	if err := os.WriteFile(filepath.Join(m.root, "big"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := 0
	for round := range rounds {
		if round%2 == 0 {
			if err := os.WriteFile(filepath.Join(m.root, "copy"), old, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		m.do("SITE CPFR big", "350 ")
		m.send("SITE CPTO copy")
		n := int64(random.IntN(size / 2))
		for end := time.Now().Add(20 * time.Second); m.copied() < max(n, 1); {
			if info, err := os.Stat(filepath.Join(m.root, "copy")); err == nil && info.Size() == size {
				break // it was faster
			}
			if time.Now().After(end) {
				t.Fatalf("the copy has not %d bytes", n)
			}
		}
		m.kill()
		left := strings.Fields(m.names())
		at := filepath.Join(m.root, "copy")
		if got, err := os.ReadFile(at); err == nil && bytes.Equal(got, text) {
			// the copy was faster
		} else if broken++; round%2 == 0 {
			m.holds("copy", old)
		} else if err == nil {
			t.Fatalf("round %d: there was no copy, and now it has %d bytes", round, len(got))
		}
		for _, name := range left {
			if !strings.HasPrefix(name, ".copy.") {
				continue
			}
			if runtime.GOOS == "linux" {
				m.holds(name, text)
			}
			if err := os.Remove(filepath.Join(m.root, name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		m.start("")
	}
	m.kill()
	t.Logf("%d of %d copies were broken off", broken, rounds)
	if broken == 0 {
		t.Error("no copy was broken off")
	}
}
