package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
	"rsexec/sites/ftptest/fault"
)

// A linkedNetwork is sites S0, S1, ..., each behind a link: all data that it sends to others or
// gets from them passes that.
type linkedNetwork struct {
	sites []*linked

	// passes is called before a piece of a data connection passes from one site to
	// another. It may be nil, and is not to be changed once anything moves.
	passes func(from, to *linked, conn string)
}

// linked is a site of a linkedNetwork.
type linked struct {
	name, root string
	addr       netip.Addr // that its server connects from
	proxy      *fault.Proxy
	stop       context.CancelFunc
	out, in    *rate.Limiter
}

// link starts n sites whose links let so many bytes a second pass each way; 0 is any
// number.
func link(t testing.TB, n, speed int) *linkedNetwork {
	t.Helper()
	net := &linkedNetwork{}
	limit := func() *rate.Limiter {
		if speed == 0 {
			return rate.NewLimiter(rate.Inf, 0)
		}
		return rate.NewLimiter(rate.Limit(speed), 128<<10)
	}
	for i := range n {
		s := &linked{name: fmt.Sprintf("S%d", i), root: t.TempDir(), out: limit(), in: limit()}
		l, err := ftpd.Listen(t.Context(), ftptest.FreshHost()+":0")
		if err != nil {
			t.Fatal(err)
		}
		server := &ftpd.Server{Users: []ftpd.User{{Name: "u", Password: "p", Root: s.root}},
			AllowPeers: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
		var ctx context.Context
		ctx, s.stop = context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(ctx, l) }()
		t.Cleanup(func() {
			s.stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
		s.addr = netip.MustParseAddrPort(l.Addr().String()).Addr()
		s.proxy = fault.Start(t, l.Addr().String(), fault.Options{Pass: func(p fault.Piece) { net.pass(s, p) }})
		net.sites = append(net.sites, s)
	}
	return net
}

// pass lets a piece pass the link of s, and that of the other end.
func (n *linkedNetwork) pass(s *linked, p fault.Piece) {
	var other *linked
	for _, o := range n.sites {
		if o.addr == p.Peer {
			other = o
		}
	}
	if other == nil {
		return // the user's host: a listing
	}
	from, to := other, s
	if p.Where == fault.Down {
		from, to = s, other
	}
	if n.passes != nil {
		n.passes(from, to, fmt.Sprint(s.name, p.Conn))
	}
	for _, l := range []*rate.Limiter{from.out, to.in} {
		if l.Limit() != rate.Inf {
			if err := l.WaitN(context.Background(), p.Bytes); err != nil {
				panic(err) // a piece is no larger than the burst, and nobody ends the wait
			}
		}
	}
}

// die ends a site as the end of its host would.
func (s *linked) die() {
	s.stop()
	s.proxy.Refuse(true)
	s.proxy.Cut()
}

// named returns the options of the command line that name the sites.
func (n *linkedNetwork) named() (args []string) {
	for _, s := range n.sites {
		args = append(args, "--site", fmt.Sprintf("%s=ftp://u:p@%s", s.name, s.proxy.Addr()))
	}
	return args
}

// plant makes the file that S0 has.
func (n *linkedNetwork) plant(t testing.TB, text []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(n.sites[0].root, "f"), text, 0o666); err != nil {
		t.Fatal(err)
	}
}

// distribution is a statement that copies S0:f to all other sites.
func (n *linkedNetwork) distribution() string {
	var dests []string
	for _, s := range n.sites[1:] {
		dests = append(dests, s.name+":")
	}
	return "COPY S0:f TO " + strings.Join(dests, ", ")
}

// content returns a file of which no two pieces are the same.
func content(size int) []byte {
	b := make([]byte, size)
	r := rand.NewChaCha8([32]byte{})
	if _, err := r.Read(b); err != nil {
		panic(err) // it has no errors
	}
	return b
}

// served reads the events of a distribution: how many files were copied, the greatest
// number of copies that one is the copy of, how many rounds it took if nobody serves two
// at once, and how many failed.
func served(t testing.TB, stdout string) (copied, depth, rounds, failed int) {
	t.Helper()
	levels, ready := map[string]int{}, map[string]int{} // by pathname; of the source both are 0
	for line := range strings.Lines(stdout) {
		var e struct{ Event, Source, Destination, From string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("no JSON object: %s: %v", line, err)
		}
		switch e.Event {
		case "error":
			failed++
		case "transfer":
			if e.Source != "S0:/f" {
				t.Errorf("the source is %s", e.Source)
			}
			from := e.From
			if from == "" {
				from = e.Source
			}
			if _, has := levels[from]; !has && from != e.Source || from == e.Source && e.From != "" {
				t.Errorf("%s was served by %q, who did not have it", e.Destination, e.From)
			}
			copied++
			levels[e.Destination] = levels[from] + 1
			ready[from]++
			ready[e.Destination] = ready[from]
			depth, rounds = max(depth, levels[e.Destination]), max(rounds, ready[from])
		}
	}
	return copied, depth, rounds, failed
}

// lack tells which sites do not have the file.
func (n *linkedNetwork) lack(t testing.TB, want []byte) (lack []string) {
	t.Helper()
	for _, s := range n.sites {
		if got, err := os.ReadFile(filepath.Join(s.root, "f")); err != nil || !bytes.Equal(got, want) {
			lack = append(lack, s.name)
		}
	}
	return lack
}

// TestDistribute copies a file to eight sites. In each round everybody who has it serves
// one who does not: that is held by letting nothing pass before so many serve at once.
func TestDistribute(t *testing.T) {
	t.Parallel()
	n := link(t, 9, 0)
	text := content(300_000)
	n.plant(t, text)
	var mu sync.Mutex
	round := []int{1, 2, 4, 1} // how many are served in each
	at, waiting := 0, 0
	gate := make(chan struct{})
	begun := make(map[string]bool)
	serving := make(map[*linked]int) // in which round it serves
	late := time.After(time.Minute)
	n.passes = func(from, to *linked, conn string) {
		mu.Lock()
		if begun[conn] {
			mu.Unlock()
			return
		}
		begun[conn] = true
		if at == len(round) {
			t.Errorf("%s serves %s in a round too many", from.name, to.name)
			mu.Unlock()
			return
		}
		if serving[from] > at {
			t.Errorf("%s serves two at once", from.name)
		}
		serving[from] = at + 1
		mine := gate
		if waiting++; waiting == round[at] {
			close(gate)
			gate, waiting, at = make(chan struct{}), 0, at+1
		}
		mu.Unlock()
		select {
		case <-mine:
		case <-late:
			t.Errorf("%s waits in vain for others that serve in the same round", from.name)
		}
	}
	status, stdout, stderr := perform(t, append(n.named(), "--json", "-c", n.distribution())...)
	if status != 0 {
		t.Errorf("status %d\n%s", status, stderr)
	}
	if copied, depth, rounds, _ := served(t, stdout); copied != 8 || depth > 4 || rounds != 4 {
		t.Errorf("%d files were copied, each through %d sites at most, in %d rounds\n%s", copied, depth, rounds, stdout)
	}
	if lack := n.lack(t, text); lack != nil {
		t.Errorf("%v lack the file", lack)
	}
}

// TestDistributeWithDeath has a site die in the middle of a distribution: one that serves
// another, which has the file already, the source itself, or one that is served.
func TestDistributeWithDeath(t *testing.T) {
	const size = 3 << 20 // much, of which a part is gone on from
	text := content(size)
	for name, c := range map[string]struct {
		dies   func(from, to *linked) *linked // nil if nobody does now
		lack   int
		status int
	}{
		"who serves": {func(from, _ *linked) *linked {
			if from.name == "S0" {
				return nil
			}
			return from
		}, 0, 0},
		"the source, when another has the file": {func(from, _ *linked) *linked {
			if info, err := os.Stat(filepath.Join(from.root, "second")); from.name != "S0" || err != nil || info == nil {
				return nil
			}
			return from
		}, 0, 0},
		"who is served": {func(from, to *linked) *linked {
			if from.name == "S0" {
				return nil
			}
			return to
		}, 1, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := link(t, 9, 0)
			n.plant(t, text)
			var mu sync.Mutex
			var dead *linked
			passed := make(map[string]int)
			var first string // connection
			n.passes = func(from, to *linked, conn string) {
				mu.Lock()
				defer mu.Unlock()
				if first == "" {
					first = conn
				} else if from.name == "S0" && conn != first && passed[conn] == 0 {
					// The second that it serves.
					if err := os.WriteFile(filepath.Join(from.root, "second"), nil, 0o666); err != nil {
						t.Error(err)
					}
				}
				if passed[conn]++; passed[conn] < 40 || dead != nil { // pieces are 32 KiB
					return
				}
				if dead = c.dies(from, to); dead != nil {
					go dead.die()
				}
			}
			status, stdout, stderr := perform(t, append(n.named(), "--json", "-c", n.distribution())...)
			mu.Lock()
			defer mu.Unlock()
			if dead == nil {
				t.Fatalf("nobody died\n%s", stdout)
			}
			copied, _, _, failed := served(t, stdout)
			if lack := n.lack(t, text); status != c.status || copied != 8-c.lack || len(lack) != c.lack || c.lack == 1 && (lack[0] != dead.name || failed != 2) {
				t.Errorf("%s died; status %d, %d copied, %d errors, %v lack the file\n%s%s", dead.name, status, copied, failed, lack, stdout, stderr)
			}
		})
	}
}

// BenchmarkDistribute copies a file of 64 MiB to eight sites, each behind a link of 32
// MiB/s: with one statement; with one for each site; and with lftp, one get for each, all
// server to server.
func BenchmarkDistribute(b *testing.B) {
	const size, speed = 64 << 20, 32 << 20
	text := content(size)
	n := link(b, 9, speed)
	n.plant(b, text)
	lftp, err := exec.LookPath("lftp")
	if err != nil {
		b.Log(err)
	}
	var mu sync.Mutex
	direct := make(map[string]bool) // connections between two sites
	n.passes = func(_, _ *linked, conn string) {
		mu.Lock()
		defer mu.Unlock()
		direct[conn] = true
	}
	timed := func(program string, args ...string) (took time.Duration, stdout string) {
		for _, s := range n.sites[1:] {
			os.Remove(filepath.Join(s.root, "f")) // none is there at first
		}
		clear(direct) // nothing moves now
		var out, errs bytes.Buffer
		command := exec.Command(program, args...)
		command.Stdout, command.Stderr = &out, &errs
		began := time.Now()
		if err := command.Run(); err != nil {
			b.Fatalf("%s: %v\n%s%s", program, err, &out, &errs)
		}
		took = time.Since(began)
		if len(direct) < len(n.sites)-1 { // one that broke off was begun again
			b.Fatalf("%s: %d files went from server to server", program, len(direct))
		}
		if lack := n.lack(b, text); lack != nil {
			b.Fatalf("%s: %v lack the file\n%s%s", program, lack, &out, &errs)
		}
		return took, out.String()
	}
	one, each, theirs, rounds := time.Duration(0), time.Duration(0), time.Duration(0), 0
	for b.Loop() {
		args := append([]string{"--state", filepath.Join(b.TempDir(), "state.db"), "--json"}, n.named()...)
		took, out := timed("rsexec", append(args, "-c", n.distribution())...)
		one += took
		_, _, rounds, _ = served(b, out)
		script := "set ftp:use-fxp yes; set ftp:passive-mode yes; set net:max-retries 3; set cmd:fail-exit yes\n"
		for _, s := range n.sites[1:] {
			args = append(args, "-c", "COPY S0:f TO "+s.name+":")
			script += fmt.Sprintf("get ftp://u:p@%s/f -o ftp://u:p@%s/f\n", n.sites[0].proxy.Addr(), s.proxy.Addr())
		}
		took, _ = timed("rsexec", args...)
		each += took
		if lftp != "" {
			took, _ = timed(lftp, "-c", script)
			theirs += took
		}
	}
	b.ReportMetric(float64(rounds), "rounds")
	b.ReportMetric(one.Seconds()/float64(b.N), "s/distribution")
	b.ReportMetric(each.Seconds()/one.Seconds(), "each/one")
	if lftp != "" {
		b.ReportMetric(theirs.Seconds()/one.Seconds(), "lftp/one")
	}
}
