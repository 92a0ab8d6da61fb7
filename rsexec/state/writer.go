package state

import (
	"context"
	"database/sql"
	"errors"
)

// batch is how many changes go into one transaction at most. Changes that come
// while one is written go into the next one together.
const batch = 128

// A change is a piece of work in a transaction. It may be run again, after what it
// did was rolled back.
type change struct {
	ctx     context.Context
	work    func(context.Context, *sql.Tx) error
	durable bool // it is on disk when it is done, and not only with the system
	done    chan error
}

// change performs work in a transaction, and returns when that is committed. All
// changes of a process are made by one goroutine, so that none waits for another.
func (s *Store) change(ctx context.Context, work func(context.Context, *sql.Tx) error) error {
	return s.hand(change{ctx: ctx, work: work, done: make(chan error, 1)})
}

// exec is change for one statement.
func (s *Store) exec(ctx context.Context, query string, args ...any) error {
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

// durably is change for what must outlive even the end of the system.
func (s *Store) durably(ctx context.Context, work func(context.Context, *sql.Tx) error) error {
	return s.hand(change{ctx: ctx, work: work, durable: true, done: make(chan error, 1)})
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
	for {
		select {
		case c := <-s.changes:
			s.together(s.more([]change{c}))
		case <-s.closing:
			for _, c := range s.more(nil) {
				s.together([]change{c})
			}
			return
		}
	}
}

// more adds the changes that wait.
func (s *Store) more(cs []change) []change {
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

// together makes changes in one transaction; or each in its own, if one of them
// fails.
func (s *Store) together(cs []change) {
	err := s.transaction(cs)
	if err != nil && len(cs) > 1 {
		for _, c := range cs {
			c.done <- s.transaction([]change{c})
		}
		return
	}
	for _, c := range cs {
		c.done <- err
	}
}

// transaction makes changes in one transaction. What was begun is ended, whatever
// becomes of the contexts: the changes of others are in it.
func (s *Store) transaction(cs []change) error {
	ctx := context.WithoutCancel(cs[0].ctx)
	durable := false
	for _, c := range cs {
		durable = durable || c.durable
	}
	level := "NORMAL"
	if durable {
		level = "FULL"
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() // it goes back to the others
	if _, err := conn.ExecContext(ctx, "PRAGMA synchronous = "+level); err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, c := range cs {
		if err := c.work(ctx, tx); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}
