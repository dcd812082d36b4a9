package storage

import (
	"context"
	"time"
)

// standBack is how many times as long as one step of a clean-up took the next one waits:
// the one writer of SQLite, and a core and the log of Postgres, are others' for four
// fifths of the time. A step takes milliseconds, see [sweepLimit].
const standBack = 4

// inSteps calls step until it says that nothing is left.
func inSteps(ctx context.Context, step func() (more bool, err error)) error {
	for {
		begun := time.Now()
		if more, err := step(); err != nil || !more {
			return err
		}
		rest := time.NewTimer(standBack * time.Since(begun))
		select {
		case <-rest.C:
		case <-ctx.Done():
			rest.Stop()
			return ctx.Err()
		}
	}
}

// ForgetOld deletes sums and events that are older than retention, some at a time so
// that nobody waits for long. It keeps events of pending verifications, and those that
// the integrator has yet to be told of. Sums go by whole days and hours, with the
// people behind them.
func (s *Store) ForgetOld(ctx context.Context, retention time.Duration) error {
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	defer s.wipe(ctx)
	before := now.Add(-retention)
	day := before.Truncate(24 * time.Hour)
	for _, sums := range []struct {
		first  string
		texts  []string
		before time.Time
	}{
		{"select min(start) from tallies where span = 'hour'", []string{"delete from tallies where span = 'hour' and start = $1"}, day},
		{"select min(start) from tallies where span = 'day'", []string{takeDay, "delete from tallies where span = 'day' and start = $1"}, day},
		{"select min(start) from tallies where span = 'week'", []string{"delete from tallies where span = 'week' and start = $1"}, day.Truncate(week)}, // nothing is left of it
		{"select min(day) from tally_people", []string{"delete from tally_people where day = $1"}, day},
	} {
		if err := s.forgetSums(ctx, sums.first, sums.texts, sums.before); err != nil {
			return err
		}
	}
	return s.forgetEvents(ctx, before)
}

// takeDay takes the sums of a day off those of its week: 1970 began on a Thursday.
const takeDay = "insert into tallies (span, start, family, cell, measure, n)" +
	" select 'week', start - (start + 3 * 86400000) % (7 * 86400000), family, cell, measure, -n from tallies where span = 'day' and start = $1" +
	" on conflict (span, start, family, cell, measure) do update set n = tallies.n + excluded.n"

// forgetSums runs texts on the start of one span after the other, the first first,
// until they have deleted all from before a time.
func (s *Store) forgetSums(ctx context.Context, first string, texts []string, before time.Time) error {
	return inSteps(ctx, func() (more bool, err error) {
		var start time.Time
		err = s.read(ctx, func(ctx context.Context, t *tx) error { return t.run(ctx, oldest(&start, first)) })
		if err != nil || start.IsZero() || !start.Before(before) {
			return false, err
		}
		return true, s.write(ctx, func(ctx context.Context, t *tx) error {
			var c cursor
			// With the cursor held, for who erases a person deletes some of the same rows,
			// and one of several nodes takes a day off its week.
			if err := t.run(ctx, t.holdingCursor(&c)); err != nil {
				return err
			}
			for _, text := range texts {
				t.hold(plain(text, start.UnixMilli()))
			}
			return nil
		})
	})
}

// forgetEvents reads old events in their order and deletes those of them that may go:
// what is kept is met once, and not again before the rest of each step.
func (s *Store) forgetEvents(ctx context.Context, before time.Time) error {
	at, id := time.UnixMilli(0), ""
	return inSteps(ctx, func() (more bool, err error) {
		var ids []string
		err = s.read(ctx, func(ctx context.Context, t *tx) error {
			ids = nil
			return t.run(ctx, statement{
				act:  "reading old events",
				text: "select id, at from events where at >= $1 and at < $2 and (at > $1 or id > $3) order by at, id limit $4",
				args: []any{at.UnixMilli(), before.UnixMilli(), id, sweepLimit},
				row: func(scan func(...any) error) error {
					err := scan(&id, (*millis)(&at))
					ids = append(ids, id)
					return err
				},
			})
		})
		if err != nil || len(ids) == 0 {
			return false, err
		}
		list, err := listOf(ids)
		if err != nil {
			return false, err
		}
		return true, s.write(ctx, func(_ context.Context, t *tx) error {
			t.hold(plain("delete from events where id in (select e.id from events e where e.id "+t.inList+
				" and not exists (select 1 from webhooks w where w.event_id = e.id and w.state in ('waiting', 'held'))"+
				" and not exists (select 1 from verifications v where v.id = e.verification_id and v.status = 'pending')"+t.skipLocked+")", list))
			return nil
		})
	})
}
