package verify_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"nod/verify"
)

// sms starts a verification of a number whose code has just left.
func sms(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	if err := w.begin(verify.Request{Purpose: verify.Phone, Number: verify.StoredNumber(number)}, verify.Situation{}); err != nil {
		t.Fatal(err)
	}
	w.pump()
	w.is(verify.Pending, verify.CodeEntry)
	return w
}

func (w *world) check(code string) bool {
	w.t.Helper()
	ok, err := w.v.Check(w.auth.Keys(), code, &w.policy, w.now)
	if err != nil {
		w.t.Fatalf("check: %v", err)
	}
	w.take()
	return ok
}

func (w *world) resend(c verify.Channel) error {
	err := w.v.Resend(c, &w.policy, w.now)
	w.take()
	if err == nil {
		w.pump()
	}
	return err
}

func TestResendDelays(t *testing.T) {
	w := sms(t)
	at := time.Duration(0)
	for i, delay := range []time.Duration{60, 120, 300} {
		delay *= time.Second
		if got := w.v.ResendDelay(&w.policy); got != delay {
			t.Fatalf("delay before resend %d is %s, want %s", i+1, got, delay)
		}
		w.until(at + delay - time.Millisecond)
		if r := refused(t, w.resend(""), verify.CodeCooldown); verify.Rest(r.RetryAfter) != 1 {
			t.Errorf("retry after %s, want 1 ms", r.RetryAfter)
		}
		at += delay
		w.until(at)
		if err := w.resend(""); err != nil {
			t.Fatalf("resend %d at its time: %v", i+1, err)
		}
		if w.v.ResendCount != i+1 || w.count(verify.SMS) != i+2 {
			t.Fatalf("count %d, %d SMS after resend %d", w.v.ResendCount, w.count(verify.SMS), i+1)
		}
	}
	w.until(at + 300*time.Second)
	refused(t, w.resend(""), verify.CodeMaxResends)
	var steps []int
	for _, e := range w.events {
		if e.Name == verify.EventResendRequested {
			steps = append(steps, e.Data.Step)
		}
	}
	if !slices.Equal(steps, []int{60, 120, 300}) {
		t.Errorf("steps on record: %v", steps)
	}
}

func TestAResendRepeatsTheCodeForHalfItsLife(t *testing.T) {
	w := sms(t)
	first := w.code()
	w.until(60 * time.Second)
	if err := w.resend(""); err != nil {
		t.Fatal(err)
	}
	if w.code() != first {
		t.Error("a young code was not repeated")
	}
	w.until(301 * time.Second)
	if err := w.resend(""); err != nil {
		t.Fatal(err)
	}
	if w.code() == first || len(w.v.Codes) != 2 {
		t.Error("an old code was repeated")
	}
	if !w.check(first) {
		t.Error("the earlier code is no longer good")
	}
	if w.v.Method != verify.BySMSCode {
		t.Errorf("method %s", w.v.Method)
	}
}

func TestWrongCodes(t *testing.T) {
	w := sms(t)
	for left := 2; left >= 0; left-- {
		if w.check(w.wrong()) {
			t.Fatal("a wrong code was right")
		}
		if got := w.v.AttemptsLeft(w.now); got != left {
			t.Fatalf("%d tries left, want %d", got, left)
		}
	}
	w.is(verify.Pending, verify.AwaitingResend)
	_, err := w.v.Check(w.auth.Keys(), w.code(), &w.policy, w.now)
	refused(t, err, verify.CodeTooManyAttempts)
	w.told(verify.EventCheckFailed, verify.EventCheckFailed, verify.EventCheckFailed, verify.EventCodeExhausted)

	w.until(60 * time.Second)
	if err := w.resend(""); err != nil {
		t.Fatal(err)
	}
	if len(w.v.Codes) != 2 {
		t.Fatal("a used-up code was repeated")
	}
	if !w.check(w.code()) {
		t.Fatal("the new code is wrong")
	}
	w.is(verify.Approved, "")
	_, err = w.v.Check(w.auth.Keys(), w.code(), &w.policy, w.now)
	refused(t, err, verify.CodeAlreadyDecided)
}

func TestARefusedResendIsOnRecordOnce(t *testing.T) {
	w := sms(t)
	ask := func(c verify.Channel) {
		if r, ok := errors.AsType[*verify.Refusal](w.resend(c)); ok {
			w.v.RejectResend(r, w.now)
		}
		w.take()
	}
	for range 100 { // by turns, so that no refusal follows its like
		ask("")
		ask(verify.Push)
	}
	w.until(60 * time.Second)
	ask("") // is taken
	for range 100 {
		ask("")
	}
	var got []string
	for _, e := range w.events {
		if e.Name == verify.EventResendRejected {
			got = append(got, e.Data.Refusal)
		}
	}
	if want := []string{verify.CodeCooldown, verify.CodeNoChannel, verify.CodeCooldown}; !slices.Equal(got, want) {
		t.Errorf("on record: %v, want %v", got, want)
	}
}

func TestAWrongGuessCostsEveryLiveCode(t *testing.T) {
	w := sms(t)
	w.until(301 * time.Second)
	if err := w.resend(""); err != nil {
		t.Fatal(err)
	}
	w.check(w.wrong())
	if w.v.Codes[0].Tries != 1 || w.v.Codes[1].Tries != 1 {
		t.Errorf("tries %d and %d", w.v.Codes[0].Tries, w.v.Codes[1].Tries)
	}
}

func TestUsedUpTriesWithoutAResendFail(t *testing.T) {
	w := newWorld(t)
	w.policy.Resends = 0
	if err := w.begin(verify.Request{Purpose: verify.Phone, Number: verify.StoredNumber(number)}, verify.Situation{}); err != nil {
		t.Fatal(err)
	}
	w.pump()
	for range 3 {
		w.check(w.wrong())
	}
	w.is(verify.Failed, "")
	if w.v.Reason != verify.MaxAttempts {
		t.Errorf("reason %s", w.v.Reason)
	}
}

func TestAnUnknownSMSIsNeverRepeatedByItself(t *testing.T) {
	w := newWorld(t)
	w.answer = func(verify.Delivery) verify.Outcome {
		return verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown}
	}
	if err := w.begin(verify.Request{Purpose: verify.Phone, Number: verify.StoredNumber(number)}, verify.Situation{}); err != nil {
		t.Fatal(err)
	}
	w.until(5 * time.Minute)
	if w.count(verify.SMS) != 1 {
		t.Fatalf("%d SMS left", w.count(verify.SMS))
	}
	w.is(verify.Pending, verify.CodeEntry) // it may have arrived
	w.answer = nil
	if err := w.resend(""); err != nil {
		t.Fatalf("a resend at once: %v", err)
	}
	if w.v.ResendCount != 0 {
		t.Error("it cost a count")
	}
	for _, e := range w.events {
		if e.Name == verify.EventResendRequested && e.Data.Step != 0 {
			t.Errorf("a resend that waited for nothing is on record with a step of %d s", e.Data.Step)
		}
	}
	refused(t, w.resend(""), verify.CodeCooldown)
}

func TestAnUnknownSMSMakesNoPromptFree(t *testing.T) {
	w := began(t, verify.Both)
	w.answer = func(d verify.Delivery) verify.Outcome {
		if d.Channel == verify.SMS {
			return verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown}
		}
		return verify.Outcome{State: verify.StateAccepted}
	}
	w.pump()
	refused(t, w.resend(verify.Push), verify.CodeCooldown)
	w.until(time.Minute + 5*time.Second) // after the push
	if err := w.resend(verify.Push); err != nil {
		t.Fatal(err)
	}
	if w.v.ResendCount != 1 {
		t.Errorf("%d resends counted", w.v.ResendCount)
	}
	if err := w.resend(verify.SMS); err != nil {
		t.Errorf("the SMS is not free any more: %v", err)
	}
}

// The first code is no resend, whether it is asked for as the next channel or by
// its name.
func TestTheFirstCodeIsFree(t *testing.T) {
	w := began(t, verify.Auto)
	w.pump()
	if err := w.resend(verify.SMS); err != nil {
		t.Fatal(err)
	}
	w.is(verify.Pending, verify.CodeEntry)
	if w.v.ResendCount != 0 {
		t.Error("it cost a count")
	}
	refused(t, w.resend(verify.SMS), verify.CodeCooldown)
}

func TestWhatNeedsNoCountKeepsTheSessionAlive(t *testing.T) {
	w := began(t, verify.Auto)
	w.policy.Resends = 0
	w.pump()
	if err := w.v.Display(w.delivery(verify.WebSocket, "dev_1").ID, "dev_1", &w.policy, w.now); err != nil {
		t.Fatal(err)
	}
	w.until(w.policy.PromptLife)
	w.is(verify.Pending, verify.AwaitingResend)
	w.answer = func(verify.Delivery) verify.Outcome {
		return verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "twilio"}
	}
	if err := w.v.Next(&w.policy, w.now); err != nil {
		t.Fatal(err)
	}
	w.until(w.policy.PromptLife + time.Minute)
	w.is(verify.Pending, verify.AwaitingResend) // an outage costs nothing
	w.answer = nil
	if err := w.resend(""); err != nil {
		t.Fatal(err)
	}
	w.until(w.policy.PromptLife + time.Minute + w.policy.CodeLife)
	w.is(verify.Expired, "")
}

func TestAnOutageCostsNothingARefusalCounts(t *testing.T) {
	w := sms(t)
	w.until(60 * time.Second)
	w.answer = func(verify.Delivery) verify.Outcome {
		return verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "twilio", Jitter: 0.5}
	}
	if err := w.resend(""); err != nil {
		t.Fatal(err)
	}
	w.until(70 * time.Second)
	if w.v.ResendCount != 0 {
		t.Errorf("an outage cost the count: %d", w.v.ResendCount)
	}
	w.answer = func(verify.Delivery) verify.Outcome {
		return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Detail: "30007"}
	}
	if err := w.resend(""); err != nil {
		t.Fatal(err)
	}
	if err := w.resend(""); err != nil {
		t.Fatal(err)
	}
	if w.v.ResendCount != 1 {
		t.Errorf("count %d: the repeat of the outage is free, the one after the refusal counts", w.v.ResendCount)
	}
}

// What is leaving holds another back. What was certainly not taken does not: it is
// taken back, so that the person gets one message, and costs nothing.
func TestAnotherCodeInPlaceOfOneThatWasNotTaken(t *testing.T) {
	down := verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "twilio", RetryAfter: 20 * time.Second}
	over := verify.Outcome{State: verify.StateRetrying, Class: verify.ClassPolicy, Provider: "twilio", HandOver: true}
	waits := verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Detail: "breaker_open", RetryAfter: 20 * time.Second}
	ask := func(ch verify.Channel) func(*world) error {
		return func(w *world) error { return w.v.Resend(ch, &w.policy, w.now) }
	}
	next := func(w *world) error { return w.v.Next(&w.policy, w.now) }
	for name, tc := range map[string]struct {
		first verify.Outcome // of the first SMS
		ask   func(*world) error
		over  verify.Channel
	}{
		"the same again":                      {down, ask(""), verify.SMS},
		"a call":                              {down, ask(verify.Voice), verify.Voice},
		"a mail":                              {down, ask(verify.Email), verify.Email},
		"the next channel":                    {down, next, verify.SMS},
		"while another provider is asked":     {over, ask(""), verify.SMS},
		"while no provider can be asked":      {waits, ask(verify.SMS), verify.SMS},
		"the next, where nobody can be asked": {waits, next, verify.SMS},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			q := login(number)
			q.Email = verify.StoredMailbox(address)
			if err := w.begin(q, verify.Situation{}); err != nil {
				t.Fatal(err)
			}
			refused(t, tc.ask(w), verify.CodeInProgress) // queued
			d := w.lease("w")
			refused(t, tc.ask(w), verify.CodeInProgress)
			w.v.Send(d.ID, "w", &w.policy, w.now)
			refused(t, tc.ask(w), verify.CodeInProgress)
			w.v.Settle(d.ID, "w", tc.first, &w.policy, w.now)
			first := d.ID
			w.state(verify.SMS, verify.StateRetrying)
			if in := w.v.Actions(&w.policy, w.now).SMSIn; in == nil || *in != 0 {
				t.Errorf("an SMS in %v s", in)
			}
			if err := tc.ask(w); err != nil {
				t.Fatal(err)
			}
			if d := w.v.Delivery(first); d.State != verify.StateCanceled {
				t.Errorf("the first is %s", d.State)
			}
			refused(t, tc.ask(w), verify.CodeInProgress)
			w.until(time.Minute)
			if len(w.sent) != 1 || w.sent[0].Channel != tc.over || w.v.ResendCount != 0 {
				t.Errorf("left: %+v, %d resends", w.sent, w.v.ResendCount)
			}
			w.is(verify.Pending, verify.CodeEntry)
		})
	}
}

// A resend that was not taken gives its count back, and what is asked for instead
// of it over the number stays free after another request to the app.
func TestTheAppInPlaceOfACodeThatWasNotTaken(t *testing.T) {
	w := began(t, verify.Both)
	w.pump()
	w.until(time.Minute + 5*time.Second)
	w.answer = func(d verify.Delivery) verify.Outcome {
		if d.Channel == verify.SMS {
			return verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Detail: "breaker_open", RetryAfter: 30 * time.Second}
		}
		return verify.Outcome{State: verify.StateAccepted}
	}
	if err := w.resend(verify.SMS); err != nil {
		t.Fatal(err)
	}
	if w.state(verify.SMS, verify.StateRetrying); w.v.ResendCount != 1 {
		t.Fatalf("%d resends", w.v.ResendCount)
	}
	w.until(3*time.Minute + 10*time.Second)
	w.state(verify.SMS, verify.StateRetrying)
	w.answer = nil
	if err := w.resend(verify.Push); err != nil {
		t.Fatal(err)
	}
	if w.v.ResendCount != 1 {
		t.Errorf("%d resends, want the one over push", w.v.ResendCount)
	}
	if err := w.resend(verify.SMS); err != nil || w.v.ResendCount != 1 {
		t.Errorf("the SMS: %v, %d resends", err, w.v.ResendCount)
	}
}

func TestTheNextSessionKeepsTheStep(t *testing.T) {
	w := sms(t)
	w.until(60 * time.Second)
	if err := w.resend(""); err != nil {
		t.Fatal(err)
	}
	earlier := w.v
	again := verify.Request{Purpose: verify.Phone, Number: verify.StoredNumber(number)}
	r := refused(t, w.begin(again, verify.Situation{Earlier: earlier}), verify.CodeCooldown)
	if r.RetryAfter != 120*time.Second || r.VerificationID != w.v.ID {
		t.Errorf("refusal %+v", r)
	}
	w.is(verify.Blocked, "")
	w.now = start.Add(180 * time.Second)
	if err := w.begin(again, verify.Situation{Earlier: earlier}); err != nil {
		t.Fatal(err)
	}
	if w.v.ResendCount != 0 || w.v.ResendDelay(&w.policy) != 120*time.Second {
		t.Errorf("count %d, delay %s", w.v.ResendCount, w.v.ResendDelay(&w.policy))
	}
}

func TestAnHourLaterTheStepIsForgotten(t *testing.T) {
	w := newWorld(t)
	w.policy.ResendDelays = []time.Duration{time.Minute, 2 * time.Hour}
	again := verify.Request{Purpose: verify.Phone, Number: verify.StoredNumber(number)}
	earlier := func(ago time.Duration) verify.Situation {
		return verify.Situation{Earlier: &verify.Verification{ResendCount: 1, CodeAcceptedAt: start.Add(-ago)}}
	}
	refused(t, w.begin(again, earlier(time.Hour-time.Second)), verify.CodeCooldown)
	if err := w.begin(again, earlier(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if w.v.ResendDelay(&w.policy) != time.Minute {
		t.Errorf("delay %s", w.v.ResendDelay(&w.policy))
	}
}

func TestANumberIsProvedByACodeOverIt(t *testing.T) {
	w := newWorld(t)
	s := verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start)}}
	for ch, code := range map[verify.Channel]string{
		verify.Auto: "", verify.SMS: "", verify.Voice: "", verify.Push: verify.CodeInvalidRequest, verify.Both: verify.CodeInvalidRequest, verify.Email: verify.CodeInvalidRequest,
	} {
		err := w.begin(verify.Request{Purpose: verify.Phone, Number: verify.StoredNumber(number), Channel: ch}, s)
		if code != "" {
			refused(t, err, code)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", ch, err)
			continue
		}
		w.pump()
		w.is(verify.Pending, verify.CodeEntry)
		refused(t, w.resend(verify.Push), verify.CodeNoChannel)
		w.check(w.code())
		if voice := w.v.Method == verify.ByVoiceCode; voice != (ch == verify.Voice) {
			t.Errorf("%s: method %s", ch, w.v.Method)
		}
	}
	if w.count(verify.WebSocket)+w.count(verify.Push) != 0 {
		t.Error("the app was asked")
	}
	refused(t, w.begin(verify.Request{Purpose: verify.Phone}, s), verify.CodeInvalidPhone)
}

// A session of calls sends an SMS when the person names it, and never by itself.
func TestACallMayBeFollowedByAnSMS(t *testing.T) {
	for _, purpose := range []verify.Purpose{verify.Login, verify.Phone} {
		w := newWorld(t)
		w.policy.VoiceFallback = true
		s := verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start)}}
		if err := w.begin(verify.Request{Purpose: purpose, Number: verify.StoredNumber(number), Channel: verify.Voice}, s); err != nil {
			t.Fatal(err)
		}
		w.until(50 * time.Second)
		if in := w.v.Actions(&w.policy, w.now).SMSIn; in == nil || *in != 10 {
			t.Fatalf("an SMS in %v s, want 10", in)
		}
		w.until(time.Minute)
		refused(t, w.v.Next(&w.policy, w.now), verify.CodeConflict)
		if err := w.resend(""); err != nil || w.count(verify.Voice) != 2 || w.count(verify.SMS) != 0 {
			t.Fatalf("%v, %d calls, %d SMS", err, w.count(verify.Voice), w.count(verify.SMS))
		}
		w.until(3 * time.Minute)
		if err := w.resend(verify.SMS); err != nil || w.count(verify.SMS) != 1 {
			t.Fatalf("%v, %d SMS", err, w.count(verify.SMS))
		}
		w.until(8 * time.Minute)
		if w.check(w.code()); w.v.Method != verify.BySMSCode || w.count(verify.WebSocket) != 0 {
			t.Errorf("by %s, and the app was asked %d times", w.v.Method, w.count(verify.WebSocket))
		}
	}
}

func TestReuseVoidsTheSecretAndSendsNothing(t *testing.T) {
	w := sms(t)
	before := w.auth.Keys().ClientSecret(w.v)
	w.v.Reuse(w.now)
	w.take()
	w.pump()
	if w.auth.Keys().CheckClientSecret(w.v, before) || !w.auth.Keys().CheckClientSecret(w.v, w.auth.Keys().ClientSecret(w.v)) {
		t.Error("the old secret still opens it, or the new one does not")
	}
	if w.count(verify.SMS) != 1 {
		t.Errorf("%d SMS", w.count(verify.SMS))
	}
	w.told(verify.EventReused)
}

func TestADeadNumberOffersNoResendToIt(t *testing.T) {
	w := newWorld(t)
	w.answer = func(verify.Delivery) verify.Outcome {
		return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget, Detail: "21211"}
	}
	if err := w.begin(login(number), verify.Situation{}); err != nil {
		t.Fatal(err)
	}
	w.until(11 * time.Minute)
	w.is(verify.Failed, "")
	if w.v.Reason != verify.Undeliverable {
		t.Errorf("reason %s", w.v.Reason)
	}
}

func TestActions(t *testing.T) {
	w := newWorld(t)
	if err := w.begin(login(number), verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start)}}); err != nil {
		t.Fatal(err)
	}
	at := func(what string, got *int, want int) {
		t.Helper()
		switch {
		case got == nil && want >= 0:
			t.Errorf("%s is not possible, want in %d s", what, want)
		case got != nil && *got != want:
			t.Errorf("%s in %d s, want %d", what, *got, want)
		}
	}
	a := w.v.Actions(&w.policy, w.now)
	at("sms while the request leaves", a.SMSIn, 0)
	at("push while the request leaves", a.PushIn, 60)
	w.pump()
	a = w.v.Actions(&w.policy, w.now)
	at("sms", a.SMSIn, 0)
	at("push", a.PushIn, 60)
	at("check", a.CheckIn, -1)
	if err := w.v.Display(w.delivery(verify.WebSocket, "dev_1").ID, "dev_1", &w.policy, w.now); err != nil {
		t.Fatal(err)
	}
	at("sms while the request is shown", w.v.Actions(&w.policy, w.now).SMSIn, 10)
	w.now = w.now.Add(12 * time.Second)
	if err := w.v.Next(&w.policy, w.now); err != nil {
		t.Fatal(err)
	}
	at("sms while it leaves", w.v.Actions(&w.policy, w.now).SMSIn, 60)
	w.pump()
	w.is(verify.Pending, verify.CodeEntry)
	a = w.v.Actions(&w.policy, w.now)
	at("check", a.CheckIn, 0)
	at("sms after it left", a.SMSIn, 60)
	refused(t, w.v.Next(&w.policy, w.now), verify.CodeConflict)
	if w.v.ResendCount != 0 {
		t.Error("the next channel cost a resend")
	}
}

func TestTheSessionEnds(t *testing.T) {
	w := sms(t)
	w.until(time.Hour - time.Millisecond)
	w.is(verify.Pending, verify.AwaitingResend)
	w.until(time.Hour)
	w.is(verify.Expired, "")
	refused(t, w.resend(""), verify.CodeExpired)
	refused(t, w.v.Cancel(w.now), verify.CodeExpired)
}
