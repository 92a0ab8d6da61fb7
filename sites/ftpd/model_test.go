package ftpd

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
)

// modelFile is a file, directory or symbolic link of a model.
type modelFile struct {
	kind   fs.FileMode // 0, fs.ModeDir or fs.ModeSymlink
	text   string
	target string
	mode   fs.FileMode
	at     time.Time // when it was modified; zero: not long ago
}

// modelUsers are the users, and what each may do: read, write, append, delete and list. All
// have the same files and the password p.
var modelUsers = map[string]string{
	"u": "rwadl", "reader": "rl", "adder": "al", "editor": "rwl", "keeper": "rwal", "joiner": "rad", "remover": "dl", "taker": "rdl", "blind": "rwad", "box": "a",
}

// modelHosts are what HOST can be told (RFC 7151 section 3), and how that is answered: a
// host of this site or another one, or what is no name of a host.
var modelHosts = map[string]int{
	"ftp.example.com": 220, "FTP.Example.COM": 220, "127.0.0.1": 220, "[2001:db8::1]": 220, "[2001:DB8:0:0::1]": 220,
	"ftp.example.org": 504, "example.com": 504, "127.0.0.2": 504, "[::1]": 504,
	"2001:db8::1": 501, "ftp.example.com:21": 501, "[ftp.example.com]": 501, "[::1": 501, "a b": 501, "a..b": 501, ".": 501, "\xff": 501, strings.Repeat("a", 64): 501, "": 501,
}

// model is what a session, and the files of its users, should be like: as RFC 959, RFC
// 2389, RFC 2428, RFC 2640, RFC 3659, RFC 7151, the drafts for MFMT and MFF, HASH, RANG and
// AVBL and the comments of this package say it. It uses nothing of the server.
type model struct {
	tree  map[string]*modelFile // by absolute path, without links in it
	umask fs.FileMode
	host  string // that of server and user, an IPv4 address
	port  int    // the server's default data socket

	user      string // from USER
	as        string // who is logged in; "" is nobody
	ever      bool   // somebody was logged in
	failures  int
	over      bool
	cwd       string
	image     bool
	block     bool            // MODE B
	tells     map[string]bool // of which verbs a digest is told at the end
	rest      int64
	rang      *span // from RANG; nil: none
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
	tells string             // the path with whose digest it ends; "" is none
	setup modelSetup         // and its data connection
}

func code(n int) modelAnswer { return modelAnswer{want: strconv.Itoa(n) + " " + anyRest} }

func say(format string, args ...any) modelAnswer {
	return modelAnswer{want: fmt.Sprintf(format, args...)}
}

// modelVerb is a verb: what it needs, each as a word, and what it does. It needs a "login",
// an "arg" or one of the rights with these letters.
type modelVerb struct {
	needs string
	do    func(m *model, arg string) modelAnswer
}

// modelVerbs are all verbs the model knows. nil is known and not implemented at a site
// without TLS.
func modelVerbs() map[string]*modelVerb {
	always := func(n int) func(*model, string) modelAnswer {
		return func(*model, string) modelAnswer { return code(n) }
	}
	parameter := func(known ...string) func(*model, string) modelAnswer {
		return func(_ *model, arg string) modelAnswer {
			if slices.Contains(known, strings.ToUpper(strings.TrimSpace(arg))) {
				return code(200)
			}
			return code(504)
		}
	}
	verbs := map[string]*modelVerb{
		"USER": {"arg", (*model).doUSER},
		"PASS": {"", (*model).doPASS},
		"ACCT": {"", always(202)},
		"REIN": {"", (*model).doREIN},
		"QUIT": {"", func(m *model, _ string) modelAnswer { m.over = true; return code(221) }},
		"NOOP": {"", always(200)},
		"SYST": {"", func(*model, string) modelAnswer { return say("215 UNIX Type: L8") }},
		"ALLO": {"", always(202)},
		"FEAT": {"", func(*model, string) modelAnswer { return say("211-" + anyText + "\r\n211 End") }},
		"HELP": {"", (*model).doHELP},
		"LANG": {"", parameter("EN", "")},
		"CLNT": {"", always(200)},
		"CSID": {"", func(*model, string) modelAnswer { return say("200 Name=RSEXEC;") }},
		"HOST": {"arg", (*model).doHOST},
		"OPTS": {"arg", (*model).doOPTS},
		"STAT": {"", (*model).doSTAT},
		"TYPE": {"arg", (*model).doTYPE},
		"MODE": {"arg", (*model).doMODE},
		"STRU": {"arg", parameter("F")},
		"REST": {"login arg", (*model).doREST},
		"RANG": {"login arg", (*model).doRANG},
		"ABOR": {"", func(m *model, _ string) modelAnswer { m.data = modelSetup{}; return code(225) }},

		"PASV": {"login", (*model).doPASV},
		"EPSV": {"login", (*model).doEPSV},
		"PORT": {"login arg", (*model).doPORT},
		"EPRT": {"login arg", (*model).doEPRT},
		"LSTN": {"login arg", (*model).doLSTN},
		"SOCK": {"login arg", (*model).doSOCK},

		"RETR": {"login arg r", (*model).doRETR},
		"STOR": {"login arg wa", func(m *model, arg string) modelAnswer { return m.store("STOR", arg) }},
		"APPE": {"login arg wa", func(m *model, arg string) modelAnswer { return m.store("APPE", arg) }},
		"COMB": {"login arg d r wa", (*model).doCOMB},
		"STOU": {"login wa", (*model).doSTOU},
		"LIST": {"login l", func(m *model, arg string) modelAnswer { return m.list("LIST", withoutDashes(arg), m.long) }},
		"NLST": {"login l", func(m *model, arg string) modelAnswer { return m.list("NLST", withoutDashes(arg), shortLine) }},
		"MLSD": {"login l", func(m *model, arg string) modelAnswer { return m.list("MLSD", arg, m.factLine) }},
		"MLST": {"login", (*model).doMLST},

		"PWD":  {"login", func(m *model, _ string) modelAnswer { return say("257 %s "+anyRest, doubled(m.cwd)) }},
		"CWD":  {"login arg", (*model).doCWD},
		"CDUP": {"login", func(m *model, _ string) modelAnswer { return m.doCWD("..") }},
		"MKD":  {"login arg wa", (*model).doMKD},
		"RMD":  {"login arg d", func(m *model, arg string) modelAnswer { return m.remove(arg, true) }},
		"DELE": {"login arg d", func(m *model, arg string) modelAnswer { return m.remove(arg, false) }},
		"RNFR": {"login arg w", (*model).doRNFR},
		"RNTO": {"login arg w", (*model).doRNTO},
		"SIZE": {"login arg", (*model).doSIZE},
		"AVBL": {"login", (*model).doAVBL},
		"MFF":  {"login arg w", (*model).doMFF},
		"MDTM": {"login arg", (*model).doMDTM},
		"MFMT": {"login arg w", (*model).doMFMT},
		"SITE": {"login arg", (*model).doSITE},

		"HASH": {"login arg r", (*model).doHASH},

		"SMNT": nil, "AUTH": nil, "PBSZ": nil, "PROT": nil, "CCC": nil, "SSCN": nil, "CPSV": nil,
	}
	for alias, verb := range map[string]string{"XPWD": "PWD", "XCWD": "CWD", "XCUP": "CDUP", "XMKD": "MKD", "XRMD": "RMD"} {
		verbs[alias] = verbs[verb]
	}
	for verb, algorithm := range map[string]string{"XSHA256": "SHA-256", "XSHA512": "SHA-512", "XSHA1": "SHA-1", "XMD5": "MD5", "XCRC": "CRC32"} {
		verbs[verb] = &modelVerb{"login arg r", func(m *model, arg string) modelAnswer { return m.sum(algorithm, arg) }}
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
	}
	if strings.EqualFold(name, "RNTO") {
		m.rename = renaming
		defer func() { m.rename = "" }()
	}
	return m.perform(v, arg)
}

// perform answers a verb, or a service of SITE.
func (m *model) perform(v *modelVerb, arg string) modelAnswer {
	for need := range strings.FieldsSeq(v.needs) {
		switch {
		case need == "login" && m.as == "":
			return code(530)
		case need == "arg" && arg == "":
			return code(501)
		case need != "login" && need != "arg" && !m.may(need):
			return code(550)
		}
	}
	return v.do(m, arg)
}

// may says whether the user has one of some rights.
func (m *model) may(some string) bool { return strings.ContainsAny(modelUsers[m.as], some) }

func (m *model) logout() {
	m.user, m.as, m.cwd, m.rest, m.rang, m.copyFrom, m.data = "", "", "/", 0, nil, "", modelSetup{}
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
	case modelUsers[user] != "" && arg == "p":
		m.as, m.ever, m.failures = user, true, 0
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
	m.block, m.tells = false, nil
	return code(220)
}

// doHOST: the name is for who logs in next.
func (m *model) doHOST(arg string) modelAnswer {
	if m.user != "" || m.as != "" {
		return code(503)
	}
	return code(modelHosts[arg])
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
	case "RETR", "STOR":
		if value = strings.ToUpper(strings.TrimSpace(value)); value != "" && value != "HASH" {
			return code(501)
		}
		if m.tells == nil {
			m.tells = make(map[string]bool)
		}
		m.tells[strings.ToUpper(name)] = value != ""
		return code(200)
	}
	return code(501)
}

func (m *model) doMODE(arg string) modelAnswer {
	mode := strings.ToUpper(strings.TrimSpace(arg))
	if mode != "S" && mode != "B" {
		return code(504)
	}
	m.block = mode == "B"
	return code(200)
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
