//go:build unix

package main

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"rsexec/sites/ftptest"
)

// mark returns a hostile character between signs that nothing else has, so that it can be
// told from what the shell sends its terminal itself.
func mark(hostile string) string { return "%" + hostile + "=" }

// hostileText has every kind of character that a terminal could act on: control
// characters, C1 ones as UTF-8 has them and as single bytes, and those that reorder text.
// There is no LF, which ends lines, and no NUL, which ends more than that.
var hostileText = func() string {
	var b strings.Builder
	for _, c := range []string{"\x1b[31m", "\x1b]0;owned\a", "\a", "\b", "\v", "\f", "\r", "\x0e", "\x7f", "\u0085", "\u009b31m", "\x9b31m", "\u061c", "\u200e",
		"\u2028", "\u202e", "\u2066"} {
		b.WriteString(mark(c))
	}
	return b.String()
}()

// arrived returns where marks are whose hostile character has come as it was sent.
func arrived(shown string) (at []int) {
	for i := range len(shown) - 1 {
		if rest := shown[i+1:]; shown[i] == '%' && !strings.HasPrefix(rest, "\r\n") {
			r, n := utf8.DecodeRuneInString(rest)
			if n == 1 && r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
				at = append(at, i)
			}
		}
	}
	return at
}

// TestHostileTerminal has a server put what a terminal acts on into all that it says, and
// a person at a pseudo-terminal use most verbs. None of it comes to the terminal as it was
// sent.
func TestHostileTerminal(t *testing.T) {
	t.Parallel()
	text := quoted(hostileText)
	name := quoted(strings.ReplaceAll(hostileText, "\r", "")) // with CR nothing could be asked of it
	raw := strings.ReplaceAll(hostileText, "\r", "")
	entries := `type=file;size=5; n` + name + `\r\ntype=file;size=5; twin` + name + `\r\ntype=file;size=5; twin` + name + `2\r\n` +
		`type=file;size=10; slow` + name + `\r\n` +
		`type=OS.unix=slink:/` + name + `; link` + name + `\r\ntype=file;size=5; x/` + name + `\r\n`
	server := ftptest.Answer(t, `
		S! "220-`+text+`\r\n220 `+text+`\r\n"
		C: USER *
		S! "331 `+text+`\r\n"
		C: PASS *
		S! "230-`+text+`\r\n230 `+text+`\r\n"
		C: FEAT
		S! "211-`+text+`\r\n MLST type*;size*;\r\n SIZE\r\n F`+text+` `+text+`\r\n SITE `+text+`\r\n HASH SHA-256*\r\n211 `+text+`\r\n"
		C: PWD
		S! "257 \"/h`+name+`\" `+text+`\r\n"
		C: MLST /h`+raw+`
		S! "250-`+text+`\r\n type=dir; /`+text+`\r\n250 `+text+`\r\n"
		C? MLST /h`+raw+`/n*
		S! "250-`+text+`\r\n type=file;size=5; /`+text+`\r\n250 `+text+`\r\n"
		C? MLST /h`+raw+`/s*
		S! "250-`+text+`\r\n type=file;size=10; /`+text+`\r\n250 `+text+`\r\n"
		C? MLST *
		S! "550 `+text+`\r\n"
		C: MLSD *
		S! "150 `+text+`\r\n"
		D> "`+entries+`"
		DX
		S! "226 `+text+`\r\n"
		C? RETR /h`+raw+`/s*
		S! "150 `+text+`\r\n"
		D> "hello"
		T 2s
		D> "hello"
		DX
		S! "226 `+text+`\r\n"
		C: PORT *
		S! "500 `+text+`\r\n"
		C: RETR *
		S! "150 `+text+`\r\n"
		D> "`+text+`\n`+text+`"
		DX
		S! "226 `+text+`\r\n"
		C: HASH *
		S! "213 `+text+`\r\n"
		C: DELE *
		S! "550-`+text+`\r\n550 `+text+`\r\n"
		C: RNFR *
		S! "550 `+text+`\r\n"
		C: SITE *
		S! "501 `+text+`\r\n"
		C: HELP
		S! "214-`+text+`\r\n`+text+`\r\n214 `+text+`\r\n"
		C: STOR *
		S! "553 `+text+`\r\n"
		C: TYPE *
		S! "200 `+text+`\r\n"
		C: PASV
		S! "227 `+text+` ({pasv}) `+text+`\r\n"
		C: NOOP
		S! "200 `+text+`\r\n"
		C: OPTS *
		S! "200 `+text+`\r\n"
		C? CWD *
		S! "550 `+text+`\r\n"
		C? MKD *
		S! "550 `+text+`\r\n"
	`)
	other := ftptest.Answer(t, "")
	home := t.TempDir()
	write(t, home, "local.txt", "hello")
	term := startTerminal(t, 200, home, "--site=SITE1="+server.URL()+"/?timeout=2s", "--site=SITE2="+other.URL()+"/?timeout=2s&dsk=no")
	term.expect("@ ")
	n := 0
	for _, line := range []string{
		"CONNECT SITE1:", "SITES", "SITE TEST SITE1", "PWD", "DIRECTORY", "DIRECTORY SITE1: --images", "FIND SITE1:n*", "COUNT", "WHERE n*", "TYPE n*", "TRACE TYPE n*",
		"TRACE DIRECTORY", "QUOTE SITE1 HELP", "DIGEST n*", "DELETE n*", "RENAME n* TO z", "PROTECT n* TO 644", "TOUCH n*", "EXPLAIN TYPE n*", "EXPLAIN COPY n* TO LOCAL:" + home + "/",
		"COPY n* TO LOCAL:" + home + "/", "COPY SITE1:slow* TO LOCAL:" + home + "/", "COPY LOCAL:" + home + "/local.txt TO SITE1:", "COPY n* TO SITE1:", "COPY n* TO SITE2:", "JOBS --all", "JOBS 1", "JOBS 2", "JOBS 2 --script", "JOBS 3 --script", "ROUTES",
		"MIRROR SITE1: TO LOCAL:" + home + "/mirror", "COMPARE n* LOCAL:" + home + "/n*", "FOREACH f IN n* ; ECHO $f ; TYPE $f ; END", "SET", "CONNECT SITE1:", "DEFINE L: SITE1:", "DEFINE",
		"TYPE nothing", "CREATE d", "REMOVE n*", "HISTORY", "RESUME",
	} {
		n++
		term.send(line + enter)
		// What is printed differs from what is typed, so that it can be waited for.
		term.send(fmt.Sprintf("ECHO the e''nd of %d%s", n, enter))
		term.expect(fmt.Sprintf("the end of %d", n))
	}
	// TAB completes names, and lists them.
	for _, typed := range []struct{ line, shows string }{
		{`TYPE "n`, `"n%\x1b[31m=`}, {`TYPE "SITE1:n`, `n%\x1b[31m=`}, {"TYPE n", ""}, {"TYPE 'n", ""}, {`TYPE "tw`, `"twin%\x1b[31m=`}, {"TYPE tw", ""},
		{"COPY SITE1:", ""}, {"TYPE SITE1:" + tab + "?", ""},
	} {
		n++
		term.send(typed.line + tab + tab)
		term.expect(typed.shows)
		term.send(ctrlC)
		term.send(ctrlU + fmt.Sprintf("ECHO the e''nd of %d%s", n, enter))
		term.expect(fmt.Sprintf("the end of %d", n))
	}
	term.send("QUIT" + enter)
	term.leave()

	shown := term.shown.String()
	t.Logf("the terminal got %d bytes, with %d marks", len(shown), strings.Count(shown, `%\x1b[31m=`))
	if strings.Count(shown, `%\x1b[31m=`) < 50 {
		t.Errorf("little of what the server said is shown:\n%q", shown[:min(len(shown), 4000)])
	}
	for i, at := range arrived(shown) {
		if i < 20 {
			t.Errorf("it came to the terminal as it was sent: %q", shown[max(0, at-300):min(len(shown), at+20)])
		}
	}
}

// quoted returns a text as a part of a Go string literal.
func quoted(text string) string {
	literal := fmt.Sprintf("%+q", text)
	return literal[1 : len(literal)-1]
}
