package rsexec

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mitchellh/go-homedir"

	"rsexec/sites"
)

// netrcPassword looks for the password of user at host in ~/.netrc, or in the
// file that NETRC names.
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
	password, ok = searchNetrc(string(text), host, user)
	return password, ok, nil
}

// searchNetrc returns the password of the first entry for the host that is for
// this user or for any (the format is that of ftp(1)).
func searchNetrc(text, host, user string) (password string, ok bool) {
	tokens := netrcTokens(text)
	for i := 0; i < len(tokens); {
		applies := tokens[i] == "default"
		if tokens[i] == "machine" && i+1 < len(tokens) {
			i++
			applies = strings.EqualFold(tokens[i], host)
		}
		i++
		login, secret, has := "", "", false
		for ; i < len(tokens) && tokens[i] != "machine" && tokens[i] != "default"; i++ {
			if i+1 == len(tokens) {
				continue
			}
			switch tokens[i] {
			case "login":
				i++
				login = tokens[i]
			case "password":
				i++
				secret, has = tokens[i], true
			case "account":
				i++
			}
		}
		if applies && has && (login == "" || login == user) {
			return secret, true
		}
	}
	return "", false
}

// netrcTokens splits the text into words. A macro definition (macdef) goes to
// the next empty line; a line that begins with "#" is a comment.
func netrcTokens(text string) []string {
	var tokens []string
	macro := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if macro {
			macro = line != ""
			continue
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		for _, word := range strings.Fields(line) {
			if macro = word == "macdef"; macro {
				break
			}
			tokens = append(tokens, strings.Trim(word, `"`))
		}
	}
	return tokens
}
