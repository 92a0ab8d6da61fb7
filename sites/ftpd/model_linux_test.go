package ftpd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rsexec/sites/socket"
)

// modelRuns is how many sequences TestModel makes unless RSEXEC_MODEL says otherwise.
const modelRuns = 400

// modelDice is how many bytes a sequence of TestModel is made of, and modelSteps how many
// commands one has at most: with more, some without a login would be too many.
const (
	modelDice  = 300
	modelSteps = 90
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

// modelStep is a command line, and what a transfer is to come to if it begins one.
type modelStep struct {
	line  string
	ahead bool // it is sent together with the next one
	way   modelWay
	text  string // that is sent
}

type modelWay byte

const (
	whole     modelWay = iota
	withNOOP           // whole, with a NOOP in between
	thenReset          // it is reset when everything has arrived
	thenABOR           // ABOR comes when everything has arrived
	toNobody           // ABOR comes, and no data connection
	modelWays
)

// dice are bytes that choose.
type dice []byte

func (d *dice) roll(n int) int {
	if len(*d) == 0 {
		return 0
	}
	b := (*d)[0]
	*d = (*d)[1:]
	return int(b) % n
}

// pick is one of the words.
func (d *dice) pick(words []string) string { return words[d.roll(len(words))] }

// modelCommands are what sequences are made of. A "+" parts commands that follow each
// other, {words} are chosen from modelWords or, {any}, from here, and {path} is a pathname.
var modelCommands = []string{
	"PWD", // where there is nothing more to choose by
	"{login} + {any} + USER u + PASS p + TYPE I", "{login} + {any} + {any} + USER u + PASS p + {type}", "USER u + PASS p", "{seldom}",
	"XPWD", "CWD {path}", "CWD {path}", "CWD {path}", "CWD /", "XCWD {path}", "CDUP", "XCUP",
	"MKD {path}", "MKD {path}", "XMKD {path}", "RMD {path}", "RMD {path}", "XRMD {path}", "DELE {path}", "DELE {path}",
	"RNFR {path} + RNTO {path}", "RNFR {path} + RNTO {path}", "RNFR {path} + RNTO {path}", "RNFR {path}", "RNTO {path}",
	"RNFR {path} + RNFR {path} + RNTO {path}", "RNFR {path} + NOOP + RNTO {path}", "RNFR {path} + {long} + RNTO {path}",
	"SIZE {path}", "SIZE {path}", "MDTM {path}", "MDTM {path}", "MFMT {time} {path}", "MFMT {time} {path}", "MFMT {time}",
	"SITE CHMOD {mode} {path}", "SITE CHMOD {mode} {path}", "SITE CPFR {path} + SITE CPTO {path}", "SITE CPFR {path} + SITE CPTO {path}",
	"SITE CPFR {path}", "SITE CPTO {path}", "SITE CPFR", "SITE CPTO", "SITE", "SITE HELP", "SITE X {path}", "site cpfr {path} + Site Cpto {path}",
	"{passive} + STOR {path}", "{passive} + STOR {path}", "{setup} + STOR {path}", "{setup} + {setup} + STOR {path}", "{passive} + REST {offset} + STOR {path}", "REST {offset} + {setup} + STOR {path}",
	"{passive} + APPE {path}", "{setup} + APPE {path}", "REST {offset} + {setup} + APPE {path}", "{setup} + STOU {path}", "{passive} + STOU",
	"{passive} + RETR {path}", "{passive} + RETR {path}", "{setup} + RETR {path}", "{setup} + {setup} + RETR {path}", "{passive} + REST {offset} + RETR {path}", "REST {offset} + {setup} + RETR {path}",
	"{passive} + LIST {path}", "{setup} + LIST", "{setup} + NLST {path}", "{passive} + NLST", "{passive} + MLSD {path}", "{setup} + MLSD", "{passive} + LIST -la {path}", "{passive} + NLST -a",
	"MLST {path}", "MLST {path}", "MLST", "STAT", "STAT {path}", "STAT {path}", "STAT -l {path}",
	"STOR {path}", "RETR {path}", "STOR", "RETR", "LIST", "REST {offset}", "REST", "{setup}", "{setup}", "ABOR",
	"TYPE {type}", "TYPE {type}", "TYPE I", "TYPE I", "TYPE", "MODE S", "MODE C", "STRU F", "STRU R", "MODE", "STRU",
	"OPTS MLST {facts}", "OPTS MLST", "OPTS HASH {algorithm}", "OPTS HASH", "OPTS UTF8 ON", "OPTS UTF8 OFF", "OPTS UTF8", "OPTS X", "OPTS",
	"HASH {path}", "HASH {path}", "HASH", "XSHA256 {path}", "XSHA512 {path}", "XSHA1 {path}", "XMD5 {path}", "XCRC {path}",
	"NOOP", "ALLO 5", "ALLO", "SYST", "FEAT", "HELP", "HELP {verb}", "{verb} {path}", "{verb}", "SMNT x", "AUTH TLS", "PBSZ 0", "PROT P", "CCC", "SSCN ON", "CPSV",
	"{long}", "XYZZY {path}", "", " ", "  pwd", "\x00", "CWD {path}\r", "DELE a\x00b",
}

// modelWords are what stands for a word in braces. Modes leave the owner every right: who
// runs the test need not be root.
var modelWords = map[string][]string{
	"{login}":     {"USER u", "PASS p", "USER x + PASS p", "USER u + PASS x", "USER", "PASS", "REIN", "REIN + PASS p", "ACCT x"},
	"{seldom}":    {"QUIT", "EPSV ALL", "EPSV ALL + {setup} + {setup} + REIN + USER u + PASS p", "USER u + PASS x + USER u + PASS x + USER u + PASS x + USER u + PASS x + USER u + PASS x"},
	"{passive}":   {"PASV", "EPSV"},
	"{setup}":     {"PASV", "EPSV", "PORT {own}", "EPRT {own}", "LSTN R", "LSTN S", "lstn s", "SOCK {own}", "LSTN R + SOCK {own}", "LSTN S + SOCK {own}", "SOCK {own} + PASV", "PORT {refused}", "EPRT {refused}", "SOCK {refused}", "LSTN R + SOCK {refused}", "SOCK {refused} + PASV", "EPSV 1", "EPSV 2", "EPSV x", "PORT 1,2,3", "PORT 10,0,0,1,9,9", "PORT 127,0,0,1,3,255", "PORT 127,0,0,1,1,256", "EPRT |1|10.0.0.1|2000|", "EPRT |1|127.0.0.1|1023|", "EPRT |2|::1|2000|", "EPRT |3|x|2000|", "EPRT x", "LSTN X", "LSTN", "SOCK", "SOCK x", "SOCK 10.0.0.1,2000", "SOCK 127.0.0.1,5", "SOCK 127.0.0.1,0", "PORT", "EPRT"},
	"{time}":      {"20020717210715", "19700101000000", "19691231235959", "20380119031408", "20991231235959", "20020717210715.25", "20020717210715,25", "20020717210715.", "2002", "20021317210715", "20020717210715x", "-0020717210715", ""},
	"{mode}":      {"700", "755", "777", "0750", "711", "1777", "8", "u+x", "", "-1", "77777777777777777777"},
	"{offset}":    {"0", "1", "2", "3", "4", "5", "20", "100000", "9223372036854775807", "9223372036854775808", "-1", "+1", "x", " 2", "0x2"},
	"{type}":      {"A", "A", "a n", "I", "L 8", "l8", "i", "E", "L 7", "I N", "A T"},
	"{facts}":     {"type;", "size;modify;", "Size;TYPE", "unix.mode;type;size;modify;", "x;y;", "type; size;", ";", "modify", "type,size"},
	"{algorithm}": {"SHA-256", "sha-512", "SHA-1", "MD5", "CRC32", "crc32", "X", " MD5"},
	"{verb}":      {"PWD", "CDUP", "RETR", "LIST", "SIZE", "MLST", "CWD", "NLST", "STOU", "QUIT", "SMNT", "cwd", "NOOP", "ABOR", "XYZZY"},
	"{long}":      {"CWD " + strings.Repeat("x", 506), "CWD " + strings.Repeat("x", 507), "CWD " + strings.Repeat("x", 8<<10-5), "CWD " + strings.Repeat("x", 8<<10-4), "NOOP " + strings.Repeat("y", 20<<10)},
	"{name}":      {"f", "d", "e", "g", "z", "link", "dlink", "up", "a", "b", "c", "f", "d", "a", "b", "{odd}", "{odd}", "{link}"},
	"{link}":      {"out", "outdir", "loop", "dangling", "none"},
	"{odd}": {`q"uote`, "two words", " blank", "end ", "-dash", "semi;colon", "*", "?", "~", "...", "%s%d", "\\", "ünï", "\xff", "a\xff\xffb", "\t", "A", "211 x", "\x7f",
		strings.Repeat("n", 255), strings.Repeat("n", 256), strings.Repeat("o", 246), strings.Repeat("o", 247)},
}

// modelPath makes a pathname: mostly of few components, so that the commands of a sequence
// are about the same files.
func modelPath(d *dice) string {
	name := func() string { return d.expand("{name}") }
	switch d.roll(32) {
	case 0:
		return name() + "/"
	case 1:
		return "./" + name()
	case 2:
		return "../" + name()
	case 3:
		return "//" + name() + "//" + name()
	case 4:
		return "/"
	case 5:
		return "."
	case 6:
		return ".."
	case 7:
		return "/../../" + name()
	case 8:
		return name() + "/../" + name()
	case 9:
		return name() + "/./" + name() + "/."
	case 10:
		return name() + "/" + name() + "/" + name()
	case 11, 12:
		return "/" + name()
	case 13, 14, 15:
		return "/d/" + name()
	case 16, 17:
		return name() + "/" + name()
	case 18:
		return "../outside/" + name()
	}
	return name()
}

// modelTexts are what is sent. None has a byte that stands for a wildcard.
var modelTexts = []string{"", "x", "abc\n", "a line\r\nand another\n", "\r", "\r\r\n\n", "\xff\xfe\x00\xff", strings.Repeat("0123456789abcde\n", 500), strings.Repeat("\x00\xff\r\n", 40<<10)}

// expand chooses what stands for the words in braces.
func (d *dice) expand(text string) string {
	return wordInBraces.ReplaceAllStringFunc(text, func(word string) string {
		if word == "{path}" {
			return modelPath(d)
		}
		if of := modelWords[word]; of != nil {
			return d.expand(d.pick(of))
		}
		return word // is for the user
	})
}

var wordInBraces = regexp.MustCompile(`\{[a-z]+\}`)

// modelSequence is the sequence that bytes stand for.
func modelSequence(bytes []byte) []modelStep {
	d := dice(bytes)
	var steps []modelStep
	var add func(pattern string)
	add = func(pattern string) {
		for _, line := range strings.Split(pattern, " + ") {
			switch {
			case line == "{any}":
				add(d.pick(modelCommands))
				continue
			case modelWords[line] != nil && line != "{long}": // may be more commands than one
				add(d.pick(modelWords[line]))
				continue
			}
			line = d.expand(line)
			step := modelStep{line: line, ahead: d.roll(8) == 0}
			if verb, _, _ := strings.Cut(line, " "); slices.Contains([]string{"STOR", "APPE", "STOU", "RETR", "LIST", "NLST", "MLSD"}, strings.ToUpper(verb)) {
				if step.way = modelWay(d.roll(3 * int(modelWays))); step.way >= modelWays {
					step.way = whole
				}
				step.text = d.pick(modelTexts)
			}
			steps = append(steps, step)
		}
	}
	if d.roll(16) != 0 {
		add("USER u + PASS p + TYPE I")
	}
	for len(d) > 0 && len(steps) < modelSteps {
		add(d.pick(modelCommands))
	}
	return steps
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
		Users:  []User{{Name: "u", Password: "p", Root: filepath.Join(home, "root")}},
		Logger: slog.New(slog.DiscardHandler),
		Limits: Limits{Sessions: -1, SessionsPerHost: -1, LoginFailures: -1, LoginDelay: -1},
	})
	return s
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

// modelUser is the user of one sequence.
type modelUser struct {
	site  *modelSite
	model *model
	since time.Time
	ahead []string // lines that are not sent yet
	wants []string // and the patterns of their replies
	conn  net.Conn
	r     *bufio.Reader
	held  *socket.Reservation // the user's data socket; nil: none yet
	ln    net.Listener        // there; nil: nobody listens
	said  []string
}

func (c *modelUser) close() {
	if c.conn != nil {
		reset(c.conn.(*net.TCPConn)) // a close would rest in TIME_WAIT, one for each sequence
	}
	c.release()
}

// release gives the user's data socket back: with another for each transfer none has to
// wait for TIME_WAIT.
func (c *modelUser) release() {
	if c.ln != nil {
		_ = c.ln.Close()
	}
	if c.held != nil {
		_ = c.held.Close()
	}
	c.ln, c.held = nil, nil
}

func (c *modelUser) dial() error {
	conn, err := net.DialTimeout("tcp", c.site.addr, patience)
	if err != nil {
		return err
	}
	c.conn, c.r = conn, bufio.NewReader(conn)
	_, err = c.reply("220 " + anyRest)
	return err
}

// note adds to what was said.
func (c *modelUser) note(text string) {
	if len(c.said) > 0 {
		c.said[len(c.said)-1] += text + "\n"
	}
}

// send sends lines at once.
func (c *modelUser) send(lines ...string) error {
	var b strings.Builder
	for _, line := range lines {
		c.note("> " + brief(line))
		b.WriteString(strings.ReplaceAll(line, "\xff", "\xff\xff") + "\r\n")
	}
	_, err := io.WriteString(c.conn, b.String())
	return err
}

// catchUp sends what was not sent yet, and reads its replies.
func (c *modelUser) catchUp() error {
	if len(c.ahead) == 0 {
		return nil
	}
	if err := c.send(c.ahead...); err != nil {
		return err
	}
	return c.replies()
}

// replies reads the replies to what was sent ahead.
func (c *modelUser) replies() error {
	for _, want := range c.wants {
		if _, err := c.reply(want); err != nil {
			return err
		}
	}
	c.ahead, c.wants = nil, nil
	return nil
}

// reply reads a reply and compares it with a pattern.
func (c *modelUser) reply(want string) (string, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	var all strings.Builder
	for {
		line, err := c.r.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			return "", fmt.Errorf("after %q: %w, want %q", all.String(), err, want)
		}
		if first := all.String(); lastLine.MatchString(line) && (len(first) == len(line) || line[:3] == first[:3]) {
			break
		}
	}
	got := strings.ReplaceAll(strings.TrimSuffix(all.String(), "\r\n"), "\xff\xff", "\xff")
	c.note("< " + brief(got))
	if !matches(want, got, c.since) {
		return got, fmt.Errorf("reply %s\n want %s", brief(got), brief(want))
	}
	return got, nil
}

// listen has the user's data socket listen, and returns its address.
func (c *modelUser) listen() (netip.AddrPort, error) {
	if c.held == nil {
		held, err := socket.Reserve(netip.MustParseAddrPort(c.site.host() + ":0"))
		if err != nil {
			return netip.AddrPort{}, err
		}
		c.held = held
	}
	if c.ln == nil {
		lc := net.ListenConfig{Control: socket.Reuse}
		ln, err := lc.Listen(context.Background(), "tcp", c.held.Addr.String())
		if err != nil {
			return netip.AddrPort{}, err
		}
		c.ln = ln
	}
	return c.held.Addr, nil
}

// written is a command line with the addresses in it that are known only now.
func (c *modelUser) written(line string) (string, error) {
	at := c.site.refuses
	switch {
	case strings.HasSuffix(line, " "+ownPort):
		var err error
		if at, err = c.listen(); err != nil {
			return "", err
		}
	case !strings.HasSuffix(line, " "+refusedPort):
		return line, nil
	}
	verb, _, _ := strings.Cut(line, " ")
	switch strings.ToUpper(verb) {
	case "PORT":
		return verb + " " + hostPort(net.TCPAddrFromAddrPort(at)), nil
	case "EPRT":
		return fmt.Sprintf("%s |1|%s|%d|", verb, at.Addr(), at.Port()), nil
	}
	return fmt.Sprintf("%s %s,%d", verb, at.Addr(), at.Port()), nil
}

// perform gives one command.
func (c *modelUser) perform(verbs map[string]*modelVerb, step modelStep) error {
	if strings.HasPrefix(strings.ToUpper(strings.TrimLeft(step.line, " ")), "ABOR") { // would break off a digest, in time or not
		if err := c.catchUp(); err != nil {
			return err
		}
	}
	answer := c.model.command(verbs, step.line)
	line, err := c.written(step.line)
	if err == nil && step.ahead && answer.after == nil && answer.verb == "" {
		c.ahead, c.wants = append(c.ahead, line), append(c.wants, answer.want)
		return nil
	}
	if err == nil {
		err = c.send(append(c.ahead, line)...)
	}
	if err == nil {
		err = c.replies()
	}
	var reply string
	if err == nil {
		reply, err = c.reply(answer.want)
	}
	if err == nil && answer.after != nil {
		answer.after(reply)
	}
	if err == nil && answer.verb != "" {
		err = c.transfer(answer, step)
	}
	return err
}

// transfer does the user's part of a transfer whose 150 was read.
func (c *modelUser) transfer(a modelAnswer, step modelStep) error {
	passive := a.setup.how == "dial" || a.setup.how == "dial from" || a.setup.how == "nobody"
	switch {
	case a.setup.how == "refused":
		_, err := c.reply(anyCode(425))
		c.none(a)
		return err
	case a.setup.how == "nobody", passive && step.way == toNobody:
		err := c.abort(0)
		c.none(a)
		return err
	}
	conn, err := c.connect(a.setup)
	if err != nil {
		return err
	}
	defer func() {
		_ = conn.Close()
		c.release()
	}()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if a.takes == nil {
		return c.download(conn, a)
	}
	return c.upload(conn, a, step)
}

func anyCode(n int) string { return strconv.Itoa(n) + " " + anyRest }

// none tells the model that a transfer had no data connection.
func (c *modelUser) none(a modelAnswer) {
	if a.takes != nil {
		a.takes.none()
	}
}

// abort breaks a transfer off.
func (c *modelUser) abort(bytes int) error {
	err := c.send("ABOR")
	if err == nil {
		_, err = c.reply(fmt.Sprintf("426 Aborted after %d bytes", bytes))
	}
	if err == nil {
		_, err = c.reply(anyCode(226))
	}
	c.model.data = modelSetup{}
	return err
}

// connect makes the data connection.
func (c *modelUser) connect(setup modelSetup) (net.Conn, error) {
	to := net.JoinHostPort(c.site.host(), strconv.Itoa(setup.port))
	switch setup.how {
	case "dial":
		return net.DialTimeout("tcp", to, patience)
	case "accept":
		if err := c.ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience)); err != nil {
			return nil, err
		}
		return c.ln.Accept()
	}
	err := c.ln.Close()
	c.ln = nil
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(c.held.Addr), Timeout: patience, Control: socket.Reuse}
	return dialer.Dial("tcp", to)
}

func (c *modelUser) download(conn net.Conn, a modelAnswer) error {
	b, err := io.ReadAll(conn)
	c.note("  " + brief(string(b)))
	if err != nil {
		return err
	}
	if got := string(b); a.verb == "RETR" && got != a.sends || a.verb != "RETR" && !matches(a.sends, got, c.since) {
		return fmt.Errorf("%s brought %s\n want %s", a.verb, brief(got), brief(a.sends))
	}
	if err := conn.Close(); err != nil {
		return err
	}
	_, err = c.reply("226 " + a.verb + " completed")
	return err
}

func (c *modelUser) upload(conn net.Conn, a modelAnswer, step modelStep) error {
	f := c.model.tree[a.takes.real]
	before := f.text
	a.takes.got(step.text)
	breaks := step.way == thenReset || step.way == thenABOR
	if !c.model.image || f.text == before {
		breaks = false // when everything has arrived cannot be seen
	}
	if step.way == withNOOP {
		if err := c.send("NOOP"); err != nil {
			return err
		}
		if _, err := c.reply(anyCode(200)); err != nil {
			return err
		}
	}
	c.note("  " + brief(step.text))
	if _, err := io.WriteString(conn, step.text); err != nil {
		return err
	}
	if !breaks {
		if err := conn.Close(); err != nil {
			return err
		}
		_, err := c.reply("226 " + a.verb + " completed")
		return err
	}
	for end := time.Now().Add(patience); ; runtime.Gosched() {
		b, err := os.ReadFile(filepath.Join(c.site.root, a.takes.real))
		if err != nil {
			return err
		}
		if string(b) == f.text {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("%q holds %s, want %s", a.takes.real, brief(string(b)), brief(f.text))
		}
	}
	if step.way == thenABOR {
		return c.abort(len(step.text))
	}
	reset(conn.(*net.TCPConn))
	_, err := c.reply(fmt.Sprintf("426 Data connection lost after %d bytes: "+anyRest, len(step.text)))
	return err
}
