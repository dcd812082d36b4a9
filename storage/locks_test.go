package storage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nod/storage"
	"nod/verify"
)

// Everybody takes the locks of meters in one order, users first and prefixes last, also
// for many verifications at once; and takes a trusted device behind them.
func TestMetersAreLockedInOrder(t *testing.T) {
	db := newPostgres(t)
	ctx, s := context.Background(), db.open(t)
	iceland := func(i int) verify.Number { return verify.StoredNumber(fmt.Sprintf("+35461112%02d", i)) } // of no other test: locks are the server's
	begun := func(i int) verify.Request {
		q := request(s, fmt.Sprint("u", i))
		q.Number, q.Context.IP = iceland(i), fmt.Sprint("192.0.2.", i)
		return q
	}
	tireless := limited(policy.Limits)
	tireless.TriesPerCode = 100
	for i := range 4 {
		mustBegin(t, s, begun(i), tireless)
	}
	const lock = "(hashtextextended('meter ' || key, 0))"
	// stuck runs do, which comes to wait for a meter, and says which others could be had then.
	stuck := func(key string, meanwhile func(), do func() error) (free []string) {
		t.Helper()
		holder, err := db.raw.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = holder.Rollback() }() // of a test that fails: its schema could not be dropped
		if _, err := holder.Exec("select pg_advisory_xact_lock"+lock+" from meters where key = $1", key); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- do() }()
		waits := "select 'x' from pg_locks, meters where locktype = 'advisory' and not granted and key = '" + key + "' and classid::bigint << 32 | objid::bigint = hashtextextended('meter ' || key, 0)"
		end := time.After(backWithin)
		for again := time.NewTicker(5 * time.Millisecond); len(texts(t, db.raw, waits)) == 0; <-again.C {
			select {
			case <-end:
				t.Fatal("nobody waits for", key)
			default:
			}
		}
		free = texts(t, db.raw, "select key from meters where pg_try_advisory_xact_lock"+lock)
		meanwhile()
		if err := holder.Rollback(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		return free
	}
	first := func(subject string) string {
		return texts(t, db.raw, "select key from meters where key like '"+subject+" %' order by key collate \"C\" limit 1")[0]
	}
	claim := func() error {
		claimed, _, err := s.ClaimDue(ctx, 10, func(v *verify.Verification, now time.Time) error {
			_, err := v.Check(s.Keys(), "", tireless, now)
			v.NextAt = now
			return err
		})
		if len(claimed) != 4 {
			t.Errorf("claimed %v", claimed)
		}
		return err
	}
	ranks := []string{"user", "phone", "ip", "prefix"}
	for rank, subject := range ranks {
		free := stuck(first(subject), func() {}, claim)
		for _, key := range free {
			if of, _, _ := strings.Cut(key, " "); slices.Index(ranks, of) < rank {
				t.Errorf("a claim that waits for the first %s has not taken %s", subject, key)
			}
		}
		if want := []int{12, 8, 4, 0}[rank]; len(free) != want { // of 4 users, 4 numbers, 4 addresses and one prefix
			t.Errorf("a claim that waits for the first %s leaves %d free, want %d", subject, len(free), want)
		}
	}
	prefix := first("prefix") // of the numbers here: what begins the trust has another
	d := trust(t, s, "u1")
	q := begun(1)
	q.Trusted = s.Keys().TrustClaim(s.Keys().TrustedToken(d, 1), "u1", q.Context.IP)
	who := applicant(q)
	who.Codes, who.TrustedID = false, d.ID
	stuck(prefix, func() {
		if _, err := db.raw.Exec("select 1 from trusted_devices where id = $1 for update nowait", d.ID); err != nil {
			t.Errorf("a create that waits for a meter holds the trusted device: %v", err)
		}
	}, func() error {
		return s.CreateVerification(ctx, who, nil, func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
			return verify.Start(q, sit, policy, now)
		})
	})
}

// Creates that read all at once and such that read again, with trusted devices and with a
// cap, guesses, claims of many, what operators do, sweeps and erasures, all about a few
// users, numbers and addresses: they wait for each other in one order, and none fails.
func TestMetersDoNotDeadlock(t *testing.T) {
	inOneOrder(t, func(t *testing.T, db database) {
		ctx, stores := context.Background(), []*storage.Store{db.open(t), db.open(t)}
		p := limited(policy.Limits)
		p.TriesPerCode, p.Limits.SpendCap, p.Limits.Price = 1000, 1<<40, func(string) (int64, bool) { return 1, true }
		user := func(i int) string { return fmt.Sprint("u", i%4) }
		asked := func(s *storage.Store, i int) verify.Request {
			q := request(s, user(i))
			q.Number, q.Context.IP = manyNumbers(int64(i%3)), fmt.Sprint("192.0.2.", i%2)
			if i%5 == 0 {
				q.Purpose = verify.Phone
			}
			return q
		}
		create := func(s *storage.Store, i int, who verify.Applicant, q verify.Request) error {
			who.Codes, who.Spends = i%2 == 0, i%4 == 0
			return s.CreateVerification(ctx, who, nil, func(sit *verify.Situation, now time.Time) (*verify.Verification, error) {
				if sit.Open != nil && i%3 == 0 {
					_, _ = sit.Open.Check(s.Keys(), "", p, now)
				}
				return verify.Start(q, sit, p, now)
			})
		}
		var tokens []string
		for i := range 4 {
			tokens = append(tokens, stores[0].Keys().TrustedToken(trust(t, stores[0], user(i)), 1))
		}
		for i, err := range gather(120, func(i int) error {
			s := stores[i%2]
			q := asked(s, i/8)
			who := applicant(q)
			switch i % 8 {
			case 0, 1:
				return create(s, i/8, who, q)
			case 2: // a token that is, or is somebody else's
				q.Trusted = s.Keys().TrustClaim(tokens[i/16%4], q.UserID, q.Context.IP)
				who.TrustedID = q.Trusted.DeviceID
				return create(s, i/8, who, q)
			case 3:
				v, _, err := s.NewestVerification(ctx, q.UserID, verify.Login, manyNumbers(int64(i/8%3)))
				if err != nil {
					return err
				}
				return s.UpdateVerification(ctx, v.ID, nil, func(v *verify.Verification, now time.Time) error {
					v.From(q.Context.IP)
					if _, err := v.Check(s.Keys(), "", p, now); err != nil {
						return err
					}
					v.Remember(s.Keys(), now)
					return nil
				})
			case 4:
				_, _, err := s.ClaimDue(ctx, 10, func(v *verify.Verification, now time.Time) error {
					_, err := v.Check(s.Keys(), "", p, now)
					v.NextAt = now
					return err
				})
				return err
			case 5:
				return stand(s, q.UserID, func(s *verify.Standing, now time.Time) []verify.Event {
					return append(s.Block(by, now), s.Unlock(by, now)...)
				})
			case 6:
				b := made(s, verify.BlockPrefix, q.Number.E164()[:8], "+")
				_, _, added := s.AddBlock(ctx, b, nil)
				_, err := s.RemoveBlock(ctx, b.Kind, b.Key, nil)
				return errors.Join(added, err, s.Sweep(ctx))
			default:
				if i%16 == 7 {
					return s.Erase(ctx, q.UserID, by)
				}
				return s.UpdateTrustedDevices(ctx, q.UserID, func([]*verify.TrustedDevice, time.Time) error { return nil })
			}
		}) {
			late := storage.Unreachable(err) // on a machine so busy that a transaction's time was over; a deadlock is another error
			if err != nil && !late && !errors.As(err, new(*verify.Refusal)) && !errors.Is(err, verify.ErrNotFound) {
				t.Error(i%8, err)
			}
		}
	})
}
