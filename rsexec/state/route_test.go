package state

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rsexec/rsexec/plan"
)

func TestRoutes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	s := openStore(t, file)
	at := time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC)
	a := plan.Route{Source: "u@a:21", Dest: "u@b:21", Figure: "rfc959", Summary: "one side", Refused: at, Why: "500 \"no\""}
	b := plan.Route{Source: "u@a:21", Dest: "u@b:21", Figure: "rfc959", Summary: "the other", Worked: at}
	for _, r := range []plan.Route{a, b} {
		if err := s.PutRoute(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	a.Refused, a.Why, a.Worked = time.Time{}, "", at
	if err := s.PutRoute(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	all := func() []plan.Route {
		var all []plan.Route
		if err := openStore(t, file).Routes(t.Context(), func(r plan.Route) bool { all = append(all, r); return true }); err != nil {
			t.Fatal(err)
		}
		return all
	}
	if diff := cmp.Diff([]plan.Route{a, b}, all(), cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Error(diff)
	}
	if err := s.ForgetRoute(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]plan.Route{b}, all(), cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Error(diff)
	}
}

// TestDecisions keeps the last ones of each two sites, in their order.
func TestDecisions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	s := openStore(t, file)
	at := time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC)
	var want []plan.Decision
	put := func(d plan.Decision) {
		if err := s.PutDecision(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	other := plan.Decision{Source: "b", Dest: "a", At: at, Why: "the other way"}
	put(other)
	for i := range decisionsKept + 5 {
		d := plan.Decision{Source: "a", Dest: "b", At: at.Add(time.Duration(i) * time.Second), Why: "because", Pairs: i}
		put(d)
		if want = append(want, d); i < 5 {
			want = nil
		}
	}
	all := func() (all []plan.Decision) {
		if err := openStore(t, file).Decisions(t.Context(), func(d plan.Decision) bool { all = append(all, d); return true }); err != nil {
			t.Fatal(err)
		}
		return all
	}
	if diff := cmp.Diff(append([]plan.Decision{other}, want...), all(), cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Error(diff)
	}
	if err := s.ForgetDecisions(t.Context(), "a", "b"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]plan.Decision{other}, all(), cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Error(diff)
	}
}
