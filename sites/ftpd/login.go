package ftpd

import (
	"cmp"
	"context"
	"os"
	"time"
)

// maxFailures is how many wrong passwords end a session.
const maxFailures = 5

// check finds the user of that name and password. Its time tells neither whether
// there is such a user nor how much of the password is right.
func (svc *settings) check(ctx context.Context, name, password string) *User {
	u, known := svc.users[name]
	if !known {
		u = svc.nobody
	}
	// All hashes are in order, so the only error is the end of everything.
	if same, err := svc.passwords.check(ctx, u, password); err != nil || !same || !known {
		return nil
	}
	return u
}

// userVerb performs USER (RFC 959 section 4.1.1). The reply does not tell
// whether there is such a user.
func (s *session) userVerb(_ context.Context, arg string) {
	s.logout()
	s.userName = arg
	s.reply(needPassword)
}

// passVerb performs PASS (RFC 959 section 4.1.1).
func (s *session) passVerb(ctx context.Context, arg string) {
	if s.userName == "" {
		s.reply(badSequence, "PASS comes after USER")
		return
	}
	name := s.userName
	s.userName = ""
	if s.svc.failures.lockedOut(s.svc.limits, s.host, time.Now()) {
		s.reply(lockedOut)
		s.over = true
		return
	}
	u := s.svc.check(ctx, name, arg)
	if u == nil {
		s.loginFails(ctx, name)
		return
	}
	if most := cmp.Or(u.Sessions, s.svc.limits.SessionsPerUser); !s.svc.census.login(u.Name, most) {
		s.reply(tooManyOfUser, u.Name, most)
		s.over = true
		return
	}
	root, err := os.OpenRoot(u.Root)
	if err != nil {
		s.svc.census.logout(u.Name)
		s.log.Error("root folder", "user", u.Name, "error", err)
		s.reply(loginFailed)
		return
	}
	s.user, s.root, s.cwd, s.failures = u, root, "/", 0
	s.account = s.svc.accounts.of(u.Root)
	s.svc.board.change(s.id, func(n *notice, c *Counts) { n.User, n.TLS, c.Logins = u.Name, s.secured, c.Logins+1 })
	s.ctl.endBy(time.Time{})
	s.log.Info("login", "user", u.Name, "tls", s.secured)
	s.reply(loggedIn, u.Name)
}

// loginFails answers a wrong password, after a while that grows with those that have
// come from the same host. It is this session that waits, with all that its user has
// said already, and nothing else does.
func (s *session) loginFails(ctx context.Context, name string) {
	s.flush()
	held := time.NewTimer(s.svc.failures.add(s.svc.limits, s.host, time.Now()))
	defer held.Stop()
	select {
	case <-held.C:
	case <-ctx.Done():
		s.over = true
		return
	}
	s.failures++
	s.log.Warn("login failed", "user", name)
	s.svc.board.change(s.id, func(_ *notice, c *Counts) { c.FailedLogins++ })
	if s.failures < maxFailures {
		s.reply(loginFailed)
		return
	}
	s.reply(tooManyLogins)
	s.over = true
}

// logout forgets the user and what the user set up, but not the transfer
// parameters (RFC 959 section 4.1.1, USER).
func (s *session) logout() {
	s.setData(nil)
	if s.user != nil {
		s.svc.census.logout(s.user.Name)
		s.svc.board.change(s.id, func(n *notice, _ *Counts) { n.User = "" })
		s.awaitLogin()
	}
	if s.root != nil {
		if err := s.root.Close(); err != nil {
			s.log.Warn("root folder", "error", err)
		}
	}
	s.user, s.root, s.userName, s.cwd = nil, nil, "", "/"
	s.restart, s.rang, s.copyFrom, s.announced = 0, nil, "", 0
}

// reinVerb performs REIN: as if the control connection had just been opened. Over TLS
// it would have to end TLS (RFC 4217 section 13), after which the next password would
// go over the same connection in the clear; so it is not offered there.
func (s *session) reinVerb(context.Context, string) {
	if s.secured {
		s.reply(notImplemented, "REIN over TLS")
		return
	}
	s.reinitialize()
	s.reply(reinitialized)
}

// reinitialize logs out and sets all parameters to what they are at first.
func (s *session) reinitialize() {
	s.logout()
	s.image, s.facts, s.hash, s.epsvAll = false, allFacts, algorithms[0], false
	s.pbsz, s.private, s.sscn = false, false, false
	s.block, s.keep, s.tells = false, false, nil
}

func (s *session) acctVerb(context.Context, string) { s.reply(superfluous, "ACCT") }

func (s *session) quitVerb(context.Context, string) {
	s.reply(goodbye)
	s.over = true
}
