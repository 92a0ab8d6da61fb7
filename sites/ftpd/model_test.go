package ftpd

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What stands in a pattern for text that a model cannot know to the byte.
const (
	anyTime  = "\x01" // of RFC 3659 section 2.3, not long ago
	anyRest  = "\x02" // of the line
	anyDate  = "\x03" // of "ls -l"
	anyCount = "\x04" // a number, with blanks before it
	anyText  = "\x05" // of any number of lines
)

var wildcards = strings.NewReplacer(anyTime, `(\d{14})`, anyRest, `[^\r\n]*`, anyDate, `[A-Z][a-z]{2} [ \d]\d (?:\d\d:\d\d| \d{4})`,
	anyCount, ` *\d+`, anyText, `(?s:.*)`)

// matches compares got with a pattern. What is not long ago is not before since.
func matches(pattern, got string, since time.Time) bool {
	if !strings.ContainsAny(pattern, anyTime+anyRest+anyDate+anyCount+anyText) {
		return pattern == got
	}
	m := regexp.MustCompile(`^` + wildcards.Replace(quoteBytes(pattern)) + `$`).FindStringSubmatch(latin(got))
	for i := 1; i < len(m); i++ {
		at, err := time.Parse("20060102150405", m[i])
		if err != nil || at.Before(since.Add(-2*time.Second)) || at.After(time.Now().Add(2*time.Second)) {
			return false
		}
	}
	return m != nil
}

// latin is text with each byte as a character, so that a regular expression is about
// bytes.
func latin(text string) string {
	var b strings.Builder
	for i := range len(text) {
		b.WriteRune(rune(text[i]))
	}
	return b.String()
}

func quoteBytes(text string) string { return regexp.QuoteMeta(latin(text)) }

// modelFile is a file, directory or symbolic link of a model.
type modelFile struct {
	kind   fs.FileMode // 0, fs.ModeDir or fs.ModeSymlink
	text   string
	target string
	mode   fs.FileMode
	at     time.Time // when it was modified; zero: not long ago
}

// modelSetup is how the next data connection of a model comes about.
type modelSetup struct {
	how   string // "" (not said), "dial", "dial from", "accept", "refused" or "nobody"
	only  string // "R" or "S", from LSTN
	port  int    // of the server
	named string // the address that SOCK named, without LSTN: "own" or "refused"
}

// model is what a session, and the files of its user, should be like: as RFC 959, RFC
// 2389, RFC 2428, RFC 3659, the drafts for MFMT and HASH and the comments of this package
// say it. It uses nothing of the server.
type model struct {
	tree  map[string]*modelFile // by absolute path, without links in it
	umask fs.FileMode
	host  string // that of server and user, an IPv4 address
	port  int    // the server's default data socket

	user      string // from USER
	loggedIn  bool
	ever      bool // somebody was logged in
	failures  int
	over      bool
	cwd       string
	image     bool
	rest      int64
	rename    string
	copyFrom  string
	algorithm string
	facts     string // as OPTS MLST answers them
	epsvAll   bool
	data      modelSetup
}

func newModel(host string, port int, umask fs.FileMode, tree map[string]*modelFile) *model {
	return &model{tree: tree, umask: umask, host: host, port: port, cwd: "/", algorithm: "SHA-256", facts: modelFacts}
}

const modelFacts = "type;size;modify;UNIX.mode;"

// modelAnswer is how a command is to be answered. If want is a 150, a transfer follows.
type modelAnswer struct {
	want  string
	after func(reply string) // what the model learns from the reply; may be nil
	sends string             // the pattern of what a transfer brings
	takes *modelUpload       // or where what it brings goes
	verb  string             // of the transfer
	setup modelSetup         // and its data connection
}

func code(n int) modelAnswer { return modelAnswer{want: strconv.Itoa(n) + " " + anyRest} }

func say(format string, args ...any) modelAnswer {
	return modelAnswer{want: fmt.Sprintf(format, args...)}
}

// modelVerb is a verb: what it needs, and what it does.
type modelVerb struct {
	login, arg bool
	do         func(m *model, arg string) modelAnswer
}

// modelVerbs are all verbs the model knows. nil is known and not implemented at a site
// without TLS.
func modelVerbs() map[string]*modelVerb {
	always := func(n int) func(*model, string) modelAnswer {
		return func(*model, string) modelAnswer { return code(n) }
	}
	parameter := func(only string) func(*model, string) modelAnswer {
		return func(_ *model, arg string) modelAnswer {
			if strings.EqualFold(strings.TrimSpace(arg), only) {
				return code(200)
			}
			return code(504)
		}
	}
	sum := func(algorithm string) *modelVerb {
		return &modelVerb{true, true, func(m *model, arg string) modelAnswer {
			f, bad := m.plain(arg)
			if bad != nil {
				return *bad
			}
			return say("250 %X", modelDigests[algorithm](f.text))
		}}
	}
	verbs := map[string]*modelVerb{
		"USER": {false, true, (*model).doUSER},
		"PASS": {false, false, (*model).doPASS},
		"ACCT": {false, false, always(202)},
		"REIN": {false, false, (*model).doREIN},
		"QUIT": {false, false, func(m *model, _ string) modelAnswer { m.over = true; return code(221) }},
		"NOOP": {false, false, always(200)},
		"SYST": {false, false, func(*model, string) modelAnswer { return say("215 UNIX Type: L8") }},
		"ALLO": {false, false, always(202)},
		"FEAT": {false, false, func(*model, string) modelAnswer { return say("211-" + anyText + "\r\n211 End") }},
		"HELP": {false, false, (*model).doHELP},
		"OPTS": {false, true, (*model).doOPTS},
		"STAT": {false, false, (*model).doSTAT},
		"TYPE": {false, true, (*model).doTYPE},
		"MODE": {false, true, parameter("S")},
		"STRU": {false, true, parameter("F")},
		"REST": {true, true, (*model).doREST},
		"ABOR": {false, false, func(m *model, _ string) modelAnswer { m.data = modelSetup{}; return code(225) }},

		"PASV": {true, false, (*model).doPASV},
		"EPSV": {true, false, (*model).doEPSV},
		"PORT": {true, true, (*model).doPORT},
		"EPRT": {true, true, (*model).doEPRT},
		"LSTN": {true, true, (*model).doLSTN},
		"SOCK": {true, true, (*model).doSOCK},

		"RETR": {true, true, (*model).doRETR},
		"STOR": {true, true, func(m *model, arg string) modelAnswer { return m.store("STOR", arg, m.takeRest()) }},
		"APPE": {true, true, func(m *model, arg string) modelAnswer { m.rest = 0; return m.store("APPE", arg, 0) }},
		"STOU": {true, false, (*model).doSTOU},
		"LIST": {true, false, func(m *model, arg string) modelAnswer { return m.list("LIST", withoutDashes(arg), m.long) }},
		"NLST": {true, false, func(m *model, arg string) modelAnswer { return m.list("NLST", withoutDashes(arg), shortLine) }},
		"MLSD": {true, false, func(m *model, arg string) modelAnswer { return m.list("MLSD", arg, m.factLine) }},
		"MLST": {true, false, (*model).doMLST},

		"PWD":  {true, false, func(m *model, _ string) modelAnswer { return say("257 %s "+anyRest, doubled(m.cwd)) }},
		"CWD":  {true, true, (*model).doCWD},
		"CDUP": {true, false, func(m *model, _ string) modelAnswer { return m.doCWD("..") }},
		"MKD":  {true, true, (*model).doMKD},
		"RMD":  {true, true, func(m *model, arg string) modelAnswer { return m.remove(arg, true) }},
		"DELE": {true, true, func(m *model, arg string) modelAnswer { return m.remove(arg, false) }},
		"RNFR": {true, true, (*model).doRNFR},
		"RNTO": {true, true, (*model).doRNTO},
		"SIZE": {true, true, (*model).doSIZE},
		"MDTM": {true, true, (*model).doMDTM},
		"MFMT": {true, true, (*model).doMFMT},
		"SITE": {true, true, (*model).doSITE},

		"HASH":    {true, true, (*model).doHASH},
		"XSHA256": sum("SHA-256"), "XSHA512": sum("SHA-512"), "XSHA1": sum("SHA-1"), "XMD5": sum("MD5"), "XCRC": sum("CRC32"),

		"SMNT": nil, "AUTH": nil, "PBSZ": nil, "PROT": nil, "CCC": nil, "SSCN": nil, "CPSV": nil,
	}
	for alias, verb := range map[string]string{"XPWD": "PWD", "XCWD": "CWD", "XCUP": "CDUP", "XMKD": "MKD", "XRMD": "RMD"} {
		verbs[alias] = verbs[verb]
	}
	return verbs
}

// command answers a command line, which has no line end.
func (m *model) command(verbs map[string]*modelVerb, line string) modelAnswer {
	longest := 512 // while nobody was logged in
	if m.ever {
		longest = 8 << 10
	}
	renaming := m.rename
	m.rename = "" // RNFR is for the very next command
	if len(line)+len("\r") > longest {
		return code(500)
	}
	name, arg, _ := strings.Cut(strings.TrimLeft(line, " "), " ")
	v, known := verbs[strings.ToUpper(name)]
	switch {
	case !known:
		return code(500)
	case v == nil:
		return code(502)
	case v.login && !m.loggedIn:
		return code(530)
	case v.arg && arg == "":
		return code(501)
	}
	if strings.EqualFold(name, "RNTO") {
		m.rename = renaming
		defer func() { m.rename = "" }()
	}
	return v.do(m, arg)
}

func (m *model) logout() {
	m.user, m.loggedIn, m.cwd, m.rest, m.copyFrom, m.data = "", false, "/", 0, "", modelSetup{}
}

func (m *model) doUSER(arg string) modelAnswer {
	m.logout()
	m.user = arg
	return code(331)
}

func (m *model) doPASS(arg string) modelAnswer {
	user := m.user
	m.user = ""
	switch {
	case user == "":
		return code(503)
	case user == "u" && arg == "p":
		m.loggedIn, m.ever, m.failures = true, true, 0
		return code(230)
	}
	if m.failures++; m.failures == 5 {
		m.over = true
		return code(421)
	}
	return code(530)
}

func (m *model) doREIN(string) modelAnswer {
	m.logout()
	m.image, m.facts, m.algorithm, m.epsvAll = false, modelFacts, "SHA-256", false
	return code(220)
}

func (m *model) doHELP(arg string) modelAnswer {
	if _, known := modelVerbs()[strings.ToUpper(strings.TrimSpace(arg))]; !known && arg != "" {
		return code(500)
	}
	return code(214)
}

func (m *model) doOPTS(arg string) modelAnswer {
	name, value, _ := strings.Cut(arg, " ")
	switch strings.ToUpper(name) {
	case "UTF8", "UTF-8":
		if value = strings.TrimSpace(value); value == "" || strings.EqualFold(value, "ON") {
			return code(200)
		}
		return code(504)
	case "MLST":
		m.facts = ""
		for _, fact := range strings.Split(strings.TrimSuffix(modelFacts, ";"), ";") {
			if slices.ContainsFunc(strings.Split(value, ";"), func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), fact) }) {
				m.facts += fact + ";"
			}
		}
		return say("%s", strings.TrimSuffix("200 MLST OPTS "+m.facts, " "))
	case "HASH":
		if value = strings.ToUpper(strings.TrimSpace(value)); value != "" {
			if modelDigests[value] == nil {
				return code(501)
			}
			m.algorithm = value
		}
		return say("200 %s", m.algorithm)
	}
	return code(501)
}

func (m *model) doTYPE(arg string) modelAnswer {
	switch strings.ToUpper(strings.TrimSpace(arg)) {
	case "A", "A N":
		m.image = false
	case "I", "L 8", "L8":
		m.image = true
	default:
		return code(504)
	}
	return code(200)
}

var digits = regexp.MustCompile(`^ *[0-9]+ *$`)

func (m *model) doREST(arg string) modelAnswer {
	n, err := strconv.ParseInt(strings.TrimSpace(arg), 10, 64)
	if err != nil || !digits.MatchString(arg) {
		return code(501)
	}
	m.rest = n
	return code(350)
}

func (m *model) takeRest() int64 {
	n := m.rest
	m.rest = 0
	return n
}

// The making of data connections.

func (m *model) passive(s modelSetup) func(string) {
	m.data = s
	return func(reply string) {
		switch {
		case strings.HasPrefix(reply, "227 "):
			n := regexp.MustCompile(`,(\d+),(\d+)\)`).FindStringSubmatch(reply)
			hi, _ := strconv.Atoi(n[1]) // is a number: it has matched
			lo, _ := strconv.Atoi(n[2])
			m.data.port = hi<<8 | lo
		default:
			m.data.port, _ = strconv.Atoi(regexp.MustCompile(`\d{4,5}`).FindString(reply[4:]))
		}
	}
}

func (m *model) doPASV(string) modelAnswer {
	if m.epsvAll {
		return code(503)
	}
	s, at := modelSetup{how: "dial"}, anyCount+","+anyCount
	if m.data.named != "" { // RFC 478
		at = fmt.Sprintf("%d,%d", m.port>>8, m.port&0xFF)
	}
	switch m.data.named {
	case "own":
		s.how = "dial from"
	case "refused":
		s.how = "nobody"
	}
	a := say("227 Entering Passive Mode (%s,%s)", strings.ReplaceAll(m.host, ".", ","), at)
	a.after = m.passive(s)
	return a
}

func (m *model) doEPSV(arg string) modelAnswer {
	switch strings.ToUpper(strings.TrimSpace(arg)) {
	case "ALL":
		m.epsvAll = true
		return code(200)
	case "", "1":
		a := say("229 Entering Extended Passive Mode (|||" + anyCount + "|)")
		a.after = m.passive(modelSetup{how: "dial"})
		return a
	case "2":
		return code(522)
	}
	return code(501)
}

func (m *model) doLSTN(arg string) modelAnswer {
	arg = strings.ToUpper(strings.TrimSpace(arg))
	switch {
	case m.epsvAll:
		return code(503)
	case arg != "R" && arg != "S":
		return code(501)
	}
	a := say("255 SOCK " + anyCount)
	a.after = m.passive(modelSetup{how: "dial", only: arg})
	return a
}

// The addresses that are spoken of: the user's listener, one that refuses, and one of a
// foreign host.
const (
	ownPort     = "{own}"
	refusedPort = "{refused}"
)

// active makes the setup of PORT and EPRT. The address is one of those above, or what
// none of them is.
func (m *model) active(address string, port int) modelAnswer {
	switch {
	case m.epsvAll:
		return code(503)
	case address == ownPort:
		m.data = modelSetup{how: "accept"}
	case address == refusedPort:
		m.data = modelSetup{how: "refused"}
	case address != m.host:
		return code(504)
	case port < 1024:
		return code(504)
	}
	return code(200)
}

var portArg = regexp.MustCompile(`^(\d+,\d+,\d+,\d+),(\d+),(\d+)$`)

func (m *model) doPORT(arg string) modelAnswer {
	if arg == ownPort || arg == refusedPort {
		return m.active(arg, 0)
	}
	f := portArg.FindStringSubmatch(arg)
	if f == nil {
		return code(501)
	}
	hi, _ := strconv.Atoi(f[2])
	lo, _ := strconv.Atoi(f[3])
	if hi > 255 || lo > 255 {
		return code(501)
	}
	return m.active(strings.ReplaceAll(f[1], ",", "."), hi<<8|lo)
}

var eprtArg = regexp.MustCompile(`^\|(\d)\|([^|]*)\|(\d+)\|$`)

func (m *model) doEPRT(arg string) modelAnswer {
	f := eprtArg.FindStringSubmatch(arg)
	switch {
	case arg == ownPort || arg == refusedPort:
		return m.active(arg, 0)
	case f == nil:
		return code(501)
	case f[1] == "2" && m.epsvAll:
		return code(503)
	case f[1] != "1":
		return code(522)
	}
	port, _ := strconv.Atoi(f[3])
	return m.active(f[2], port)
}

func (m *model) doSOCK(arg string) modelAnswer {
	if m.epsvAll {
		return code(503)
	}
	host, text, found := strings.Cut(arg, ",")
	port, err := strconv.Atoi(text)
	own := arg == ownPort || arg == refusedPort
	switch {
	case own:
	case !found || err != nil || port == 0 || port > 65535:
		return code(501)
	case host != m.host:
		return code(504)
	}
	hows := map[string][2]string{ownPort: {"dial from", "accept"}, refusedPort: {"nobody", "refused"}}
	how := hows[arg]
	if m.data.only != "" { // after LSTN
		if m.data.how = how[0]; !own {
			m.data.how = "nobody"
		}
		return say("255 SOCK %d", m.data.port)
	}
	if !own { // the generator has no port but small ones there
		return code(504)
	}
	m.data = modelSetup{how: how[1], named: strings.Trim(arg, "{}")}
	return say("255 SOCK " + anyCount)
}

// ready says whether there is a setup for a transfer; else how it is refused.
func (m *model) ready(direction string) (refusal modelAnswer, ok bool) {
	switch {
	case m.data.how == "":
		return code(425), false
	case m.data.only != "" && m.data.only != direction:
		return code(503), false
	}
	return modelAnswer{}, true
}

func (m *model) takeSetup() modelSetup {
	s := m.data
	m.data = modelSetup{}
	return s
}

// Pathnames.

// name makes the absolute pathname of an argument.
func (m *model) name(arg string) (string, bool) {
	if strings.ContainsAny(arg, "\x00\r\n") {
		return "", false
	}
	if !strings.HasPrefix(arg, "/") {
		arg = m.cwd + "/" + arg
	}
	return path.Clean(arg), true
}

// The reasons why a pathname leads nowhere.
const (
	missing = "missing"
	barred  = "barred" // through a file, out of the root, round and round, or too long
)

// real is the pathname without links in it; that of the last component is followed or
// not. The last component need not exist.
func (m *model) real(name string, follow bool) (real, reason string) {
	at, parts := "/", strings.Split(name, "/")
	for links := 0; len(parts) > 0; {
		p := parts[0]
		parts = parts[1:]
		switch p {
		case "":
			continue
		case "..":
			if at == "/" {
				return "", barred
			}
			at = path.Dir(at)
			continue
		}
		if len(p) > 255 {
			return "", barred
		}
		next := path.Join(at, p)
		f, last := m.tree[next], len(parts) == 0
		switch {
		case f == nil && last:
			return next, ""
		case f == nil:
			return "", missing
		case f.kind == fs.ModeSymlink && (!last || follow):
			if links++; links > 8 || path.IsAbs(f.target) {
				return "", barred
			}
			parts = append(strings.Split(f.target, "/"), parts...)
			continue
		case f.kind != fs.ModeDir && !last:
			return "", barred
		}
		at = next
	}
	return at, ""
}

// find is what an argument names, or how that is refused.
func (m *model) find(arg string, follow bool) (name, real string, f *modelFile, refusal *modelAnswer) {
	refuse := func(n int) (string, string, *modelFile, *modelAnswer) { a := code(n); return "", "", nil, &a }
	name, ok := m.name(arg)
	if !ok {
		return refuse(501)
	}
	real, reason := m.real(name, follow)
	if f = m.tree[real]; reason != "" || f == nil {
		return refuse(550)
	}
	return name, real, f, nil
}

// plain is the plain file an argument names.
func (m *model) plain(arg string) (*modelFile, *modelAnswer) {
	_, _, f, refusal := m.find(arg, true)
	if refusal == nil && f.kind != 0 {
		a := code(550)
		refusal = &a
	}
	return f, refusal
}

// put makes, replaces or (nil) removes an entry.
func (m *model) put(real string, f *modelFile) {
	if delete(m.tree, real); f != nil {
		m.tree[real] = f
	}
	m.tree[path.Dir(real)].at = time.Time{}
}

// below are the pathnames under a directory.
func (m *model) below(real string) []string {
	var names []string
	for name := range m.tree {
		if name != "/" && strings.HasPrefix(name, strings.TrimSuffix(real, "/")+"/") {
			names = append(names, name)
		}
	}
	return names
}

func doubled(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (m *model) doCWD(arg string) modelAnswer {
	name, _, f, refusal := m.find(arg, true)
	switch {
	case refusal != nil:
		return *refusal
	case f.kind != fs.ModeDir:
		return code(550)
	}
	m.cwd = name
	return say("250 %s "+anyRest, doubled(name))
}

func (m *model) doMKD(arg string) modelAnswer {
	name, ok := m.name(arg)
	if !ok {
		return code(501)
	}
	real, reason := m.real(name, false)
	if reason != "" || m.tree[real] != nil {
		return code(550)
	}
	m.put(real, &modelFile{kind: fs.ModeDir, mode: 0o777 &^ m.umask})
	return say("257 %s "+anyRest, doubled(name))
}

func (m *model) remove(arg string, directory bool) modelAnswer {
	name, real, f, refusal := m.find(arg, false)
	switch {
	case refusal != nil:
		return *refusal
	case name == "/", directory != (f.kind == fs.ModeDir), len(m.below(real)) > 0:
		return code(550)
	}
	m.put(real, nil)
	return code(250)
}

func (m *model) doRNFR(arg string) modelAnswer {
	name, _, _, refusal := m.find(arg, false)
	if refusal != nil {
		return *refusal
	}
	m.rename = name
	return code(350)
}

func (m *model) doRNTO(arg string) modelAnswer {
	if m.rename == "" {
		return code(503)
	}
	name, ok := m.name(arg)
	if !ok {
		return code(501)
	}
	from, _ := m.real(m.rename, false) // RNFR has looked
	to, reason := m.real(name, false)
	f := m.tree[from]
	if reason != "" || from == "/" {
		return code(553)
	}
	old := m.tree[to]
	switch {
	case old != nil && old.kind == fs.ModeDir, old != nil && f.kind == fs.ModeDir:
		return code(553)
	case f.kind == fs.ModeDir && strings.HasPrefix(to, from+"/"):
		return code(553)
	case from == to:
		return code(250)
	}
	inside := m.below(from)
	m.put(from, nil)
	m.put(to, f)
	for _, name := range inside {
		m.tree[to+strings.TrimPrefix(name, from)] = m.tree[name]
		delete(m.tree, name)
	}
	return code(250)
}

func (m *model) doSIZE(arg string) modelAnswer {
	f, refusal := m.plain(arg)
	if refusal != nil {
		return *refusal
	}
	if !m.image {
		return code(550)
	}
	return say("213 %d", len(f.text))
}

func (f *modelFile) modified() string {
	if f.at.IsZero() {
		return anyTime
	}
	return f.at.Format("20060102150405")
}

func (m *model) doMDTM(arg string) modelAnswer {
	_, _, f, refusal := m.find(arg, true)
	if refusal != nil {
		return *refusal
	}
	return say("213 %s", f.modified())
}

var timeArg = regexp.MustCompile(`^\d{14}(\.\d+)?$`) // RFC 3659 section 2.3

func (m *model) doMFMT(arg string) modelAnswer {
	stamp, arg, _ := strings.Cut(arg, " ")
	at, err := time.Parse("20060102150405", stamp)
	if err != nil || !timeArg.MatchString(stamp) || arg == "" {
		return code(501)
	}
	name, _, f, refusal := m.find(arg, true)
	if refusal != nil {
		return *refusal
	}
	f.at = at
	return say("213 Modify=%s; %s", stamp, name)
}

func (m *model) doSITE(arg string) modelAnswer {
	verb, arg, _ := strings.Cut(arg, " ")
	switch strings.ToUpper(verb) {
	case "CHMOD":
		return m.siteCHMOD(arg)
	case "CPFR":
		m.copyFrom = ""
		if arg == "" {
			return code(501)
		}
		if _, refusal := m.plain(arg); refusal != nil {
			return *refusal
		}
		m.copyFrom, _ = m.name(arg)
		return code(350)
	case "CPTO":
		return m.siteCPTO(arg)
	case "HELP":
		return code(214)
	}
	return code(502)
}

func (m *model) siteCHMOD(arg string) modelAnswer {
	octal, arg, _ := strings.Cut(arg, " ")
	mode, err := strconv.ParseUint(octal, 8, 32)
	if err != nil || mode > 0o777 || arg == "" {
		return code(501)
	}
	_, _, f, refusal := m.find(arg, true)
	if refusal != nil {
		return *refusal
	}
	f.mode = fs.FileMode(mode)
	return code(200)
}

func (m *model) siteCPTO(arg string) modelAnswer {
	from := m.copyFrom
	m.copyFrom = ""
	switch {
	case from == "":
		return code(503)
	case arg == "":
		return code(501)
	}
	name, ok := m.name(arg)
	if !ok {
		return code(501)
	}
	source, refusal := m.plain(from)
	if refusal != nil {
		return *refusal
	}
	// A file that STOR could write to is replaced, and so is a link that leads nowhere.
	there, reason := m.real(name, true)
	if f := m.tree[there]; reason == barred || reason == "" && f != nil && f.kind != 0 {
		return code(550)
	}
	real, reason := m.real(name, false)
	if reason != "" {
		return code(550)
	}
	m.put(real, &modelFile{text: source.text, mode: source.mode &^ m.umask})
	return say("250 Copied %s to %s", from, name)
}

// modelDigests are the algorithms.
var modelDigests = map[string]func(string) []byte{
	"SHA-256": func(s string) []byte { d := sha256.Sum256([]byte(s)); return d[:] },
	"SHA-512": func(s string) []byte { d := sha512.Sum512([]byte(s)); return d[:] },
	"SHA-1":   func(s string) []byte { d := sha1.Sum([]byte(s)); return d[:] },
	"MD5":     func(s string) []byte { d := md5.Sum([]byte(s)); return d[:] },
	"CRC32":   func(s string) []byte { return binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(s))) },
}

func (m *model) doHASH(arg string) modelAnswer {
	f, refusal := m.plain(arg)
	if refusal != nil {
		return *refusal
	}
	return say("213 %s 0-%d %x %s", m.algorithm, len(f.text), modelDigests[m.algorithm](f.text), arg)
}

// Transfers.

// toNetwork and fromNetwork are the line ends of TYPE A (RFC 959 section 3.1.1.1).
func toNetwork(text string) string {
	return strings.ReplaceAll(fromNetwork(text), "\n", "\r\n")
}
func fromNetwork(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

func (m *model) doRETR(arg string) modelAnswer {
	rest := m.takeRest()
	name, ok := m.name(arg)
	if !ok {
		return code(501)
	}
	if refusal, ok := m.ready("S"); !ok {
		return refusal
	}
	setup := m.takeSetup()
	f, refusal := m.plain(arg)
	switch {
	case refusal != nil:
		return *refusal
	case rest > 0 && !m.image, rest > int64(len(f.text)):
		return code(554)
	}
	a := say("150 Sending %s (%d bytes)", name, int64(len(f.text))-rest)
	a.verb, a.setup, a.sends = "RETR", setup, f.text[rest:]
	if !m.image {
		a.sends = toNetwork(f.text)
	}
	return a
}

// modelUpload is a file that is received.
type modelUpload struct {
	m         *model
	real      string
	created   bool
	appending bool
	start     int // where what comes begins
}

// got has the file hold what came.
func (u *modelUpload) got(text string) {
	f := u.m.tree[u.real]
	if !u.m.image {
		text = fromNetwork(text)
	}
	if f.text = f.text[:u.start] + text; text != "" || !u.appending {
		f.at = time.Time{}
	}
}

// none says that there was no data connection.
func (u *modelUpload) none() {
	if u.created {
		u.m.put(u.real, nil)
	}
}

// store answers STOR and APPE.
func (m *model) store(verb, arg string, rest int64) modelAnswer {
	name, ok := m.name(arg)
	if !ok {
		return code(501)
	}
	if refusal, ok := m.ready("R"); !ok {
		return refusal
	}
	setup := m.takeSetup()
	u := &modelUpload{m: m, start: int(rest), appending: verb == "APPE"}
	real, reason := m.real(name, false)
	switch {
	case reason != "":
		return code(550)
	case m.tree[real] == nil:
		u.real, u.created = real, true
		m.put(real, &modelFile{mode: 0o666 &^ m.umask})
	default: // a link is followed, but not to make a file where it leads
		if _, refusal := m.plain(arg); refusal != nil {
			return *refusal
		}
		u.real, _ = m.real(name, true)
	}
	size := len(m.tree[u.real].text)
	if rest > 0 && !m.image || rest > int64(size) {
		u.none()
		return code(554)
	}
	if u.appending {
		u.start = size
	}
	a := say("150 Receiving %s", name)
	a.verb, a.setup, a.takes = verb, setup, u
	return a
}

func (m *model) doSTOU(arg string) modelAnswer {
	m.rest = 0
	if arg == "" {
		arg = "stou"
	}
	name, ok := m.name(arg)
	if !ok {
		return code(501)
	}
	if refusal, ok := m.ready("R"); !ok {
		return refusal
	}
	setup := m.takeSetup()
	real, reason := m.real(name+".12345678", false)
	if reason != "" {
		return code(550)
	}
	u := &modelUpload{m: m, created: true}
	a := say("150 FILE: %s."+anyRest, name)
	a.verb, a.setup, a.takes = "STOU", setup, u
	a.after = func(reply string) {
		u.real = path.Join(path.Dir(real), path.Base(strings.TrimPrefix(reply, "150 FILE: ")))
		if m.tree[u.real] == nil { // else the comparison of the files finds it out
			m.put(u.real, &modelFile{mode: 0o666 &^ m.umask})
		}
	}
	return a
}

// Listings.

func withoutDashes(arg string) string {
	return regexp.MustCompile(`^(-[^ ]* *)+`).ReplaceAllString(arg, "")
}

// lines is a listing of what is named: a directory's entries, or else itself.
func (m *model) lines(name, real string, f *modelFile, line func(string, *modelFile) string) string {
	if f.kind != fs.ModeDir {
		return line(path.Base(name), f)
	}
	var b strings.Builder
	for _, n := range slices.Sorted(maps.Keys(m.tree)) {
		if n != "/" && path.Dir(n) == real {
			b.WriteString(line(path.Base(n), m.tree[n]))
		}
	}
	return b.String()
}

func (m *model) list(verb, arg string, line func(string, *modelFile) string) modelAnswer {
	m.rest = 0
	if _, ok := m.name(arg); !ok {
		return code(501)
	}
	if refusal, ok := m.ready("S"); !ok {
		return refusal
	}
	setup := m.takeSetup()
	name, real, f, refusal := m.find(arg, true)
	switch {
	case refusal != nil:
		return *refusal
	case verb == "MLSD" && f.kind != fs.ModeDir:
		return code(501)
	}
	a := code(150)
	a.verb, a.setup, a.sends = verb, setup, m.lines(name, real, f, line)
	return a
}

// unspeakable says that no command could name the file.
func unspeakable(name string) bool { return strings.ContainsAny(name, "\r\n") }

func shortLine(name string, _ *modelFile) string {
	if unspeakable(name) {
		return ""
	}
	return name + "\r\n"
}

// long is a line of "ls -l".
func (m *model) long(name string, f *modelFile) string {
	letter, size, date, arrow := "-", fmt.Sprintf("%12d", len(f.text)), anyDate, ""
	switch f.kind {
	case fs.ModeDir:
		letter, size = "d", anyCount
	case fs.ModeSymlink:
		letter, size, arrow = "l", fmt.Sprintf("%12d", len(f.target)), " -> "+f.target
	}
	if !f.at.IsZero() {
		date = f.at.Format("Jan _2  2006") // what the generator sets is long ago, or to come
	}
	return letter + f.mode.String()[1:] + " 1 ftp ftp " + size + " " + date + " " + strings.ReplaceAll(name, "\n", "?") + arrow + "\r\n"
}

func (m *model) factsOf(f *modelFile) string {
	values := map[string]string{"type": "file", "modify": f.modified(), "UNIX.mode": fmt.Sprintf("%04o", uint32(f.mode))}
	switch f.kind {
	case fs.ModeDir:
		values["type"] = "dir"
	case fs.ModeSymlink:
		values["type"] = "OS.unix=slink:" + f.target
	default:
		values["size"] = strconv.Itoa(len(f.text))
	}
	var b strings.Builder
	for _, fact := range strings.Split(strings.TrimSuffix(m.facts, ";"), ";") {
		if v := values[fact]; v != "" {
			b.WriteString(fact + "=" + v + ";")
		}
	}
	return b.String()
}

func (m *model) factLine(name string, f *modelFile) string {
	if unspeakable(name) {
		return ""
	}
	return m.factsOf(f) + " " + name + "\r\n"
}

func (m *model) doMLST(arg string) modelAnswer {
	name, _, f, refusal := m.find(arg, true)
	if refusal != nil {
		return *refusal
	}
	return say("250-%s\r\n %s %s\r\n250 End", anyRest, m.factsOf(f), name)
}

func (m *model) doSTAT(arg string) modelAnswer {
	if arg == "" {
		who, representation := " Not logged in\r\n", "A"
		if m.loggedIn {
			who = " Logged in as u\r\n Working directory " + m.cwd + "\r\n"
		}
		if m.image {
			representation = "I"
		}
		return say("211-Status:\r\n Connected from %s\r\n%s TYPE %s, MODE S, STRU F\r\n211 End", m.host, who, representation)
	}
	if !m.loggedIn {
		return code(530)
	}
	name, real, f, refusal := m.find(withoutDashes(arg), true)
	if refusal != nil {
		return *refusal
	}
	return say("213-Status of %s\r\n%s213 End", name, m.lines(name, real, f, m.long))
}
