package delivery_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nod/delivery"
	"nod/verify"
)

var unregistered = verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget, Provider: "fcm", Detail: "UNREGISTERED"}

// phone reads the device that was enrolled last.
func (w *world) phone() *verify.Device {
	w.t.Helper()
	d, _, err := w.store.Device(context.Background(), w.device)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// rotate is the app giving a new push token.
func (w *world) rotate(token string) {
	if _, err := w.store.UpdateDevice(context.Background(), w.device, func(d *verify.Device, _ time.Time) ([]verify.Event, error) {
		d.Push = &verify.PushTarget{Provider: "fcm", Token: token}
		return nil, nil
	}); err != nil {
		w.t.Error(err)
	}
}

// told counts the events of a name that the user has had.
func (w *world) told(name string) (n int) {
	w.t.Helper()
	events, err := w.store.UserEvents(context.Background(), "u1", time.Time{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range events {
		if e.Name == name {
			n++
		}
	}
	return n
}

func TestADeadToken(t *testing.T) {
	t.Run("is dropped once, and the SMS leaves at once", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.enroll(true, false)
			w.script.says(verify.WebSocket, nobodyThere)
			w.script.says(verify.Push, unregistered)
			w.run()
			w.begin()
			w.at(0)
			w.left(verify.Push, 0)
			w.left(verify.SMS, 0)
			if w.phone().Push != nil {
				t.Error("it is still there")
			}
			w.begin() // the next login does not try it
			w.at(s)
			if pushes, drops := len(w.script.list(verify.Push)), w.told(verify.EventDeviceTokenInvalid); pushes != 1 || drops != 1 {
				t.Errorf("%d pushes, %d events", pushes, drops)
			}
		})
	})
	t.Run("stays when the app gave another meanwhile", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.enroll(true, true)
			w.script.says(verify.WebSocket, nobodyThere)
			w.script.does(verify.Push, func(context.Context, delivery.Message) verify.Outcome { w.rotate("sim-new"); return unregistered })
			w.run()
			w.begin()
			w.at(s)
			if d := w.phone(); d.Push == nil || d.Push.Token != "sim-new" || w.told(verify.EventDeviceTokenInvalid) != 0 {
				t.Errorf("%+v", d.Push)
			}
		})
	})
	t.Run("is none when the provider refuses for another reason", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.enroll(true, true)
			w.script.says(verify.WebSocket, nobodyThere)
			w.script.says(verify.Push, verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Detail: "INVALID_ARGUMENT"})
			w.run()
			w.begin()
			w.at(s)
			if w.phone().Push == nil {
				t.Error("it was dropped")
			}
		})
	})
	t.Run("is dropped when the store is back", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.enroll(true, false)
			w.script.says(verify.WebSocket, nobodyThere)
			b := &broken{Store: w.store}
			w.script.says(verify.Push, unregistered)
			w.notice = func(c verify.Change) { // its end is written, and then nothing can be
				if last(c.Verification, verify.Push).State == verify.StateFailed && w.phone().Push != nil {
					b.down.Store(true)
				}
			}
			w.run(func(c *delivery.Config) { c.Store = b })
			w.begin()
			w.at(5 * s)
			if w.phone().Push == nil {
				t.Fatal("the store was not down")
			}
			w.notice = nil
			b.down.Store(false)
			w.at(7 * s)
			if w.phone().Push != nil {
				t.Error("it is still there")
			}
		})
	})
}

// provider is the script with what a provider may do besides: it can be asked, and
// take back a push.
type provider struct {
	*script
	answer func(ctx context.Context, id string) (verify.Receipt, error) // nil: it knows nothing
	hang   func(ctx context.Context)                                    // of a withdrawal; nil: it is quick

	mu        sync.Mutex
	asked     []time.Time
	withdrawn []send
}

func (p *provider) Ask(ctx context.Context, _, id string) (verify.Receipt, error) {
	p.mu.Lock()
	p.asked = append(p.asked, time.Now())
	p.mu.Unlock()
	if p.answer == nil {
		return verify.Receipt{}, nil
	}
	return p.answer(ctx, id)
}

func (p *provider) Withdraw(ctx context.Context, m delivery.Message) error {
	p.mu.Lock()
	p.withdrawn = append(p.withdrawn, send{m, time.Now()})
	p.mu.Unlock()
	if p.hang != nil {
		p.hang(ctx)
	}
	return ctx.Err()
}

// in puts the provider in the place of every channel.
func (p *provider) in(c *delivery.Config) {
	for ch := range c.Channels {
		c.Channels[ch] = p
	}
}

// times are when it was asked, from begin on.
func (p *provider) times(w *world) (at []time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.asked {
		at = append(at, t.Sub(w.begun))
	}
	return at
}

// takenBack are the pushes that were withdrawn, sorted.
func (p *provider) takenBack() (ids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.withdrawn {
		ids = append(ids, m.DeliveryID)
	}
	slices.Sort(ids)
	return ids
}

// receipts is an acceptance after which the provider can be asked.
var receipts = verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: "twilio", ProviderID: "SM1", Receipts: true}

func TestAsking(t *testing.T) {
	for name, tc := range map[string]struct {
		outcome verify.Outcome
		answer  func(context.Context, string) (verify.Receipt, error)
		acts    map[time.Duration]func(w *world)
		asked   []time.Duration
		told    uint64 // questions that brought an answer
		state   verify.DeliveryState
	}{
		"a provider that knows nothing: at 60 s and 5 min": {
			outcome: receipts, asked: []time.Duration{60 * s, 300 * s}, state: verify.StateAccepted,
		},
		"one that cannot be reached: the same": {
			outcome: receipts, asked: []time.Duration{60 * s, 300 * s}, state: verify.StateAccepted,
			answer: func(context.Context, string) (verify.Receipt, error) { return verify.Receipt{}, errors.New("away") },
		},
		"one whose client panics: the same": {
			outcome: receipts, asked: []time.Duration{60 * s, 300 * s}, state: verify.StateAccepted,
			answer: func(context.Context, string) (verify.Receipt, error) { panic("SM1") },
		},
		"one that says the message did not arrive: once, and nothing is started": {
			outcome: receipts, asked: []time.Duration{60 * s}, told: 1, state: verify.StateUndelivered,
			answer: func(_ context.Context, id string) (verify.Receipt, error) {
				return verify.Receipt{ProviderID: id, State: verify.StateUndelivered, Class: verify.ClassPermanentTarget, Detail: "30005"}, nil
			},
		},
		"a receipt that came by itself: never": {
			outcome: receipts, state: verify.StateDelivered,
			acts: map[time.Duration]func(*world){10 * s: func(w *world) {
				w.must(func(v *verify.Verification, now time.Time) error {
					v.Receive(verify.Receipt{DeliveryID: last(v, verify.SMS).ID, Provider: "twilio", ProviderID: "SM1", State: verify.StateDelivered}, &w.policy, now)
					return nil
				})
			}},
		},
		"a provider that cannot be asked: never": {outcome: accepted, state: verify.StateAccepted},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				p := &provider{script: w.script, answer: tc.answer}
				w.script.says(verify.SMS, tc.outcome)
				d, _ := w.run(p.in)
				w.begin(over(verify.SMS))
				for _, at := range sorted(tc.acts) {
					w.at(at)
					tc.acts[at](w)
				}
				w.at(599 * s)
				if got := p.times(w); !slices.Equal(got, tc.asked) {
					t.Errorf("it was asked at %v, want %v", got, tc.asked)
				}
				w.state(verify.SMS, tc.state)
				if a := d.Stats().Asks; a.Done != tc.told || a.Done+a.Failed != uint64(len(tc.asked)) {
					t.Errorf("%+v", a)
				}
				w.is(verify.Pending, verify.CodeEntry)
				w.left(verify.SMS, 0)
			})
		})
	}
	t.Run("a crash between claim and question loses the question only", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.script.says(verify.SMS, receipts)
			_, stop := w.run()
			w.begin(over(verify.SMS))
			w.at(s)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			w.at(60 * s)
			var asked int
			if _, _, err := w.store.ClaimDue(context.Background(), 1, func(v *verify.Verification, now time.Time) error {
				v.Advance(&w.policy, now)
				asked = len(v.AskDue(&w.policy, now))
				return nil
			}); err != nil || asked != 1 {
				t.Fatalf("%d questions, %v", asked, err)
			}
			p := &provider{script: w.script}
			w.run(p.in)
			w.at(599 * s)
			if got := p.times(w); !slices.Equal(got, []time.Duration{300 * s}) {
				t.Errorf("it was asked at %v", got)
			}
			w.left(verify.SMS, 0)
		})
	})
	t.Run("a channel that cannot ask is not asked without end", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.script.says(verify.SMS, receipts)
			b := &broken{Store: w.store}
			w.run(func(c *delivery.Config) { c.Store = b })
			w.begin(over(verify.SMS))
			w.at(59 * s)
			b.asks.Store(0)
			w.at(62 * s)
			if n := b.asks.Load(); n > 20 {
				t.Errorf("the store was asked %d times in three seconds", n)
			}
		})
	})
	t.Run("a provider that hangs takes no place of a message, and is waited for", func(t *testing.T) {
		bubble(t, func(w *world) {
			p := &provider{script: w.script, answer: func(ctx context.Context, id string) (verify.Receipt, error) {
				select {
				case <-time.After(4 * s):
					return verify.Receipt{ProviderID: id, State: verify.StateDelivered}, nil
				case <-ctx.Done():
					return verify.Receipt{}, ctx.Err()
				}
			}}
			w.script.says(verify.SMS, receipts)
			d, stop := w.run(p.in, func(c *delivery.Config) { c.Workers, c.Timeout = 1, 10*s })
			for i := range 5 {
				q := w.request()
				q.UserID, q.Channel = string(rune('a'+i)), verify.SMS
				w.create(q)
			}
			w.at(62 * s)
			w.begin(over(verify.SMS))
			w.at(0)
			w.state(verify.SMS, verify.StateAccepted)
			if n := d.Stats().Asks.UnderWay; n == 0 {
				t.Fatal("nobody is asked")
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
			a := d.Stats().Asks
			if a.UnderWay != 0 || a.Done < 2 || a.Dropped == 0 || a.Done+a.Failed+a.Dropped != 5 {
				t.Errorf("%+v", a)
			}
		})
	})
}

// deny is the phone's no, over the push that it got.
func (w *world) deny(device string) {
	w.t.Helper()
	w.must(func(v *verify.Verification, now time.Time) error {
		for i := range v.Deliveries {
			row := &v.Deliveries[i]
			if row.Channel != verify.Push || row.DeviceID != device {
				continue
			}
			sum := sha256.Sum256([]byte(w.auth.Prompt(v, row).Signed))
			_, err := v.Reply(verify.Reply{
				VerificationID: v.ID, DeviceID: device, Decision: verify.Deny,
				PromptSHA256: base64.RawURLEncoding.EncodeToString(sum[:]),
			}, w.auth, now)
			return err
		}
		return errors.New("it got no push")
	})
}

// pushes are the pushes that left to devices other than these, sorted.
func (w *world) pushes(but ...string) (ids []string) {
	for _, m := range w.script.list(verify.Push) {
		if !slices.Contains(but, m.DeviceID) {
			ids = append(ids, m.DeliveryID)
		}
	}
	slices.Sort(ids)
	return ids
}

func TestOver(t *testing.T) {
	// Two phones that got a push each; nobody is on a socket.
	phones := func(w *world) (first, second string) {
		w.enroll(true, true)
		first = w.device
		w.enroll(true, true)
		w.script.says(verify.WebSocket, nobodyThere)
		return first, w.device
	}
	for name, tc := range map[string]struct {
		push func(w *world)
		act  func(w *world, first string)
		back func(w *world, first string) []string
		life time.Duration
	}{
		"an answer: the other phone": {
			act:  func(w *world, first string) { w.at(2 * s); w.deny(first) },
			back: func(w *world, first string) []string { return w.pushes(first) }, life: 118 * s,
		},
		"a cancel: both": {
			act: func(w *world, _ string) {
				w.at(2 * s)
				w.must(func(v *verify.Verification, now time.Time) error { return v.Cancel(now) })
			},
			back: func(w *world, _ string) []string { return w.pushes() }, life: 118 * s,
		},
		"a code that was typed: both": {
			act: func(w *world, _ string) {
				w.at(30 * s)
				code := w.script.list(verify.SMS)[0].Code
				w.must(func(v *verify.Verification, now time.Time) error {
					ok, err := v.Check(w.store.Keys(), code, &w.policy, now)
					if err == nil && !ok {
						err = errors.New("the code is wrong")
					}
					return err
				})
			},
			back: func(w *world, _ string) []string { return w.pushes() }, life: 90 * s,
		},
		"a prompt that runs out: both, now or never, and not again at the end": {
			act: func(w *world, _ string) {
				w.at(2 * s)
				w.display(verify.WebSocket)
				w.at(121 * s)
				w.must(func(v *verify.Verification, now time.Time) error { return v.Cancel(now) })
			},
			back: func(w *world, _ string) []string { return w.pushes() },
		},
		"one that was renewed: the new pushes, which took the old ones' place": {
			act: func(w *world, _ string) {
				w.at(2 * s)
				w.display(verify.WebSocket)
				w.at(63 * s)
				if err := w.resend(verify.Push); err != nil {
					w.t.Fatal(err)
				}
				w.at(73 * s)
				w.must(func(v *verify.Verification, now time.Time) error { return v.Cancel(now) })
			},
			back: func(w *world, _ string) (ids []string) {
				for _, d := range w.load().Deliveries {
					if d.Channel == verify.Push && d.PromptGeneration == 2 {
						ids = append(ids, d.ID)
					}
				}
				return ids
			}, life: 110 * s,
		},
		"pushes that no provider took: none": {
			push: func(w *world) { w.script.says(verify.Push, noAnswer) },
			act: func(w *world, _ string) {
				w.at(s / 10)
				w.must(func(v *verify.Verification, now time.Time) error { return v.Cancel(now) })
			},
			back: func(*world, string) []string { return nil },
		},
		"pushes that are taken only after the end: both, then": {
			push: func(w *world) { w.script.does(verify.Push, slow(3*s)) },
			act: func(w *world, _ string) {
				w.at(s)
				w.must(func(v *verify.Verification, now time.Time) error { return v.Cancel(now) })
			},
			back: func(w *world, _ string) []string { return w.pushes() }, life: 117 * s,
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				first, _ := phones(w)
				if tc.push != nil {
					tc.push(w)
				}
				p := &provider{script: w.script}
				d, _ := w.run(p.in)
				w.begin()
				tc.act(w, first)
				w.at(125 * s)
				want := tc.back(w, first)
				if got := p.takenBack(); !slices.Equal(got, want) {
					t.Fatalf("withdrawn were %v, want %v", got, want)
				}
				for _, m := range p.withdrawn {
					if !m.Withdrawn || m.Push == nil || m.Push.Token != pushToken || m.VerificationID != w.id || m.Life != tc.life || m.Prompt != nil || m.Code != "" {
						t.Errorf("%+v, for %s", m, m.Life)
					}
				}
				if got := d.Stats().Withdrawals; got != (delivery.Tally{Done: uint64(len(want))}) {
					t.Errorf("%+v", got)
				}
			})
		})
	}
	t.Run("a provider that hangs holds up nobody, and is waited for", func(t *testing.T) {
		bubble(t, func(w *world) {
			phones(w)
			p := &provider{script: w.script, hang: func(ctx context.Context) { <-ctx.Done() }}
			d, stop := w.run(p.in, func(c *delivery.Config) { c.Workers, c.Timeout = 1, 10*s })
			w.begin()
			w.at(2 * s)
			w.must(func(v *verify.Verification, now time.Time) error { return v.Cancel(now) })
			if since := time.Since(w.begun); since != 2*s {
				t.Errorf("the cancel took %s", since-2*s)
			}
			if got := d.Stats().Withdrawals; got.UnderWay != 1 || got.Dropped != 1 {
				t.Errorf("%+v", got)
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
			if got := d.Stats().Withdrawals; time.Since(w.begun) != 12*s || got.UnderWay != 0 || got.Failed != 1 {
				t.Errorf("after %s: %+v", time.Since(w.begun), got)
			}
		})
	})
	t.Run("a dispatcher that does not run is told for nothing, and does not block", func(t *testing.T) {
		bubble(t, func(w *world) {
			phones(w)
			p := &provider{script: w.script}
			d, stop := w.run(p.in, func(c *delivery.Config) { c.Workers = 2 })
			w.begin()
			w.at(2 * s)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			w.must(func(v *verify.Verification, now time.Time) error { return v.Cancel(now) })
			v := w.load()
			for range 3 {
				d.Over(v, []verify.Event{{Name: verify.EventCanceled, At: v.EndedAt}})
			}
			synctest.Wait()
			if got := d.Stats().Withdrawals; got.Done != 0 || got.Dropped != 6 {
				t.Errorf("%+v", got)
			}
		})
	})
}
