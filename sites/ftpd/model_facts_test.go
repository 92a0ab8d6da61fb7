package ftpd

import (
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"time"
)

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

func (m *model) doAVBL(arg string) modelAnswer {
	_, _, f, refusal := m.find(arg, true)
	switch {
	case refusal != nil:
		return *refusal
	case f.kind != fs.ModeDir:
		return code(550)
	}
	return say("213 " + anyCount)
}

// isThere says whether there is something of that whole name.
func (m *model) isThere(arg string) bool {
	_, _, _, refusal := m.find(arg, false)
	return refusal == nil
}

// Times.

var (
	timeArg  = regexp.MustCompile(`^[1-9]\d{13}(\.\d+)?$`) // RFC 3659 section 2.3
	setsMDTM = regexp.MustCompile(`^(\d{14}) .+$`)
)

// modelTime is a time as RFC 3659 has it. A leap second is the next one, as the system
// counts.
func modelTime(text string) (at time.Time, ok bool) {
	if !timeArg.MatchString(text) {
		return time.Time{}, false
	}
	leap := text[8:14] == "235960"
	if leap {
		text = text[:12] + "59" + text[14:]
	}
	at, err := time.Parse("20060102150405", text)
	if leap {
		at = at.Add(time.Second)
	}
	return at, err == nil
}

// setTime has something be of a time, the last one given. The system counts nanoseconds,
// which is enough for three centuries around 1970.
func (m *model) setTime(arg string, times ...time.Time) (name string, refusal *modelAnswer) {
	name, _, f, refusal := m.find(arg, true)
	if refusal != nil {
		return "", refusal
	}
	for _, at := range times {
		if at.Year() < 1678 || at.Year() > 2261 {
			denied := code(550)
			return "", &denied
		}
	}
	f.at = times[len(times)-1]
	return name, nil
}

func (m *model) doMDTM(arg string) modelAnswer {
	if f := setsMDTM.FindStringSubmatch(arg); f != nil && !m.isThere(arg) {
		if _, ok := modelTime(f[1]); ok {
			return m.perform(&modelVerb{"w", (*model).doMFMT}, arg)
		}
	}
	_, _, f, refusal := m.find(arg, true)
	if refusal != nil {
		return *refusal
	}
	return say("213 %s", f.modified())
}

func (m *model) doMFMT(arg string) modelAnswer {
	stamp, arg, _ := strings.Cut(arg, " ")
	at, ok := modelTime(stamp)
	if !ok || arg == "" {
		return code(501)
	}
	name, refusal := m.setTime(arg, at)
	if refusal != nil {
		return *refusal
	}
	return say("213 Modify=%s; %s", stamp, name)
}

// formsUTIME are those of SITE UTIME: a time and a pathname; or a pathname, when it was
// read, modified and created, and UTC.
var formsUTIME = []*regexp.Regexp{
	regexp.MustCompile(`^(?P<modified>\d{12}|\d{14}) (?P<path>.+)$`),
	regexp.MustCompile(`(?i)^(?P<path>.+) (?P<read>\d{12}|\d{14}) (?P<modified>\d{12}|\d{14}) (?P<created>\d{12}|\d{14}) UTC$`),
}

// siteUTIME sets times, of which only that of modification can be seen here. What fits
// both forms is refused.
func (m *model) siteUTIME(arg string) modelAnswer {
	var fits []map[string]string
	for _, form := range formsUTIME {
		f, said := form.FindStringSubmatch(arg), make(map[string]string)
		ok := f != nil
		for i := 1; i < len(f); i++ {
			name := form.SubexpNames()[i]
			if said[name] = f[i]; name != "path" {
				_, is := modelTime(withSeconds(f[i]))
				ok = ok && is
			}
		}
		if ok {
			fits = append(fits, said)
		}
	}
	if len(fits) != 1 {
		return code(501)
	}
	said := fits[0]
	modified, _ := modelTime(withSeconds(said["modified"])) // is one: it fits
	read, known := modelTime(withSeconds(said["read"]))
	if !known {
		read = modified
	}
	if _, refusal := m.setTime(said["path"], read, modified); refusal != nil {
		return *refusal
	}
	return code(200)
}

func withSeconds(stamp string) string {
	if len(stamp) == 12 {
		stamp += "00"
	}
	return stamp
}

// doMFF sets facts; all of them, or none if one cannot be said (draft-somers-ftp-mfxx-04
// section 5). The reply has those that were set.
func (m *model) doMFF(arg string) modelAnswer {
	facts, arg, _ := strings.Cut(arg, " ")
	if arg == "" || !strings.HasSuffix(facts, ";") {
		return code(501)
	}
	said := strings.Split(strings.TrimSuffix(facts, ";"), ";")
	set := make(map[string]func() *modelAnswer) // by the name of the fact
	for _, fact := range said {
		name, value, ok := strings.Cut(fact, "=")
		name = strings.ToLower(name)
		ok = ok && name != "" && set[name] == nil
		switch name {
		case "modify":
			at, is := modelTime(value)
			ok = ok && is
			set[name] = func() *modelAnswer { _, refusal := m.setTime(arg, at); return refusal }
		case "unix.mode":
			ok = ok && modelMode.MatchString(value)
			set[name] = func() *modelAnswer { return m.setMode(arg, value) }
		default:
			if ok {
				return code(504)
			}
		}
		if !ok {
			return code(501)
		}
	}
	done, failed := "", modelAnswer{}
	for _, fact := range said {
		name, _, _ := strings.Cut(fact, "=")
		if refusal := set[strings.ToLower(name)](); refusal != nil {
			failed = *refusal
			continue
		}
		done += fact + ";"
	}
	if done == "" {
		return failed
	}
	name, _ := m.name(arg)
	return say("213 %s %s", done, name)
}

// Permissions.

var modelMode = regexp.MustCompile(`^0*[0-7]{1,3}$`)

func (m *model) setMode(arg, octal string) *modelAnswer {
	_, _, f, refusal := m.find(arg, true)
	if refusal == nil {
		mode, _ := strconv.ParseUint(octal, 8, 32) // is one: modelMode has matched
		f.mode = fs.FileMode(mode)
	}
	return refusal
}

func (m *model) siteCHMOD(arg string) modelAnswer {
	octal, arg, _ := strings.Cut(arg, " ")
	if !modelMode.MatchString(octal) || arg == "" {
		return code(501)
	}
	if refusal := m.setMode(arg, octal); refusal != nil {
		return *refusal
	}
	return code(200)
}

// modelServices are the services of SITE.
var modelServices = map[string]*modelVerb{
	"CHMOD": {"w", (*model).siteCHMOD},
	"UTIME": {"w", (*model).siteUTIME},
	"CPFR":  {"r", (*model).siteCPFR},
	"CPTO":  {"wa", (*model).siteCPTO},
	"HELP":  {"", func(*model, string) modelAnswer { return code(214) }},
}

func (m *model) doSITE(arg string) modelAnswer {
	service, arg, _ := strings.Cut(arg, " ")
	if v := modelServices[strings.ToUpper(service)]; v != nil {
		return m.perform(v, arg)
	}
	return code(502)
}
