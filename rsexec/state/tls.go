package state

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// OffersTLS keeps that a server, named by the address of its control connection, has
// offered TLS.
func (s *Store) OffersTLS(ctx context.Context, server string) error {
	return s.exec(ctx, `INSERT INTO tls VALUES (?, ?) ON CONFLICT DO UPDATE SET offered = excluded.offered`, server, milli(time.Now()))
}

// OfferedTLS reports whether a server has ever offered TLS.
func (s *Store) OfferedTLS(ctx context.Context, server string) (offered bool, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT true FROM tls WHERE server = ?`, server).Scan(&offered)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return offered, fail("read what servers offered", err)
}
