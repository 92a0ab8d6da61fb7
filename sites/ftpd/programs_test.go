package ftpd

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// programs are the clients of TestClients.
func programs() []program {
	return []program{
		{
			name:    "curl",
			routes:  []route{inClear, overIPv6, explicitTLS, implicitTLS},
			can:     allTasks,
			perform: performCurl,
			names: func(b *bench, dir string) []string {
				out, _ := b.run(curlSection(b, "url", b.base()+escaped(dir)+"/", "list-only", ""), "curl", "-q", "-K", "-")
				return textLines(out)
			},
		},
		{
			name:    "rsexec",
			routes:  []route{inClear, overIPv6, explicitTLS, implicitTLS},
			can:     []task{put, get, rename, remove, mkdir, rmdir}, // it resumes what it began itself
			begin:   buildShell,
			perform: performShell,
			names: func(b *bench, dir string) (names []string) {
				for _, line := range textLines(shell(b, "--json", "DIRECTORY "+shellPath(dir))) {
					var entry struct{ Event, Pathname string }
					if err := json.Unmarshal([]byte(line), &entry); err != nil {
						b.t.Fatalf("%q: %v", line, err)
					}
					names = append(names, strings.TrimPrefix(entry.Pathname, "SITE:/"+dir+"/"))
				}
				return names
			},
		},
		{
			name:    "lftp",
			routes:  []route{inClear, overIPv6, explicitTLS, implicitTLS},
			can:     allTasks,
			perform: performLftp,
			names: func(b *bench, dir string) []string {
				out, _ := lftp(b, "cd "+lftpQuote(dir), "cls -1a")
				names := textLines(out)
				for i := range names { // lftp puts "./" before "~tilde"
					names[i] = strings.TrimPrefix(names[i], "./")
				}
				return names
			},
		},
		{
			name:    "tnftp",
			routes:  []route{inClear, overIPv6}, // it has TLS for https only
			can:     allTasks,
			perform: performTnftp,
			names: func(b *bench, dir string) []string {
				to := filepath.Join(b.here, "names")
				tnftp(b, "nlist "+tnftpQuote(dir)+" "+to)
				return textLines(b.local(to))
			},
		},
		{
			name:    "wget",
			routes:  []route{inClear, overIPv6, explicitTLS, implicitTLS},
			can:     []task{get, reget},
			perform: performWget,
		},
		{
			name:    "rclone",
			routes:  []route{inClear, overIPv6, explicitTLS, implicitTLS},
			can:     []task{put, get, rename, remove, mkdir, rmdir}, // it resumes nothing
			begin:   func(b *bench) { rcloneBegin(b) },
			perform: performRclone,
			names: func(b *bench, dir string) []string {
				out, _ := b.run("", "rclone", "lsf", ":ftp:"+dir)
				return textLines(out)
			},
		},
		{
			name:    "ftplib",
			routes:  []route{inClear, overIPv6, explicitTLS}, // it has no implicit TLS
			can:     allTasks,
			perform: func(b *bench, steps []step) { ftplib(b, steps) },
			names: func(b *bench, dir string) []string {
				var names []string
				out := ftplib(b, []step{{Task: "names", There: dir}})
				if err := json.Unmarshal([]byte(out), &names); err != nil {
					b.t.Fatalf("%v: %q", err, out)
				}
				return names
			},
		},
	}
}

// textLines are the lines of a text.
func textLines(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		all = append(all, strings.TrimRight(line, "\r\n"))
	}
	return all
}

var backslashed = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// curlSection is a part of a curl configuration: one transfer. Settings are pairs of a
// name and a value.
func curlSection(b *bench, settings ...string) string {
	settings = append([]string{"silent", "", "show-error", "", "fail-early", "", "globoff", "", "user", "u:p"}, settings...)
	if b.route.tls {
		settings = append(settings, "ssl-reqd", "", "cacert", b.trusted)
	}
	var text strings.Builder
	for i := 0; i < len(settings); i += 2 {
		text.WriteString(settings[i])
		if settings[i+1] != "" {
			fmt.Fprintf(&text, " = \"%s\"", backslashed.Replace(settings[i+1]))
		}
		text.WriteString("\n")
	}
	return text.String()
}

func performCurl(b *bench, steps []step) {
	var sections []string
	for _, s := range steps {
		at := b.base() + escaped(s.There)
		quote := func(commands ...string) []string {
			all := []string{"url", b.base() + "/", "head", ""}
			for _, c := range commands {
				all = append(all, "quote", c)
			}
			return all
		}
		sections = append(sections, curlSection(b, map[task][]string{
			put:    {"url", at, "upload-file", s.Here},
			reput:  {"url", at, "upload-file", s.Here, "continue-at", "-"},
			get:    {"url", at, "output", s.Here},
			reget:  {"url", at, "output", s.Here, "continue-at", "-"},
			rename: quote("RNFR "+s.There, "RNTO "+s.To),
			remove: quote("DELE " + s.There),
			mkdir:  quote("MKD " + s.There),
			rmdir:  quote("RMD " + s.There),
		}[s.Task]...))
	}
	args := []string{"-q", "-K", "-"}
	if steps[0].Task == put || steps[0].Task == get {
		// Over several connections: on one, curl 7.88 waits up to a second before each file,
		// though the site's reply is there.
		args = append(args, "--parallel", "--parallel-max", "8")
	}
	b.run(strings.Join(sections, "next\n"), "curl", args...)
}

func lftpQuote(word string) string { return `"` + backslashed.Replace(word) + `"` }

// lftp performs commands at the site.
func lftp(b *bench, commands ...string) (stdout, stderr string) {
	b.t.Helper()
	return b.run(lftpScript(b, commands...), "lftp", "--norc")
}

// lftpScript has lftp perform commands at the site.
func lftpScript(b *bench, commands ...string) string {
	settings := []string{"set cmd:fail-exit yes", "set net:max-retries 1", "set net:timeout 20", "set xfer:clobber yes", "set ssl:ca-file " + b.trusted}
	if b.route.tls {
		settings = append(settings, "set ftp:ssl-force yes", "set ftp:ssl-protect-data yes")
	}
	settings = append(settings, "open -u u,p "+b.base())
	return strings.Join(append(settings, commands...), "\n") + "\n"
}

// buildShell builds the shell as one more program, of which this package knows nothing.
func buildShell(b *bench) {
	build := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(b.here, "rsexec"), "rsexec/cmd/rsexec")
	if out, err := build.CombinedOutput(); err != nil {
		b.t.Fatalf("%v\n%s", err, out)
	}
}

// shellPath is a pathname at the site as the shell takes it, whatever is in it.
func shellPath(name string) string {
	return `"SITE:/` + strings.NewReplacer(`"`, `\"`, `\`, `\\`, `$`, `\$`).Replace(name) + `"`
}

// shell performs statements and returns what it printed.
func shell(b *bench, output string, statements ...string) string {
	b.t.Helper()
	address := strings.Replace(b.base(), "://", "://u:p@", 1) + "/?"
	if b.route.tls {
		address += "tls=require&tls-ca=" + b.trusted
	}
	out, _ := b.run(strings.Join(statements, "\n")+"\n", filepath.Join(b.here, "rsexec"), output, "--state", filepath.Join(b.here, "state.db"),
		"--site", "SITE="+address, "run", "-")
	return out
}

func performShell(b *bench, steps []step) {
	var statements []string
	for _, s := range steps {
		there, to := shellPath(s.There), shellPath(s.To)
		statements = append(statements, map[task]string{
			put:    "COPY LOCAL:" + s.Here + " TO " + there,
			get:    "COPY " + there + " TO LOCAL:" + s.Here,
			rename: "RENAME " + there + " TO " + to,
			remove: "DELETE " + there,
			mkdir:  "CREATE " + there + "/",
			rmdir:  "REMOVE " + there,
		}[s.Task])
	}
	shell(b, "--yes", statements...)
}

func performLftp(b *bench, steps []step) {
	var commands []string
	for _, s := range steps {
		there, to := lftpQuote(s.There), lftpQuote(s.To)
		commands = append(commands, map[task]string{
			put:    "put " + s.Here + " -o " + there,
			reput:  "put -c " + s.Here + " -o " + there,
			get:    "get " + there + " -o " + s.Here,
			reget:  "get -c " + there + " -o " + s.Here,
			rename: "mv " + there + " " + to,
			remove: "rm " + there,
			mkdir:  "mkdir " + there,
			rmdir:  "rmdir " + there,
		}[s.Task])
	}
	lftp(b, commands...)
}

var tame = regexp.MustCompile(`[^A-Za-z0-9./\x80-\xff]`)

// tnftpQuote puts a backslash before what might mean something to tnftp.
func tnftpQuote(word string) string { return tame.ReplaceAllString(word, `\$0`) }

// tnftp performs commands at the site. It ends well whatever happens, so what the site
// said is looked at.
func tnftp(b *bench, commands ...string) {
	b.t.Helper()
	host, port, _ := net.SplitHostPort(b.addr)
	input := strings.Join(append([]string{"user u p", "binary"}, commands...), "\n") + "\nquit\n"
	out, errs := b.run(input, "tnftp", "-n", "-i", "-v", host, port)
	for _, line := range textLines(out) {
		if strings.HasPrefix(line, "4") || strings.HasPrefix(line, "5") || strings.HasPrefix(line, "?") {
			b.t.Errorf("tnftp: %s\n%s\noutput:\n%s\nerrors:\n%s", line, input, out, errs)
		}
	}
}

func performTnftp(b *bench, steps []step) {
	var commands []string
	for _, s := range steps {
		there, to := tnftpQuote(s.There), tnftpQuote(s.To)
		if s.Task == reput { // it has no word for this
			info, err := os.Stat(filepath.Join(b.root, s.There))
			if err != nil {
				b.t.Fatal(err)
			}
			commands = append(commands, fmt.Sprint("restart ", info.Size()))
		}
		commands = append(commands, map[task]string{
			put:    "put " + s.Here + " " + there,
			reput:  "put " + s.Here + " " + there,
			get:    "get " + there + " " + s.Here,
			reget:  "reget " + there + " " + s.Here,
			rename: "rename " + there + " " + to,
			remove: "delete " + there,
			mkdir:  "mkdir " + there,
			rmdir:  "rmdir " + there,
		}[s.Task])
	}
	tnftp(b, commands...)
}

// wget runs wget on a path of the site.
func wget(b *bench, name string, args ...string) {
	b.t.Helper()
	scheme := "ftp://"
	if b.route.tls {
		scheme = "ftps://" // over AUTH TLS, unless it is told that TLS is implicit
		args = append(args, "--ca-certificate="+b.trusted)
	}
	if b.route.implicit {
		args = append(args, "--ftps-implicit")
	}
	args = append(args, "--no-config", "--no-hsts", "--no-verbose", "--tries=1", "--user=u", "--password=p", scheme+b.addr+escaped(name))
	b.run("", "wget", args...)
}

func performWget(b *bench, steps []step) {
	for _, s := range steps {
		args := []string{"--no-glob", "-O", s.Here}
		if s.Task == reget {
			args = append(args, "-c")
		}
		wget(b, s.There, args...)
	}
}

// rcloneBegin makes the site rclone's ":ftp:".
func rcloneBegin(b *bench) {
	password, _ := b.run("", "rclone", "obscure", "p")
	host, port, _ := net.SplitHostPort(b.addr)
	if b.route == overIPv6 {
		host = "[" + host + "]" // rclone 1.60 puts the port behind it as it is
	}
	b.env = append(b.env, "RCLONE_FTP_HOST="+host, "RCLONE_FTP_PORT="+port, "RCLONE_FTP_USER=u", "RCLONE_FTP_PASS="+strings.TrimSpace(password),
		"RCLONE_RETRIES=1", "RCLONE_LOW_LEVEL_RETRIES=1")
	switch {
	case b.route.implicit:
		b.env = append(b.env, "RCLONE_FTP_TLS=true")
	case b.route.tls:
		b.env = append(b.env, "RCLONE_FTP_EXPLICIT_TLS=true")
	}
}

// performRclone puts and gets all files of a directory at once, as rclone is made to.
func performRclone(b *bench, steps []step) {
	for len(steps) > 0 {
		s, n := steps[0], 1
		for n < len(steps) && steps[n].Task == s.Task && path.Dir(steps[n].There) == path.Dir(s.There) {
			n++
		}
		switch s.Task {
		case put, get:
			rcloneFiles(b, s.Task, path.Dir(s.There), steps[:n])
		default:
			n = 1
			there := ":ftp:" + s.There
			b.run("", "rclone", map[task][]string{
				rename: {"moveto", there, ":ftp:" + s.To},
				remove: {"deletefile", there},
				mkdir:  {"mkdir", there},
				rmdir:  {"rmdir", there},
			}[s.Task]...)
		}
		steps = steps[n:]
	}
}

func rcloneFiles(b *bench, way task, dir string, steps []step) {
	between := b.t.TempDir()
	if way == get {
		b.run("", "rclone", "copy", ":ftp:"+dir, between)
	}
	for _, s := range steps {
		old, now := s.Here, filepath.Join(between, path.Base(s.There))
		if way == get {
			old, now = now, old
		}
		if err := os.Rename(old, now); err != nil {
			b.t.Fatal(err)
		}
	}
	if way == put {
		b.run("", "rclone", "copy", between, ":ftp:"+dir)
	}
}

// ftplib has Python's ftplib perform steps and returns what it prints.
func ftplib(b *bench, steps []step) string {
	b.t.Helper()
	script, err := filepath.Abs("testdata/ftplib_client.py")
	if err != nil {
		b.t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(b.addr)
	job, err := json.Marshal(map[string]any{"host": host, "port": port, "tls": b.route.tls, "trusted": b.trusted, "steps": steps})
	if err != nil {
		b.t.Fatal(err)
	}
	out, _ := b.run(string(job), "/usr/bin/python3", "-I", script)
	return out
}
