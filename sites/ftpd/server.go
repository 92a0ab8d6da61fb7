// Package ftpd is the embedded site server: a server-PI and server-DTP for FTP
// as RFC 959 and as RFC 438 and RFC 478 wrote it.
//
// Beyond the RFCs and drafts, FEAT lists what a user can ask for by OPTS (RFC 2389):
//
//   - MODE B KEEP, by OPTS MODE B KEEP: in MODE B the data connection stays open, and a 250
//     in place of the 226 says so (RFC 959 section 3.3). Each transfer command that is given while there
//     is one has one file go over it; for a file that it cannot send, a server
//     sends a block of no bytes with the descriptor 96, suspected errors and end of file,
//     to which the receiver's reply is 450; one that it must not store it reads over. So whoever
//     has RETR given to one server has to have STOR or APPE given to the other.
//   - RETR HASH and STOR HASH, by OPTS RETR HASH and OPTS STOR HASH: the last reply to the transfer of a
//     whole file in TYPE I is, but for its code, as the one to HASH would be.
//   - STOR PERF, by OPTS STOR PERF: once a second, a performance marker (112) of GridFTP
//     tells how much has come.
//
// Invariants:
//
//   - Only a session's own goroutine writes replies, so they leave in the order
//     of the commands, and a transfer's final reply before anything that waited
//     for it.
//   - A pathname is resolved through the user's os.Root and through nothing else,
//     so neither ".." nor a symbolic link leads out of it.
//   - A positive completion of a transfer (226, 252) means that every byte was
//     sent and the other side closed in order, or was received up to the other
//     side's orderly close, which over TLS is its close_notify, and is in the
//     file. A transfer the server breaks off while sending is reset, so the
//     receiver cannot take it for the end of file. Over a data connection that stays open
//     (250) every byte was given to the system to be sent; whether it has come, the
//     receiver says.
//   - What came in the clear is never performed as if it had come over TLS
//     (CVE-2011-0411).
//   - A digest is of the bytes that RETR in TYPE I would have sent, and ends with its
//     session.
//   - A store after RANG touches no byte outside the range.
//   - With Server.Whole a file that STOR names is the old one, or absent, or the whole new
//     one, however the server ends, and one upload at a time goes to it.
//   - A copy within the site has its name only when it is whole, and ends with its
//     session.
//   - COMB deletes a part only when all parts are stored in the target; else the target is
//     what it was.
//   - A data connection is made only with the user's own host or a host in
//     Server.AllowPeers (RFC 2577 section 3).
//   - Nobody who has not logged in makes this server hold more than a small buffer, or
//     keeps a session beyond Limits.LoginTime; who is beyond a limit gets no session. As
//     many hashes of passwords as there are processors are computed at a time.
//   - A wrong password costs the host it came from time, and nobody else.
//   - What a user has no right to do is not done, whatever the verb.
//   - No command of a user leaves more below the user's root than User.Quota, but for what
//     others store there meanwhile without this server.
//   - A change of the settings ends no session, and is for those that come after it.
//   - A connection that a retired service accepted has a session.
//   - Serve returns only when every goroutine it started has ended.
package ftpd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Dialect says which FTP a server speaks: its verbs, its reply codes and how
// its data connections come about.
type Dialect string

const (
	Modern Dialect = "modern" // RFC 959, 2389, 2428, 3659 and 7151, with LSTN, SOCK and HASH
	RFC438 Dialect = "rfc438" // 1973: LSTN and SOCK, RFC 438
	RFC478 Dialect = "rfc478" // 1973: SOCK and PASV without an address, RFC 478
)

// Server is the settings of a site server. Do not change its fields after Serve.
type Server struct {
	Users   []User  // who may log in
	Dialect Dialect // "" is Modern

	// Hosts are the names by which this server may be asked for with HOST (RFC 7151),
	// beside its address. If there are none, any name will do.
	Hosts []string

	// AllowPeers are the hosts, beside the user's own, that may be the other
	// end of a data connection.
	AllowPeers []netip.Prefix

	// PassivePorts are the ports where this server listens for data connections; zero
	// leaves the choice to the system. The default data socket is one beside.
	PassivePorts PortRange

	// PublicAddress is the address that the reply to PASV tells, of IPv4: where an
	// address translator has another one than this host. Zero: that of the control
	// connection.
	PublicAddress netip.Addr

	// TLS, with a certificate, lets users go over to TLS (RFC 4217): 1.2 or later,
	// whatever it says. nil: this server has no TLS.
	TLS *tls.Config

	// RequireTLS refuses a login before AUTH, and any data connection but a private
	// one.
	RequireTLS bool

	// Implicit begins each control connection with the handshake, as if AUTH TLS,
	// PBSZ 0 and PROT P had been given.
	Implicit bool

	// Peers are the certificates of other sites. If there are any, SSCN and CPSV are
	// known, and on a private data connection the other end has to have one of them:
	// always if this server is the TLS client, and else if it is a host in AllowPeers
	// that is not the user's own. This server shows its own certificate there.
	Peers PeerTrust

	// Sync has what was received on disk, with its name, before a transfer is said to be
	// complete: not even the end of the system takes it away then. So it is with a copy
	// within the site and with a rename.
	Sync bool

	// Whole has what STOR brings in a file of the server's own, .NAME.rsexec-part, until it is
	// complete: then that takes the name, and nobody ever sees half a file under it. What a
	// broken upload of a new file has left goes on by REST or APPE. Names that users
	// themselves give to what is not complete, as NAME.part, are stored to as they are; so
	// is a file to which APPE adds, or into which RANG leads.
	Whole bool

	// Logger gets one record "transfer" for each transfer, one "digest" for each digest,
	// one "copy" for each copy and each COMB that was begun and one "login" for each login,
	// at Info; one "login failed" for each that was refused, at Warn; and one "command" for
	// each command and one "reply" for each reply, at Debug: all with the attributes session
	// and remote. Passwords are masked. nil discards.
	Logger *slog.Logger

	// IdleTimeout ends a session that gives no command for so long; a running
	// transfer is not idleness. 0 is 5 minutes.
	IdleTimeout time.Duration

	// DataTimeout bounds the making of a data connection, each TLS handshake, and
	// each pause in which a data connection carries nothing. A transfer that has
	// carried less than 1 KiB in that time stands still: who sends or takes a byte now
	// and then would else keep it for ever. 0 is 60 seconds.
	DataTimeout time.Duration

	Limits Limits
}

const (
	defaultIdleTimeout = 5 * time.Minute
	defaultDataTimeout = 60 * time.Second
)

// Serve accepts control connections on ln until ctx ends; then it closes all
// sessions and listeners, waits for all goroutines, and returns nil. It returns
// an error if a field of the server cannot be as it is, or ln fails; ln is closed in every
// case.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	svc, err := NewService(*s)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	return svc.Serve(ctx, ln)
}

// Service is a site server at work: its settings can be changed, and it can be left
// without breaking anything off. Its methods may be called from several goroutines.
type Service struct {
	settings  atomic.Pointer[settings]
	census    census
	failures  failures
	ports     ports
	board     board
	holds     holds
	accounts  accounts
	passwords *passwords
	numbers   atomic.Int64 // of the sessions
	leaving   context.Context
	leave     context.CancelFunc
	retiring  context.Context
	retire    context.CancelFunc
}

// NewService returns a service with the settings of s. The error tells what of them cannot
// be.
func NewService(s Server) (*Service, error) {
	v := &Service{passwords: newPasswords()}
	v.leaving, v.leave = context.WithCancel(context.Background())
	v.retiring, v.retire = context.WithCancel(context.Background())
	return v, v.Change(s)
}

// Change has the sessions that come from now on go by the settings of s. Those that are
// there go on as they are. With an error nothing is changed.
func (v *Service) Change(s Server) error {
	next, err := s.resolve(v)
	if err == nil {
		v.settings.Store(next)
	}
	return err
}

// Leave ends the service without breaking anything off: nobody is let in any more, each
// session ends as soon as it has nothing to do, and then Serve returns.
func (v *Service) Leave() { v.leave() }

// Retire closes the listeners and leaves the sessions alone: whoever was let in goes on, and
// Serve returns when the last of them has ended. A process that has the sockets as well lets
// in those who come after. If sessions of both listen at the default data socket at a time
// (PASV behind SOCK, RFC 478), the connection for one of them can come to the other process,
// which closes it.
func (v *Service) Retire() { v.retire() }

// Serve is Server.Serve for one of the listeners of the service.
func (v *Service) Serve(ctx context.Context, ln net.Listener) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	accepting, stop := context.WithCancel(ctx)
	defer stop()
	defer whenDone(v.leaving, stop)()
	shut := func() { _ = ln.Close() } // its only effect of interest is the end of Accept
	defer whenDone(accepting, shut)()
	defer whenDone(v.retiring, shut)()
	var sessions sync.WaitGroup
	err := v.accept(accepting, ln, func(svc *settings, conn net.Conn, peer netip.AddrPort) {
		id := int(v.numbers.Add(1))
		sessions.Go(func() {
			defer v.census.leave(hostOf(peer.Addr()))
			v.board.arrive(id, peer)
			defer v.board.leave(id)
			svc.serve(ctx, conn, peer, id)
		})
	})
	if err != nil {
		end()
	}
	stop()
	sessions.Wait()
	return err
}

// settings are what the sessions that begin at a time share. Nothing in it changes, beside
// what is of the Service.
type settings struct {
	*Service
	users       map[string]*User
	hosts       []string // as hostName has them
	nobody      *User    // who has the password that a name deserves which no user has
	allowPeers  []netip.Prefix
	passive     PortRange
	public      netip.Addr
	security    *security // nil: no TLS
	requireTLS  bool
	implicit    bool
	sync        bool
	whole       bool
	dialect     dialect
	verbs       map[string]verb
	order       []string // the verbs in the order of the table
	greeting    string
	log         *slog.Logger
	idleTimeout time.Duration
	dataTimeout time.Duration
	limits      Limits // resolved
}

func (s *Server) resolve(v *Service) (*settings, error) {
	svc := &settings{
		Service:     v,
		users:       make(map[string]*User),
		allowPeers:  s.AllowPeers,
		passive:     s.PassivePorts,
		public:      s.PublicAddress,
		requireTLS:  s.RequireTLS,
		implicit:    s.Implicit,
		sync:        s.Sync,
		whole:       s.Whole,
		log:         s.Logger,
		idleTimeout: s.IdleTimeout,
		dataTimeout: s.DataTimeout,
		limits:      s.Limits.resolved(),
		verbs:       make(map[string]verb),
	}
	for _, name := range s.Hosts {
		svc.hosts = append(svc.hosts, hostName(name))
	}
	if svc.log == nil {
		svc.log = slog.New(slog.DiscardHandler)
	}
	if svc.idleTimeout == 0 {
		svc.idleTimeout = defaultIdleTimeout
	}
	if svc.dataTimeout == 0 {
		svc.dataTimeout = defaultDataTimeout
	}
	name := s.Dialect
	if name == "" {
		name = Modern
	}
	d, ok := dialects[name]
	if !ok {
		return nil, fmt.Errorf("serve: unknown dialect %q", s.Dialect)
	}
	svc.dialect = d
	svc.greeting = string(svc.closing(greeting))
	err := errors.Join(checkUsers(s.Users), s.PassivePorts.check())
	if p := s.PublicAddress; p.IsValid() && !p.Unmap().Is4() {
		err = errors.Join(err, fmt.Errorf("the public address %s is not of IPv4, for which alone PASV is", p))
	}
	if err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	for _, u := range s.Users {
		svc.users[u.Name] = &u
	}
	if svc.nobody, err = nobody(s.Users); err != nil {
		return nil, err
	}
	if svc.security, err = s.newSecurity(); err != nil {
		return nil, err
	}
	for _, v := range verbTable() {
		if v.dialects&d.set != 0 {
			if v.gate&withTLS != 0 && svc.security == nil || v.gate&withPeers != 0 && s.Peers.empty() {
				v.perform, v.feature = nil, ""
			}
			svc.verbs[v.name] = v
			svc.order = append(svc.order, v.name)
		}
	}
	return svc, nil
}

// accept has a session started for each control connection until ctx ends or ln
// fails.
func (v *Service) accept(ctx context.Context, ln net.Listener, start func(*settings, net.Conn, netip.AddrPort)) error {
	pause, door := retryPause{}, v.settings.Load().newDoor()
	for {
		conn, err := ln.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close() // nobody will speak on it
			}
			return nil
		}
		if err != nil && v.retiring.Err() != nil {
			return nil // and who came just before that is a session
		}
		if svc := v.settings.Load(); svc != door.svc {
			door = svc.newDoor()
		}
		svc := door.svc
		if err != nil {
			// Out of descriptors is no reason to end, and nothing tells when
			// there are some again.
			if errors.Is(err, net.ErrClosed) || !outOfResources(err) {
				return fmt.Errorf("accept control connection: %w", err)
			}
			svc.log.Error("accept", "error", err)
			if pause.wait(ctx) != nil {
				return nil
			}
			continue
		}
		pause = retryPause{}
		remote, ok := conn.RemoteAddr().(*net.TCPAddr)
		if !ok {
			svc.log.Error("control connection without internet addresses", "remote", fmt.Sprint(conn.RemoteAddr()))
			_ = conn.Close() // nothing was written
			continue
		}
		if peer := unmapped(remote.AddrPort()); door.admit(conn, hostOf(peer.Addr())) {
			start(svc, conn, peer)
		}
	}
}

// allowed says whether host may be the other end of a data connection in a
// session whose user is at peer.
func (svc *settings) allowed(peer, host netip.Addr) bool {
	return host == peer || svc.allowedPeer(host)
}

// allowedPeer says whether host is one of AllowPeers. An address that is that of no one
// host never is: on many systems a connection to 0.0.0.0 is one to the own host. Nor is
// this server's own host by its loopback address, which is where a firewall has nothing
// to say, unless a prefix is about loopback and not about hosts at large.
func (svc *settings) allowedPeer(host netip.Addr) bool {
	if host.IsUnspecified() || host.IsMulticast() || host == broadcast {
		return false
	}
	for _, p := range svc.allowPeers {
		if p.Contains(host) && (!host.IsLoopback() || p.Addr().IsLoopback()) {
			return true
		}
	}
	return false
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// retryPause is a pause that doubles, for conditions that have no event.
type retryPause struct{ next time.Duration }

func (p *retryPause) wait(ctx context.Context) error {
	p.next = min(max(2*p.next, 10*time.Millisecond), time.Second)
	t := time.NewTimer(p.next)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
