package ftpd

import (
	"io/fs"
	"path"
	"strings"
	"time"
)

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
