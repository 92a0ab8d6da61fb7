package rsexec

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/mattn/go-runewidth"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"rsexec/rsexec/plan"
	"rsexec/rsexec/state"
)

const (
	// calm is how long work has to last before anything of it is drawn.
	calm = 500 * time.Millisecond

	// countEvery is how often the journal is asked how much there is to do, if that
	// takes it no time.
	countEvery = time.Second
)

// progress is how far a job is, for a person at a screen. A nil progress is of a job
// that is not drawn.
type progress struct {
	display *display
	several bool
	ahead   func(context.Context) (state.Ahead, error)
	stop    context.CancelFunc
	stopped chan struct{}

	// The display's mu guards what follows.
	moving []*moving // in the order in which they were begun
	ended  int64     // files
	bytes  int64     // of those that are done
	moved  int64     // bytes that went over the network
	pace   pace      // of moved

	counted bool
	known   state.Ahead // what there was to do then
	then    tally       // how far the job was then
}

// moving is a file under way.
type moving struct {
	n      int64 // of the transfer
	source string
	dest   string // its site
	figure string // the name of the one that is tried; "" is none yet
	began  time.Time
	bytes  int64 // that have arrived
	size   int64 // -1 is not known
	pace   pace  // of bytes
}

// newProgress returns the progress of a job; nil if it is not to be drawn: then each
// of its files is told by a line.
func (x *Executive) newProgress(ctx context.Context, store *state.Store, id int64, several bool) *progress {
	if x.display == nil || x.unattended || x.tracer != nil || !x.options.Terminal {
		return nil
	}
	p := &progress{display: x.display, several: several, stopped: make(chan struct{}),
		ahead: func(ctx context.Context) (state.Ahead, error) { return store.Ahead(ctx, id) }}
	p.pace.note(time.Now(), 0)
	ctx, p.stop = context.WithCancel(ctx)
	go p.watch(ctx)
	return p
}

// watch has the job drawn when it has lasted a moment, and counts now and then how
// much there is to do.
func (p *progress) watch(ctx context.Context) {
	defer close(p.stopped)
	timer := time.NewTimer(calm)
	defer timer.Stop()
	for drawn := false; ; drawn = true {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		began := time.Now()
		p.count(ctx)
		if !drawn {
			p.display.show(p)
		}
		// A large journal is counted less often, so that this takes little of the time.
		timer.Reset(max(countEvery, 20*time.Since(began)))
	}
}

// count asks the journal how much there is to do. What ends meanwhile is then missing
// from the total until it is counted again, but nothing is in it twice.
func (p *progress) count(ctx context.Context) {
	p.display.mu.Lock()
	then := tally{ended: p.ended, bytes: p.bytes}
	p.display.mu.Unlock()
	known, err := p.ahead(ctx)
	if err != nil {
		return // the job itself meets what is wrong with the journal, and tells
	}
	p.display.mu.Lock()
	defer p.display.mu.Unlock()
	p.counted, p.known, p.then = true, known, then
}

// tally returns how far the job is. The display's mu is held.
func (p *progress) tally() tally {
	t := tally{ended: p.ended, files: p.then.ended + p.known.Files, bytes: p.bytes, size: p.then.bytes + p.known.Bytes,
		unsized: !p.counted || p.known.Unsized > 0, listing: p.known.Trees > 0}
	for _, m := range p.moving {
		t.bytes += m.bytes
	}
	return t
}

// shown reports whether the job is drawn, if it lasts.
func (p *progress) shown() bool { return p != nil }

// update changes what is known of a file under way; t is what the journal has of it.
func (p *progress) update(t state.Transfer, change func(m *moving, now time.Time)) {
	if p == nil {
		return
	}
	p.display.mu.Lock()
	defer p.display.mu.Unlock()
	i := slices.IndexFunc(p.moving, func(m *moving) bool { return m.n == t.N })
	if i < 0 {
		i = len(p.moving)
		p.moving = append(p.moving, &moving{n: t.N, source: t.Source.String(), dest: t.Dest.Site, began: time.Now()})
	}
	p.moving[i].size = t.Size
	change(p.moving[i], time.Now())
}

// began notes that a file is under way.
func (p *progress) began(t state.Transfer) { p.update(t, func(*moving, time.Time) {}) }

// going notes which way a file is tried.
func (p *progress) going(t state.Transfer, f plan.Figure) {
	p.update(t, func(m *moving, now time.Time) {
		m.figure, m.bytes, m.pace = f.Name, t.Arrived, pace{}
		m.pace.note(now, m.bytes)
	})
}

// arrived notes how much of a file has arrived.
func (p *progress) arrived(t state.Transfer, bytes int64) {
	p.update(t, func(m *moving, now time.Time) {
		p.advance(now, bytes-m.bytes)
		m.bytes = bytes
		m.pace.note(now, bytes)
	})
}

// advance notes that so many more bytes have arrived.
func (p *progress) advance(now time.Time, bytes int64) {
	p.moved += max(bytes, 0)
	p.pace.note(now, p.moved)
}

// done notes that a file has ended, of which so many bytes are at its destination.
func (p *progress) done(t state.Transfer, bytes int64) {
	p.update(t, func(m *moving, now time.Time) {
		p.advance(now, bytes-m.bytes)
		p.ended++
		p.bytes += max(bytes, 0)
		p.moving = slices.DeleteFunc(p.moving, func(other *moving) bool { return other == m })
	})
}

// close ends the drawing. When it returns the cursor is where a line begins.
func (p *progress) close() {
	if p == nil {
		return
	}
	p.stop()
	<-p.stopped
	p.display.drop(p)
}

// paceOver is the time that a rate is the average of.
const paceOver = 10 * time.Second

// pace is a rate, smoothed.
type pace struct{ marks []mark }

// mark is how much there was at some time.
type mark struct {
	at    time.Time
	bytes int64
}

// note notes how much there is now.
func (p *pace) note(now time.Time, bytes int64) {
	n := len(p.marks)
	if n > 0 && bytes < p.marks[n-1].bytes { // it began anew
		p.marks, n = nil, 0
	}
	if n > 1 && now.Sub(p.marks[n-2].at) < paceOver/50 {
		p.marks[n-1] = mark{now, bytes}
		return
	}
	p.marks = append(p.marks, mark{now, bytes})
	for len(p.marks) > 2 && now.Sub(p.marks[1].at) >= paceOver {
		p.marks = p.marks[1:]
	}
}

// rate returns the bytes a second; less than 0 is not known.
func (p *pace) rate(now time.Time) float64 {
	if len(p.marks) < 2 {
		return -1
	}
	first, last := p.marks[0], p.marks[len(p.marks)-1]
	end := last.at
	if now.Sub(end) > paceOver/4 { // nothing more has come
		end = now
	}
	return float64(last.bytes-first.bytes) / max(end.Sub(first.at).Seconds(), 0.001)
}

// row is a line that is drawn.
type row struct {
	name        string
	unit        string // of the name, if it is a number, which is cut off first
	figure      string
	bytes, size int64   // size -1 is not known
	rate        float64 // less than 0 is not known
}

// row returns the line of a file.
func (m *moving) row(now time.Time) row {
	return row{name: m.source, figure: m.figure, bytes: m.bytes, size: m.size, rate: m.pace.rate(now)}
}

// The widths of the columns, each with the blank before it.
const (
	shareWidth  = 1 + len("100%")
	bytesWidth  = 1 + len("1023/1023 KiB")
	rateWidth   = 1 + len("1023 KiB/s")
	leftWidth   = 1 + len("99:59:59")
	figureWidth = 1 + len("same-site")
	barWidth    = 1 + len("[=======>]")
	nameWidth   = 14 // at least
)

// line returns the line at a width. What there is no room for is left out.
func (r row) line(width int) string {
	name := nameWidth
	if r.unit != "" {
		name = max(name, runewidth.StringWidth(r.name)) // a number that is cut is another number
	}
	room := width - name
	fits := func(columns int) bool {
		if room < columns {
			return false
		}
		room -= columns
		return true
	}
	share := fits(shareWidth)
	left := fits(leftWidth)
	rate := fits(rateWidth)
	bytes := fits(bytesWidth)
	figure := fits(figureWidth)
	bar := 0
	if fits(barWidth) {
		bar = barWidth + room/3
		room -= room / 3
	}
	var b strings.Builder
	b.WriteString(r.fitName(max(name+room, 0)))
	if figure {
		fmt.Fprintf(&b, " %-*s", figureWidth-1, r.figure)
	}
	if bar > 0 {
		b.WriteString(" " + r.picture(bar-1))
	}
	if share {
		fmt.Fprintf(&b, "%*s", shareWidth, r.share())
	}
	if bytes {
		fmt.Fprintf(&b, "%*s", bytesWidth, r.amount())
	}
	if rate {
		fmt.Fprintf(&b, "%*s", rateWidth, r.speed())
	}
	if left {
		text := r.left()
		if r.size < 0 && !bytes {
			text = humanize.IBytes(uint64(r.bytes)) // better than nothing
		}
		fmt.Fprintf(&b, "%*s", leftWidth, text)
	}
	return strings.TrimRight(runewidth.Truncate(b.String(), max(width, 0), ""), " ")
}

// fitName returns the name in so many columns: of a pathname the end is kept.
func (r row) fitName(width int) string {
	const cut = "…"
	text := r.name + r.unit
	switch over := runewidth.StringWidth(text) - width; {
	case over > 0 && r.unit != "":
		text = r.name
	case over > 0:
		text = runewidth.TruncateLeft(text, over+runewidth.StringWidth(cut), cut)
	}
	return runewidth.FillRight(text, width)
}

// picture returns the bar; none where the size is not known.
func (r row) picture(width int) string {
	var b strings.Builder
	if r.size >= 0 {
		// Nothing fails that is written to a strings.Builder.
		_ = mpb.BarStyle().Build().Fill(&b, decor.Statistics{AvailableWidth: width, Total: r.size, Current: r.bytes, Completed: r.whole()})
	}
	return fmt.Sprintf("%-*s", width, b.String())
}

// whole reports whether all has arrived. What takes time then is that it is checked.
func (r row) whole() bool { return r.size >= 0 && r.bytes >= r.size }

// share returns the percentage that is done.
func (r row) share() string {
	switch {
	case r.size < 0:
		return ""
	case r.whole():
		return "100%"
	}
	return fmt.Sprintf("%d%%", int64(100*float64(r.bytes)/float64(r.size)))
}

// amount returns how much of how much has arrived.
func (r row) amount() string {
	if r.size < 0 {
		return humanize.IBytes(uint64(r.bytes))
	}
	unit, name := 1.0, "B"
	for _, larger := range []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"} {
		if float64(r.size)/unit < 1023.5 {
			break
		}
		unit, name = unit*1024, larger
	}
	digits := 0
	if unit > 1 && float64(r.size)/unit < 99.5 {
		digits = 1
	}
	return fmt.Sprintf("%.*f/%.*f %s", digits, float64(r.bytes)/unit, digits, float64(r.size)/unit, name)
}

// speed returns the rate.
func (r row) speed() string {
	if r.rate < 0 || r.whole() {
		return ""
	}
	return humanize.IBytes(uint64(r.rate)) + "/s"
}

// left returns how long it will take yet.
func (r row) left() string {
	if r.size < 0 || r.rate < 1 || r.whole() {
		return ""
	}
	seconds := int64(math.Ceil(float64(max(r.size-r.bytes, 0)) / r.rate))
	switch {
	case seconds >= 100*60*60:
		return "days"
	case seconds >= 60*60:
		return fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	}
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}
