package state

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"rsexec/sites"
)

// A yield takes one entry of the index: the directory that it is in, and when
// it was seen there. It returns false to end the query.
type yield = func(dir sites.Pathname, e sites.Entry, listed time.Time) bool

// PutListing puts the listing of a directory, as it was at the time given, in
// the place of the one that the index has; all of it, or on an error nothing.
func (s *Store) PutListing(ctx context.Context, dir sites.Pathname, at time.Time, entries []sites.Entry) error {
	sum := sumOf(entries)
	return fail("write the index", s.change(ctx, func(ctx context.Context, tx *transaction) error {
		var id int64
		var before []byte
		err := tx.QueryRowContext(ctx, `INSERT INTO directory (site, path, listed) VALUES (?, ?, ?)
			ON CONFLICT DO UPDATE SET listed = excluded.listed RETURNING id, sum`,
			dir.Site, []byte(dir.Path), at.UnixMilli()).Scan(&id, &before)
		if err != nil || bytes.Equal(before, sum) {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE directory SET sum = ? WHERE id = ?", sum, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM entry WHERE directory = ?", id); err != nil {
			return err
		}
		rows := inserter{ctx: ctx, tx: tx, directory: id}
		for _, e := range entries {
			if err := rows.put(e); err != nil {
				return err
			}
		}
		return rows.flush()
	}))
}

// sumOf returns a digest of what the index keeps of a listing: one that is what it was
// need not be written again.
func sumOf(entries []sites.Entry) []byte {
	h := sha256.New()
	var b []byte
	for _, e := range entries {
		b = binary.AppendUvarint(b[:0], uint64(len(e.Name)))
		b = append(b, e.Name...)
		b = binary.AppendVarint(b, int64(e.Type))
		b = binary.AppendVarint(b, e.Size)
		b = binary.AppendVarint(b, milli(e.Modified))
		b = strconv.AppendBool(b, e.Coarse)
		h.Write(b)
	}
	return h.Sum(nil)
}

// noteEntry performs a statement on an entry of a directory, which is then not what was
// listed any more.
func (s *Store) noteEntry(dir sites.Pathname, statement string, args ...any) {
	s.note(func(ctx context.Context, tx *transaction) error {
		if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE directory SET sum = NULL WHERE site = ? AND path = ? AND sum IS NOT NULL", dir.Site, []byte(dir.Path))
		return err
	})
}

// insertRows is how many entries one statement puts into the index: a call of
// the driver costs more than a row.
const insertRows = 100

// inserter puts the entries of one directory into the index.
type inserter struct {
	ctx       context.Context
	tx        *transaction
	directory int64
	args      []any // of the rows that wait
}

func (in *inserter) put(e sites.Entry) (err error) {
	in.args = append(in.args, []byte(e.Name), in.directory, int(e.Type), e.Size, milli(e.Modified), e.Coarse)
	if len(in.args) < 6*insertRows {
		return nil
	}
	_, err = in.tx.ExecContext(in.ctx, insertStatement(insertRows), in.args...)
	in.args = in.args[:0]
	return err
}

// flush puts in what is left.
func (in *inserter) flush() error {
	if len(in.args) == 0 {
		return nil
	}
	_, err := in.tx.conn.ExecContext(in.ctx, insertStatement(len(in.args)/6), in.args...) // a text for each number of rows
	return err
}

// insertStatement returns the statement that puts in n entries. A site may list
// a name twice; the last one counts.
func insertStatement(n int) string {
	return "INSERT OR REPLACE INTO entry (name, directory, type, size, modified, coarse) VALUES (?, ?, ?, ?, ?, ?)" +
		strings.Repeat(", (?, ?, ?, ?, ?, ?)", n-1)
}

// Directories calls yield for each directory of the index, with when it was
// listed.
func (s *Store) Directories(ctx context.Context, yield func(dir sites.Pathname, listed time.Time) bool) error {
	rows, err := s.db.QueryContext(ctx, "SELECT site, path, listed FROM directory")
	if err != nil {
		return fail("read the index", err)
	}
	defer rows.Close() // Err tells what matters
	for rows.Next() {
		var dir sites.Pathname
		var path []byte
		var listed int64
		if err := rows.Scan(&dir.Site, &path, &listed); err != nil {
			return fail("read the index", err)
		}
		dir.Path = string(path)
		if !yield(dir, fromMilli(listed)) {
			return nil
		}
	}
	return fail("read the index", rows.Err())
}

// PutHome notes where a site's home directory is.
func (s *Store) PutHome(ctx context.Context, site, path string) error {
	err := s.exec(ctx, "INSERT OR REPLACE INTO home (site, path) VALUES (?, ?)", site, []byte(path))
	return fail("write the index", err)
}

// Homes calls yield for each site whose home directory is known.
func (s *Store) Homes(ctx context.Context, yield func(site, path string) bool) error {
	rows, err := s.db.QueryContext(ctx, "SELECT site, path FROM home")
	if err != nil {
		return fail("read the index", err)
	}
	defer rows.Close() // Err tells what matters
	for rows.Next() {
		var site string
		var path []byte
		if err := rows.Scan(&site, &path); err != nil {
			return fail("read the index", err)
		}
		if !yield(site, string(path)) {
			return nil
		}
	}
	return fail("read the index", rows.Err())
}

// Find calls yield for each entry with the name given, in every directory of
// the index.
func (s *Store) Find(ctx context.Context, name string, yield yield) error {
	return s.query(ctx, yield, `SELECT d.site, d.path, d.listed, e.name, e.type, e.size, e.modified, e.coarse
		FROM entry e JOIN directory d ON d.id = e.directory WHERE e.name = ?`, []byte(name))
}

// Begin calls yield for each entry of one directory whose name begins with
// prefix, by name.
func (s *Store) Begin(ctx context.Context, dir sites.Pathname, prefix string, yield yield) error {
	return s.query(ctx, yield, `SELECT d.site, d.path, d.listed, e.name, e.type, e.size, e.modified, e.coarse
		FROM directory d JOIN entry e ON e.directory = d.id
		WHERE d.site = ? AND d.path = ? AND e.name >= ? AND e.name < ? ORDER BY e.name`,
		dir.Site, []byte(dir.Path), []byte(prefix), behind(prefix))
}

func (s *Store) query(ctx context.Context, yield yield, query string, args ...any) error {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return fail("read the index", err)
	}
	defer rows.Close() // Err tells what matters
	for rows.Next() {
		var dir sites.Pathname
		var e sites.Entry
		var path, name []byte
		var listed, modified int64
		if err := rows.Scan(&dir.Site, &path, &listed, &name, &e.Type, &e.Size, &modified, &e.Coarse); err != nil {
			return fail("read the index", err)
		}
		dir.Path, e.Name, e.Modified = string(path), string(name), fromMilli(modified)
		if !yield(dir, e, fromMilli(listed)) {
			return nil
		}
	}
	return fail("read the index", rows.Err())
}

// Put notes one entry of a directory that is in the index: it was made or
// changed. Nothing is done for a directory that is not. It is done soon, see Settle, and
// what cannot be written is found out when it is needed.
func (s *Store) Put(dir sites.Pathname, e sites.Entry) {
	s.noteEntry(dir, `INSERT OR REPLACE INTO entry (name, directory, type, size, modified, coarse)
		SELECT ?, id, ?, ?, ?, ? FROM directory WHERE site = ? AND path = ?`,
		[]byte(e.Name), int(e.Type), e.Size, milli(e.Modified), e.Coarse, dir.Site, []byte(dir.Path))
}

// Remove notes that a directory has no entry of this name; as Put does.
func (s *Store) Remove(p sites.Pathname) {
	s.noteEntry(p.Dir(), `DELETE FROM entry WHERE name = ?
		AND directory = (SELECT id FROM directory WHERE site = ? AND path = ?)`,
		[]byte(p.Base()), p.Site, []byte(p.Dir().Path))
}

// Forget drops a directory from the index; all of a site's if the path is "".
func (s *Store) Forget(ctx context.Context, dir sites.Pathname) error {
	err := s.exec(ctx, "DELETE FROM directory WHERE site = ? AND (path = ? OR ? = '')", dir.Site, []byte(dir.Path), dir.Path)
	return fail("write the index", err)
}

// behind returns the first string that is behind all that begin with prefix.
func behind(prefix string) []byte {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return b[:i+1]
		}
	}
	return []byte{0xff, 0xff, 0xff, 0xff, 0xff} // no name of a file begins so
}

func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
