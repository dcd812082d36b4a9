package storage

import (
	"context"
	"slices"
	"strings"
	"time"

	"nod/verify"
)

// AddBlock keeps an operator's block on a number, a prefix or a country, and tells the
// events of it. One of the same kind and key stays as it is: then nothing was added, and
// nothing is told. An empty ID, and times that are zero, are filled in. It returns the
// block that is kept; [verify.ErrNotFound] when another call lifted it meanwhile.
func (s *Store) AddBlock(ctx context.Context, b verify.Block, es []verify.Event) (kept verify.Block, added bool, err error) {
	if b.ID == "" {
		b.ID = verify.NewID("blk")
	}
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		added = false
		now, err := t.look(ctx)
		if err != nil {
			return err
		}
		row := &blockRow{Block: b, name: nameOf(b)}
		if row.At.IsZero() {
			row.At = now
		}
		args, err := blocks.args(row)
		if err != nil {
			return err
		}
		var rows []*blockRow
		err = t.run(ctx, statement{act: "blocking", text: blocks.inserts[0] + " on conflict (key) do nothing", args: args, wrote: func(n int64) error {
			added = n > 0
			return nil
		}}, blocks.reading(&rows, "where key = $1", row.name))
		if err != nil {
			return err
		}
		if len(rows) == 0 { // it was there, and was lifted at this moment
			return verify.ErrNotFound
		}
		if kept = rows[0].block(); !added {
			return nil
		}
		return t.tellOfNobody(es, now)
	})
	return kept, added, err
}

// RemoveBlock lifts the block of a kind and key, of a prefix also what closed it by
// itself, and tells the events of it. Where there is neither, nothing is told.
func (s *Store) RemoveBlock(ctx context.Context, kind, key string, es []verify.Event) (there bool, err error) {
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		there = false
		now, err := t.look(ctx, statement{act: "lifting a block", text: "delete from blocks where key = $1", args: []any{nameOf(verify.Block{Kind: kind, Key: key})}, wrote: func(n int64) error {
			there = n > 0
			return nil
		}})
		if err != nil {
			return err
		}
		if kind == verify.BlockPrefix {
			prefix := verify.MeterKey{Subject: verify.BlockPrefix, Hash: key}
			if now, err = t.readMeters(ctx, verify.NeedAll, &subject{keys: []verify.MeterKey{prefix}, named: verify.NeedAll}); err != nil {
				return err
			}
			if m := t.meters.at(prefix); m.Until > now.UnixMilli() {
				there = true
				m.Until, m.Level, m.Unproved = 0, 0, nil
			}
			if err := t.meters.settle(true); err != nil {
				return err
			}
		}
		if !there {
			return nil
		}
		return t.tellOfNobody(es, now)
	})
	return there, err
}

// tellOfNobody tells events that are of no verification and no user; a time that is zero
// is filled in.
func (t *tx) tellOfNobody(es []verify.Event, now time.Time) error {
	if len(es) == 0 {
		return nil
	}
	es = slices.Clone(es) // they may be told again
	for i := range es {
		if es[i].At.IsZero() {
			es[i].At = now
		}
	}
	t.changes = append(t.changes, verify.Change{Events: es})
	return t.tell(es)
}

// Blocks reads the newest blocks, those of users among them, and at most limit.
func (s *Store) Blocks(ctx context.Context, limit int) (all []verify.Block, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		var (
			rows []*blockRow
			held []*verify.Hold
		)
		err := t.run(ctx, blocks.reading(&rows, "where at > 0 order by at desc, id desc limit $1", limit),
			holds.reading(&held, "where blocked_at is not null order by blocked_at desc, user_id desc limit $1", limit))
		all = nil
		for _, r := range rows {
			all = append(all, r.block())
		}
		for _, h := range held {
			all = append(all, verify.Block{Kind: verify.BlockUser, Key: h.UserID, Label: h.UserID, At: h.BlockedAt})
		}
		slices.SortStableFunc(all, func(a, b verify.Block) int { return b.At.Compare(a.At) })
		all = all[:min(limit, len(all))]
		return err
	})
	return all, err
}

// nameOf is under what a block is found: no two kinds share a key.
func nameOf(b verify.Block) string { return b.Kind + " " + b.Key }

// block is the row as it was made.
func (r *blockRow) block() verify.Block {
	b := r.Block
	b.Key = strings.TrimPrefix(r.name, r.Kind+" ")
	return b
}
