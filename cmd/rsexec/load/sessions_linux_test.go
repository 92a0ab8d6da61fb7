package load

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"rsexec/sites/ftptest"
)

const (
	idleSessions   = 500
	activeSessions = 200
	measuredTime   = 10 * time.Second
	loadPatience   = time.Minute
)

// visitor is a control connection to a site under load, with a user logged in.
type visitor struct {
	conn    net.Conn
	replies *bufio.Reader
	config  *tls.Config // of data connections; nil: in the clear
}

// visit connects to a site and logs in, over TLS if there is a config.
func visit(address string, config *tls.Config) (*visitor, error) {
	conn, err := net.DialTimeout("tcp", address, loadPatience)
	if err != nil {
		return nil, err
	}
	v := &visitor{conn: conn, replies: bufio.NewReader(conn), config: config}
	err = errors.Join(conn.SetDeadline(time.Now().Add(10*loadPatience)), v.hear("220"))
	steps := []string{"USER u 331", "PASS secret 230"}
	if config != nil && err == nil {
		if err = v.do("AUTH TLS", "234"); err == nil {
			v.conn = tls.Client(conn, config)
			v.replies = bufio.NewReader(v.conn)
		}
		steps = append(steps, "PBSZ 0 200", "PROT P 200")
	}
	for _, step := range steps {
		if err == nil {
			cut := strings.LastIndexByte(step, ' ')
			err = v.do(step[:cut], step[cut+1:])
		}
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return v, nil
}

// hear reads a reply of one line.
func (v *visitor) hear(code string) error {
	line, err := v.replies.ReadString('\n')
	if err == nil && !strings.HasPrefix(line, code) {
		err = fmt.Errorf("reply %q", line)
	}
	return err
}

func (v *visitor) do(line, code string) error {
	if _, err := io.WriteString(v.conn, line+"\r\n"); err != nil {
		return err
	}
	return v.hear(code)
}

// list performs LIST and leaves.
func (v *visitor) list() (lines int, err error) {
	defer func() { err = errors.Join(err, v.conn.Close()) }()
	if _, err := io.WriteString(v.conn, "EPSV\r\n"); err != nil {
		return 0, err
	}
	reply, err := v.replies.ReadString('\n')
	if err != nil {
		return 0, err
	}
	var port int
	if _, err := fmt.Sscanf(reply, "229 Entering Extended Passive Mode (|||%d|)", &port); err != nil {
		return 0, fmt.Errorf("%q: %w", reply, err)
	}
	host, _, err := net.SplitHostPort(v.conn.RemoteAddr().String())
	if err != nil {
		return 0, err
	}
	data, err := net.DialTimeout("tcp", net.JoinHostPort(host, fmt.Sprint(port)), loadPatience)
	if err != nil {
		return 0, err
	}
	defer func() { _ = data.Close() }()
	if err := v.do("LIST", "150"); err != nil {
		return 0, err
	}
	if v.config != nil {
		data = tls.Client(data, v.config)
	}
	var text strings.Builder
	if _, err := io.Copy(&text, data); err != nil {
		return 0, err
	}
	_ = data.Close() // everything was read
	return strings.Count(text.String(), "\n"), errors.Join(v.hear("226"), v.do("QUIT", "221"))
}

// BenchmarkSessions prints how soon a site server with 500 idle sessions and 200 active
// ones of real clients answers another user, and how much memory its process has.
func BenchmarkSessions(b *testing.B) {
	for _, program := range []string{"curl", "lftp"} {
		if _, err := exec.LookPath(program); err != nil {
			b.Skip(err)
		}
	}
	authority := ftptest.NewAuthority(b)
	cert, key := authority.IssueFiles("127.0.0.1")
	config := &tls.Config{RootCAs: authority.Pool(), ServerName: "127.0.0.1", ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	for _, test := range []struct {
		name   string
		config *tls.Config
		pace   string // of each client; "" is as fast as it can: they and the server share the processors
		size   int64  // of the files
	}{
		{"clear", nil, "32k", 1 << 20},
		{"TLS", config, "32k", 1 << 20},
		{"clear_small_files", nil, "", 4 << 10},
		{"TLS_small_files", config, "", 4 << 10},
	} {
		b.Run(test.name, func(b *testing.B) {
			for b.Loop() {
				l := &load{B: b, root: b.TempDir(), here: b.TempDir(), config: test.config, ca: authority.File(), pace: test.pace, size: test.size}
				l.serve("--max-sessions=0", "--max-sessions-per-host=0", "--tls-cert", cert, "--tls-key", key)
				l.run()
			}
		})
	}
}

// load is a site server under load.
type load struct {
	*testing.B
	root, here string
	config     *tls.Config
	ca         string
	pace       string
	size       int64
	address    string
	pid        int
	stop       func() error
}

func (l *load) serve(flags ...string) {
	password := filepath.Join(l.TempDir(), "password")
	if err := os.WriteFile(password, []byte("secret\n"), 0o600); err != nil {
		l.Fatal(err)
	}
	for i := range 100 {
		if err := os.WriteFile(filepath.Join(l.root, fmt.Sprintf("entry%d", i)), nil, 0o644); err != nil {
			l.Fatal(err)
		}
	}
	for _, dir := range []string{"up", "down"} {
		if err := os.Mkdir(filepath.Join(l.root, dir), 0o755); err != nil {
			l.Fatal(err)
		}
	}
	for i := range 10 {
		for _, dir := range []string{filepath.Join(l.root, "down"), l.here} {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%d", i)), make([]byte, l.size), 0o644); err != nil {
				l.Fatal(err)
			}
		}
	}
	command := exec.Command("rsexec", append([]string{"serve", "--listen", "127.0.0.1:0", "--root", l.root, "--user", "u", "--password-file", password}, flags...)...)
	address, stop, err := ftptest.Serving(command)
	if err != nil {
		l.Fatal(err)
	}
	l.address, l.pid, l.stop = address, command.Process.Pid, stop
}

func (l *load) run() {
	alone := l.measure(nil, 200)
	l.report(alone, "alone")
	var idle []*visitor
	for range idleSessions {
		v, err := visit(l.address, l.config)
		if err != nil {
			l.Fatal(err)
		}
		idle = append(idle, v)
	}
	l.memory("idle")

	ctx, cancel := context.WithCancel(l.Context())
	var active sync.WaitGroup
	failed := make(chan error, activeSessions)
	for i := range activeSessions {
		active.Go(func() {
			if err := l.client(ctx, i); err != nil {
				failed <- err
			}
		})
	}
	// A session has a descriptor for its control connection and one for its folder.
	for began := time.Now(); l.descriptors() < 2*(idleSessions+activeSessions); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > loadPatience {
			l.Logf("%d descriptors after %s", l.descriptors(), loadPatience)
			break
		}
	}
	took := l.measure(idle, 0)
	l.report(took, "loaded")
	l.ReportMetric(float64(len(took.list)), "logins")
	l.memory("loaded")
	cancel()
	active.Wait()
	close(failed)
	for err := range failed {
		l.Error(err)
	}
	for i := range idle {
		if err := errors.Join(idle[i].do("NOOP", "200"), idle[i].conn.Close()); err != nil {
			l.Error(err)
		}
	}
	if err := l.stop(); err != nil {
		l.Error(err)
	}
}

// client is a real client, again and again until ctx ends. A third of them are curl that
// sends, a third curl that fetches and a third lftp that mirrors.
func (l *load) client(ctx context.Context, i int) error {
	url := "ftp://" + l.address + "/"
	curl := []string{"curl", "-sS", "-m", "300", "--user", "u:secret"}
	lftp := []string{"set net:max-retries 2"}
	if l.config != nil {
		curl = append(curl, "--ssl-reqd", "--cacert", l.ca)
		lftp = append(lftp, "set ssl:ca-file "+l.ca, "set ftp:ssl-force yes", "set ftp:ssl-protect-data yes")
	} else {
		lftp = append(lftp, "set ftp:ssl-allow no")
	}
	if l.pace != "" {
		curl = append(curl, "--limit-rate", l.pace)
		lftp = append(lftp, "set net:limit-rate "+l.pace)
	}
	var command []string
	switch i % 3 {
	case 0:
		command = append(curl, "--ftp-create-dirs", "-T", filepath.Join(l.here, "f[0-9]"), fmt.Sprintf("%sup/%d/", url, i))
	case 1:
		command = append(curl, url+"down/f[0-9]", "-o", "/dev/null")
	case 2:
		into, err := os.MkdirTemp(l.here, "mirror")
		if err != nil {
			return err
		}
		lftp = append(lftp, "open -u u,secret "+url, "mirror --no-recursion --ignore-time --ignore-size --transfer-all /down "+into)
		command = []string{"lftp", "-c", strings.Join(lftp, "; ")}
	}
	for ctx.Err() == nil {
		if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil && ctx.Err() == nil {
			return fmt.Errorf("%s: %w\n%.500s", command[0], err, out)
		}
	}
	return nil
}

// latencies are how long things took.
type latencies struct{ noop, list []time.Duration }

// measure takes the time of NOOP in sessions that are idle, or in one of its own, and at
// the same time that of a login with a LIST: n times, or for as long as it is to be
// measured.
func (l *load) measure(idle []*visitor, n int) (took latencies) {
	if idle == nil {
		v, err := visit(l.address, l.config)
		if err != nil {
			l.Fatal(err)
		}
		defer func() { _ = v.conn.Close() }()
		idle = []*visitor{v}
	}
	repeat := func(all *[]time.Duration, do func(i int) error) func() error {
		return func() error {
			next := time.NewTicker(10 * time.Millisecond)
			defer next.Stop()
			for i, began := 0, time.Now(); i < n || n == 0 && time.Since(began) < measuredTime; i++ {
				start := time.Now()
				if err := do(i); err != nil {
					return err
				}
				*all = append(*all, time.Since(start))
				<-next.C // so that measuring is no load
			}
			return nil
		}
	}
	var both errgroup.Group
	both.Go(repeat(&took.noop, func(i int) error { return idle[i%len(idle)].do("NOOP", "200") }))
	both.Go(repeat(&took.list, func(int) error {
		v, err := visit(l.address, l.config)
		if err != nil {
			return err
		}
		lines, err := v.list()
		if err == nil && lines < 100 {
			err = fmt.Errorf("a listing of %d lines", lines)
		}
		return err
	}))
	if err := both.Wait(); err != nil {
		l.Fatal(err)
	}
	return took
}

func (l *load) report(took latencies, when string) {
	for what, all := range map[string][]time.Duration{"NOOP": took.noop, "login+LIST": took.list} {
		slices.Sort(all)
		l.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "ms-"+what+"-"+when)
		l.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "ms-"+what+"-"+when+"-p99")
	}
}

func (l *load) memory(when string) {
	for field, unit := range map[string]string{"VmRSS:": "MiB-" + when, "VmHWM:": "MiB-most-" + when} {
		if kib, ok := memoryOf(l.pid, field); ok {
			l.ReportMetric(float64(kib)/1024, unit)
		}
	}
}

// descriptors is how many the server has open.
func (l *load) descriptors() int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", l.pid))
	if err != nil {
		l.Fatal(err)
	}
	return len(entries)
}
