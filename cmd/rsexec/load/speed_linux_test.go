package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rsexec/sites/ftptest"
	"rsexec/sites/ftptest/delay"
)

// These benchmarks have this program, lftp and rclone do the same work between the same
// servers, in turn. Each prints a table, of which the last columns are counts that do not
// depend on the machine, and reports seconds and ratios: lftp/rsexec is how many times as
// long lftp takes for a file. All take some ten minutes:
//
//	go test -run xxx -bench 'SmallFiles|BigFile|SlowUser|ManyFiles|Listing' -benchtime 1x -timeout 30m ./cmd/rsexec/load
//
// Over a network there are 20 ms between a packet and its answer. Who takes long does fewer
// files, and is compared by the time for one; that flatters rclone, which lists the whole
// destination for each file. lftp that writes ahead loses a file now and then on a busy
// machine, and waits for its time-out: with -benchtime 3x it is the best of three that count.
const roundTrip = 20 * time.Millisecond

// course is where the programs run: what they are given, and what is measured of them.
type course struct {
	*testing.B
	home  string // of the other programs; there is nothing in it
	rtt   time.Duration
	net   *delay.Network // nil: no delay
	sites []remote
}

// newCourse starts servers, with a network between them if there is a delay or a rate.
func newCourse(b *testing.B, o delay.Options, peers ...ftptest.Peer) *course {
	b.Helper()
	c := &course{B: b, home: b.TempDir(), rtt: 2 * o.Delay}
	if o != (delay.Options{}) {
		c.net = delay.Start(b, o)
	}
	for _, p := range peers {
		c.sites = append(c.sites, far(b, c.net, startServer(b, p, ftptest.Options{})))
	}
	return c
}

func over(rtt time.Duration) delay.Options { return delay.Options{Delay: rtt / 2} }

// An entrant does a task with a program.
type entrant struct {
	name  string
	units int                           // how many files of the task it does; the times of others are for as many
	run   func(units int) [][]string    // commands, run at once
	after func(out *bytes.Buffer) error // what is to be checked; may be nil
}

// effort is what it took.
type effort struct {
	seconds, cpu float64
	kib          int64 // resident at most, of all commands together
	counts       []delay.Counts
}

// race has all entrants do a task and compares them with the first. reset comes before each,
// and check after it.
func (c *course) race(task string, entrants []entrant, reset func(), check func(units int) error) {
	best := make([]effort, len(entrants))
	for c.Loop() {
		for i, e := range entrants {
			reset()
			got, err := c.time(e)
			if err == nil && check != nil {
				err = check(e.units)
			}
			if err != nil {
				c.Fatalf("%s: %s: %v", task, e.name, err)
			}
			if best[i].seconds == 0 || got.seconds < best[i].seconds {
				best[i] = got
			}
		}
	}
	reset()
	most := 0
	for _, e := range entrants {
		most = max(most, e.units)
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%s\n%-24s %6s %9s %9s %7s %6s %6s %6s %9s %5s\n", task,
		"", "files", "seconds", "ms/file", "rt/file", "ratio", "cpu s", "MiB", "turns", "peak")
	first := best[0].seconds / float64(entrants[0].units)
	for i, e := range entrants {
		each := best[i].seconds / float64(e.units)
		rtt, turns, sessions := "", "", ""
		if c.net != nil {
			waits, at := 0, []string{}
			for _, counts := range best[i].counts {
				waits += counts.Waits()
				at = append(at, strconv.Itoa(counts.Sessions))
			}
			rtt, turns = fmt.Sprintf("%.2f", each/c.rtt.Seconds()), fmt.Sprintf("%.2f", float64(waits)/float64(e.units))
			sessions = strings.Join(at, "+")
		}
		fmt.Fprintf(&table, "%-24s %6d %9.3f %9.3f %7s %6.2f %6.2f %6.1f %9s %5s\n", e.name, e.units, best[i].seconds, each*1000, rtt,
			each/first, best[i].cpu, float64(best[i].kib)/1024, turns, sessions)
		c.ReportMetric(each*float64(most), "s/"+e.name)
		if i > 0 {
			c.ReportMetric(each/first, e.name+"/"+entrants[0].name)
		}
	}
	c.ReportMetric(float64(best[0].kib)/1024, "MiB/"+entrants[0].name)
	c.ReportMetric(0, "ns/op") // the sum of all says nothing
	c.Log(table.String())
}

// time runs the commands of an entrant, and measures them.
func (c *course) time(e entrant) (effort, error) {
	if c.net != nil {
		c.net.Reset()
	}
	lines := e.run(e.units)
	errs, kib, cpu := make([]error, len(lines)), make([]int64, len(lines)), make([]time.Duration, len(lines))
	var all sync.WaitGroup
	began := time.Now()
	for i, line := range lines {
		all.Go(func() {
			command := exec.Command(line[0], line[1:]...)
			command.Env = append(os.Environ(), "HOME="+c.home, "XDG_CONFIG_HOME="+c.home, "XDG_CACHE_HOME="+c.home)
			var out, problems bytes.Buffer
			command.Stdout, command.Stderr = &out, &problems
			kib[i], errs[i] = runMeasured(command, nil)
			if errs[i] == nil && e.after != nil {
				errs[i] = e.after(&out)
			}
			if errs[i] != nil {
				errs[i] = fmt.Errorf("%w\n%.1000s\n%.1000s", errs[i], &problems, &out)
			}
			if command.ProcessState != nil {
				cpu[i] = command.ProcessState.UserTime() + command.ProcessState.SystemTime()
			}
		})
	}
	all.Wait()
	got := effort{seconds: time.Since(began).Seconds()}
	for i := range lines {
		got.kib += kib[i]
		got.cpu += cpu[i].Seconds()
	}
	if c.net != nil {
		for _, s := range c.sites {
			got.counts = append(got.counts, s.proxy.Counts())
		}
	}
	return got, errors.Join(errs...)
}

// shell is this program, with a state that knows nothing yet.
func (c *course) shell(statement string) []string {
	line := []string{"rsexec", "--state", filepath.Join(c.TempDir(), "state.db")}
	for i, s := range c.sites {
		line = append(line, "--site", fmt.Sprintf("SITE%d=%s", i+1, s.url()))
	}
	return append(line, "-c", statement)
}

// lftp is lftp with settings and a command.
func (c *course) lftp(script string) []string {
	return []string{"lftp", "-c", "set ftp:ssl-allow no; set net:timeout 10; set net:reconnect-interval-base 1; set net:max-retries 3; set xfer:clobber yes; set cmd:fail-exit yes; " + script}
}

// rclone is rclone without a configuration. at says what it calls a pathname at a site.
func (c *course) rclone(args ...string) []string {
	return append([]string{"rclone", "--config", os.DevNull}, args...)
}

// at is what rclone calls a pathname at a site.
func (c *course) at(site int, path string) string {
	obscured, err := exec.Command("rclone", "obscure", c.sites[site].Password).Output()
	if err != nil {
		c.Fatal(err)
	}
	host, port, _ := strings.Cut(c.sites[site].address(), ":")
	return fmt.Sprintf(":ftp,host=%s,port=%s,user=%s,pass='%s':%s", host, port, c.sites[site].User, strings.TrimSpace(string(obscured)), path)
}

// present leaves out those whose program is not installed, unless they have to be.
func (c *course) present(entrants ...entrant) (there []entrant) {
	for _, e := range entrants {
		program, _, _ := strings.Cut(e.name, "-")
		if _, err := exec.LookPath(program); program == "rsexec" || err == nil || os.Getenv("RSEXEC_PEERS") == "require" {
			there = append(there, e)
		}
	}
	return there
}

// trees makes the entrants that copy a directory of so many files from the first site to the
// second, and compares them.
func (c *course) trees(task string, entrants ...entrant) {
	made := make(map[int]bool)
	entrants = c.present(entrants...)
	for _, e := range entrants {
		if dir := fmt.Sprint("n", e.units); !made[e.units] {
			if err := os.RemoveAll(filepath.Join(c.sites[0].Root, dir)); err != nil {
				c.Fatal(err)
			}
			writeMany(c, c.sites[0], dir, e.units)
			made[e.units] = true
		}
	}
	c.race(task, entrants, c.clear, func(units int) error {
		return differ(c.sites[0], c.sites[1], fmt.Sprint("n", units), units)
	})
}

// clear empties the second site.
func (c *course) clear() {
	entries, err := os.ReadDir(c.sites[1].Root)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(c.sites[1].Root, e.Name())))
	}
	if err != nil {
		c.Fatal(err)
	}
}

func (c *course) copies(name string, units int, options string) entrant {
	return entrant{name: name, units: units, run: func(units int) [][]string {
		return [][]string{c.shell(fmt.Sprintf("COPY --recursive %s SITE1:/n%d TO SITE2:/n%[2]d", options, units))}
	}}
}

func (c *course) mirrors(name string, units, parallel int, settings string) entrant {
	return entrant{name: name, units: units, run: func(units int) [][]string {
		return [][]string{c.lftp(fmt.Sprintf("%s; mirror --parallel=%d %s/n%d %s/n%[4]d", settings, parallel, c.sites[0].url(), units, c.sites[1].url()))}
	}}
}

func (c *course) rclones(units, transfers int) entrant {
	return entrant{name: fmt.Sprint("rclone-", transfers), units: units, run: func(units int) [][]string {
		dir := fmt.Sprint("n", units)
		return [][]string{c.rclone("copy", "--transfers", strconv.Itoa(transfers), c.at(0, dir), c.at(1, dir))}
	}}
}

// The settings of lftp.
const (
	fxp      = "set ftp:use-fxp yes"
	noFXP    = "set ftp:use-fxp no"
	fxpAhead = fxp + "; set ftp:sync-mode off"
	withTemp = "; set xfer:use-temp-file yes" // which is renamed when it is whole, as ours is
)

// BenchmarkSmallFiles copies files of 4 KiB over a network.
func BenchmarkSmallFiles(b *testing.B) {
	const slow, some, all = 100, 300, 1000
	title := func(c *course, from, to ftptest.Peer, how string) string {
		return fmt.Sprintf("files of 4 KiB from %s to %s, %v round trip, %s", from, to, c.rtt, how)
	}
	b.Run("direct", func(b *testing.B) {
		c := newCourse(b, over(roundTrip), ftptest.VSFTPD, ftptest.ProFTPD)
		on := func(b *testing.B) *course { there := *c; there.B = b; return &there }
		b.Run("pairs=1", func(b *testing.B) {
			c := on(b)
			c.trees(title(c, ftptest.VSFTPD, ftptest.ProFTPD, "direct, one pair"),
				c.copies("rsexec", slow, "--route=direct --max-sessions=1"),
				c.mirrors("lftp", slow, 1, fxp),
				c.mirrors("lftp-ahead", slow, 1, fxpAhead))
		})
		b.Run("pairs=8", func(b *testing.B) {
			c := on(b)
			c.trees(title(c, ftptest.VSFTPD, ftptest.ProFTPD, "direct, eight pairs"),
				c.copies("rsexec", all, "--route=direct --max-sessions=8"),
				c.mirrors("lftp", some, 8, fxp),
				c.mirrors("lftp-ahead", all, 8, fxpAhead))
		})
		b.Run("pairs=any", func(b *testing.B) {
			c := on(b)
			c.trees(title(c, ftptest.VSFTPD, ftptest.ProFTPD, "direct, as many pairs as rsexec takes"),
				c.copies("rsexec", all, ""),
				c.mirrors("lftp-ahead-16", all, 16, fxpAhead))
		})
	})
	for _, pair := range [][2]ftptest.Peer{{ftptest.VSFTPD, ftptest.PureFTPd}, {ours, ours}} {
		b.Run(fmt.Sprintf("direct-%s-to-%s", pair[0], pair[1]), func(b *testing.B) {
			c := newCourse(b, over(roundTrip), pair[0], pair[1])
			c.trees(title(c, pair[0], pair[1], "direct, eight pairs"),
				c.copies("rsexec", some, "--route=direct --max-sessions=8"),
				c.mirrors("lftp", some, 8, fxp),
				c.mirrors("lftp-ahead", some, 8, fxpAhead))
		})
	}
	b.Run("relay", func(b *testing.B) {
		c := newCourse(b, over(roundTrip), ftptest.VSFTPD, ftptest.ProFTPD)
		on := func(b *testing.B) *course { there := *c; there.B = b; return &there }
		b.Run("pairs=1", func(b *testing.B) {
			c := on(b)
			c.trees(title(c, ftptest.VSFTPD, ftptest.ProFTPD, "relayed, one pair"),
				c.copies("rsexec", slow, "--route=relay --max-sessions=1"),
				c.mirrors("lftp", slow, 1, noFXP))
		})
		b.Run("pairs=8", func(b *testing.B) {
			c := on(b)
			c.trees(title(c, ftptest.VSFTPD, ftptest.ProFTPD, "relayed, eight pairs"),
				c.copies("rsexec", all, "--route=relay --max-sessions=8"),
				c.mirrors("lftp", some, 8, noFXP),
				c.rclones(some/2, 4), c.rclones(some, 8))
		})
		b.Run("pairs=any", func(b *testing.B) {
			c := on(b)
			c.trees(title(c, ftptest.VSFTPD, ftptest.ProFTPD, "relayed, as many pairs as rsexec takes"),
				c.copies("rsexec", all, "--route=relay"),
				c.mirrors("lftp-16", some, 16, noFXP),
				c.rclones(some, 16))
		})
	})
}

// BenchmarkManyFiles copies files of 4 KiB where there is no delay: how the time grows with
// their number shows in ms/file.
func BenchmarkManyFiles(b *testing.B) {
	c := newCourse(b, over(0), ftptest.VSFTPD, ftptest.ProFTPD)
	for _, files := range []int{1000, 10_000} {
		for _, route := range []string{"direct", "relay"} {
			b.Run(fmt.Sprintf("%d/%s", files, route), func(b *testing.B) {
				there := *c
				there.B = b
				settings := map[string]string{"direct": fxp, "relay": noFXP}[route]
				entrants := []entrant{there.copies("rsexec", files, "--route="+route), there.mirrors("lftp-8", files, 8, settings),
					there.mirrors("lftp-8-temp", files, 8, settings+withTemp)}
				if files == 1000 {
					entrants = append(entrants, there.mirrors("lftp-1", files, 1, settings))
					if route == "relay" { // it lists the destination twice for each file
						entrants = append(entrants, there.rclones(files, 8))
					}
				}
				there.trees(fmt.Sprintf("files of 4 KiB from vsftpd to proftpd, no delay, %s", route), entrants...)
			})
		}
	}
}

// big has one file copied.
func (c *course) big(task, route, lftp string, size int, peers bool) {
	source := filepath.Join(c.sites[0].Root, "big")
	if err := os.WriteFile(source, content(size), 0o644); err != nil {
		c.Fatal(err)
	}
	entrants := []entrant{
		{name: "rsexec", units: 1, run: func(int) [][]string {
			return [][]string{c.shell("COPY --route=" + route + " SITE1:/big TO SITE2:/big")}
		}},
		{name: "lftp", units: 1, run: func(int) [][]string {
			// STAT in the middle of a transfer is what some servers take for its end.
			return [][]string{c.lftp(fmt.Sprintf("set ftp:use-stat no; %s; get %s/big -o %s/big", lftp, c.sites[0].url(), c.sites[1].url()))}
		}},
	}
	if peers {
		entrants = append(entrants, entrant{name: "rclone", units: 1, run: func(int) [][]string {
			return [][]string{c.rclone("copyto", c.at(0, "big"), c.at(1, "big"))}
		}})
	}
	c.race(task, c.present(entrants...), c.clear, func(int) error { return sameFile(source, filepath.Join(c.sites[1].Root, "big")) })
}

// BenchmarkBigFile copies 512 MiB, from server to server and by relay.
func BenchmarkBigFile(b *testing.B) {
	const size = 512 << 20
	for _, to := range []ftptest.Peer{ftptest.ProFTPD, ftptest.PureFTPd, ours} {
		for _, rtt := range []time.Duration{0, roundTrip} {
			if rtt > 0 && to != ftptest.ProFTPD {
				continue
			}
			b.Run(fmt.Sprintf("%s/%v", to, rtt), func(b *testing.B) {
				c := newCourse(b, over(rtt), ftptest.VSFTPD, to)
				for _, route := range []string{"direct", "relay"} {
					b.Run(route, func(b *testing.B) {
						there := *c
						there.B = b
						there.big(fmt.Sprintf("512 MiB from vsftpd to %s, %v round trip, %s", to, rtt, route), route,
							map[string]string{"direct": fxp, "relay": noFXP}[route], size, route == "relay")
					})
				}
			})
		}
	}
}

// BenchmarkSlowUser copies a file where the user has 20 Mbit/s.
func BenchmarkSlowUser(b *testing.B) {
	o := over(roundTrip)
	o.Rate = 20e6 / 8
	c := newCourse(b, o, ftptest.VSFTPD, ftptest.ProFTPD)
	for _, run := range []struct {
		route, lftp string
		size        int
	}{{"direct", fxp, 64 << 20}, {"relay", noFXP, 16 << 20}} {
		b.Run(run.route, func(b *testing.B) {
			there := *c
			there.B = b
			there.big(fmt.Sprintf("%d MiB from vsftpd to proftpd, %v round trip, 20 Mbit/s to the user, %s", run.size>>20, there.rtt, run.route),
				run.route, run.lftp, run.size, run.route == "relay")
		})
	}
}

// lines holds that a listing has so many lines, that are no headings.
func lines(least int) func(*bytes.Buffer) error {
	return func(out *bytes.Buffer) error {
		if n := bytes.Count(out.Bytes(), []byte("\n")); n < least || n > least+least/10+10 {
			return fmt.Errorf("%d lines, of about %d", n, least)
		}
		return nil
	}
}

// BenchmarkListing lists a large directory, and the trees of five sites at once.
func BenchmarkListing(b *testing.B) {
	peers := []ftptest.Peer{ftptest.VSFTPD, ftptest.ProFTPD, ftptest.PureFTPd, ftptest.Pyftpdlib, ftptest.Inetutils}
	for _, rtt := range []time.Duration{0, roundTrip} {
		b.Run(rtt.String(), func(b *testing.B) {
			b.Run("directory", func(b *testing.B) {
				const entries = 20_000
				c := newCourse(b, over(rtt), ftptest.VSFTPD)
				many := filepath.Join(c.sites[0].Root, "many")
				err := os.Mkdir(many, 0o755)
				for i := range entries {
					err = errors.Join(err, os.WriteFile(filepath.Join(many, fmt.Sprintf("entry%06d", i)), nil, 0o644))
				}
				if err != nil {
					b.Fatal(err)
				}
				c.race(fmt.Sprintf("a directory of 20,000 entries at vsftpd, %v round trip", rtt), c.present(
					entrant{"rsexec", 1, func(int) [][]string { return [][]string{c.shell("FIND SITE1:/many/*")} }, lines(entries)},
					entrant{"lftp", 1, func(int) [][]string { return [][]string{c.lftp("open " + c.sites[0].url() + "/; find many")} }, lines(entries)},
					entrant{"rclone", 1, func(int) [][]string { return [][]string{c.rclone("lsf", c.at(0, "many"))} }, lines(entries)},
				), func() {}, nil)
			})
			b.Run("trees", func(b *testing.B) {
				c := newCourse(b, over(rtt), peers...)
				for i := range c.sites {
					for k := range 50 {
						dir := filepath.Join(c.sites[i].Root, "lsr", fmt.Sprint("d", k))
						err := os.MkdirAll(dir, 0o755)
						for f := range 40 {
							err = errors.Join(err, os.WriteFile(filepath.Join(dir, fmt.Sprint("f", f)), nil, 0o644))
						}
						if err != nil {
							b.Fatal(err)
						}
					}
				}
				atAll := func(line func(site int) []string) func(int) [][]string {
					return func(int) (lines [][]string) {
						for i := range c.sites {
							lines = append(lines, line(i))
						}
						return lines
					}
				}
				c.race(fmt.Sprintf("trees of 51 directories and 2000 files at each of five sites, %v round trip", rtt), c.present(
					entrant{"rsexec", 1, func(int) [][]string { return [][]string{c.shell("FIND *:lsr/**")} }, lines(5 * 2050)},
					entrant{"lftp", 1, atAll(func(i int) []string { return c.lftp("open " + c.sites[i].url() + "; find lsr") }), lines(2050)},
					entrant{"rclone", 1, atAll(func(i int) []string { return c.rclone("lsf", "-R", c.at(i, "lsr")) }), lines(2050)},
					entrant{"rclone-16", 1, atAll(func(i int) []string { return c.rclone("lsf", "-R", "--checkers", "16", c.at(i, "lsr")) }), lines(2050)},
				), func() {}, nil)
			})
		})
	}
}

// sameFile tells whether two files are not the same.
func sameFile(a, b string) (err error) {
	var files [2]*os.File
	for i, name := range []string{a, b} {
		if files[i], err = os.Open(name); err != nil {
			return err
		}
		defer files[i].Close()
	}
	x, y := make([]byte, 1<<20), make([]byte, 1<<20)
	for at := 0; ; at++ {
		n, errX := io.ReadFull(files[0], x)
		m, errY := io.ReadFull(files[1], y)
		if !bytes.Equal(x[:n], y[:m]) {
			return fmt.Errorf("it is not the same at %d MiB", at)
		}
		if errX != nil || errY != nil {
			if errors.Is(errX, io.ErrUnexpectedEOF) {
				errX = io.EOF
			}
			if errX != io.EOF {
				return errX
			}
			return nil
		}
	}
}
