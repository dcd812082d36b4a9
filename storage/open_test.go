package storage_test

import (
	"context"
	"errors"
	"testing"

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
