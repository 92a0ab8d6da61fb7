package ftp

import (
	"crypto/tls"
	"fmt"
	"sync"
	"testing"

	"rsexec/sites/ftptest"
)

// TestTLSPeers holds that files and listings go over protected data connections of the
// real servers, also where these demand that a data connection goes on with the TLS
// session of its control connection, and where several sessions do so at once.
func TestTLSPeers(t *testing.T) {
	t.Parallel()
	authority := ftptest.NewAuthority(t)
	for _, peer := range []ftptest.Peer{ftptest.VSFTPD, ftptest.ProFTPD, ftptest.PureFTPd, ftptest.Pyftpdlib} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			for _, scheme := range []string{"ftp", "ftps"} {
				if scheme == "ftps" && peer == ftptest.PureFTPd {
					continue // it knows no implicit TLS
				}
				for _, passive := range []string{"yes", "no"} {
					t.Run(fmt.Sprintf("%s/%s/%s/passive=%s", peer, tls.VersionName(version), scheme, passive), func(t *testing.T) {
						t.Parallel()
						s := ftptest.Start(t, peer, ftptest.Options{TLS: &ftptest.TLS{Authority: authority, Require: true, Reuse: true,
							Implicit: scheme == "ftps", MaxVersion: version}})
						f := siteWith(t, s, scheme, "passive="+passive+"&timeout=10s&tls-ca="+authority.File(), Options{})
						if err := f.Meet(within(t, 2*patience)); err != nil {
							t.Fatal(err)
						}
						if f.TLS() != tls.VersionName(version) {
							t.Errorf("it is protected by %q", f.TLS())
						}
						var group sync.WaitGroup
						for i := range 4 {
							group.Go(func() { moveFiles(t, f, fmt.Sprintf("d%d", i)) })
						}
						group.Wait()
					})
				}
			}
		}
	}
}
