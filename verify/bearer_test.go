package verify_test

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"testing"

	"nod/verify"
)

// stands checks the newest delivery to the device over a channel.
func (w *world) stands(c verify.Channel, want verify.DeliveryState) {
	w.t.Helper()
	if d := w.delivery(c, "dev_1"); d == nil || d.State != want {
		w.t.Errorf("the delivery over %s is %+v, want it %s", c, d, want)
	}
}

// A device that was woken by its push fetches the prompt, which then has the socket's
// name on it; what it says of it and answers belongs to the push, and only where none
// may have arrived to what found nobody. In each case the device says it over the prompt
// that it fetched.
func TestAnAnswerBelongsToWhatBroughtThePrompt(t *testing.T) {
	fetched := func(w *world) *verify.Delivery { return w.delivery(verify.WebSocket, "dev_1") }
	over := func(push verify.Outcome) func(verify.Delivery) verify.Outcome {
		return func(d verify.Delivery) verify.Outcome {
			if d.Channel == verify.Push {
				return push
			}
			return nobody(d)
		}
	}
	taken := verify.Outcome{State: verify.StateAccepted}
	for name, tc := range map[string]struct {
		answer func(verify.Delivery) verify.Outcome
		says   func(w *world) error // before it answers
		want   verify.Channel
		ws     verify.DeliveryState // in the end
	}{
		"the push was acknowledged": {over(taken), func(w *world) error {
			return w.v.Acknowledge(w.delivery(verify.Push, "dev_1").ID, "dev_1", &w.policy, w.now)
		}, verify.Push, verify.StateUndelivered},
		"what was fetched is acknowledged": {over(taken), func(w *world) error {
			return w.v.Acknowledge(fetched(w).ID, "dev_1", &w.policy, w.now)
		}, verify.Push, verify.StateUndelivered},
		"what was fetched is displayed": {over(taken), func(w *world) error {
			return w.v.Display(fetched(w).ID, "dev_1", &w.policy, w.now)
		}, verify.Push, verify.StateUndelivered},
		"nothing was said":                                {over(taken), nil, verify.Push, verify.StateUndelivered},
		"nobody knows whether the push left":              {over(verify.Outcome{State: verify.StateUnknown, Class: verify.ClassUnknown}), nil, verify.Push, verify.StateUndelivered},
		"the push was refused: the app was opened":        {over(verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget}), nil, verify.WebSocket, verify.StateResponded},
		"the push waits to be tried again: it was opened": {over(verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient}), nil, verify.WebSocket, verify.StateResponded},
		"the socket had it": {nil, func(w *world) error {
			return w.v.Acknowledge(fetched(w).ID, "dev_1", &w.policy, w.now)
		}, verify.WebSocket, verify.StateResponded},
		"the socket had it, in silence, and the push was acknowledged": {nil, func(w *world) error {
			w.until(w.policy.SocketTimeout)
			return w.v.Acknowledge(w.delivery(verify.Push, "dev_1").ID, "dev_1", &w.policy, w.now)
		}, verify.Push, verify.StateAccepted},
	} {
		t.Run(name, func(t *testing.T) {
			w := began(t, verify.Push)
			w.answer = tc.answer
			w.pump()
			if tc.says != nil {
				if err := tc.says(w); err != nil {
					t.Fatal(err)
				}
			}
			if v, err := w.reply("dev_1", verify.Approve, w.match()); err != nil || !v.Accepted {
				t.Fatalf("%+v, %v", v, err)
			}
			w.stands(verify.WebSocket, tc.ws)
			w.stands(tc.want, verify.StateResponded)
			for _, e := range w.events {
				if e.Name == verify.EventApproved && e.Data.Channel != tc.want {
					t.Errorf("approved over %s, want %s", e.Data.Channel, tc.want)
				}
				if e.Name == "delivery.accepted" && e.Data.DeliveryID == fetched(w).ID && tc.ws == verify.StateUndelivered {
					t.Errorf("what found nobody was accepted: %v", w.names())
				}
			}
		})
	}
}

// What was sealed into a push is answered without being fetched; who was asked at the
// same time by the socket got both.
func TestAnAnswerToThePushItself(t *testing.T) {
	w := began(t, verify.Push)
	w.until(w.policy.SocketTimeout)
	sum := sha256.Sum256([]byte(w.auth.Prompt(w.v, w.delivery(verify.Push, "dev_1")).Signed))
	verdict, err := w.v.Reply(verify.Reply{
		VerificationID: w.v.ID, DeviceID: "dev_1", Decision: verify.Approve, Number: w.match(),
		PromptSHA256: base64.RawURLEncoding.EncodeToString(sum[:]),
	}, w.auth, w.now)
	if err != nil || !verdict.Accepted {
		t.Fatalf("%+v, %v", verdict, err)
	}
	w.stands(verify.Push, verify.StateResponded)
	w.stands(verify.WebSocket, verify.StateAccepted)
}

// An acknowledgement by the fetched prompt's name comes before the sender has noted that
// its push left: it is the push that arrived, which is told to be accepted first, and
// starts what an acceptance starts.
func TestAFetchedPromptOvertakesThePush(t *testing.T) {
	w := began(t, verify.Push)
	ws := w.lease("w")
	w.v.Send(ws.ID, "w", &w.policy, w.now)
	w.v.Settle(ws.ID, "w", nobody(*ws), &w.policy, w.now)
	push := w.lease("w")
	if push.Channel != verify.Push || !w.v.Send(push.ID, "w", &w.policy, w.now) {
		t.Fatalf("%s was to be sent", push.Channel)
	}
	if err := w.v.Acknowledge(ws.ID, "dev_1", &w.policy, w.now); err != nil {
		t.Fatal(err)
	}
	w.v.Settle(push.ID, "w", verify.Outcome{State: verify.StateAccepted}, &w.policy, w.now)
	w.take()
	w.stands(verify.Push, verify.StateDelivered)
	w.stands(verify.WebSocket, verify.StateUndelivered)
	names := w.names()
	if accepted, delivered := slices.Index(names, "delivery.accepted"), slices.Index(names, "delivery.delivered"); accepted < 0 || delivered != accepted+1 {
		t.Errorf("told %v", names)
	}
	if got := w.v.CooldownRest(&w.policy, w.now); got <= 0 {
		t.Error("no cooldown began")
	}
}
