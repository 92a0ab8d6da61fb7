package transfer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"rsexec/rsexec/state"
	"rsexec/sites"
	"rsexec/sites/ftp"
)

const (
	// abreast is how many files a lane has under way: one is moved while the others are
	// looked at, checked or renamed, each with a question or two that is answered between
	// two files.
	abreast = 8

	// keptAbreast is how many it has at most where the data connection stays open, for they
	// follow each other without a pause there; and keptBytes of how many bytes they are then,
	// so that whoever interrupts them waits for no more.
	keptAbreast, keptBytes = 128, 2 << 20

	// smallFile is the size from which on a file has a pair of sessions for itself: what
	// others ask would wait for it.
	smallFile = 1 << 20

	// stint is how many files a lane moves at least before it makes room for somebody who
	// has no session there.
	stint = 64

	// hopes is how many lanes in a row may be lost before they have moved that many.
	hopes = 3
)

// traffic is what goes on between two sites.
type traffic struct {
	way    way
	lanes  []*laneInUse
	alone  int    // files that are on their way with sessions of their own
	proved bool   // a file has got through, or these servers are made for it
	sure   bool   // a file has
	off    string // why there are no lanes; "" if there are
	vain   int    // lanes in a row that were lost early
	pace   *pace
}

// laneInUse is a lane with what the schedule knows of it. It is nil until it is open.
type laneInUse struct {
	*lane
	way     way
	load    int   // files that are on their way in it
	bytes   int64 // of them
	moved   int   // files that were
	leaving bool  // it gets no more
}

// traffic returns what goes on from one site to another.
func (s *schedule) traffic(w way) *traffic {
	t := s.ways[w]
	if t == nil {
		t = &traffic{way: w, pace: newPace(s.Mover.Routes.pairs(w.from, w.to))}
		s.ways[w] = t
	}
	return t
}

// pairs returns how many pairs of sessions are at work.
func (t *traffic) pairs() int { return len(t.lanes) + t.alone }

// opening reports whether a pair of sessions is yet to be at work.
func (t *traffic) opening() bool {
	return slices.ContainsFunc(t.lanes, func(l *laneInUse) bool { return l.lane == nil })
}

// shared reports whether the order allows that files share sessions.
func (o *Order) shared() bool {
	return o.Verb != Append && !o.ASCII && !o.InPlace && o.Limit == 0 && o.Verify != ByRead
}

// shares reports whether a file may share the sessions of others.
func (s *schedule) shares(t state.Transfer, w way) bool {
	if !s.order.shared() || t.Size < 0 || t.Size >= smallFile || t.Phase != state.Waiting || w.from == w.to {
		return false
	}
	tr := s.traffic(w)
	if !tr.proved && s.keep(tr) {
		s.prove(tr) // these servers are made for it
	}
	return tr.proved && tr.off == ""
}

// ends returns the sites of a way that are known.
func (s *schedule) ends(tr *traffic) (ends []sites.Site) {
	for _, name := range []string{tr.way.from, tr.way.to} {
		if site, err := s.order.Site(name); err == nil {
			ends = append(ends, site)
		}
	}
	return ends
}

// roundTrip is that of the site of a way that is the farther one.
func (s *schedule) roundTrip(tr *traffic) time.Duration { return roundTrip(s.ends(tr)...) }

// keep reports whether the data connections between the sites of a way can stay open.
func (s *schedule) keep(tr *traffic) bool {
	ends := s.ends(tr)
	return len(ends) == 2 && keepers(ends[0], ends[1])
}

// ahead finds out whether both sites of a way take commands ahead of the replies to earlier
// ones, and says why.
func (s *schedule) ahead(tr *traffic) (ok bool, why string) {
	var reasons []string
	for _, name := range []string{tr.way.from, tr.way.to} {
		site, err := s.order.Site(name)
		if err != nil {
			return false, err.Error()
		}
		f, server := site.(*ftp.Site)
		if !server {
			continue
		}
		ok, why := f.Ahead()
		if !ok {
			return false, name + ": " + why
		}
		reasons = append(reasons, name+": "+why)
	}
	return len(reasons) > 0, strings.Join(reasons, "; ")
}

// startShared starts the transfer of a small file in a lane. waits says that it is to wait
// for one.
func (s *schedule) startShared(ctx context.Context, t state.Transfer) (started, waits bool) {
	h := s.holderFor(t, func(*holder) bool { return true })
	if h == nil {
		return false, false
	}
	w := way{h.at.Site, t.Dest.Site}
	if !s.shares(t, w) {
		return false, false
	}
	tr := s.traffic(w)
	var best *laneInUse
	for _, l := range tr.lanes {
		if l.lane != nil && !l.leaving && l.room(t.Size) && (best == nil || l.load < best.load) {
			best = l
		}
	}
	if best == nil {
		if tr.pairs() < tr.pace.want {
			if s.free(w.from) > 0 && s.free(w.to) > 0 {
				s.openLane(ctx, tr)
			} else {
				s.makeRoom(tr)
			}
		}
		return false, true
	}
	best.load++
	best.bytes += t.Size
	s.startWith(ctx, t, h, best)
	return true, false
}

// room reports whether one more file may be under way in the lane.
func (l *laneInUse) room(size int64) bool {
	return l.load < abreast || l.follows.Load() && l.load < keptAbreast && l.bytes+size <= keptBytes
}

// openLane opens one more lane.
func (s *schedule) openLane(ctx context.Context, tr *traffic) {
	l := &laneInUse{way: tr.way}
	tr.lanes = append(tr.lanes, l)
	s.running++
	s.busy[tr.way.from]++
	s.busy[tr.way.to]++
	only, sure := tr.pairs() == 1, tr.sure
	s.wait.Go(func() {
		r := result{opened: l}
		from, err := s.order.Site(tr.way.from)
		if err == nil {
			var to sites.Site
			if to, err = s.order.Site(tr.way.to); err == nil {
				r.lane, err = openLane(ctx, s.Mover.waits(), from, to, only, sure, s.order.Verify != BySize)
			}
		}
		r.err = err
		s.results <- r
	})
}

// settleLane takes note of a lane that was opened, or could not be.
func (s *schedule) settleLane(r result) {
	tr := s.traffic(r.opened.way)
	if r.err == nil {
		r.opened.lane = r.lane
		return
	}
	s.endLane(r.opened)
	tr.pace.lost(time.Now(), tr.pairs())
	if tr.pairs() == 0 {
		tr.off = r.err.Error() // what a file meets that goes alone is told
	}
	s.decided(tr, fmt.Sprintf("no more than %d pairs of sessions: %v", tr.pairs(), r.err))
}

// endLane takes a lane out of the traffic.
func (s *schedule) endLane(l *laneInUse) {
	tr := s.traffic(l.way)
	tr.lanes = slices.DeleteFunc(tr.lanes, func(o *laneInUse) bool { return o == l })
	s.busy[l.way.from]--
	s.busy[l.way.to]--
	if l.lane != nil {
		l.lane.close()
	}
}

// settleTraffic takes note of a file that is done or has failed.
func (s *schedule) settleTraffic(r result) {
	tr := s.traffic(way{r.from.Site, r.transfers[0].Dest.Site})
	pairs := tr.pairs()
	if r.shared != nil {
		s.settleShared(r.shared, r.transfers[0].Size, r.err)
	} else {
		tr.alone--
	}
	if r.err != nil || r.result.Left != "" {
		return
	}
	if r.result.Verified != "none" {
		tr.sure = true
		s.prove(tr)
	}
	if tr.opening() {
		tr.pace.measure(time.Now(), pairs) // a login is work as well
		return
	}
	most := tr.pairs() + min(s.free(tr.way.from), s.free(tr.way.to))
	if s.keep(tr) {
		most = min(most, tr.pace.useful(s.roundTrip(tr)))
	}
	s.decided(tr, tr.pace.done(time.Now(), r.result.Bytes, pairs, most))
}

// prove takes note that a file has got through and was checked.
func (s *schedule) prove(tr *traffic) {
	if tr.proved {
		return
	}
	tr.proved = true
	for _, site := range s.ends(tr) {
		if f, ok := site.(*ftp.Site); ok {
			f.Proved()
		}
	}
	ok, why := s.ahead(tr)
	switch {
	case !s.order.shared():
	case ok:
		if s.keep(tr) {
			s.decided(tr, "small files share sessions, and from server to server data connections ("+why+")")
			return
		}
		tr.pace.rush(len(s.files), s.roundTrip(tr))
		s.decided(tr, "small files share sessions, sent ahead of each other ("+why+")")
	default:
		tr.off = why
		s.decided(tr, "no files share a session ("+why+")")
	}
}

// endIdle gives the sessions back that nothing is to be moved with at the moment, if there
// are some: somebody may wait for them, such as who lists what is to be moved next.
func (s *schedule) endIdle() (some bool) {
	for _, tr := range s.ways {
		for _, l := range slices.Clone(tr.lanes) {
			if l.lane != nil && l.load == 0 {
				s.endLane(l)
				some = true
			}
		}
	}
	return some
}

// endLanes gives all sessions back that are shared.
func (s *schedule) endLanes() {
	for _, tr := range s.ways {
		for len(tr.lanes) > 0 {
			s.endLane(tr.lanes[0])
		}
	}
}

// settleShared takes note of a file that has left a lane.
func (s *schedule) settleShared(l *laneInUse, size int64, err error) {
	tr := s.traffic(l.way)
	l.load--
	l.bytes -= size
	lost := l.lane.lost()
	if err == nil && lost == nil {
		if l.moved++; l.moved >= stint {
			tr.vain = 0
		}
	}
	if lost != nil && !l.leaving && s.stopped() == nil {
		l.leaving = true
		if tr.vain++; l.moved >= stint {
			tr.vain = 0
		}
		tr.pace.lost(time.Now(), max(tr.pairs()-1, 1))
		s.decided(tr, fmt.Sprintf("a pair of sessions was lost: %v", lost))
		if ok, why := s.ahead(tr); !ok && tr.off == "" {
			tr.off = why
			s.decided(tr, "no files share a session any more ("+why+")")
		}
		if tr.vain >= hopes && tr.off == "" {
			tr.off = fmt.Sprintf("%d pairs of sessions were lost when files shared them: %v", hopes, lost)
			s.decided(tr, tr.off)
			s.doubt(lost)
		}
	}
	if l.lane.ended() {
		l.leaving = true
	}
	for surplus := len(tr.lanes) - tr.pace.want; surplus > 0; surplus-- {
		tr.lanes[len(tr.lanes)-surplus].leaving = true
	}
}

// doubt tells the site that a session was lost with what was written ahead that it does not
// take it.
func (s *schedule) doubt(lost error) {
	name, _ := culprit(lost)
	site, err := s.order.Site(name)
	if err != nil {
		return // whose doing it was is not known
	}
	if f, ok := site.(*ftp.Site); ok {
		f.Doubt(lost.Error())
	}
}

// makeRoom has a lane of another way end, where one at work there has more pairs of
// sessions than tr.
func (s *schedule) makeRoom(tr *traffic) {
	for _, name := range []string{tr.way.from, tr.way.to} {
		if s.free(name) > 0 {
			continue
		}
		var most *traffic
		for _, other := range s.ways {
			touches := other.way.from == name || other.way.to == name
			if touches && len(other.lanes) > 0 && (most == nil || len(other.lanes) > len(most.lanes)) {
				most = other
			}
		}
		if most == nil {
			continue
		}
		if slices.ContainsFunc(most.lanes, func(l *laneInUse) bool { return l.leaving || l.lane == nil }) {
			continue // there will be room
		}
		l := most.lanes[len(most.lanes)-1]
		if most != tr && len(most.lanes) > tr.pairs()+1 || len(most.lanes) == 1 && tr.pairs() == 0 && l.moved >= stint {
			l.leaving = true
		}
	}
}

// decided keeps what was decided for a way, and why; "" is nothing.
func (s *schedule) decided(tr *traffic, why string) {
	if why != "" {
		s.Mover.Routes.decided(tr.way.from, tr.way.to, why, tr.pace.want)
	}
}
