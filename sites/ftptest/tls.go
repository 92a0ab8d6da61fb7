package ftptest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// TLS says how a server protects its connections (RFC 4217). The zero value, but for its
// Authority, is a server that offers AUTH TLS and takes clients without it as well.
// inetutils-ftpd knows no TLS.
type TLS struct {
	// Authority certifies the server for its address. ProFTPD, which is a TLS client of
	// its peer after SSCN ON, trusts nobody else; which host is certified it does not ask.
	Authority *Authority

	// Require refuses logins and data connections in the clear.
	Require bool

	// Reuse has a data connection reuse the TLS session of its control connection, which
	// is what vsftpd and ProFTPD demand unless they are configured not to. Pure-FTPd and
	// pyftpdlib cannot demand it, whatever is said here.
	Reuse bool

	// Implicit has TLS begin with the connection, before the greeting. ProFTPD then takes
	// PROT P for said, and the others do not. Pure-FTPd knows no implicit TLS.
	Implicit bool

	// MaxVersion is the highest version that the server speaks, for example
	// tls.VersionTLS12; 0 is the highest that it knows.
	MaxVersion uint16
}

// cannot returns why a server of a kind cannot be started so, or nil.
func (o *TLS) cannot(p Peer) error {
	switch {
	case o == nil:
		return nil
	case p == Inetutils:
		return errors.New("it knows no TLS")
	case o.Implicit && p == PureFTPd:
		return errors.New("it knows no implicit TLS")
	case o.Authority == nil:
		return errors.New("there is no authority to certify it")
	}
	return nil
}

// files returns what certifies a server at a place, and the settings of the TLS library
// in its /etc.
func (o *TLS) files(p place, etc string) map[string]string {
	if o == nil {
		return nil
	}
	cert, key := o.Authority.IssuePEM(p.host)
	files := map[string]string{
		p.certificate(): string(cert) + string(key),
		p.authority():   string(o.Authority.PEM()),
	}
	if o.MaxVersion != 0 {
		version := strings.Replace(tls.VersionName(o.MaxVersion), "TLS ", "TLSv", 1)
		files[filepath.Join(etc, "ssl/openssl.cnf")] = fmt.Sprintf(
			"openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = defaults\n[defaults]\nMaxProtocol = %s\n", version)
	}
	return files
}

// greeting returns how TLS with a server at a place begins before it greets; nil if it
// does not.
func (o *TLS) greeting(p place) *tls.Config {
	if o == nil || !o.Implicit {
		return nil
	}
	return &tls.Config{RootCAs: o.Authority.Pool(), ServerName: p.host}
}

// certificate returns the path of a server's certificate, which its key follows.
func (p place) certificate() string { return p.file("server.pem") }

// authority returns the path of the certificate that those of its peers are checked by.
func (p place) authority() string { return p.file("authority.pem") }
