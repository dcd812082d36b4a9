package storage_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nod/storage"
	"nod/verify"
)

// gather runs f n times at once and returns the errors.
func gather(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { errs[i] = f(i) })
	}
	group.Wait()
	return errs
}

// Of many creates at once that each refuse to meet an open one, one is admitted,
// also when they come over two processes.
func TestConcurrentCreatesAdmitOne(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		stores := []*storage.Store{db.open(t), db.open(t)}
		for _, purpose := range []verify.Purpose{verify.Login, verify.Phone} {
			admitted := 0
			for _, err := range gather(40, func(i int) error {
				s := stores[i%2]
				q := request(s, "u1")
				q.Purpose = purpose
				return s.CreateVerification(context.Background(), verify.Applicant{UserID: "u1", Purpose: purpose, Number: number}, nil,
					func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
						if sit.Open != nil {
							return nil, errWrong
						}
						return verify.Start(q, sit, policy, now)
					})
			}) {
				if err == nil {
					admitted++
				} else if !errors.Is(err, errWrong) {
					t.Error(err)
				}
			}
			if admitted != 1 {
				t.Errorf("%s: %d were admitted", purpose, admitted)
			}
		}
	})
}

// Many creates at once that supersede each other all succeed, and one is left.
func TestConcurrentCreatesSupersede(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		for _, err := range gather(40, func(int) error { _, err := admit(s, request(s, "u1"), nil); return err }) {
			if err != nil {
				t.Error(err)
			}
		}
		if pending := texts(t, db.raw, "select id from verifications where status = 'pending'"); len(pending) != 1 {
			t.Errorf("%d are pending, want 1", len(pending))
		}
	})
}

// 100 updates at once run one after the other: each sees what the one before
// wrote, in order, and time does not run backwards between them.
func TestConcurrentUpdatesSerialize(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		told := &diary{}
		s := db.open(t, told.config)
		v := mustAdmit(t, s, request(s, "u1"))
		first := v.Seq
		for _, err := range gather(100, func(int) error {
			return s.UpdateVerification(context.Background(), v.ID, nil, func(v *verify.Verification, now time.Time) error {
				if now.Before(v.LastAcceptedAt) {
					t.Errorf("%v comes after %v", now, v.LastAcceptedAt)
				}
				v.ResendCount++
				v.LastAcceptedAt = now
				v.Reuse(now)
				return nil
			})
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		got := load(t, s, v.ID)
		if got.ResendCount != 100 || got.SecretGeneration != 101 || got.Seq != first+100 {
			t.Errorf("counted %d resends, %d generations, seq %d", got.ResendCount, got.SecretGeneration, got.Seq)
		}
		es, err := s.EventsAfter(context.Background(), v.ID, 0, 1000)
		if err != nil || int64(len(es)) != got.Seq {
			t.Errorf("%d events (%v), want %d", len(es), err, got.Seq)
		}
		inOrder(t, told.told())
	})
}

// inOrder fails unless the events of each verification were told by their seq,
// without gaps.
func inOrder(t *testing.T, changes []verify.Change) {
	t.Helper()
	seen := map[string]int64{}
	for _, c := range changes {
		for _, e := range c.Events {
			if e.Seq != seen[e.VerificationID]+1 {
				t.Fatalf("event %d of %s was told after event %d", e.Seq, e.VerificationID, seen[e.VerificationID])
			}
			seen[e.VerificationID]++
		}
	}
}

// Creates, updates and claims of a few users from everywhere: changes are told
// in the order of their commits, none is missing.
func TestToldInOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		told := &diary{}
		s := db.open(t, told.config)
		for _, err := range gather(12, func(i int) error {
			user := fmt.Sprint("u", i%3)
			for range 8 {
				v, err := admit(s, request(s, user), nil)
				if err != nil {
					return err
				}
				err = s.UpdateVerification(context.Background(), v.ID, nil, func(v *verify.Verification, now time.Time) error {
					v.Reuse(now)
					return nil
				})
				if err != nil {
					return err
				}
				if _, _, err := s.ClaimDue(context.Background(), 5, lease); err != nil {
					return err
				}
			}
			return nil
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		inOrder(t, told.told())
		events := 0
		for _, c := range told.told() {
			events += len(c.Events)
		}
		if rows := texts(t, db.raw, "select id from events"); len(rows) != events {
			t.Errorf("told %d events, wrote %d", events, len(rows))
		}
	})
}

func lease(v *verify.Verification, now time.Time) error {
	v.Advance(policy, now)
	v.Lease(policy, "worker", now)
	return nil
}

// What is due is claimed once, however many processes look for it.
func TestClaimIsExclusive(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		stores := []*storage.Store{db.open(t), db.open(t)}
		const due = 60
		for i := range due {
			mustAdmit(t, stores[0], request(stores[0], fmt.Sprint("u", i)))
		}
		var mu sync.Mutex
		claims := map[string]int{}
		for _, err := range gather(6, func(i int) error {
			for {
				mine, _, err := stores[i%2].ClaimDue(context.Background(), 7, lease)
				if err != nil || len(mine) == 0 {
					return err
				}
				if len(mine) > 7 {
					return fmt.Errorf("claimed %d of at most 7", len(mine))
				}
				mu.Lock()
				for _, id := range mine {
					claims[id]++
				}
				mu.Unlock()
			}
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		for id, n := range claims {
			if n != 1 {
				t.Errorf("%s was claimed %d times", id, n)
			}
		}
		if len(claims) != due {
			t.Errorf("%d were claimed, want %d", len(claims), due)
		}
	})
}

func TestClaim(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		claim := func(limit, want int, wantNext time.Time, rule func(*verify.Verification, time.Time) error) {
			t.Helper()
			claimed, next, err := s.ClaimDue(ctx, limit, rule)
			if err != nil || len(claimed) != want || !next.Equal(wantNext) {
				t.Errorf("claimed %v, next %v (%v); want %d, %v", claimed, next, err, want, wantNext)
			}
		}
		claim(10, 0, time.Time{}, nil)
		now, err := s.Now(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for i := range 3 {
			v := mustAdmit(t, s, request(s, fmt.Sprint("u", i)))
			ids = append(ids, v.ID)
			update(t, s, v.ID, func(v *verify.Verification, _ time.Time) { v.NextAt = now.Add(time.Duration(-i) * time.Second) })
		}
		later := now.Add(time.Hour)
		future := mustAdmit(t, s, request(s, "u9"))
		update(t, s, future.ID, func(v *verify.Verification, _ time.Time) { v.NextAt = later })

		// Oldest first, at most limit; then come again at once.
		var order []string
		var at time.Time
		claimed, next, err := s.ClaimDue(ctx, 2, func(v *verify.Verification, now time.Time) error {
			order, at = append(order, v.ID), now
			v.NextAt = later
			return nil
		})
		if err != nil || !next.Equal(at) || !slices.Equal(order, []string{ids[2], ids[1]}) || !slices.Equal(claimed, order) {
			t.Errorf("claimed %v, ruled %v, next %v (%v)", claimed, order, next, err)
		}
		// A rule that fails undoes its own and is put off; the other stands.
		update(t, s, ids[1], func(v *verify.Verification, _ time.Time) { v.NextAt = now.Add(-time.Minute) })
		claimed, next, err = s.ClaimDue(ctx, 10, func(v *verify.Verification, now time.Time) error {
			at = now
			v.ResendCount, v.NextAt = 7, later
			if v.ID == ids[1] {
				return errWrong
			}
			return nil
		})
		if err != nil || !slices.Equal(claimed, ids[:1]) || !next.Equal(at.Add(30*time.Second)) {
			t.Errorf("claimed %v, next %v (%v)", claimed, next, err)
		}
		if a, b := load(t, s, ids[0]), load(t, s, ids[1]); a.ResendCount != 7 || b.ResendCount != 0 || !b.NextAt.Equal(at.Add(30*time.Second)) {
			t.Errorf("resends %d and %d, put off to %v", a.ResendCount, b.ResendCount, b.NextAt)
		}
		// Nothing is due: the rule does not run.
		claim(10, 0, at.Add(30*time.Second), nil)
		// What has ended is never due.
		update(t, s, ids[1], func(v *verify.Verification, now time.Time) { _ = v.Cancel(now); v.NextAt = now })
		claim(10, 0, later, nil)
	})
}

// A row that the database refuses to write is put off as one whose rule fails:
// it holds up no other of the same claim.
func TestClaimOfBadRow(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		bad, good := mustAdmit(t, s, request(s, "u1")), mustAdmit(t, s, request(s, "u2"))
		when := "create trigger bad before update on verifications for each row when (new.id = '" + bad.ID + "' and new.resend_count = 7) "
		if db.kind == "sqlite" {
			db.exec(t, when+"begin select raise(abort, 'bad row'); end")
		} else {
			db.exec(t, "create function bad() returns trigger language plpgsql as $$ begin raise 'bad row'; end $$")
			db.exec(t, when+"execute function bad()")
		}
		later := bad.CreatedAt.Add(time.Hour)
		claimed, _, err := s.ClaimDue(context.Background(), 10, func(v *verify.Verification, _ time.Time) error {
			v.ResendCount, v.NextAt = 7, later
			return nil
		})
		if !slices.Equal(claimed, []string{good.ID}) || err != nil {
			t.Errorf("claimed %v (%v)", claimed, err)
		}
		if v := load(t, s, good.ID); v.ResendCount != 7 || !v.NextAt.Equal(later) {
			t.Errorf("the good one: %d resends, due at %v", v.ResendCount, v.NextAt)
		}
		if v := load(t, s, bad.ID); v.ResendCount != 0 || !v.NextAt.After(bad.NextAt) {
			t.Errorf("the bad one: %d resends, due at %v", v.ResendCount, v.NextAt)
		}
	})
}

// In one batch of many, one caller refuses, one panics, one leaves: every other
// one is committed.
func TestBatchIsolation(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		told := &diary{}
		s := db.open(t, told.config)
		var ids []string
		for i := range 30 {
			ids = append(ids, mustAdmit(t, s, request(s, fmt.Sprint("u", i))).ID)
		}
		ctx, cancel := context.WithCancel(context.Background())
		panics := make(chan any, len(ids))
		errs := gather(len(ids), func(i int) error {
			defer func() {
				if p := recover(); p != nil {
					panics <- p
				}
			}()
			ctx := ctx
			if i%5 != 2 {
				ctx = context.Background()
			}
			return s.UpdateVerification(ctx, ids[i], nil, func(v *verify.Verification, now time.Time) error {
				v.Reuse(now)
				v.Deliveries[0].Detail = "written"
				switch i % 5 {
				case 0:
					return errWrong
				case 1:
					panic(i)
				case 2:
					cancel()
				}
				return nil
			})
		})
		for i, err := range errs {
			kept := i%5 > 2
			v := load(t, s, ids[i])
			if written := v.SecretGeneration == 2 && v.Deliveries[0].Detail == "written"; written != kept {
				t.Errorf("caller %d: written %v, want %v", i, written, kept)
			}
			switch i % 5 {
			case 0:
				if err != errWrong { //nolint:errorlint // as it is
					t.Errorf("caller %d: got error %v", i, err)
				}
			case 2:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("caller %d: got error %v", i, err)
				}
			default:
				if err != nil {
					t.Errorf("caller %d: got error %v", i, err)
				}
			}
		}
		if len(panics) != 6 {
			t.Errorf("%d callers panicked, want 6", len(panics))
		}
		if changes := told.told(); len(changes) != 30+12 {
			t.Errorf("told %d changes, want 42", len(changes))
		}
	})
}

// Requests at once with one Idempotency-Key are one request.
func TestConcurrentSameKey(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		stores := []*storage.Store{db.open(t), db.open(t)}
		var mu sync.Mutex
		answers := map[string]int{}
		for _, err := range gather(20, func(i int) error {
			s := stores[i%2]
			var v *verify.Verification
			err := admitTo(&v, s, request(s, fmt.Sprint("u", i)), once("key", "body", &v)) // even for other users
			var replay *verify.Replay
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				answers["made "+v.ID]++
			case errors.As(err, &replay):
				answers["told "+replay.Answer.VerificationID]++
				return nil
			}
			return err
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		got := slices.Sorted(maps.Keys(answers))
		if len(got) != 2 || strings.TrimPrefix(got[0], "made ") != strings.TrimPrefix(got[1], "told ") || answers[got[0]] != 1 {
			t.Errorf("answers: %v", answers)
		}
	})
}

// A caller whose context has ended is not served.
// Who gives up after its work and before COMMIT keeps nothing, is told so, and
// stands in the way of no later change.
func TestCanceledInside(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		var told diary
		s := db.open(t, told.config)
		v := mustAdmit(t, s, request(s, "u1"))
		told.take()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if err := s.UpdateVerification(ctx, v.ID, nil, func(v *verify.Verification, _ time.Time) error {
			v.ResendCount = 7
			cancel()
			return nil
		}); !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v", err)
		}
		update(t, s, v.ID, func(v *verify.Verification, _ time.Time) { v.SecretGeneration++ })
		if changes := told.take(); len(changes) != 1 || changes[0].Verification.ResendCount != 0 {
			t.Errorf("told %d changes", len(changes))
		}
	})
}

func TestCanceledBefore(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := s.CreateEnrollment(ctx, nil, "u1"); !errors.Is(err, context.Canceled) {
			t.Errorf("write: got error %v", err)
		}
		if _, err := s.Devices(ctx, "u1"); !errors.Is(err, context.Canceled) {
			t.Errorf("read: got error %v", err)
		}
	})
}

// On Postgres a transaction that lost against another is run again, its rule on
// a fresh copy: each of three must come through, and may lose twice.
func TestLostTransactionsRunAgain(t *testing.T) {
	db := newPostgres(t)
	s := db.open(t)
	v := mustAdmit(t, s, request(s, "u1"))
	db.url += "&default_transaction_isolation=serializable"
	strict := db.open(t)
	for round := range 10 {
		for _, err := range gather(3, func(int) error {
			return strict.UpdateVerification(context.Background(), v.ID, nil, func(v *verify.Verification, now time.Time) error {
				v.Reuse(now)
				return nil
			})
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		if got := load(t, s, v.ID).SecretGeneration; got != 1+3*(round+1) {
			t.Fatalf("round %d: generation %d", round, got)
		}
	}
}
