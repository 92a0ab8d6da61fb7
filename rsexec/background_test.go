package rsexec

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestJobsWaitTheirTurn starts more jobs than run at the same time: the others wait, in
// order, can be stopped before they begin, and are left for RESUME when the shell ends.
func TestJobsWaitTheirTurn(t *testing.T) {
	one, root := serve(t, map[string]string{"a": strings.Repeat("x", 1000)})
	s, out, errs := newJobShell(t, nil, "SITE1="+one+"/?max-sessions=40")
	var numbers []string
	for i := range jobsAtOnce + 3 {
		numbers = append(numbers, fmt.Sprint(i))
	}
	slow := "FOREACH n IN " + strings.Join(numbers, " ") + " ; COPY SITE1:a TO SITE1:to$n --limit=1 & END"
	if err := s.perform(t.Context(), t, slow+" ; JOBS"); err != nil {
		t.Fatal(err, errs.take())
	}
	list := out.take()
	if strings.Count(list, "  running ") > jobsAtOnce || strings.Count(list, "  waiting ") < 3 || strings.Count(list, "\n") != len(numbers) {
		t.Errorf("the jobs are\n%s", list)
	}
	first, next, last := s.jobs.get(1), s.jobs.get(jobsAtOnce+1), s.jobs.get(jobsAtOnce+2)
	if err := s.perform(t.Context(), t, fmt.Sprintf("CANCEL %d ; JOBS %[1]d", jobsAtOnce+2)); err != nil || !last.waits() {
		t.Error(err, "it began")
	}
	if list := out.take(); !strings.Contains(list, ": stopped, 0 of 1 done") {
		t.Errorf("the job that was stopped before its turn is %s", list)
	}
	if err := s.perform(t.Context(), t, "CANCEL 1"); err != nil || first.waits() {
		t.Error(err)
	}
	<-next.begun // for it is its turn now
	if running := s.Running(); len(running) != len(numbers)-2 {
		t.Errorf("%v run", running)
	}
	s.jobs.stop()
	if err := s.perform(t.Context(), t, "JOBS"); err != nil {
		t.Error(err)
	}
	if list := out.take(); strings.Count(list, "  stopped ") != len(numbers) {
		t.Errorf("when the shell ends the jobs are\n%s", list)
	}
	if exists(root, "to0") {
		t.Error("a file is there that was stopped")
	}
}

// TestBackgroundAsksNobody has a job in the background need a password that was not typed
// yet. Once it was typed, for something else, the job has it.
func TestBackgroundAsksNobody(t *testing.T) {
	one, root := serve(t, nil)
	two, _ := serve(t, map[string]string{"c": "z"})
	named := []string{"SITE1=" + one, "SITE2=" + strings.Replace(two, "u:p@", "u@", 1)}
	asked := 0
	asking := func(o *Options) {
		o.Interactive = true
		o.Ask = func(_ context.Context, question string, secret bool) (string, error) {
			if asked++; !secret {
				t.Errorf("asked %q", question)
			}
			return "p", nil
		}
	}
	before, _, errs := newJobShell(t, asking, named...)
	if err := before.perform(t.Context(), t, "COPY SITE2:c TO SITE1:none/c & WAIT"); Status(err) != StatusNotFound || asked != 1 {
		t.Fatal(asked, err, errs.take())
	}
	if err := os.Mkdir(filepath.Join(root, "none"), 0o755); err != nil {
		t.Fatal(err)
	}
	asked = 0
	s, _, errs := newJobShell(t, func(o *Options) { asking(o); o.State = before.options.State }, named...)
	if err := s.perform(t.Context(), t, "RESUME 1 & WAIT"); Status(err) != StatusFailed || asked != 0 {
		t.Error(asked, err)
	}
	if said := errs.take(); !strings.Contains(said, "its password was not typed yet; CONNECT SITE2: asks for it") {
		t.Error(said)
	}
	if err := s.perform(t.Context(), t, "CONNECT SITE2: ; RESUME 1 & WAIT"); err != nil || asked != 1 || text(t, root, "none/c") != "z" {
		t.Error(asked, err, errs.take())
	}
}

// TestWatchTellsOfJobs holds that a shell tells of jobs that were left, and that it makes
// no state file to find out.
func TestWatchTellsOfJobs(t *testing.T) {
	one, _ := serve(t, map[string]string{"a": "x"})
	s, _, errs := newJobShell(t, nil, "SITE1="+one)
	if left := s.resumable(t.Context()); len(left) != 0 || exists(filepath.Dir(s.options.State), filepath.Base(s.options.State)) {
		t.Errorf("%d jobs, or the state file was made", len(left))
	}
	if err := s.perform(t.Context(), t, "COPY SITE1:a TO SITE1:none/b & WAIT"); Status(err) != StatusNotFound {
		t.Fatal(err)
	}
	errs.take()
	ctx, stop := context.WithCancel(t.Context())
	errs.when["not finished"] = stop
	s.Watch(ctx)
	if said := errs.take(); said != "rsexec: 1 job was not finished: JOBS lists them, RESUME goes on\n" {
		t.Errorf("it says %q", said)
	}
}
