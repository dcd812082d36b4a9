package storage_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nod/storage"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childVariable); url != "" {
		childMain(url)
		return
	}
	server, err := startPostgres()
	if err != nil {
		fmt.Fprintln(os.Stderr, "postgres:", err)
		if os.Getenv("CI") == "true" {
			os.Exit(1)
		}
	}
	postgresURL = server.url
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		server.stop()
		os.Exit(code)
	}))
}

// postgresURL is a database in which every test makes a schema of its own; empty
// when there is none.
var postgresURL string

// server is a throw-away cluster, or one that was there before.
type server struct {
	url     string
	folder  string
	process *exec.Cmd
}

// startPostgres uses TEST_POSTGRES_URL, or starts the newest Postgres installed.
func startPostgres() (s server, err error) {
	if s.url = os.Getenv("TEST_POSTGRES_URL"); s.url != "" {
		return s, nil
	}
	bin, err := postgresBin()
	if err != nil {
		return s, err
	}
	if s.folder, err = os.MkdirTemp("", "nod-postgres-"); err != nil {
		return s, err
	}
	owner, err := unprivileged(s.folder)
	if err != nil {
		return s, err
	}
	data := filepath.Join(s.folder, "data")
	run := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Dir, cmd.SysProcAttr = s.folder, &syscall.SysProcAttr{Credential: owner, Pdeathsig: syscall.SIGQUIT}
		return cmd
	}
	if out, err := run("initdb", "-D", data, "-U", "nod", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C").CombinedOutput(); err != nil {
		return s, fmt.Errorf("initdb: %w: %s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return s, err
	}
	s.process = run("postgres", "-D", data, "-p", port, "-k", s.folder, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=300")
	if err := s.process.Start(); err != nil {
		return s, err
	}
	s.url = "postgres://nod@127.0.0.1:" + port + "/postgres?sslmode=disable"
	return s, reachable(s.url)
}

func (s server) stop() {
	if s.process != nil {
		_ = s.process.Process.Signal(syscall.SIGQUIT)
		_ = s.process.Wait()
	}
	if s.folder != "" {
		_ = os.RemoveAll(s.folder)
	}
}

func postgresBin() (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return "", errors.Join(errors.New("none is installed"), err)
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4])
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

// unprivileged gives the folder to the user postgres when we are root, because
// the server refuses to run as root.
func unprivileged(folder string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(folder, int(uid), int(gid))
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

func reachable(url string) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 200 {
		if err = db.Ping(); err == nil {
			return nil
		}
		<-tick.C
	}
	return err
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

func newSQLite(t testing.TB) database {
	path := filepath.Join(t.TempDir(), "nod.db")
	return database{"sqlite", "sqlite:" + path, path, beside(t, "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=synchronous(OFF)")}
}

func newPostgres(t testing.TB) database {
	t.Helper()
	if postgresURL == "" {
		t.Skip("no Postgres here: install it or set TEST_POSTGRES_URL")
	}
	name := "nod_test_" + strings.ToLower(rand.Text())
	admin := beside(t, "pgx", postgresURL)
	if _, err := admin.Exec("create schema " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec("drop schema " + name + " cascade"); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(postgresURL)
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
