package ftp

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"rsexec/sites"
)

// Trust decides whether a site may show a certificate that nothing vouches for, and why
// nothing does. It returns nil if the site may, from now on.
type Trust func(ctx context.Context, c sites.Config, cert *x509.Certificate, why error) error

// Memory keeps which servers have offered TLS, so that none of them is ever talked to in
// the clear because somebody on the way suppresses the offer; and which are not to be
// written ahead to, and why and since when: "" is one of which nothing is known. A server
// is named by the address of its control connection.
type Memory interface {
	OfferedTLS(ctx context.Context, server string) (bool, error)
	OffersTLS(ctx context.Context, server string) error
	Doubted(ctx context.Context, server string) (why string, since time.Time, err error)
	Doubt(ctx context.Context, server, why string) error
}

// Pin returns the SHA-256 of a certificate, as the option tls-pin has it.
func Pin(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

// A stranger is the error of a certificate that nothing vouches for.
type stranger struct {
	cert *x509.Certificate
	why  error
}

func (e *stranger) Error() string { return e.why.Error() }

// tlsConfig returns what a new session of the site begins TLS with. The data connections
// of the session go on with its TLS session: servers demand it, because that shows that
// both connections are the same user's.
func (f *Site) tlsConfig() (*tls.Config, error) {
	base, err := f.tlsBase()
	if err != nil {
		return nil, sites.During("", sites.Pathname{Site: f.config.Name}, err)
	}
	c := base.Clone()
	c.ClientSessionCache = &tlsSession{}
	return c, nil
}

// tlsSession is the TLS session of a control connection, which its data connections go on
// with and renew. It implements tls.ClientSessionCache. crypto/tls would have it forgotten
// when a handshake fails, as it does where a server refuses a file and hangs up: then
// vsftpd and ProFTPD would take no data connection any more.
type tlsSession struct {
	mu   sync.Mutex
	last *tls.ClientSessionState
}

func (s *tlsSession) Get(string) (*tls.ClientSessionState, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last, s.last != nil
}

func (s *tlsSession) Put(_ string, state *tls.ClientSessionState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state != nil {
		s.last = state
	}
}

// newTLSBase reads the files that the configuration names.
func (f *Site) newTLSBase() (*tls.Config, error) {
	host, _, _ := strings.Cut(f.config.Host, "%")                                                       // the zone of an IPv6 address is this host's own matter
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, DynamicRecordSizingDisabled: true} // most is files
	var roots *x509.CertPool                                                                            // nil is those of the system
	if f.config.TLSCA != "" {
		text, err := os.ReadFile(f.config.TLSCA)
		if err != nil {
			return nil, &sites.Error{Kind: sites.Usage, Msg: "option tls-ca", Err: err}
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(text) {
			return nil, &sites.Error{Kind: sites.Usage, Msg: "option tls-ca: there is no certificate in " + sites.Printable(f.config.TLSCA)}
		}
	}
	if f.config.TLSCert != "" {
		key := f.config.TLSKey
		if key == "" {
			key = f.config.TLSCert
		}
		own, err := tls.LoadX509KeyPair(f.config.TLSCert, key)
		if err != nil {
			return nil, &sites.Error{Kind: sites.Usage, Msg: "options tls-cert and tls-key", Err: err}
		}
		c.Certificates = []tls.Certificate{own}
	}
	// crypto/tls would check in its own way, and not again where a session is gone on
	// with: verify is called each time.
	c.InsecureSkipVerify = true
	c.VerifyConnection = func(state tls.ConnectionState) error { return f.verify(state, host, roots) }
	return c, nil
}

// verify checks the certificate that a server shows: it has to be the pinned one, or
// another that the roots vouch for, or one that the person trusts.
func (f *Site) verify(state tls.ConnectionState, host string, roots *x509.CertPool) error {
	cert := state.PeerCertificates[0]
	if pin := f.pinned(); pin != "" {
		if got := Pin(cert); got != pin {
			return &sites.Error{Site: f.config.Name, Kind: sites.Untrusted, Msg: "its certificate is not the one that it is to show",
				Hint: fmt.Sprintf("somebody may be in between; if it has a new one, set tls-pin=%s", got)}
		}
		return nil
	}
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := cert.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: host})
	if err != nil {
		return &stranger{cert, err}
	}
	return nil
}

// pinned returns the SHA-256 of the certificate that the site has to show; "" is any that
// is vouched for.
func (f *Site) pinned() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.config.TLSPin != "" {
		return f.config.TLSPin
	}
	return f.trusted
}

// untrusted returns the error of a certificate that nobody trusts.
func (f *Site) untrusted(s *stranger) error {
	return &sites.Error{Site: f.config.Name, Kind: sites.Untrusted, Msg: "its certificate is not trusted", Err: s.why,
		Hint: fmt.Sprintf("set tls-pin=%s if it is right, or tls-ca to the file of who vouches for it", Pin(s.cert))}
}

// decide has the person decide about a certificate.
func (f *Site) decide(ctx context.Context, s *stranger) error {
	if f.options.Trust == nil {
		return f.untrusted(s)
	}
	select {
	case f.deciding <- struct{}{}:
		defer func() { <-f.deciding }()
	case <-ctx.Done():
		return cancelled(f.config.Name, ctx)
	}
	if f.pinned() == Pin(s.cert) {
		return nil // it was decided meanwhile
	}
	if err := f.options.Trust(ctx, f.config, s.cert, s.why); err != nil {
		if sites.KindOf(err) == sites.Untrusted {
			err = f.untrusted(s)
		}
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trusted = Pin(s.cert)
	return nil
}

// secure has the session protected by TLS, if the server offers it (RFC 4217 section 4).
// What the server did not do once is not asked for again, as long as the program runs.
func (s *Session) secure(ctx context.Context) error {
	c := s.site.config
	switch {
	case c.TLS == sites.TLSOff && c.Required():
		return &sites.Error{Kind: sites.Usage, Msg: "tls=off, and data=private wants TLS", Hint: "remove one of them"}
	case c.TLS == sites.TLSOff, s.site.plain() && !c.Required():
		return nil
	}
	refusal := error(&sites.Error{Site: s.Conn.site, Kind: sites.Unsupported, Msg: "it speaks the dialect of 1973, which has no TLS"})
	if s.dialect != Old {
		xs, err := s.Send(ctx, nil, "AUTH TLS")
		if err != nil {
			return err
		}
		if err := xs[0].Wait(ctx); err != nil {
			return err
		}
		if refusal = xs[0].Refusal(); refusal == nil {
			err := s.begin(ctx, s.upgrade)
			if e, ok := err.(*sites.Error); ok && e.Kind == sites.Protocol && !c.Required() {
				e.Hint = "tls=off does without it, in the clear"
			}
			return err
		}
	}
	switch {
	case sites.KindOf(refusal) == sites.Busy:
		return refusal
	case c.Required():
		e := refusal.(*sites.Error)
		e.Kind, e.Msg = sites.Unsupported, "it offers no TLS"
		e.Hint = "tls=" + sites.TLSRequire + " demands it"
		if c.Data == sites.DataPrivate {
			e.Hint = "data=" + sites.DataPrivate + " demands it"
		}
		return e
	}
	offered := s.site.Protected()
	if memory := s.site.options.Memory; memory != nil && !offered {
		var err error
		if offered, err = memory.OfferedTLS(ctx, c.Address()); err != nil {
			return err
		}
	}
	if offered {
		e := refusal.(*sites.Error)
		e.Kind, e.Msg = sites.Untrusted, "it offered TLS before and does not now, so the password is not sent"
		e.Hint = "somebody may be in between; if it has no TLS any more, set tls=off"
		return e
	}
	s.site.setPlain()
	return nil
}

// begin begins TLS by a method of the connection.
func (s *Session) begin(ctx context.Context, by func(context.Context, *tls.Config) error) error {
	config, err := s.site.tlsConfig()
	if err != nil {
		return err
	}
	if err := by(ctx, config); err != nil {
		return err
	}
	s.tls, s.version = config, tls.VersionName(s.nc.(*tls.Conn).ConnectionState().Version)
	if memory := s.site.options.Memory; memory != nil && !s.site.Protected() {
		return memory.OffersTLS(ctx, s.site.config.Address())
	}
	return nil
}

// Guard has the data connections of the session protected, or not, and the server be the
// TLS server on them (RFC 4217 section 9).
func (s *Session) Guard(ctx context.Context, private bool) error {
	s.mu.Lock()
	client, now := s.client, s.private
	s.mu.Unlock()
	if client {
		if _, err := s.Must(ctx, "SSCN OFF"); err != nil {
			return err
		}
	}
	switch {
	case s.tls == nil && private:
		return &sites.Error{Site: s.Conn.site, Kind: sites.Unsupported, Msg: "it has no TLS"}
	case s.tls == nil, now == private:
		return nil
	}
	level := "PROT C"
	if private {
		level = "PROT P"
	}
	_, err := s.Must(ctx, level)
	return err
}

// protect begins TLS on a data connection of the session.
func (s *Session) protect(ctx context.Context, nc *net.TCPConn) (conn net.Conn, w *wire, err error) {
	w = &wire{Conn: nc}
	c, err := handshake(ctx, s.Conn.site, w, s.tls)
	if unknown := (*stranger)(nil); errors.As(err, &unknown) {
		err = s.site.untrusted(unknown)
	}
	return c, w, err
}

// handshake begins TLS as a client on a connection. Its error is of kind Untrusted, or a
// *stranger, for a certificate.
func handshake(ctx context.Context, site string, below net.Conn, config *tls.Config) (*tls.Conn, error) {
	c := tls.Client(below, config)
	err := c.HandshakeContext(ctx)
	var known *sites.Error
	var unknown *stranger
	switch {
	case err == nil:
		return c, nil
	case errors.As(err, &known), errors.As(err, &unknown):
		return nil, err
	case ctx.Err() == context.Canceled:
		return nil, cancelled(site, ctx)
	case ctx.Err() != nil:
		return nil, &sites.Error{Site: site, Kind: sites.Unreachable, Msg: "TLS could not be begun: the server took too long"}
	}
	kind := sites.Protocol
	var network *net.OpError
	if errors.As(err, &network) && network.Op != "remote error" || errors.Is(err, io.EOF) {
		kind = sites.Unreachable
	}
	return nil, &sites.Error{Site: site, Kind: kind, Msg: "TLS could not be begun", Err: plain(err)}
}

// ErrCut is how a protected data connection ends without TLS's word that this is the end:
// somebody on the way may have cut it short. What was read may be all the same.
var ErrCut = errors.New("its data connection was closed without the close_notify of TLS")

// wire is a connection under TLS that takes note of its end: crypto/tls itself does not
// tell whether close_notify came before. It can take much from the system, and give much
// to it, at a time, for crypto/tls would take and give each record apart.
type wire struct {
	net.Conn
	ended atomic.Bool

	ahead    *bufio.Reader // of the connection; nil until much is to be read
	gathers  bool          // what is written is kept until it is much, or sent
	gathered []byte
}

func (w *wire) Read(p []byte) (n int, err error) {
	if w.ahead != nil {
		n, err = w.ahead.Read(p)
	} else {
		n, err = w.Conn.Read(p)
	}
	if err == io.EOF {
		w.ended.Store(true)
	}
	return n, err
}

// readMuch has much be read at a time from now on.
func (w *wire) readMuch() {
	if w.ahead == nil {
		w.ahead = bufio.NewReaderSize(w.Conn, pieceSize)
	}
}

// holds reports whether something was read that TLS has not taken yet.
func (w *wire) holds() bool { return w.ahead != nil && w.ahead.Buffered() > 0 }

func (w *wire) Write(p []byte) (int, error) {
	if !w.gathers {
		return w.Conn.Write(p)
	}
	w.gathered = append(w.gathered, p...)
	if len(w.gathered) < pieceSize {
		return len(p), nil
	}
	return len(p), w.send()
}

// send sends what was gathered.
func (w *wire) send() error {
	_, err := w.Conn.Write(w.gathered)
	w.gathered = w.gathered[:0]
	return err
}

// together returns when write has written to TLS and all of that was sent, the records of
// it together. Nothing else may be written meanwhile.
func (w *wire) together(write func() (int, error)) (n int, err error) {
	w.gathers = true
	n, err = write()
	w.gathers = false
	if sent := w.send(); err == nil && sent != nil {
		return 0, sent
	}
	return n, err
}
