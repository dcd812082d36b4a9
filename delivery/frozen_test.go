package delivery_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nod/delivery"
	"nod/verify"
)

// TestFrozenWorkers lets two dispatchers stand still at any moment, for longer
// than a lease too, while a provider takes its time or fails. Whatever comes
// first: an SMS leaves once at most, and only while its row says that it may.
func TestFrozenWorkers(t *testing.T) {
	bubble(t, func(w *world) {
		w.policy.LeaseLife = 2 * s
		pauses := rapid.SliceOfN(rapid.SampledFrom([]time.Duration{0, 0, 0, s / 4, 3 * s / 2, 5 * s / 2, 4 * s}), 16, 16)
		answers := rapid.SliceOfN(rapid.SampledFrom([]verify.Outcome{accepted, accepted, noAnswer, {State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "sms"}}), 4, 4)
		rapid.Check(t, func(t *rapid.T) {
			workers := []*ice{{pauses: pauses.Draw(t, "first worker")}, {pauses: pauses.Draw(t, "second worker")}}
			if wrong := w.freeze(workers, &ice{pauses: pauses.Draw(t, "provider")}, answers.Draw(t, "answers")); len(wrong) > 0 {
				t.Fatal(wrong)
			}
		})
	})
}

// ice is where a worker stands still: before and after each call of the store.
type ice struct {
	delivery.Store
	mu     sync.Mutex
	pauses []time.Duration
}

func (i *ice) still() {
	i.mu.Lock()
	var pause time.Duration
	if len(i.pauses) > 0 {
		pause, i.pauses = i.pauses[0], i.pauses[1:]
	}
	i.mu.Unlock()
	// In a bubble Go 1.26's race detector crashes over two goroutines that receive from due timers at once
	// (https://go.dev/issue/78156), which a pause of 0 always is.
	if pause > 0 {
		<-time.After(pause)
	}
}

func (i *ice) ClaimDue(ctx context.Context, limit int, rule func(*verify.Verification, time.Time) error) ([]string, time.Time, error) {
	ids, next, err := i.Store.ClaimDue(ctx, limit, rule)
	if len(ids) > 0 {
		i.still()
	}
	return ids, next, err
}

func (i *ice) UpdateVerification(ctx context.Context, id string, once *verify.Once, rule func(*verify.Verification, time.Time) error) error {
	i.still()
	err := i.Store.UpdateVerification(context.WithoutCancel(ctx), id, once, rule)
	i.still()
	return err
}

// freeze runs eight logins by SMS and says what went wrong.
func (w *world) freeze(workers []*ice, provider *ice, answers []verify.Outcome) (wrong []string) {
	var mu sync.Mutex
	complain := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		wrong = append(wrong, fmt.Sprintf(format, args...))
	}
	asked := 0
	taken := map[string]int{} // how often the provider had an SMS that it did not certainly refuse
	w.script.does(verify.SMS, func(_ context.Context, m delivery.Message) verify.Outcome {
		v, _, err := w.store.Verification(context.Background(), m.VerificationID)
		if err != nil || v.Delivery(m.DeliveryID).State != verify.StateSending {
			complain("it leaves although its row is %s (%v)", v.Delivery(m.DeliveryID).State, err)
		}
		mu.Lock()
		answer := answers[asked%len(answers)]
		asked++
		if answer.State != verify.StateRetrying {
			taken[m.VerificationID]++
		}
		mu.Unlock()
		provider.still()
		return answer
	})
	w.runs = nil
	var stops []func() error
	for _, i := range workers {
		i.Store = w.store
		_, stop := w.run(func(c *delivery.Config) { c.Store, c.Drain = i, time.Hour })
		stops = append(stops, stop)
	}
	var ids []string
	for range 8 {
		q := w.request()
		q.UserID, q.Channel = q.ID, verify.SMS
		ids = append(ids, q.ID)
		w.create(q)
	}
	began := time.Now()
	for _, w.id = range ids {
		for last(w.load(), verify.SMS).InFlight() && time.Since(began) < 60*s {
			<-time.After(s / 2)
		}
	}
	for _, stop := range stops { // and whoever stands still wakes
		if err := stop(); err != nil {
			complain("stopping: %v", err)
		}
	}
	for _, w.id = range ids {
		switch d := last(w.load(), verify.SMS); {
		case taken[w.id] > 1, d.InFlight(), d.State == verify.StateAccepted && taken[w.id] != 1:
			complain("taken %d times, and it is %s", taken[w.id], d.State)
		}
	}
	return wrong
}
