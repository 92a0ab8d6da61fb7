package rsexec

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/rsexec/state"
	"rsexec/sites"

	"github.com/dustin/go-humanize"
)

// jobs performs JOBS [(NUMBER) n] [--all] [--script].
func (x *Executive) listJobs(ctx context.Context, st *grammar.Statement) error {
	store, err := x.store(ctx)
	if err != nil {
		return named(st, err)
	}
	_, script := st.Option("script")
	if st.Operand(0).Value() != "" {
		j, err := x.jobNumbered(ctx, st, store)
		switch {
		case err != nil:
			return err
		case script:
			return x.printScript(ctx, st, store, j)
		}
		if err := x.printer.print(x.eventOf(store, j)); err != nil {
			return err
		}
		return x.printTransfers(ctx, st, store, j)
	}
	_, all := st.Option("all")
	var list []state.Job
	err = store.Jobs(ctx, func(j state.Job) bool {
		if all || j.Ended.IsZero() {
			list = append(list, j)
		}
		return true
	})
	if err != nil {
		return named(st, err)
	}
	for _, j := range list {
		if script {
			err = x.printScript(ctx, st, store, j)
		} else {
			err = x.printer.print(x.eventOf(store, j))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// jobNumbered returns the job that a statement names.
func (x *Executive) jobNumbered(ctx context.Context, st *grammar.Statement, store *state.Store) (state.Job, error) {
	id, err := strconv.ParseInt(st.Operand(0).Value(), 10, 64)
	if err != nil {
		return state.Job{}, &sites.Error{Op: st.Verb.Name, Kind: sites.Usage, Msg: "no number of a job: " + grammar.Quote(st.Operand(0).Value())}
	}
	j, ok, err := store.Job(ctx, id)
	if err == nil && !ok {
		err = &sites.Error{Kind: sites.NotFound, Msg: fmt.Sprintf("there is no job %d", id), Hint: "JOBS --all lists them"}
	}
	return j, named(st, err)
}

// eventOf tells how far a job is.
func (x *Executive) eventOf(store *state.Store, j state.Job) jobEvent {
	e := jobEvent{Event: "job", ID: j.ID, State: stateOf(j, j.Ended.IsZero() && store.Alive(j.Owner)), Statement: j.Statement,
		Done: j.Done, Total: j.Done + j.Waiting + j.Failed, Failed: j.Failed, Bytes: j.Bytes}
	counts := fmt.Sprintf("%d of %d", e.Done, e.Total)
	if e.State == "done" {
		counts = fmt.Sprint(e.Done)
	}
	if e.Failed > 0 {
		counts += fmt.Sprintf(", %d failed", e.Failed)
	}
	where := ""
	if e.State == "running" {
		where = x.processOf(j)
	}
	e.shown = fmt.Sprintf("%4d  %-7s%s  %s, %s  begun %s\n      %s\n", e.ID, e.State, where, counts, humanize.IBytes(uint64(e.Bytes)),
		j.Begun.Local().Format("2006-01-02 15:04"), sites.Printable(e.Statement))
	return e
}

// processOf says in which process a job runs, if that is another.
func (x *Executive) processOf(j state.Job) string {
	process, _, owned := strings.Cut(j.Owner, "-")
	if !owned || x.jobs.get(j.ID) != nil {
		return ""
	}
	return " in process " + process
}

// isRunning is the error of a job that cannot be had now, for it runs.
func (x *Executive) isRunning(ctx context.Context, store *state.Store, j state.Job) error {
	if now, ok, err := store.Job(ctx, j.ID); err != nil {
		return err
	} else if ok {
		j = now // another shell may have gone on with it meanwhile
	}
	e := &sites.Error{Kind: sites.Conflict, Msg: fmt.Sprintf("job %d runs%s", j.ID, x.processOf(j))}
	if x.jobs.get(j.ID) != nil {
		e.Hint = fmt.Sprintf("CANCEL %d stops it", j.ID)
	}
	return e
}

// leftEvent is a transfer of a job that is not done.
type leftEvent struct {
	Event       string `json:"event"` // "left"
	Job         int64  `json:"job"`
	Source      string `json:"source"`
	Destination string `json:"destination"`
	State       string `json:"state"` // "waiting", "begun" or "failed"
	Arrived     int64  `json:"arrived,omitempty"`
	Attempts    int    `json:"attempts,omitempty"`
	Text        string `json:"text,omitempty"` // why it failed
}

func (e leftEvent) text() string {
	line := fmt.Sprintf("      %-7s %s to %s", e.State, e.Source, e.Destination)
	if e.Text != "" {
		line += "\n              " + sites.Printable(e.Text)
	}
	return line + "\n"
}

// printTransfers prints what is left of a job.
func (x *Executive) printTransfers(ctx context.Context, st *grammar.Statement, store *state.Store, j state.Job) error {
	var failed error
	err := store.Transfers(ctx, j.ID, func(t state.Transfer) bool {
		e := leftEvent{Event: "left", Job: j.ID, Source: t.Source.String(), Destination: t.Dest.String(), State: "waiting",
			Arrived: t.Arrived, Attempts: t.Attempts, Text: t.Error}
		switch {
		case !t.Failed.IsZero():
			e.State = "failed"
		case t.Phase > state.Waiting:
			e.State = "begun"
		}
		failed = x.printer.print(e)
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	return named(st, err)
}

// printScript prints statements that do what is left of a job.
func (x *Executive) printScript(ctx context.Context, st *grammar.Statement, store *state.Store, j state.Job) error {
	statement, err := parseJob(j)
	if err != nil {
		return named(st, err)
	}
	var failed error
	err = store.Transfers(ctx, j.ID, func(t state.Transfer) bool {
		failed = x.printer.print(textEvent{"text", statementFor(statement, t) + "\n"})
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	return named(st, err)
}

// statementFor returns the statement that makes one transfer of a job.
func statementFor(st *grammar.Statement, t state.Transfer) string {
	c := *st
	c.Operands = make([][]grammar.Word, len(st.Operands))
	c.Operands[0] = []grammar.Word{exactWord(resolver.Typed(t.Source))}
	if t.What == state.Extra || t.What == state.ExtraTree {
		return fmt.Sprintf("DELETE %s", exactWord(resolver.Typed(t.Dest)))
	}
	c.Operands[1] = []grammar.Word{exactWord(resolver.Typed(t.Dest))}
	return c.String()
}

// parseJob returns the statement of a job.
func parseJob(j state.Job) (*grammar.Statement, error) {
	list, err := grammar.Parse("", j.Statement)
	if err != nil || len(list) != 1 {
		return nil, &sites.Error{Kind: sites.Unsupported, Msg: fmt.Sprintf("job %d cannot be gone on with, for its statement is not understood any more: %s", j.ID, j.Statement), Err: err}
	}
	return list[0], nil
}
