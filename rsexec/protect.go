package rsexec

import (
	"context"
	"fmt"
	"io/fs"
	"strconv"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// protectEvent is a file whose mode was set.
type protectEvent struct {
	Event    string `json:"event"` // "protect"
	Pathname string `json:"pathname"`
	Mode     string `json:"mode"` // in octal, as it was typed
}

func (e protectEvent) text() string { return fmt.Sprintf("PROTECT %s to %s\n", e.Pathname, e.Mode) }

// protect performs PROTECT (FILE) f,... (TO MODE) mode.
func (x *Executive) protect(ctx context.Context, st *grammar.Statement) error {
	typed := st.Operand(1).Value()
	mode, err := parseMode(typed)
	if err != nil {
		return named(st, err)
	}
	return x.eachImage(ctx, st, "Protect", func(p resolver.Place) error {
		site, ok := p.Site.(sites.Protector)
		if !ok {
			return &sites.Error{Op: st.Verb.Name, Site: p.Pathname.Site, Path: p.Pathname.Path, Kind: sites.Unsupported,
				Msg: "this kind of site keeps no permissions"}
		}
		if err := site.Protect(ctx, p.Pathname.Path, mode); err != nil {
			return named(st, err)
		}
		return x.printer.print(protectEvent{"protect", p.Pathname.String(), typed})
	})
}

// parseMode reads a mode of three or four octal digits.
func parseMode(typed string) (fs.FileMode, error) {
	n, err := strconv.ParseUint(typed, 8, 12)
	if err != nil || len(typed) < 3 || len(typed) > 4 {
		return 0, &sites.Error{Kind: sites.Usage, Msg: fmt.Sprintf("the mode %s is not three or four octal digits", sites.Printable(strconv.Quote(typed))),
			Hint: "for example 644: the owner may read and write, all others read"}
	}
	mode := fs.FileMode(n & 0o777)
	for _, bit := range []struct {
		octal uint64
		mode  fs.FileMode
	}{{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky}} {
		if n&bit.octal != 0 {
			mode |= bit.mode
		}
	}
	return mode, nil
}
