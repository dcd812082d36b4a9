package verify_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"nod/verify"
)

func TestMeterKeys(t *testing.T) {
	k := newWorld(t).auth.Keys()
	ana := k.MeterKeys("ana", verify.StoredNumber(number), home)
	var subjects []string
	for _, key := range ana {
		subjects = append(subjects, key.Subject)
		for _, clear := range []string{"ana", number[1:], number[1:8], home} {
			if strings.Contains(key.Hash, clear) {
				t.Errorf("%s is named by %q", key.Subject, key.Hash)
			}
		}
	}
	if want := []string{"user", "phone", "ip", "prefix", "country"}; !slices.Equal(subjects, want) || ana[4].Hash != "US" {
		t.Fatalf("%v of %s, want %v", subjects, ana[4].Hash, want)
	}
	if keys := k.MeterKeys("ana", verify.Number{}, "somewhere"); len(keys) != 1 || keys[0] != ana[0] {
		t.Errorf("a user without a number at no address has %v", keys)
	}
	for name, tc := range map[string]struct {
		number, ip string
		shared     []string // subjects that are ana's
	}{
		"a neighbor's number":     {"+14155550199", flat, []string{"user", "prefix", "country"}},
		"another exchange":        {"+14155560123", home, []string{"user", "ip", "country"}},
		"a number abroad":         {abroad, home, []string{"user", "ip"}},
		"the address as IPv6":     {number, "::ffff:" + home, []string{"user", "phone", "ip", "prefix", "country"}},
		"no address":              {number, "", []string{"user", "phone", "prefix", "country"}},
		"a short number's prefix": {"+4930123", home, []string{"user", "ip"}},
	} {
		var shared []string
		for _, key := range k.MeterKeys("ana", verify.StoredNumber(tc.number), tc.ip) {
			if slices.Contains(ana, key) {
				shared = append(shared, key.Subject)
			}
		}
		if !slices.Equal(shared, tc.shared) {
			t.Errorf("%s shares %v, want %v", name, shared, tc.shared)
		}
	}
	of := func(ip string) verify.MeterKey { return k.MeterKeys("", verify.Number{}, ip)[0] }
	if of("2001:db8:1:2::3") != of("2001:db8:1:2:ffff::") || of("2001:db8:1:2::3") == of("2001:db8:1:3::3") || of("fe80::1%eth0") != of("fe80::2") {
		t.Error("an IPv6 address does not count by its /64")
	}
	if k.MeterKeys("", verify.StoredNumber("+14155550123"), "")[1].Hash != k.BlockKey(verify.BlockPrefix, "+1415555") {
		t.Error("a prefix that is closed is not found by the prefix that an operator names")
	}
}

// A meter is kept for exactly as long as it says something; what it says outlasts an
// erasure, but not who the person is.
func TestAMeterExpires(t *testing.T) {
	if m := new(verify.Meter); m.ExpiresAt(start) != start {
		t.Error("an empty meter is kept")
	}
	c := newTown(t)
	c.policy.Limits.Prompts = nil
	s := c.starts(one{user: "ana", number: number, ip: home, purpose: verify.Phone})
	m := c.read("ana", s.Number, home)
	for what, tc := range map[string]struct {
		m    *verify.Meter
		kept time.Duration
	}{"user": {m.User, 24 * time.Hour}, "phone": {m.Phone, 24 * time.Hour}, "address": {m.IP, time.Hour}} {
		if at := tc.m.ExpiresAt(c.now); at.Before(start.Add(tc.kept)) {
			t.Errorf("the %s's is kept for %s, want %s", what, at.Sub(start), tc.kept)
		}
	}
	if ok, err := c.guess(s, c.right(s)); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if u := c.user("ana"); u.Profile == nil || u.ExpiresAt(c.now).After(c.now.AddDate(0, 0, 366)) {
		t.Errorf("%+v", u)
	} else if u.Forget(); u.Profile != nil || len(u.Sends) != 1 {
		t.Errorf("after an erasure: %+v", u)
	}
	if until := time.UnixMilli(c.lock("bob").LockedUntil.UnixMilli()); c.user("bob").ExpiresAt(c.now).Before(until) {
		t.Error("a lock is forgotten before it ends")
	}
}

// need is a rule, by its name and what is special, with what it needs to read.
type need struct {
	name  string
	who   one
	later time.Duration
	rule  func(c *town, s *session) error
	want  verify.Need
}

var (
	byCode  = one{user: "ana", number: number, channel: verify.SMS}
	byApp   = one{user: "ana", number: number, app: true}
	appOnly = one{user: "ana", number: number, app: true, channel: verify.Push}
)

var needs = []need{
	{"Start with the app", byApp, 0, again(one{user: "bob", app: true}), verify.NeedUser},
	{"Start with a code", byApp, 0, again(one{user: "bob", number: mobile}), verify.NeedSpend},
	{"Check", byCode, 0, func(c *town, s *session) error { return check(c, s, attempt) }, verify.NeedAll},
	{"Check of a right code", byCode, 0, func(c *town, s *session) error { return check(c, s, c.right(s)) }, verify.NeedAll},
	{"Resend", byCode, 0, func(c *town, s *session) error { return s.Resend("", &c.policy, c.now) }, verify.NeedSpend},
	{"Resend over the app", byApp, time.Minute, func(c *town, s *session) error { return s.Resend(verify.Push, &c.policy, c.now) }, verify.NeedUser},
	{"Next", byApp, 0, func(c *town, s *session) error { return s.Next(&c.policy, c.now) }, verify.NeedSpend},
	{"Reply that approves", byApp, 0, func(c *town, s *session) error { return reply(c, s, verify.Approve) }, verify.NeedUser},
	{"Reply that denies", byApp, 0, func(c *town, s *session) error { return reply(c, s, verify.Deny) }, verify.NeedUser},
	{"Reply that reports", byApp, 0, func(c *town, s *session) error { return reply(c, s, verify.Report) }, verify.NeedUser},
	{"Advance", byApp, 0, func(c *town, s *session) error { s.Advance(&c.policy, c.now); return nil }, verify.NeedNone},
	{"Advance to a code", byApp, time.Minute, func(c *town, s *session) error { s.Advance(&c.policy, c.now); return nil }, verify.NeedSpend},
	{"Advance past a prompt", appOnly, time.Hour, func(c *town, s *session) error { s.Advance(&c.policy, c.now); return nil }, verify.NeedUser},
	{"Settle to a code", byApp, time.Minute, func(c *town, s *session) error {
		d := &s.Deliveries[0]
		d.State, d.LeaseToken = verify.StateSending, "worker"
		s.Settle(d.ID, "worker", verify.Outcome{State: verify.StateUndelivered}, &c.policy, c.now)
		return nil
	}, verify.NeedSpend},
	{"Cancel", appOnly, 0, func(c *town, s *session) error { return s.Cancel(c.now) }, verify.NeedNone},
	{"Cancel late", appOnly, time.Hour, func(c *town, s *session) error { return s.Cancel(c.now) }, verify.NeedUser},

	{"Block late", appOnly, time.Hour, func(c *town, s *session) error {
		(&verify.Standing{Open: []*verify.Verification{s.Verification}}).Block("key", c.now)
		return nil
	}, verify.NeedUser},
	{"Relock", byApp, 0, func(c *town, s *session) error {
		(&verify.Standing{Meters: s.Meters}).Relock(&c.policy, c.now)
		return nil
	}, verify.NeedUser},
	{"Locked", byApp, 0, func(c *town, s *session) error { (&verify.Standing{Meters: s.Meters}).Locked(c.now); return nil }, verify.NeedUser},
	{"Unlock", byApp, 0, func(c *town, s *session) error { (&verify.Standing{Meters: s.Meters}).Unlock("key", c.now); return nil }, verify.NeedUser},

	// What counts nothing and sends nothing.
	{"Acknowledge", byApp, 0, func(c *town, s *session) error { return s.Acknowledge(s.Deliveries[0].ID, "dev_ana", &c.policy, c.now) }, verify.NeedNone},
	{"Display", byApp, 0, func(c *town, s *session) error { return s.Display(s.Deliveries[0].ID, "dev_ana", &c.policy, c.now) }, verify.NeedNone},
	{"Away", byApp, 0, func(c *town, s *session) error { s.Away("dev_ana", &c.policy, c.now); return nil }, verify.NeedNone},
	{"Lease", byApp, 0, func(c *town, s *session) error { s.Lease(&c.policy, "worker", c.now); return nil }, verify.NeedNone},
	{"Send", byApp, 0, func(c *town, s *session) error { s.Send(s.Deliveries[0].ID, "", &c.policy, c.now); return nil }, verify.NeedNone},
	{"PutOff", byApp, 0, func(c *town, s *session) error { s.PutOff(verify.Push, c.now, &c.policy, c.now); return nil }, verify.NeedNone},
	{"Receive", byCode, 0, func(c *town, s *session) error {
		s.Receive(verify.Receipt{DeliveryID: s.Deliveries[0].ID, Provider: "test", State: verify.StateDelivered}, &c.policy, c.now)
		return nil
	}, verify.NeedNone},
	{"AskDue", byCode, 0, func(c *town, s *session) error { s.AskDue(&c.policy, c.now); return nil }, verify.NeedNone},
	{"RejectResend", byCode, 0, func(c *town, s *session) error { s.RejectResend(&verify.Refusal{Limit: "prompts"}, c.now); return nil }, verify.NeedNone},
	{"NoteLimit", byCode, 0, func(c *town, s *session) error { s.NoteLimit(&verify.Refusal{Limit: "prompts"}, c.now); return nil }, verify.NeedNone},
	{"Note", byCode, 0, func(c *town, s *session) error { s.Note(verify.ActCancel, "key", c.now); return nil }, verify.NeedNone},
	{"Reuse", byCode, 0, func(c *town, s *session) error { s.Reuse(c.now); return nil }, verify.NeedNone},
	{"Redeem", byCode, 0, func(c *town, s *session) error { return s.Redeem(c.now) }, verify.NeedNone},
	{"Remember", byCode, 0, func(c *town, s *session) error { s.Remember(c.auth.Keys(), c.now); return nil }, verify.NeedNone},
	{"Actions", byCode, 0, func(c *town, s *session) error { s.Actions(&c.policy, c.now); return nil }, verify.NeedNone},
	{"EmailIn", byCode, 0, func(c *town, s *session) error { s.EmailIn(&c.policy, c.now); return nil }, verify.NeedNone},
	{"Fallback", byApp, 0, func(c *town, s *session) error { s.Fallback(&c.policy, c.now); return nil }, verify.NeedNone},
	{"CooldownRest", byCode, 0, func(c *town, s *session) error { s.CooldownRest(&c.policy, c.now); return nil }, verify.NeedNone},
	{"AttemptsLeft", byCode, 0, func(c *town, s *session) error { s.AttemptsLeft(c.now); return nil }, verify.NeedNone},
}

// What was not read is asked for by every rule that needs it, and no more than that; a
// rule that does not stand in the list fails.
func TestEveryRuleSaysWhatItLacks(t *testing.T) {
	listed := map[string]bool{}
	for _, tc := range needs {
		method, _, _ := strings.Cut(tc.name, " ")
		listed[method] = true
		t.Run(tc.name, func(t *testing.T) {
			c := newTown(t)
			c.policy.ResendDelays = nil
			c.policy.Limits.SpendCap, c.policy.Limits.Price = 1_000_000, func(string) (int64, bool) { return 1, true }
			s := c.starts(tc.who)
			c.now = c.now.Add(tc.later)
			for have := verify.NeedNone; ; { // as a store does, on fresh copies
				v := *s.Verification
				v.Codes, v.Deliveries, v.Refused = slices.Clone(v.Codes), slices.Clone(v.Deliveries), slices.Clone(v.Refused)
				v.Meters = halfRead(c, s, have)
				_ = tc.rule(c, &session{Verification: &v, who: s.who})
				lacks := v.Meters.Lacks()
				if lacks == verify.NeedNone {
					if have != tc.want {
						t.Errorf("it was content with %d, want %d", have, tc.want)
					}
					return
				}
				if lacks <= have || lacks > tc.want {
					t.Fatalf("with %d it lacks %d, want %d", have, lacks, tc.want)
				}
				have = lacks
			}
		})
	}
	for _, of := range []reflect.Type{reflect.TypeFor[*verify.Verification](), reflect.TypeFor[*verify.Standing]()} {
		for m := range of.Methods() {
			for in := range m.Type.Ins() {
				if in == reflect.TypeFor[time.Time]() && !listed[m.Name] {
					t.Errorf("%s is not listed with what it needs", m.Name)
				}
			}
		}
	}
}

// halfRead are the meters as far as they were read.
func halfRead(c *town, s *session, have verify.Need) *verify.Meters {
	all := c.read(s.UserID, s.Number, s.who.ip)
	m := &verify.Meters{Have: have, Address: s.who.ip}
	if have >= verify.NeedUser {
		m.User = all.User
	}
	if have >= verify.NeedAll {
		m.Phone, m.IP, m.Prefix, m.Country, m.Since = all.Phone, all.IP, all.Prefix, all.Country, all.Since
	}
	if have >= verify.NeedSpend {
		m.Spend = all.Spend
	}
	return m
}

func check(c *town, s *session, code string) error {
	_, err := s.Check(c.auth.Keys(), code, &c.policy, c.now)
	return err
}

func reply(c *town, s *session, d verify.Decision) error {
	w := *c.world
	w.v = s.Verification
	_, err := w.reply("dev_"+s.UserID, d, w.match())
	return err
}

// again is a start of somebody else, by the same meters.
func again(who one) func(c *town, s *session) error {
	return func(c *town, s *session) error {
		sit := verify.Situation{Meters: s.Meters}
		if who.app {
			sit.Devices = []verify.Device{c.device("dev_bob", true, c.now)}
		}
		q := verify.Request{ID: verify.NewID("ver"), UserID: who.user, Purpose: verify.Login, KeyID: c.auth.Keys().CodeKey(), SignKeyID: c.auth.Keys().SignKey()}
		if who.number != "" {
			q.Number = verify.StoredNumber(who.number)
		}
		_, err := verify.Start(q, &sit, &c.policy, c.now)
		return err
	}
}

// A limit that is zero limits nothing.
func TestALimitOfNothing(t *testing.T) {
	none := []verify.Limit{{}}
	c := newTown(t)
	c.policy.Limits = verify.Limits{SendsPhone: none, SendsUser: none, SendsIP: none, ChecksIP: none, Prompts: none, WrongCodes: none}
	s := c.starts(one{user: "ana", number: number, ip: flat, app: true, channel: verify.Both})
	if ok, err := c.guess(s, attempt); ok || err != nil || s.Stage != verify.CodeEntry {
		t.Errorf("%t, %v, stage %s", ok, err, s.Stage)
	}
}

// Whoever comes from elsewhere is counted there, and that meter is asked for.
func TestFrom(t *testing.T) {
	c := newTown(t)
	s := c.starts(one{user: "ana", number: number, ip: flat, purpose: verify.Phone})
	for ip, other := range map[string]bool{"": false, flat: false, home: true} {
		s.Meters = c.read("ana", s.Number, flat)
		s.From(ip)
		_ = check(c, s, attempt)
		if lacks := s.Meters.Lacks(); (lacks == verify.NeedAll) != other || other && s.Meters.Address != ip {
			t.Errorf("from %q: it lacks %d of %q", ip, lacks, s.Meters.Address)
		}
	}
	s.Meters = nil
	s.From(home)
}

// The row of a meter is small, and empty fields are none of it.
func TestAMetersRow(t *testing.T) {
	row, err := json.Marshal(verify.Meter{})
	if err != nil || string(row) != "{}" {
		t.Errorf("%s, %v", row, err)
	}
	full := verify.Meter{Sends: verify.Times{1, 2}, Wrong: verify.Times{3}, Until: 4, Unproved: []verify.Unproved{{At: 5, ID: "ver"}}, Refused: &verify.Refused{Reason: verify.FraudRule, Code: "blocked", ID: "ver", At: 6}, Ends: 7}
	row, err = json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	var back verify.Meter
	if err := json.Unmarshal(row, &back); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(full, back); diff != "" {
		t.Error(diff)
	}
}
