package delivery_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nod/delivery"
	"nod/verify"
)

// telling is a world whose events are told to an integrator.
func telling(w *world) { w.webhooks = "https://integrator.example/nod" }

// integrator is who is told: it takes everything, unless the test says otherwise.
type integrator struct {
	mu     sync.Mutex
	answer func(ctx context.Context, w delivery.Webhook) delivery.WebhookOutcome
	got    []post
}

type post struct {
	delivery.Webhook
	at time.Time
}

func (i *integrator) Post(ctx context.Context, w delivery.Webhook) delivery.WebhookOutcome {
	i.mu.Lock()
	i.got = append(i.got, post{w, time.Now()})
	answer := i.answer
	i.mu.Unlock()
	if answer == nil {
		return delivery.WebhookOutcome{Delivered: true, Status: 204}
	}
	return answer(ctx, w)
}

// hears makes a dispatcher tell it.
func (i *integrator) hears(w *world) func(*delivery.Config) {
	return func(c *delivery.Config) { c.Webhooks, c.Poster = w.store, i }
}

// heard are the events of a name that it was brought.
func (i *integrator) heard(name string) (out []post) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, p := range i.got {
		if p.Event.Name == name {
			out = append(out, p)
		}
	}
	return out
}

// says sets the answer from now on.
func (i *integrator) says(answer func(context.Context, delivery.Webhook) delivery.WebhookOutcome) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = answer
}

func hangs(ctx context.Context, _ delivery.Webhook) delivery.WebhookOutcome {
	<-ctx.Done()
	return delivery.WebhookOutcome{Detail: "timeout"}
}

// report counts the webhooks by state.
func (w *world) report() map[delivery.WebhookState]int {
	w.t.Helper()
	r, err := w.store.WebhookReport(context.Background(), 1)
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Counts
}

func TestWebhooks(t *testing.T) {
	t.Run("every event is told once, at once", func(t *testing.T) {
		bubble(t, func(w *world) {
			i := &integrator{}
			d, _ := w.run(i.hears(w))
			w.at(100 * time.Millisecond)
			w.begin(over(verify.SMS))
			w.at(0)
			if created := i.heard(verify.EventCreated); len(created) != 1 || !created[0].at.Equal(w.begun) || created[0].Attempt != 1 || created[0].Event.VerificationID != w.id {
				t.Errorf("of the create was heard %+v", created)
			}
			if n := len(i.heard("delivery.accepted")); n != 1 {
				t.Errorf("of the SMS was heard %d times", n)
			}
			w.at(20 * s)
			got := w.report()
			if n := got[delivery.WebhookDelivered]; n != len(i.got) || n != w.all() || got[delivery.WebhookWaiting] != 0 {
				t.Errorf("%d were told, of %d events: %v", len(i.got), w.all(), got)
			}
			if st := d.Stats().Webhooks; st != (delivery.Tally{Done: uint64(len(i.got))}) {
				t.Errorf("%+v", st)
			}
		}, telling)
	})
	t.Run("what another committed is found by the poll", func(t *testing.T) {
		bubble(t, func(w *world) {
			i := &integrator{}
			w.run(i.hears(w))
			w.deaf.Store(true)
			w.at(100 * time.Millisecond)
			w.begin(over(verify.SMS))
			w.at(s)
			if created := i.heard(verify.EventCreated); len(created) != 1 || created[0].at.Sub(w.begun) > 250*time.Millisecond {
				t.Errorf("%+v", created)
			}
		}, telling)
	})
	t.Run("a receiver that fails, or whose client panics, gets it again", func(t *testing.T) {
		for name, answer := range map[string]func(context.Context, delivery.Webhook) delivery.WebhookOutcome{
			"fails": func(context.Context, delivery.Webhook) delivery.WebhookOutcome {
				return delivery.WebhookOutcome{Status: 500}
			},
			"panics": func(context.Context, delivery.Webhook) delivery.WebhookOutcome { panic(number) },
			"hangs":  hangs,
		} {
			t.Run(name, func(t *testing.T) {
				bubble(t, func(w *world) {
					i := &integrator{answer: answer}
					w.run(i.hears(w))
					w.begin(over(verify.SMS))
					w.at(2 * s)
					i.says(nil)
					w.at(60 * s)
					created := i.heard(verify.EventCreated)
					if len(created) != 2 || created[1].Attempt != 2 || created[1].ID != created[0].ID {
						t.Fatalf("%d times: %+v", len(created), created)
					}
					if waited := created[1].at.Sub(w.begun); waited < 4*s || waited > delivery.WebhookLease/2+6*s {
						t.Errorf("the second came after %s", waited)
					}
					if strings.Contains(w.log.String(), number) {
						t.Error("what was sent is logged")
					}
				}, telling)
			})
		}
	})
	t.Run("a receiver that hangs delays no login, and what is told is bounded", func(t *testing.T) {
		bubble(t, func(w *world) {
			i := &integrator{answer: hangs}
			d, _ := w.run(i.hears(w))
			for n := range 100 {
				q := w.request()
				q.UserID, q.Channel = verify.NewID("usr"), verify.SMS
				q.Number = verify.StoredNumber(number[:10] + string(rune('0'+n/10)) + string(rune('0'+n%10)))
				w.create(q)
			}
			w.at(s)
			if n := d.Stats().Webhooks.UnderWay; n != 64 {
				t.Errorf("%d are under way", n)
			}
			w.begin(over(verify.SMS))
			w.at(0)
			w.state(verify.SMS, verify.StateAccepted)
			if sends := w.script.list(verify.SMS); !sends[len(sends)-1].at.Equal(w.begun) {
				t.Error("the SMS left late")
			}
			i.says(nil)
			w.at(15 * s) // those that hang have been given up
			if n := len(i.heard("delivery.accepted")); n != 101 {
				t.Errorf("then %d of 101 were told", n)
			}
		}, telling)
	})
	t.Run("a provider that hangs delays no webhook", func(t *testing.T) {
		bubble(t, func(w *world) {
			i := &integrator{}
			w.script.does(verify.SMS, slow(time.Hour))
			w.run(i.hears(w), func(c *delivery.Config) { c.Workers = 1 })
			for range 3 {
				q := w.request()
				q.UserID, q.Channel = verify.NewID("usr"), verify.SMS
				w.create(q)
			}
			w.at(s)
			w.begin(over(verify.SMS))
			w.at(0)
			if n := len(i.heard(verify.EventCreated)); n != 4 {
				t.Errorf("%d of 4 were told", n)
			}
		}, telling)
	})
	t.Run("what is being told is finished when it stops, nothing new is taken", func(t *testing.T) {
		bubble(t, func(w *world) {
			i := &integrator{answer: func(ctx context.Context, h delivery.Webhook) delivery.WebhookOutcome {
				select {
				case <-time.After(4 * s):
					return delivery.WebhookOutcome{Delivered: true, Status: 200}
				case <-ctx.Done():
					return delivery.WebhookOutcome{}
				}
			}}
			_, stop := w.run(i.hears(w))
			w.begin(over(verify.SMS))
			w.at(s)
			before := len(i.got)
			var group sync.WaitGroup
			group.Go(func() {
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			w.must(func(v *verify.Verification, now time.Time) error { return v.Cancel(now) })
			group.Wait()
			if took := time.Since(w.begun); took != 4*s {
				t.Errorf("it stopped after %s", took)
			}
			if got := w.report(); len(i.got) != before || got[delivery.WebhookDelivered] != before || got[delivery.WebhookWaiting] != 1 {
				t.Errorf("%d, then %d: %v", before, len(i.got), got)
			}
		}, telling)
	})
	t.Run("a worker that stood still half a lease leaves it to whoever comes next", func(t *testing.T) {
		bubble(t, func(w *world) {
			i := &integrator{}
			w.run(i.hears(w), func(c *delivery.Config) { c.Webhooks = &sleepy{Webhooks: w.store, wakes: 16 * s} })
			w.begin(over(verify.SMS))
			w.at(29 * s)
			created := i.heard(verify.EventCreated)
			w.at(60 * s)
			if again := i.heard(verify.EventCreated); len(created) != 0 || len(again) != 1 || again[0].Attempt != 2 {
				t.Errorf("%+v, then %+v", created, again)
			}
		}, telling)
	})
	t.Run("a store that is away for a while: the outcome is written later", func(t *testing.T) {
		bubble(t, func(w *world) {
			i, f := &integrator{}, &forgetful{Webhooks: w.store, until: time.Now().Add(5 * s)}
			w.run(i.hears(w), func(c *delivery.Config) { c.Webhooks = f })
			w.begin(over(verify.SMS))
			w.at(20 * s)
			if n := len(i.heard(verify.EventCreated)); n != 1 || w.report()[delivery.WebhookDelivered] != w.all() {
				t.Errorf("told %d times, %v", n, w.report())
			}
		}, telling)
	})
	t.Run("410: nothing more is told", func(t *testing.T) {
		bubble(t, func(w *world) {
			i := &integrator{answer: func(context.Context, delivery.Webhook) delivery.WebhookOutcome {
				return delivery.WebhookOutcome{Gone: true, Status: 410}
			}}
			w.run(i.hears(w))
			w.begin(over(verify.SMS))
			w.at(s)
			before, first := len(i.got), w.all()
			w.begin(over(verify.SMS), func(q *verify.Request) { q.UserID = "u2" })
			w.at(60 * s)
			if len(i.got) != before || w.report()[delivery.WebhookHeld] != first+w.all() {
				t.Errorf("%d, then %d were told: %v", before, len(i.got), w.report())
			}
		}, telling)
	})
}

// all is how many events the verification has.
func (w *world) all() int {
	w.t.Helper()
	events, err := w.store.EventsAfter(context.Background(), w.id, 0, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	return len(events)
}

// sleepy is the store of a worker that stands still once after its first claim.
type sleepy struct {
	delivery.Webhooks
	wakes time.Duration
}

func (f *sleepy) ClaimWebhooks(ctx context.Context, limit int, lease string) ([]delivery.Webhook, time.Time, error) {
	claimed, next, err := f.Webhooks.ClaimWebhooks(ctx, limit, lease)
	if len(claimed) > 0 {
		<-time.After(f.wakes)
		f.wakes = 0
	}
	return claimed, next, err
}

// forgetful is a store that takes no outcome until some time.
type forgetful struct {
	delivery.Webhooks
	until time.Time
}

func (f *forgetful) SettleWebhook(ctx context.Context, w delivery.Webhook, o delivery.WebhookOutcome) error {
	if time.Now().Before(f.until) {
		return errDown
	}
	return f.Webhooks.SettleWebhook(ctx, w, o)
}

// Without a poster nothing is claimed, and nothing is lost.
func TestWebhooksThatNobodyBrings(t *testing.T) {
	bubble(t, func(w *world) {
		w.run(func(c *delivery.Config) { c.Webhooks = w.store })
		w.begin(over(verify.SMS))
		w.at(s)
		if got := w.report(); got[delivery.WebhookWaiting] != w.all() {
			t.Errorf("%v", got)
		}
		i := &integrator{}
		w.run(i.hears(w))
		w.at(2 * s)
		if names := i.names(); !slices.Contains(names, verify.EventCreated) {
			t.Errorf("told were %v", names)
		}
	}, telling)
}

func (i *integrator) names() (out []string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, p := range i.got {
		out = append(out, p.Event.Name)
	}
	return out
}
