package transfer

import (
	"context"
	"time"

	"rsexec/sites"
)

// carryModified gives a file that was copied the modified time of its source, and
// reports whether its site has it now. Where the source's site told no time, or the
// destination's has no way to set one, nothing is done and nothing is wrong. A site
// remembers what its server does not know, so that it is not asked for each file.
func carryModified(ctx context.Context, to sites.Site, path string, at time.Time) (carried bool, err error) {
	site, ok := to.(sites.Toucher)
	if !ok || at.IsZero() {
		return false, nil
	}
	err = site.SetModified(ctx, path, at)
	if sites.KindOf(err) == sites.Unsupported {
		return false, nil
	}
	return err == nil, err
}
