package storage

import (
	"context"
	"time"

	"nod/verify"
)

// reserve takes an Idempotency-Key for the transaction that is to answer it. It
// is the first thing a transaction does: a second one with the same key waits
// here until the first has ended, on either database. It returns a
// [*verify.Replay] when the key has an answer, or [verify.ErrIdempotencyConflict].
func (t *tx) reserve(ctx context.Context, once *verify.Once) error {
	if once == nil {
		return nil
	}
	now, err := t.look(ctx)
	if err != nil {
		return err
	}
	r := t.answerRow(once, now)
	args, err := idempotency.args(r)
	if err != nil {
		return err
	}
	ours := false
	var rows []*answerRow
	if err := t.run(ctx,
		// What is older than the window does not count, whether swept or not.
		plain("delete from idempotency where id = $1 and created_at <= $2", r.id, now.Add(-verify.IdempotencyWindow).UnixMilli()),
		statement{act: "reserving the key", text: idempotency.inserts[0] + " on conflict (id) do nothing", args: args, wrote: func(n int64) error {
			ours = n > 0
			return nil
		}},
		idempotency.reading(&rows, "where id = $1", r.id),
	); err != nil || ours {
		return err
	}
	if len(rows) == 0 || rows[0].bodyHash != r.bodyHash {
		return verify.ErrIdempotencyConflict
	}
	answer := rows[0].Answer
	body, err := t.keys.Open(rows[0].body, "idempotency."+r.id)
	if err != nil {
		return err
	}
	answer.Body = []byte(body)
	return &verify.Replay{Answer: answer}
}

// Record keeps the answer of once, for a call that writes nothing else. It
// returns a [*verify.Replay] or [verify.ErrIdempotencyConflict] as the writes do.
func (s *Store) Record(ctx context.Context, once *verify.Once) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		if err := t.reserve(ctx, once); err != nil {
			return err
		}
		return t.record(once)
	})
}

// record writes the answer of a reserved key. It is the last thing a
// transaction does.
func (t *tx) record(once *verify.Once) error {
	if once == nil {
		return nil
	}
	return t.recordAnswer(once, once.Answer())
}

func (t *tx) recordAnswer(once *verify.Once, answer verify.Answer) error {
	r := t.answerRow(once, time.Time{})
	r.Answer = answer
	var err error
	if r.body, err = t.keys.Seal(string(answer.Body), "idempotency."+r.id); err != nil {
		return err
	}
	values, err := idempotency.values(r)
	if err != nil {
		return err
	}
	t.hold(idempotency.update(values, idempotency.keyed, r.id))
	return nil
}

// answerRow names the row of a key. The id goes into the hash of the body, so that
// the table does not show which callers sent the same.
func (t *tx) answerRow(once *verify.Once, now time.Time) *answerRow {
	id := t.keys.Hash("idempotency", once.Scope+"\x00"+once.Key)
	return &answerRow{id: id, bodyHash: t.keys.Hash("idempotency body", id+string(once.BodyHash[:])), createdAt: now}
}
