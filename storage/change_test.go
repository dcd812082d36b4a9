package storage_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nod/storage"
	"nod/verify"
)

// numbers of a user who cannot decide.
func numbers(i int) verify.Number { return verify.StoredNumber(fmt.Sprintf("+1415555%04d", 1000+i)) }

// proving starts to prove a number of a user which can be left at once.
func proving(t testing.TB, s *storage.Store, userID string, n verify.Number) *verify.Verification {
	t.Helper()
	q := request(s, userID)
	q.Purpose, q.Number = verify.Phone, n
	v := mustAdmit(t, s, q)
	update(t, s, v.ID, func(v *verify.Verification, _ time.Time) { v.ResendCount = 2 })
	return v
}

// change leaves one number of a user for another.
func change(s *storage.Store, userID string, from, to verify.Number) (v *verify.Verification, err error) {
	q := request(s, userID)
	q.Purpose, q.Number, q.Leaving = verify.Phone, to, from
	who := verify.Applicant{UserID: userID, Purpose: q.Purpose, Number: to, Leaving: from}
	err = s.CreateVerification(context.Background(), who, nil, func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
		var refused error
		if v, _, refused = verify.Prove(q, sit, policy, now); v == nil {
			return nil, refused
		}
		return v, nil
	})
	return v, err
}

// pending are the numbers' verifications of a user that are open.
func (db database) pending(t testing.TB, userID string) []string {
	t.Helper()
	return texts(t, db.raw, "select id from verifications where purpose = 'phone' and status = 'pending' and user_id = '"+userID+"'")
}

// Of 50 changes at once of one number, to the same or to others and over two
// processes, one succeeds: one verification is open before and after, and it is the
// one that was answered.
func TestConcurrentChangesOfANumber(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		stores := []*storage.Store{db.open(t), db.open(t)}
		for name, to := range map[string]func(i int) verify.Number{
			"same":  func(int) verify.Number { return numbers(1) },
			"other": func(i int) verify.Number { return numbers(1 + i) },
		} {
			old := proving(t, stores[0], name, numbers(0))
			made := make([]*verify.Verification, 50)
			succeeded := ""
			for i, err := range gather(len(made), func(i int) (err error) {
				made[i], err = change(stores[i%2], name, numbers(0), to(i))
				return err
			}) {
				if err == nil {
					succeeded += made[i].ID
				} else if !errors.Is(err, &verify.Refusal{Code: verify.CodeAlreadyDecided}) {
					t.Error(err)
				}
			}
			if open := db.pending(t, name); len(open) != 1 || open[0] != succeeded {
				t.Errorf("%s: %v are open, %s was answered", name, open, succeeded)
			}
			left := load(t, stores[0], old.ID)
			es, err := stores[0].EventsAfter(context.Background(), old.ID, 0, 100)
			if left.Status != verify.Canceled || left.Reason != verify.PhoneChanged || err != nil || int64(len(es)) != left.Seq {
				t.Errorf("%s: the old one is %s (%s), seq %d, %d events: %v", name, left.Status, left.Reason, left.Seq, len(es), err)
			}
		}
	})
}

// Changes that cross, by one user and by two, never wait for each other in a circle,
// and creates and updates of the same rows beside them neither.
func TestCrossingChangesOfNumbers(t *testing.T) {
	inOneOrder(t, crossNumbers)
}

func crossNumbers(t *testing.T, db database) {
	stores := []*storage.Store{db.open(t), db.open(t)}
	a, b := numbers(0), numbers(1)
	for round := range 20 {
		ana, bob := fmt.Sprint("ana", round), fmt.Sprint("bob", round)
		both := []*verify.Verification{proving(t, stores[0], ana, a), proving(t, stores[0], ana, b), proving(t, stores[0], bob, b)}
		for i, err := range gather(10, func(i int) error {
			s := stores[i%2]
			switch i % 5 {
			case 0:
				_, err := change(s, ana, a, b)
				return err
			case 1:
				_, err := change(s, ana, b, a)
				return err
			case 2:
				_, err := change(s, bob, b, a)
				return err
			case 3:
				q := request(s, bob)
				q.Number = a
				_, err := admit(s, q, nil)
				return err
			}
			return s.UpdateVerification(context.Background(), both[i%3].ID, nil, func(v *verify.Verification, now time.Time) error {
				v.Advance(policy, now)
				return nil
			})
		}) {
			if refusal := (*verify.Refusal)(nil); err != nil && !errors.As(err, &refusal) {
				t.Errorf("round %d, %d: %v", round, i, err)
			}
		}
		for _, user := range []string{ana, bob} {
			if open := db.pending(t, user); len(open) != 1 {
				t.Fatalf("round %d: %d verifications of %s are open, want 1", round, len(open), user)
			}
		}
	}
}

// What a change leaves is the open one or the newest of the number that was to be proved, else the
// open login with it; nothing of another user or number.
func TestWhatIsLeft(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		left := func(n verify.Number) (found *verify.Verification) {
			who := verify.Applicant{UserID: "u1", Purpose: verify.Phone, Number: numbers(9), Leaving: n}
			err := s.CreateVerification(context.Background(), who, nil, func(sit *verify.Situation, _ time.Time) (*verify.Verification, error) {
				found = sit.Left
				return nil, errWrong
			})
			if !errors.Is(err, errWrong) {
				t.Fatal(err)
			}
			return found
		}
		q := request(s, "u2")
		q.Purpose = verify.Phone
		mustAdmit(t, s, q)
		if v := left(number); v != nil {
			t.Errorf("of another user: %s", v.ID)
		}
		login := mustAdmit(t, s, request(s, "u1"))
		if v := left(number); v == nil || v.ID != login.ID || len(v.Deliveries) == 0 {
			t.Errorf("of an open login: %+v", v)
		}
		var newest *verify.Verification
		for range 2 {
			newest = proving(t, s, "u1", number)
			update(t, s, newest.ID, func(v *verify.Verification, now time.Time) { _ = v.Cancel(now) })
		}
		want := load(t, s, newest.ID)
		if diff := cmp.Diff(want, left(number), sameVerification); diff != "" {
			t.Error("of two that have ended:", diff)
		}
		open := proving(t, s, "u1", number)
		update(t, s, open.ID, func(v *verify.Verification, now time.Time) { v.CodeAcceptedAt = now })
		q.UserID, q.ID = "u1", verify.NewID("ver")
		err := s.CreateVerification(context.Background(), verify.Applicant{UserID: "u1", Purpose: verify.Phone, Number: number}, nil,
			func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
				v, refused := verify.Start(q, sit, policy, now)
				if v == nil || v.Status != verify.Blocked {
					t.Errorf("a start within the cooldown: %v", refused)
				}
				return v, nil
			})
		if err != nil {
			t.Fatal(err)
		}
		if v := left(number); v.ID != open.ID {
			t.Errorf("of an open one, with one that was refused after it: %s", v.Status)
		}
		if v, _, err := s.NewestVerification(context.Background(), "u1", verify.Phone, number); err != nil || v.ID != open.ID {
			t.Errorf("the one that counts is %v: %v", v, err)
		}
		if v := left(numbers(3)); v != nil {
			t.Errorf("of another number: %s", v.ID)
		}
	})
}

// A change is one COMMIT: both numbers, or neither.
func TestAChangeIsWhole(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		told := &diary{}
		s := db.open(t, told.config)
		old := proving(t, s, "u1", numbers(0))
		told.take()
		who := verify.Applicant{UserID: "u1", Purpose: verify.Phone, Number: numbers(1), Leaving: numbers(0)}
		err := s.CreateVerification(context.Background(), who, nil, func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
			_ = sit.Left.Cancel(now)
			return nil, errWrong
		})
		if !errors.Is(err, errWrong) || load(t, s, old.ID).Terminal() || len(told.take()) != 0 {
			t.Errorf("a refused change left something: %v", err)
		}
		v, err := change(s, "u1", numbers(0), numbers(1))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range told.take() {
			for _, e := range c.Events {
				names = append(names, e.Name)
			}
		}
		want := []string{verify.EventPhoneChanged, "delivery.canceled", verify.EventCanceled, verify.EventCreated, verify.EventCodeIssued, "delivery.queued"}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Error(diff)
		}
		es, err := s.UserEvents(context.Background(), "u1", v.CreatedAt)
		if err != nil || len(es) != len(want) {
			t.Errorf("the user has %d events of it, want %d: %v", len(es), len(want), err)
		}
	})
}
