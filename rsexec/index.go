package rsexec

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"rsexec/rsexec/state"
	"rsexec/sites"
)

const (
	// indexAge is how long a remembered listing is believed.
	indexAge = 10 * time.Minute

	// indexEntries is the size of the largest directory that is remembered; it
	// is held in memory until it is written.
	indexEntries = 100_000

	// indexBytes is the same in bytes, with what an entry takes beside its name.
	indexBytes = 32 << 20

	// indexBuilders is how many sites are listed at the same time.
	indexBuilders = 128
)

// index is the name index: the state file's, with what it says of whole
// directories in memory. It implements resolver.Index. It may be used by
// several goroutines. What cannot be written to it is only forgotten.
//
// In the file a site goes by its identity, for its name may mean another server
// tomorrow, or in another shell.
//
// A question waits for the changes made before it.
type index struct {
	file    *stateFile
	network *network

	once   sync.Once
	broken error // why there is none; set by once, as are the maps

	mu     sync.Mutex
	homes  map[string]string // by identity, as is listed
	listed map[sites.Pathname]time.Time
}

// stored returns a pathname with the site's identity in the place of its name.
func (x *index) stored(p sites.Pathname) sites.Pathname {
	return sites.Pathname{Site: x.network.identity(p.Site), Path: p.Path}
}

// open returns the state file, with what it says of directories in memory. nil
// means that there is no index.
func (x *index) open() *state.Store {
	store, err := x.file.open()
	x.once.Do(func() {
		x.homes, x.listed = make(map[string]string), make(map[sites.Pathname]time.Time)
		if x.broken = err; err == nil {
			ctx := context.Background() // as for the file
			x.broken = errors.Join(
				store.Homes(ctx, func(site, path string) bool { x.homes[site] = path; return true }),
				store.Directories(ctx, func(dir sites.Pathname, at time.Time) bool { x.listed[dir] = at; return true }),
			)
		}
	})
	if x.broken != nil {
		return nil
	}
	return store
}

// Home returns a site's home directory, as it was last known.
func (x *index) Home(site string) (path string, known bool) {
	if x.open() == nil {
		return "", false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	path, known = x.homes[x.network.identity(site)]
	return path, known
}

// Fresh reports whether a directory's listing is remembered and not too old.
func (x *index) Fresh(dir sites.Pathname) bool {
	if x.open() == nil {
		return false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	at, ok := x.listed[x.stored(dir)]
	return ok && time.Since(at) < indexAge
}

// Find calls yield for each remembered entry with the name given.
func (x *index) Find(ctx context.Context, name string, yield func(sites.Pathname, sites.Entry, time.Time) bool) error {
	store := x.open()
	if store == nil {
		return x.broken
	}
	x.file.settle()
	return store.Find(ctx, name, func(dir sites.Pathname, e sites.Entry, listed time.Time) bool {
		for _, name := range x.network.named(dir.Site) {
			if !yield(sites.Pathname{Site: name, Path: dir.Path}, e, listed) {
				return false
			}
		}
		return true
	})
}

// begin calls yield for each remembered entry of a directory whose name begins
// with prefix.
func (x *index) begin(ctx context.Context, dir sites.Pathname, prefix string, yield func(sites.Entry) bool) error {
	store := x.open()
	if store == nil {
		return x.broken
	}
	x.file.settle()
	return store.Begin(ctx, x.stored(dir), prefix, func(_ sites.Pathname, e sites.Entry, _ time.Time) bool { return yield(e) })
}

// list lists a directory at its site and remembers the listing. A listing that
// fails, or is ended by yield, changes nothing in the index.
func (x *index) list(ctx context.Context, site sites.Site, dir sites.Pathname, yield func(sites.Entry) bool) error {
	at := time.Now()
	var entries []sites.Entry
	whole := true
	var held sites.Held
	err := site.List(ctx, dir.Path, func(e sites.Entry) bool {
		if held.Add(e); whole && len(entries) < indexEntries && held <= indexBytes {
			entries = append(entries, e)
		} else {
			whole, entries = false, nil
		}
		if !yield(e) {
			whole = false
			return false
		}
		return true
	})
	if err != nil || !whole || site.Name() == sites.LocalName {
		return err
	}
	if x.open() == nil {
		return nil
	}
	kept := x.stored(dir)
	x.file.change(func(ctx context.Context, store *state.Store) {
		if store.PutListing(ctx, kept, at, entries) == nil {
			x.mu.Lock()
			x.listed[kept] = at
			x.mu.Unlock()
		}
	})
	return nil
}

// learnHome remembers where a site's home is.
func (x *index) learnHome(ctx context.Context, site sites.Site) error {
	home, err := site.Home(ctx)
	if err != nil || x.open() == nil {
		return err
	}
	identity := x.network.identity(site.Name())
	x.mu.Lock()
	x.homes[identity] = home
	x.mu.Unlock()
	x.file.change(func(ctx context.Context, store *state.Store) { store.PutHome(ctx, identity, home) })
	return nil
}

// put notes that a file was made or changed. What is not noted is found out
// when it is needed.
func (x *index) put(p sites.Pathname, e sites.Entry) {
	if x.open() != nil {
		e.Name = p.Base()
		dir := x.stored(p.Dir())
		x.file.change(func(_ context.Context, store *state.Store) { store.Put(dir, e) })
	}
}

// remove notes that a file is not there, or not any more; as put does.
func (x *index) remove(p sites.Pathname) {
	if x.open() != nil {
		p = x.stored(p)
		x.file.change(func(_ context.Context, store *state.Store) { store.Remove(p) })
	}
}

// build lists the home directories of the sites, all at the same time, so that
// names in them need no asking. Sites that fail are told by heard.
func (x *index) build(ctx context.Context, all []sites.Site, heard func(site string, err error)) {
	var group errgroup.Group
	group.SetLimit(indexBuilders)
	for _, site := range all {
		group.Go(func() error {
			err := x.learnHome(ctx, site)
			if err == nil {
				home, _ := x.Home(site.Name())
				err = x.list(ctx, site, sites.Pathname{Site: site.Name(), Path: home}, func(sites.Entry) bool { return true })
			}
			if ctx.Err() == nil {
				heard(site.Name(), err)
			}
			return nil
		})
	}
	group.Wait() // its functions return no error
	if x.open() != nil {
		x.file.settle()
	}
}
