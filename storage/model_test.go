package storage_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nod/storage"
	"nod/verify"
)

// model is what a listener knows of a few users: the last it was told of each
// verification, and all events. The database must say the same.
type model struct {
	s       *storage.Store
	told    *diary
	user    string
	blocked bool
	last    map[string]*verify.Verification
	events  map[string][]verify.Event
}

func (m *model) hear() {
	for _, c := range m.told.take() {
		if c.Verification == nil || c.Verification.UserID != m.user {
			continue // what an operator did with the user; a claim finds those of users before
		}
		m.last[c.Verification.ID] = c.Verification
		m.events[c.Verification.ID] = append(m.events[c.Verification.ID], c.Events...)
	}
}

// act does one thing that may happen to a user's verifications.
func (m *model) act(t *rapid.T) error {
	ctx := context.Background()
	rule := func(f func(v *verify.Verification, now time.Time) error) error {
		v, _, err := m.s.NewestVerification(ctx, m.user, rapid.SampledFrom([]verify.Purpose{verify.Login, verify.Phone}).Draw(t, "purpose"), number)
		if err != nil {
			return err
		}
		return m.s.UpdateVerification(ctx, v.ID, nil, f)
	}
	switch rapid.SampledFrom([]string{"create", "check", "approve", "resend", "cancel", "change", "dispatch", "receipt", "block", "unlock", "spoil"}).Draw(t, "act") {
	case "create":
		q := request(m.s, m.user)
		q.Purpose = rapid.SampledFrom([]verify.Purpose{verify.Login, verify.Phone}).Draw(t, "purpose")
		_, err := admit(m.s, q, nil)
		return err
	case "check":
		return rule(func(v *verify.Verification, now time.Time) error {
			_, err := v.Check(m.s.Keys(), "no code", policy, now)
			return err
		})
	case "approve":
		return rule(func(v *verify.Verification, now time.Time) error {
			code := "none"
			if n := len(v.Codes); n > 0 {
				code = m.s.Keys().Code(v, v.Codes[n-1])
			}
			_, err := v.Check(m.s.Keys(), code, policy, now)
			return err
		})
	case "resend":
		return rule(func(v *verify.Verification, now time.Time) error {
			return v.Resend(verify.SMS, policy, now.Add(time.Hour/2))
		})
	case "change":
		swap := []verify.Number{number, numbers(1)}
		if rapid.Bool().Draw(t, "back") {
			swap[0], swap[1] = swap[1], swap[0]
		}
		if v, _, err := m.s.NewestVerification(ctx, m.user, verify.Phone, swap[0]); err == nil {
			err = m.s.UpdateVerification(ctx, v.ID, nil, func(v *verify.Verification, _ time.Time) error {
				v.ResendCount = 2
				return nil
			})
			if err != nil {
				return err
			}
		}
		_, err := change(m.s, m.user, swap[0], swap[1])
		return err
	case "cancel":
		return rule(func(v *verify.Verification, now time.Time) error { return v.Cancel(now) })
	case "dispatch":
		state := rapid.SampledFrom([]verify.DeliveryState{verify.StateAccepted, verify.StateRetrying, verify.StateFailed, verify.StateUnknown}).Draw(t, "outcome")
		_, _, err := m.s.ClaimDue(ctx, 10, func(v *verify.Verification, now time.Time) error {
			v.Advance(policy, now)
			for _, id := range v.Lease(policy, "worker", now) {
				v.Send(id, "worker", policy, now)
				v.Settle(id, "worker", verify.Outcome{State: state, Class: verify.ClassTransient}, policy, now)
			}
			return nil
		})
		return err
	case "receipt": // it may come after the end
		state := rapid.SampledFrom([]verify.DeliveryState{verify.StateAccepted, verify.StateUndelivered, verify.StateDelivered}).Draw(t, "told")
		return rule(func(v *verify.Verification, now time.Time) error {
			for _, d := range v.Deliveries {
				v.Receive(verify.Receipt{DeliveryID: d.ID, Provider: "twilio", State: state, Class: verify.ClassTransient, Detail: "30003"}, policy, now)
			}
			return nil
		})
	case "block":
		return stand(m.s, m.user, func(s *verify.Standing, now time.Time) []verify.Event {
			m.blocked = true
			return s.Block(by, now)
		})
	case "unlock":
		return stand(m.s, m.user, func(s *verify.Standing, now time.Time) []verify.Event {
			m.blocked = false
			return s.Unlock(by, now)
		})
	default:
		return rule(func(v *verify.Verification, now time.Time) error {
			v.Status, v.Codes, v.Guesses, v.NextAt = verify.Failed, nil, nil, now
			return errWrong
		})
	}
}

func (m *model) compare(t *rapid.T) {
	pending := map[string]int{}
	for id, want := range m.last {
		got, _, err := m.s.Verification(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, sameVerification); diff != "" {
			t.Fatalf("%s is not what was told: %s", id, diff)
		}
		es, err := m.s.EventsAfter(context.Background(), id, 0, 1000)
		if diff := cmp.Diff(m.events[id], es); diff != "" || err != nil {
			t.Fatalf("events of %s (%v): %s", id, err, diff)
		}
		if int64(len(es)) != got.Seq {
			t.Fatalf("%s has seq %d and %d events", id, got.Seq, len(es))
		}
		if !got.Terminal() {
			kind := string(got.Purpose)
			if got.Purpose == verify.Phone {
				kind += " " + got.Number.E164()
			}
			pending[kind]++
		}
	}
	for kind, n := range pending {
		if n > 1 || m.blocked {
			t.Fatalf("%d verifications of %s are pending, blocked: %t", n, kind, m.blocked)
		}
	}
}

// Whatever happens, in whatever order: the database holds what was told, seq has
// no gaps, one verification of a kind is open, and a refusal leaves no trace.
func TestDatabaseHoldsWhatWasTold(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		told, longest, users := &diary{}, 25, 0
		if db.kind == "postgres" {
			longest = 5 // each step costs ten times as much
		}
		s := db.open(t, told.config)
		rapid.Check(t, func(t *rapid.T) {
			users++
			m := &model{s: s, told: told, user: fmt.Sprint("u", users), last: map[string]*verify.Verification{}, events: map[string][]verify.Event{}}
			for range rapid.IntRange(1, longest).Draw(t, "steps") {
				err := m.act(t)
				var refusal *verify.Refusal
				if err != nil && !errors.As(err, &refusal) && !errors.Is(err, errWrong) {
					t.Fatal(err)
				}
				m.hear()
			}
			m.compare(t)
		})
	})
}
