package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the pure-Go driver "sqlite"
)

const (
	// readers is how many connections read beside the writer.
	readers = 4
	// busyTimeout is how long a connection waits for a lock of another one's.
	busyTimeout = 5 * time.Second
	// wipePatience is how long the writer waits for readers to be through.
	wipePatience = 100 * time.Millisecond
)

// sqlite is one file in WAL mode: one writer, [readers] readers.
type sqlite struct {
	dialect
	writing *sql.DB
	reading *sql.DB
	group   *groupCommit
	idle    chan *connection
	stop    chan struct{}
	stained atomic.Bool // the write-ahead log may hold what was deleted
}

// sqliteDSN names a file and how each connection to it behaves; to overwrite what is
// deleted, as the writer does, costs creates nothing (8,000 of them by 64 callers took
// 3.38 s of processor time with it and without). FULL: what was
// answered as committed survives the loss of power. The journal of savepoints is
// kept in memory: it is thrown away in any case, and as a file it was a third of
// all writes.
func sqliteDSN(path string, pragmas ...string) string {
	q := url.Values{"_pragma": append([]string{fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "temp_store(2)"}, pragmas...)}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

func openSQLite(ctx context.Context, path string, now func() time.Time) (*sqlite, error) {
	if err := ownFile(path); err != nil {
		return nil, err
	}
	s := &sqlite{idle: make(chan *connection, readers), stop: make(chan struct{})}
	s.dialect = dialect{inList: "in (select value from json_each($1))", process: &clock{source: now}}
	var err error
	if s.writing, err = sql.Open("sqlite", sqliteDSN(path, "secure_delete(1)")); err != nil {
		return nil, err
	}
	if s.reading, err = sql.Open("sqlite", sqliteDSN(path, "query_only(1)")); err != nil {
		return nil, errors.Join(err, s.writing.Close())
	}
	for range readers {
		conn, err := connect(ctx, s.reading)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("opening %s: %w", path, err), s.reading.Close(), s.writing.Close())
		}
		s.idle <- conn
	}
	s.group = newGroupCommit(s.writing)
	s.stained.Store(true) // by a process that was killed
	return s, nil
}

// ownFile makes a new database readable by its owner only; SQLite gives the
// same mode to the files beside it.
func ownFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	return f.Close()
}

func (s *sqlite) write(ctx context.Context, do func(context.Context, *tx) error) error {
	return s.group.write(ctx, func(ctx context.Context, q querier) error {
		t := &tx{conn: q, dialect: &s.dialect}
		if err := do(ctx, t); err != nil {
			return err
		}
		return t.run(ctx) // what is still held
	})
}

func (s *sqlite) read(ctx context.Context, do func(context.Context, *tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var conn *connection
	select {
	case conn = <-s.idle:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.stop:
		return errClosed
	}
	defer func() { s.idle <- conn }()
	ctx = context.WithoutCancel(ctx)
	if err := conn.run(ctx, plain("begin")); err != nil {
		return fmt.Errorf("beginning to read: %w", err)
	}
	defer func() { _ = conn.run(ctx, plain("rollback")) }() // nothing was written
	return do(ctx, &tx{conn: conn, dialect: &s.dialect})
}

// wipe clears the files of what was deleted: the writer overwrites in its pages what it
// deletes, and this brings those pages into the database and empties the log, where the
// earlier ones stand. Readers that still read these hinder it; then it gives up after
// wipePatience, for the writer waits meanwhile, and is to be called again.
//
// One thing is out of reach but for a VACUUM, which would stop the writer for minutes:
// where SQLite packs a page anew, the room that this frees keeps what stood there, until
// it is used again. Of 24 people erased among 16,000 verifications, one index entry of
// one was met again so.
func (s *sqlite) wipe(ctx context.Context) error {
	if !s.stained.Load() {
		return nil
	}
	s.stained.Store(false) // what is deleted from here on stains it again
	hindered := 0
	err := s.group.between(ctx, func(ctx context.Context, c *connection) error {
		// Both are compiled anew each time: SQLite obeys the first when it compiles it.
		if _, err := c.ExecContext(ctx, fmt.Sprintf("pragma busy_timeout = %d", wipePatience.Milliseconds())); err != nil {
			return err
		}
		var frames, copied int
		if err := c.QueryRowContext(ctx, "pragma wal_checkpoint(truncate)").Scan(&hindered, &frames, &copied); err != nil {
			return err
		}
		_, err := c.ExecContext(ctx, fmt.Sprintf("pragma busy_timeout = %d", busyTimeout.Milliseconds()))
		return err
	})
	if err != nil || hindered != 0 {
		s.stained.Store(true)
	}
	if err != nil {
		return fmt.Errorf("wiping what was deleted: %w", err)
	}
	return nil
}

func (s *sqlite) migrator() (*sql.DB, goose.Dialect, []goose.ProviderOption, func() error) {
	return s.writing, goose.DialectSQLite3, nil, func() error { return nil }
}

func (s *sqlite) close() error {
	close(s.stop)
	s.group.close()
	for range readers {
		(<-s.idle).discard() // each once its reader is done
	}
	err := s.reading.Close()
	return errors.Join(err, s.writing.Close())
}

// clock is the process's clock, made so that it neither runs backwards nor
// stands still when the machine's is set back: then it goes on from where it
// was. Milliseconds, UTC.
type clock struct {
	source func() time.Time // nil is time.Now

	mu   sync.Mutex
	read time.Time // last reading, with its monotonic part
	told time.Time // what was told at that reading
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := time.Now()
	if c.source != nil {
		t = c.source()
	}
	told := c.told.Add(max(0, t.Sub(c.read)))
	if wall := t.Round(0).UTC(); c.read.IsZero() || wall.After(told) {
		told = wall
	}
	c.read, c.told = t, told
	return told.Truncate(time.Millisecond)
}
