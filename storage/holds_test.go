package storage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nod/storage"
	"nod/verify"
)

const by = "key 3fa9c1d2"

func block(s *verify.Standing, now time.Time) []verify.Event  { return s.Block(by, now) }
func unlock(s *verify.Standing, now time.Time) []verify.Event { return s.Unlock(by, now) }

// stand runs a rule on what operators decided about a user.
func stand(s *storage.Store, user string, rule func(*verify.Standing, time.Time) []verify.Event) error {
	return s.UpdateStanding(context.Background(), user, "", nil, rule)
}

// hold is what a create of the user meets.
func hold(t testing.TB, s *storage.Store, user string) (met verify.Hold) {
	t.Helper()
	err := s.CreateVerification(context.Background(), verify.Applicant{UserID: user, Purpose: verify.Login}, nil, func(sit *verify.Situation, _ time.Time) (*verify.Verification, error) {
		met = sit.Hold
		return nil, errWrong
	})
	if !errors.Is(err, errWrong) {
		t.Fatal(err)
	}
	return met
}

// kept runs a create as a server does: a refusal that leaves a row is no error of
// the transaction.
func kept(s *storage.Store, q verify.Request) (v *verify.Verification, refusal error) {
	err := s.CreateVerification(context.Background(), verify.Applicant{UserID: q.UserID, Purpose: q.Purpose, Number: q.Number}, nil,
		func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
			v, refusal = verify.Start(q, sit, policy, now)
			if v == nil {
				return nil, refusal
			}
			return v, nil
		})
	if err != nil {
		refusal = err
	}
	return v, refusal
}

// A block ends everything of its user that is open, and nothing of anybody else; it
// is told, and a create meets it until it is lifted.
func TestBlock(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		told := &diary{}
		s := db.open(t, told.config)
		enroll(t, s, "u1", "token")
		var open []string
		for i, purpose := range []verify.Purpose{verify.Login, verify.Phone, verify.Phone} {
			q := request(s, "u1")
			q.Purpose, q.Number = purpose, numbers(i)
			open = append(open, mustAdmit(t, s, q).ID)
		}
		q := request(s, "u2")
		q.Number = numbers(7)
		other := mustAdmit(t, s, q).ID
		told.take()
		if err := stand(s, "u1", block); err != nil {
			t.Fatal(err)
		}
		ended, acts := 0, 0
		for _, c := range told.take() {
			switch v := c.Verification; {
			case v != nil && v.UserID == "u1" && v.Status == verify.Canceled && v.Reason == verify.AccountLocked && len(c.Events) > 0:
				ended++
			case v == nil && len(c.Events) == 1 && c.Events[0].Name == verify.EventOperatorActed && c.Events[0].Data.By == by:
				acts++
			default:
				t.Errorf("told %+v", c)
			}
		}
		for _, id := range open {
			if v := load(t, s, id); v.Status != verify.Canceled || v.Reason != verify.AccountLocked || v.Deliveries[0].InFlight() {
				t.Errorf("%s is %s (%s), its message %s", v.Purpose, v.Status, v.Reason, v.Deliveries[0].State)
			}
		}
		if v := load(t, s, other); ended != len(open) || acts != 1 || v.Terminal() {
			t.Errorf("%d ended by %d acts, somebody else's is %s", ended, acts, v.Status)
		}
		blocked := hold(t, s, "u1")
		if none := hold(t, s, "u2"); !blocked.Blocked() || none != (verify.Hold{UserID: "u2"}) {
			t.Errorf("creates meet %+v and %+v", blocked, none)
		}
		v, refusal := kept(s, request(s, "u1"))
		refused(t, refusal, verify.CodeBlocked)
		if got := load(t, s, v.ID); got.Status != verify.Blocked || got.Reason != verify.AccountLocked {
			t.Errorf("the row is %s (%s)", got.Status, got.Reason)
		}
		told.take()
		if err := stand(s, "u1", block); err != nil || len(told.take()) > 0 || hold(t, s, "u1") != blocked {
			t.Errorf("blocked again: %v, since %v", err, hold(t, s, "u1"))
		}
		if err := stand(s, "u1", unlock); err != nil {
			t.Fatal(err)
		}
		if h := hold(t, s, "u1"); h.Blocked() || h.LiftedAt.IsZero() {
			t.Errorf("lifted, it is %+v", h)
		}
		for id, want := range map[string]verify.Hold{open[0]: hold(t, s, "u1"), other: {}} {
			update(t, s, id, func(v *verify.Verification, _ time.Time) {
				if v.Hold != want {
					t.Errorf("an update of %s meets %+v, want %+v", v.UserID, v.Hold, want)
				}
			})
		}
		if _, refusal := kept(s, request(s, "u1")); refusal != nil {
			t.Error(refusal)
		}
	})
}

// Who came to a user through a verification leaves the act there, open or ended, and
// nowhere else; through one that is not theirs, nothing happens.
func TestStandingThrough(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		told := &diary{}
		s := db.open(t, told.config)
		v, other := mustAdmit(t, s, request(s, "u1")), request(s, "u2")
		other.Number = numbers(7)
		theirs := mustAdmit(t, s, other)
		through := func(id string, rule func(*verify.Standing, time.Time) []verify.Event) error {
			told.take()
			return s.UpdateStanding(context.Background(), "u1", id, nil, rule)
		}
		for _, id := range []string{theirs.ID, "ver_none"} {
			if err := through(id, block); !errors.Is(err, verify.ErrNotFound) {
				t.Errorf("through %s: %v", id, err)
			}
		}
		for _, step := range []struct {
			rule func(*verify.Standing, time.Time) []verify.Event
			want []string
		}{
			{block, []string{verify.EventOperatorActed, "delivery.canceled", verify.EventCanceled}},
			{block, nil},
			{unlock, []string{verify.EventOperatorActed}},
			{block, []string{verify.EventOperatorActed}},
		} {
			if err := through(v.ID, step.rule); err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, c := range told.take() {
				for _, e := range c.Events {
					if names = append(names, e.Name); c.Verification == nil || e.VerificationID != v.ID || e.Seq == 0 {
						t.Errorf("told %+v", e)
					}
				}
			}
			if !slices.Equal(names, step.want) {
				t.Errorf("told %v, want %v", names, step.want)
			}
		}
		es, err := s.EventsAfter(context.Background(), v.ID, 0, 100)
		if h := hold(t, s, "u1"); !h.Blocked() || err != nil || load(t, s, v.ID).Seq != int64(len(es)) || es[len(es)-1].Data.By != by {
			t.Errorf("%+v, its trail ends with %+v (%v)", h, es[len(es)-1], err)
		}
		if load(t, s, theirs.ID).Seq != theirs.Seq || hold(t, s, "u2") != (verify.Hold{UserID: "u2"}) {
			t.Error("somebody else was touched")
		}
	})
}

// An operator's act under an Idempotency-Key happens once; one that failed leaves no
// trace.
func TestStandingOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		v := mustAdmit(t, s, request(s, "u1"))
		key := once("one", "body", &v)
		act := func(rule func(*verify.Standing, time.Time) []verify.Event) error {
			return s.UpdateStanding(context.Background(), "u1", "", key, rule)
		}
		func() {
			defer func() { _ = recover() }()
			_ = act(func(s *verify.Standing, now time.Time) []verify.Event {
				s.Block(by, now)
				panic("in the middle")
			})
		}()
		if h := hold(t, s, "u1"); h.Blocked() || load(t, s, v.ID).Terminal() {
			t.Fatalf("a rule that failed left %+v", h)
		}
		if err := act(block); err != nil {
			t.Fatal(err)
		}
		var replay *verify.Replay
		if err := act(unlock); !errors.As(err, &replay) || replay.Answer.Status != 201 {
			t.Errorf("the second time: %v", err)
		}
		if h := hold(t, s, "u1"); !h.Blocked() {
			t.Errorf("it is %+v", h)
		}
		acts := texts(t, db.raw, "select id from events where name = '"+verify.EventOperatorActed+"'")
		if len(acts) != 1 {
			t.Errorf("%d acts are told", len(acts))
		}
	})
}

// Every field of what an operator decided has its column.
func TestEveryFieldOfAHold(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		for _, n := range []int{1, 100} { // written, and written over
			want := fill[verify.Hold](n)
			want.UserID = "u1"
			err := stand(s, want.UserID, func(s *verify.Standing, now time.Time) []verify.Event {
				s.Hold = want
				return []verify.Event{{UserID: want.UserID, Name: verify.EventOperatorActed, At: now}}
			})
			if diff := cmp.Diff(want, hold(t, s, want.UserID)); diff != "" || err != nil {
				t.Error(err, diff)
			}
		}
	})
}

// While many create, over two processes, one blocks: what a create began before is
// ended, and none slips through afterwards.
func TestNoCreateSlipsPastABlock(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		stores := []*storage.Store{db.open(t), db.open(t)}
		for round := range 3 {
			user := fmt.Sprint("u", round)
			var done atomic.Bool
			for _, err := range gather(17, func(i int) error {
				s := stores[i%2]
				if i == 8 {
					err := stand(s, user, block)
					done.Store(true)
					return err
				}
				for n := range 4 {
					q := request(s, user)
					q.Purpose, q.Number = []verify.Purpose{verify.Login, verify.Phone}[i/2%2], numbers(round*100+i*5+n)
					late := done.Load()
					v, refusal := kept(s, q)
					switch {
					case refusal == nil && late:
						return fmt.Errorf("a create after the block made %s", v.ID)
					case refusal != nil && !errors.Is(refusal, &verify.Refusal{Code: verify.CodeBlocked}):
						return refusal
					}
				}
				return nil
			}) {
				if err != nil {
					t.Error(err)
				}
			}
			if pending := texts(t, db.raw, "select id from verifications where status = 'pending' and user_id = '"+user+"'"); len(pending) > 0 {
				t.Errorf("%d are open, of a user who is blocked", len(pending))
			}
		}
	})
}
