package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"nod/verify"
)

// aggregate is a verification as it was read, so that only what a rule changed
// is written.
type aggregate struct {
	*verify.Verification
	seq        int64
	row        []any
	codes      []verify.Code
	deliveries []verify.Delivery
}

// guarded names a verification as it was read.
var guarded = verifications.keyed + " and seq = $" + strconv.Itoa(verifications.changing+2)

// oneOf is the condition for one id or for several, as one parameter.
func (t *tx) oneOf(column string, ids []string) (condition string, arg any, err error) {
	if len(ids) == 1 {
		return column + " = $1", ids[0], nil
	}
	list, err := json.Marshal(ids)
	return column + " " + t.inList, string(list), err
}

// aggregates reads the verifications that a condition selects, with all that
// belongs to them, in four statements however many there are.
func (t *tx) aggregates(ctx context.Context, condition string, args ...any) ([]*aggregate, error) {
	all, err := t.rows(ctx, condition, args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	byID := make(map[string]*aggregate, len(all))
	byUser := make(map[string][]*aggregate, len(all))
	var ids, users []string
	for _, a := range all {
		if byUser[a.UserID] == nil {
			users = append(users, a.UserID)
		}
		ids = append(ids, a.ID)
		byID[a.ID], byUser[a.UserID] = a, append(byUser[a.UserID], a)
	}
	owned, arg, err := t.oneOf("verification_id", ids)
	if err != nil {
		return nil, err
	}
	cs, err := codes.query(ctx, t, "where "+owned+" order by verification_id, generation", arg)
	if err != nil {
		return nil, err
	}
	for _, c := range cs {
		a := byID[c.owner]
		a.Codes = append(a.Codes, c.Code)
	}
	ds, err := deliveries.query(ctx, t, "where "+owned+" order by created_at, id", arg)
	if err != nil {
		return nil, err
	}
	for _, d := range ds {
		a := byID[d.owner]
		a.Deliveries = append(a.Deliveries, d.Delivery)
	}
	live, err := t.liveDevices(ctx, users...)
	if err != nil {
		return nil, err
	}
	for _, d := range live {
		for _, a := range byUser[d.UserID] {
			a.Devices = append(a.Devices, d)
		}
	}
	for _, a := range all {
		a.codes, a.deliveries = slices.Clone(a.Codes), slices.Clone(a.Deliveries)
	}
	return all, nil
}

// rows reads verifications without what belongs to them.
func (t *tx) rows(ctx context.Context, condition string, args ...any) ([]*aggregate, error) {
	rows, err := verifications.query(ctx, t, condition, args...)
	if err != nil {
		return nil, err
	}
	all := make([]*aggregate, len(rows))
	for i, r := range rows {
		if err := t.unseal(r); err != nil {
			return nil, fmt.Errorf("reading verification %s: %w", r.ID, err)
		}
		a := &aggregate{Verification: r.Verification, seq: r.Seq}
		if a.row, err = verifications.values(r); err != nil {
			return nil, err
		}
		all[i] = a
	}
	return all, nil
}

// one reads a single aggregate; nil when there is none.
func (t *tx) one(ctx context.Context, condition string, args ...any) (*aggregate, error) {
	all, err := t.aggregates(ctx, condition, args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

func (t *tx) seal(r *verificationRow) (err error) {
	if !r.Number.IsZero() {
		r.numberHash = t.keys.HashNumber(r.Number)
		if r.number, err = t.keys.Seal(r.Number.E164(), "verifications.number."+r.ID); err != nil {
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

func (t *tx) unseal(r *verificationRow) error {
	if r.number != "" {
		n, err := t.keys.Open(r.number, "verifications.number."+r.ID)
		if err != nil {
			return err
		}
		r.Number = verify.StoredNumber(n)
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

// create writes a new verification. The number and what is shown are sealed here
// and never again: no rule changes them, and sealing twice would give other bytes.
func (t *tx) create(ctx context.Context, v *verify.Verification) error {
	r := &verificationRow{Verification: v}
	if err := t.seal(r); err != nil {
		return fmt.Errorf("sealing verification %s: %w", v.ID, err)
	}
	if err := verifications.insert(ctx, t, r); err != nil {
		return err
	}
	return t.belongings(ctx, &aggregate{Verification: v})
}

// save writes what changed since the aggregate was read, if anything did. What
// does not change costs nothing: a poll that finds nothing to do writes no row and
// tells nobody.
func (t *tx) save(ctx context.Context, a *aggregate) error {
	row, err := verifications.values(&verificationRow{Verification: a.Verification})
	if err != nil {
		return err
	}
	if !slices.Equal(row, a.row) {
		// The row is locked, so its seq can only differ when a lock failed: then
		// nothing is written over what another wrote.
		there, err := verifications.update(ctx, t, row, guarded, a.ID, a.seq)
		if err != nil {
			return fmt.Errorf("writing verification %s: %w", a.ID, err)
		}
		if !there {
			return fmt.Errorf("writing verification %s: it changed while it was locked", a.ID)
		}
	} else if slices.Equal(a.Codes, a.codes) && slices.Equal(a.Deliveries, a.deliveries) {
		return nil
	}
	return t.belongings(ctx, a)
}

// belongings writes the codes and deliveries that differ from what was read,
// and the new events, and records the change.
func (t *tx) belongings(ctx context.Context, a *aggregate) error {
	if len(a.Codes) < len(a.codes) || len(a.Deliveries) < len(a.deliveries) {
		return errors.New("a rule removed a code or a delivery: their rows are kept")
	}
	var cs []*codeRow
	for i, c := range a.Codes {
		if i >= len(a.codes) || c != a.codes[i] {
			cs = append(cs, &codeRow{Code: c, owner: a.ID})
		}
	}
	if err := codes.upsert(ctx, t, cs...); err != nil {
		return err
	}
	var ds []*deliveryRow
	for i, d := range a.Deliveries {
		if i >= len(a.deliveries) || d != a.deliveries[i] {
			ds = append(ds, &deliveryRow{Delivery: d, owner: a.ID})
		}
	}
	if err := deliveries.upsert(ctx, t, ds...); err != nil {
		return err
	}
	es := a.TakeEvents()
	if err := t.tell(ctx, es); err != nil {
		return err
	}
	t.changes = append(t.changes, verify.Change{Verification: a.Verification, Events: es})
	return nil
}

// tell writes events.
func (t *tx) tell(ctx context.Context, es []verify.Event) error {
	rows := make([]*verify.Event, len(es))
	for i := range es {
		if es[i].ID == "" {
			es[i].ID = verify.NewID("evt")
		}
		rows[i] = &es[i]
	}
	return events.insert(ctx, t, rows...)
}
