package rsexec

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/rsexec/transfer"
	"rsexec/sites"
)

// digestAlgorithm is a way to compute a digest.
type digestAlgorithm struct {
	name string // as the option has it
	transfer.Algorithm
}

// digestAlgorithms returns those known, the default first.
func digestAlgorithms() []digestAlgorithm {
	var list []digestAlgorithm
	for _, a := range transfer.Algorithms() {
		list = append(list, digestAlgorithm{strings.ToLower(strings.ReplaceAll(a.Name, "-", "")), a})
	}
	return list
}

// digester is a site that computes digests of its files.
type digester interface {
	Meet(ctx context.Context) error
	Digests() []string // the algorithms, after Meet
	Digest(ctx context.Context, path, algorithm string) (string, error)
}

// digestEvent is the digest of one file.
type digestEvent struct {
	Event     string `json:"event"` // "digest"
	Pathname  string `json:"pathname"`
	Algorithm string `json:"algorithm"`
	Digest    string `json:"digest"`
	By        string `json:"by"` // "site" or "read"
}

func (e digestEvent) text() string {
	by := "by the site"
	if e.By == "read" {
		by = "read here"
	}
	return fmt.Sprintf("%s  %s  (%s, %s)\n", e.Digest, e.Pathname, e.Algorithm, by)
}

// digest performs DIGEST (OF FILES) f,... [--algorithm=NAME].
func (x *Executive) digest(ctx context.Context, st *grammar.Statement) error {
	list := digestAlgorithms()
	algorithm := list[0]
	if name, given := st.Option("algorithm"); given {
		// The name is one of the table's: the option has no others.
		algorithm = list[slices.IndexFunc(list, func(a digestAlgorithm) bool { return a.name == name })]
	}
	return x.each(ctx, st, st.List(0), func(p resolver.Place) error {
		if p.Entry.Type == sites.Directory {
			return &sites.Error{Op: st.Verb.Name, Site: p.Pathname.Site, Path: p.Pathname.Path, Kind: sites.Usage, Msg: "it is a directory"}
		}
		sum, by, err := x.digestOne(ctx, p, algorithm)
		if err != nil {
			return sites.During(st.Verb.Name, p.Pathname, err)
		}
		return x.printer.print(digestEvent{"digest", p.Pathname.String(), algorithm.name, sum, by})
	})
}

// digestOne returns the digest that the site computes, or else, where it does not
// list the algorithm or refuses it, that of what is read.
func (x *Executive) digestOne(ctx context.Context, p resolver.Place, a digestAlgorithm) (sum, by string, err error) {
	if d, ok := p.Site.(digester); ok {
		if err := d.Meet(ctx); err != nil {
			return "", "", err
		}
		if slices.Contains(d.Digests(), a.Name) {
			sum, err := d.Digest(ctx, p.Pathname.Path, a.Name)
			switch sites.KindOf(err) {
			case sites.Unsupported, sites.Refused, sites.Permission, sites.Protocol:
				x.printer.notice(err.Error() + "; it is read here")
			default:
				return sum, "site", err
			}
		}
	}
	sum, err = transfer.ReadDigest(ctx, p.Site, p.Pathname, 0, a.Algorithm)
	return sum, "read", err
}
