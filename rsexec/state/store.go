package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the database driver

	"rsexec/sites"
)

// Store is the state file. Its methods may be called from several goroutines,
// and several processes may have the file open. Their errors are of kind Other
// or Cancelled.
type Store struct {
	db *sql.DB
}

// busyTimeout is how long a change waits for another process's.
const busyTimeout = 10 * time.Second

// migrations bring a file from each version of the schema to the next. The
// file's user_version tells how many were made.
var migrations = []string{
	`CREATE TABLE directory (
		id      INTEGER PRIMARY KEY,
		site    TEXT NOT NULL,
		path    BLOB NOT NULL,    -- as the site spells it, which need not be UTF-8
		listed  INTEGER NOT NULL, -- when, in Unix milliseconds
		UNIQUE (site, path)
	) STRICT;
	CREATE TABLE entry (
		name      BLOB NOT NULL,
		directory INTEGER NOT NULL REFERENCES directory (id) ON DELETE CASCADE,
		type      INTEGER NOT NULL,
		size      INTEGER NOT NULL, -- -1 is not known
		modified  INTEGER NOT NULL, -- Unix milliseconds; 0 is not known
		PRIMARY KEY (name, directory)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX entry_by_directory ON entry (directory);
	CREATE TABLE home (
		site TEXT PRIMARY KEY,
		path BLOB NOT NULL
	) STRICT;`,
	`CREATE TABLE route (
		source  TEXT NOT NULL,
		dest    TEXT NOT NULL,
		figure  TEXT NOT NULL,
		summary TEXT NOT NULL,
		worked  INTEGER NOT NULL, -- Unix milliseconds; 0 is never
		refused INTEGER NOT NULL, -- as worked
		why     TEXT NOT NULL,
		PRIMARY KEY (source, dest, figure, summary)
	) STRICT, WITHOUT ROWID;`,
}

// Open opens the state file. A file that is missing is made, and its folder,
// for their owner only.
func Open(ctx context.Context, file string) (*Store, error) {
	db, err := open(file)
	if err == nil {
		s := &Store{db: db}
		if err = s.migrate(ctx); err == nil {
			return s, nil
		}
		err = errors.Join(err, db.Close())
	}
	return nil, &sites.Error{Op: "open the state file " + file, Kind: sites.Other, Err: err, Hint: "name another one with --state"}
}

func open(file string) (*sql.DB, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	// The files that SQLite puts beside it get the same permissions.
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	name := url.URL{Scheme: "file", Path: filepath.ToSlash(file), RawQuery: url.Values{
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
			"journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)",
		},
		"_txlock": {"immediate"}, // a transaction that begins by reading must not fail when it writes
	}.Encode()}
	return sql.Open("sqlite", name.String())
}

// migrate brings the schema up to date.
func (s *Store) migrate(ctx context.Context) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		var version int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		if version > len(migrations) {
			return fmt.Errorf("it was written by a later version of rsexec")
		}
		for ; version < len(migrations); version++ {
			if _, err := tx.ExecContext(ctx, migrations[version]); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
		return err
	})
}

// change performs work in one transaction.
func (s *Store) change(ctx context.Context, work func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := work(tx); err != nil {
		return errors.Join(err, ignoreDone(tx.Rollback()))
	}
	return tx.Commit()
}

// ignoreDone drops the error of rolling back what a cancelled context has
// rolled back already.
func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// fail gives an error of the database the form of the program's.
func fail(op string, err error) error {
	if err == nil {
		return nil
	}
	return &sites.Error{Op: op, Kind: sites.KindOf(err), Err: err}
}
