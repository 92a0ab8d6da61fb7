package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite" // the database driver
	sqlite3 "modernc.org/sqlite/lib"

	"rsexec/sites"
)

// Store is the state file. Its methods may be called from several goroutines,
// and several processes may have the file open. Their errors are of kind Other
// or Cancelled.
type Store struct {
	db   *sql.DB
	file string

	changes chan change
	closing chan struct{} // closed when no more changes are taken
	written chan struct{} // closed when the last one is made

	mu    sync.Mutex
	notes []change      // that nobody waits for; they are made before the next change
	noted chan struct{} // holds one when there are some

	owner owner
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
	// What is there already, or is put there by an earlier version that has the file
	// open, may be of either sort, so it is taken for coarse.
	`ALTER TABLE entry ADD COLUMN coarse INTEGER NOT NULL DEFAULT 1; -- whether modified is`,
	`CREATE TABLE job (
		id        INTEGER PRIMARY KEY AUTOINCREMENT, -- a number never means another job
		statement TEXT NOT NULL,
		verb      TEXT NOT NULL,
		owner     TEXT NOT NULL,    -- '' is nobody
		complete  INTEGER NOT NULL, -- all that the statement names is in transfer
		begun     INTEGER NOT NULL, -- Unix milliseconds
		ended     INTEGER NOT NULL, -- as begun; 0 is not yet
		numbered  INTEGER NOT NULL, -- the last number that a transfer was given
		done      INTEGER NOT NULL, -- transfers
		bytes     INTEGER NOT NULL  -- of those
	) STRICT;
	CREATE TABLE transfer (
		job       INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
		n         INTEGER NOT NULL, -- their order
		parent    INTEGER NOT NULL, -- n of the tree that it is in; 0 is none
		first     INTEGER NOT NULL, -- n of the first of those from the same source to several destinations
		what      INTEGER NOT NULL, -- a file, a tree, or a file to be deleted
		root      INTEGER NOT NULL, -- how many bytes of source lead to the directory that was named; 0 is all
		source_site TEXT NOT NULL,
		source    BLOB NOT NULL,
		dest_site TEXT NOT NULL,
		dest      BLOB NOT NULL,
		size      INTEGER NOT NULL, -- of the source; -1 is not known
		modified  INTEGER NOT NULL, -- of the source, Unix milliseconds; 0 is not known
		phase     INTEGER NOT NULL,
		temporary BLOB NOT NULL,
		aside     BLOB NOT NULL,
		there     INTEGER NOT NULL, -- the destination was there before
		before    INTEGER NOT NULL, -- the size of the file that is written to, before; -1 is not known
		arrived   INTEGER NOT NULL,
		verified  TEXT NOT NULL,
		attempts  INTEGER NOT NULL,
		failed    INTEGER NOT NULL, -- when the last try failed, Unix milliseconds; 0 is not
		kind      INTEGER NOT NULL, -- of the error, as its code and text
		code      INTEGER NOT NULL,
		error     TEXT NOT NULL,
		PRIMARY KEY (job, n)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE job_site (
		job      INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
		name     TEXT NOT NULL,
		identity TEXT NOT NULL, -- which site that was
		PRIMARY KEY (job, name)
	) STRICT, WITHOUT ROWID;
	CREATE UNIQUE INDEX transfer_in_tree ON transfer (job, parent, source) WHERE parent <> 0;
	CREATE INDEX transfer_begun ON transfer (dest) WHERE phase = 1;`,
	// Trees are few among many files.
	`CREATE INDEX transfer_tree ON transfer (job, n) WHERE what = 1;`,
	`ALTER TABLE transfer ADD COLUMN turn INTEGER NOT NULL DEFAULT 0; -- no other job may append to dest
	UPDATE transfer SET turn = 1 WHERE phase = 1 AND job IN (SELECT id FROM job WHERE verb = 'APPEND');
	DROP INDEX transfer_begun;
	CREATE INDEX transfer_turn ON transfer (dest) WHERE turn = 1;`,
	`CREATE TABLE tls (
		server  TEXT PRIMARY KEY, -- the address of its control connection
		offered INTEGER NOT NULL  -- when, in Unix milliseconds
	) STRICT, WITHOUT ROWID;`,
	`CREATE TABLE doubt (
		server TEXT PRIMARY KEY, -- the address of its control connection
		why    TEXT NOT NULL,
		since  INTEGER NOT NULL  -- Unix milliseconds
	) STRICT, WITHOUT ROWID;`,
	`CREATE TABLE decision (
		n      INTEGER PRIMARY KEY AUTOINCREMENT, -- their order
		source TEXT NOT NULL,
		dest   TEXT NOT NULL,
		at     INTEGER NOT NULL, -- Unix milliseconds
		why    TEXT NOT NULL,
		pairs  INTEGER NOT NULL
	) STRICT;
	CREATE INDEX decision_of ON decision (source, dest, n);`,
	`ALTER TABLE directory ADD COLUMN sum BLOB; -- a digest of its entries as they were listed; NULL if one changed since`,
	`ALTER TABLE transfer ADD COLUMN fresh INTEGER NOT NULL DEFAULT 0; -- the job has made the destination's directory`,
}

// Open opens the state file. A file that is missing is made, and its folder,
// for their owner only.
func Open(ctx context.Context, file string) (*Store, error) {
	db, err := open(file)
	if err == nil {
		s := &Store{db: db, file: file, changes: make(chan change),
			closing: make(chan struct{}), written: make(chan struct{}), noted: make(chan struct{}, 1)}
		go s.write()
		err = s.migrate(ctx)
		// While another process gives a fresh file its WAL, SQLite does not wait: it would
		// for ever if both had begun to.
		for deadline := time.Now().Add(busyTimeout); busy(err) && time.Now().Before(deadline); err = s.migrate(ctx) {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
			}
		}
		if err == nil {
			return s, nil
		}
		err = errors.Join(err, s.Close())
	}
	return nil, &sites.Error{Op: "open the state file " + file, Kind: sites.Other, Err: err, Hint: "name another one with --state"}
}

func open(file string) (*sql.DB, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	// The files that SQLite puts beside it get the same permissions. One that is there is
	// not opened: to close it would end the locks that this process has on it (POSIX).
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	// As SQLite has it: with a slash before the letter of a drive too, since what stands
	// before the first slash would be a host.
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	name := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(path), "/"), RawQuery: url.Values{
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
			"journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)",
		},
	}.Encode()}
	return sql.Open("sqlite", name.String())
}

// busy reports whether an error is SQLite's for a file that another connection has locked.
func busy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

// migrate brings the schema up to date.
func (s *Store) migrate(ctx context.Context) error {
	return s.change(ctx, func(ctx context.Context, tx *transaction) error {
		var version int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		if version > len(migrations) {
			return fmt.Errorf("it was written by a later version of rsexec")
		}
		for ; version < len(migrations); version++ {
			if _, err := tx.conn.ExecContext(ctx, migrations[version]); err != nil {
				return err
			}
		}
		_, err := tx.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
		return err
	})
}

// Close makes the changes that wait and closes the file. No job is this process's
// any more.
func (s *Store) Close() error {
	close(s.closing)
	<-s.written
	return errors.Join(s.owner.release(), s.db.Close())
}

// worthShrinking is how many bytes of a file have to be free before it is made smaller.
const worthShrinking = 4 << 20

// shrink gives back what most of the file is, if that is free: a job of many files
// leaves much. While others use the file it may not be possible, and need not be.
func (s *Store) shrink(ctx context.Context) {
	var pages, free, size int64
	err := s.db.QueryRowContext(ctx, `SELECT page_count, freelist_count, page_size
		FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()`).Scan(&pages, &free, &size)
	if err == nil && free*size >= worthShrinking && free > pages-pages/4 {
		s.db.ExecContext(ctx, "VACUUM") // see above
	}
}

// fail gives an error of the database the form of the program's.
func fail(op string, err error) error {
	if err == nil {
		return nil
	}
	return &sites.Error{Op: op, Kind: sites.KindOf(err), Err: err}
}
