package storage_test

import (
	"context"
	"net/url"
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

// On Postgres nothing but its clock decides, however far off the process's is:
// here it is seven minutes ahead.
func TestOtherClock(t *testing.T) {
	db := newPostgres(t)
	db.exec(t, "create function clock_timestamp() returns timestamptz language sql volatile as $$select pg_catalog.clock_timestamp() + interval '7 minutes'$$")
	u, err := url.Parse(db.url)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", q.Get("search_path")+",pg_catalog")
	u.RawQuery = q.Encode()
	db.url = u.String()

	ctx, s := context.Background(), db.open(t)
	near := func(what string, at time.Time, rest time.Duration) {
		t.Helper()
		if off := time.Until(at) - rest - 7*time.Minute; off.Abs() > time.Minute {
			t.Errorf("%s is %v off the database's clock", what, off)
		}
	}
	now, err := s.Now(ctx)
	if err != nil {
		t.Fatal(err)
	}
	near("now", now, 0)
	e, err := s.CreateEnrollment(ctx, nil, "u1")
	if err != nil {
		t.Fatal(err)
	}
	near("an enrollment's end", e.ExpiresAt, verify.EnrollmentLife)
	d := enroll(t, s, "u1", "")
	near("a device's registration", d.CreatedAt, 0)
	if err := s.TouchDevices(ctx, []string{d.ID}); err != nil {
		t.Fatal(err)
	}
	d, at, err := s.Device(ctx, d.ID)
	if err != nil {
		t.Fatal(err)
	}
	near("when the device was seen", d.SeenAt, 0)
	near("when that was read", at, 0)
	v := mustAdmit(t, s, request(s, "u1"))
	near("a create", v.CreatedAt, 0)
	near("its session's end", v.SessionEndsAt, policy.SessionLife)
	open, at, err := s.OpenPrompts(ctx, d.ID)
	if err != nil || len(open) != 1 {
		t.Fatalf("%d prompts are open (%v)", len(open), err)
	}
	near("when prompts were read", at, 0)
	update(t, s, v.ID, func(v *verify.Verification, now time.Time) {
		near("an update", now, 0)
		v.NextAt = now.Add(time.Minute)
	})
	if claimed, next, err := s.ClaimDue(ctx, 10, lease); len(claimed) != 0 || err != nil {
		t.Errorf("claimed %v, next %v (%v)", claimed, next, err)
	}
	update(t, s, v.ID, func(v *verify.Verification, now time.Time) { v.NextAt = now })
	if claimed, _, err := s.ClaimDue(ctx, 10, func(v *verify.Verification, now time.Time) error {
		near("a claim", now, 0)
		return lease(v, now)
	}); len(claimed) != 1 || err != nil {
		t.Errorf("claimed %v (%v)", claimed, err)
	}
	es, err := s.EventsAfter(ctx, v.ID, 0, 100)
	if err != nil || len(es) == 0 {
		t.Fatalf("%d events (%v)", len(es), err)
	}
	for _, e := range es {
		near(e.Name, e.At, 0)
	}
	if changed, err := s.Changed(ctx, time.Now().Add(time.Minute), time.Time{}); err != nil || len(changed) != 2 {
		t.Errorf("changed are %v (%v), want the device and the verification", changed, err)
	}
	// What the process's clock has not reached is over by the store's.
	if err := s.SpendTokenID(ctx, d.ID, "jti", time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.SpendTokenID(ctx, d.ID, "jti", now.Add(time.Minute)); err != nil {
		t.Error(err)
	}
}
