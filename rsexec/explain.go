package rsexec

import (
	"context"
	"fmt"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// planEvent is the plan of one transfer.
type planEvent struct {
	Event       string   `json:"event"` // "plan"
	Verb        string   `json:"verb"`
	Source      string   `json:"source"`
	Destination string   `json:"destination"`
	Ladder      []string `json:"ladder"` // choreographies, in the order in which they are tried

	shown string
}

func (e planEvent) text() string { return e.shown }

// explain performs EXPLAIN (COMMAND) statement: the plan, and nothing is done.
func (x *Executive) explain(ctx context.Context, st *grammar.Statement) error {
	return x.explainOne(ctx, st.Inner)
}

func (x *Executive) explainOne(ctx context.Context, inner *grammar.Statement) error {
	switch inner.Verb.Name {
	case "APPEND", "COPY", "GET", "MIRROR", "MOVE", "PUT":
	default:
		return x.explainNames(ctx, inner)
	}
	sources, dests, err := x.ends(inner)
	if err != nil {
		return named(inner, err)
	}
	_, recursive := inner.Option("recursive")
	recursive = recursive || inner.Verb.Name == "MIRROR"
	first := true
	for _, d := range dests {
		dest, err := x.destination(ctx, d.Pattern())
		if err != nil {
			return named(inner, err)
		}
		err = x.each(ctx, inner, sources, func(source resolver.Place) error {
			if recursive && source.Entry.Type == sites.Directory {
				return x.explainDirectly(inner, source, dest, ", with all that is below it")
			}
			if inner.Verb.Name == "MOVE" && x.isOneSite(source.Pathname, dest.Pathname) {
				return x.explainDirectly(inner, source, dest, ", by another name at its site")
			}
			r, err := request(inner, source, dest)
			if err != nil {
				return named(inner, err)
			}
			if to, err := newTarget(dest, sources, d).pathname(source.Pathname); err == nil {
				exact := r
				exact.Dest, exact.Exact = to, true
				if needed, err := x.mover.Needed(ctx, exact); err == nil && !needed {
					return x.explainDirectly(inner, source, dest, ", which has it already")
				}
			}
			p, err := x.mover.Plan(ctx, r)
			if err != nil {
				return named(inner, err)
			}
			e := planEvent{Event: "plan", Verb: p.Verb, Source: source.Pathname.String(), Destination: dest.Pathname.String(), shown: p.Explain()}
			if !first {
				e.shown = "\n" + e.shown
			}
			first = false
			for _, f := range p.Ladder {
				e.Ladder = append(e.Ladder, f.Name)
			}
			return x.printer.print(e)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// explainDirectly tells what is done with a file, where that is no one figure.
func (x *Executive) explainDirectly(st *grammar.Statement, source, dest resolver.Place, how string) error {
	return x.printer.print(textEvent{"text", fmt.Sprintf("%s %s to %s%s\n", st.Verb.Name, source.Pathname, dest.Pathname, how)})
}

// explainNames tells what the names in a statement mean, for a verb that has
// no figure.
func (x *Executive) explainNames(ctx context.Context, st *grammar.Statement) error {
	text := st.Verb.Name
	for i, slot := range st.Verb.Slots {
		if slot.Kind == grammar.JobNumber && len(st.List(i)) > 0 {
			text += fmt.Sprintf(" (%s) %s", slot.Guides[0], st.Operand(i))
		}
		if !slot.Kind.IsPathname() {
			continue
		}
		for _, w := range st.List(i) {
			p, complete, err := x.resolver.Complete(ctx, w.Pattern())
			if err == nil && !complete {
				p, err = x.source(ctx, w.Pattern())
			}
			if err != nil && (slot.Kind != grammar.Destination || sites.KindOf(err) != sites.NotFound) {
				return named(st, err)
			}
			if err != nil {
				p.Pathname = sites.Pathname{Path: resolver.WithoutPassword(w.Value())}
			}
			text += fmt.Sprintf(" (%s) %s", slot.Guides[0], p.Pathname)
		}
	}
	return x.printer.print(textEvent{"text", text + "\n"})
}
