package state

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Doubt keeps that commands are not to be written ahead to a server, named by the address
// of its control connection, and why.
func (s *Store) Doubt(ctx context.Context, server, why string) error {
	return s.exec(ctx, `INSERT OR REPLACE INTO doubt VALUES (?, ?, ?)`, server, why, milli(time.Now()))
}

// Doubted returns why and since when commands are not to be written ahead to a server; ""
// if nothing is known of it.
func (s *Store) Doubted(ctx context.Context, server string) (why string, since time.Time, err error) {
	var at int64
	err = s.db.QueryRowContext(ctx, `SELECT why, since FROM doubt WHERE server = ?`, server).Scan(&why, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return "", time.Time{}, nil
	}
	return why, fromMilli(at), fail("read what servers did", err)
}
