package ftptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority is a certificate authority of a test's own. Its methods fail the test where
// they cannot do their work.
type Authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	leaf *rsa.PrivateKey // of all that it certifies: making one takes long
}

// NewAuthority returns an authority that nothing trusts yet.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{t: t}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	if a.leaf, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	self := template("authority of " + t.Name())
	self.IsCA, self.BasicConstraintsValid, self.KeyUsage = true, true, x509.KeyUsageCertSign
	a.cert = a.sign(self, self, &a.key.PublicKey)
	return a
}

// Pool returns the authority as roots.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// PEM returns the authority's certificate.
func (a *Authority) PEM() []byte { return block("CERTIFICATE", a.cert.Raw) }

// File returns the path of a file that holds the authority's certificate.
func (a *Authority) File() string { return a.keep("authority.pem", a.PEM()) }

// Issue certifies a server, or a client, of these names: host names and IP literals.
func (a *Authority) Issue(names ...string) tls.Certificate {
	leaf := template(names[0])
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, name)
		}
	}
	leaf.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	cert := a.sign(leaf, a.cert, &a.leaf.PublicKey)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: a.leaf, Leaf: cert}
}

// IssuePEM does so and returns the certificate and its key.
func (a *Authority) IssuePEM(names ...string) (cert, key []byte) {
	c := a.Issue(names...)
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		a.t.Fatal(err)
	}
	return block("CERTIFICATE", c.Certificate[0]), block("PRIVATE KEY", der)
}

// IssueFiles does so and returns the paths of files that hold them.
func (a *Authority) IssueFiles(names ...string) (cert, key string) {
	c, k := a.IssuePEM(names...)
	return a.keep("cert.pem", c), a.keep("key.pem", k)
}

func (a *Authority) sign(cert, by *x509.Certificate, public any) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, cert, by, public, a.key)
	if err == nil {
		cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

func (a *Authority) keep(name string, text []byte) string {
	path := filepath.Join(a.t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

func template(name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		panic(err) // it never fails
	}
	now := time.Now()
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour)}
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
