package rsexec

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mitchellh/go-homedir"

	"rsexec/sites"
	"rsexec/sites/profile"
)

// netrcPassword looks for the password of user at host in ~/.netrc, or in the
// file that NETRC names: the first entry for the host, or for any, that is for
// this user, or for any.
func netrcPassword(host, user string) (password string, ok bool, err error) {
	file := os.Getenv("NETRC")
	if file == "" {
		home, err := homedir.Dir()
		if err != nil {
			return "", false, nil // without a home there is no file in it
		}
		file = filepath.Join(home, ".netrc")
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, &sites.Error{Kind: sites.Other, Msg: "cannot read the file of passwords", Err: err}
	}
	for _, e := range profile.ParseNetrc(string(text)) {
		if (e.Machine == "" || strings.EqualFold(e.Machine, host)) && (e.Login == "" || e.Login == user) && e.HasPassword {
			return e.Password, true, nil
		}
	}
	return "", false, nil
}
