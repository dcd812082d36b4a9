package storage_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"nod/storage"
	"nod/verify"
)

// Processes that start at once on an empty database all come up, with one set
// of keys.
func TestOpenAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		stores := make([]*storage.Store, 6)
		for _, err := range gather(len(stores), func(i int) (err error) {
			stores[i], err = storage.Open(context.Background(), storage.Config{URL: db.url, Secret: secret, Log: quiet})
			return err
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		for _, s := range stores {
			if s == nil {
				continue
			}
			if got, want := s.Keys().CodeKey(), stores[0].Keys().CodeKey(); got != want {
				t.Errorf("code key %s, want %s", got, want)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// A new secret seals the keys again: nobody is logged out, and the old secret
// opens nothing any more.
func TestRotateSecret(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		next := []byte("the next secret, as long as the one before")
		s := db.open(t)
		v := mustAdmit(t, s, request(s, "u1"))
		want := s.Keys().ClientSecret(v)
		open := func(secret, previous []byte) (*storage.Store, error) {
			return storage.Open(context.Background(), storage.Config{URL: db.url, Secret: secret, PreviousSecret: previous, Log: quiet})
		}
		if _, err := open(next, nil); !errors.Is(err, verify.ErrWrongSecret) {
			t.Errorf("a wrong secret: got error %v", err)
		}
		if _, err := open(next, next); !errors.Is(err, verify.ErrWrongSecret) {
			t.Errorf("two wrong secrets: got error %v", err)
		}
		for _, previous := range [][]byte{secret, secret, nil} {
			s, err := open(next, previous)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Keys().ClientSecret(load(t, s, v.ID)); got != want {
				t.Error("the client secret changed")
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := open(secret, nil); !errors.Is(err, verify.ErrWrongSecret) {
			t.Errorf("the old secret: got error %v", err)
		}
	})
}

func TestMigrate(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		for range 2 { // the second time there is nothing to do
			if err := storage.Migrate(context.Background(), db.url, quiet); err != nil {
				t.Fatal(err)
			}
		}
		if tables := db.dump(t); len(tables) < 10 {
			t.Errorf("only %d tables", len(tables))
		}
		if err := db.open(t).Ping(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// Nodes that start at once on an empty database migrate it once.
func TestMigrateAtOnce(t *testing.T) {
	db := newPostgres(t)
	began, migrated := time.Now(), &counter{}
	for _, err := range gather(8, func(int) error {
		s, err := storage.Open(context.Background(), storage.Config{URL: db.url, Secret: secret, Log: slog.New(migrated)})
		if err != nil {
			return err
		}
		return s.Close()
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	t.Logf("8 nodes are up after %v", time.Since(began))
	if n := migrated.n.Load(); n != 1 {
		t.Errorf("migrated %d times", n)
	}
}

// counter counts what is logged.
type counter struct {
	slog.Handler
	n atomic.Int64
}

func (c *counter) Enabled(context.Context, slog.Level) bool  { return true }
func (c *counter) Handle(context.Context, slog.Record) error { c.n.Add(1); return nil }

// While another process migrates, nobody does; when that one is killed, the next
// goes on.
func TestMigrateAfterKilled(t *testing.T) {
	db, ctx := newPostgres(t), context.Background()
	holder, err := db.raw.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Close() }()
	var pid int
	if err := holder.QueryRowContext(ctx, "select pg_backend_pid() from (select pg_advisory_lock($1)) l", storage.MigrationLock).Scan(&pid); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- storage.Migrate(ctx, db.url, quiet) }()
	select {
	case err := <-done:
		t.Fatalf("it migrated beside another one (%v)", err)
	case <-time.After(300 * time.Millisecond):
	}
	db.exec(t, "select pg_terminate_backend($1)", pid)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, url := range []string{"", "sqlite:", "mysql://x", "nod.db", "sqlite:" + t.TempDir() + "/no/such/folder/nod.db", "postgres://127.0.0.1:1/x?connect_timeout=1", "postgres://%zz"} {
		if s, err := storage.Open(context.Background(), storage.Config{URL: url, Secret: secret, Log: quiet}); err == nil {
			t.Errorf("%q was opened", url)
			_ = s.Close()
		}
		if err := storage.Migrate(context.Background(), url, quiet); err == nil {
			t.Errorf("%q was migrated", url)
		}
	}
}

// A path may hold what a URL would read otherwise.
func TestOddPath(t *testing.T) {
	db := newSQLite(t)
	db.path = t.TempDir() + "/50% off? #1 ä.db"
	db.url = "sqlite:" + db.path
	mustAdmit(t, db.open(t), request(db.open(t), "u1"))
	if len(db.files(t)) == 0 {
		t.Error("the file is elsewhere")
	}
}

// TestUnreachable: a database that is not there yet may be waited for, one that
// refuses may not.
func TestUnreachable(t *testing.T) {
	db := newPostgres(t)
	for url, want := range map[string]bool{
		"postgres://127.0.0.1:1/x?connect_timeout=1":    true,
		"postgres://nobody.invalid/x?connect_timeout=1": true,
		db.url + "&dbname=no_such_database":             false,
		"postgres://%zz":                                false,
	} {
		s, err := storage.Open(context.Background(), storage.Config{URL: url, Secret: secret, Log: quiet})
		if err == nil {
			_ = s.Close()
			t.Errorf("%s was opened", url)
		} else if storage.Unreachable(err) != want {
			t.Errorf("%s: %v: unreachable is %v", url, err, !want)
		}
	}
}
