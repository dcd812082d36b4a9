package storage_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"nod/verify"
)

func TestEnrollmentIsSpentOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		e, err := s.CreateEnrollment(ctx, nil, "u1")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Enrollment(ctx, e.ID); got != e || err != nil || e.ExpiresAt.Sub(e.CreatedAt) != verify.EnrollmentLife {
			t.Errorf("read %+v (%v), want %+v", got, err, e)
		}
		if _, err := s.CreateDevice(ctx, nil, e.ID, func(verify.Enrollment, int, time.Time) (*verify.Device, error) { return nil, errWrong }); !errors.Is(err, errWrong) {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		var mu sync.Mutex
		made := 0
		for range 8 {
			group.Go(func() {
				_, err := s.CreateDevice(ctx, nil, e.ID, func(e verify.Enrollment, _ int, now time.Time) (*verify.Device, error) {
					if !e.UsedAt.IsZero() {
						return nil, errWrong
					}
					return phone(t, e.UserID, "", now), nil
				})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					made++
				} else if !errors.Is(err, errWrong) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if devices, err := s.Devices(ctx, "u1"); made != 1 || len(devices) != 1 || err != nil {
			t.Errorf("%d were made, %d are there (%v); want 1", made, len(devices), err)
		}
	})
}

// However many enrollments are used at once, a rule that counts is obeyed.
func TestLiveDevicesAreCounted(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		const most = 3
		var group sync.WaitGroup
		for range 12 {
			e, err := s.CreateEnrollment(ctx, nil, "u1")
			if err != nil {
				t.Fatal(err)
			}
			group.Go(func() {
				_, err := s.CreateDevice(ctx, nil, e.ID, func(e verify.Enrollment, live int, now time.Time) (*verify.Device, error) {
					if live >= most {
						return nil, errWrong
					}
					return phone(t, e.UserID, "", now), nil
				})
				if err != nil && !errors.Is(err, errWrong) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		devices, err := s.Devices(ctx, "u1")
		if len(devices) != most || err != nil {
			t.Errorf("%d devices (%v), want %d", len(devices), err, most)
		}
	})
}

func TestRevoke(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, told := context.Background(), &diary{}
		s := db.open(t, told.config)
		d, other := enroll(t, s, "u1", "a"), enroll(t, s, "u1", "b")
		v := mustAdmit(t, s, request(s, "u1"))
		_, err := s.UpdateDevice(ctx, d.ID, func(d *verify.Device, now time.Time) ([]verify.Event, error) {
			d.RevokedAt = now
			return []verify.Event{{Name: verify.EventDeviceRevoked}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := s.Device(ctx, d.ID); err != nil || got.RevokedAt.IsZero() {
			t.Errorf("read %+v (%v), want it revoked", got, err)
		}
		live, err := s.Devices(ctx, "u1")
		if err != nil || len(live) != 1 || live[0].ID != other.ID {
			t.Errorf("live are %v (%v), want %s", live, err, other.ID)
		}
		if got := load(t, s, v.ID).Devices; len(got) != 1 || got[0].Push.Token != "b" {
			t.Errorf("the verification sees %v, want %s with its push token", got, other.ID)
		}
		changes := told.told()
		last := changes[len(changes)-1]
		if last.Device == nil || last.Device.ID != d.ID || len(last.Events) != 1 || last.Events[0].Data.DeviceID != d.ID || last.Events[0].UserID != "u1" {
			t.Errorf("told %+v", last)
		}
		if _, err := s.UpdateDevice(ctx, other.ID, func(d *verify.Device, _ time.Time) ([]verify.Event, error) {
			d.Name = "spoiled"
			return nil, errWrong
		}); !errors.Is(err, errWrong) {
			t.Error(err)
		}
		if got, _, err := s.Device(ctx, other.ID); err != nil || got.Name != "Phone" {
			t.Errorf("the name is %q (%v)", got.Name, err)
		}
	})
}

func TestTouchDevices(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		d, other := enroll(t, s, "u1", ""), enroll(t, s, "u2", "")
		ids := []string{d.ID}
		for i := range 2500 { // more than one statement takes
			ids = append(ids, fmt.Sprintf("dev_%d", i))
		}
		if err := s.TouchDevices(ctx, ids); err != nil {
			t.Fatal(err)
		}
		if err := s.TouchDevices(ctx, nil); err != nil {
			t.Fatal(err)
		}
		seen := func(id string) time.Duration {
			got, now, err := s.Device(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			return now.Sub(got.SeenAt)
		}
		if age := seen(d.ID); age < 0 || age > time.Minute {
			t.Errorf("seen %v ago", age)
		}
		if age := seen(other.ID); age < time.Hour {
			t.Errorf("the other was seen %v ago, want never", age)
		}
	})
}

func TestTokenIDsAreSpentOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		expires := time.Now().Add(time.Minute)
		var group sync.WaitGroup
		spent := make(chan error, 16)
		for range cap(spent) {
			group.Go(func() { spent <- s.SpendTokenID(ctx, "dev_1", "jti", expires) })
		}
		group.Wait()
		close(spent)
		fresh := 0
		for err := range spent {
			if err == nil {
				fresh++
			} else {
				refused(t, err, verify.CodeUnauthenticated)
			}
		}
		if fresh != 1 {
			t.Errorf("spent %d times", fresh)
		}
		if err := s.SpendTokenID(ctx, "dev_2", "jti", expires); err != nil {
			t.Error("the same id of another device:", err)
		}
	})
}

func TestAPIKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		for _, hash := range []string{"one", "two", "one"} {
			if err := s.AddAPIKey(ctx, hash); err != nil {
				t.Fatal(err)
			}
			db.exec(t, "update api_keys set created_at = created_at - 1000") // the clock's millisecond would tie
		}
		if got, err := s.APIKeys(ctx); err != nil || !reflect.DeepEqual(got, []string{"one", "two"}) {
			t.Errorf("keys are %v (%v)", got, err)
		}
	})
}

// Of many first starts at once, one makes the key, and all know it.
func TestFirstAPIKey(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		told := make([][]string, 8)
		var all sync.WaitGroup
		for i := range told {
			all.Go(func() {
				var err error
				if told[i], err = s.FirstAPIKey(context.Background(), fmt.Sprint(i)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, hashes := range told {
			if len(hashes) != 1 || hashes[0] != told[0][0] {
				t.Errorf("told %v and %v", hashes, told[0])
			}
		}
	})
}

func TestSweep(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		now, err := s.Now(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var v *verify.Verification
		for i, age := range []time.Duration{0, -time.Minute} {
			if err := s.SpendTokenID(ctx, "dev", fmt.Sprint(i), now.Add(age)); err != nil {
				t.Fatal(err)
			}
			if err := admitTo(&v, s, request(s, "u1"), once(fmt.Sprint(i), "body", &v)); err != nil {
				t.Fatal(err)
			}
			if _, err := s.CreateEnrollment(ctx, nil, "u1"); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				db.exec(t, "update spent_tokens set expires_at = expires_at + 60000")
				db.exec(t, "update idempotency set created_at = created_at - $1", verify.IdempotencyWindow.Milliseconds())
				db.exec(t, "update enrollments set expires_at = expires_at - $1", (25 * time.Hour).Milliseconds())
			}
		}
		// More than one statement takes.
		db.exec(t, `insert into spent_tokens (id, expires_at)
			with recursive n (i) as (select 1 union all select i + 1 from n where i < 2500) select 'old ' || i, i from n`)
		if err := s.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		for table, want := range map[string]int{"spent_tokens": 1, "idempotency": 1, "enrollments": 1, "verifications": 2} {
			if got := len(texts(t, db.raw, "select * from "+table)); got != want {
				t.Errorf("%s has %d rows, want %d", table, got, want)
			}
		}
	})
}
