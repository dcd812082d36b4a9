package verify_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"nod/verify"
)

// The people and places of the town.
const (
	mobile  = "+14155550124"
	office  = "+14155550125"
	abroad  = "+447400123456"
	dear    = "+881612345678" // a satellite network
	flat    = "198.51.100.7"
	cafe    = "203.0.113.9"
	attempt = "00" // no code reads so
)

// town is a deployment as its attackers meet it: many users, numbers and addresses, and
// their meters as a store keeps them, by key and as JSON.
type town struct {
	*world
	rows   map[verify.MeterKey][]byte
	blocks []verify.Block
	wrong  int // codes of the whole deployment
	keys   map[[3]string][]verify.MeterKey
}

func newTown(t *testing.T) *town {
	w := newWorld(t)
	return &town{world: w, rows: map[verify.MeterKey][]byte{}, keys: map[[3]string][]verify.MeterKey{}}
}

// one is somebody who signs in or proves a number.
type one struct {
	user, number, ip string
	purpose          verify.Purpose
	channel          verify.Channel
	app              bool // there is a phone with the app
	trusted          *verify.TrustedDevice
	used             int    // how often since the trusted device's token was
	place            string // of the trusted device; empty: where it was approved
	email            string
	reported         time.Time
	hold             verify.Hold
	match            verify.Match
}

// session is one of their verifications.
type session struct {
	*verify.Verification
	who    one
	events []verify.Event
}

// keysOf are the keys of somebody's meters, made once: most of the time would go there.
func (c *town) keysOf(user string, n verify.Number, ip string) []verify.MeterKey {
	of := [3]string{user, n.E164(), ip}
	if c.keys[of] == nil {
		c.keys[of] = c.auth.Keys().MeterKeys(user, n, ip)
	}
	return c.keys[of]
}

// read gives the meters of somebody, all of them.
func (c *town) read(user string, n verify.Number, ip string) *verify.Meters {
	m := &verify.Meters{
		User: &verify.Meter{}, Phone: &verify.Meter{}, IP: &verify.Meter{}, Prefix: &verify.Meter{}, Country: &verify.Meter{},
		Blocks: c.blocks, Spend: &verify.Spend{}, WrongToday: c.wrong, Since: start, Have: verify.NeedSpend, Address: ip,
	}
	for _, k := range c.keysOf(user, n, ip) {
		if row := c.rows[k]; row != nil {
			if err := json.Unmarshal(row, of(m, k)); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	return m
}

func (c *town) keep(m *verify.Meters, user string, n verify.Number) {
	for _, k := range c.keysOf(user, n, m.Address) {
		row, err := json.Marshal(of(m, k))
		if err != nil {
			c.t.Fatal(err)
		}
		if c.rows[k] = row; !of(m, k).ExpiresAt(c.now).After(c.now) {
			delete(c.rows, k) // as a sweep does
		}
	}
}

func of(m *verify.Meters, k verify.MeterKey) *verify.Meter {
	return map[string]*verify.Meter{"user": m.User, "phone": m.Phone, "ip": m.IP, "prefix": m.Prefix, "country": m.Country}[k.Subject]
}

// user is the meter of a user.
func (c *town) user(user string) *verify.Meter { return c.read(user, verify.Number{}, "").User }

// start begins a verification; what it met is superseded.
func (c *town) start(who one, open ...*session) (*session, error) {
	c.t.Helper()
	s := verify.Situation{Trusted: who.trusted, ReportedAt: who.reported, Hold: who.hold}
	if who.app {
		s.Devices = []verify.Device{c.device("dev_"+who.user, true, c.now)}
	}
	q := verify.Request{
		ID: verify.NewID("ver"), UserID: who.user, Purpose: who.purpose, Channel: who.channel, Match: who.match,
		Context: verify.Context{IP: who.ip}, KeyID: c.auth.Keys().CodeKey(), SignKeyID: c.auth.Keys().SignKey(),
	}
	if q.Purpose == "" {
		q.Purpose = verify.Login
	}
	if who.number != "" {
		q.Number = verify.StoredNumber(who.number)
		q.NumberHash = c.auth.Keys().HashNumber(q.Number)
	}
	if who.email != "" {
		q.Email = verify.StoredMailbox(who.email)
	}
	if who.trusted != nil {
		q.Trusted = verify.TrustClaim{DeviceID: who.trusted.ID, Generation: who.trusted.Generation - who.used, Network: cmp.Or(who.place, who.trusted.Networks[0])}
	}
	s.Meters = c.read(who.user, q.Number, who.ip)
	for _, o := range open {
		s.Open, o.Meters = o.Verification, s.Meters
	}
	v, err := verify.Start(q, &s, &c.policy, c.now)
	if s.Meters.Lacks() != verify.NeedNone {
		c.t.Fatal("all was read, and something is missing")
	}
	if v == nil {
		return nil, err
	}
	c.keep(s.Meters, who.user, q.Number)
	n := &session{Verification: v, who: who}
	c.settle(n)
	return n, err
}

// starts begins one that nothing stops.
func (c *town) starts(who one, open ...*session) *session {
	c.t.Helper()
	s, err := c.start(who, open...)
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

// act runs a rule as a server does: what is due is done before, and what is refused is
// not written.
func (c *town) act(s *session, rule func(v *verify.Verification) error) error {
	c.t.Helper()
	c.settle(s)
	s.Meters = c.read(s.UserID, s.Number, s.Context.IP)
	s.From(s.who.ip)
	if s.Meters.Address != s.Context.IP {
		s.Meters = c.read(s.UserID, s.Number, s.Meters.Address)
	}
	err := rule(s.Verification)
	if s.Meters.Lacks() != verify.NeedNone {
		c.t.Fatal("all was read, and something is missing")
	}
	if err == nil {
		c.keep(s.Meters, s.UserID, s.Number)
	}
	c.settle(s)
	return err
}

// settle takes the events and lets what is due leave.
func (c *town) settle(s *session) {
	c.t.Helper()
	for range 20 {
		s.events = append(s.events, s.TakeEvents()...)
		s.Meters = c.read(s.UserID, s.Number, s.Context.IP)
		s.Advance(&c.policy, c.now)
		ids := s.Lease(&c.policy, "worker", c.now)
		for _, id := range ids {
			if s.Send(id, "worker", &c.policy, c.now) {
				o := verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: "test"}
				if c.answer != nil {
					o = c.answer(*s.Delivery(id))
				}
				s.Settle(id, "worker", o, &c.policy, c.now)
			}
		}
		c.keep(s.Meters, s.UserID, s.Number)
		if s.events = append(s.events, s.TakeEvents()...); len(ids) == 0 && (s.NextAt.IsZero() || s.NextAt.After(c.now)) {
			return
		}
	}
	c.t.Fatalf("%s never comes to rest: next at %s, now %s", s.Stage, s.NextAt, c.now)
}

func (c *town) guess(s *session, code string) (ok bool, err error) {
	c.t.Helper()
	err = c.act(s, func(v *verify.Verification) (err error) {
		ok, err = v.Check(c.auth.Keys(), code, &c.policy, c.now)
		return err
	})
	return ok, err
}

func (c *town) right(s *session) string {
	return c.auth.Keys().Code(s.Verification, s.Codes[len(s.Codes)-1])
}

func (c *town) resend(s *session, ch verify.Channel) error {
	c.t.Helper()
	return c.act(s, func(v *verify.Verification) error { return v.Resend(ch, &c.policy, c.now) })
}

func (c *town) next(s *session) error {
	c.t.Helper()
	return c.act(s, func(v *verify.Verification) error { return v.Next(&c.policy, c.now) })
}

// answers is what the phone does with the prompt it shows.
func (c *town) answers(s *session, d verify.Decision) verify.Verdict {
	c.t.Helper()
	var verdict verify.Verdict
	if err := c.act(s, func(v *verify.Verification) (err error) {
		w := *c.world
		w.v = v
		number := w.match()
		if d == "wrong" {
			d, number = verify.Approve, number+"0"
		}
		verdict, err = w.reply("dev_"+s.UserID, d, number)
		s.events = append(s.events, w.events[len(c.events):]...)
		return err
	}); err != nil {
		c.t.Fatal(err)
	}
	return verdict
}

// wait lets time pass for some sessions, stopping where something is due.
func (c *town) wait(d time.Duration, all ...*session) {
	c.t.Helper()
	for end := c.now.Add(d); ; {
		next := end
		for _, s := range all {
			if !s.NextAt.IsZero() && s.NextAt.Before(next) {
				next = s.NextAt
			}
		}
		if next.After(c.now) {
			c.now = next
		}
		for _, s := range all {
			c.settle(s)
		}
		if !next.Before(end) {
			return
		}
	}
}

// lock makes somebody guess until it is enough, and returns the session in which it was.
func (c *town) lock(user string) *session {
	c.t.Helper()
	for {
		s := c.starts(one{user: user, number: number, purpose: verify.Phone, channel: verify.Voice})
		for range 3 {
			if _, err := c.guess(s, attempt); err != nil {
				c.t.Fatal(err)
			}
			if s.Stage == verify.Locked {
				return s
			}
		}
		c.wait(time.Hour)
	}
}

// told says how often an event of the name was.
func (s *session) told(name string) (n int) {
	for _, e := range s.events {
		if e.Name == name {
			n++
		}
	}
	return n
}

// limit is the limit that was told to be hit.
func (s *session) limit() string {
	i := slices.IndexFunc(s.events, func(e verify.Event) bool { return e.Name == verify.EventLimitHit })
	if i < 0 {
		return ""
	}
	return s.events[i].Data.Limit
}

// after is a refusal's wait.
func after(err error) time.Duration {
	if r, ok := errors.AsType[*verify.Refusal](err); ok {
		return r.RetryAfter
	}
	return 0
}
