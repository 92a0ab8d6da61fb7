package ftpd

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// PeerTrust is the certificates of other sites that a site takes on data connections
// with them. A data connection goes to an address and the site there has been named by
// nobody but the user, so no name in a certificate is looked at: it is enough that a
// certificate is signed by one of CAs, or is one of Pins.
type PeerTrust struct {
	CAs  *x509.CertPool // nil: none
	Pins [][32]byte     // SHA-256 of a certificate in DER; its dates are not looked at
}

func (p PeerTrust) empty() bool { return p.CAs == nil && len(p.Pins) == 0 }

// untrustedError is that the certificate of another site is not to be trusted.
type untrustedError struct {
	pin [32]byte
	err error
}

func (e *untrustedError) Error() string { return e.brief() + ": " + e.err.Error() }
func (e *untrustedError) Unwrap() error { return e.err }

// brief has nothing of what the certificate says.
func (e *untrustedError) brief() string {
	return fmt.Sprintf("certificate %x is not one of a trusted site", e.pin)
}

var (
	errNoCertificate = errors.New("the other side has no certificate")
	errNotPinned     = errors.New("it is not pinned")
)

// verify is the tls.Config.VerifyConnection of both parts in a handshake with another
// site. A site's certificate may be made for servers only, whichever part it takes.
func (p PeerTrust) verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errNoCertificate
	}
	leaf := state.PeerCertificates[0]
	pin, err := sha256.Sum256(leaf.Raw), errNotPinned
	if slices.Contains(p.Pins, pin) {
		return nil
	}
	if p.CAs != nil {
		between := x509.NewCertPool()
		for _, c := range state.PeerCertificates[1:] {
			between.AddCert(c)
		}
		_, err = leaf.Verify(x509.VerifyOptions{Roots: p.CAs, Intermediates: between,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}})
	}
	if err != nil {
		return &untrustedError{pin, err}
	}
	return nil
}

// configs returns the configurations for data connections with other sites. No session
// is resumed there: each handshake shows the certificate again.
func (p PeerTrust) configs(users *tls.Config) (server, client *tls.Config) {
	server = users.Clone()
	server.GetConfigForClient = nil
	server.ClientAuth, server.ClientCAs = tls.RequireAnyClientCert, nil
	server.VerifyPeerCertificate, server.VerifyConnection = nil, p.verify
	server.SessionTicketsDisabled = true
	client = &tls.Config{
		MinVersion:                  users.MinVersion,
		MaxVersion:                  users.MaxVersion,
		CipherSuites:                users.CipherSuites,
		CurvePreferences:            users.CurvePreferences,
		Rand:                        users.Rand,
		Time:                        users.Time,
		DynamicRecordSizingDisabled: users.DynamicRecordSizingDisabled,
		GetClientCertificate:        ownCertificate(users),
		InsecureSkipVerify:          true, // VerifyConnection does it
		VerifyConnection:            p.verify,
	}
	return server, client
}

// ownCertificate returns a tls.Config.GetClientCertificate that shows the certificate
// which users are shown. Whether the other site trusts it is for that site to say, so
// its list of acceptable authorities is only asked which of several to show.
func ownCertificate(users *tls.Config) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		for i := range users.Certificates {
			if request.SupportsCertificate(&users.Certificates[i]) == nil {
				return &users.Certificates[i], nil
			}
		}
		switch {
		case len(users.Certificates) > 0:
			return &users.Certificates[0], nil
		case users.GetCertificate != nil:
			return users.GetCertificate(&tls.ClientHelloInfo{SignatureSchemes: request.SignatureSchemes, SupportedVersions: []uint16{request.Version}})
		}
		return &tls.Certificate{}, nil // none
	}
}

// sscnVerb performs SSCN, which no RFC specifies (RaidenFTPD's "Set Secured Client
// Negotiation"; replies are as ProFTPD's mod_tls has them). SSCN ON makes this server
// the TLS client on the data connections of files that follow, whichever side connects.
// A listing is for the user and not for another site, and is not concerned.
func (s *session) sscnVerb(_ context.Context, arg string) {
	on := strings.ToUpper(strings.TrimSpace(arg))
	switch {
	case !s.secured:
		s.reply(badSequence, "SSCN comes after AUTH TLS")
		return
	case on == "ON" && !s.private:
		s.reply(badSequence, "SSCN ON comes after PROT P")
		return
	case on != "" && on != "ON" && on != "OFF":
		s.reply(badSyntax, "SSCN takes ON or OFF")
		return
	case on != "":
		if client := on == "ON"; client != s.sscn {
			s.setKept(nil)
			s.sscn = client
		}
	}
	method := "SERVER"
	if s.sscn {
		method = "CLIENT"
	}
	s.reply(done, "SSCN:"+method+" METHOD")
}

// cpsvVerb performs CPSV, which no RFC specifies either: PASV, and this server is the
// TLS client on that one data connection.
func (s *session) cpsvVerb(ctx context.Context, _ string) {
	if !s.private {
		s.reply(badSequence, "CPSV comes after PROT P")
		return
	}
	s.enterPassive(ctx, "CPSV", true)
}

// privacy says how a data connection is put over TLS.
type privacy struct {
	security *security
	client   bool       // this server is the TLS client
	user     netip.Addr // of this host no certificate is asked
}

// privacy returns that of the data connection of a transfer that begins now; nil: it is
// in the clear.
func (s *session) privacy(p payload) *privacy {
	if !s.private {
		return nil
	}
	_, listing := p.(listingSource)
	passive, ok := s.data.(*passive)
	return &privacy{
		security: s.svc.security,
		client:   s.sscn && !listing || ok && passive.client,
		user:     s.peer.Addr(),
	}
}

// String is the word for the log.
func (p *privacy) String() string {
	if p == nil {
		return "clear"
	}
	return "private"
}

// over returns TLS over a data connection with the host at peer.
func (p *privacy) over(w *wire, peer netip.Addr) *tls.Conn {
	switch {
	case p.client:
		return tls.Client(w, p.security.siteClient)
	case peer != p.user && p.security.siteServer != nil:
		return tls.Server(w, p.security.siteServer)
	}
	return tls.Server(w, p.security.users)
}
