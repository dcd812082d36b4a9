package verify_test

import (
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"nod/verify"
)

// predict answers each start with other delays, or with none, as evidence that grows
// may.
func (m *model) predict(r *rapid.T, w *world) {
	step := rapid.Map(rapid.IntRange(1, 300), func(s int) time.Duration { return time.Duration(s) * time.Second })
	w.policy.Predict = func(country string) []time.Duration {
		if country != "US" {
			r.Fatalf("delays of %q are asked for", country)
		}
		m.delays = rapid.SliceOfN(step, 0, 4).Draw(r, "predicted")
		return m.delays
	}
}

// keepsDelays holds the session against what was predicted as it began: that stays,
// whatever is predicted for others meanwhile.
func (m *model) keepsDelays(r *rapid.T, w *world) {
	delays := m.delays
	if len(delays) == 0 {
		delays = w.policy.ResendDelays
	}
	want := delays[min(w.v.BaseStep+w.v.ResendCount, len(delays)-1)]
	if got := w.v.ResendDelay(&w.policy); got != want {
		r.Fatalf("after %d resends from step %d the delay is %s, want %s of %v", w.v.ResendCount, w.v.BaseStep, got, want, delays)
	}
	if rest := w.v.CooldownRest(&w.policy, w.now); rest > slices.Max(delays) {
		r.Fatalf("%s to wait, of %v", rest, delays)
	}
}

// block ends the verification, if it has not ended, and lets nothing more begin.
func (m *model) block(r *rapid.T, w *world) {
	open := []*verify.Verification{w.v}
	if m.ended {
		open = nil // as a store finds it
	}
	m.hold.Open = open
	blocked := m.hold.Blocked()
	es := m.hold.Block("key 3fa9c1d2", w.now)
	if blocked == (len(es) == 1) || !m.hold.Blocked() {
		r.Fatalf("blocked before: %t, told %v", blocked, es)
	}
	if !m.ended && (w.v.Status != verify.Canceled || w.v.Reason != verify.AccountLocked) {
		r.Fatalf("a block left it %s (%s)", w.v.Status, w.v.Reason)
	}
}

// places holds the countries of events against what they tell of: a number's, and
// none of an app and a mailbox.
func places(r *rapid.T, w *world) {
	for _, e := range w.events {
		want := ""
		switch {
		case e.Name == verify.EventCreated, e.Name == verify.EventBlocked,
			strings.HasPrefix(e.Name, "delivery.") && (e.Data.Channel == verify.SMS || e.Data.Channel == verify.Voice):
			want = "US"
		}
		if e.Data.Country != want {
			r.Fatalf("%s over %q tells of %q", e.Name, e.Data.Channel, e.Data.Country)
		}
	}
}
