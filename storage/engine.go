package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"nod/verify"
)

// errClosed is returned for work that comes after Close.
var errClosed = errors.New("the store is closed")

// transactionLimit ends a transaction that hangs. Whoever looks for events by
// their time looks further back than this.
const transactionLimit = 5 * time.Second

// engine runs transactions of one kind of database. do may run more than once,
// each time from fresh rows; what it returns is returned as it is.
type engine interface {
	// write commits what do wrote when do returns nil, and nothing otherwise.
	write(ctx context.Context, do func(context.Context, *tx) error) error
	// read gives do one consistent view.
	read(ctx context.Context, do func(context.Context, *tx) error) error
	// migrator gives what package goose needs to migrate this database.
	migrator() (*sql.DB, goose.Dialect, []goose.ProviderOption, error)
	// reserved is the same database over connections of their own.
	reserved() engine
	close() error
}

// dialect is what differs between the databases inside one statement.
type dialect struct {
	forUpdate  string // locks the selected rows
	skipLocked string // the same, passing by what others hold
	inList     string // one of the values in a JSON array, which is parameter $1
	lock       string // takes a lock until the end of the transaction; empty: there is one writer anyway
	clock      func(context.Context, querier) (time.Time, error)
}

// tx is one transaction.
type tx struct {
	querier
	*dialect
	keys    *verify.Keys
	changes []verify.Change // told after COMMIT
}

// now reads the store's clock: after the locks, so that two transactions that
// waited for each other see times in the order they run.
func (t *tx) now(ctx context.Context) (time.Time, error) {
	now, err := t.clock(ctx, t)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the clock: %w", err)
	}
	return now, nil
}

// lockAll takes named locks in the order given. Everybody names them in one
// order: idempotency key (by its row), user, phone, then the rows themselves.
func (t *tx) lockAll(ctx context.Context, names ...string) error {
	if t.lock == "" {
		return nil
	}
	for _, name := range names {
		if _, err := t.ExecContext(ctx, t.lock, name); err != nil {
			return fmt.Errorf("locking: %w", err)
		}
	}
	return nil
}

// savepoint runs do so that its error, returned as failed, undoes what it wrote
// and nothing else. With broken the whole transaction has to end.
func (t *tx) savepoint(ctx context.Context, do func() error) (failed, broken error) {
	if _, err := t.ExecContext(ctx, "savepoint step"); err != nil {
		return nil, err
	}
	changes := len(t.changes)
	if failed = do(); failed != nil {
		if passing(failed) {
			return failed, failed
		}
		t.changes = t.changes[:changes]
		if _, err := t.ExecContext(ctx, "rollback to savepoint step"); err != nil {
			return failed, err
		}
	}
	_, err := t.ExecContext(ctx, "release savepoint step")
	return failed, err
}

// openEngine reads the scheme of a database URL and opens the engine for it.
func openEngine(ctx context.Context, url string) (engine, error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok && path != "" {
		return openSQLite(ctx, path)
	}
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		return openPostgres(ctx, url)
	}
	return nil, errors.New("the database URL must begin with sqlite: or postgres://")
}
