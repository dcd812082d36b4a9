package verify_test

import (
	"slices"
	"testing"
	"time"

	"nod/verify"
)

// took is what a provider says that took a message and can be asked about it.
func took(d verify.Delivery) verify.Outcome {
	return verify.Outcome{State: verify.StateAccepted, Provider: "twilio", ProviderID: "SM" + d.ID, Receipts: true}
}

// lost is what a sender says that got no answer.
func lost(verify.Delivery) verify.Outcome {
	return verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown}
}

// receive hands a receipt about a delivery in.
func (w *world) receive(d *verify.Delivery, s verify.DeliveryState) {
	r := verify.Receipt{DeliveryID: d.ID, Provider: "twilio", ProviderID: "SM" + d.ID, State: s}
	if s == verify.StateUndelivered {
		r.Class, r.Detail = verify.ClassPermanentTarget, "30005"
	}
	w.v.Receive(r, &w.policy, w.now)
	w.take()
}

var receiptStates = []verify.DeliveryState{verify.StateAccepted, verify.StateUndelivered, verify.StateDelivered}

func TestReceiptsOnlyMoveForward(t *testing.T) {
	const (
		accepted, undelivered, delivered = verify.StateAccepted, verify.StateUndelivered, verify.StateDelivered
		unknown                          = verify.StateUnknown
	)
	for name, tc := range map[string]struct {
		answer func(verify.Delivery) verify.Outcome
		told   []verify.DeliveryState
		want   verify.DeliveryState
		events int // of the receipts
	}{
		"delivered":                              {took, []verify.DeliveryState{delivered}, delivered, 1},
		"undelivered":                            {took, []verify.DeliveryState{undelivered}, undelivered, 1},
		"still on its way":                       {took, []verify.DeliveryState{accepted}, accepted, 0},
		"replayed":                               {took, []verify.DeliveryState{delivered, delivered, delivered}, delivered, 1},
		"an older one comes late":                {took, []verify.DeliveryState{delivered, accepted, undelivered}, delivered, 1},
		"undelivered, then it arrived after all": {took, []verify.DeliveryState{undelivered, delivered}, delivered, 2},
		"no answer, then it was accepted":        {lost, []verify.DeliveryState{accepted}, accepted, 1},
		"no answer, then it arrived":             {lost, []verify.DeliveryState{delivered, accepted}, delivered, 2}, // it was accepted, too
		"no answer, then it did not arrive":      {lost, []verify.DeliveryState{undelivered}, undelivered, 2},
		"no answer and no receipt":               {lost, nil, unknown, 0},
		"a state that no receipt has":            {took, []verify.DeliveryState{verify.StateFailed, verify.StateDisplayed, verify.StateUnknown, ""}, accepted, 0},
		"refused as it was sent": {func(verify.Delivery) verify.Outcome {
			return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy}
		}, receiptStates, verify.StateFailed, 0},
		"not taken as it was sent": {func(verify.Delivery) verify.Outcome {
			return verify.Outcome{State: verify.StateUndelivered, Detail: "30005"}
		}, receiptStates, undelivered, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.answer = tc.answer
			if err := w.begin(login(number), verify.Situation{}); err != nil {
				t.Fatal(err)
			}
			w.pump()
			status, stage, before := w.v.Status, w.v.Stage, len(w.events)
			d := w.delivery(verify.SMS, "")
			for _, s := range tc.told {
				w.now = w.now.Add(time.Second)
				w.receive(d, s)
			}
			if d.State != tc.want {
				t.Errorf("state %s, want %s", d.State, tc.want)
			}
			if undelivered := d.State == verify.StateUndelivered; undelivered != (d.Detail == "30005") {
				t.Errorf("detail %q", d.Detail)
			}
			if got := len(w.events) - before; got != tc.events {
				t.Errorf("%d events, want %d: %v", got, tc.events, w.names())
			}
			w.is(status, stage)
			if w.v.NumberDead {
				t.Error("a receipt declared the number dead")
			}
		})
	}
}

func TestAReceiptLeavesWhatThePageMayDo(t *testing.T) {
	for name, answer := range map[string]func(verify.Delivery) verify.Outcome{"accepted": took, "unknown": lost} {
		for _, s := range receiptStates {
			w := sms(t)
			w.until(time.Minute)
			w.answer = answer
			if err := w.resend(""); err != nil {
				t.Fatal(err)
			}
			w.until(70 * time.Second)
			at := *w.v.Actions(&w.policy, w.now).SMSIn
			count, sent, free := w.v.ResendCount, w.count(verify.SMS), name == "unknown"
			w.receive(w.delivery(verify.SMS, ""), s)
			w.pump()
			if got := *w.v.Actions(&w.policy, w.now).SMSIn; got != at || w.v.ResendCount != count || w.count(verify.SMS) != sent {
				t.Errorf("%s, then %s: the next SMS in %d s, was %d; %d resends, was %d; %d sent", name, s, got, at, w.v.ResendCount, count, w.count(verify.SMS))
			}
			w.is(verify.Pending, verify.CodeEntry)
			v := newest(w)
			if err := v.Resend("", &w.policy, w.now); (err == nil) != free || v.ResendCount != count {
				t.Errorf("%s, then %s: %v, %d resends, was %d", name, s, err, v.ResendCount, count)
			}
		}
	}
}

func TestAReceiptAfterTheEndIsKept(t *testing.T) {
	w := sms(t)
	w.check(w.code())
	w.is(verify.Approved, "")
	seq, ended := w.v.Seq, w.v.EndedAt
	w.now = w.now.Add(time.Hour)
	w.receive(w.delivery(verify.SMS, ""), verify.StateAccepted) // is known
	w.v.Deliveries[0].Provider = "twilio"
	w.receive(w.delivery(verify.SMS, ""), verify.StateDelivered)
	w.is(verify.Approved, "")
	if w.v.EndedAt != ended || !w.v.NextAt.IsZero() {
		t.Errorf("ended at %s, next at %s", w.v.EndedAt, w.v.NextAt)
	}
	if last := w.events[len(w.events)-1]; last.Name != "delivery.delivered" || last.Seq != seq+1 {
		t.Errorf("%s with seq %d after %d", last.Name, last.Seq, seq)
	}
}

// A provider may be quicker with its receipt than with its answer.
func TestAReceiptOvertakesTheAnswer(t *testing.T) {
	for _, s := range receiptStates {
		for name, answer := range map[string]verify.Outcome{
			"accepted": {State: verify.StateAccepted, Provider: "twilio", ProviderID: "SM1", Receipts: true},
			"unknown":  {State: verify.StateUnknown, Class: verify.ClassUnknown},
			"not sent": {State: verify.StateRetrying, Class: verify.ClassTransient},
		} {
			t.Run(string(s)+", then "+name, func(t *testing.T) {
				w := newWorld(t)
				if err := w.begin(login(number), verify.Situation{}); err != nil {
					t.Fatal(err)
				}
				d := w.lease("worker")
				if !w.v.Send(d.ID, "worker", &w.policy, w.now) {
					t.Fatal("it may not leave")
				}
				w.v.Receive(verify.Receipt{DeliveryID: d.ID, Provider: "twilio", State: s}, &w.policy, w.now)
				w.v.Settle(d.ID, "another", answer, &w.policy, w.now)
				if d.LeaseToken != "worker" {
					t.Error("the lease was lost")
				}
				w.v.Settle(d.ID, "worker", answer, &w.policy, w.now)
				w.take()
				if d.State != s || d.LeaseToken != "" {
					t.Errorf("%s, lease %q", d.State, d.LeaseToken)
				}
				if asked := s == verify.StateAccepted && answer.Receipts; d.AskAt.IsZero() == asked {
					t.Errorf("to be asked at %s", d.AskAt)
				}
				if answer.ProviderID != d.ProviderID {
					t.Errorf("message %q", d.ProviderID)
				}
				w.is(verify.Pending, verify.CodeEntry)
				w.until(5 * time.Minute)
				if w.count(verify.SMS) != 0 {
					t.Error("it was sent again")
				}
				refused(t, newest(w).Resend("", &w.policy, start), verify.CodeCooldown)
			})
		}
	}
}

// newest is the verification as it is, to try something on.
func newest(w *world) *verify.Verification {
	v := *w.v
	v.Codes, v.Deliveries = slices.Clone(w.v.Codes), slices.Clone(w.v.Deliveries)
	return &v
}

func TestAReceiptAboutAnotherMessageIsPassedOver(t *testing.T) {
	for name, r := range map[string]func(d *verify.Delivery) verify.Receipt{
		"another verification's": func(*verify.Delivery) verify.Receipt { return verify.Receipt{DeliveryID: "dlv_x", Provider: "twilio"} },
		"another provider's":     func(d *verify.Delivery) verify.Receipt { return verify.Receipt{DeliveryID: d.ID, Provider: "vonage"} },
		"another message's": func(d *verify.Delivery) verify.Receipt {
			return verify.Receipt{DeliveryID: d.ID, Provider: "twilio", ProviderID: "SM0"}
		},
		"another provider's of that id": func(d *verify.Delivery) verify.Receipt {
			return verify.Receipt{Provider: "vonage", ProviderID: d.ProviderID}
		},
		"nobody's": func(*verify.Delivery) verify.Receipt { return verify.Receipt{Provider: "twilio"} },
	} {
		w := newWorld(t)
		w.answer = took
		if err := w.begin(login(number), verify.Situation{}); err != nil {
			t.Fatal(err)
		}
		w.pump()
		d, seq := w.delivery(verify.SMS, ""), w.v.Seq
		about := r(d)
		about.State = verify.StateDelivered
		if w.v.Receive(about, &w.policy, w.now); d.State != verify.StateAccepted || w.v.Seq != seq {
			t.Errorf("%s: %s", name, d.State)
		}
		mine := verify.Receipt{Provider: "twilio", ProviderID: d.ProviderID, State: verify.StateDelivered}
		if w.v.Receive(mine, &w.policy, w.now); d.State != verify.StateDelivered {
			t.Errorf("its own, by the message's id alone: %s", d.State)
		}
	}
}

func TestAProvidersWordIsNoAcknowledgement(t *testing.T) {
	w := began(t, verify.Auto)
	w.until(5 * time.Second)
	w.receive(w.delivery(verify.Push, "dev_1"), verify.StateDelivered)
	w.state(verify.Push, verify.StateAccepted)
	w.until(30 * time.Second)
	if w.count(verify.SMS) != 1 {
		t.Error("the SMS was held back")
	}
}

func TestProvidersAreAsked(t *testing.T) {
	const s = time.Second
	for name, tc := range map[string]struct {
		after  []time.Duration
		answer func(verify.Delivery) verify.Outcome
		told   verify.DeliveryState // what each is answered
		late   time.Duration        // nobody is there to ask until then
		want   []time.Duration
	}{
		"twice, when no receipt comes":         {after: []time.Duration{60 * s, 300 * s}, answer: took, want: []time.Duration{60 * s, 300 * s}},
		"twice, while it is on its way":        {after: []time.Duration{60 * s, 300 * s}, answer: took, told: verify.StateAccepted, want: []time.Duration{60 * s, 300 * s}},
		"once, when that brings the last word": {after: []time.Duration{60 * s, 300 * s}, answer: took, told: verify.StateUndelivered, want: []time.Duration{60 * s}},
		"what was missed is not made up for":   {after: []time.Duration{60 * s, 300 * s}, answer: took, late: 400 * s, want: []time.Duration{400 * s}},
		"nobody whose messages cannot be asked about": {after: []time.Duration{60 * s}, answer: func(verify.Delivery) verify.Outcome {
			return verify.Outcome{State: verify.StateAccepted, Provider: "smtp", ProviderID: "1"}
		}},
		"nobody who named no message": {after: []time.Duration{60 * s}, answer: func(verify.Delivery) verify.Outcome {
			return verify.Outcome{State: verify.StateAccepted, Provider: "twilio", Receipts: true}
		}},
		"nobody, when the operator does not want it": {answer: took},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.policy.AskAfter, w.answer, w.word = tc.after, tc.answer, tc.told
			if err := w.begin(login(number), verify.Situation{}); err != nil {
				t.Fatal(err)
			}
			w.pump()
			if w.now = w.now.Add(tc.late); tc.late > 0 {
				w.pump()
			}
			w.until(9 * time.Minute)
			if !slices.Equal(w.asked, tc.want) {
				t.Errorf("asked after %v, want %v", w.asked, tc.want)
			}
			if d := w.delivery(verify.SMS, ""); !d.AskAt.IsZero() {
				t.Errorf("to be asked again at %s", d.AskAt)
			}
		})
	}
}

func TestWhoWasAskedIsNotDueAgain(t *testing.T) {
	w := newWorld(t)
	w.answer = took
	if err := w.begin(login(number), verify.Situation{}); err != nil {
		t.Fatal(err)
	}
	w.pump()
	for i, after := range w.policy.AskAfter {
		if w.now = start.Add(after); !w.v.NextAt.Equal(w.now) {
			t.Fatalf("due at %s, want %s", w.v.NextAt, w.now)
		}
		d := w.delivery(verify.SMS, "")
		due := w.v.AskDue(&w.policy, w.now)
		if want := (verify.Asked{DeliveryID: d.ID, Channel: verify.SMS, Provider: "twilio", ProviderID: d.ProviderID}); len(due) != 1 || due[0] != want {
			t.Errorf("question %d: %+v", i+1, due)
		}
		if again := w.v.AskDue(&w.policy, w.now); len(again) > 0 || !w.v.NextAt.After(w.now) {
			t.Errorf("again %+v, due at %s", again, w.v.NextAt)
		}
	}
}

// What a try before came to says nothing about who has the message now.
func TestAReceiptIsComparedWithTheLastTry(t *testing.T) {
	w := newWorld(t)
	w.answer = providers(verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "vonage", ProviderID: "1", Jitter: 0.5}, lost(verify.Delivery{}))
	if err := w.begin(login(number), verify.Situation{}); err != nil {
		t.Fatal(err)
	}
	w.until(10 * time.Second)
	w.state(verify.SMS, verify.StateUnknown)
	d := w.delivery(verify.SMS, "")
	if w.receive(d, verify.StateDelivered); d.State != verify.StateDelivered || d.Provider != "twilio" || d.ProviderID != "SM"+d.ID {
		t.Errorf("%s by %q as %q", d.State, d.Provider, d.ProviderID)
	}
}

func TestNobodyIsAskedAboutWhatEnded(t *testing.T) {
	w := newWorld(t)
	w.answer = took
	if err := w.begin(login(number), verify.Situation{}); err != nil {
		t.Fatal(err)
	}
	w.pump()
	w.check(w.code())
	w.until(10 * time.Minute)
	if len(w.asked) > 0 || !w.v.NextAt.IsZero() {
		t.Errorf("asked after %v, next at %s", w.asked, w.v.NextAt)
	}
}

func TestAReceiptSparesTheQuestion(t *testing.T) {
	w := newWorld(t)
	w.answer = took
	if err := w.begin(login(number), verify.Situation{}); err != nil {
		t.Fatal(err)
	}
	w.until(time.Second)
	w.receive(w.delivery(verify.SMS, ""), verify.StateDelivered)
	w.until(9 * time.Minute)
	if len(w.asked) > 0 {
		t.Errorf("asked after %v", w.asked)
	}
}
