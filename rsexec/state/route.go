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
