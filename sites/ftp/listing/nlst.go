package listing

import (
	"time"

	"rsexec/sites"
)

// readNLST reads a line of NLST: a name, perhaps with the directory before it.
func readNLST(line string, _ time.Time) (sites.Entry, verdict) {
	if line == "" {
		return sites.Entry{}, known
	}
	return sites.Entry{Name: base(line), Size: -1}, named
}
