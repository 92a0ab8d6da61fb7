package rsexec

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// touchEvent is a file that TOUCH made, or whose modified time it set.
type touchEvent struct {
	Event    string `json:"event"` // "touch"
	Pathname string `json:"pathname"`
	Modified string `json:"modified,omitempty"` // RFC 3339; none of a file made now, as its site's clock says
	Made     bool   `json:"made"`
}

func (e touchEvent) text() string {
	line := "TOUCH " + e.Pathname
	if e.Made {
		line += ": made"
	}
	if e.Modified != "" {
		line += ": modified " + e.Modified
	}
	return line + "\n"
}

// touch performs TOUCH (FILE) f,... [--time=TIME].
func (x *Executive) touch(ctx context.Context, st *grammar.Statement) error {
	at := time.Now()
	typed, given := st.Option("time")
	if given {
		var err error
		if at, err = parseTime(typed); err != nil {
			return named(st, err)
		}
	}
	_, all := st.Option("all")
	return x.eachPlace(ctx, st, func(name string) ([]resolver.Place, error) { return x.touched(ctx, st, name, all) }, func(p resolver.Place) error {
		e := touchEvent{Event: "touch", Pathname: p.Pathname.String(), Made: p.Err != nil}
		if e.Made {
			if err := x.makeEmpty(ctx, p); err != nil {
				return named(st, err)
			}
			p.Entry = sites.Entry{Type: sites.File, Size: 0}
		}
		if !e.Made || given {
			if err := setModified(ctx, p, at); err != nil {
				return sites.During(st.Verb.Name, p.Pathname, err)
			}
			p.Entry.Modified, p.Entry.Coarse = at, false
			e.Modified = at.UTC().Format(time.RFC3339)
			x.made(p.Pathname, p.Entry)
		}
		return x.printer.print(e)
	})
}

// touched returns the places that a name means: where it is, or where it is to be
// made, with NotFound as its Err.
func (x *Executive) touched(ctx context.Context, st *grammar.Statement, typed string, all bool) ([]resolver.Place, error) {
	res, err := x.resolver.Look(ctx, typed)
	if err != nil {
		return nil, named(st, err)
	}
	if len(res.Found()) > 0 {
		return x.imagesAmong(ctx, st, typed, res, "Touch", all)
	}
	if res, err = x.resolver.Target(ctx, res); err != nil {
		return nil, named(st, err)
	}
	if strings.HasSuffix(typed, "/") {
		return nil, &sites.Error{Op: st.Verb.Name, Site: res.Pathname.Site, Path: res.Pathname.Path, Kind: sites.Usage,
			Msg: "it is the name of a directory, and there is none", Hint: "CREATE makes one"}
	}
	return []resolver.Place{res.Place}, nil
}

// makeEmpty makes an empty file. It appends nothing to it, which destroys nothing
// if somebody else has made the file meanwhile.
func (x *Executive) makeEmpty(ctx context.Context, p resolver.Place) error {
	w, err := p.Site.Store(ctx, p.Pathname.Path, sites.Append)
	if err != nil {
		return err
	}
	if err := w.Commit(); err != nil {
		return err
	}
	x.made(p.Pathname, sites.Entry{Type: sites.File, Size: -1})
	return nil
}

// setModified sets the modified time of a file.
func setModified(ctx context.Context, p resolver.Place, at time.Time) error {
	site, ok := p.Site.(sites.Toucher)
	if !ok {
		return &sites.Error{Kind: sites.Unsupported, Msg: "this kind of site has no way to set a time"}
	}
	err := site.SetModified(ctx, p.Pathname.Path, at)
	if e, ok := err.(*sites.Error); ok && p.Err != nil && e.Hint == "" {
		c := *e
		c.Hint = "the file itself was made"
		return &c
	}
	return err
}

// timeForms are those that --time takes. What says no zone is in that of this host.
var timeForms = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"}

// parseTime reads a time (RFC 3339 section 5.6, or the forms without a zone).
func parseTime(typed string) (time.Time, error) {
	for _, form := range timeForms {
		at, err := time.ParseInLocation(form, strings.ToUpper(typed), time.Local)
		if year := at.UTC().Year(); err == nil && year > 0 && year <= 9999 {
			return at, nil
		}
	}
	return time.Time{}, &sites.Error{Kind: sites.Usage, Msg: fmt.Sprintf("the time %s cannot be read", sites.Printable(strconv.Quote(typed))),
		Hint: "write 2026-11-21T08:00:00Z, or 2026-11-21 or 2026-11-21T08:00 in the time of this host"}
}
