package rsexec

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// A Screen is a terminal on which lines can be drawn and erased again.
type Screen interface {
	io.Writer
	Size() (columns, rows int) // as it is now; 0 is not known
}

const (
	// maxBars is how many files are drawn at the same time.
	maxBars = 8

	// usualColumns and usualRows are the size of a screen that does not tell it.
	usualColumns, usualRows = 80, 24
)

// display draws how far jobs are in the last lines of a screen; what is printed
// meanwhile goes above them. All branches of an executive share it. A nil display
// draws nothing.
type display struct {
	screen Screen

	drawing sync.Mutex    // held while it is changed what is drawn, and whether
	hidden  int           // how many have the screen for themselves
	bars    *mpb.Progress // nil while nothing is drawn
	lines   *mpb.Bar      // of bars: it is one for all lines
	begun   []byte        // of what was printed, the line that is not ended

	mu    sync.Mutex // of all progress
	shown []*progress
	past  tally // of the jobs that ended since it was first drawn
}

// above returns a writer to the screen whose lines go above those that are drawn.
func (d *display) above(w io.Writer) io.Writer { return aboveBars{d, w} }

type aboveBars struct {
	*display
	w io.Writer
}

// Write implements io.Writer.
func (a aboveBars) Write(b []byte) (int, error) {
	a.drawing.Lock()
	defer a.drawing.Unlock()
	if a.bars == nil {
		return a.w.Write(b)
	}
	a.begun = append(a.begun, b...)
	whole := bytes.LastIndexByte(a.begun, '\n') + 1
	if whole == 0 {
		return len(b), nil
	}
	_, err := a.bars.Write(a.begun[:whole])
	if err != nil { // they could not be drawn any more
		_, err = a.w.Write(a.begun[:whole])
	}
	a.begun = slices.Clone(a.begun[whole:])
	return len(b), err
}

// aside performs work that has the screen for itself.
func (d *display) aside(work func()) {
	if d == nil {
		work()
		return
	}
	d.hide(1)
	defer d.hide(-1)
	work()
}

func (d *display) hide(n int) {
	d.drawing.Lock()
	defer d.drawing.Unlock()
	d.hidden += n
	d.adjust()
}

// show has a job drawn.
func (d *display) show(p *progress) {
	d.drawing.Lock()
	defer d.drawing.Unlock()
	d.mu.Lock()
	d.shown = append(d.shown, p)
	d.mu.Unlock()
	d.adjust()
}

// drop has a job drawn no more. When it returns its lines are erased.
func (d *display) drop(p *progress) {
	d.drawing.Lock()
	defer d.drawing.Unlock()
	d.mu.Lock()
	if i := slices.Index(d.shown, p); i >= 0 {
		d.shown = slices.Delete(d.shown, i, i+1)
		d.past.add(p.tally())
	}
	if len(d.shown) == 0 {
		d.past = tally{}
	}
	d.mu.Unlock()
	d.adjust()
}

// adjust begins to draw, or erases what is drawn, as it has to be now.
func (d *display) adjust() {
	d.mu.Lock()
	wanted := len(d.shown) > 0 && d.hidden == 0
	d.mu.Unlock()
	switch {
	case wanted && d.bars == nil:
		d.begin()
	case !wanted && d.bars != nil:
		d.lines.Abort(true)
		d.bars.Wait()
		d.bars = nil
		if len(d.begun) > 0 {
			d.screen.Write(d.begun) // there is nobody to tell that it could not be written
			d.begun = nil
		}
	}
}

// begin begins to draw. To mpb all lines are one bar, so that it draws them at once,
// however many they are; here they are drawn for the present size of the screen.
func (d *display) begin() {
	lines := []string{""}
	last := func(w io.Writer, _ decor.Statistics) error {
		columns, rows := d.screen.Size()
		if columns <= 0 || rows <= 0 {
			columns, rows = usualColumns, usualRows
		}
		if present := d.draw(columns, rows, time.Now()); present != nil {
			lines = present
		} // else they are about to be erased
		_, err := io.WriteString(w, lines[len(lines)-1])
		return err
	}
	others := func(w io.Writer, _ decor.Statistics) error {
		for _, line := range slices.Backward(lines[:len(lines)-1]) { // as mpb turns them round
			if _, err := io.WriteString(w, line+"\n"); err != nil {
				return err
			}
		}
		return nil
	}
	bars := mpb.New(mpb.WithOutput(fromMargin{d.screen}), mpb.WithAutoRefresh())
	bar, err := bars.Add(0, mpb.BarFillerFunc(last), mpb.BarExtender(mpb.BarFillerFunc(others), true), mpb.BarFillerTrim())
	if err != nil {
		return // the screen takes nothing
	}
	d.bars, d.lines = bars, bar
}

// fromMargin writes from the beginning of the line: what a person types, and be it
// Ctrl-C, moves the cursor.
type fromMargin struct{ w io.Writer }

// Write implements io.Writer.
func (m fromMargin) Write(b []byte) (int, error) {
	n, err := m.w.Write(append([]byte("\r"), b...))
	return max(n-1, 0), err
}

// draw returns the lines for a screen of this size: files that have been under way
// for a moment, and, if there is more than one file to move, the total. It is nil if
// no job is to be drawn.
func (d *display) draw(columns, rows int, now time.Time) (lines []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.shown) == 0 {
		return nil
	}
	total, one := d.past, len(d.shown) == 1 && !d.shown[0].several
	total.rate = -1
	var files []*moving
	for _, p := range d.shown {
		total.add(p.tally())
		if rate := p.pace.rate(now); rate >= 0 {
			total.rate = max(total.rate, 0) + rate
		}
		for _, m := range p.moving {
			if one || now.Sub(m.began) >= calm {
				files = append(files, m)
			}
		}
	}
	slices.SortStableFunc(files, func(a, b *moving) int { return a.began.Compare(b.began) })
	files = files[:min(len(files), maxBars, max(rows-2, 0))]
	sources := make(map[string]int)
	for _, m := range files {
		sources[m.source]++
	}
	for _, m := range files {
		r := m.row(now)
		if sources[m.source] > 1 {
			r.name += " to " + m.dest
		}
		lines = append(lines, r.line(columns-1)) // some terminals go on to the next line where one is full
	}
	if !one || len(lines) == 0 {
		lines = append(lines, total.row().line(columns-1))
	}
	return lines
}

// tally is how far jobs are.
type tally struct {
	ended   int64   // files that are done, were left, or failed
	files   int64   // that there are, as far as it is known
	bytes   int64   // that are where they belong
	size    int64   // of all files, as far as it is known
	unsized bool    // the size of some is not
	listing bool    // there may be more files
	rate    float64 // less than 0 is not known
}

func (t *tally) add(u tally) {
	t.ended += u.ended
	t.files += u.files
	t.bytes += u.bytes
	t.size += u.size
	t.unsized = t.unsized || u.unsized
	t.listing = t.listing || u.listing
}

// row returns the line of the total.
func (t *tally) row() row {
	r := row{name: fmt.Sprintf("%d of %d", t.ended, max(t.files, t.ended)), unit: " files", bytes: t.bytes, size: t.size, rate: t.rate}
	switch {
	case t.listing:
		r.name += "+"
	case t.files == 1:
		r.unit = " file"
	}
	if t.unsized || t.listing {
		r.size = -1
	}
	return r
}
