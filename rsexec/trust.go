package rsexec

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"

	"rsexec/sites"
	"rsexec/sites/ftp"
	"rsexec/sites/profile"
)

// trust asks the person about a certificate that nothing vouches for. One that is trusted
// is the one that the site has to show from then on. --yes does not answer this: whoever
// is in between would be trusted.
func (x *Executive) trust(ctx context.Context, c sites.Config, cert *x509.Certificate, why error) error {
	denied := &sites.Error{Site: c.Name, Kind: sites.Untrusted}
	if x.options.Ask == nil || quiet(ctx, c) != nil {
		return denied
	}
	answer, err := x.options.Ask(ctx, fmt.Sprintf("%s at %s shows a certificate that is not trusted: %s\n%s"+
		"Is it the right one, and trusted from now on (y/n)? ", c.Name, c.Address(), sites.Printable(why.Error()), certificateText(cert)), false)
	if err != nil {
		return err
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return denied
	}
	pin := ftp.Pin(cert)
	err = &sites.Error{Kind: sites.NotFound}
	if x.options.Profile != "" {
		err = profile.PinSite(x.options.Profile, c.Name, pin)
	}
	switch {
	case sites.KindOf(err) == sites.NotFound: // it was named for this run only
		x.printer.notice(fmt.Sprintf("%s is trusted until the shell ends; tls-pin=%s in its URL says the same", c.Name, pin))
	case err != nil:
		return err
	default:
		x.printer.notice(fmt.Sprintf("%s is trusted from now on; its file in the profile %s says so", c.Name, x.options.Profile))
	}
	return nil
}

// certificateText shows what tells a person which certificate it is.
func certificateText(cert *x509.Certificate) string {
	return fmt.Sprintf("  subject    %s\n  issuer     %s\n  valid      %s to %s\n  SHA-256    %s\n",
		sites.Printable(cert.Subject.String()), sites.Printable(cert.Issuer.String()),
		cert.NotBefore.Format("2006-01-02"), cert.NotAfter.Format("2006-01-02"), ftp.Pin(cert))
}
