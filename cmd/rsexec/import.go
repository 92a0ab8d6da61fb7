package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"rsexec/rsexec"
	"rsexec/sites"
	"rsexec/sites/profile"
)

// importCommand adds to the profile the sites that another program keeps.
type importCommand struct {
	Program string `arg:"" enum:"filezilla,lftp,netrc,rclone" help:"Whose sites: filezilla (sitemanager.xml), lftp (bookmarks), netrc or rclone (rclone.conf)."`
	File    string `arg:"" optional:"" help:"The program's file, if it is not where the program keeps it; - is standard input."`
	DryRun  bool   `help:"Say what would be written and write nothing."`
}

// importEvent tells what became of one site of the other program.
type importEvent struct {
	Event  string `json:"event"`
	From   string `json:"from"`           // its name there
	Site   string `json:"site,omitempty"` // its name here
	URL    string `json:"url,omitempty"`  // as it is there, without the password
	Result string `json:"result"`         // one of the results below
	Note   string `json:"note,omitempty"` // what is not as it was there, or why it was skipped
}

// The results of an import.
const (
	importWritten = "written"
	importPlanned = "would be written"
	importExists  = "exists, left as it is"
	importSkipped = "skipped"
)

func (e importEvent) text() string {
	from, note := sites.Printable(e.From), sites.Printable(e.Note)
	if e.Result == importSkipped {
		return fmt.Sprintf("%s %s: %s", from, e.Result, note)
	}
	if note != "" {
		from += "; " + note
	}
	if e.Result == importExists {
		return fmt.Sprintf("%s %s (%s)", e.Site, e.Result, from)
	}
	return fmt.Sprintf("%s %s: %s (%s)", e.Site, e.Result, sites.Printable(e.URL), from)
}

// Run is called by kong.
func (m *importCommand) Run(c *cli, std streams, status *int) error {
	dir := c.Profile
	if dir == "" {
		var err error
		if dir, err = profile.DefaultDir(); err != nil {
			return err
		}
	}
	imported, err := m.read(std.in)
	if err != nil {
		return err
	}
	for _, site := range imported {
		e := importEvent{Event: "import", From: site.From, Result: importSkipped}
		if err = site.Problem; err == nil {
			e.Site, e.URL, e.Note = site.Config.Name, site.Config.String(), site.Note
			e.Result, err = m.write(dir, site.Config)
		}
		if err != nil {
			e.Note = sites.Masked(err.Error())
			*status = rsexec.StatusSome
		}
		if err := e.print(std.out, c.JSON); err != nil {
			return err
		}
	}
	return nil
}

// read reads the other program's file.
func (m *importCommand) read(in io.Reader) ([]profile.Imported, error) {
	importers := profile.Importers()
	importer := importers[slices.IndexFunc(importers, func(i profile.Importer) bool { return i.Name == m.Program })]
	if m.File == "-" {
		imported, err := importer.Read(in)
		return imported, sites.During("import", sites.Pathname{Path: "-"}, err)
	}
	file := m.File
	if file == "" {
		var err error
		if file, err = importer.File(); err != nil {
			return nil, err
		}
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, &sites.Error{Op: "import", Kind: sites.Usage, Err: err}
	}
	defer f.Close() // it was only read
	imported, err := importer.Read(f)
	return imported, sites.During("import", sites.Pathname{Path: file}, err)
}

// write adds the site to the profile unless that has one of its name.
func (m *importCommand) write(dir string, c sites.Config) (result string, err error) {
	if m.DryRun {
		_, err = profile.SiteFile(dir, c.Name)
		switch {
		case err == nil:
			return importExists, nil
		case sites.KindOf(err) == sites.NotFound:
			return importPlanned, nil
		}
		return importSkipped, err
	}
	err = profile.AddSite(dir, c)
	switch {
	case err == nil:
		return importWritten, nil
	case sites.KindOf(err) == sites.Conflict:
		return importExists, nil
	}
	return importSkipped, err
}

func (e importEvent) print(out io.Writer, asJSON bool) error {
	line := e.text()
	if asJSON {
		b, err := json.Marshal(e)
		if err != nil {
			return err
		}
		line = string(b)
	}
	if _, err := fmt.Fprintln(out, line); err != nil {
		return &sites.Error{Op: "write the result", Kind: sites.Other, Err: err}
	}
	return nil
}
