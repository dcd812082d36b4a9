package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"nod/migrations"
	"nod/storage"
)

// database is one of the two kinds, filled with some history.
type database struct {
	name  string
	url   string
	log   string // of the server; empty: there is none
	month *month
	fresh bool // it is made anew each time
	rows  int  // of history, once it is loaded
}

// loader writes to one of them. Texts reads the last column of each row.
type loader interface {
	exec(text string, args ...any) error
	texts(query string, args ...any) ([]string, error)
	copy(table string, columns []string, rows iter.Seq2[[]any, error]) error
	close() error
}

// filled names the table that is made when everything is there. It says by which
// migrations: as long as they are edited in place, nothing else tells that they were.
const filled = "filled_by_scale"

func schema() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(migrations.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := migrations.Files.ReadFile(path)
		h.Write(raw)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

// clear makes an empty database in place of what is there.
func (d *database) clear(ctx context.Context) error {
	if path, ok := strings.CutPrefix(d.url, "sqlite:"); ok {
		for _, end := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(path + end); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		return nil
	}
	at, err := url.Parse(d.url)
	if err != nil {
		return err
	}
	name := strings.TrimPrefix(at.Path, "/")
	at.Path = "/postgres"
	conn, err := pgx.Connect(ctx, at.String())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // what it did is done
	if _, err := conn.Exec(ctx, "drop database if exists "+name+" with (force)"); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "create database "+name)
	return err
}

// load fills the database, unless that was done.
func (d *database) load(ctx context.Context) (loaded bool, err error) {
	if d.fresh {
		if err := d.clear(ctx); err != nil {
			return false, err
		}
	}
	if err := storage.Migrate(ctx, d.url, slog.New(slog.DiscardHandler)); err != nil {
		return false, err
	}
	l, indexes, err := d.loader(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	by, err := schema()
	if err != nil {
		return false, err
	}
	switch before, err := l.texts("select made_by from " + filled); {
	case err != nil: // there is no such table
		if err := d.fill(l, indexes); err != nil {
			return false, err
		}
		if err := l.exec("create table " + filled + " as select cast('" + by + "' as text) as made_by"); err != nil {
			return false, err
		}
		loaded = true
	case !slices.Contains(before, by):
		return false, errors.New("it was loaded by other migrations: remove the folder")
	}
	n, err := l.texts("select cast((select count(*) from events) + (select count(*) from verifications) as text)")
	if err != nil {
		return false, err
	}
	d.rows, err = strconv.Atoi(n[0])
	return loaded, err
}

// fill loads the rows first, then the indexes that the migrations made.
func (d *database) fill(l loader, indexes string) error {
	if there, err := l.texts("select id from keys limit 1"); err != nil || len(there) > 0 {
		return errors.Join(errors.New("a load was cut off: remove the folder"), err)
	}
	if d.log == "" { // a load that is cut off is begun anew
		if err := l.exec("pragma journal_mode = off"); err != nil {
			return err
		}
	}
	texts, err := l.texts(indexes)
	if err != nil {
		return err
	}
	for _, text := range texts {
		if err := l.exec("drop index " + strings.Fields(text[strings.Index(strings.ToLower(text), "index ")+len("index "):])[0]); err != nil {
			return err
		}
	}
	if err := d.copyAll(l); err != nil {
		return err
	}
	if d.log != "" { // what its autovacuum does some time after a load
		texts = append(texts, "vacuum analyze")
	}
	for _, text := range texts {
		if err := l.exec(text); err != nil {
			return err
		}
	}
	return nil
}

func (d *database) copyAll(l loader) error {
	m := d.month
	keys := func(yield func([]any, error) bool) {
		for _, row := range m.stored {
			if !yield(row, nil) {
				return
			}
		}
	}
	if err := l.copy("keys", []string{"id", "kind", "sealed", "created_at"}, keys); err != nil {
		return err
	}
	for _, t := range tables {
		if err := l.copy(t.name, m.tables[t.name].columns, m.rows(t.name)); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return l.copy("meters", []string{"key", "state", "expires_at"}, m.meters)
}

// loader opens the database as its superuser, and says how to ask for its indexes.
func (d *database) loader(ctx context.Context) (loader, string, error) {
	if path, ok := strings.CutPrefix(d.url, "sqlite:"); ok {
		db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)&_pragma=synchronous(OFF)&_pragma=cache_size(-262144)")
		if err != nil {
			return nil, "", err
		}
		db.SetMaxOpenConns(1)
		return &sqliteLoader{ctx, db}, "select sql from sqlite_master where type = 'index' and sql is not null", nil
	}
	conn, err := pgx.Connect(ctx, d.url)
	if err != nil {
		return nil, "", err
	}
	_, err = conn.Exec(ctx, "set session_replication_role = replica") // what is loaded refers to what is loaded
	return &postgresLoader{ctx, conn}, "select indexdef from pg_indexes where schemaname = 'public' and not exists" +
		" (select 1 from pg_constraint where conname = indexname)", err
}

// sqliteLoader inserts in large transactions.
type sqliteLoader struct {
	ctx context.Context //nolint:containedctx // it lives as long as one call
	db  *sql.DB
}

func (l *sqliteLoader) exec(text string, args ...any) error {
	_, err := l.db.ExecContext(l.ctx, text, args...)
	return err
}

func (l *sqliteLoader) texts(query string, args ...any) ([]string, error) {
	t, err := readTable(l.ctx, l.db, query, args...)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, row := range t.rows {
		all = append(all, fmt.Sprint(row[len(row)-1]))
	}
	return all, nil
}

func (l *sqliteLoader) copy(name string, columns []string, rows iter.Seq2[[]any, error]) error {
	const perInsert = 20
	one := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ") + ")"
	text := "insert into " + name + " (" + strings.Join(columns, ", ") + ") values "
	many, err := l.db.PrepareContext(l.ctx, text+strings.TrimSuffix(strings.Repeat(one+", ", perInsert), ", "))
	if err != nil {
		return err
	}
	defer func() { _ = many.Close() }()
	if err := l.exec("begin"); err != nil {
		return err
	}
	var args []any
	for row, err := range rows {
		if err != nil {
			return err
		}
		if args = append(args, row...); len(args) == perInsert*len(columns) {
			if _, err := many.ExecContext(context.WithoutCancel(l.ctx), args...); err != nil {
				return err
			}
			if args = args[:0]; l.ctx.Err() != nil {
				return l.ctx.Err()
			}
		}
	}
	for row := range slices.Chunk(args, len(columns)) {
		if err := l.exec(text+one, row...); err != nil {
			return err
		}
	}
	return l.exec("commit")
}

func (l *sqliteLoader) close() error { return l.db.Close() }

// postgresLoader copies.
type postgresLoader struct {
	ctx  context.Context //nolint:containedctx // it lives as long as one call
	conn *pgx.Conn
}

func (l *postgresLoader) exec(text string, args ...any) error {
	_, err := l.conn.Exec(l.ctx, text, args...)
	return err
}

func (l *postgresLoader) texts(query string, args ...any) ([]string, error) {
	rows, err := l.conn.Query(l.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func (l *postgresLoader) copy(name string, columns []string, rows iter.Seq2[[]any, error]) error {
	truths, err := l.texts("select column_name::text from information_schema.columns where data_type = 'boolean' and table_name = '" + name + "'")
	if err != nil {
		return err
	}
	next, stop := iter.Pull2(rows)
	defer stop()
	_, err = l.conn.CopyFrom(l.ctx, pgx.Identifier{name}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		row, err, more := next()
		if !more || err != nil {
			return nil, err
		}
		for i, c := range columns {
			if slices.Contains(truths, c) { // SQLite knows them as numbers
				row[i] = row[i] == int64(1) || row[i] == true
			}
		}
		return row, nil
	}))
	return err
}

func (l *postgresLoader) close() error { return l.conn.Close(context.WithoutCancel(l.ctx)) }
