package verify_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"nod/verify"
)

// Twelve wrong codes in any 24 hours close code entry and sends, across sessions,
// numbers, addresses, resends and successes; and nothing else.
func TestTwelveWrongCodesLock(t *testing.T) {
	c := newTown(t)
	c.policy.Limits = verify.Limits{WrongCodes: verify.DefaultLimits().WrongCodes}
	numbers := []string{number, mobile, office}
	var first time.Time
	other := c.starts(one{user: "ana", number: abroad, purpose: verify.Phone})
	var s *session
	for i := range 12 {
		if i%3 == 0 { // three tries of a code; then another number, another place, and a success before
			s = c.starts(one{user: "ana", number: numbers[i%2], ip: []string{flat, cafe}[i%2], purpose: verify.Phone})
			if ok, err := c.guess(s, c.right(s)); !ok || err != nil {
				t.Fatal(ok, err)
			}
			c.wait(7 * time.Minute)
			s = c.starts(one{user: "ana", number: numbers[i/3%3], purpose: verify.Phone})
		}
		if i == 0 {
			first = c.now
		}
		if ok, err := c.guess(s, attempt); ok || err != nil {
			t.Fatalf("guess %d: %t, %v", i+1, ok, err)
		}
		c.wait(20 * time.Second)
	}
	until := first.Add(24 * time.Hour)
	if s.Stage != verify.Locked || !s.LockedUntil.Equal(until) || s.told(verify.EventLocked) != 1 {
		t.Fatalf("stage %s, locked until %s, told %v", s.Stage, s.LockedUntil, s.events)
	}
	if e := s.events[slices.IndexFunc(s.events, func(e verify.Event) bool { return e.Name == verify.EventLocked })]; e.Data.Until != verify.FormatTime(until) {
		t.Errorf("told %+v", e.Data)
	}
	for what, try := range map[string]func() error{
		"a right code":          func() error { _, err := c.guess(other, c.right(other)); return err },
		"a code of the session": func() error { _, err := c.guess(s, attempt); return err },
		"a resend":              func() error { return c.resend(s, "") },
		"another way":           func() error { return c.next(s) },
		"a resend of another":   func() error { return c.resend(other, verify.Voice) },
		"a new session":         func() error { _, err := c.start(one{user: "ana", number: abroad, purpose: verify.Phone}); return err },
		"a code beside no app":  func() error { _, err := c.start(one{user: "ana", number: office}); return err },
		"a code in spite of an app": func() error {
			_, err := c.start(one{user: "ana", number: office, app: true, channel: verify.SMS})
			return err
		},
	} {
		if r := refused(t, try(), verify.CodeLocked); r.RetryAfter != until.Sub(c.now) {
			t.Errorf("%s: to wait for %s, want %s", what, r.RetryAfter, until.Sub(c.now))
		}
	}
	if a := s.Actions(&c.policy, c.now); a != (verify.Actions{}) {
		t.Errorf("locked, and offered %+v", a)
	}
	if c.wait(2*time.Hour, s); s.Status != verify.Expired {
		t.Errorf("after the session it is %s", s.Status)
	}
	bob := c.starts(one{user: "bob", number: number, purpose: verify.Phone})
	if ok, err := c.guess(bob, c.right(bob)); !ok || err != nil {
		t.Errorf("the number is closed to another user: %v", err)
	}

	c.now = until.Add(-time.Millisecond)
	_, err := c.start(one{user: "ana", number: office, purpose: verify.Phone})
	if after(err) != time.Millisecond {
		t.Errorf("a moment before the end: %v, to wait for %s", err, after(err))
	}
	c.now = until
	s = c.starts(one{user: "ana", number: office, purpose: verify.Phone})
	if ok, err := c.guess(s, attempt); ok || err != nil || s.Stage != verify.Locked {
		t.Errorf("the one guess that there is room for: %t, %v, stage %s", ok, err, s.Stage)
	}
}

// Whoever has the app signs in with it while codes are closed, also when a start asks
// for both; and no lock takes back what was approved.
func TestALockLeavesTheApp(t *testing.T) {
	for _, channel := range []verify.Channel{verify.Auto, verify.Push, verify.Both} {
		c := newTown(t)
		c.lock("ana")
		s := c.starts(one{user: "ana", number: number, app: true, channel: channel})
		if s.Stage != verify.ContactingApp || s.LockedUntil.IsZero() || len(s.Codes) > 0 {
			t.Errorf("%s: stage %s, locked until %s, %d codes", channel, s.Stage, s.LockedUntil, len(s.Codes))
		}
		c.wait(time.Minute, s)
		if len(s.Codes) > 0 {
			t.Errorf("%s: a code was sent in spite of the lock", channel)
		}
		if a := s.Actions(&c.policy, c.now); a.SMSIn != nil || a.VoiceIn != nil || a.CheckIn != nil || a.PushIn == nil {
			t.Errorf("%s: offered %+v", channel, a)
		}
		if v := c.answers(s, verify.Approve); !v.Accepted || s.Status != verify.Approved {
			t.Errorf("%s: %+v, %s", channel, v, s.Status)
		}
		if left := c.user("ana").Until; left <= c.now.UnixMilli() {
			t.Errorf("%s: the approval ended the lock", channel)
		}
	}
}

// A lock is told before the cooldown of an earlier session, which ends sooner; and where
// the app can be asked, neither stops a start.
func TestALockComesBeforeACooldown(t *testing.T) {
	w := newWorld(t)
	locked := func() verify.Situation {
		return verify.Situation{
			Earlier: &verify.Verification{ResendCount: 1, CodeAcceptedAt: start},
			Meters:  &verify.Meters{Have: verify.NeedUser, User: &verify.Meter{Until: start.Add(time.Hour).UnixMilli()}},
		}
	}
	err := w.begin(verify.Request{Purpose: verify.Phone, Number: verify.StoredNumber(number)}, locked())
	if r := refused(t, err, verify.CodeLocked); r.RetryAfter != time.Hour || w.v.Reason != verify.AccountLocked {
		t.Errorf("to wait for %s, %s", r.RetryAfter, w.v.Reason)
	}
	q, s := login(number), locked()
	q.Channel, s.Devices = verify.Both, []verify.Device{w.device("dev_1", false, start)}
	if err := w.begin(q, s); err != nil || !w.v.Prompt.Open(start) || len(w.v.Codes) > 0 {
		t.Errorf("with an app: %v, %d codes", err, len(w.v.Codes))
	}
}

// A verification that was open with both ways when the lock came keeps its prompt.
func TestALockLeavesTheOpenPrompt(t *testing.T) {
	c := newTown(t)
	c.policy.TriesPerCode = 20
	s := c.starts(one{user: "ana", number: number, app: true, channel: verify.Both})
	for range 12 {
		if _, err := c.guess(s, attempt); err != nil {
			t.Fatal(err)
		}
	}
	if s.Stage != verify.Locked {
		t.Fatalf("stage %s", s.Stage)
	}
	if v := c.answers(s, verify.Approve); !v.Accepted {
		t.Errorf("the app's approval: %+v", v)
	}
}

// A hundred wrong codes in a year lock until an operator unlocks.
func TestAHundredWrongCodesInAYear(t *testing.T) {
	c := newTown(t)
	c.policy.Limits = verify.Limits{WrongCodes: verify.DefaultLimits().WrongCodes}
	var s *session
	for i := range 100 {
		if i%3 == 0 {
			s = c.starts(one{user: "ana", number: number, purpose: verify.Phone})
		}
		if _, err := c.guess(s, attempt); err != nil {
			t.Fatalf("guess %d: %v", i+1, err)
		}
		if i%3 == 2 {
			c.wait(9 * 24 * time.Hour)
		}
	}
	if !s.LockedUntil.Equal(verify.Forever) || s.Stage != verify.Locked {
		t.Fatalf("locked until %s, stage %s", s.LockedUntil, s.Stage)
	}
	c.now = c.now.AddDate(3, 0, 0)
	_, err := c.start(one{user: "ana", number: number, purpose: verify.Phone})
	if r := refused(t, err, verify.CodeLocked); r.RetryAfter != 0 {
		t.Errorf("to wait for %s", r.RetryAfter)
	}
	if at := c.user("ana").ExpiresAt(c.now); at.Before(verify.Forever) {
		t.Errorf("the lock is forgotten at %s", at)
	}

	app := c.starts(one{user: "ana", number: number, app: true})
	m := c.read("ana", verify.Number{}, "")
	standing := verify.Standing{Hold: verify.Hold{UserID: "ana"}, Open: []*verify.Verification{app.Verification}, Meters: m}
	standing.Unlock("key 3fa9c1d2", c.now)
	c.keep(m, "ana", verify.Number{})
	if !app.LockedUntil.IsZero() || app.NextAt.After(c.now) {
		t.Errorf("unlocked, and locked until %s", app.LockedUntil)
	}
	s = c.starts(one{user: "ana", number: number, purpose: verify.Phone})
	if ok, err := c.guess(s, c.right(s)); !ok || err != nil {
		t.Errorf("after the unlocking: %t, %v", ok, err)
	}
}

// The user's other verifications say that they are locked once they are told, once,
// and go on when they are unlocked.
func TestOthersLearnOfALock(t *testing.T) {
	c := newTown(t)
	open := c.starts(one{user: "ana", number: mobile, purpose: verify.Phone})
	app := c.starts(one{user: "ana", number: mobile, app: true})
	c.policy.TriesPerCode = 20
	s := c.starts(one{user: "ana", number: number, purpose: verify.Phone})
	for range 12 {
		if _, err := c.guess(s, attempt); err != nil {
			t.Fatal(err)
		}
	}
	m := c.read("ana", verify.Number{}, "")
	standing := verify.Standing{Hold: verify.Hold{UserID: "ana"}, Open: []*verify.Verification{open.Verification, app.Verification, s.Verification}, Meters: m}
	standing.Relock(&c.policy, c.now)
	standing.Relock(&c.policy, c.now)
	for what, v := range map[string]*session{"a code": open, "a prompt": app, "the one that brought it": s} {
		c.settle(v)
		if !v.LockedUntil.Equal(s.LockedUntil) || v.told(verify.EventLocked) != 1 || v.Terminal() {
			t.Errorf("%s: %s, locked until %s, told %d times", what, v.Status, v.LockedUntil, v.told(verify.EventLocked))
		}
	}
	if open.Stage != verify.Locked || app.Stage == verify.Locked {
		t.Errorf("stages %s and %s", open.Stage, app.Stage)
	}
	standing.Unlock("key 3fa9c1d2", c.now)
	c.keep(m, "ana", verify.Number{})
	for _, v := range []*session{open, s} {
		if c.settle(v); v.Stage != verify.CodeEntry {
			t.Errorf("unlocked, and %s", v.Stage)
		}
	}
}

// A lock that ends within the session opens it again by itself.
func TestALockEndsInTheSession(t *testing.T) {
	c := newTown(t)
	c.policy.Limits = verify.Limits{WrongCodes: []verify.Limit{{N: 2, Per: 5 * time.Minute}}}
	s := c.starts(one{user: "ana", number: number, purpose: verify.Phone})
	for range 2 {
		if _, err := c.guess(s, attempt); err != nil {
			t.Fatal(err)
		}
	}
	if c.wait(5*time.Minute-time.Millisecond, s); s.Stage != verify.Locked {
		t.Errorf("before the end: %s", s.Stage)
	}
	if c.wait(time.Millisecond, s); s.Stage != verify.CodeEntry {
		t.Errorf("at the end: %s", s.Stage)
	}
	if ok, err := c.guess(s, c.right(s)); !ok || err != nil {
		t.Errorf("after it: %t, %v", ok, err)
	}
}

// Codes are limited by number, user and address, whichever way they are asked for; the
// refusal says exactly how long to wait, leaves a row and tells which limit it was.
func TestSends(t *testing.T) {
	type who func(i int) one
	each := func(user, number, ip string) who {
		return func(i int) one {
			o := one{user: user, number: number, ip: ip, purpose: verify.Phone}
			if user == "" {
				o.user = fmt.Sprintf("user %d", i)
			}
			if number == "" {
				o.number = fmt.Sprintf("+1415555%04d", 1000+i)
			}
			if ip == "" {
				o.ip = fmt.Sprintf("192.0.2.%d", i)
			}
			return o
		}
	}
	for name, tc := range map[string]struct {
		who   who
		every time.Duration
		n     int           // as many are sent
		wait  time.Duration // then
		limit string
	}{
		"5 an hour to a number":   {each("", number, ""), time.Minute, 5, 55 * time.Minute, "sends_phone"},
		"10 a day to a number":    {each("", number, ""), 15 * time.Minute, 10, 24*time.Hour - 150*time.Minute, "sends_phone"},
		"10 an hour of a user":    {each("ana", "", ""), time.Minute, 10, 50 * time.Minute, "sends_user"},
		"20 a day of a user":      {each("ana", "", ""), 7 * time.Minute, 20, 24*time.Hour - 140*time.Minute, "sends_user"},
		"20 an hour from an IP":   {each("", "", flat), time.Minute, 20, 40 * time.Minute, "sends_ip"},
		"20 an hour from a /64":   {func(i int) one { o := each("", "", "")(i); o.ip = fmt.Sprintf("2001:db8:0:1::%x", i+1); return o }, time.Minute, 20, 40 * time.Minute, "sends_ip"},
		"20 an hour, 4 and 4in6":  {func(i int) one { o := each("", "", "")(i); o.ip = []string{flat, "::ffff:" + flat}[i%2]; return o }, time.Minute, 20, 40 * time.Minute, "sends_ip"},
		"the longer of two waits": {each("ana", number, flat), time.Minute, 5, 55 * time.Minute, "sends_phone"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTown(t)
			c.policy.ResendDelays, c.policy.Limits.Prefix = nil, verify.Limit{}
			for i := range tc.n {
				if s := c.starts(tc.who(i)); len(s.Codes) != 1 {
					t.Fatalf("start %d sent %d codes", i+1, len(s.Codes))
				}
				c.wait(tc.every)
			}
			s, err := c.start(tc.who(tc.n))
			r := refused(t, err, verify.CodeRateLimited)
			if r.RetryAfter != tc.wait || r.Limit != tc.limit || s.limit() != tc.limit {
				t.Errorf("to wait for %s by %s (told %q), want %s by %s", r.RetryAfter, r.Limit, s.limit(), tc.wait, tc.limit)
			}
			if s.Status != verify.Blocked || s.Reason != verify.RateLimited || r.VerificationID != s.ID || len(s.Deliveries) > 0 {
				t.Errorf("the row is %s (%s), %d deliveries", s.Status, s.Reason, len(s.Deliveries))
			}
			c.wait(tc.wait - time.Millisecond)
			if _, err := c.start(tc.who(tc.n)); after(err) != time.Millisecond {
				t.Errorf("a moment before: %v", err)
			}
			c.wait(time.Millisecond)
			c.starts(tc.who(tc.n))
		})
	}
}

// Resends, calls, mails and steps to the next channel count as starts do.
func TestEverySendCounts(t *testing.T) {
	c := newTown(t)
	c.policy.ResendDelays, c.policy.Resends = nil, 100
	c.policy.Limits = verify.Limits{SendsUser: []verify.Limit{{N: 3, Per: time.Hour}}}
	s := c.starts(one{user: "ana", number: number, app: true, ip: flat})
	for i, try := range []func() error{
		func() error { return c.next(s) },
		func() error { return c.resend(s, verify.Voice) },
		func() error { return c.resend(s, verify.SMS) },
	} {
		if err := try(); err != nil {
			t.Fatalf("send %d: %v", i+1, err)
		}
		c.wait(time.Minute, s)
	}
	seq, count := s.Seq, s.ResendCount
	r := refused(t, c.resend(s, verify.SMS), verify.CodeRateLimited)
	if r.RetryAfter != 57*time.Minute || s.Seq != seq || s.ResendCount != count {
		t.Errorf("to wait for %s; %d events, %d resends", r.RetryAfter, s.Seq-seq, s.ResendCount-count)
	}
	for range 2 {
		if err := c.act(s, func(v *verify.Verification) error { v.RejectResend(r, c.now); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if s.told(verify.EventResendRejected) != 1 || s.told(verify.EventLimitHit) != 1 {
		t.Errorf("told %d rejections and %d limits", s.told(verify.EventResendRejected), s.told(verify.EventLimitHit))
	}
	if err := c.resend(s, verify.Push); err != nil {
		t.Errorf("the app: %v", err)
	}
}

// Where a code may not leave and the app can be asked, the app alone is asked: at once,
// or when the ladder comes to its code, which is then left out once and for all.
func TestALimitOnCodesLeavesTheApp(t *testing.T) {
	for name, channel := range map[string]verify.Channel{"at once": verify.Both, "by itself": verify.Auto} {
		t.Run(name, func(t *testing.T) {
			c := newTown(t)
			c.policy.ResendDelays = nil
			for range 5 {
				c.starts(one{user: "mallory", number: number, purpose: verify.Phone})
			}
			s := c.starts(one{user: "ana", number: number, app: true, channel: channel})
			c.wait(time.Minute, s)
			if len(s.Codes) > 0 || s.told(verify.EventLimitHit) != 1 || s.limit() != "sends_phone" || s.told("delivery.suppressed") != 1 {
				t.Fatalf("%d codes, told %v", len(s.Codes), s.events)
			}
			d := s.Deliveries[slices.IndexFunc(s.Deliveries, func(d verify.Delivery) bool { return d.Channel == verify.SMS })]
			if d.State != verify.StateSuppressed || d.Class != verify.ClassPolicy || d.Detail != "sends_phone" {
				t.Errorf("%+v", d)
			}
			if r := refused(t, c.next(s), verify.CodeRateLimited); r.RetryAfter != 59*time.Minute {
				t.Errorf("to wait for %s", r.RetryAfter)
			}
			if v := c.answers(s, verify.Approve); !v.Accepted {
				t.Errorf("%+v", v)
			}

			later := c.starts(one{user: "ana", number: number, app: true, channel: channel})
			c.wait(59*time.Minute, later)
			if len(later.Codes) > 0 || later.Stage != verify.AwaitingResend {
				t.Errorf("%d codes, stage %s", len(later.Codes), later.Stage)
			}
			if err := c.next(later); err != nil || len(later.Codes) != 1 || later.ResendCount != 0 {
				t.Errorf("the page's wish once there is room: %v, %d codes, %d resends", err, len(later.Codes), later.ResendCount)
			}
		})
	}
}

// Five prompts in ten minutes and ten a day: more are refused, a code is not.
func TestPrompts(t *testing.T) {
	c := newTown(t)
	c.policy.ResendDelays = nil
	app := one{user: "ana", number: number, app: true, channel: verify.Push}
	s := c.starts(app)
	for range 2 {
		c.wait(time.Minute, s)
		if err := c.resend(s, verify.Push); err != nil {
			t.Fatal(err)
		}
		c.wait(time.Minute, s)
		s = c.starts(app, s)
	}
	refusedPrompt := func(wait time.Duration) {
		t.Helper()
		blocked, err := c.start(app, s)
		r := refused(t, err, verify.CodeRateLimited)
		if r.RetryAfter != wait || r.Limit != "prompts" || blocked.Reason != verify.RateLimited || blocked.limit() != "prompts" || s.Status == verify.Superseded {
			t.Errorf("to wait for %s by %s, want %s; %s, the open one %s", r.RetryAfter, r.Limit, wait, blocked.Reason, s.Status)
		}
	}
	refusedPrompt(6 * time.Minute)
	if r := refused(t, c.resend(s, verify.Push), verify.CodeRateLimited); r.RetryAfter != 6*time.Minute {
		t.Errorf("a resend is to wait for %s", r.RetryAfter)
	}
	s = c.starts(one{user: "ana", number: number, app: true, channel: verify.SMS}, s)
	for range 5 {
		c.wait(6 * time.Minute)
		s = c.starts(app, s)
		c.answers(s, verify.Approve)
	}
	c.wait(10 * time.Minute)
	refusedPrompt(24*time.Hour - 44*time.Minute)
}

// Sixty codes a minute are compared for one address: the connection's own, where there
// is one, and the integrator's word else.
func TestChecksOfAnAddress(t *testing.T) {
	c := newTown(t)
	c.policy.Limits = verify.Limits{ChecksIP: verify.DefaultLimits().ChecksIP}
	guess := func(i int, from string) error {
		s := c.starts(one{user: fmt.Sprint("user ", i), number: fmt.Sprintf("+1415555%04d", 1000+i), ip: fmt.Sprintf("192.0.2.%d", i), purpose: verify.Phone})
		s.who.ip = from
		_, err := c.guess(s, attempt)
		return err
	}
	for i := range 60 {
		if err := guess(i, cafe); err != nil {
			t.Fatalf("check %d: %v", i+1, err)
		}
		c.wait(500 * time.Millisecond)
	}
	for range 3 { // refusals are not counted
		if r := refused(t, guess(60, cafe), verify.CodeRateLimited); r.RetryAfter != 30*time.Second || r.Limit != "checks_ip" {
			t.Errorf("to wait for %s by %s", r.RetryAfter, r.Limit)
		}
	}
	if n := len(c.user("user 60").Wrong); n > 0 {
		t.Errorf("%d guesses that were refused are held against the user", n)
	}
	if err := guess(61, flat); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	c.wait(30 * time.Second)
	if err := guess(62, cafe); err != nil {
		t.Errorf("after the wait: %v", err)
	}
}

// What is barred, or an operator has blocked, never gets a code; who has the app signs in.
func TestNoCodesToBlockedNumbers(t *testing.T) {
	for name, tc := range map[string]struct {
		number    string
		countries []string
		block     *verify.Block
		reason    verify.Reason
	}{
		"a dear number":        {number: dear, reason: verify.FraudRule},
		"a country not listed": {number: abroad, countries: []string{"US"}, reason: verify.CountryBarred},
		"a blocked number":     {number: number, block: &verify.Block{Kind: verify.BlockNumber}, reason: verify.FraudRule},
		"a blocked prefix":     {number: number, block: &verify.Block{Kind: verify.BlockPrefix}, reason: verify.FraudRule},
		"a blocked country":    {number: number, block: &verify.Block{Kind: verify.BlockCountry}, reason: verify.CountryBarred},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTown(t)
			c.policy.Limits.Countries = tc.countries
			before := c.starts(one{user: "bob", number: number, purpose: verify.Phone})
			if tc.block != nil {
				c.blocks = append(c.blocks, *tc.block)
			}
			for _, who := range []one{
				{user: "ana", number: tc.number, purpose: verify.Phone},
				{user: "bob", number: tc.number},
				{user: "eve", number: tc.number, app: true, channel: verify.SMS},
			} {
				s, err := c.start(who)
				if r := refused(t, err, verify.CodeBlocked); r.VerificationID != s.ID || r.RetryAfter != 0 || s.Status != verify.Blocked || s.Reason != tc.reason {
					t.Errorf("%+v: %s (%s), %+v", who, s.Status, s.Reason, r)
				}
			}
			for _, channel := range []verify.Channel{verify.Auto, verify.Both} {
				s := c.starts(one{user: string(channel), number: tc.number, app: true, channel: channel})
				c.wait(time.Minute, s)
				if len(s.Codes) > 0 {
					t.Errorf("%s: a code was sent", channel)
				}
				if v := c.answers(s, verify.Approve); !v.Accepted {
					t.Errorf("%s: %+v", channel, v)
				}
			}
			if tc.block == nil {
				return
			}
			c.now = start.Add(2 * time.Minute)
			_, err := c.guess(before, c.right(before))
			refused(t, err, verify.CodeBlocked)
			refused(t, c.resend(before, ""), verify.CodeBlocked)
		})
	}
}

// The same refusal again within a minute names the row that is there and leaves none.
func TestTheSameRefusalAgain(t *testing.T) {
	c := newTown(t)
	ana := one{user: "ana", number: dear, purpose: verify.Phone}
	row, err := c.start(ana)
	refused(t, err, verify.CodeBlocked)
	key := c.auth.Keys().MeterKeys("ana", verify.Number{}, "")[0]
	kept := string(c.rows[key])
	for _, wait := range []time.Duration{0, 59 * time.Second} {
		c.now = row.EndedAt.Add(wait)
		again, err := c.start(ana)
		if r := refused(t, err, verify.CodeBlocked); again != nil || r.VerificationID != row.ID || string(c.rows[key]) != kept {
			t.Errorf("after %s: %v, row %s, want %s; the meter was %s and is %s", wait, again, r.VerificationID, row.ID, kept, c.rows[key])
		}
	}
	c.policy.Limits.Countries = []string{"US"}
	last := row.ID
	for _, next := range []struct {
		what string
		who  one
	}{
		{"another reason", one{user: "ana", number: abroad, purpose: verify.Phone}},
		{"another number", one{user: "ana", number: "+881612345679", purpose: verify.Phone}},
		{"another channel", one{user: "ana", number: dear, purpose: verify.Phone, channel: verify.Voice}},
		{"another purpose", one{user: "ana", number: dear}},
		{"the first again", ana},
	} {
		other, err := c.start(next.who)
		if r := refused(t, err, verify.CodeBlocked); other == nil || other.ID == last || r.VerificationID != other.ID {
			t.Fatalf("%s left no row: %v", next.what, err)
		}
		last = other.ID
	}
	c.wait(time.Minute)
	if again, err := c.start(ana); again == nil || again.ID == last {
		t.Errorf("after a minute: %v", err)
	}
}

// When a deployment sees too many wrong codes, the codes of new sessions are longer;
// those of old ones stay as their pages show them.
func TestLongerCodes(t *testing.T) {
	c := newTown(t)
	c.policy.ResendDelays, c.wrong = nil, 9_999
	before := c.starts(one{user: "ana", number: number, purpose: verify.Phone})
	c.wrong = 10_000
	during := c.starts(one{user: "bob", number: mobile, purpose: verify.Phone})
	c.wait(6*time.Minute, before, during)
	for s, want := range map[*session]int{before: 6, during: 8} {
		if err := c.resend(s, ""); err != nil {
			t.Fatal(err)
		}
		for _, code := range s.Codes {
			if code.Length != want || len(s.Codes) != 2 {
				t.Errorf("generation %d of %d has %d digits, want %d", code.Generation, len(s.Codes), code.Length, want)
			}
		}
	}
}

// Every wrong code, and no right one, is a row of the deployment's count, by the hour.
func TestWrongCodesAreSummed(t *testing.T) {
	c := newTown(t)
	c.wait(90 * time.Minute)
	s := c.starts(one{user: "ana", number: number, purpose: verify.Phone})
	for _, code := range []string{attempt, attempt, c.right(s)} {
		if _, err := c.guess(s, code); err != nil {
			t.Fatal(err)
		}
	}
	want := verify.Sum{Name: verify.SumWrongCodes, Start: start.Add(time.Hour), N: 1}
	if sums := s.TakeSums(); !slices.Equal(sums, []verify.Sum{want, want}) || len(s.TakeSums()) > 0 {
		t.Errorf("%+v", sums)
	}
}
