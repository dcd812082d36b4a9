package storage

import (
	"cmp"
	"context"
	"slices"
	"time"

	"nod/delivery"
	"nod/verify"
)

// How long webhooks are kept after they were delivered, and after they were not.
const (
	deliveredRest   = 7 * 24 * time.Hour
	undeliveredRest = 30 * 24 * time.Hour
)

// toTell makes the rows of events that are to be told, due at once. Whether the
// endpoint is disabled shows when they are claimed: a create reads nothing for it.
func toTell(es []verify.Event) []*webhookRow {
	rows := make([]*webhookRow, len(es))
	for i, e := range es {
		rows[i] = &webhookRow{id: e.ID, state: delivery.WebhookWaiting, dueAt: e.At, begunAt: e.At, createdAt: e.At}
	}
	return rows
}

// disabled is whether and why an endpoint is.
type disabled struct {
	at     time.Time // zero: it is not
	reason string
}

func (s *Store) readingEndpoint(d *disabled) statement {
	return statement{act: "reading the endpoint", text: "select disabled_at, reason from webhook_endpoints where id = $1", args: []any{s.endpoint}, row: func(scan func(...any) error) error {
		return scan((*millis)(&d.at), &d.reason)
	}}
}

// ClaimWebhooks leases webhooks that are due, those due first first and at most
// limit, for [delivery.WebhookLease] under a worker's token; what another process
// holds is passed by. Each counts a try. next is when to come again: the time of the
// next one due, zero when there is none. While the endpoint is disabled what is due
// is put aside as held, and nothing is claimed. Without webhooks there is nothing.
func (s *Store) ClaimWebhooks(ctx context.Context, limit int, lease string) (claimed []delivery.Webhook, next time.Time, err error) {
	if s.endpoint == "" {
		return nil, time.Time{}, nil
	}
	if next, due, err := s.nextDue(ctx, "min(due_at)", "webhooks where state = 'waiting' and due_at is not null"); err != nil || !due {
		return nil, next, err // most calls end here, without a write
	}
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		claimed = nil
		var off disabled
		now, err := t.look(ctx, s.readingEndpoint(&off))
		if err != nil {
			return err
		}
		var due []*webhookRow
		err = t.run(ctx, webhooks.reading(&due, "where state = 'waiting' and due_at <= $1 order by due_at limit $2"+t.skipLocked, now.UnixMilli(), limit))
		if err != nil {
			return err
		}
		if len(due) > 0 {
			if claimed, err = t.leaseWebhooks(ctx, due, lease, !off.at.IsZero(), now); err != nil {
				return err
			}
		}
		if len(due) == limit { // perhaps more are due
			next = now
			return nil
		}
		next, err = t.nextAfter(ctx, "min(due_at)", "webhooks where state = 'waiting' and due_at", now)
		return err
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	return claimed, next, nil
}

// leaseWebhooks takes locked rows and reads what they tell, or holds them.
func (t *tx) leaseWebhooks(ctx context.Context, due []*webhookRow, lease string, hold bool, now time.Time) ([]delivery.Webhook, error) {
	ids := make([]string, len(due))
	for i, r := range due {
		ids[i] = r.id
	}
	list, err := listOf(ids)
	if err != nil {
		return nil, err
	}
	if hold {
		t.hold(plain("update webhooks set state = 'held', due_at = null, lease_token = '', settled_at = $2 where event_id "+t.inList, list, now.UnixMilli()))
		return nil, nil
	}
	t.hold(plain("update webhooks set attempts = attempts + 1, lease_token = $2, due_at = $3 where event_id "+t.inList,
		list, lease, now.Add(delivery.WebhookLease).UnixMilli()))
	told, err := t.events(ctx, "where id "+t.inList, list)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]verify.Event, len(told))
	for _, e := range told {
		byID[e.ID] = e
	}
	claimed := make([]delivery.Webhook, len(due))
	for i, r := range due {
		claimed[i] = delivery.Webhook{ID: r.id, Event: byID[r.id], Attempt: r.attempts + 1, Lease: lease, ClaimedAt: now}
	}
	return claimed, nil
}

// SettleWebhook writes what became of a try and, as [delivery.Webhook.After] says,
// when the next one is due. A lost lease writes nothing. An endpoint that answered
// 410 is disabled with it.
func (s *Store) SettleWebhook(ctx context.Context, w delivery.Webhook, o delivery.WebhookOutcome) error {
	off := false
	err := s.write(ctx, func(ctx context.Context, t *tx) error {
		off = false
		var rows []*webhookRow
		now, err := t.look(ctx, webhooks.reading(&rows, "where event_id = $1 and lease_token = $2"+t.forUpdate, w.ID, w.Lease))
		if err != nil || len(rows) == 0 {
			return err
		}
		r := rows[0]
		r.lease, r.status, r.detail = "", o.Status, o.Detail
		if r.state, r.dueAt = w.After(o, r.begunAt, now); r.state != delivery.WebhookWaiting {
			r.settledAt = now
		}
		values, err := webhooks.values(r)
		if err != nil {
			return err
		}
		t.hold(webhooks.update(values, webhooks.keyed, r.id))
		if o.Gone {
			t.hold(statement{
				act:  "disabling the endpoint",
				text: "insert into webhook_endpoints (id, disabled_at, reason) values ($1, $2, $3) on conflict (id) do nothing",
				args: []any{s.endpoint, now.UnixMilli(), "It answered 410 Gone."},
				wrote: func(n int64) error {
					off = n > 0
					return nil
				},
			})
		}
		return nil
	})
	if err == nil && off {
		s.log.WarnContext(ctx, "the webhook endpoint answered 410 Gone and is disabled: events are held until an operator enables it or NOD_WEBHOOK_URL is changed")
	}
	return err
}

// TestWebhook queues an event webhook.test under this id, for the operator that by
// names. It returns [delivery.ErrWebhooksDisabled] when it would not be sent; once is
// as in [Store.CreateVerification].
func (s *Store) TestWebhook(ctx context.Context, once *verify.Once, id, by string) error {
	act := verify.EventData{Action: verify.ActTestWebhook, By: by}
	return s.whileEnabled(ctx, once, act, func(_ context.Context, t *tx, now time.Time) error {
		return t.tell([]verify.Event{{ID: id, Name: verify.EventWebhookTest, At: now}})
	})
}

// ReplayWebhooks makes webhooks wait again, due at once and with a day of tries
// before them, for the operator that by names. What it did is in done before the
// answer of once is asked for. It returns [delivery.ErrNoWebhook] when the one that
// was named is not there, and [delivery.ErrWebhooksDisabled]; once is as in
// [Store.CreateVerification].
func (s *Store) ReplayWebhooks(ctx context.Context, once *verify.Once, q delivery.WebhookReplay, by string, done *delivery.WebhooksReplayed) error {
	act := verify.EventData{Action: verify.ActReplayWebhooks, By: by}
	if q.ID != "" {
		act.Action = verify.ActReplayWebhook
	}
	return s.whileEnabled(ctx, once, act, func(ctx context.Context, t *tx, now time.Time) error {
		ids := []string{q.ID}
		*done = delivery.WebhooksReplayed{}
		if q.ID == "" {
			var err error
			if ids, done.More, err = t.webhooksSince(ctx, q); err != nil || len(ids) == 0 {
				return err
			}
		}
		list, err := listOf(ids)
		if err != nil {
			return err
		}
		return t.run(ctx, statement{
			act: "replaying webhooks",
			text: "update webhooks set state = 'waiting', due_at = $2, begun_at = $2, attempts = 0, lease_token = '', status = 0, detail = '', settled_at = null where event_id " +
				t.inList,
			args: []any{list, now.UnixMilli()},
			wrote: func(n int64) error {
				if done.Count = int(n); n == 0 && q.ID != "" {
					return delivery.ErrNoWebhook
				}
				return nil
			},
		})
	})
}

// whileEnabled runs do in a transaction that notes the operator's act, unless the
// endpoint is disabled.
func (s *Store) whileEnabled(ctx context.Context, once *verify.Once, act verify.EventData, do func(ctx context.Context, t *tx, now time.Time) error) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		if err := t.reserve(ctx, once); err != nil {
			return err
		}
		var off disabled
		now, err := t.look(ctx, s.readingEndpoint(&off))
		if err != nil {
			return err
		}
		if !off.at.IsZero() {
			return delivery.ErrWebhooksDisabled
		}
		if err := do(ctx, t, now); err != nil {
			return err
		}
		if err := t.note(act, now); err != nil {
			return err
		}
		return t.record(once)
	})
}

// note writes what an operator did to webhooks. It is told to consoles and is no
// webhook itself: a test would bring two of them, and a replay leave more to replay.
func (t *tx) note(act verify.EventData, now time.Time) error {
	e := verify.Event{ID: verify.NewID("evt"), Name: verify.EventOperatorActed, At: now, Data: act}
	t.changes = append(t.changes, verify.Change{Events: []verify.Event{e}})
	written, err := events.insert(&e)
	t.hold(written...)
	return err
}

// webhooksSince finds what a replay by time and state names, and the time of the
// first one that its limit leaves out.
func (t *tx) webhooksSince(ctx context.Context, q delivery.WebhookReplay) (ids []string, more time.Time, err error) {
	type one struct {
		id string
		at time.Time
	}
	var found []one
	var all []statement
	for _, state := range q.Of { // one state at a time is what the index is for
		all = append(all, statement{
			act:  "reading webhooks",
			text: "select event_id, created_at from webhooks where state = $1 and created_at >= $2 order by created_at limit $3",
			args: []any{string(state), q.Since.UnixMilli(), q.Limit + 1},
			row: func(scan func(...any) error) error {
				var o one
				err := scan(&o.id, (*millis)(&o.at))
				found = append(found, o)
				return err
			},
		})
	}
	if err := t.run(ctx, all...); err != nil {
		return nil, more, err
	}
	slices.SortStableFunc(found, func(a, b one) int { return a.at.Compare(b.at) })
	if len(found) > q.Limit {
		found, more = found[:q.Limit], found[q.Limit].at
	}
	for _, o := range found {
		ids = append(ids, o.id)
	}
	return ids, more, nil
}

// EnableWebhooks lets webhooks be sent to the endpoint again, for the operator that
// by names. What was held meanwhile stays so until it is replayed.
func (s *Store) EnableWebhooks(ctx context.Context, by string) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		now, err := t.look(ctx)
		if err != nil {
			return err
		}
		t.hold(plain("delete from webhook_endpoints where id = $1", s.endpoint))
		return t.note(verify.EventData{Action: verify.ActEnableWebhooks, By: by}, now)
	})
}

// WebhookReport reads how webhooks do, with the last ones, at most limit.
func (s *Store) WebhookReport(ctx context.Context, limit int) (r delivery.WebhookReport, err error) {
	states := []delivery.WebhookState{delivery.WebhookWaiting, delivery.WebhookHeld, delivery.WebhookDelivered, delivery.WebhookFailed}
	counts := make([]int64, len(states))
	var off disabled
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		r = delivery.WebhookReport{Counts: map[delivery.WebhookState]int{}}
		all := []statement{s.readingEndpoint(&off)}
		for i, state := range states {
			all = append(all, number(&counts[i], "select count(*) from (select 1 from webhooks where state = $1 limit $2) few", string(state), delivery.WebhookCountMost),
				newestWebhooks(&r.Messages, state, limit))
		}
		return t.run(ctx, all...)
	})
	if err != nil {
		return delivery.WebhookReport{}, err
	}
	r.DisabledAt, r.Reason = off.at, off.reason
	for i, state := range states {
		r.Counts[state] = int(counts[i])
	}
	slices.SortFunc(r.Messages, func(a, b delivery.WebhookMessage) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	r.Messages = r.Messages[:min(limit, len(r.Messages))]
	return r, nil
}

// newestWebhooks reads the last ones in a state.
func newestWebhooks(out *[]delivery.WebhookMessage, state delivery.WebhookState, limit int) statement {
	return statement{
		act: "reading webhooks",
		text: "select w.event_id, e.name, e.verification_id, w.state, w.attempts, w.status, w.detail, w.created_at, w.due_at, w.settled_at" +
			" from webhooks w join events e on e.id = w.event_id where w.state = $1 order by w.created_at desc limit $2",
		args: []any{string(state), limit},
		row: func(scan func(...any) error) error {
			var m delivery.WebhookMessage
			err := scan(&m.ID, &m.Type, (*optional)(&m.VerificationID), &m.State, &m.Attempts, &m.Status, &m.Detail,
				(*millis)(&m.CreatedAt), (*millis)(&m.DueAt), (*millis)(&m.SettledAt))
			*out = append(*out, m)
			return err
		},
	}
}
