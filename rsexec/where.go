package rsexec

import (
	"context"
	"fmt"
	"strings"

	"rsexec/grammar"
	"rsexec/sites"
)

// whereEvent is one place that WHERE looked at.
type whereEvent struct {
	Event    string `json:"event"` // "where"
	Pathname string `json:"pathname"`
	Found    bool   `json:"found"`
	Heard    bool   `json:"heard"`
	Size     *int64 `json:"size,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

func (e whereEvent) text() string {
	switch {
	case e.Found && e.Size != nil:
		return fmt.Sprintf("%s  %d bytes\n", e.Pathname, *e.Size)
	case e.Found:
		return e.Pathname + "\n"
	case e.Heard:
		return fmt.Sprintf("%s  no\n", e.Pathname)
	}
	return fmt.Sprintf("%s  not heard: %s\n", e.Pathname, e.Reason)
}

// where performs WHERE (IS FILE) f: it tells each place that was looked at and
// what was there.
func (x *Executive) where(ctx context.Context, st *grammar.Statement) error {
	typed := st.Operand(0).Value()
	res, err := x.resolver.Look(ctx, typed)
	if err != nil {
		return named(st, err)
	}
	for _, p := range res.Searched {
		e := whereEvent{Event: "where", Pathname: p.Pathname.String(), Found: p.Err == nil, Heard: true}
		switch {
		case p.Err == nil:
			if p.Entry.Size >= 0 {
				e.Size = &p.Entry.Size
			}
		case sites.KindOf(p.Err) != sites.NotFound:
			e.Heard, e.Reason = false, p.Err.Error()
		}
		if err := x.printer.print(e); err != nil {
			return err
		}
	}
	if len(res.Found()) > 0 {
		return nil
	}
	kind, msg := sites.NotFound, "found nowhere"
	if n := len(res.Unheard()); n > 0 {
		kind, msg = sites.Unreachable, fmt.Sprintf("not found, but %d of %d places could not be asked", n, len(res.Searched))
	}
	return &sites.Error{Op: st.Verb.Name, Path: strings.TrimSpace(typed), Kind: kind, Msg: msg}
}
