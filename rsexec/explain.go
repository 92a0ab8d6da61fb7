package rsexec

import (
	"context"
	"fmt"

	"rsexec/grammar"
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
	inner := st.Inner
	if inner.Verb.Name != "APPEND" && inner.Verb.Name != "COPY" {
		return x.explainNames(ctx, inner)
	}
	dest, err := x.destination(ctx, inner.Operand(1).Value())
	if err != nil {
		return named(inner, err)
	}
	for i, w := range inner.List(0) {
		job, err := x.job(ctx, inner, w.Value(), dest)
		if err != nil {
			return named(inner, err)
		}
		p, err := x.mover.Plan(ctx, job)
		if err != nil {
			return named(inner, err)
		}
		e := planEvent{Event: "plan", Verb: p.Verb, Source: job.Source.String(), Destination: job.Dest.String(), shown: p.Explain()}
		if i > 0 {
			e.shown = "\n" + e.shown
		}
		for _, f := range p.Ladder {
			e.Ladder = append(e.Ladder, f.Name)
		}
		if err := x.printer.print(e); err != nil {
			return err
		}
	}
	return nil
}

// explainNames tells what the names in a statement mean, for a verb that has
// no figure.
func (x *Executive) explainNames(ctx context.Context, st *grammar.Statement) error {
	text := st.Verb.Name
	for i, slot := range st.Verb.Slots {
		if !slot.Kind.IsPathname() {
			continue
		}
		for _, w := range st.List(i) {
			p, complete, err := x.resolver.Complete(ctx, w.Value())
			if err == nil && !complete {
				p, err = x.source(ctx, w.Value())
			}
			if err != nil && (slot.Kind != grammar.Destination || sites.KindOf(err) != sites.NotFound) {
				return named(st, err)
			}
			if err != nil {
				p.Pathname = sites.Pathname{Path: w.Value()}
			}
			text += fmt.Sprintf(" (%s) %s", slot.Guides[0], p.Pathname)
		}
	}
	return x.printer.print(textEvent{"text", text + "\n"})
}
