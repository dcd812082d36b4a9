package delivery_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"nod/delivery"
	"nod/verify"
)

const s = time.Second

var (
	nobodyThere = verify.Outcome{State: verify.StateUndelivered, Class: verify.ClassNone, Detail: "not_connected"}
	unavailable = verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "sim", Detail: "UNAVAILABLE"}
	noAnswer    = verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown}
)

// never is where nothing leaves over a channel.
var never []time.Duration

func TestLadder(t *testing.T) {
	for name, tc := range map[string]struct {
		push, connected bool
		setup           func(w *world)
		acts            map[time.Duration]func(w *world)
		socketAt        []time.Duration
		pushAt          []time.Duration
		smsAt           []time.Duration
	}{
		"a socket that is not acknowledged: push after 5 s, SMS 25 s after that": {
			push: true, connected: true, socketAt: []time.Duration{0}, pushAt: []time.Duration{5 * s}, smsAt: []time.Duration{30 * s},
		},
		"nobody on the socket: push at once, SMS 25 s after that": {
			push: true, connected: true, setup: func(w *world) { w.script.says(verify.WebSocket, nobodyThere) },
			socketAt: []time.Duration{0}, pushAt: []time.Duration{0}, smsAt: []time.Duration{25 * s},
		},
		"a provider that takes its time: SMS at the latest at 35 s": {
			push: true, connected: true, setup: func(w *world) { w.script.does(verify.Push, slow(9*s)) },
			socketAt: []time.Duration{0}, pushAt: []time.Duration{5 * s}, smsAt: []time.Duration{35 * s},
		},
		"no push token and connected: SMS at 35 s": {
			connected: true, socketAt: []time.Duration{0}, pushAt: never, smsAt: []time.Duration{35 * s},
		},
		"no push token and never connected: SMS at once": {
			setup:    func(w *world) { w.script.says(verify.WebSocket, nobodyThere) },
			socketAt: []time.Duration{0}, pushAt: never, smsAt: []time.Duration{0},
		},
		"a dead push token and never connected: SMS at once": {
			push: true, setup: func(w *world) {
				w.script.says(verify.WebSocket, nobodyThere)
				w.script.says(verify.Push, verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget, Detail: "UNREGISTERED"})
			},
			socketAt: []time.Duration{0}, pushAt: []time.Duration{0}, smsAt: []time.Duration{0},
		},
		"an acknowledgement takes back the push, not the SMS": {
			push: true, connected: true, acts: map[time.Duration]func(*world){1 * s: func(w *world) { w.ack(verify.WebSocket) }},
			socketAt: []time.Duration{0}, pushAt: never, smsAt: []time.Duration{35 * s},
		},
		"an acknowledgement takes back a push that waits for its second try": {
			push: true, connected: true, setup: func(w *world) {
				w.script.says(verify.WebSocket, nobodyThere)
				w.script.says(verify.Push, verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "sim", RetryAfter: 10 * s})
			},
			acts:     map[time.Duration]func(*world){1 * s: func(w *world) { w.ack(verify.WebSocket); w.state(verify.Push, verify.StateCanceled) }},
			socketAt: []time.Duration{0}, pushAt: []time.Duration{0}, smsAt: []time.Duration{35 * s},
		},
		"an acknowledged push: SMS at 35 s": {
			push: true, connected: true, acts: map[time.Duration]func(*world){6 * s: func(w *world) { w.ack(verify.Push) }},
			socketAt: []time.Duration{0}, pushAt: []time.Duration{5 * s}, smsAt: []time.Duration{35 * s},
		},
		"a display stops the SMS": {
			push: true, connected: true, acts: map[time.Duration]func(*world){29 * s: func(w *world) { w.display(verify.Push) }},
			socketAt: []time.Duration{0}, pushAt: []time.Duration{5 * s}, smsAt: never,
		},
		"an app that leaves the foreground: push at once": {
			push: true, connected: true, acts: map[time.Duration]func(*world){
				1 * s: func(w *world) { w.ack(verify.WebSocket) },
				2 * s: func(w *world) {
					w.must(func(v *verify.Verification, now time.Time) error { v.Away(w.device, &w.policy, now); return nil })
				},
			},
			socketAt: []time.Duration{0}, pushAt: []time.Duration{2 * s}, smsAt: []time.Duration{27 * s},
		},
		"the page asks for the next channel: SMS at once": {
			push: true, connected: true, acts: map[time.Duration]func(*world){
				7 * s: func(w *world) {
					w.must(func(v *verify.Verification, now time.Time) error { return v.Next(&w.policy, now) })
				},
			},
			socketAt: []time.Duration{0}, pushAt: []time.Duration{5 * s}, smsAt: []time.Duration{7 * s},
		},
		"a socket whose broker fails: tried again, push at 5 s at the latest": {
			push: true, connected: true, setup: func(w *world) {
				w.script.says(verify.WebSocket, verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "sim", RetryAfter: 4 * s})
			},
			socketAt: []time.Duration{0, 4 * s, 8 * s}, pushAt: []time.Duration{5 * s}, smsAt: []time.Duration{30 * s},
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				w.enroll(tc.push, tc.connected)
				if tc.setup != nil {
					tc.setup(w)
				}
				w.run()
				w.begin()
				for _, at := range sorted(tc.acts) {
					w.at(at)
					tc.acts[at](w)
				}
				w.at(119 * s)
				w.left(verify.WebSocket, tc.socketAt...)
				w.left(verify.Push, tc.pushAt...)
				w.left(verify.SMS, tc.smsAt...)
			})
		})
	}
}

// slow accepts after a while, unless its time ends before.
func slow(after time.Duration) func(context.Context, delivery.Message) verify.Outcome {
	return func(ctx context.Context, _ delivery.Message) verify.Outcome {
		select {
		case <-time.After(after):
			return accepted
		case <-ctx.Done():
			return noAnswer
		}
	}
}

func sorted(acts map[time.Duration]func(*world)) (at []time.Duration) {
	for d := range 120 * s / s {
		if acts[d*s] != nil {
			at = append(at, d*s)
		}
	}
	return at
}

func TestTheFullCooldowns(t *testing.T) {
	bubble(t, func(w *world) {
		w.run()
		w.begin(over(verify.SMS))
		due := 0 * s
		for n, delay := range []time.Duration{60 * s, 120 * s, 300 * s} {
			w.at(due + delay - time.Millisecond)
			refused(t, w.resend(""), verify.CodeCooldown)
			due += delay
			w.at(due)
			if err := w.resend(""); err != nil {
				t.Fatalf("resend %d: %v", n+1, err)
			}
		}
		w.at(due + 301*s)
		refused(t, w.resend(""), verify.CodeMaxResends)
		w.at(due + 600*s) // the last code ends, and nothing can follow
		w.is(verify.Expired, "")
		w.left(verify.SMS, 0, 60*s, 180*s, 480*s)
		codes := map[string]bool{}
		for _, m := range w.script.list(verify.SMS) {
			codes[m.Code] = true
		}
		if len(codes) != 2 { // the last resend comes after half the life of the first code
			t.Errorf("%d codes were sent, want 2", len(codes))
		}
	})
}

func TestWhatEndsByItself(t *testing.T) {
	t.Run("a prompt after 120 s, without a number: expired", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.enroll(true, true)
			w.run()
			w.begin(func(q *verify.Request) { q.Number = verify.Number{} })
			w.at(120*s - time.Millisecond)
			w.is(verify.Pending, verify.ContactingApp)
			w.at(120 * s)
			w.is(verify.Expired, "")
		})
	})
	t.Run("a prompt after 120 s, displayed, with a number: a resend helps", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.enroll(true, true)
			w.run()
			w.begin()
			w.at(s)
			w.display(verify.WebSocket)
			w.at(120*s - time.Millisecond)
			w.is(verify.Pending, verify.Prompted)
			w.at(120 * s)
			w.is(verify.Pending, verify.AwaitingResend)
		})
	})
	t.Run("a code after 600 s, the session after 3600 s", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.run()
			w.begin(over(verify.SMS))
			w.at(600*s - time.Millisecond)
			w.is(verify.Pending, verify.CodeEntry)
			w.at(600 * s)
			w.is(verify.Pending, verify.AwaitingResend)
			w.at(3600*s - time.Millisecond)
			w.is(verify.Pending, verify.AwaitingResend)
			w.at(3600 * s)
			w.is(verify.Expired, "")
		})
	})
}

func TestTransientFailures(t *testing.T) {
	bubble(t, func(w *world) {
		w.policy.PushesPerRound = 4
		w.enroll(true, true)
		w.script.says(verify.WebSocket, nobodyThere)
		w.script.says(verify.Push, unavailable)
		w.run()
		w.begin(over(verify.Push))
		w.at(60 * s)
		sends := w.script.list(verify.Push)
		if len(sends) != 4 {
			t.Fatalf("%d tries, want 4", len(sends))
		}
		for i, want := range []time.Duration{1 * s, 2 * s, 4 * s} {
			if got := sends[i+1].at.Sub(sends[i].at); got < want/2 || got > want*3/2 {
				t.Errorf("try %d came %s after the one before, want %s ± 50 %%", i+2, got, want)
			}
		}
		w.state(verify.Push, verify.StateFailed)
	})
}

func TestAnSMSWithoutAnAnswerIsNeverRepeated(t *testing.T) {
	for name, answer := range map[string]func(context.Context, delivery.Message) verify.Outcome{
		"the provider says nothing":   slow(time.Hour),
		"the channel panics":          func(_ context.Context, m delivery.Message) verify.Outcome { panic(m.Text) },
		"the channel answers rubbish": func(context.Context, delivery.Message) verify.Outcome { return verify.Outcome{} },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				w.script.does(verify.SMS, answer)
				w.run()
				w.begin(over(verify.SMS))
				w.at(11 * s)
				w.state(verify.SMS, verify.StateUnknown)
				w.is(verify.Pending, verify.CodeEntry)
				w.at(600 * s)
				w.left(verify.SMS, 0)
				if err := w.resend(""); err != nil || w.load().ResendCount != 0 {
					t.Errorf("a resend is not free: %v", err)
				}
			})
		})
	}
}

func TestAnOutageCostsNothing(t *testing.T) {
	bubble(t, func(w *world) {
		w.script.says(verify.SMS, unavailable)
		w.run()
		w.begin(over(verify.SMS))
		w.at(5 * s)
		w.state(verify.SMS, verify.StateFailed)
		if got := len(w.script.list(verify.SMS)); got != w.policy.SMSTries {
			t.Fatalf("%d tries, want %d", got, w.policy.SMSTries)
		}
		w.script.says(verify.SMS, accepted)
		if err := w.resend(""); err != nil {
			t.Fatal(err)
		}
		w.is(verify.Pending, verify.CodeEntry)
		if n := w.load().ResendCount; n != 0 {
			t.Errorf("%d resends counted", n)
		}
	})
}

func TestWhatEndedMeanwhileIsNotSent(t *testing.T) {
	t.Run("canceled before anybody took it", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.begin(over(verify.SMS))
			w.must(func(v *verify.Verification, now time.Time) error { return v.Cancel(now) })
			w.run()
			w.at(s)
			w.left(verify.SMS)
		})
	})
	t.Run("a code that ended while nobody was there to send it", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.begin(over(verify.SMS))
			w.at(700 * s)
			w.run()
			w.at(701 * s)
			w.left(verify.SMS)
			w.is(verify.Pending, verify.AwaitingResend)
		})
	})
	t.Run("a push to a device that switched push off", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.enroll(true, true)
			w.policy.LeaseLife = 10 * s
			w.script.says(verify.WebSocket, nobodyThere)
			w.script.says(verify.Push, verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "sim", RetryAfter: 3 * s})
			w.run()
			w.begin()
			w.at(s)
			if _, err := w.store.UpdateDevice(context.Background(), w.device, func(d *verify.Device, _ time.Time) ([]verify.Event, error) {
				d.Push = nil
				return nil, nil
			}); err != nil {
				t.Fatal(err)
			}
			w.at(4 * s)
			w.left(verify.Push, 0)
			w.state(verify.Push, verify.StateFailed)
		})
	})
}

// refused checks an error's code.
func refused(t *testing.T, err error, code string) {
	t.Helper()
	var r *verify.Refusal
	if !errors.As(err, &r) || r.Code != code {
		t.Fatalf("got %v, want a refusal %s", err, code)
	}
}
