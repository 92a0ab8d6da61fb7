package transfer

import (
	"sync"

	"rsexec/rsexec/plan"
)

// Routes remembers, for each ordered pair of sites, which figures were refused
// and why, so that a pair is asked once and not once for each file. It may be
// used by several goroutines at once.
type Routes struct {
	mu      sync.Mutex
	refused map[route]string
}

type route struct {
	source, dest  string // the sites' names
	name, summary string // the figure's
}

// NewRoutes returns an empty memory.
func NewRoutes() *Routes { return &Routes{refused: make(map[route]string)} }

// Refused returns why the figure is known not to work from source to dest; ""
// if it is not.
func (r *Routes) Refused(source, dest string, f plan.Figure) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused[route{source, dest, f.Name, f.Summary}]
}

// refuse remembers a refusal and reports whether one was known already.
func (r *Routes) refuse(source, dest string, f plan.Figure, why string) (known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := route{source, dest, f.Name, f.Summary}
	_, known = r.refused[key]
	r.refused[key] = why
	return known
}
