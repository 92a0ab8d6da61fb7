package profile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mitchellh/go-homedir"

	"rsexec/sites"
)

// Imported is one site that another program keeps.
type Imported struct {
	From    string       // its name there, as it is spelled there
	Config  sites.Config // under a name that no other of the same file has; if Problem is nil
	Note    string       // what of it could not be taken over, in words; or ""
	Problem error        // why it is no site here, for a line that begins with From; an *sites.Error
}

// Importer reads the sites that another program keeps.
type Importer struct {
	Name string // of the program, in small letters

	// Read reads the program's file. An error, an *sites.Error, says that it is
	// no such file; what is wrong with a single site is said there.
	Read func(r io.Reader) ([]Imported, error)

	files []string // where the program keeps it, in the order in which it looks
}

// Importers returns all importers, sorted by name. The files are those that
// the programs' own documentation gives for the various systems; where the
// environment has no such variable, there is no such file.
func Importers() []Importer {
	return []Importer{
		{"filezilla", readFilezilla, []string{"$XDG_CONFIG_HOME/filezilla/sitemanager.xml", "~/.config/filezilla/sitemanager.xml",
			"$APPDATA/FileZilla/sitemanager.xml", "~/.filezilla/sitemanager.xml"}},
		{"lftp", readLftp, []string{"$LFTP_HOME/bookmarks", "~/.lftp/bookmarks", "$XDG_DATA_HOME/lftp/bookmarks",
			"~/.local/share/lftp/bookmarks"}},
		{"netrc", readNetrc, []string{"$NETRC", "~/.netrc", "~/_netrc"}},
		{"rclone", readRclone, []string{"$RCLONE_CONFIG", "$APPDATA/rclone/rclone.conf", "$XDG_CONFIG_HOME/rclone/rclone.conf",
			"~/.config/rclone/rclone.conf", "~/.rclone.conf"}},
	}
}

// File returns the file that the program keeps its sites in. The error is of
// kind NotFound and names where it was looked for.
func (i Importer) File() (string, error) {
	var looked []string
	for _, place := range i.files {
		set := true
		file := os.Expand(place, func(name string) string {
			value := os.Getenv(name)
			set = set && value != ""
			return value
		})
		file, err := homedir.Expand(filepath.FromSlash(file))
		if !set || err != nil {
			continue // without the folder there is no file in it
		}
		switch _, err := os.Stat(file); {
		case err == nil:
			return file, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", &sites.Error{Op: "import " + i.Name, Kind: sites.Other, Err: err}
		}
		looked = append(looked, file)
	}
	return "", &sites.Error{Op: "import " + i.Name, Kind: sites.NotFound,
		Msg: "there is no " + strings.Join(looked, " and no "), Hint: "name the file"}
}

// draft is a site as an importer found it.
type draft struct {
	from     string
	name     string          // what to call it, if it can be called that
	settings []sites.Setting // in an order for sites.NewConfig
	note     string
	problem  error
}

// set adds a setting if the value says anything.
func (d *draft) set(option, value string) {
	if value != "" {
		d.settings = append(d.settings, sites.Setting{Option: option, Value: value})
	}
}

// noteThat adds to what could not be taken over.
func (d *draft) noteThat(format string, args ...any) {
	if d.note != "" {
		d.note += "; "
	}
	d.note += fmt.Sprintf(format, args...)
}

// skip says why the draft is no site; the first reason holds.
func (d *draft) skip(format string, args ...any) {
	if d.problem == nil {
		d.problem = &sites.Error{Kind: sites.Unsupported, Msg: fmt.Sprintf(format, args...)}
	}
}

// finish makes the sites of the drafts and gives each its name.
func finish(drafts []draft) []Imported {
	imported := make([]Imported, len(drafts))
	taken := make(map[string]bool)
	for i, d := range drafts {
		m := Imported{From: d.from, Note: d.note, Problem: d.problem}
		if m.Problem == nil {
			m.Config, m.Problem = sites.NewConfig("UNNAMED", d.settings...)
		}
		if m.Problem == nil && m.Config.Host == "" {
			m.Problem = &sites.Error{Kind: sites.Usage, Msg: "it has no host"}
		}
		if m.Problem == nil {
			m.Config.Name = nameFor(d.name, taken)
		} else {
			m.Config = sites.Config{}
		}
		imported[i] = m
	}
	return imported
}

// nameFor returns a name that keeps the rules of sites.CheckName, is not taken
// yet, and is as near to the one given as can be.
func nameFor(name string, taken map[string]bool) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToUpper(name) {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '.' {
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			b.WriteRune(r)
			dash = false
		} else {
			dash = true
		}
	}
	const most = 60 // which leaves room for a number
	name = b.String()
	name = name[:min(len(name), most)]
	if sites.CheckName(name) != nil {
		name = strings.TrimSuffix("SITE-"+name, "-")
		name = name[:min(len(name), most)]
	}
	unique := name
	for n := 2; taken[unique]; n++ {
		unique = fmt.Sprintf("%s-%d", name, n)
	}
	taken[unique] = true
	return unique
}
