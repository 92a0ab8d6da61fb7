package ftptest

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// greetingTime is how long a server may take to greet.
const greetingTime = 20 * time.Second

// Start starts the server, waits until it greets, and stops it when the test ends. Several
// of one kind may run at once.
//
// It skips t if the server is not installed, or if the test does not run as root on Linux;
// with RSEXEC_PEERS=require in the environment it fails t instead.
func Start(t testing.TB, p Peer, o Options) *Server {
	t.Helper()
	d, ok := daemons[p]
	if !ok {
		t.Fatalf("ftptest: no peer is called %q", p)
	}
	program, lack := d.lack()
	if lack != "" {
		if required() {
			t.Fatalf("ftptest: cannot start %s: %s", p, lack)
		}
		t.Skipf("ftptest: cannot start %s: %s", p, lack)
	}
	if err := o.TLS.cannot(p); err != nil {
		t.Fatalf("ftptest: cannot start %s: %v", p, err)
	}
	s, err := start(t, d, program, o)
	if err != nil {
		t.Fatalf("ftptest: cannot start %s: %v", p, err)
	}
	return s
}

// Wanted reports whether a test that can do without the server is to start it: if it
// can be started, or has to be.
func Wanted(p Peer) bool {
	_, lack := daemons[p].lack()
	return lack == "" || required()
}

func required() bool { return os.Getenv("RSEXEC_PEERS") == "require" }

// lack returns the program of a server, and why it cannot be started; "" if it can.
func (d daemon) lack() (program, lack string) {
	program, installed := d.find()
	switch {
	case runtime.GOOS != "linux" || os.Getuid() != 0:
		lack = "it needs root on Linux"
	case !installed:
		lack = "it is not installed; .ci/install-peers does that"
	}
	return program, lack
}

func start(t testing.TB, d daemon, program string, o Options) (*Server, error) {
	// t.TempDir is not for this: it is closed to the account's uid.
	base, err := os.MkdirTemp("", "rsexec-peer-")
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(base); err != nil {
			t.Errorf("ftptest: %v", err)
		}
	})
	at := place{
		program: program,
		host:    o.Addr,
		root:    filepath.Join(base, "root"),
		run:     filepath.Join(base, "run"),
		foreign: !o.RefuseForeign,
		max:     o.MaxSessions,
		tls:     o.TLS,
	}
	if at.host == "" {
		at.host = FreshHost()
	}
	if at.port, err = freePort(at.host); err != nil {
		return nil, err
	}
	etc := filepath.Join(base, "etc")
	cmd := d.command(at)
	files := etcFiles(etc, at.root)
	maps.Copy(files, cmd.files)
	maps.Copy(files, o.TLS.files(at, etc))
	if err := furnish(base, at, etc, files); err != nil {
		return nil, err
	}
	launch := launcher{argv: append([]string{program}, cmd.args...), etc: etc, output: at.file("output.log")}
	var run *running
	if d.perSession {
		run, err = superserver(t, at, launch)
	} else {
		run, err = launch.start(nil)
	}
	if err != nil {
		return nil, err
	}
	s := &Server{
		Host: at.host, Port: at.port,
		User: account, Password: password,
		implicit: o.TLS != nil && o.TLS.Implicit,
		Root:     at.root,
		Log:      func() string { return logs(at.run) },
		Stop:     run.stop,
	}
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("%s at %s logged:\n%s", filepath.Base(program), s.Addr(), s.Log())
		}
	})
	if err := awaitGreeting(s.Addr(), o.TLS.greeting(at), run.ended); err != nil {
		return nil, err
	}
	return s, nil
}

// furnish makes the folders and files of a server. Whatever our umask is, all may read
// them, for servers give up root.
func furnish(base string, at place, etc string, files map[string]string) error {
	if err := os.Chmod(base, 0o755); err != nil {
		return err
	}
	for _, folder := range []string{at.root, at.run, etc, filepath.Join(etc, filepath.Base(emptyFolder)), filepath.Join(etc, "pam.d"), filepath.Join(etc, "ssl")} {
		if err := errors.Join(os.Mkdir(folder, 0o755), os.Chmod(folder, 0o755)); err != nil {
			return err
		}
	}
	for path, text := range files {
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o644), os.Chmod(path, 0o644)); err != nil {
			return err
		}
	}
	if err := os.Chown(at.root, accountID, accountID); err != nil {
		return err
	}
	for folder := filepath.Dir(base); ; folder = filepath.Dir(folder) {
		info, err := os.Stat(folder)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("uid %d may not enter %s; set TMPDIR to another folder", accountID, folder)
		}
		if folder == filepath.Dir(folder) {
			return nil
		}
	}
}

// awaitGreeting returns when a server at addr greets with 220 and has taken leave again.
// TLS comes first if secure is given. It gives up if ended is closed first.
func awaitGreeting(addr string, secure *tls.Config, ended <-chan struct{}) error {
	deadline := time.Now().Add(greetingTime)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		line, err := greeting(addr, secure, deadline)
		if err == nil {
			if strings.HasPrefix(line, "220") {
				return nil
			}
			return fmt.Errorf("it greets with %q", line)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("it has not greeted in %v: %w", greetingTime, err)
		}
		select {
		case <-ended:
			return errors.New("it has ended")
		case <-again.C:
		}
	}
}

// greeting returns the first line that a server sends.
func greeting(addr string, secure *tls.Config, deadline time.Time) (line string, err error) {
	conn, err := net.DialTimeout("tcp4", addr, time.Until(deadline))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	session := conn
	if secure != nil {
		session = tls.Client(conn, secure)
	}
	r := bufio.NewReader(session)
	if line, err = r.ReadString('\n'); err != nil {
		return "", err
	}
	if _, err := io.WriteString(session, "QUIT\r\n"); err != nil {
		return "", err
	}
	// The end of the connection: the session counts no longer.
	_, err = io.Copy(io.Discard, r)
	return strings.TrimSpace(line), err
}

// logs returns the log files of a folder, one after the other.
func logs(folder string) string {
	var b strings.Builder
	paths, err := filepath.Glob(filepath.Join(folder, "*.log"))
	for _, path := range paths {
		var text []byte
		if text, err = os.ReadFile(path); err != nil {
			break
		}
		if len(text) > 0 {
			fmt.Fprintf(&b, "--- %s\n%s", filepath.Base(path), text)
		}
	}
	if err != nil {
		fmt.Fprintf(&b, "--- %v\n", err)
	}
	return b.String()
}
