package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"nod/delivery"
	"nod/verify"
)

// Webhooks keeps what the integrator is told; a store of package storage does that
// was opened with a WebhookURL. Each act is noted with by, who did it, as it is done.
type Webhooks interface {
	WebhookReport(ctx context.Context, limit int) (delivery.WebhookReport, error)
	TestWebhook(ctx context.Context, once *verify.Once, id, by string) error
	ReplayWebhooks(ctx context.Context, once *verify.Once, q delivery.WebhookReplay, by string, done *delivery.WebhooksReplayed) error
	EnableWebhooks(ctx context.Context, by string) error
}

const (
	webhooksShown    = 100  // messages in one report
	webhooksReplayed = 1000 // webhooks that one call replays
)

var errNoWebhooks = &verify.Refusal{Code: verify.CodeNotFound, Detail: "Webhooks are off here: set NOD_WEBHOOK_URL and NOD_WEBHOOK_SECRET and start nod again."}

// webhooksAnswer is how webhooks do.
type webhooksAnswer struct{ Body WebhookReport }

// WebhookReport is how webhooks do, without anything of their address but its host.
type WebhookReport struct {
	On         bool             `json:"on" doc:"False: NOD_WEBHOOK_URL is not set, and all else is empty."`
	Host       string           `json:"host,omitempty"`
	DisabledAt string           `json:"disabled_at,omitempty" format:"date-time" doc:"When the endpoint answered 410 Gone. While it is disabled, events are held."`
	Reason     string           `json:"reason,omitempty" doc:"Why it is disabled."`
	Counts     WebhookCounts    `json:"counts"`
	Messages   []WebhookMessage `json:"messages" nullable:"false" doc:"The last 100, the newest first."`
	ServerTime string           `json:"server_time" format:"date-time"`
}

// WebhookCounts says how many there are in each state.
type WebhookCounts struct {
	Waiting   int `json:"waiting" doc:"To be tried, or tried now. In this and the others, 10000 is that many or more."`
	Held      int `json:"held" doc:"Kept while the endpoint is disabled, until they are replayed."`
	Delivered int `json:"delivered" doc:"Of the last 7 days."`
	Failed    int `json:"failed" doc:"Tried for a day in vain; kept for 30 days, as held ones are."`
}

// WebhookMessage is one event on its way to the integrator.
type WebhookMessage struct {
	ID             string `json:"id" doc:"The event's, and the webhook-id."`
	Type           string `json:"type"`
	VerificationID string `json:"verification_id,omitempty"`
	State          string `json:"state" enum:"waiting,held,delivered,failed"`
	Attempts       int    `json:"attempts"`
	Status         int    `json:"status,omitempty" doc:"The last answer's; absent: none came, or nothing was sent yet."`
	Detail         string `json:"detail,omitempty" doc:"What went wrong with the last try, in a word: dns, tls, connect, timeout, reset, redirect."`
	CreatedAt      string `json:"created_at" format:"date-time"`
	NextTryAt      string `json:"next_try_at,omitempty" format:"date-time"`
	SettledAt      string `json:"settled_at,omitempty" format:"date-time"`
}

// webhooks reports.
func (s *Server) webhooks(ctx context.Context, _ *struct{}) (*webhooksAnswer, error) {
	now, err := s.store.Now(ctx)
	if err != nil {
		return nil, err
	}
	out := &webhooksAnswer{WebhookReport{Messages: []WebhookMessage{}, ServerTime: verify.FormatTime(now)}}
	if s.config.Webhooks == nil {
		return out, nil
	}
	r, err := s.config.Webhooks.WebhookReport(ctx, webhooksShown)
	if err != nil {
		return nil, err
	}
	b := &out.Body
	b.On, b.Host, b.DisabledAt, b.Reason = true, s.config.WebhookHost, timeOrNone(r.DisabledAt), r.Reason
	b.Counts = WebhookCounts{
		Waiting: r.Counts[delivery.WebhookWaiting], Held: r.Counts[delivery.WebhookHeld],
		Delivered: r.Counts[delivery.WebhookDelivered], Failed: r.Counts[delivery.WebhookFailed],
	}
	for _, m := range r.Messages {
		b.Messages = append(b.Messages, WebhookMessage{
			ID: m.ID, Type: m.Type, VerificationID: m.VerificationID, State: string(m.State),
			Attempts: m.Attempts, Status: m.Status, Detail: m.Detail,
			CreatedAt: verify.FormatTime(m.CreatedAt), NextTryAt: timeOrNone(m.DueAt), SettledAt: timeOrNone(m.SettledAt),
		})
	}
	return out, nil
}

func timeOrNone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return verify.FormatTime(t)
}

// webhookTestInput is empty: a test has one form.
type webhookTestInput struct {
	Once
	Body *Empty
}

// webhookAnswer names a webhook.
type webhookAnswer struct {
	Body struct {
		ID string `json:"id" doc:"The webhook-id under which it comes."`
	}
}

// testWebhook sends an event webhook.test on the way of all others.
func (s *Server) testWebhook(ctx context.Context, in *webhookTestInput) (*webhookAnswer, error) {
	out := &webhookAnswer{}
	out.Body.ID = verify.NewID("evt")
	return out, s.webhookWrite(ctx, in.Once, in.Body, &out.Body, func() {}, func(w Webhooks, once *verify.Once) error {
		return w.TestWebhook(ctx, once, out.Body.ID, callerFrom(ctx).by())
	})
}

// webhookReplayInput names one webhook.
type webhookReplayInput struct {
	Once
	ID   string `path:"id" maxLength:"64"`
	Body *Empty
}

// replayWebhook sends a webhook once more, whatever became of it.
func (s *Server) replayWebhook(ctx context.Context, in *webhookReplayInput) (*webhookAnswer, error) {
	out := &webhookAnswer{}
	out.Body.ID = in.ID
	return out, s.webhookWrite(ctx, in.Once, in.Body, &out.Body, func() {}, func(w Webhooks, once *verify.Once) error {
		return w.ReplayWebhooks(ctx, once, delivery.WebhookReplay{ID: in.ID}, callerFrom(ctx).by(), &delivery.WebhooksReplayed{})
	})
}

// webhookReplaysInput names webhooks by time and state.
type webhookReplaysInput struct {
	Once
	Body struct {
		Since time.Time `json:"since" doc:"Those made at this time or later, the oldest first, at most 1000 in one call."`
		State string    `json:"state,omitempty" enum:"failed,all" default:"failed" doc:"failed: what was never delivered, held ones too; all: delivered ones too."`
	}
}

// webhookReplaysAnswer says how many there were.
type webhookReplaysAnswer struct {
	Body struct {
		Replayed  int    `json:"replayed"`
		NextSince string `json:"next_since,omitempty" format:"date-time" doc:"There were more: ask again with this as since."`
	}
}

// replayWebhooks sends many once more.
func (s *Server) replayWebhooks(ctx context.Context, in *webhookReplaysInput) (*webhookReplaysAnswer, error) {
	q := delivery.WebhookReplay{Since: in.Body.Since, Of: []delivery.WebhookState{delivery.WebhookFailed, delivery.WebhookHeld}, Limit: webhooksReplayed}
	if in.Body.State == "all" {
		q.Of = append(q.Of, delivery.WebhookDelivered)
	}
	out, done := &webhookReplaysAnswer{}, delivery.WebhooksReplayed{}
	fill := func() { out.Body.Replayed, out.Body.NextSince = done.Count, timeOrNone(done.More) }
	return out, s.webhookWrite(ctx, in.Once, in.Body, &out.Body, fill, func(w Webhooks, once *verify.Once) error {
		return w.ReplayWebhooks(ctx, once, q, callerFrom(ctx).by(), &done)
	})
}

// webhookEnabledAnswer is what enabling comes to.
type webhookEnabledAnswer struct {
	Body struct {
		On bool `json:"on" doc:"True: what happens from now on is sent. What was held is sent when it is replayed."`
	}
}

// enableWebhooks lets the endpoint be asked again. To do it twice does no harm.
func (s *Server) enableWebhooks(ctx context.Context, _ *struct{ Body *Empty }) (*webhookEnabledAnswer, error) {
	if s.config.Webhooks == nil {
		return nil, errNoWebhooks
	}
	out := &webhookEnabledAnswer{}
	out.Body.On = true
	return out, s.config.Webhooks.EnableWebhooks(ctx, callerFrom(ctx).by())
}

// webhookWrite does a call once under its key and gives a repeat the first answer:
// out, once fill has put into it what do found out.
func (s *Server) webhookWrite(ctx context.Context, o Once, body, out any, fill func(), do func(Webhooks, *verify.Once) error) error {
	if s.config.Webhooks == nil {
		return errNoWebhooks
	}
	once := o.claim(ctx, body, func() verify.Answer {
		fill()
		return verify.Answer{Status: http.StatusAccepted, Body: encode(out)}
	})
	err := do(s.config.Webhooks, once)
	if replay, ok := errors.AsType[*verify.Replay](err); ok {
		return json.Unmarshal(replay.Answer.Body, out)
	}
	if err == nil {
		fill()
	}
	return err
}
