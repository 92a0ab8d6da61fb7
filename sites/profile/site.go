package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"

	"rsexec/sites"
)

// extension ends the name of a site's file.
const extension = ".toml"

// siteFiles returns the files of a profile's sites, sorted. Others that may lie
// there, such as an editor's, are left out.
func siteFiles(dir string) ([]string, error) {
	dir = filepath.Join(dir, "sites")
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &sites.Error{Op: "read the profile", Kind: sites.Other, Err: err}
	}
	var files []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), extension) && !strings.HasPrefix(e.Name(), ".") {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, nil
}

// siteName returns the name of the site that a file is for.
func siteName(file string) string {
	return strings.ToUpper(strings.TrimSuffix(filepath.Base(file), extension))
}

// readSite reads the file of a site. An empty file is one that AddSite is about
// to fill; the Config has no name then.
func readSite(file string, defaults []sites.Setting) (sites.Config, error) {
	doc, err := readDocument(file)
	if err != nil || doc.empty {
		return sites.Config{}, err
	}
	c, err := doc.site(siteName(file), defaults)
	if err != nil {
		return sites.Config{}, err
	}
	if !doc.private && c.Password != "" && c.Password != sites.AnonymousPassword {
		return sites.Config{}, sites.During("read", sites.Pathname{Path: file}, openToOthers(file))
	}
	return c, nil
}

// openToOthers returns the error of a file with a password that others may read.
func openToOthers(file string) error {
	return &sites.Error{Kind: sites.Permission, Msg: "it holds a password and others may read it", Hint: "chmod 600 " + sites.Printable(file)}
}

// site returns the site that a document describes.
func (d *document) site(name string, defaults []sites.Setting) (sites.Config, error) {
	c, err := sites.NewConfig(name, defaults...)
	if err != nil {
		return c, d.at(1, err)
	}
	options := append([]sites.Option{{Name: "url"}}, sites.Options()...)
	said := make(map[string]entry)
	for _, e := range d.entries {
		key := strings.Join(e.key, ".")
		i := slices.IndexFunc(options, func(o sites.Option) bool { return o.Name == key })
		if i < 0 {
			var names []string
			for _, o := range options {
				names = append(names, o.Name)
			}
			return c, d.at(e.line, fmt.Errorf("no key %s; there are %s", sites.Printable(key), strings.Join(names, ", ")))
		}
		said[key] = e
	}
	for _, o := range options {
		e, ok := said[o.Name]
		if !ok {
			continue
		}
		if _, both := said["url"]; both && o.Part && o.Name != "password" {
			return c, d.at(e.line, fmt.Errorf("%s is a part of the url; remove one of them", o.Name))
		}
		value, err := scalar(o, e.value, filepath.Dir(filepath.Dir(d.file)))
		switch {
		case err != nil:
		case o.Name == "url":
			err = c.SetURL(value)
		default:
			err = c.Set(o.Name, value)
		}
		if err != nil {
			return c, d.at(e.line, err)
		}
	}
	if c.Host == "" {
		return c, d.at(1, errors.New(`no host; write host = "ftp.example.com" or url = "ftp://user@ftp.example.com/home"`))
	}
	return c, nil
}

// SiteFile returns the file of a site in the profile. The error is of kind
// NotFound if it has none.
func SiteFile(dir, name string) (string, error) {
	files, err := siteFiles(dir)
	if err != nil {
		return "", err
	}
	name = strings.ToUpper(name)
	i := slices.IndexFunc(files, func(file string) bool { return siteName(file) == name })
	if i < 0 {
		return "", &sites.Error{Site: name, Kind: sites.NotFound, Msg: "no such site in the profile", Hint: "SITES lists them"}
	}
	return files[i], nil
}

// AddSite writes the file of a new site, which only its owner may read, and the
// folders that it needs. The file is there whole or not at all. The error is of
// kind Conflict if the site has a file already, and of kind Usage if c holds
// what a file cannot.
func AddSite(dir string, c sites.Config) (err error) {
	defer func() { err = sites.During("add", sites.Pathname{Site: c.Name}, err) }()
	text, err := siteText(c)
	if err != nil {
		return err
	}
	file, err := SiteFile(dir, c.Name)
	if err == nil {
		return exists(file)
	}
	if sites.KindOf(err) != sites.NotFound {
		return err
	}
	folder := filepath.Join(dir, "sites")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	whole, err := writeBeside(folder, 0o600, text)
	if err != nil {
		return err
	}
	// The empty file holds the name against other shells; a link could not be
	// made in every kind of file system.
	file = filepath.Join(folder, strings.ToUpper(c.Name)+extension)
	name, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		err = exists(file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(whole))
	}
	err = name.Close()
	if err == nil {
		err = os.Rename(whole, file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(whole), os.Remove(file))
	}
	return nil
}

// writeBeside writes a file of another name to a folder, from where it can take the name
// of a site's file at once.
func writeBeside(folder string, mode fs.FileMode, text []byte) (name string, err error) {
	whole, err := os.CreateTemp(folder, ".site-*")
	if err != nil {
		return "", err
	}
	err = whole.Chmod(mode)
	if err == nil {
		_, err = whole.Write(text)
	}
	if err == nil {
		err = whole.Sync()
	}
	if err = errors.Join(err, whole.Close()); err != nil {
		return "", errors.Join(err, os.Remove(whole.Name()))
	}
	return whole.Name(), nil
}

func exists(file string) error {
	return &sites.Error{Kind: sites.Conflict, Msg: "there is such a site already", Hint: "it is in " + sites.Printable(file)}
}

// siteText returns what the file of a site says.
func siteText(c sites.Config) ([]byte, error) {
	settings, err := c.Settings()
	if err != nil {
		return nil, err
	}
	options := sites.Options()
	var text []byte
	for _, s := range settings {
		if !utf8.ValidString(s.Value) {
			return nil, &sites.Error{Kind: sites.Usage, Msg: s.Option + " is not UTF-8, so it cannot be kept in a file"}
		}
		var value any = s.Value
		switch options[slices.IndexFunc(options, func(o sites.Option) bool { return o.Name == s.Option })].Kind {
		case sites.Number:
			if value, err = strconv.Atoi(s.Value); err != nil {
				return nil, err
			}
		case sites.YesNo:
			value = s.Value == "yes"
		}
		line, err := toml.Marshal(map[string]any{s.Option: value})
		if err != nil {
			return nil, err
		}
		text = append(text, line...)
	}
	doc, err := parseDocument("", text)
	if err == nil {
		_, err = doc.site(c.Name, nil)
	}
	return text, err
}

// PinSite adds the SHA-256 of a certificate to the file of a site, as the one that the
// site has to show from now on. The file is changed whole or not at all. The error is of
// kind NotFound if the profile has none, and of kind Conflict if it names one already.
func PinSite(dir, name, pin string) (err error) {
	defer func() { err = sites.During("pin", sites.Pathname{Site: strings.ToUpper(name)}, err) }()
	file, err := SiteFile(dir, name)
	if err != nil {
		return err
	}
	c, err := readSite(file, nil)
	if err != nil {
		return err
	}
	if c.TLSPin != "" {
		return &sites.Error{Kind: sites.Conflict, Msg: "its file names a certificate already", Hint: "it is in " + sites.Printable(file)}
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		text = append(text, '\n')
	}
	text = fmt.Appendf(text, "tls-pin = %q\n", pin)
	doc, err := parseDocument(file, text)
	if err == nil {
		_, err = doc.site(c.Name, nil)
	}
	if err != nil {
		return err
	}
	whole, err := writeBeside(filepath.Dir(file), info.Mode().Perm(), text)
	if err != nil {
		return err
	}
	if err := os.Rename(whole, file); err != nil {
		return errors.Join(err, os.Remove(whole))
	}
	return nil
}

// RemoveSite removes the file of a site. The error is of kind NotFound if the
// profile has none.
func RemoveSite(dir, name string) error {
	file, err := SiteFile(dir, name)
	if err == nil {
		err = os.Remove(file)
	}
	return sites.During("remove", sites.Pathname{Site: strings.ToUpper(name)}, err)
}
