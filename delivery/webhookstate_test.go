package delivery_test

import (
	"testing"
	"time"

	"nod/delivery"
)

// The tries of a webhook whose receiver never takes it: those that Standard
// Webhooks suggests, and the last at the end of the day.
func TestWebhookSchedule(t *testing.T) {
	begun := time.UnixMilli(1_800_000_000_000)
	want := []time.Duration{
		0, 5 * time.Second, 5*time.Minute + 5*time.Second, 35*time.Minute + 5*time.Second, 155*time.Minute + 5*time.Second,
		455*time.Minute + 5*time.Second, 1055*time.Minute + 5*time.Second, 24 * time.Hour,
	}
	now := begun
	for i, at := range want {
		if got := now.Sub(begun); got != at {
			t.Errorf("try %d is after %v, want %v", i+1, got, at)
		}
		state, due := delivery.Webhook{Attempt: i + 1}.After(delivery.WebhookOutcome{Status: 500, Jitter: 0.5}, begun, now)
		if last := i == len(want)-1; last != (state == delivery.WebhookFailed) || last != due.IsZero() {
			t.Errorf("after try %d it is %s until %v", i+1, state, due)
		}
		now = due
	}
}

func TestWebhookAfterATry(t *testing.T) {
	begun := time.UnixMilli(1_800_000_000_000)
	for name, c := range map[string]struct {
		attempt int
		o       delivery.WebhookOutcome
		late    time.Duration
		state   delivery.WebhookState
		rest    time.Duration
	}{
		"taken":                      {1, delivery.WebhookOutcome{Delivered: true, Status: 204}, 0, delivery.WebhookDelivered, 0},
		"taken after its day":        {8, delivery.WebhookOutcome{Delivered: true, Status: 204}, 25 * time.Hour, delivery.WebhookDelivered, 0},
		"gone":                       {1, delivery.WebhookOutcome{Gone: true, Status: 410}, 0, delivery.WebhookHeld, 0},
		"least jitter":               {2, delivery.WebhookOutcome{}, 0, delivery.WebhookWaiting, 4 * time.Minute},
		"most jitter":                {2, delivery.WebhookOutcome{Jitter: 1}, 0, delivery.WebhookWaiting, 6 * time.Minute},
		"asked for longer":           {1, delivery.WebhookOutcome{RetryAfter: time.Hour}, 0, delivery.WebhookWaiting, time.Hour},
		"asked for longer, spread":   {1, delivery.WebhookOutcome{RetryAfter: time.Hour, Jitter: 1}, 0, delivery.WebhookWaiting, 72 * time.Minute},
		"asked for less":             {3, delivery.WebhookOutcome{RetryAfter: time.Second, Jitter: 0.5}, 0, delivery.WebhookWaiting, 30 * time.Minute},
		"asked for more than a day":  {1, delivery.WebhookOutcome{RetryAfter: 290 * 365 * 24 * time.Hour, Jitter: 1}, time.Hour, delivery.WebhookWaiting, 23 * time.Hour},
		"the rest is cut at the end": {7, delivery.WebhookOutcome{}, 23 * time.Hour, delivery.WebhookWaiting, time.Hour},
		"the day is over":            {3, delivery.WebhookOutcome{}, 24 * time.Hour, delivery.WebhookFailed, 0},
	} {
		now := begun.Add(c.late)
		state, due := delivery.Webhook{Attempt: c.attempt}.After(c.o, begun, now)
		want := time.Time{}
		if c.rest > 0 {
			want = now.Add(c.rest)
		}
		if state != c.state || !due.Equal(want) {
			t.Errorf("%s: %s until %v, want %s until %v", name, state, due, c.state, want)
		}
	}
}
