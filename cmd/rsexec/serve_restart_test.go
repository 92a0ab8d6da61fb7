//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// restartable is a "rsexec serve" and the processes that come after it.
type restartable struct {
	servingProcess
	t       *testing.T
	file    string
	records chan string // of all processes, but for commands and replies
}

// restartConfig is the settings of a restartable, with more lines in front.
func restartConfig(t *testing.T, password, more string) string {
	return fmt.Sprintf("listen = [\"127.0.0.1:0\"]\nmetrics = \"127.0.0.1:0\"\n%s\n[user.u]\nroot = \"root\"\npassword = %q\n", more, hashed(t, password))
}

func startRestartable(t *testing.T, text string, environment ...string) *restartable {
	t.Helper()
	path, err := exec.LookPath("rsexec")
	if err != nil {
		t.Fatal(err)
	}
	file := settingsFile(t, text, "root")
	var ends [4]*os.File
	for i := 0; i < len(ends); i += 2 {
		if ends[i], ends[i+1], err = os.Pipe(); err != nil {
			t.Fatal(err)
		}
	}
	out, said, log, logged := ends[0], ends[1], ends[2], ends[3]
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	s := &restartable{t: t, file: file, records: make(chan string, 1000)}
	s.servingProcess = servingProcess{Cmd: exec.CommandContext(ctx, path, "serve", "--config", file), ended: make(chan error, 1), out: bufio.NewReader(out)}
	s.Stdout, s.Stderr, s.Env = said, logged, append(os.Environ(), environment...)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = said.Close(), logged.Close() // these are the processes' now
	go func() { s.ended <- s.Wait() }()
	go func() {
		defer close(s.records)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if line := lines.Text(); !strings.Contains(line, "msg=command ") && !strings.Contains(line, "msg=reply ") {
				t.Log(line)
				s.records <- line
			}
		}
	}()
	t.Cleanup(func() { // whoever is left is ended, and all records have been read
		cancel()
		<-s.ended
		for s.status != "" {
			pid, _, err := s.serving()
			if err != nil || syscall.Kill(pid, syscall.SIGKILL) != nil {
				break
			}
		}
		for range s.records {
		}
		_, _ = out.Close(), log.Close()
	})
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
	return s
}

// serving asks which process serves, and who has a session there.
func (s *restartable) serving() (pid int, remotes []string, err error) {
	return s.ask(http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}})
}

func (s *restartable) ask(client http.Client) (pid int, remotes []string, err error) {
	answer, err := client.Get("http://" + s.status + "/status")
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, nil, err
	}
	var status processStatus
	err = json.Unmarshal(text, &status)
	for _, session := range status.Sessions {
		remotes = append(remotes, session.Remote.String())
	}
	return status.PID, remotes, err
}

// signal sends a signal to the process that serves.
func (s *restartable) signal(sig syscall.Signal) (pid int) {
	s.t.Helper()
	pid, _, err := s.serving()
	if err == nil {
		err = syscall.Kill(pid, sig)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return pid
}

// record waits for a record with that text.
func (s *restartable) record(text string) string {
	s.t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case line, ok := <-s.records:
			if strings.Contains(line, text) {
				return line
			}
			if !ok {
				s.t.Fatalf("nobody says %q", text)
			}
		case <-late:
			s.t.Fatalf("nobody says %q", text)
		}
	}
}

// write replaces the settings.
func (s *restartable) write(text string) {
	s.t.Helper()
	if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// upload begins to upload a file and returns what sends the rest and returns the reply.
func (s *restartable) upload(name, first, rest string) (finish func()) {
	t := s.t
	t.Helper()
	conn, replies, last := s.speak(t, "USER u", "PASS p", "TYPE I", "EPSV")
	_, port, _ := strings.Cut(last, "(|||")
	data, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strings.TrimSuffix(strings.TrimSpace(port), "|)")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = data.Close() })
	fmt.Fprintf(conn, "STOR %s\r\n", name)
	if line, err := replies.ReadString('\n'); !strings.HasPrefix(line, "150 ") {
		t.Fatal(line, err)
	}
	if _, err := io.WriteString(data, first); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if _, err := io.WriteString(data, rest); err != nil {
			t.Error(err)
		}
		_ = data.Close()
		if line, err := replies.ReadString('\n'); !strings.HasPrefix(line, "226 ") {
			t.Errorf("%s: %q, %v", name, line, err)
		}
		if b, err := os.ReadFile(filepath.Join(filepath.Dir(s.file), "root", name)); err != nil || string(b) != first+rest {
			t.Errorf("%s has %q, %v", name, b, err)
		}
		fmt.Fprintf(conn, "QUIT\r\n")
	}
}

// visitors connect without a pause, for control and for the status, until stop is called,
// which tells how often they did and which processes they saw.
func (s *restartable) visitors() (stop func() (greeted int, seen map[int]int)) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	greeted, seen := 0, make(map[int]int)
	enough := make(chan struct{})
	repeat := func(visit func() error) {
		wg.Go(func() {
			pace := time.NewTicker(5 * time.Millisecond) // each leaves a port in TIME_WAIT, and others need some
			defer pace.Stop()
			for {
				select {
				case <-enough:
					return
				case <-pace.C:
				}
				if err := visit(); err != nil {
					s.t.Errorf("a visitor is refused: %v", err)
					return
				}
			}
		})
	}
	for range 3 {
		repeat(func() error {
			conn, err := net.DialTimeout("tcp", s.address, 20*time.Second)
			if err != nil {
				return err
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
				return err
			}
			if _, err := io.WriteString(conn, "QUIT\r\n"); err != nil {
				return err
			}
			text, err := io.ReadAll(conn)
			if err == nil && (!strings.HasPrefix(string(text), "220 ") || !strings.Contains(string(text), "\n221 ")) {
				err = fmt.Errorf("%q", text)
			}
			mu.Lock()
			defer mu.Unlock()
			greeted++
			return err
		})
	}
	repeat(func() error {
		pid, _, err := s.serving()
		mu.Lock()
		defer mu.Unlock()
		seen[pid]++
		return err
	})
	return func() (int, map[int]int) {
		close(enough)
		wg.Wait()
		return greeted, seen
	}
}

// manager is a service manager that is told what the processes tell it.
func manager(t *testing.T) (socket string, told func() string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "") // t.TempDir can be too long for the address of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket = filepath.Join(dir, "notify")
	conn, err := net.ListenPacket("unixgram", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return socket, func() string {
		t.Helper()
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		n, _, err := conn.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

// TestRestart has two processes, one after the other, take over from the one that was
// started, while files are uploaded to it and to the next, and others come and go without a
// pause.
func TestRestart(t *testing.T) {
	socket, told := manager(t)
	s := startRestartable(t, restartConfig(t, "p", ""), "NOTIFY_SOCKET="+socket)
	if text := told(); text != "READY=1" {
		t.Errorf("the service manager is told %q at first", text)
	}
	first := s.Process.Pid
	stop := s.visitors()
	scraper := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{}} // as Prometheus, it keeps its connection
	if pid, _, err := s.ask(scraper); pid != first || err != nil {
		t.Errorf("process %d serves first, not %d: %v", pid, first, err)
	}
	idle, idleReplies, _ := s.speak(t, "USER u", "PASS p", "TYPE I")
	finish := s.upload("one", "hello", " world")

	// restart returns the process that serves then, which has the session of somebody new.
	restart := func(before int) (pid int) {
		t.Helper()
		s.signal(syscall.SIGUSR2)
		s.record("another process serves;")
		conn, _, _ := s.speak(t, "USER u", "PASS p", "NOOP")
		pid, remotes, err := s.serving()
		if err != nil || pid == before || pid == first || !slices.Contains(remotes, conn.LocalAddr().String()) {
			t.Errorf("process %d behind %d has sessions with %s, and not with %s: %v", pid, before, remotes, conn.LocalAddr(), err)
		}
		if slices.Contains(remotes, idle.LocalAddr().String()) {
			t.Errorf("process %d has the session of process %d", pid, first)
		}
		if text := told(); text != fmt.Sprintf("MAINPID=%d", pid) {
			t.Errorf("the service manager is told %q", text)
		}
		for deadline := time.Now().Add(20 * time.Second); ; {
			now, _, err := s.ask(scraper)
			if err == nil && now == pid {
				return pid
			}
			if err != nil || time.Now().After(deadline) {
				t.Fatalf("who asked before is told by process %d: %v", now, err)
			}
		}
	}
	second := restart(first)
	finishNext := s.upload("two", "abc", "def")
	third := restart(second) // the first one need not have ended for that

	fmt.Fprintf(idle, "NOOP\r\n")
	if line, err := idleReplies.ReadString('\n'); !strings.HasPrefix(line, "200 ") {
		t.Errorf("%q, %v for who waited at the first process", line, err)
	}
	fmt.Fprintf(idle, "QUIT\r\n")
	select {
	case err := <-s.ended:
		t.Fatalf("the first process ended while a file was on its way: %v", err)
	default:
	}
	// What systemd sends to those that are left, as often as it likes, breaks nothing off.
	for range 3 {
		if err := s.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := s.Process.Signal(syscall.SIGUSR2); err != nil {
			t.Fatal(err)
		}
	}
	s.record("another process serves already")
	finish()
	if err := <-s.ended; err != nil {
		t.Errorf("the first process ends with %v", err)
	}
	s.ended <- nil
	finishNext()
	greeted, seen := stop()
	t.Logf("%d visitors; the status was told %v times by process", greeted, seen)
	for _, pid := range []int{first, second, third} {
		if seen[pid] == 0 {
			t.Errorf("nobody saw process %d: %v", pid, seen)
		}
	}
	if pid := s.signal(syscall.SIGTERM); pid != third {
		t.Errorf("process %d serves in the end, not %d", pid, third)
	}
}

// TestRestartThatFails holds that a process goes on if the new one cannot serve, that it
// tells why, and that it can be restarted when that is put right.
func TestRestartThatFails(t *testing.T) {
	s := startRestartable(t, restartConfig(t, "p", ""))
	conn, replies, _ := s.speak(t, "USER u", "PASS p")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	other := strings.Replace(restartConfig(t, "p", ""), "127.0.0.1:0", taken.Addr().String(), 1)
	for text, why := range map[string]string{
		"nonsense": "serve.toml:1",
		restartConfig(t, "p", "[tls]\ncertificate = \"none.pem\"\n"): "none.pem",
		other: "address already in use",
	} {
		s.write(text)
		s.signal(syscall.SIGUSR2)
		if line := s.record("no restart; this process goes on"); !strings.Contains(line, why) {
			t.Errorf("%s\nis the reason, without %q", line, why)
		}
		if pid, _, err := s.serving(); err != nil || pid != s.Process.Pid {
			t.Errorf("process %d serves, not %d: %v", pid, s.Process.Pid, err)
		}
		s.speak(t, "USER u", "PASS p", "NOOP")
	}
	fmt.Fprintf(conn, "NOOP\r\n")
	if line, err := replies.ReadString('\n'); !strings.HasPrefix(line, "200 ") {
		t.Errorf("%q, %v for who was there", line, err)
	}
	s.write(restartConfig(t, "q", ""))
	s.signal(syscall.SIGUSR2)
	s.record("another process serves;")
	if _, _, last := s.speak(t, "USER u", "PASS q"); !strings.HasPrefix(last, "230 ") {
		t.Errorf("the new password: %s", last)
	}
}

// TestRestartWait holds that sessions which do nothing are told to end when they have had
// their time, and that files still arrive.
func TestRestartWait(t *testing.T) {
	s := startRestartable(t, restartConfig(t, "p", "[limits]\nrestart-wait = \"10ms\"\n"))
	_, idle, _ := s.speak(t, "USER u", "PASS p")
	finish := s.upload("f", "hello", " world")
	s.signal(syscall.SIGUSR2)
	if line, err := idle.ReadString('\n'); !strings.HasPrefix(line, "421 ") {
		t.Errorf("%q, %v", line, err)
	}
	finish()
	if err := <-s.ended; err != nil {
		t.Errorf("it ends with %v", err)
	}
	s.ended <- nil
}

// TestRestartedProcessFails kills the process that took over while the one before it still
// has sessions: that ends and says so, for a service manager to start another.
func TestRestartedProcessFails(t *testing.T) {
	socket, told := manager(t)
	s := startRestartable(t, restartConfig(t, "p", ""), "NOTIFY_SOCKET="+socket)
	_, idle, _ := s.speak(t, "USER u", "PASS p")
	s.signal(syscall.SIGUSR2)
	s.record("another process serves;")
	next := s.signal(syscall.SIGKILL)
	if line, err := idle.ReadString('\n'); !strings.HasPrefix(line, "421 ") {
		t.Errorf("%q, %v", line, err)
	}
	var exit *exec.ExitError
	if err := <-s.ended; !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("it ends with %v", err)
	}
	s.ended <- nil
	for _, want := range []string{"READY=1", fmt.Sprintf("MAINPID=%d", next), fmt.Sprintf("MAINPID=%d", s.Process.Pid)} {
		if text := told(); text != want {
			t.Errorf("the service manager is told %q, want %q", text, want)
		}
	}
}
