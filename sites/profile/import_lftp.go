package profile

import (
	"io"
	"net/url"
	"strings"

	"rsexec/sites"
)

// readLftp reads lftp's bookmarks: lines of a name and a URL. A bookmark
// without a scheme is for FTP.
func readLftp(r io.Reader) ([]Imported, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, &sites.Error{Kind: sites.Other, Err: err}
	}
	var drafts []draft
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		d := draft{from: words[0], name: words[0]}
		if len(words) == 2 {
			d.lftpURL(words[1])
		} else {
			d.skip("the line is not a name and a URL")
		}
		drafts = append(drafts, d)
	}
	return finish(drafts), nil
}

// lftpURL takes over the parts of a URL as lftp writes it: it has no options,
// and its path starts from the login directory unless it begins with %2F.
func (d *draft) lftpURL(text string) {
	if !strings.Contains(text, "://") {
		text = "ftp://" + text
	}
	u, err := url.Parse(strings.NewReplacer("?", "%3F", "#", "%23").Replace(text))
	if err != nil {
		// The error's text repeats the URL, password and all.
		d.skip("its URL cannot be read")
		return
	}
	if u.Scheme != "ftp" && u.Scheme != "ftps" {
		d.skip("%s is another protocol than FTP", sites.Printable(u.Scheme))
		return
	}
	d.set("scheme", u.Scheme)
	d.set("host", u.Hostname())
	d.set("port", u.Port())
	d.set("user", u.User.Username())
	password, _ := u.User.Password()
	d.set("password", password)
	path := u.Path
	if path == "/~" || strings.HasPrefix(path, "/~/") {
		path = path[len("/~"):]
	}
	d.set("home", path)
	if strings.Trim(path, "/") != "" && !strings.HasPrefix(strings.ToUpper(u.EscapedPath()), "/%2F") {
		d.noteThat("lftp takes %s from the login directory, here it is from the root", sites.Printable(path[1:]))
	}
}
