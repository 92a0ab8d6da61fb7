package rsexec

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"rsexec/grammar"
	"rsexec/sites"
)

const (
	traceTime  = 9   // the width of the time before each line, in characters
	traceWidth = 120 // of a whole line, where the terminal does not say
)

// tracer prints control dialogues as they happen, in the two columns of
// RFC 438: the source's site on the left, the destination's on the right. A nil
// tracer prints nothing.
type tracer struct {
	mu          sync.Mutex
	w           io.Writer
	column      int // the width of a column
	began       time.Time
	left, right string // the sites of the columns; "" as long as none is set
	second      int    // the session in the right column, where both are one site's
	first       int
}

// newTracer returns a tracer for lines of the width given; 0 is not known.
func newTracer(w io.Writer, width int) *tracer {
	if width == 0 {
		width = traceWidth
	}
	return &tracer{w: w, column: max(20, (width-traceTime)/2)}
}

// under returns a context under which the tracer sees everything.
func (t *tracer) under(ctx context.Context) context.Context {
	t.mu.Lock()
	t.began, t.left, t.right, t.first, t.second = time.Now(), "", "", 0, 0
	t.mu.Unlock()
	return sites.WithTrace(ctx, &sites.Trace{
		Command: func(site string, n int, line string) { t.line(site, n, line) },
		Reply:   func(site string, n int, code int, text string) { t.line(site, n, fmt.Sprintf("  %d %s", code, text)) },
	})
}

// columns gives the two sites of a transfer their columns.
func (t *tracer) columns(left, right string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left == left && t.right == right {
		return
	}
	t.left, t.right, t.first, t.second = left, right, 0, 0
	fmt.Fprintf(t.w, "%*s%-*s%s\n", traceTime, "", t.column, "to "+left+":", "to "+right+":")
}

// line prints one line of a dialogue. There is nobody to tell that it could
// not be written.
func (t *tracer) line(site string, n int, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text = clipTo(sites.Printable(text), t.column)
	at := fmt.Sprintf("%*.3f ", traceTime-1, time.Since(t.began).Seconds())
	switch {
	case t.onRight(site, n):
		fmt.Fprintf(t.w, "%s%s%s\n", at, strings.Repeat(" ", t.column), text)
	case site != t.left:
		fmt.Fprintf(t.w, "%s%s: %s\n", at, site, text)
	default:
		fmt.Fprintf(t.w, "%s%s\n", at, text)
	}
}

// onRight reports whether a session's dialogue stands on the right.
func (t *tracer) onRight(site string, n int) bool {
	if t.left != t.right {
		return site == t.right
	}
	switch {
	case site != t.right:
		return false
	case t.first == 0:
		t.first = n
	case t.first != n && t.second == 0:
		t.second = n
	}
	return n == t.second
}

// clipTo shortens text to n characters.
func clipTo(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-3]) + "..."
}

// trace performs TRACE (COMMAND) statement.
func (x *Executive) trace(ctx context.Context, st *grammar.Statement) error {
	if x.tracer != nil {
		return x.perform(ctx, st.Inner) // all is traced already
	}
	x.tracer = newTracer(x.options.Err, x.options.Width)
	defer func() { x.tracer = nil }()
	return x.perform(x.tracer.under(ctx), st.Inner)
}
