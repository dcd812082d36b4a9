package verify

import (
	"slices"
	"strings"
	"time"
)

// Limit is how many in how long: never more than N in any span of Per, wherever it
// begins. The zero value limits nothing.
type Limit struct {
	N   int
	Per time.Duration
}

// BudgetMode says what becomes of a code that its country's budget, or its IP's, has
// no room for.
type BudgetMode string

// The budget modes.
const (
	BudgetOff    BudgetMode = "off"
	BudgetRecord BudgetMode = "record_only"
	BudgetDeny   BudgetMode = "deny"
	BudgetAuto   BudgetMode = "auto" // record_only until the deployment is seven days old, then deny
)

// Limits are what an attacker meets (contract, section 4). Of several limits all
// hold; an empty slice, and the zero value of the others, limits nothing.
type Limits struct {
	SendsPhone []Limit // codes over SMS and voice to one number
	SendsUser  []Limit // codes, whichever way, of one user
	SendsIP    []Limit // codes, whichever way, that one person's IP asked for
	ChecksIP   []Limit // codes that one person's IP had compared
	Prompts    []Limit // of one user
	WrongCodes []Limit // of one user: then no code until the oldest is out of the span; of a year and more: until unlocked

	WrongCodesAll Limit // of the whole deployment: then the codes of new sessions are longer
	Fatigue       Limit // N prompts denied or ignored in a row: for Per nothing starts by itself
	Prefix        Limit // sends to one prefix that nobody proved: then it is closed for a while

	Countries []string   // ISO 3166-1 alpha-2: codes go to numbers of these over SMS and voice; nil: to all
	Budgets   BudgetMode // empty: off
	SpendCap  int64      // a UTC day, in micro-units; 0: none
	// Price is what a code to a country costs with the dearest provider, in
	// micro-units. While there is a cap, what has no price is not sent.
	Price func(country string) (micros int64, ok bool)
}

// DefaultLimits returns the contract's. Those on wrong codes keep far below the hundred
// failures in a row that NIST SP 800-63B-4, section 3.2.2, allows an account at most; OWASP
// ASVS 5.0, section 6.3, asks for the rest: against guessing, bombing and pumping.
func DefaultLimits() Limits {
	return Limits{
		SendsPhone: []Limit{{5, time.Hour}, {10, 24 * time.Hour}},
		SendsUser:  []Limit{{10, time.Hour}, {20, 24 * time.Hour}},
		SendsIP:    []Limit{{20, time.Hour}},
		ChecksIP:   []Limit{{60, time.Minute}},
		Prompts:    []Limit{{5, 10 * time.Minute}, {10, 24 * time.Hour}},
		WrongCodes: []Limit{{12, 24 * time.Hour}, {100, lasting}},

		WrongCodesAll: Limit{10_000, 24 * time.Hour},
		Fatigue:       Limit{3, 15 * time.Minute},
		Prefix:        Limit{10, 10 * time.Minute},
		Budgets:       BudgetAuto,
	}
}

// The limits by the names that events and deliveries tell. Those of the rules against
// fraud stand with them.
const (
	limitSendsPhone = "sends_phone"
	limitSendsUser  = "sends_user"
	limitSendsIP    = "sends_ip"
	limitChecksIP   = "checks_ip"
	limitPrompts    = "prompts"
)

// lasting is the span from which on too many wrong codes lock until an operator
// unlocks: who has guessed for a year is not one who forgets.
const lasting = 365 * 24 * time.Hour

// longest is the span that the limits look back.
func longest(limits []Limit) (per time.Duration) {
	for _, l := range limits {
		per = max(per, l.Per)
	}
	return per
}

// count adds a moment to one of the meter's own times.
func (m *Meter) count(t *Times, limits []Limit, now time.Time) {
	*t = t.with(now, limits)
	m.keep(now.Add(longest(limits)))
}

// held says why nothing may be sent over ch now, and until when; nil: it may. It changes
// nothing.
func (v *Verification) held(p *Policy, ch Channel, now time.Time) *Stop {
	s := v.stop(p, ch, now)
	if s == nil {
		return nil
	}
	return s.closes(ch, v.SessionEndsAt, now)
}

// stop says why nothing may be sent over ch now; nil: it may. Of a
// prompt it is how many the user had; of a code the user's lock, how many were sent to
// the number, of the user and for the person's IP and, where a number is paid for, the
// rules against fraud.
func (v *Verification) stop(p *Policy, ch Channel, now time.Time) *Stop {
	if ch.App() {
		return full(limitPrompts, v.Meters.user().prompts().wait(p.Limits.Prompts, now))
	}
	if until := v.lockEnd(now); !until.IsZero() {
		return locked(until, now)
	}
	m := v.Meters
	stop := full(limitSendsUser, m.user().sends().wait(p.Limits.SendsUser, now))
	if ch.number() {
		stop = stop.or(full(limitSendsPhone, m.phone().sends().wait(p.Limits.SendsPhone, now)))
	}
	if stop = stop.or(full(limitSendsIP, m.ip().sends().wait(p.Limits.SendsIP, now))); stop != nil {
		return stop
	}
	return m.gate(v, p, ch, now)
}

// sent counts a code that leaves over ch, and returns what is reserved for it.
func (v *Verification) sent(p *Policy, ch Channel, now time.Time) (cost int64) {
	m := v.Meters
	if u := m.user(); u != nil {
		u.count(&u.Sends, p.Limits.SendsUser, now)
	}
	if n := m.phone(); n != nil && ch.number() {
		n.count(&n.Sends, p.Limits.SendsPhone, now)
	}
	if ip := m.ip(); ip != nil {
		ip.count(&ip.Sends, p.Limits.SendsIP, now)
	}
	return m.sent(v, p, ch, now)
}

func (m *Meter) sends() Times {
	if m == nil {
		return nil
	}
	return m.Sends
}

func (m *Meter) prompts() Times {
	if m == nil {
		return nil
	}
	return m.Prompts
}

func (m *Meter) checks() Times {
	if m == nil {
		return nil
	}
	return m.Checks
}

// full is a limit that has no room for so long; nil: it has.
func full(limit string, wait time.Duration) *Stop {
	if wait <= 0 {
		return nil
	}
	return &Stop{Reason: RateLimited, Limit: limit, RetryAfter: wait, events: tells(EventLimitHit, EventData{Limit: limit})}
}

// or is the one of two full limits that holds longer, so that what is told to wait is
// enough for both.
func (s *Stop) or(other *Stop) *Stop {
	if s == nil || other != nil && other.RetryAfter > s.RetryAfter {
		return other
	}
	return s
}

// refusal is what who asked is told.
func (s *Stop) refusal() *Refusal {
	r := &Refusal{Code: CodeBlocked, RetryAfter: s.RetryAfter, Limit: s.Limit, tells: s.events, holds: s.holds}
	switch {
	case s.Reason == AccountLocked && s.RetryAfter == 0:
		r.Code, r.Detail = CodeLocked, "Too many wrong codes were typed, so no code is sent or checked until an operator has unlocked this user. Confirm in the app, or ask for help."
	case s.Reason == AccountLocked:
		r.Code, r.Detail = CodeLocked, "Too many wrong codes were typed, so no code is sent or checked for a while. Confirm in the app, or wait until the lock ends."
	case s.Limit == limitFatigue:
		r.Code, r.Detail = CodeRateLimited, "The last requests to the app were refused or not answered, so it is not asked again for a while. Open the app and answer there, wait, or use another way."
	case s.Reason == RateLimited:
		r.Code, r.Detail = CodeRateLimited, "This was asked for too often. Wait, or use another way."
	case s.Reason == CountryBarred:
		r.Detail = "No code is sent to numbers of this country. Use the app, or another number."
	case s.Limit == limitNoPrice:
		r.Detail = "Nobody has said what a code to this country costs, so none is sent there by SMS or call. Use the app, or another number."
	case s.Reason == SpendStopped:
		r.Detail = "No more codes are sent by SMS or call today. Use the app, or try again tomorrow."
	case strings.HasPrefix(s.Limit, "country_"):
		r.Detail = "Too many codes to numbers of this country were not typed in lately, so no more are sent there for now. Wait, or use the app."
	case strings.HasPrefix(s.Limit, "ip_"):
		r.Detail = "Too many codes that were asked for from this address were not typed in lately, so no more are sent for now. Wait, or use the app."
	default:
		r.Detail = "No code is sent to this number. Use the app, or another number."
	}
	return r
}

// NoteLimit records that a limit refused a step, once until another send is taken: who
// hammers fills no timeline; and, for pages, until when. It is for a write of its own, as
// what refuses writes nothing.
func (v *Verification) NoteLimit(r *Refusal, now time.Time) {
	if v.Terminal() {
		return
	}
	if v.Held = v.Held.and(r.holds); r.Limit == "" || slices.Contains(v.Refused, r.Limit) {
		return
	}
	v.Refused = append(v.Refused, r.Limit)
	v.tell(r.tells, now)
}

// tell emits what a limit has to tell.
func (v *Verification) tell(events []Event, now time.Time) {
	for _, e := range events {
		v.emit(e.Name, now, e.Data)
	}
}

// lockEnd is when the user's lock on codes ends; zero: there is none.
func (v *Verification) lockEnd(now time.Time) time.Time {
	until := v.LockedUntil
	if u := v.Meters.user(); u != nil {
		until = later(until, time.UnixMilli(u.Until).UTC())
	}
	if !until.After(now) {
		return time.Time{}
	}
	return until
}

// locked is the lock that ends then.
func locked(until, now time.Time) *Stop {
	s := &Stop{Reason: AccountLocked}
	if until.Before(Forever) {
		s.RetryAfter = until.Sub(now)
	}
	return s
}

// lock closes code entry and takes back the codes that have not left. The app's
// approval stays open: a thief who guesses must not be able to shut the owner out.
func (v *Verification) lock(until, now time.Time) {
	v.LockedUntil = until
	v.dropInFlight(now, func(d *Delivery) bool { return !d.Channel.App() }, StateCanceled)
	data := EventData{}
	if until.Before(Forever) {
		data.Until = FormatTime(until)
	}
	v.emit(EventLocked, now, data)
}

// lockedNow reports whether the verification knows of a lock.
func (v *Verification) lockedNow(now time.Time) bool { return v.LockedUntil.After(now) }

// checkable refuses a guess that may not be made: of a locked user, for a number that an
// operator has blocked, or from an IP that has made too many.
func (v *Verification) checkable(p *Policy, now time.Time) error {
	if until := v.lockEnd(now); !until.IsZero() {
		return locked(until, now).refusal()
	}
	m := v.Meters
	if m.want(NeedAll) && v.newestCode() != nil && v.newestCode().Channel.number() {
		if s := m.blocked(); s != nil {
			return s.closes(SMS, v.SessionEndsAt, now).refusal()
		}
	}
	if s := full(limitChecksIP, m.ip().checks().wait(p.Limits.ChecksIP, now)); s != nil {
		return s.refusal()
	}
	return nil
}

// guessed counts a guess before it is compared, for the person's IP and, as a wrong one,
// for the user. Success, a resend, another session or another number resets nothing: what
// is counted for the user is counted for each of the user's numbers, too. It returns what
// takes the wrong one back from the user.
func (v *Verification) guessed(p *Policy, now time.Time) (right func()) {
	if ip := v.Meters.ip(); ip != nil {
		ip.count(&ip.Checks, p.Limits.ChecksIP, now)
	}
	u := v.Meters.user()
	if u == nil {
		return func() {}
	}
	wrong, ends := u.Wrong, u.Ends
	u.count(&u.Wrong, p.Limits.WrongCodes, now)
	return func() { u.Wrong, u.Ends = wrong, ends }
}

// guessedWrong locks the user whose wrong codes are as many as a limit allows: until the
// oldest of them is out of its span, so that there are never more in any.
func (v *Verification) guessedWrong(p *Policy, now time.Time) {
	v.sums = append(v.sums, Sum{SumWrongCodes, now.UTC().Truncate(time.Hour), 1})
	u := v.Meters.user()
	if u == nil {
		return
	}
	for _, l := range p.Limits.WrongCodes {
		wait := u.Wrong.wait([]Limit{l}, now)
		switch {
		case wait <= 0:
		case l.Per >= lasting:
			u.Until = Forever.UnixMilli()
		default:
			u.Until = max(u.Until, now.Add(wait).UnixMilli())
		}
	}
	if until := v.lockEnd(now); !until.IsZero() {
		u.keep(earlier(until.Add(reportMemory), now.Add(profileKept)))
		v.lock(until, now)
	}
}

// refusedBefore is the row that the same refusal of the same create left a moment ago;
// empty: there is none.
func (m *Meter) refusedBefore(same Refused, now time.Time) string {
	if m == nil || m.Refused == nil || now.Sub(time.UnixMilli(m.Refused.At)) >= refusedFor {
		return ""
	}
	if same.ID, same.At = m.Refused.ID, m.Refused.At; same != *m.Refused {
		return ""
	}
	return same.ID
}

// wantsLonger reports whether so many wrong codes were typed all over the deployment that
// the codes of new sessions are longer: who tries a few codes of many people finds fewer.
func (v *Verification) wantsLonger(l Limit) bool {
	return l.N > 0 && v.Meters.want(NeedAll) && v.Meters.WrongToday >= l.N
}
