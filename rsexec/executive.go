package rsexec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/rsexec/transfer"
	"rsexec/sites"
	"rsexec/sites/ftp"
	"rsexec/sites/profile"
)

// Options says how an Executive works.
type Options struct {
	Sites    []sites.Config       // beside LOCAL
	Define   []profile.Definition // logical names
	First    bool                 // a name that several sites have means the first of them
	State    string               // the state file; "" is none
	Defaults []sites.Setting      // of sites that are added
	Profile  string               // the folder that SITE ADD and REMOVE keep sites in; "" is none

	Out   io.Writer // results
	Err   io.Writer // errors, notices and traces
	JSON  bool      // one JSON object a line on Out, errors and notices too
	Trace bool      // the control dialogues on Err
	Yes   bool      // no question is asked: the answer is yes

	// DryRun says that statements which would change something are explained
	// instead.
	DryRun bool

	Width int // of the terminal that Err is, in characters; 0 is not known

	// Screen is the terminal that both Out and Err are, where how far jobs are is
	// drawn. It is nil where nothing is to be drawn.
	Screen Screen

	Terminal bool // Out is a terminal
	Colour   bool // Out and Err are terminals that show colours

	// Interactive says that a person reads along: where a name may mean several
	// files it is asked which one.
	Interactive bool

	// Ask puts a question to the person and returns the answer, which is not
	// echoed if it is secret. It is nil where nobody can be asked.
	Ask func(ctx context.Context, question string, secret bool) (string, error)

	// Edit has the person edit a file of this host, which may be one to be made,
	// and returns when that is done. The environment is the editor's. It is nil where
	// no editor can run.
	Edit func(ctx context.Context, file string, environment []string) error

	// History returns the lines that were typed, the oldest first. It is nil
	// where nobody types lines.
	History func() ([]string, error)
}

// Executive runs statements. It is used by one goroutine at a time.
type Executive struct {
	options  Options
	network  *network
	resolver resolver.Resolver
	state    *stateFile // nil if there is none
	index    *index     // nil if there is no state file
	mover    transfer.Mover
	printer  *printer
	display  *display // nil where nothing is drawn
	tracer   *tracer  // what TRACE and --trace print with; nil if nothing is traced
	thread   *thread
	lookups  *lookups
	verbs    map[string]action
	shared   *sync.Mutex // of what branches share: the journal as it is opened
	journal  *journal
	jobs     *background

	unattended bool // it is a job in the background: nothing is asked or drawn
}

// action performs one statement. Each verb's stands in a file of its own.
type action func(x *Executive, ctx context.Context, st *grammar.Statement) error

// actions returns how each verb of the table is performed.
func actions() map[string]action {
	return map[string]action{
		"APPEND":    (*Executive).append,
		"BIND":      (*Executive).bind,
		"CANCEL":    (*Executive).cancelJob,
		"COMPARE":   (*Executive).compare,
		"CONNECT":   (*Executive).connect,
		"COPY":      (*Executive).copy,
		"COUNT":     (*Executive).count,
		"CREATE":    (*Executive).create,
		"DEFINE":    (*Executive).define,
		"DELETE":    (*Executive).delete,
		"DIGEST":    (*Executive).digest,
		"DIRECTORY": (*Executive).directory,
		"ECHO":      (*Executive).echo,
		"EDIT":      (*Executive).edit,
		"EXPLAIN":   (*Executive).explain,
		"FIND":      (*Executive).find,
		"FOREACH":   (*Executive).foreach,
		"FORGET":    (*Executive).forget,
		"GET":       (*Executive).get,
		"HELP":      (*Executive).help,
		"HISTORY":   (*Executive).history,
		"IF":        (*Executive).ifElse,
		"JOBS":      (*Executive).listJobs,
		"LCD":       (*Executive).lcd,
		"MIRROR":    (*Executive).mirror,
		"MOVE":      (*Executive).moveFiles,
		"ON":        (*Executive).on,
		"PARALLEL":  (*Executive).parallel,
		"PROTECT":   (*Executive).protect,
		"PUT":       (*Executive).put,
		"PWD":       (*Executive).pwd,
		"QUIT":      (*Executive).quit,
		"QUOTE":     (*Executive).quote,
		"REMOVE":    (*Executive).remove,
		"RENAME":    (*Executive).rename,
		"RESUME":    (*Executive).resume,
		"ROUTES":    (*Executive).routes,
		"SET":       (*Executive).set,
		"SITE":      (*Executive).site,
		"SITES":     (*Executive).sites,
		"TAKE":      (*Executive).take,
		"TOUCH":     (*Executive).touch,
		"TRACE":     (*Executive).trace,
		"TYPE":      (*Executive).typ,
		"UNDEFINE":  (*Executive).undefine,
		"WAIT":      (*Executive).wait,
		"WHERE":     (*Executive).where,
	}
}

// New returns an executive. No site is asked before a statement needs it.
func New(o Options) (*Executive, error) {
	var screen *display
	if o.Screen != nil && !o.JSON {
		screen = &display{screen: o.Screen}
		o.Out, o.Err = screen.above(o.Out), screen.above(o.Err)
	}
	x := &Executive{options: o, printer: &printer{out: o.Out, err: o.Err, json: o.JSON, colour: o.Colour && !o.JSON}, display: screen,
		thread: &thread{variables: make(map[string]grammar.Word)}, verbs: actions(), lookups: newLookups(),
		shared: new(sync.Mutex)}
	x.jobs = newBackground(x.printer)
	options := ftp.Options{Password: x.password, Trust: x.trust}
	if o.State != "" {
		x.state = &stateFile{name: o.State}
		options.Memory = serverMemory{x.state}
	}
	net, err := newNetwork(o.Sites, options)
	if err != nil {
		return nil, err
	}
	x.network = net
	x.resolver = resolver.Resolver{Network: net, Logical: make(map[string][]string), First: o.First, Images: x.images}
	for _, d := range o.Define {
		if err := x.defineName(d.Name, d.List); err != nil {
			return nil, err
		}
	}
	if x.state != nil {
		x.index = &index{file: x.state, network: net}
		x.resolver.Index = x.index
	}
	x.journal = &journal{file: x.state}
	if len(o.Sites) == 1 {
		// With one site a bare name can only be meant for it.
		x.resolver.Working = sites.Pathname{Site: o.Sites[0].Name, Path: o.Sites[0].Home}
	}
	if o.Ask != nil {
		var asking sync.Mutex // branches of a PARALLEL ask one after the other
		x.options.Ask = func(ctx context.Context, question string, secret bool) (answer string, err error) {
			asking.Lock()
			defer asking.Unlock()
			screen.aside(func() { answer, err = o.Ask(ctx, question, secret) })
			return answer, err
		}
	}
	if o.Edit != nil {
		x.options.Edit = func(ctx context.Context, file string, environment []string) (err error) {
			screen.aside(func() { err = o.Edit(ctx, file, environment) })
			return err
		}
	}
	if o.Ask != nil && o.Interactive {
		x.resolver.Choose = x.choose
	}
	var routes transfer.RouteStore // none
	if x.state != nil {
		routes = routeStore{x.state, net}
	}
	x.mover = transfer.Mover{Routes: transfer.NewRoutes(routes), Notice: x.printer.notice}
	if o.Trace {
		x.tracer = newTracer(o.Err, o.Width)
	}
	return x, nil
}

// Close stops the jobs in the background and ends all sessions with all sites.
func (x *Executive) Close() error {
	x.jobs.stop()
	x.lookups.close()
	err := errors.Join(x.network.close(), x.journal.close())
	if x.state != nil {
		err = errors.Join(err, x.state.close())
	}
	return err
}

// Prompt returns the prompt for the next statement: the working directory, if
// there is one, and the TENEX EXEC's sign.
func (x *Executive) Prompt() string {
	if x.resolver.Working.Site == "" {
		return "@ "
	}
	return x.resolver.Working.String() + " @ "
}

func (x *Executive) perform(ctx context.Context, st *grammar.Statement) error {
	act, ok := x.verbs[st.Verb.Name]
	if !ok {
		return &sites.Error{Op: st.Verb.Name, Kind: sites.Unsupported, Msg: "no such verb here"}
	}
	return act(x, ctx, st)
}

// The exit statuses (DESIGN section 10).
const (
	StatusFailed      = 1   // a command failed
	StatusUsage       = 2   // wrong usage or syntax
	StatusSome        = 3   // some files of a group failed
	StatusUnreachable = 4   // a site could not be reached
	StatusNotFound    = 5   // a name was not found or ambiguous
	StatusInterrupted = 130 // interrupted
)

// Status returns the exit status for the error of a statement.
func Status(err error) int {
	var syntax *grammar.SyntaxError
	var some *someFailed
	var quit *Quit
	var job *jobFailed
	switch {
	case err == nil:
		return 0
	case errors.As(err, &quit):
		return quit.Status
	case errors.As(err, &job):
		return job.status
	case errors.As(err, &syntax):
		return StatusUsage
	case errors.As(err, &some):
		return some.status()
	}
	switch sites.KindOf(err) {
	case sites.Usage:
		return StatusUsage
	case sites.Unreachable:
		return StatusUnreachable
	case sites.NotFound, sites.Ambiguous:
		return StatusNotFound
	case sites.Cancelled:
		return StatusInterrupted
	}
	return StatusFailed
}

// someFailed is the error of a statement over several files. Each file's own
// error was reported already.
type someFailed struct {
	verb          string
	failed, total int
	last          error
}

func (e *someFailed) Error() string {
	return fmt.Sprintf("%s: %d of %d failed", e.verb, e.failed, e.total)
}

func (e *someFailed) Unwrap() error { return e.last }

func (e *someFailed) status() int {
	if e.failed < e.total {
		return StatusSome
	}
	return Status(e.last)
}

// each performs work for every file that the words mean: a name means one
// file, a pattern all that it matches. With several files a failure is reported
// and the rest is still done; a cancelled context ends it.
func (x *Executive) each(ctx context.Context, st *grammar.Statement, words []grammar.Word, work func(resolver.Place) error) error {
	failed := &someFailed{verb: st.Verb.Name}
	several := len(words) > 1 || len(words) == 1 && resolver.IsPattern(words[0].Pattern())
	note := func(err error) {
		failed.total++
		if err == nil {
			return
		}
		if several {
			x.Report(err)
		}
		failed.failed++
		failed.last = err
	}
	for _, w := range words {
		if !resolver.IsPattern(w.Pattern()) {
			note(x.withSource(ctx, st, w.Pattern(), work))
		} else if err := x.match(ctx, st, w.Pattern(), func(p resolver.Place) bool {
			note(work(p))
			return ctx.Err() == nil
		}); err != nil {
			note(err)
		}
		if ctx.Err() != nil {
			return named(st, sites.Stopped(ctx))
		}
	}
	switch {
	case failed.failed == 0:
		return nil
	case !several:
		return failed.last
	}
	return failed
}

// forWords performs work for every word. With several words a failure is
// reported and the rest is still done; a cancelled context ends it.
func (x *Executive) forWords(ctx context.Context, st *grammar.Statement, words []grammar.Word, work func(grammar.Word) error) error {
	failed := &someFailed{verb: st.Verb.Name, total: len(words)}
	for _, w := range words {
		err := work(w)
		if ctx.Err() != nil {
			return named(st, sites.Stopped(ctx))
		}
		if err == nil {
			continue
		}
		if len(words) == 1 {
			return err
		}
		x.Report(err)
		failed.failed++
		failed.last = err
	}
	if failed.failed > 0 {
		return failed
	}
	return nil
}

// match calls yield for each match of a pattern. It is an error if there is
// none.
func (x *Executive) match(ctx context.Context, st *grammar.Statement, pattern string, yield func(resolver.Place) bool) error {
	n := 0
	err := x.resolver.Match(ctx, pattern, x.list, func(p resolver.Place) bool {
		n++
		return yield(p)
	})
	if err == nil && n == 0 {
		err = &sites.Error{Path: resolver.WithoutPassword(pattern), Kind: sites.NotFound, Msg: "nothing matches"}
	}
	return named(st, err)
}

// list lists a directory; the index remembers it. It is a resolver.Lister.
func (x *Executive) list(ctx context.Context, site sites.Site, dir sites.Pathname, yield func(sites.Entry) bool) error {
	if x.index == nil {
		return site.List(ctx, dir.Path, yield)
	}
	return x.index.list(ctx, site, dir, yield)
}

// made notes in the index that a file was made or changed.
func (x *Executive) made(p sites.Pathname, e sites.Entry) {
	if x.index != nil {
		x.index.put(p, e)
	}
}

// gone notes in the index that a file is not there any more.
func (x *Executive) gone(p sites.Pathname) {
	if x.index != nil {
		x.index.remove(p)
	}
}

// withSource performs work for the file that a name means. If that is only what
// the index remembers, and the file turns out to be gone, the index is repaired
// and the name looked up again.
func (x *Executive) withSource(ctx context.Context, st *grammar.Statement, typed string, work func(resolver.Place) error) error {
	p, err := x.source(ctx, typed)
	if err != nil {
		return named(st, err)
	}
	err = work(p)
	if p.Indexed.IsZero() || sites.KindOf(err) != sites.NotFound {
		return err
	}
	x.gone(p.Pathname)
	res, again := x.resolver.Again(ctx, typed)
	if again != nil {
		return named(st, again)
	}
	if res.Pathname == p.Pathname {
		return err // it is there: something else was not found
	}
	x.tellUnheard(res)
	return work(res.Place)
}

// source completes the name of a file that is read, and says which sites were
// not heard on the way.
func (x *Executive) source(ctx context.Context, typed string) (resolver.Place, error) {
	res, err := x.resolver.Source(ctx, typed)
	if err == nil {
		x.tellUnheard(res)
	}
	return res.Place, err
}

// destination completes the name of a file that is written.
func (x *Executive) destination(ctx context.Context, typed string) (resolver.Place, error) {
	res, err := x.resolver.Destination(ctx, typed)
	if err == nil {
		x.tellUnheard(res)
	}
	return res.Place, err
}

func (x *Executive) tellUnheard(res resolver.Resolution) {
	if len(res.Searched) < 2 {
		return
	}
	for _, p := range res.Unheard() {
		x.printer.notice(fmt.Sprintf("%s may have %s too: %v", p.Site.Name(), sites.Printable(res.Typed), p.Err))
	}
}

// confirm asks a question that is answered with yes or no.
func (x *Executive) confirm(ctx context.Context, question string) (bool, error) {
	if x.options.Yes {
		return true, nil
	}
	if x.options.Ask == nil {
		return false, &sites.Error{Kind: sites.Usage, Msg: "nobody can be asked: " + question, Hint: "rsexec --yes answers for you"}
	}
	answer, err := x.options.Ask(ctx, question+" (y/n) ", false)
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", err
}

// choose asks which of several files is meant.
func (x *Executive) choose(ctx context.Context, typed string, found []resolver.Place) (int, error) {
	var question strings.Builder
	fmt.Fprintf(&question, "%s may be\n", sites.Printable(typed))
	for i, p := range found {
		fmt.Fprintf(&question, "  %d  %s\n", i+1, p.Pathname)
	}
	question.WriteString("which one (a number)? ")
	answer, err := x.options.Ask(ctx, question.String(), false)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(answer))
	if err != nil || n < 1 || n > len(found) {
		return 0, &sites.Error{Path: typed, Kind: sites.Ambiguous, Msg: "none was chosen"}
	}
	return n - 1, nil
}
