package storage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nod/delivery"
	"nod/storage"
	"nod/verify"
)

const hooks = "https://integrator.example/hooks"

func told(c *storage.Config) { c.WebhookURL = hooks }

var taken = delivery.WebhookOutcome{Delivered: true, Status: 204}

func claim(t testing.TB, s *storage.Store, limit int, lease string) ([]delivery.Webhook, time.Time) {
	t.Helper()
	claimed, next, err := s.ClaimWebhooks(context.Background(), limit, lease)
	if err != nil {
		t.Fatal(err)
	}
	return claimed, next
}

func settle(t testing.TB, s *storage.Store, w delivery.Webhook, o delivery.WebhookOutcome) {
	t.Helper()
	if err := s.SettleWebhook(context.Background(), w, o); err != nil {
		t.Fatal(err)
	}
}

func report(t testing.TB, s *storage.Store) delivery.WebhookReport {
	t.Helper()
	r, err := s.WebhookReport(context.Background(), 100)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// queue makes a webhook and returns its id.
func queue(t testing.TB, s *storage.Store) string {
	t.Helper()
	id := verify.NewID("evt")
	if err := s.TestWebhook(context.Background(), nil, id, "key 0"); err != nil {
		t.Fatal(err)
	}
	return id
}

func replay(s *storage.Store, q delivery.WebhookReplay) (done delivery.WebhooksReplayed, err error) {
	err = s.ReplayWebhooks(context.Background(), nil, q, "key 0", &done)
	return done, err
}

// counts fails unless there are so many waiting, held, delivered and failed.
func counts(t testing.TB, s *storage.Store, want ...int) {
	t.Helper()
	got := report(t, s).Counts
	for i, state := range []delivery.WebhookState{delivery.WebhookWaiting, delivery.WebhookHeld, delivery.WebhookDelivered, delivery.WebhookFailed} {
		if got[state] != want[i] {
			t.Errorf("%d are %s, want %d", got[state], state, want[i])
		}
	}
}

// Every event is told once: of a verification, a device, and of neither.
func TestEveryEventIsAWebhook(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t, told)
		d := enroll(t, s, "u1", "token")
		v := mustAdmit(t, s, request(s, "u1"))
		if err := s.UpdateVerification(ctx, v.ID, nil, func(v *verify.Verification, now time.Time) error {
			_ = v.Cancel(now)
			return errWrong
		}); !errors.Is(err, errWrong) {
			t.Fatal(err)
		}
		test := queue(t, s)
		want, err := s.EventsAfter(ctx, v.ID, 0, 100)
		if err != nil || len(want) < 2 {
			t.Fatal(want, err)
		}
		ofDevice, err := s.UserEvents(ctx, "u1", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		now, err := s.Now(ctx)
		if err != nil {
			t.Fatal(err)
		}
		claimed, next := claim(t, s, 100, "w1")
		if len(claimed) != len(want)+2 {
			t.Fatalf("%d are claimed, want %d", len(claimed), len(want)+2)
		}
		for i, w := range claimed {
			if w.Attempt != 1 || w.Lease != "w1" || w.ID != w.Event.ID || w.ClaimedAt.Before(now) {
				t.Errorf("webhook %d: %+v", i, w)
			}
			switch {
			case w.ID == test:
				if w.Event.Name != verify.EventWebhookTest || w.Event.UserID != "" || w.Event.VerificationID != "" {
					t.Errorf("the test is %+v", w.Event)
				}
			case w.Event.VerificationID == "":
				if w.Event != ofDevice[0] || w.Event.Data.DeviceID != d.ID {
					t.Errorf("of a device: %+v, want %+v", w.Event, ofDevice[0])
				}
			case !slices.Contains(want, w.Event):
				t.Errorf("nobody wrote %+v", w.Event)
			}
		}
		if end := claimed[0].ClaimedAt.Add(delivery.WebhookLease); !next.Equal(end) {
			t.Errorf("the next is due at %v, want the lease's end %v", next, end)
		}
		if again, _ := claim(t, s, 100, "w2"); len(again) != 0 {
			t.Errorf("%d are claimed twice", len(again))
		}
		for _, w := range claimed {
			settle(t, s, w, taken)
		}
		if again, next := claim(t, s, 100, "w2"); len(again) != 0 || !next.IsZero() {
			t.Errorf("after all: %v, next %v", again, next)
		}
		counts(t, s, 0, 0, len(claimed), 0)
	})
}

func TestNoWebhooksUnlessAsked(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		mustAdmit(t, s, request(s, "u1"))
		if rows := texts(t, db.raw, "select * from webhooks"); len(rows) != 0 {
			t.Errorf("%d rows", len(rows))
		}
		queue(t, db.open(t, told)) // of another node, or before
		if claimed, next := claim(t, s, 10, "w"); len(claimed) != 0 || !next.IsZero() {
			t.Errorf("claimed %v, next %v", claimed, next)
		}
	})
}

// Those due first come first, no more than asked for, and the rest at once.
func TestClaimWebhooksInTurn(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t, told)
		ids := []string{queue(t, s), queue(t, s), queue(t, s)}
		for i, id := range ids {
			db.exec(t, "update webhooks set due_at = due_at - $1 where event_id = $2", 1000*(i+1), id)
		}
		claimed, next := claim(t, s, 2, "w")
		if len(claimed) != 2 || claimed[0].ID != ids[2] || claimed[1].ID != ids[1] || next.After(claimed[0].ClaimedAt) {
			t.Errorf("claimed %v, next %v", claimed, next)
		}
		if claimed, _ := claim(t, s, 2, "w"); len(claimed) != 1 || claimed[0].ID != ids[0] {
			t.Errorf("then %v", claimed)
		}
	})
}

func TestWebhooksAreClaimedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		nodes := []*storage.Store{db.open(t, told), db.open(t, told)}
		for range 60 {
			queue(t, nodes[0])
		}
		var mu sync.Mutex
		seen := map[string]int{}
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for {
					claimed, next, err := nodes[i%2].ClaimWebhooks(context.Background(), 7, verify.NewID("w"))
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					for _, w := range claimed {
						seen[w.ID]++
					}
					done := len(seen) == 60
					mu.Unlock()
					if done || (len(claimed) == 0 && (next.IsZero() || next.After(time.Now().Add(time.Second)))) {
						return
					}
				}
			})
		}
		all.Wait()
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s was claimed %d times", id, n)
			}
		}
		if len(seen) != 60 {
			t.Errorf("%d were claimed", len(seen))
		}
	})
}

// A worker that stood still past its lease writes nothing; the webhook is tried by
// another, and that counts.
func TestLostWebhookLease(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t, told)
		queue(t, s)
		first, _ := claim(t, s, 1, "frozen")
		db.exec(t, "update webhooks set due_at = due_at - $1", delivery.WebhookLease.Milliseconds())
		second, _ := claim(t, s, 1, "awake")
		if len(second) != 1 || second[0].Attempt != 2 {
			t.Fatalf("claimed %+v", second)
		}
		settle(t, s, first[0], taken)
		settle(t, s, first[0], delivery.WebhookOutcome{Gone: true, Status: 410})
		counts(t, s, 1, 0, 0, 0)
		if !report(t, s).DisabledAt.IsZero() {
			t.Error("a lost lease has disabled the endpoint")
		}
		settle(t, s, second[0], taken)
		counts(t, s, 0, 0, 1, 0)
	})
}

func TestWebhookIsTriedForADay(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t, told)
		id := queue(t, s)
		w, _ := claim(t, s, 1, "w")
		settle(t, s, w[0], delivery.WebhookOutcome{Status: 503, Jitter: 0.5, RetryAfter: time.Minute})
		m := report(t, s).Messages[0]
		if m.ID != id || m.State != delivery.WebhookWaiting || m.Status != 503 || m.Attempts != 1 || m.Type != verify.EventWebhookTest {
			t.Errorf("after a try: %+v", m)
		}
		if rest := m.DueAt.Sub(w[0].ClaimedAt); rest < time.Minute || rest > 75*time.Second {
			t.Errorf("it rests for %v", rest)
		}
		_, next := claim(t, s, 1, "w")
		if !next.Equal(m.DueAt) {
			t.Errorf("the next is due at %v, want %v", next, m.DueAt)
		}
		day := (24 * time.Hour).Milliseconds()
		db.exec(t, "update webhooks set due_at = due_at - $1, begun_at = begun_at - $1", day)
		w, _ = claim(t, s, 1, "w")
		settle(t, s, w[0], delivery.WebhookOutcome{Detail: "timeout"})
		m = report(t, s).Messages[0]
		if m.State != delivery.WebhookFailed || m.Attempts != 2 || m.Status != 0 || m.Detail != "timeout" || m.SettledAt.IsZero() || !m.DueAt.IsZero() {
			t.Errorf("after a day: %+v", m)
		}
		if done, err := replay(s, delivery.WebhookReplay{ID: id}); err != nil || done.Count != 1 {
			t.Fatal(done, err)
		}
		w, _ = claim(t, s, 1, "w")
		if len(w) != 1 || w[0].ID != id || w[0].Attempt != 1 {
			t.Fatalf("replayed: %+v", w)
		}
		settle(t, s, w[0], delivery.WebhookOutcome{Status: 500})
		counts(t, s, 1, 0, 0, 0) // a new day
	})
}

// A replay takes a webhook from the worker that tries it.
func TestReplayTakesTheLease(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t, told)
		id := queue(t, s)
		w, _ := claim(t, s, 1, "w")
		if _, err := replay(s, delivery.WebhookReplay{ID: id}); err != nil {
			t.Fatal(err)
		}
		settle(t, s, w[0], taken)
		counts(t, s, 1, 0, 0, 0)
		if _, err := replay(s, delivery.WebhookReplay{ID: "evt_none"}); !errors.Is(err, delivery.ErrNoWebhook) {
			t.Errorf("replaying nothing: %v", err)
		}
	})
}

func TestReplayByTime(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t, told)
		now, err := s.Now(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		// Ten, one a minute, the newest first: half of them were delivered.
		var ids []string
		for i := range 10 {
			ids = append(ids, queue(t, s))
			state := "failed"
			if i%2 == 0 {
				state = "delivered"
			}
			db.exec(t, "update webhooks set state = $1, due_at = null, settled_at = created_at, created_at = $2 where event_id = $3",
				state, now.Add(-time.Duration(i)*time.Minute).UnixMilli(), ids[i])
		}
		q := delivery.WebhookReplay{Since: now.Add(-8 * time.Minute), Of: []delivery.WebhookState{delivery.WebhookFailed, delivery.WebhookHeld}, Limit: 3}
		done, err := replay(s, q)
		if want := now.Add(-time.Minute); err != nil || done.Count != 3 || !done.More.Equal(want) {
			t.Errorf("replayed %+v (%v), want 3 and more from %v", done, err, want)
		}
		q.Since = done.More
		if done, err = replay(s, q); err != nil || done.Count != 1 || !done.More.IsZero() {
			t.Errorf("then %+v (%v)", done, err)
		}
		counts(t, s, 4, 0, 5, 1) // the failed one of the ninth minute is too old
		q.Of = append(q.Of, delivery.WebhookDelivered)
		q.Since = now.Add(-3 * time.Minute)
		if done, err = replay(s, q); err != nil || done.Count != 2 || !done.More.IsZero() {
			t.Errorf("delivered ones: %+v (%v)", done, err)
		}
		counts(t, s, 6, 0, 3, 1)
		q.Since = now.Add(time.Hour)
		if done, err = replay(s, q); err != nil || done.Count != 0 {
			t.Errorf("of the future: %+v (%v)", done, err)
		}
	})
}

// An endpoint that is gone is left alone, on every node, until somebody says
// otherwise; what happens meanwhile is kept.
func TestGoneEndpoint(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t, told)
		first := queue(t, s)
		w, _ := claim(t, s, 1, "w")
		settle(t, s, w[0], delivery.WebhookOutcome{Gone: true, Status: 410})
		mustAdmit(t, s, request(s, "u1"))
		other := db.open(t, told)
		if claimed, _ := claim(t, other, 2, "w"); len(claimed) != 0 {
			t.Errorf("%d are sent to an endpoint that is gone", len(claimed))
		}
		for range 5 { // the rest of them
			claim(t, other, 2, "w")
		}
		r := report(t, other)
		if r.DisabledAt.IsZero() || r.Reason == "" || r.Counts[delivery.WebhookWaiting] != 0 || r.Counts[delivery.WebhookHeld] != len(r.Messages) {
			t.Errorf("the report: %+v", r)
		}
		if err := s.TestWebhook(ctx, nil, verify.NewID("evt"), "key 0"); !errors.Is(err, delivery.ErrWebhooksDisabled) {
			t.Errorf("a test: %v", err)
		}
		if _, err := replay(s, delivery.WebhookReplay{ID: first}); !errors.Is(err, delivery.ErrWebhooksDisabled) {
			t.Errorf("a replay: %v", err)
		}
		// Another address is another endpoint.
		moved := db.open(t, func(c *storage.Config) { c.WebhookURL = hooks + "/v2" })
		if r := report(t, moved); !r.DisabledAt.IsZero() {
			t.Error("another endpoint is disabled")
		}
		if err := s.EnableWebhooks(ctx, "key 0"); err != nil {
			t.Fatal(err)
		}
		if r := report(t, other); !r.DisabledAt.IsZero() {
			t.Error("it is still disabled")
		}
		counts(t, s, 0, len(r.Messages), 0, 0)
		done, err := replay(s, delivery.WebhookReplay{Since: time.UnixMilli(0), Of: []delivery.WebhookState{delivery.WebhookHeld}, Limit: 100})
		if err != nil || done.Count != len(r.Messages) {
			t.Errorf("replayed %+v (%v)", done, err)
		}
		if claimed, _ := claim(t, other, 100, "w"); len(claimed) != len(r.Messages) {
			t.Errorf("%d are claimed, want %d", len(claimed), len(r.Messages))
		}
	})
}

// A repeat under one Idempotency-Key queues and replays nothing more.
func TestWebhookOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t, told)
		once := func(key string) *verify.Once {
			return &verify.Once{Scope: "test", Key: key, Answer: func() verify.Answer { return verify.Answer{Status: 202, Body: []byte(`{}`)} }}
		}
		replayed := func(err error) bool {
			_, ok := errors.AsType[*verify.Replay](err)
			return ok
		}
		id := verify.NewID("evt")
		if err := s.TestWebhook(ctx, once("a"), id, "key 0"); err != nil {
			t.Fatal(err)
		}
		if err := s.TestWebhook(ctx, once("a"), verify.NewID("evt"), "key 0"); !replayed(err) {
			t.Errorf("repeated: %v", err)
		}
		counts(t, s, 1, 0, 0, 0)
		var done delivery.WebhooksReplayed
		if err := s.ReplayWebhooks(ctx, once("b"), delivery.WebhookReplay{ID: id}, "key 0", &done); err != nil || done.Count != 1 {
			t.Fatal(done, err)
		}
		w, _ := claim(t, s, 1, "w")
		settle(t, s, w[0], taken)
		if err := s.ReplayWebhooks(ctx, once("b"), delivery.WebhookReplay{ID: id}, "key 0", &done); !replayed(err) {
			t.Errorf("repeated: %v", err)
		}
		counts(t, s, 0, 0, 1, 0)
		// A refusal leaves the key unused.
		if err := s.ReplayWebhooks(ctx, once("c"), delivery.WebhookReplay{ID: "evt_none"}, "key 0", &done); !errors.Is(err, delivery.ErrNoWebhook) {
			t.Error(err)
		}
		if err := s.ReplayWebhooks(ctx, once("c"), delivery.WebhookReplay{ID: id}, "key 0", &done); err != nil {
			t.Error(err)
		}
	})
}

func TestSweepWebhooks(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t, told)
		day := (24 * time.Hour).Milliseconds()
		for _, old := range []struct {
			state string
			days  int64
		}{{"delivered", 6}, {"delivered", 8}, {"failed", 29}, {"failed", 31}, {"held", 29}, {"held", 31}} {
			db.exec(t, "update webhooks set state = $1, due_at = null, settled_at = created_at - $2 where event_id = $3", old.state, old.days*day, queue(t, s))
		}
		db.exec(t, "update webhooks set due_at = due_at - $1 where event_id = $2", 31*day, queue(t, s))
		db.exec(t, "update webhooks set due_at = due_at - $1 where event_id = $2", 29*day, queue(t, s))
		if err := s.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		counts(t, s, 1, 1, 1, 1)
		if events := texts(t, db.raw, "select * from events where name = 'webhook.test'"); len(events) != 8 {
			t.Errorf("%d events are left, want all 8", len(events))
		}
	})
}

// BenchmarkCreateTold is BenchmarkCreate by 8 callers while webhooks are on: what
// their rows cost.
func BenchmarkCreateTold(b *testing.B) {
	each(b, func(b *testing.B, db database) {
		for name, change := range map[string]func(*storage.Config){"off": func(*storage.Config) {}, "on": told} {
			b.Run(name, func(b *testing.B) {
				s := db.open(b, change)
				var turn atomic.Int64
				parallel(b, 8, func() error {
					q := request(s, verify.NewID("usr"))
					q.Number = verify.StoredNumber(fmt.Sprintf("+1415%07d", turn.Add(1))) // creates for one number wait for each other
					_, err := admit(s, q, nil)
					return err
				})
			})
		}
	})
}
