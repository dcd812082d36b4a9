package storage_test

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"nod/storage"
	"nod/verify"
)

// Every statement finds its rows by an index: none walks a table that grows,
// none sorts more than what belongs to a few verifications or ties.
func TestEveryStatementHasItsIndex(t *testing.T) {
	db := newSQLite(t)
	s := db.open(t)
	useAll(t, s)
	grows := regexp.MustCompile(`SCAN (verifications|codes|deliveries|events|devices|enrollments|idempotency|spent_tokens)( |$)`)
	few := regexp.MustCompile(`from (codes|deliveries|devices|keys) `)
	seen := 0
	for _, text := range s.Statements() {
		verb, _, _ := strings.Cut(text, " ")
		if verb != "select" && verb != "update" && verb != "delete" {
			continue
		}
		seen++
		for _, step := range explain(t, db.raw, text) {
			if grows.MatchString(step) || (strings.Contains(step, "TEMP B-TREE FOR ORDER") && !few.MatchString(text)) {
				t.Errorf("%s\n%s", text, step)
			}
		}
	}
	if seen < 25 {
		t.Errorf("only %d statements were seen", seen)
	}
}

// useAll makes the store send every statement that it knows.
func useAll(t *testing.T, s *storage.Store) {
	t.Helper()
	ctx := context.Background()
	d := enroll(t, s, "u1", "token")
	for _, purpose := range []verify.Purpose{verify.Login, verify.Phone} {
		for i := range 3 {
			q := request(s, fmt.Sprint("u", i))
			q.Purpose = purpose
			var v *verify.Verification
			if err := admitTo(&v, s, q, once(q.ID, "body", &v)); err != nil {
				t.Fatal(err)
			}
		}
	}
	v, _, err := s.NewestVerification(ctx, "u1", verify.Login, number)
	if err != nil {
		t.Fatal(err)
	}
	_, _, claimed := s.ClaimDue(ctx, 10, func(*verify.Verification, time.Time) error { return errWrong })
	update(t, s, v.ID, func(v *verify.Verification, now time.Time) { _ = v.Cancel(now) })
	load(t, s, v.ID)
	_, _, open := s.OpenPrompts(ctx, d.ID)
	_, recent := s.Recent(ctx, 10)
	_, after := s.EventsAfter(ctx, v.ID, 0, 10)
	_, events := s.UserEvents(ctx, "u1", time.Time{})
	_, updated := s.UpdateDevice(ctx, d.ID, func(*verify.Device, time.Time) ([]verify.Event, error) { return nil, nil })
	for _, err := range []error{
		claimed, open, recent, after, events, updated, s.TouchDevices(ctx, []string{d.ID}),
		s.SpendTokenID(ctx, d.ID, "jti", time.Now()), s.Sweep(ctx), s.Ping(ctx),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func explain(t *testing.T, raw *sql.DB, text string) (steps []string) {
	t.Helper()
	parameters := map[string]bool{}
	for _, p := range regexp.MustCompile(`\$\d+`).FindAllString(text, -1) {
		parameters[p] = true
	}
	rows, err := raw.Query("explain query plan "+text, make([]any, len(parameters))...)
	if err != nil {
		t.Fatal(text, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}
