package storage

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"nod/verify"
)

// meterRest is to what meters' ends are rounded up: a row whose end stays where it is
// moves in no index when it is written again.
const meterRest = time.Hour

// ranks is the order of the subjects of meters, in which everybody locks them: what
// many share comes last. What a country used is added to, and nobody locks it.
var ranks = map[string]int{"user": 1, "phone": 2, "ip": 3, "prefix": 4}

// subject is whose meters a rule may want: those of a user and, where there are, of a
// number and an address. What they are found by is computed once it is wanted.
type subject struct {
	userID  string
	number  verify.Number
	address string
	named   verify.Need
	keys    []verify.MeterKey
	blocks  []string // names of those that the number can meet
}

func subjectOf(v *verify.Verification) *subject {
	return &subject{userID: v.UserID, number: v.Number, address: v.Context.IP}
}

// at is the subject at another address.
func (s *subject) at(address string) {
	if s.address != address {
		s.address, s.named = address, verify.NeedNone
	}
}

// name computes by what the meters of a subject are found, up to a need.
func (t *tx) name(s *subject, need verify.Need) {
	switch {
	case s.named >= min(need, verify.NeedAll):
	case need == verify.NeedUser:
		s.keys, s.named = t.keys.MeterKeys(s.userID, verify.Number{}, ""), need
	default:
		s.keys, s.blocks, s.named = t.keys.MeterKeys(s.userID, s.number, s.address), nil, verify.NeedAll
		for _, b := range t.keys.BlockKeys(s.number) {
			s.blocks = append(s.blocks, nameOf(b))
		}
	}
}

// upTo are the keys that a need is about.
func (s *subject) upTo(need verify.Need) []verify.MeterKey {
	switch need {
	case verify.NeedNone:
		return nil
	case verify.NeedUser:
		return s.keys[:1]
	}
	return s.keys
}

// book are the meters that a transaction has read: one a key, whoever shares it.
type book struct {
	entries map[verify.MeterKey]*entry
	blocks  map[string]verify.Block // that there are, by name
	spend   *verify.Spend           // one for all
	today   verify.Spend            // what it was after the last outcome that counts
	wrong   int64                   // codes of everybody, of late
	now     time.Time
	touched []*entry // given out since the last outcome was settled
}

// entry is one meter.
type entry struct {
	key    verify.MeterKey
	meter  *verify.Meter
	budget *verify.Budget // as it was read, of a country
	stored string         // as it was read; empty: there is no row
	good   string         // after the last outcome that counts
}

// at is the meter of a key that was read.
func (b *book) at(k verify.MeterKey) *verify.Meter {
	e := b.entries[k]
	if !slices.Contains(b.touched, e) {
		b.touched = append(b.touched, e)
	}
	return e.meter
}

// settle ends an outcome for the meters that were given out for it: it counts, or they
// are again what they were.
func (b *book) settle(counts bool) error {
	for _, e := range b.touched {
		if !counts {
			if err := e.open(e.good); err != nil {
				return err
			}
			continue
		}
		state, err := json.Marshal(e.meter)
		if err != nil {
			return fmt.Errorf("writing a meter: %w", err)
		}
		e.good = string(state)
	}
	b.touched = nil
	switch {
	case b.spend == nil: // nothing was read
	case counts:
		b.today = *b.spend
	default:
		*b.spend = b.today
	}
	return nil
}

// open makes the meter from its state. The Meter stays the same one.
func (e *entry) open(state string) error {
	*e.meter = verify.Meter{}
	if e.good = state; state == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(state), e.meter); err != nil {
		return fmt.Errorf("reading a meter of a %s: %w", e.key.Subject, err)
	}
	return nil
}

// metersOf are those of a subject as far as they were read.
func (t *tx) metersOf(s *subject, have verify.Need) *verify.Meters {
	m := &verify.Meters{Have: have, Address: s.address, Since: t.since}
	t.name(s, have)
	for _, k := range s.upTo(have) {
		meter := t.meters.at(k)
		switch k.Subject {
		case "user":
			m.User = meter
		case "phone":
			m.Phone = meter
		case "ip":
			m.IP = meter
		case "prefix":
			m.Prefix = meter
		case "country":
			m.Country = meter
		}
	}
	if have >= verify.NeedAll {
		for _, name := range s.blocks {
			if b, there := t.meters.blocks[name]; there {
				m.Blocks = append(m.Blocks, b)
			}
		}
		m.WrongToday = int(t.meters.wrong)
	}
	if have >= verify.NeedSpend {
		m.Spend = t.meters.spend
	}
	return m
}

// reading is a look at meters on its way.
type reading struct {
	keys      []verify.MeterKey // to be locked
	countries []verify.MeterKey
	rows      []*meterRow
	counts    map[string][]verify.Count // of countries
	found     []*blockRow
	spent     spending
}

// readingMeters makes the statements that lock what subjects need and read it, as far as
// it was not read before. They come behind all locks on rows; what they read is taken
// over by [tx.take].
func (t *tx) readingMeters(need verify.Need, of ...*subject) (*reading, []statement, error) {
	r := &reading{counts: map[string][]verify.Count{}}
	var names []string
	asked := map[verify.MeterKey]bool{}
	for _, s := range of {
		t.name(s, need)
		for _, k := range s.upTo(need) {
			if t.meters.entries[k] != nil || asked[k] {
				continue
			}
			if asked[k] = true; k.Subject == "country" {
				r.countries = append(r.countries, k)
			} else {
				r.keys = append(r.keys, k)
			}
		}
		if need >= verify.NeedAll {
			names = append(names, s.blocks...)
		}
	}
	all, err := t.locking(r)
	if err != nil {
		return nil, nil, err
	}
	if len(r.countries) > 0 {
		counted, err := t.readingBudgets(r)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, counted)
	}
	if len(names) > 0 {
		list, err := listOf(names)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, blocks.reading(&r.found, "where key "+t.inList, list))
	}
	if need >= verify.NeedAll {
		all = append(all, t.wrongCodes(&t.meters.wrong))
	}
	if need >= verify.NeedSpend {
		all = append(append(all, t.locks("spend")...), r.spent.reading()...)
	}
	return r, all, nil
}

// locking makes the statements that lock and read the meters of a look, in the order in
// which everybody locks them.
func (t *tx) locking(r *reading) ([]statement, error) {
	if len(r.keys) == 0 {
		return nil, nil
	}
	slices.SortFunc(r.keys, func(a, b verify.MeterKey) int {
		return cmp.Or(ranks[a.Subject]-ranks[b.Subject], cmp.Compare(a.Hash, b.Hash))
	})
	keys := make([]string, len(r.keys))
	for i, k := range r.keys {
		keys[i] = rowKey(k)
	}
	list, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	read := meters.reading(&r.rows, "where key "+t.inList, string(list))
	if t.lockEach == "" {
		return []statement{read}, nil
	}
	return []statement{plain(t.lockEach, string(list)), read}, nil
}

// take takes over what was read, at a time that was read behind it.
func (t *tx) take(need verify.Need, r *reading, now time.Time) error {
	b := &t.meters
	if b.entries == nil {
		b.entries, b.blocks, b.spend = map[verify.MeterKey]*entry{}, map[string]verify.Block{}, &verify.Spend{}
	}
	states := make(map[string]string, len(r.rows))
	for _, row := range r.rows {
		states[row.key] = row.state
	}
	for _, k := range r.keys {
		e := &entry{key: k, meter: &verify.Meter{}, stored: states[rowKey(k)]}
		if err := e.open(e.stored); err != nil {
			return err
		}
		b.entries[k] = e
	}
	for _, k := range r.countries {
		e, err := budgetEntry(k, r.counts[k.Hash])
		if err != nil {
			return err
		}
		b.entries[k] = e
	}
	for _, row := range r.found {
		b.blocks[row.name] = row.block()
	}
	if need >= verify.NeedSpend {
		b.today = r.spent.on(now)
		*b.spend = b.today
	}
	b.now = now
	return nil
}

// readMeters reads what subjects need, in one round trip.
func (t *tx) readMeters(ctx context.Context, need verify.Need, of ...*subject) (now time.Time, err error) {
	r, all, err := t.readingMeters(need, of...)
	if err != nil {
		return now, err
	}
	if now, err = t.look(ctx, all...); err != nil {
		return now, err
	}
	return now, t.take(need, r, now)
}

// attempt runs a rule on a copy of what was read, with the meters of the subject up to
// what was read of them, and says what it lacked: [verify.NeedNone] when its outcome
// counts.
func (t *tx) attempt(o opened, of *subject, have verify.Need, now time.Time, rule func(*verify.Verification, time.Time) error) (a *aggregate, lacks verify.Need, err error) {
	if a, err = watch(o); err != nil {
		return nil, verify.NeedNone, err
	}
	a.Verification = clone(o.Verification)
	m := t.metersOf(of, have)
	a.Meters = m
	err = rule(a.Verification, now)
	a.Meters = nil // they end with the transaction
	of.at(m.Address)
	return a, m.Lacks(), err
}

// decide runs a rule on a verification with the meters that were read and, when it wants
// more, again with them, which costs a round trip.
func (t *tx) decide(ctx context.Context, o opened, have verify.Need, now time.Time, rule func(*verify.Verification, time.Time) error) (*aggregate, error) {
	of := subjectOf(o.Verification)
	for {
		a, lacks, err := t.attempt(o, of, have, now, rule)
		counts := lacks == verify.NeedNone
		if counts && err != nil {
			return nil, err
		}
		if err := t.meters.settle(counts); err != nil || counts {
			return a, err
		}
		have = lacks
		if now, err = t.readMeters(ctx, have, of); err != nil {
			return nil, err
		}
	}
}

// flush writes the meters that have changed, adds to budgets and to sums, as the last
// thing before COMMIT.
func (t *tx) flush() error {
	var (
		rows   []*meterRow
		counts []*budgetRow
	)
	for _, e := range t.meters.entries {
		switch {
		case e.good == e.stored || e.stored == "" && e.good == "{}":
		case e.key.Subject == "country":
			counts = append(counts, t.counted(e)...)
		default:
			rows = append(rows, &meterRow{rowKey(e.key), e.good, e.meter.ExpiresAt(t.meters.now).Add(meterRest - 1).Truncate(meterRest)})
		}
	}
	slices.SortFunc(rows, func(a, b *meterRow) int { return cmp.Compare(a.key, b.key) }) // for their sake only: the locks are held
	written, err := meters.upsert(rows...)
	if err != nil {
		return err
	}
	t.hold(written...)
	if written, err = budgeted(counts); err != nil {
		return err
	}
	t.hold(written...)
	written, err = t.summed(t.sums)
	t.hold(written...)
	return err
}

// rowKey is the key of a meter's row.
func rowKey(k verify.MeterKey) string { return k.Subject + " " + k.Hash }
