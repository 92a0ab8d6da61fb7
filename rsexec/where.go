package rsexec

import (
	"context"
	"fmt"
	"strings"

	"rsexec/grammar"
	"rsexec/resolver"
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
	Chosen   bool   `json:"chosen,omitempty"`
	Why      string `json:"why,omitempty"` // it was chosen among several
}

func (e whereEvent) text() string {
	chosen := ""
	if e.Chosen {
		chosen = "  <- this one: " + e.Why
	}
	switch {
	case e.Found && e.Size != nil:
		return fmt.Sprintf("%s  %d bytes%s\n", e.Pathname, *e.Size, chosen)
	case e.Found:
		return e.Pathname + chosen + "\n"
	case e.Heard:
		return fmt.Sprintf("%s  no\n", e.Pathname)
	}
	return fmt.Sprintf("%s  not heard: %s\n", e.Pathname, e.Reason)
}

// where performs WHERE (IS FILE) f: it tells each place that was looked at and
// what was there.
func (x *Executive) where(ctx context.Context, st *grammar.Statement) error {
	typed := st.Operand(0).Pattern()
	res, err := x.resolver.Look(ctx, typed)
	if err != nil {
		return named(st, err)
	}
	// What would be chosen without asking anybody.
	quiet := x.resolver
	quiet.Choose = nil
	settled, ambiguous := quiet.Settle(ctx, res)
	for _, p := range res.Searched {
		e := whereEvent{Event: "where", Pathname: p.Pathname.String(), Found: p.Err == nil, Heard: true}
		switch {
		case p.Err == nil:
			if p.Entry.Size >= 0 {
				e.Size = &p.Entry.Size
			}
			e.Chosen = ambiguous == nil && settled.Why != "" && p.Pathname == settled.Pathname
			if e.Chosen {
				e.Why = settled.Why
			}
		case sites.KindOf(p.Err) != sites.NotFound:
			e.Heard, e.Reason = false, p.Err.Error()
		}
		if err := x.printer.print(e); err != nil {
			return err
		}
	}
	if len(res.Found()) > 1 && ambiguous != nil {
		x.printer.notice(ambiguous.Error())
	}
	if len(res.Found()) > 0 {
		return nil
	}
	kind, msg := sites.NotFound, "found nowhere"
	if n := len(res.Unheard()); n > 0 {
		kind, msg = sites.Unreachable, fmt.Sprintf("not found, but %d of %d places could not be asked", n, len(res.Searched))
	}
	return &sites.Error{Op: st.Verb.Name, Path: resolver.WithoutPassword(strings.TrimSpace(typed)), Kind: kind, Msg: msg}
}
