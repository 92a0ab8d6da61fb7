package ftp

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftp/listing"
)

// Knowledge says whether a server knows a command.
type Knowledge int8

// What may be known of a command.
const (
	No    Knowledge = iota - 1 // it was refused, or the server listed its features without it
	Maybe                      // not asked yet
	Yes                        // it was accepted, or the server listed it
)

// A Password returns the password for a site, asking the person if need be.
type Password func(ctx context.Context, c sites.Config) (string, error)

// Options are what a site needs of the program that it is used in. Each may be nil.
type Options struct {
	Password Password // where the configuration has none
	Trust    Trust    // where nothing vouches for a certificate; without it the site is not used
	Memory   Memory
	Resolver *net.Resolver // finds hosts; nil is this host's own
}

// Site is an FTP site. It implements sites.Site.
type Site struct {
	*server
	lend func() (s *Session, back func()) // what Over was given; nil is none
}

// server is what all that there is of a site have in common.
type server struct {
	config   sites.Config
	options  Options
	asking   chan struct{} // holds one while somebody is asked for the password, and until it was tried
	deciding chan struct{} // holds one while somebody is asked about a certificate
	pool     *sites.Pool[*Session]
	numbers  atomic.Int64 // of sessions, for traces
	tlsBase  func() (*tls.Config, error)
	order    order    // of commands that are written ahead
	quickest shortest // time that it took to answer a command

	mu         sync.Mutex
	taken      *string           // the password that it took last; nil is none
	family     family            // what new sessions go over
	turned     bool              // because another site needs that
	outOfReach family            // where it was not reached; "" is none
	trusted    string            // the SHA-256 of the certificate that the person trusts; "" is none
	noTLS      bool              // it offered none
	known      bool              // the fields below are set
	features   map[string]string // the reply to FEAT; nil if it was refused
	home       string
	verbs      map[string]Knowledge // by experience
	old        bool                 // the dialect is that of 1973
	tls        string               // the version that protects its control connections; "" is none
	addr       netip.Addr           // where other servers reach it for data
}

// New returns the site that c describes. No connection is made before one is
// needed.
func New(c sites.Config, o Options) *Site {
	f := &Site{server: &server{config: c, options: o, family: anyFamily, asking: make(chan struct{}, 1), deciding: make(chan struct{}, 1), verbs: make(map[string]Knowledge), home: c.Home}}
	f.pool = sites.NewPool(c.Name, c.MaxSessions, f.login)
	f.tlsBase = sync.OnceValues(f.newTLSBase)
	return f
}

// Name returns the site's name in the shell.
func (f *Site) Name() string { return f.config.Name }

// Config returns the configuration that the site was made with.
func (f *Site) Config() sites.Config { return f.config }

// Close ends all sessions.
func (f *Site) Close() error { return f.pool.Close() }

// Take returns n sessions, all or none; each goes back with Put.
func (f *Site) Take(ctx context.Context, n int) ([]*Session, error) { return f.pool.Take(ctx, n) }

// TryTake returns a session only if that keeps nobody waiting: it is for
// questions that the work does not depend on. It goes back with Put.
func (f *Site) TryTake(ctx context.Context) (*Session, bool) { return f.pool.TryTake(ctx) }

// Put gives a session back.
func (f *Site) Put(s *Session) {
	s.relax()
	f.pool.Put(s)
}

// Over returns the same site with its questions, and its small changes, going over a
// session that others use at the same time; lend returns nil when there is none any more,
// and back is called when it is not needed longer. Whatever has a data connection takes a
// session of its own, as ever.
func (f *Site) Over(lend func() (s *Session, back func())) *Site {
	return &Site{server: f.server, lend: lend}
}

// with lends work a session.
func (f *Site) with(ctx context.Context, work func(*Session) error) error {
	if f.lend != nil {
		if s, back := f.lend(); s != nil {
			defer back()
			return work(s)
		}
	}
	s, err := f.pool.Take(ctx, 1)
	if err != nil {
		return err
	}
	defer f.pool.Put(s[0])
	return work(s[0])
}

func (f *Site) knowledge() (features map[string]string, home string, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.features, f.home, f.known
}

// learned keeps what the first session learned. A nil features means the
// server has no FEAT.
func (f *Site) learned(s *Session, features map[string]string, home string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known, f.features = true, features
	f.old, f.tls, f.addr = s.dialect == Old, s.version, s.DataAddr()
	f.family = familyOf(s.Peer()) // all sessions are to be alike
	if f.home == "" {
		f.home = home
	}
}

// reached takes note of where a later session reached the server.
func (f *Site) reached(addr netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.addr = addr
}

func (f *Site) setKnown(verb string, k Knowledge) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.verbs[verb] = k
}

// listedByFEAT holds the commands that a server with FEAT lists if it has
// them, and the name that they have there: RFC 2389 and RFC 3659 ask for it, and
// the servers that copy files say so.
var listedByFEAT = map[string]string{
	"MLST": "MLST", "MLSD": "MLST", "LSTN": "LSTN", "SOCK": "SOCK", "MFMT": "MFMT", "HASH": "HASH",
	"SSCN": "SSCN", "CPSV": "CPSV", "SITE CPFR": "SITE COPY", "SITE CPTO": "SITE COPY",
}

// Knows reports whether the server knows the command with this verb, as far as
// that is known without asking.
func (f *Site) Knows(verb string) Knowledge {
	f.mu.Lock()
	defer f.mu.Unlock()
	if k, ok := f.verbs[verb]; ok {
		return k
	}
	if f.features == nil {
		return Maybe
	}
	if _, ok := f.features[verb]; ok {
		return Yes
	}
	if name, ok := listedByFEAT[verb]; ok {
		if _, ok := f.features[name]; ok {
			return Yes
		}
		return No
	}
	return Maybe
}

// Features returns the names of the features that the server listed.
func (f *Site) Features() []string {
	features, _, _ := f.knowledge()
	names := make([]string, 0, len(features))
	for n := range features {
		names = append(names, n)
	}
	return names
}

// Meet makes sure that the site has answered once: that it can be reached,
// that the user is let in, and that its abilities are known.
func (f *Site) Meet(ctx context.Context) error {
	if _, _, known := f.knowledge(); known {
		return nil
	}
	return f.with(ctx, func(s *Session) error { return nil })
}

// Ping asks the site for a reply that costs it nothing. Any reply will do:
// servers of 1973 know no NOOP.
func (f *Site) Ping(ctx context.Context) error {
	return f.with(ctx, func(s *Session) error {
		_, err := s.Do(ctx, "NOOP")
		return sites.During("ping", sites.Pathname{Site: f.config.Name}, err)
	})
}

// Old reports whether the site speaks the dialect of 1973. It may be called
// after Meet.
func (f *Site) Old() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.old
}

// RoundTrip returns the shortest time in which the site has answered a command: that of the
// network, and a little more. It is zero before there was one.
func (f *Site) RoundTrip() time.Duration { return time.Duration(f.quickest.Load()) }

// TLS returns the version of TLS that protects the site's control connections, as in
// "TLS 1.3"; "" is none. It may be called after Meet.
func (f *Site) TLS() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tls
}

// Protected reports whether the site's control connections are under TLS. It may be
// called after Meet.
func (f *Site) Protected() bool { return f.TLS() != "" }

// plain reports whether the server was asked for TLS in vain.
func (f *Site) plain() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.noTLS
}

func (f *Site) setPlain() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noTLS = true
}

// DataAddr returns where other servers reach the site for data. It may be
// called after Meet.
func (f *Site) DataAddr() netip.Addr {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.addr
}

// Home returns the directory that relative paths start from.
func (f *Site) Home(ctx context.Context) (string, error) {
	if err := f.Meet(ctx); err != nil {
		return "", err
	}
	_, home, _ := f.knowledge()
	return home, nil
}

// Stat describes one file or directory: by MLST, or by SIZE and MDTM, or, from
// a server of 1973, by looking for its name in its directory.
func (f *Site) Stat(ctx context.Context, path string) (sites.Entry, error) {
	pathname := sites.Pathname{Site: f.config.Name, Path: path}
	var entry sites.Entry
	err := f.with(ctx, func(s *Session) (err error) {
		for _, way := range []func(context.Context, string) (sites.Entry, error){s.statMLST, s.statSIZE, s.statNLST} {
			entry, err = way(ctx, path)
			if sites.KindOf(err) != sites.Unsupported {
				break
			}
		}
		if err == nil && entry.Type == sites.Link {
			// ProFTPD tells the facts of the link itself; SIZE is about what it leads to.
			if e, err := s.statSIZE(ctx, path); err == nil {
				entry = e
			} else if s.Err() != nil || ctx.Err() != nil {
				return err
			}
		}
		return err
	})
	return entry, sites.During("look at", pathname, err)
}

func (s *Session) statMLST(ctx context.Context, path string) (sites.Entry, error) {
	line, err := s.facts(ctx, path)
	if err != nil {
		return sites.Entry{}, err
	}
	e, _ := listing.Facts(line) // facts found that it can be read
	// Servers write the whole path here; the caller asked for this one.
	e.Name = sites.Pathname{Path: strings.TrimRight(path, "/")}.Base()
	return e, nil
}

func (s *Session) statSIZE(ctx context.Context, path string) (sites.Entry, error) {
	entry := sites.Entry{Name: sites.Pathname{Path: path}.Base(), Type: sites.File, Size: -1}
	size, at, err := s.sizeAndTime(ctx, path)
	if err == nil {
		entry.Size, entry.Modified = size, at
		return entry, nil
	}
	if k := sites.KindOf(err); k == sites.Unsupported || s.Err() != nil || ctx.Err() != nil {
		return sites.Entry{}, err
	}
	// SIZE is refused for directories as well.
	if strings.HasPrefix(path, "/") {
		cwd, e := s.enter(ctx, path)
		if e == nil {
			e = cwd.accepted(ctx)
		}
		if e == nil {
			entry.Type = sites.Directory
			return entry, nil
		} else if s.Err() != nil {
			return sites.Entry{}, e
		}
	}
	return sites.Entry{}, err
}

// sizeAndTime asks for both, in one piece where the server is known to have both and to keep
// the order. A time that is not told is zero.
func (s *Session) sizeAndTime(ctx context.Context, path string) (size int64, at time.Time, err error) {
	if ok, _ := s.site.Ahead(); !ok || s.site.Knows("SIZE") != Yes || s.site.Knows("MDTM") != Yes {
		if size, err = s.Size(ctx, path); err != nil {
			return 0, at, err
		}
		if at, err = s.modified(ctx, path); err != nil && s.Err() == nil {
			err = nil
		}
		return size, at, err
	}
	if err := s.setType(ctx, 'I'); err != nil {
		return 0, at, err
	}
	xs, err := s.all(ctx, "SIZE "+path, "MDTM "+path)
	if err != nil {
		return 0, at, err
	}
	for _, x := range xs {
		s.Heard(x.Verb, x.Refusal())
	}
	if err := xs[0].Refusal(); err != nil {
		return 0, at, err
	}
	if xs[1].Refusal() == nil {
		at, _ = listing.Time(xs[1].reply.Last()) // one that nobody understands is none
	}
	size, err = parseSize(xs[0].reply)
	return size, at, err
}

func (s *Session) statNLST(ctx context.Context, path string) (sites.Entry, error) {
	if path == "" || path == "/" {
		return sites.Entry{Type: sites.Directory, Size: -1}, nil // the home, which has no name
	}
	p := sites.Pathname{Site: s.Conn.site, Path: path}
	var found *sites.Entry
	err := s.listBy(ctx, listNLST, p.Dir().Path, func(e sites.Entry) bool {
		if e.Name == p.Base() {
			found = &e
		}
		return true
	})
	if found != nil {
		return *found, nil
	}
	if err == nil {
		err = &sites.Error{Site: p.Site, Kind: sites.NotFound, Msg: "no such file"}
	}
	return sites.Entry{}, err
}

// Size returns the length of a file in bytes, as TYPE I counts them (RFC 3659
// section 4).
func (s *Session) Size(ctx context.Context, path string) (int64, error) {
	if err := s.setType(ctx, 'I'); err != nil {
		return 0, err
	}
	reply, err := s.try(ctx, "SIZE "+path)
	if err != nil {
		return 0, err
	}
	return parseSize(reply)
}

// Rename gives a file another name (RNFR and RNTO).
func (f *Site) Rename(ctx context.Context, from, to string) error {
	err := f.with(ctx, func(s *Session) error { return s.Rename(ctx, from, to) })
	return sites.During("rename", sites.Pathname{Site: f.config.Name, Path: from}, err)
}

// Rename gives a file another name (RNFR and RNTO).
func (s *Session) Rename(ctx context.Context, from, to string) error {
	lines := []string{"RNFR " + from, "RNTO " + to}
	if s.renamesAtOnce() {
		xs, err := s.all(ctx, lines...)
		if err == nil {
			err = xs[0].Refusal()
		}
		if err == nil {
			err = sites.During("rename", sites.Pathname{Site: s.Conn.site, Path: to}, xs[1].Refusal())
		}
		if err != nil {
			s.dropRename(err)
		}
		return err
	}
	if _, err := s.Must(ctx, lines[0]); err != nil {
		return err
	}
	_, err := s.Must(ctx, lines[1])
	return sites.During("rename", sites.Pathname{Site: s.Conn.site, Path: to}, err)
}

// Delete removes a file.
func (f *Site) Delete(ctx context.Context, path string) error {
	return f.must(ctx, "delete", "DELE", path)
}

// MakeDirectory makes a directory.
func (f *Site) MakeDirectory(ctx context.Context, path string) error {
	return f.must(ctx, "make directory", "MKD", path)
}

// RemoveDirectory removes an empty directory.
func (f *Site) RemoveDirectory(ctx context.Context, path string) error {
	return f.must(ctx, "remove directory", "RMD", path)
}

func (f *Site) must(ctx context.Context, op, verb, path string) error {
	err := f.with(ctx, func(s *Session) error {
		_, err := s.Must(ctx, verb+" "+path)
		return err
	})
	return sites.During(op, sites.Pathname{Site: f.config.Name, Path: path}, err)
}

var (
	_ sites.Site      = (*Site)(nil)
	_ sites.Protector = (*Site)(nil)
	_ sites.Toucher   = (*Site)(nil)
)
