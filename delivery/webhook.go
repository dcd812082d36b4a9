package delivery

import (
	"context"
	"time"

	"nod/verify"
)

// Webhook is one event on its way to the integrator: a row like a delivery, with
// a lease like one.
type Webhook struct {
	ID      string // the event's, and the webhook-id: a receiver knows a repeat by it
	Event   verify.Event
	Attempt int    // this one; the first is 1
	Lease   string // the worker's token
	// ClaimedAt is when this try was claimed, by the store's clock: a receiver
	// compares the time of a try with its own, and a node's may be minutes off.
	ClaimedAt time.Time
}

// WebhookOutcome is what became of one try.
type WebhookOutcome struct {
	Delivered  bool
	Gone       bool          // the receiver answered 410: it wants no more
	Status     int           // its HTTP status; 0: none came
	Detail     string        // what went wrong, in few words and without what was sent
	RetryAfter time.Duration // as the receiver asked; 0: the backoff
	Jitter     float64       // 0 to 1, drawn by the [Dispatcher]
}

// Poster brings one event to the integrator. It makes one try and returns soon after
// ctx ends, which is long before the lease does. It is called from many goroutines at
// once; a panic counts as a failure.
type Poster interface {
	Post(ctx context.Context, w Webhook) WebhookOutcome
}

// Webhooks is where the events that are to be told wait.
type Webhooks interface {
	// ClaimWebhooks leases what is due, at most limit, under a worker's token and for
	// [WebhookLease], and says when the next is due by the store's clock (zero: none).
	// Every node asks four times a second.
	ClaimWebhooks(ctx context.Context, limit int, lease string) (claimed []Webhook, next time.Time, err error)
	// SettleWebhook writes what became of a try, and when the next one is due. A
	// lost lease writes nothing.
	SettleWebhook(ctx context.Context, w Webhook, o WebhookOutcome) error
}
