package delivery

import (
	"time"

	"nod/verify"
)

// WebhookState is where a webhook stands.
//
//	waiting ─▶ delivered          2xx
//	   │ ▲───▶ failed             a day of tries has passed
//	   └─────▶ held               the endpoint is disabled
//
// A replay makes any of them wait again, with a new day.
type WebhookState string

// The states.
const (
	WebhookWaiting   WebhookState = "waiting"
	WebhookHeld      WebhookState = "held" // kept, but not sent while the endpoint is disabled
	WebhookDelivered WebhookState = "delivered"
	WebhookFailed    WebhookState = "failed"
)

// WebhookLease is how long a worker has for one try, its outcome written.
const WebhookLease = 30 * time.Second

// webhookDay is how long a webhook is tried, and webhookRests how long it rests
// after each try: those that Standard Webhooks suggests, as far as a day goes.
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#deliverability-and-reliability
const webhookDay = 24 * time.Hour

var webhookRests = [...]time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour}

// After says what a try makes of a webhook that waits since begunAt, and when a
// waiting one is due again. The rests are 20 % shorter or longer by the outcome's
// jitter and never shorter than the receiver asked; the last try is at the end of
// the day, however long it asked to be left alone.
func (w Webhook) After(o WebhookOutcome, begunAt, now time.Time) (WebhookState, time.Time) {
	end := begunAt.Add(webhookDay)
	switch {
	case o.Delivered:
		return WebhookDelivered, time.Time{}
	case o.Gone:
		return WebhookHeld, time.Time{}
	case !now.Before(end):
		return WebhookFailed, time.Time{}
	}
	rest := float64(webhookRests[min(max(w.Attempt, 1), len(webhookRests))-1]) * (0.8 + 0.4*o.Jitter)
	rest = max(rest, float64(o.RetryAfter)*(1+0.2*o.Jitter)) // those who were asked at once do not come back at once
	due := now.Add(time.Duration(min(rest, float64(webhookDay))))
	if due.After(end) {
		due = end
	}
	return WebhookWaiting, due
}

// WebhookMessage is a webhook as an operator sees it.
type WebhookMessage struct {
	ID             string
	Type           string // the event's name
	VerificationID string // empty: the event is of none
	State          WebhookState
	Attempts       int    // since it was made, or replayed
	Status         int    // of the last try; 0: no answer came, or none was made
	Detail         string // as in [WebhookOutcome]
	CreatedAt      time.Time
	DueAt          time.Time // of a waiting one: the next try, or the end of the one under way
	SettledAt      time.Time // when it came to its state; zero: it waits
}

// WebhookReport is how webhooks do.
type WebhookReport struct {
	DisabledAt time.Time // the endpoint answered 410; zero: it is on
	Reason     string    // why it is disabled
	// Counts holds how many there are in each state, and [WebhookCountMost] for
	// that many or more.
	Counts   map[WebhookState]int
	Messages []WebhookMessage // the newest first
}

// WebhookCountMost is as far as a report counts.
const WebhookCountMost = 10_000

// WebhookReplay names the webhooks that are to be sent once more, with attempts
// that begin anew.
type WebhookReplay struct {
	ID    string         // this one alone; empty: by time and state
	Since time.Time      // made at this time or later
	Of    []WebhookState // in these states
	Limit int            // at most so many, the oldest first
}

// WebhooksReplayed is what a replay did.
type WebhooksReplayed struct {
	Count int
	// More is where to go on, as Since; zero: there were no more.
	More time.Time
}

// Refusals of what is asked about webhooks.
var (
	ErrWebhooksDisabled = &verify.Refusal{
		Code:   verify.CodeConflict,
		Detail: "The endpoint answered 410 Gone, so it is disabled and nothing is sent to it. Mend the receiver, enable the endpoint, and ask again.",
	}
	ErrNoWebhook = &verify.Refusal{
		Code:   verify.CodeNotFound,
		Detail: "There is no such webhook. Delivered ones are kept for 7 days, others for 30; the list shows what there is.",
	}
)
