package rsexec

import (
	"context"
	"sync"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftp"
)

// watchEvery is how often the sites are asked whether they answer.
const watchEvery = 30 * time.Second

// quietKey marks a context under which nobody may be asked anything.
type quietKey struct{}

// Watch tells of jobs that were left, builds the name index and keeps an eye on which
// sites answer, in the background of an interactive shell, until ctx ends. It asks
// nothing. It may run beside Run.
func (x *Executive) Watch(ctx context.Context) {
	ctx = context.WithValue(ctx, quietKey{}, true)
	if n := len(x.resumable(ctx)); n > 0 {
		x.jobs.printer.notice(quantity(n, "job was", "jobs were") + " not finished: JOBS lists them, RESUME goes on")
	}
	if x.index != nil {
		x.index.build(ctx, x.network.DSK(), x.network.Heard)
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			x.askAll(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// askAll asks every site for a sign of life, all at the same time.
func (x *Executive) askAll(ctx context.Context) {
	var group sync.WaitGroup
	for _, s := range x.network.ftpSites() {
		group.Go(func() { x.askOne(ctx, s) })
	}
	group.Wait()
}

func (x *Executive) askOne(ctx context.Context, s *ftp.Site) {
	ctx, stop := context.WithTimeout(ctx, s.Config().Timeout)
	defer stop()
	err := s.Ping(ctx)
	if context.Cause(ctx) == context.Canceled {
		return // the shell ends
	}
	x.network.Heard(s.Name(), err)
}

// quiet returns the error of a question that nobody may be asked.
func quiet(ctx context.Context, c sites.Config) error {
	if ctx.Value(quietKey{}) == nil {
		return nil
	}
	return &sites.Error{Site: c.Name, Kind: sites.Login, Msg: "its password was not typed yet",
		Hint: "CONNECT " + c.Name + ": asks for it"}
}
