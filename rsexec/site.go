package rsexec

import (
	"context"
	"strings"

	"rsexec/grammar"
	"rsexec/sites"
	"rsexec/sites/ftp"
	"rsexec/sites/profile"
)

// site performs SITE (ACTION) ADD|REMOVE|SHOW|TEST (NAME) name [(URL) url].
func (x *Executive) site(ctx context.Context, st *grammar.Statement) error {
	name := strings.ToUpper(strings.TrimSuffix(st.Operand(1).Value(), ":"))
	action := strings.ToUpper(st.Operand(0).Value())
	switch action {
	case "ADD":
		return named(st, x.addSite(name, st.Operand(2).Value()))
	case "REMOVE":
		return named(st, x.removeSite(name))
	}
	s, ok := x.network.Site(name)
	f, remote := s.(*ftp.Site)
	if !ok || !remote {
		return &sites.Error{Op: st.Verb.Name, Site: name, Kind: sites.NotFound, Msg: "no such site", Hint: "SITES lists them"}
	}
	if action == "SHOW" {
		return x.printer.print(siteShown{Event: "siteurl", Name: name, URL: f.Config().String()})
	}
	e, err := look(ctx, f)
	x.network.tested(name, err)
	if err != nil {
		return named(st, err)
	}
	return x.printer.print(e)
}

// siteShown is the configuration of a site, without its password.
type siteShown struct {
	Event string `json:"event"` // "siteurl"
	Name  string `json:"name"`
	URL   string `json:"url"`
}

func (e siteShown) text() string { return e.Name + "  " + e.URL + "\n" }

// addSite adds a site to the network, and to the profile if there is one.
func (x *Executive) addSite(name, url string) error {
	c, err := sites.ParseURL(name, url, x.options.Defaults...)
	if err != nil {
		return err
	}
	if _, ok := x.resolver.Logical[c.Name]; ok {
		return &sites.Error{Site: c.Name, Kind: sites.Usage, Msg: "it is a logical name", Hint: "UNDEFINE it first"}
	}
	if err := x.network.add(c); err != nil {
		return err
	}
	if x.options.Profile == "" {
		x.printer.notice(c.Name + " is known until the shell ends")
		return nil
	}
	if err := profile.AddSite(x.options.Profile, c); err != nil {
		x.network.remove(c.Name) // it was added a moment ago, and has no session
		return err
	}
	x.printer.notice(c.Name + " is in the profile " + x.options.Profile)
	return nil
}

// removeSite removes a site from the network, and from the profile if it is
// there.
func (x *Executive) removeSite(name string) error {
	if err := x.network.remove(name); err != nil {
		return err
	}
	if x.resolver.Working.Site == name {
		x.resolver.Working = sites.Pathname{}
	}
	if x.options.Profile == "" {
		return nil
	}
	err := profile.RemoveSite(x.options.Profile, name)
	if sites.KindOf(err) == sites.NotFound {
		return nil // it was named for this run only
	}
	return err
}
