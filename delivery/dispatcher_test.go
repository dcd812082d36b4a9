package delivery_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"nod/delivery"
	"nod/storage"
	"nod/verify"
)

// dies takes the due deliveries as a worker that then dies: before it marked
// them as leaving, or after.
func (w *world) dies(token string, afterMark bool) {
	w.t.Helper()
	var ids []string
	_, _, err := w.store.ClaimDue(context.Background(), 10, func(v *verify.Verification, now time.Time) error {
		v.Advance(&w.policy, now)
		ids = v.Lease(&w.policy, token, now)
		return nil
	})
	if err != nil || len(ids) == 0 {
		w.t.Fatalf("nothing was leased: %v", err)
	}
	if afterMark {
		w.must(func(v *verify.Verification, now time.Time) error {
			for _, id := range ids {
				if !v.Send(id, token, &w.policy, now) {
					w.t.Error("the worker may not send")
				}
			}
			return nil
		})
	}
}

func TestADeadWorker(t *testing.T) {
	t.Run("before an SMS left: sent when the lease ends", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.begin(over(verify.SMS))
			w.dies("dead", false)
			w.run()
			w.at(60 * s)
			w.left(verify.SMS, 30*s)
		})
	})
	t.Run("after an SMS may have left: unknown when the lease ends, never sent", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.begin(over(verify.SMS))
			w.dies("dead", true)
			w.run()
			w.at(30*s - time.Millisecond)
			w.state(verify.SMS, verify.StateSending)
			w.at(60 * s)
			w.state(verify.SMS, verify.StateUnknown)
			w.left(verify.SMS)
		})
	})
	t.Run("after a prompt may have left: sent again when its short lease ends", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.policy.HasPush = false
			w.enroll(false, true)
			w.begin(over(verify.Push)) // nobody hears that it was born sending
			w.run()
			w.at(60 * s)
			w.left(verify.WebSocket, 2*s)
		})
	})
}

// A worker that was frozen longer than its lease, at any moment, does no harm
// when it wakes.
func TestAFrozenWorker(t *testing.T) {
	t.Run("before it marked an SMS as leaving", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.policy.LeaseLife = 2 * s // and the frozen one's patience with the store is longer
			ice := &frozen{Store: w.store, thaw: make(chan struct{})}
			w.run(func(c *delivery.Config) { c.Store = ice })
			w.begin(over(verify.SMS))
			w.at(s)
			w.run()
			w.at(3 * s)
			w.left(verify.SMS, 2*s)
			close(ice.thaw)
			w.at(10 * s)
			w.left(verify.SMS, 2*s)
			w.state(verify.SMS, verify.StateAccepted)
		})
	})
	t.Run("until another was sending what it had leased", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.policy.LeaseLife = 4 * s
			w.script.does(verify.SMS, slow(s))
			ice := &frozen{Store: w.store, thaw: make(chan struct{})}
			w.run(func(c *delivery.Config) { c.Store = ice })
			w.begin(over(verify.SMS))
			w.at(s)
			w.run()
			w.at(4*s + 500*time.Millisecond)
			w.left(verify.SMS, 4*s)
			close(ice.thaw)
			w.at(20 * s)
			w.left(verify.SMS, 4*s)
			w.state(verify.SMS, verify.StateAccepted)
		})
	})
	t.Run("after it marked an SMS as leaving: it may be another's, and does not leave", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.policy.LeaseLife = 4 * s
			w.run(func(c *delivery.Config) { c.Store = &dazed{Store: w.store, pause: 5 * s} })
			w.begin(over(verify.SMS))
			w.at(s)
			w.run()
			w.at(20 * s)
			w.left(verify.SMS)
			w.state(verify.SMS, verify.StateUnknown)
		})
	})
	t.Run("not quite as long as its lease: it leaves later, once", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.policy.LeaseLife = 8 * s
			w.run(func(c *delivery.Config) { c.Store = &dazed{Store: w.store, pause: 5 * s} })
			w.begin(over(verify.SMS))
			w.at(5 * s)
			w.left(verify.SMS)
			w.at(20 * s)
			if n := len(w.script.list(verify.SMS)); n != 1 {
				t.Errorf("%d SMS left", n)
			}
			w.state(verify.SMS, verify.StateAccepted)
		})
	})
	t.Run("longer than the code is good for", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.policy.CodeLife = 2 * s
			w.run(func(c *delivery.Config) { c.Store = &dazed{Store: w.store, pause: 3 * s} })
			w.begin(over(verify.SMS))
			w.at(20 * s)
			w.left(verify.SMS)
			w.state(verify.SMS, verify.StateFailed)
		})
	})
	t.Run("while somebody canceled", func(t *testing.T) {
		bubble(t, func(w *world) {
			ice := &frozen{Store: w.store, thaw: make(chan struct{})}
			w.run(func(c *delivery.Config) { c.Store = ice })
			w.begin(over(verify.SMS))
			w.at(s)
			w.must(func(v *verify.Verification, now time.Time) error { return v.Cancel(now) })
			close(ice.thaw)
			w.at(10 * s)
			w.left(verify.SMS)
		})
	})
	t.Run("while it sent an SMS", func(t *testing.T) {
		bubble(t, func(w *world) {
			thaw := make(chan struct{})
			w.script.does(verify.SMS, func(context.Context, delivery.Message) verify.Outcome { <-thaw; return accepted })
			w.run()
			w.begin(over(verify.SMS))
			w.at(31 * s)
			w.state(verify.SMS, verify.StateUnknown)
			close(thaw)
			w.at(40 * s)
			w.state(verify.SMS, verify.StateUnknown)
			w.left(verify.SMS, 0)
		})
	})
}

// frozen is the store of a worker that takes one thing and then stands still.
type frozen struct {
	delivery.Store
	took bool
	thaw chan struct{}
}

func (f *frozen) ClaimDue(ctx context.Context, limit int, rule func(*verify.Verification, time.Time) error) ([]string, time.Time, error) {
	if f.took {
		<-f.thaw
	}
	ids, next, err := f.Store.ClaimDue(ctx, limit, rule)
	f.took = f.took || len(ids) > 0
	return ids, next, err
}

func (f *frozen) UpdateVerification(ctx context.Context, id string, once *verify.Once, rule func(*verify.Verification, time.Time) error) error {
	<-f.thaw
	return f.Store.UpdateVerification(ctx, id, once, rule)
}

// dazed is the store of a worker that stands still once, after its first mark
// was committed.
type dazed struct {
	delivery.Store
	pause time.Duration
	once  sync.Once
}

func (d *dazed) UpdateVerification(ctx context.Context, id string, once *verify.Once, rule func(*verify.Verification, time.Time) error) error {
	err := d.Store.UpdateVerification(ctx, id, once, rule)
	d.once.Do(func() { <-time.After(d.pause) })
	return err
}

func TestWaking(t *testing.T) {
	t.Run("what this process committed is sent at once", func(t *testing.T) {
		bubble(t, func(w *world) {
			d, _ := w.run()
			w.at(100 * time.Millisecond)
			w.begin(over(verify.SMS))
			w.at(0)
			w.left(verify.SMS, 0)
			if got := d.Stats(); got.Claimed != 1 || got.Latest != 0 || got.Sent[delivery.Sent{Channel: verify.SMS, State: verify.StateAccepted}] != 1 {
				t.Errorf("%+v", got)
			}
		})
	})
	t.Run("what another committed is found by the poll", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.run()
			w.deaf.Store(true)
			w.at(100 * time.Millisecond)
			w.begin(over(verify.SMS))
			w.at(s)
			w.left(verify.SMS, 150*time.Millisecond)
		})
	})
}

// A person's devices are asked at once: one that hangs holds up no other.
func TestDevicesAreAskedTogether(t *testing.T) {
	bubble(t, func(w *world) {
		w.policy.SocketLease = w.policy.LeaseLife // or its try is over sooner
		w.enroll(true, true)
		stuck := w.device
		w.enroll(true, true)
		w.script.does(verify.WebSocket, func(ctx context.Context, m delivery.Message) verify.Outcome {
			if m.DeviceID == stuck {
				return slow(20*s)(ctx, m)
			}
			return nobodyThere
		})
		w.run()
		w.begin(over(verify.Both))
		w.at(6 * s)
		w.left(verify.WebSocket, 0, 0)
		w.left(verify.SMS, 0)
		w.left(verify.Push, 0, 5*s)
		if first := w.script.list(verify.Push)[0]; first.DeviceID == stuck {
			t.Error("the wrong device was pushed at once")
		}
	})
}

// A provider that hangs costs its own deliveries time, nobody else's.
func TestAFullChannelHoldsUpNoOther(t *testing.T) {
	bubble(t, func(w *world) {
		w.script.does(verify.SMS, slow(20*s))
		d, _ := w.run(func(c *delivery.Config) { c.Workers, c.Timeout = 2, 10*s })
		for i := range 6 {
			q := w.request()
			q.UserID, q.Channel = string(rune('a'+i)), verify.SMS
			w.create(q)
		}
		w.at(3 * s)
		if got := d.Stats(); got.Sending[verify.SMS] != 2 || got.PutOff == 0 {
			t.Fatalf("%+v", got)
		}
		w.enroll(true, true)
		w.begin()
		w.at(5*s + 200*time.Millisecond)
		for c, at := range map[verify.Channel]time.Duration{verify.WebSocket: 0, verify.Push: 5 * s} {
			sends := w.script.list(c)
			if len(sends) != 1 || sends[0].at.Sub(w.begun)-at > 100*time.Millisecond {
				t.Errorf("%d left over %s, the first late", len(sends), c)
			}
		}
		w.at(60 * s)
		if got := len(w.script.list(verify.SMS)); got < 6 {
			t.Errorf("%d of 6 SMS left", got)
		}
	})
}

// broken is a store that can be taken down.
type broken struct {
	delivery.Store
	down atomic.Bool
	asks atomic.Int64
}

var errDown = errors.New("the database is down")

func (b *broken) ClaimDue(ctx context.Context, limit int, rule func(*verify.Verification, time.Time) error) ([]string, time.Time, error) {
	b.asks.Add(1)
	if b.down.Load() {
		return nil, time.Time{}, errDown
	}
	return b.Store.ClaimDue(ctx, limit, rule)
}

func (b *broken) UpdateVerification(ctx context.Context, id string, once *verify.Once, rule func(*verify.Verification, time.Time) error) error {
	if b.down.Load() {
		return errDown
	}
	return b.Store.UpdateVerification(ctx, id, once, rule)
}

func (b *broken) UpdateDevice(ctx context.Context, id string, rule func(*verify.Device, time.Time) ([]verify.Event, error)) (*verify.Device, error) {
	if b.down.Load() {
		return nil, errDown
	}
	return b.Store.UpdateDevice(ctx, id, rule)
}

func TestAStoreThatIsDown(t *testing.T) {
	t.Run("is asked ever more seldom, said once, and found again", func(t *testing.T) {
		bubble(t, func(w *world) {
			b := &broken{Store: w.store}
			d, _ := w.run(func(c *delivery.Config) { c.Store = b })
			w.at(s)
			b.down.Store(true)
			b.asks.Store(0)
			w.at(61 * s)
			if n := b.asks.Load(); n < 50 || n > 70 {
				t.Errorf("asked %d times in a minute", n)
			}
			if n := strings.Count(w.log.String(), "cannot be reached"); n != 1 || !d.Stats().Failing {
				t.Errorf("said %d times: %s", n, w.log.String())
			}
			b.down.Store(false)
			w.at(64 * s)
			w.begin(over(verify.SMS))
			w.at(0)
			w.left(verify.SMS, 0)
			if !strings.Contains(w.log.String(), "again") || d.Stats().Failing {
				t.Errorf("not said: %s", w.log.String())
			}
		})
	})
	t.Run("while an SMS is being sent: its outcome is written later", func(t *testing.T) {
		bubble(t, func(w *world) {
			b := &broken{Store: w.store}
			w.script.does(verify.SMS, func(context.Context, delivery.Message) verify.Outcome { b.down.Store(true); return accepted })
			w.run(func(c *delivery.Config) { c.Store = b })
			w.begin(over(verify.SMS))
			w.at(20 * s)
			w.state(verify.SMS, verify.StateSending)
			b.down.Store(false)
			w.at(22 * s)
			w.state(verify.SMS, verify.StateAccepted)
			w.left(verify.SMS, 0)
		})
	})
}

// A try ends by its own limit, by half a lease or with what it tells, whichever
// comes first.
func TestATryEndsInTime(t *testing.T) {
	for name, tc := range map[string]struct {
		timeout, lease, life, want time.Duration
	}{
		"its own limit":     {2 * s, 30 * s, 120 * s, 2 * s},
		"half a lease":      {60 * s, 8 * s, 120 * s, 4 * s},
		"the prompt's life": {60 * s, 200 * s, 3 * s, 3 * s},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				w.policy.LeaseLife, w.policy.PromptLife = tc.lease, tc.life
				w.enroll(true, true)
				w.script.says(verify.WebSocket, nobodyThere)
				ended := make(chan time.Time, 10)
				w.script.does(verify.Push, func(ctx context.Context, _ delivery.Message) verify.Outcome {
					<-ctx.Done()
					ended <- time.Now()
					return noAnswer
				})
				w.run(func(c *delivery.Config) { c.Timeout = tc.timeout })
				w.begin(over(verify.Push))
				if got := (<-ended).Sub(w.begun); got != tc.want {
					t.Errorf("it ended after %s, want %s", got, tc.want)
				}
			})
		})
	}
}

// Should a row stay due whatever the rules do, the store is not asked without end.
func TestARowThatStaysDue(t *testing.T) {
	bubble(t, func(w *world) {
		b := &broken{Store: stuck{w.store}}
		w.run(func(c *delivery.Config) { c.Store = b })
		w.begin(over(verify.SMS))
		w.at(s)
		if n := b.asks.Load(); n > 110 {
			t.Errorf("asked %d times in a second", n)
		}
	})
}

// stuck is a store on whose rows rules have no effect.
type stuck struct{ delivery.Store }

func (f stuck) ClaimDue(ctx context.Context, limit int, rule func(*verify.Verification, time.Time) error) ([]string, time.Time, error) {
	return f.Store.ClaimDue(ctx, limit, func(v *verify.Verification, now time.Time) error { return rule(v, v.CreatedAt.Add(-time.Minute)) })
}

// A row that breaks a rule must not stop the others.
func TestARuleThatPanics(t *testing.T) {
	bubble(t, func(w *world) {
		w.run(func(c *delivery.Config) { c.Store = poisoned{w.store} })
		q := w.request()
		q.UserID, q.Channel = "poison", verify.SMS
		w.create(q)
		w.begin(over(verify.SMS))
		w.at(s)
		w.left(verify.SMS, 0)
	})
}

// poisoned is a store with one row that no rule expects.
type poisoned struct{ delivery.Store }

func (p poisoned) ClaimDue(ctx context.Context, limit int, rule func(*verify.Verification, time.Time) error) ([]string, time.Time, error) {
	return p.Store.ClaimDue(ctx, limit, func(v *verify.Verification, now time.Time) error {
		if v.UserID == "poison" {
			return rule(nil, now)
		}
		return rule(v, now)
	})
}

// A prompt whose claim was undone does not leave: its row says that it never did.
func TestAClaimThatIsUndone(t *testing.T) {
	bubble(t, func(w *world) {
		w.enroll(false, true)
		w.policy.Worker = "" // or nothing is to be claimed
		u := &undone{Store: w.store}
		w.run(func(c *delivery.Config) { c.Store = u })
		w.begin()
		w.at(s)
		if u.times != 1 {
			t.Fatalf("%d claims were undone", u.times)
		}
		w.state(verify.WebSocket, verify.StateQueued)
		w.left(verify.WebSocket)
	})
}

// undone is a store that takes nothing of what its rules did.
type undone struct {
	delivery.Store
	times int
}

func (u *undone) ClaimDue(ctx context.Context, limit int, rule func(*verify.Verification, time.Time) error) ([]string, time.Time, error) {
	return u.Store.ClaimDue(ctx, limit, func(v *verify.Verification, now time.Time) error {
		u.times++
		return errors.Join(rule(v, now), errDown)
	})
}

func TestStopping(t *testing.T) {
	t.Run("what is being sent is finished, nothing new is taken", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.script.does(verify.SMS, slow(4*s))
			_, stop := w.run()
			w.begin(over(verify.SMS))
			w.at(s)
			var group sync.WaitGroup
			group.Go(func() {
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			q := w.request()
			q.UserID, q.Channel = "late", verify.SMS
			w.create(q)
			group.Wait()
			if took := time.Since(w.begun); took != 4*s {
				t.Errorf("it took until %s, want 4 s", took)
			}
			w.state(verify.SMS, verify.StateAccepted)
			w.left(verify.SMS, 0)
		})
	})
	t.Run("what takes too long is given up", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.script.does(verify.SMS, slow(time.Hour))
			_, stop := w.run(func(c *delivery.Config) { c.Drain = 2 * s })
			w.begin(over(verify.SMS))
			w.at(s)
			if err := stop(); err != nil {
				t.Error(err)
			}
			if took := time.Since(w.begun); took != 3*s {
				t.Errorf("it took until %s, want 3 s", took)
			}
			w.state(verify.SMS, verify.StateUnknown)
		})
	})
	t.Run("a channel that does not return is told of", func(t *testing.T) {
		bubble(t, func(w *world) {
			thaw := make(chan struct{})
			w.script.does(verify.SMS, func(context.Context, delivery.Message) verify.Outcome { <-thaw; return accepted })
			ctx, cancel := context.WithCancel(context.Background())
			d := delivery.New(delivery.Config{
				Store: w.store, Authority: w.auth, Policy: &w.policy, Channels: map[verify.Channel]delivery.Channel{verify.SMS: w.script},
			})
			done := make(chan error, 1)
			go func() { done <- d.Run(ctx) }()
			w.begin(over(verify.SMS))
			w.at(s)
			cancel()
			if err := <-done; err == nil {
				t.Error("nothing was said")
			}
			close(thaw)
			synctest.Wait()
		})
	})
}

// The store the dispatcher is made for.
var _ delivery.Store = (*storage.Store)(nil)
