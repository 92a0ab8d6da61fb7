package rsexec

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/rsexec/state"
	"rsexec/rsexec/transfer"
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
		j, _, err := x.jobNumbered(ctx, st, store)
		switch {
		case err != nil:
			return err
		case script:
			return x.printScript(ctx, st, store, j)
		}
		if err := x.printer.print(x.eventOf(store, j).alone()); err != nil {
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
			err = x.printer.print(x.eventOf(store, j).inList(x.columns()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// columns returns how wide the results may be; 0 is any width.
func (x *Executive) columns() int {
	if !x.options.Terminal || x.options.JSON {
		return 0
	}
	columns := x.options.Width
	if x.display != nil {
		columns, _ = x.display.screen.Size()
	}
	if columns <= 0 {
		return usualColumns
	}
	return columns
}

// jobNumbered returns the job that a statement names, and what runs it in the background
// of this shell: nil if it does not, or not any more when the job was read.
func (x *Executive) jobNumbered(ctx context.Context, st *grammar.Statement, store *state.Store) (state.Job, *running, error) {
	id, err := strconv.ParseInt(st.Operand(0).Value(), 10, 64)
	if err != nil {
		return state.Job{}, nil, &sites.Error{Op: st.Verb.Name, Kind: sites.Usage, Msg: "no number of a job: " + grammar.Quote(st.Operand(0).Value())}
	}
	r := x.jobs.get(id)
	j, ok, err := store.Job(ctx, id)
	if err == nil && !ok {
		err = &sites.Error{Kind: sites.NotFound, Msg: fmt.Sprintf("there is no job %d", id), Hint: "JOBS --all lists them"}
	}
	return j, r, named(st, err)
}

// eventOf tells how far a job is.
func (x *Executive) eventOf(store *state.Store, j state.Job) jobEvent {
	e := jobEvent{Event: "job", ID: j.ID, State: stateOf(j, j.Ended.IsZero() && store.Alive(j.Owner)), Statement: j.Statement, Begun: &j.Begun,
		Done: j.Done, Total: j.Done + j.Waiting + j.Failed, Failed: j.Failed, Bytes: j.Bytes}
	if e.State != "running" {
		return e
	}
	e.Process = processOf(j)
	if r := x.jobs.get(j.ID); r != nil && r.waits() {
		e.State = "waiting"
	}
	return e
}

// processOf returns the number of the process that owns a job, if it is another one.
func processOf(j state.Job) string {
	process, _, _ := strings.Cut(j.Owner, "-")
	if process == strconv.Itoa(os.Getpid()) {
		return ""
	}
	return process
}

// isRunning is the error of a job that cannot be had now, for it runs.
func (x *Executive) isRunning(ctx context.Context, store *state.Store, j state.Job) error {
	if now, ok, err := store.Job(ctx, j.ID); err != nil {
		return err
	} else if ok {
		j = now // another shell may have gone on with it meanwhile
	}
	e := &sites.Error{Kind: sites.Conflict, Msg: fmt.Sprintf("job %d runs", j.ID)}
	if process := processOf(j); process != "" {
		e.Msg += " in process " + process
	}
	if x.jobs.get(j.ID) != nil {
		e.Hint = fmt.Sprintf("CANCEL %d stops it", j.ID)
	}
	return e
}

// inList makes the event a line of a list, no wider than a terminal of so many columns;
// 0 is none.
func (e jobEvent) inList(columns int) jobEvent {
	begun := e.Begun.Local()
	day := begun.Format(time.DateOnly)
	if day == time.Now().Format(time.DateOnly) {
		day = begun.Format("15:04")
	}
	statement := sites.Printable(e.Statement)
	if list, err := grammar.Parse("", e.Statement); err == nil && len(list) == 1 {
		statement = sites.Printable(brief(list[0]))
	}
	if e.Process != "" {
		statement = "(process " + e.Process + ") " + statement
	}
	line := fmt.Sprintf("%4d  %-7s %7s  %9s  %10s  ", e.ID, e.State, fmt.Sprintf("%d/%d", e.Done, e.Total), humanize.IBytes(uint64(e.Bytes)), day)
	if columns > 0 {
		statement = clipTo(statement, max(10, columns-1-len(line)))
	}
	e.shown = line + statement + "\n"
	return e
}

// alone makes the event all that is known of one job.
func (e jobEvent) alone() jobEvent {
	var b strings.Builder
	fmt.Fprintf(&b, "job %d: %s", e.ID, e.State)
	if e.Process != "" {
		fmt.Fprintf(&b, " in another shell, process %s", e.Process)
	}
	fmt.Fprintf(&b, ", %d of %d done", e.Done, e.Total)
	if e.Failed > 0 {
		fmt.Fprintf(&b, ", %d failed", e.Failed)
	}
	fmt.Fprintf(&b, ", %s, begun %s\n", humanize.IBytes(uint64(e.Bytes)), e.Begun.Local().Format("2006-01-02 15:04"))
	fmt.Fprintf(&b, "  %s\n", sites.Printable(e.Statement))
	e.shown = b.String()
	return e
}

// brief returns a statement in few words: without guide words, but for the TO that
// stands before its destination; and without passwords.
func brief(st *grammar.Statement) string {
	st = withoutPasswords(st)
	var b strings.Builder
	b.WriteString(st.Verb.Name)
	for i := range st.Verb.Slots {
		s := &st.Verb.Slots[i]
		for k, w := range st.List(i) {
			switch {
			case k > 0:
				b.WriteString(",")
			case s.Bare:
				b.WriteString(" " + s.Guides[len(s.Guides)-1])
			}
			text := w.String()
			// The value of a variable begins with an empty part, so that it is no option.
			if rest, ok := strings.CutPrefix(text, `""`); ok && rest != "" && grammar.Quote(rest[:1]) == rest[:1] {
				text = rest
			}
			b.WriteString(" " + text)
		}
	}
	for _, o := range st.Options {
		b.WriteString(" --" + o.Option.Name)
		if !o.Option.IsSwitch() {
			b.WriteString("=" + o.Value.String())
		}
	}
	return b.String()
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
	line := fmt.Sprintf("  %-7s  %s to %s\n", e.State, e.Source, e.Destination)
	if e.State == "failed" {
		line += "           " + sites.Printable(e.Text) + "\n"
	}
	return line
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
	lines := scriptOf(statement, j)
	var last []string // what is done when all else is
	failed := x.printNeeded(ctx, store, j)
	if failed != nil {
		return named(st, failed)
	}
	err = store.Transfers(ctx, j.ID, func(t state.Transfer) bool {
		line := lines.of(t)
		switch {
		case line == "":
		case t.What == state.Extra || t.What == state.ExtraTree:
			last = append(last, line)
		default:
			failed = x.printer.print(textEvent{"text", line + "\n"})
		}
		return failed == nil
	})
	for _, line := range last {
		if failed == nil && err == nil {
			failed = x.printer.print(textEvent{"text", line + "\n"})
		}
	}
	if failed != nil {
		return failed
	}
	return named(st, err)
}

// printNeeded prints, as comments, which passwords a script needs that the journal does
// not have: those of URLs.
func (x *Executive) printNeeded(ctx context.Context, store *state.Store, j state.Job) error {
	names, err := store.Names(ctx, j.ID)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		at := strings.LastIndexByte(name, '@')
		if at < 0 || strings.HasSuffix(name[:at], "://"+sites.Anonymous) {
			continue // it is no URL, or everybody knows the password
		}
		line := fmt.Sprintf("# The password of %s is not kept: name a site with it, as in --site NAME=%s:password%s, or keep it in ~/.netrc.",
			name, name[:at], name[at:])
		if err := x.printer.print(textEvent{"text", sites.Printable(line) + "\n"}); err != nil {
			return err
		}
	}
	return nil
}

// jobScript makes statements of the transfers of a job.
type jobScript struct {
	job   state.Job
	st    *grammar.Statement
	trees map[int64]bool // those that have a statement, by number
	whole bool           // one statement stands for the whole job
}

func scriptOf(st *grammar.Statement, j state.Job) *jobScript {
	return &jobScript{job: j, st: st, trees: make(map[int64]bool)}
}

// of returns the statement for a transfer; "" if one before does it as well.
func (s *jobScript) of(t state.Transfer) string {
	source, dest := typedWord(t.Source), typedWord(t.Dest)
	switch {
	case s.whole, s.trees[t.Parent]:
		s.trees[t.N] = s.trees[t.N] || t.What == state.Tree
		return ""
	case s.st.Verb.Name == transfer.Append && t.Phase != state.Waiting:
		// A part of it may be there, and only the journal knows which.
		s.whole = true
		return fmt.Sprintf("RESUME %d", s.job.ID)
	case t.What == state.Extra:
		return fmt.Sprintf("DELETE %s", dest)
	case t.What == state.ExtraTree:
		return fmt.Sprintf("REMOVE %s --recursive", dest)
	case t.Phase == state.Placed: // only the source of a MOVE is to go yet
		return fmt.Sprintf("DELETE %s", source)
	case t.What == state.Tree:
		if _, ascii := s.st.Option("ascii"); ascii { // which MIRROR has not
			s.whole = true
			return fmt.Sprintf("RESUME %d", s.job.ID)
		}
		return s.ofTree(t)
	case s.st.Verb.Name == transfer.Append, s.st.Verb.Name == "MOVE":
		return s.like(s.st.Verb.Name, source, dest)
	case s.st.Verb.Name == "MIRROR":
		if _, digest := s.st.Option("digest"); !digest {
			return s.like(transfer.Copy, source, dest) + " --update"
		}
	}
	return s.like(transfer.Copy, source, dest, "recursive", "include", "exclude")
}

// ofTree returns the statement for a tree. COPY --recursive would copy it into its
// destination if that is there by now; MIRROR makes it the same.
func (s *jobScript) ofTree(t state.Transfer) string {
	slashed := false
	for _, o := range s.st.Options {
		slashed = slashed || (o.Option.Name == "include" || o.Option.Name == "exclude") && strings.Contains(o.Value.Value(), "/")
	}
	s.trees[t.N] = true
	if slashed {
		// Patterns are for paths below the directory that was named.
		more := t.Source.Path[min(t.Root, len(t.Source.Path)):]
		t.Source.Path, t.Dest.Path = upTo(t.Source.Path, more), upTo(t.Dest.Path, more)
	}
	line := s.like("MIRROR", typedWord(t.Source), typedWord(t.Dest), "recursive", "update")
	_, update := s.st.Option("update")
	_, digest := s.st.Option("digest")
	if s.st.Verb.Name != "MIRROR" && !update && !digest {
		line += " --digest" // what has arrived with the same contents is not copied again
	}
	return line
}

// upTo returns a path without its end.
func upTo(path, end string) string {
	path = strings.TrimSuffix(path, end)
	if trimmed := strings.TrimSuffix(path, "/"); end != "" && trimmed != "" {
		return trimmed
	}
	return path
}

// like returns a statement of a verb with those options of the job's statement that the
// verb has too, but for some.
func (s *jobScript) like(verb string, source, dest grammar.Word, but ...string) string {
	v, err := grammar.FindVerb(verb)
	if err != nil {
		return "" // it is in the table
	}
	c := grammar.Statement{Verb: v, Operands: [][]grammar.Word{{source}, {dest}}}
	for _, o := range s.st.Options {
		takes := func(other grammar.Option) bool { return other.Name == o.Option.Name }
		if slices.ContainsFunc(v.Options, takes) && !slices.Contains(but, o.Option.Name) {
			c.Options = append(c.Options, o)
		}
	}
	return brief(&c)
}

// typedWord returns a word that means a pathname and nothing else.
func typedWord(p sites.Pathname) grammar.Word {
	text := resolver.Literal(resolver.Typed(p))
	if grammar.Quote(text) == text {
		return plainWord(text)
	}
	return exactWord(text)
}

// parseJob returns the statement of a job.
func parseJob(j state.Job) (*grammar.Statement, error) {
	list, err := grammar.Parse("", j.Statement)
	if err != nil || len(list) != 1 {
		return nil, &sites.Error{Kind: sites.Unsupported, Msg: fmt.Sprintf("job %d cannot be gone on with, for its statement is not understood any more: %s", j.ID, j.Statement), Err: err}
	}
	return list[0], nil
}
