package verify_test

import (
	"slices"
	"testing"
	"time"

	"nod/verify"
)

// began starts a verification of one device, seen a moment ago, and a number.
func began(t *testing.T, ch verify.Channel) *world {
	t.Helper()
	w := newWorld(t)
	q := login(number)
	q.Channel = ch
	if err := w.begin(q, verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start)}}); err != nil {
		t.Fatal(err)
	}
	return w
}

// lease takes what is due for a worker and gives back the only delivery.
func (w *world) lease(worker string) *verify.Delivery {
	w.t.Helper()
	w.v.Advance(&w.policy, w.now)
	ids := w.v.Lease(&w.policy, worker, w.now)
	if len(ids) != 1 {
		w.t.Fatalf("%d deliveries leased, want 1: %+v", len(ids), w.v.Deliveries)
	}
	return w.v.Delivery(ids[0])
}

func (w *world) state(c verify.Channel, want verify.DeliveryState) {
	w.t.Helper()
	d := w.v.Deliveries[len(w.v.Deliveries)-1]
	if d.Channel != c || d.State != want {
		w.t.Fatalf("the last delivery is a %s %s, want a %s %s", d.Channel, d.State, c, want)
	}
}

func TestADeadWorkersDeliveries(t *testing.T) {
	t.Run("leased: nothing had left, another sends it", func(t *testing.T) {
		w := began(t, verify.SMS)
		d := w.lease("dead")
		w.now = w.now.Add(w.policy.LeaseLife)
		if again := w.lease("alive"); again.ID != d.ID {
			t.Fatal("another delivery was leased")
		}
		if w.v.Send(d.ID, "dead", &w.policy, w.now) {
			t.Error("the first worker woke and may send")
		}
		if !w.v.Send(d.ID, "alive", &w.policy, w.now) {
			t.Error("the second worker may not send")
		}
	})
	t.Run("sending: a code may have left and is not sent again", func(t *testing.T) {
		w := began(t, verify.SMS)
		d := w.lease("dead")
		w.v.Send(d.ID, "dead", &w.policy, w.now)
		w.now = w.now.Add(w.policy.LeaseLife)
		w.pump()
		w.state(verify.SMS, verify.StateUnknown)
		w.is(verify.Pending, verify.CodeEntry)
		w.v.Settle(d.ID, "dead", verify.Outcome{State: verify.StateFailed}, &w.policy, w.now)
		w.state(verify.SMS, verify.StateUnknown)
		if len(w.sent) != 0 {
			t.Error("it was sent again")
		}
	})
	t.Run("sending: a prompt is sent again", func(t *testing.T) {
		w := began(t, verify.Push)
		w.v.Send(w.lease("dead").ID, "dead", &w.policy, w.now)
		w.now = w.now.Add(w.policy.LeaseLife)
		w.pump()
		if w.count(verify.WebSocket) != 1 {
			t.Error("it was not sent again")
		}
	})
}

func TestSendingRenewsTheLease(t *testing.T) {
	w := began(t, verify.SMS)
	d := w.lease("slow")
	w.now = w.now.Add(w.policy.LeaseLife - time.Second)
	first := w.v.Send(d.ID, "slow", &w.policy, w.now)
	if again := w.v.Send(d.ID, "slow", &w.policy, w.now); !first || !again {
		t.Fatal("the worker may not send, or not ask twice")
	}
	w.now = w.now.Add(w.policy.LeaseLife - time.Second)
	w.v.Advance(&w.policy, w.now)
	w.v.Settle(d.ID, "slow", verify.Outcome{State: verify.StateAccepted}, &w.policy, w.now)
	w.state(verify.SMS, verify.StateAccepted)
}

func TestNothingIsSentThatHasEnded(t *testing.T) {
	t.Run("a code that expired while the server was down", func(t *testing.T) {
		w := began(t, verify.SMS)
		w.now = w.now.Add(w.policy.CodeLife)
		w.pump()
		w.state(verify.SMS, verify.StateExpired)
		w.is(verify.Pending, verify.AwaitingResend)
	})
	t.Run("a code that expired between lease and send", func(t *testing.T) {
		w := began(t, verify.SMS)
		d := w.lease("slow")
		w.now = w.now.Add(w.policy.CodeLife)
		if w.v.Send(d.ID, "slow", &w.policy, w.now) {
			t.Error("it may be sent")
		}
		w.state(verify.SMS, verify.StateExpired)
	})
	t.Run("a code whose tries were used up, on its second way", func(t *testing.T) {
		w := began(t, verify.SMS)
		w.pump()
		w.now = w.now.Add(time.Minute)
		if err := w.v.Resend("", &w.policy, w.now); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := w.v.Check(w.auth.Keys(), w.wrong(), &w.policy, w.now); err != nil {
				t.Fatal(err)
			}
		}
		w.pump()
		w.state(verify.SMS, verify.StateExpired)
		if w.count(verify.SMS) != 1 || w.v.ResendCount != 0 {
			t.Errorf("%d sent, %d resends counted", w.count(verify.SMS), w.v.ResendCount)
		}
	})
	t.Run("a prompt that ended while a push waited for its second try", func(t *testing.T) {
		w := began(t, verify.Push)
		w.answer = func(d verify.Delivery) verify.Outcome {
			if d.Channel == verify.Push {
				return verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, RetryAfter: 110 * time.Second}
			}
			return nobody(d)
		}
		w.pump()
		w.state(verify.Push, verify.StateRetrying)
		w.now = w.now.Add(w.policy.PromptLife)
		w.pump()
		w.state(verify.Push, verify.StateExpired)
	})
	t.Run("a push that failed for a moment after the end", func(t *testing.T) {
		w := began(t, verify.Push)
		d := w.lease("slow")
		w.v.Send(d.ID, "slow", &w.policy, w.now)
		if err := w.v.Cancel(w.now); err != nil {
			t.Fatal(err)
		}
		w.v.Settle(d.ID, "slow", verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient}, &w.policy, w.now)
		w.state(verify.WebSocket, verify.StateCanceled)
	})
}

// What has left is told as it is, also after the end.
func TestWhatLeftBeforeTheEndIsKnown(t *testing.T) {
	w := began(t, verify.SMS)
	d := w.lease("slow")
	w.v.Send(d.ID, "slow", &w.policy, w.now)
	if err := w.v.Cancel(w.now); err != nil {
		t.Fatal(err)
	}
	w.state(verify.SMS, verify.StateSending)
	w.v.Settle(d.ID, "slow", verify.Outcome{State: verify.StateAccepted}, &w.policy, w.now)
	w.state(verify.SMS, verify.StateAccepted)
	w.is(verify.Canceled, "")
}

func TestReceipts(t *testing.T) {
	w := began(t, verify.Push)
	w.pump()
	d := w.delivery(verify.WebSocket, "dev_1")
	silent := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if es := w.v.TakeEvents(); len(es) != 0 {
			t.Errorf("%s told %+v", what, es)
		}
	}
	refused(t, w.v.Acknowledge(d.ID, "dev_2", &w.policy, w.now), verify.CodeNotFound)
	refused(t, w.v.Acknowledge("dlv_none", "dev_1", &w.policy, w.now), verify.CodeNotFound)
	if err := w.v.Display(d.ID, "dev_1", &w.policy, w.now); err != nil {
		t.Fatal(err)
	}
	w.take()
	w.is(verify.Pending, verify.Prompted)
	silent("a display again", w.v.Display(d.ID, "dev_1", &w.policy, w.now))
	silent("an acknowledgement after the display", w.v.Acknowledge(d.ID, "dev_1", &w.policy, w.now))
	w.state(verify.WebSocket, verify.StateDisplayed)

	w.now = w.now.Add(time.Minute)
	if err := w.resend(verify.Push); err != nil {
		t.Fatal(err)
	}
	silent("a receipt of the prompt before", w.v.Display(d.ID, "dev_1", &w.policy, w.now))
	if !w.v.Prompt.DisplayedAt.IsZero() {
		t.Error("the new prompt counts as shown")
	}
}

func TestAProvidersRetryAfterIsHonoured(t *testing.T) {
	w := began(t, verify.SMS)
	w.policy.SMSTries = 3
	d := w.lease("w")
	w.v.Send(d.ID, "w", &w.policy, w.now)
	w.v.Settle(d.ID, "w", verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, RetryAfter: 40 * time.Second}, &w.policy, w.now)
	if got := w.v.Delivery(d.ID).DueAt.Sub(w.now); got != 40*time.Second {
		t.Errorf("again in %s, want 40 s", got)
	}
	w.now = w.now.Add(40 * time.Second)
	w.v.Send(w.lease("w").ID, "w", &w.policy, w.now)
	w.v.Settle(d.ID, "w", verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, RetryAfter: w.policy.CodeLife}, &w.policy, w.now)
	w.state(verify.SMS, verify.StateFailed) // the code would be dead by then
}

func TestAPushWithoutAnAnswerIsSentAgain(t *testing.T) {
	w := began(t, verify.Push)
	w.answer = func(d verify.Delivery) verify.Outcome {
		if d.Channel == verify.Push {
			return verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Jitter: 0.5}
		}
		return nobody(d)
	}
	w.until(time.Minute)
	w.state(verify.Push, verify.StateUnknown)
	if got := w.count(verify.Push); got != w.policy.PushesPerRound {
		t.Errorf("%d pushes, want %d", got, w.policy.PushesPerRound)
	}
}

func TestASocketWithoutAnAnswerDoesNotHoldUpThePush(t *testing.T) {
	w := began(t, verify.Push)
	w.answer = func(d verify.Delivery) verify.Outcome {
		if d.Channel == verify.WebSocket {
			return verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown, Jitter: 0.5}
		}
		return nobody(d)
	}
	w.until(10 * time.Second)
	w.state(verify.Push, verify.StateAccepted)
}

// The phone's acknowledgement may be written before the outcome of the send it
// acknowledges: what follows is the same.
func TestAnAcknowledgementOvertakesTheOutcome(t *testing.T) {
	w := began(t, verify.Push)
	d := w.lease("w")
	w.v.Send(d.ID, "w", &w.policy, w.now)
	if err := w.v.Acknowledge(d.ID, "dev_1", &w.policy, w.now); err != nil {
		t.Fatal(err)
	}
	w.v.Settle(d.ID, "w", verify.Outcome{State: verify.StateAccepted}, &w.policy, w.now)
	w.state(verify.WebSocket, verify.StateDelivered)
	if got := w.v.CooldownRest(&w.policy, w.now); got != time.Minute {
		t.Errorf("the cooldown has %s left, want a minute", got)
	}
}

// An acknowledgement takes the push back; whoever leaves the app after that is
// still to be reached.
func TestAwayAfterThePushWasTakenBack(t *testing.T) {
	w := began(t, verify.Push)
	w.pump()
	w.now = w.now.Add(w.policy.SocketTimeout)
	w.v.Advance(&w.policy, w.now)
	if err := w.v.Acknowledge(w.delivery(verify.WebSocket, "dev_1").ID, "dev_1", &w.policy, w.now); err != nil {
		t.Fatal(err)
	}
	w.state(verify.Push, verify.StateCanceled)
	for range 2 { // the second has one under way
		w.v.Away("dev_1", &w.policy, w.now)
		w.pump()
		w.state(verify.Push, verify.StateAccepted)
	}
	if got := w.count(verify.Push); got != 1 {
		t.Errorf("%d pushes, want 1", got)
	}
}

func TestAnUndeliverableNumberEndsWhatHasNoOtherWay(t *testing.T) {
	w := began(t, verify.SMS)
	w.answer = func(verify.Delivery) verify.Outcome {
		return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget, Detail: "21211"}
	}
	w.pump()
	w.is(verify.Failed, "")
	if w.v.Reason != verify.Undeliverable {
		t.Errorf("reason %s", w.v.Reason)
	}
}

func TestAnUndeliverableNumberLeavesOtherWaysOpen(t *testing.T) {
	dead := func(d verify.Delivery) verify.Outcome {
		if d.Channel == verify.SMS {
			return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget, Detail: "21211"}
		}
		return verify.Outcome{State: verify.StateAccepted}
	}
	t.Run("the app", func(t *testing.T) {
		w := began(t, verify.Both)
		w.answer = dead
		w.until(w.policy.PromptLife)
		w.is(verify.Pending, verify.AwaitingResend)
		if err := w.resend(verify.Push); err != nil {
			t.Error(err)
		}
	})
	t.Run("another number", func(t *testing.T) {
		w := newWorld(t)
		w.answer = dead
		if err := w.begin(verify.Request{Purpose: verify.Phone, Number: verify.StoredNumber(number)}, verify.Situation{}); err != nil {
			t.Fatal(err)
		}
		w.until(time.Minute)
		w.is(verify.Pending, verify.AwaitingResend)
		refused(t, w.resend(""), verify.CodeNoChannel)
	})
}

func TestAnEarlierCodeCanBeTypedWhileTheNextIsOnItsWay(t *testing.T) {
	w := began(t, verify.SMS)
	w.pump()
	w.now = w.now.Add(6 * time.Minute) // past half its life
	if err := w.v.Resend("", &w.policy, w.now); err != nil {
		t.Fatal(err)
	}
	if len(w.v.Codes) != 2 {
		t.Fatalf("%d codes", len(w.v.Codes))
	}
	w.is(verify.Pending, verify.CodeEntry)
}

func TestPuttingOff(t *testing.T) {
	w := began(t, verify.Both)
	w.v.PutOff(verify.SMS, w.now.Add(time.Second), &w.policy, w.now)
	if d := w.lease("w"); d.Channel != verify.WebSocket {
		t.Errorf("a %s was leased", d.Channel)
	}
	if want := start.Add(time.Second); !w.v.NextAt.Equal(want) {
		t.Errorf("next at %s, want %s", w.v.NextAt, want)
	}
	w.now = w.now.Add(time.Second)
	if d := w.lease("w"); d.Channel != verify.SMS || d.Attempts != 1 {
		t.Errorf("a %s was leased, try %d", d.Channel, d.Attempts)
	}
}

// Whoever touches a verification after its prompt's end and before the
// dispatcher does, must leave it due.
func TestAPromptsEndIsNotForgotten(t *testing.T) {
	w := began(t, verify.Both)
	w.pump()
	w.now = w.now.Add(w.policy.PromptLife + time.Second)
	if _, err := w.v.Check(w.auth.Keys(), w.wrong(), &w.policy, w.now); err != nil {
		t.Fatal(err)
	}
	if w.v.NextAt.After(w.now) {
		t.Errorf("next at %s, want at once", w.v.NextAt)
	}
	w.pump()
	if w.v.Prompt.ClosedAt.IsZero() {
		t.Error("the prompt was never closed")
	}
}

// What asks the app over the socket is sent by the process that writes it.
func TestBornSending(t *testing.T) {
	born := func(worker string) *world {
		w := newWorld(t)
		w.policy.Worker = worker
		q := login(number)
		q.Channel = verify.Push
		s := verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start), w.device("dev_2", true, start)}}
		if err := w.begin(q, s); err != nil {
			t.Fatal(err)
		}
		return w
	}
	t.Run("each delivery is on its way under its token, for a short lease", func(t *testing.T) {
		w := born("this one")
		w.take()
		if w.v.Stage != verify.ContactingApp || !w.v.NextAt.Equal(w.now.Add(w.policy.SocketLease)) {
			t.Errorf("stage %s, next at %s", w.v.Stage, w.v.NextAt)
		}
		for _, d := range w.v.Deliveries {
			if d.State != verify.StateSending || d.LeaseToken != "this one" || d.Attempts != 1 || !d.LeaseEndAt.Equal(w.v.NextAt) {
				t.Errorf("%+v", d)
			}
		}
		var told []string
		for _, e := range w.events {
			told = append(told, e.Name)
		}
		want := []string{"verification.created", "delivery.queued", "delivery.queued", "verification.stage_changed"}
		if !slices.Equal(told, want) {
			t.Errorf("told %v, want %v", told, want)
		}
	})
	t.Run("nobody else takes it before the end of that", func(t *testing.T) {
		w := born("this one")
		if ids := w.v.Lease(&w.policy, "other", w.now); len(ids) != 0 {
			t.Errorf("%v were taken twice", ids)
		}
		w.now = w.v.NextAt
		w.v.Advance(&w.policy, w.now)
		if ids := w.v.Lease(&w.policy, "other", w.now); len(ids) != 2 {
			t.Errorf("%v were taken when it had ended", ids)
		}
		w.v.Settle(w.v.Deliveries[0].ID, "this one", verify.Outcome{State: verify.StateAccepted}, &w.policy, w.now)
		w.state(verify.WebSocket, verify.StateSending)
	})
	t.Run("without a worker it waits to be claimed", func(t *testing.T) {
		w := born("")
		w.state(verify.WebSocket, verify.StateQueued)
	})
}
