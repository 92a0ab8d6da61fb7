package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
)

// settingsFile writes settings to a file in a folder of its own, with the folders that are
// named beside it.
func settingsFile(t *testing.T, text string, folders ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "serve.toml")
	for _, folder := range folders {
		if err := os.MkdirAll(filepath.Join(filepath.Dir(file), folder), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func hashed(t *testing.T, password string) string {
	t.Helper()
	hash, err := ftpd.HashPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// TestSettings reads settings that say everything, and holds what they come to.
func TestSettings(t *testing.T) {
	hash := hashed(t, "p")
	file := settingsFile(t, fmt.Sprintf(`
listen = ["127.0.0.1:0", "[::1]:0"]
allow-peers = ["192.0.2.0/24", "198.51.100.7"]
passive-ports = "50000-50099"
public-address = "203.0.113.7"
whole = true

[tls]
certificate = "own.pem"
self-signed = true
required = true

[limits]
sessions = 0
sessions-per-user = 4
idle = "10m"

[group.staff]
root = "home/{user}"
rights = ["read", "list"]
sessions = 2
quota = "10GB"

[user.ann]
password = %[1]q
group = "staff"

[user."b.lee"]
password = %[1]q
group = "staff"
root = "all"
rights = ["read", "write", "list"]
sessions = 9
quota = "512 MiB"

[user.cy]
password = %[1]q
group = "staff"
root = "all"
quota = "0"
`, hash), "home/ann", "all")
	dir := filepath.Dir(file)
	settings, err := readSettings(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := settings.ensureCertificate(); err != nil {
		t.Fatal(err)
	}
	server, err := settings.server(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ftpd.NewService(server); err != nil {
		t.Fatal(err)
	}
	want := []ftpd.User{
		{Name: "ann", Hash: hash, Root: filepath.Join(dir, "home", "ann"), Rights: ftpd.Read | ftpd.List, Sessions: 2, Quota: 10_000_000_000},
		{Name: "b.lee", Hash: hash, Root: filepath.Join(dir, "all"), Rights: ftpd.Read | ftpd.Write | ftpd.List, Sessions: 9, Quota: 512 << 20},
		{Name: "cy", Hash: hash, Root: filepath.Join(dir, "all"), Rights: ftpd.Read | ftpd.List, Sessions: 2},
	}
	for i, u := range server.Users {
		if u != want[i] {
			t.Errorf("%+v, want %+v", u, want[i])
		}
	}
	if server.Limits.Sessions != -1 || server.Limits.SessionsPerHost != 0 || server.Limits.SessionsPerUser != 4 || server.IdleTimeout != 10*time.Minute {
		t.Errorf("limits %+v, idle %s", server.Limits, server.IdleTimeout)
	}
	if fmt.Sprint(server.AllowPeers, server.PassivePorts, server.PublicAddress) != "[192.0.2.0/24 198.51.100.7/32] {50000 50099} 203.0.113.7" {
		t.Error(server.AllowPeers, server.PassivePorts, server.PublicAddress)
	}
	if !server.Whole {
		t.Error("uploads are not whole")
	}
	if server.TLS == nil || !server.RequireTLS || len(settings.pin) != 64 {
		t.Errorf("TLS %v, required %v, pin %q", server.TLS, server.RequireTLS, settings.pin)
	}
	info, err := os.Stat(filepath.Join(dir, "own.pem"))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the certificate's key: %v, %v", info, err)
	}
	again, err := readSettings(file)
	if err == nil {
		err = again.ensureCertificate()
	}
	if err != nil || again.pin != settings.pin {
		t.Errorf("another certificate the second time: %s, %v", again.pin, err)
	}
}

// TestSettingsExample holds that the example has settings that there are.
func TestSettingsExample(t *testing.T) {
	settings, err := readSettings(filepath.Join("..", "..", "examples", "serve.toml"))
	if err != nil || len(settings.User) != 2 {
		t.Errorf("%+v, %v", settings, err)
	}
}

// TestSettingsThatCannotBe holds that what is wrong is told with its place.
func TestSettingsThatCannotBe(t *testing.T) {
	good := fmt.Sprintf("[user.u]\nroot = %q\npassword = %q\n", t.TempDir(), hashed(t, "p"))
	for text, want := range map[string]string{
		"":                            "it has no user",
		"listen = 5\n" + good:         "serve.toml:1",
		good + "rihgts = []\n":        "serve.toml:4: no setting is called user.u.rihgts",
		good + "rights = [\"all\"]\n": `user "u": rights: "all" is none of read, write, append, delete, list`,
		good + "rights = []\n":        "no right at all",
		good + "group = \"none\"\n":   `there is no group "none"`,
		"[user.u]\nroot = \"/\"\n":    "rsexec serve passwd",
		"[user.u]\nroot = \"/\"\npassword = \"secret\"\n":       "password has to be a hash",
		strings.Replace(good, "root = \"", "root = \"/none", 1): `user "u": root: `,
		"passive-ports = \"5\"\n" + good:                        "passive ports 5: want FROM-TO",
		"passive-ports = \"1-x\"\n" + good:                      `"x" is no port`,
		"public-address = \"here\"\n" + good:                    "public address",
		"sync = \"some\"\n" + good:                              `sync: "some" is neither`,
		"allow-peers = [\"x\"]\n" + good:                        "allowed peer x",
		"[tls]\nrequired = true\n" + good:                       "TLS needs a certificate",
		"[limits]\nidle = \"soon\"\n" + good:                    "serve.toml:2",
		good + "quota = \"much\"\n":                             `"much" is no size`,
		good + "quota = \"-1GB\"\n":                             "serve.toml:4",
		good + "quota = \"16EB\"\n":                             "16EB is more than there can be",
		"[group.g]\nquota = \"10 apples\"\n" + good:             "serve.toml:2",
		"[limits]\nidle = \"-1s\"\n" + good:                     "serve.toml:2",
	} {
		command := parsedServe(t, []string{"--config", settingsFile(t, text)})
		err := command.Run(t.Context(), &cli{}, streams{out: io.Discard, err: io.Discard})
		if sites.KindOf(err) != sites.Usage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v; want %q in it", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("it tells the password: %v", err)
		}
	}
	for _, args := range [][]string{{}, {"--user", "u"}, {"--root", t.TempDir()}, {"--config", settingsFile(t, good), "--user", "u"}, {"passwd"}} {
		if err := parsedServe(t, args).Run(t.Context(), &cli{}, streams{in: os.Stdin, out: io.Discard, err: io.Discard}); sites.KindOf(err) != sites.Usage {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// servingProcess is a "rsexec serve" of its own.
type servingProcess struct {
	*exec.Cmd
	address string
	status  string // where it tells what it does; "" if it does not
	out     *bufio.Reader
	ended   chan error
}

// serveConfig starts a "rsexec serve" with a file of settings.
func serveConfig(t *testing.T, file string) *servingProcess {
	t.Helper()
	path, err := exec.LookPath("rsexec")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	s := &servingProcess{Cmd: exec.CommandContext(ctx, path, "serve", "--config", file), ended: make(chan error, 1)}
	s.Stderr = t.Output()
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	s.out = bufio.NewReader(out)
	for s.address == "" {
		line, err := s.out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		what, address, _ := strings.Cut(strings.TrimSpace(line), " at ")
		if what == "status" {
			s.status = address
		} else {
			s.address = address
		}
	}
	go func() { s.ended <- s.Wait() }()
	t.Cleanup(func() { cancel(); <-s.ended })
	return s
}

// speak sends lines to a server and returns its replies to them, behind the greeting.
func (s *servingProcess) speak(t *testing.T, lines ...string) (conn net.Conn, replies *bufio.Reader, last string) {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	replies = bufio.NewReader(conn)
	for _, line := range append([]string{""}, lines...) {
		if line != "" {
			fmt.Fprintf(conn, "%s\r\n", line)
		}
		if last, err = replies.ReadString('\n'); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return conn, replies, last
}

// TestServeSignals changes the settings of a server that is at work, and ends it in the
// middle of an upload, which arrives.
func TestServeSignals(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("this system has no such signals")
	}
	text := func(password, rights string) string {
		return fmt.Sprintf("listen = [\"127.0.0.1:0\"]\n[user.u]\nroot = \"root\"\npassword = %q\nrights = [%s]\n", hashed(t, password), rights)
	}
	file := settingsFile(t, text("p", `"read", "write"`), "root")
	s := serveConfig(t, file)
	signal := func(sig os.Signal) {
		t.Helper()
		if err := s.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	before, replies, _ := s.speak(t, "USER u", "PASS p", "TYPE I", "EPSV")
	change := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		signal(syscall.SIGHUP)
	}
	change("nonsense") // and nothing happens
	change(text("q", `"list"`))
	for deadline := time.Now().Add(20 * time.Second); ; {
		if _, _, last := s.speak(t, "USER u", "PASS q"); strings.HasPrefix(last, "230 ") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the new password is not taken")
		}
	}
	if _, _, last := s.speak(t, "USER u", "PASS q", "MKD d"); !strings.HasPrefix(last, "550 Permission denied") {
		t.Errorf("MKD without the right to it: %s", last)
	}

	expect := func(want string) string {
		t.Helper()
		line, err := replies.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, want) {
			t.Fatalf("%q, %v; want %s", line, err, want)
		}
		return line
	}
	fmt.Fprintf(before, "EPSV\r\n")
	_, port, _ := strings.Cut(expect("229 "), "(|||")
	host, _, _ := net.SplitHostPort(s.address)
	data, err := net.Dial("tcp", net.JoinHostPort(host, strings.TrimSuffix(strings.TrimSpace(port), "|)")))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(before, "STOR f\r\n")
	expect("150 ")
	signal(syscall.SIGTERM)
	_, err = io.WriteString(data, "hello")
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; { // nobody is let in any more
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			break
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("it still lets people in")
		}
	}
	if _, err := io.WriteString(data, " world"); err != nil {
		t.Fatal(err)
	}
	_ = data.Close()
	expect("226 ")
	expect("421 ")
	if err := <-s.ended; err != nil {
		t.Errorf("it ends with %v", err)
	}
	s.ended <- nil
	if b, err := os.ReadFile(filepath.Join(filepath.Dir(file), "root", "f")); err != nil || string(b) != "hello world" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestServeStatus looks at a server from outside while somebody uploads.
func TestServeStatus(t *testing.T) {
	file := settingsFile(t, fmt.Sprintf("listen = [\"127.0.0.1:0\"]\nmetrics = \"127.0.0.1:0\"\n[user.u]\nroot = \"root\"\npassword = %q\nquota = \"1GB\"\n", hashed(t, "p")), "root")
	s := serveConfig(t, file)
	conn, replies, last := s.speak(t, "USER u", "PASS p", "TYPE I", "EPSV")
	_, port, _ := strings.Cut(last, "(|||")
	data, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strings.TrimSuffix(strings.TrimSpace(port), "|)")))
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	fmt.Fprintf(conn, "STOR f\r\n")
	if line, err := replies.ReadString('\n'); !strings.HasPrefix(line, "150 ") {
		t.Fatal(line, err)
	}
	if _, err := data.Write(make([]byte, 3<<20)); err != nil {
		t.Fatal(err)
	}
	s.speak(t, "USER u", "PASS wrong")
	var shown strings.Builder
	for deadline := time.Now().Add(20 * time.Second); ; {
		shown.Reset()
		if err := parsedServe(t, []string{"status", "--metrics", s.status}).Run(t.Context(), &cli{}, streams{out: &shown, err: io.Discard}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(shown.String(), "3.0 MiB received") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(shown.String())
		}
	}
	for _, want := range []string{"1 files on their way", "1 logins and 1 wrong passwords", "3.0 MiB in " + filepath.Join(filepath.Dir(file), "root"), "STOR /f  3.0 MiB", "with " + data.LocalAddr().String(), conn.LocalAddr().String()} {
		if !strings.Contains(shown.String(), want) {
			t.Errorf("%s\nlacks %s", shown.String(), want)
		}
	}
	answer, err := http.Get("http://" + s.status + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nrsexec_received_bytes_total 3145728\n", "\nrsexec_transfers 1\n", "\nrsexec_failed_logins_total 1\n", "\nrsexec_used_bytes{root=\"", "\nprocess_resident_memory_bytes "} {
		if !strings.Contains("\n"+string(text), want) {
			t.Errorf("%s\nlacks %q", text, want)
		}
	}
	for _, address := range []string{"0.0.0.0:0", "192.0.2.7:1", "here"} {
		err := parsedServe(t, []string{"--config", file, "--metrics", address}).Run(t.Context(), &cli{}, streams{out: io.Discard, err: io.Discard})
		if sites.KindOf(err) != sites.Usage {
			t.Errorf("metrics at %s: %v", address, err)
		}
	}
	if err := parsedServe(t, []string{"status", "--metrics", "127.0.0.1:1"}).Run(t.Context(), &cli{}, streams{out: io.Discard, err: io.Discard}); sites.KindOf(err) != sites.Unreachable {
		t.Errorf("nobody is there: %v", err)
	}
}

// A site of several names shows each client the certificate of the name that it asks for,
// and the first one to who asks for none of them.
func TestSettingsOfSeveralNames(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	first, key := authority.IssueFiles("one.example")
	second, otherKey := authority.IssueFiles("two.example", "three.example")
	settings, err := readSettings(settingsFile(t, fmt.Sprintf("[tls]\ncertificate = %q\nkey = %q\nalso = [{ certificate = %q, key = %q }]\n\n[user.u]\nroot = \"root\"\npassword = %q\n",
		first, key, second, otherKey, hashed(t, "p")), "root"))
	if err != nil {
		t.Fatal(err)
	}
	server, err := settings.server(nil)
	if err != nil {
		t.Fatal(err)
	}
	for asked, want := range map[string]string{"one.example": "one.example", "three.example": "two.example", "four.example": "one.example", "": "one.example"} {
		near, far := net.Pipe()
		go func() {
			_ = tls.Server(far, server.TLS).Handshake() // the client says what is wrong
			_ = far.Close()
		}()
		client := tls.Client(near, &tls.Config{ServerName: asked, InsecureSkipVerify: true})
		if err := client.Handshake(); err != nil {
			t.Fatal(err)
		}
		if got := client.ConnectionState().PeerCertificates[0].DNSNames[0]; got != want {
			t.Errorf("who asks for %q is shown %s, want %s", asked, got, want)
		}
		_ = near.Close()
	}
}
