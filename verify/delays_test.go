package verify_test

import (
	"slices"
	"testing"
	"time"

	"nod/verify"
)

// A session keeps the delays that were predicted as it began. The next one of the
// same number goes on with the step, in its own delays.
func TestASessionKeepsItsDelays(t *testing.T) {
	w := newWorld(t)
	var predicted []time.Duration
	w.policy.Predict = func(country string) []time.Duration {
		if country != "US" {
			t.Errorf("asked for %q", country)
		}
		return predicted
	}
	again := verify.Request{Purpose: verify.Phone, Number: verify.StoredNumber(number)}
	predicted = []time.Duration{30 * time.Second, 45 * time.Second}
	if err := w.begin(again, verify.Situation{}); err != nil {
		t.Fatal(err)
	}
	w.pump()
	predicted = []time.Duration{240 * time.Second, 300 * time.Second}
	w.until(29 * time.Second)
	if r := refused(t, w.resend(""), verify.CodeCooldown); r.RetryAfter != time.Second {
		t.Errorf("to wait %s", r.RetryAfter)
	}
	w.until(30 * time.Second)
	if err := w.resend(""); err != nil {
		t.Fatal(err)
	}
	w.take()
	w.until(31 * time.Second)
	if step := w.events[slices.Index(w.names(), verify.EventResendRequested)].Data.Step; step != 30 || w.v.ResendDelay(&w.policy) != 45*time.Second {
		t.Errorf("waited %d s, the next delay is %s", step, w.v.ResendDelay(&w.policy))
	}
	earlier := w.v
	r := refused(t, w.begin(again, verify.Situation{Earlier: earlier}), verify.CodeCooldown)
	if r.RetryAfter != 299*time.Second {
		t.Errorf("the next session waits %s", r.RetryAfter)
	}
	predicted = nil // then the policy's
	w.now = start.Add(150 * time.Second)
	if err := w.begin(again, verify.Situation{Earlier: earlier}); err != nil || w.v.ResendDelay(&w.policy) != 120*time.Second || w.v.Delays != nil {
		t.Errorf("%v, delay %s of %v", err, w.v.ResendDelay(&w.policy), w.v.Delays)
	}
}

// Without a number there is no country whose messages could be known.
func TestNothingIsPredictedWithoutANumber(t *testing.T) {
	w := newWorld(t)
	w.policy.Predict = func(country string) []time.Duration {
		t.Errorf("delays of %q are asked for", country)
		return nil
	}
	if err := w.begin(login(""), verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start)}}); err != nil {
		t.Error(err)
	}
}
