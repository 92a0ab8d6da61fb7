package rsexec

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/rsexec/state"
	"rsexec/sites"
)

const (
	// completeWithin is how long Complete waits for sites. What comes later is
	// there the next time.
	completeWithin = 200 * time.Millisecond

	// lookupsAtOnce is how many questions of Complete may be on their way to
	// sites; beyond that it goes by the index alone.
	lookupsAtOnce = 4

	// completeHeld is how much may be found; beyond it nothing is offered.
	completeHeld = 16 << 20

	// lookupWithin is how long such a question may take.
	lookupWithin = 30 * time.Second
)

// Completion is a way to go on at the keyboard.
type Completion struct {
	Tail string // what to type behind the cursor
	Text string // the whole word, as it is shown
	Help string // one line; may be empty
	Done bool   // nothing more belongs to the word
}

// Complete tells how the line can go on at the cursor, a byte offset: by what the
// verb table knows, and by the names of sites, logical names, variables, files and
// directories. Files are found in the index, or at their sites within a fifth of a
// second. It is called between statements, and asks the person nothing.
func (x *Executive) Complete(line string, cursor int) (c grammar.Completion, ways []Completion) {
	c = grammar.Complete(line, cursor)
	for _, k := range c.Candidates {
		if len(k.Text) < len(c.Value) {
			continue
		}
		text, open := strings.CutSuffix(k.Text, "=")
		tail := text[len(c.Value):]
		if open {
			tail += "="
		}
		ways = append(ways, Completion{Tail: tail, Text: k.Text, Help: k.Help, Done: !open})
	}
	begins := func(text string) bool {
		return len(text) >= len(c.Value) && strings.EqualFold(text[:len(c.Value)], c.Value)
	}
	add := func(text, help string, done bool) {
		if !begins(text) {
			return
		}
		if tail, ok := c.Tail(text[len(c.Value):], done); ok && tail != "" {
			ways = append(ways, Completion{Tail: tail, Text: text, Help: help, Done: done})
		}
	}
	paths := slices.ContainsFunc(c.Expect, grammar.Kind.IsPathname)
	if paths || c.Expects(grammar.SiteName) {
		colon := ""
		if paths {
			colon = ":"
		}
		for _, name := range x.network.Names() {
			add(name+colon, "a site", !paths)
		}
	}
	if paths || c.Expects(grammar.LogicalName) {
		for _, name := range slices.Sorted(maps.Keys(x.resolver.Logical)) {
			add(name+":", strings.Join(withoutEach(x.resolver.Logical[name]), ", "), !paths)
		}
	}
	if c.Expects(grammar.VariableName) {
		for _, name := range slices.Sorted(maps.Keys(x.thread.variables)) {
			add(name, "a variable", true)
		}
	}
	if c.Expects(grammar.JobNumber) {
		for _, w := range x.completeJob(&c) {
			add(w.Text, w.Help, true)
		}
	}
	switch {
	case paths:
		ways = append(ways, x.completePath(&c, "")...)
	case c.Expects(grammar.LocalPathname):
		ways = append(ways, x.completePath(&c, sites.LocalName+":")...)
	}
	return c, ways
}

// completeJob finds the numbers of the jobs that a verb may be about: those that run in
// this shell, or those in the journal as far as it is read in time.
func (x *Executive) completeJob(c *grammar.Completion) (ways []Completion) {
	way := func(id int64, help string) {
		ways = append(ways, Completion{Text: strconv.FormatInt(id, 10), Help: help})
	}
	if c.Verb != nil && (c.Verb.Name == "WAIT" || c.Verb.Name == "CANCEL") {
		for _, id := range x.Running() {
			if r := x.jobs.get(id); r != nil {
				way(id, brief(r.statement))
			}
		}
		return ways
	}
	read := make(chan []Completion, 1)
	x.lookups.group.Go(func() {
		ctx, stop := context.WithTimeout(x.lookups.ctx, lookupWithin)
		defer stop()
		x.eachKnownJob(ctx, func(j state.Job, alive bool) {
			switch statement, err := parseJob(j); {
			case err != nil:
			case c.Verb != nil && c.Verb.Name == "RESUME" && (alive || !j.Ended.IsZero()):
			case c.Verb != nil && c.Verb.Name == "FORGET" && alive:
			default:
				way(j.ID, brief(statement))
			}
		})
		read <- ways
	})
	timer := time.NewTimer(x.lookups.within)
	defer timer.Stop()
	select {
	case ways := <-read:
		return ways
	case <-timer.C:
		return nil
	}
}

// lookups are the questions that Complete has put to sites.
type lookups struct {
	within time.Duration // how long Complete waits: completeWithin

	ctx   context.Context
	stop  context.CancelFunc
	group sync.WaitGroup
	slots *semaphore.Weighted
}

func newLookups() *lookups {
	ctx, stop := context.WithCancel(context.WithValue(context.Background(), quietKey{}, true))
	return &lookups{within: completeWithin, ctx: ctx, stop: stop, slots: semaphore.NewWeighted(lookupsAtOnce)}
}

// close calls off what is on its way and waits for its end.
func (l *lookups) close() {
	l.stop()
	l.group.Wait()
}

// completePath finds the files and directories whose names begin with the
// unfinished word, which stands behind at unless it says that itself.
func (x *Executive) completePath(c *grammar.Completion, at string) []Completion {
	typed := ""
	if c.Raw != "" {
		typed = c.Word.Pattern()
	}
	if resolver.IsPattern(typed) || c.Word.HasVariable() || strings.ContainsAny(c.Value, "<[") {
		return nil
	}
	if !strings.HasPrefix(strings.ToUpper(typed), at) {
		typed = at + typed
	}
	element := c.Value[strings.LastIndexAny(c.Value, "/:")+1:]

	var mu sync.Mutex
	found := make(map[string]sites.EntryType)
	var held sites.Held // of found
	b := x.branch()     // it may still be at work when the next statement is performed
	list := func(ctx context.Context, site sites.Site, dir sites.Pathname, yield func(sites.Entry) bool) error {
		if b.index != nil && b.index.Fresh(dir) {
			return b.index.begin(ctx, dir, element, yield)
		}
		return b.list(ctx, site, dir, yield)
	}
	if !x.lookups.slots.TryAcquire(1) {
		return nil
	}
	done := make(chan struct{})
	x.lookups.group.Go(func() {
		defer close(done)
		defer x.lookups.slots.Release(1)
		ctx, stop := context.WithTimeout(x.lookups.ctx, lookupWithin)
		defer stop()
		// A site that fails has no names to offer, and says so when it is used.
		_ = b.resolver.Match(ctx, typed+"*", list, func(p resolver.Place) bool {
			mu.Lock()
			defer mu.Unlock()
			if held.Add(p.Entry); held > completeHeld {
				found = nil // what they have in common is not known
				return false
			}
			if name := p.Pathname.Base(); element != "" || !strings.HasPrefix(name, ".") {
				found[name] = p.Entry.Type
			}
			return true
		})
	})
	timer := time.NewTimer(x.lookups.within)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
	mu.Lock()
	defer mu.Unlock()
	var ways []Completion
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !strings.HasPrefix(name, element) {
			continue
		}
		rest, directory := name[len(element):], found[name] == sites.Directory
		if directory {
			rest += "/"
		}
		if tail, ok := c.Tail(rest, !directory); ok {
			ways = append(ways, Completion{Tail: tail, Text: sites.Printable(c.Value + rest), Done: !directory})
		}
	}
	slices.SortStableFunc(ways, func(a, b Completion) int { return cmp.Compare(a.Text, b.Text) })
	return ways
}
