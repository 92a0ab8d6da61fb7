package state

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rsexec/sites"
)

// A Job is a statement that moves files: a row of the journal.
type Job struct {
	ID        int64
	Statement string // as it would be typed, without passwords
	Verb      string
	Owner     string // the process that works on it; "" is none
	Begun     time.Time
	Ended     time.Time // zero while anything is left to do
	Done      int64     // transfers that are complete
	Bytes     int64     // of those
	Waiting   int64     // transfers that are not complete and have not failed
	Failed    int64     // transfers whose last try failed
}

// What tells what a Transfer is about.
type What uint8

// What a transfer may be about.
const (
	File      What = iota // a file that is moved
	Tree                  // a directory: its files and directories are transfers of their own
	Extra                 // a file at the destination that the source does not have
	ExtraTree             // such a directory
)

// Phase tells how far a transfer is.
type Phase uint8

// The phases. What a transfer is about to do is in the journal before it does it.
const (
	Waiting Phase = iota // nothing was done
	Begun                // bytes may be where they go
	Whole                // all bytes are there and were checked; the file is being given its name. It may be passed over: from Begun a file can be copied again
	Placed               // the destination is complete; the source of a MOVE may be there still
	Done
)

// A Transfer is one file, or tree, of a job: a row of the journal.
type Transfer struct {
	Job, N   int64
	Parent   int64 // N of the tree that it is in; 0 is none
	First    int64 // N of the first of those with the same source; its own N if it is the only one
	What     What
	Root     int // how much of the source's path leads to the directory that was named; 0 is all
	Source   sites.Pathname
	Dest     sites.Pathname
	Size     int64     // of the source; -1 is not known
	Modified time.Time // of the source; zero is not known

	Fresh     bool // nothing was at the destination a moment ago, as in a directory that was just made
	Phase     Phase
	Temporary string // the path that is written to; "" is the destination's own
	Aside     string // where the old destination went while the new one takes its name
	Turn      bool   // nobody else may append to the destination
	There     bool   // the destination was there before
	Before    int64  // the size of the file that is written to, before; -1 is not known
	Arrived   int64  // how many bytes of the source are known to have arrived
	Verified  string // how the contents were verified
	Attempts  int

	Failed time.Time // when the last try failed; zero if it did not
	Kind   sites.Kind
	Code   int
	Error  string
}

const columns = `job, n, parent, first, what, root, source_site, source, dest_site, dest, size, modified, fresh, phase, temporary, aside,
	turn, there, before, arrived, verified, attempts, failed, kind, code, error`

// values returns the columns of a transfer.
func (t *Transfer) values() []any {
	return []any{t.Job, t.N, t.Parent, t.First, int(t.What), t.Root, t.Source.Site, []byte(t.Source.Path), t.Dest.Site, []byte(t.Dest.Path),
		t.Size, milli(t.Modified), t.Fresh, int(t.Phase), []byte(t.Temporary), []byte(t.Aside),
		t.Turn, t.There, t.Before, t.Arrived, t.Verified, t.Attempts, milli(t.Failed), int(t.Kind), t.Code, t.Error}
}

// scan reads the columns of a transfer.
func (t *Transfer) scan(row interface{ Scan(...any) error }) error {
	var source, dest, temporary, aside []byte
	var modified, failed int64
	err := row.Scan(&t.Job, &t.N, &t.Parent, &t.First, &t.What, &t.Root, &t.Source.Site, &source, &t.Dest.Site, &dest,
		&t.Size, &modified, &t.Fresh, &t.Phase, &temporary, &aside,
		&t.Turn, &t.There, &t.Before, &t.Arrived, &t.Verified, &t.Attempts, &failed, &t.Kind, &t.Code, &t.Error)
	t.Source.Path, t.Dest.Path = string(source), string(dest)
	t.Temporary, t.Aside = string(temporary), string(aside)
	t.Modified, t.Failed = fromMilli(modified), fromMilli(failed)
	return err
}

// NewJob puts a job into the journal, which this process owns, and returns its
// number. Until CompleteJob says that all its transfers are there it is none to
// go on with.
func (s *Store) NewJob(ctx context.Context, verb, statement string) (id int64, err error) {
	owner, err := s.owner.token(s.file)
	if err != nil {
		return 0, fail("write the journal", err)
	}
	return id, fail("write the journal", s.change(ctx, func(ctx context.Context, tx *transaction) error {
		return tx.QueryRowContext(ctx, `INSERT INTO job (statement, verb, owner, complete, begun, ended, numbered, done, bytes)
			VALUES (?, ?, ?, 0, ?, 0, 0, 0, 0) RETURNING id`, statement, verb, owner, milli(time.Now())).Scan(&id)
	}))
}

// CompleteJob says that all transfers that the statement names are in the journal.
func (s *Store) CompleteJob(ctx context.Context, id int64) error {
	return fail("write the journal", s.exec(ctx, "UPDATE job SET complete = 1 WHERE id = ?", id))
}

// Add puts transfers behind those that a job has, and numbers them: of each, all to
// the destinations of one source, the first has the number First. One that is in its
// tree already is left out.
func (s *Store) Add(ctx context.Context, job int64, groups [][]Transfer) error {
	return fail("write the journal", s.change(ctx, func(ctx context.Context, tx *transaction) error { return add(ctx, tx, job, groups) }))
}

func add(ctx context.Context, tx *transaction, job int64, groups [][]Transfer) error {
	if len(groups) == 0 {
		return nil
	}
	more := 0
	for _, group := range groups {
		more += len(group)
	}
	var n int64
	if err := tx.QueryRowContext(ctx, "UPDATE job SET numbered = numbered + ? WHERE id = ? RETURNING numbered", more, job).Scan(&n); err != nil {
		return err
	}
	n -= int64(more)
	insert := "INSERT OR IGNORE INTO transfer (" + columns + ") VALUES (?" + strings.Repeat(", ?", strings.Count(columns, ",")) + ")"
	for _, group := range groups {
		first := n + 1
		for i := range group {
			n++
			group[i].Job, group[i].N, group[i].First = job, n, first
			if _, err := tx.ExecContext(ctx, insert, group[i].values()...); err != nil {
				return err
			}
		}
	}
	return nil
}

// Expand adds what is in trees to their job: all of one source, which have the same
// First. whole says that nothing more will come: the trees are done then.
func (s *Store) Expand(ctx context.Context, trees []Transfer, groups [][]Transfer, whole bool) error {
	return fail("write the journal", s.change(ctx, func(ctx context.Context, tx *transaction) error {
		if err := add(ctx, tx, trees[0].Job, groups); err != nil || !whole {
			return err
		}
		for _, t := range trees {
			err := finish(ctx, tx, t)
			if err == nil { // those that were kept so that they would not be added again
				_, err = tx.ExecContext(ctx, "DELETE FROM transfer WHERE job = ? AND parent = ? AND phase = ?", t.Job, t.N, int(Done))
			}
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

// Save keeps how far a transfer is. Where it comes from stays as it was added.
func (s *Store) Save(ctx context.Context, t Transfer) error {
	return fail("write the journal", s.change(ctx, func(ctx context.Context, tx *transaction) error { return save(ctx, tx, t) }))
}

func save(ctx context.Context, tx *transaction, t Transfer) error {
	r, err := tx.ExecContext(ctx, `UPDATE transfer SET dest_site = ?, dest = ?, size = ?, modified = ?, phase = ?, temporary = ?, aside = ?,
		turn = ?, there = ?, before = ?, arrived = ?, verified = ?, attempts = ?, failed = ?, kind = ?, code = ?, error = ? WHERE job = ? AND n = ?`,
		t.Dest.Site, []byte(t.Dest.Path), t.Size, milli(t.Modified), int(t.Phase), []byte(t.Temporary), []byte(t.Aside),
		t.Turn, t.There, t.Before, t.Arrived, t.Verified, t.Attempts, milli(t.Failed), int(t.Kind), t.Code, t.Error, t.Job, t.N)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fmt.Errorf("job %d was dropped", t.Job))
	}
	return nil
}

// Finish says that a transfer is done, which moved so many bytes.
func (s *Store) Finish(ctx context.Context, t Transfer, bytes int64) error {
	return fail("write the journal", s.change(ctx, func(ctx context.Context, tx *transaction) error {
		tx.count(t.Job, bytes)
		return finish(ctx, tx, t)
	}))
}

// sum is what the transfers come to that are finished in one transaction.
type sum struct{ done, bytes int64 }

// count has a finished transfer count for its job.
func (t *transaction) count(job, bytes int64) {
	s := t.sums[job]
	t.sums[job] = sum{s.done + 1, s.bytes + max(bytes, 0)}
}

// saveSums adds what was counted to the jobs: once for all that a transaction finishes.
func (t *transaction) saveSums(ctx context.Context) error {
	for job, s := range t.sums {
		if _, err := t.ExecContext(ctx, "UPDATE job SET done = done + ?, bytes = bytes + ? WHERE id = ?", s.done, s.bytes, job); err != nil {
			return err
		}
	}
	return nil
}

// Drop says that there is nothing to do for a transfer.
func (s *Store) Drop(ctx context.Context, t Transfer) error {
	return fail("write the journal", s.change(ctx, func(ctx context.Context, tx *transaction) error { return finish(ctx, tx, t) }))
}

// finish drops a transfer; or keeps it as done, while its tree is not wholly in the
// journal, so that it is not added again.
func finish(ctx context.Context, tx *transaction, t Transfer) error {
	r, err := tx.ExecContext(ctx, `DELETE FROM transfer WHERE job = ? AND n = ?
		AND NOT EXISTS (SELECT 1 FROM transfer WHERE job = ? AND n = ? AND phase < ?)`, t.Job, t.N, t.Job, t.Parent, int(Done))
	if err != nil {
		return err
	}
	if dropped, err := r.RowsAffected(); err != nil || dropped > 0 {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE transfer SET phase = ?, failed = 0, turn = 0 WHERE job = ? AND n = ?", int(Done), t.Job, t.N)
	return err
}

// Next returns the next transfers of a job behind number n that are to be done, in
// order: trees, or files. There are limit of them, and then those from the same source
// as the last one. Those that failed are left out.
func (s *Store) Next(ctx context.Context, job, n int64, trees bool, limit int) ([]Transfer, error) {
	from, what := "transfer", "what = 0"
	if trees {
		from, what = "transfer INDEXED BY transfer_tree", "what = 1"
	}
	var list []Transfer
	err := s.transfers(ctx, func(t Transfer) bool {
		if len(list) >= limit && t.First != list[len(list)-1].First {
			return false
		}
		list = append(list, t)
		return true
	}, from, "WHERE job = ? AND n > ? AND failed = 0 AND phase < ? AND "+what+" ORDER BY n", job, n, int(Done))
	return list, err
}

// Transfers calls yield for each transfer of a job that is not done, in order.
func (s *Store) Transfers(ctx context.Context, job int64, yield func(Transfer) bool) error {
	return s.transfers(ctx, yield, "transfer", "WHERE job = ? AND phase < ? ORDER BY n", job, int(Done))
}

// Named notes which site a name in a job's transfers means: elsewhere, or later, it
// may mean another.
func (s *Store) Named(ctx context.Context, job int64, name, identity string) error {
	return fail("write the journal", s.exec(ctx, "INSERT OR REPLACE INTO job_site (job, name, identity) VALUES (?, ?, ?)", job, name, identity))
}

// Names returns which sites the names in a job's transfers mean.
func (s *Store) Names(ctx context.Context, job int64) (identities map[string]string, err error) {
	rows, err := s.db.QueryContext(ctx, "SELECT name, identity FROM job_site WHERE job = ?", job)
	if err != nil {
		return nil, fail("read the journal", err)
	}
	defer rows.Close() // Err tells what matters
	identities = make(map[string]string)
	for rows.Next() {
		var name, identity string
		if err := rows.Scan(&name, &identity); err != nil {
			return nil, fail("read the journal", err)
		}
		identities[name] = identity
	}
	return identities, fail("read the journal", rows.Err())
}

// TakeTurn keeps a transfer whose turn it is from now on to append to its destination:
// no other job may do so until this one is done, or is saved without its turn. It
// returns the job that has the turn instead, if one does. The turn of a process that
// ended before anything was begun is none.
func (s *Store) TakeTurn(ctx context.Context, t *Transfer) (other Job, ok bool, err error) {
	mine := *t
	mine.Turn = true
	err = s.change(ctx, func(ctx context.Context, tx *transaction) error {
		if other, err = s.turnOf(ctx, tx, mine); err != nil {
			return err
		}
		if ok = other.ID == 0; !ok {
			return nil
		}
		return save(ctx, tx, mine)
	})
	if err != nil {
		return other, false, fail("write the journal", err)
	}
	t.Turn = ok
	return other, ok, nil
}

// turnOf returns the other job that has the turn at the destination of a transfer.
func (s *Store) turnOf(ctx context.Context, tx *transaction, t Transfer) (Job, error) {
	rows, err := tx.QueryContext(ctx, `SELECT j.id, j.statement, j.owner, t.phase FROM transfer t JOIN job j ON j.id = t.job
		WHERE t.turn = 1 AND t.dest = ? AND t.job <> ?
		AND (SELECT identity FROM job_site WHERE job = t.job AND name = t.dest_site) = (SELECT identity FROM job_site WHERE job = ? AND name = ?)`,
		[]byte(t.Dest.Path), t.Job, t.Job, t.Dest.Site)
	if err != nil {
		return Job{}, err
	}
	defer rows.Close() // Err tells what matters
	for rows.Next() {
		var other Job
		var phase Phase
		if err := rows.Scan(&other.ID, &other.Statement, &other.Owner, &phase); err != nil {
			return Job{}, err
		}
		if phase > Waiting || s.Alive(other.Owner) {
			return other, nil
		}
	}
	return Job{}, rows.Err()
}

// BeginTransfer keeps a transfer as it is, also if the system ends.
func (s *Store) BeginTransfer(ctx context.Context, t Transfer) error {
	return fail("write the journal", s.durably(ctx, func(ctx context.Context, tx *transaction) error { return save(ctx, tx, t) }))
}

func (s *Store) transfers(ctx context.Context, yield func(Transfer) bool, from, where string, args ...any) error {
	rows, err := s.db.QueryContext(ctx, "SELECT "+columns+" FROM "+from+" "+where, args...)
	if err != nil {
		return fail("read the journal", err)
	}
	defer rows.Close() // Err tells what matters
	for rows.Next() {
		var t Transfer
		if err := t.scan(rows); err != nil {
			return fail("read the journal", err)
		}
		if !yield(t) {
			return nil
		}
	}
	return fail("read the journal", rows.Err())
}

// Jobs calls yield for each job, in order.
func (s *Store) Jobs(ctx context.Context, yield func(Job) bool) error {
	return s.jobs(ctx, yield, "WHERE complete = 1 ORDER BY id")
}

// Job returns the job with a number; ok is false if there is none.
func (s *Store) Job(ctx context.Context, id int64) (j Job, ok bool, err error) {
	err = s.jobs(ctx, func(found Job) bool { j, ok = found, true; return false }, "WHERE complete = 1 AND id = ?", id)
	return j, ok, err
}

func (s *Store) jobs(ctx context.Context, yield func(Job) bool, where string, args ...any) error {
	rows, err := s.db.QueryContext(ctx, `SELECT id, statement, verb, owner, begun, ended, done, bytes,
		(SELECT count(*) FROM transfer WHERE job = id AND phase < 4 AND failed = 0),
		(SELECT count(*) FROM transfer WHERE job = id AND phase < 4 AND failed <> 0) FROM job `+where, args...)
	if err != nil {
		return fail("read the journal", err)
	}
	defer rows.Close() // Err tells what matters
	for rows.Next() {
		var j Job
		var begun, ended int64
		if err := rows.Scan(&j.ID, &j.Statement, &j.Verb, &j.Owner, &begun, &ended, &j.Done, &j.Bytes, &j.Waiting, &j.Failed); err != nil {
			return fail("read the journal", err)
		}
		j.Begun, j.Ended = fromMilli(begun), fromMilli(ended)
		if !yield(j) {
			return nil
		}
	}
	return fail("read the journal", rows.Err())
}

// Ahead is what a job has yet to do, as far as it is known.
type Ahead struct {
	Files   int64
	Bytes   int64 // of those files whose size is known
	Unsized int64 // the other files
	Trees   int64 // directories that are not wholly listed
}

// Ahead returns what a job has yet to do, without what failed.
func (s *Store) Ahead(ctx context.Context, job int64) (a Ahead, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE what = 0), coalesce(sum(max(size, 0)) FILTER (WHERE what = 0), 0),
		count(*) FILTER (WHERE what = 0 AND size < 0), count(*) FILTER (WHERE what = 1)
		FROM transfer WHERE job = ? AND phase < ? AND failed = 0`, job, int(Done)).Scan(&a.Files, &a.Bytes, &a.Unsized, &a.Trees)
	return a, fail("read the journal", err)
}

// Claim makes a job that nobody works on this process's, and has all its transfers
// tried again. ok is false if another process was faster, or is at work on it.
func (s *Store) Claim(ctx context.Context, j Job) (ok bool, err error) {
	if j.Owner != "" && s.Alive(j.Owner) {
		return false, nil
	}
	owner, err := s.owner.token(s.file)
	if err != nil {
		return false, fail("write the journal", err)
	}
	err = s.change(ctx, func(ctx context.Context, tx *transaction) error {
		r, err := tx.ExecContext(ctx, "UPDATE job SET owner = ?, ended = 0 WHERE id = ? AND owner = ?", owner, j.ID, j.Owner)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if ok = n > 0; err != nil || !ok {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE transfer SET failed = 0, fresh = 0, turn = turn AND phase > ? WHERE job = ? AND (failed <> 0 OR fresh <> 0 OR turn <> 0)", int(Waiting), j.ID)
		return err
	})
	return ok, fail("write the journal", err)
}

// Release says that this process works on a job no more. One with nothing left to
// do has ended.
func (s *Store) Release(ctx context.Context, id int64) error {
	left := 1
	err := s.change(ctx, func(ctx context.Context, tx *transaction) error {
		err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM transfer WHERE job = ? AND phase < ?)", id, int(Done)).Scan(&left)
		if err != nil {
			return err
		}
		ended := int64(0)
		if left == 0 {
			ended = milli(time.Now())
			if _, err := tx.ExecContext(ctx, "DELETE FROM transfer WHERE job = ?", id); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, "UPDATE job SET owner = '', ended = ? WHERE id = ?", ended, id)
		return err
	})
	if err == nil && left == 0 {
		s.shrink(ctx)
	}
	return fail("write the journal", err)
}

// ForgetJob drops a job with all its transfers.
func (s *Store) ForgetJob(ctx context.Context, id int64) error {
	return fail("write the journal", s.exec(ctx, "DELETE FROM job WHERE id = ?", id))
}

// Sweep drops the jobs whose process ended before all their transfers were in the
// journal, of which nothing was begun, and those that ended before a time. What else
// processes left that ended goes as well.
func (s *Store) Sweep(ctx context.Context, before time.Time) error {
	var dead []int64
	err := s.jobs(ctx, func(j Job) bool {
		if !s.Alive(j.Owner) {
			dead = append(dead, j.ID)
		}
		return true
	}, "WHERE complete = 0")
	if err != nil {
		return err
	}
	s.sweepOwners()
	return fail("write the journal", s.change(ctx, func(ctx context.Context, tx *transaction) error {
		for _, id := range dead {
			if _, err := tx.ExecContext(ctx, "DELETE FROM job WHERE id = ?", id); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM job WHERE ended <> 0 AND ended < ?", milli(before))
		return err
	}))
}
