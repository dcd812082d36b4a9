package storage_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"nod/storage"
	"nod/verify"
)

func TestSearch(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		var want []string
		for i, user := range []string{"u1", "u2", "u1"} {
			q := request(s, user)
			q.Number = numbers(1)
			v := mustAdmit(t, s, q)
			want = append([]string{v.ID}, want...)
			db.exec(t, "update verifications set created_at = $1 where id = $2", i, v.ID)
		}
		other, none := request(s, "u3"), request(s, "u4")
		other.Number, none.Number = numbers(2), verify.Number{}
		enroll(t, s, "u4", "")
		mustAdmit(t, s, other)
		mustAdmit(t, s, none)
		for _, search := range []struct {
			number verify.Number
			limit  int
			want   []string
		}{{numbers(1), 10, want}, {numbers(1), 2, want[:2]}, {numbers(3), 10, nil}, {verify.Number{}, 10, nil}} {
			found, err := s.Search(ctx, search.number, search.limit)
			var got []string
			for _, v := range found {
				got = append(got, v.ID)
				if v.Number != search.number {
					t.Errorf("found one of another number")
				}
			}
			if err != nil || !slices.Equal(got, search.want) {
				t.Errorf("found %v (%v), want %v", got, err, search.want)
			}
		}
	})
}

func TestQueue(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t, told)
		queue := func() verify.Queue {
			t.Helper()
			q, err := s.Queue(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return q
		}
		if q := queue(); q != (verify.Queue{}) {
			t.Errorf("nothing waits, and the queue is %+v", q)
		}
		for i, user := range []string{"u1", "u2", "u3", "u4"} {
			v := mustAdmit(t, s, request(s, user))
			db.exec(t, "update verifications set next_at = $1 where id = $2", (i+1)*1000, v.ID)
		}
		db.exec(t, "update verifications set next_at = $1 where user_id = 'u3'", time.Now().Add(time.Hour).UnixMilli())
		db.exec(t, "update verifications set status = 'canceled' where user_id = 'u1'") // it waits for nothing
		db.exec(t, "update webhooks set state = 'delivered' where event_id in (select id from events where user_id <> 'u2')")
		db.exec(t, "update webhooks set created_at = 5000 + due_at - due_at")
		db.exec(t, "update events set at = 7000")
		want := verify.Queue{
			Due: 2, OldestDueAt: time.UnixMilli(2000).UTC(), OldestWebhookAt: time.UnixMilli(5000).UTC(), UncountedAt: time.UnixMilli(7000).UTC(),
			Webhooks: len(texts(t, db.raw, "select id from events where user_id = 'u2'")),
		}
		if q := queue(); q != want {
			t.Errorf("got %+v, want %+v", q, want)
		}
		if n, err := s.CountEvents(ctx, 5); n != 5 || err != nil {
			t.Fatalf("%d were counted (%v)", n, err)
		}
		if q := queue(); q != want {
			t.Errorf("some are counted: got %+v, want %+v", q, want)
		}
		drain(t, db, s)
		if want.UncountedAt = (time.Time{}); queue() != want {
			t.Errorf("all are counted: got %+v, want %+v", queue(), want)
		}
	})
}

func TestOperatorActs(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		v := mustAdmit(t, s, request(s, "u1"))
		update(t, s, v.ID, func(v *verify.Verification, now time.Time) { v.Note(verify.ActCancel, by, now) })
		if err := stand(s, "u2", block); err != nil {
			t.Fatal(err)
		}
		db.exec(t, "update events set at = at - 5 where verification_id is not null")
		for limit, want := range map[int][]string{10: {verify.ActBlock, verify.ActCancel}, 1: {verify.ActBlock}} {
			acts, err := s.OperatorActs(ctx, limit)
			var got []string
			for _, e := range acts {
				got = append(got, e.Data.Action)
				if e.Data.By != by || (e.VerificationID == v.ID) != (e.Data.Action == verify.ActCancel) {
					t.Errorf("an act is %+v", e)
				}
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("got %v (%v), want %v", got, err, want)
			}
		}
	})
}

// A program may play a past on SQLite; the clock that it brings never runs backwards.
func TestOwnClock(t *testing.T) {
	past := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC)
	told := past
	s := newSQLite(t).open(t, func(c *storage.Config) { c.Now = func() time.Time { return told } })
	for _, step := range []struct{ to, want time.Time }{
		{past, past.Truncate(time.Millisecond)},
		{past.Add(time.Hour), past.Add(time.Hour).Truncate(time.Millisecond)},
		{past.Add(time.Minute), past.Add(time.Hour).Truncate(time.Millisecond)},
		{past.Add(2 * time.Minute), past.Add(time.Hour + time.Minute).Truncate(time.Millisecond)}, // on from where it was
	} {
		told = step.to
		if now := mustNow(t, s); !now.Equal(step.want) {
			t.Errorf("at %v the store says %v", step.to, now)
		}
	}
	if v := mustAdmit(t, s, request(s, "u1")); !v.CreatedAt.Equal(past.Add(time.Hour + time.Minute).Truncate(time.Millisecond)) {
		t.Errorf("created at %v", v.CreatedAt)
	}
}
