package rsexec

import (
	"strings"
	"sync"
	"time"
)

const (
	// floodSize is how much of a flood is written at a time, and floodTime how long it
	// waits for more at most.
	floodSize = 32 << 10
	floodTime = 20 * time.Millisecond
)

// flood prints many events, several at a time: a listing may be long, and each call of the
// system costs more than the line that it writes. It is ended before anything else is
// printed that is to come after.
type flood struct {
	p *printer

	mu      sync.Mutex
	waiting strings.Builder
	timer   *time.Timer
	err     error // what came of writing; then nothing more is written
}

func newFlood(p *printer) *flood {
	f := &flood{p: p}
	f.timer = time.AfterFunc(time.Hour, f.write)
	f.timer.Stop()
	return f
}

// print prints an event, soon. Its error may be that of earlier ones.
func (f *flood) print(e event) error {
	line, err := f.p.line(e)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waiting.Len() == 0 {
		f.timer.Reset(floodTime)
	}
	f.waiting.WriteString(line)
	if f.waiting.Len() >= floodSize {
		f.flush()
	}
	return f.err
}

func (f *flood) write() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flush()
}

// flush writes what waits. f.mu is held.
func (f *flood) flush() {
	if f.waiting.Len() == 0 {
		return
	}
	if f.err == nil {
		f.p.mu.Lock()
		f.err = f.p.write(f.waiting.String())
		f.p.mu.Unlock()
	}
	f.waiting.Reset()
}

// end writes what is left, and returns what came of writing.
func (f *flood) end() error {
	f.timer.Stop()
	f.write()
	return f.err
}
