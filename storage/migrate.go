package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/pressly/goose/v3"

	"nod/migrations"
)

// migrateTries is how often a migration is tried: on SQLite, where goose takes
// no lock, a process that lost a race finds the work done the next time.
const migrateTries = 3

// migrate brings a database to the newest migration. Several processes may do
// it at once.
func migrate(ctx context.Context, e engine, log *slog.Logger) (err error) {
	db, kind, options, end := e.migrator()
	defer func() { err = errors.Join(err, end()) }()
	p, err := goose.NewProvider(kind, db, migrations.Files, options...)
	if err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	for try := 1; ; try++ {
		done, err := p.Up(ctx)
		for _, m := range done {
			log.InfoContext(ctx, "migrated the database", "migration", m.Source.Path, "took_ms", m.Duration.Milliseconds())
		}
		if err == nil {
			return nil
		}
		if try == migrateTries || ctx.Err() != nil {
			return fmt.Errorf("migrating: %w", err)
		}
	}
}

// migrationLock is the lock of one session, so that of several processes one
// migrates and a killed one lets go. The others look often whether it is done;
// goose's own looks every second, which a second node would start late. They
// look and do not wait in the server, for a session that waits there is one that
// `create index concurrently` waits for.
type migrationLock struct{}

const (
	migrationLockID     = 7229137504 // any number that nobody else takes in this database
	migrationLockPause  = 50 * time.Millisecond
	migrationLockPeriod = 5 * time.Minute
)

// SessionLock waits until the lock is taken.
func (migrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, migrationLockPeriod)
	defer cancel()
	again := time.NewTicker(migrationLockPause)
	defer again.Stop()
	for {
		var ours bool
		if err := conn.QueryRowContext(ctx, "select pg_try_advisory_lock($1)", migrationLockID).Scan(&ours); err != nil || ours {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("another process migrates: %w", ctx.Err())
		}
	}
}

// SessionUnlock gives the lock up.
func (migrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "select pg_advisory_unlock($1)", migrationLockID)
	return err
}
