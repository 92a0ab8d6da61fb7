package rsexec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rsexec/grammar"
	"rsexec/rsexec/state"
	"rsexec/sites"
	"rsexec/sites/ftptest"
	"rsexec/sites/ftptest/fault"
)

// soakRuns is how many runs TestSoak makes unless RSEXEC_SOAK says otherwise.
const soakRuns = 2000

// TestSoak moves files between real servers while connections are cut, reset, stalled,
// delayed and cut short at chosen moments, and goes on with what was left until it is
// done: then every file is byte for byte right, every APPEND is there exactly once, no
// temporary name is left, and no source was touched.
//
// RSEXEC_SOAK=20000 makes more runs, RSEXEC_SOAK_SEED=N makes the one with that
// seed, and logs what is said on the control connections.
func TestSoak(t *testing.T) {
	runs, first, replay := soakRuns, uint64(1), false
	if testing.Short() {
		runs = 50
	}
	if n, err := strconv.Atoi(os.Getenv("RSEXEC_SOAK")); err == nil {
		runs = n
	}
	if n, err := strconv.ParseUint(os.Getenv("RSEXEC_SOAK_SEED"), 10, 64); err == nil {
		runs, first = 1, n
		replay = true
	}
	hosts := soakHosts(t)
	seeds := make(chan uint64)
	var hit [5]int
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range 24 {
		workers.Go(func() {
			for seed := range seeds {
				r := &soak{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), hosts: hosts, trace: replay}
				err := r.run()
				if replay {
					t.Log(r.log.String())
				}
				if err != nil {
					t.Errorf("seed %d: %v\nRSEXEC_SOAK_SEED=%d replays it; %s\nfaults at the source: %v; hit %q\nfaults at the destination: %v; hit %q\n%s",
						seed, err, seed, r.what, r.plans[0], r.hits(0), r.plans[1], r.hits(1), r.log.String())
				}
				mu.Lock()
				hit[min(len(r.hits(0))+len(r.hits(1)), len(hit)-1)]++
				mu.Unlock()
				r.close()
			}
		})
	}
	for i := range runs {
		if t.Failed() && i > 50 {
			break // a few are enough to look at
		}
		seeds <- first + uint64(i)
	}
	close(seeds)
	workers.Wait()
	t.Logf("runs in which 0, 1, 2, 3, or more faults happened: %v", hit)
}

// soakHost is a server with the folder that it serves.
type soakHost struct{ name, addr, user, password, root string }

// soakHosts starts one server of each kind that is installed, and our own.
func soakHosts(t *testing.T) []soakHost {
	url, root := serve(t, nil)
	hosts := []soakHost{{"ours", strings.TrimPrefix(url, "ftp://u:p@"), "u", "p", root}}
	for _, p := range []ftptest.Peer{ftptest.VSFTPD, ftptest.ProFTPD, ftptest.PureFTPd} {
		if ftptest.Wanted(p) {
			s := ftptest.Start(t, p, ftptest.Options{})
			hosts = append(hosts, soakHost{string(p), s.Addr(), s.User, s.Password, s.Root})
		}
	}
	return hosts
}

// soak is one run.
type soak struct {
	t       *testing.T
	seed    uint64
	rng     *rand.Rand
	hosts   []soakHost
	ends    [2]soakHost // of the source and the destination
	dir     string
	plans   [2]fault.Plan
	proxies [2]*fault.Proxy
	what    string // is done between which servers
	log     bytes.Buffer
	state   string
	trace   bool
}

func (r *soak) hits(i int) []string {
	if r.proxies[i] == nil {
		return nil
	}
	return r.proxies[i].Hit()
}

func (r *soak) close() {
	for i, p := range r.proxies {
		if p != nil {
			if err := p.Close(); err != nil {
				r.t.Errorf("seed %d: %v", r.seed, err)
			}
		}
		if !r.t.Failed() && r.ends[i].root != "" {
			if err := os.RemoveAll(filepath.Join(r.ends[i].root, r.dir)); err != nil {
				r.t.Error(err)
			}
		}
	}
	if r.state != "" {
		if err := os.RemoveAll(filepath.Dir(r.state)); err != nil {
			r.t.Error(err)
		}
	}
}

// text returns some bytes that occur nowhere else.
func (r *soak) text(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(r.rng.Uint32())
	}
	return b
}

// files are the files of a folder, by their path in it.
type files map[string][]byte

// put writes files that everybody may read, replace and append to.
func (f files) put(root string) error {
	if err := os.MkdirAll(root, 0o777); err != nil {
		return err
	}
	for name, text := range f {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(file, text, 0o666); err != nil {
			return err
		}
		if err := os.Chmod(file, 0o666); err != nil {
			return err
		}
	}
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(p, 0o777)
		}
		return err
	})
}

// filesIn reads a folder.
func filesIn(root string) (files, error) {
	f := make(files)
	return f, filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, p)
		if err == nil {
			f[filepath.ToSlash(name)], err = os.ReadFile(p)
		}
		return err
	})
}

// differ tells how two folders differ; "" if they do not.
func (f files) differ(want files) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		switch text, there := want[name]; {
		case !there:
			all = append(all, fmt.Sprintf("%s is left (%d bytes)", name, len(f[name])))
		case !bytes.Equal(text, f[name]):
			same := 0
			for same < min(len(text), len(f[name])) && text[same] == f[name][same] {
				same++
			}
			all = append(all, fmt.Sprintf("%s has %d bytes, of which the first %d are right, and should have %d", name, len(f[name]), same, len(text)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if _, there := f[name]; !there {
			all = append(all, name+" is missing")
		}
	}
	return strings.Join(all, "; ")
}

// run makes the run and checks what came of it.
func (r *soak) run() error {
	r.dir = fmt.Sprintf("s%d", r.seed)
	for i := range r.ends {
		r.ends[i] = r.hosts[r.rng.IntN(len(r.hosts))]
	}
	verb := []string{"COPY", "COPY", "TREE", "SWARM", "APPEND", "APPEND", "MIRROR", "MOVE"}[r.rng.IntN(8)]
	size := []int{0, 1, 1000, 70_000, 300_000}[r.rng.IntN(5)]
	swarm := verb == "SWARM" // a tree of so many that they share sessions
	if swarm {
		verb, size = "TREE", 2000
	}
	source, dest := files{}, files{}
	count := map[string]int{"COPY": 1, "APPEND": 1 + r.rng.IntN(3)}[verb]
	if count == 0 {
		count = 2 + r.rng.IntN(5)
	}
	if swarm {
		count = 12 + r.rng.IntN(24)
	}
	for i := range count {
		name := fmt.Sprintf("f%d", i)
		if verb == "TREE" || verb == "MIRROR" {
			name = []string{"", "d/", "d/e/"}[r.rng.IntN(3)] + name
		}
		source[name] = r.text(r.rng.IntN(size + 1))
	}
	statement, want, wantSource := r.statement(verb, source, dest)
	root := [2]string{filepath.Join(r.ends[0].root, r.dir, "from"), filepath.Join(r.ends[1].root, r.dir, "to")}
	if err := errors.Join(source.put(root[0]), dest.put(root[1])); err != nil {
		return err
	}
	for i, e := range r.ends {
		if err := os.Chmod(filepath.Join(e.root, r.dir), 0o777); err != nil {
			return err
		}
		r.plans[i] = fault.Random(r.rng, r.rng.IntN(4), int64(size))
		if verb == "TREE" || verb == "MIRROR" {
			r.plans[i] = rough(r.plans[i])
		}
		if swarm {
			r.spread(r.plans[i], count)
		}
		var err error
		if r.proxies[i], err = fault.Listen(e.addr, fault.Options{Faults: r.plans[i], StallTime: 3 * time.Second}); err != nil {
			return err
		}
	}
	r.what = fmt.Sprintf("%s; %s to %s", statement, r.ends[0].name, r.ends[1].name)
	dir, err := os.MkdirTemp("", "rsexec-soak-")
	if err != nil {
		return err
	}
	r.state = filepath.Join(dir, "state.db")
	again := func() string { return statement }
	if verb == "MOVE" { // what was moved is not there to be moved again
		again = func() string {
			left, err := filesIn(root[0])
			if err != nil {
				r.t.Error(err)
			}
			var names []string
			for _, name := range slices.Sorted(maps.Keys(left)) {
				names = append(names, "SITE1:/"+r.dir+"/from/"+name)
			}
			if len(names) == 0 {
				return ""
			}
			return "MOVE " + strings.Join(names, ", ") + " TO SITE2:/" + r.dir + "/to/"
		}
	}
	if err := r.finish(again); err != nil {
		return err
	}
	for i, want := range []files{wantSource, want} {
		got, err := filesIn(root[i])
		if err != nil {
			return err
		}
		if d := got.differ(want); d != "" {
			return fmt.Errorf("at the %s: %s", []string{"source", "destination"}[i], d)
		}
	}
	return nil
}

// rough returns a plan in which no data connection ends in good order before all has
// passed: a listing that ends so, with the server none the wiser, looks like a whole one.
func rough(p fault.Plan) fault.Plan {
	for i, f := range p {
		if onData := f.Where == fault.Up || f.Where == fault.Down; onData && (f.What == fault.Cut || f.What == fault.Truncate) {
			p[i].What = fault.Reset
		}
	}
	return p
}

// spread has faults happen to any of so many files, and not to the first ones alone.
func (r *soak) spread(p fault.Plan, files int) {
	for i, f := range p {
		switch {
		case f.Where == fault.Connect:
		case f.Verb == "" && (f.Where == fault.Command || f.Where == fault.Begin || f.Where == fault.Reply || f.Where == fault.Within):
			p[i].Nth += r.rng.IntN(8 * files) // about as many commands as they take
		default:
			p[i].Nth += r.rng.IntN(files)
		}
	}
}

// statement returns what is done, and what both folders have in the end. It may put
// files into the destination.
func (r *soak) statement(verb string, source, dest files) (statement string, want, wantSource files) {
	want, wantSource = files{}, maps.Clone(source)
	from, to := "SITE1:/"+r.dir+"/from", "SITE2:/"+r.dir+"/to"
	names := slices.Sorted(maps.Keys(source))
	list := func() string {
		var all []string
		for _, name := range names {
			all = append(all, from+"/"+name)
		}
		return strings.Join(all, ", ")
	}
	if r.rng.IntN(2) == 0 {
		dest["other"] = r.text(100)
	}
	switch verb {
	case "COPY":
		if r.rng.IntN(2) == 0 {
			dest["new"] = r.text(1000)
		}
		statement = "COPY " + list() + " TO " + to + "/new"
		maps.Copy(want, dest)
		want["new"] = source[names[0]]
	case "TREE":
		statement = "COPY --recursive " + from + "/ TO " + to + "/"
		maps.Copy(want, dest)
		for name, text := range source {
			want["from/"+name] = text
		}
	case "MOVE":
		statement = "MOVE " + list() + " TO " + to + "/"
		maps.Copy(want, dest)
		maps.Copy(want, source)
		wantSource = files{}
	case "APPEND":
		if r.rng.IntN(2) == 0 {
			dest["log"] = r.text(1000)
		}
		statement = "APPEND " + list() + " TO " + to + "/log"
		maps.Copy(want, dest)
		want["log"] = slices.Clone(dest["log"])
		for _, name := range names {
			want["log"] = append(want["log"], source[name]...)
		}
	case "MIRROR":
		for _, name := range names {
			if r.rng.IntN(3) == 0 {
				dest[name] = r.text(1 + r.rng.IntN(1000)) // older, and of another size but for a rare chance
				if len(dest[name]) == len(source[name]) {
					dest[name] = append(dest[name], 1)
				}
			}
		}
		statement = "MIRROR " + from + " TO " + to + " --delete"
		want = source
	}
	if r.rng.IntN(4) == 0 {
		statement += " --route=relay"
	}
	return statement, want, wantSource
}

// finish performs a statement, and goes on with what is left of it until nothing is.
func (r *soak) finish(statement func() string) error {
	var last error
	before := ""
	for try := range 20 {
		begun, err := r.unfinished()
		switch {
		case err != nil:
			return err
		case try > 0 && last == nil && begun:
			return errors.New("it has ended, and the journal has more of it")
		case begun:
			last = r.perform("RESUME ALL")
		default:
			text := statement()
			if text == "" || try > 0 && last == nil && text == before {
				return nil
			}
			before, last = text, r.perform(text)
		}
		fmt.Fprintf(&r.log, "-> %v\n", last)
	}
	return fmt.Errorf("it is never done: %w", last)
}

// unfinished reports whether the journal has something to go on with.
func (r *soak) unfinished() (bool, error) {
	if _, err := os.Stat(r.state); err != nil {
		return false, nil
	}
	store, err := state.Open(context.Background(), r.state)
	if err != nil {
		return false, err
	}
	found := false
	err = store.Jobs(context.Background(), func(j state.Job) bool {
		found = found || j.Ended.IsZero()
		return true
	})
	return found, errors.Join(err, store.Close())
}

// perform performs a statement in a shell of its own, which now and then is called off.
func (r *soak) perform(text string) error {
	fmt.Fprintf(&r.log, "@ %s\n", text)
	o := Options{Out: &r.log, Err: &r.log, State: r.state, Yes: true, Trace: r.trace}
	for i, p := range r.proxies {
		url := fmt.Sprintf("ftp://%s:%s@%s?timeout=400ms&stall-timeout=300ms", r.ends[i].user, r.ends[i].password, p.Addr())
		c, err := sites.ParseURL(fmt.Sprintf("SITE%d", i+1), url)
		if err != nil {
			return err
		}
		o.Sites = append(o.Sites, c)
	}
	x, err := New(o)
	if err != nil {
		return err
	}
	x.mover.Hurry = 60
	statements, err := grammar.Parse("", text)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if r.rng.IntN(8) == 0 {
		timer := time.AfterFunc(time.Duration(r.rng.IntN(200))*time.Millisecond, stop)
		defer timer.Stop()
	}
	err = x.Run(ctx, statements[0])
	return errors.Join(err, x.Close())
}
