package rsexec

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mitchellh/go-homedir"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// lcd performs LCD [(TO FOLDER) d]: d is where relative names of this host start
// from, from now on. The working directory of the process stays.
func (x *Executive) lcd(ctx context.Context, st *grammar.Statement) error {
	here, _ := x.network.Site(sites.LocalName) // always there
	if len(st.List(0)) == 0 {
		home, err := here.Home(ctx)
		if err != nil {
			return named(st, err)
		}
		return x.printer.print(textEvent{"text", sites.Pathname{Site: sites.LocalName, Path: home}.String() + "\n"})
	}
	w, err := x.localWord(st.Operand(0))
	if err != nil {
		return named(st, err)
	}
	res, err := x.resolver.Again(ctx, w.Pattern())
	if err != nil {
		return named(st, err)
	}
	if res.Entry.Type != sites.Directory {
		return &sites.Error{Op: st.Verb.Name, Site: res.Pathname.Site, Path: res.Pathname.Path, Kind: sites.Usage, Msg: "it is no directory"}
	}
	x.network.workIn(res.Pathname.Path)
	return nil
}

// localWords is localWord for every word of a list.
func (x *Executive) localWords(list []grammar.Word) ([]grammar.Word, error) {
	list = slices.Clone(list)
	for i, w := range list {
		var err error
		if list[i], err = x.localWord(w); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// localWord returns the pathname at LOCAL that a word stands for where a file of
// this host is wanted: x, ~/x, which is below the home folder, or LOCAL:x. One
// that names another site is an error.
func (x *Executive) localWord(w grammar.Word) (grammar.Word, error) {
	if filepath.VolumeName(w.Value()) == "" { // C:\x names no site C on Windows
		n, err := resolver.Parse(w.Pattern())
		if err != nil {
			return w, err
		}
		if n.Head == sites.LocalName {
			return w, nil
		}
		_, isSite := x.network.Site(n.Head)
		_, isLogical := x.resolver.Logical[n.Head]
		if isSite || isLogical || n.Head == resolver.DSK || strings.Contains(n.Head, "://") {
			return w, &sites.Error{Path: n.Head + ":" + n.Path, Kind: sites.Usage, Msg: "a file of this host is wanted here",
				Hint: "COPY takes files of any sites; ./ before a name that holds a colon makes it a file's"}
		}
	}
	parts := []grammar.Part{{Text: sites.LocalName + ":"}}
	rest := slices.Clone(w.Parts)
	if first := rest[0]; !first.Quoted && (w.Value() == "~" || strings.HasPrefix(w.Value(), "~/")) {
		home, err := homedir.Dir()
		if err != nil {
			return w, &sites.Error{Path: w.Value(), Kind: sites.Other, Msg: "no home folder is known", Err: err}
		}
		parts = append(parts, grammar.Part{Text: filepath.ToSlash(home), Quoted: true})
		rest[0].Text = strings.TrimPrefix(first.Text, "~")
	}
	return grammar.Word{Raw: w.Raw, Parts: append(parts, rest...), Pos: w.Pos}, nil
}
