package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// outcome is what became of a shell.
type outcome struct {
	status int
	out    string // all that it printed
}

// together performs each statement in a shell of its own, all at the same time.
func (n *network) together(t *testing.T, statements ...string) []outcome {
	t.Helper()
	list := make([]outcome, len(statements))
	var all sync.WaitGroup
	for i, statement := range statements {
		all.Go(func() {
			c := n.command(statement)
			b, _ := c.CombinedOutput() // its status tells
			list[i] = outcome{c.ProcessState.ExitCode(), string(b)}
		})
	}
	all.Wait()
	return list
}

// pieces cuts a text into the texts that were appended to it, in order; rest is what is
// none of them.
func pieces(text string, of map[string]string) (names []string, rest string) {
	for text != "" {
		found := ""
		for name, piece := range of {
			if strings.HasPrefix(text, piece) {
				found = name
			}
		}
		if found == "" {
			return names, text
		}
		names = append(names, found)
		text = text[len(of[found]):]
	}
	return names, ""
}

// TestShellsTogether has several shells work at the same time over one state file, which
// neither is the first to open: on jobs of their own, and appending to one file.
func TestShellsTogether(t *testing.T) {
	for _, route := range []string{"direct", "relay"} {
		t.Run(route, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			const shells, appends = 4, 12
			source, added := make(map[string]string), make(map[string]string)
			want := map[string]string{}
			var statements []string
			for s := range shells {
				var list []string
				for i := range appends {
					name := fmt.Sprintf("add%d-%02d", s, i)
					// All of one size, so that one may be taken for another.
					added[name] = fmt.Sprintf("[%s %s]\n", name, strings.Repeat("x", 2000))
					source[name] = added[name]
					list = append(list, "SITE1:/"+name)
				}
				for i := range 30 {
					name := fmt.Sprintf("f%d", i)
					source[fmt.Sprintf("tree%d/%s", s, name)] = fmt.Sprintf("%d of %d", i, s)
					want[fmt.Sprintf("to%d/%s", s, name)] = fmt.Sprintf("%d of %d", i, s)
				}
				statements = append(statements, fmt.Sprintf("COPY SITE1:/tree%d SITE2:/to%d --recursive & ; APPEND %s SITE2:/log --route=%s ; WAIT",
					s, s, strings.Join(list, ", "), route))
			}
			plant(t, n.source, source)
			plant(t, n.dest, map[string]string{"log": "old\n"})
			for i, o := range n.together(t, statements...) {
				if o.status != 0 {
					t.Errorf("%s: status %d\n%s", statements[i], o.status, o.out)
				}
			}
			got := files(t, n.dest)
			names, rest := pieces(strings.TrimPrefix(got["log"], "old\n"), added)
			times := make(map[string]int)
			var last [shells]string
			for _, name := range names {
				times[name]++
				if s := name[3] - '0'; name < last[s] {
					t.Errorf("%s after %s", name, last[s])
				} else {
					last[s] = name
				}
			}
			for name := range added {
				if times[name] != 1 {
					t.Errorf("%s was appended %d times", name, times[name])
				}
			}
			if rest != "" {
				t.Errorf("among what was appended: %.100q", rest)
			}
			delete(got, "log")
			if diff := different(withFolders(want), got); diff != "" {
				t.Errorf("copied (-want +got):\n%s", diff)
			}
			if left := n.jobs(t, ""); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// begin starts a shell that performs a statement, and returns when the first file is
// done. The test kills it, if it still runs then.
func (n *network) begin(t *testing.T, statement string) *exec.Cmd {
	t.Helper()
	c := n.command(statement)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill() // one that has ended is not
		_ = c.Wait()         // it was killed
	})
	events := json.NewDecoder(out)
	for {
		var e transferred
		if err := events.Decode(&e); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		if e.Event == "transfer" {
			return c
		}
	}
}

// slowly returns files, and a statement that copies them in about so much time each.
func slowly(t *testing.T, n *network, each time.Duration, count int) (statement string, want map[string]string) {
	t.Helper()
	source := make(map[string]string)
	want = make(map[string]string)
	for i := range count {
		name := fmt.Sprintf("f%02d", i)
		source["slow/"+name] = strings.Repeat(name, 5000)
		want["to/"+name] = source["slow/"+name]
	}
	plant(t, n.source, source)
	rate := int(15000 / each.Seconds())
	return fmt.Sprintf("COPY SITE1:/slow SITE2:/to --recursive --route=relay --max-sessions=1 --limit=%d", rate), withFolders(want)
}

// TestResumeElsewhere holds that a job belongs to the shell that performs it, as long as
// that lives, and to anybody after.
func TestResumeElsewhere(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	statement, want := slowly(t, n, 500*time.Millisecond, 16)
	c := n.begin(t, statement)

	o := n.together(t, "RESUME 1", "FORGET 1", "CANCEL 1", "RESUME ALL", "RESUME", "JOBS")
	running := fmt.Sprintf("job 1 runs in process %d", c.Process.Pid)
	for i, want := range []struct {
		status int
		text   string
	}{
		{1, "RESUME: " + running}, {1, "FORGET: " + running}, {1, "CANCEL: " + running},
		{0, ""}, {5, "RESUME: there is no job to go on with"}, {0, `"state":"running"`},
	} {
		if o[i].status != want.status || !strings.Contains(o[i].out, want.text) || want.text == "" && o[i].out != "" {
			t.Errorf("%d: status %d, want %d\n%swant %s", i, o[i].status, want.status, o[i].out, want.text)
		}
	}

	// The first is killed while another shell works on a job of its own, and goes on
	// with what was left. So does a third, at the same moment.
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // it was killed
	o = n.together(t, "COPY SITE1:/slow SITE2:/other --recursive ; RESUME ALL", "RESUME ALL", "RESUME ALL", "JOBS")
	for _, o := range o {
		if o.status != 0 {
			t.Errorf("status %d\n%s", o.status, o.out)
		}
	}
	for name, text := range want {
		want[strings.Replace(name, "to/", "other/", 1)] = text
	}
	if diff := different(want, files(t, n.dest)); diff != "" {
		t.Errorf("copied (-want +got):\n%s", diff)
	}
	if left := n.jobs(t, ""); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if owners, err := filepath.Glob(n.state + ".owner-*"); err != nil || len(owners) > 0 {
		t.Errorf("left beside the state file: %v, %v", owners, err)
	}
}
