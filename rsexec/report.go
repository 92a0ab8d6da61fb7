package rsexec

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"rsexec/rsexec/plan"
	"rsexec/rsexec/state"
	"rsexec/rsexec/transfer"
	"rsexec/sites"
)

// jobReport tells the person what becomes of a job.
type jobReport struct {
	x        *Executive
	verb     string
	id       int64
	several  bool
	began    time.Time
	progress *progress

	mu        sync.Mutex
	ways      map[string]int // how many files went each way
	verified  map[string]int
	only      *transfer.Result // of the one file that is done, if it was not told
	retryable bool             // trying again may help one that failed
}

// again reports whether trying again may help.
func (r *jobReport) again(err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.retryable || sites.KindOf(err).Retryable()
}

// Began implements transfer.Report.
func (r *jobReport) Began(t state.Transfer) {
	r.x.tracer.columns(t.Source.Site, t.Dest.Site)
	r.progress.began(t)
}

// Going implements transfer.Report.
func (r *jobReport) Going(t state.Transfer, f plan.Figure) { r.progress.going(t, f) }

// Arrived implements transfer.Report.
func (r *jobReport) Arrived(t state.Transfer, bytes int64) { r.progress.arrived(t, bytes) }

// Done implements transfer.Report.
func (r *jobReport) Done(t state.Transfer, result transfer.Result) {
	r.progress.done(t, result.Bytes)
	if result.Left != "" {
		return
	}
	r.x.made(result.Destination, sites.Entry{Type: sites.File, Size: -1})
	if r.verb == "MOVE" {
		r.x.gone(result.Source)
	}
	r.mu.Lock()
	first := r.ways == nil
	if first {
		r.ways, r.verified = make(map[string]int), make(map[string]int)
	}
	r.ways[way(result.Choreography)]++
	r.verified[result.Verified]++
	table := r.progress.shown() && r.several // which has them all
	if r.only = nil; table && first {
		r.only = &result
	}
	r.mu.Unlock()
	if table {
		return
	}
	r.x.printer.print(transferEvent{"transfer", result}) // the sum tells where even that cannot be written
}

// Failed implements transfer.Report.
func (r *jobReport) Failed(t state.Transfer, err error) {
	r.progress.done(t, 0)
	r.mu.Lock()
	r.retryable = r.retryable || sites.KindOf(err).Retryable()
	r.mu.Unlock()
	if r.several {
		r.x.Report(err)
	}
}

// Notice implements transfer.Report.
func (r *jobReport) Notice(line string) { r.x.printer.notice(line) }

// jobEvent tells how far a job is, or what became of it.
type jobEvent struct {
	Event     string         `json:"event"` // "job"
	ID        int64          `json:"id"`
	State     string         `json:"state"`             // "waiting", "running", "stopped", "failed" or "done"
	Process   string         `json:"process,omitempty"` // where another shell runs it
	Statement string         `json:"statement,omitempty"`
	Begun     *time.Time     `json:"begun,omitempty"`
	Done      int64          `json:"done"`
	Total     int64          `json:"total"` // as far as it is known
	Left      int            `json:"left_out,omitempty"`
	Failed    int64          `json:"failed,omitempty"`
	Bytes     int64          `json:"bytes"`
	Seconds   float64        `json:"seconds,omitempty"`
	Ways      map[string]int `json:"routes,omitempty"`
	Verified  map[string]int `json:"verified,omitempty"`

	shown string
}

func (e jobEvent) text() string { return e.shown }

// event sums a job up.
func (r *jobReport) event(sum transfer.Summary, j state.Job) jobEvent {
	e := jobEvent{Event: "job", ID: r.id, State: stateOf(j, false), Done: int64(sum.Done), Left: sum.Left, Failed: int64(sum.Failed), Bytes: sum.Bytes,
		Total: int64(sum.Done+sum.Left+sum.Failed) + j.Waiting, Seconds: time.Since(r.began).Seconds(), Ways: r.ways, Verified: r.verified}
	if sum.Done+sum.Failed < 2 && j.Waiting == 0 {
		return e // that is no news
	}
	head := fmt.Sprintf("%s: %s, %s in %.1f s", r.verb, quantity(sum.Done, "file", "files"), humanize.IBytes(uint64(sum.Bytes)), e.Seconds)
	if e.Seconds > 0 && sum.Bytes > 0 {
		head += fmt.Sprintf(", %s/s", humanize.IBytes(uint64(float64(sum.Bytes)/e.Seconds)))
	}
	if e.shown = e.line(head); r.progress.shown() {
		e.shown = e.table(head)
	}
	return e
}

// part is some of the files of a job: how many, and what they have in common.
type part struct {
	n    int64
	what string
}

// parts returns what became of the files of a job.
func (e jobEvent) parts() (parts []part) {
	for _, name := range slices.Sorted(maps.Keys(e.Ways)) {
		parts = append(parts, part{int64(e.Ways[name]), name})
	}
	for _, name := range slices.Sorted(maps.Keys(e.Verified)) {
		what := "verified by " + name
		if name == "none" {
			what = "not verified"
		}
		parts = append(parts, part{int64(e.Verified[name]), what})
	}
	waiting := e.Total - e.Done - int64(e.Left) - e.Failed
	for _, p := range []part{{int64(e.Left), "left as they were"}, {e.Failed, "failed"}, {waiting, "not begun"}} {
		if p.n > 0 {
			parts = append(parts, p)
		}
	}
	return parts
}

// line returns the sum of a job in one line.
func (e jobEvent) line(head string) string {
	sign := "; "
	for _, p := range e.parts() {
		head += fmt.Sprintf("%s%d %s", sign, p.n, p.what)
		sign = ", "
	}
	return head + "\n"
}

// table returns the sum of a job with a line for each part.
func (e jobEvent) table(head string) string {
	widest := 0
	for _, p := range e.parts() {
		widest = max(widest, len(fmt.Sprint(p.n)))
	}
	var b strings.Builder
	b.WriteString(head + "\n")
	for _, p := range e.parts() {
		fmt.Fprintf(&b, "  %*d %s\n", widest, p.n, p.what)
	}
	return b.String()
}

// stateOf returns what state a job is in.
func stateOf(j state.Job, alive bool) string {
	switch {
	case alive:
		return "running"
	case j.Waiting > 0:
		return "stopped"
	case j.Failed > 0:
		return "failed"
	}
	return "done"
}
