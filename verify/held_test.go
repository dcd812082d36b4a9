package verify_test

import (
	"strings"
	"testing"
	"time"

	"nod/verify"
)

// offers is what a page is told: in how many seconds something can be asked for; never: -1.
type offers struct{ sms, voice, push, mail, check int }

func (c *town) offered(s *session) offers {
	in := func(n *int) int {
		if n == nil {
			return -1
		}
		return *n
	}
	a := s.Actions(&c.policy, c.now)
	return offers{in(a.SMSIn), in(a.VoiceIn), in(a.PushIn), in(s.EmailIn(&c.policy, c.now)), in(a.CheckIn)}
}

// tries has a page ask for something that is refused, and the server keep what it heard.
func (c *town) tries(s *session, act func() error, code string) *verify.Refusal {
	c.t.Helper()
	r := refused(c.t, act(), code)
	if !r.Stands() {
		c.t.Errorf("%v stands for nothing later", r)
	}
	if err := c.act(s, func(v *verify.Verification) error { v.RejectResend(r, c.now); return nil }); err != nil {
		c.t.Fatal(err)
	}
	return r
}

// What was refused once is offered no sooner than it is possible, over the ways that are
// closed and no other; the rule itself goes on to ask what was used, and the next send
// that is let through clears it.
func TestWhatWasRefusedIsNotOffered(t *testing.T) {
	ana := one{user: "ana", number: number, email: "ana@example.com", app: true}
	limits := map[string]struct {
		limits verify.Limits
		sends  func(c *town, s *session) error // what uses it up, and then is refused
		code   string
		want   offers
		blocks []verify.Block
		ends   time.Duration // then it is let through; 0: now, since it is lifted
	}{
		"of a number": {
			limits: verify.Limits{SendsPhone: []verify.Limit{{N: 2, Per: time.Hour}}},
			code:   verify.CodeRateLimited, want: offers{3600, 3600, 0, 0, 0}, ends: time.Hour,
		},
		"of a user": {
			limits: verify.Limits{SendsUser: []verify.Limit{{N: 2, Per: 24 * time.Hour}}},
			code:   verify.CodeRateLimited, want: offers{86400, 86400, 0, 86400, 0}, ends: 24 * time.Hour,
		},
		"of a prefix": {
			limits: verify.Limits{Prefix: verify.Limit{N: 2, Per: time.Hour}},
			code:   verify.CodeRateLimited, want: offers{900, 900, 0, 0, 0}, ends: 15 * time.Minute,
		},
		"a cap until tomorrow": {
			limits: verify.Limits{SpendCap: 10, Price: func(string) (int64, bool) { return 11, true }},
			code:   verify.CodeBlocked, want: offers{-1, -1, 0, 0, -1},
		},
		"a block": {
			blocks: []verify.Block{{Kind: verify.BlockNumber}},
			code:   verify.CodeBlocked, want: offers{-1, -1, 0, 0, -1},
		},
	}
	for name, tc := range limits {
		t.Run(name, func(t *testing.T) {
			c := newTown(t)
			c.policy.ResendDelays, c.policy.SessionLife, c.policy.Limits = nil, 48*time.Hour, verify.Limits{}
			c.policy.CodeLife = 40 * time.Hour
			if tc.limits.SpendCap > 0 { // the day's end is behind the session's
				c.policy.SessionLife, c.policy.Limits = 2*time.Hour, tc.limits
			}
			s := c.starts(ana)
			if c.policy.Limits = tc.limits; tc.ends > 0 {
				for range 2 {
					if err := c.resend(s, verify.SMS); err != nil {
						t.Fatal(err)
					}
				}
			} else if tc.blocks != nil {
				if err := c.resend(s, verify.SMS); err != nil {
					t.Fatal(err)
				}
				c.blocks = tc.blocks
			}
			if got := c.offered(s); got.sms != 0 || got.voice != 0 {
				t.Fatalf("offered %+v before it is known", got)
			}
			r := c.tries(s, func() error { return c.resend(s, verify.SMS) }, tc.code)
			if got := c.offered(s); got != tc.want {
				t.Errorf("offered %+v, want %+v", got, tc.want)
			}
			if rest := verify.Rest(s.CooldownRest(&c.policy, c.now)); rest != max(0, tc.want.sms) && len(s.Codes) > 0 {
				t.Errorf("the countdown shows %d s, the channel %d", rest, tc.want.sms)
			}
			c.policy.Limits, c.blocks = verify.Limits{}, nil // as if lifted: nothing of what was kept refuses
			clear(c.rows)
			if err := c.resend(s, verify.Voice); err != nil {
				t.Fatalf("lifted, and %v", err)
			}
			if got := c.offered(s); got.sms != 0 || got.voice != 0 || got.mail != 0 || got.check != 0 {
				t.Errorf("after a send offered %+v; it was %v", got, r)
			}
		})
	}
}

// A code that was to leave by itself says as much, and none is announced that will not.
func TestWhatIsHeldBackIsNotOffered(t *testing.T) {
	c := newTown(t)
	c.policy.ResendDelays, c.policy.Limits = nil, verify.Limits{SendsPhone: []verify.Limit{{N: 1, Per: time.Hour}}}
	c.starts(one{user: "mallory", number: number, purpose: verify.Phone})
	both := c.starts(one{user: "ana", number: number, app: true, channel: verify.Both})
	if got := c.offered(both); got.sms != 3600 || got.push != 0 {
		t.Errorf("offered %+v", got)
	}
	c.policy.HasPush = false
	auto := c.starts(one{user: "bob", number: number, app: true})
	if f := auto.Fallback(&c.policy, c.now); f == nil || f.Channel != verify.SMS {
		t.Error("no SMS is announced")
	}
	c.tries(auto, func() error { return c.next(auto) }, verify.CodeRateLimited)
	if f := auto.Fallback(&c.policy, c.now); f != nil {
		t.Errorf("%+v is announced, and will be held back", f)
	}
	blocked, err := c.start(one{user: "eve", number: number, purpose: verify.Phone})
	refused(t, err, verify.CodeRateLimited)
	if rest := blocked.CooldownRest(&c.policy, c.now); rest != time.Hour {
		t.Errorf("the page of a refused proof is to wait for %s", rest)
	}
}

// A cap that ends within the session is waited for.
func TestACapThatEndsInTheSession(t *testing.T) {
	c := newTown(t)
	c.now = verify.Day(start).Add(23*time.Hour + 50*time.Minute)
	c.policy.ResendDelays = nil
	c.policy.Limits = verify.Limits{SpendCap: 10, Price: func(string) (int64, bool) { return 11, true }}
	s := c.starts(one{user: "ana", number: number, app: true})
	c.tries(s, func() error { return c.next(s) }, verify.CodeBlocked)
	if got := c.offered(s); got.sms != 600 {
		t.Errorf("offered %+v", got)
	}
}

// A code for a number that an operator has blocked since cannot be typed, which is known
// from the first try on.
func TestABlockClosesChecks(t *testing.T) {
	c := newTown(t)
	s := c.starts(one{user: "ana", number: number, purpose: verify.Phone})
	c.blocks = []verify.Block{{Kind: verify.BlockCountry}}
	c.tries(s, func() error { _, err := c.guess(s, c.right(s)); return err }, verify.CodeBlocked)
	if got := c.offered(s); got.check != -1 || got.sms != -1 {
		t.Errorf("offered %+v", got)
	}
	c.blocks = nil
	if ok, err := c.guess(s, attempt); ok || err != nil || c.offered(s).check != 0 {
		t.Errorf("lifted: %t, %v, offered %+v", ok, err, c.offered(s))
	}
}

// The tired are not asked again, for nothing would ring, and what rings nowhere uses up
// no requests.
func TestTheTiredAreNotAskedAgain(t *testing.T) {
	c := newTown(t)
	c.policy.ResendDelays, c.policy.Limits.Prompts = nil, []verify.Limit{{N: 4, Per: 24 * time.Hour}}
	app := one{user: "ana", number: number, app: true}
	open := c.starts(one{user: "ana", number: number, app: true}) // before it comes to that
	c.denies(3)
	if n := len(c.user("ana").Prompts); n != 4 {
		t.Fatalf("%d prompts are counted", n)
	}
	c.now = c.now.Add(time.Minute)
	if r := c.tries(open, func() error { return c.resend(open, verify.Push) }, verify.CodeRateLimited); r.Limit != "prompts" {
		t.Fatalf("refused by %s", r.Limit)
	}

	c.policy.Limits.Prompts[0].N = 5
	s := c.starts(app)
	for range 6 {
		c.now = c.now.Add(time.Minute)
		s = c.starts(app, s)
	}
	if n := len(c.user("ana").Prompts); n != 4 || s.told(verify.EventPushSuppressed) != 1 {
		t.Errorf("%d prompts are counted, told %v", n, s.events)
	}
	if got := c.offered(s); got.push != -1 {
		t.Errorf("offered %+v", got)
	}
	// One that rang, and was ignored at 12:02, says so when it is tried.
	r := c.tries(open, func() error { return c.resend(open, verify.Push) }, verify.CodeRateLimited)
	if r.RetryAfter != 10*time.Minute || r.Limit != "fatigue" || open.told(verify.EventPushSuppressed) != 1 || c.offered(open).push != 600 {
		t.Errorf("to wait for %s by %s, offered %+v, told %v", r.RetryAfter, r.Limit, c.offered(open), open.events)
	}
	c.now = c.now.Add(10 * time.Minute)
	if got := c.offered(s); got.push != 0 {
		t.Errorf("after the peace offered %+v", got)
	}
	s = c.starts(app, s)
	if n := len(c.user("ana").Prompts); n != 5 || s.told(verify.EventPushSuppressed) != 0 {
		t.Errorf("after the peace %d prompts are counted", n)
	}
}

// An operator who unlocks a person ends the peace, too.
func TestUnlockRings(t *testing.T) {
	c := newTown(t)
	c.policy.ResendDelays = nil
	c.denies(3)
	s := c.starts(one{user: "ana", number: number, app: true})
	m := c.read("ana", verify.Number{}, "")
	(&verify.Standing{Hold: verify.Hold{UserID: "ana"}, Open: []*verify.Verification{s.Verification}, Meters: m}).Unlock("key", c.now)
	c.keep(m, "ana", verify.Number{})
	if got := c.offered(s); got.push != 0 {
		t.Errorf("offered %+v", got)
	}
	if err := c.resend(s, verify.Push); err != nil {
		t.Error(err)
	}
}

// A trusted device's token that does not do says why, beside what else is unusual, also
// where the start is refused; one that is none of this user's says nothing.
func TestWhyATokenDidNotDo(t *testing.T) {
	for want, before := range map[string]func(c *town, s *one, q *verify.TrustedDevice){
		"":                 func(*town, *one, *verify.TrustedDevice) {},
		"trusted_locked":   func(c *town, _ *one, _ *verify.TrustedDevice) { c.lock("ana"); c.now = c.now.AddDate(0, 0, 3) },
		"trusted_tired":    func(c *town, _ *one, _ *verify.TrustedDevice) { c.denies(3); c.now = c.now.AddDate(0, 0, 3) },
		"trusted_asked":    func(_ *town, s *one, _ *verify.TrustedDevice) { s.match = verify.Strict },
		"trusted_reused":   func(_ *town, s *one, _ *verify.TrustedDevice) { s.used = 2 },
		"trusted_network":  func(_ *town, s *one, _ *verify.TrustedDevice) { s.place = "elsewhere" },
		"trusted_reported": func(c *town, s *one, _ *verify.TrustedDevice) { s.reported = c.now.AddDate(0, 0, -3) },
		"trusted_blocked":  func(c *town, s *one, _ *verify.TrustedDevice) { s.hold = verify.Hold{UserID: "ana", BlockedAt: c.now} },
		"somebody else's":  func(_ *town, _ *one, d *verify.TrustedDevice) { d.UserID = "bob" },
		"an ended one's":   func(c *town, _ *one, d *verify.TrustedDevice) { d.Revoke(verify.TrustRevoked, c.now) },
	} {
		t.Run(want, func(t *testing.T) {
			c := newTown(t)
			trusted := &verify.TrustedDevice{ID: verify.NewID("trd"), UserID: "ana", KeyID: c.auth.Keys().CodeKey(), Generation: 3, Networks: []string{"here"}}
			who := one{user: "ana", number: number, app: true, trusted: trusted}
			before(c, &who, trusted)
			trusted.ApprovedAt, trusted.RotatedAt, trusted.ExpiresAt = c.now, c.now, c.now.Add(verify.TrustLife)
			s, err := c.start(who)
			if s == nil || (err != nil) != (want == "trusted_blocked") {
				t.Fatal(err)
			}
			told := ""
			for _, e := range s.events {
				if e.Name == verify.EventRiskAssessed {
					told += e.Data.Reasons
				}
			}
			if !strings.HasPrefix(want, "trusted_") {
				want = ""
			}
			if told != want {
				t.Errorf("told %q", told)
			}
		})
	}
}

// An operator reads which range is closed, and can lift it by that; four digits of every
// number stay open.
func TestWhichRangeIsClosed(t *testing.T) {
	for number, want := range map[string]string{"+447911012345": "+44791101", "+4915123456789": "+49151234", "+6421234567": "+642123"} {
		c := newTown(t)
		c.policy.ResendDelays, c.policy.Limits = nil, verify.Limits{Prefix: verify.Limit{N: 1, Per: time.Minute}}
		who := one{user: "ana", number: number, purpose: verify.Phone}
		c.starts(who)
		s, err := c.start(who)
		refused(t, err, verify.CodeRateLimited)
		if d := s.events[0].Data; d.Limit != "prefix" || d.Detail != want {
			t.Errorf("%s: told %+v", want, d)
		}
	}
}

// Each stop says what it is, and what helps.
func TestRefusalsSayWhatHelps(t *testing.T) {
	price := func(string) (int64, bool) { return 11, true }
	budgets := verify.Limits{Budgets: verify.BudgetDeny}
	phone := one{user: "ana", number: number, ip: flat, purpose: verify.Phone}
	for want, tc := range map[string]struct {
		limits  verify.Limits
		uses    int // how often before
		numbers []string
	}{
		"to numbers of this country were not typed":    {budgets, 3, []string{mobile, office}},
		"asked for from this address were not typed":   {budgets, 5, []string{"+447400123456", "+447400123457", "+4915123456789", "+4915123456788", "+33612345678"}},
		"No more codes are sent by SMS or call today":  {verify.Limits{SpendCap: 10, Price: price}, 0, nil},
		"Nobody has said what a code to this country":  {verify.Limits{SpendCap: 10}, 0, nil},
		"until an operator has unlocked this user":     {verify.Limits{WrongCodes: []verify.Limit{{N: 1, Per: 365 * 24 * time.Hour}}}, 1, []string{number}},
		"for a while. Confirm in the app, or wait unt": {verify.Limits{WrongCodes: []verify.Limit{{N: 1, Per: 24 * time.Hour}}}, 1, []string{number}},
	} {
		c := newTown(t)
		c.policy.ResendDelays, c.policy.Limits = nil, tc.limits
		for i := range tc.uses {
			who := phone
			who.number = tc.numbers[i%len(tc.numbers)]
			s := c.starts(who)
			if len(tc.limits.WrongCodes) > 0 {
				if _, err := c.guess(s, attempt); err != nil {
					t.Fatal(err)
				}
			}
		}
		_, err := c.start(phone)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}
