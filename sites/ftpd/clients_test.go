package ftpd

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"rsexec/sites/ftptest"
)

// A route is how a program reaches a site.
type route struct {
	name, host    string
	tls, implicit bool
}

var (
	inClear     = route{name: "in the clear", host: "127.0.0.1"}
	overIPv6    = route{name: "IPv6", host: "::1"}
	explicitTLS = route{name: "AUTH TLS", host: "127.0.0.1", tls: true}
	implicitTLS = route{name: "implicit TLS", host: "127.0.0.1", tls: true, implicit: true}
)

// A task is what a program is asked to do with one file or directory of a site.
type task string

const (
	put    task = "put"
	get    task = "get"
	reput  task = "reput" // put what the file at the site lacks yet
	reget  task = "reget" // get what the file here lacks yet
	rename task = "rename"
	remove task = "remove"
	mkdir  task = "mkdir"
	rmdir  task = "rmdir"
)

// A step is a task with its names: Here is an absolute path, There and To are relative
// to the user's "/".
type step struct {
	Task            task
	Here, There, To string
}

// A program is a client that others wrote, and how it performs the tasks.
type program struct {
	name   string
	routes []route
	can    []task            // what it knows; the test itself does the rest
	cannot map[string]string // odd names that it does not take, and why
	begin  func(b *bench)    // nil: nothing to prepare

	// perform performs steps whose tasks it can do, in their order.
	perform func(b *bench, steps []step)

	// names lists a directory; nil: it shows no names.
	names func(b *bench, dir string) []string
}

var allTasks = []task{put, get, reput, reget, rename, remove, mkdir, rmdir}

// A bench is one program at a site, reached over a route. The program knows no
// configuration of the user who runs the test.
type bench struct {
	*site
	program program
	route   route
	here    string // a folder for what is here
	trusted string // a file with the authority that certifies the site
	env     []string
}

// newBench starts a site for a program; server needs no more than the certificate.
func newBench(t *testing.T, p program, r route, server Server, authority *ftptest.Authority) *bench {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such names")
	}
	if r.tls {
		server.TLS, _ = certified(authority)
		server.RequireTLS, server.Implicit = true, r.implicit
	}
	home := t.TempDir()
	b := &bench{site: startSite(t, r.host, server), program: p, route: r, here: t.TempDir(), trusted: authority.File()}
	b.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_CACHE_HOME=" + home, "XDG_DATA_HOME=" + home,
		"LC_ALL=C.UTF-8", "TZ=UTC", "RCLONE_CONFIG=" + filepath.Join(home, "none"), "SSL_CERT_FILE=" + b.trusted,
	}
	if p.begin != nil {
		p.begin(b)
	}
	return b
}

// longest is how long a program may take: a test that has to wait for it hangs.
const longest = 60 * time.Second

// run runs a program to its end and returns what it wrote on standard output and on
// standard error.
func (b *bench) run(input, name string, args ...string) (stdout, stderr string) {
	b.t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missingPeer(b.t, name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env, cmd.Dir, cmd.Stdin = b.env, b.here, strings.NewReader(input)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		b.t.Fatalf("%s %q: %v\nerrors:\n%s\noutput:\n%s\ninput:\n%s", name, args, err, &errs, &out, input)
	}
	return out.String(), errs.String()
}

// missingPeer skips the test, or fails it where all peers have to be there.
func missingPeer(t testing.TB, name string) {
	t.Helper()
	if os.Getenv("RSEXEC_PEERS") == "require" {
		t.Fatalf("peer %s not installed", name)
	}
	t.Skipf("peer %s not installed", name)
}

// base is the site's URL up to its paths, without the user.
func (b *bench) base() string {
	if b.route.implicit {
		return "ftps://" + b.addr
	}
	return "ftp://" + b.addr
}

// escaped is a path as URLs have it.
func escaped(name string) string {
	return strings.ReplaceAll((&url.URL{Path: "/" + name}).EscapedPath(), ";", "%3B") // a type may follow ";"
}

// do has the program perform steps; what it cannot, the test does in its place.
func (b *bench) do(steps ...step) {
	b.t.Helper()
	var its []step
	for _, s := range steps {
		if slices.Contains(b.program.can, s.Task) {
			its = append(its, s)
			continue
		}
		there := filepath.Join(b.root, s.There)
		var err error
		switch s.Task {
		case put, reput:
			err = os.WriteFile(there, []byte(b.local(s.Here)), 0o644)
		case get, reget:
			err = os.WriteFile(s.Here, []byte(b.read(s.There)), 0o644)
		case rename:
			err = os.Rename(there, filepath.Join(b.root, s.To))
		case remove, rmdir:
			err = os.Remove(there)
		case mkdir:
			err = os.Mkdir(there, 0o755)
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
	if len(its) > 0 {
		b.program.perform(b, its)
	}
}

// local returns what a file here holds.
func (b *bench) local(name string) string {
	b.t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// keep writes a file here and returns its path.
func (b *bench) keep(name, text string) string {
	b.t.Helper()
	file := filepath.Join(b.here, name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
	return file
}

// sound fails the test if the log tells of a transfer that failed, or that should have
// been private.
func (b *bench) sound() {
	b.t.Helper()
	log := b.log.String()
	for _, bad := range []string{"code=425", "code=426", "code=451", "code=522", "TLS failed"} {
		if strings.Contains(log, bad) {
			b.t.Errorf("%s in the log:\n%s", bad, log)
		}
	}
	if b.route.tls && strings.Contains(log, "protection=clear") {
		b.t.Errorf("a transfer in the clear:\n%s", log)
	}
}

// clientNames are names that clients and servers stumble over.
var clientNames = []string{
	"plain.txt", "a b.txt", " lead.txt", "trail .txt", "-dash.txt", "--help", "quo'te.txt", `dquo"te.txt`, "br[a]c{k}.txt", "star*.txt", "q?.txt",
	"pct%20.txt", "hash#.txt", "semi;colon", "amp&.txt", "dollar$HOME", "~tilde", "colon:1", "pipe|", "lt<gt>", "plus+", "(paren)", "a,b",
	"ünï.txt", "u\u0308-nfd.txt", "日本語.txt", "UPPER", `back\slash.txt`, ".hidden", strings.Repeat("x", 200) + ".txt",
}

// noise is n bytes that hold every byte, line ends of all kinds among them.
func noise(n int) string {
	text := make([]byte, n)
	for i, r := 0, rand.New(rand.NewPCG(1, 2)); i < n; i++ {
		text[i] = byte(r.Uint32())
	}
	return string(text)
}

// Real clients at this site: each puts, gets, resumes, renames, deletes and lists, and
// both ends hold the same bytes.
func TestClients(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	for _, p := range programs() {
		for _, r := range p.routes {
			t.Run(p.name+" "+r.name, func(t *testing.T) {
				t.Parallel()
				newBench(t, p, r, Server{}, authority).tasks()
			})
		}
	}
}

func (b *bench) tasks() {
	const dir, resumed, size, part = "odd [dir] it's", "plain.txt", 1_000_003, 345_678
	t, big := b.t, noise(size)
	contents := make(map[string]string) // by name
	var puts, gets []step
	for i, name := range clientNames {
		if b.program.cannot[name] != "" {
			continue
		}
		contents[name] = fmt.Sprintf("%d\r\n%s\x00\xff\n", i, name)
		switch name {
		case resumed:
			contents[name] = big
		case "UPPER":
			contents[name] = ""
		}
		// Names here are tame: how a shell or a program treats those is not the matter.
		up, down := b.keep(fmt.Sprint("up", i), contents[name]), filepath.Join(b.here, fmt.Sprint("down", i))
		puts = append(puts, step{Task: put, Here: up, There: path.Join(dir, name)})
		gets = append(gets, step{Task: get, Here: down, There: path.Join(dir, name)})
	}
	b.do(step{Task: mkdir, There: dir})
	b.do(puts...)
	for _, s := range puts {
		if got := b.read(s.There); got != contents[path.Base(s.There)] {
			t.Errorf("%q at the site has %d bytes: %.40q", s.There, len(got), got)
		}
	}
	b.do(gets...)
	for _, s := range gets {
		if got := b.local(s.Here); got != contents[path.Base(s.There)] {
			t.Errorf("%q here has %d bytes: %.40q", s.There, len(got), got)
		}
	}
	if b.program.names != nil {
		var want []string
		for name := range contents {
			want = append(want, name)
		}
		slices.Sort(want)
		got := b.program.names(b, dir)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("names\n%q, want\n%q", got, want)
		}
	}

	whole, piece, at := b.keep("whole", big), b.keep("piece", big[:part]), path.Join(dir, resumed)
	b.write(at, big[:part])
	b.do(step{Task: reput, Here: whole, There: at})
	if got := b.read(at); got != big {
		t.Errorf("a resumed upload has %d bytes", len(got))
	}
	b.do(step{Task: reget, Here: piece, There: at})
	if got := b.local(piece); got != big {
		t.Errorf("a resumed download has %d bytes", len(got))
	}
	for _, c := range []struct {
		task  task
		verbs []string
	}{{reput, []string{"STOR", "APPE"}}, {reget, []string{"RETR"}}} {
		if !slices.Contains(b.program.can, c.task) {
			continue
		}
		if !slices.ContainsFunc(c.verbs, func(verb string) bool {
			return strings.Contains(b.log.String(), fmt.Sprintf("verb=%s path=\"/%s\" bytes=%d ", verb, at, size-part))
		}) {
			t.Errorf("%s carried more than what lacked:\n%s", c.task, b.log)
		}
	}

	// There and back, so that the odd names stand on both sides; a few are enough.
	var away, back []step
	for i, s := range puts {
		if i%8 != 0 {
			if err := os.Remove(filepath.Join(b.root, s.There)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		moved := path.Join(dir, "Moved "+path.Base(s.There))
		away = append(away, step{Task: rename, There: s.There, To: moved})
		back = append(back, step{Task: rename, There: moved, To: s.There}, step{Task: remove, There: s.There})
	}
	b.do(away...)
	for _, s := range away {
		b.missing(s.There)
		if got := b.read(s.To); got != contents[path.Base(s.There)] {
			t.Errorf("%q has %d bytes", s.To, len(got))
		}
	}
	b.do(back...)
	for _, s := range away {
		b.missing(s.There)
		b.missing(s.To)
	}
	b.do(step{Task: rmdir, There: dir})
	b.missing(dir)
	b.sound()
}

// contentsOf returns what the files below a folder hold, by path.
func contentsOf(t testing.TB, root string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		all[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
