package ftpd

import (
	"io/fs"
	"regexp"
	"time"
)

func (m *model) siteCPFR(arg string) modelAnswer {
	m.copyFrom = ""
	if arg == "" {
		return code(501)
	}
	if _, refusal := m.plain(arg); refusal != nil {
		return *refusal
	}
	m.copyFrom, _ = m.name(arg)
	return code(350)
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
	if reason != "" || m.tree[real] != nil && !m.may("w") {
		return code(550)
	}
	m.put(real, &modelFile{text: source.text, mode: source.mode &^ m.umask})
	return say("250 Copied %s to %s", from, name)
}

// COMB has names in quotes with blanks between them.
var (
	combArg  = regexp.MustCompile(`^ *(?:"(?:[^"]|"")+"(?: +|$))+$`)
	combName = regexp.MustCompile(`"((?:[^"]|"")+)"(?: |$)`)
)

// doCOMB adds parts to a target and deletes them. Links are followed; what is deleted is
// the name.
func (m *model) doCOMB(arg string) modelAnswer {
	var names []string
	for _, f := range combName.FindAllStringSubmatch(arg, -1) {
		names = append(names, undoubled(f[1]))
	}
	if !combArg.MatchString(arg) || len(names) < 2 {
		return code(501)
	}
	for _, arg := range names {
		if _, ok := m.name(arg); !ok {
			return code(501)
		}
	}
	name, _ := m.name(names[0])
	var all string
	var mode fs.FileMode
	files := make(map[*modelFile]bool)
	for i, arg := range names[1:] {
		f, refusal := m.plain(arg)
		switch {
		case refusal != nil:
			return *refusal
		case files[f]:
			return code(553)
		case i == 0:
			mode = f.mode
		}
		files[f], all = true, all+f.text
	}
	real, _, refusal := m.target(names[0], mode, "wa")
	if refusal != nil {
		return *refusal
	}
	target := m.tree[real]
	if files[target] {
		return code(553)
	}
	if target.text += all; all != "" {
		target.at = time.Time{}
	}
	for _, arg := range names[1:] {
		part, _ := m.name(arg)
		entry, _ := m.real(part, false)
		m.put(entry, nil)
	}
	return say("250 Combined into %s", name)
}
