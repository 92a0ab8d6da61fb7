package rsexec

import (
	"bytes"
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rsexec/grammar"
	"rsexec/rsexec/state"
	"rsexec/sites"
	"rsexec/sites/ftptest/fault"
)

// heard collects what a shell prints while jobs run beside its statements.
type heard struct {
	mu   sync.Mutex
	text bytes.Buffer
	when map[string]func() // is called once, when such a text is printed
}

func (h *heard) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for text, act := range h.when {
		if strings.Contains(string(b), text) {
			delete(h.when, text)
			act()
		}
	}
	return h.text.Write(b)
}

// take returns what was printed since it was called last.
func (h *heard) take() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer h.text.Reset()
	return h.text.String()
}

// newJobShell is newShell for a shell that has jobs in the background, with a state file.
func newJobShell(t testing.TB, change func(*Options), named ...string) (s *shell, out, errs *heard) {
	t.Helper()
	out, errs = &heard{}, &heard{when: make(map[string]func())}
	state := filepath.Join(t.TempDir(), "state.db")
	s = newShell(t, func(o *Options) {
		o.Out, o.Err, o.State = out, errs, state
		if change != nil {
			change(o)
		}
	}, named...)
	return s, out, errs
}

// perform performs statements and returns the error of the last one.
func (s *shell) perform(ctx context.Context, t testing.TB, text string) (err error) {
	t.Helper()
	statements, err := grammar.Parse("", text)
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range statements {
		if err = s.Run(ctx, st); err != nil {
			break
		}
	}
	return err
}

// proxied returns the URL of a site as it is seen through a proxy.
func proxied(t testing.TB, site string) (string, *fault.Proxy) {
	t.Helper()
	u, err := url.Parse(site)
	if err != nil {
		t.Fatal(err)
	}
	p := fault.Start(t, u.Host, fault.Options{})
	u.Host = p.Addr()
	return u.String(), p
}

// TestRetryGoesOnWithTheJob has a site go down in the middle of each kind of job, and come
// up again when ON ERROR RETRY is about to try again: it is the same job still, and what
// was done is not done twice.
func TestRetryGoesOnWithTheJob(t *testing.T) {
	text := strings.Repeat("0123456789", 1000)
	for _, test := range []struct {
		statement, verb string // the site goes down at this command
		file, want      string // at SITE2, or at this host if it has a slash
	}{
		{"COPY SITE1:a, SITE1:b TO SITE2:dir", "STOR", "dir/a", text},
		{"COPY SITE1:a TO SITE2:c", "STOR", "c", text},
		{"COPY --recursive SITE1:tree TO SITE2:copy", "STOR", "copy/x", text},
		{"MIRROR SITE1:tree TO SITE2:copy", "STOR", "copy/x", text},
		{"MOVE SITE1:a TO SITE2:moved", "STOR", "moved", text},
		{"APPEND SITE1:a, SITE1:b TO SITE2:old", "APPE", "old", "old " + text + text},
		{"PUT HERE/a TO SITE2:put", "STOR", "put", text},
		{"GET SITE2:got TO HERE/got", "RETR", "/got", text},
		{"TRACE APPEND SITE1:a TO SITE2:old", "APPE", "old", "old " + text},
	} {
		t.Run(test.statement, func(t *testing.T) {
			t.Parallel()
			one, _ := serve(t, map[string]string{"a": text, "b": text, "tree/x": text, "tree/y": text})
			two, root := serve(t, map[string]string{"old": "old ", "got": text, "dir/keep": ""})
			two, proxy := proxied(t, two)
			here := t.TempDir()
			if err := os.WriteFile(filepath.Join(here, "a"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			// With one session none is on its way in when all are cut.
			s, out, errs := newJobShell(t, nil, "SITE1="+one, "SITE2="+two+"/?max-sessions=1")
			s.mover.Hurry = 50
			var once sync.Once
			ctx := sites.WithTrace(t.Context(), &sites.Trace{Command: func(_ string, _ int, line string) {
				if strings.HasPrefix(line, test.verb+" ") {
					once.Do(func() {
						proxy.Refuse(true)
						proxy.Cut()
					})
				}
			}})
			errs.when["trying again"] = func() { proxy.Refuse(false) }
			statement := strings.ReplaceAll(test.statement, "HERE", here)
			if err := s.perform(ctx, t, "ON ERROR RETRY 3 ; "+statement); err != nil {
				t.Errorf("%v\n%s", err, errs.take())
			}
			if errs.when["trying again"] != nil {
				t.Errorf("it was never tried again:\n%s%s", errs.take(), out.take())
			}
			dir := root
			if strings.HasPrefix(test.file, "/") {
				dir = here
			}
			if got, err := os.ReadFile(filepath.Join(dir, test.file)); err != nil || string(got) != test.want {
				t.Errorf("%v, %d bytes, want %d", err, len(got), len(test.want))
			}
			out.take()
			if err := s.perform(t.Context(), t, "JOBS --all"); err != nil {
				t.Error(err)
			}
			if list := out.take(); strings.Count(list, "\n") != 1 || !strings.Contains(list, "  done ") {
				t.Errorf("the jobs are\n%s", list)
			}
		})
	}
}

// TestForgetRemovesTemporaryFiles forgets a job of a shell that was killed in the middle of a
// COPY.
func TestForgetRemovesTemporaryFiles(t *testing.T) {
	one, root := serve(t, map[string]string{"a": "whole", ".rsexec.b.x": "par", "b": "old"})
	s, _, errs := newJobShell(t, nil, "SITE1="+one)
	other, err := state.Open(t.Context(), s.options.State)
	if err != nil {
		t.Fatal(err)
	}
	id, err := other.NewJob(t.Context(), "COPY", "COPY SITE1:/a TO SITE1:/b")
	if err != nil {
		t.Fatal(err)
	}
	at := func(path string) sites.Pathname { return sites.Pathname{Site: "SITE1", Path: path} }
	group := []state.Transfer{{Source: at("/a"), Dest: at("/b"), Size: 5, Phase: state.Begun, Temporary: "/.rsexec.b.x"}}
	for _, err := range []error{other.Named(t.Context(), id, "SITE1", s.network.identity("SITE1")),
		other.Add(t.Context(), id, [][]state.Transfer{group}), other.CompleteJob(t.Context(), id)} {
		if err != nil {
			t.Fatal(err)
		}
	}

	// While that shell lives the job is not ours.
	if err := s.perform(t.Context(), t, "FORGET 1"); sites.KindOf(err) != sites.Conflict {
		t.Error(err)
	}
	if err := s.perform(t.Context(), t, "RESUME 1"); sites.KindOf(err) != sites.Conflict {
		t.Error(err)
	}
	if err := s.perform(t.Context(), t, "FORGET ALL"); err != nil || !exists(root, ".rsexec.b.x") {
		t.Error(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.perform(t.Context(), t, "FORGET 1"); err != nil {
		t.Error(err, errs.take())
	}
	if exists(root, ".rsexec.b.x") || text(t, root, "b") != "old" {
		t.Error("the temporary file is there, or the destination was changed")
	}
	if err := s.perform(t.Context(), t, "JOBS 1"); sites.KindOf(err) != sites.NotFound {
		t.Error(err)
	}
}

// TestAppendsAtOnce appends to one file in branches of a PARALLEL, and in the background:
// one waits for the other, and nothing is lost or mixed.
func TestAppendsAtOnce(t *testing.T) {
	pieces := map[string]string{"to": ""}
	want := 0
	for _, name := range []string{"a", "b", "c", "d"} {
		pieces[name] = strings.Repeat(name, 200_000)
		want += len(pieces[name])
	}
	one, _ := serve(t, pieces)
	two, root := serve(t, map[string]string{"to": ""})
	s, out, errs := newJobShell(t, nil, "SITE1="+one, "SITE2="+two)
	s.mover.Hurry = 10
	for _, statements := range []string{
		"PARALLEL ; APPEND SITE1:a TO SITE2:to ; APPEND SITE1:b TO SITE2:to ; APPEND SITE1:c TO SITE2:to ; APPEND SITE1:d TO SITE2:to ; END",
		"FOREACH f IN SITE1:a SITE1:b SITE1:c SITE1:d ; APPEND $f TO SITE2:to & END ; WAIT",
	} {
		if err := os.WriteFile(filepath.Join(root, "to"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.perform(t.Context(), t, statements); err != nil {
			t.Errorf("%v\n%s%s", err, out.take(), errs.take())
		}
		got := text(t, root, "to")
		for name, piece := range pieces {
			if !strings.Contains(got, piece) {
				t.Errorf("%s: %s is not in it in one piece", statements, name)
			}
		}
		if len(got) != want {
			t.Errorf("%s: %d bytes, want %d", statements, len(got), want)
		}
	}
}

// TestResumeAfterTurn goes on with an APPEND of a shell that was killed when it was its
// turn, before it had looked at the destination: nothing of it is there, whatever the
// destination holds.
func TestResumeAfterTurn(t *testing.T) {
	one, root := serve(t, map[string]string{"a": "new", "b": "old of some other job"})
	s, _, errs := newJobShell(t, nil, "SITE1="+one)
	other, err := state.Open(t.Context(), s.options.State)
	if err != nil {
		t.Fatal(err)
	}
	id, err := other.NewJob(t.Context(), "APPEND", "APPEND SITE1:/a TO SITE1:/b")
	if err != nil {
		t.Fatal(err)
	}
	at := func(path string) sites.Pathname { return sites.Pathname{Site: "SITE1", Path: path} }
	group := []state.Transfer{{Source: at("/a"), Dest: at("/b"), Size: 3, Turn: true}}
	for _, err := range []error{other.Named(t.Context(), id, "SITE1", s.network.identity("SITE1")),
		other.Add(t.Context(), id, [][]state.Transfer{group}), other.CompleteJob(t.Context(), id), other.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.perform(t.Context(), t, "RESUME"); err != nil || text(t, root, "b") != "old of some other jobnew" {
		t.Errorf("%v\n%s%q", err, errs.take(), text(t, root, "b"))
	}
}

// TestCompleteJobs completes the numbers of jobs.
func TestCompleteJobs(t *testing.T) {
	one, _ := serve(t, map[string]string{"a": "x"})
	s, _, errs := newJobShell(t, nil, "SITE1="+one)
	s.lookups.within = time.Minute // the machine may be busy
	for _, line := range []string{"jobs ", "resume ", "wait "} {
		if got := s.ways(line); strings.ContainsAny(got, "123") {
			t.Errorf("%s|: %q", line, got)
		}
	}
	if exists(filepath.Dir(s.options.State), filepath.Base(s.options.State)) {
		t.Error("the state file was made")
	}
	if err := s.perform(t.Context(), t, "COPY SITE1:a TO SITE1:b ; COPY SITE1:a TO SITE1:none/b & WAIT 2"); Status(err) != StatusNotFound {
		t.Fatal(err, errs.take())
	}
	for line, want := range map[string]string{"jobs (NUMBER) ": "1|2", "resume (JOB) ": "ALL|2", "forget (JOB) ": "ALL|1|2", "cancel (JOB) ": "", "jobs 2": "", "jobs 1": ""} {
		got := s.ways(line)
		var numbers []string
		for _, way := range strings.Split(got, "|") {
			if !strings.HasPrefix(way, "-") && way != "&" {
				numbers = append(numbers, way)
			}
		}
		if got := strings.Join(numbers, "|"); got != want {
			t.Errorf("%s|: %q, want %q", line, got, want)
		}
	}
}
