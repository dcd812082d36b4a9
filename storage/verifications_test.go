package storage_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nod/storage"
	"nod/verify"
)

func TestCreateSupersedes(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		d := &diary{}
		s := db.open(t, d.config)
		first := mustAdmit(t, s, request(s, "u1"))
		second := mustAdmit(t, s, request(s, "u1"))
		mustAdmit(t, s, request(s, "u2")) // another user supersedes nobody
		if got := load(t, s, first.ID); got.Status != verify.Superseded {
			t.Errorf("the first is %s, want superseded", got.Status)
		}
		if got := load(t, s, second.ID); got.Status != verify.Pending {
			t.Errorf("the second is %s, want pending", got.Status)
		}
		var ids []string
		for _, c := range d.told() {
			ids = append(ids, c.Verification.ID)
		}
		if want := []string{first.ID, first.ID, second.ID}; !reflect.DeepEqual(ids[:3], want) {
			t.Errorf("told %v, want %v", ids[:3], want)
		}
	})
}

// A phone verification that is open is given back: only it is written.
func TestCreateReuses(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		q := request(s, "u1")
		q.Purpose = verify.Phone
		v := mustAdmit(t, s, q)
		who := verify.Applicant{UserID: "u1", Purpose: verify.Phone, Number: number}
		err := s.CreateVerification(context.Background(), who, nil, func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
			sit.Open.Reuse(now)
			return sit.Open, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got := load(t, s, v.ID)
		if got.SecretGeneration != 2 || got.Status != verify.Pending {
			t.Errorf("secret generation %d, status %s; want 2, pending", got.SecretGeneration, got.Status)
		}
		newest, _, err := s.NewestVerification(context.Background(), "u1", verify.Phone, number)
		if err != nil || newest.ID != v.ID {
			t.Errorf("newest is %v (%v), want %s", newest, err, v.ID)
		}
	})
}

// The situation holds what stands in the way: the open one of the same user (and
// number), live devices only, and the session whose code was accepted last.
func TestSituation(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		live, gone := enroll(t, s, "u1", "token"), enroll(t, s, "u1", "")
		enroll(t, s, "u2", "")
		_, err := s.UpdateDevice(context.Background(), gone.ID, func(d *verify.Device, now time.Time) ([]verify.Event, error) {
			d.RevokedAt = now
			return nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		other := verify.StoredNumber("+14155550199")
		accepted := func(minutes int) *verify.Verification {
			v := mustAdmit(t, s, request(s, "u1"))
			update(t, s, v.ID, func(v *verify.Verification, _ time.Time) {
				v.CodeAcceptedAt, v.ResendCount = time.UnixMilli(int64(minutes)*60_000).UTC(), minutes
			})
			return v
		}
		accepted(10)
		latest := accepted(30)
		accepted(20)
		open := mustAdmit(t, s, request(s, "u1"))
		if newest, _, err := s.NewestVerification(context.Background(), "u1", verify.Login, number); err != nil || newest.ID != open.ID {
			t.Errorf("newest: got error %v, or another than the last", err)
		}
		for _, c := range []struct {
			name    string
			who     verify.Applicant
			open    *verify.Verification
			earlier *verify.Verification
			devices []string
		}{
			{"login", verify.Applicant{UserID: "u1", Purpose: verify.Login, Number: number}, open, latest, []string{live.ID}},
			{"login, other number", verify.Applicant{UserID: "u1", Purpose: verify.Login, Number: other}, open, nil, []string{live.ID}},
			{"login without number", verify.Applicant{UserID: "u1", Purpose: verify.Login}, open, nil, []string{live.ID}},
			{"phone", verify.Applicant{UserID: "u1", Purpose: verify.Phone, Number: number}, nil, latest, []string{live.ID}},
			{"stranger", verify.Applicant{UserID: "u3", Purpose: verify.Login, Number: number}, nil, nil, nil},
		} {
			err := s.CreateVerification(context.Background(), c.who, nil, func(sit *verify.Situation, _ time.Time) (*verify.Verification, error) {
				if id(sit.Open) != id(c.open) || id(sit.Earlier) != id(c.earlier) {
					t.Errorf("%s: open %s, earlier %s; want %s, %s", c.name, id(sit.Open), id(sit.Earlier), id(c.open), id(c.earlier))
				}
				var devices []string
				for _, d := range sit.Devices {
					devices = append(devices, d.ID)
				}
				if !reflect.DeepEqual(devices, c.devices) {
					t.Errorf("%s: devices %v, want %v", c.name, devices, c.devices)
				}
				return nil, errWrong
			})
			if err != errWrong { //nolint:errorlint // as it is
				t.Errorf("%s: got error %v", c.name, err)
			}
		}
	})
}

func id(v *verify.Verification) string {
	if v == nil {
		return "none"
	}
	return v.ID
}

// A rule may change all it is given and then refuse, panic or see its caller
// leave: nothing of it stays, nothing is told.
func TestNothingSurvivesARefusal(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		d := &diary{}
		s := db.open(t, d.config)
		v := mustAdmit(t, s, request(s, "u1"))
		before, told := load(t, s, v.ID), len(d.told())
		spoil := func(v *verify.Verification, now time.Time) {
			v.Deliveries[0].State, v.Codes[0].Tries, v.NextAt = verify.StateFailed, 2, time.Time{}
			if err := v.Cancel(now); err != nil {
				t.Error(err)
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		who := verify.Applicant{UserID: "u1", Purpose: verify.Login, Number: number}
		for name, act := range map[string]func() error{
			"update": func() error {
				return s.UpdateVerification(ctx, v.ID, nil, func(v *verify.Verification, now time.Time) error {
					spoil(v, now)
					return errWrong
				})
			},
			"create": func() error {
				return s.CreateVerification(ctx, who, nil, func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
					v, err := verify.Start(request(s, "u1"), sit, policy, now)
					return v, errors.Join(err, errWrong)
				})
			},
			"panic": func() (err error) {
				defer func() { err, _ = recover().(error) }()
				return s.UpdateVerification(ctx, v.ID, nil, func(v *verify.Verification, now time.Time) error {
					spoil(v, now)
					panic(errWrong)
				})
			},
		} {
			if err := act(); !errors.Is(err, errWrong) {
				t.Errorf("%s: got error %v", name, err)
			}
		}
		err := s.UpdateVerification(ctx, v.ID, nil, func(v *verify.Verification, now time.Time) error {
			spoil(v, now)
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: got error %v", err)
		}
		if diff := cmp.Diff(before, load(t, s, v.ID), sameVerification); diff != "" {
			t.Error("something stayed:", diff)
		}
		if n := len(d.told()); n != told {
			t.Errorf("%d changes were told", n-told)
		}
	})
}

// A rule that changes nothing writes nothing.
func TestUpdateWithoutChange(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		d := &diary{}
		s := db.open(t, d.config)
		v := mustAdmit(t, s, request(s, "u1"))
		update(t, s, v.ID, func(*verify.Verification, time.Time) {})
		if n := len(d.told()); n != 1 {
			t.Errorf("%d changes were told, want that of the create", n)
		}
		if err := s.UpdateVerification(context.Background(), v.ID, nil, func(v *verify.Verification, _ time.Time) error {
			v.Codes = nil
			return nil
		}); err == nil {
			t.Error("a rule could drop a code")
		}
	})
}

// A rule that is about a user has the user's meter at once, and meets nobody else's
// verification.
func TestUpdateOfAUser(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		v := mustAdmit(t, s, request(s, "u1"))
		runs := 0
		rule := func(v *verify.Verification, now time.Time) error {
			if runs++; v.Meters.Have != verify.NeedUser || v.Meters.User == nil {
				t.Errorf("the rule has meters up to %v", v.Meters.Have)
			}
			return v.Cancel(now)
		}
		for user, id := range map[string]string{"u2": v.ID, "u1": "ver_gone"} {
			if err := s.UpdateVerificationOf(context.Background(), user, id, rule); !errors.Is(err, verify.ErrNotFound) || runs != 0 {
				t.Errorf("%s of %s: got error %v after %d runs, want not found and none", id, user, err, runs)
			}
		}
		if err := s.UpdateVerificationOf(context.Background(), "u1", v.ID, rule); err != nil || runs != 1 {
			t.Errorf("got error %v after %d runs", err, runs)
		}
		if got := load(t, s, v.ID); got.Status != verify.Canceled {
			t.Errorf("status %s, want canceled", got.Status)
		}
	})
}

func TestNotThere(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		never := func(*verify.Verification, time.Time) error { t.Error("the rule ran"); return nil }
		_, _, read := s.Verification(ctx, "ver_none")
		_, _, newest := s.NewestVerification(ctx, "u1", verify.Phone, number)
		_, _, device := s.Device(ctx, "dev_none")
		_, enrollment := s.Enrollment(ctx, "enr_none")
		_, create := s.CreateDevice(ctx, nil, "enr_none", nil)
		_, revoke := s.UpdateDevice(ctx, "dev_none", nil)
		for what, err := range map[string]error{
			"read": read, "newest": newest, "device": device, "enrollment": enrollment, "create": create, "revoke": revoke,
			"update": s.UpdateVerification(ctx, "ver_none", nil, never),
		} {
			if !errors.Is(err, verify.ErrNotFound) {
				t.Errorf("%s: got error %v, want not found", what, err)
			}
		}
		if open, _, err := s.OpenPrompts(ctx, "dev_none"); err != nil || len(open) != 0 {
			t.Errorf("prompts of nobody: %v, %v", open, err)
		}
	})
}

func TestOpenPrompts(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		d := enroll(t, s, "u1", "")
		prompts := func(want ...string) {
			t.Helper()
			open, now, err := s.OpenPrompts(context.Background(), d.ID)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, v := range open {
				got = append(got, v.ID)
				if len(v.Deliveries) == 0 || len(v.Devices) != 1 || !v.Prompt.Open(now) {
					t.Errorf("%s came without what belongs to it", v.ID)
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("open prompts are %v, want %v", got, want)
			}
		}
		prompts()
		mustAdmit(t, s, request(s, "u2"))
		v := mustAdmit(t, s, request(s, "u1"))
		prompts(v.ID)
		update(t, s, v.ID, func(v *verify.Verification, now time.Time) { v.Prompt.ExpiresAt = now })
		prompts()
		update(t, s, v.ID, func(v *verify.Verification, now time.Time) { v.Prompt.ExpiresAt = now.Add(time.Minute) })
		prompts(v.ID)
		if _, err := s.UpdateDevice(context.Background(), d.ID, func(d *verify.Device, now time.Time) ([]verify.Event, error) {
			d.RevokedAt = now
			return nil, nil
		}); err != nil {
			t.Fatal(err)
		}
		prompts()
	})
}

func TestRecent(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		recent := func(limit int, want ...string) []*verify.Verification {
			t.Helper()
			vs, err := s.Recent(ctx, limit)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, v := range vs {
				got = append(got, v.ID)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("the recent ones are %v, want %v", got, want)
			}
			return vs
		}
		recent(10)
		var ids []string // newest first
		for _, user := range []string{"u1", "u2", "u3"} {
			ids = append([]string{mustAdmit(t, s, request(s, user)).ID}, ids...)
		}
		update(t, s, ids[2], func(v *verify.Verification, now time.Time) { _ = v.Cancel(now) })
		vs := recent(10, ids...)
		if v := vs[2]; v.Status != verify.Canceled || v.Number != number || v.EndedAt.IsZero() {
			t.Errorf("the oldest came as %+v", v)
		}
		recent(2, ids[:2]...)
	})
}

func TestEvents(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, d := context.Background(), &diary{}
		s := db.open(t, d.config)
		began, err := s.Now(ctx)
		if err != nil {
			t.Fatal(err)
		}
		phone := enroll(t, s, "u1", "token")
		v := mustAdmit(t, s, request(s, "u1"))
		update(t, s, v.ID, func(v *verify.Verification, now time.Time) { _ = v.Cancel(now) })
		mustAdmit(t, s, request(s, "u2"))
		var own, all []verify.Event
		for _, c := range d.told() {
			for _, e := range c.Events {
				if e.UserID == "u1" {
					all = append(all, e)
				}
				if e.VerificationID == v.ID {
					own = append(own, e)
				}
			}
		}
		got, err := s.EventsAfter(ctx, v.ID, 0, 100)
		if diff := cmp.Diff(own, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
		for i, e := range got {
			if e.Seq != int64(i+1) {
				t.Errorf("event %d has seq %d", i, e.Seq)
			}
		}
		got, err = s.EventsAfter(ctx, v.ID, 1, 2)
		if diff := cmp.Diff(own[1:3], got); diff != "" || err != nil {
			t.Error(err, diff)
		}
		got, err = s.UserEvents(ctx, "u1", began)
		if diff := cmp.Diff(all, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
		if all[0].Name != verify.EventDeviceRegistered || all[0].Data.DeviceID != phone.ID || all[0].VerificationID != "" {
			t.Errorf("the first event is %+v, want device.registered", all[0])
		}
		if got, err = s.UserEvents(ctx, "u1", began.Add(time.Hour)); len(got) != 0 || err != nil {
			t.Errorf("events of the future: %v, %v", got, err)
		}
	})
}

func TestIdempotency(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		var v *verify.Verification
		if err := admitTo(&v, s, request(s, "u1"), once("k1", "body", &v)); err != nil {
			t.Fatal(err)
		}
		want := verify.Answer{Status: 201, Body: []byte(`{"status":"pending"}`), VerificationID: v.ID, SecretGeneration: 1, PromptGeneration: 1}
		never := func(*verify.Situation, time.Time) (*verify.Verification, error) {
			t.Error("the rule ran again")
			return nil, errWrong
		}
		repeat := func(o *verify.Once) error {
			return s.CreateVerification(context.Background(), verify.Applicant{UserID: "u1", Purpose: verify.Login}, o, never)
		}
		var replay *verify.Replay
		if err := repeat(once("k1", "body", &v)); !errors.As(err, &replay) {
			t.Fatalf("got error %v, want a replay", err)
		}
		if diff := cmp.Diff(want, replay.Answer); diff != "" {
			t.Error(diff)
		}
		refused(t, repeat(once("k1", "another body", &v)), verify.CodeIdempotencyConflict)

		// A refusal keeps no answer: the same key may try again.
		other := once("k2", "body", &v)
		if err := s.UpdateVerification(context.Background(), v.ID, other, func(*verify.Verification, time.Time) error { return errWrong }); !errors.Is(err, errWrong) {
			t.Fatal(err)
		}
		if err := s.UpdateVerification(context.Background(), v.ID, other, func(v *verify.Verification, now time.Time) error { return v.Cancel(now) }); err != nil {
			t.Fatal(err)
		}
		// Another scope is another key.
		other.Scope = "another caller"
		if err := s.UpdateVerification(context.Background(), v.ID, other, func(*verify.Verification, time.Time) error { return errWrong }); !errors.Is(err, errWrong) {
			t.Error(err)
		}
		// After the window the key is as if it had never been used.
		db.exec(t, "update idempotency set created_at = created_at - $1", verify.IdempotencyWindow.Milliseconds())
		if err := admitTo(&v, s, request(s, "u1"), once("k1", "another body", &v)); err != nil {
			t.Error(err)
		}
	})
}

func TestIdempotencyOfDevices(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		o := &verify.Once{Scope: "s", Key: "k", Answer: func() verify.Answer { return verify.Answer{Status: 201} }}
		e, err := s.CreateEnrollment(ctx, o, "u1")
		if err != nil {
			t.Fatal(err)
		}
		var replay *verify.Replay
		if _, err := s.CreateEnrollment(ctx, o, "u1"); !errors.As(err, &replay) || replay.Answer.Subject != e.ID {
			t.Errorf("got error %v, want a replay about %s", err, e.ID)
		}
		var d *verify.Device
		o = &verify.Once{Scope: "s", Key: "k2", Answer: func() verify.Answer { return verify.Answer{Status: 201, Subject: d.ID} }}
		register := func(e verify.Enrollment, _ int, now time.Time) (*verify.Device, error) {
			d = phone(t, e.UserID, "", now)
			return d, nil
		}
		if _, err := s.CreateDevice(ctx, o, e.ID, register); err != nil {
			t.Fatal(err)
		}
		if _, err := s.CreateDevice(ctx, o, e.ID, register); !errors.As(err, &replay) || replay.Answer.Subject != d.ID {
			t.Errorf("got error %v, want a replay about %s", err, d.ID)
		}
	})
}

// A rule of one process finds the state that another process wrote.
func TestTwoStores(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		a, b := db.open(t), db.open(t)
		v := mustAdmit(t, a, request(a, "u1"))
		update(t, b, v.ID, func(v *verify.Verification, now time.Time) { _ = v.Cancel(now) })
		if got := load(t, a, v.ID); got.Status != verify.Canceled {
			t.Errorf("status %s, want canceled", got.Status)
		}
		if got, want := a.Keys().ClientSecret(v), b.Keys().ClientSecret(v); got != want {
			t.Error("two processes derive different secrets")
		}
	})
}

func TestClosed(t *testing.T) {
	db := newSQLite(t)
	s, err := storage.Open(context.Background(), storage.Config{URL: db.url, Secret: secret, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error("closed twice:", err)
	}
	if err := s.Ping(context.Background()); err == nil {
		t.Error("a closed store answers")
	}
	if _, err := admit(s, request(s, "u1"), nil); err == nil {
		t.Error("a closed store writes")
	}
}
