package profile

import (
	"io"

	"rsexec/sites"
)

// readNetrc makes a site of each machine that has a login. The entry "default"
// is for hosts that are not named, so it is no site.
func readNetrc(r io.Reader) ([]Imported, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, &sites.Error{Kind: sites.Other, Err: err}
	}
	var drafts []draft
	for _, e := range ParseNetrc(string(text)) {
		if e.Machine == "" {
			continue
		}
		d := draft{from: e.Machine, name: e.Machine}
		if e.Login == "" {
			d.skip("it has no login")
		}
		d.set("host", e.Machine)
		d.set("user", e.Login)
		d.set("password", e.Password)
		drafts = append(drafts, d)
	}
	return finish(drafts), nil
}
