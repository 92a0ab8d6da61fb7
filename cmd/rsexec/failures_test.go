package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
	"rsexec/sites/ftptest/fault"
)

// serveSite starts our own site server in this process, for the time of the
// test, and returns its URL.
func serveSite(t *testing.T, root string, change func(*ftpd.Server)) string {
	t.Helper()
	listener, err := ftpd.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &ftpd.Server{
		Users:      []ftpd.User{{Name: "u", Password: "p", Root: root}},
		AllowPeers: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}
	if change != nil {
		change(server)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return fmt.Sprintf("ftp://u:p@127.0.0.1:%d", listener.Addr().(*net.TCPAddr).Port)
}

// settled waits until as many goroutines, files and sockets are left as before; the
// ends of connections take a moment.
func settled(t *testing.T, goroutines, files int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; {
		g, s := runtime.NumGoroutine(), openFiles(t)
		if g <= goroutines && s <= files {
			return
		}
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("left over: %d goroutines (%d before), %d files and sockets (%d before)\n%s", g, goroutines, s, files,
				stacks[:runtime.Stack(stacks, true)])
		}
		runtime.Gosched()
		time.Sleep(10 * time.Millisecond)
	}
}

// openFiles counts this process's open files and sockets, where the system tells. The net
// package keeps pipes for a while, through which the kernel moves data.
func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	n := 0
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !strings.HasPrefix(target, "pipe:") {
			n++
		}
	}
	return n
}

// silentServer accepts connections and says nothing.
func silentServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			io.Copy(io.Discard, c) // until the client gives up
			c.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return "ftp://u:p@" + listener.Addr().String()
}

// breakingSource logs the user in, tells the size of PROG1.PL1, and dies in
// the middle of sending it; it is never there again.
const breakingSource = `
	S: 220 ready
	C: USER *
	S: 331 go on
	C: PASS *
	S: 230 welcome
	C: FEAT
	S: 502 no
	C: PWD
	S: 257 "/" is here
	C: TYPE I
	S: 200 so be it
	C: MLST *
	S: 500 what
	C: SIZE /PROG1.PL1
	S: 213 1000
	C: MDTM /PROG1.PL1
	S: 500 what
	C: SIZE /PROG1.PL1
	S: 213 1000
	C: PORT *
	S: 200 so be it
	C: RETR /PROG1.PL1
	S: 150 here it comes
	D> 500
	DR
	X
`

// dyingSource is such a server, which is too busy for anybody afterwards.
func dyingSource(t *testing.T) string {
	t.Helper()
	s := ftptest.Play(t, breakingSource)
	p := fault.Start(t, s.Addr(), fault.Options{Faults: fault.Plan{{What: fault.Busy, Where: fault.Connect, Nth: 2, Times: 1000}}})
	s.Host, s.Port = p.Host, p.Port
	return s.URL()
}

const nonsense = `
	S: 220 ready
	C: USER *
	S: HTTP/1.1 400 Bad Request
	W
`

// TestFailures holds, for each thing that can go wrong: one clear line, the
// exit status, the destination as it was, and nothing left over.
func TestFailures(t *testing.T) {
	const old = "what was there before\n"
	cases := []struct {
		name    string
		source  func(t *testing.T) string // a URL in the place of the good source
		disk    bool                      // the destination is on a disk of one megabyte
		command string
		status  int
		line    string // what the last line on standard error says
		partial bool   // a part was appended, and the line tells how much
	}{
		{
			name: "source missing", command: "APPEND SITE1:NOPE SITE2:PROG2.PL1",
			status: 5, line: "APPEND SITE1:/NOPE: no such file: the server said 550 /NOPE: not found",
		},
		{
			name: "partial source missing", command: "COPY NOPE SITE2:PROG2.PL1",
			status: 5, line: "COPY NOPE: no such file at SITE1:/, SITE2:/",
		},
		{
			name: "destination directory missing, COPY", command: "COPY SITE1:PROG1.PL1 SITE2:/nodir/x",
			status: 5, line: "COPY SITE2:/nodir/x: no such directory as SITE2:/nodir: the server said 550 ",
		},
		{
			name: "destination directory missing, APPEND", command: "APPEND SITE1:PROG1.PL1 SITE2:/nodir/x",
			status: 5, line: "APPEND SITE2:/nodir/x: no such directory as SITE2:/nodir: the server said 550 /nodir/x: not found",
		},
		{
			name: "source is a directory", command: "APPEND SITE1:DIR SITE2:PROG2.PL1",
			status: 2, line: "APPEND SITE1:/DIR: it is a directory",
		},
		{
			name: "wrong password",
			source: func(t *testing.T) string {
				return strings.Replace(serveSite(t, t.TempDir(), nil), "u:p@", "u:wrong@", 1)
			},
			command: "APPEND SITE1:PROG1.PL1 SITE2:PROG2.PL1",
			status:  1, line: "log in at SITE1: the server said 530",
		},
		{
			name: "site down",
			source: func(t *testing.T) string {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				l.Close()
				return "ftp://u:p@" + l.Addr().String()
			},
			command: "APPEND SITE1:PROG1.PL1 SITE2:PROG2.PL1",
			status:  4, line: "connect to SITE1: 127.0.0.1:",
		},
		{
			name:    "site silent",
			source:  func(t *testing.T) string { return silentServer(t) + "/?timeout=200ms" },
			command: "APPEND SITE1:PROG1.PL1 SITE2:PROG2.PL1",
			status:  4, line: "log in at SITE1: no answer to the connection in 200ms",
		},
		{
			name:    "site answers nonsense",
			source:  func(t *testing.T) string { return ftptest.Play(t, nonsense).URL() },
			command: "APPEND SITE1:PROG1.PL1 SITE2:PROG2.PL1",
			status:  1, line: `log in at SITE1: "HTTP/1.1 400 Bad Request" is no reply`,
		},
		{
			name:    "source dies in mid-transfer, COPY",
			source:  dyingSource,
			command: "COPY SITE1:PROG1.PL1 SITE2:PROG2.PL1",
			status:  1, line: "COPY SITE2:/PROG2.PL1: log in at SITE1: the server said 421 ",
		},
		{
			name:    "source dies in mid-transfer, APPEND",
			source:  dyingSource,
			command: "APPEND SITE1:PROG1.PL1 SITE2:PROG2.PL1",
			status:  1, line: "APPEND SITE2:/PROG2.PL1: log in at SITE1: the server said 421 ", partial: true,
		},
		{
			name:    "destination full, COPY",
			disk:    true,
			command: "COPY SITE1:BIG SITE2:PROG2.PL1",
			status:  1, line: "COPY SITE2:/PROG2.PL1: the server said 452",
		},
		{
			name:    "destination full, APPEND",
			disk:    true,
			command: "APPEND SITE1:BIG SITE2:PROG2.PL1",
			status:  1, line: "APPEND SITE2:/PROG2.PL1: the server said 452",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			sourceRoot, destRoot := t.TempDir(), t.TempDir()
			write(t, sourceRoot, "PROG1.PL1", strings.Repeat("x", 1000))
			write(t, sourceRoot, "BIG", strings.Repeat("x", 4<<20))
			if err := os.Mkdir(filepath.Join(sourceRoot, "DIR"), 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, destRoot, "PROG2.PL1", old)
			if c.disk {
				destRoot = smallDisk(t, old)
			}
			source, dest := serveSite(t, sourceRoot, nil), serveSite(t, destRoot, nil)
			if c.source != nil {
				source = c.source(t)
			}
			rsexecRun(t, "-c", "HELP") // what a process starts once, such as its watch for signals
			goroutines, files := runtime.NumGoroutine(), openFiles(t)

			status, stdout, stderr := rsexecRun(t, "--site", "SITE1="+source, "--site", "SITE2="+dest, "-c", c.command)
			if status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			t.Log(stderr)
			lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
			if last := lines[len(lines)-1]; !strings.Contains(last, c.line) {
				t.Errorf("the last line is\n%s\nwant\n%s", last, c.line)
			}
			if len(lines) > 3 {
				t.Errorf("%d lines:\n%s", len(lines), stderr)
			}
			if stdout != "" {
				t.Errorf("standard output: %s", stdout)
			}
			got := read(t, destRoot, "PROG2.PL1")
			if c.partial {
				// The end of the data may take what is on its way with it.
				appended := 0
				if _, tells, some := strings.Cut(stderr, "; "); some {
					if _, err := fmt.Sscanf(tells, "%d of 1000 bytes were appended to the 22 that were there; RESUME", &appended); err != nil {
						t.Error(err)
					}
				}
				if got != old+strings.Repeat("x", appended) {
					t.Errorf("PROG2.PL1 is %d bytes, want the old ones and %d", len(got), appended)
				}
			} else if got != old {
				t.Errorf("PROG2.PL1 is %q", got)
			}
			entries, err := os.ReadDir(destRoot)
			if err != nil {
				t.Fatal(err)
			}
			if len(entries) != 1 {
				t.Errorf("left at the destination: %v", entries)
			}
			settled(t, goroutines, files)
		})
	}
}
