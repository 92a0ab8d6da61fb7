package ftpd

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

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
	m.rest, m.rang = 0, nil
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
		if m.as != "" {
			who = " Logged in as " + m.as + "\r\n Working directory " + m.cwd + "\r\n"
		}
		if m.image {
			representation = "I"
		}
		mode := map[bool]string{false: "S", true: "B"}[m.block]
		return say("211-Status:\r\n Connected from %s\r\n%s TYPE %s, MODE %s, STRU F\r\n211 End", m.host, who, representation, mode)
	}
	return m.perform(&modelVerb{"login l", (*model).statPath}, withoutDashes(arg))
}

func (m *model) statPath(arg string) modelAnswer {
	name, real, f, refusal := m.find(arg, true)
	if refusal != nil {
		return *refusal
	}
	return say("213-Status of %s\r\n%s213 End", name, m.lines(name, real, f, m.long))
}
