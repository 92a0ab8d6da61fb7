package transfer

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"golang.org/x/time/rate"

	"rsexec/sites"
	"rsexec/sites/ftp"
)

// watched performs work that carries the file, tells how far it is, and stops it when
// it stands still.
func (w *work) watched(ctx context.Context, work func(context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	watch := time.AfterFunc(w.limits.look/counts, func() { // most files are soon done
		defer close(watched)
		w.watch(ctx, stop)
	})
	err := work(ctx)
	stop(nil)
	if !watch.Stop() {
		<-watched
	}
	if err == nil && w.ask.Progress != nil && w.row.Size > 0 {
		w.ask.Progress(w.row.Size) // before that is checked, which may take long
	}
	return err
}

// surplus is how many bytes more than its size may come of a file before its size is asked
// for again: it may have grown since.
const surplus = 64 << 20

// counts is how many looks at what is counted here there are for one question to a site.
const counts = 5

// watch asks now and then how much has arrived, until ctx ends.
func (w *work) watch(ctx context.Context, stop context.CancelCauseFunc) {
	tick := time.NewTicker(w.limits.look / counts)
	defer tick.Stop()
	stall := w.stallTimeout()
	last, since, size := int64(-1), time.Now(), w.row.Size
	for n := 1; ; n++ {
		var now int64
		known := false
		if n%counts == 0 || w.flowing.Load() {
			now, known = w.soFar(ctx)
		}
		switch {
		case !known:
		case now != last:
			last, since = now, time.Now()
			if w.ask.Progress != nil && now > 0 {
				w.ask.Progress(now)
			}
			if size >= 0 && now > size+surplus && !w.ask.ASCII {
				if size = w.sizeAgain(ctx, size); now > size+surplus {
					stop(&sites.Error{Site: w.ask.Source.Site, Kind: sites.Protocol, Msg: fmt.Sprintf("%d bytes have come of a file that holds %d, as it says", now, size)})
					return
				}
			}
		case stall > 0 && time.Since(since) > stall && w.maySendMore(now):
			stop(&sites.Error{Kind: sites.Unreachable, Msg: fmt.Sprintf("no byte has arrived for %v, after %d", stall, now)})
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// sizeAgain returns how large the source is now. Where its site is too busy to say, it may
// have grown to any size.
func (w *work) sizeAgain(ctx context.Context, before int64) int64 {
	ctx, stop := context.WithTimeout(ctx, w.limits.settle)
	defer stop()
	switch e, err := w.ask.From.Stat(ctx, w.ask.Source.Path); {
	case sites.KindOf(err) == sites.Cancelled, sites.KindOf(err).Retryable():
		return math.MaxInt64 - surplus
	case err != nil:
		return before
	default:
		return e.Size
	}
}

// maySendMore reports whether more is to come, of which so much has arrived. A server
// that hides a file until it is whole tells no size of it, so that there only what has
// grown can stand still.
func (w *work) maySendMore(now int64) bool {
	return w.flowing.Load() || now > w.row.Arrived && now != w.row.Size
}

// stallTimeout returns how long a transfer may stand still: the shorter of what the
// two sites are given.
func (w *work) stallTimeout() time.Duration {
	shortest := time.Duration(0)
	for _, s := range []sites.Site{w.ask.From, w.ask.To} {
		if f, ok := s.(*ftp.Site); ok {
			if d := f.Config().StallTimeout; d > 0 && (shortest == 0 || d < shortest) {
				shortest = d
			}
		}
	}
	return shortest
}

// soFar returns how much of the source is at the destination: counted while it passes
// this host, else as the destination tells, if it does that by itself, or asked for in a
// session that is free at the moment.
func (w *work) soFar(ctx context.Context) (bytes int64, known bool) {
	if w.flowing.Load() {
		return w.row.Arrived + max(w.in.Load(), w.out.Load()) - w.base, true
	}
	to, ok := w.ask.To.(*ftp.Site)
	if !ok || w.row.Before < 0 || w.queued.Load() {
		return 0, false
	}
	if p := w.storing.Load(); p != nil && p.marks {
		x := p.stores.Load()
		if x == nil {
			return 0, false
		}
		bytes, known = x.Marked()
		return w.row.Arrived + bytes, known
	}
	s, free := to.TryTake(ctx)
	if !free {
		return 0, false
	}
	defer to.Put(s)
	size, err := s.Size(ctx, w.plan.Dest.Path)
	return size - w.row.Before, err == nil
}

// limited returns a reader that reads so many bytes a second of r; 0 is any number.
func limited(ctx context.Context, r io.Reader, bytes int64) io.Reader {
	if bytes == 0 {
		return r
	}
	// A burst of a tenth of a second keeps the flow even.
	burst := int(max(bytes/10, 1))
	return &limitedReader{ctx: ctx, r: r, limiter: rate.NewLimiter(rate.Limit(bytes), burst), burst: burst}
}

type limitedReader struct {
	ctx     context.Context
	r       io.Reader
	limiter *rate.Limiter
	burst   int
}

func (l *limitedReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p[:min(len(p), l.burst)])
	if waited := l.limiter.WaitN(l.ctx, n); waited != nil && err == nil {
		err = sites.Stopped(l.ctx)
	}
	return n, err
}
