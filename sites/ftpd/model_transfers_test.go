package ftpd

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// span is the bytes of a file from the first to the last, counted from 0.
type span struct{ first, last int64 }

// of is what of a text is in the span.
func (o *span) of(text string) string {
	text = text[:min(o.last, int64(len(text))-1)+1]
	return text[min(o.first, int64(len(text))):]
}

// excess is how many bytes too many n are for the span; below 0 they are too few.
func (o *span) excess(n int) int64 { return int64(n) - 1 - (o.last - o.first) }

var digits = regexp.MustCompile(`^ *[0-9]+ *$`)

func (m *model) doREST(arg string) modelAnswer {
	n, err := strconv.ParseInt(strings.TrimSpace(arg), 10, 64)
	if err != nil || !digits.MatchString(arg) {
		return code(501)
	}
	m.rest, m.rang = n, nil
	return code(350)
}

var twoNumbers = regexp.MustCompile(`^ *(\d+) (\d+) *$`)

// doRANG takes what a later command may use (draft-bryan-ftp-range-08 section 3). A range
// that is well said and cannot be resets the one before.
func (m *model) doRANG(arg string) modelAnswer {
	f := twoNumbers.FindStringSubmatch(arg)
	if f == nil {
		return code(501)
	}
	first, _ := strconv.ParseInt(f[1], 10, 64) // a number too large is the largest
	last, _ := strconv.ParseInt(f[2], 10, 64)
	m.rest, m.rang = 0, nil
	switch {
	case first == 1 && last == 0:
		return code(350)
	case first > last:
		return code(501)
	case !m.image:
		return code(551)
	}
	m.rang = &span{first, last}
	return code(350)
}

// take is what REST or RANG has said for this command. Not both have.
func (m *model) take() (rest int64, rang *span) {
	rest, rang = m.rest, m.rang
	m.rest, m.rang = 0, nil
	return rest, rang
}

// Transfers.

// toNetwork and fromNetwork are the line ends of TYPE A (RFC 959 section 3.1.1.1).
func toNetwork(text string) string {
	return strings.ReplaceAll(fromNetwork(text), "\n", "\r\n")
}
func fromNetwork(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

func (m *model) doRETR(arg string) modelAnswer {
	rest, rang := m.take()
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
	case rang != nil && !m.image:
		return code(551)
	case refusal != nil:
		return *refusal
	case rest > 0 && !m.image, rest > int64(len(f.text)):
		return code(554)
	}
	text := f.text[rest:]
	if rang != nil {
		text = rang.of(f.text)
	}
	a := say("150 Sending %s (%d bytes)", name, len(text))
	a.verb, a.setup, a.sends = "RETR", setup, text
	switch {
	case !m.image:
		a.sends = toNetwork(text)
	case m.tells["RETR"] && rest == 0 && rang == nil:
		a.tells = name
	}
	return a
}

// closing is the reply at the end of a transfer of that text.
func (m *model) closing(a modelAnswer, text string) string {
	if a.tells == "" {
		return "226 " + a.verb + " completed"
	}
	return fmt.Sprintf("226 %s 0-%d %x %s", m.algorithm, len(text), modelDigests[m.algorithm](text), strings.ReplaceAll(a.tells, "\xff", anyRest))
}

// framed is what of a text goes over the data connection, in MODE B in blocks (RFC 959
// section 3.4.2), without the end of the file.
func (m *model) framed(text string) string {
	if !m.block {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		n := min(len(text), 1+len(text)/2, 1<<16-1)
		b.WriteString("\x00" + string([]byte{byte(n >> 8), byte(n)}) + text[:n])
		text = text[n:]
	}
	return b.String()
}

// ending is what follows a whole file on the data connection.
func (m *model) ending() string {
	if !m.block {
		return ""
	}
	return "\x40\x00\x00"
}

// unframed is the file that a text is which came over the data connection.
func (m *model) unframed(text string) (string, error) {
	if !m.block {
		return text, nil
	}
	var b strings.Builder
	for len(text) >= 3 {
		n, last := int(text[1])<<8|int(text[2]), text[0] == 64
		if n > len(text)-3 || text[0] != 0 && !last || last != (len(text) == 3+n) {
			break
		}
		b.WriteString(text[3 : 3+n])
		if text = text[3+n:]; last {
			return b.String(), nil
		}
	}
	return "", fmt.Errorf("no file in blocks: %.60q", text)
}

// modelUpload is a file that is received.
type modelUpload struct {
	m       *model
	real    string
	created bool
	keeps   bool  // what is there is not cut
	only    *span // nothing else is written; nil: there is no range
	start   int   // where what comes begins
}

// got has the file hold what came.
func (u *modelUpload) got(text string) {
	f, tail := u.m.tree[u.real], ""
	if !u.m.image {
		text = fromNetwork(text)
	}
	if u.only != nil {
		text = (&span{0, u.only.last - u.only.first}).of(text)
		tail = f.text[min(u.start+len(text), len(f.text)):]
	}
	if f.text = f.text[:u.start] + text + tail; text != "" || !u.keeps {
		f.at = time.Time{}
	}
}

// none says that there was no data connection, or that what came is refused.
func (u *modelUpload) none() {
	if u.created {
		u.m.put(u.real, nil)
	}
}

// target makes a file, or finds the one that is there: for that the user needs one of some
// rights. A link is followed, but not to make a file where it leads.
func (m *model) target(arg string, mode fs.FileMode, some string) (real string, created bool, refusal *modelAnswer) {
	denied := code(550)
	name, _ := m.name(arg) // the caller has looked
	real, reason := m.real(name, false)
	switch {
	case reason != "":
		return "", false, &denied
	case m.tree[real] == nil:
		m.put(real, &modelFile{mode: mode &^ m.umask})
		return real, true, nil
	}
	if _, refusal := m.plain(arg); refusal != nil {
		return "", false, refusal
	}
	if !m.may(some) {
		return "", false, &denied
	}
	real, _ = m.real(name, true)
	return real, false, nil
}

// store answers STOR and APPE.
func (m *model) store(verb, arg string) modelAnswer {
	rest, rang := m.take()
	appending, some := verb == "APPE", "w"
	if appending {
		if rest, some = 0, "wa"; rang != nil {
			m.data = modelSetup{}
			return code(551)
		}
	}
	name, ok := m.name(arg)
	if !ok {
		return code(501)
	}
	if refusal, ok := m.ready("R"); !ok {
		return refusal
	}
	setup := m.takeSetup()
	if rang != nil {
		if rest = rang.first; !m.image {
			return code(551)
		}
	}
	u := &modelUpload{m: m, start: int(rest), keeps: appending || rang != nil, only: rang}
	var refusal *modelAnswer
	if u.real, u.created, refusal = m.target(arg, 0o666, some); refusal != nil {
		return *refusal
	}
	size := len(m.tree[u.real].text)
	switch {
	case rang != nil && rest > int64(size):
		u.none()
		return code(551)
	case rest > 0 && !m.image, rest > int64(size):
		u.none()
		return code(554)
	}
	if appending {
		u.start = size
	}
	a := say("150 Receiving %s", name)
	if a.verb, a.setup, a.takes = verb, setup, u; verb == "STOR" && m.tells["STOR"] && m.image && rest == 0 && rang == nil {
		a.tells = name
	}
	return a
}

func (m *model) doSTOU(arg string) modelAnswer {
	if _, rang := m.take(); rang != nil {
		m.data = modelSetup{}
		return code(551)
	}
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
