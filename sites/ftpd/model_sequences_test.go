package ftpd

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

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

// roll is a number below n. To choose from many takes two bytes, so that all are chosen
// about as often.
func (d *dice) roll(n int) int {
	sum := 0
	for range min(1+n/64, 2) {
		if len(*d) == 0 {
			return 0
		}
		sum = sum<<8 | int((*d)[0])
		*d = (*d)[1:]
	}
	return sum % n
}

// pick is one of the words.
func (d *dice) pick(words []string) string { return words[d.roll(len(words))] }

// modelCommands are what sequences are made of. A "+" parts commands that follow each
// other, {words} are chosen from modelWords or, {any}, from here, {user} is that of the
// sequence, {path} is a pathname and {quoted} is one in quotes.
var modelCommands = []string{
	"PWD", // where there is nothing more to choose by
	"{login} + {any} + USER {user} + PASS p + TYPE I", "{login} + {any} + {any} + USER {user} + PASS p + {type}", "USER {user} + PASS p", "{seldom}",
	"XPWD", "CWD {path}", "CWD {path}", "CWD {path}", "CWD /", "XCWD {path}", "CDUP", "XCUP",
	"MKD {path}", "MKD {path}", "XMKD {path}", "RMD {path}", "RMD {path}", "XRMD {path}", "DELE {path}", "DELE {path}",
	"RNFR {path} + RNTO {path}", "RNFR {path} + RNTO {path}", "RNFR {path} + RNTO {path}", "RNFR {path}", "RNTO {path}",
	"RNFR {path} + RNFR {path} + RNTO {path}", "RNFR {path} + NOOP + RNTO {path}", "RNFR {path} + {long} + RNTO {path}",
	"SIZE {path}", "SIZE {path}", "MDTM {path}", "MDTM {path}", "MFMT {time} {path}", "MFMT {time} {path}", "MFMT {time}",
	"MDTM {time} {path}", "MDTM {time} {path}", "MDTM {time}", "SITE UTIME {stamp} {path}", "SITE UTIME {path} {stamp} {stamp} {stamp} UTC", "SITE UTIME {stamp} {stamp} {stamp} {stamp} {stamp} {zone}", "Site Utime {path} {stamp} {stamp} {stamp} {zone}", "SITE UTIME",
	"MFF {fact}{fact} {path}", "MFF {fact} {path}", "MFF {fact} {path}", "MFF {fact}{fact}{fact} {path}", "MFF {path}", "MFF {fact}", "MFF {fact}  {path}", "AVBL {path}", "AVBL",
	"SITE CHMOD {mode} {path}", "SITE CHMOD {mode} {path}", "SITE CPFR {path} + SITE CPTO {path}", "SITE CPFR {path} + SITE CPTO {path}",
	"SITE CPFR {path}", "SITE CPTO {path}", "SITE CPFR", "SITE CPTO", "SITE", "SITE HELP", "SITE X {path}", "site cpfr {path} + Site Cpto {path}",
	"{passive} + STOR {path}", "{passive} + STOR {path}", "{setup} + STOR {path}", "{setup} + {setup} + STOR {path}", "{passive} + REST {offset} + STOR {path}", "REST {offset} + {setup} + STOR {path}",
	"{passive} + APPE {path}", "{setup} + APPE {path}", "REST {offset} + {setup} + APPE {path}", "{setup} + STOU {path}", "{passive} + STOU",
	"{passive} + RETR {path}", "{passive} + RETR {path}", "{setup} + RETR {path}", "{setup} + {setup} + RETR {path}", "{passive} + REST {offset} + RETR {path}", "REST {offset} + {setup} + RETR {path}",
	"{passive} + LIST {path}", "{setup} + LIST", "{setup} + NLST {path}", "{passive} + NLST", "{passive} + MLSD {path}", "{setup} + MLSD", "{passive} + LIST -la {path}", "{passive} + NLST -a",
	"MLST {path}", "MLST {path}", "MLST", "STAT", "STAT {path}", "STAT {path}", "STAT -l {path}",
	"RANG {range} + {passive} + RETR {path}", "RANG {range} + {passive} + RETR {path}", "{setup} + RANG {range} + RETR {path}", "RANG {range} + {passive} + STOR {path}", "RANG {range} + {passive} + STOR {path}", "RANG {range} + {setup} + STOR {path}",
	"RANG {range} + HASH {path}", "RANG {range} + XMD5 {path}", "RANG {range} + {any}", "RANG {range} + TYPE {type} + {passive} + RETR {path}", "RANG {range} + REST {offset} + {passive} + RETR {path}", "REST {offset} + RANG {range} + {passive} + STOR {path}",
	"RANG {range} + {passive} + APPE {path}", "RANG {range} + {setup} + STOU", "RANG {range} + {passive} + NLST + {passive} + RETR {path}", "RANG {range} + RANG {range} + {passive} + STOR {path}", "RANG {range}", "RANG",
	"COMB {quoted} {quoted}", "COMB {quoted} {quoted}", "COMB {quoted} {quoted} {quoted}", "COMB  {quoted}  {quoted} {quoted} ", "COMB {quoted}", "COMB {path} {path}", `COMB "{path}" "{path}"`, `COMB "{path}""{path}"`, `COMB "" {quoted}`, `COMB "f"`, "COMB",
	"STOR {path}", "RETR {path}", "STOR", "RETR", "LIST", "REST {offset}", "REST", "{setup}", "{setup}", "ABOR",
	"TYPE {type}", "TYPE {type}", "TYPE I", "TYPE I", "TYPE", "MODE S", "MODE B", "MODE b", "MODE C", "OPTS RETR HASH", "OPTS RETR", "OPTS STOR HASH", "OPTS STOR", "OPTS STOR X", "STRU F", "STRU R", "MODE", "STRU",
	"OPTS MLST {facts}", "OPTS MLST", "OPTS HASH {algorithm}", "OPTS HASH", "OPTS UTF8 ON", "OPTS UTF8 OFF", "OPTS UTF8", "OPTS X", "OPTS",
	"HASH {path}", "HASH {path}", "HASH", "XSHA256 {path}", "XSHA512 {path}", "XSHA1 {path}", "XMD5 {path}", "XCRC {path}",
	"XMD5 {quoted}", "XSHA1 {quoted} {offset} {offset}", "XCRC {quoted} 0 3", "XSHA256 {quoted} 2 4", "XSHA512 {quoted} {offset}", `XMD5 "{path}" 0 1 2`,
	"HOST {host}", "LANG {language}", "LANG", "CLNT x", "CLNT", "CSID Name=x;", "CSID",
	"NOOP", "ALLO 5", "ALLO", "SYST", "FEAT", "HELP", "HELP {verb}", "{verb} {path}", "{verb}", "SMNT x", "AUTH TLS", "PBSZ 0", "PROT P", "CCC", "SSCN ON", "CPSV",
	"{long}", "XYZZY {path}", "", " ", "  pwd", "\x00", "CWD {path}\r", "DELE a\x00b",
}

// modelWords are what stands for a word in braces. Modes leave the owner every right: who
// runs the test need not be root.
var modelWords = map[string][]string{
	"{login}":     {"USER {anybody}", "PASS p", "USER x + PASS p", "USER {user} + PASS x", "USER {anybody} + PASS p", "USER", "PASS", "REIN", "REIN + PASS p", "ACCT x", "REIN + HOST {host}", "USER {user} + HOST {host} + PASS p"},
	"{anybody}":   slices.Sorted(maps.Keys(modelUsers)),
	"{host}":      slices.Sorted(maps.Keys(modelHosts)),
	"{language}":  {"EN", "en", " En ", "EN-US", "DE", "x y", "*"},
	"{seldom}":    {"QUIT", "EPSV ALL", "EPSV ALL + {setup} + {setup} + REIN + USER {user} + PASS p", "USER u + PASS x + USER u + PASS x + USER u + PASS x + USER u + PASS x + USER u + PASS x"},
	"{passive}":   {"PASV", "EPSV"},
	"{setup}":     {"PASV", "EPSV", "PORT {own}", "EPRT {own}", "LSTN R", "LSTN S", "lstn s", "SOCK {own}", "LSTN R + SOCK {own}", "LSTN S + SOCK {own}", "SOCK {own} + PASV", "PORT {refused}", "EPRT {refused}", "SOCK {refused}", "LSTN R + SOCK {refused}", "SOCK {refused} + PASV", "EPSV 1", "EPSV 2", "EPSV x", "PORT 1,2,3", "PORT 10,0,0,1,9,9", "PORT 127,0,0,1,3,255", "PORT 127,0,0,1,1,256", "EPRT |1|10.0.0.1|2000|", "EPRT |1|127.0.0.1|1023|", "EPRT |2|::1|2000|", "EPRT |3|x|2000|", "EPRT x", "LSTN X", "LSTN", "SOCK", "SOCK x", "SOCK 10.0.0.1,2000", "SOCK 127.0.0.1,5", "SOCK 127.0.0.1,0", "PORT", "EPRT"},
	"{time}":      {"20020717210715", "19700101000000", "19691231235959", "20380119031408", "20991231235959", "20020717210715.25", "20020717210715,25", "20020717210715.", "2002", "20021317210715", "20020717210715x", "-0020717210715", "20161231235960", "20161231225960", "20161231235961", "10000101000000", "99991231235959", "09991231235959", "00010101000000", "00000000000000", "20010229000000", "20000229000000", ""},
	"{stamp}":     {"{time}", "{time}", "200207172107", "200207172160", "20020717210", "010101000000", ""},
	"{zone}":      {"UTC", "utc", "GMT", ""},
	"{fact}":      {"Modify={time};", "modify={time};", "UNIX.mode={mode};", "unix.MODE={mode};", "UNIX.mode=740;", "Modify=20020717210715;", "MODIFY=20031231235959;", "Create=20020717210715;", "x=1;", "Modify;", "x;", "=1;", ";", "UNIX.mode=700", "Modify==;"},
	"{range}":     {"0 0", "0 3", "0 3", "1 2", "1 1", "2 3", "4 4", "4 7", "3 8", "0 7499", "1 7500", "1 0", "01 00", "0 163839", "10 100000", "100000 100001", "0 9223372036854775807", "2 9223372036854775808", "0 99999999999999999999", "9223372036854775807 9223372036854775807", "3 2", "0 0 0", "1", "-1 3", "+1 3", "0x1 3", "1  2", " 1 2 ", "a b", "1,2"},
	"{mode}":      {"700", "755", "777", "0750", "711", "1777", "8", "u+x", "", "-1", "77777777777777777777"},
	"{offset}":    {"0", "1", "2", "3", "4", "5", "20", "100000", "9223372036854775807", "9223372036854775808", "-1", "+1", "x", " 2", "0x2"},
	"{type}":      {"A", "A", "a n", "I", "L 8", "l8", "i", "E", "L 7", "I N", "A T"},
	"{facts}":     {"type;", "size;modify;", "Size;TYPE", "unix.mode;type;size;modify;", "x;y;", "type; size;", ";", "modify", "type,size"},
	"{algorithm}": {"SHA-256", "sha-512", "SHA-1", "MD5", "CRC32", "crc32", "X", " MD5"},
	"{verb}":      {"RANG", "COMB", "AVBL", "MFF", "MDTM", "LANG", "CLNT", "CSID", "PWD", "CDUP", "RETR", "LIST", "SIZE", "MLST", "CWD", "NLST", "STOU", "QUIT", "SMNT", "cwd", "NOOP", "ABOR", "XYZZY"},
	"{long}":      {"CWD " + strings.Repeat("x", 506), "CWD " + strings.Repeat("x", 507), "CWD " + strings.Repeat("x", 8<<10-5), "CWD " + strings.Repeat("x", 8<<10-4), "NOOP " + strings.Repeat("y", 20<<10)},
	"{name}":      {"f", "d", "e", "g", "z", "link", "dlink", "up", "a", "b", "c", "f", "d", "a", "b", "{odd}", "{odd}", "{link}"},
	"{link}":      {"out", "outdir", "loop", "dangling", "none"},
	"{odd}": {`q"uote`, "two words", " blank", "end ", "-dash", "semi;colon", "*", "?", "~", "...", "%s%d", "\\", "ünï", "\xff", "a\xff\xffb", "\t", "A", "211 x", "\x7f", "20020717210715 f", `"f"`, `"f" 0 3`, "a\x00b",
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
		switch word {
		case "{path}":
			return modelPath(d)
		case "{quoted}":
			return doubled(modelPath(d))
		}
		if of := modelWords[word]; of != nil {
			return d.expand(d.pick(of))
		}
		return word // is for the user
	})
}

var wordInBraces = regexp.MustCompile(`\{[a-z]+\}`)

// modelSteps is about how many commands a sequence has at most: with more, some without a
// login would be too many.
const modelSteps = 90

// modelSequence is the sequence that bytes stand for.
func modelSequence(bytes []byte) []modelStep {
	d := dice(bytes)
	user := "u" // who may do everything, in every second sequence
	if d.roll(2) != 0 {
		user = d.pick(modelWords["{anybody}"])
	}
	var steps []modelStep
	var add func(pattern string)
	add = func(pattern string) {
		for line := range strings.SplitSeq(strings.ReplaceAll(pattern, "{user}", user), " + ") {
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
		add("USER {user} + PASS p + TYPE I")
	}
	for len(d) > 0 && len(steps) < modelSteps {
		add(d.pick(modelCommands))
	}
	return steps
}
