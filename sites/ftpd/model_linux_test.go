package ftpd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"rsexec/sites/socket"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// modelRuns is how many sequences TestModel makes unless RSEXEC_MODEL says otherwise, and
// modelDice how many bytes one of them is made of.
const (
	modelRuns = 200
	modelDice = 400
)

// TestModel gives sequences of commands to a server and to a model of it. Each reply, what
// each transfer brings and, at the end, all files have to be those of the model.
//
// RSEXEC_MODEL=20000 makes more sequences, RSEXEC_MODEL=10m makes them for ten minutes, and
// RSEXEC_MODEL_SEED=N makes the one with that seed and logs it.
func TestModel(t *testing.T) {
	runs, first, replay := modelRuns, uint64(1), false
	if testing.Short() {
		runs = 50
	}
	var end <-chan time.Time // none
	if n, err := strconv.Atoi(os.Getenv("RSEXEC_MODEL")); err == nil {
		runs = n
	} else if d, err := time.ParseDuration(os.Getenv("RSEXEC_MODEL")); err == nil {
		runs, end = math.MaxInt, time.After(d)
	}
	if n, err := strconv.ParseUint(os.Getenv("RSEXEC_MODEL_SEED"), 10, 64); err == nil {
		runs, first, replay = 1, n, true
	}
	seeds := make(chan uint64)
	var commands atomic.Int64
	var workers sync.WaitGroup
	for range min(runs, runtime.NumCPU()) {
		site := startModelSite(t)
		workers.Go(func() {
			for seed := range seeds {
				dice := make([]byte, modelDice)
				source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24), byte(seed >> 32)})
				_, _ = source.Read(dice) // has no errors
				steps := modelSequence(dice)
				said, err := site.run(steps)
				commands.Add(int64(len(said)))
				switch {
				case err != nil:
					t.Errorf("seed %d (RSEXEC_MODEL_SEED repeats it): %v\n%s", seed, err, site.shortened(steps))
				case replay:
					t.Log(strings.Join(said, "\n"))
				}
			}
		})
	}
	made := 0
	for over := false; made < runs && !over && !t.Failed(); { // one failure is enough to look at
		select {
		case seeds <- first + uint64(made):
			made++
		case <-end:
			over = true
		}
	}
	close(seeds)
	workers.Wait()
	t.Logf("%d commands in %d sequences", commands.Load(), made)
}

// FuzzModel does so with the sequences that bytes stand for. The server's goroutines cover
// other lines each time: without -fuzzminimizetime 1x most of the time goes to making
// inputs smaller that do not get smaller.
func FuzzModel(f *testing.F) {
	site := startModelSite(f)
	for seed := range byte(20) {
		dice := make([]byte, 100)
		_, _ = rand.NewChaCha8([32]byte{seed}).Read(dice) // has no errors
		f.Add(dice)
	}
	f.Fuzz(func(t *testing.T, dice []byte) {
		steps := modelSequence(dice)
		if _, err := site.run(steps); err != nil {
			t.Errorf("%v\n%s", err, site.shortened(steps))
		}
	})
}

// modelSite is a server whose files and answers are compared with a model's.
type modelSite struct {
	*site
	outside string // beside the root: nobody may come here
	umask   fs.FileMode
	refuses netip.AddrPort // nobody listens here
}

func startModelSite(t testing.TB) *modelSite {
	t.Helper()
	home := t.TempDir()
	s := &modelSite{outside: filepath.Join(home, "outside")}
	probe := filepath.Join(home, "probe")
	if err := os.Mkdir(probe, 0o777); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(probe)
	if err != nil {
		t.Fatal(err)
	}
	s.umask = 0o777 &^ info.Mode().Perm()
	held, err := socket.Reserve(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Close() })
	s.refuses = held.Addr
	s.site = startSite(t, "127.0.0.1", Server{
		Users:  usersOfModel(filepath.Join(home, "root")),
		Hosts:  []string{"ftp.example.com", "2001:db8::1"},
		Logger: slog.New(slog.DiscardHandler),
		Limits: Limits{Sessions: -1, SessionsPerHost: -1, LoginFailures: -1, LoginDelay: -1},
	})
	return s
}

// usersOfModel are the modelUsers, u first: it is whose root startSite makes.
func usersOfModel(root string) []User {
	letters := map[rune]Rights{'r': Read, 'w': Write, 'a': Append, 'd': Delete, 'l': List}
	users := []User{{Name: "u", Password: "p", Root: root}}
	for _, name := range slices.Sorted(maps.Keys(modelUsers)) {
		user := User{Name: name, Password: "p", Root: root}
		for _, letter := range modelUsers[name] {
			user.Rights |= letters[letter]
		}
		if name != "u" {
			users = append(users, user)
		}
	}
	return users
}

// fill makes the files that a sequence begins with, and their model.
func (s *modelSite) fill() (map[string]*modelFile, error) {
	if err := errors.Join(os.RemoveAll(s.root), os.RemoveAll(s.outside)); err != nil {
		return nil, err
	}
	directory, file := fs.ModeDir, fs.FileMode(0)
	link := func(target string) *modelFile {
		return &modelFile{kind: fs.ModeSymlink, target: target, mode: 0o777}
	}
	tree := map[string]*modelFile{
		"/":            {kind: directory, mode: 0o755},
		"/f":           {kind: file, mode: 0o644, text: "abc\n"},
		"/z":           {kind: file, mode: 0o666},
		"/d":           {kind: directory, mode: 0o755},
		"/d/g":         {kind: file, mode: 0o600, text: "one\r\ntwo\nthree\r\r\n\xff"},
		"/d/e":         {kind: directory, mode: 0o700},
		"/d/odd\nname": {kind: file, mode: 0o644, text: "odd"},
		"/link":        link("f"),
		"/dlink":       link("d"),
		"/d/up":        link("../f"),
		"/out":         link(filepath.Join(s.outside, "secret")),
		"/outdir":      link("../outside"),
		"/loop":        link("loop"),
		"/dangling":    link("none"),
	}
	var err error
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		f, at := tree[name], filepath.Join(s.root, name)
		switch f.kind {
		case fs.ModeDir:
			err = errors.Join(err, os.Mkdir(at, 0o700), os.Chmod(at, f.mode))
		case fs.ModeSymlink:
			err = errors.Join(err, os.Symlink(f.target, at))
		default:
			err = errors.Join(err, os.WriteFile(at, []byte(f.text), 0o600), os.Chmod(at, f.mode))
		}
	}
	return tree, errors.Join(err, os.Mkdir(s.outside, 0o755), os.WriteFile(filepath.Join(s.outside, "secret"), []byte("secret"), 0o644))
}

// run makes a sequence. It returns what was said, a command and its replies in each
// element, and an error if the server was not as the model.
func (s *modelSite) run(steps []modelStep) (said []string, err error) {
	since := time.Now()
	tree, err := s.fill()
	if err != nil {
		return nil, err
	}
	c := &modelUser{site: s, model: newModel(s.host(), s.port(-1), s.umask, tree), since: since}
	defer c.close()
	if err := c.dial(); err != nil {
		return nil, err
	}
	verbs := modelVerbs()
	for _, step := range steps {
		if c.model.over {
			break
		}
		c.said = append(c.said, "")
		if err := c.perform(verbs, step); err != nil {
			return c.said, err
		}
	}
	if err := c.catchUp(); err != nil {
		return c.said, err
	}
	if c.model.over {
		if b, err := c.r.ReadByte(); err != io.EOF {
			return c.said, fmt.Errorf("at the end: %q, %v", b, err)
		}
	}
	return c.said, s.compare(c.model.tree)
}

// compare looks for differences between the files there are and those of a model.
func (s *modelSite) compare(tree map[string]*modelFile) error {
	seen := 0
	err := filepath.WalkDir(s.root, func(at string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := path.Join("/", strings.TrimPrefix(at, s.root))
		f := tree[name]
		info, err := e.Info()
		if err != nil {
			return err
		}
		if f == nil {
			return fmt.Errorf("%q is there", name)
		}
		seen++
		if e.Type() != f.kind || f.kind != fs.ModeSymlink && info.Mode().Perm() != f.mode {
			return fmt.Errorf("%q is %v, want %v", name, info.Mode(), f.kind|f.mode)
		}
		if !f.at.IsZero() && info.ModTime().Unix() != f.at.Unix() {
			return fmt.Errorf("%q is of %v, want %v", name, info.ModTime(), f.at)
		}
		var text, want string
		switch f.kind {
		case fs.ModeSymlink:
			want = f.target
			text, err = os.Readlink(at)
		case 0:
			var b []byte
			want = f.text
			b, err = os.ReadFile(at)
			text = string(b)
		}
		if err == nil && text != want {
			err = fmt.Errorf("%q holds %s, want %s", name, brief(text), brief(want))
		}
		return err
	})
	if err == nil && seen != len(tree) {
		for name := range tree {
			if _, lerr := os.Lstat(filepath.Join(s.root, name)); lerr != nil {
				return fmt.Errorf("%q is not there", name)
			}
		}
	}
	entries, oerr := os.ReadDir(s.outside)
	secret, rerr := os.ReadFile(filepath.Join(s.outside, "secret"))
	if err = errors.Join(err, oerr, rerr); err == nil && (len(entries) != 1 || string(secret) != "secret") {
		err = fmt.Errorf("outside there is %v, %q", entries, secret)
	}
	return err
}

// brief is text for an error.
func brief(text string) string {
	if len(text) > 300 {
		return fmt.Sprintf("%d bytes, %q...", len(text), text[:300])
	}
	return fmt.Sprintf("%q", text)
}

// shortened is the dialogue of a failing sequence, from which commands were taken as long
// as it still failed.
func (s *modelSite) shortened(steps []modelStep) string {
	for size := max(len(steps)/2, 1); size >= 1; size /= 2 {
		for i := 0; i+size <= len(steps); {
			fewer := slices.Concat(steps[:i], steps[i+size:])
			if _, err := s.run(fewer); err != nil {
				steps = fewer
			} else {
				i += size
			}
		}
	}
	said, err := s.run(steps)
	if err == nil {
		return "it does not always fail:\n" + strings.Join(said, "\n")
	}
	return strings.Join(said, "\n") + "\n" + err.Error()
}
