package storage_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"nod/storage"
	"nod/verify"
)

// inBytes are the marks that stand anywhere in the files of an SQLite database.
func (db database) inBytes(t *testing.T, marks []string) (found []string) {
	t.Helper()
	for name, bytes := range db.files(t) {
		for _, m := range marks {
			if n := strings.Count(bytes, m); n > 0 {
				found = append(found, fmt.Sprintf("%d times %s in %s", n, m, strings.TrimPrefix(name, db.path)))
			}
		}
	}
	return found
}

// wiped opens an SQLite database in which several people are mixed, whose rows and
// indexes have changed, and returns what marks one of them.
func wiped(t *testing.T) (db database, s *storage.Store, marks []string) {
	db = newSQLite(t)
	s = db.open(t, told)
	for i := range 12 {
		p := inhabit(t, s, fmt.Sprint("person-", i), numbers(i))
		update(t, s, p.open.ID, func(v *verify.Verification, now time.Time) { _ = v.Cancel(now) })
		if i == 5 {
			marks = p.marks(t, s)
		}
	}
	if len(db.inBytes(t, marks)) < len(marks)-1 { // nothing was counted
		t.Fatal("this test does not see what is there")
	}
	return db, s, marks
}

// Of somebody who was erased no byte is left in the files of SQLite: neither where their
// rows stood, nor in the write-ahead log, nor once the store is closed.
func TestEraseLeavesNoBytes(t *testing.T) {
	db, s, marks := wiped(t)
	if err := s.Erase(context.Background(), "person-5", by); err != nil {
		t.Fatal(err)
	}
	if left := db.inBytes(t, marks); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	mustAdmit(t, s, request(s, "somebody else"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left := db.inBytes(t, marks); len(left) > 0 {
		t.Errorf("left when it is closed: %v", left)
	}
}

// While somebody reads an old state, the log keeps it, and whoever writes is not kept
// waiting for that. The next sweep empties it.
func TestReadersHinderWiping(t *testing.T) {
	db, s, marks := wiped(t)
	ctx := context.Background()
	reader, err := db.raw.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Rollback() }()
	var n int
	if err := reader.QueryRow("select count(*) from events").Scan(&n); err != nil {
		t.Fatal(err)
	}
	limited, stop := context.WithTimeout(ctx, 4*time.Second) // less than a connection waits for a lock
	defer stop()
	if err := s.Erase(limited, "person-5", by); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(limited); err != nil {
		t.Fatal(err)
	}
	if len(db.inBytes(t, marks)) == 0 {
		t.Error("the log is empty while somebody reads from it")
	}
	mustAdmit(t, s, request(s, "somebody else"))
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if left := db.inBytes(t, marks); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// What a process that was killed left in the log goes with the first sweep, and what
// is forgotten by its age goes as what is erased.
func TestForgottenBytes(t *testing.T) {
	db, s, _ := wiped(t)
	ids := texts(t, db.raw, "select id from events where user_id = 'person-5' and verification_id is null")
	db.age(t, 365*24*time.Hour)
	db.exec(t, "update verifications set status = 'canceled'")
	db.exec(t, "delete from webhooks")
	if err := s.ForgetOld(context.Background(), 90*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	if left := db.inBytes(t, ids); len(ids) == 0 || len(left) > 0 {
		t.Errorf("of %d events there is left: %v", len(ids), left)
	}
}
