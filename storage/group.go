package storage

import (
	"context"
	"database/sql"
	"fmt"
)

// batchLimit is how many callers share one COMMIT at most.
const batchLimit = 128

// connection is one connection of SQLite with its prepared statements. It is
// used by one goroutine at a time. Statements run under a context that cannot
// be canceled: the driver would start a goroutine for each otherwise, and each
// is short.
type connection struct {
	*sql.Conn
	statements map[string]*sql.Stmt
}

func connect(ctx context.Context, db *sql.DB) (*connection, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: c, statements: map[string]*sql.Stmt{}}, nil
}

func (c *connection) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if s := c.statements[text]; s != nil {
		return s, nil
	}
	s, err := c.PrepareContext(ctx, text)
	if err == nil {
		c.statements[text] = s
	}
	return s, err
}

func (c *connection) run(ctx context.Context, all ...statement) error {
	for _, s := range all {
		if err := c.one(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.act, err)
		}
	}
	return nil
}

func (c *connection) one(ctx context.Context, s statement) error {
	p, err := c.prepared(ctx, s.text)
	if err != nil {
		return err
	}
	if s.row == nil {
		res, err := p.ExecContext(ctx, s.args...)
		if err != nil || s.wrote == nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		return s.wrote(n)
	}
	rows, err := p.QueryContext(ctx, s.args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // the error that counts is rows.Err
	for rows.Next() {
		if err := s.row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// discard closes the connection for good, whatever state it is in.
func (c *connection) discard() {
	for _, s := range c.statements {
		_ = s.Close() // the connection goes with it
	}
	_ = c.Close()
}

// job is one caller's place in a batch. The caller's own goroutine does the
// work while the writer lends it the connection, so a panic or an exit in a
// rule unwinds the caller and not the writer.
type job struct {
	turn chan *connection // the connection, lent; closed when the batch cannot run
	back chan bool        // the connection, given back: keep what was written?
	done chan error       // what became of the batch
}

// groupCommit is the one writer of an SQLite file: it takes what waits, up to
// [batchLimit] callers, into one transaction, each in a savepoint of its own.
type groupCommit struct {
	db     *sql.DB
	conn   *connection // nil after a batch that broke
	jobs   chan *job
	asides chan *aside
	stop   chan struct{}
	gone   chan struct{} // closed when run has returned
}

// aside is what runs between two batches, on the writer's connection and in no
// transaction.
type aside struct {
	do   func(context.Context, *connection) error
	done chan error
}

func newGroupCommit(db *sql.DB) *groupCommit {
	g := &groupCommit{db: db, jobs: make(chan *job), asides: make(chan *aside), stop: make(chan struct{}), gone: make(chan struct{})}
	go g.run()
	return g
}

// close waits for the batch under way.
func (g *groupCommit) close() {
	close(g.stop)
	<-g.gone
}

// write runs do inside the next batch and returns once that is committed or
// rolled back. A batch that fails fails all of its callers, those too whose
// own work was refused: they were told what never happened.
func (g *groupCommit) write(ctx context.Context, do func(context.Context, querier) error) error {
	j := &job{turn: make(chan *connection), back: make(chan bool), done: make(chan error, 1)}
	select {
	case g.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-g.stop:
		return errClosed
	}
	conn, ok := <-j.turn
	if !ok {
		return <-j.done
	}
	err := j.work(ctx, conn, do)
	if broken := <-j.done; broken != nil {
		return broken
	}
	return err
}

// between runs do, which must be short, while nobody writes.
func (g *groupCommit) between(ctx context.Context, do func(context.Context, *connection) error) error {
	a := &aside{do, make(chan error, 1)}
	select {
	case g.asides <- a:
		return <-a.done
	case <-ctx.Done():
		return ctx.Err()
	case <-g.stop:
		return errClosed
	}
}

// work holds the connection and gives it back, also when do panics.
func (j *job) work(ctx context.Context, conn *connection, do func(context.Context, querier) error) (err error) {
	keep := false
	defer func() { j.back <- keep }()
	if err = ctx.Err(); err != nil {
		return err
	}
	if err = do(context.WithoutCancel(ctx), conn); err == nil {
		err = ctx.Err() // who has gone is told nothing, so nothing is kept
	}
	keep = err == nil
	return err
}

func (g *groupCommit) run() {
	defer close(g.gone)
	for {
		select {
		case <-g.stop:
			if g.conn != nil {
				g.conn.discard()
			}
			return
		case j := <-g.jobs:
			batch := append(make([]*job, 0, batchLimit), j)
			for waiting := true; waiting && len(batch) < batchLimit; {
				select {
				case j := <-g.jobs:
					batch = append(batch, j)
				default:
					waiting = false
				}
			}
			err := g.commit(context.Background(), batch)
			if err != nil {
				err = fmt.Errorf("committing: %w", err)
				g.replace()
			}
			for _, j := range batch {
				j.done <- err
			}
		case a := <-g.asides:
			err := g.connect(context.Background())
			if err == nil {
				err = a.do(context.Background(), g.conn)
			}
			if err != nil {
				g.replace()
			}
			a.done <- err
		}
	}
}

// connect sees to it that there is a connection.
func (g *groupCommit) connect(ctx context.Context) (err error) {
	if g.conn == nil {
		g.conn, err = connect(ctx, g.db)
	}
	return err
}

// replace throws the connection away, with whatever is left of its transaction.
func (g *groupCommit) replace() {
	if g.conn != nil {
		g.conn.discard()
		g.conn = nil
	}
}

// commit runs one batch. Each job's turn comes exactly once, or is closed.
func (g *groupCommit) commit(ctx context.Context, batch []*job) (err error) {
	next := 0
	defer func() {
		for _, j := range batch[next:] {
			close(j.turn)
		}
	}()
	if err = g.connect(ctx); err != nil {
		return err
	}
	if err = g.conn.run(ctx, plain("begin immediate")); err != nil {
		return err
	}
	for _, j := range batch {
		if err = g.conn.run(ctx, plain("savepoint job")); err != nil {
			return err
		}
		next++
		j.turn <- g.conn
		if keep := <-j.back; !keep {
			if err = g.conn.run(ctx, plain("rollback to savepoint job")); err != nil {
				return err
			}
		}
		if err = g.conn.run(ctx, plain("release savepoint job")); err != nil {
			return err
		}
	}
	return g.conn.run(ctx, plain("commit"))
}
