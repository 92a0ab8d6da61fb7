package transfer

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"rsexec/rsexec/plan"
)

const (
	// refusalAge is how long a refusal is believed. Then the pair is asked again:
	// somebody may have changed the settings of a server.
	refusalAge = 24 * time.Hour

	// workedAge is how old the note that a figure works may be before it is made
	// again.
	workedAge = time.Hour
)

// A RouteStore keeps the route table beyond the process. What it cannot keep is
// found out again.
type RouteStore interface {
	// Identity returns what a site goes by in the table: its name may mean another
	// server tomorrow.
	Identity(site string) string

	// Routes returns all that is kept.
	Routes() []plan.Route

	// Keep keeps a route in the place of what was known of it.
	Keep(plan.Route)

	// Forget drops a route, with what was decided for its sites.
	Forget(plan.Route)

	// Decisions returns all that are kept, in their order.
	Decisions() []plan.Decision

	// Decide keeps a decision.
	Decide(plan.Decision)
}

// Routes is the route table (DESIGN section 4): what each ordered pair of sites
// can do. A pair that refuses is asked once, and not once for each file. It may
// be used by several goroutines at once.
type Routes struct {
	store RouteStore // may be nil

	mu    sync.Mutex
	known map[route]plan.Route // nil until it is needed
	told  map[route]bool       // the person was told of the refusal

	decisions []plan.Decision // with known
}

// route is the key of a plan.Route.
type route struct{ source, dest, figure, summary string }

// NewRoutes returns the route table that a store keeps; a nil store keeps nothing.
func NewRoutes(store RouteStore) *Routes { return &Routes{store: store, told: make(map[route]bool)} }

// load reads what is kept, once. It is called with mu held.
func (r *Routes) load() {
	if r.known != nil {
		return
	}
	r.known = make(map[route]plan.Route)
	if r.store == nil {
		return
	}
	for _, k := range r.store.Routes() {
		r.known[route{k.Source, k.Dest, k.Figure, k.Summary}] = k
	}
	r.decisions = r.store.Decisions()
}

// key returns the key of a figure between two sites.
func (r *Routes) key(source, dest string, f plan.Figure) route {
	if r.store != nil {
		source, dest = r.store.Identity(source), r.store.Identity(dest)
	}
	return route{source, dest, f.Name, f.Summary}
}

// keep changes what is known of a route.
func (r *Routes) keep(key route, change func(*plan.Route)) {
	k := r.known[key]
	k.Source, k.Dest, k.Figure, k.Summary = key.source, key.dest, key.figure, key.summary
	change(&k)
	r.known[key] = k
	if r.store != nil {
		r.store.Keep(k)
	}
}

// Refused returns why the figure is known not to work from source to dest; ""
// if it is not, or if that was long ago.
func (r *Routes) Refused(source, dest string, f plan.Figure) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.load()
	k := r.known[r.key(source, dest, f)]
	if k.Refused.IsZero() || time.Since(k.Refused) > refusalAge {
		return ""
	}
	return k.Why
}

// refuse remembers a refusal, and reports whether the person was told of it.
func (r *Routes) refuse(source, dest string, f plan.Figure, why string) (told bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.load()
	key := r.key(source, dest, f)
	r.keep(key, func(k *plan.Route) { k.Refused, k.Why = time.Now(), why })
	return !r.tell(key)
}

// tell reports whether the person is to be told of a refusal: once.
func (r *Routes) tell(key route) bool {
	if r.told[key] {
		return false
	}
	r.told[key] = true
	return true
}

// tellOnce reports whether the person is to be told something of a pair of sites: once.
func (r *Routes) tellOnce(source, dest, what string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tell(r.key(source, dest, plan.Figure{Summary: what}))
}

// remembered returns what to tell of a refusal that was met before this process
// began: "" if it was told already.
func (r *Routes) remembered(source, dest string, f plan.Figure) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := r.key(source, dest, f)
	k, known := r.known[key]
	if !known || k.Refused.IsZero() || !r.tell(key) {
		return ""
	}
	return fmt.Sprintf("%s (%s) was refused on %s: %s", f.Name, f.Summary, k.Refused.Local().Format("2006-01-02 15:04"), k.Why)
}

// worked remembers that a figure worked.
func (r *Routes) worked(source, dest string, f plan.Figure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.load()
	key := r.key(source, dest, f)
	if k := r.known[key]; !k.Refused.IsZero() || time.Since(k.Worked) > workedAge {
		r.keep(key, func(k *plan.Route) { k.Worked, k.Refused, k.Why = time.Now(), time.Time{}, "" })
	}
}

// All returns what is known of the routes between two sites, in this order; ""
// is any site.
func (r *Routes) All(source, dest string) []plan.Route {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.load()
	pair := r.key(source, dest, plan.Figure{})
	var all []plan.Route
	for _, k := range r.known {
		if (source == "" || k.Source == pair.source) && (dest == "" || k.Dest == pair.dest) {
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, b plan.Route) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Dest, b.Dest), b.Worked.Compare(a.Worked),
			cmp.Compare(a.Figure, b.Figure), cmp.Compare(a.Summary, b.Summary))
	})
	return all
}

// Forget drops what All returns, so that it is found out again, and returns how
// many routes that were.
func (r *Routes) Forget(source, dest string) int {
	all := r.All(source, dest)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range all {
		key := route{k.Source, k.Dest, k.Figure, k.Summary}
		delete(r.known, key)
		delete(r.told, key)
		r.decisions = slices.DeleteFunc(r.decisions, func(d plan.Decision) bool { return d.Source == k.Source && d.Dest == k.Dest })
		if r.store != nil {
			r.store.Forget(k)
		}
	}
	return len(all)
}

// decided keeps what was decided for the transfers from source to dest.
func (r *Routes) decided(source, dest, why string, pairs int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.load()
	key := r.key(source, dest, plan.Figure{})
	d := plan.Decision{Source: key.source, Dest: key.dest, At: time.Now(), Why: why, Pairs: pairs}
	r.decisions = append(r.decisions, d)
	if r.store != nil {
		r.store.Decide(d)
	}
}

// Decisions returns what was decided for the transfers between two sites, in this order,
// the first first; "" is any site.
func (r *Routes) Decisions(source, dest string) []plan.Decision {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.load()
	pair := r.key(source, dest, plan.Figure{})
	return slices.DeleteFunc(slices.Clone(r.decisions), func(d plan.Decision) bool {
		return source != "" && d.Source != pair.source || dest != "" && d.Dest != pair.dest
	})
}

// pairs returns how many pairs of sessions were last found to help from source to dest; 0
// if that is not known.
func (r *Routes) pairs(source, dest string) int {
	for _, d := range slices.Backward(r.Decisions(source, dest)) {
		if d.Pairs > 0 {
			return d.Pairs
		}
	}
	return 0
}
