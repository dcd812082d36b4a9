package verify_test

import (
	"testing"
	"time"

	"nod/verify"
)

// Three prompts in a row that were denied or ignored: for a quarter of an hour nobody is
// told of another, and nothing starts by itself.
func TestFatigue(t *testing.T) {
	ana := one{user: "ana", number: number, app: true}
	ways := map[string]func(c *town, s *session){
		"denied":       func(c *town, s *session) { c.answers(s, verify.Deny) },
		"a wrong code": func(c *town, s *session) { c.answers(s, "wrong") },
		"ignored":      func(c *town, s *session) { c.wait(2*time.Minute, s) },
		"replaced late": func(c *town, s *session) { // a dispatcher that was slow counts as one that was not
			c.wait(time.Minute, s)
			c.now = s.Prompt.ExpiresAt
			c.starts(one{user: "ana", number: number, channel: verify.SMS}, s)
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			c := newTown(t)
			c.policy.ResendDelays = nil
			c.policy.Limits = verify.Limits{Fatigue: verify.DefaultLimits().Fatigue}
			for i := range 3 {
				s := c.starts(ana)
				if d := s.Deliveries[0]; d.State == verify.StateSuppressed {
					t.Fatalf("prompt %d is suppressed", i+1)
				}
				way(c, s)
				if n := len(c.user("ana").Tired); n != i+1 {
					t.Fatalf("%d prompts are counted after %d", n, i+1)
				}
			}
			last := time.UnixMilli(c.user("ana").Tired[2])

			for _, channel := range []verify.Channel{verify.Auto, verify.Both, verify.Push} {
				s := c.starts(one{user: "ana", number: number, app: true, channel: channel})
				c.wait(2*time.Minute-time.Millisecond, s)
				if len(s.Codes) > 0 || len(s.Deliveries) != 1 || s.Deliveries[0].State != verify.StateSuppressed || s.told(verify.EventPushSuppressed) != 1 {
					t.Errorf("%s: %d codes, told %v", channel, len(s.Codes), s.events)
				}
				if s.Stage != verify.Queued {
					t.Errorf("%s: stage %s", channel, s.Stage)
				}
				c.wait(time.Millisecond, s)
			}
			if n := len(c.user("ana").Tired); n != 3 {
				t.Errorf("prompts that nobody was told of count: %d", n)
			}
			s := c.starts(ana)
			if a := s.Actions(&c.policy, c.now); a.SMSIn == nil || *a.SMSIn != 0 || a.PushIn != nil {
				t.Errorf("the page may ask for a code in %v, and to ring the app in %v", a.SMSIn, a.PushIn)
			}
			if err := c.next(s); err != nil || len(s.Codes) != 1 {
				t.Errorf("the page asks for a code: %v", err)
			}

			c.now = last.Add(15*time.Minute - time.Millisecond)
			if s = c.starts(ana, s); s.told(verify.EventPushSuppressed) != 1 {
				t.Error("the peace ends early")
			}
			c.now = last.Add(15 * time.Minute)
			if s = c.starts(ana, s); s.told(verify.EventPushSuppressed) != 0 {
				t.Error("the peace does not end")
			}
			if s.Actions(&c.policy, c.now).PushIn == nil {
				t.Error("after the peace the app cannot be asked again")
			}
		})
	}
}

// An app that opens finds the request and may answer it; its approval ends the peace.
func TestTheTiredMayAnswer(t *testing.T) {
	c := newTown(t)
	ana := one{user: "ana", number: number, app: true}
	for range 3 {
		c.answers(c.starts(ana), verify.Deny)
	}
	s := c.starts(ana)
	frame, ok := c.auth.PromptFor(s.Verification, "dev_ana", c.now)
	if !ok || frame.DeliveryID != s.Deliveries[0].ID {
		t.Fatalf("the app finds %+v, %t", frame, ok)
	}
	if err := c.act(s, func(v *verify.Verification) error { return v.Display(frame.DeliveryID, "dev_ana", &c.policy, c.now) }); err != nil {
		t.Fatal(err)
	}
	if err := c.act(s, func(v *verify.Verification) error { v.Away("dev_ana", &c.policy, c.now); return nil }); err != nil {
		t.Fatal(err)
	}
	c.wait(time.Minute, s)
	if s.Stage != verify.Prompted || len(s.Deliveries) != 1 || len(s.Codes) > 0 {
		t.Errorf("stage %s, %d deliveries, %d codes", s.Stage, len(s.Deliveries), len(s.Codes))
	}
	if v := c.answers(s, verify.Approve); !v.Accepted {
		t.Errorf("%+v", v)
	}
	if s = c.starts(ana); s.told(verify.EventPushSuppressed) != 0 || len(c.user("ana").Tired) > 0 {
		t.Errorf("after an approval: %v", c.user("ana").Tired)
	}
}

// What is neither denied nor ignored counts for nothing, and what is counts once.
func TestWhatDoesNotTire(t *testing.T) {
	c := newTown(t)
	c.policy.ResendDelays, c.policy.Resends = nil, 9
	c.policy.Limits = verify.Limits{Fatigue: verify.DefaultLimits().Fatigue}
	ana := one{user: "ana", number: number, app: true}
	counted := func(want int, what string) {
		t.Helper()
		if got := len(c.user("ana").Tired); got != want {
			t.Errorf("%s: %d count, want %d", what, got, want)
		}
	}
	s := c.starts(ana)
	s = c.starts(ana, s)
	counted(0, "one that was superseded")
	if err := c.act(s, func(v *verify.Verification) error { return v.Cancel(c.now) }); err != nil {
		t.Fatal(err)
	}
	counted(0, "one that was canceled")
	s = c.starts(one{user: "ana", number: number, app: true, channel: verify.Both})
	if ok, err := c.guess(s, c.right(s)); !ok || err != nil {
		t.Fatal(ok, err)
	}
	counted(0, "one that a code took the place of")
	s = c.starts(ana)
	s.Devices = nil
	c.wait(3*time.Minute, s)
	counted(0, "one that nobody was left to answer")
	s = c.starts(ana)
	c.wait(3*time.Minute, s)
	counted(1, "one that was ignored")
	c.wait(time.Hour, s)
	counted(1, "one that was ignored long ago")
	s = c.starts(one{user: "ana", app: true})
	c.wait(2*time.Minute, s)
	if s.Status != verify.Expired {
		t.Errorf("without a number: %s", s.Status)
	}
	counted(2, "one that ended its verification")
	s = c.starts(ana)
	c.answers(s, verify.Approve)
	counted(0, "an approval")
}

// Calls do not start by themselves either.
func TestTheTiredAreNotCalled(t *testing.T) {
	for _, denied := range []int{2, 3} {
		c := newTown(t)
		c.policy.VoiceFallback, c.policy.ResendDelays = true, nil
		c.denies(denied)
		c.answer = func(d verify.Delivery) verify.Outcome {
			if d.Channel == verify.Voice {
				return verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: "test"}
			}
			return verify.Outcome{State: verify.StateFailed, Class: verify.ClassPolicy, Provider: "test"}
		}
		s := c.starts(one{user: "ana", number: number, channel: verify.SMS})
		if err := c.resend(s, verify.SMS); err != nil {
			t.Fatal(err)
		}
		if called := s.Deliveries[len(s.Deliveries)-1].Channel == verify.Voice; called == (denied == 3) {
			t.Errorf("denied %d times, and called: %t", denied, called)
		}
	}
}

// A lock, fatigue and an unusual start each speak against a trusted device.
func TestWhatWasLatelyDoubts(t *testing.T) {
	for name, tc := range map[string]struct {
		lately func(c *town)
		after  time.Duration
		skips  bool
	}{
		"nothing":                    {func(*town) {}, 0, true},
		"two denials":                {func(c *town) { c.denies(2) }, time.Hour, true},
		"a lock":                     {func(c *town) { c.lock("ana") }, 0, false},
		"a lock that ended":          {func(c *town) { c.lock("ana") }, 29 * 24 * time.Hour, false},
		"a lock long ago":            {func(c *town) { c.lock("ana") }, 32 * 24 * time.Hour, true},
		"fatigue":                    {func(c *town) { c.denies(3) }, 0, false},
		"fatigue a while ago":        {func(c *town) { c.denies(3) }, 30*24*time.Hour - time.Minute, false},
		"fatigue long ago":           {func(c *town) { c.denies(3) }, 30 * 24 * time.Hour, true},
		"fatigue before an approval": {func(c *town) { c.denies(3); c.answers(c.starts(one{user: "ana", app: true}), verify.Approve) }, 24 * time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTown(t)
			tc.lately(c)
			c.wait(tc.after)
			trusted := &verify.TrustedDevice{
				ID: verify.NewID("trd"), UserID: "ana", KeyID: c.auth.Keys().CodeKey(), Generation: 1, Networks: []string{"here"},
				ApprovedAt: c.now, RotatedAt: c.now, ExpiresAt: c.now.Add(verify.TrustLife),
			}
			s := c.starts(one{user: "ana", app: true, trusted: trusted})
			if skipped := s.Method == verify.ByTrustedDevice; skipped != tc.skips {
				t.Errorf("skipped: %t, %s", skipped, s.Status)
			}
		})
	}
}

// denies is ana saying no a few times.
func (c *town) denies(n int) {
	for range n {
		c.answers(c.starts(one{user: "ana", app: true}), verify.Deny)
	}
}
