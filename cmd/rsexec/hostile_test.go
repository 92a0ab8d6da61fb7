//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"rsexec/sites/ftptest"
)

// A hostile is one dialogue with a server that means harm, or has lost its mind, and
// what comes of it: what the person is told, and what is on disk afterwards.
type hostile struct {
	name    string
	server  string // as ftptest.Answer has it: where it differs from an honest one
	tls     bool   // it offers TLS, and is certified
	hurried bool   // the site is given up soon, for it stays silent
	options string // of the site, as its URL has them
	run     string // the statements; the server is SITE1, and HERE a folder of this host

	kind   string            // of the last error, "" if there is none
	status int               // the exit status
	says   []string          // parts of what is told, as text
	hides  []string          // parts that must not be in it
	disk   map[string]string // the files in HERE, by path; nil is none
	sent   []string          // commands that the server got
	unsent []string          // parts of commands that it never got
}

const (
	look  = "DIRECTORY SITE1:/"
	fetch = "COPY SITE1:/f LOCAL:HERE/f"

	// file is a file /f of five bytes, whole has it sent when it is wanted, and after150
	// ends with what comes first when it is.
	file     = "C: MLST /f\nS! \"250-x\\r\\n type=file;size=5;modify=20260101000000; /f\\r\\n250 end\\r\\n\"\n"
	after150 = file + "C: RETR /f\nS: 150 go\n"
	whole    = after150 + "D> \"hello\"\nDX\nS: 226 done\n"

	// bare has the server know neither FEAT nor what would be in it.
	bare = "C: FEAT\nS: 500 what\nC? MLSD*\nS: 500 what\nC? MLST*\nS: 500 what\nC? CWD /f\nS: 550 no\n"

	// folder is a directory /d, homeless a home of which nobody knows where it is.
	folder   = "C: MLST /d\nS! \"250-\\r\\n type=dir; /d\\r\\n250 e\\r\\n\"\n"
	homeless = "C: MLST \nS! \"250-\\r\\n type=dir; .\\r\\n250 e\\r\\n\"\n"
)

// fetched is what is on disk when all went well.
var fetched = map[string]string{"f": "hello"}

// listing is the answer to MLSD with these lines, as Go literals have them.
func listing(lines ...string) string { return listed("MLSD*", lines...) }

// listed is the answer to a command that lists.
func listed(command string, lines ...string) string {
	return "C: " + command + "\nS: 150 go\nD> \"" + strings.Join(lines, `\r\n`) + "\\r\\n\"\nDX\nS: 226 done\n"
}

// answers is the answer to a command, of one reply.
func answers(command, reply string) string { return "C: " + command + "\nS! \"" + reply + "\\r\\n\"\n" }

// hostiles is the table of what servers may do.
var hostiles = []hostile{
	// What a terminal could act on: shown escaped, wherever it comes from.

	{name: "escape sequences in a greeting that refuses", server: `S! "500 \x1b]0;owned\x07\x1b[2J\r\n"`, run: look,
		kind: "unsupported", status: 1, says: []string{`500 \x1b]0;owned\x07\x1b[2J`}},
	{name: "escape sequences in a greeting that is traced", server: `S! "220 \x1b[2Jhi\r\n"`, run: "TRACE " + look,
		says: []string{`220 \x1b[2Jhi`}},
	{name: "a refusal of the user that reads from right to left, and C1 controls", server: answers("USER *", `530 \u202egnp.exe \u009b31m \x9b`), run: look,
		kind: "login", status: 1, says: []string{`530 \u202egnp.exe \u009b31m \x9b`}},
	{name: "BEL, CR, NUL, DEL and BS in a refusal", server: file + answers("DELE /f", `550 no\a\rway\x00\x7f\b!`), run: "DELETE SITE1:/f",
		kind: "not found", status: 5, says: []string{`550 no\x07\x0dway\x00\x7f\x08!`}},
	{name: "controls in a refusal of many lines", server: file + answers("DELE /f", `553-\x1b[1A\r\n553-\x1b[2K\r\n553 \u2066no`), run: "DELETE SITE1:/f",
		kind: "permission", status: 1, says: []string{`553 \x1b[1A / \x1b[2K / \u2066no`}},
	{name: "controls in the reply to PWD", server: answers("PWD", `257 \"/\x1b[31m\u202ered\"`), run: "PWD",
		says: []string{`SITE1:/\x1b[31m\u202ered`}},
	{name: "controls in names of MLSD", server: listing(`type=file;size=1; q\x1b[31mQ`, `type=dir; \u009b\x9b\x7f\b`), run: look,
		says: []string{`q\x1b[31mQ`, `\u009b\x9b\x7f\x08/`}},
	{name: "controls in names of LIST", server: bare + listed("LIST*", `-rw-r--r-- 1 u g 1 Jan 01 00:00 q\x1b[31mQ`, `-rw-r--r-- 1 u g 1 Jan 01 00:00 \u202eexe`), run: look,
		says: []string{`q\x1b[31mQ`, `\u202eexe`}},
	{name: "controls in names of NLST", server: bare + "C: LIST*\nS: 500 what\n" + listed("NLST*", `q\x1b[31mQ`, `\u009b`), run: look,
		says: []string{`q\x1b[31mQ`, `\u009b`}},
	{name: "controls where a link leads", server: listing(`type=OS.unix=slink:/\x1b[2J\u2067; l`), run: look,
		says: []string{`l -> /\x1b[2J\u2067`}},
	{name: "controls in the complete names that FIND prints", server: listing(`type=file;size=1; \x1b[31m`), run: "FIND SITE1:/*",
		says: []string{`SITE1:/\x1b[31m`}},
	{name: "controls in FEAT", server: answers("FEAT", `211-x\r\n A\x1b[31mB\r\n \u202eC\u009b\r\n211 e`), run: "SITES",
		says: []string{`A\x1b[31MB`, `\u202eC\u009b`}},
	{name: "controls in a reply to QUOTE", server: answers("HELP", `214-\x1b[31m\r\n\u009b\r\n214 \x07`), run: "QUOTE SITE1 HELP",
		says: []string{`214-\x1b[31m`, `\u009b`, `214 \x07`}},
	{name: "controls in a 227 without an address", server: answers("PASV", `227 \x1b[31m\u202e`) + answers("EPSV", `229 \u009b`), run: look,
		kind: "protocol", status: 1, says: []string{`\x1b[31m\u202e`}},
	{name: "controls in a 229 without a port", server: answers("PASV", `500 what`) + answers("EPSV", `229 \u009b\x9b`), run: look,
		kind: "protocol", status: 1, says: []string{`\u009b\x9b`}},
	{name: "controls in a reply to MLST without facts", server: answers("MLST /f", `250-\x1b[31m\r\n \u009b\r\n250 \u202e`), run: "TYPE SITE1:/f",
		kind: "protocol", status: 1, says: []string{`\x1b[31m / \u009b / \u202e`}},
	{name: "controls in a size", server: bare + answers("SIZE /f", `213 \x1b[31m5`), run: "TYPE SITE1:/f",
		kind: "protocol", status: 1, says: []string{`\x1b[31m5`}},
	{name: "controls in a digest", server: answers("FEAT", `211-x\r\n MLST type*;size*;\r\n HASH SHA-256*\r\n211 e`) + whole +
		answers("OPTS HASH *", `200 SHA-256`) + answers("HASH *", `213 SHA-256 0-5 \x1b[31m\u009b x`), run: "DIGEST SITE1:/f",
		says: []string{`\x1b[31m\u009b`, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", "read here"}},
	{name: "controls in a reply that nobody asked for", server: file + "C: DELE /f\nS! \"250 ok\\r\\n226 \\x1b[31m\\u202e\\r\\n\"\n", run: "DELETE SITE1:/f",
		says: []string{"DELETE SITE1:/f"}},
	{name: "controls in what is no reply", server: `S! "\x1b[31m\u009b\u202e\r\n"`, run: look,
		kind: "protocol", status: 1, says: []string{`\x1b[31m\u009b\u202e`}},
	{name: "controls with a code that is none", server: `S! "999 \x1b[31m\u009b\r\n"`, run: look,
		kind: "protocol", status: 1, says: []string{`\x1b[31m\u009b`}},
	{name: "controls in lines of a listing that nobody can read", server: bare + listed("LIST*", `\x1b[31m \u202e\u009b`, `\x9b what`), run: look,
		kind: "protocol", status: 1, says: []string{`\x1b[31m \u202e\u009b`}},
	{name: "controls in a name that is copied", server: listing(`type=file;size=5; q\x1b[31mQ`) + strings.ReplaceAll(whole, "/f", `/q`+"\x1b"+`[31mQ`), run: "COPY SITE1:/q* LOCAL:HERE/",
		says: []string{`SITE1:/q\x1b[31mQ`, `q\x1b[31mQ: 5 bytes`}, disk: map[string]string{"q\x1b[31mQ": "hello"}},

	// Names that are none, or lead elsewhere: rejected, and it is said.

	{name: "names with a slash, with NUL, and empty", server: listing(`type=file;size=1; a/b`, `type=file;size=1; c\x00d`, `type=file;size=1; `, `type=file;size=5; f`), run: look,
		kind: "protocol", status: 1, says: []string{"  f\n", "3 lines of the listing cannot be read"}, hides: []string{"  a/b\n", "  b\n"}},
	{name: "the parent as a file", server: listing(`type=file;size=1; ..`, `type=file;size=1; .`, `type=file;size=5; f`), run: look,
		kind: "protocol", status: 1, says: []string{"  f\n", "2 lines of the listing cannot be read"}},
	{name: "the parent as a link", server: listing(`type=OS.unix=slink:/etc; ..`), run: look,
		kind: "protocol", status: 1, says: []string{"1 line of the listing cannot be read"}},
	{name: "the directory itself and its parent as they should be", server: listing(`type=cdir; .`, `type=pdir; ..`, `type=dir; .`, `type=dir; ..`), run: look},
	{name: "a name of 64 KiB", server: "C: MLSD*\nS: 150 go\nD> \"type=file;size=1; \"\nD* 65536 \"x\"\nD> \"\\r\\n\"\nDX\nS: 226 done\n", run: look,
		kind: "protocol", status: 1, says: []string{"a line of more than 16384 bytes in a listing"}},
	{name: "a name longer than a path can be", server: "C: MLSD*\nS: 150 go\nD> \"type=file;size=1; \"\nD* 5000 \"x\"\nD> \"\\r\\n\"\nDX\nS: 226 done\n", run: look,
		kind: "protocol", status: 1, says: []string{"1 line of the listing cannot be read"}},
	{name: "names with blanks, arrows, backslashes and dots", server: listing(`type=file;size=1;   a`, `type=file;size=1; x -> y`, `type=file;size=1; ..\\..\\x`, `type=file;size=1; ...`), run: look,
		says: []string{"    a\n", "  x -> y\n", `  ..\..\x` + "\n", "  ...\n"}},
	{name: "names that lead out of the directory that is copied", server: folder +
		listing(`type=file;size=5; ../evil`, `type=dir; ../../up`, `type=file;size=5; /etc/evil`, `type=file;size=5; f`),
		run:  "COPY SITE1:/d LOCAL:HERE/in --recursive",
		kind: "protocol", status: 1, says: []string{"3 lines of the listing cannot be read"}, unsent: []string{"evil", "up", "RETR"}},
	{name: "names that lead out of the directory that is mirrored", server: folder +
		listing(`type=file;size=5; ../evil`, `type=dir; ..`, `type=file;size=5; f`),
		run:  "MIRROR SITE1:/d LOCAL:HERE/in",
		kind: "protocol", status: 1, says: []string{"1 line of the listing cannot be read"}, unsent: []string{"evil", "RETR"}},
	{name: "names that lead out of the directory, and a pattern", server: listing(`type=file;size=5; ../evil`, `type=file;size=5; f`) + whole, run: "COPY SITE1:/* LOCAL:HERE/",
		kind: "protocol", status: 3, says: []string{"1 line of the listing cannot be read"}, disk: fetched, unsent: []string{"evil"}},
	{name: "names of NLST with a path before them are of the directory", server: bare + "C: LIST*\nS: 500 what\n" +
		listed("NLST*", `../../f`) + "C: SIZE /f\nS: 213 5\nC: RETR /f\nS: 150 go\nD> \"hello\"\nDX\nS: 226 done\n", run: "COPY SITE1:/* LOCAL:HERE/", disk: fetched},
	{name: "a link in a tree leads out of it", server: folder +
		listing(`type=OS.unix=slink:/etc/passwd; l`, `type=file;size=5; f`) + strings.ReplaceAll(whole, "/f", "/d/f"), run: "MIRROR SITE1:/d LOCAL:HERE/in",
		says: []string{"SITE1:/d/l: it is a link and was left out"}, disk: map[string]string{"in/f": "hello"}},
	{name: "a name with CR is never sent", server: listing(`type=file;size=5; a\rDELE b`), run: "COPY SITE1:/* LOCAL:HERE/",
		kind: "usage", status: 2, says: []string{`a\x0dDELE b`}, unsent: []string{"DELE"}},
	{name: "names that differ by case and by how they are composed", server: folder +
		listing(`type=file;size=5; f`, `type=file;size=5; F`, `type=file;size=5; \u00e9`, `type=file;size=5; e\u0301`) +
		strings.ReplaceAll(file, "/f", "/d/*") + "C: RETR /d/*\nS: 150 go\nD> \"hello\"\nDX\nS: 226 done\n", run: "COPY SITE1:/d LOCAL:HERE/in --recursive",
		disk: map[string]string{"in/f": "hello", "in/F": "hello", "in/\u00e9": "hello", "in/e\u0301": "hello"}},

	// Replies that are none, or come at the wrong time.

	{name: "a line without end", server: `S* "220 "`, run: look,
		kind: "protocol", status: 1, says: []string{"a reply line of more than 16384 bytes"}},
	{name: "a line of 10 MB", server: "S! \"220 \"\nS* 10000000 \"x\"\nS! \"\\r\\n\"", run: look,
		kind: "protocol", status: 1, says: []string{"a reply line of more than 16384 bytes"}},
	{name: "a reply of lines without end", server: "S: 220-\nS* \" twenty bytes of text\\r\\n\"", run: look,
		kind: "protocol", status: 1, says: []string{"a reply of more than 1048576 bytes"}},
	{name: "a reply of empty lines without end", server: "S: 220-\nS* \"\\n\"", run: look,
		kind: "protocol", status: 1, says: []string{"a reply of more than 1048576 bytes"}},
	{name: "a reply of 10 MB that ends", server: "C: FEAT\nS: 211-\nS* 500000 \" twenty bytes of text\\r\\n\"\nS: 211 end", run: look,
		kind: "protocol", status: 1, says: []string{"a reply of more than 1048576 bytes"}},
	{name: "a Telnet negotiation without end", server: `S* "\xff\xfb\x01\xff\xfd\x01"`, hurried: true, run: look,
		kind: "unreachable", status: 4},
	{name: "a Telnet subnegotiation without end", server: "S! \"\\xff\\xfa\"\nS* \"x\"", hurried: true, run: look,
		kind: "unreachable", status: 4, says: []string{"no answer to the connection in 400ms"}},
	{name: "a code of two digits", server: answers("USER *", `33 go on`), run: look,
		kind: "protocol", status: 1, says: []string{`"33 go on" is no reply`}},
	{name: "a code of four digits", server: answers("USER *", `3310 go on`), run: look,
		kind: "protocol", status: 1, says: []string{`"3310 go on" is no reply`}},
	{name: "the code 000", server: answers("USER *", `000 go on`), run: look,
		kind: "protocol", status: 1, says: []string{"000 is no reply code: go on"}},
	{name: "the code 999", server: answers("USER *", `999 go on`), run: look,
		kind: "protocol", status: 1, says: []string{"999 is no reply code: go on"}},
	{name: "letters for a code", server: answers("USER *", `2xx go on`), run: look,
		kind: "protocol", status: 1, says: []string{`"2xx go on" is no reply`}},
	{name: "another protocol", server: `S! "HTTP/1.1 400 Bad Request\r\n\r\n"`, run: look,
		kind: "protocol", status: 1, says: []string{"is no reply"}},
	{name: "preliminary replies without end", server: "C: USER *\nS* \"120 wait\\r\\n\"", run: look,
		kind: "protocol", status: 1, says: []string{"preliminary replies"}},
	{name: "preliminary replies without end to CWD", server: bare + "C: CWD /d\nS* \"150 wait\\r\\n\"", run: "DIRECTORY SITE1:/d",
		kind: "protocol", status: 1, says: []string{"preliminary replies"}},
	{name: "preliminary replies without end to a transfer", server: file + "C: RETR /f\nS* \"150 wait\\r\\n\"", run: "TYPE SITE1:/f",
		kind: "protocol", status: 1, says: []string{"preliminary replies"}},
	{name: "preliminary replies without end to QUOTE", server: "C: HELP\nS* \"150 wait\\r\\n\"", run: "QUOTE SITE1 HELP",
		kind: "protocol", status: 1, says: []string{"preliminary replies"}},
	{name: "a preliminary greeting and nothing more", server: "S: 120 ready in 5 minutes", hurried: true, run: look,
		kind: "unreachable", status: 4, says: []string{"no answer to the connection in 400ms"}},
	{name: "no greeting", server: "T 1s", hurried: true, run: look,
		kind: "unreachable", status: 4, says: []string{"no answer to the connection in 400ms"}},
	{name: "a greeting that comes byte by byte", server: strings.Repeat("S! \"2\"\nT 100ms\n", 8), hurried: true, run: look,
		kind: "unreachable", status: 4, says: []string{"no answer to the connection in 400ms"}},
	{name: "the server hangs up instead of greeting", server: "X", run: look,
		kind: "unreachable", status: 4, says: []string{"the server closed the control connection"}},
	{name: "421 for a greeting", server: "S: 421 too many\nX", run: look,
		kind: "busy", status: 1, says: []string{"421 too many"}},
	{name: "421 for a user", server: answers("USER *", `421 go away`), run: look,
		kind: "busy", status: 1, says: []string{"421 go away"}},
	{name: "421 in a listing", server: "C: MLSD*\nS: 150 go\nD> \"type=file;size=1; f\\r\\n\"\nS: 421 enough\nX", run: look,
		kind: "busy", status: 1, says: []string{"421 enough"}},
	{name: "421 nobody asked for, and the next statement", server: "C: MLSD*\nS: 150 go\nD> \"\"\nDX\nS! \"226 done\\r\\n421 bye\\r\\n\"\nX", run: look + "\n" + look},
	{name: "a planted answer behind 226", server: "C: MLSD*\nS: 150 go\nD> \"\"\nDX\nS! \"226 done\\r\\n250-x\\r\\n type=file;size=1; /f\\r\\n250 e\\r\\n\"\n", run: look + "\nTYPE SITE1:/f",
		kind: "not found", status: 5, sent: []string{"MLST /f"}},
	{name: "planted answers behind the greeting", server: `S! "220 hi\r\n331 ok\r\n230 in\r\n"`, run: look,
		kind: "protocol", status: 1, says: []string{"nobody asked for"}, unsent: []string{"PASS"}},
	{name: "planted answers behind the reply to PASV", server: "C: PASV\nS! \"227 ({pasv})\\r\\n150 go\\r\\n226 done\\r\\n\"\n", run: look,
		kind: "protocol", status: 1, says: []string{"nobody asked for"}, unsent: []string{"MLSD"}},
	{name: "226 before 150", server: file + "C: RETR /f\nS: 226 done\nS: 150 go\nD> \"hello\"\nDX\n", run: fetch, disk: fetched},
	{name: "226 twice", server: whole + "S: 226 done\n", run: fetch, disk: fetched},
	{name: "226 with data still coming", server: after150 + "S: 226 done\nD> \"he\"\nT 100ms\nD> \"llo\"\nDX", run: fetch, disk: fetched},
	{name: "226 and a data connection that stays open", server: after150 + "D> \"hello\"\nS: 226 done\nT 5s", hurried: true, run: "TYPE SITE1:/f",
		kind: "unreachable", status: 4, says: []string{"600ms"}},
	{name: "150 and a data connection without data", server: after150 + "D> \"\"\nT 5s", hurried: true, run: "TYPE SITE1:/f",
		kind: "unreachable", status: 4, says: []string{"600ms"}},
	{name: "a listing that stands still", server: "C: MLSD*\nS: 150 go\nD> \"type=file;size=1; f\\r\\n\"\nT 5s", hurried: true, run: look,
		kind: "unreachable", status: 4, says: []string{"  f\n", "600ms"}},
	{name: "226 and nothing was sent", server: after150 + "D> \"\"\nDX\nS: 226 done", run: fetch,
		kind: "conflict", status: 1, says: []string{"0 of 5 bytes are there"}},
	{name: "226 and no data connection", server: "C: MLSD*\nDX\nS: 226 done", run: look,
		kind: "unreachable", status: 4},
	{name: "150 and no data connection", server: "C: PASV\nS: 227 ({pasv})\nDX\nC: MLSD*\nS: 150 go\nT 1s", hurried: true, run: look,
		kind: "unreachable", status: 4},

	// Addresses: data goes to and comes from the host of the control connection only.

	{name: "a 227 of an inner host", server: "C: PASV\nS: 227 (10,0,0,1,{halves})\n" + whole, run: fetch, disk: fetched},
	{name: "a 227 of any host", server: "C: PASV\nS: 227 (0,0,0,0,{halves})\n" + whole, run: fetch, disk: fetched},
	{name: "a 227 of the client itself", server: "C: PASV\nS: 227 (127,0,0,1,{halves})\n" + whole, run: fetch, disk: fetched},
	{name: "a 227 of port 0", server: answers("PASV", `227 (127,0,0,1,0,0)`) + answers("EPSV", `500 what`), run: look,
		kind: "protocol", status: 1, says: []string{"no address in the reply to PASV"}},
	{name: "a 227 of a port where nobody listens", server: answers("PASV", `227 (127,0,0,1,0,1)`) + "C: MLSD*\nS: 150 go\nT 1s", hurried: true, run: look,
		kind: "unreachable", status: 4, says: []string{"no data connection"}},
	{name: "a 227 of numbers over 255", server: answers("PASV", `227 (127,0,0,1,300,7)`) + answers("EPSV", `500 what`), run: look,
		kind: "protocol", status: 1, says: []string{"no address in the reply to PASV"}},
	{name: "a 227 of five numbers", server: answers("PASV", `227 (127,0,0,1,7)`) + answers("EPSV", `500 what`), run: look,
		kind: "protocol", status: 1, says: []string{"no address in the reply to PASV"}},
	{name: "a 227 whose numbers are hidden in text", server: "C: PASV\nS: 227 in 1 of 2,3 ways: host=10,0,0,1,{halves}.\n" + whole, run: fetch, disk: fetched},
	{name: "a 229 of garbage", server: answers("PASV", `500 what`) + answers("EPSV", `229 (||||)`), run: look,
		kind: "protocol", status: 1, says: []string{"no port in the reply to EPSV"}},
	{name: "a 229 of port 0", server: answers("PASV", `500 what`) + answers("EPSV", `229 (|||0|)`), run: look,
		kind: "protocol", status: 1, says: []string{"no port in the reply to EPSV"}},
	{name: "a 229 of port 65536", server: answers("PASV", `500 what`) + answers("EPSV", `229 (|||65536|)`), run: look,
		kind: "protocol", status: 1, says: []string{"no port in the reply to EPSV"}},
	{name: "a 229 of a port that overflows", server: answers("PASV", `500 what`) + answers("EPSV", `229 (|||18446744073709551617|)`), run: look,
		kind: "protocol", status: 1, says: []string{"no port in the reply to EPSV"}},
	{name: "a stranger comes to a data connection", options: "&passive=no", server: after150 + "DS \"evil\"\nD> \"hello\"\nDX\nS: 226 done", run: fetch, disk: fetched},

	// Sizes, times and facts that lie.

	{name: "more data than the size", server: after150 + "D> \"hello, and more\"\nDX\nS: 226 done", run: fetch,
		kind: "conflict", status: 1, says: []string{"15 of 5 bytes are there"}},
	{name: "less data than the size", server: after150 + "D> \"he\"\nDX\nS: 226 done", run: fetch,
		kind: "conflict", status: 1, says: []string{"2 of 5 bytes are there"}},
	{name: "the largest size there is", server: strings.ReplaceAll(whole, "size=5", "size=9223372036854775807"), run: fetch,
		kind: "conflict", status: 1, says: []string{"5 of 9223372036854775807 bytes are there"}},
	{name: "sizes that are none", server: listing(`type=file;size=-1; a`, `type=file;size=1e30; b`, `type=file;size=99999999999999999999; c`, `type=file;size=; d`), run: look,
		hides: []string{"-1", "1e30", "9999"}, says: []string{"  a\n", "  b\n", "  c\n", "  d\n"}},
	{name: "a negative size", server: bare + answers("SIZE /f", `213 -5`), run: fetch,
		kind: "protocol", status: 1, says: []string{"no size in the reply to SIZE: -5"}},
	{name: "a size that overflows", server: bare + answers("SIZE /f", `213 99999999999999999999`), run: fetch,
		kind: "protocol", status: 1, says: []string{"no size in the reply to SIZE: 99999999999999999999"}},
	{name: "a size in words", server: bare + answers("SIZE /f", `213 five`), run: fetch,
		kind: "protocol", status: 1, says: []string{"no size in the reply to SIZE: five"}},
	{name: "times that are none", server: listing(`type=file;size=1;modify=99999101000000; a`, `type=file;size=1;modify=20269901000000; b`, `type=file;size=1;modify=x; c`), run: look,
		says: []string{"                    a\n", "                    b\n", "                    c\n"}},
	{name: "a time that is none for a file", server: bare + answers("SIZE /f", `213 5`) + answers("MDTM /f", `213 99999101000000`) +
		"C: RETR /f\nS: 150 go\nD> \"hello\"\nDX\nS: 226 done\n", run: fetch, disk: fetched},
	{name: "facts without values", server: listing(`;;; a`, `type; b`, `=;size=5; c`), run: look,
		says: []string{"  a\n", "  b\n", "  c\n"}},
	{name: "no facts", server: listing(` a`, `b`, `type=file`), run: look,
		kind: "protocol", status: 1, says: []string{"  a\n", "2 lines of the listing cannot be read"}},
	{name: "no facts of a file", server: answers("MLST /f", `250 it is there`), run: fetch,
		kind: "protocol", status: 1, says: []string{"the reply to MLST has no facts"}},

	// Listings and trees without end.

	{name: "one entry again and again", server: "C: MLSD*\nS: 150 go\nD* 5000 \"type=file;size=1; f\\r\\n\"\nDX\nS: 226 done", run: "COUNT SITE1:/",
		says: []string{"5000 files"}},
	{name: "a directory that holds itself, to FIND", server: listing(`type=cdir; e`, `type=dir; e`), run: "FIND SITE1:/d/**",
		kind: "conflict", status: 1, says: []string{"it lists the same as 3 directories above it, so it is taken for a link that leads back"}},
	{name: "a directory that holds itself, to MIRROR", server: folder + listing(`type=dir; `+strings.Repeat("d", 200)), run: "MIRROR SITE1:/d LOCAL:HERE/in",
		kind: "protocol", status: 3, says: []string{"a path of more than"}},
	{name: "a tree without end of directories that differ", server: "C: MLSD*\nS: 150 go\nD* 1 \"type=dir;size=1; " + strings.Repeat("d", 200) + "{r}\\r\\n\"\nDX\nS: 226 done\n", run: "FIND SITE1:/d/**",
		kind: "protocol", status: 1, says: []string{"a path of more than"}},
	{name: "a listing that nobody can read", server: bare + listed("LIST*", `what is this`, `and that`), run: look,
		kind: "protocol", status: 1, says: []string{"2 lines of the listing cannot be read", "what is this"}},
	{name: "one line that nobody can read", server: bare + listed("LIST*", `-rw-r--r-- 1 u g 1 Jan 01 00:00 f`, `what is this`), run: look,
		kind: "protocol", status: 1, says: []string{"  f\n", "1 line of the listing cannot be read"}},

	// The home.

	{name: "a home without quotes", server: answers("PWD", `257 /home is it`) + homeless + listing(`type=file;size=1; f`), run: "DIRECTORY SITE1:", says: []string{"  f\n"}},
	{name: "a home with CR", server: answers("PWD", `257 \"/a\rb\" is it`) + homeless + listing(`type=file;size=1; f`), run: "DIRECTORY SITE1:", says: []string{"  f\n"}},
	{name: "a relative home", server: answers("PWD", `257 \"../a\" is it`) + answers("MLST ../a", `250-\r\n type=dir; ../a\r\n250 e`) + listing(`type=file;size=1; f`), run: "DIRECTORY SITE1:", says: []string{"  f\n"}},
	{name: "a home of many lines", server: "C: PWD\nS: 257-\"/\nS* 900 \"" + strings.Repeat("x", 1000) + "\\r\\n\"\nS: 257 \" is it\n" + homeless + listing(`type=file;size=1; f`), run: "DIRECTORY SITE1:", says: []string{"  f\n"}},
	{name: "a home of 1 MB", server: "C: PWD\nS! \"257 \\\"/\"\nS* 1000000 \"x\"\nS: \" is it", run: "DIRECTORY SITE1:",
		kind: "protocol", status: 1, says: []string{"a reply line of more than 16384 bytes"}},

	// Answers of another command.

	{name: "RNFR answered 250", server: file + answers("RNFR /f", `250 ok`), run: "RENAME SITE1:/f TO g", says: []string{"RENAME SITE1:/f to SITE1:/g"}},
	{name: "RNTO answered 350", server: file + answers("RNTO /g", `350 go on`), run: "RENAME SITE1:/f TO g",
		kind: "protocol", status: 1, says: []string{"350 go on"}},
	{name: "DELE answered 150", server: file + answers("DELE /f", `150 go on`), hurried: true, run: "DELETE SITE1:/f",
		kind: "unreachable", status: 4, says: []string{"no answer to DELE in 400ms"}},
	{name: "DELE answered 350", server: file + answers("DELE /f", `350 go on`), run: "DELETE SITE1:/f",
		kind: "protocol", status: 1, says: []string{"350 go on"}},
	{name: "TYPE I refused", server: answers("TYPE I", `504 never`), run: look,
		kind: "refused", status: 1, says: []string{"504 never"}},
	{name: "an account is wanted", server: answers("PASS *", `332 account`), run: look,
		kind: "unsupported", status: 1, says: []string{"the server wants an account"}},
	{name: "STOU is not for QUOTE", server: "S: 220 ready", run: "QUOTE SITE1 STOU",
		kind: "usage", status: 2, unsent: []string{"STOU"}},

	// Digests, beside those of odd.

	{name: "a digest of a part", server: hashing + file + answers("SIZE /f", `213 5`) + answers("OPTS HASH *", `200 SHA-256`) + answers("HASH /f", `213 SHA-256 0-2 `+hello+` /f`), run: "DIGEST SITE1:/f",
		kind: "conflict", status: 1, says: []string{"the digest is of bytes 0 to 2 and not of the whole file"}},

	// The end comes too early.

	{name: "the server hangs up in a line", server: file + "C: DELE /f\nS! \"250 o\"\nX", run: "DELETE SITE1:/f",
		kind: "unreachable", status: 4, says: []string{"the server closed the control connection"}},
	{name: "the server hangs up in a reply of many lines", server: "C: FEAT\nS: 211-\nS:  SIZE\nX", run: look,
		kind: "unreachable", status: 4, says: []string{"the server closed the control connection"}},
	{name: "the server hangs up after 150", server: after150 + "X", run: "TYPE SITE1:/f",
		kind: "unreachable", status: 4},
	{name: "the server hangs up between the data and 226", server: after150 + "D> \"hello\"\nDX\nX", run: "TYPE SITE1:/f",
		kind: "unreachable", status: 4, says: []string{"the server closed the control connection"}},
	{name: "the server hangs up between the data and 226, but not again", server: after150 + "D> \"hello\"\nDX\nX\nC: RETR /f\nS: 150 go\nD> \"hello\"\nDX\nS: 226 done\n", run: fetch, disk: fetched},
	{name: "the data breaks off, and 226", server: after150 + "D> \"he\"\nDR\nS: 226 done", run: "TYPE SITE1:/f",
		kind: "unreachable", status: 4, says: []string{"the data connection was lost"}},
	{name: "a file that never ends", server: after150 + "D* \"" + strings.Repeat("x", 1000) + "\"", run: fetch,
		kind: "protocol", status: 1, says: []string{"bytes have come of a file that holds 5, as it says"}},
	{name: "the end of a listing is refused", server: "C: MLSD*\nS: 150 go\nD> \"type=file;size=1; f\\r\\n\"\nDX\nS: 451 disk", run: look,
		kind: "other", status: 1, says: []string{"451 disk"}},
}

// hostileTLS is the table of what servers with TLS may do, or whoever is in between.
var hostileTLS = []hostile{
	{name: "under TLS all is well", tls: true, server: whole + listing("type=file;size=5; f"), run: look + "\n" + fetch, disk: fetched},
	{name: "a reply in the clear behind that to AUTH", tls: true, server: "C: AUTH TLS\nS! \"234 go\\r\\n230 in\\r\\n\"\nTLS", run: look,
		kind: "protocol", status: 1, says: []string{"there was more behind the reply to AUTH, in the clear"}, unsent: []string{"USER", "PASS"}},
	{name: "no TLS behind the reply to AUTH", tls: true, server: "C: AUTH TLS\nS: 234 go\nT 100ms\nS: 230 you are in", run: look,
		kind: "protocol", status: 1, says: []string{"TLS could not be begun"}, unsent: []string{"USER", "PASS"}},
	{name: "AUTH is refused where TLS is demanded", server: "C: AUTH TLS\nS: 500 what", options: "&tls=require", run: look,
		kind: "unsupported", status: 1, says: []string{"it offers no TLS", "tls=require demands it"}, unsent: []string{"USER", "PASS"}},
	{name: "AUTH is refused where data is to be private", server: "C: AUTH TLS\nS: 500 what", options: "&data=private", run: look,
		kind: "unsupported", status: 1, says: []string{"it offers no TLS", "data=private demands it"}, unsent: []string{"USER", "PASS"}},
	{name: "AUTH is refused today", tls: true, server: "C: AUTH TLS\nS: 234 go\nTLS\nC: AUTH TLS\nS: 502 not today\nC: NOOP\nX", run: "SITES\nQUOTE SITE1 HELP",
		kind: "untrusted", status: 1, says: []string{"it offered TLS before and does not now, so the password is not sent"}},
	{name: "a certificate for another", tls: true, options: "&tls-pin=" + strings.Repeat("ab", 32), run: look,
		kind: "untrusted", status: 1, says: []string{"its certificate is not the one that it is to show", "set tls-pin="}, unsent: []string{"USER", "PASS"}},
	{name: "data cannot be protected", tls: true, server: "C: PROT P\nS: 536 no", run: look,
		kind: "unsupported", status: 1, says: []string{"it protects no data connections"}, unsent: []string{"MLSD"}},
	{name: "a listing cut short without TLS's word that this is the end", tls: true, server: "C: MLSD*\nS: 150 go\nD> \"type=file;size=5; f\\r\\n\"\nDC\nS: 226 done", run: look,
		kind: "unreachable", status: 4, says: []string{"  f\n", "its data connection was closed without the close_notify of TLS"}},
	{name: "a file cut short without it", tls: true, server: after150 + "D> \"hel\"\nDC\nS: 226 done", run: "TYPE SITE1:/f",
		kind: "unreachable", status: 4, says: []string{"hel", "some of it may be missing"}},
	{name: "a copy cut short without it", tls: true, server: after150 + "D> \"hel\"\nDC\nS: 226 done\nC: RETR /f\nS: 150 go\nD> \"hello\"\nDX\nS: 226 done", run: fetch, disk: fetched},
	{name: "a copy without it whose size is right", tls: true, server: after150 + "D> \"hello\"\nDC\nS: 226 done", run: fetch, disk: fetched},
	{name: "a copy without it whose size was right", tls: true, server: after150 + "D> \"hello\"\nDC\nS: 226 done\n" +
		strings.Repeat(strings.ReplaceAll(file, "size=5", "size=11"), 2) + "C: RETR /f\nS: 150 go\nD> \"hello world\"\nDX\nS: 226 done",
		run: fetch, disk: map[string]string{"f": "hello world"}},
	{name: "data in the clear", tls: true, server: "C: PROT P\nS: 200 of course\nC: MLSD*\nS: 150 go\nD> \"type=file;size=5; f\\r\\n\"\nDX\nS: 226 done", run: look,
		kind: "unreachable", status: 4, says: []string{"no data connection", "TLS could not be begun"}, hides: []string{"  f\n"}},
	{name: "data that never begins TLS", tls: true, hurried: true, server: "C: MLSD*\nS: 150 go\nT 10s", run: look,
		kind: "unreachable", status: 4, says: []string{"no data connection"}},
}

// hashing has the server list HASH.
const hashing = "C: FEAT\nS! \"211-x\\r\\n MLST type*;size*;\\r\\n HASH SHA-256*\\r\\n SIZE\\r\\n211 e\\r\\n\"\n"

// hello is the digest of "hello".
const hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

// odd are replies to HASH that are no digest of /f: none is believed, and the file is read
// instead.
var odd = map[string]string{
	"a digest that is too short":        `213 SHA-256 0-5 2cf24dba /f`,
	"a digest of another algorithm":     `213 SHA-1 0-5 aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d /f`,
	"a digest of another file":          `213 SHA-256 0-5 ` + hello + ` /g`,
	"a digest of bytes before the file": `213 SHA-256 -3-5 ` + hello + ` /f`,
	"a digest in words":                 `213 SHA-256 0-5 all is well, believe me`,
	"a digest of letters":               `213 SHA-256 0-5 ` + strings.Repeat("z", 64) + ` /f`,
	"no digest at all":                  `213 ok`,
	"several digests":                   `213 SHA-256 0-5 ` + hello[:60] + `,` + hello[:60] + ` /f`,
}

// odds returns a dialogue for each of the odd replies to HASH.
func odds() (list []hostile) {
	for _, name := range slices.Sorted(maps.Keys(odd)) {
		list = append(list, hostile{name: name, server: hashing + whole + answers("SIZE /f", `213 5`) + answers("OPTS HASH *", "200 SHA-256") + answers("HASH /f", odd[name]), run: "DIGEST SITE1:/f",
			says: []string{"it is read here", hello + "  SITE1:/f"}})
	}
	return list
}

// long is how long a dialogue takes that is played once only: something is tried again and
// again in it.
const long = 3 * time.Second

// TestHostileServers plays each of the dialogues, as text and as JSON.
func TestHostileServers(t *testing.T) {
	for _, h := range slices.Concat(hostiles, hostileTLS, odds()) {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			t.Run("text", func(t *testing.T) { h.play(t, false) })
			if time.Since(began) < long {
				t.Run("json", func(t *testing.T) { h.play(t, true) })
			}
		})
	}
}

// hurry is how a site is used whose server stays silent.
const hurry = "&timeout=400ms&stall-timeout=600ms"

// play performs the statements of h against its server.
func (h *hostile) play(t *testing.T, asJSON bool) {
	var server *ftptest.Server
	options := "/?dsk=no" + h.options
	if h.tls {
		authority := ftptest.NewAuthority(t)
		server = ftptest.AnswerTLS(t, authority, h.server)
		options += "&tls-ca=" + authority.File()
	} else {
		server = ftptest.Answer(t, h.server)
	}
	folder, err := os.MkdirTemp("", "hostile")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	if h.hurried {
		options += hurry
	}
	args := []string{"--profile", filepath.Join(t.TempDir(), "p"), "--state", filepath.Join(t.TempDir(), "state.db"),
		"--site", "SITE1=" + server.URL() + options, "-c", strings.ReplaceAll(h.run, "HERE", filepath.ToSlash(folder))}
	if asJSON {
		args = append([]string{"--json"}, args...)
	}
	began := time.Now()
	status, out, errs := rsexecRun(t, args...)
	took := time.Since(began)
	if took > patience {
		t.Errorf("it took %v", took)
	}
	if status != h.status {
		t.Errorf("exit status %d, want %d", status, h.status)
	}
	told := out + errs
	if asJSON {
		kind, text := toldAs(t, out)
		if kind != h.kind {
			t.Errorf("the last error is of kind %q, want %q", kind, h.kind)
		}
		told = text
	}
	if raw := unescaped.FindString(told); raw != "" && !asJSON || !utf8.ValidString(out+errs) {
		t.Errorf("%q is told as it came", raw)
	}
	if asJSON && unescaped.MatchString(out) {
		t.Errorf("%q is in the JSON as it came", unescaped.FindString(out))
	}
	for _, want := range h.says {
		if !asJSON && !strings.Contains(told, want) {
			t.Errorf("%q is not told", want)
		}
	}
	for _, no := range h.hides {
		if strings.Contains(told, no) {
			t.Errorf("%q is told", no)
		}
	}
	if got := filesIn(t, folder); !maps.Equal(got, h.disk) {
		t.Errorf("on disk are %q, want %q", got, h.disk)
	}
	log := server.Log()
	for _, want := range h.sent {
		if !strings.Contains(log, "\nC: "+want) {
			t.Errorf("the server never got %s", want)
		}
	}
	for _, no := range h.unsent {
		if slices.ContainsFunc(strings.Split(log, "\n"), func(l string) bool { return strings.HasPrefix(l, "C: ") && strings.Contains(l, no) }) {
			t.Errorf("the server got %s", no)
		}
	}
	if t.Failed() {
		t.Logf("out:\n%q\nerr:\n%q", clipped(out), clipped(errs))
	}
}

func clipped(s string) string { return s[:min(len(s), 4000)] }

// unescaped finds what a terminal could act on.
var unescaped = regexp.MustCompile("[\x00-\x09\x0b-\x1f\x7f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")

// toldAs reads what --json printed: the kind of the last error, and all values.
func toldAs(t *testing.T, out string) (kind, text string) {
	t.Helper()
	var b strings.Builder
	decoder := json.NewDecoder(strings.NewReader(out))
	for decoder.More() {
		var e struct {
			Event, Kind string
		}
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		if e.Event == "error" {
			kind = e.Kind
		}
		b.Write(raw)
	}
	return kind, b.String()
}

// filesIn returns the files below a folder with their contents; nil if there are none.
func filesIn(t *testing.T, folder string) map[string]string {
	t.Helper()
	var files map[string]string
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if files == nil {
			files = make(map[string]string)
		}
		name, _ := filepath.Rel(folder, path) // it is below it
		files[filepath.ToSlash(name)] = string(bytes.TrimSpace(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
