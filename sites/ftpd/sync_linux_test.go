package ftpd

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestSync sees in the system calls of the server that a file is on disk before the reply
// that says so is sent, and that nothing is waited for where it need not be.
func TestSync(t *testing.T) {
	if os.Getenv("RSEXEC_SYNC") != "" {
		serveForStrace(t)
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("RSEXEC_PEERS") == "require" {
			t.Fatal("strace is not installed")
		}
		t.Skip("strace is not installed")
	}
	for _, test := range []struct{ mode, want string }{
		{"file", "file folder 226 file 226 folder 250 file folder 250"},
		{"whole", "file folder 226 file folder 226 folder 250 file folder 250"},
		{"none", "226 226 250 250"},
	} {
		trace := filepath.Join(t.TempDir(), "trace")
		command := exec.Command(strace, "-f", "-y", "-s", "16", "-e", "trace=fsync,write", "-o", trace, os.Args[0], "-test.run=^TestSync$")
		command.Env = append(os.Environ(), "RSEXEC_SYNC="+test.mode)
		if out, err := command.CombinedOutput(); err != nil {
			if strings.Contains(string(out), "PTRACE") {
				t.Skipf("this system lets nobody trace: %s", out)
			}
			t.Fatalf("%v\n%s", err, out)
		}
		text, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(toldBy(string(text)), " "); got != test.want {
			t.Errorf("%s: %s, want %s", test.mode, got, test.want)
		}
	}
}

var onDisk = regexp.MustCompile(`(?m)fsync\([0-9]+<[^>]*/(root|f|[^>]*)>|write\([0-9]+<[^>]*>, "(226|250) `)

// toldBy tells from a trace what was put on disk, and when what was said.
func toldBy(trace string) (all []string) {
	for _, m := range onDisk.FindAllStringSubmatch(trace, -1) {
		switch {
		case m[2] != "":
			all = append(all, m[2])
		case m[1] == "root":
			all = append(all, "folder")
		default:
			all = append(all, "file")
		}
	}
	return all
}

// serveForStrace has a client at a server make a file, write it again, rename it and copy it.
func serveForStrace(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	if err := os.Mkdir(root, 0o777); err != nil {
		t.Fatal(err)
	}
	s := startSite(t, "127.0.0.1", Server{Users: []User{{Name: "u", Password: "p", Root: root}}, Sync: os.Getenv("RSEXEC_SYNC") != "none", Whole: os.Getenv("RSEXEC_SYNC") == "whole", DataTimeout: time.Minute})
	c := s.login()
	c.put("STOR f", "abc")
	c.put("STOR f", "abcd")
	c.do("RNFR f", "350 ")
	c.do("RNTO g", "250 ")
	c.do("SITE CPFR g", "350 ")
	c.do("SITE CPTO h", "250 ")
}
