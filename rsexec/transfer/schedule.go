package transfer

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"rsexec/rsexec/state"
	"rsexec/sites"
	"rsexec/sites/ftp"
)

const (
	// window is how many transfers are read from the journal ahead of those under way,
	// and with it how far the walk through a tree runs ahead.
	window = 256

	// listers is how many directories of a job are listed at the same time.
	listers = 4

	// piece is how many entries of a directory go into the journal in one piece. A
	// larger directory goes there in several, and they are begun with while it is
	// listed; what is done of it before it is wholly listed stays in the journal until
	// it is.
	piece = 1000

	// misses is how many transfers in a row have to fail for a site's silence before
	// the others are not tried.
	misses = 3
)

// schedule is a job under way. It belongs to Run's goroutine; what is performed is
// told to it by results.
type schedule struct {
	*Runner
	order   Order
	stop    func()
	stopped func() error // not nil once the job is to end
	results chan result
	wait    sync.WaitGroup

	files, trees       []state.Transfer // read from the journal and not begun
	lastFile, lastTree int64            // the last number that was read
	allFiles, allTrees bool             // nothing was left in the journal to read
	running, expanding int
	busy               map[string]int // sessions in use, by site
	missed             map[string]int // transfers in a row that failed for its silence
	lost               map[string]bool
	apart              map[way]bool    // no file gets from the one site to the other
	limits             map[string]int  // sessions that may be used, by site
	full               map[string]bool // nothing goes there any more; what is there can be had
	groups             map[int64]*group
	ways               map[way]*traffic
	interrupted        bool
	failure            error
	Summary
}

// way is the way from one site to another.
type way struct{ from, to string }

// group is a file on its way to several destinations: each that has it serves another,
// so that every round doubles how many have it. Nobody serves two at once.
type group struct {
	holders []*holder      // the source is the first
	plain   map[int64]bool // transfers that the source alone serves, by number
	left    int            // transfers read from the journal and not ended
}

// holder is a file of which it is certain that it is what the source is.
type holder struct {
	at     sites.Pathname
	serves bool
	broken bool // its site failed when it was to serve somebody
}

// result is what became of what was started.
type result struct {
	transfers []state.Transfer // one file, or trees of one source
	from      sites.Pathname   // that the file was taken from
	sites     []string         // whose sessions it used
	result    Result
	expansion Expansion
	err       error
	apart     bool // no file gets from the one site to the other
	more      bool // it goes on, and the journal has more files of it

	shared *laneInUse // the lane that the file went in; nil if it went alone
	opened *laneInUse // a lane that was to be opened,
	lane   *lane      // and is open, unless there is an error
}

// closed reports whether nothing goes to the site of a destination any more.
func (s *schedule) closed(dest sites.Pathname) bool { return s.lost[dest.Site] || s.full[dest.Site] }

// ordered reports whether the transfers have to be made one after the other.
func (s *schedule) ordered() bool { return s.order.Verb == Append }

// load reads transfers from the journal.
func (s *schedule) load(ctx context.Context) error {
	if len(s.files) < window/2 && !s.allFiles {
		more, err := s.Store.Next(ctx, s.order.Job, s.lastFile, false, window-len(s.files))
		if err != nil {
			return err
		}
		s.allFiles = len(more) == 0
		for _, t := range more {
			s.lastFile = t.N
			g := s.groups[t.First]
			if g == nil {
				g = &group{holders: []*holder{{at: t.Source}}}
				s.groups[t.First] = g
			}
			g.left++
		}
		s.files = append(s.files, more...)
		if !s.ordered() {
			// What takes longest is begun first, so that nothing is left at the end for which
			// all else waits.
			slices.SortStableFunc(s.files, func(a, b state.Transfer) int { return cmp.Compare(large(b), large(a)) })
		}
	}
	if len(s.trees) == 0 && !s.allTrees {
		more, err := s.Store.Next(ctx, s.order.Job, s.lastTree, true, listers)
		if err != nil {
			return err
		}
		s.allTrees = len(more) == 0
		for _, t := range more {
			s.lastTree = t.N
		}
		s.trees = append(s.trees, more...)
	}
	return nil
}

// large returns the size of a large file, and 0 of others: their order is as good as any.
func large(t state.Transfer) int64 {
	if t.Size < smallFile {
		return 0
	}
	return t.Size
}

// start starts all that may be started.
func (s *schedule) start(ctx context.Context) {
	for again := true; again; again = s.endIdle() { // then there are sessions more
		for s.expanding < listers && len(s.trees) > 0 && len(s.files) < window/2 {
			if !s.startTrees(ctx) {
				break
			}
		}
		s.startFiles(ctx)
	}
}

// startFiles starts all files that may be started.
func (s *schedule) startFiles(ctx context.Context) {
	var stuck way // by which the small files wait that come next
	for i := 0; i < len(s.files); {
		t := s.files[i]
		switch w := (way{t.Source.Site, t.Dest.Site}); {
		case w == stuck && s.isPlain(t):
			i++
		case s.hopeless(t):
			s.files = slices.Delete(s.files, i, i+1)
			s.forget(t)
		case s.ordered() && s.running > 0:
			return
		case s.startFile(ctx, t):
			s.files = slices.Delete(s.files, i, i+1)
		default:
			if s.isPlain(t) {
				stuck = w
			}
			i++
		}
	}
}

// isPlain reports whether a file is one of many that are alike: where one of them has to
// wait the others of the same way have to as well.
func (s *schedule) isPlain(t state.Transfer) bool {
	g := s.groups[t.First]
	return t.Phase == state.Waiting && t.Size >= 0 && t.Size < smallFile && len(g.holders) == 1 && !g.holders[0].serves
}

// hopeless reports whether nobody is left to serve a transfer.
func (s *schedule) hopeless(t state.Transfer) bool {
	source, others := s.servers(t)
	return source == nil && len(others) == 0
}

// servers returns who may serve a transfer, now or later: the source, nil if not, and
// others who have the file.
func (s *schedule) servers(t state.Transfer) (source *holder, others []*holder) {
	if s.closed(t.Dest) {
		return nil, nil
	}
	g := s.groups[t.First]
	for i, h := range g.holders {
		switch {
		case s.lost[h.at.Site] || s.apart[way{h.at.Site, t.Dest.Site}]:
		case i == 0:
			source = h
		case !h.broken && !g.plain[t.N]:
			others = append(others, h)
		}
	}
	return source, others
}

// startFile starts the transfer of a file, if sessions are free for it.
func (s *schedule) startFile(ctx context.Context, t state.Transfer) bool {
	if started, waits := s.startShared(ctx, t); started || waits && s.running > 0 {
		return started
	}
	h := s.holderFor(t, func(h *holder) bool { return s.room(h, t) })
	if h == nil {
		return false
	}
	s.startWith(ctx, t, h, nil)
	return true
}

// startWith starts the transfer of a file from somebody who has it: in a lane, or, if that
// is nil, with sessions of its own.
func (s *schedule) startWith(ctx context.Context, t state.Transfer, h *holder, l *laneInUse) {
	h.serves = true
	r := result{transfers: []state.Transfer{t}, from: h.at, shared: l}
	var lane *lane
	if l != nil {
		lane = l.lane
	} else {
		r.sites = []string{h.at.Site, t.Dest.Site}
		s.traffic(way{h.at.Site, t.Dest.Site}).alone++
	}
	s.running++
	for _, name := range r.sites {
		s.busy[name]++
	}
	s.wait.Go(func() {
		r.result, r.apart, r.err = s.perform(ctx, &r.transfers[0], r.from, lane)
		s.results <- r
	})
}

// holderFor returns who is to serve a transfer: somebody who has the file and serves
// nobody else, and has room for it; nil if there is nobody now. A source whose site
// failed is left alone while others have the file.
func (s *schedule) holderFor(t state.Transfer, room func(*holder) bool) *holder {
	source, others := s.servers(t)
	if source != nil && (!source.broken || len(others) == 0) {
		if !source.serves && room(source) {
			return source
		}
	}
	for _, h := range others {
		if !h.serves && room(h) {
			return h
		}
	}
	return nil
}

// room reports whether the sites of both ends have a session free, and one more pair of
// them at work is wanted.
func (s *schedule) room(h *holder, t state.Transfer) bool {
	tr := s.traffic(way{h.at.Site, t.Dest.Site})
	if tr.pairs() > 0 && tr.pairs() >= tr.pace.want {
		return false
	}
	if others := large(s.files[len(s.files)-1]) == 0; others && large(t) > 0 && tr.alone > 0 && tr.alone >= tr.pace.want-1 {
		return false // small files need no share of the network's throughput, but a turn
	}
	if s.sessionsFor(h, t) {
		return true
	}
	s.makeRoom(tr)
	return false
}

// sessionsFor reports whether the sites of both ends have a session free.
func (s *schedule) sessionsFor(h *holder, t state.Transfer) bool {
	from, to := s.free(h.at.Site), s.free(t.Dest.Site)
	if h.at.Site == t.Dest.Site {
		from-- // it takes two, where the limit allows two at all
		if s.busy[t.Dest.Site] == 0 {
			return true
		}
	}
	return from > 0 && to > 0
}

// free returns how many more sessions with a site the job may use. One is left, where there
// are enough, while somebody may have questions: how far a large file is, or what is in a
// directory.
func (s *schedule) free(name string) int {
	limit, known := s.limits[name]
	if !known {
		limit = 16 // this host has no sessions, but one disk
		if site, err := s.order.Site(name); err == nil {
			if f, ok := site.(*ftp.Site); ok {
				limit = f.Config().MaxSessions
			}
		}
		if s.order.MaxSessions > 0 {
			limit = min(limit, s.order.MaxSessions)
		}
		s.limits[name] = limit
	}
	if limit > 2 && s.asking() {
		limit--
	}
	return limit - s.busy[name]
}

// asking reports whether a file has sessions for itself, or directories are yet to be listed.
func (s *schedule) asking() bool {
	if !s.allTrees || len(s.trees) > 0 || s.expanding > 0 {
		return true
	}
	for _, tr := range s.ways {
		if tr.alone > 0 {
			return true
		}
	}
	return false
}

// startTrees starts to list a directory for all the trees that it is the source of.
func (s *schedule) startTrees(ctx context.Context) bool {
	first := s.trees[0]
	n := 1
	for n < len(s.trees) && s.trees[n].First == first.First {
		n++
	}
	if s.lost[first.Source.Site] {
		s.trees = s.trees[n:]
		return true
	}
	if s.free(first.Source.Site) <= 0 {
		return false
	}
	trees := slices.Clone(s.trees[:n])
	s.trees = s.trees[n:]
	trees = slices.DeleteFunc(trees, func(t state.Transfer) bool { return s.closed(t.Dest) })
	if len(trees) == 0 {
		return true
	}
	s.running++
	s.expanding++
	s.busy[first.Source.Site]++
	s.wait.Go(func() {
		r := result{transfers: trees, sites: []string{first.Source.Site}}
		r.expansion, r.err = s.expand(ctx, trees)
		s.results <- r
	})
	return true
}

// expand lists the source of trees into the journal, again where that may help.
func (s *schedule) expand(ctx context.Context, trees []state.Transfer) (e Expansion, err error) {
	l := s.Mover.waits()
	for try := 1; ; try++ {
		e, err = s.expandOnce(ctx, trees)
		if !sites.KindOf(err).Retryable() || try == tries {
			return e, err
		}
		if err := l.wait(ctx, try); err != nil {
			return e, err
		}
	}
}

func (s *schedule) expandOnce(ctx context.Context, trees []state.Transfer) (Expansion, error) {
	var groups [][]state.Transfer
	e, err := s.order.Expand(ctx, trees, func(g []state.Transfer) error {
		if groups = append(groups, g); len(groups) < piece {
			return nil
		}
		err := s.Store.Expand(ctx, trees, groups, false)
		groups = groups[:0]
		if err == nil {
			s.results <- result{more: true}
		}
		return err
	})
	if err != nil {
		return e, err
	}
	whole := slices.DeleteFunc(slices.Clone(trees), func(t state.Transfer) bool { return e.Lost[t.N] != nil })
	if len(whole) == 0 {
		return e, nil
	}
	return e, s.Store.Expand(ctx, whole, groups, true)
}

// settle takes note of what became of what was started.
func (s *schedule) settle(r result) {
	if r.more {
		s.allFiles = false
		return
	}
	s.running--
	if r.opened != nil {
		s.settleLane(r)
		return
	}
	for _, name := range r.sites {
		s.busy[name]--
	}
	var broken *journalError
	switch {
	case errors.As(r.err, &broken):
		s.failure = broken.err
		s.stop()
		return
	case sites.KindOf(r.err) == sites.Cancelled:
		s.interrupted = true
		return
	}
	if r.transfers[0].What == state.Tree {
		s.settleTrees(r)
		return
	}
	s.settleFile(r)
}

func (s *schedule) settleTrees(r result) {
	s.expanding--
	s.Left += r.expansion.Left
	s.allFiles, s.allTrees = false, false // there may be more to read now
	for _, t := range r.transfers {
		err := r.expansion.Lost[t.N]
		if err == nil {
			err = r.err
		}
		if err != nil {
			s.fail(t, err)
			continue
		}
		s.Directories++
	}
}

func (s *schedule) settleFile(r result) {
	t := r.transfers[0]
	s.settleTraffic(r)
	g := s.groups[t.First]
	at := slices.IndexFunc(g.holders, func(h *holder) bool { return h.at == r.from })
	h := g.holders[at]
	h.serves = false
	if r.err != nil {
		if r.apart && s.hopeless(t) { // another file has told so
			s.forget(t)
			return
		}
		if s.another(t, h, r.err, r.apart) {
			s.files = slices.Insert(s.files, 0, t)
			return
		}
		s.fail(t, r.err)
		s.forget(t)
		if s.ordered() {
			s.files, s.allFiles = nil, true // what comes after must not follow what came before
		}
		return
	}
	for _, name := range r.sites {
		s.missed[name] = 0
	}
	h.broken = false
	if r.result.Left != "" {
		s.Left++
	} else {
		s.Summary.Done++
		s.Bytes += max(r.result.Bytes, 0)
		if !s.ordered() && !s.order.ASCII {
			g.holders = append(g.holders, &holder{at: r.result.Destination})
		}
	}
	s.order.Report.Done(t, r.result)
	s.forget(t)
}

// another reports whether a transfer that failed is to be served by another who has the
// file: where the site of h failed, who was to serve it, or may have, or where there is
// no way from there. The source has the last word.
func (s *schedule) another(t state.Transfer, h *holder, err error, apart bool) bool {
	isSource := h.at == t.Source
	switch site, said := culprit(err); {
	case apart:
		s.apart[way{h.at.Site, t.Dest.Site}] = true
		if s.hopeless(t) {
			s.Stopped = append(s.Stopped, &sites.Error{Op: s.order.Verb, Site: t.Dest.Site, Kind: sites.Unsupported,
				Msg: "no file gets there from " + h.at.Site})
		}
	case site == h.at.Site && site != t.Dest.Site:
		h.broken = true
	case isSource || site == t.Dest.Site && !(said && sites.KindOf(err).Retryable()):
		return false
	default: // a server says that the data connection broke, and not whose doing that was
		g := s.groups[t.First]
		if g.plain == nil {
			g.plain = make(map[int64]bool)
		}
		g.plain[t.N] = true
	}
	source, others := s.servers(t)
	return len(others) > 0 || !isSource && source != nil
}

// culprit returns the site that an error comes from, "" if it tells none, and whether
// that is what its server said.
func culprit(err error) (site string, said bool) {
	for e := (*sites.Error)(nil); errors.As(err, &e); err = e.Err {
		if e.Site != "" {
			site, said = e.Site, e.Code != 0
		}
	}
	return site, said
}

// forget drops what is known of a transfer that has ended.
func (s *schedule) forget(t state.Transfer) {
	g := s.groups[t.First]
	if g.left--; g.left == 0 {
		delete(s.groups, t.First)
	}
}

// fail takes note of a transfer that failed, and of what that says of its sites.
func (s *schedule) fail(t state.Transfer, err error) {
	s.Failed++
	s.Last = err
	s.order.Report.Failed(t, err)
	t.Failed, t.Kind, t.Error = time.Now(), sites.KindOf(err), err.Error()
	e, _ := err.(*sites.Error)
	if e != nil {
		t.Code = e.Code
	}
	site, _ := culprit(err)
	if err := s.Store.Save(context.Background(), t); err != nil && s.failure == nil {
		s.failure = err
		s.stop()
	}
	if site == "" || s.lost[site] {
		return
	}
	switch sites.KindOf(err) {
	case sites.NoSpace:
		if !s.full[site] {
			s.full[site] = true
			s.Stopped = append(s.Stopped, err)
		}
		return
	case sites.Login:
	case sites.Unreachable, sites.Busy:
		if s.missed[site]++; s.missed[site] < misses {
			return
		}
	default:
		return
	}
	s.lost[site] = true
	s.Stopped = append(s.Stopped, err)
}
