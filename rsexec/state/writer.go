package state

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"time"
)

// batch is how many changes go into one transaction at most. Changes that come
// while one is written go into the next one together.
const batch = 128

// lag is how long a note waits for company.
const lag = 50 * time.Millisecond

// A change is a piece of work in a transaction. It may be run again, after what it
// did was rolled back.
type change struct {
	ctx     context.Context
	work    func(context.Context, *transaction) error
	durable bool       // it is on disk when it is done, and not only with the system
	done    chan error // holds one
}

// change performs work in a transaction, and returns when that is committed. All
// changes of a process are made by one goroutine, so that none waits for another.
func (s *Store) change(ctx context.Context, work func(context.Context, *transaction) error) error {
	return s.hand(change{ctx: ctx, work: work, done: make(chan error, 1)})
}

// exec is change for one statement.
func (s *Store) exec(ctx context.Context, query string, args ...any) error {
	return s.change(ctx, func(ctx context.Context, tx *transaction) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

// durably is change for what must outlive even the end of the system.
func (s *Store) durably(ctx context.Context, work func(context.Context, *transaction) error) error {
	return s.hand(change{ctx: ctx, work: work, durable: true, done: make(chan error, 1)})
}

// note has work performed soon, before all changes that begin after it returned. Nobody is
// told that it failed.
func (s *Store) note(work func(context.Context, *transaction) error) {
	s.mu.Lock()
	s.notes = append(s.notes, change{ctx: context.Background(), work: work, done: make(chan error, 1)})
	s.mu.Unlock()
	select {
	case s.noted <- struct{}{}:
	default:
	}
}

// Settle waits until what was noted before is in the file.
func (s *Store) Settle(ctx context.Context) error {
	return fail("write the index", s.change(ctx, func(context.Context, *transaction) error { return nil }))
}

func (s *Store) hand(c change) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	select {
	case s.changes <- c:
		return <-c.done
	case <-c.ctx.Done():
		return c.ctx.Err()
	case <-s.closing:
		return errors.New("the state file is closed")
	}
}

// write makes the changes until the store is closed.
func (s *Store) write() {
	defer close(s.written)
	w := writer{db: s.db}
	defer w.close()
	var due <-chan time.Time // when notes are made that no change came after
	for {
		select {
		case c := <-s.changes:
			w.together(s.more(c))
		case <-s.noted:
			if due == nil {
				due = time.After(lag)
			}
		case <-due:
			due = nil
			w.together(s.more())
		case <-s.closing:
			w.together(s.more())
			return
		}
	}
}

// more returns some changes with those that wait: the notes come first.
func (s *Store) more(some ...change) []change {
	s.mu.Lock()
	cs := append(s.notes, some...)
	s.notes = nil
	s.mu.Unlock()
	for len(cs) < batch {
		select {
		case c := <-s.changes:
			cs = append(cs, c)
		default:
			return cs
		}
	}
	return cs
}

// A writer makes changes, over a connection of its own.
type writer struct {
	db    *sql.DB
	tx    *transaction // what the connection is used through; nil until it is needed
	level string       // of PRAGMA synchronous
}

// A transaction performs statements one after the other. To make a statement of a text
// costs more than to perform it, so each is kept for the next time: only texts that
// are the same again and again belong here.
type transaction struct {
	conn *sql.Conn
	made map[string]*sql.Stmt
	sums map[int64]sum // of the jobs whose transfers were finished
}

// ExecContext performs a statement that returns no rows.
func (t *transaction) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	statement, err := t.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return statement.ExecContext(ctx, args...)
}

// QueryRowContext performs a statement that returns one row.
func (t *transaction) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	statement, err := t.statement(ctx, query)
	if err != nil {
		return t.conn.QueryRowContext(ctx, query, args...) // which tells the same error
	}
	return statement.QueryRowContext(ctx, args...)
}

// QueryContext performs a statement that returns rows.
func (t *transaction) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	statement, err := t.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(ctx, args...)
}

func (t *transaction) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if statement := t.made[query]; statement != nil {
		return statement, nil
	}
	statement, err := t.conn.PrepareContext(ctx, query)
	if err == nil {
		t.made[query] = statement
	}
	return statement, err
}

// together makes changes in one transaction; or each in its own, if one of them
// fails.
func (w *writer) together(cs []change) {
	if len(cs) == 0 {
		return
	}
	err := w.perform(cs)
	if err != nil && len(cs) > 1 {
		for _, c := range cs {
			c.done <- w.perform([]change{c})
		}
		return
	}
	for _, c := range cs {
		c.done <- err
	}
}

// perform makes changes in one transaction. What was begun is ended, whatever
// becomes of the contexts: the changes of others are in it.
func (w *writer) perform(cs []change) error {
	ctx := context.WithoutCancel(cs[0].ctx)
	level := "NORMAL"
	for _, c := range cs {
		if c.durable {
			level = "FULL"
		}
	}
	if err := w.begin(ctx, level); err != nil {
		w.close() // the next change begins with another connection
		return err
	}
	for _, c := range cs {
		if err := c.work(ctx, w.tx); err != nil {
			return errors.Join(err, w.rollback(ctx))
		}
	}
	err := w.tx.saveSums(ctx)
	if err == nil {
		_, err = w.tx.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		return errors.Join(err, w.rollback(ctx))
	}
	return nil
}

// begin begins a transaction whose end is on disk at a level. It must not fail when it
// writes after it has read, so it is one that writes from the beginning.
func (w *writer) begin(ctx context.Context, level string) error {
	if w.tx == nil {
		conn, err := w.db.Conn(ctx)
		if err != nil {
			return err
		}
		w.tx, w.level = &transaction{conn: conn, made: make(map[string]*sql.Stmt), sums: make(map[int64]sum)}, ""
	}
	if level != w.level {
		if _, err := w.tx.ExecContext(ctx, "PRAGMA synchronous = "+level); err != nil {
			return err
		}
		w.level = level
	}
	clear(w.tx.sums)
	_, err := w.tx.ExecContext(ctx, "BEGIN IMMEDIATE")
	return err
}

// rollback undoes a transaction. SQLite has done so itself after some errors.
func (w *writer) rollback(ctx context.Context) error {
	_, err := w.tx.conn.ExecContext(ctx, "ROLLBACK")
	if err != nil && strings.Contains(err.Error(), "no transaction is active") {
		return nil
	}
	if err != nil {
		w.close()
	}
	return err
}

// close ends the connection, which may be in the middle of something. What was wanted
// of it is done, or has failed.
func (w *writer) close() {
	if w.tx == nil {
		return
	}
	for _, statement := range w.tx.made {
		_ = statement.Close() // it belongs to the connection
	}
	_ = w.tx.conn.Raw(func(any) error { return driver.ErrBadConn }) // so nobody else gets it
	w.tx = nil
}
