package state

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gofrs/flock"
)

// owner is what a process goes by as the owner of jobs: a lock file beside the state
// file, which the system unlocks when the process ends, however that comes about.
type owner struct {
	mu   sync.Mutex
	name string // "" until it is needed
	lock *flock.Flock
}

// lockFile returns the lock file of an owner.
func lockFile(file, name string) string { return file + ".owner-" + name }

// token returns the name of the owner that this process is.
func (o *owner) token(file string) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.name != "" {
		return o.name, nil
	}
	for {
		// The number of the process is for people.
		name := fmt.Sprintf("%d-%s", os.Getpid(), strings.ToLower(rand.Text()[:8]))
		lock := flock.New(lockFile(file, name), flock.SetPermissions(0o600))
		locked, err := lock.TryLock()
		if err != nil {
			return "", err
		}
		if locked {
			if _, err := os.Stat(lock.Path()); err == nil {
				o.name, o.lock = name, lock
				return name, nil
			}
			if err := lock.Unlock(); err != nil {
				return "", err
			}
		}
		// Another process swept it away before it was locked.
	}
}

// release says that this process owns nothing any more.
func (o *owner) release() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.name == "" {
		return nil
	}
	name := o.lock.Path()
	o.name = ""
	return errors.Join(o.lock.Unlock(), remove(name))
}

// Alive reports whether the process that an owner is still runs. If it does not its lock
// file goes.
func (s *Store) Alive(name string) bool {
	s.owner.mu.Lock()
	own := s.owner.name
	s.owner.mu.Unlock()
	if name == "" || name == own {
		return name != ""
	}
	file := lockFile(s.file, name)
	if _, err := os.Stat(file); err != nil {
		return !errors.Is(err, fs.ErrNotExist) // where that cannot be told nobody's job is taken away
	}
	lock := flock.New(file, flock.SetPermissions(0o600))
	free, err := lock.TryRLock() // shared with others that ask
	if err != nil || !free {
		return true
	}
	// The file is of no use any more, and nobody waits for it.
	return errors.Join(lock.Unlock(), remove(file)) != nil
}

// sweepOwners removes the lock files of processes that have ended.
func (s *Store) sweepOwners() {
	entries, _ := os.ReadDir(filepath.Dir(s.file)) // those that cannot be seen remain
	for _, e := range entries {
		if name, ok := strings.CutPrefix(e.Name(), filepath.Base(lockFile(s.file, ""))); ok {
			s.Alive(name)
		}
	}
}

// remove removes a file that may be gone.
func remove(file string) error {
	err := os.Remove(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
