package rsexec

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"rsexec/resolver"
	"rsexec/sites"
	"rsexec/sites/ftp"
)

// images reports whether the places hold images of one file: the same size and
// the same digest, by an algorithm that all their sites know. The nearest is
// the one whose site answered soonest. Of a site that cannot tell nothing is
// assumed.
func (x *Executive) images(ctx context.Context, found []resolver.Place) (nearest int, same bool) {
	for _, p := range found {
		if p.Entry.Type != sites.File || p.Entry.Size < 0 || p.Entry.Size != found[0].Entry.Size {
			return 0, false
		}
	}
	digests, took, err := digestsOf(ctx, found)
	if err != nil {
		return 0, false
	}
	for i, d := range digests {
		if d != digests[0] {
			return 0, false
		}
		if took[i] < took[nearest] {
			nearest = i
		}
	}
	return nearest, true
}

// digestsOf returns the digest of each file by one algorithm that all sites
// know, and how long each site took to answer a small question.
func digestsOf(ctx context.Context, places []resolver.Place) (digests []string, took []time.Duration, err error) {
	var common []string
	for i, p := range places {
		f, ok := p.Site.(*ftp.Site)
		if !ok {
			return nil, nil, &sites.Error{Site: p.Pathname.Site, Kind: sites.Unsupported, Msg: "it computes no digests"}
		}
		if err := f.Meet(ctx); err != nil {
			return nil, nil, err
		}
		known := f.Digests()
		if i == 0 {
			common = known
		}
		common = both(common, known)
	}
	if len(common) == 0 {
		return nil, nil, &sites.Error{Kind: sites.Unsupported, Msg: "the sites have no digest in common"}
	}
	digests, took = make([]string, len(places)), make([]time.Duration, len(places))
	group, asking := errgroup.WithContext(ctx)
	var mu sync.Mutex
	for i, p := range places {
		group.Go(func() error {
			f := p.Site.(*ftp.Site)
			began := time.Now()
			if err := f.Ping(asking); err != nil {
				return err
			}
			rtt := time.Since(began)
			d, err := f.Digest(asking, p.Pathname.Path, common[0])
			mu.Lock()
			defer mu.Unlock()
			digests[i], took[i] = d, rtt
			return err
		})
	}
	return digests, took, group.Wait()
}

// both returns the elements of a that b has as well.
func both(a, b []string) []string {
	var c []string
	for _, s := range a {
		for _, t := range b {
			if s == t {
				c = append(c, s)
			}
		}
	}
	return c
}
