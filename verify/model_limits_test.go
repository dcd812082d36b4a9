package verify_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nod/verify"
)

// ledger is what somebody with a pencil writes down of a town: when what was let through.
type ledger map[string][]time.Time

// crowd is a town with a few people who share numbers and addresses, and what they do.
type crowd struct {
	*town
	r      *rapid.T
	wrote  ledger
	locked map[string]time.Time // until when, by user
	open   []*session
}

// TestLimitsHold drives random acts of several users over shared numbers and addresses.
// Whatever their order, no span of a limit ever holds more than it allows; what is told
// to wait is exactly as long as it takes; a lock is loosened by nothing but its end or an
// operator; and an app that was asked can always approve.
func TestLimitsHold(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c := &crowd{town: newTown(t), r: r, wrote: ledger{}, locked: map[string]time.Time{}}
		c.policy.ResendDelays, c.policy.Resends, c.policy.TriesPerCode = nil, 20, 20
		few := func(most int, name string) []verify.Limit {
			n := rapid.IntRange(1, most).Draw(r, name)
			return []verify.Limit{{N: n, Per: 10 * time.Minute}, {N: n + rapid.IntRange(0, most).Draw(r, name+" a day"), Per: 24 * time.Hour}}
		}
		c.policy.Limits = verify.Limits{
			SendsPhone: few(4, "phone"), SendsUser: few(4, "user"), SendsIP: few(6, "ip"), ChecksIP: few(8, "checks"),
			Prompts: few(4, "prompts"), WrongCodes: few(5, "wrong"), Fatigue: verify.Limit{N: 2, Per: 15 * time.Minute},
		}
		for range rapid.IntRange(10, 60).Draw(r, "acts") {
			c.acts()
			c.within()
		}
	})
}

func (c *crowd) acts() {
	r := c.r
	acts := []string{"start", "start", "wait", "wait"}
	if len(c.open) > 0 {
		acts = append(acts, "guess", "guess", "guess", "guess", "right", "resend", "resend", "next", "answer", "unlock")
	}
	act := rapid.SampledFrom(acts).Draw(r, "act")
	switch act {
	case "wait":
		c.wait(time.Duration(rapid.IntRange(1, 40*60_000).Draw(r, "ms"))*time.Millisecond, c.open...)
		for _, s := range c.open {
			c.count(s)
		}
		c.open = slices.DeleteFunc(c.open, func(s *session) bool { return s.Terminal() })
		return
	case "start":
		c.begin()
		return
	}
	s := rapid.SampledFrom(c.open).Draw(r, "whose")
	s.who.ip = rapid.SampledFrom([]string{flat, cafe}).Draw(r, "from")
	switch act {
	case "guess":
		c.try(s, "a wrong code", func() error { _, err := c.guess(s, attempt); return err })
	case "right":
		if len(s.Codes) > 0 {
			c.try(s, "a right code", func() error { _, err := c.guess(s, c.right(s)); return err })
		}
	case "resend":
		ch := rapid.SampledFrom([]verify.Channel{verify.SMS, verify.Voice, verify.Push}).Draw(r, "over")
		c.try(s, "a resend", func() error { return c.resend(s, ch) })
	case "next":
		c.try(s, "the next channel", func() error { return c.next(s) })
	case "answer":
		c.answer(s)
	case "unlock":
		if rapid.IntRange(0, 3).Draw(r, "really") == 0 {
			c.unlock(s.UserID)
		}
	}
	c.count(s)
	c.open = slices.DeleteFunc(c.open, func(s *session) bool { return s.Terminal() })
}

func (c *crowd) begin() {
	r := c.r
	who := one{
		user:    rapid.SampledFrom([]string{"ana", "bob"}).Draw(r, "user"),
		number:  rapid.SampledFrom([]string{number, mobile}).Draw(r, "number"),
		ip:      rapid.SampledFrom([]string{flat, cafe}).Draw(r, "ip"),
		channel: rapid.SampledFrom([]verify.Channel{verify.Auto, verify.SMS, verify.Both}).Draw(r, "channel"),
		app:     rapid.Bool().Draw(r, "app"),
	}
	var meets []*session
	if i := slices.IndexFunc(c.open, func(s *session) bool { return s.UserID == who.user }); i >= 0 {
		meets = append(meets, c.open[i])
		c.open = slices.Delete(c.open, i, i+1)
	}
	s, err := c.start(who, meets...)
	if err != nil {
		c.open = append(c.open, meets...)
		c.exact(who, err)
		return
	}
	for _, e := range meets {
		c.count(e)
	}
	c.count(s)
	c.open = append(c.open, s)
}

// try is an act that a lock or a limit may refuse, and nothing else that counts.
func (c *crowd) try(s *session, what string, act func() error) {
	c.settle(s)
	before := s.Seq
	until := c.locked[s.UserID]
	checks := what == "a wrong code" || what == "a right code"
	err := act()
	if err == nil && checks {
		c.wrote["checks "+s.who.ip] = append(c.wrote["checks "+s.who.ip], c.now)
		if what == "a wrong code" {
			c.wrote["wrong "+s.UserID] = append(c.wrote["wrong "+s.UserID], c.now)
		}
	}
	if until.After(c.now) && err == nil && checks {
		c.r.Fatalf("%s of %s was compared, %s before the lock ends", what, s.UserID, until.Sub(c.now))
	}
	if err != nil && s.Seq != before {
		c.r.Fatalf("%s was refused with %v, and %d events tell of something", what, err, s.Seq-before)
	}
	if e := c.user(s.UserID).Until; e > c.now.UnixMilli() {
		if now := time.UnixMilli(e); now.Before(until) {
			c.r.Fatalf("%s brought the lock's end from %s to %s", what, until, now)
		}
		c.locked[s.UserID] = time.UnixMilli(e)
	} else if until.After(c.now) {
		c.r.Fatalf("%s ended the lock, %s early", what, until.Sub(c.now))
	}
}

// exact holds a refused start against what it was told to wait: a moment before the end
// it is refused still, and at the end not by the same limit.
func (c *crowd) exact(who one, err error) {
	r, ok := errors.AsType[*verify.Refusal](err)
	if !ok || r.Code != verify.CodeRateLimited || rapid.IntRange(0, 2).Draw(c.r, "look") > 0 {
		return
	}
	c.now = c.now.Add(r.RetryAfter - time.Millisecond) // and nothing else happens
	if _, err := c.start(who); after(err) != time.Millisecond {
		c.r.Fatalf("%s held for %s: a millisecond before the end it is %v, for %s", r.Limit, r.RetryAfter, err, after(err))
	}
	c.now = c.now.Add(time.Millisecond)
	s, err := c.start(who)
	if r2, ok := errors.AsType[*verify.Refusal](err); ok && r2.Code == verify.CodeRateLimited {
		c.r.Fatalf("%s held for %s: at the end %s holds for %s", r.Limit, r.RetryAfter, r2.Limit, r2.RetryAfter)
	}
	if err == nil {
		c.count(s)
	}
}

// answer approves or denies what the phone shows: never is an approval refused.
func (c *crowd) answer(s *session) {
	if !s.Prompt.Open(c.now) || !s.who.app {
		return
	}
	if rapid.Bool().Draw(c.r, "approves") {
		if v := c.answers(s, verify.Approve); !v.Accepted || s.Status != verify.Approved {
			c.r.Fatalf("the app approved, and was told %+v; %s", v, s.Status)
		}
		return
	}
	c.answers(s, verify.Deny)
}

func (c *crowd) unlock(user string) {
	m := c.read(user, verify.Number{}, "")
	standing := verify.Standing{Hold: verify.Hold{UserID: user}, Meters: m}
	for _, s := range c.open {
		if s.UserID == user {
			standing.Open = append(standing.Open, s.Verification)
		}
	}
	standing.Unlock("key 3fa9c1d2", c.now)
	c.keep(m, user, verify.Number{})
	delete(c.wrote, "wrong "+user)
	delete(c.locked, user)
	for _, s := range c.open {
		c.settle(s)
	}
}

// count writes down the sends and prompts that are new: what rings nowhere is none.
func (c *crowd) count(s *session) {
	for _, d := range s.Deliveries {
		if d.Channel.App() || d.State == verify.StateSuppressed {
			continue
		}
		for _, of := range []string{"phone " + s.Number.E164(), "user " + s.UserID} {
			c.note(of, d.ID, d.CreatedAt)
		}
	}
	for g := 1; g <= s.Prompt.Generation; g++ {
		if i := slices.IndexFunc(s.Deliveries, func(d verify.Delivery) bool { return d.PromptGeneration == g }); i >= 0 && s.Deliveries[i].Detail != "fatigue" {
			c.note("prompts "+s.UserID, fmt.Sprint(s.ID, g), s.Deliveries[i].CreatedAt)
		}
	}
}

func (c *crowd) note(of, id string, at time.Time) {
	if key := "seen " + of + " " + id; c.wrote[key] == nil {
		c.wrote[key] = []time.Time{at}
		c.wrote[of] = append(c.wrote[of], at)
	}
}

// within holds what was written down against the limits.
func (c *crowd) within() {
	l := &c.policy.Limits
	for of, at := range c.wrote {
		limits := map[string][]verify.Limit{"phone": l.SendsPhone, "user": l.SendsUser, "checks": l.ChecksIP, "prompts": l.Prompts, "wrong": l.WrongCodes}[of[:max(0, slices.Index([]byte(of), ' '))]]
		slices.SortFunc(at, time.Time.Compare)
		for _, limit := range limits {
			for i := limit.N; i < len(at); i++ {
				if span := at[i].Sub(at[i-limit.N]); span < limit.Per {
					c.r.Fatalf("%s: %d in %s, at most %d in %s are allowed", of, limit.N+1, span, limit.N, limit.Per)
				}
			}
		}
	}
}
