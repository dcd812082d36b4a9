package verify_test

import (
	"testing"
	"time"

	"nod/verify"
)

func login(n string) verify.Request {
	q := verify.Request{Purpose: verify.Login}
	if n != "" {
		q.Number = verify.StoredNumber(n)
	}
	return q
}

func nobody(d verify.Delivery) verify.Outcome {
	if d.Channel == verify.WebSocket {
		return verify.Outcome{State: verify.StateUndelivered, Class: verify.ClassNone, Detail: "not_connected"}
	}
	return verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone}
}

func TestLadder(t *testing.T) {
	const s = time.Second
	for name, tc := range map[string]struct {
		push   bool
		seen   time.Duration // before the start; 0: never
		number string
		answer func(verify.Delivery) verify.Outcome
		act    func(w *world) // at once after the first sends
		pushAt time.Duration  // -1: never
		smsAt  time.Duration  // -1: never
	}{
		"a socket that is not acknowledged: push after 5 s, SMS 25 s after the push": {push: true, seen: s, number: number, pushAt: 5 * s, smsAt: 30 * s},
		"nobody on the socket: push at once, SMS 25 s after it":                      {push: true, seen: s, number: number, answer: nobody, pushAt: 0, smsAt: 25 * s},
		"no push token, connected a moment ago: SMS at the latest at 35 s":           {seen: s, number: number, answer: nobody, pushAt: -1, smsAt: 35 * s},
		"no push token, never connected: SMS at once":                                {number: number, answer: nobody, pushAt: -1, smsAt: 0},
		"no push token, connected 50 s ago: SMS when that is a minute old":           {seen: 50 * s, number: number, answer: nobody, pushAt: -1, smsAt: 10 * s},
		"a display stops the automatic SMS": {push: true, seen: s, number: number, pushAt: -1, smsAt: -1, act: func(w *world) {
			_ = w.v.Display(w.delivery(verify.WebSocket, "dev_1").ID, "dev_1", &w.policy, w.now)
		}},
		"an acknowledgement takes back the push, not the SMS": {push: true, seen: s, number: number, pushAt: -1, smsAt: 35 * s, act: func(w *world) {
			_ = w.v.Acknowledge(w.delivery(verify.WebSocket, "dev_1").ID, "dev_1", &w.policy, w.now)
		}},
		"a push that is acknowledged: SMS at the latest at 35 s": {push: true, seen: s, number: number, answer: nobody, pushAt: 0, smsAt: 35 * s, act: func(w *world) {
			_ = w.v.Acknowledge(w.delivery(verify.Push, "dev_1").ID, "dev_1", &w.policy, w.now)
		}},
		"no push token, but the request is there: SMS at the latest at 35 s": {seen: 50 * s, number: number, answer: nobody, pushAt: -1, smsAt: 35 * s, act: func(w *world) {
			_ = w.v.Acknowledge(w.delivery(verify.WebSocket, "dev_1").ID, "dev_1", &w.policy, w.now)
		}},
		"away sends the push at once": {push: true, seen: s, number: number, pushAt: 0, smsAt: 25 * s, act: func(w *world) {
			w.v.Away("dev_1", &w.policy, w.now)
		}},
		"a dead push token and nobody there: SMS at once": {push: true, number: number, pushAt: 0, smsAt: 0, answer: func(d verify.Delivery) verify.Outcome {
			if d.Channel == verify.Push {
				return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPermanentTarget, Detail: "UNREGISTERED"}
			}
			return nobody(d)
		}},
		"without a number there is no SMS": {push: true, seen: s, pushAt: 5 * s, smsAt: -1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.answer = tc.answer
			seen := time.Time{}
			if tc.seen > 0 {
				seen = start.Add(-tc.seen)
			}
			if err := w.begin(login(tc.number), verify.Situation{Devices: []verify.Device{w.device("dev_1", tc.push, seen)}}); err != nil {
				t.Fatal(err)
			}
			w.pump()
			if tc.act != nil {
				tc.act(w)
				w.pump()
			}
			w.until(119 * s)
			check := func(c verify.Channel, device string, at time.Duration) {
				t.Helper()
				d := w.delivery(c, device)
				switch {
				case at < 0 && d != nil:
					t.Errorf("%s left at %s, want never", c, d.CreatedAt.Sub(start))
				case at >= 0 && d == nil:
					t.Errorf("%s never left, want at %s", c, at)
				case at >= 0 && d.CreatedAt.Sub(start) != at:
					t.Errorf("%s left at %s, want %s", c, d.CreatedAt.Sub(start), at)
				}
			}
			check(verify.Push, "dev_1", tc.pushAt)
			check(verify.SMS, "", tc.smsAt)
		})
	}
}

// The SMS is counted from the first push that was accepted, not from the last.
func TestTheFirstPushCounts(t *testing.T) {
	w := newWorld(t)
	w.answer = func(d verify.Delivery) verify.Outcome {
		if d.DeviceID == "dev_1" {
			return nobody(d)
		}
		return verify.Outcome{State: verify.StateAccepted}
	}
	s := verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start), w.device("dev_2", true, start)}}
	if err := w.begin(login(number), s); err != nil {
		t.Fatal(err)
	}
	w.until(time.Minute)
	for c, want := range map[*verify.Delivery]time.Duration{
		w.delivery(verify.Push, "dev_1"): 0, w.delivery(verify.Push, "dev_2"): 5 * time.Second, w.delivery(verify.SMS, ""): 25 * time.Second,
	} {
		if c == nil || c.CreatedAt.Sub(start) != want {
			t.Errorf("%+v left, want something at %s", c, want)
		}
	}
}

func TestTheLadderWaitsForAnEarlierSessionsCooldown(t *testing.T) {
	w := newWorld(t)
	w.answer = nobody
	s := verify.Situation{
		Devices: []verify.Device{w.device("dev_1", true, start)},
		Earlier: &verify.Verification{CodeAcceptedAt: start.Add(-20 * time.Second)},
	}
	if err := w.begin(login(number), s); err != nil {
		t.Fatal(err)
	}
	w.pump()
	if r := refused(t, w.v.Next(&w.policy, w.now), verify.CodeCooldown); r.RetryAfter != 40*time.Second {
		t.Errorf("the next channel in %s, want 40 s", r.RetryAfter)
	}
	refused(t, w.v.Resend(verify.SMS, &w.policy, w.now), verify.CodeCooldown)
	w.until(time.Minute)
	if d := w.delivery(verify.SMS, ""); d == nil || d.CreatedAt.Sub(start) != 40*time.Second {
		t.Errorf("the SMS: %+v, want one at 40 s", d)
	}
}

func TestAPromptEndsWithItsSession(t *testing.T) {
	w := newWorld(t)
	w.policy.SessionLife = time.Minute
	if err := w.begin(login(""), verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start)}}); err != nil {
		t.Fatal(err)
	}
	if got := w.v.Prompt.ExpiresAt.Sub(start); got != time.Minute {
		t.Errorf("the prompt lives %s", got)
	}
}

func TestTheTrailSaysWhyBeforeWhat(t *testing.T) {
	w := newWorld(t)
	w.answer = nobody
	if err := w.begin(login(number), verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start)}}); err != nil {
		t.Fatal(err)
	}
	w.until(30 * time.Second)
	w.told("delivery.undelivered", verify.EventFallbackStarted, "delivery.queued", "delivery.accepted", verify.EventFallbackStarted, verify.EventCodeIssued, "delivery.queued")
}

func TestChannels(t *testing.T) {
	for _, tc := range []struct {
		channel  verify.Channel
		device   bool
		number   bool
		app, sms bool   // asked at once
		refusal  string // of Start
	}{
		{channel: verify.Auto, device: true, number: true, app: true},
		{channel: verify.Auto, number: true, sms: true},
		{channel: verify.Auto, refusal: verify.CodeNoChannel},
		{channel: verify.Push, device: true, number: true, app: true},
		{channel: verify.Push, number: true, refusal: verify.CodeNoChannel},
		{channel: verify.SMS, device: true, number: true, sms: true},
		{channel: verify.SMS, device: true, refusal: verify.CodeNoChannel},
		{channel: verify.Both, device: true, number: true, app: true, sms: true},
		{channel: verify.Both, number: true, sms: true},
	} {
		w := newWorld(t)
		q := login("")
		q.Channel = tc.channel
		if tc.number {
			q.Number = verify.StoredNumber(number)
		}
		var s verify.Situation
		if tc.device {
			s.Devices = []verify.Device{w.device("dev_1", false, start)}
		}
		err := w.begin(q, s)
		if tc.refusal != "" {
			refused(t, err, tc.refusal)
			continue
		}
		if err != nil {
			t.Fatalf("%+v: %v", tc, err)
		}
		w.pump()
		if got := w.count(verify.WebSocket) > 0; got != tc.app {
			t.Errorf("%+v: app asked: %t", tc, got)
		}
		if got := w.count(verify.SMS) > 0; got != tc.sms {
			t.Errorf("%+v: SMS sent: %t", tc, got)
		}
	}
}

func TestPushOnlyNeverSendsAnSMS(t *testing.T) {
	w := newWorld(t)
	q := login(number)
	q.Channel = verify.Push
	if err := w.begin(q, verify.Situation{Devices: []verify.Device{w.device("dev_1", true, time.Time{})}}); err != nil {
		t.Fatal(err)
	}
	w.until(3 * time.Minute)
	if w.count(verify.SMS) != 0 {
		t.Error("an SMS left")
	}
	w.is(verify.Pending, verify.AwaitingResend) // a number is known
	refused(t, w.v.Resend(verify.SMS, &w.policy, w.now), verify.CodeNoChannel)
	refused(t, w.v.Next(&w.policy, w.now), verify.CodeConflict)
}

func TestWhatAPromptsEndLeads(t *testing.T) {
	t.Run("to expiry when nothing else is known", func(t *testing.T) {
		w := newWorld(t)
		if err := w.begin(login(""), verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start)}}); err != nil {
			t.Fatal(err)
		}
		w.until(119 * time.Second)
		w.is(verify.Pending, verify.ContactingApp)
		w.until(120 * time.Second)
		w.is(verify.Expired, "")
		w.told("delivery.queued", verify.EventFallbackStarted, verify.EventExpired)
	})
	t.Run("to code entry when a code is out", func(t *testing.T) {
		w := newWorld(t)
		if err := w.begin(login(number), verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start)}}); err != nil {
			t.Fatal(err)
		}
		w.until(120 * time.Second)
		w.is(verify.Pending, verify.CodeEntry)
	})
	t.Run("to expiry when nothing can be sent: the app alone was asked for, and often enough", func(t *testing.T) {
		w := newWorld(t)
		w.policy.Resends = 0
		q := login(number)
		q.Channel = verify.Push
		if err := w.begin(q, verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start)}}); err != nil {
			t.Fatal(err)
		}
		w.until(120 * time.Second)
		w.is(verify.Expired, "")
	})
	t.Run("to a resend when only a number is known", func(t *testing.T) {
		w := newWorld(t)
		if err := w.begin(login(number), verify.Situation{Devices: []verify.Device{w.device("dev_1", true, start)}}); err != nil {
			t.Fatal(err)
		}
		w.pump()
		if err := w.v.Display(w.delivery(verify.WebSocket, "dev_1").ID, "dev_1", &w.policy, w.now); err != nil {
			t.Fatal(err)
		}
		w.until(120 * time.Second)
		w.is(verify.Pending, verify.AwaitingResend)
	})
}

func TestTransientFailuresAreTriedAgainThenLeft(t *testing.T) {
	w := newWorld(t)
	w.answer = func(d verify.Delivery) verify.Outcome {
		if d.Channel == verify.Push {
			return verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "fcm", Detail: "UNAVAILABLE", Jitter: 0.5}
		}
		return nobody(d)
	}
	if err := w.begin(login(number), verify.Situation{Devices: []verify.Device{w.device("dev_1", true, time.Time{})}}); err != nil {
		t.Fatal(err)
	}
	w.until(10 * time.Second)
	var at []time.Duration
	for _, d := range w.sent {
		if d.Channel == verify.Push {
			at = append(at, d.ChangedAt.Sub(start))
		}
	}
	if len(at) != 3 || at[1] != time.Second || at[2] != 3*time.Second {
		t.Errorf("pushes at %v, want 0s 1s 3s", at)
	}
	if d := w.delivery(verify.SMS, ""); d == nil || d.CreatedAt.Sub(start) != 3*time.Second {
		t.Errorf("the SMS did not start when the last push failed: %+v", d)
	}
}

func TestADeadWorkersLease(t *testing.T) {
	for _, tc := range []struct {
		name    string
		channel verify.Channel
		sending bool
		want    verify.DeliveryState
	}{
		{"leased SMS is sent by the next", verify.SMS, false, verify.StateQueued},
		{"sending SMS is unknown and never sent again", verify.SMS, true, verify.StateUnknown},
		{"prompt is sent again", verify.Push, false, verify.StateRetrying},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			q := login(number)
			q.Channel = tc.channel
			s := verify.Situation{Devices: []verify.Device{w.device("dev_1", true, time.Time{})}}
			if err := w.begin(q, s); err != nil {
				t.Fatal(err)
			}
			w.v.Advance(&w.policy, w.now)
			ids := w.v.Lease(&w.policy, "dead", w.now)
			if tc.sending && !w.v.Send(ids[0], "dead", &w.policy, w.now) {
				t.Fatal("a fresh lease was refused")
			}
			lease := w.policy.Lease(w.v.Delivery(ids[0]).Channel)
			if w.v.NextAt != w.now.Add(lease) {
				t.Errorf("next at %s, want the lease's end", w.v.NextAt.Sub(start))
			}
			w.now = w.now.Add(lease)
			w.v.Advance(&w.policy, w.now)
			if got := w.v.Delivery(ids[0]).State; got != tc.want {
				t.Errorf("state %s, want %s", got, tc.want)
			}
			before := w.v.Seq
			w.v.Settle(ids[0], "dead", verify.Outcome{State: verify.StateAccepted}, &w.policy, w.now)
			if w.v.Seq != before {
				t.Error("the frozen worker wrote")
			}
			if w.v.Send(ids[0], "dead", &w.policy, w.now) {
				t.Error("the frozen worker may send")
			}
		})
	}
}
