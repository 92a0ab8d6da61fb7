package rsexec

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/rsexec/state"
	"rsexec/rsexec/transfer"
	"rsexec/sites"
	"rsexec/sites/local"
)

// jobAge is how long a job that has ended is remembered.
const jobAge = 7 * 24 * time.Hour

// journal is where the jobs are kept: the state file, or, where there is none, a file
// that goes with the shell.
type journal struct {
	once  sync.Once
	file  *stateFile // the state file; nil if there is none
	spare *stateFile // in its place
	err   error      // why there is neither
}

// open returns the file, with what is too old dropped from it. notice is told, once,
// that jobs will not outlive the shell.
func (j *journal) open(ctx context.Context, notice func(string)) (*state.Store, error) {
	var store *state.Store
	if j.file != nil {
		var err error
		if store, err = j.file.open(); err == nil {
			// What calls a statement off is no reason why there should be no journal.
			j.once.Do(func() { j.err = store.Sweep(context.WithoutCancel(ctx), time.Now().Add(-jobAge)) })
			return store, j.err
		}
		j.once.Do(func() { notice(fmt.Sprintf("%v: jobs cannot be gone on with after the end of this shell", err)) })
	}
	if j.spare == nil {
		dir, err := os.MkdirTemp("", "rsexec-")
		if err != nil {
			return nil, &sites.Error{Op: "make a journal", Kind: sites.Other, Err: err}
		}
		j.spare = &stateFile{name: filepath.Join(dir, "state.db")}
	}
	return j.spare.open()
}

// exists reports whether there may be jobs in a file.
func (j *journal) exists() bool {
	if j.spare != nil {
		return true
	}
	if j.file == nil {
		return false
	}
	_, err := os.Stat(j.file.name)
	return err == nil
}

// close drops the file that goes with the shell.
func (j *journal) close() error {
	if j.spare == nil {
		return nil
	}
	return errors.Join(j.spare.close(), os.RemoveAll(filepath.Dir(j.spare.name)))
}

// store returns the journal.
func (x *Executive) store(ctx context.Context) (*state.Store, error) {
	x.shared.Lock()
	defer x.shared.Unlock()
	return x.journal.open(ctx, x.printer.notice)
}

// eachKnownJob calls yield for each job. No journal is made for that: where there is
// none, or it cannot be read, there is no job, and who needs one is told why.
func (x *Executive) eachKnownJob(ctx context.Context, yield func(j state.Job, alive bool)) {
	x.shared.Lock()
	there := x.journal.exists()
	x.shared.Unlock()
	if !there {
		return
	}
	store, err := x.store(ctx)
	if err != nil {
		return
	}
	_ = store.Jobs(ctx, func(j state.Job) bool { // see above
		yield(j, store.Alive(j.Owner))
		return true
	})
}

// A job is one that this shell makes or performs.
type job struct {
	x      *Executive
	store  *state.Store
	id     int64
	st     *grammar.Statement // the one that it was made of
	groups [][]state.Transfer // yet to be kept
	named  map[string]bool    // the sites whose names the journal has
	files  int                // that were added; a tree counts as many
	seed   maphash.Seed
	dests  map[uint64]uint64 // what the destinations hash to, and their sources
}

// newJob puts a job into the journal for a statement. What it moves is added next.
func (x *Executive) newJob(ctx context.Context, st *grammar.Statement) (*job, error) {
	// Options that cannot be read are no job.
	_, err := x.order(st)
	if err == nil {
		_, err = x.newExpansion(st)
	}
	var store *state.Store
	if err == nil {
		store, err = x.store(ctx)
	}
	if err != nil {
		return nil, named(st, err)
	}
	statement := withoutPasswords(st)
	statement.Background, statement.Output = false, nil
	j := &job{x: x, store: store, st: st, named: make(map[string]bool), seed: maphash.MakeSeed(), dests: make(map[uint64]uint64)}
	j.id, err = store.NewJob(ctx, st.Verb.Name, statement.String())
	return j, named(st, err)
}

// pieceOfJob is how many transfers are kept in one piece.
const pieceOfJob = 500

// add adds the transfers of one source, to one or several destinations.
func (j *job) add(ctx context.Context, group []state.Transfer) error {
	once := group[:0]
	for _, t := range group {
		var err error
		if t.Source, err = j.x.absolute(ctx, t.Source); err != nil {
			return err
		}
		if t.Dest, err = j.x.absolute(ctx, t.Dest); err != nil {
			return err
		}
		source, dest := maphash.Comparable(j.seed, t.Source), maphash.Comparable(j.seed, t.Dest)
		other, twice := j.dests[dest]
		switch appends := j.st.Verb.Name == transfer.Append; {
		case twice && !appends && other == source:
			continue
		case twice && !appends:
			return &sites.Error{Op: j.st.Verb.Name, Site: t.Source.Site, Path: t.Source.Path, Kind: sites.Usage,
				Msg: fmt.Sprintf("another of the files is to become %s as well", t.Dest)}
		}
		j.dests[dest] = source
		for _, name := range []string{t.Source.Site, t.Dest.Site} {
			if j.named[name] {
				continue
			}
			if err := j.store.Named(ctx, j.id, name, j.x.network.identity(name)); err != nil {
				return err
			}
			j.named[name] = true
		}
		if j.files++; t.What == state.Tree {
			j.files++
		}
		once = append(once, t)
	}
	if len(once) == 0 {
		return nil
	}
	if j.groups = append(j.groups, once); len(j.groups) < pieceOfJob {
		return nil
	}
	return j.flush(ctx)
}

func (j *job) flush(ctx context.Context) error {
	err := j.store.Add(ctx, j.id, j.groups)
	j.groups = nil
	return err
}

// absolute returns a pathname that means the same wherever the shell is started.
func (x *Executive) absolute(ctx context.Context, p sites.Pathname) (sites.Pathname, error) {
	if p.Site != sites.LocalName || strings.HasPrefix(p.Path, "/") {
		return p, nil
	}
	site, _ := x.network.Site(sites.LocalName)
	here, ok := site.(local.Site)
	if !ok {
		return p, nil
	}
	dir, err := here.Home(ctx)
	if p.Path == "" {
		p.Path = dir
	} else {
		p.Path = strings.TrimRight(dir, "/") + "/" + p.Path
	}
	return p, err
}

// drop takes a job back of which nothing was begun.
func (j *job) drop(ctx context.Context) error {
	return j.store.ForgetJob(context.WithoutCancel(ctx), j.id)
}

// run performs the job: now, or, if the statement says so, in the background. failed
// counts those of its files that could not even be added.
func (j *job) run(ctx context.Context, failed *someFailed) error {
	if j.files == 0 {
		if err := errors.Join(failed.orNil(), j.drop(ctx)); err != nil {
			return &triedError{error: err}
		}
		return nil
	}
	err := j.flush(ctx)
	if err == nil {
		err = j.store.CompleteJob(ctx, j.id)
	}
	if err != nil {
		return named(j.st, errors.Join(err, j.drop(ctx)))
	}
	w := &jobWork{id: j.id, st: j.st, failed: failed, several: j.files > 1 || failed.total > 0}
	if j.st.Background {
		w.kept = true
		j.x.background(ctx, j.id, j.st, false, w.perform)
		return nil
	}
	return w.perform(ctx, j.x)
}

// jobWork is what is left of a job that this process owns.
type jobWork struct {
	id      int64
	st      *grammar.Statement
	failed  *someFailed // counts what was done and what failed before
	several bool        // its errors are reported one by one, and the whole is summed up
	kept    bool        // the person knows its number
}

// perform performs it, as often as ON ERROR wants it: what is done is not done again.
func (w *jobWork) perform(ctx context.Context, x *Executive) error {
	store, err := x.store(ctx)
	if err != nil {
		return err
	}
	o, err := x.order(w.st)
	if err != nil {
		return errors.Join(named(w.st, err), store.Release(ctx, w.id))
	}
	expansion, err := x.newExpansion(w.st)
	if err != nil {
		return errors.Join(named(w.st, err), store.Release(ctx, w.id))
	}
	report := &jobReport{x: x, verb: w.st.Verb.Name, id: w.id, several: w.several, began: time.Now(), progress: x.newProgress(ctx, store, w.id, w.several)}
	o.Job, o.Report, o.Expand = w.id, report, expansion.expand
	runner := transfer.Runner{Mover: &x.mover, Store: store}
	var sum transfer.Summary
	var partly error // some files failed
	tries := 0
	err = x.retried(ctx, report.again, func() error {
		if tries++; tries > 1 {
			if err := x.claimAgain(ctx, store, w.id); err != nil {
				return err
			}
		}
		partly, report.retryable = nil, false
		more, err := runner.Run(ctx, o)
		more.Done, more.Left, more.Bytes, more.Directories = sum.Done+more.Done, sum.Left+more.Left, sum.Bytes+more.Bytes, sum.Directories+more.Directories
		sum = more
		switch {
		case err != nil || sum.Failed == 0:
			return err
		case w.several: // each was reported
			partly = &someFailed{verb: w.st.Verb.Name, failed: sum.Failed, total: sum.Done + sum.Left + sum.Failed, last: sum.Last}
		default:
			partly = sum.Last
		}
		return partly
	})
	if err == partly {
		err = nil // the sum tells
	}
	if err == nil && w.st.Verb.Name == "MIRROR" {
		err = x.deleteExtras(ctx, w.st, store, w.id, sum)
	}
	report.progress.close()
	// Whatever became of ctx, others may go on with the job.
	after := context.WithoutCancel(ctx)
	j, _, looked := store.Job(after, w.id)
	if err == nil && ctx.Err() != nil && j.Waiting > 0 {
		err = sites.Stopped(ctx)
	}
	if looked == nil && !w.several && !w.kept && j.Failed+j.Waiting > 0 {
		looked = x.dropIfVain(after, store, &j)
	}
	if released := store.Release(after, w.id); released != nil || looked != nil {
		err = errors.Join(err, released, looked)
	}
	return x.conclude(w.st, report, sum, j, w.failed, err)
}

// claimAgain has the transfers of a job of this process that failed tried again.
func (x *Executive) claimAgain(ctx context.Context, store *state.Store, id int64) error {
	err := store.Release(ctx, id)
	if err != nil {
		return err
	}
	j, ok, err := store.Job(ctx, id)
	if err == nil && ok {
		ok, err = store.Claim(ctx, j)
	}
	if err == nil && !ok {
		err = &sites.Error{Kind: sites.Conflict, Msg: fmt.Sprintf("job %d is at work in another shell, or was dropped", id)}
	}
	return err
}

// dropIfVain drops the job of a single file if going on with it makes no more sense
// than giving the command again: nothing was begun, and nothing passes by itself.
func (x *Executive) dropIfVain(ctx context.Context, store *state.Store, j *state.Job) error {
	vain := true
	err := store.Transfers(ctx, j.ID, func(t state.Transfer) bool {
		vain = vain && t.Phase == state.Waiting
		return vain
	})
	if err != nil || !vain {
		return err
	}
	j.Failed, j.Waiting = 0, 0
	return store.ForgetJob(ctx, j.ID)
}

// conclude sums a job up and returns its error.
func (x *Executive) conclude(st *grammar.Statement, report *jobReport, sum transfer.Summary, j state.Job, failed *someFailed, err error) error {
	failed.total += sum.Done + sum.Left + sum.Failed + sum.Directories + int(j.Waiting)
	failed.failed += sum.Failed + int(j.Waiting)
	if sum.Last != nil {
		failed.last = sum.Last
	}
	hint := ""
	if j.Failed+j.Waiting > 0 {
		hint = fmt.Sprintf("RESUME %d goes on with it", j.ID)
	}
	for _, why := range sum.Stopped {
		if j.Waiting > 0 && report.several {
			x.printer.notice(fmt.Sprintf("%s: no more is tried there: %v", st.Verb.Name, why))
		}
	}
	if report.only != nil {
		if printed := x.printer.print(transferEvent{"transfer", *report.only}); err == nil {
			err = printed
		}
	}
	if report.several && failed.total > 0 {
		e := report.event(sum, j)
		if printed := x.printer.print(e); err == nil {
			err = printed
		}
	}
	switch {
	case err != nil:
		err = named(st, err)
	case failed.failed == 0:
		return nil
	case !report.several:
		err = failed.last
	default:
		err = failed
		if hint != "" {
			hint = fmt.Sprintf("JOBS %d lists what is left, %s", j.ID, hint)
		}
	}
	return &triedError{err, hint}
}

// triedError is an error after all that ON ERROR RETRY can do about it: the statement is
// not begun again. A job is gone on with instead, so that there is no second one.
type triedError struct {
	error
	hint string // how to go on; "" if that cannot be
}

func (e *triedError) Error() string {
	text := e.error.Error()
	if e.hint != "" {
		text += "; " + e.hint
	}
	return text
}

func (e *triedError) Unwrap() error { return e.error }

// order returns how the transfers of a statement are made.
func (x *Executive) order(st *grammar.Statement) (o transfer.Order, err error) {
	o.Verb, o.Site = st.Verb.Name, x.siteNamed
	if o.Options, err = optionsOf(st); err != nil {
		return o, err
	}
	if text, given := st.Option("max-sessions"); given {
		if o.MaxSessions, err = strconv.Atoi(text); err != nil || o.MaxSessions < 1 {
			return o, &sites.Error{Kind: sites.Usage, Msg: "--max-sessions=" + grammar.Quote(text) + " cannot be read", Hint: "write a number from 1"}
		}
	}
	return o, nil
}

// optionsOf returns the options of a statement that say how a file is moved.
func optionsOf(st *grammar.Statement) (o transfer.Options, err error) {
	value := func(name string) string {
		text, _ := st.Option(name)
		return strings.ToLower(text)
	}
	given := func(name string) bool {
		_, is := st.Option(name)
		return is
	}
	o = transfer.Options{Route: value("route"), Choreography: value("choreography"), Verify: value("verify"),
		ASCII: given("ascii"), InPlace: given("in-place"), Update: given("update"), NoClobber: given("no-clobber")}
	switch st.Verb.Name {
	case "MOVE":
		o.Vacant, o.Delete = true, true
	case "MIRROR":
		o.Update, o.SameDigest = !given("digest"), given("digest")
	}
	if text, limited := st.Option("limit"); limited {
		var ok bool
		if o.Limit, ok = parseSize(text); !ok || o.Limit < 1 {
			return o, &sites.Error{Kind: sites.Usage, Msg: "--limit=" + grammar.Quote(text) + " cannot be read",
				Hint: "write a number of bytes a second, or one with k, M or G, such as 500k"}
		}
	}
	return o, nil
}

// siteNamed returns the site that a name in the journal means.
func (x *Executive) siteNamed(name string) (sites.Site, error) {
	if site, ok := x.network.Site(name); ok {
		return site, nil
	}
	if strings.Contains(name, "://") {
		return x.network.Visit(name)
	}
	return nil, &sites.Error{Site: name, Kind: sites.NotFound, Msg: "no such site"}
}

// present returns what a name means that is to be moved, as its site has it now.
func (x *Executive) present(ctx context.Context, typed string) (resolver.Place, error) {
	var p resolver.Place
	err := x.patiently(ctx, func() (err error) { p, err = x.source(ctx, typed); return err })
	if err != nil || p.Indexed.IsZero() {
		return p, err
	}
	e, err := p.Site.Stat(ctx, p.Pathname.Path)
	switch {
	case err == nil:
		p.Entry, p.Indexed = e, time.Time{}
		return p, nil
	case sites.KindOf(err) != sites.NotFound:
		return p, err
	}
	x.gone(p.Pathname)
	res, err := x.resolver.Again(ctx, typed)
	if err == nil {
		x.tellUnheard(res)
	}
	return res.Place, err
}

// transferOf returns the transfer of a file, to where it is to go.
func transferOf(source resolver.Place, to sites.Pathname) state.Transfer {
	t := state.Transfer{Source: source.Pathname, Dest: to, Size: -1}
	if e := source.Entry; e.Type == sites.File && source.Indexed.IsZero() {
		t.Size = e.Size
		if !e.Coarse {
			t.Modified = e.Modified
		}
	}
	return t
}

// patiently performs a look at sites again where a connection was lost in it, or a site
// asked to come again. A site that is not there is not asked again.
func (x *Executive) patiently(ctx context.Context, look func() error) error {
	const most = 3
	for try := 1; ; try++ {
		err := look()
		e, _ := err.(*sites.Error)
		if !sites.KindOf(err).Retryable() || e != nil && e.Op == transfer.Connecting || try == most {
			return err
		}
		if waited := x.mover.Pause(ctx, try); waited != nil {
			return err
		}
	}
}
