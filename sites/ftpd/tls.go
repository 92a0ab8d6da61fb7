package ftpd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// security is the TLS of a service: a configuration for each part that the server
// takes in a handshake.
type security struct {
	// users is for control connections, and for data connections with the user's own
	// host. All share it, and so a session of one can be resumed on another.
	users *tls.Config

	// Data connections with other sites, where this server is the TLS server or the
	// TLS client. nil: no site is trusted.
	siteServer, siteClient *tls.Config
}

// newSecurity returns the security of a server with these fields; nil is none.
func (s *Server) newSecurity() (*security, error) {
	c := s.TLS
	switch {
	case c == nil && (s.RequireTLS || s.Implicit || !s.Peers.empty()):
		return nil, errors.New("serve: RequireTLS, Implicit and Peers need TLS")
	case c == nil:
		return nil, nil
	case s.Dialect != "" && s.Dialect != Modern:
		return nil, fmt.Errorf("serve: dialect %q has no TLS", s.Dialect)
	case len(c.Certificates) == 0 && c.GetCertificate == nil && c.GetConfigForClient == nil:
		return nil, errors.New("serve: TLS needs a certificate")
	}
	users := c.Clone()
	users.MinVersion = max(users.MinVersion, tls.VersionTLS12)
	users.DynamicRecordSizingDisabled = true // files want throughput, and replies are short
	sec := &security{users: users}
	if !s.Peers.empty() {
		sec.siteServer, sec.siteClient = s.Peers.configs(users)
	}
	return sec, nil
}

// handshake performs the handshake of conn within timeout.
func handshake(ctx context.Context, conn *tls.Conn, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := conn.HandshakeContext(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("no handshake in %s", timeout)
	}
	return err
}

// secure puts the control connection over TLS.
func (c *control) secure(ctx context.Context, config *tls.Config) error {
	under := &prompt{Conn: c.tcp}
	conn := tls.Server(under, config)
	c.readUntil(time.Time{}) // the handshake has a time of its own
	if err := handshake(ctx, conn, c.left(c.timeout)); err != nil {
		return err
	}
	under.over = true
	c.conn, c.r = conn, newLineReader(conn)
	return nil
}

// secure puts the control connection over TLS and says whether that worked. Where it
// did not the session is over, and the connection in no state for another word (RFC
// 4217 section 10.1).
func (s *session) secure(ctx context.Context) bool {
	s.flush()
	if err := s.ctl.secure(ctx, s.svc.security.users); err != nil {
		s.log.Info("TLS failed on the control connection", "error", err)
		_ = s.ctl.tcp.Close() // nothing that was written matters
		s.over = true
	}
	s.secured = !s.over
	return s.secured
}

// secureImplicitly begins a session of a server that is Implicit: with the handshake,
// and as if PBSZ 0 and PROT P had been given, which clients rely on.
func (s *session) secureImplicitly(ctx context.Context) bool {
	s.pbsz, s.private = true, true
	return s.secure(ctx)
}

// authVerb performs AUTH (RFC 4217 section 4). What a user says in the clear behind
// AUTH somebody on the way may have put there, so it is never performed (CVE-2011-0411):
// what has come already ends the session, and what comes later is no handshake.
// Nothing that was set up in the clear stays either.
func (s *session) authVerb(ctx context.Context, arg string) {
	switch mechanism := strings.ToUpper(strings.TrimSpace(arg)); {
	case s.secured:
		s.reply(badSequence, "TLS has begun already")
		return
	case mechanism != "TLS" && mechanism != "TLS-C":
		s.reply(badParameter, "AUTH can only be TLS")
		return
	case s.ctl.r.Buffered() > 0:
		s.reply(plaintextBehindAUTH)
		s.over = true
		return
	}
	s.reinitialize()
	s.reply(tlsBegins)
	if !s.over {
		s.secure(ctx)
	}
}

// pbszVerb performs PBSZ (RFC 4217 section 9): TLS takes no buffer size but 0.
func (s *session) pbszVerb(_ context.Context, arg string) {
	switch _, err := strconv.ParseUint(strings.TrimSpace(arg), 10, 32); {
	case !s.secured:
		s.reply(badSequence, "PBSZ comes after AUTH TLS")
	case err != nil:
		s.reply(badSyntax, "PBSZ takes a number")
	default:
		s.pbsz = true
		s.reply(done, "PBSZ=0")
	}
}

// protVerb performs PROT (RFC 4217 section 9). It holds for the transfer commands that
// follow, whenever their data connections were arranged.
func (s *session) protVerb(_ context.Context, arg string) {
	switch level := strings.ToUpper(strings.TrimSpace(arg)); {
	case !s.pbsz:
		s.reply(badSequence, "PROT comes after AUTH TLS and PBSZ 0")
	case level == "S" || level == "E":
		s.reply(levelNotSupported, level)
	case level != "C" && level != "P":
		s.reply(badParameter, "PROT can only be C or P")
	case level == "C" && s.svc.requireTLS:
		s.reply(againstPolicy, "This site has no data connection in the clear")
	default:
		if private := level == "P"; private != s.private {
			s.setKept(nil)
			s.private = private
		}
		s.reply(done, "PROT is "+level)
	}
}

// cccVerb performs CCC (RFC 4217 section 5), which is always refused.
func (s *session) cccVerb(context.Context, string) {
	if !s.secured {
		s.reply(needsTLSForThat, "CCC")
		return
	}
	s.reply(againstPolicy, "The control connection stays over TLS")
}
