package storage

import (
	"context"
	"math"
	"time"

	"nod/verify"
)

// EventsAfter reads events of one verification after seq, in order, at most limit.
func (s *Store) EventsAfter(ctx context.Context, verificationID string, seq int64, limit int) ([]verify.Event, error) {
	return s.shared.events.ask(ctx, span{verificationID, seq, limit})
}

// span is some events of one verification.
type span struct {
	id    string
	after int64
	limit int
}

func (s *Store) readEvents(ctx context.Context, asked []*question[span, []verify.Event]) error {
	ids, after := make([]string, len(asked)), int64(math.MaxInt64)
	for i, q := range asked {
		ids[i], after = q.about.id, min(after, q.about.after)
	}
	list, err := listOf(ids)
	if err != nil {
		return err
	}
	return s.read(ctx, func(ctx context.Context, t *tx) error {
		all, err := t.eventsOf(ctx, list, after)
		if err != nil {
			return err
		}
		byID := map[string][]verify.Event{}
		for _, e := range all {
			byID[e.VerificationID] = append(byID[e.VerificationID], e)
		}
		for _, q := range asked {
			for _, e := range byID[q.about.id] {
				if e.Seq > q.about.after && len(q.answer) < q.about.limit {
					q.answer = append(q.answer, e)
				}
			}
		}
		return nil
	})
}

// UserEvents reads all events of a user since a time, oldest first.
func (s *Store) UserEvents(ctx context.Context, userID string, since time.Time) (es []verify.Event, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		es, err = t.events(ctx, "where user_id = $1 and at >= $2 order by at, seq, id", userID, since.UnixMilli())
		return err
	})
	return es, err
}

// UsersEvents reads all events of several users since a time, by verification
// (those of devices first) and in order.
func (s *Store) UsersEvents(ctx context.Context, users []string, since time.Time) (es []verify.Event, err error) {
	list, err := listOf(users)
	if err != nil {
		return nil, err
	}
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		es, err = t.events(ctx, "where user_id "+t.inList+" and at >= $2 order by coalesce(verification_id, ''), seq, at, id", list, since.UnixMilli())
		return err
	})
	return es, err
}

// eventsOf reads the events of a list of verifications after seq, in order.
func (t *tx) eventsOf(ctx context.Context, list string, after int64) ([]verify.Event, error) {
	return t.events(ctx, "where verification_id "+t.inList+" and seq > $2 order by verification_id, seq", list, after)
}

func (t *tx) events(ctx context.Context, condition string, args ...any) ([]verify.Event, error) {
	var rows []*verify.Event
	err := t.run(ctx, events.reading(&rows, condition, args...))
	var es []verify.Event
	for _, e := range rows {
		es = append(es, *e)
	}
	return es, err
}

// Changed reads which verifications and users got events from a time until
// before another (zero: open end), in no order. An event is seen once its
// transaction has committed, but bears an earlier time, by up to 2 s: who asks
// again and again must look back further than that.
func (s *Store) Changed(ctx context.Context, from, to time.Time) (changed []verify.Changed, err error) {
	end := int64(math.MaxInt64)
	if !to.IsZero() {
		end = to.UnixMilli()
	}
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		changed = nil
		return t.run(ctx, statement{
			act:  "reading what changed",
			text: "select verification_id, user_id, max(seq) from events where at >= $1 and at < $2 group by verification_id, user_id",
			args: []any{from.UnixMilli(), end},
			row: func(scan func(...any) error) error {
				var c verify.Changed
				err := scan((*optional)(&c.VerificationID), &c.UserID, &c.Seq)
				changed = append(changed, c)
				return err
			},
		})
	})
	return changed, err
}
