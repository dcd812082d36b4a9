package verify

import (
	"cmp"
	"slices"
	"time"
)

// budgetsLearn is how long a deployment only records: until there is a week to compare
// with, a busy first day looks like an attack.
const budgetsLearn = 7 * 24 * time.Hour

// at is what the mode means at now in a deployment that is there since then.
func (b BudgetMode) at(since, now time.Time) BudgetMode {
	switch {
	case b == BudgetAuto && now.Sub(since) < budgetsLearn:
		return BudgetRecord
	case b == BudgetAuto:
		return BudgetDeny
	case b == "":
		return BudgetOff
	}
	return b
}

// Budget counts the codes sent to a country, or for a person's address, and those of
// them whose verification a code then approved: real people type them in, a pump never
// does. So what was not proved is held to a share of what was, and may grow with it. The
// rule and its figures are authgear's, with its default ratios of 0.3 a day and 0.2 an
// hour: github.com/authgear/authgear-server, docs/specs/fraud-protection.md,
// SMS__UNVERIFIED_OTPS__BY_PHONE_COUNTRY and BY_IP.
//
//	country, a day:   max(20, 0.3 × proved on the best of the last 14 days, 0.3 × proved in the last 24 hours)
//	country, an hour: max(3, 0.2 × proved on that day / 6, 0.2 × proved in the last hour)
//	address, a day:   max(10, 0.3 × proved in the last 24 hours)
//	address, an hour: max(5, 0.2 × proved in the last 24 hours / 6)
//
// A store may show a country's budget without what is being written at that moment, so that
// the codes to one country do not wait for each other: as many more may leave as leave at
// once. Of an address none may.
//
// Shares are rounded down: beside 73 proved, 21 may be unproved. So many may be, one more
// is over. Unlike authgear's, a code whose person then answered in the app stays unproved:
// whoever pumps has an account and a phone as well.
//
// It counts in tallies of ten minutes for the hour, of hours for the 24, of UTC days for
// the 14, so that a row stays under 2 kB whatever the traffic. A window is the present
// tally and full ones before it: it looks back up to one tally further than its name says,
// never less far. A code counts in the tally that it was sent in, when it is proved too:
// so no more is ever proved than was sent.
type Budget struct {
	Tens  []Tally `json:"tens,omitempty"`
	Hours []Tally `json:"hours,omitempty"`
	Days  []Tally `json:"days,omitempty"` // of a country only
}

// Tally is what one span of time saw.
type Tally struct {
	Nr     int64 `json:"t"` // which span: whole ones since 1970, UTC
	Sent   int   `json:"s"`
	Proved int   `json:"p,omitempty"`
}

// tallies are spans of one width, oldest first, and how many are kept, the present one
// among them.
type tallies struct {
	list  *[]Tally
	width time.Duration
	kept  int64
}

func (b *Budget) tens() tallies  { return tallies{&b.Tens, 10 * time.Minute, 1 + 6} }
func (b *Budget) hours() tallies { return tallies{&b.Hours, time.Hour, 1 + 24} }
func (b *Budget) days() tallies  { return tallies{&b.Days, 24 * time.Hour, 1 + 14} }

func (t tallies) nr(at time.Time) int64 { return at.UnixMilli() / t.width.Milliseconds() }

// leaves is when a tally is looked at no more.
func (t tallies) leaves(nr int64) time.Time {
	return time.UnixMilli((nr + t.kept) * t.width.Milliseconds()).UTC()
}

// Count is what one span of a budget saw, or what it saw more than before: a row of a
// store that many add to at once.
type Count struct {
	Width time.Duration // of the span
	Tally
}

// EndsAt is when no budget looks at the span any more.
func (c Count) EndsAt() time.Time {
	for _, t := range (&Budget{}).all() {
		if t.width == c.Width {
			return t.leaves(c.Nr)
		}
	}
	return time.Time{}
}

func (b *Budget) all() []tallies { return []tallies{b.tens(), b.hours(), b.days()} }

// BudgetOf is the budget that saw these, in any order.
func BudgetOf(counts []Count) *Budget {
	b := &Budget{}
	for _, t := range b.all() {
		for _, c := range counts {
			if c.Width == t.width {
				c.Proved = min(c.Proved, c.Sent) // as prove sees to it
				*t.list = append(*t.list, c.Tally)
			}
		}
		slices.SortFunc(*t.list, func(x, y Tally) int { return cmp.Compare(x.Nr, y.Nr) })
	}
	return b
}

// Since is what the budget saw more than it had seen before, by width and span; nil
// saw nothing.
func (b *Budget) Since(before *Budget) (more []Count) {
	if b == nil {
		return nil
	}
	if before == nil {
		before = &Budget{}
	}
	earlier := before.all()
	for i, t := range b.all() {
		for _, y := range *t.list {
			if j, there := t.find(*earlier[i].list, y.Nr); there {
				was := (*earlier[i].list)[j]
				y.Sent, y.Proved = y.Sent-was.Sent, y.Proved-was.Proved
			}
			if y.Sent != 0 || y.Proved != 0 {
				more = append(more, Count{t.width, y})
			}
		}
	}
	return more
}

// add counts one that is sent now, and forgets what is too old.
func (t tallies) add(now time.Time) {
	nr := t.nr(now)
	kept := slices.DeleteFunc(*t.list, func(y Tally) bool { return y.Nr <= nr-t.kept })
	i, there := t.find(kept, nr)
	if !there {
		kept = slices.Insert(kept, i, Tally{Nr: nr})
	}
	kept[i].Sent++
	*t.list = kept
}

// prove counts one as proved that was sent then. One that was not counted, or is
// forgotten, is not proved.
func (t tallies) prove(sentAt time.Time) {
	if i, there := t.find(*t.list, t.nr(sentAt)); there {
		y := &(*t.list)[i]
		y.Proved = min(y.Proved+1, y.Sent)
	}
}

func (tallies) find(list []Tally, nr int64) (int, bool) {
	return slices.BinarySearchFunc(list, nr, func(y Tally, nr int64) int { return cmp.Compare(y.Nr, nr) })
}

// sum is what the window that ends at now saw.
func (t tallies) sum(now time.Time) (unproved, proved int) {
	for _, y := range *t.list {
		if y.Nr > t.nr(now)-t.kept {
			unproved, proved = unproved+y.Sent-y.Proved, proved+y.Proved
		}
	}
	return unproved, proved
}

// best is how many were proved on the best of the 14 days before today.
func (b *Budget) best(now time.Time) (most int) {
	days := b.days()
	for _, y := range b.Days {
		if today := days.nr(now); y.Nr < today && y.Nr > today-days.kept {
			most = max(most, y.Proved)
		}
	}
	return most
}

// over names the budgets that one more code to the number, for the address, would pass.
func (m *Meters) over(now time.Time) (limits []string) {
	see := func(limit string, t tallies, room int) {
		if unproved, _ := t.sum(now); unproved >= room {
			limits = append(limits, limit)
		}
	}
	if b := m.Country.budget(); b != nil {
		best := b.best(now)
		_, day := b.hours().sum(now)
		_, hour := b.tens().sum(now)
		see("country_day", b.hours(), max(20, 3*best/10, 3*day/10))
		see("country_hour", b.tens(), max(3, 2*best/60, 2*hour/10))
	}
	if b := m.IP.budget(); b != nil {
		_, day := b.hours().sum(now)
		see("ip_day", b.hours(), max(10, 3*day/10))
		see("ip_hour", b.tens(), max(5, 2*day/60))
	}
	return limits
}

// room is how long it takes until no budget is over, should nothing more be sent or
// proved. Something can only change as a tally leaves its window, or at midnight, when
// today becomes one of the days that the best is taken from.
func (m *Meters) room(now time.Time) time.Duration {
	at := []time.Time{Day(now).AddDate(0, 0, 1)}
	for _, b := range []*Budget{m.Country.budget(), m.IP.budget()} {
		if b == nil {
			continue
		}
		for _, t := range b.all() {
			for _, y := range *t.list {
				at = append(at, t.leaves(y.Nr))
			}
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	for _, then := range at {
		if then.After(now) && len(m.over(then)) == 0 {
			return then.Sub(now)
		}
	}
	return 0
}

// overBudget is what the timeline says of a code over a budget.
func overBudget(v *Verification, limit string, mode BudgetMode) EventData {
	return EventData{Country: v.country(), Limit: limit, Mode: mode}
}

// budget is the meter's; nil when nothing was counted.
func (m *Meter) budget() *Budget {
	if m == nil {
		return nil
	}
	return m.Budget
}

// budgeted counts a code that is sent now.
func (m *Meters) budgeted(now time.Time) {
	for _, of := range []*Meter{m.Country, m.IP} {
		if of == nil {
			continue
		}
		if of.Budget == nil {
			of.Budget = &Budget{}
		}
		kept := []tallies{of.Budget.tens(), of.Budget.hours()}
		if of == m.Country {
			kept = append(kept, of.Budget.days())
		}
		for _, t := range kept {
			t.add(now)
			of.keep(t.leaves(t.nr(now)))
		}
	}
}

// budgetProved counts a code that was sent then as proved.
func (m *Meters) budgetProved(sentAt time.Time) {
	for _, b := range []*Budget{m.Country.budget(), m.IP.budget()} {
		if b != nil {
			for _, t := range b.all() {
				t.prove(sentAt)
			}
		}
	}
}

// SumWarned is the sum of a UTC day that says which share of the cap was warned of last,
// in percent.
const SumWarned = "spend_warned"

// Spend is what the deployment's day has cost so far. Verifications in one transaction
// share one.
type Spend struct {
	Micros int64 // of the sum [SumSpend]
	Warned int64 // of the sum [SumWarned]
}

// warnings are the shares of the cap, in percent, that are told as they are reached, each
// once a day.
var warnings = [...]int64{50, 80}

// Day is the UTC day of a time: where the sums of money start.
func Day(at time.Time) time.Time { return at.UTC().Truncate(24 * time.Hour) }

// broke says whether the price of one more message would take the day over the cap. Where
// there is a cap and nobody knows the price, it is taken for too high: a cap that
// unpriced countries go around is none. What costs nothing always fits.
func (m *Meters) broke(v *Verification, p *Policy, now time.Time) *Stop {
	if p.Limits.SpendCap <= 0 || !m.want(NeedSpend) {
		return nil
	}
	left := int64(0) // nobody says what is spent: nothing is left
	if m.Spend != nil {
		left = max(0, p.Limits.SpendCap-max(0, m.Spend.Micros))
	}
	s := &Stop{Reason: SpendStopped, Limit: "spend_cap"}
	switch price, known := p.Limits.price(v.country()); {
	case !known:
		s.Limit = limitNoPrice
	case price > left:
		s.RetryAfter = Day(now).AddDate(0, 0, 1).Sub(now)
	default:
		return nil
	}
	s.events = tells(EventSpendStop, EventData{Country: v.country(), Limit: s.Limit})
	return s
}

// limitNoPrice names what holds a code back whose price nobody has said.
const limitNoPrice = "no_price"

// price is what a message to the country costs at most, in micro-units.
func (l *Limits) price(country string) (int64, bool) {
	if l.Price == nil {
		return 0, false
	}
	micros, known := l.Price(country)
	return micros, known && micros >= 0
}

// reserve puts the price of a message on the day's bill before it leaves, so that many
// at once cannot all fit under the cap; giveBack takes it off should it never leave.
func (m *Meters) reserve(v *Verification, p *Policy, now time.Time) int64 {
	limit := p.Limits.SpendCap
	if limit <= 0 || !m.want(NeedSpend) || m.Spend == nil {
		return 0
	}
	price, _ := p.Limits.price(v.country())
	if price <= 0 {
		return 0
	}
	m.Spend.Micros += price
	v.sums = append(v.sums, Sum{SumSpend, Day(now), price})
	for _, percent := range warnings {
		// Without a product that could overflow.
		if line := limit/100*percent + limit%100*percent/100; m.Spend.Warned < percent && m.Spend.Micros >= line {
			v.sums = append(v.sums, Sum{SumWarned, Day(now), percent - m.Spend.Warned})
			m.Spend.Warned = percent
			v.emit(EventSpendWarning, now, EventData{Percent: int(percent)})
		}
	}
	return price
}

// giveBack takes what a delivery cost off the bill of the day that it was put on, when it
// has ended and no provider took it for certain. It is for every delivery that moves.
func (v *Verification) giveBack(d *Delivery, now time.Time) {
	switch d.State {
	case StateFailed, StateUndelivered, StateCanceled, StateExpired, StateSuppressed:
	default:
		return
	}
	if d.Cost == 0 || d.MayHaveLeft() {
		return
	}
	day := Day(d.CreatedAt)
	v.sums = append(v.sums, Sum{SumSpend, day, -d.Cost})
	if m := v.Meters; m != nil && m.Spend != nil && day.Equal(Day(now)) {
		m.Spend.Micros -= d.Cost
	}
	d.Cost = 0
}
