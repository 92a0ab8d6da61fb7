package rsexec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"time"

	"rsexec/grammar"
	"rsexec/sites"
)

// thread is what belongs to one sequence of statements: a script, the lines at
// the keyboard, or a branch of a PARALLEL. It is the scope of its variables.
type thread struct {
	variables map[string]grammar.Word
	arguments []grammar.Word
	status    int // the exit status of the statement before
	failed    int // the exit status of the first that failed under ON ERROR CONTINUE; or 0
	policy    policy

	script string           // the name of the script, for errors; "" at the keyboard
	at     grammar.Position // of the statement in it
	taken  int              // how many scripts are being taken, one within the other
}

// policy is what ON ERROR says.
type policy struct {
	goOn    bool
	retries int
}

// Variable implements grammar.Scope.
func (t *thread) Variable(name string) (grammar.Word, bool) {
	switch {
	case name == grammar.Status:
		return plainWord(strconv.Itoa(t.status)), true
	case name == grammar.Count:
		return plainWord(strconv.Itoa(len(t.arguments))), true
	case name[0] >= '0' && name[0] <= '9':
		n, err := strconv.Atoi(name)
		if err != nil || n < 1 || n > len(t.arguments) {
			return grammar.Word{}, false
		}
		return t.arguments[n-1], true
	}
	w, there := t.variables[name]
	return w, there
}

// Arguments implements grammar.Scope.
func (t *thread) Arguments() []grammar.Word { return t.arguments }

// plainWord returns a word in which signs keep their meanings.
func plainWord(text string) grammar.Word {
	return grammar.Word{Raw: text, Parts: []grammar.Part{{Text: text}}}
}

// exactWord returns a word that stands for text and nothing else.
func exactWord(text string) grammar.Word {
	return grammar.Word{Raw: text, Parts: []grammar.Part{{Text: text, Quoted: true}}}
}

// branch returns an executive for statements that are performed beside those of
// x. What they set is their own; the sites and the printer are shared. Nobody is
// asked which of several files is meant.
func (x *Executive) branch() *Executive {
	b := *x
	t := *x.thread
	t.variables, t.failed = maps.Clone(t.variables), 0
	b.thread = &t
	b.resolver.Logical = maps.Clone(b.resolver.Logical)
	b.resolver.Choose = nil
	return &b
}

const (
	// firstPause is how long ON ERROR RETRY waits before it tries again; each
	// further pause is twice as long, up to maxPause.
	firstPause = 500 * time.Millisecond
	maxPause   = 30 * time.Second
)

// Run performs one statement, as often as ON ERROR wants it. Its error was not
// printed yet: see Report.
func (x *Executive) Run(ctx context.Context, st *grammar.Statement) error {
	t := x.thread
	t.at = st.Pos
	err := x.retried(ctx, func(err error) bool { return mayRepeat(st, err) }, func() error { return x.once(ctx, st) })
	if ctx.Err() != nil {
		err = named(st, err)
	}
	t.status = Status(err)
	err = t.locate(err)
	if x.goesOn(ctx, err) {
		return nil
	}
	return err
}

// retried performs work, again as often as ON ERROR wants it while again says of its
// error that it may help.
func (x *Executive) retried(ctx context.Context, again func(error) bool, work func() error) error {
	retries := x.thread.policy.retries
	err := work()
	for n, pause := 1, firstPause; n <= retries && err != nil && again(err); n, pause = n+1, min(2*pause, maxPause) {
		x.printer.notice(fmt.Sprintf("%v; trying again in %v (%d of %d)", err, pause, n, retries))
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return sites.Stopped(ctx)
		}
		err = work()
	}
	return err
}

// goesOn reports whether a script goes on after an error, as ON ERROR says. The
// error was reported then.
func (x *Executive) goesOn(ctx context.Context, err error) bool {
	t := x.thread
	if err == nil || !t.policy.goOn || isQuit(err) || ctx.Err() != nil {
		return false
	}
	x.Report(err)
	if t.failed == 0 {
		t.failed = Status(err)
	}
	return true
}

// mayRepeat reports whether performing a statement again can help, and does no
// harm.
func mayRepeat(st *grammar.Statement, err error) bool {
	if errors.As(err, new(*triedError)) {
		return false
	}
	for s := st; s != nil; s = s.Inner {
		if s.Verb.Once || s.Verb.Block != grammar.NoBlock {
			return false
		}
	}
	return sites.KindOf(err).Retryable()
}

// once performs a statement once: with the values of its variables, and its
// output where it is to go.
func (x *Executive) once(ctx context.Context, st *grammar.Statement) error {
	st, err := st.Expand(x.thread)
	if err != nil {
		return &sites.Error{Kind: sites.Usage, Err: err}
	}
	if x.tracer != nil && st.Verb.Block == grammar.NoBlock {
		ctx = x.tracer.under(ctx)
	}
	switch {
	case x.options.DryRun && (st.Verb.Changes || st.Output != nil):
		return x.rehearse(ctx, st)
	case st.Output != nil:
		return x.redirected(ctx, st)
	}
	return x.perform(ctx, st)
}

// all performs statements one after the other, to the first error.
func (x *Executive) all(ctx context.Context, block []*grammar.Statement) error {
	for _, st := range block {
		if err := x.Run(ctx, st); err != nil {
			return err
		}
	}
	return nil
}

// rehearse tells what a statement would do.
func (x *Executive) rehearse(ctx context.Context, st *grammar.Statement) error {
	if st.Output != nil {
		return x.printer.print(textEvent{"text", withoutPasswords(st).String() + "\n"})
	}
	if st.Verb.Name == "RESUME" {
		return x.rehearseResume(ctx, st)
	}
	err := x.explainOne(ctx, st)
	if sites.KindOf(err) == sites.NotFound { // a statement before may make it
		x.printer.notice(err.Error())
		return nil
	}
	return err
}

// RunScript performs the statements of a script one after the other, with these
// arguments, and stops at the first that fails unless ON ERROR says otherwise.
// Errors are reported, with the line if the script has a name. It waits for the jobs in
// the background, whatever came of the statements; only the end of ctx leaves them
// running. The status is the process's (DESIGN section 10), and tells a job that failed.
func (x *Executive) RunScript(ctx context.Context, name string, script io.Reader, arguments ...string) (status int) {
	t := x.thread
	t.script, t.arguments = name, nil
	for _, a := range arguments {
		t.arguments = append(t.arguments, plainWord(a))
	}
	err := x.play(ctx, name, script)
	quit, ended := errors.AsType[*Quit](err)
	switch {
	case err == nil, ended && !quit.given:
		status = t.failed
	case !ended:
		x.Report(err)
		fallthrough
	default:
		status = Status(err)
	}
	if later := x.Wait(ctx); status == 0 && (!ended || !quit.given) {
		status = later
	}
	return status
}

// play performs the statements of a script.
func (x *Executive) play(ctx context.Context, name string, script io.Reader) error {
	statements := grammar.NewReader(name, script)
	for {
		st, err := statements.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := x.Run(ctx, st); err != nil {
			return err
		}
	}
}

// Check reports what is wrong in the text of a script, all of it, without
// performing anything. The status is the process's.
func (x *Executive) Check(name string, script io.Reader) (status int) {
	statements := grammar.NewReader(name, script)
	for {
		_, err := statements.Next()
		var syntax *grammar.SyntaxError
		switch {
		case err == io.EOF:
			return status
		case err == nil:
		case errors.As(err, &syntax):
			x.printer.error(err)
			status = StatusUsage
		default:
			x.Report(err)
			return StatusFailed
		}
	}
}

// located is an error of a statement in a script.
type located struct {
	error
	script string
	line   int
}

func (e *located) Unwrap() error { return e.error }

// locate gives an error the place of the present statement, unless it has one of
// its own or needs none.
func (t *thread) locate(err error) error {
	var syntax *grammar.SyntaxError
	if _, has := err.(*located); has || err == nil || t.script == "" || isQuit(err) || errors.As(err, &syntax) {
		return err
	}
	return &located{err, t.script, t.at.Line}
}

// Report prints the error of a statement, with its place in the script.
func (x *Executive) Report(err error) { x.printer.error(x.thread.locate(err)) }
