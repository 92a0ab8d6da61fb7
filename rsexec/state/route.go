package state

import (
	"context"

	"rsexec/rsexec/plan"
)

// PutRoute keeps a row of the route table in the place of the one with its key.
func (s *Store) PutRoute(ctx context.Context, r plan.Route) error {
	err := s.exec(ctx, `INSERT OR REPLACE INTO route (source, dest, figure, summary, worked, refused, why)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, r.Source, r.Dest, r.Figure, r.Summary, milli(r.Worked), milli(r.Refused), r.Why)
	return fail("write the route table", err)
}

// ForgetRoute drops the row of the route table with the key of r.
func (s *Store) ForgetRoute(ctx context.Context, r plan.Route) error {
	err := s.exec(ctx, "DELETE FROM route WHERE source = ? AND dest = ? AND figure = ? AND summary = ?",
		r.Source, r.Dest, r.Figure, r.Summary)
	return fail("write the route table", err)
}

// Routes calls yield for each row of the route table.
func (s *Store) Routes(ctx context.Context, yield func(plan.Route) bool) error {
	rows, err := s.db.QueryContext(ctx, "SELECT source, dest, figure, summary, worked, refused, why FROM route")
	if err != nil {
		return fail("read the route table", err)
	}
	defer rows.Close() // Err tells what matters
	for rows.Next() {
		var r plan.Route
		var worked, refused int64
		if err := rows.Scan(&r.Source, &r.Dest, &r.Figure, &r.Summary, &worked, &refused, &r.Why); err != nil {
			return fail("read the route table", err)
		}
		r.Worked, r.Refused = fromMilli(worked), fromMilli(refused)
		if !yield(r) {
			return nil
		}
	}
	return fail("read the route table", rows.Err())
}

// decisionsKept is how many decisions are kept of each two sites.
const decisionsKept = 20

// PutDecision keeps a decision, and drops older ones of the two sites.
func (s *Store) PutDecision(ctx context.Context, d plan.Decision) error {
	err := s.change(ctx, func(ctx context.Context, tx *transaction) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO decision (source, dest, at, why, pairs) VALUES (?, ?, ?, ?, ?)",
			d.Source, d.Dest, milli(d.At), d.Why, d.Pairs)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM decision WHERE source = ?1 AND dest = ?2 AND n <=
			(SELECT n FROM decision WHERE source = ?1 AND dest = ?2 ORDER BY n DESC LIMIT 1 OFFSET ?3)`, d.Source, d.Dest, decisionsKept)
		return err
	})
	return fail("write the route table", err)
}

// ForgetDecisions drops those of two sites.
func (s *Store) ForgetDecisions(ctx context.Context, source, dest string) error {
	return fail("write the route table", s.exec(ctx, "DELETE FROM decision WHERE source = ? AND dest = ?", source, dest))
}

// Decisions calls yield for each decision, in their order.
func (s *Store) Decisions(ctx context.Context, yield func(plan.Decision) bool) error {
	rows, err := s.db.QueryContext(ctx, "SELECT source, dest, at, why, pairs FROM decision ORDER BY n")
	if err != nil {
		return fail("read the route table", err)
	}
	defer rows.Close() // Err tells what matters
	for rows.Next() {
		var d plan.Decision
		var at int64
		if err := rows.Scan(&d.Source, &d.Dest, &at, &d.Why, &d.Pairs); err != nil {
			return fail("read the route table", err)
		}
		d.At = fromMilli(at)
		if !yield(d) {
			return nil
		}
	}
	return fail("read the route table", rows.Err())
}
