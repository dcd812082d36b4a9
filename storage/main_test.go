package storage_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"nod/deploy/throwaway"
	"nod/storage"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childVariable); url != "" {
		childMain(url)
		return
	}
	stop, err := findPostgres()
	if err != nil {
		fmt.Fprintln(os.Stderr, "postgres:", err)
		if os.Getenv("CI") == "true" {
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(), goleak.Cleanup(func(code int) {
		stop()
		os.Exit(code)
	}))
}

// postgresURL is a database in which every test makes a schema of its own; empty
// when there is none. logging is its server, with a log of every statement; nil when
// it is not ours.
var (
	postgresURL string
	logging     *throwaway.Postgres
)

func findPostgres() (stop func(), err error) {
	if os.Getenv("TEST_POSTGRES_URL") != "" {
		postgresURL, stop, err = throwaway.FindPostgres()
		return stop, err
	}
	if logging, err = throwaway.StartPostgres("log_statement=all"); err != nil {
		return func() {}, err
	}
	postgresURL = logging.URL
	return logging.Close, nil
}

// database is one empty database; several stores may be opened on it.
type database struct {
	kind string
	url  string
	path string  // of an SQLite file
	raw  *sql.DB // the database beside the store, as an operator or a thief would open it
}

// onBoth runs a test on a fresh database of each kind.
func onBoth(t *testing.T, test func(t *testing.T, db database)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, newPostgres(t)) })
}

// inOneOrder is onBoth for what takes many locks at once: Postgres must not have to
// break a circle of those who wait for each other, which the store would not show, for
// it tries again.
func inOneOrder(t *testing.T, test func(t *testing.T, db database)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newSQLite(t)) })
	t.Run("postgres", func(t *testing.T) {
		server := newLogged(t)
		server.forget(t)
		test(t, newSchema(t, server.URL))
		log, err := os.ReadFile(filepath.Join(server.Folder, "log"))
		if err != nil || strings.Contains(string(log), "deadlock detected") {
			t.Errorf("they waited in a circle until Postgres broke it (%v)", err)
		}
	})
}

func newSQLite(t testing.TB) database {
	path := filepath.Join(t.TempDir(), "nod.db")
	return database{"sqlite", "sqlite:" + path, path, beside(t, "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=synchronous(OFF)&_pragma=secure_delete(1)")}
}

func newPostgres(t testing.TB) database {
	t.Helper()
	if postgresURL == "" {
		t.Skip("no Postgres here: install it or set TEST_POSTGRES_URL")
	}
	return newSchema(t, postgresURL)
}

// newSchema makes an empty schema on a server.
func newSchema(t testing.TB, server string) database {
	t.Helper()
	name := "nod_test_" + strings.ToLower(rand.Text())
	admin := beside(t, "pgx", server)
	if _, err := admin.Exec("create schema " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec("drop schema " + name + " cascade"); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return database{"postgres", u.String(), "", beside(t, "pgx", u.String())}
}

func beside(t testing.TB, driver, source string) *sql.DB {
	t.Helper()
	raw, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := raw.Close(); err != nil {
			t.Error(err)
		}
	})
	return raw
}

var secret = []byte("a secret of the tests, 32 bytes or more")

// open opens a store on the database until the test ends.
func (db database) open(t testing.TB, change ...func(*storage.Config)) *storage.Store {
	t.Helper()
	c := storage.Config{URL: db.url, Secret: secret, Log: quiet}
	for _, f := range change {
		f(&c)
	}
	s, err := storage.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (db database) exec(t testing.TB, text string, args ...any) {
	t.Helper()
	if _, err := db.raw.Exec(text, args...); err != nil {
		t.Fatal(err)
	}
}

// dump reads the texts of every table.
func (db database) dump(t testing.TB) map[string]string {
	t.Helper()
	list := "select name from sqlite_master where type = 'table'"
	if db.kind == "postgres" {
		list = "select tablename from pg_tables where schemaname = current_schema()"
	}
	tables := map[string]string{}
	for _, row := range texts(t, db.raw, list) {
		tables[row] = strings.Join(texts(t, db.raw, "select * from "+row), "\n")
	}
	if len(tables) < 10 {
		t.Fatalf("only %d tables", len(tables))
	}
	return tables
}

// texts reads the text columns of each row, separated by spaces.
func texts(t testing.TB, raw *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := raw.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		row, refs := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			refs[i] = &row[i]
		}
		if err := rows.Scan(refs...); err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, v := range row {
			switch v := v.(type) {
			case string:
				words = append(words, v)
			case []byte:
				words = append(words, string(v))
			}
		}
		out = append(out, strings.Join(words, " "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// files reads the bytes of an SQLite database.
func (db database) files(t testing.TB) map[string]string {
	t.Helper()
	files := map[string]string{}
	if db.path == "" {
		return files
	}
	names, err := filepath.Glob(db.path + "*")
	if err != nil || len(names) == 0 {
		t.Fatal("no files", err)
	}
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("others may read %s: %v", name, info.Mode())
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(b)
	}
	return files
}
