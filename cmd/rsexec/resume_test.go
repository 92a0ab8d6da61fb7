package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rsexec/sites/ftptest"
)

// A network is two sites that are processes of their own, and a state file: what
// outlives a shell.
type network struct {
	rsexec       string
	source, dest string   // the sites' roots
	urls         []string // of SITE1 and SITE2
	state        string
}

// newNetwork starts a network of our own servers.
func newNetwork(t *testing.T) *network {
	t.Helper()
	rsexec, err := exec.LookPath("rsexec") // put there by TestMain
	if err != nil {
		t.Fatal(err)
	}
	n := &network{rsexec: rsexec, source: t.TempDir(), dest: t.TempDir(), state: filepath.Join(t.TempDir(), "state.db")}
	n.urls = []string{ftptest.Serve(t, ftptest.FreshHost(), n.source).URL(), ftptest.Serve(t, ftptest.FreshHost(), n.dest).URL()}
	return n
}

// peerNetwork starts a network of two real servers.
func peerNetwork(t *testing.T, p ftptest.Peer) *network {
	t.Helper()
	source, dest := ftptest.Start(t, p, ftptest.Options{}), ftptest.Start(t, p, ftptest.Options{})
	rsexec, err := exec.LookPath("rsexec")
	if err != nil {
		t.Fatal(err)
	}
	return &network{rsexec: rsexec, source: source.Root, dest: dest.Root, urls: []string{source.URL(), dest.URL()},
		state: filepath.Join(t.TempDir(), "state.db")}
}

// command returns a shell that performs a statement.
func (n *network) command(statement string) *exec.Cmd {
	args := []string{"--state", n.state, "--yes", "--json"}
	for i, url := range n.urls {
		args = append(args, "--site", fmt.Sprintf("SITE%d=%s", i+1, url))
	}
	return exec.Command(n.rsexec, append(args, "-c", statement)...)
}

// run performs a statement in a shell and returns its exit status and what it printed.
func (n *network) run(t *testing.T, statement string) (status int, out string) {
	t.Helper()
	c := n.command(statement)
	b, err := c.CombinedOutput()
	if c.ProcessState == nil {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), string(b)
}

// jobs returns the jobs of the state file: all, or those with something left to do.
func (n *network) jobs(t *testing.T, options string) (list []jobLine) {
	t.Helper()
	status, out := n.run(t, "JOBS"+options)
	if status != 0 {
		t.Fatalf("JOBS: status %d\n%s", status, out)
	}
	for line := range strings.Lines(out) {
		var j jobLine
		if err := json.Unmarshal([]byte(line), &j); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		list = append(list, j)
	}
	return list
}

// A jobLine is the part of a "job" event that the tests look at.
type jobLine struct {
	ID    int64  `json:"id"`
	State string `json:"state"`
}

// An instant is when a shell is killed: some time after it has told that so many files
// are done.
type instant struct {
	files int
	after time.Duration
}

func (i instant) String() string { return fmt.Sprintf("%v after %d files", i.after, i.files) }

// kill performs a statement in a shell and kills it at an instant. killed is false if it
// ended before that, as it has to: with status 0. Whatever becomes of it, it may tell of
// no error.
func (n *network) kill(t *testing.T, statement string, at instant) (killed bool) {
	t.Helper()
	c := n.command(statement)
	var errs bytes.Buffer
	c.Stderr = &errs
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	reached, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		left := at.files
		if left == 0 {
			close(reached)
		}
		for lines := bufio.NewReader(stdout); ; {
			line, err := lines.ReadString('\n')
			out.WriteString(line)
			if err != nil {
				return
			}
			if strings.Contains(line, `"event":"transfer"`) {
				if left--; left == 0 {
					close(reached)
				}
			}
		}
	}()
	select {
	case <-reached:
		select {
		case <-time.After(at.after):
		case <-ended:
		}
	case <-ended:
	}
	_ = c.Process.Kill() // one that has ended is not
	<-ended
	err = c.Wait()
	killed = c.ProcessState.ExitCode() == -1
	if err != nil && !killed || errs.Len() > 0 || strings.Contains(out.String(), `"event":"error"`) {
		t.Errorf("%s, killed %v: %v\n%s%s", statement, at, err, out.String(), errs.String())
	}
	return killed
}

// files returns what is in a folder, by path: folders end with a slash and have no text.
func files(t *testing.T, root string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // a server is still at work
			return nil
		}
		if err != nil || path == root {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() {
			found[name+"/"] = ""
			return nil
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		found[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// plant has a folder hold these files, whose folders are made, and nothing else. Any
// account may change them.
func plant(t *testing.T, root string, files map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(root, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		dir := filepath.Join(root, filepath.Dir(filepath.FromSlash(name)))
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		for ; dir != root; dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o777); err != nil { // whatever the umask
				t.Fatal(err)
			}
		}
		write(t, root, filepath.FromSlash(name), text)
	}
}

// different tells how two sets of files differ; texts are not shown.
func different(want, got map[string]string) string {
	short := func(files map[string]string) map[string]string {
		s := make(map[string]string)
		for name, text := range files {
			switch other, both := want[name]; {
			case both && other == text && got[name] == text:
			case len(text) > 32:
				s[name] = fmt.Sprintf("%d bytes: %q...", len(text), text[:32])
			default:
				s[name] = strconv.Quote(text)
			}
		}
		return s
	}
	return cmp.Diff(short(want), short(got))
}

// An ordeal is a job that is killed again and again.
type ordeal struct {
	name      string
	statement string
	source    map[string]string // what the sites hold before
	dest      map[string]string
	emptied   bool              // the job takes the files away from the source
	want      map[string]string // what the destination holds when it is done
	instant   func(*rand.Rand) instant

	// allowed returns what is wrong with a destination at any time before the end.
	allowed func(source, dest map[string]string) string
}

// text returns a text of size bytes that is hardly ever found in another file.
func text(rng *rand.Rand, size int) string {
	b := make([]byte, size)
	for i := range b {
		b[i] = 'a' + byte(rng.IntN(26))
	}
	return string(b)
}

// isTemporary reports whether a path is that of a file that is not whole.
func isTemporary(path string) bool { return strings.HasPrefix(filepath.Base(path), ".rsexec.") }

// wholeFiles returns a check that each file at the destination, by its own name, is as
// it was before or as it is to be.
func wholeFiles(before, after map[string]string) func(source, dest map[string]string) string {
	return func(_, dest map[string]string) string {
		for name, got := range dest {
			old, was := before[name]
			want, becomes := after[name]
			if strings.HasSuffix(name, "/") || isTemporary(name) || was && got == old || becomes && got == want {
				continue
			}
			return fmt.Sprintf("%s holds %d bytes that it should not", name, len(got))
		}
		return ""
	}
}

// soon returns instants for jobs of many small files.
func soon(files int, after time.Duration) func(*rand.Rand) instant {
	return func(rng *rand.Rand) instant {
		i := instant{files: rng.IntN(files + 1), after: time.Duration(rng.Int64N(int64(after)))}
		if i.files == 0 {
			i.after *= 10 // the shell has to start first
		}
		return i
	}
}

// copyOrdeal is a COPY of a tree over another.
func copyOrdeal(rng *rand.Rand, n int) ordeal {
	o := ordeal{name: "COPY", statement: "COPY SITE1:/from SITE2:/to --recursive",
		source: make(map[string]string), dest: map[string]string{"to/kept": "kept"}, want: map[string]string{"to/": "", "to/from/": "", "to/kept": "kept"}, instant: soon(12, 15*time.Millisecond)}
	for i := range n {
		name := fmt.Sprintf("d%d/f%d", i%7, i)
		o.source["from/"+name] = text(rng, rng.IntN(4000))
		if i%5 == 0 {
			o.dest["to/from/"+name] = text(rng, 100)
		}
		o.want["to/from/"+name] = o.source["from/"+name]
		o.want[fmt.Sprintf("to/from/d%d/", i%7)] = ""
	}
	o.allowed = wholeFiles(o.dest, o.want)
	return o
}

// bigOrdeal is a COPY of files of which much has arrived when the shell is killed.
func bigOrdeal(rng *rand.Rand, n int) ordeal {
	o := ordeal{name: "COPY large files", statement: "COPY SITE1:/from SITE2:/to --recursive --route=relay --limit=6M --max-sessions=2",
		source: make(map[string]string), dest: map[string]string{"to/f0": "old"}, want: map[string]string{"to/": "", "to/from/": "", "to/f0": "old"},
		instant: func(rng *rand.Rand) instant {
			return instant{rng.IntN(2), time.Duration(rng.IntN(700)) * time.Millisecond}
		}}
	for i := range n {
		o.source[fmt.Sprintf("from/f%d", i)] = strings.Repeat(text(rng, 1000), 1500+rng.IntN(1500))
		o.want[fmt.Sprintf("to/from/f%d", i)] = o.source[fmt.Sprintf("from/f%d", i)]
	}
	o.allowed = wholeFiles(o.dest, o.want)
	return o
}

// appendOrdeal is an APPEND of many files to one.
func appendOrdeal(rng *rand.Rand, n, size int, options string) ordeal {
	o := ordeal{name: "APPEND" + options, statement: "APPEND ", source: make(map[string]string), dest: map[string]string{"to": "old\n"},
		instant: func(rng *rand.Rand) instant {
			// After a kill it takes two seconds to be sure that nothing more arrives.
			i := instant{rng.IntN(3), time.Duration(rng.IntN(30)) * time.Millisecond}
			if i.files == 0 {
				i.after *= 80
			}
			return i
		}}
	whole := o.dest["to"]
	for i := range n {
		name := fmt.Sprintf("f%02d", i)
		o.source[name] = text(rng, size/2+rng.IntN(size))
		whole += o.source[name]
		if i > 0 {
			o.statement += ", "
		}
		o.statement += "SITE1:/" + name
	}
	o.source["empty"] = ""
	o.statement += ", SITE1:/empty SITE2:/to" + options
	o.want = map[string]string{"to": whole}
	o.allowed = func(_, dest map[string]string) string {
		if !strings.HasPrefix(whole, dest["to"]) || len(dest["to"]) < 4 {
			return fmt.Sprintf("the %d bytes of it are not the beginning of what it is to hold", len(dest["to"]))
		}
		return ""
	}
	return o
}

// moveOrdeal is a MOVE of many files.
func moveOrdeal(rng *rand.Rand, n int) ordeal {
	o := ordeal{name: "MOVE", statement: "MOVE SITE1:/f* SITE2:/to", source: make(map[string]string), dest: map[string]string{"to/kept": "kept"},
		want: map[string]string{"to/": "", "to/kept": "kept"}, emptied: true, instant: soon(8, 15*time.Millisecond)}
	for i := range n {
		o.source[fmt.Sprintf("f%d", i)] = text(rng, rng.IntN(4000))
		o.want[fmt.Sprintf("to/f%d", i)] = o.source[fmt.Sprintf("f%d", i)]
	}
	whole := wholeFiles(o.dest, o.want)
	o.allowed = func(source, dest map[string]string) string {
		for name, text := range o.source {
			if source[name] != text && dest["to/"+name] != text {
				return name + " is at neither site"
			}
		}
		return whole(source, dest)
	}
	return o
}

// mirrorOrdeal is a MIRROR that replaces, adds and deletes.
func mirrorOrdeal(rng *rand.Rand, n int) ordeal {
	o := ordeal{name: "MIRROR", statement: "MIRROR SITE1:/from SITE2:/to --delete --digest",
		source: make(map[string]string), dest: make(map[string]string), want: map[string]string{"to/": ""}, instant: soon(10, 15*time.Millisecond)}
	for i := range n {
		name := fmt.Sprintf("d%d/f%d", i%5, i)
		o.source["from/"+name] = text(rng, rng.IntN(4000))
		switch i % 4 {
		case 0:
			o.dest["to/"+name] = text(rng, len(o.source["from/"+name])+1)
		case 1:
			o.dest["to/"+name] = o.source["from/"+name]
			o.dest[fmt.Sprintf("to/d%d/extra%d", i%5, i)] = "extra"
			o.dest[fmt.Sprintf("to/gone%d/extra", i%5)] = "extra"
		}
		o.want["to/"+name] = o.source["from/"+name]
		o.want[fmt.Sprintf("to/d%d/", i%5)] = ""
	}
	o.allowed = wholeFiles(o.dest, o.want)
	return o
}

// undergo kills a job so many times, over and over, and holds what is promised: what
// was done of it is right at any time, and RESUME does the rest.
func (o ordeal) undergo(t *testing.T, n *network, rng *rand.Rand, kills int) {
	jobs := 0
	for killed := 0; killed < kills || jobs == 0; jobs++ {
		plant(t, n.source, o.source)
		plant(t, n.dest, o.dest)
		times := modified(t, n.source)
		known := len(n.jobs(t, " --all"))
		var when []instant // the shell was killed at this job
		doing, done := o.statement, false
		for killed < kills && !done {
			at := o.instant(rng)
			was := n.kill(t, doing, at)
			if wrong := o.allowed(files(t, n.source), files(t, n.dest)); wrong != "" {
				t.Fatalf("killed %v, then %v: %s", when, at, wrong)
			}
			if t.Failed() {
				t.Fatalf("killed %v, then %v", when, at)
			}
			if done = !was; done {
				break
			}
			killed++
			when = append(when, at)
			if all := n.jobs(t, " --all"); len(all) > known { // else it was killed before it had begun
				doing = fmt.Sprint("RESUME ", all[known].ID)
			}
		}
		if !done {
			// Whatever is left: nobody kills this one.
			if status, out := n.run(t, doing); status != 0 {
				t.Fatalf("killed %v, then %s: status %d\n%s", when, doing, status, out)
			}
		}
		if left := n.jobs(t, ""); len(left) > 0 {
			t.Errorf("killed %v: left %v", when, left)
		}
		if diff := different(o.want, files(t, n.dest)); diff != "" {
			t.Errorf("killed %v: at the destination (-want +got):\n%s", when, diff)
		}
		if o.emptied {
			if diff := different(map[string]string{}, files(t, n.source)); diff != "" {
				t.Errorf("killed %v: left at the source (-want +got):\n%s", when, diff)
			}
		} else {
			if diff := different(withFolders(o.source), files(t, n.source)); diff != "" {
				t.Errorf("killed %v: at the source (-want +got):\n%s", when, diff)
			}
			if diff := cmp.Diff(times, modified(t, n.source)); diff != "" {
				t.Errorf("killed %v: the times at the source (-before +after):\n%s", when, diff)
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d kills in %d jobs", kills, jobs)
	owners, err := filepath.Glob(n.state + ".owner-*")
	if err != nil || len(owners) > 0 {
		t.Errorf("left beside the state file: %v, %v", owners, err)
	}
}

// withFolders adds to files the folders that they are in.
func withFolders(files map[string]string) map[string]string {
	all := make(map[string]string)
	for name, text := range files {
		all[name] = text
		for dir := name; strings.Contains(dir, "/"); {
			dir = dir[:strings.LastIndexByte(dir, '/')]
			all[dir+"/"] = ""
		}
	}
	return all
}

// modified returns when the files in a folder were modified.
func modified(t *testing.T, root string) map[string]time.Time {
	t.Helper()
	times := make(map[string]time.Time)
	for name := range files(t, root) {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if !info.IsDir() {
			times[name] = info.ModTime()
		}
	}
	return times
}

// number returns a number from the environment, or another one.
func number(t *testing.T, name string, usual uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestKilled kills the shell at random instants of a job, again and again, and has
// RESUME in a new process go on with it each time, until the job is done. There are a
// hundred kills. RSEXEC_KILLS=5000 makes it five thousand; RSEXEC_SEED=N takes the
// instants of a run that printed N, which are the same as far as timing allows.
func TestKilled(t *testing.T) {
	seed := number(t, "RSEXEC_SEED", rand.Uint64())
	kills := int(number(t, "RSEXEC_KILLS", 100))
	t.Logf("RSEXEC_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	ordeals := []ordeal{
		copyOrdeal(rng, 200), bigOrdeal(rng, 4), appendOrdeal(rng, 20, 2000, ""), appendOrdeal(rng, 20, 150_000, " --route=relay --limit=1M"),
		moveOrdeal(rng, 50), mirrorOrdeal(rng, 200),
	}
	shares := []int{25, 10, 12, 8, 20, 25}
	for i, o := range ordeals {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			o.undergo(t, newNetwork(t), rand.New(rand.NewPCG(seed, uint64(i+1))), kills*shares[i]/100)
		})
	}
}

// TestKilledAtPeers does the same to jobs between real servers, with some kills each.
func TestKilledAtPeers(t *testing.T) {
	seed := number(t, "RSEXEC_SEED", rand.Uint64())
	t.Logf("RSEXEC_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	ordeals := []ordeal{copyOrdeal(rng, 60), appendOrdeal(rng, 20, 2000, ""), moveOrdeal(rng, 30), mirrorOrdeal(rng, 60)}
	for _, p := range []ftptest.Peer{ftptest.VSFTPD, ftptest.ProFTPD} {
		for i, o := range ordeals {
			t.Run(fmt.Sprintf("%s %s", p, o.name), func(t *testing.T) {
				t.Parallel()
				o.undergo(t, peerNetwork(t, p), rand.New(rand.NewPCG(seed, uint64(i+1))), 5)
			})
		}
	}
}
