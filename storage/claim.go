package storage

import (
	"context"
	"time"

	"nod/verify"
)

// claimPause is how long a verification whose rule failed is left alone.
const claimPause = 30 * time.Second

// ClaimDue runs rule on pending verifications whose NextAt has come, those due
// first first and at most limit, in one transaction; what another process holds
// is passed by. An error of the rule undoes that verification only, is logged,
// and makes it due again in 30 s. It returns how many were claimed and when to
// come again: the time of the next one due, zero when there is none.
func (s *Store) ClaimDue(ctx context.Context, limit int, rule func(*verify.Verification, time.Time) error) (claimed int, next time.Time, err error) {
	if next, due, err := s.nextDue(ctx); err != nil || !due {
		return 0, next, err // most calls end here, without a write
	}
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		now, err := t.now(ctx) // claims wait for nobody: there is no later moment
		if err != nil {
			return err
		}
		due, err := t.aggregates(ctx, "where status = 'pending' and next_at <= $1 order by next_at limit $2"+t.skipLocked, now.UnixMilli(), limit)
		if err != nil {
			return err
		}
		claimed = len(due)
		again := claimed == limit // perhaps more are due
		for _, a := range due {
			failed, broken := t.savepoint(ctx, func() error {
				if err := rule(a.Verification, now); err != nil {
					return err
				}
				return t.save(ctx, a)
			})
			if broken != nil {
				return broken
			}
			if failed != nil {
				s.log.ErrorContext(ctx, "a due verification failed and is put off", "verification_id", a.ID, "by", claimPause, "error", failed)
				if _, err := exec(ctx, t, "update verifications set next_at = $1 where id = $2", now.Add(claimPause).UnixMilli(), a.ID); err != nil {
					return err
				}
				continue
			}
			again = again || (!a.Terminal() && !a.NextAt.IsZero() && !a.NextAt.After(now))
		}
		if next, err = t.nextAfter(ctx, now); again {
			next = now
		}
		return err
	})
	if err != nil {
		return 0, time.Time{}, err
	}
	return claimed, next, nil
}

// nextDue reads when the next verification is due and whether that has come.
func (s *Store) nextDue(ctx context.Context) (next time.Time, due bool, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		ms, err := number(ctx, t, "select min(next_at) from verifications where status = 'pending' and next_at is not null")
		if err != nil || ms == 0 {
			return err
		}
		now, err := t.now(ctx)
		next = time.UnixMilli(ms).UTC()
		due = !next.After(now)
		return err
	})
	return next, due, err
}

// nextAfter reads when the next one is due that is not due now: those that are
// belong to this claim or to another process.
func (t *tx) nextAfter(ctx context.Context, now time.Time) (time.Time, error) {
	ms, err := number(ctx, t, "select min(next_at) from verifications where status = 'pending' and next_at > $1", now.UnixMilli())
	if err != nil || ms == 0 {
		return time.Time{}, err
	}
	return time.UnixMilli(ms).UTC(), nil
}
