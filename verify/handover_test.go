package verify_test

import (
	"testing"
	"time"

	"nod/verify"
)

// providers answer in turn.
func providers(answers ...verify.Outcome) func(verify.Delivery) verify.Outcome {
	next := 0
	return func(verify.Delivery) verify.Outcome {
		next++
		return answers[min(next, len(answers))-1]
	}
}

func TestHandingOver(t *testing.T) {
	over := func(provider string) verify.Outcome {
		return verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: provider, HandOver: true, Jitter: 0.5}
	}
	down := verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "sns", Jitter: 0.5}
	for name, tc := range map[string]struct {
		answer   func(verify.Delivery) verify.Outcome
		state    verify.DeliveryState
		tried    string
		provider string
		tries    int
		took     time.Duration // until the last try
		free     bool          // another may be asked for at once
	}{
		"to the second, at once": {providers(over("twilio"), verify.Outcome{State: verify.StateAccepted, Provider: "vonage", ProviderID: "1"}),
			verify.StateAccepted, "twilio", "vonage", 2, 0, false},
		"to the third, at once": {providers(over("twilio"), over("vonage"), verify.Outcome{State: verify.StateAccepted, Provider: "sns", ProviderID: "1"}),
			verify.StateAccepted, "twilio,vonage", "sns", 3, 0, false},
		"and nobody takes it: the last is tried as any other": {providers(over("twilio"), over("vonage"), down),
			verify.StateFailed, "twilio,vonage", "sns", 4, time.Second, true},
		"the last refuses": {providers(over("twilio"), verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Provider: "vonage"}),
			verify.StateFailed, "twilio", "vonage", 2, 0, false},
		"the last does not answer: never sent again": {providers(over("twilio"), verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown}),
			verify.StateUnknown, "twilio", "", 2, 0, true},
		"twice by the same one: it is no news": {providers(over("twilio"), over("twilio")),
			verify.StateFailed, "twilio", "twilio", 3, time.Second, true},
		"by nobody: it was none of the tries": {providers(over(""), over(""), over(""), down),
			verify.StateFailed, "", "sns", 5, 4 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.answer = tc.answer
			if err := w.begin(login(number), verify.Situation{}); err != nil {
				t.Fatal(err)
			}
			w.until(30 * time.Second)
			d := w.delivery(verify.SMS, "")
			if d.State != tc.state || d.Tried != tc.tried || d.Provider != tc.provider {
				t.Errorf("%s by %q after %q", d.State, d.Provider, d.Tried)
			}
			if len(w.sent) != tc.tries {
				t.Errorf("%d tries, want %d", len(w.sent), tc.tries)
			}
			if took := d.ChangedAt.Sub(start); took != tc.took {
				t.Errorf("took %s, want %s", took, tc.took)
			}
			if in := w.v.Actions(&w.policy, w.now).SMSIn; (*in == 0) != (tc.free || tc.state == verify.StateFailed) {
				t.Errorf("the next in %d s", *in)
			}
			for _, r := range []verify.DeliveryState{verify.StateUndelivered, verify.StateDelivered} { // of who did not take it
				if w.receive(d, r); d.State != tc.state && tc.tried != "" {
					t.Errorf("a receipt of another provider: %s", d.State)
				}
			}
		})
	}
}

// While no provider can be asked nothing is tried: it waits as long as the code
// lives, and goes out when it can.
func TestWhatAsksNobodyIsNoTry(t *testing.T) {
	for name, tc := range map[string]struct {
		wait  time.Duration // as who asked nobody says
		until time.Duration // then somebody can be asked
		tries int
	}{
		"and goes out when somebody can be asked": {30 * time.Second, 5 * time.Minute, 11},
		"and never spins":                         {0, time.Minute, 121}, // half a second is the least
		"and ends with the code":                  {30 * time.Second, time.Hour, 20},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.answer = func(verify.Delivery) verify.Outcome {
				if w.now.Before(start.Add(tc.until)) {
					return verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Detail: "breaker_open", RetryAfter: tc.wait}
				}
				return verify.Outcome{State: verify.StateAccepted, Provider: "twilio"}
			}
			if err := w.begin(login(number), verify.Situation{}); err != nil {
				t.Fatal(err)
			}
			w.until(tc.until)
			if w.count(verify.SMS) != tc.tries {
				t.Errorf("%d tries, want %d", w.count(verify.SMS), tc.tries)
			}
			if tc.until == time.Hour {
				w.state(verify.SMS, verify.StateFailed)
				return
			}
			w.state(verify.SMS, verify.StateAccepted)
			if d := w.delivery(verify.SMS, ""); d.Attempts != 1 {
				t.Errorf("%d tries are counted", d.Attempts)
			}
		})
	}
}

// Whoever is asked once more after the others, and takes it then, is believed again.
func TestAReceiptOfWhoTookItAfterAll(t *testing.T) {
	w := newWorld(t)
	w.answer = providers(
		verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "twilio", HandOver: true},
		verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "vonage", Jitter: 0.5},
		verify.Outcome{State: verify.StateAccepted, Provider: "twilio", ProviderID: "SM1", Receipts: true})
	if err := w.begin(login(number), verify.Situation{}); err != nil {
		t.Fatal(err)
	}
	w.until(10 * time.Second)
	d := w.delivery(verify.SMS, "")
	if d.State != verify.StateAccepted || d.Provider != "twilio" || d.Tried != "twilio" {
		t.Fatalf("%s by %q after %q", d.State, d.Provider, d.Tried)
	}
	for _, r := range []verify.Receipt{{DeliveryID: d.ID, Provider: "vonage"}, {DeliveryID: d.ID, Provider: "twilio"}} {
		r.State = verify.StateDelivered
		w.v.Receive(r, &w.policy, w.now)
		if delivered := d.State == verify.StateDelivered; delivered != (r.Provider == "twilio") {
			t.Errorf("%s says it: %s", r.Provider, d.State)
		}
	}
}

func TestTheTrailNamesWhoWasTried(t *testing.T) {
	w := newWorld(t)
	w.answer = providers(verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "twilio", HandOver: true, Detail: "20429"},
		verify.Outcome{State: verify.StateAccepted, Provider: "vonage"})
	if err := w.begin(login(number), verify.Situation{}); err != nil {
		t.Fatal(err)
	}
	w.pump()
	want := map[string]string{"delivery.queued": "", "delivery.retrying": "twilio", "delivery.accepted": "vonage"}
	for _, e := range w.events {
		if p, ok := want[e.Name]; ok && e.Data.Provider != p {
			t.Errorf("%s by %q, want %q", e.Name, e.Data.Provider, p)
		}
	}
	w.told("delivery.queued", "delivery.retrying", "delivery.accepted")
}

func TestACallInsteadOfSMS(t *testing.T) {
	failed := func(c verify.Class) verify.Outcome { return verify.Outcome{State: verify.StateFailed, Class: c} }
	down := verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "twilio", Jitter: 0.5}
	accepted := verify.Outcome{State: verify.StateAccepted}
	for name, tc := range map[string]struct {
		change  func(*world, *verify.Request)
		sms     []verify.Outcome // of each SMS asked for, in turn
		calls   int
		dropped bool // the verification ends before
	}{
		"after two that were refused":           {sms: []verify.Outcome{failed(verify.ClassPolicy), failed(verify.ClassPolicy)}, calls: 1},
		"not after one":                         {sms: []verify.Outcome{failed(verify.ClassPolicy), accepted}},
		"an outage counts like a refusal":       {sms: []verify.Outcome{down, down, failed(verify.ClassPolicy)}, calls: 1},
		"not for who takes no messages":         {sms: []verify.Outcome{failed(verify.ClassPermanentUser), failed(verify.ClassPolicy)}},
		"not to a dead number":                  {sms: []verify.Outcome{failed(verify.ClassPolicy), failed(verify.ClassPermanentTarget)}},
		"not for those whose fate nobody knows": {sms: []verify.Outcome{lost(verify.Delivery{}), lost(verify.Delivery{})}},
		"not for those that did not arrive":     {sms: []verify.Outcome{{State: verify.StateUndelivered}, {State: verify.StateUndelivered}}},
		"once":                                  {sms: []verify.Outcome{failed(verify.ClassPolicy), failed(verify.ClassPolicy), failed(verify.ClassPolicy)}, calls: 1},
		"not unless the operator wants it":      {change: func(w *world, _ *verify.Request) { w.policy.VoiceFallback = false }, sms: []verify.Outcome{failed(verify.ClassPolicy), failed(verify.ClassPolicy)}},
		"not where nobody can call":             {change: func(w *world, _ *verify.Request) { w.policy.HasVoice = false }, sms: []verify.Outcome{failed(verify.ClassPolicy), failed(verify.ClassPolicy)}},
		"also where a number is to be proved":   {change: func(_ *world, q *verify.Request) { q.Purpose = verify.Phone }, sms: []verify.Outcome{failed(verify.ClassPolicy), failed(verify.ClassPolicy)}, calls: 1},
		"also where the app is not to be asked": {change: func(_ *world, q *verify.Request) { q.Channel = verify.SMS }, sms: []verify.Outcome{failed(verify.ClassPolicy), failed(verify.ClassPolicy)}, calls: 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.policy.VoiceFallback = true
			q := login(number)
			if tc.change != nil {
				tc.change(w, &q)
			}
			texts := providers(tc.sms...)
			w.answer = func(d verify.Delivery) verify.Outcome {
				if d.Channel == verify.Voice {
					return accepted
				}
				return texts(d)
			}
			if err := w.begin(q, verify.Situation{}); err != nil {
				t.Fatal(err)
			}
			for at := time.Second; at < 9*time.Minute; at += time.Second { // whoever can, asks for another SMS
				if w.until(at); w.count(verify.SMS) < len(tc.sms) {
					_ = w.resend(verify.SMS)
				}
			}
			if got := w.count(verify.Voice); got != tc.calls {
				t.Fatalf("%d calls after %d SMS, want %d", got, w.count(verify.SMS), tc.calls)
			}
			if tc.calls == 1 {
				w.told("delivery.failed", "delivery.failed", verify.EventFallbackStarted, "delivery.queued", "delivery.accepted")
				if d := w.delivery(verify.Voice, ""); !d.Fallback || d.Resend != 0 || d.Country != "US" {
					t.Errorf("%+v", d)
				}
				w.check(w.code())
				if w.v.Method != verify.ByVoiceCode {
					t.Errorf("by %s", w.v.Method)
				}
			}
		})
	}
}

func TestADeadPushTokenIsDropped(t *testing.T) {
	w := newWorld(t)
	d := w.device("dev_1", true, start)
	dead := *d.Push
	d.Push = &verify.PushTarget{Provider: "fcm", Token: "newer"}
	if es := d.DropPush(dead); len(es) != 0 || d.Push == nil {
		t.Error("a newer token was dropped")
	}
	d.Push = &dead
	if es := d.DropPush(dead); d.Push != nil || len(es) != 1 || es[0].Name != verify.EventDeviceTokenInvalid || es[0].Data.Provider != "fcm" {
		t.Errorf("%+v, %+v", d.Push, es)
	}
	if es := d.DropPush(dead); len(es) != 0 {
		t.Error("it was dropped twice")
	}
}
