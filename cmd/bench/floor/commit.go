package floor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"nod/cmd/bench/load"
	"nod/deploy/throwaway"
)

// A create writes about as much: a verification, its deliveries and their events.
const (
	rowsEach  = 6
	bytesEach = 400
)

// The connections that commit on Postgres; on SQLite there is one writer.
const connections = 16

// Commits times bare commits, rate a second for d, each of one statement that writes as
// much as a create. The first figures are its p50 and p99: nothing that is stored before
// it is sent can be faster.
func Commits(ctx context.Context, on string, rate float64, d time.Duration) (r load.Result, err error) {
	r = load.Result{
		Scenario: "commit", Against: "bare " + on,
		Load: fmt.Sprintf("%g a second for %v, one insert of %d rows of %d bytes each, on the disk", rate, d, rowsEach, bytesEach),
	}
	commit, end, err := committer(ctx, on)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, end()) }()
	n := int(rate * d.Seconds())
	rows := func(i int) []any {
		var args []any
		for row := range rowsEach {
			args = append(args, fmt.Sprintf("%016d-%d", i, row), strings.Repeat("x", bytesEach))
		}
		return args
	}
	if err := load.Each(ctx, connections, 4*connections, func(ctx context.Context, i int) error { return commit(ctx, rows(n+i)) }); err != nil {
		return r, err // the first are slower: connections, statements
	}
	took := load.NewLatency()
	err = load.Pace(ctx, rate, n, func(ctx context.Context, i int, intended time.Time) error {
		if err := commit(ctx, rows(i)); err != nil {
			return err
		}
		took.Since(intended)
		return nil
	})
	if err != nil {
		return r, err
	}
	r.Figures = took.Figures("commit")
	r.Histogram, err = took.Histogram()
	return r, err
}

// committer makes a table and returns what writes rows into it.
func committer(ctx context.Context, on string) (commit func(ctx context.Context, args []any) error, end func() error, err error) {
	const table = "create table written (id text not null primary key, body text not null)"
	var places []string
	for i := range rowsEach {
		places = append(places, fmt.Sprintf("($%d, $%d)", 2*i+1, 2*i+2))
	}
	insert := "insert into written values " + strings.Join(places, ", ") //nolint:gosec // of parameters
	if on == SQLite {
		dir, err := os.MkdirTemp("", "nod-bench-")
		if err != nil {
			return nil, nil, err
		}
		db, err := openSQLite(filepath.Join(dir, "floor.db"))
		if err != nil {
			return nil, nil, errors.Join(err, os.RemoveAll(dir))
		}
		db.SetMaxOpenConns(1)
		end = func() error { return errors.Join(db.Close(), os.RemoveAll(dir)) }
		if _, err := db.ExecContext(ctx, table); err != nil {
			return nil, nil, errors.Join(err, end())
		}
		statement, err := db.PrepareContext(ctx, insert)
		if err != nil {
			return nil, nil, errors.Join(err, end())
		}
		return func(ctx context.Context, args []any) error {
			_, err := statement.ExecContext(context.WithoutCancel(ctx), args...) // the driver has a goroutine for what can end
			return err
		}, end, nil
	}
	server, err := throwaway.StartPostgres(durable)
	if err != nil {
		return nil, nil, err
	}
	pool, err := pgxpool.New(ctx, server.URL+fmt.Sprintf("&pool_max_conns=%d", connections))
	if err != nil {
		server.Close()
		return nil, nil, err
	}
	end = func() error {
		pool.Close()
		server.Close()
		return nil
	}
	if _, err := pool.Exec(ctx, table); err != nil {
		return nil, nil, errors.Join(err, end())
	}
	return func(ctx context.Context, args []any) error {
		_, err := pool.Exec(ctx, insert, args...)
		return err
	}, end, nil
}

// openSQLite opens a file as the store's writer has it (see package storage).
func openSQLite(path string) (*sql.DB, error) {
	q := url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "temp_store(2)", "secure_delete(1)"}}
	return sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String())
}
