// Package profile is what a person has written down about sites: a folder with
// profile.toml and one sites/NAME.toml for each site, and the importers that
// fill it from what other programs keep.
//
// In profile.toml stand
//
//	ambiguous = "first"                       # or "ask"
//
//	[defaults]                                # options of a site's URL, for sites that do not say otherwise
//	max-sessions = 2
//
//	[define]                                  # logical names and their search lists
//	SYS = ["SITE1:/sys", "SITE2:/sys"]
//
// and in sites/SITE1.toml any options of the site, with url in place of those
// that are parts of a URL:
//
//	host = "ftp.example.com"                  # or url = "ftp://ann@ftp.example.com:2121/pub"
//	port = 2121
//	user = "ann"
//	home = "/pub"
//	password-command = "pass show ftp"        # or password = "...", in a file that is its owner's alone
//	passive = false                           # or "no"
//
// Invariants:
//
//   - A site is added as a new file and removed as a whole file. No file that exists is
//     ever written, but for the certificate that the person trusts from now on: the
//     site's file takes a line more for it.
//   - A file that holds a password is used only if its owner alone may read it.
//   - A site file that cannot be used takes no other site with it; a
//     profile.toml that cannot be used takes all with it, because its defaults
//     may be what makes a site safe.
//   - A password is never part of an error.
package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mitchellh/go-homedir"

	"rsexec/sites"
)

// Ambiguous says what is to be done about a name that means several files.
type Ambiguous string

// The values of "ambiguous" in profile.toml.
const (
	Ask   Ambiguous = "ask"   // the person chooses; a script fails
	First Ambiguous = "first" // the order of the search list decides
)

// Profile is what was read from a folder.
type Profile struct {
	Dir       string
	Ambiguous Ambiguous       // Ask if profile.toml does not say
	Defaults  []sites.Setting // of sites that do not say otherwise; Sites have them already
	Define    []Definition    // in the order of profile.toml
	Sites     []sites.Config  // sorted by name
	Problems  []error         // what was passed over, and why; each an *sites.Error
}

// Definition is a logical name.
type Definition struct {
	Name string   // in capitals; as a site's name
	List []string // directories, as they were typed
}

// DefaultDir returns the folder of the profile where none is named: rsexec in
// XDG_CONFIG_HOME, or else in ~/.config.
func DefaultDir() (string, error) {
	if config := os.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(config) {
		return filepath.Join(config, "rsexec"), nil
	}
	home, err := homedir.Dir()
	if err != nil {
		return "", &sites.Error{Op: "find the profile", Kind: sites.NotFound, Msg: "the home folder is not known",
			Hint: "name the profile with --profile DIR", Err: err}
	}
	return filepath.Join(home, ".config", "rsexec"), nil
}

// Load reads the profile in a folder. A folder or file that does not exist is
// as good as an empty one. The error is of kind Usage, and names file and line,
// if profile.toml cannot be used; site files that cannot be used are told in
// Problems.
func Load(dir string) (*Profile, error) {
	p := &Profile{Dir: dir, Ambiguous: Ask}
	doc, err := readDocument(filepath.Join(dir, "profile.toml"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := p.read(doc); err != nil {
			return nil, err
		}
	}
	files, err := siteFiles(dir)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		c, err := readSite(file, p.Defaults)
		switch {
		case err != nil:
			p.Problems = append(p.Problems, err)
		case p.has(c.Name):
			p.Problems = append(p.Problems, &sites.Error{Op: "read", Path: file, Kind: sites.Conflict,
				Msg: "another file is for " + c.Name + " too", Hint: "remove one of them"})
		case c.Name != "":
			p.Sites = append(p.Sites, c)
		}
	}
	slices.SortFunc(p.Sites, func(a, b sites.Config) int { return strings.Compare(a.Name, b.Name) })
	p.Define = slices.DeleteFunc(p.Define, func(d Definition) bool {
		if p.has(d.Name) {
			p.Problems = append(p.Problems, &sites.Error{Op: "read", Path: doc.file, Kind: sites.Conflict,
				Msg: d.Name + " is a site, so it cannot be a logical name", Hint: "give one of them another name"})
		}
		return p.has(d.Name)
	})
	return p, nil
}

func (p *Profile) has(name string) bool {
	return slices.ContainsFunc(p.Sites, func(c sites.Config) bool { return c.Name == name })
}

// read takes over what profile.toml says.
func (p *Profile) read(doc document) error {
	scratch, err := sites.NewConfig("DEFAULTS")
	if err != nil {
		return err
	}
	for _, e := range doc.entries {
		_, isTable := e.value.(map[string]any)
		var err error
		switch section, n := e.key[0], len(e.key); {
		case section == "ambiguous" && n == 1:
			err = p.setAmbiguous(e.value)
		case (section == "defaults" || section == "define") && n == 1:
			if !isTable {
				err = errors.New("expected a table, [" + section + "]")
			}
		case section == "defaults" && n == 2:
			err = p.setDefault(&scratch, e.key[1], e.value)
		case section == "define" && n == 2 && !isTable:
			err = p.define(e.key[1], e.value)
			if err == nil && !doc.private && slices.ContainsFunc(p.Define[len(p.Define)-1].List, hasPassword) {
				err = openToOthers(doc.file)
			}
		case section == "define":
			err = errors.New("a name with a dot in it is written in quotes")
		default:
			err = fmt.Errorf("no key %s; there are ambiguous, [defaults] and [define]", sites.Printable(strings.Join(e.key, ".")))
		}
		if err != nil {
			return doc.at(e.line, err)
		}
	}
	return nil
}

func (p *Profile) setAmbiguous(value any) error {
	if value != string(Ask) && value != string(First) {
		return fmt.Errorf("ambiguous: expected %q or %q", Ask, First)
	}
	p.Ambiguous = Ambiguous(value.(string))
	return nil
}

func hasPassword(url string) bool {
	_, ok := sites.PasswordIn(url)
	return ok
}

// setDefault takes an option that may stand in a site's URL; scratch is a site
// to try it on.
func (p *Profile) setDefault(scratch *sites.Config, name string, value any) error {
	i := slices.IndexFunc(sites.Options(), func(o sites.Option) bool { return o.Name == name && !o.Part })
	if i < 0 {
		return fmt.Errorf("no option %s; there are %s", sites.Printable(name), strings.Join(sites.OptionNames(), ", "))
	}
	text, err := scalar(sites.Options()[i], value, p.Dir)
	if err != nil {
		return err
	}
	p.Defaults = append(p.Defaults, sites.Setting{Option: name, Value: text})
	return scratch.Set(name, text)
}

func (p *Profile) define(name string, value any) error {
	if err := sites.CheckName(name); err != nil {
		return err
	}
	d := Definition{Name: strings.ToUpper(name)}
	list, _ := value.([]any)
	for _, v := range list {
		if text, ok := v.(string); ok && text != "" {
			d.List = append(d.List, text)
		}
	}
	if len(d.List) == 0 || len(d.List) < len(list) {
		return fmt.Errorf(`%s: expected a list of directories such as ["SITE1:/sys", "SITE2:/sys"]`, d.Name)
	}
	if slices.ContainsFunc(p.Define, func(other Definition) bool { return other.Name == d.Name }) {
		return fmt.Errorf("%s is defined twice", d.Name)
	}
	p.Define = append(p.Define, d)
	return nil
}
