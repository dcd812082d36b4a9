package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

const (
	postgresConnections = 20
	postgresReserved    = 4
	postgresTries       = 5
)

// postgres is a pool of connections; every write is a transaction of its own.
type postgres struct {
	dialect
	db    *sql.DB
	small *postgres // the reserved pool
}

func openPostgres(ctx context.Context, url string) (*postgres, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the database URL is not one that Postgres understands") // pgx's error may repeat the password
	}
	pool := func(connections int) *sql.DB {
		db := stdlib.OpenDB(*config)
		db.SetMaxOpenConns(connections)
		db.SetMaxIdleConns(connections)
		return db
	}
	p := &postgres{db: pool(postgresConnections)}
	p.dialect = dialect{
		forUpdate:  " for update",
		skipLocked: " for update skip locked",
		inList:     "in (select jsonb_array_elements_text($1::jsonb))",
		lock:       "select pg_advisory_xact_lock(hashtextextended($1, 0))",
		clock: func(ctx context.Context, q querier) (time.Time, error) {
			ms, err := number(ctx, q, "select floor(extract(epoch from clock_timestamp()) * 1000)::bigint")
			return time.UnixMilli(ms).UTC(), err
		},
	}
	if err := p.db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("reaching Postgres: %w", err), p.db.Close())
	}
	p.small = &postgres{dialect: p.dialect, db: pool(postgresReserved)}
	return p, nil
}

func (p *postgres) write(ctx context.Context, do func(context.Context, *tx) error) error {
	for try := 1; ; try++ {
		err := p.transaction(ctx, nil, do)
		if try == postgresTries || !passing(err) {
			return err
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
	return p.transaction(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, do)
}

// transaction runs do. A caller that gives up stops what waits, but never a
// COMMIT under way: its answer would be lost.
func (p *postgres) transaction(ctx context.Context, options *sql.TxOptions, do func(context.Context, *tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, transactionLimit)
	defer cancel()
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("taking a connection: %w", err)
	}
	defer func() { _ = conn.Close() }() // back to the pool
	// database/sql rolls back when the context of BeginTx ends, even while it commits.
	t, err := conn.BeginTx(context.WithoutCancel(ctx), options)
	if err != nil {
		return fmt.Errorf("beginning: %w", err)
	}
	defer func() { _ = t.Rollback() }() // after a COMMIT it does nothing
	if err := do(ctx, &tx{querier: t, dialect: &p.dialect}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := t.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

// passing reports whether running the transaction again can help: it lost
// against another one (serialization failure, deadlock).
func passing(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// migrator locks for the session, so that of several processes one migrates
// while the others look every second whether it is done.
func (p *postgres) migrator() (*sql.DB, goose.Dialect, []goose.ProviderOption, error) {
	l, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	return p.db, goose.DialectPostgres, []goose.ProviderOption{goose.WithSessionLocker(l)}, err
}

func (p *postgres) reserved() engine { return p.small }

func (p *postgres) close() error { return errors.Join(p.db.Close(), p.small.db.Close()) }
