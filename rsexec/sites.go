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
	events := make([]siteEvent, len(x.network.order))
	var group errgroup.Group
	for i, s := range x.network.order {
		group.Go(func() error {
			events[i] = look(ctx, s.(*ftp.Site))
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
		x.printer.notice("no site but LOCAL; name sites with --site NAME=ftp://user:password@host")
	}
	return nil
}

// look asks one site whether it is up and what it can do.
func look(ctx context.Context, f *ftp.Site) siteEvent {
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
		return e
	}
	e.Up = true
	e.Features = f.Features()
	slices.Sort(e.Features)
	return e
}
