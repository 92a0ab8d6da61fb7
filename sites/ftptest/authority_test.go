package ftptest

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
)

func TestAuthority(t *testing.T) {
	t.Parallel()
	a, other := NewAuthority(t), NewAuthority(t)
	leaf := a.Issue("127.0.0.7", "site.test").Leaf
	for name, want := range map[string]bool{"127.0.0.7": true, "site.test": true, "127.0.0.8": false} {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), DNSName: name})
		if (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: other.Pool()}); err == nil {
		t.Error("another authority vouches for it")
	}
	if _, err := tls.LoadX509KeyPair(a.IssueFiles("localhost")); err != nil {
		t.Error(err)
	}
}
