package profile

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"

	"rsexec/sites"
)

// filezillaFolder is the element Servers of sitemanager.xml, or a Folder in it.
type filezillaFolder struct {
	Name    string            `xml:",chardata"`
	Servers []filezillaServer `xml:"Server"`
	Folders []filezillaFolder `xml:"Folder"`
}

// filezillaServer is the element Server.
type filezillaServer struct {
	Text      string `xml:",chardata"` // the name too, in old versions alone
	Name      string
	Host      string
	Port      string
	Protocol  string
	Logontype string
	User      string
	Pass      struct {
		Encoding string `xml:"encoding,attr"`
		Text     string `xml:",chardata"`
	}
	PasvMode                   string
	MaximumMultipleConnections string
	RemoteDir                  string
}

// filezillaProtocol tells how to say here what a Protocol number says there
// (ServerProtocol of FileZilla's engine/server.h).
type filezillaProtocol struct {
	name     string
	settings []sites.Setting // nil: it is no FTP
}

func filezillaProtocols() map[string]filezillaProtocol {
	return map[string]filezillaProtocol{
		"":   {"FTP", []sites.Setting{{Option: "tls", Value: "auto"}}},
		"0":  {"FTP", []sites.Setting{{Option: "tls", Value: "auto"}}},
		"1":  {"SFTP", nil},
		"2":  {"HTTP", nil},
		"3":  {"FTPS", []sites.Setting{{Option: "scheme", Value: "ftps"}}},
		"4":  {"FTPES", []sites.Setting{{Option: "tls", Value: "require"}}},
		"5":  {"HTTPS", nil},
		"6":  {"FTP without TLS", []sites.Setting{{Option: "tls", Value: "off"}}},
		"7":  {"S3", nil},
		"8":  {"Storj", nil},
		"9":  {"WebDAV", nil},
		"10": {"Azure File", nil},
		"11": {"Azure Blob", nil},
		"12": {"Swift", nil},
		"13": {"Google Cloud", nil},
		"14": {"Google Drive", nil},
		"15": {"Dropbox", nil},
		"16": {"OneDrive", nil},
		"17": {"B2", nil},
		"18": {"Box", nil},
		"19": {"WebDAV without TLS", nil},
	}
}

// The Logontype numbers that matter here (LogonType of FileZilla's engine);
// with the others the password is as the element Pass has it.
const (
	filezillaAnonymous = "0"
	filezillaAccount   = "4"
)

// readFilezilla reads FileZilla's sitemanager.xml. A site's name there begins
// with those of the folders it is in.
func readFilezilla(r io.Reader) ([]Imported, error) {
	var file struct {
		XMLName xml.Name        `xml:"FileZilla3"`
		Servers filezillaFolder `xml:"Servers"`
	}
	if err := xml.NewDecoder(r).Decode(&file); err != nil {
		e := &sites.Error{Kind: sites.Usage, Msg: "this is no sitemanager.xml of FileZilla 3"}
		// The error's text may repeat what stands there, a password too.
		var at *xml.SyntaxError
		if errors.As(err, &at) {
			e.Msg = fmt.Sprintf("line %d is no XML", at.Line)
		}
		return nil, e
	}
	return finish(file.Servers.drafts("")), nil
}

// drafts returns the sites of a folder and of those in it.
func (f filezillaFolder) drafts(above string) []draft {
	var drafts []draft
	for _, s := range f.Servers {
		drafts = append(drafts, s.draft(above))
	}
	for _, in := range f.Folders {
		drafts = append(drafts, in.drafts(above+strings.TrimSpace(in.Name)+"/")...)
	}
	return drafts
}

func (s filezillaServer) draft(above string) draft {
	name := s.Host
	for _, n := range []string{s.Text, s.Name} {
		if n = strings.TrimSpace(n); n != "" {
			name = n
		}
	}
	d := draft{from: above + name, name: name}
	protocol, ok := filezillaProtocols()[strings.TrimSpace(s.Protocol)]
	switch {
	case !ok:
		d.skip("its protocol, number %q, is not known", s.Protocol)
	case protocol.settings == nil:
		d.skip("%s is another protocol than FTP", protocol.name)
	}
	d.settings = append(d.settings, protocol.settings...)
	d.set("host", strings.TrimSpace(s.Host))
	if s.Port != "0" {
		d.set("port", strings.TrimSpace(s.Port))
	}
	if s.Logontype != filezillaAnonymous {
		d.set("user", s.User)
		d.filezillaPassword(s.Pass.Encoding, s.Pass.Text)
	}
	if s.Logontype == filezillaAccount {
		d.noteThat("its account is left out")
	}
	if s.PasvMode == "MODE_ACTIVE" {
		d.set("passive", "no")
	}
	if n := s.MaximumMultipleConnections; n != "0" { // which is no limit
		d.set("max-sessions", n)
	}
	if home, ok := filezillaPath(s.RemoteDir); ok {
		d.set("home", home)
	} else {
		d.noteThat("its directory is left out: %q is no path with slashes", s.RemoteDir)
	}
	return d
}

func (d *draft) filezillaPassword(encoding, text string) {
	switch encoding {
	case "":
		d.set("password", text)
	case "base64":
		password, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err != nil {
			d.noteThat("its password cannot be read, so it has none here")
		}
		d.set("password", string(password))
	case "crypt":
		d.noteThat("its password is encrypted with FileZilla's master password, so it has none here")
	default:
		d.noteThat("its password is encoded as %q, so it has none here", encoding)
	}
}

// filezillaPath reads a RemoteDir: the number of the kind of path, the length
// of a prefix, the prefix if it has any, and the length and the text of each
// element, with a blank between all of them (CServerPath of FileZilla's engine).
// ok is false if the path is not of a kind with slashes or is none at all.
func filezillaPath(text string) (path string, ok bool) {
	if text == "" {
		return "", true
	}
	kind, rest, _ := strings.Cut(text, " ")
	switch kind {
	case "0", "1", "9", "10": // default, UNIX, Cygwin, DOS with slashes
	default:
		return "", false
	}
	prefix, rest, _ := strings.Cut(rest, " ")
	if prefix != "0" {
		return "", false
	}
	// Lengths are in the characters of the system FileZilla ran on: UTF-16 on
	// Windows, whole ones elsewhere.
	for _, width := range []func(rune) int{func(rune) int { return 1 }, utf16.RuneLen} {
		if path, ok := filezillaElements(rest, width); ok {
			return path, true
		}
	}
	return "", false
}

func filezillaElements(text string, width func(rune) int) (path string, ok bool) {
	for text != "" {
		digits, rest, _ := strings.Cut(text, " ")
		length, err := strconv.Atoi(digits)
		if err != nil || length < 1 {
			return "", false
		}
		end := len(rest)
		for i, r := range rest {
			if length <= 0 {
				end = i
				break
			}
			length -= width(r)
		}
		element := rest[:end]
		if length != 0 || strings.Contains(element, "/") {
			return "", false
		}
		text = rest[end:]
		if text != "" {
			if text, ok = strings.CutPrefix(text, " "); !ok || text == "" {
				return "", false
			}
		}
		path += "/" + element
	}
	return path, true
}
