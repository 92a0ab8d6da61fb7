package rsexec

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rsexec/grammar"
	"rsexec/rsexec/plan"
	"rsexec/rsexec/state"
	"rsexec/sites"
)

// routeStore keeps the route table in the state file, where a site goes by its
// identity. It implements transfer.RouteStore.
type routeStore struct {
	file    *stateFile
	network *network
}

func (s routeStore) Identity(site string) string { return s.network.identity(site) }

func (s routeStore) Routes() []plan.Route {
	store, err := s.file.open()
	if err != nil {
		return nil
	}
	s.file.settle()
	var all []plan.Route
	if err := store.Routes(context.Background(), func(r plan.Route) bool { all = append(all, r); return true }); err != nil {
		return nil // the pairs are asked again
	}
	return all
}

func (s routeStore) Keep(r plan.Route) {
	if _, err := s.file.open(); err == nil {
		s.file.change(func(ctx context.Context, store *state.Store) { store.PutRoute(ctx, r) })
	}
}

func (s routeStore) Forget(r plan.Route) {
	if _, err := s.file.open(); err == nil {
		s.file.change(func(ctx context.Context, store *state.Store) {
			store.ForgetRoute(ctx, r)
			store.ForgetDecisions(ctx, r.Source, r.Dest)
		})
	}
}

func (s routeStore) Decisions() []plan.Decision {
	store, err := s.file.open()
	if err != nil {
		return nil
	}
	s.file.settle()
	var all []plan.Decision
	if err := store.Decisions(context.Background(), func(d plan.Decision) bool { all = append(all, d); return true }); err != nil {
		return nil // they are made again
	}
	return all
}

func (s routeStore) Decide(d plan.Decision) {
	if _, err := s.file.open(); err == nil {
		s.file.change(func(ctx context.Context, store *state.Store) { store.PutDecision(ctx, d) })
	}
}

// routeEvent is a row of the route table.
type routeEvent struct {
	Event        string `json:"event"` // "route"
	Source       string `json:"source"`
	Destination  string `json:"destination"`
	Choreography string `json:"choreography"`
	Summary      string `json:"summary"`
	Worked       string `json:"worked,omitempty"`  // when it last did
	Refused      string `json:"refused,omitempty"` // when it last was
	Text         string `json:"text,omitempty"`    // why it was refused

	route plan.Route
}

func (e routeEvent) text() string {
	const day = "2006-01-02 15:04"
	line := fmt.Sprintf("%s to %s: %s (%s) ", e.Source, e.Destination, e.Choreography, e.Summary)
	if e.Refused != "" {
		return line + "refused " + e.route.Refused.Local().Format(day) + ": " + sites.Printable(e.Text) + "\n"
	}
	return line + "worked " + e.route.Worked.Local().Format(day) + "\n"
}

// decisionEvent tells what was decided for the transfers between two sites.
type decisionEvent struct {
	Event       string `json:"event"` // "decision"
	Source      string `json:"source"`
	Destination string `json:"destination"`
	Time        string `json:"time"`
	Text        string `json:"text"`
	Pairs       int    `json:"pairs,omitempty"` // of sessions at a time

	at time.Time
}

func (e decisionEvent) text() string {
	return fmt.Sprintf("%s to %s: %s %s\n", e.Source, e.Destination, e.at.Local().Format(time.DateTime), sites.Printable(e.Text))
}

// routes performs ROUTES [(FROM) site [(TO) site]].
func (x *Executive) routes(_ context.Context, st *grammar.Statement) error {
	var ends [2]string
	for i := range ends {
		name := strings.ToUpper(strings.TrimSuffix(st.Operand(i).Value(), ":"))
		if _, there := x.network.Site(name); name != "" && !there {
			return &sites.Error{Op: st.Verb.Name, Site: name, Kind: sites.NotFound, Msg: "no such site", Hint: "SITES lists them"}
		}
		ends[i] = name
	}
	if _, forget := st.Option("forget"); forget {
		n := x.mover.Routes.Forget(ends[0], ends[1])
		x.printer.notice(fmt.Sprintf("%d routes are forgotten, and tried again", n))
		return nil
	}
	for _, r := range x.mover.Routes.All(ends[0], ends[1]) {
		e := routeEvent{Event: "route", Source: x.siteCalled(r.Source), Destination: x.siteCalled(r.Dest),
			Choreography: r.Figure, Summary: r.Summary, Worked: rfc3339(r.Worked), Refused: rfc3339(r.Refused), Text: r.Why, route: r}
		if err := x.printer.print(e); err != nil {
			return err
		}
	}
	if _, why := st.Option("why"); !why {
		return nil
	}
	for _, d := range x.mover.Routes.Decisions(ends[0], ends[1]) {
		e := decisionEvent{Event: "decision", Source: x.siteCalled(d.Source), Destination: x.siteCalled(d.Dest),
			Time: rfc3339(d.At), Text: d.Why, Pairs: d.Pairs, at: d.At}
		if err := x.printer.print(e); err != nil {
			return err
		}
	}
	return nil
}

// siteCalled returns the name of the site with an identity, or the identity of one
// that is not in the network now.
func (x *Executive) siteCalled(identity string) string {
	if names := x.network.named(identity); len(names) > 0 {
		return names[0]
	}
	return sites.Printable(identity)
}

func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
