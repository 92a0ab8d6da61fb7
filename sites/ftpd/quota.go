package ftpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A quota bounds the bytes of the plain files below a user's root, each name of a file
// counting with the file's size. What is written is counted when it is written, and a file
// that goes when a command is complete as if it had gone: it is the end that has to be
// within the quota.
//
// What holds: the bytes used are what the last walk of the root found and each change that
// a session has made since. What sessions changed during that walk, it may have found or
// not; so the count of before is kept as long as the walk does not contradict it. What
// others change, and sessions with another root that this one is in, is found by the next
// walk.

// walkAgain is how old a walk of a root may become; it is more where a walk takes long, so
// that there is one at most in walkShare of the time.
const (
	walkAgain = 5 * time.Minute
	walkShare = 20
)

// quotaError says that something does not fit in a user's quota.
type quotaError struct{ quota int64 }

func (e *quotaError) Error() string { return fmt.Sprintf("more than your quota of %d bytes", e.quota) }

// accounts are those of the roots of users who have logged in. They guard themselves.
type accounts struct {
	mu  sync.Mutex
	all map[string]*account // by the folder's own name
}

// of returns the account of a root. All users who have that root share it.
func (all *accounts) of(root string) *account {
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real // else it keeps an account of its own
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	a := all.all[root]
	if a == nil {
		if all.all == nil {
			all.all = make(map[string]*account)
		}
		a = &account{root: root}
		all.all[root] = a
	}
	return a
}

// account is how many bytes are used below a root. It guards itself.
type account struct {
	root string

	mu      sync.Mutex
	used    int64
	changed int64         // by the changes, up and down, since the walk began that was the last to begin
	known   bool          // there was a walk
	walking chan struct{} // is closed at the end of the walk; nil: there is none
	next    time.Time     // when there is to be another one
	failed  error         // why the last walk did
}

// change adds to the bytes used, or takes from them, and returns them.
func (a *account) change(n int64) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used += n
	a.changed += max(n, -n)
	return a.used
}

// total is the bytes used.
func (a *account) total() int64 { return a.change(0) }

// measure has the root of a user who has a quota walked, if there was no walk yet, or not
// lately. Only the first one is waited for.
func (s *session) measure(ctx context.Context) error {
	if s.user.Quota == 0 {
		return nil
	}
	a := s.account
	a.mu.Lock()
	if a.walking == nil && !time.Now().Before(a.next) {
		a.walking, a.changed = make(chan struct{}), 0
		log, user := s.log, s.user.Name
		s.walks.Go(func() {
			if err := a.walk(ctx); err != nil && ctx.Err() == nil {
				log.Error("count what is stored", "user", user, "error", err)
			}
		})
	}
	walking, known := a.walking, a.known
	a.mu.Unlock()
	if known {
		return nil
	}
	s.flush()
	select {
	case <-walking:
	case <-ctx.Done():
		return ctx.Err()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.known {
		return a.failed
	}
	return nil
}

// walk counts anew.
func (a *account) walk(ctx context.Context) error {
	began := time.Now()
	found, err := walk(ctx, a.root)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err != nil:
		a.failed = err
	case a.known:
		a.used = min(max(a.used, found-a.changed), found+a.changed)
	default:
		a.used, a.known = found, true
	}
	if a.known {
		a.next = time.Now().Add(max(walkAgain, walkShare*time.Since(began)))
	}
	close(a.walking)
	a.walking = nil
	return err
}

// walk returns the bytes of the plain files below a folder.
func walk(ctx context.Context, folder string) (bytes int64, err error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return 0, err
	}
	defer func() { _ = root.Close() }() // it was only read
	for left := []string{"/"}; len(left) > 0; {
		name := left[len(left)-1]
		left = left[:len(left)-1]
		l, err := readListing(root, name)
		if err == nil {
			err = l.each(func(e entry) error {
				switch {
				case e.info.IsDir():
					left = append(left, path.Join(name, e.name))
				case e.info.Mode().IsRegular():
					bytes += e.info.Size()
				}
				return ctx.Err()
			})
			_ = l.close() // it was only read
		}
		switch {
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case err != nil && name == "/":
			return 0, err
		}
		// What this server cannot look into, it has not stored; or it has gone since.
	}
	return bytes, nil
}

// fits returns a *quotaError if there is no room for so many bytes when others have gone.
func (s *session) fits(need, gone int64) error {
	quota := s.user.Quota
	if quota == 0 || need <= gone || s.account.total()+need-gone <= quota {
		return nil
	}
	return &quotaError{quota}
}

// admit returns a *quotaError if what is to be received cannot fit: at least a byte, or what
// ALLO has said, or what the range of RANG has.
func (s *session) admit(p *fileSink) error {
	announced := s.announced
	s.announced = 0
	if !s.image {
		announced = 0 // line ends may be shorter here
	}
	info, err := p.f.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	switch {
	case p.only != nil:
		return s.fits(p.only.last+1-size, 0)
	case p.appending:
		return s.fits(max(1, announced-size), 0)
	}
	return s.fits(max(1, announced-p.start), p.meter.gone+size-p.start)
}

// left is what the quota leaves of some room.
func (s *session) left(room uint64) uint64 {
	if s.user.Quota == 0 {
		return room
	}
	return min(room, uint64(max(0, s.user.Quota-s.account.total())))
}

// alloVerb performs ALLO (RFC 959 section 4.1.3). The size counts for the next upload of a
// user who has a quota; that is refused if it does not fit.
func (s *session) alloVerb(_ context.Context, arg string) {
	size, _, _ := strings.Cut(arg, " ")
	n, err := strconv.ParseUint(size, 10, 63)
	if s.user == nil || s.user.Quota == 0 || err != nil {
		s.reply(superfluous, "ALLO")
		return
	}
	s.announced = int64(n)
	s.reply(done, "ALLO "+size)
}

// meter counts what is written to one file.
type meter struct {
	account *account
	quota   int64 // 0 is none
	gone    int64 // bytes that go when all is written
	at      int64 // where the next byte goes
	counted int64 // the bytes of the file that are in the account
}

func (s *session) newMeter() *meter { return &meter{account: s.account, quota: s.user.Quota} }

// begin sets where the first byte goes in a file of that size.
func (m *meter) begin(at, size int64) { m.at, m.counted = at, size }

// wrote counts what has been written. The error is a *quotaError.
func (m *meter) wrote(n int64) error {
	m.at += n
	grown := m.at - m.counted
	if grown <= 0 {
		return nil
	}
	m.counted = m.at
	if used := m.account.change(grown); m.quota > 0 && used > m.quota+m.gone {
		return &quotaError{m.quota}
	}
	return nil
}

// cut counts that the file has been cut to that size, or deleted.
func (m *meter) cut(size int64) {
	m.account.change(size - m.counted)
	m.at, m.counted = size, size
}

// done counts that what was to go has gone.
func (m *meter) done() { m.account.change(-m.gone) }

// into is a file whose bytes are counted.
func (m *meter) into(f *os.File) io.Writer { return meteredFile{m, f} }

type meteredFile struct {
	*meter
	f *os.File
}

func (m meteredFile) Write(p []byte) (int, error) {
	n, err := m.f.Write(p)
	return n, errors.Join(err, m.wrote(int64(n)))
}

// usage is what is known of the roots, in the order of their names.
func (all *accounts) usage() (known []RootStatus) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, a := range all.all {
		a.mu.Lock()
		if a.known {
			known = append(known, RootStatus{a.root, a.used})
		}
		a.mu.Unlock()
	}
	slices.SortFunc(known, func(a, b RootStatus) int { return strings.Compare(a.Root, b.Root) })
	return known
}
