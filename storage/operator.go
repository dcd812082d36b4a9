package storage

import (
	"context"
	"time"

	"nod/verify"
)

// Search reads the verifications of a number, newest first and at most limit, as
// [Store.Recent] does: without what belongs to them. They are found by the number's
// keyed hash. Of no number there are none.
func (s *Store) Search(ctx context.Context, n verify.Number, limit int) ([]*verify.Verification, error) {
	hash := ""
	if !n.IsZero() {
		hash = s.keys.HashNumber(n)
	}
	return s.bare(ctx, "where number_hash = $1 and number_hash <> '' order by created_at desc, id desc limit $2", hash, limit)
}

// Recent reads the verifications that were created last, newest first, without
// what belongs to them: no codes, no deliveries, no devices.
func (s *Store) Recent(ctx context.Context, limit int) ([]*verify.Verification, error) {
	return s.bare(ctx, "where created_at > 0 order by created_at desc, id desc limit $1", limit)
}

func (s *Store) bare(ctx context.Context, condition string, args ...any) (all []*verify.Verification, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		all = nil
		var rows []*verificationRow
		if err := t.run(ctx, verifications.reading(&rows, condition, args...)); err != nil {
			return err // and perhaps it is read again
		}
		for _, r := range rows {
			if err := t.unseal(r); err != nil {
				return err
			}
			all = append(all, r.Verification)
		}
		return nil
	})
	return all, err
}

// Queue reads what waits and since when. It costs the same however much there is of
// what does not wait.
func (s *Store) Queue(ctx context.Context) (q verify.Queue, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		q = verify.Queue{}
		var waiting, due int64
		now, err := t.look(ctx,
			oldest(&q.OldestDueAt, "select min(next_at) from verifications where status = 'pending' and next_at is not null"),
			oldest(&q.UncountedAt, uncounted),
			oldest(&q.OldestWebhookAt, "select min(created_at) from webhooks where state = 'waiting'"),
			number(&waiting, "select count(*) from (select 1 from webhooks where state = 'waiting' limit $1) few", verify.QueueMost))
		if err != nil {
			return err
		}
		q.Webhooks = int(waiting)
		if q.OldestDueAt.IsZero() || q.OldestDueAt.After(now) {
			q.OldestDueAt = time.Time{}
			return nil
		}
		err = t.run(ctx, number(&due, "select count(*) from (select 1 from verifications where status = 'pending' and next_at is not null and next_at <= $1 limit $2) few",
			now.UnixMilli(), verify.QueueMost))
		q.Due = int(due)
		return err
	})
	return q, err
}

// oldest reads one time; null, or no row, is the zero time.
func oldest(at *time.Time, text string) statement {
	return statement{act: "reading what waits", text: text, row: func(scan func(...any) error) error { return scan((*millis)(at)) }}
}

// OperatorActs reads what operators did last, newest first and at most limit: events
// [verify.EventOperatorActed].
func (s *Store) OperatorActs(ctx context.Context, limit int) (acts []verify.Event, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		acts, err = t.events(ctx, "where name = 'operator.acted' and at > 0 order by at desc, id desc limit $1", limit)
		return err
	})
	return acts, err
}
