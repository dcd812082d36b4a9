package delivery

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"time"

	"nod/verify"
)

// posting is how many webhooks may be under way: they all go to one receiver.
const posting = 64

// WakeWebhooks tells that events were just committed. It only saves the wait for
// the next poll. It never blocks.
func (d *Dispatcher) WakeWebhooks() { d.webhooks.hurry() }

// postRoom is how many webhooks may be claimed; 0 when ctx ended. Nothing else
// waits while a receiver that hangs holds all places.
func (d *Dispatcher) postRoom(ctx context.Context) int {
	for {
		if room := posting - d.figures.underWay(&d.figures.Webhooks); room > 0 {
			return room
		}
		select {
		case <-d.webhooks.freed:
		case <-ctx.Done():
			return 0
		}
	}
}

// claimWebhooks takes the webhooks that are due and starts a try for each.
func (d *Dispatcher) claimWebhooks(ctx context.Context, limit int) (claimed, begun int, next time.Time, err error) {
	one, cancel := context.WithTimeout(ctx, dbLimit)
	defer cancel()
	began := time.Now()
	due, next, err := d.config.Webhooks.ClaimWebhooks(one, limit, rand.Text())
	if err != nil {
		return 0, 0, time.Time{}, err
	}
	for _, w := range due {
		d.figures.enter(&d.figures.Webhooks, unlimited) // there is room: the claim was for no more
		d.tries.Go(func() {
			d.figures.leave(&d.figures.Webhooks, d.post(ctx, w, began))
			signal(d.webhooks.freed)
		})
	}
	return len(due), len(due), next, nil
}

// post brings one webhook to the integrator and writes what came of it. One whose
// lease is half over stays, as deliveries do: the end of the lease brings it back.
func (d *Dispatcher) post(ctx context.Context, w Webhook, began time.Time) end {
	if time.Since(began) > WebhookLease/2 {
		return dropped
	}
	o := d.postOnce(ctx, w)
	o.Jitter = mathrand.Float64() //nolint:gosec // spreads retries, guards nothing
	_, err := d.persist(ctx, func(ctx context.Context) error { return d.config.Webhooks.SettleWebhook(ctx, w, o) })
	switch {
	case err != nil && !errors.Is(err, verify.ErrNotFound):
		d.config.Log.Warn("the outcome of a webhook could not be written: the receiver gets it again", "webhook_id", w.ID, "delivered", o.Delivered, "error", err)
		return dropped
	case o.Delivered:
		return done
	}
	return failed
}

// postOnce makes one try. It always has an outcome.
func (d *Dispatcher) postOnce(ctx context.Context, w Webhook) (o WebhookOutcome) {
	o.Detail = "panic" // unless it returns
	defer func() { d.panicked(recover(), "posting", "webhook_id", w.ID) }()
	ctx, cancel := context.WithTimeout(ctx, WebhookLease/2)
	defer cancel()
	return d.config.Poster.Post(ctx, w)
}
