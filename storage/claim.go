package storage

import (
	"cmp"
	"context"
	"slices"
	"time"

	"nod/verify"
)

// claimPause is how long a verification whose rule failed is left alone.
const claimPause = 30 * time.Second

// ClaimDue runs rule on pending verifications whose NextAt has come, those due
// first first and at most limit, in one transaction; what another process holds
// is passed by. The rule may run again, on fresh copies and then perhaps not for
// the same ones: what counts is what is claimed, the ids of those for which its
// last outcome was committed. One that cannot be read, whose rule fails or that the
// database refuses to write keeps nothing of it, is logged, and is due again in
// 30 s. next is when to come again: the time of the next one due, zero when there
// is none.
func (s *Store) ClaimDue(ctx context.Context, limit int, rule func(*verify.Verification, time.Time) error) (claimed []string, next time.Time, err error) {
	if next, due, err := s.nextDue(ctx, "min(next_at)", "verifications where status = 'pending' and next_at is not null"); err != nil || !due {
		return nil, next, err // most calls end here, without a write
	}
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		now, err := t.look(ctx) // claims wait for nobody: there is no later moment
		if err != nil {
			return err
		}
		due, err := t.claim(ctx, now, limit)
		if err != nil {
			return err
		}
		parts, err := t.decideEach(ctx, due, now, rule)
		if err != nil {
			return err
		}
		// What one that the database refuses has counted stays counted: a meter that is
		// too high lets nothing through.
		if err := t.sendEach(ctx, parts); err != nil {
			return err
		}
		claimed = nil
		again := len(due) == limit // perhaps more are due
		for i, o := range due {
			if failed := parts[i].failed; failed != nil {
				s.log.ErrorContext(ctx, "a due verification failed and is put off", "verification_id", o.ID, "by", claimPause, "error", failed)
				t.hold(plain("update verifications set next_at = $1 where id = $2", now.Add(claimPause).UnixMilli(), o.ID))
				continue
			}
			claimed = append(claimed, o.ID)
			again = again || (!o.Terminal() && !o.NextAt.IsZero() && !o.NextAt.After(now))
		}
		if next, err = t.nextAfter(ctx, "min(next_at)", "verifications where status = 'pending' and next_at", now); again {
			next = now
		}
		return err
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	return claimed, next, nil
}

// turn is the turn of one verification among many in a claim.
type turn struct {
	i  int
	of *subject
}

// decideEach runs the rule on each, as [tx.decide] does on one, and puts the outcome that
// counts into its place. The meters of all that want some are read together. One whose
// rule fails gives back what it counted.
func (t *tx) decideEach(ctx context.Context, each []opened, now time.Time, rule func(*verify.Verification, time.Time) error) ([]*part, error) {
	read, parts, waiting := slices.Clone(each), make([]*part, len(each)), make([]turn, len(each))
	for i, o := range each {
		waiting[i] = turn{i, subjectOf(o.Verification)}
	}
	for have := verify.NeedNone; ; {
		var (
			again []turn
			of    []*subject
			most  verify.Need
		)
		for _, w := range waiting {
			var lacks verify.Need
			p := t.collect(func() error {
				a, n, err := t.attempt(read[w.i], w.of, have, now, rule)
				if lacks = n; err != nil || n != verify.NeedNone {
					return err
				}
				each[w.i].Verification = a.Verification
				return t.save(a)
			})
			parts[w.i] = p
			if lacks != verify.NeedNone {
				again, of, most = append(again, w), append(of, w.of), max(most, lacks)
			}
			if err := t.meters.settle(lacks == verify.NeedNone && p.failed == nil); err != nil {
				return nil, err
			}
		}
		if len(again) == 0 {
			return parts, nil
		}
		var err error
		if now, err = t.readMeters(ctx, most, of...); err != nil {
			return nil, err
		}
		waiting, have = again, most
	}
}

// claim locks what is due and reads all that belongs to it.
func (t *tx) claim(ctx context.Context, now time.Time, limit int) ([]opened, error) {
	var due found
	err := t.run(ctx, verifications.reading(&due.rows, "where status = 'pending' and next_at <= $1 order by next_at limit $2"+t.skipLocked, now.UnixMilli(), limit))
	if err != nil || len(due.rows) == 0 {
		return nil, err
	}
	ids := make([]string, len(due.rows))
	for i, r := range due.rows {
		ids[i] = r.ID
	}
	list, err := listOf(ids)
	if err != nil {
		return nil, err
	}
	all := append(due.owned(t.inList, list), due.live("in (select user_id from verifications where id "+t.inList+")", list))
	if err := t.run(ctx, all...); err != nil {
		return nil, err
	}
	return t.open(&due), nil
}

// nextDue reads the time of what is due next among some rows, and whether it has
// come. Every node asks four times a second, so on Postgres too it is one statement.
func (s *Store) nextDue(ctx context.Context, soonest, among string) (next time.Time, due bool, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		var now time.Time
		err := t.run(ctx, statement{
			act:  "reading what is due next",
			text: "select " + soonest + ", " + cmp.Or(t.clock, "null") + " from " + among,
			row:  func(scan func(...any) error) error { return scan((*millis)(&next), (*millis)(&now)) },
		})
		if t.clock == "" {
			now = t.process.now()
		}
		due = !next.IsZero() && !next.After(now)
		return err
	})
	return next, due, err
}

// nextAfter reads the time of the next one that is not due now: those that are
// belong to this claim or to another process.
func (t *tx) nextAfter(ctx context.Context, soonest, amongAt string, now time.Time) (time.Time, error) {
	var ms int64
	err := t.run(ctx, number(&ms, "select "+soonest+" from "+amongAt+" > $1", now.UnixMilli()))
	if err != nil || ms == 0 {
		return time.Time{}, err
	}
	return time.UnixMilli(ms).UTC(), nil
}
