package rsexec

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"rsexec/grammar"
	"rsexec/sites"
	"rsexec/sites/ftp"
)

// sites performs SITES: every site is asked, all at once.
func (x *Executive) sites(ctx context.Context, st *grammar.Statement) error {
	all := x.network.ftpSites()
	events := make([]siteEvent, len(all))
	var group errgroup.Group
	for i, s := range all {
		group.Go(func() error {
			var err error
			events[i], err = look(ctx, s)
			if ctx.Err() == nil {
				x.network.tested(s.Name(), err)
			}
			return nil
		})
	}
	group.Wait() // its functions return no error
	if ctx.Err() != nil {
		return named(st, sites.Stopped(ctx))
	}
	for _, e := range events {
		if err := x.printer.print(e); err != nil {
			return err
		}
	}
	if len(events) == 0 {
		x.printer.notice("no site but LOCAL; SITE ADD name ftp://user:password@host adds one")
	}
	return nil
}

// look asks one site whether it is up and what it can do. The event tells an
// error as well.
func look(ctx context.Context, f *ftp.Site) (siteEvent, error) {
	e := siteEvent{Event: "site", Name: f.Name(), URL: f.Config().String()}
	err := f.Meet(ctx)
	if err == nil {
		began := time.Now()
		if err = f.Ping(ctx); err == nil {
			e.RTT = float64(time.Since(began).Microseconds()) / 1000
		}
	}
	if err != nil {
		e.Reason = err.Error()
		return e, err
	}
	e.Up, e.TLS = true, f.TLS()
	e.Features = f.Features()
	slices.Sort(e.Features)
	return e, nil
}
