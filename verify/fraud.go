package verify

import (
	"slices"
	"time"

	"github.com/nyaruka/phonenumbers"
)

// dearCodes are the country codes of satellite and international networks, of
// international premium rate and shared cost: of no country, dear to send to, and
// what toll fraud likes best. The universal freephone (800) and personal numbers
// (878) take no messages to speak of. Source: ITU-T E.164, list of assigned codes.
var dearCodes = []int32{808, 870, 881, 882, 883, 979}

// bars says why a number is never used for codes, if it is not: who sends to it is
// billed at its owner's price (premium rate, shared cost, satellite and international
// networks), or its country is none of those that codes go to. What a type of number
// is, is what the metadata of nyaruka/phonenumbers says.
func (l *Limits) bars(n Number) (Reason, bool) {
	p := n.parts()
	if p == nil {
		return FraudRule, !n.IsZero()
	}
	switch phonenumbers.GetNumberType(p) {
	case phonenumbers.PREMIUM_RATE, phonenumbers.SHARED_COST:
		return FraudRule, true
	}
	if slices.Contains(dearCodes, p.GetCountryCode()) {
		return FraudRule, true
	}
	if l.Countries != nil && !slices.Contains(l.Countries, phonenumbers.GetRegionCodeForNumber(p)) {
		return CountryBarred, true
	}
	return "", false
}

// Stop is why a code may not leave.
type Stop struct {
	Reason     Reason        // of a verification that is blocked for it: [RateLimited], [FraudRule], [CountryBarred] or [SpendStopped]
	Limit      string        // by the name that events have; empty: the number itself, or an operator's block
	RetryAfter time.Duration // until it may, should nothing more be sent; 0: waiting does not help
	events     []Event       // names and data of what it tells
	holds      Held          // see closes
}

// limitPrefix names the limit on what one prefix has not proved.
const limitPrefix = "prefix"

// gate says why no SMS and no call may leave to the number now; nil: it may. It is the
// last of the limits on codes, for money: an operator's word comes first, then what one
// prefix and one country or address have not proved, then the day's cap. It changes
// nothing: what leaves is counted by sent.
func (m *Meters) gate(v *Verification, p *Policy, ch Channel, now time.Time) *Stop {
	if !ch.number() || !m.want(NeedAll) {
		return nil
	}
	if why, barred := v.barred(p); barred {
		return &Stop{Reason: why}
	}
	if s := m.blocked(); s != nil {
		return s
	}
	if rest := m.Prefix.closed(now); rest > 0 {
		return &Stop{Reason: RateLimited, Limit: limitPrefix, RetryAfter: rest, events: tells(EventLimitHit, EventData{Limit: limitPrefix, Detail: v.Number.shown()})}
	}
	if mode := p.Limits.Budgets.at(m.Since, now); mode == BudgetDeny {
		if limits := m.over(now); len(limits) > 0 {
			return &Stop{Reason: FraudRule, Limit: limits[0], RetryAfter: m.room(now), events: tells(EventBudgetExceeded, overBudget(v, limits[0], mode))}
		}
	}
	return m.broke(v, p, now)
}

func tells(name string, data EventData) []Event { return []Event{{Name: name, Data: data}} }

// blocked is what an operator said about the number, the prefix or the country.
func (m *Meters) blocked() *Stop {
	for _, b := range m.Blocks {
		switch b.Kind {
		case BlockNumber, BlockPrefix:
			return &Stop{Reason: FraudRule, holds: Held{Checks: true}}
		case BlockCountry:
			return &Stop{Reason: CountryBarred, holds: Held{Checks: true}}
		}
	}
	return nil
}

// sent counts a code that is to leave by SMS or call, and returns what is reserved for
// it: the Cost of its delivery. That it leaves is not waited for: whoever asks for a
// hundred at once has asked for them.
func (m *Meters) sent(v *Verification, p *Policy, ch Channel, now time.Time) (cost int64) {
	if !ch.number() || !m.want(NeedAll) {
		return 0
	}
	m.Prefix.unproved(v.ID, p.Limits.Prefix, now)
	if mode := p.Limits.Budgets.at(m.Since, now); mode != BudgetOff {
		if limits := m.over(now); mode == BudgetRecord && len(limits) > 0 {
			v.emit(EventBudgetExceeded, now, overBudget(v, limits[0], mode))
		}
		m.budgeted(now)
	}
	return m.reserve(v, p, now)
}

// proved counts what a person approves: it teaches the profile, and a code that came by
// SMS or call takes those of its verification out of what is held against their prefix and
// country, and against the address that it was typed at.
func (m *Meters) proved(v *Verification, by Method, now time.Time) {
	m.learn(v, now)
	if by != BySMSCode && by != ByVoiceCode || !m.want(NeedAll) {
		return
	}
	if m.Prefix != nil {
		its := trace(v.ID)
		m.Prefix.Unproved = slices.DeleteFunc(m.Prefix.Unproved, func(u Unproved) bool { return u.ID == its })
	}
	for i := range v.Deliveries {
		if d := &v.Deliveries[i]; d.Channel.number() && d.State != StateSuppressed {
			m.budgetProved(d.CreatedAt)
		}
	}
}

// How long a prefix is closed, each time twice as long, and when that is forgotten. The
// longest is what Twilio's Fraud Guard closes one for
// (www.twilio.com/docs/api/errors/60410); the shortest lets a crowd of honest people,
// after a broadcast, say, wait a quarter of an hour.
const (
	closedFirst = 15 * time.Minute
	closedMost  = 12 * time.Hour
	closedQuiet = 24 * time.Hour
)

// closed is how long nothing may go to the prefix yet; 0: it is open.
func (m *Meter) closed(now time.Time) time.Duration {
	if m == nil || m.Until == 0 {
		return 0
	}
	return max(0, time.UnixMilli(m.Until).Sub(now))
}

// unproved counts a code against its prefix, and closes the prefix with the one that
// reaches the limit. That is then, not with the first one refused, because a refusal
// need not be written. A code that is approved afterwards opens nothing.
func (m *Meter) unproved(id string, l Limit, now time.Time) {
	if m == nil || l.N == 0 {
		return
	}
	from := now.Add(-l.Per).UnixMilli()
	m.Unproved = slices.DeleteFunc(m.Unproved, func(u Unproved) bool { return u.At <= from })
	m.Unproved = append(m.Unproved, Unproved{At: now.UnixMilli(), ID: trace(id)})
	m.keep(now.Add(l.Per))
	if len(m.Unproved) < l.N {
		return
	}
	if now.Sub(time.UnixMilli(m.Until)) >= closedQuiet {
		m.Level = 0
	}
	until := now.Add(min(closedFirst<<m.Level, closedMost))
	m.Until, m.Level = until.UnixMilli(), min(m.Level+1, closedLevels)
	m.Unproved = nil // they have been paid for
	m.keep(until.Add(closedQuiet))
}

// closedLevels are as many as it takes to come to closedMost: 15, 30, 60, 120, 240, 480
// minutes, 12 hours.
const closedLevels = 6
