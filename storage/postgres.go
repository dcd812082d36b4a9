package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// How many connections one process holds at most: three processes fit under
// Postgres's own default of 100.
const (
	postgresWriters  = 20
	postgresReserved = 4
	postgresReaders  = 6
)

// postgresTries is how often a transaction that lost against others is run.
const postgresTries = 5

// How long the server waits for us. They end before transactionLimit does, so
// that a statement that waits for a lock ends with a word from the server and the
// connection lives on; and a process that is stopped in the middle of a
// transaction does not keep its locks.
const (
	lockTimeout      = 1500 * time.Millisecond
	statementTimeout = 1600 * time.Millisecond
	idleTimeout      = 2 * time.Second
)

// How long a connection may take to come up, and one that was idle to answer; and
// what must be left of the time of a transaction for it to begin: one that is cut
// off costs its connection.
const (
	connectTimeout = 1500 * time.Millisecond
	pingTimeout    = 400 * time.Millisecond
	workTime       = 300 * time.Millisecond
)

// postgres is a pool of connections on which every write is a transaction of its
// own, and one on which a round trip is a read.
type postgres struct {
	dialect
	config  *pgx.ConnConfig // without our limits, to migrate
	writing *pgxpool.Pool
	reading *pgxpool.Pool
	small   *postgres // the same with the reserved pool
}

func openPostgres(ctx context.Context, url string) (*postgres, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the database URL is not one that Postgres understands") // pgx's error may repeat the password
	}
	p := &postgres{config: config.ConnConfig.Copy(), dialect: dialect{
		forUpdate:  " for update",
		skipLocked: " for update skip locked",
		inList:     "= any (array(select jsonb_array_elements_text($1::jsonb)))",
		lock:       "pg_advisory_xact_lock(hashtextextended($%d, 0))",
		lockEach:   "select pg_advisory_xact_lock(hashtextextended('meter ' || value, 0)) from jsonb_array_elements_text($1::jsonb)",
		clock:      "floor(extract(epoch from clock_timestamp()) * 1000)::bigint",
		running: "select floor(extract(epoch from min(xact_start)) * 1000)::bigint from pg_stat_activity" +
			" where datname = current_database() and backend_type = 'client backend'",
	}}
	if p.writing, err = openPool(ctx, config, postgresWriters, nil); err != nil {
		return nil, err
	}
	small := *p
	p.small = &small
	if small.writing, err = openPool(ctx, config, postgresReserved, nil); err != nil {
		p.writing.Close()
		return nil, err
	}
	// All that is sent in one round trip is one transaction, without BEGIN, and of
	// this isolation it reads one state.
	p.reading, err = openPool(ctx, config, postgresReaders, map[string]string{
		"default_transaction_isolation": "repeatable read", "default_transaction_read_only": "on",
	})
	if err != nil {
		small.writing.Close()
		p.writing.Close()
		return nil, err
	}
	small.reading = p.reading
	if err := p.reading.Ping(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("reaching Postgres: %w", err), p.close())
	}
	return p, nil
}

// openPool makes a pool; it dials when the first connection is wanted.
func openPool(ctx context.Context, config *pgxpool.Config, connections int32, settings map[string]string) (*pgxpool.Pool, error) {
	c := config.Copy()
	c.MaxConns, c.MinConns, c.MinIdleConns = connections, 0, 0
	c.PingTimeout = pingTimeout
	if t := c.ConnConfig.ConnectTimeout; t == 0 || t > connectTimeout {
		c.ConnConfig.ConnectTimeout = connectTimeout
	}
	// The place of a dead connection is soon free again: pgx holds it, for up to 15 s,
	// until a connection made for that has asked the server to cancel what was under
	// way, and the server has said goodbye.
	c.ConnConfig.DialFunc = dial
	c.AfterConnect = func(_ context.Context, made *pgx.Conn) error { return made.PgConn().Conn().SetDeadline(time.Time{}) }
	c.BeforeClose = func(dead *pgx.Conn) {
		if dead.IsClosed() {
			_ = dead.PgConn().Conn().Close()
		}
	}
	parameters := map[string]string{
		// A statement keeps the plan that it got when its tables were young: until they
		// are analyzed it read all of them, each time. Here every one has its index.
		"enable_seqscan": "off", "jit": "off",
	}
	for name, limit := range map[string]time.Duration{
		"lock_timeout": lockTimeout, "statement_timeout": statementTimeout, "idle_in_transaction_session_timeout": idleTimeout,
	} {
		parameters[name] = strconv.FormatInt(limit.Milliseconds(), 10)
	}
	maps.Copy(parameters, c.ConnConfig.RuntimeParams) // what the URL says
	maps.Copy(parameters, settings)
	c.ConnConfig.RuntimeParams = parameters
	return pgxpool.NewWithConfig(ctx, c)
}

// dial makes a connection that has to be of use within the time that making one may
// take. A peer that has gone without a word is noticed also while nobody asks it.
func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: connectTimeout, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 5 * time.Second, Interval: time.Second, Count: 3,
	}}
	c, err := dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(connectTimeout)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// write runs do until it neither lost against another transaction nor met a
// connection that had died while it lay in the pool: then nothing can have been
// committed. All tries together end in time.
func (p *postgres) write(ctx context.Context, do func(context.Context, *tx) error) error {
	end := time.Now().Add(transactionLimit)
	died := 0
	for try := 1; ; try++ {
		c, err := take(ctx, p.writing, end)
		if err != nil {
			return err
		}
		err = c.transaction(ctx, &p.dialect, do)
		if c.died && !c.committing {
			died++
		} else if !passing(err) {
			return err
		}
		if try == postgresTries || died > 1 || !time.Now().Before(end) {
			return err
		}
		if died > 0 {
			continue
		}
		wait := time.NewTimer(time.Duration(try*try) * 2 * time.Millisecond)
		select {
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		case <-wait.C:
		}
	}
}

func (p *postgres) read(ctx context.Context, do func(context.Context, *tx) error) error {
	end := time.Now().Add(transactionLimit)
	for try := 1; ; try++ {
		c, err := take(ctx, p.reading, end)
		if err != nil {
			return err
		}
		err = c.lend(func() error { return do(ctx, &tx{conn: c, dialect: &p.dialect}) })
		if !c.died || try == 2 || !time.Now().Before(end) {
			return err
		}
	}
}

// session is one connection of a pool for one transaction.
type session struct {
	*pgxpool.Conn
	pool       *pgxpool.Pool
	raw        *pgx.Conn
	asked      time.Time // when the last round trip began
	answered   int       // how many of its statements were
	committing bool      // COMMIT was sent, and whether it was obeyed nobody has said
	died       bool      // the connection broke; known once it was given back
}

// take waits for a connection, but leaves time to use it. Until it is given back
// nothing on it takes longer than end: the limit is one of the socket itself, so it
// costs nothing.
func take(ctx context.Context, pool *pgxpool.Pool, end time.Time) (*session, error) {
	ctx, cancel := context.WithDeadline(ctx, end.Add(-workTime))
	defer cancel()
	c, err := pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("taking a connection: %w", err)
	}
	s := &session{Conn: c, pool: pool, raw: c.Conn()}
	if err := s.raw.PgConn().Conn().SetDeadline(end); err != nil {
		c.Release()
		return nil, fmt.Errorf("taking a connection: %w", err)
	}
	return s, nil
}

// lend runs do and gives the connection back, also when do panics. What made a
// connection die has probably happened to all of the pool, and they are made anew;
// but not when it was only cut off in its work, for a database that is slow would
// then have all the logins to do as well.
func (s *session) lend(do func() error) (err error) {
	defer func() {
		s.died = s.raw.IsClosed() || fatal(err)
		switch {
		case !s.died:
			_ = s.raw.PgConn().Conn().SetDeadline(time.Time{}) // an error shows at the next use
		case !pgconn.Timeout(err) || time.Since(s.asked) > statementTimeout: // by then a server that lives has said a word
			s.pool.Reset()
		}
		s.Release()
	}()
	return do()
}

// transaction runs do and commits. A caller that gives up is heard between the
// statements, never while one runs – least of all COMMIT, whose answer would be
// lost.
func (s *session) transaction(ctx context.Context, d *dialect, do func(context.Context, *tx) error) error {
	return s.lend(func() error {
		t := &tx{conn: s, dialect: d, held: []statement{plain("begin")}, slot: int64(s.raw.PgConn().PID() % slots)}
		done := false
		defer func() {
			if !done && s.raw.PgConn().TxStatus() != 'I' {
				_ = s.run(context.WithoutCancel(ctx), plain("rollback")) // a connection that cannot even do this is thrown away
			}
		}()
		if err := do(ctx, t); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.raw.PgConn().TxStatus() == 'E' {
			return errors.New("a rule went on after its transaction had failed")
		}
		s.committing = true
		before := len(t.held)
		err := t.run(context.WithoutCancel(ctx), plain("commit"))
		if done = err == nil; !done && s.answered < before && refusal(err) != nil {
			s.committing = false // the server gave up before it came there
		}
		return err
	})
}

// run sends all statements in one round trip.
func (s *session) run(ctx context.Context, all ...statement) (err error) {
	if len(all) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var b pgx.Batch
	for _, one := range all {
		b.Queue(one.text, one.args...)
	}
	s.asked, s.answered = time.Now(), 0
	answers := s.raw.SendBatch(context.WithoutCancel(ctx), &b)
	defer func() {
		if closed := answers.Close(); err == nil { // else it says the same again
			err = closed
		}
	}()
	for _, one := range all {
		if err := one.hear(answers); err != nil {
			return fmt.Errorf("%s: %w", one.act, err)
		}
		s.answered++
	}
	return nil
}

// hear gives a statement what came of it.
func (s statement) hear(answers pgx.BatchResults) error {
	rows, err := answers.Query()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if s.row == nil {
			continue
		}
		if err := s.row(rows.Scan); err != nil {
			return err
		}
	}
	rows.Close()
	if err := rows.Err(); err != nil || s.wrote == nil {
		return err
	}
	return s.wrote(rows.CommandTag().RowsAffected())
}

// refusal is the server's own word in an error, if there is one.
func refusal(err error) *pgconn.PgError {
	pg, _ := errors.AsType[*pgconn.PgError](err)
	return pg
}

// fatal reports whether the server ended the connection with this error.
func fatal(err error) bool {
	pg := refusal(err)
	return pg != nil && pg.SeverityUnlocalized == "FATAL"
}

// passing reports whether running the transaction again can help: it lost
// against another one (serialization failure, deadlock).
func passing(err error) bool {
	pg := refusal(err)
	return pg != nil && (pg.Code == "40001" || pg.Code == "40P01")
}

// migrator works on connections without our limits: a migration takes its time.
func (p *postgres) migrator() (*sql.DB, goose.Dialect, []goose.ProviderOption, func() error) {
	db := stdlib.OpenDB(*p.config)
	return db, goose.DialectPostgres, []goose.ProviderOption{goose.WithSessionLocker(migrationLock{})}, db.Close
}

func (p *postgres) close() error {
	p.writing.Close()
	p.small.writing.Close()
	p.reading.Close()
	return nil
}
