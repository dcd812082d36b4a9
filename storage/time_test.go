package storage_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"nod/verify"
)

// On SQLite the store's time is the process's: inside a bubble whole minutes
// pass at once, and what is due comes due.
func TestFakeTime(t *testing.T) {
	db := newSQLite(t)
	synctest.Test(t, func(t *testing.T) {
		s := db.open(t)
		q := request(s, "u1")
		q.Channel = verify.SMS
		v := mustAdmit(t, s, q)
		began, err := s.Now(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		var waited time.Duration
		for {
			_, next, err := s.ClaimDue(context.Background(), 10, func(v *verify.Verification, now time.Time) error {
				v.Advance(policy, now)
				for _, id := range v.Lease(policy, "worker", now) {
					v.Send(id, "worker", policy, now)
					v.Settle(id, "worker", verify.Outcome{State: verify.StateAccepted}, policy, now)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if next.IsZero() {
				break
			}
			now, err := s.Now(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			<-time.After(next.Sub(now))
			waited += next.Sub(now)
		}
		got := load(t, s, v.ID)
		if got.Status != verify.Expired || got.EndedAt.Sub(began) != policy.SessionLife || waited != policy.SessionLife {
			t.Errorf("%s after %v, waited %v; want expired after %v", got.Status, got.EndedAt.Sub(began), waited, policy.SessionLife)
		}
	})
}

// The store's time is in UTC and whole milliseconds and never runs backwards.
func TestNow(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		last := time.Now().Add(-time.Minute)
		for range 100 {
			now, err := s.Now(context.Background())
			if err != nil || now.Before(last) || now.Location() != time.UTC || now.Nanosecond()%1_000_000 != 0 {
				t.Fatalf("now is %v after %v (%v)", now, last, err)
			}
			last = now
		}
	})
}
