package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nod/delivery"
	"nod/verify"
)

// keeper is an integrator that is asked before codes leave: it answers what the test
// says.
type keeper struct {
	mu     sync.Mutex
	asked  []delivery.Departure
	answer func(ctx context.Context, of delivery.Departure) (bool, error)
}

func (k *keeper) Allow(ctx context.Context, of delivery.Departure) (bool, error) {
	k.mu.Lock()
	k.asked = append(k.asked, of)
	k.mu.Unlock()
	return k.answer(ctx, of)
}

func (k *keeper) questions() []delivery.Departure {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]delivery.Departure(nil), k.asked...)
}

func says(yes bool) *keeper {
	return &keeper{answer: func(context.Context, delivery.Departure) (bool, error) { return yes, nil }}
}

func dozes() *keeper {
	return &keeper{answer: func(ctx context.Context, _ delivery.Departure) (bool, error) {
		<-ctx.Done()
		return true, ctx.Err() // what comes with an error counts for nothing
	}}
}

func behind(k *keeper) func(*delivery.Config) { return func(c *delivery.Config) { c.Gate = k } }

func gateOpen(c *delivery.Config) { c.GateOpen = true }

func TestGateSaysYes(t *testing.T) {
	bubble(t, func(w *world) {
		k := says(true)
		d, _ := w.run(behind(k))
		w.begin(over(verify.SMS))
		w.at(0)
		w.left(verify.SMS, 0)
		w.state(verify.SMS, verify.StateAccepted)
		row, got := last(w.load(), verify.SMS), k.questions()
		want := delivery.Departure{
			VerificationID: w.id, DeliveryID: row.ID, UserID: "u1", Purpose: verify.Login,
			Channel: verify.SMS, Country: "US", IP: "203.0.113.9", At: got[0].At,
		}
		if len(got) != 1 || got[0] != want || !got[0].At.Equal(w.begun) {
			t.Errorf("asked %+v, want %+v", got, want)
		}
		if s := d.Stats(); s.Gate != (delivery.Tally{Done: 1}) {
			t.Errorf("counted %+v", s.Gate)
		}
	})
}

// What may not leave is suppressed, told as that, and not tried again by itself.
func TestGateSaysNo(t *testing.T) {
	bubble(t, func(w *world) {
		w.policy.VoiceFallback = true
		k := says(false)
		w.run(behind(k))
		w.begin(over(verify.SMS))
		w.at(time.Minute)
		w.left(verify.SMS)
		w.left(verify.Voice)
		row := last(w.load(), verify.SMS)
		if row.State != verify.StateSuppressed || row.Class != verify.ClassPolicy || row.Detail != delivery.RefusedAtGate || len(k.questions()) != 1 {
			t.Errorf("it is %+v, asked %d times", row, len(k.questions()))
		}
		if n := w.told("delivery.suppressed"); n != 1 {
			t.Errorf("told %d times", n)
		}
		if w.log.String() != "" {
			t.Errorf("a no is nothing to log:\n%s", w.log)
		}
		if err := w.resend(verify.SMS); err != nil {
			t.Errorf("the person may ask again: %v", err)
		}
		w.at(2 * time.Minute)
		if len(k.questions()) != 2 {
			t.Errorf("asked %d times", len(k.questions()))
		}
	})
}

// Without an answer no code leaves, or all do: as it was chosen. It is logged once,
// until somebody answers.
func TestGateIsSilent(t *testing.T) {
	for name, c := range map[string]struct {
		gate   *keeper
		change func(*delivery.Config)
		after  time.Duration // begin
		open   bool
	}{
		"it hangs":                 {dozes(), func(*delivery.Config) {}, time.Second, false},
		"it hangs, for longer":     {dozes(), func(c *delivery.Config) { c.GateTimeout = time.Hour }, 3 * time.Second, false},
		"it fails":                 {&keeper{answer: func(context.Context, delivery.Departure) (bool, error) { return true, errors.New("502") }}, func(*delivery.Config) {}, 0, false},
		"it panics":                {&keeper{answer: func(context.Context, delivery.Departure) (bool, error) { panic("oh") }}, func(*delivery.Config) {}, 0, false},
		"it hangs, and all may go": {dozes(), gateOpen, time.Second, true},
		"it panics, and all may":   {&keeper{answer: func(context.Context, delivery.Departure) (bool, error) { panic("oh") }}, gateOpen, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				d, _ := w.run(behind(c.gate), c.change)
				for _, number := range []string{"+14155550111", "+14155550222"} {
					w.begin(over(verify.SMS), func(q *verify.Request) { q.Number = verify.StoredNumber(number) })
					w.at(c.after)
					if c.open {
						w.state(verify.SMS, verify.StateAccepted)
						continue
					}
					w.state(verify.SMS, verify.StateSuppressed)
					if got := last(w.load(), verify.SMS).Detail; got != delivery.GateSilent {
						t.Errorf("detail %s", got)
					}
				}
				if n := strings.Count(w.log.String(), "nobody answers before codes leave"); n != 1 {
					t.Errorf("logged %d times:\n%s", n, w.log)
				}
				if s := d.Stats(); s.Gate != (delivery.Tally{Failed: 2}) {
					t.Errorf("counted %+v", s.Gate)
				}
			})
		})
	}
}

// Who does not answer holds up what is asked about, and nothing else: prompts and pushes
// leave at once, also while every place of the SMS is taken.
func TestGateHoldsUpNothingElse(t *testing.T) {
	bubble(t, func(w *world) {
		k := dozes()
		w.run(behind(k), gateOpen, func(c *delivery.Config) { c.Workers, c.GateTimeout = 4, 3*time.Second })
		w.enroll(true, false)
		w.script.says(verify.WebSocket, nobodyThere)
		for i := range 20 {
			q := w.request()
			q.UserID, q.Number, q.Channel = fmt.Sprint("waiting", i), verify.StoredNumber(fmt.Sprintf("+1415555%04d", 1000+i)), verify.SMS
			w.create(q)
		}
		synctest.Wait()
		if n := len(k.questions()); n != 4 {
			t.Fatalf("%d are asked about at once", n)
		}
		w.begin(over(verify.Push))
		w.at(0)
		w.left(verify.WebSocket, 0)
		w.left(verify.Push, 0)
		w.at(time.Minute)
		if n := len(w.script.list(verify.SMS)); n != 20 {
			t.Errorf("%d SMS left in the end", n)
		}
	})
}

// A verification that ends while the integrator thinks sends nothing, and a worker that
// is given up meanwhile leaves the delivery to the next.
func TestGateAndWhatHappensMeanwhile(t *testing.T) {
	t.Run("it is canceled", func(t *testing.T) {
		bubble(t, func(w *world) {
			w.run(behind(dozes()), gateOpen)
			w.begin(over(verify.SMS))
			w.at(time.Second / 2)
			w.must(func(v *verify.Verification, now time.Time) error { return v.Cancel(now) })
			w.at(time.Minute)
			w.left(verify.SMS)
			w.state(verify.SMS, verify.StateCanceled)
		})
	})
	t.Run("the worker ends", func(t *testing.T) {
		bubble(t, func(w *world) {
			_, stop := w.run(behind(dozes()), func(c *delivery.Config) { c.Drain, c.GateTimeout = time.Millisecond, 3*time.Second })
			w.begin(over(verify.SMS))
			w.at(time.Second)
			if err := stop(); err != nil {
				t.Error(err)
			}
			w.state(verify.SMS, verify.StateLeased)
			w.run(behind(says(true)))
			w.at(2 * time.Minute)
			w.left(verify.SMS, w.policy.LeaseLife)
		})
	})
}
