package storage

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"nod/verify"
)

// found collects rows of verifications and of what belongs to them. All can be
// asked for at once, because what belongs to a verification is found by the same
// condition as the verification.
type found struct {
	rows       []*verificationRow
	codes      []*codeRow
	deliveries []*deliveryRow
	devices    []*deviceRow
}

// owned asks for the codes and deliveries of the verifications with these ids: a
// condition that stands behind a column.
func (f *found) owned(ids string, args ...any) []statement {
	return []statement{
		codes.reading(&f.codes, "where verification_id "+ids+" order by verification_id, generation", args...),
		deliveries.reading(&f.deliveries, "where verification_id "+ids+" order by created_at, id", args...),
	}
}

// live asks for the live devices of these users: a condition likewise.
func (f *found) live(users string, args ...any) statement {
	return devices.reading(&f.devices, liveDevices(users), args...)
}

// opened is a verification that was read, or why it cannot be read.
type opened struct {
	*verify.Verification
	err error
}

// open puts together what was found.
func (t *tx) open(f *found) []opened {
	all := make([]opened, len(f.rows))
	byID := make(map[string]*opened, len(all))
	byUser := make(map[string][]*opened, len(all))
	for i, r := range f.rows {
		o := &all[i]
		*o = opened{r.Verification, t.unseal(r)}
		byID[o.ID], byUser[o.UserID] = o, append(byUser[o.UserID], o)
	}
	for _, c := range f.codes {
		if o := byID[c.owner]; o != nil {
			o.Codes = append(o.Codes, c.Code)
		}
	}
	for _, d := range f.deliveries {
		if o := byID[d.owner]; o != nil {
			o.Deliveries = append(o.Deliveries, d.Delivery)
		}
	}
	for _, r := range f.devices {
		err := t.openPush(r)
		for _, o := range byUser[r.UserID] {
			o.Devices, o.err = append(o.Devices, *r.Device), errors.Join(o.err, err)
		}
	}
	return all
}

// clone makes a verification that shares nothing with v that anybody writes to.
func clone(v *verify.Verification) *verify.Verification {
	c := *v
	c.Codes, c.Guesses, c.Refused, c.Delays = slices.Clone(v.Codes), slices.Clone(v.Guesses), slices.Clone(v.Refused), slices.Clone(v.Delays)
	c.Deliveries, c.Devices = slices.Clone(v.Deliveries), slices.Clone(v.Devices)
	return &c
}

// aggregate is a verification as it was read, so that only what a rule changed
// is written.
type aggregate struct {
	*verify.Verification
	seq        int64
	row        []any
	codes      []verify.Code
	deliveries []verify.Delivery
}

// guarded updates a verification as it was read. The row is locked, so its seq can
// only differ when a lock failed: then it would become null, which the column
// refuses, and nothing is written over what another wrote.
var guarded = strings.Replace(verifications.updated, "seq = ", fmt.Sprintf("seq = case seq when $%d then cast(", verifications.changing+2), 1) +
	" as bigint) end " + verifications.keyed

// watch notes what a verification is before a rule may change it.
func watch(o opened) (*aggregate, error) {
	if o.err != nil {
		return nil, o.err
	}
	row, err := verifications.values(&verificationRow{Verification: o.Verification})
	return &aggregate{o.Verification, o.Seq, row, slices.Clone(o.Codes), slices.Clone(o.Deliveries)}, err
}

func (t *tx) seal(r *verificationRow) (err error) {
	if !r.Number.IsZero() {
		r.numberHash = t.keys.HashNumber(r.Number)
		if r.number, err = t.keys.Seal(r.Number.E164(), "verifications.number."+r.ID); err != nil {
			return err
		}
	}
	if !r.Email.IsZero() {
		if r.email, err = t.keys.Seal(r.Email.Address(), "verifications.email."+r.ID); err != nil {
			return err
		}
	}
	b, err := json.Marshal(shown{r.Context, r.BindingMessage})
	if err != nil {
		return err
	}
	r.shown, err = t.keys.Seal(string(b), "verifications.shown."+r.ID)
	return err
}

func (t *tx) unseal(r *verificationRow) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("reading verification %s: %w", r.ID, err)
		}
	}()
	if r.number != "" {
		n, err := t.keys.Open(r.number, "verifications.number."+r.ID)
		if err != nil {
			return err
		}
		r.Number = verify.StoredNumber(n)
	}
	if r.email != "" {
		address, err := t.keys.Open(r.email, "verifications.email."+r.ID)
		if err != nil {
			return err
		}
		r.Email = verify.StoredMailbox(address)
	}
	b, err := t.keys.Open(r.shown, "verifications.shown."+r.ID)
	if err != nil {
		return err
	}
	var s shown
	if err := json.Unmarshal([]byte(b), &s); err != nil {
		return err
	}
	r.Context, r.BindingMessage = s.Context, s.BindingMessage
	return nil
}

// create writes a new verification. The number, the address and what is shown are sealed here
// and never again: no rule changes them, and sealing twice would give other bytes.
func (t *tx) create(v *verify.Verification) error {
	r := &verificationRow{Verification: v}
	if err := t.seal(r); err != nil {
		return fmt.Errorf("sealing verification %s: %w", v.ID, err)
	}
	written, err := verifications.insert(r)
	if err != nil {
		return err
	}
	t.hold(written...)
	return t.saveOwned(&aggregate{Verification: v})
}

// save writes what changed since the aggregate was read, if anything did. What
// does not change costs nothing: a poll that finds nothing to do writes no row and
// tells nobody.
func (t *tx) save(a *aggregate) error {
	row, err := verifications.values(&verificationRow{Verification: a.Verification})
	if err != nil {
		return err
	}
	if !slices.Equal(row, a.row) {
		t.hold(statement{act: "writing verification " + a.ID, text: guarded, args: append(row, a.ID, a.seq)})
	} else if slices.Equal(a.Codes, a.codes) && slices.Equal(a.Deliveries, a.deliveries) {
		return nil
	}
	return t.saveOwned(a)
}

// saveOwned writes the codes and deliveries that differ from what was read, and
// the new events, and records the change.
func (t *tx) saveOwned(a *aggregate) error {
	if len(a.Codes) < len(a.codes) || len(a.Deliveries) < len(a.deliveries) {
		return errors.New("a rule removed a code or a delivery: their rows are kept")
	}
	var cs []*codeRow
	for i, c := range a.Codes {
		if i >= len(a.codes) || c != a.codes[i] {
			cs = append(cs, &codeRow{Code: c, owner: a.ID})
		}
	}
	written, err := codes.upsert(cs...)
	if err != nil {
		return err
	}
	t.hold(written...)
	var ds []*deliveryRow
	for i, d := range a.Deliveries {
		if i >= len(a.deliveries) || d != a.deliveries[i] {
			ds = append(ds, &deliveryRow{Delivery: d, owner: a.ID})
		}
	}
	if written, err = deliveries.upsert(ds...); err != nil {
		return err
	}
	t.hold(written...)
	t.sums = append(t.sums, a.TakeSums()...)
	es := a.TakeEvents()
	t.changes = append(t.changes, verify.Change{Verification: a.Verification, Events: es})
	return t.tell(es)
}

// tell writes events and, while webhooks are on, that each is to be told.
func (t *tx) tell(es []verify.Event) error {
	rows := make([]*verify.Event, len(es))
	for i := range es {
		if es[i].ID == "" {
			es[i].ID = verify.NewID("evt")
		}
		rows[i] = &es[i]
	}
	written, err := events.insert(rows...)
	t.hold(written...)
	if err != nil || !t.webhooks {
		return err
	}
	written, err = webhooks.insert(toTell(es)...)
	t.hold(written...)
	return err
}
