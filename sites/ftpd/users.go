package ftpd

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/alexedwards/argon2id"
)

// User is someone who may log in.
type User struct {
	Name     string
	Password string // in the clear; not looked at if there is a Hash
	Hash     string // of the password, as HashPassword makes it
	Root     string // the folder which is the user's "/"
	Rights   Rights // what the user may do; 0 is AllRights
	Sessions int    // at a time; 0 is Limits.SessionsPerUser
	Quota    int64  // the bytes that there may be below Root; 0 is no quota
}

// may says whether the user has one of some rights.
func (u *User) may(some Rights) bool { return u.Rights == 0 || u.Rights&some != 0 }

// Rights is what a user may do with files, a bit for each. Everybody may ask for the size,
// the time and the facts of a file whose name he knows.
type Rights uint8

// The rights.
const (
	Read   Rights = 1 << iota // RETR, and the digest or a copy of a file
	Write                     // to make, replace, change and rename files and directories
	Append                    // to make files and directories, and to add to files
	Delete                    // DELE and RMD
	List                      // the listings of directories

	AllRights = Read | Write | Append | Delete | List
)

// rightNames are the names of the rights, in the order of their bits.
var rightNames = [...]string{"read", "write", "append", "delete", "list"}

// ParseRights returns the rights with these names. The error tells a name that is none.
func ParseRights(names []string) (Rights, error) {
	var rights Rights
next:
	for _, name := range names {
		for i, known := range rightNames {
			if name == known {
				rights |= 1 << i
				continue next
			}
		}
		return 0, fmt.Errorf("%q is none of %s", name, strings.Join(rightNames[:], ", "))
	}
	return rights, nil
}

// String returns the names, with "or" between them.
func (r Rights) String() string {
	var names []string
	for i, name := range rightNames {
		if r&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " or ")
}

// hashing is what a hash costs: some 20 ms and 19 MiB (RFC 9106 is for more, and for
// servers that have it).
var hashing = argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// HashPassword returns the hash of a password by Argon2id (RFC 9106), in the PHC string
// format: $argon2id$v=19$m=...,t=...,p=...$salt$hash.
func HashPassword(password string) (string, error) { return argon2id.CreateHash(password, &hashing) }

// CheckHash returns an error if hash is none that HashPassword, or another program with
// Argon2id, has made.
func CheckHash(hash string) error {
	params, _, key, err := argon2id.DecodeHash(hash)
	if err == nil && (params.Iterations < 1 || params.Parallelism < 1 || len(key) < 16) {
		err = argon2id.ErrInvalidHash
	}
	return err
}

// passwords checks passwords. What it costs to compute a hash is there against who has
// stolen the hashes; who logs in again with the password that was right before needs no
// second computation. It guards itself.
type passwords struct {
	secret [32]byte      // of this process
	slots  chan struct{} // one for each computation that may be under way

	mu    sync.Mutex
	right map[string][sha256.Size]byte // by hash: what was right for it, in a form that tells nothing
}

func newPasswords() *passwords {
	p := &passwords{slots: make(chan struct{}, runtime.NumCPU()), right: make(map[string][sha256.Size]byte)}
	_, _ = rand.Read(p.secret[:]) // has no errors (crypto/rand)
	return p
}

// check says whether the password of u was given. An error is that of ctx, or of a hash
// that is none.
func (p *passwords) check(ctx context.Context, u *User, given string) (bool, error) {
	if u.Hash == "" {
		have, want := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(u.Password))
		return subtle.ConstantTimeCompare(have[:], want[:]) == 1, nil
	}
	mac := hmac.New(sha256.New, p.secret[:])
	_, _ = mac.Write([]byte(given)) // has no errors (hash.Hash)
	seal := [sha256.Size]byte(mac.Sum(nil))
	p.mu.Lock()
	known, ok := p.right[u.Hash]
	p.mu.Unlock()
	if ok && hmac.Equal(known[:], seal[:]) {
		return true, nil
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	same, err := argon2id.ComparePasswordAndHash(given, u.Hash)
	<-p.slots
	if same {
		p.mu.Lock()
		p.right[u.Hash] = seal
		p.mu.Unlock()
	}
	return same, err
}

// nobody returns a user whose password nobody has: for a name that is unknown, so that
// the time of the answer does not tell that.
func nobody(users []User) (*User, error) {
	u := User{Password: rand.Text()}
	for _, other := range users {
		if other.Hash != "" {
			hash, err := HashPassword(u.Password)
			u.Hash = hash
			return &u, err
		}
	}
	return &u, nil
}

// checkUsers returns an error if a user is not one who can log in.
func checkUsers(users []User) error {
	seen := make(map[string]bool)
	for _, u := range users {
		switch {
		case u.Name == "":
			return errors.New("a user has no name")
		case seen[u.Name]:
			return fmt.Errorf("there are two users %q", u.Name)
		case u.Root == "":
			return fmt.Errorf("user %q has no root folder", u.Name)
		case u.Quota < 0:
			return fmt.Errorf("user %q has a quota of less than nothing", u.Name)
		}
		seen[u.Name] = true
		if u.Hash == "" {
			continue
		}
		if err := CheckHash(u.Hash); err != nil {
			return fmt.Errorf("user %q: %w", u.Name, err)
		}
	}
	return nil
}
